"""Certificates and keys in text (RFC 7468), in any order and with anything between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from whytls.exceptions import DamagedInput

if TYPE_CHECKING:
    from whytls.pki.key import Key
    from whytls.pki.store import Entry, Opening, Store

BEGIN, END, DASHES = b"-----BEGIN ", b"-----END ", b"-----"
CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
PKCS7_LABELS = frozenset({"PKCS7", "CMS", "PKCS #7 SIGNED DATA"})
TRADITIONAL_LABELS = frozenset({"RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"})
PARAMETER_LABELS = frozenset({"EC PARAMETERS", "DH PARAMETERS", "X9.42 DH PARAMETERS", "DSA PARAMETERS"})
OTHERS = {"X509 CRL": "a revocation list (CRL)", "PUBLIC KEY": "a public key", "CERTIFICATE REQUEST": "a certificate request",
          "NEW CERTIFICATE REQUEST": "a certificate request", "OPENSSH PRIVATE KEY": "a key of OpenSSH"}  # fmt: skip
LONGEST_LABEL = 64
MOST_CERTIFICATES, MOST_KEYS = 20_000, 100
# What openssl pkcs12 and keytool -rfc write above a certificate.
_ALIAS = re.compile(rb"^[ \t]*(?:friendlyName|Alias name): ([^\r\n]{1,200})", re.MULTILINE)


class Block(NamedTuple):
    """One block: what it says it is, where it begins, and its content."""

    label: str
    line: int  # of its BEGIN, from 1
    content: bytes  # empty for what is no certificate: it is decoded when somebody needs it
    start: int = 0  # of its BEGIN, in bytes
    end: int = 0  # of its END


class Held(NamedTuple):
    """A certificate in a text."""

    der: bytes
    line: int
    alias: str


class HeldKey(NamedTuple):
    """A private key in a text."""

    key: Key
    line: int


@dataclass(slots=True)
class Contents:
    """All that a text holds, in order."""

    certificates: list[Held] = field(default_factory=list)
    keys: list[HeldKey] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    damage: str = ""


def blocks(data: bytes) -> Iterator[Block]:
    """All blocks in a text; raises ``DamagedInput`` at the first that is cut or is not Base64."""
    at = counted = line = 0
    while (begin := data.find(BEGIN, at)) >= 0:
        close = data.find(DASHES, begin + len(BEGIN), begin + len(BEGIN) + LONGEST_LABEL + len(DASHES))
        label = data[begin + len(BEGIN) : max(close, 0)].decode("ascii", "replace")
        if not label or not label.replace(" ", "").replace("#", "").replace(".", "").isalnum():
            at = begin + len(BEGIN)  # text that only begins like a block
            continue
        line += data.count(b"\n", counted, begin)
        counted = begin
        body = close + len(DASHES)
        end = data.find(END, body)
        if end < 0 or data.find(BEGIN, body, end) >= 0:
            raise DamagedInput(f"the {label} block in line {line + 1} has no end", offset=begin)
        block = Block(label, line + 1, b"", begin, end)
        yield block._replace(content=decoded(data, block)) if label in CERTIFICATE_LABELS else block
        at = end


def decoded(data: bytes, block: Block) -> bytes:
    """The content of a block without headers."""
    import base64
    import binascii

    body = data.index(DASHES, block.start + len(BEGIN)) + len(DASHES)
    try:
        return base64.b64decode(b"".join(data[body : block.end].split()), validate=True)
    except binascii.Error as error:
        raise DamagedInput(f"the {block.label} block in line {block.line} is not Base64", offset=block.start) from error


def certificates(data: bytes) -> list[bytes]:
    """The certificates in a text, as DER."""
    return [_alone(block) for block in blocks(data) if block.label in CERTIFICATE_LABELS]


def _alone(block: Block) -> bytes:
    """The certificate of a block: OpenSSL's TRUSTED CERTIFICATE has trust settings behind it."""
    from whytls.pki.der import element

    if block.label != "TRUSTED CERTIFICATE":
        return block.content
    return block.content[: element(block.content, 0, len(block.content)).end]


def read(data: bytes, name: str, opening: Opening) -> Store:
    """A text as a store; damage ends it, and what stands before is in it."""
    from whytls.pki.store import Store

    found = contents(data, opening)
    return Store(name, "PEM", entries(found, name), passed_over=tuple(found.passed_over), damage=found.damage)


def contents(data: bytes, opening: Opening) -> Contents:
    """Everything in a text; private keys are looked at and dropped."""
    found, before = Contents(), 0
    try:
        for block in blocks(data):
            if len(found.certificates) >= MOST_CERTIFICATES:
                raise DamagedInput(f"more than {MOST_CERTIFICATES:,} certificates in one file, the rest is not read", offset=block.start)
            if len(found.keys) >= MOST_KEYS:
                raise DamagedInput(f"more than {MOST_KEYS} private keys in one file, the rest is not read", offset=block.start)
            _take(data, block, before, opening, found)
            before = block.end
    except DamagedInput as error:
        found.damage = f"{error.problem}, at byte {error.offset}" if error.offset is not None else error.problem
    return found


def _take(data: bytes, block: Block, before: int, opening: Opening, found: Contents) -> None:
    if block.label in CERTIFICATE_LABELS:
        alias = _ALIAS.findall(data, max(before, block.start - 2000), block.start)
        found.certificates.append(Held(_alone(block), block.line, alias[-1].decode("utf-8", "replace") if alias else ""))
    elif block.label.endswith("PRIVATE KEY") and block.label not in OTHERS:
        found.keys.append(HeldKey(_key(data, block, opening), block.line))
    elif block.label in PKCS7_LABELS:
        from whytls.pki.grouping import chains
        from whytls.pki.readers import pkcs7

        inner = pkcs7.contents(decoded(data, block))
        ordered = dict.fromkeys(der for chain in chains(inner.certificates) for der in chain)
        found.certificates += [Held(der, block.line, "") for der in ordered]
        found.passed_over += inner.passed_over
        if inner.damage:
            raise DamagedInput(f"in the {block.label} block in line {block.line}: {inner.damage}")
    elif block.label not in PARAMETER_LABELS:
        found.passed_over.append(f"{OTHERS.get(block.label, block.label)} in line {block.line}")


def _key(data: bytes, block: Block, opening: Opening) -> Key:
    from whytls.pki import key
    from whytls.pki.der import element

    if b"DEK-Info:" in data[block.start : block.end]:
        return key.traditional_encrypted(data[block.start : block.end] + END + block.label.encode() + DASHES + b"\n", opening.key_attempts())
    der = decoded(data, block)
    if block.label == "ENCRYPTED PRIVATE KEY":
        return key.encrypted(der, element(der, 0, len(der)), opening.key_attempts(), opening.rounds)
    return key.plain(der)


def entries(found: Contents, name: str) -> tuple[Entry, ...]:
    """What a text holds as entries: chains, each with the key that is its own, and keys without a certificate."""
    from whytls.pki.grouping import MOST_IN_CHAIN, runs

    held = found.certificates
    groups = runs([certificate.der for certificate in held])
    if len(found.keys) == 1 and 1 < len(held) <= MOST_IN_CHAIN:
        groups = [range(len(held))]  # a server that is given this file presents all of it
    left, made = list(found.keys), []
    for group in groups:
        own = [held[place] for place in group]
        key = _matching(own, left) if left else None
        if key is None and len(groups) == len(left) == 1:
            key = left[0]  # there is one of each; that they do not fit is what has to be told
        if key:
            left.remove(key)
        made.append(entry(own, key, name))
    return tuple(made + [entry([], key, name) for key in left])


def _matching(own: Sequence[Held], keys: Sequence[HeldKey]) -> HeldKey | None:
    """The key of a chain: that of its first certificate, else of another one in it."""
    from whytls.pki.certificate import read as read_certificate

    public = {key.key.public: key for key in reversed(keys) if key.key.public}
    return next((public[d] for d in (read_certificate(c.der).key_sha256 for c in own) if d in public), None)


def entry(own: Sequence[Held], key: HeldKey | None, name: str) -> Entry:
    """One entry out of certificates and a key, with what is wrong between them."""
    from whytls.pki.certificate import read as read_certificate
    from whytls.pki.store import Entry, Place

    line = own[0].line if own else key.line if key else None
    fits, warnings = None, []
    if key and own:
        digests = [read_certificate(certificate.der).key_sha256 for certificate in own]
        fits = key.key.fits(digests[0])
        if fits is False and any(map(key.key.fits, digests)):
            place = next(place for place, digest in enumerate(digests) if key.key.fits(digest))
            warnings.append(f"the private key belongs to certificate {place + 1} of {len(own)} (line {own[place].line}), not to the first")
    if key and key.key.problem:
        warnings.append(f"the private key in line {key.line}: {key.key.problem}")
    chain = tuple(certificate.der for certificate in own)
    alias = next((certificate.alias for certificate in own[:1]), "")
    return Entry(
        "key" if key else "certificate", chain, Place(name, line), alias,
        key=key.key.form if key else "", key_fits=fits, warnings=tuple(warnings), public_key=key.key.public if key else "",
    )  # fmt: skip
