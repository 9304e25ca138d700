"""What TCP shows besides the bytes: who acknowledged what, what was sent again, which reset does not look like its sender's."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from whytls.capture.flow import Direction
from whytls.capture.tcp import ACK, ACKED, BEHIND, FIN, FLAGS, LENGTH, ORDER, PAYLOAD, RST, SEQ, SYN, TTL, UNREACHABLE, WRAP, Packet, Stream, position
from whytls.model import Side, Transport
from whytls.tuples import NamedTuple

if TYPE_CHECKING:
    from whytls.capture.assemble import Reading

_KEPT = 32 << 10  # of more than that the rest is not kept, whatever was acknowledged
_ttl = itemgetter(TTL)
_new = tuple.__new__
TTL_STEP = 1  # routes of one side differ by so much without meaning anything


class Signs(NamedTuple):
    """What the SYNs, FINs and RSTs of one side show, read in one pass."""

    flags: int  # of all of them
    syns: int
    ttl: int  # of the first SYN
    fin: Packet | None  # the first
    close: Packet | None  # the first FIN or RST
    acked: int  # up to which position of the other side's bytes they acknowledge


def signs_of(signals: list[Packet], base: int) -> Signs:
    """The signs of a side's signals; ``base`` is the sequence number of the other side's first byte, -1 if it is not known."""
    flags = syns = ttl = most = 0
    fin = close = None
    for packet in signals:
        own = packet[FLAGS]
        flags |= own
        if own & SYN:
            ttl = ttl if syns else packet[TTL]
            syns += 1
        if own & (FIN | RST):
            close = close or packet
            if own & FIN and fin is None:
                fin = packet
        if own & ACK and base >= 0:  # all of them: a RST that follows a FIN can come without a number
            ahead = (packet[ACKED] - base) & WRAP
            if most < ahead < BEHIND:
                most = ahead
    return _new(Signs, (flags, syns, ttl, fin, close, most))


def heard(receiver: Direction, acked: int, packets: list[Packet], base: int) -> int:
    """The position up to which this end acknowledged, with its signals (``acked``), a pure acknowledgement or its last packet with bytes."""
    most = acked
    if receiver.acked >= 0:
        ahead = (receiver.acked - base) & WRAP
        if most < ahead < BEHIND:
            most = ahead
    if packets:
        last = packets[-1]
        if last[FLAGS] & ACK:
            ahead = (last[ACKED] - base) & WRAP
            if most < ahead < BEHIND:
                most = ahead
    return most


def transport_of(reading: Reading, client: Signs, server: Signs) -> Transport:
    """The facts of TCP of a flow whose sides are told apart, and whose signals and acknowledgements were read."""
    a, b = reading.client_stream, reading.server_stream
    sent, answered = reading.packets
    signals, replies = reading.signals
    client_acked = _acked(a)
    largest, reason = 0, ""
    if client_acked < a.reach:
        unacked = [p[LENGTH] for p in sent if p[LENGTH] and position(p[SEQ], a.base) + p[LENGTH] > client_acked]
        largest = max(unacked, default=0)
    if reading.flow.reset:
        reason = _foreign_reset(replies, answered, sent, b, "server") or _foreign_reset(signals, sent, answered, a, "client")
    first, second = (server, client) if reading.swapped else (client, server)
    return _new(Transport, (
        "server" if reading.swapped else "client",
        first.syns > 0,
        second.syns > 0,
        first.syns,
        client_acked,
        _acked(b),
        a.reach if a.ordered else a.recorded,
        b.reach if b.ordered else b.recorded,
        a.repeated,
        b.repeated,
        largest,
        bool(reason),
        reason,
        reading.copies,
        client.ttl,
        server.ttl,
        _end_acked(reading, client.fin, server.fin),
        _closed_unread(server.close, a),
    ))  # fmt: skip


def _acked(lane: Stream) -> int:
    """How many bytes of a stream the other end acknowledged."""
    if lane.base < 0 or not lane.reach:
        return 0
    return lane.heard if lane.heard < lane.reach else lane.reach


def _end_acked(reading: Reading, own: Packet | None, replied: Packet | None) -> bool:
    """Whether the first FIN (of these two, each the first of its side) was acknowledged by the other end, whose packets were recorded
    at least until then."""
    if own is not None and (replied is None or own[ORDER] < replied[ORDER]):
        fin, lane, receiver, side = own, reading.client_stream, reading.server, 1
    elif replied is not None:
        fin, lane, receiver, side = replied, reading.server_stream, reading.client, 0
    else:
        return False
    base, most = lane.base, lane.heard
    if base < 0:  # nothing is known of the stream but its FIN
        base = fin[SEQ]
        most = heard(receiver, signs_of(reading.signals[side], base).acked, reading.packets[side], base)
    return most > position(fin[SEQ], base) + fin[LENGTH]


def _closed_unread(close: Packet | None, lane: Stream) -> bool:
    """Whether the server closed or reset before a byte of the client had arrived: its first FIN or RST says so by its acknowledgement.

    Only a connection that is still known to its sender has a number to acknowledge. A RST without one (RFC 9293 section 3.5.2) was
    made from the very packet that it answers, by a filter on the way or a host that has forgotten the connection, and says nothing
    about what was read.
    """
    if close is None or lane.base < 0 or not lane.reach:
        return False
    return bool(close[FLAGS] & ACK) and close[ACKED] == lane.base


def is_cut(lane: Stream, own: list[Packet], flags: int, receiver: Direction, signals: list[Packet], packets: list[Packet]) -> bool:
    """Whether more of a stream was sent than was recorded: the other end acknowledged more, or its own RST stands behind more.

    ``own`` are the SYNs, FINs and RSTs of its sender, ``flags`` those of all of them, the others are the other end's. A FIN counts as
    one byte.
    """
    base, most = lane.base, lane.heard
    if base < 0:  # nothing of it was recorded; where it began, the answer to its SYN says
        base = next((p[ACKED] for p in signals if p[FLAGS] & (SYN | ACK) == SYN | ACK), -1)
        if base < 0:
            return False
        most = heard(receiver, signs_of(signals, base).acked, packets, base)
    if lane.reach >= _KEPT:
        return False
    known = lane.reach + (flags & FIN)
    if most > known:
        return True
    return bool(flags & RST) and any(p[FLAGS] & RST and known < (p[SEQ] - base) & WRAP < BEHIND for p in own)


def answers_more_than_a_syn(signals: list[Packet]) -> bool:
    """Whether the first that was recorded of this end is a RST with a sequence number: it had said something before.

    A refusal of a SYN has the number 0 (RFC 9293 section 3.5.2).
    """
    return bool(signals) and bool(signals[0][FLAGS] & RST) and signals[0][SEQ] != 0


def _foreign_reset(signals: list[Packet], packets: list[Packet], others: list[Packet], lane: Stream, side: Side) -> str:
    """Why a RST of this side does not look like its own; empty if it does (RFC 5961, and what middleboxes were seen to do)."""
    reset = next((p for p in signals if p[FLAGS] & RST), None)
    if reset is None:
        return ""
    own = [p for p in signals if not p[FLAGS] & (RST | UNREACHABLE)] + packets
    if own:
        usual = set(map(_ttl, own))
        if reset[TTL] not in usual and min(abs(reset[TTL] - ttl) for ttl in usual) > TTL_STEP:
            return f"its TTL is {reset[TTL]}, that of the {side}'s other packets {', '.join(map(str, sorted(usual)))}"
        later = [p for p in own if p[ORDER] > reset[ORDER] and p[PAYLOAD] and (p[SEQ] - reset[SEQ]) & WRAP < BEHIND]
        if later:
            return f"the {side} went on sending after it"
        where = position(reset[SEQ], lane.base)
        if lane.base >= 0 and not -1 <= where <= lane.reach + (1 << 20):
            acked = max([position(p[ACKED], lane.base) for p in others if p[FLAGS] & 0x10], default=0)
            if where < -1 or where > acked + (1 << 20):
                return "its sequence number is outside the window"
    return ""
