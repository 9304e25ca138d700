"""Steps over a serialised Java object without making one (Java Object Serialization Specification, chapter 6).

A JCEKS keystore holds secret keys as serialised SealedObjects, without a length: to reach the entry behind one, its grammar
has to be walked. Nothing is instantiated and no class is looked up; names and numbers decide how many bytes to step over.
"""

from __future__ import annotations

from typing import NamedTuple

from whytls.exceptions import Malformed

STREAM = b"\xac\xed\0\5"  # STREAM_MAGIC, STREAM_VERSION
NULL, REFERENCE, CLASS_DESCRIPTION, OBJECT, STRING, ARRAY, CLASS, BLOCK, END, RESET, LONG_BLOCK, _, LONG_STRING = range(0x70, 0x7D)
ENUM = 0x7E
SIZES = {"B": 1, "Z": 1, "C": 2, "S": 2, "I": 4, "F": 4, "J": 8, "D": 8}
WRITE_METHOD, SERIALIZABLE, EXTERNALIZABLE, BLOCK_DATA = 1, 2, 4, 8
DEEPEST, MOST_STEPS = 24, 10_000
FIRST_HANDLE = 0x7E0000


class _Description(NamedTuple):
    """A class description: its fields' types, whether it wrote more than these, and its superclass."""

    name: str
    flags: int
    types: tuple[str, ...]
    parent: _Description | None


def end_of(data: bytes, at: int) -> int:
    """Where the object stream that begins at ``at`` ends; raises ``Malformed`` where it does not follow the grammar."""
    if data[at : at + 4] != STREAM:
        raise Malformed("a serialised Java object is expected to begin with ac ed 00 05", offset=at)
    walk = _Walk(data, at + 4)
    walk.content(0)
    return walk.at


class _Walk:
    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at, self.left = data, at, MOST_STEPS
        self.handles: list[_Description | None] = []

    def step(self, count: int) -> bytes:
        self.left -= 1
        if count > len(self.data) - self.at or self.left < 0:
            raise Malformed("a serialised Java object that goes beyond the data", offset=self.at)
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.step(size), "big")

    def name(self) -> str:
        return self.step(self.number(2)).decode("utf-8", "replace")

    def content(self, depth: int) -> None:
        """One object, string, array, block or null."""
        if depth > DEEPEST:
            raise Malformed("a serialised Java object that is nested too deep", offset=self.at)
        begin, tag = self.at, self.number(1)
        if tag == REFERENCE:
            self.step(4)
        elif tag in (STRING, LONG_STRING):
            self.handles.append(None)
            self.step(self.number(2 if tag == STRING else 8))
        elif tag in (BLOCK, LONG_BLOCK):
            self.step(self.number(1 if tag == BLOCK else 4))
        elif tag == OBJECT:
            self._object(depth)
        elif tag == ARRAY:
            self._array(depth)
        elif tag in (CLASS_DESCRIPTION, CLASS):
            self.at -= 1 if tag == CLASS_DESCRIPTION else 0
            self.description(depth + 1)
            if tag == CLASS:
                self.handles.append(None)
        elif tag == ENUM:
            self.description(depth + 1)
            self.handles.append(None)
            self.content(depth + 1)
        elif tag != NULL:
            raise Malformed(f"a serialised Java object with the mark {tag:#04x}, which is none", offset=begin)

    def description(self, depth: int) -> _Description | None:
        """A class description, by itself or by reference."""
        if depth > DEEPEST:
            raise Malformed("a serialised Java object that is nested too deep", offset=self.at)
        begin, tag = self.at, self.number(1)
        if tag == NULL:
            return None
        if tag == REFERENCE:
            place = self.number(4) - FIRST_HANDLE
            if not 0 <= place < len(self.handles):
                raise Malformed("a serialised Java object that refers to nothing", offset=begin)
            return self.handles[place]
        if tag != CLASS_DESCRIPTION:
            raise Malformed("a class description is expected in a serialised Java object", offset=begin)
        name = self.name()
        self.step(8)  # serialVersionUID
        handle = len(self.handles)
        self.handles.append(None)
        flags, types = self.number(1), []
        for _ in range(self.number(2)):
            types.append(chr(self.number(1)))
            self.name()
            if types[-1] in "[L":
                self.content(depth + 1)  # the field's type, a string
        self.annotations(depth)
        found = _Description(name, flags, tuple(types), self.description(depth + 1))
        self.handles[handle] = found
        return found

    def annotations(self, depth: int) -> None:
        """What a class or an object wrote by itself, up to its end mark."""
        while self.data[self.at : self.at + 1] != bytes((END,)):
            self.content(depth + 1)
        self.step(1)

    def _object(self, depth: int) -> None:
        line, current = [], self.description(depth + 1)
        self.handles.append(None)
        while current is not None:
            line.append(current)
            current = current.parent
        for described in reversed(line):
            if described.flags & SERIALIZABLE:
                for kind in described.types:
                    self._value(kind, depth)
            elif not described.flags & BLOCK_DATA:
                raise Malformed("a serialised Java object in a form whose length is not told", offset=self.at)
            if described.flags & (WRITE_METHOD | EXTERNALIZABLE):
                self.annotations(depth)

    def _array(self, depth: int) -> None:
        described = self.description(depth + 1)
        self.handles.append(None)
        kind, count = (described.name[1:2] if described else ""), self.number(4)
        if kind in SIZES:
            self.step(SIZES[kind] * count)
            return
        for _ in range(count):
            self._value(kind, depth)

    def _value(self, kind: str, depth: int) -> None:
        if kind in SIZES:
            self.step(SIZES[kind])
        elif kind in ("[", "L"):
            self.content(depth + 1)
        else:
            raise Malformed("a serialised Java object with a field of no known type", offset=self.at)
