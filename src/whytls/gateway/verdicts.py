"""From a tap to a diagnosis: what was said on the connection, what the configuration says of both ends, and what was seen of them before."""

from __future__ import annotations

from typing import NamedTuple

from whytls.capture.assemble import Reading, seen_of
from whytls.gateway.tap import Tap
from whytls.gateway.unseal import Secrets, unsealed
from whytls.inference.profile import Profiles
from whytls.model import NOTHING_AT_REST, AtRest, Context, Diagnosis, Endpoint, Handshake, Hop, Passed, Seen
from whytls.verdict import judge

MOST_ENDS = 2_000  # pairs of client and server; then what was learned is forgotten: a gateway runs for months


class Known(NamedTuple):
    """What the gateway knows of one of its connections besides its bytes."""

    hop: Hop
    client_stores: AtRest = NOTHING_AT_REST
    server_stores: AtRest = NOTHING_AT_REST
    waiting: Passed | None = None  # the northbound request for which a southbound connection was made


class Verdicts:
    """Judges what failed and remembers what completed."""

    def __init__(self) -> None:
        self._profiles, self._ends = Profiles(), set[tuple[str, Endpoint]]()
        self.judged = 0

    def forget(self) -> None:
        """What was seen before is no longer what would be seen."""
        self._profiles, self._ends = Profiles(), set()

    def completed(self, tap: Tap) -> None:
        """A handshake went well: what it tells of both ends is kept, and the tap lets its bytes go."""
        if not tap.settled and not self._profiles.is_full(tap.client.address, tap.server, completed=True):
            self._learn(tap.seen())
        tap.settle()

    def failed(self, tap: Tap, known: Known, secrets: Secrets | None) -> Diagnosis | None:
        """The diagnosis of a handshake that failed, or that completed for nothing; None where the connection shows nothing of TLS."""
        if tap.settled:
            return None
        diagnosis = self._judged(tap.reading(), tap, known, secrets)
        tap.settle()
        if diagnosis is not None and diagnosis.cause is not None and diagnosis.handshake is not None:
            self._learn(seen_of(diagnosis.handshake._replace(outcome=diagnosis.outcome)))
        return diagnosis

    def foreseen(self, tap: Tap, known: Known, secrets: Secrets | None, answer: bytes) -> Diagnosis | None:
        """The diagnosis that there will be when the server has sent this and closed: for who wants to say why in the answer itself."""
        return None if tap.settled else self._judged(tap.foreseen("server", answer), tap, known, secrets)

    def _judged(self, reading: Reading, tap: Tap, known: Known, secrets: Secrets | None) -> Diagnosis | None:
        handshake = reading.handshake(tap.numbering)
        if handshake is None:
            return None
        if secrets is not None:
            handshake = unsealed(reading, handshake, secrets)
        # Nothing that had come when we closed is missing: who closes here has read it all. In a capture the FIN's acknowledgement says so.
        handshake = handshake._replace(transport=handshake.transport._replace(end_acked=True))
        self.judged += 1
        return judge(handshake, self._context(handshake, known)).diagnosis

    def _context(self, handshake: Handshake, known: Known) -> Context:
        return Context(
            hop=known.hop, server_profile=self._profiles.server(handshake.server), client_profile=self._profiles.client(handshake.client.address),
            whole_recording=True, waiting=known.waiting, client_stores=known.client_stores, server_stores=known.server_stores,
        )  # fmt: skip

    def _learn(self, seen: Seen) -> None:
        self._ends.add((seen.client.address, seen.server))
        if len(self._ends) > MOST_ENDS:
            self.forget()
        self._profiles.learn(seen)
