"""PKCS #12 (RFC 7292): key entries with their chains, trusted certificates, and whether the checksum fits.

Theory of operation
-------------------
A file is a row of *safes*, plain or encrypted, of *bags*: a private key (mostly encrypted by itself), a certificate, a
secret. A checksum over all safes proves the password and that nothing was changed. Bags have two attributes that tie them:
localKeyId (the same on a key and its certificate) and friendlyName. What people use it for differs by writer:

- OpenSSL: one key, its certificate, others; all with one password; `-nomac` and `-keypbe NONE` exist.
- Java: several keys, each with its own chain, which it follows by issuer names; trusted certificates bear an attribute of
  Oracle's; localKeyId is "Time " and milliseconds. From JDK 18 `cacerts` has neither encryption nor checksum.
- NSS: BER with lengths by end marks, 600,000 rounds for each bag.

A password that does not fit the checksum is wrong, or the file was changed; which, is told by whether it still opens a
safe or a key. Certificates are looked for in all safes that can be opened, damage or not.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field

from whytls.exceptions import DamagedInput, InputError, Malformed
from whytls.pki import derivation, pbe
from whytls.pki import key as keys
from whytls.pki.ber import definite, first, integer, octets, outer, parts
from whytls.pki.certificate import read as read_certificate
from whytls.pki.der import Element, dotted, element, text
from whytls.pki.derivation import DIGESTS, HMACS
from whytls.pki.grouping import Issuers, chains
from whytls.pki.password import Attempt
from whytls.pki.store import Entry, Opening, Place, Store

DATA, SIGNED_DATA, ENVELOPED, ENCRYPTED = (f"1.2.840.113549.1.7.{n}" for n in (1, 2, 3, 6))
BAGS = "1.2.840.113549.1.12.10.1."
KEY_BAG, SHROUDED_BAG, CERTIFICATE_BAG, CRL_BAG, SECRET_BAG, NESTED_BAG = (f"{BAGS}{n}" for n in range(1, 7))
X509_CERTIFICATE = "1.2.840.113549.1.9.22.1"
FRIENDLY_NAME, LOCAL_KEY_ID = "1.2.840.113549.1.9.20", "1.2.840.113549.1.9.21"
TRUSTED_KEY_USAGE = "2.16.840.1.113894.746875.1.1"  # Oracle's: PKCS12KeyStore of OpenJDK marks trusted certificates with it
PBMAC1 = "1.2.840.113549.1.5.14"
DEEPEST, MOST_BAGS = 8, 20_000


@dataclass(slots=True)
class _Bag:
    """A certificate or what is known of a key, with the attributes that tie them."""

    name: str = ""
    key_id: bytes = b""
    trusted: bool = False
    der: bytes = b""
    key: keys.Key | None = None


@dataclass(slots=True)
class _Findings:
    """What has been read so far."""

    bags: list[_Bag] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    closed: int = 0  # safes that no password opened
    opened_with: Attempt | None = None
    right: bool = False  # the password that was given opened something


def read(data: bytes, name: str, opening: Opening) -> Store:
    """A PKCS #12 file in DER or BER.

    Raises:
        InputError: nothing in it can be read without its password, or with the one that was given.
        DamagedInput: its beginning cannot be read.
    """
    cut: list[int] = []
    converted = definite(data)
    try:
        _, info, *rest = parts(converted, outer(converted, cut), cut)
        safes = _content(converted, info, cut)
    except ValueError as error:
        raise DamagedInput("a PKCS #12 file that ends before its contents", hint="fetch or copy it once more") from error
    found = _Findings()
    integrity, tried = _checked(converted, rest, safes, opening, found) if rest and not cut else ("none", opening.attempts())
    _safes(safes, tried, opening, found, bool(cut))
    if cut:
        place = f" at byte {cut[-1]}" if converted is data else ""
        found.damage.insert(0, f"the file is cut short{place}; what stands before that was read")
    _judge(name, integrity, opening, found)
    return Store(
        name, "PKCS #12", tuple(_entries(found, name)), integrity, tuple(found.passed_over), tuple(found.warnings), "; ".join(found.damage[:3])
    )  # fmt: skip


def _content(data: bytes, info: Element, cut: list[int]) -> bytes:
    """The AuthenticatedSafe out of the ContentInfo around it."""
    kind, content = parts(data, info, cut)
    oid = dotted(data[kind.body : kind.end])
    if oid == SIGNED_DATA:
        raise DamagedInput("a PKCS #12 file that is signed with a key instead of a password", hint="export it anew with a password")
    if oid != DATA:
        raise DamagedInput(f"a PKCS #12 file with contents that are not known here ({oid})", hint="export it anew")
    return octets(data, first(data, content, cut))


def _checked(data: bytes, rest: list[Element], safes: bytes, opening: Opening, found: _Findings) -> tuple[str, list[Attempt]]:
    """The checksum: whether it fits, and the passwords that are worth trying on the contents."""
    tried = opening.attempts()
    try:
        for attempt in tried:
            if _mac_fits(data, rest[0], safes, attempt, opening):
                if not attempt.given and attempt.text:
                    found.warnings.append(f"{attempt.what}, opens it")
                return "verified", [attempt]
    except InputError as error:
        found.warnings.append(f"the checksum was not checked: {error}")
        return "not checked", tried
    except (Malformed, ValueError) as error:
        found.damage.append(f"the checksum cannot be read: {error}")
        return "not checked", tried
    return ("failed", tried) if opening.password else ("not checked", [])  # what does not fit it opens nothing


def _mac_fits(data: bytes, mac_data: Element, safes: bytes, attempt: Attempt, opening: Opening) -> bool:
    mac, salt, *rounds = parts(data, mac_data)
    algorithm, digest = parts(data, mac)
    expected, oid = octets(data, digest), pbe.scheme(data, algorithm)
    if oid == PBMAC1:  # RFC 9579
        _, parameters = parts(data, algorithm)
        derived_by, made_by = parts(data, parameters)
        name = HMACS.get(pbe.scheme(data, made_by), "")
        if pbe.scheme(data, derived_by) != pbe.PBKDF2 or not name:
            raise InputError("PBMAC1 without PBKDF2 and an HMAC is not known here")
        _, values = parts(data, derived_by)
        size = next((integer(data, part) for part in list(parts(data, values))[2:] if part.tag == 0x02), 0)
        if not 20 <= size <= 64:
            raise Malformed(f"PBMAC1 is expected to name a key of 20 to 64 bytes, and has {size}")
        key = pbe.pbkdf2_key(data, values, attempt.text, size, opening.rounds)
    else:
        name = DIGESTS.get(oid, "")
        if not name:
            raise InputError(f"a checksum by {oid} is not known here", hint="known: SHA-1, SHA-2, SHA-3 and PBMAC1")
        count = integer(data, rounds[0]) if rounds else 1
        size = len(hmac.digest(b"", b"", name))
        key = derivation.pkcs12(attempt.text, octets(data, salt), count, 3, size, name, opening.rounds)
    return hmac.compare_digest(hmac.digest(key, safes, name), expected)


def _safes(safes: bytes, tried: list[Attempt], opening: Opening, found: _Findings, is_cut: bool) -> None:
    """Every ContentInfo of the AuthenticatedSafe; one that is damaged does not hide the others."""
    cut: list[int] = []
    try:
        converted = definite(safes)
        for info in parts(converted, outer(converted, cut), cut):
            try:
                _safe(converted, info, tried, opening, found, cut)
            except (Malformed, ValueError) as error:
                found.damage.append(f"a part of it cannot be read: {error}")
    except Malformed as error:
        found.damage.append(f"its parts cannot be read: {error}")
    if cut and not is_cut:
        found.damage.append("one of its parts is longer than what holds it")


def _safe(data: bytes, info: Element, tried: list[Attempt], opening: Opening, found: _Findings, cut: list[int]) -> None:
    kind, content = parts(data, info, cut)
    oid = dotted(data[kind.body : kind.end])
    inner = first(data, content, cut)
    if oid == DATA:
        _bags(octets(data, inner), opening, tried, found, 0, bool(cut))
    elif oid == ENCRYPTED:
        _, encrypted, *_ = parts(data, inner, cut)  # EncryptedData: version, EncryptedContentInfo
        _, algorithm, closed = parts(data, encrypted, cut)
        plain = _opened(data, algorithm, octets(data, closed), tried, opening, found)
        if plain is not None:
            _bags(plain, opening, tried, found, 0, False)
    else:
        what = "encrypted for somebody's key, not with a password" if oid == ENVELOPED else f"of a kind that is not known here ({oid})"
        found.passed_over.append(f"a part {what}")


def _opened(data: bytes, algorithm: Element, closed: bytes, tried: list[Attempt], opening: Opening, found: _Findings) -> bytes | None:
    for attempt in tried:
        try:
            plain = pbe.decrypt(data, algorithm, closed, attempt.text, opening.rounds)
            if plain is not None and element(plain, 0, len(plain)).end == len(plain) and plain[0] == 0x30:
                found.opened_with, found.right = attempt, found.right or attempt.given
                return plain
        except InputError as error:
            found.warnings.append(f"a part of it was not opened: {error}")
            break
        except Malformed:
            continue  # what a wrong password makes of it
    found.closed += 1
    return None


def _bags(data: bytes, opening: Opening, tried: list[Attempt], found: _Findings, depth: int, is_cut: bool) -> None:
    """The bags of a SafeContents."""
    cut: list[int] = []
    converted = definite(data)
    for bag in parts(converted, outer(converted, cut), cut):
        if len(found.bags) >= MOST_BAGS:
            raise Malformed(f"more than {MOST_BAGS:,} bags in one file, the rest is not read")
        if cut and cut[-1] == bag.start:
            if not is_cut:
                found.damage.append("one of its bags is longer than what holds it")
            return
        try:
            _bag(converted, bag, opening, tried, found, depth)
        except (Malformed, ValueError) as error:
            found.damage.append(f"a bag of it cannot be read: {error}")


def _bag(data: bytes, bag: Element, opening: Opening, tried: list[Attempt], found: _Findings, depth: int) -> None:
    kind, value, *attributes = parts(data, bag)
    oid = dotted(data[kind.body : kind.end])
    inner = first(data, value)
    made = _Bag()
    for attribute in parts(data, attributes[0]) if attributes else ():
        _attribute(data, attribute, made)
    if oid == CERTIFICATE_BAG:
        form, content = parts(data, inner)
        if dotted(data[form.body : form.end]) != X509_CERTIFICATE:
            found.passed_over.append("a certificate of another kind than X.509")
            return
        made.der = octets(data, first(data, content))
    elif oid == KEY_BAG:
        made.key = keys.plain(data[inner.start : inner.end])
    elif oid == SHROUDED_BAG:
        own = [attempt for attempt in opening.key_attempts() if attempt not in tried] if opening.key_passwords else []
        made.key = keys.encrypted(data, inner, own + tried, opening.rounds)
        found.right = found.right or bool(made.key.opened_with and made.key.opened_with.given)
    elif oid == NESTED_BAG and depth < DEEPEST:
        _bags(data[inner.start : inner.end], opening, tried, found, depth + 1, False)
        return
    else:
        what = {CRL_BAG: "a revocation list (CRL)", SECRET_BAG: "a secret key"}.get(oid, f"a bag of a kind that is not known here ({oid})")
        found.passed_over.append(f"{what} {made.name!r}" if made.name else what)
        return
    found.bags.append(made)


def _attribute(data: bytes, attribute: Element, bag: _Bag) -> None:
    kind, values = parts(data, attribute)
    oid, value = dotted(data[kind.body : kind.end]), next(parts(data, values), None)
    if oid == TRUSTED_KEY_USAGE:
        bag.trusted = True
    elif value is not None and oid == FRIENDLY_NAME and value.tag in (0x1E, 0x0C, 0x13, 0x14, 0x16):
        bag.name = text(value.tag, data[value.body : value.end][:2000])
    elif value is not None and oid == LOCAL_KEY_ID and value.tag == 0x04:
        bag.key_id = data[value.body : value.end][:1000]


def _judge(name: str, integrity: str, opening: Opening, found: _Findings) -> None:
    """Wrong password or damage: told apart by what the password opens."""
    given = opening.password.origin if opening.password else ""
    if integrity == "failed" and found.right:
        found.damage.append(f"the password from {given} opens it, but its checksum does not fit: it was changed after it was written")
    elif integrity == "failed" or (given and found.closed and not found.right):
        wrong = f"the password from {given} does not open it"
        if not any(bag.der for bag in found.bags):
            raise InputError(wrong, file=name, hint="give the password with which it was exported; try it with: openssl pkcs12 -info -noout -in FILE")
        found.warnings.append(wrong)
    elif found.closed and not given:
        if not any(bag.der for bag in found.bags) and not found.damage:
            raise InputError("its contents are encrypted with a password", file=name, hint="give it from an environment variable or a file")
        found.warnings.append("a part of it is encrypted with a password, and not read")
    if integrity == "none" and found.opened_with and found.opened_with.text and not found.opened_with.given:
        found.warnings.append(f"{found.opened_with.what}, opens it")


def _entries(found: _Findings, name: str) -> Iterator[Entry]:
    """Keys with the chain that Java would follow, trusted certificates, and the certificates that no chain needs."""
    certificates = [bag for bag in found.bags if bag.key is None]
    issuers = Issuers(bag.der for bag in certificates)
    by_id = {bag.key_id: bag for bag in reversed(certificates) if bag.key_id}
    by_public: dict[str, _Bag] = {}
    if any(bag.key for bag in found.bags):
        by_public = {digest: bag for bag in reversed(certificates) if (digest := read_certificate(bag.der).key_sha256)}
    used: set[bytes] = set()
    only = len(found.bags) - len(certificates) == 1
    for bag in found.bags:
        if bag.key is not None:
            own = by_id.get(bag.key_id) or by_public.get(bag.key.public) or (certificates[0] if only and certificates else None)
            entry = _key_entry(bag, bag.key, own, issuers, name)
            used.update(entry.chain)
            yield entry
    yield from (Entry("trusted", (bag.der,), Place(name), bag.name) for bag in certificates if bag.trusted)
    left = {bag.der: bag.name for bag in reversed(certificates) if not bag.trusted and bag.der not in used}
    yield from (Entry("certificate", chain, Place(name), left[chain[0]]) for chain in chains(list(reversed(left))))


def _key_entry(bag: _Bag, key: keys.Key, own: _Bag | None, issuers: Issuers, name: str) -> Entry:
    chain = issuers.chain(own.der) if own else ()
    fits = key.fits(read_certificate(own.der).key_sha256) if own else None
    warnings = [f"the private key: {key.problem}"] if key.problem else []
    if not own:
        warnings.append("there is no certificate for this private key")
    alias, created = bag.name or (own.name if own else ""), _created(bag.key_id)
    return Entry("key", chain, Place(name), alias, key=key.form, key_fits=fits, created=created, warnings=tuple(warnings), public_key=key.public)


def _created(key_id: bytes) -> int | None:
    """Java's localKeyId is ``Time`` and milliseconds since 1970."""
    digits = key_id.removeprefix(b"Time ")
    return int(digits) if digits != key_id and digits.isdigit() and len(digits) <= 18 else None
