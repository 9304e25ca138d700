"""DER taken apart into its tree, one element changed, and put together again with every length above it right."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tools.fuzz.frames import Change

CONSTRUCTED = 0x20
DEEPEST = 40


@dataclass(slots=True)
class Node:
    """One element: its tag, and its content as bytes or, where it is made of elements, as these."""

    tag: int
    content: bytes | list[Node]

    def body(self) -> bytes:
        """The content as bytes."""
        return build(self.content) if isinstance(self.content, list) else self.content


def parse(data: bytes, depth: int = 0) -> list[Node] | None:
    """The elements that fill ``data`` exactly; None where they do not."""
    nodes: list[Node] = []
    at = 0
    while at < len(data):
        if at + 2 > len(data) or depth > DEEPEST:
            return None
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 4 or at + count > len(data):
                return None
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > len(data):
            return None
        body = data[at : at + size]
        at += size
        inner = parse(body, depth + 1) if tag & CONSTRUCTED or tag == 4 else None
        nodes.append(Node(tag, body if inner is None else inner))
    return nodes


def build(nodes: list[Node]) -> bytes:
    """The bytes of these elements."""
    parts = []
    for node in nodes:
        body = node.body()
        size = len(body)
        if size < 128:
            length = bytes((size,))
        else:
            octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
            length = bytes((0x80 | len(octets),)) + octets
        parts.append(bytes((node.tag,)) + length + body)
    return b"".join(parts)


def change_der(data: bytes, longest: int, rng: Random, change: Change) -> bytes:
    """One element changed, doubled, dropped, re-tagged or nested; at times the raw bytes."""
    nodes = parse(data)
    if not nodes or rng.random() < 0.1:
        return change(data, longest)
    siblings = nodes
    for _ in range(rng.randint(1, 9)):
        down = [n.content for n in siblings if isinstance(n.content, list) and n.content]
        if not down:
            break
        siblings = rng.choice(down)
    at, roll = rng.randrange(len(siblings)), rng.random()
    node = siblings[at]
    if roll < 0.6:
        body = node.body()
        node.content = change(body, len(body) + 32)
    elif roll < 0.7:
        siblings.insert(at, siblings[rng.randrange(len(siblings))])
    elif roll < 0.8 and len(siblings) > 1:
        del siblings[at]
    elif roll < 0.9:
        node.tag = rng.choice((1, 2, 3, 4, 5, 6, 12, 19, 22, 23, 24, 30, 48, 49, 0x80, 0x82, 0x86, 0x87, 0xA0, 0xA3, 0xA4))
    else:
        for _ in range(rng.choice((1, 1, 5, 30))):
            node.content = [Node(48, node.content)]
    made = build(nodes)
    return made if len(made) <= longest else change(data, longest)
