"""How a handshake ended: where in its course, who broke off, and by which events.

Theory of operation
-------------------
A handshake is a conversation with turns. What tells most about a failure is not the last packet but the *first terminal
event*: the first fatal alert, close_notify, FIN or RST that comes before both sides are finished. What follows it (the other
side's FIN, a RST to data that was under way, an alert written into a connection that the peer has closed already: OpenSSL,
Java and Go clients do that) is a consequence. So events are read in the order of the recording, the first terminal one names
the breaker, and it is joined by the breaker's own further closing events, for these belong to the same decision.

Three corrections, each observed:
* A side that closes because the *other* owed it an answer for long is not the breaker: silence is (``how="silence"``, breaker =
  the side whose message is missing). Long is 0.9 s: local decisions take milliseconds, client time-outs at least a second.
* An alert or HTTP answer to bytes that are not TLS is the other side's answer to *foreign* bytes, which are what ended it.
* In TLS 1.3 everything after ServerHello is encrypted. A first encrypted client record of alert size is a hidden alert
  (``inference/hidden_alert.py``); a Finished has 36 bytes or more under the smallest hash.

Where TLS 1.3 was opened, its messages tell as those of TLS 1.2 do: the server's flight is complete with its Finished, the client's with its
own. The server judges the client's certificate only then: an alert that is its first word after that is said in its turn.
"""

from __future__ import annotations

from operator import itemgetter

from whytls.inference.hidden_alert import is_hidden_alert, opened
from whytls.inference.late_rejection import traffic
from whytls.model import Ending, EndingKind, Event, Handshake, Phase, Side
from whytls.wire.message import Alert, EncryptedRecord

SILENCE = 900_000_000  # ns: a side that waits longer than this for the other did not break off of its own accord
UNANSWERED = 10_000_000_000  # ns of recording without an answer that make it a failure (docs/design.md, "handshake")
CLOSE_NOTIFY = 0
_CERTIFICATE_ALERTS = frozenset({42, 43, 44, 45, 46, 48, 113, 114, 116})  # said of certificates only (RFC 8446 section 6.2)
_WARNINGS_THAT_END = frozenset({CLOSE_NOTIFY, 90})  # close_notify, user_canceled: warning by level, yet they end it


def ending_of(handshake: Handshake) -> Ending:
    """Read the ending off a handshake's events. Pure; costs one pass over the events."""
    phase, terminal, places = _remembered_course(handshake)
    if phase == "finished":
        late = _after_finish(handshake)
        if late is not None:
            return late
    if terminal is None:
        return _unended(handshake, phase)
    index, how = terminal
    events = handshake.events
    event = events[index]
    if how == "foreign":
        return _foreign(handshake, phase, index)
    alert = event.value.description if isinstance(event.value, Alert) else None
    waited = event.time - events[index - 1].time if index else 0  # since the last event before it
    closings = tuple([events[place] for place in places])
    if waited >= SILENCE and how in ("fin", "rst", "close-notify"):
        owed = _owing_side(handshake, phase)
        if owed is not None and owed != event.sender:
            return _new(Ending, (phase, "silence", owed, closings, None, waited))
    if phase == "tcp" and how == "rst" and event.sender == "server" and not handshake.transport.syn_ack_seen:
        return Ending(phase, "refused", "server", (event,), delay=waited)
    return _new(Ending, (phase, how, event.sender, closings, alert, waited))


_new = tuple.__new__
# Whose turn it was; index and kind of the first terminal event; and the indices of what closes with it.
_Course = tuple[Phase, tuple[int, EndingKind] | None, tuple[int, ...]]
_MOST_COURSES = 4096
_SPEAKING = frozenset(("alert", "encrypted"))  # events whose value says how it went
_courses: dict[tuple[object, ...], _Course] = {}


def _remembered_course(handshake: Handshake) -> _Course:
    """How far it came and what ended it. Where the client sent nothing encrypted, which would count by its time, both follow from the
    shape, the alerts, the sizes and places of the server's records and which hellos were read; few such courses are ever seen."""
    shape, version, hello, retry, answer, resumed, transport = _told_by(handshake)
    if not shape or "D" in shape:
        return _course(handshake)
    events = handshake.events
    alerts = tuple([e[4] for e in events if e[0] in _SPEAKING])
    places = tuple([e[0] for e in events]) if "d" in shape else len(events)  # a row of records is one letter, however many they are
    key = (shape, alerts, places, version, hello is None, retry is None, answer is None, resumed, transport.initiator)
    course = _courses.get(key)
    if course is None:
        if len(_courses) >= _MOST_COURSES:
            _courses.clear()
        course = _courses[key] = _course(handshake)
    return course


_told_by = itemgetter(*map(Handshake._fields.index, (
    "shape", "version", "client_hello", "hello_retry_request", "server_hello", "resumed", "transport",
)))  # fmt: skip


def _course(handshake: Handshake) -> _Course:
    phase = phase_of(handshake)
    terminal = _first_terminal(handshake, phase)
    if terminal is not None and terminal[1] != "foreign" and phase != "finished":
        index, how = terminal
        event = handshake.events[index]
        if how == "hidden-alert" and event.sender == "server" and phase == "client-turn":
            phase = "server-flight"  # in place of the rest of its flight: the client had not spoken yet
        phase = _by_certificate(handshake, index, phase, event.value.description if isinstance(event.value, Alert) else None)
    return phase, terminal, _closings(handshake.events, terminal[0]) if terminal is not None else ()


def _by_certificate(handshake: Handshake, index: int, phase: Phase, alert: int | None) -> Phase:
    """Whose turn it was, where a certificate was judged before its sender's flight was complete.

    JSSE sends its flight in several segments and judges the peer's Certificate as it comes, so the break can overtake the rest of
    the flight. And an alert that is only said of certificates tells the turn even where the packets before it were cut.
    """
    event, before = handshake.events[index], handshake.events[:index]
    about_certificates = alert is not None and alert in _CERTIFICATE_ALERTS
    if event.sender == "client" and phase in ("client-hello", "retry", "server-flight"):
        if any(e.kind == "certificate" and e.sender == "server" for e in before) or about_certificates:
            return "client-turn"
    elif event.sender == "server" and phase in ("client-hello", "server-flight", "client-turn"):
        shown = any(e.kind == "certificate" and e.sender == "client" for e in before)
        if shown or (about_certificates and alert not in (42, 46) and handshake.server_hello is not None):
            return "server-turn"
    return phase


def _after_finish(handshake: Handshake) -> Ending | None:
    """Both sides were finished: who closed first, where a close_notify is an encrypted record (``late_rejection.py``)."""
    close = traffic(handshake).first_close
    if close is None or close.kind != "encrypted" or is_hidden_alert(handshake, close):
        return None
    index = handshake.events.index(close)
    closings = tuple([handshake.events[place] for place in _closings(handshake.events, index)])
    return Ending("finished", "close-notify", close.sender, closings)


def phase_of(handshake: Handshake) -> Phase:
    """How far the handshake came before its first terminal event."""
    client_finished = server_finished = False
    server_flight = client_flight = False
    answered = False  # TLS 1.3, opened: the server has spoken after the client's Finished
    changed: set[Side] = set()
    tls13 = handshake.version is not None and handshake.version >= 0x0304 and not _is_sslv2(handshake)
    for event in handshake.events:
        kind = event.kind
        if kind == "change-cipher-spec":
            changed.add(event.sender)
        elif kind == "server-hello-done":
            server_flight = True
        elif kind in ("client-key-exchange",):
            client_flight = True
        elif kind == "finished":  # it was read: NULL ciphers, or the keys are had
            server_flight, server_finished = True, server_finished or event.sender == "server"
            if event.sender == "client":
                client_flight = client_finished = True
        elif kind == "new-session-ticket" and tls13:
            answered = client_finished
        elif kind == "encrypted" and isinstance(event.value, EncryptedRecord):
            if tls13:
                if is_hidden_alert(handshake, event):
                    break
                if event.sender == "server":
                    server_flight, answered = True, client_finished
                elif server_flight:
                    client_flight = client_finished = True
            elif event.sender in changed and event.value.content_type != 21:
                if event.sender == "server":
                    server_flight = server_finished = True
                else:
                    client_flight = client_finished = True
        elif event.kind in ("fin", "rst") or _ends(event):
            if tls13 and client_finished and not answered and event.sender == "server" and _is_fatal(event) and opened(handshake):
                return "server-turn"
            break
    if tls13:
        if client_finished:
            return "finished"
        if server_flight:
            return "client-turn"
        return "server-flight" if _server_began(handshake) else _early(handshake)
    if client_finished and server_finished:
        return "finished"
    if handshake.resumed and server_finished:
        return "client-turn"
    if client_flight or client_finished:
        return "server-turn"
    if server_flight:
        return "client-turn"
    return "server-flight" if _server_began(handshake) else _early(handshake)


def _server_began(handshake: Handshake) -> bool:
    """Whether the server had begun its flight; its ServerHello tells that as well where a short snap length left only its first bytes."""
    return handshake.server_hello is not None or any(e.kind == "server-hello" for e in handshake.events)


def _early(handshake: Handshake) -> Phase:
    if handshake.hello_retry_request is not None:
        return "retry"
    if handshake.client_hello is not None or any(e.kind in _HELLO_WAS_SENT for e in handshake.events):
        return "client-hello"
    return "tcp"


_HELLO_WAS_SENT = frozenset(("client-hello", "foreign", "alert", "malformed"))  # the first: seen, and cut short by the snap length


def _is_sslv2(handshake: Handshake) -> bool:
    return handshake.version == 0x0002


def _ends(event: Event) -> bool:
    """Whether the event is an alert that ends a handshake."""
    value = event.value
    return isinstance(value, Alert) and (value.level != 1 or value.description in _WARNINGS_THAT_END)


def _is_fatal(event: Event) -> bool:
    return isinstance(event.value, Alert) and event.value.level != 1


def _first_terminal(handshake: Handshake, phase: Phase) -> tuple[int, EndingKind] | None:
    """Index and kind of the first terminal event.

    Plain bytes behind a finished handshake end nothing: LDAP clients that dislike a certificate say goodbye in plain text.
    """
    for index, event in enumerate(handshake.events):
        kind = event.kind
        if kind == "alert" and _ends(event):
            number = event.value.description if isinstance(event.value, Alert) else -1
            return index, "close-notify" if number == CLOSE_NOTIFY else "alert"
        if kind in ("fin", "rst"):
            late = _answer_in_plain_text(handshake, index) if phase == "client-hello" and event.sender == "client" else None
            return (index, kind) if late is None else (late, "foreign")
        if kind == "icmp-unreachable":
            return index, "unreachable"
        if kind in ("foreign", "malformed") and phase != "finished":
            return index, "foreign"
        if kind == "encrypted" and is_hidden_alert(handshake, event):
            return index, "hidden-alert"
    return None


def _answer_in_plain_text(handshake: Handshake, index: int) -> int | None:
    """The server's first words, where they are no TLS and came after the client had given up waiting: they tell more than the wait."""
    if any(e.sender == "server" and e.kind not in ("syn-ack", "gap") for e in handshake.events[:index]):
        return None
    later = enumerate(handshake.events[index + 1 :], index + 1)
    return next((place for place, e in later if e.sender == "server" and e.kind == "foreign"), None)


def _closings(events: tuple[Event, ...], index: int) -> tuple[int, ...]:
    """The terminal event, and up to three closing events of the same side behind it, by their indices: they belong to the same decision."""
    found, side = [index], events[index].sender
    for place, event in enumerate(events[index + 1 :], index + 1):
        if event.sender == side and (event.kind in ("fin", "rst") or (event.kind == "alert" and _ends(event))):
            found.append(place)
            if len(found) == 4:
                break
    return tuple(found)


def _owing_side(handshake: Handshake, phase: Phase) -> Side | None:
    """From whom a message was due when it ended."""
    if phase == "tcp":
        return "client" if handshake.transport.syn_ack_seen else "server"
    if phase in ("client-hello", "server-flight", "server-turn"):
        return "server" if handshake.client_hello is not None or phase != "client-hello" else None
    if phase == "retry":
        return "client" if handshake.retried_hello is None else "server"
    if phase == "client-turn":
        return "client"
    return None


def _unended(handshake: Handshake, phase: Phase) -> Ending:
    """No terminal event: silence if the recording went on long enough, else nothing can be said of an ending."""
    owed = _owing_side(handshake, phase)
    if owed is not None and handshake.outcome == "failed":
        last = handshake.events[-1:] if handshake.events else ()
        return Ending(phase, "silence", owed, tuple(last), delay=handshake.quiet)
    return Ending(phase, "none", None)


def _foreign(handshake: Handshake, phase: Phase, index: int) -> Ending:
    """Bytes that are not TLS: the ending is them and all that closes after them; the refusing side is the other one."""
    event = handshake.events[index]
    later = [e for e in handshake.events[index + 1 :] if e.kind in ("fin", "rst", "foreign") or (e.kind == "alert" and _ends(e))]
    refusing: Side = "client" if event.sender == "server" else "server"
    alert = next((e.value.description for e in later if isinstance(e.value, Alert)), None)
    return Ending(phase, "foreign", refusing, (event, *later[:4]), alert)
