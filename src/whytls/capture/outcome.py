"""How a handshake came out, as far as the wire shows it: completed, failed or unfinished (docs/design.md, "outcome").

Theory of operation
-------------------
**Completed on the wire.** TLS 1.2 and before: both sides sent ChangeCipherSpec and something encrypted behind it; or, where the
recording has holes, the server sends application data, which it does only then. TLS 1.3: the client sent its own encrypted flight
(its first encrypted record behind the server's is no alert) and the server went on, or the client closed of its own accord.

**Dropped at once.** A handshake that completed can still have failed: a side that checks the other's certificate late drops it then.
What the wire shows of that is told here, and only where it shows:

* TLS 1.3, the server's first record behind the client's flight has the size of an alert, within AT_ONCE, before the client closed:
  the server refused the client's certificate (OpenSSL, Go, JSSE). With a server that closes without any record behind a client
  flight that is more than a Finished it is the same (Node).
* TLS 1.2, the same: an encrypted alert, FIN or RST of the server as its first word after the handshake, AT_ONCE, when
  it had asked for a certificate.
* The client sent no application data, closed within A_MOMENT and *reset*: it had shut its socket and did not care what came (nginx
  as a client, curl for host names; both within milliseconds). A client that closes later, or the same way and then waits for the
  server's close, is one that only wanted to look (``openssl s_client </dev/null``, monitoring, people at a prompt): completed. On
  the wire TLS 1.2 against nginx shows no difference between the two (curl, host name: ``alert FIN / FIN``), so that stays
  completed, and a cause that finds the certificate wanting can still speak (``Cause.completed``).

A client that leaves TLS right behind its Finished and says goodbye in plain text (libldap) dropped it as well.

A server that answers the first request with one short record and closes (nginx's HTTP 400) completed: what is in the record is
hidden. ``Course.early`` marks all handshakes that were over before a conversation began, so that the causes are asked about them.

**Failed** besides: any fatal alert in the clear, close_notify or user_canceled before it completed, foreign bytes in its place, a
refused prelude, FIN, RST or "unreachable" before it completed, and silence: UNANSWERED nanoseconds of recording without a next
message, SYN included. Where a side repeated itself three times over INSISTED nanoseconds and was never acknowledged, that is
enough: TCP itself says then that nothing comes back. **Unfinished**: the recording, or what the engine kept of it, ends first;
only one side was recorded; or it
began in the middle of the connection and no alert and no end *within the handshake* is to be seen.

Alert sizes under TLS 1.3: 2 bytes, 1 of inner type, the tag: 19; JSSE (JDK 17, 25) pads all records but data by 16: 35; CCM_8 has
a shorter tag: 11. A Finished has 53 or 69, padded 69 or 85; an empty Certificate 25 or 41; Chrome's flight 63 (application settings).
"""

from __future__ import annotations

from whytls.model import Event, Outcome, Side, Transport
from whytls.tuples import NamedTuple
from whytls.wire.message import Alert, EncryptedRecord
from whytls.wire.record import ALERT, APPLICATION_DATA, HANDSHAKE
from whytls.wire.registry import SSL2, is_tls13

UNANSWERED = 10 * 10**9
INSISTED = 3 * 10**9
REPEATS = 3
AT_ONCE = 10**9  # for a server, whose check may ask others
A_MOMENT = 250_000_000  # for a client
SHORT_ANSWER = 4096  # bytes of application data: an error page, not a conversation
ALERT_SIZES = frozenset((19, 35, 11, 27))
FINISHED_SIZES = frozenset((53, 69, 85, 45, 61, 77))
EMPTY_CERTIFICATE_SIZES = frozenset((25, 41, 17, 33))
LEAST_CERTIFICATE = 200  # no certificate that a client would send is shorter
MOST_FLIGHT = 3  # records of a client's flight: Certificate, CertificateVerify, Finished
_ENDING_WARNINGS = frozenset((0, 90))  # close_notify, user_canceled: warnings by level that end it all the same
_CLOSINGS = frozenset(("fin", "rst"))


class Circumstances(NamedTuple):
    """What is known besides the events."""

    midway: bool = False  # the recording begins later than the connection
    evicted: bool = False
    client_seen: bool = True  # packets of that side were recorded at all
    server_seen: bool = True
    refused: bool = False  # the step to TLS was refused (Prelude.upgraded)
    quiet: int = 0  # nanoseconds of recording after the last event


class Course(NamedTuple):
    """What the outcome rests on."""

    completed: bool = False  # on the wire
    dropped: bool = False  # completed, and refused at once all the same
    early: bool = False  # completed, and over before a conversation began


NO_COURSE = Course()


def outcome_of(events: list[Event], version: int | None, about: Circumstances, transport: Transport) -> tuple[Outcome, Course]:
    """The outcome, and what the course of a completed one was."""
    if _plainly_refused(events) or about.refused:
        return "failed", NO_COURSE
    modern = is_tls13(version) or (version is None and _looks_modern(events))
    if version == SSL2:
        course = _course_sslv2(events)
    else:
        course = _course_modern(events, about, version is not None) if modern else _course_classic(events)
    if course.completed:
        return ("failed" if course.dropped else "completed"), course
    if modern and _hidden_refusal(events):
        return "failed", course
    if about.evicted:
        return "unfinished", course
    ended = any(e.kind in _CLOSINGS for e in events) or _unreachable(events)
    if about.midway:
        inside = ended and not any(_is_data(e) for e in events) and any(_is_plain_message(e) for e in events)
        return ("failed" if inside else "unfinished"), course
    if not (about.client_seen and about.server_seen) and _other_side_answered(events, transport):
        return "unfinished", course
    return ("failed" if ended or _silent(events, about, transport) else "unfinished"), course


# ------------------------------------------------------------------ before it completed


def _plainly_refused(events: list[Event]) -> bool:
    """A fatal alert, an alert that ends it, or foreign bytes of either side instead of TLS."""
    for index, event in enumerate(events):
        kind = event[0]
        if kind == "alert":
            value = event.value
            if isinstance(value, Alert) and (value.level != 1 or value.description in _ENDING_WARNINGS):
                return True
        elif kind == "foreign" and not any(e.sender == event.sender and e.kind not in _OF_TCP for e in events[:index]):
            return True
    return False


_OF_TCP = frozenset(("syn", "syn-ack", "fin", "rst", "gap"))


def _hidden_refusal(events: list[Event]) -> bool:
    """TLS 1.3: the client's first encrypted record behind the server's flight is an alert."""
    server = False
    for event in events:
        if event.kind == "encrypted":
            if event.sender == "server":
                server = True
            elif server:
                return _alert_sized(event)
    return False


def _unreachable(events: list[Event]) -> bool:
    return any(e.kind == "icmp-unreachable" for e in events) and not any(e.kind == "syn-ack" for e in events)


def _silent(events: list[Event], about: Circumstances, transport: Transport) -> bool:
    """Whether an answer was waited for long enough."""
    if about.quiet >= UNANSWERED:
        return True
    if events and all(e.kind == "syn" for e in events):
        return gave_up(len(events), events[0].time, events[-1].time, events[-1].time + about.quiet)
    lost = transport.client_acked < transport.client_bytes and transport.client_retransmissions >= REPEATS
    lost = lost or (transport.server_acked < transport.server_bytes and transport.server_retransmissions >= REPEATS)
    return lost and about.quiet >= INSISTED


def gave_up(count: int, first: int, last: int, until: int) -> bool:
    """Whether this many SYNs between two times, in a recording that ends at the third, are enough to say that nobody answers."""
    return until - first >= UNANSWERED or (count >= REPEATS and last - first >= INSISTED)


def _is_data(event: Event) -> bool:
    return isinstance(event.value, EncryptedRecord) and event.value.content_type == APPLICATION_DATA


def _is_talk(event: Event) -> bool:
    """Whether, behind a handshake of TLS 1.2 or before, the event is part of a conversation: data, heartbeats, plain bytes."""
    if event.kind == "foreign":
        return True
    return isinstance(event.value, EncryptedRecord) and event.value.content_type not in (ALERT, HANDSHAKE)


def _is_plain_message(event: Event) -> bool:
    return event.kind.startswith(("client-", "server-", "certificate")) or event.kind == "hello-retry-request"


def _other_side_answered(events: list[Event], transport: Transport) -> bool:
    """One side was not recorded, but what the other sent shows that it was there."""
    if any(e.kind == "rst" for e in events) and len(events) < 3:
        return False
    return transport.server_acked > 0 or transport.client_acked > 0 or any(e.kind not in ("syn", "rst", "fin") for e in events)


# ------------------------------------------------------------------ TLS 1.2 and before


def _course_classic(events: list[Event]) -> Course:
    changed: set[Side] = set()
    finished: set[Side] = set()
    asked = False
    for index, event in enumerate(events):
        kind = event.kind
        if kind == "change-cipher-spec":
            changed.add(event.sender)
        elif kind == "certificate-request":
            asked = True
        elif kind == "encrypted" and isinstance(event.value, EncryptedRecord):
            if event.value.content_type == HANDSHAKE and event.sender in changed:
                finished.add(event.sender)
            elif event.value.content_type == APPLICATION_DATA and event.sender == "server":
                finished |= {"client", "server"}  # no server sends data before
            if len(finished) == 2:
                return _aftermath(events, index, asked)
        elif kind == "finished":
            finished.add(event.sender)
    return Course()


def _aftermath(events: list[Event], index: int, asked: bool) -> Course:
    """What became of a TLS 1.2 connection after the handshake, which the event at ``index`` completed."""
    data: dict[Side, int] = {"client": 0, "server": 0}
    if _is_data(events[index]):
        data["server"] = 1 + events[index].length
    close: Event | None = None
    reset_by_client = left_tls = False
    previous = events[index].time
    waited = 0
    for event in events[index + 1 :]:
        if _is_talk(event):
            if close is None and event.kind == "foreign" and event.sender == "client" and not any(data.values()):
                left_tls = True  # libldap: goes back to plain text to say goodbye
            elif close is None:
                data[event.sender] += 1 + event.length
                previous = event.time
        elif event.kind in _CLOSINGS or (isinstance(event.value, EncryptedRecord) and event.value.content_type == ALERT):
            reset_by_client = reset_by_client or (event.kind == "rst" and event.sender == "client")
            if close is None:
                close, waited = event, event.time - previous
    if close is None:
        return Course(True)
    early = not data["client"] or (data["server"] <= SHORT_ANSWER and (asked or close.sender == "server" or not data["server"]))
    if close.sender == "client":
        dropped = left_tls or (reset_by_client and waited <= A_MOMENT)
        return Course(True, dropped and not any(data.values()), early)
    return Course(True, asked and not data["server"] and waited <= AT_ONCE, early)


def _course_sslv2(events: list[Event]) -> Course:
    """SSLv2 cannot be followed behind its hellos: two records of each side mean that it went on to the end."""
    records: dict[Side, int] = {"client": 0, "server": 0}
    for event in events:
        if event.kind == "other-message":
            records[event.sender] += 1
    return Course(min(records.values()) >= 2)


# ------------------------------------------------------------------ TLS 1.3


def _looks_modern(events: list[Event]) -> bool:
    """Without a ServerHello: records of type 23 where TLS 1.2 has its handshake, as both sides send them."""
    kinds = {(e.sender, e.value.content_type) for e in events if isinstance(e.value, EncryptedRecord)}
    plain = any(e.kind in ("client-key-exchange", "server-hello-done", "certificate", "server-key-exchange") for e in events)
    return not plain and ("client", HANDSHAKE) not in kinds and ("server", HANDSHAKE) not in kinds and bool(kinds)


def _alert_sized(event: Event) -> bool:
    return _is_data(event) and event.length in ALERT_SIZES


def _course_modern(events: list[Event], about: Circumstances, whole: bool) -> Course:
    """``whole``: the ServerHello was seen, so that what the client encrypts before the server does is early data."""
    server, early_data = not whole, False
    for index, event in enumerate(events):
        if event.kind == "encrypted":
            if event.sender == "server":
                server = True
            elif server:
                return Course() if _alert_sized(event) else _Flight(events, index, early_data).course(about)
            else:
                early_data = True
        elif event.kind in _CLOSINGS:
            break
    return Course()


class _Flight:
    """What followed the client's flight, which begins with the event at ``index``."""

    def __init__(self, events: list[Event], index: int, early_data: bool) -> None:
        length = events[index].length
        self.certificate = length in EMPTY_CERTIFICATE_SIZES or length >= LEAST_CERTIFICATE
        self.data: dict[Side, int] = {"client": int(early_data), "server": 0}
        self.close: Event | None = None
        self.waited = 0
        self.reset_by_client = self.server_spoke = False
        self._left = MOST_FLIGHT - 1 if self.certificate else 0  # records that can still belong to the flight
        self._previous = events[index].time
        for event in events[index + 1 :]:
            self._take(event)

    def _take(self, event: Event) -> None:
        kind, sender = event.kind, event.sender
        ends = kind in _CLOSINGS
        self.reset_by_client = self.reset_by_client or (kind == "rst" and sender == "client")
        if kind == "encrypted":
            if _alert_sized(event):
                ends = sender == "server" or not self._left
            elif sender == "server":
                self.server_spoke = True
            if not ends and self.close is None:
                self._previous = event.time
                if sender == "client" and self._left:
                    self._left = 0 if event.length in FINISHED_SIZES else self._left - 1
                else:
                    self.data[sender] += 1 + event.length
        if ends and self.close is None:
            self.close, self.waited = event, event.time - self._previous

    def course(self, about: Circumstances) -> Course:
        close, data = self.close, self.data
        if close is None:
            return Course(self.server_spoke or about.quiet >= UNANSWERED)
        if close.sender == "server":
            if data["server"]:
                return Course(True, early=not data["client"] or data["server"] <= SHORT_ANSWER)
            refused = self.certificate or close.kind == "encrypted" or not data["client"]
            return Course(True, refused and not self.server_spoke and self.waited <= AT_ONCE, True)
        dropped = not data["client"] and self.reset_by_client and self.waited <= A_MOMENT
        return Course(True, dropped, not data["client"] or (self.certificate and data["server"] <= SHORT_ANSWER))
