"""Remembers hellos: nearly all that a client or a server says in one, it says again in the next.

What is new each time is random, session_id and the key in the key share. All the rest of a hello, taken as bytes, is the key under
which the values that it was read to are kept. The bytes in front of the key share are part of that, and say how long the
share is and where it stands, so that the same bytes always read to the same values. A hello that holds anything else that is new
each time (a ticket, a pre-shared key, GREASE) or that is damaged is not kept; number and size are bounded.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from whytls.tuples import NamedTuple
from whytls.wire.value import Extension

KEY_SHARE = 51
ALWAYS_NEW = frozenset((35, 41, 44, 51, 0xFE0D, 0xFFCE))  # tickets, pre-shared keys, cookies, key shares, hidden hellos
_MOST, _LONGEST = 512, 1024
_SHARE = Struct(">4xHHH").unpack_from  # of a client: length of the list, group, length of the key
_CHOSEN = Struct(">2xHHH").unpack_from  # of a server: length of the extension, group, length of the key
_new = tuple.__new__


class _Said(NamedTuple):
    at: int  # where the key share stands behind session_id; -1: there is none
    place: int  # and among the extensions
    before: tuple[Any, ...]  # the fields between session_id and the extensions
    extensions: tuple[Extension, ...]
    behind: tuple[Any, ...]  # the fields behind the extensions


class Remembered:
    """The hellos of clients, or those of servers (``chosen``: their key share is no list)."""

    def __init__(self, *, chosen: bool) -> None:
        self._said: dict[bytes, _Said] = {}
        self._head, self._skip = (_CHOSEN, 8) if chosen else (_SHARE, 10)

    def repeating(self, body: bytes, start: int) -> tuple[bytes, int]:
        """What of a hello repeats, and where in it its key share stands, -1 if there is none that is simple; ``start`` is where
        session_id ends."""
        if len(body) > _LONGEST:
            return b"", -1
        at = body.rfind(b"\0\x33", start)
        if at >= 0 and at + 10 <= len(body):
            length, _, size = self._head(body, at)
            key = at + self._skip
            if length == size + 4 and key + size <= len(body):
                return body[start:key] + body[key + size :], at - start
        return body[start:], -1

    def fields(self, body: bytes, start: int, rest: bytes, at: int) -> tuple[Any, ...] | None:
        """The fields behind session_id of a hello like one before; None if there was none."""
        said = self._said.get(rest)
        if said is None or said[0] != at:
            return None
        _, index, before, extensions, behind = said
        if at < 0:
            return (*before, extensions, *behind)
        begin = start + at + 4
        share = _new(Extension, (KEY_SHARE, body[begin : begin + len(extensions[index][1])]))
        return (*before, (*extensions[:index], share, *extensions[index + 1 :]), *behind)

    def keep(self, rest: bytes, at: int, begin: int, fields: tuple[Any, ...], place: int) -> None:
        """Remember one by its fields behind session_id, those at ``place`` being the extensions, whose length stands ``begin``
        bytes behind session_id."""
        extensions: tuple[Extension, ...] = fields[place]
        index, here = -1, begin + 2
        for number, (kind, content) in enumerate(extensions):
            if kind == KEY_SHARE and here == at:
                index = number
            elif content and kind in ALWAYS_NEW:
                return
            here += 4 + len(content)
        if not rest or (index < 0) != (at < 0):
            return
        if len(self._said) >= _MOST:
            self._said.clear()
        self._said[rest] = _new(_Said, (at, index, fields[:place], extensions, fields[place + 1 :]))
