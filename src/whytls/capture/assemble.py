"""Joins the two directions of a flow into one Handshake: who is client, what happened in which order, and what TCP shows besides.

The work is done in two steps, because half of the flows of a busy capture are of no interest: ``Reading`` arranges the streams and
cuts them into records, which is enough to tell a handshake that plainly completed (outcome.py); ``Reading.handshake`` builds the
rest. Nothing is judged here but the outcome.
"""

from __future__ import annotations

from operator import itemgetter

from whytls.capture import prelude
from whytls.capture.flow import Flow, Numbering
from whytls.capture.form import form_of, resumed_of
from whytls.capture.ladder import Lane, plain_messages, value_of
from whytls.capture.outcome import AT_ONCE, NO_COURSE, Circumstances, outcome_of
from whytls.capture.tcp import (
    ACK,
    FIN,
    FLAGS,
    ORDER,
    RST,
    SYN,
    TIME,
    UNREACHABLE,
    Packet,
    Stream,
    stream,
    without_copies,
)
from whytls.capture.transport import answers_more_than_a_syn, heard, is_cut, signs_of, transport_of
from whytls.model import Coverage, Endpoint, Event, EventKind, Handshake, Met, Passed, Prelude, Seen, Side
from whytls.wire.message import Alert, Certificate, ClientHello, ServerHello, ServerKeyExchange, read
from whytls.wire.record import looks_like_tls, split

MOST_TIMES = 256  # packets of one side whose times are passed on, to tell which request waited for what
MOST_ADDRESSES = 8192  # whose text is remembered
MOST_CLOSINGS = 16  # FIN and RST of one side that become events

_NO_PACKET: Packet = (0, 0, 0, 0, 0, 0, b"", 0, 0)
_new = tuple.__new__
_addresses: dict[bytes, str] = {}
_frame = itemgetter(2)  # of an Event


# ClientHello, ServerHello, key exchange, the server's chain and the client's
_Plain = tuple[ClientHello, ServerHello, ServerKeyExchange | None, tuple[bytes, ...] | None, tuple[bytes, ...] | None]


class Reading:
    """A flow with its streams arranged and its sides told apart; ``client`` and ``server`` first, whoever opened it."""

    __slots__ = (
        "at", "client", "client_cut", "client_stream", "copies", "course", "flow", "found", "packets", "server", "server_cut",
        "server_stream", "signals", "swapped",
    )  # fmt: skip

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.course = NO_COURSE
        first, second = flow.first, flow.second
        packets, signals = [first.packets, second.packets], [first.signals, second.signals]
        self.copies = False
        if not (first.orderly and second.orderly) or len(signals[0]) > 2 or len(signals[1]) > 2:
            self.copies = _remove_copies(packets) | _remove_copies(signals)
        a = stream(packets[0], signals[0], first.base, orderly=first.orderly)
        b = stream(packets[1], signals[1], second.base, orderly=second.orderly)
        self.found = None
        ours, theirs = a.data, b.data
        plain = ours[:2] == b"\x16\x03" and ours[5:6] == b"\x01"
        if not plain and (ours or theirs) and (not flow.midway or ours.startswith(b"CONNECT ")):
            self.found = prelude.find(ours, theirs)
        self.swapped = False if plain or self.found else _second_is_client(flow, a, b)
        if self.swapped:
            first, second, a, b, ours, theirs = second, first, b, a, theirs, ours
            packets.reverse()
            signals.reverse()
        self.client, self.server, self.packets, self.signals = first, second, packets, signals
        self.client_stream, self.server_stream = a, b
        self.at = (0, 0)
        if self.found:
            self.at = self.found.client_at, self.found.server_at
            if not self.found.upgraded and not looks_like_tls(ours, self.at[0]):
                self.at = len(ours), len(theirs)  # all that is left is the dialect's own
        self.client_cut = split(ours, self.at[0]) if ours and first.sure else None
        self.server_cut = split(theirs, self.at[1]) if theirs and second.sure else None

    def lanes(self, file: str) -> tuple[Lane, Lane]:
        """Both directions read, client first."""
        unsure = (not self.client.sure, not self.server.sure)
        server = Lane("server", self.server_stream, self.at[1], midway=unsure[1], cut=self.server_cut, file=file)
        client = Lane(
            "client", self.client_stream, self.at[0], midway=unsure[0], version=server.version, cut=self.client_cut, file=file
        )
        return client, server

    def handshake(self, numbering: Numbering) -> Handshake | None:
        """The Handshake, or None if there is nothing of TLS in the flow."""
        file = numbering.files[0] if numbering.files else ""
        client, server = self.lanes(file)
        if not self._ours(client, server):
            return None
        opening, closing = self._tcp_events(file)
        events = opening + client.events + server.events + closing
        if self.client_stream.ordered and self.server_stream.ordered and not _overtaken(closing, client.events, server.events):
            events.sort(key=_frame)
        else:
            events = _merged(opening, client.events, server.events, closing)
        version = client.version if client.version is not None else server.version
        started_at, ended_at = (events[0].time, events[-1].time) if events else (0, 0)
        if not opening:
            started_at = self.begun
        quiet = max(self.flow.until - ended_at, 0)
        a, b = self.client_stream, self.server_stream
        signs, replied = signs_of(self.signals[0], b.base), signs_of(self.signals[1], a.base)
        if a.base >= 0:
            a.heard = heard(self.server, replied.acked, self.packets[1], a.base)
        if b.base >= 0:
            b.heard = heard(self.client, signs.acked, self.packets[0], b.base)
        coverage = self._coverage(client, server, signs.flags, replied.flags)
        transport = transport_of(self, signs, replied)
        # Asked and not answered yet is no refusal: the recording may end there.
        refused = self.found is not None and not self.found.upgraded and (self.found.refusal is not None or bool(closing))
        about = _new(Circumstances, (self.flow.midway, self.flow.evicted, coverage.client, coverage.server, refused, quiet))
        outcome, self.course = outcome_of(events, version, about, transport)
        if not numbering.single:
            events = [_placed(e, numbering) for e in events]
        ends = endpoints(self.flow.key)
        shape, state, due = form_of(events, version, coverage is not _WHOLE)
        return _new(Handshake, (
            ends[self.swapped],
            ends[not self.swapped],
            tuple(events),
            outcome,
            started_at,
            ended_at,
            quiet,
            events[0].file if events else file,
            "tls",
            shape,
            version,
            client.client_hello,
            client.retried_hello,
            server.server_hello,
            server.retry,
            server.chain,
            client.chain,
            server.certificate_request,
            server.server_key_exchange,
            not server.lost and resumed_of(events, server.server_hello),
            state,
            due,
            coverage,
            transport,
            self._prelude(numbering) if self.found else None,
        ))  # fmt: skip

    @property
    def opening(self) -> Packet:
        """The first packet."""
        if not self.flow.midway:  # it began with a SYN, or with the answer to one
            one, other = self.signals
            if one or other:
                return min(one[0], other[0]) if one and other else (one or other)[0]
        return min([p[0] for p in self.packets + self.signals if p], default=_NO_PACKET)

    @property
    def begun(self) -> int:
        """The time of the first packet."""
        return self.opening[TIME]

    def seen(self, numbering: Numbering) -> Seen:
        """What a handshake that plainly completed tells about its server and client, without the rest of it."""
        said = self._plain_messages()
        if said is None:
            client, server = self.lanes("")
            hello, answer, exchange = client.client_hello, server.server_hello, server.server_key_exchange
            version, chain, own = server.version, server.chain, client.chain
        else:
            hello, answer, exchange, chain, own = said
            version = answer.version
        file, frame = numbering.place(self.opening[ORDER])
        ends = endpoints(self.flow.key)
        group = answer.group if answer else None
        if group is None and exchange:
            group = exchange.group
        return Seen(
            frame,
            file,
            ends[self.swapped],
            ends[not self.swapped],
            "completed",
            hello.server_name if hello else None,
            version,
            answer.cipher_suite if answer else None,
            group,
            answer.alpn if answer else None,
            chain,
            bool(own),
            hello.versions if hello else (),
            hello.cipher_suites if hello else (),
            (hello.groups or ()) if hello else (),
            (hello.signature_algorithms or ()) if hello else (),
            started_at=self.begun,
            ended_at=self.flow.last_time,
        )

    def _plain_messages(self) -> _Plain | None:
        """The few messages that ``seen`` needs, if each lies whole in one record and is what it should be; else None."""
        client, server = self.client_cut, self.server_cut
        if client is None or server is None:
            return None
        theirs = plain_messages(self.server_stream.data, server)
        ours = plain_messages(self.client_stream.data, client)
        if not theirs or not ours or theirs[0][0] != 2 or ours[0][0] != 1:
            return None
        answer, hello = read(2, theirs[0][1]), read(1, ours[0][1])
        if not isinstance(answer, ServerHello) or not isinstance(hello, ClientHello) or answer.is_retry:
            return None
        version, suite = answer.version, answer.cipher_suite
        exchange, chain, own = None, None, None
        for number, body in theirs[1:]:
            if number == 11 and chain is None:
                value = value_of(11, body, version, suite)
                chain = value.chain if isinstance(value, Certificate) else None
            elif number == 12:
                value = value_of(12, body, version, suite)
                exchange = value if isinstance(value, ServerKeyExchange) else None
        for number, body in ours[1:]:
            if number == 11 and own is None:
                value = value_of(11, body, version, None)
                own = value.chain if isinstance(value, Certificate) else None
        return hello, answer, exchange, chain, own

    def met(self) -> Met:
        """Who met whom, and when."""
        ends = endpoints(self.flow.key)
        return Met(ends[self.swapped], ends[not self.swapped], self.begun)

    def passed(self, numbering: Numbering, called: tuple[str, ...]) -> Passed:
        """When something was asked and answered on this connection, to a server that called others itself."""
        ends = endpoints(self.flow.key)
        file, frame = numbering.place(self.opening[ORDER])
        asked, answered = (tuple(p[TIME] for p in packets[:MOST_TIMES]) for packets in self.packets)
        return Passed(ends[self.swapped], ends[not self.swapped], frame, file, asked, answered, called)

    def _ours(self, client: Lane, server: Lane) -> bool:
        """Whether the flow is, or should have been, a TLS handshake."""
        if client.client_hello or server.server_hello:
            return True
        if self.found and not self.found.upgraded and not self.flow.midway:
            return not prelude.goes_on_without(self.found, self.client_stream.data)
        kinds = {e.kind for e in client.events} | {e.kind for e in server.events}
        if self.flow.midway:  # only what is certainly part of a handshake; the tail of a connection is none
            return bool(kinds - {"encrypted", "gap", "foreign", "change-cipher-spec", "alert"}) or any(
                e.kind == "alert" and isinstance(e.value, Alert) and e.value.level == 2 for e in client.events + server.events
            )
        if self.found or kinds - {"foreign", "gap", "encrypted"}:
            return True
        if kinds:
            return self._plain_request_refused(client, server)
        return self._never_began()

    def _plain_request_refused(self, client: Lane, server: Lane) -> bool:
        """A request in plain text that the server answers as one that wants TLS does: with words, or by closing without any."""
        asked, answered = self.client_stream.data, self.server_stream.data
        if asked[:8].split(b" ")[0] not in _METHODS:
            return False
        if answered:
            return prelude.answers_plain_request(answered)
        return self._server_left_first()

    def _never_began(self) -> bool:
        """No byte of either side: refused, unanswered, or closed by the server at once, before the client spoke. A client
        that connects and goes is a health check, and one that is silent for long is anything."""
        opened = next((p[TIME] for p in self.signals[0] if p[FLAGS] & SYN), None)
        if opened is None:
            return False
        if not self.signals[1]:
            return self.server.acked < 0  # whether it waited long enough for an answer, outcome.py says
        left = next((p[TIME] for p in self.signals[1] if p[FLAGS] & (FIN | RST | UNREACHABLE)), opened)
        return self._server_left_first() and left - opened <= AT_ONCE

    def _server_left_first(self) -> bool:
        """Whether the server closed, reset or was unreachable before the client left."""
        closed, left = ([p for p in some if p[FLAGS] & (FIN | RST | UNREACHABLE)] for some in reversed(self.signals))
        return bool(closed) and (not left or closed[0][ORDER] < left[0][ORDER])

    def _tcp_events(self, file: str) -> tuple[list[Event], list[Event]]:
        """SYNs, which stand before the bytes of their own frame, and FINs and RSTs, which stand behind them."""
        opening: list[Event] = []
        closing: list[Event] = []
        side: Side = "client"
        for packets in self.signals:
            for packet in packets if len(packets) <= MOST_CLOSINGS else packets[:MOST_CLOSINGS]:
                flags = packet[FLAGS]
                event = _new(Event, (_KINDS[flags & _SPECIAL], side, packet[ORDER], packet[TIME], None, 0, 0, file))
                if flags & SYN:
                    opening.append(event)
                else:
                    closing.append(event)
            side = "server"
        return opening, closing

    def _coverage(self, client: Lane, server: Lane, of_client: int, of_server: int) -> Coverage:
        a, b = self.client_stream, self.server_stream
        start = not self.flow.midway or (client.client_hello is not None and not client.lost)
        sent, answered = self.packets
        signals, replies = self.signals
        client_gap = bool(a.gaps) or client.lost or is_cut(a, signals, of_client, self.server, replies, answered)
        server_gap = bool(b.gaps) or server.lost or is_cut(b, replies, of_server, self.client, signals, sent)
        server_gap = server_gap or (not self.flow.midway and not answered and answers_more_than_a_syn(replies))
        holes = client_gap or server_gap or self.flow.evicted
        if start and not holes and not a.contradiction and not b.contradiction and self.signals[0] and self.signals[1]:
            return _WHOLE
        return Coverage(
            start=start,
            client=bool(self.packets[0] or self.signals[0]) or self.client.acked >= 0,
            server=bool(self.packets[1] or self.signals[1]) or self.server.acked >= 0,
            client_gap=client_gap,
            server_gap=server_gap,
            snapped=a.snapped or b.snapped,
            contradiction=a.contradiction or b.contradiction,
            evicted=self.flow.evicted,
        )

    def _prelude(self, numbering: Numbering) -> Prelude | None:
        found = self.found
        if found is None:
            return None
        orders = set()
        for lane, end in ((self.client_stream, found.client_at), (self.server_stream, found.server_at)):
            if end and lane.pieces:
                orders |= {lane.frame_at(0), lane.frame_at(end - 1)}
        frames = tuple(numbering.place(order)[1] for order in sorted(orders))
        return Prelude(found.kind, frames, found.target, found.upgraded, found.refusal)


_SPECIAL = SYN | FIN | RST | UNREACHABLE | ACK
_KINDS: dict[int, EventKind] = {UNREACHABLE: "icmp-unreachable"}
for _flags in range(1, 8):
    _KINDS[_flags] = "syn" if _flags & SYN else "rst" if _flags & RST else "fin"
    _KINDS[_flags | ACK] = "syn-ack" if _flags & SYN else _KINDS[_flags]
_SIGNALS = frozenset(("syn", "syn-ack", *_KINDS.values()))
_WHOLE = Coverage()
_METHODS = frozenset((b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"PATCH"))


def _overtaken(closing: list[Event], client: list[Event], server: list[Event]) -> bool:
    """Whether a FIN was recorded before the last bytes of its side, where those of either side stand in their order."""
    for event in closing:
        if event[0] == "fin":
            lane = client if event[1] == "client" else server
            if lane and lane[-1][2] > event[2]:
                return True
    return False


def _merged(opening: list[Event], client: list[Event], server: list[Event], closing: list[Event]) -> list[Event]:
    """The events in the order in which they could be read: in each lane none before the one in front of it, whose bytes can
    have come later; a FIN, which stands behind all bytes of its side, not before the last of them."""
    last = {lane[0].sender: max(map(_frame, lane)) for lane in (client, server) if lane}
    keyed: list[tuple[int, Event]] = []
    for lane in (opening, client, server, closing):
        reached = 0
        for event in lane:
            reached = event.frame if event.kind in _SIGNALS else max(reached, event.frame)
            keyed.append((max(reached, last.get(event.sender, 0)) if event.kind == "fin" else reached, event))
    keyed.sort(key=_key)
    return [event for _, event in keyed]


def _key(keyed: tuple[int, Event]) -> int:
    return keyed[0]


def seen_of(handshake: Handshake) -> Seen:
    """What a handshake tells about its server and client."""
    hello, answer = handshake.client_hello, handshake.server_hello
    alert = next((e for e in handshake.events if e[0] == "alert" and isinstance(e.value, Alert) and e.value.level == 2), None)
    return _new(Seen, (
        handshake.events[0].frame if handshake.events else 0,
        handshake.file,
        handshake.client,
        handshake.server,
        handshake.outcome,
        hello.server_name if hello else None,
        handshake.version,
        answer.cipher_suite if answer else None,
        _group(handshake),
        answer.alpn if answer else None,
        handshake.server_chain,
        bool(handshake.client_chain),
        hello.versions if hello else (),
        hello.cipher_suites if hello else (),
        (hello.groups or ()) if hello else (),
        (hello.signature_algorithms or ()) if hello else (),
        (alert.sender, alert.value.description) if alert and isinstance(alert.value, Alert) else None,
        handshake.started_at,
        handshake.ended_at,
    ))  # fmt: skip


def _group(handshake: Handshake) -> int | None:
    if handshake.server_hello and handshake.server_hello.group is not None:
        return handshake.server_hello.group
    return handshake.server_key_exchange.group if handshake.server_key_exchange else None


# ------------------------------------------------------------------ small steps


def _second_is_client(flow: Flow, a: Stream, b: Stream) -> bool:
    """Whether the side that did not open the connection is the TLS client (FTP's data, or a recording that began later)."""
    if not flow.midway and b.data[:1] != b"\x16":
        return False
    ours, theirs = _speaks_as(a), _speaks_as(b)
    if ours or theirs:
        return ours == "server" or theirs == "client"
    if not flow.midway:
        return False
    half = len(flow.key) - 4
    return flow.key[half : half + 2] < flow.key[half + 2 :]  # the smaller port number is the server's


def _speaks_as(lane: Stream) -> str:
    """The role that the first handshake message gives away."""
    for start, data in lane.pieces[:4]:
        at = 0
        for _ in range(4):
            if data[at : at + 1] == b"\x16" and data[at + 1 : at + 2] == b"\x03" and len(data) > at + 5:
                number = data[at + 5]
                if number in (1, 16):
                    return "client"
                if number in (2, 12, 13, 14, 22):
                    return "server"
            at = lane.end_of_packet(start + at) - start
            if at >= len(data):
                break
    return ""


def endpoints(key: bytes) -> tuple[Endpoint, Endpoint]:
    """Both ends of a flow's key: source and destination address, source and destination port."""
    half = len(key) - 4 >> 1
    source, destination = key[:half], key[half : 2 * half]
    known = _addresses.get
    return (
        _new(Endpoint, (known(source) or address_of(source), key[-4] << 8 | key[-3])),
        _new(Endpoint, (known(destination) or address_of(destination), key[-2] << 8 | key[-1])),
    )


def _ipv6(packed: bytes) -> str:
    from socket import AF_INET6, inet_ntop  # 3 ms of start-up that most captures do without

    return inet_ntop(AF_INET6, packed)


def address_of(packed: bytes) -> str:
    """An address as people write it."""
    text = _addresses.get(packed)
    if text is None:
        if len(_addresses) >= MOST_ADDRESSES:
            _addresses.clear()
        text = _addresses[packed] = ".".join(map(str, packed)) if len(packed) == 4 else _ipv6(packed)
    return text


def _placed(event: Event, numbering: Numbering) -> Event:
    file, frame = numbering.place(event.frame)
    begins = numbering.place(event.first_frame) if event.first_frame else ("", 0)
    return event._replace(frame=frame, first_frame=begins[1] if begins[0] == file else 0, file=file)


def _remove_copies(lists: list[list[Packet]]) -> bool:
    """Leave out, in each of the lists, what was recorded twice; whether anything was."""
    any_copies = False
    for index, packets in enumerate(lists):
        lists[index], copies = without_copies(packets)
        any_copies = any_copies or copies
    return any_copies
