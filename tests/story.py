"""Handshakes without bytes, for the tests of causes and inference: they read like the ladder of the exchange.

    story(
        client >> hello(sni=None, version=0x0303),
        server << alert(40),
        server << fin(),
    )

``client >> x`` and ``server << x`` say who sends x. The TCP handshake stands in front by itself (frames 1 to 3) unless the first step is
``syn()`` or ``tcp=False`` is given. Every step has its own frame and comes one millisecond after the last; ``wait(seconds)`` makes a pause.
Version, hellos, chains, state, outcome and shape follow from the steps as they do in the engine; keyword arguments of ``story``
replace any field of the Handshake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from whytls.capture.form import form_of, resumed_of
from whytls.capture.outcome import Circumstances, outcome_of
from whytls.model import Coverage, Endpoint, Event, EventKind, Handshake, Prelude, Side, Transport
from whytls.wire.message import (
    Alert,
    Certificate,
    CertificateRequest,
    ClientHello,
    EncryptedRecord,
    Extension,
    ForeignBytes,
    MalformedMessage,
    Message,
    PlainMessage,
    ServerHello,
    ServerKeyExchange,
)

START = 1_700_000_000_000_000_000  # 2023-11-14T22:13:20Z, when all stories begin
STEP = 1_000_000
CLIENT, SERVER = Endpoint("192.0.2.10", 41822), Endpoint("198.51.100.20", 443)

TLS12_SUITES = (0xC02F, 0xC030, 0xC02B, 0xC02C, 0x009C, 0x009D, 0x002F, 0x0035)
TLS13_SUITES = (0x1301, 0x1302, 0x1303)
GROUPS = (0x001D, 0x0017, 0x0018)
SCHEMES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)


_Changed = TypeVar("_Changed", bound=tuple[Any, ...])


def replace(value: _Changed, **changes: Any) -> _Changed:
    """The value with some of its fields changed."""
    changed: _Changed = value._replace(**changes)  # type: ignore[attr-defined]  # all values of ours are NamedTuples
    return changed


class Thing(NamedTuple):
    """What can be sent: the kind of its event, its value and its length on the wire."""

    kind: EventKind
    value: Message | None = None
    length: int = 0


class Step(NamedTuple):
    """Somebody sends something, or time passes."""

    sender: Side
    thing: Thing | None
    pause: int = 0


class Party:
    """One end: ``client >> hello()``, ``server << alert(40)``."""

    def __init__(self, side: Side) -> None:
        self.side: Side = side

    def __rshift__(self, thing: Thing) -> Step:
        return Step(self.side, thing)

    __lshift__ = __rshift__


client, server = Party("client"), Party("server")


def wait(seconds: float) -> Step:
    """A pause before the next step."""
    return Step("client", None, int(seconds * 1e9))


def hello(
    sni: str | None = "www.example.test",
    version: int = 0x0304,
    suites: tuple[int, ...] | None = None,
    groups: tuple[int, ...] | None = GROUPS,
    schemes: tuple[int, ...] | None = SCHEMES,
    alpn: tuple[str, ...] | None = None,
    **fields: Any,
) -> Thing:
    """A ClientHello that offers all versions from TLS 1.2 (or its only one, if lower) up to ``version``."""
    modern = version >= 0x0304
    if suites is None:
        suites = TLS13_SUITES + TLS12_SUITES if modern else TLS12_SUITES
    fields.setdefault("supported_versions", (0x0304, 0x0303) if modern else None)
    fields.setdefault("key_shares", (groups or GROUPS)[:1] if modern else None)
    numbers = [(0, sni), (10, groups), (13, schemes), (16, alpn), (43, fields["supported_versions"]), (51, fields["key_shares"])]
    fields.setdefault("extensions", tuple(Extension(number, b"") for number, value in numbers if value is not None))
    value = ClientHello(
        legacy_version=min(version, 0x0303), random=bytes(32), session_id=b"", cipher_suites=suites, compression_methods=(0,),
        server_name=sni, groups=groups, signature_algorithms=schemes, alpn=alpn, **fields,
    )  # fmt: skip
    return Thing("client-hello", value, 220)


def server_hello(version: int = 0x0303, suite: int | None = None, **fields: Any) -> Thing:
    """A ServerHello."""
    modern = version >= 0x0304
    fields.setdefault("group", 0x001D if modern else None)
    fields.setdefault("extensions", ())
    value = ServerHello(
        version, min(version, 0x0303), bytes(32), b"", suite or (0x1301 if modern else 0xC02F), 0, **fields
    )
    return Thing("server-hello", value, 90)


def retry(group: int = 0x0017, **fields: Any) -> Thing:
    """A HelloRetryRequest."""
    thing = server_hello(0x0304, group=group, is_retry=True, **fields)
    return thing._replace(kind="hello-retry-request")


def certificate(*chain: bytes) -> Thing:
    """A Certificate message with these certificates in DER; none of them: an empty one."""
    return Thing("certificate", Certificate(chain), sum(len(c) for c in chain) + 7)


def key_exchange(group: int | None = 0x001D, **fields: Any) -> Thing:
    """A ServerKeyExchange: ECDHE over a named curve, unless ``kind="dhe", dh_bits=…``."""
    fields.setdefault("kind", "ecdhe")
    return Thing("server-key-exchange", ServerKeyExchange(group=group, **fields), 300)


def certificate_request(*authorities: bytes, schemes: tuple[int, ...] | None = SCHEMES, types: tuple[int, ...] = (1, 64)) -> Thing:
    """The server asks for a client certificate by one of these issuers (each a DER Name; none: by any)."""
    return Thing("certificate-request", CertificateRequest(types, schemes, authorities), 60)


def done() -> Thing:
    """ServerHelloDone."""
    return Thing("server-hello-done", PlainMessage(14, 0), 4)


def client_key_exchange() -> Thing:
    """ClientKeyExchange."""
    return Thing("client-key-exchange", PlainMessage(16, 66), 70)


def certificate_verify() -> Thing:
    """CertificateVerify of the client."""
    return Thing("certificate-verify", PlainMessage(15, 260), 264)


def ticket() -> Thing:
    """NewSessionTicket in the clear (TLS 1.2)."""
    return Thing("new-session-ticket", PlainMessage(4, 200), 204)


def change() -> Thing:
    """ChangeCipherSpec."""
    return Thing("change-cipher-spec", None, 1)


def encrypted(length: int, content_type: int = 23) -> Thing:
    """A record under keys that we do not have, with the length of its body."""
    return Thing("encrypted", EncryptedRecord(content_type, length), length)


def finished() -> Thing:
    """TLS 1.2's Finished, encrypted."""
    return encrypted(40, 22)


def alert(description: int, level: int = 2) -> Thing:
    """An alert in the clear; fatal unless ``level=1``."""
    return Thing("alert", Alert(level, description), 2)


def foreign(head: bytes) -> Thing:
    """Bytes that are not TLS."""
    return Thing("foreign", ForeignBytes(head[:256], len(head)), len(head))


def malformed(problem: str, number: int = 2) -> Thing:
    """A message that contradicts itself."""
    return Thing("malformed", MalformedMessage(number, problem), 60)


def message(kind: EventKind, length: int = 4) -> Thing:
    """Any other message, by the kind of its event."""
    return Thing(kind, None, length)


def fin() -> Thing:
    """The sender closes."""
    return Thing("fin")


def rst() -> Thing:
    """The sender resets."""
    return Thing("rst")


def syn() -> Thing:
    """The client asks for a connection."""
    return Thing("syn")


def syn_ack() -> Thing:
    """The server grants it."""
    return Thing("syn-ack")


def unreachable() -> Thing:
    """An ICMP message says that the far end cannot be reached."""
    return Thing("icmp-unreachable")


def gap(length: int) -> Thing:
    """Bytes that the recording does not hold."""
    return Thing("gap", None, length)


def server_flight(*chain: bytes, request: Thing | None = None, version: int = 0x0303, **fields: Any) -> list[Step]:
    """The server's whole flight under TLS 1.2, or its encrypted form under TLS 1.3."""
    if version >= 0x0304:
        sizes = [42, *([108] if request else []), 60 + sum(len(c) + 5 for c in chain), 281, 53]
        return [server << server_hello(version, **fields), server << change(), *[server << encrypted(size) for size in sizes]]
    things = [server_hello(version, **fields), certificate(*chain), key_exchange(), *([request] if request else []), done()]
    return [server << thing for thing in things]


def client_flight(*chain: bytes, asked: bool = False, version: int = 0x0303) -> list[Step]:
    """The client's whole answer to it; with a certificate (or an empty one) if it was asked."""
    if version >= 0x0304:
        sizes = [max(25, 30 + sum(len(c) + 5 for c in chain)), *([281] if chain else [])] if asked else []
        return [client >> change(), *[client >> encrypted(size) for size in (*sizes, 53)]]
    things = [client_key_exchange(), change(), finished()]
    if asked:
        things = [certificate(*chain), things[0], *([certificate_verify()] if chain else []), *things[1:]]
    return [client >> thing for thing in things]


def story(*steps: Step | list[Step], tcp: bool = True, quiet: float = 0, prelude: Prelude | None = None, **fields: Any) -> Handshake:
    """The Handshake that these steps make; ``quiet`` seconds of recording follow the last one."""
    told: list[Step] = [step for part in steps for step in (part if isinstance(part, list) else [part])]
    events, syn_seen = _events(told, tcp)
    facts = _facts(events)
    coverage = fields.pop("coverage", Coverage())
    transport = fields.pop("transport", None) or _transport(events, syn_seen)
    version = facts.pop("version")
    about = Circumstances(
        not coverage.start, coverage.evicted, coverage.client, coverage.server, prelude is not None and not prelude.upgraded, int(quiet * 1e9)
    )
    outcome, _ = outcome_of(events, version, about, transport)
    shape, state, expected = form_of(events, version, coverage != Coverage())
    whole = Handshake(
        client=CLIENT, server=SERVER, events=tuple(events), outcome=outcome, started_at=START,
        ended_at=events[-1].time if events else START, quiet=int(quiet * 1e9), file="story.pcap", shape=shape,
        version=version, resumed=resumed_of(events, facts["server_hello"]), coverage=coverage, transport=transport,
        prelude=prelude, state=state, expected=expected, **facts,
    )  # fmt: skip
    return replace(whole, **fields)


def _events(steps: list[Step], tcp: bool) -> tuple[list[Event], bool]:
    frame, time = 0, START
    events: list[Event] = []
    if tcp and not (steps and steps[0].thing and steps[0].thing.kind == "syn"):
        events = [
            Event("syn", "client", 1, START, file="story.pcap"),
            Event("syn-ack", "server", 2, START + STEP, file="story.pcap"),
        ]
        frame, time = 3, START + 2 * STEP
    for step in steps:
        time += step.pause
        if step.thing is not None:
            frame, time = frame + 1, time + STEP
            kind, value, length = step.thing
            events.append(Event(kind, step.sender, frame, time, value, 0, length, "story.pcap"))
    return events, any(e.kind == "syn" for e in events)


def _facts(events: list[Event]) -> dict[str, Any]:
    """The fields of a Handshake that hold values of messages."""

    def first(test: Callable[[Event], bool]) -> Any:
        return next((e.value for e in events if test(e)), None)

    hellos = [e.value for e in events if isinstance(e.value, ClientHello)]
    answer = first(lambda e: e.kind == "server-hello")
    again = first(lambda e: e.kind == "hello-retry-request")
    server_chain = first(lambda e: e.kind == "certificate" and e.sender == "server")
    client_chain = first(lambda e: e.kind == "certificate" and e.sender == "client")
    return {
        "version": answer.version if answer else again.version if again else None,
        "client_hello": hellos[0] if hellos else None,
        "retried_hello": hellos[1] if len(hellos) > 1 else None,
        "server_hello": answer,
        "hello_retry_request": again,
        "server_chain": server_chain.chain if server_chain else None,
        "client_chain": client_chain.chain if client_chain else None,
        "certificate_request": first(lambda e: e.kind == "certificate-request"),
        "server_key_exchange": first(lambda e: e.kind == "server-key-exchange"),
    }


def _transport(events: list[Event], syn_seen: bool) -> Transport:
    """TCP as it is when all goes well: everything that was sent was acknowledged."""
    sent = {side: sum(e.length + 5 for e in events if e.sender == side and e.length) for side in ("client", "server")}
    return Transport(
        syn_seen=syn_seen, syn_ack_seen=any(e.kind == "syn-ack" for e in events), syn_count=sum(e.kind == "syn" for e in events),
        client_acked=sent["client"], server_acked=sent["server"], client_bytes=sent["client"], server_bytes=sent["server"],
        client_syn_ttl=64, server_syn_ttl=64, end_acked=any(e.kind == "fin" for e in events),
    )  # fmt: skip
