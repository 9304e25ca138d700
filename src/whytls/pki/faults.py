"""What can be wrong with the certificates of one path, whatever the time and the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from whytls.pki.certificate import ANY_USAGE, CLIENT_AUTH, SERVER_AUTH, Certificate
from whytls.pki.constraints import readable, violation
from whytls.pki.defect import Defect, Purpose
from whytls.pki.links import self_signed
from whytls.pki.path import Node, Path

# Server Gated Cryptography, from the days of export ciphers: OpenSSL (XKU_SGC) and Java still take them for serverAuth.
GATED = frozenset({"2.16.840.1.113730.4.1", "1.3.6.1.4.1.311.10.3.3"})
WEAK_DIGESTS = ("md2", "md4", "md5", "sha1")


def position(path: Path, place: int) -> str:
    """Where a certificate stands on its path, in one word."""
    if place == 0:
        return "leaf"
    node = path.nodes[place]
    return "root" if node.anchor or self_signed(node.certificate) else "intermediate"


def of_path(path: Path, purpose: Purpose) -> list[Defect]:
    """All defects of a path that do not depend on time and host."""
    found: list[Defect] = []
    for place, node in enumerate(path.nodes):
        where = position(path, place)
        found += _weak(node, where)
        found += _usage(node, where, purpose)
        if place:
            found += _authority(path, place)
        if place < len(path.links):
            found += _link(path, place)
    return found


def _weak(node: Node, where: str) -> Iterator[Defect]:
    certificate = node.certificate
    weakness = _weak_key(certificate)
    if weakness:
        key = {"key_type": certificate.key_type, "key_bits": certificate.key_bits, "curve": certificate.curve}
        yield _defect("weak-key", node, weakness, {"position": where, **key})
    # Nobody relies on the signature of a self-signed certificate: it is trusted for being in the store.
    if certificate.signature_hash in WEAK_DIGESTS and not certificate.self_issued and not node.anchor:
        digest = certificate.signature_hash
        yield _defect("weak-digest", node, digest, {"position": where, "digest": digest})


def _weak_key(certificate: Certificate) -> str:
    kind, bits = certificate.key_type, certificate.key_bits or 0
    if kind in ("rsa", "rsa-pss") and 0 < bits < 2048:
        return "rsa-below-1024" if bits < 1024 else "rsa-below-2048"
    if kind == "ec" and 0 < bits < 224:
        return "ec-below-224"
    return "dsa" if kind == "dsa" else ""


def _usage(node: Node, where: str, purpose: Purpose) -> Iterator[Defect]:
    """What the certificate is for, by its extensions (RFC 5280 sections 4.2.1.3 and 4.2.1.12)."""
    certificate, wanted = node.certificate, SERVER_AUTH if purpose == "server" else CLIENT_AUTH
    usages = certificate.extended_key_usage
    # Above the leaf it limits what is below (OpenSSL, Go, browsers; not Java). A root's is read by nobody but OpenSSL.
    if usages is not None and where != "root" and wanted not in usages and not (purpose == "server" and usages & GATED):
        form = "issuer-usage" if where != "leaf" else _other_usage(usages, purpose)
        form = "any-usage-only" if ANY_USAGE in usages else form
        yield _defect("wrong-usage", node, form, {"position": where, "wanted": wanted, "presented": tuple(sorted(usages))})
    keys = certificate.key_usage
    if where == "leaf" and keys is not None and not self_signed(certificate):
        signs = {"digital_signature", "key_agreement"} | ({"key_encipherment"} if purpose == "server" else set())
        if not keys & signs:
            facts = {"position": where, "wanted": "digital_signature", "presented": tuple(sorted(keys))}
            yield _defect("wrong-usage", node, "key-usage", facts)


def _other_usage(usages: frozenset[str], purpose: Purpose) -> str:
    return "other-side" if (CLIENT_AUTH if purpose == "server" else SERVER_AUTH) in usages else "no-tls"


def _authority(path: Path, place: int) -> Iterator[Defect]:
    """Whether a certificate that issued another was allowed to."""
    node, where = path.nodes[place], position(path, place)
    certificate = node.certificate
    form = _no_authority(certificate)
    if form:
        facts = {"position": where, "version": certificate.version}
        yield _defect("issuer-not-ca", node, form, facts, certain=form != "version-1")
    if certificate.path_length is not None:
        # Self-issued certificates and the leaf do not count (RFC 5280 section 4.2.1.9).
        below = sum(1 for other in path.nodes[1:place] if not other.certificate.self_issued)
        if below > certificate.path_length:
            length = {"position": where, "allowed": certificate.path_length, "length": below}
            yield _defect("path-length-exceeded", node, "", length)
    yield from _names(path, place)


def _names(path: Path, place: int) -> Iterator[Defect]:
    """Names below a CA that its constraints do not allow."""
    certificate = path.nodes[place].certificate
    if certificate.name_constraints is not None:
        for below_place, other in enumerate(path.nodes[:place]):
            broken = violation(other.certificate, certificate) if not below_place or not other.certificate.self_issued else None
            if broken:
                permitted = tuple(readable(s) for k, s in certificate.name_constraints.permitted if k == broken.kind)
                facts = {
                    "position": position(path, below_place), "kind": broken.kind, "name": readable(broken.name),
                    "excluded": readable(broken.excluded), "permitted": permitted, "ca": certificate.subject,
                }  # fmt: skip
                yield _defect("name-constraints", other, "excluded" if broken.excluded else "not-permitted", facts)


def _no_authority(certificate: Certificate) -> str:
    if certificate.problems and certificate.is_ca is None:
        return ""  # not readable: nothing is known
    if certificate.is_ca is False:
        return "not-a-ca"
    if certificate.is_ca is None:
        return "version-1" if certificate.version == 1 and certificate.self_issued else "no-basic-constraints"
    if certificate.key_usage is not None and "key_cert_sign" not in certificate.key_usage:
        return "no-cert-sign"
    return ""


def _link(path: Path, place: int) -> Iterator[Defect]:
    """Where a certificate is tied to the next one, and the tie is not sound."""
    node, link, above = path.nodes[place], path.links[place], path.nodes[place + 1]
    certificate = node.certificate
    facts = {
        "issuer": certificate.issuer, "candidate": above.certificate.subject, "candidate_index": above.sent,
        "position": position(path, place), "issuer_key_id": _hex(certificate.aki), "candidate_key_id": _hex(above.certificate.ski),
    }  # fmt: skip
    if link.broken and link.key_id is not False:
        # The right name and, where both say it, the right key: then the certificate was changed after it was signed.
        yield _defect("bad-signature", node, "" if link.key_id else "or-other-key", facts, certain=bool(link.key_id))
    elif link.broken:
        yield _defect("wrong-intermediate", node, "other-key", facts)
    elif link.key_id is False:
        yield _defect("key-identifier-differs", node, "", facts)
    if not link.exact:
        yield _defect("name-encoding-differs", node, "", facts)


def _defect(slug: str, node: Node, detail: str, facts: Mapping[str, object], *, certain: bool = True) -> Defect:
    return Defect(slug, node.sent, node.certificate.sha256, detail, facts, certain)


def _hex(key_id: bytes | None) -> str:
    return key_id.hex() if key_id else ""
