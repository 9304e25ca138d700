"""ASN.1 as stores hold it: BER lengths (X.690 section 8.1.3), strings in pieces, and files that were cut.

NSS, older Bouncy Castle and macOS write PKCS #12 and CMS with lengths that are told by an end mark only. ``definite`` writes
such a structure anew with DER lengths, so that one reader of elements is enough. Certificates inside keep their bytes: they
are DER already, and bytes of theirs would not change.
"""

from __future__ import annotations

from collections.abc import Iterator

from whytls.exceptions import Malformed
from whytls.pki.der import Element, element

DEEPEST = 32
MOST_ELEMENTS = 500_000  # in one structure; 5,000 certificates have about as many
MOST_PARTS = 20_000  # in one container
CONSTRUCTED, OCTET_STRING = 0x20, 0x04


def definite(data: bytes) -> bytes:
    """The first structure with definite lengths; the data itself where it has them already."""
    if data[1:2] != b"\x80":
        return data
    return b"".join(_Writer(data).element(0, len(data), 0)[0])


class _Writer:
    """Walks once over the data; counts elements so that the walk is bounded."""

    def __init__(self, data: bytes) -> None:
        self.data, self.left = data, MOST_ELEMENTS

    def element(self, at: int, stop: int, depth: int) -> tuple[list[bytes], int]:
        """The element at ``at`` as pieces of bytes, and where the next one begins."""
        self.left -= 1
        if depth > DEEPEST or self.left < 0:
            raise Malformed("ASN.1 nested too deep or of too many parts to be read", offset=at)
        data = self.data
        if data[at + 1 : at + 2] == b"\x80" and at + 2 <= stop:
            tag, inner, following = data[at], at + 2, None
        else:
            found = element(data, at, stop)
            if not found.tag & CONSTRUCTED:
                return [data[at : found.end]], found.end
            tag, inner, stop, following = found.tag, found.body, found.end, found.end
        pieces: list[bytes] = []
        while True:
            if following is None and data[inner : inner + 2] == b"\0\0" and inner + 2 <= stop:
                following = inner + 2
                break
            if following is not None and inner >= stop:
                break
            more, inner = self.element(inner, stop, depth + 1)
            pieces += [b"".join(more)]
        if tag == OCTET_STRING | CONSTRUCTED:  # a string in pieces becomes one
            tag, pieces = OCTET_STRING, [_content(piece) for piece in pieces]
        return [bytes((tag,)), _length(sum(map(len, pieces))), *pieces], following


def _content(piece: bytes) -> bytes:
    found = element(piece, 0, len(piece))
    return piece[found.body : found.end]


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes((size,))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def octets(data: bytes, string: Element) -> bytes:
    """The content of an OCTET STRING, also of one in pieces, whatever tag it bears."""
    if not string.tag & CONSTRUCTED:
        return data[string.body : string.end]
    return b"".join(octets_of_piece(data, piece) for piece in parts(data, string))


def octets_of_piece(data: bytes, piece: Element) -> bytes:
    """The content of one piece of a string; pieces are not in pieces themselves."""
    if piece.tag != OCTET_STRING:
        raise Malformed("a string's piece is no OCTET STRING", offset=piece.start)
    return data[piece.body : piece.end]


def parts(data: bytes, parent: Element, cut: list[int] | None = None) -> Iterator[Element]:
    """The elements inside a container. With ``cut``, one that is longer than the container ends with it, and where it begins
    is noted there: the parts before the damage stay readable."""
    at = parent.body
    for _ in range(MOST_PARTS):
        if at >= parent.end:
            return
        try:
            part = element(data, at, parent.end)
        except Malformed:
            clamped = _clamped(data, at, parent.end) if cut is not None else None
            if cut is None or clamped is None:
                raise
            cut.append(at)
            yield clamped
            return
        yield part
        at = part.end
    raise Malformed(f"more than {MOST_PARTS} parts in one container", offset=parent.start)


def first(data: bytes, parent: Element, cut: list[int] | None = None) -> Element:
    """The first element of a container, which must have one."""
    for part in parts(data, parent, cut):
        return part
    raise Malformed("a container that is expected to hold something is empty", offset=parent.start)


def split(data: bytes, parent: Element) -> tuple[Element, list[Element]]:
    """The first element of a container and the others."""
    found = list(parts(data, parent))
    if not found:
        raise Malformed("a container that is expected to hold something is empty", offset=parent.start)
    return found[0], found[1:]


def outer(data: bytes, cut: list[int]) -> Element:
    """The structure that the data is; shorter than it says where the data was cut."""
    try:
        return element(data, 0, len(data))
    except Malformed:
        clamped = _clamped(data, 0, len(data))
        if clamped is None:
            raise
        cut.append(0)
        return clamped


def _clamped(data: bytes, at: int, stop: int) -> Element | None:
    """An element whose header is there and whose content goes beyond the end, up to that end."""
    if at + 2 > stop or data[at] & 0x1F == 0x1F:
        return None
    count = data[at + 1] & 0x7F if data[at + 1] & 0x80 else 0
    if data[at + 1] == 0x80 or count > 4 or at + 2 + count > stop:
        return None
    return Element(data[at], at, at + 2 + count, stop)


def integer(data: bytes, part: Element) -> int:
    """A number that is not negative and fits eight bytes: versions, rounds, lengths."""
    body = data[part.body : part.end]
    if part.tag != 0x02 or not 1 <= len(body) <= 9 or body[0] & 0x80:
        raise Malformed("a count is expected to be a number from 0 to 2^64", offset=part.start)
    return int.from_bytes(body, "big")
