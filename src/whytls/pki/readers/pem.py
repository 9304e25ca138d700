"""Certificates in text (RFC 7468), in any order and with anything between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from whytls.exceptions import DamagedInput

BEGIN, END, DASHES = b"-----BEGIN ", b"-----END ", b"-----"
CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
LONGEST_LABEL = 64


class Block(NamedTuple):
    """One block: what it says it is, where it begins, and its content."""

    label: str
    line: int  # of its BEGIN, from 1
    content: bytes


def blocks(data: bytes) -> Iterator[Block]:
    """All blocks in a text; raises ``DamagedInput`` at the first that is cut or is not Base64."""
    import base64
    import binascii

    at = counted = line = 0
    while (begin := data.find(BEGIN, at)) >= 0:
        close = data.find(DASHES, begin + len(BEGIN), begin + len(BEGIN) + LONGEST_LABEL + len(DASHES))
        label = data[begin + len(BEGIN) : max(close, 0)].decode("ascii", "replace")
        if not label or not label.replace(" ", "").isalnum():
            at = begin + len(BEGIN)  # text that only begins like a block
            continue
        line += data.count(b"\n", counted, begin)
        counted = begin
        body = close + len(DASHES)
        end = data.find(END, body)
        if end < 0 or data.find(BEGIN, body, end) >= 0:
            raise DamagedInput(f"the {label} block in line {line + 1} has no end", offset=begin)
        lines = data[body:end].split()
        if label in CERTIFICATE_LABELS:
            try:
                yield Block(label, line + 1, base64.b64decode(b"".join(lines), validate=True))
            except binascii.Error as error:
                raise DamagedInput(f"the {label} block in line {line + 1} is not Base64", offset=begin) from error
        else:
            yield Block(label, line + 1, b"")  # a private key's content is none of our business here
        at = end


def certificates(data: bytes) -> list[bytes]:
    """The certificates in a text, as DER."""
    return [_alone(block) for block in blocks(data) if block.label in CERTIFICATE_LABELS]


def _alone(block: Block) -> bytes:
    """The certificate of a block: OpenSSL's TRUSTED CERTIFICATE has trust settings behind it."""
    from whytls.pki.der import element

    if block.label != "TRUSTED CERTIFICATE":
        return block.content
    return block.content[: element(block.content, 0, len(block.content)).end]
