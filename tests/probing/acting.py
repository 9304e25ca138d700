"""A prober without a network: what a function of the hello says becomes the Attempt that such a server would have made."""

from __future__ import annotations

from collections.abc import Callable

from refusing_server import ModelServer, Sites

from whytls.model import Endpoint, Outcome
from whytls.probing.attempt import Attempt
from whytls.probing.conversation import Conversation, Ends
from whytls.probing.facts import Identity, Until
from whytls.probing.search import Heard
from whytls.wire.message import Alert, Certificate, ClientHello, PlainMessage, ServerHello

# Accepted, and what is chosen; an alert; "closed", "reset", "silence", "refused-connection"; "hidden": no_application_protocol, encrypted.
Answer = Heard | int | str
Server = Callable[[ClientHello, int], Answer]  # of the hello and the number of the attempt

HERE, THERE = Endpoint("192.0.2.7", 50000), Endpoint("198.51.100.20", 443)


def like(server: ModelServer | Sites, refusal: Answer = 40) -> Server:
    """A model server that refuses in this way."""

    def answer(hello: ClientHello, number: int) -> Answer:
        heard = server.answer(hello)
        return heard if heard.passes else refusal

    return answer


class Acting:
    """One target whose answers are a function."""

    label = "server.example.test:443"

    def __init__(self, server: Server, chain: tuple[bytes, ...] = ()) -> None:
        self.server, self.chain = server, chain
        self.count = 0
        self.sent: list[ClientHello] = []

    async def attempt(self, hello: ClientHello, purpose: str, until: Until = "answer", *, identity: Identity | None = None) -> Attempt:
        self.count += 1
        self.sent.append(hello)
        said = Conversation(f"{self.label} attempt {self.count}", 64)
        said.add("syn", "client")
        answer = self.server(hello, self.count)
        if answer == "refused-connection":
            said.add("rst", "server")
            return Attempt(self.count, purpose, said.handshake(Ends(HERE, THERE), "failed"), answer)
        said.add("syn-ack", "server")
        said.add("client-hello", "client", hello, 200)
        end, outcome, quiet = self._said(said, answer, until)
        return Attempt(self.count, purpose, said.handshake(Ends(HERE, THERE), outcome, quiet), end)

    def _said(self, said: Conversation, answer: Answer, until: Until) -> tuple[str, Outcome, int]:
        if isinstance(answer, Heard):
            version = answer.version or 0x0303
            chosen = ServerHello(version, min(version, 0x0303), bytes(32), b"", answer.cipher_suite or 0xC02F, 0, (), group=answer.group)
            said.add("server-hello", "server", chosen, 80)
            said.add("certificate", "server", Certificate(self.chain), 500)
            said.add("server-hello-done", "server", PlainMessage(14, 0), 4)
            return "reached", "completed" if until == "finish" else "unfinished", 0
        if isinstance(answer, int):
            said.add("alert", "server", Alert(2, answer), 2)
            return "refused", "failed", 0
        if answer == "hidden":
            said.add("server-hello", "server", ServerHello(0x0304, 0x0303, bytes(32), b"", 0x1301, 0, (), group=0x001D), 80)
            said.add("alert", "server", Alert(2, 120), 2)
            return "refused", "failed", 0
        if answer == "silence":
            return "silence", "failed", 11_000_000_000
        said.add("fin" if answer == "closed" else "rst", "server")
        return answer, "failed", 0
