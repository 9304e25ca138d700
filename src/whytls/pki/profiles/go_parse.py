"""What Go's parser refuses (crypto/x509/parser.go, Go 1.19): a certificate that it does not read ends the handshake.

The texts are Go's, without their `x509: `. Go also refuses DER that no certificate in a captured handshake had (tags above 30,
lengths not in the shortest form); those are `malformed certificate` here.
"""

from __future__ import annotations

import re

from whytls.exceptions import Malformed
from whytls.pki import details as d
from whytls.pki.der import children, dotted, element
from whytls.pki.details import Details, GeneralName, Subtree
from whytls.pki.profiles.go_names import mailbox, quoted, reverse_labels, url_host

_CURVES = {"1.3.132.0.33", "1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"}  # P-224, P-256, P-384, P-521
_PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?*&]*")
_NUMERIC = re.compile(rb"[0-9 ]*")
_UTC = re.compile(rb"\d{10}(\d\d)?(Z|[+-]\d{4})")
_GENERAL = re.compile(rb"\d{14}(Z|[+-]\d{4})")
_HANDLED = {d.KEY_USAGE, d.BASIC, d.SAN, d.NAMES, d.CRLS, d.AKI, d.EKU, d.SKI, d.POLICIES, d.AIA}


def problem(details: Details) -> str:
    """Why Go does not parse it, in Go's words without the prefix; empty where it does."""
    if not details.readable:
        return "malformed certificate"
    if not 1 <= details.version <= 3:
        return "invalid version" if details.version > 3 else "malformed version"
    if details.inner_algorithm != details.outer_algorithm:
        return "inner and outer signature algorithm identifiers don't match"
    trouble = _names(details.issuer) or _times(details) or _names(details.subject) or _key(details)
    if trouble or details.version != 3:
        return trouble
    if details.duplicates:
        return "certificate contains duplicate extensions"
    return next(filter(None, (_extension(details, extension) for extension in details.extensions)), "")


def unhandled(details: Details) -> bool:
    """Whether a critical extension is left that Go does not act upon."""
    if details.version != 3:
        return False
    for extension in details.extensions:
        if extension.critical and (extension.kind not in _HANDLED or _not_acted_upon(details, extension.kind)):
            return True
    return False


def _not_acted_upon(details: Details, kind: str) -> bool:
    if kind == d.SAN:
        return not any(name.tag in (d.RFC822, d.DNS, d.URI, d.IP) for name in details.names or ())
    if kind == d.NAMES:
        subtrees = details.permitted + details.excluded
        return any(subtree.base.tag not in (d.RFC822, d.DNS, d.URI, d.IP) for subtree in subtrees)
    return False


def _names(name: d.Name | None) -> str:
    for rdn in name or ():
        for attribute in rdn:
            trouble = _text(attribute)
            if trouble:
                return f"invalid RDNSequence: invalid attribute value: {trouble}"
    return ""


def _text(attribute: d.Attribute) -> str:
    tag, body = attribute.tag, attribute.body
    if tag == 0x13 and not _PRINTABLE.fullmatch(body):
        return "invalid PrintableString"
    if tag == 0x12 and not _NUMERIC.fullmatch(body):
        return "invalid NumericString"
    if tag == 0x1E and len(body) % 2:
        return "invalid BMPString"
    if tag == 0x16 and not body.isascii():
        return "invalid IA5String"
    if tag == 0x0C:
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            return "invalid UTF-8 string"
    return "" if tag in (0x0C, 0x12, 0x13, 0x14, 0x16, 0x1E) else f"unsupported string type: {tag}"


def _times(details: Details) -> str:
    for moment, value in ((details.begins, details.certificate.not_before), (details.ends, details.certificate.not_after)):
        if moment.tag not in (0x17, 0x18):
            return "unsupported time format"
        pattern, kind = (_UTC, "UTCTime") if moment.tag == 0x17 else (_GENERAL, "GeneralizedTime")
        if not pattern.fullmatch(moment.body) or value is None or not moment.exists:
            return f"malformed {kind}"
    return ""


def _key(details: Details) -> str:
    kind, parameters = details.key_algorithm, details.key_parameters
    if kind == "1.2.840.113549.1.1.1":
        if parameters != b"\x05\x00":
            return "RSA key missing NULL parameters"
        return "" if details.certificate.key_bits else "invalid RSA public key"
    if kind == "1.2.840.10045.2.1":
        try:
            curve = element(parameters, 0, len(parameters))
            oid = dotted(parameters[curve.body : curve.end]) if curve.tag == 0x06 else ""
        except Malformed:
            oid = ""
        if not oid:
            return "invalid ECDSA parameters"
        if oid not in _CURVES:
            return "unsupported elliptic curve"
        return "" if details.key[:1] == b"\x04" and details.certificate.curve else "failed to unmarshal elliptic curve point"
    if kind == "1.3.101.112" and (parameters or len(details.key) != 32):
        return "Ed25519 key encoded with illegal parameters" if parameters else "wrong Ed25519 public key size"
    return ""


def _extension(details: Details, extension: d.Extension) -> str:
    kind, value = extension.kind, extension.value
    if kind == d.SAN:
        return "invalid subject alternative names" if details.names is None else _alternative_names(details.names)
    if kind == d.NAMES:
        return _constraints(details)
    if kind == d.BASIC:
        return _basic(value)
    if kind == d.KEY_USAGE:
        return "" if _bits(value) else "invalid key usage"
    if kind == d.SKI:
        return "" if value[:1] == b"\x04" and _parts(value, 0x04) is not None else "invalid subject key identifier"
    words = {
        d.EKU: "invalid extended key usages", d.AKI: "invalid authority key identifier", d.CRLS: "invalid CRL distribution points",
        d.POLICIES: "invalid certificate policies", d.AIA: "invalid authority info access",
    }  # fmt: skip
    if kind not in words:
        return ""
    parts = _parts(value, 0x30)
    if kind == d.CRLS and parts and any(tag != 0x30 for tag in parts):
        return "invalid CRL distribution point"
    wanted = {d.EKU: 0x06, d.POLICIES: 0x30, d.AIA: 0x30}.get(kind)
    return words[kind] if parts is None or (wanted and any(tag != wanted for tag in parts)) else ""


def _parts(value: bytes, tag: int) -> list[int] | None:
    """The tags inside an extension's value, which has to begin with that tag."""
    try:
        outer = element(value, 0, len(value))
        if outer.tag != tag:
            return None
        return [child.tag for child in children(value, outer)] if tag == 0x30 else []
    except Malformed:
        return None


def _bits(value: bytes) -> bool:
    """A BIT STRING in DER: at most seven unused bits, all of them 0."""
    try:
        bits = element(value, 0, len(value))
    except Malformed:
        return False
    body = value[bits.body : bits.end]
    return bits.tag == 0x03 and bool(body) and body[0] <= 7 and (len(body) > 1 or not body[0]) and not body[-1] & ((1 << body[0]) - 1)


def _basic(value: bytes) -> str:
    try:
        outer = element(value, 0, len(value))
        if outer.tag != 0x30:
            return "invalid basic constraints a"
    except Malformed:
        return "invalid basic constraints a"
    try:
        parts = list(children(value, outer))
    except Malformed:
        return "invalid basic constraints b"
    if parts and parts[0].tag == 0x01:
        if value[parts[0].body : parts[0].end] not in (b"\x00", b"\xff"):
            return "invalid basic constraints b"
        parts = parts[1:]
    if parts and parts[0].tag == 0x02 and not 1 <= parts[0].end - parts[0].body <= 8:
        return "invalid basic constraints c"
    return ""


def _alternative_names(names: tuple[GeneralName, ...]) -> str:
    for name in names:
        if name.tag == d.RFC822 and not name.body.isascii():
            return "SAN rfc822Name is malformed"
        if name.tag == d.DNS and not name.body.isascii():
            return "SAN dNSName is malformed"
        if name.tag == d.URI:
            if not name.body.isascii():
                return "SAN uniformResourceIdentifier is malformed"
            host, trouble = url_host(name.text)
            if trouble:
                return f"cannot parse URI {quoted(name.text)}: {trouble}"
            if host and reverse_labels(host) is None:
                return f"cannot parse URI {quoted(name.text)}: invalid domain"
        if name.tag == d.IP and len(name.body) not in (4, 16):
            return f"cannot parse IP address of length {len(name.body)}"
    return ""


def _constraints(details: Details) -> str:
    extension = details.extension(d.NAMES)
    if d.NAMES in details.unread or extension is None:
        return "invalid NameConstraints extension"
    if not details.permitted and not details.excluded:
        return "empty name constraints extension"
    return next(filter(None, map(_subtree, details.permitted + details.excluded)), "")


def _subtree(subtree: Subtree) -> str:
    base = subtree.base
    if base.tag == d.IP:
        if len(base.body) not in (8, 32):
            return f"IP constraint contained value of length {len(base.body)}"
        mask = base.body[len(base.body) // 2 :]
        bits = "".join(f"{octet:08b}" for octet in mask)
        return f"IP constraint contained invalid mask {mask.hex()}" if "01" in bits else ""
    if base.tag not in (d.DNS, d.RFC822, d.URI):
        return ""
    text = base.text
    if not base.body.isascii():
        shown = quoted(base.body.decode("utf-8", "replace"))
        return f"invalid constraint value: x509: {shown} cannot be encoded as an IA5String"
    kind = {d.DNS: "dnsName", d.RFC822: "rfc822Name", d.URI: "URI"}[base.tag]
    if base.tag == d.URI and re.fullmatch(r"[0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", text) and _is_address(text):
        return f"failed to parse URI constraint {quoted(text)}: cannot be IP address"
    sound = mailbox(text) if base.tag == d.RFC822 and "@" in text else reverse_labels(text.removeprefix("."))
    return f"failed to parse {kind} constraint {quoted(text)}" if sound is None else ""


def _is_address(text: str) -> bool:
    from whytls.pki.families import address

    return address(text) is not None
