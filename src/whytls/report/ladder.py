"""One handshake, message by message, between two columns: first as a tree of values, then as lines for a terminal.

``ladder`` decides what is said of each event; the text here and the HTML page only place it. ``facts`` are what one looks at
first, ``more`` is everything else (all suites, all names), shown on request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from whytls.exceptions import UsageError
from whytls.model import Coverage, Diagnosis, Endpoint, Event, Handshake, Hop, Side
from whytls.report.moments import iso
from whytls.report.terminal import PLAIN, Style
from whytls.report.text import many, side_names
from whytls.report.visible import clipped, visible
from whytls.wire.message import (
    Alert,
    Certificate,
    CertificateRequest,
    ClientHello,
    EncryptedRecord,
    ForeignBytes,
    MalformedMessage,
    ServerHello,
    ServerKeyExchange,
)
from whytls.wire.registry import alert_name, group_name, scheme_name, suite_name, version_name

Weight = Literal["plain", "bad", "faint"]

NAMES: dict[str, str] = {
    "syn": "SYN", "syn-ack": "SYN, ACK", "fin": "FIN", "rst": "RST", "icmp-unreachable": "ICMP unreachable",
    "client-hello": "ClientHello", "server-hello": "ServerHello", "hello-retry-request": "HelloRetryRequest",
    "hello-request": "HelloRequest", "certificate": "Certificate", "certificate-status": "CertificateStatus",
    "server-key-exchange": "ServerKeyExchange", "certificate-request": "CertificateRequest",
    "server-hello-done": "ServerHelloDone", "client-key-exchange": "ClientKeyExchange",
    "certificate-verify": "CertificateVerify", "finished": "Finished", "new-session-ticket": "NewSessionTicket",
    "other-message": "other handshake message", "malformed": "malformed message", "alert": "alert",
    "change-cipher-spec": "ChangeCipherSpec", "encrypted": "encrypted record", "foreign": "not TLS", "gap": "not recorded",
}  # fmt: skip
_FAINT = frozenset({"syn", "syn-ack", "change-cipher-spec", "encrypted"})
_BAD = frozenset({"rst", "malformed", "foreign", "gap", "icmp-unreachable"})
_CONTENT = {20: "ChangeCipherSpec", 21: "alert", 22: "handshake", 23: "application data"}  # outer types, RFC 8446 section 5.1
_MOST_NAMES = 8
_MOST_EVENTS = 400


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: a message or segment, who sent it, where it stands, what is in it."""

    kind: str
    sender: Side
    frames: tuple[int, ...]
    after: int  # nanoseconds since the handshake began
    name: str
    facts: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    weight: Weight = "plain"


@dataclass(frozen=True, slots=True)
class Ladder:
    """A handshake as it is drawn."""

    client: Endpoint
    server: Endpoint
    client_name: str  # client, Router, Message Processor
    server_name: str
    hop: Hop
    file: str
    frame: int
    started_at: int
    steps: tuple[Step, ...]
    outcome: str
    closing: tuple[str, ...] = ()  # what was expected next, how long nothing followed, what the recording does not hold


def ladder(handshake: Handshake, hop: Hop = "direct") -> Ladder:
    """The handshake as a tree of values; reads the certificates in it, judges nothing."""
    h = handshake
    names = side_names(hop)
    began = h.started_at or (h.events[0].time if h.events else 0)
    frame = h.events[0].frames[0] if h.events else 0
    steps = tuple(_steps(h.events[:_MOST_EVENTS], began))
    closing = _closing(h, names)
    return Ladder(h.client, h.server, names["client"], names["server"], hop, h.file, frame, began, steps, h.outcome, closing)


def _steps(events: Sequence[Event], began: int) -> Iterator[Step]:
    """A rung for each event; encrypted records that one side sends in a row share one, with all their lengths."""
    row: list[Event] = []
    for e in events:
        if row and (e.kind != "encrypted" or e.sender != row[0].sender):
            yield _encrypted(row, began)
            row = []
        if e.kind == "encrypted":
            row.append(e)
        else:
            yield _step(e, began)
    if row:
        yield _encrypted(row, began)


def _encrypted(row: Sequence[Event], began: int) -> Step:
    frames = tuple(dict.fromkeys((row[0].frames[0], row[-1].frame)))
    lengths = [f"{e.value.length if isinstance(e.value, EncryptedRecord) else e.length:,}" for e in row]
    outer = {e.value.content_type for e in row if isinstance(e.value, EncryptedRecord)} - {23}  # in TLS 1.3 all are 23
    kinds = "".join(f"{_CONTENT.get(kind, f'type {kind}')}: " for kind in sorted(outer)) if len(outer) == 1 and len(row) == 1 else ""
    name = "encrypted record" if len(row) == 1 else f"{len(row)} encrypted records"
    after = max(0, row[0].time - began)
    return Step("encrypted", row[0].sender, frames, after, name, (f"{kinds}{_few(lengths)} bytes",), (), "faint")


def _step(e: Event, began: int) -> Step:
    name, facts, more = NAMES.get(e.kind, e.kind), (), ()  # type: tuple[str, tuple[str, ...], tuple[str, ...]]
    reader = _READERS.get(type(e.value))
    weight: Weight = "bad" if e.kind in _BAD else "faint" if e.kind in _FAINT else "plain"
    if reader is not None:
        facts, more = reader(e.value)
    if isinstance(e.value, Alert):
        level = {1: "warning", 2: "fatal"}.get(e.value.level, f"level {e.value.level}")
        name, facts = f"alert: {level} {alert_name(e.value.description)}", ()
        weight = "bad" if e.value.fatal else "plain"
    elif e.kind == "gap":
        facts = (f"{many(e.length, 'byte')} missing",) if e.length else ()
    return Step(e.kind, e.sender, e.frames, max(0, e.time - began), name, facts, more, weight)


def _client_hello(m: ClientHello) -> tuple[tuple[str, ...], tuple[str, ...]]:
    versions = m.versions
    low, high = (version_name(versions[-1]), version_name(versions[0])) if versions else ("?", "?")
    listed = m.supported_versions is not None and len(versions) > 1
    offered = f"{low} to {high}" if listed else f"up to {high}" if len(versions) > 1 else high
    facts = [f"offers {offered}", many(len(m.cipher_suites), "cipher suite")]
    facts.append(f"server_name {clipped(m.server_name)}" if m.server_name is not None else "no server_name")
    if m.alpn is not None:
        facts.append("ALPN " + _few(visible(p) for p in m.alpn))
    flags = {
        "SSLv2 form": m.sslv2, "resumes (PSK)": m.psk, "session ticket": m.session_ticket, "early data": m.early_data,
        "cookie": m.cookie, "encrypted ClientHello": m.encrypted_client_hello, "fallback signal": m.fallback,
    }  # fmt: skip
    facts += [word for word, is_set in flags.items() if is_set]
    if m.problem:
        facts.append(f"damaged: {visible(m.problem)}")
    more = ["cipher suites: " + ", ".join(suite_name(s) for s in m.cipher_suites)]
    if m.supported_versions is not None:
        more.append("versions: " + ", ".join(version_name(v) for v in versions))
    if m.groups is not None:
        more.append("groups: " + ", ".join(group_name(g) for g in m.groups))
    if m.key_shares is not None:
        more.append("key shares: " + (", ".join(group_name(g) for g in m.key_shares) or "none"))
    if m.signature_algorithms is not None:
        more.append("signature algorithms: " + ", ".join(scheme_name(s) for s in m.signature_algorithms))
    return tuple(facts), tuple(more)


def _server_hello(m: ServerHello) -> tuple[tuple[str, ...], tuple[str, ...]]:
    facts = [version_name(m.version)] if not m.is_retry else []
    if m.is_retry and m.group is not None:
        facts.append(f"asks for a key share of {group_name(m.group)}")
    facts.append(suite_name(m.cipher_suite))
    if m.group is not None and not m.is_retry:
        facts.append(f"group {group_name(m.group)}")
    if m.alpn is not None:
        facts.append(f"ALPN {visible(m.alpn)}")
    if m.psk is not None:
        facts.append("resumes (PSK)")
    if m.cookie:
        facts.append("cookie")
    if m.downgrade is not None:
        facts.append(f"downgrade mark: the server supports more than {version_name(m.version)}")
    if m.problem:
        facts.append(f"damaged: {visible(m.problem)}")
    return tuple(facts), ()


def _certificate(m: Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not m.chain:
        return (f"damaged: {visible(m.problem)}",) if m.problem else ("empty: it has none to show",), ()
    from whytls.pki.certificate import read

    facts, more = [many(len(m.chain), "certificate")], []
    for number, der in enumerate(m.chain[:20], 1):
        known = read(der)
        valid = f"valid {_day(known.not_before)} to {_day(known.not_after)}"
        facts.append(f"{number}: {clipped(known.subject, 160) or 'no subject'}; {valid}")
        names = [*known.dns_names, *known.ip_addresses]
        more.append(f"{number}: issuer {clipped(known.issuer, 160)}; key {known.key_type} {known.key_bits or ''}".rstrip())
        more.append(f"{number}: names {_few((clipped(n, 80) for n in names), 20) or 'none'}; SHA-256 {known.sha256}")
    if m.problem:
        facts.append(f"damaged: {visible(m.problem)}")
    return tuple(facts), tuple(more)


def _day(moment: int | None) -> str:
    return "?" if moment is None else iso(moment)[:10] or "?"


def _certificate_request(m: CertificateRequest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    wanted = f"names {many(len(m.authorities), 'acceptable issuer')}" if m.authorities else "accepts any issuer"
    more: tuple[str, ...] = ()
    if m.signature_algorithms:
        more = ("signature algorithms: " + ", ".join(scheme_name(s) for s in m.signature_algorithms),)
    return (wanted, *((f"damaged: {visible(m.problem)}",) if m.problem else ())), more


def _server_key_exchange(m: ServerKeyExchange) -> tuple[tuple[str, ...], tuple[str, ...]]:
    facts = [] if m.kind == "other" else [m.kind.upper()]
    if m.group is not None:
        facts.append(f"group {group_name(m.group)}")
    if m.dh_bits is not None:
        facts.append(f"prime of {m.dh_bits} bits")
    if m.signature_scheme is not None:
        facts.append(f"signed with {scheme_name(m.signature_scheme)}")
    return tuple(facts), ()


def _foreign(m: ForeignBytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    text = m.head.decode("latin-1")
    first = text.split("\r\n", 1)[0].split("\n", 1)[0]
    readable = bool(first) and sum(c.isprintable() for c in first) * 10 > len(first) * 8
    shown = f"“{clipped(first, 80)}”" if readable else m.head[:16].hex(" ")
    return (many(m.length, "byte"), f"begins {shown}"), ()


def _malformed(m: MalformedMessage) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (f"message type {m.number}: {visible(m.problem)} (at byte {m.offset})",), ()


_READERS: dict[type, Callable[[Any], tuple[tuple[str, ...], tuple[str, ...]]]] = {
    ClientHello: _client_hello,
    ServerHello: _server_hello,
    Certificate: _certificate,
    CertificateRequest: _certificate_request,
    ServerKeyExchange: _server_key_exchange,
    ForeignBytes: _foreign,
    MalformedMessage: _malformed,
}


def _few(names: Iterable[str], most: int = _MOST_NAMES, between: str = ", ") -> str:
    listed = list(names)
    return between.join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")


def _closing(h: Handshake, names: dict[Side, str]) -> tuple[str, ...]:
    said = []
    if len(h.events) > _MOST_EVENTS:
        said.append(f"{len(h.events) - _MOST_EVENTS:,} more events are not drawn")
    if h.outcome != "completed" and h.expected:
        due = dict.fromkeys(_expected(word, names) for word in h.expected)
        said.append("expected next: " + _few(due, 4, " or "))
    if h.outcome != "completed" and h.quiet >= 1_000_000_000:
        said.append(f"nothing followed in {h.quiet / 1e9:,.1f} s of recording")
    if h.prelude is not None:
        target = f" to {clipped(h.prelude.target)}" if h.prelude.target else ""
        refused = f"; refused: “{clipped(h.prelude.refusal, 120)}”" if h.prelude.refusal else ""
        said.append(f"in front of TLS: {h.prelude.kind}{target}{refused}")
    said += _missing(h.coverage, names)
    if h.transport.foreign_reset:
        reason = visible(h.transport.foreign_reset_reason) or "a device between the two ends"
        said.append(f"the RST does not fit its sender: {reason}")
    return tuple(said)


def _expected(word: str, names: dict[Side, str]) -> str:
    """``server: certificate`` of the transcript as ``Certificate of the backend``."""
    side, colon, kind = word.partition(": ")
    if not colon or side not in ("client", "server"):
        return visible(word)
    name = NAMES.get(kind.partition(" ")[0], kind)  # the transcript tells "server-hello 1.3" from the older one
    return f"{name} of the {names['client' if side == 'client' else 'server']}"


def _missing(c: Coverage, names: dict[Side, str]) -> list[str]:
    told = {
        "the recording begins in the middle of this connection": not c.start,
        f"no packet of the {names['client']} was recorded": not c.client,
        f"no packet of the {names['server']} was recorded": not c.server,
        f"bytes of the {names['client']} are missing in the recording": c.client_gap,
        f"bytes of the {names['server']} are missing in the recording": c.server_gap,
        "packets were cut when they were recorded (snap length; use tcpdump -s 0)": c.snapped,
        "the same bytes were recorded twice with different content": c.contradiction,
        "there was no memory left to follow it to its end": c.evicted,
    }
    return [text for text, is_so in told.items() if is_so]


def find(diagnoses: Iterable[Diagnosis], wanted: str | int) -> Diagnosis:
    """The diagnosis of the handshake that has this frame: a number, or ``edge.pcap#4`` where there are several files.

    A frame that carries an event of a handshake decides at once; any other frame belongs to the handshake around it.

    Raises:
        UsageError: there is no such handshake; the hint names the nearest ones.
    """
    file, _, written = str(wanted).rpartition("#")
    if not written.isdecimal() or not written.isascii() or len(written) > 18:
        raise UsageError(f"{wanted!r} is no frame number", hint="--show 4, or --show edge.pcap#4")
    frame = int(written)
    around: Diagnosis | None = None
    nearest: list[tuple[int, int]] = []
    for d in diagnoses:
        frames = [f for e in d.handshake.events for f in e.frames] if d.handshake is not None else [d.frame]
        if not frames or (file and file not in (d.file, d.file.rpartition("/")[2])):
            continue
        if frame in frames:
            return d
        if around is None and min(frames) < frame < max(frames):
            around = d
        nearest = sorted([*nearest, (abs(d.frame - frame), d.frame)])[:3]
    if around is not None:
        return around
    near = ", ".join(f"#{number}" for number in sorted(number for _, number in nearest))
    hint = f"handshakes near it begin at {near}" if near else "there is none at all"
    raise UsageError(f"no handshake has frame {frame}", hint=hint)


def draw(tree: Ladder, style: Style = PLAIN, *, verbose: bool = False) -> list[str]:
    """The ladder as lines: a column with frames, a column with times, an arrow for each step."""
    lane = min(64, max(24, (style.width or 100) - 26))
    where = " ".join(part for part in (visible(tree.file), f"#{tree.frame}") if part)
    lines = style.tint(style.fit(" · ".join(p for p in (where, iso(tree.started_at), tree.hop, tree.outcome) if p)), "bold")
    left, right = f"{tree.client_name} {tree.client}", f"{tree.server_name} {tree.server}"
    marks = [_frames(step.frames) for step in tree.steps]
    wide = max((len(mark) for mark in marks), default=2)
    margin = " " * (wide + 14)
    if len(left) + len(right) + 3 <= lane:
        lines.append(margin + style.paint(left + " " * (lane - len(left) - len(right)) + right, "cyan"))
    else:
        lines += [margin + style.paint(left, "cyan"), margin + style.paint(right.rjust(lane), "cyan")]
    for mark, step in zip(marks, tree.steps, strict=True):
        colours = {"bad": ("red", "bold"), "faint": ("dim",), "plain": ()}[step.weight]
        arrow = style.paint(_arrow(step, lane), *colours)
        lines.append(f"{style.paint(mark.rjust(wide), 'dim')} {step.after / 1e9:11.6f}  {arrow}")
        told = [", ".join(step.facts)] if step.kind != "certificate" else list(step.facts)
        for fact in (*told, *(step.more if verbose else ())):
            if fact:
                lines += style.tint(style.fit(fact, margin + "    ", margin + "      "), "dim")
    for text in tree.closing:
        lines += style.fit(text, margin)
    return lines


def _frames(frames: tuple[int, ...]) -> str:
    return f"#{frames[0]}–{frames[-1]}" if len(frames) > 1 else f"#{frames[0]}"


def _arrow(step: Step, lane: int) -> str:
    shaft = "─" * max(2, lane - len(step.name) - 2)
    return f"{step.name} {shaft}▶" if step.sender == "client" else f"◀{shaft} {step.name}"
