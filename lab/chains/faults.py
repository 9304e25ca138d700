"""What can be wrong with a chain, one function a fault: each changes a plan and nothing else.

A fault's name is its group and what it does (`validity/leaf-expired`); tables are made by group. Faults that need a certificate
which a plan has not (an intermediate) change the nearest one above that it has.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from lab.chains import encode as e
from lab.chains.plan import (
    ANY_USAGE,
    CLIENT_AUTH,
    DAY,
    EMAIL_PROTECTION,
    HOST,
    NOON,
    SERVER_AUTH,
    Link,
    Plan,
    authority,
    info,
    organisation,
)  # fmt: skip

Fault = Callable[[Plan], None]
FAULTS: dict[str, Fault] = {}
SECOND = dt.timedelta(seconds=1)
GATED = "2.16.840.1.113730.4.1"


def _add(group: str, name: str, change: Fault) -> None:
    FAULTS[f"{group}/{name}"] = change


def _at(plan: Plan, place: str) -> Link:
    """leaf, ca (the nearest intermediate), top (the highest one), root; the root where there is no intermediate."""
    if place == "leaf":
        return plan.leaf
    cas = [name for name in plan.sent if name.startswith("ca") and name in plan.links]
    if place == "root" or not cas:
        return plan.links["root"]
    return plan.links[cas[0] if place == "ca" else cas[-1]]


def _each(group: str, name: str, change: Callable[[Link], None], places: tuple[str, ...] = ("leaf", "ca", "root")) -> None:
    for place in places:
        _add(group, f"{place}-{name}", lambda plan, place=place: change(_at(plan, place)))  # type: ignore[misc]


# --- validity -----------------------------------------------------------------------------------------------------------


def _times(begins: dt.datetime, ends: dt.datetime) -> Callable[[Link], None]:
    def change(link: Link) -> None:
        link.begins, link.ends = e.utc(begins), e.utc(ends)

    return change


def _ends(value: e.Time) -> Callable[[Link], None]:
    return lambda link: setattr(link, "ends", value)


_each("validity", "expired", _times(NOON - 400 * DAY, NOON - 5 * DAY))
_each("validity", "not-yet", _times(NOON + 3 * DAY, NOON + 300 * DAY))
_each("validity", "ends-now", _times(NOON - 100 * DAY, NOON))
_each("validity", "ended-a-second-ago", _times(NOON - 100 * DAY, NOON - SECOND))
_each("validity", "begins-now", _times(NOON, NOON + 100 * DAY))
_each("validity", "begins-in-a-second", _times(NOON + SECOND, NOON + 100 * DAY))
_each("validity", "reversed", _times(NOON + 100 * DAY, NOON - 100 * DAY))
_each("validity", "until-2060", _times(NOON - 100 * DAY, dt.datetime(2060, 1, 1, tzinfo=dt.UTC)))
_each("validity", "general-time-early", _ends((e.GENERAL_TIME, b"20251231235959Z")))
_each("validity", "fraction", _ends((e.GENERAL_TIME, b"20251231235959.5Z")), ("leaf", "ca"))
_each("validity", "no-seconds", _ends((e.UTC_TIME, b"2512312359Z")), ("leaf", "ca"))
_each("validity", "with-offset", _ends((e.UTC_TIME, b"251231235959+0100")), ("leaf",))
_each("validity", "a-thousand-years", _times(dt.datetime(1970, 1, 1, tzinfo=dt.UTC), dt.datetime(2969, 5, 3, tzinfo=dt.UTC)))
_each("validity", "since-1951", _times(dt.datetime(1951, 1, 1, tzinfo=dt.UTC), NOON + DAY))
_each("validity", "for-ever", _ends((e.GENERAL_TIME, b"99991231235959Z")))
_each("validity", "no-such-day", _ends((e.UTC_TIME, b"260230120000Z")), ("leaf", "ca"))
_each("validity", "no-time", _ends((e.UTC_TIME, b"tomorrow")), ("leaf", "ca"))
_each("validity", "two-years", _times(NOON - 10 * DAY, NOON + 800 * DAY), ("leaf",))
_each("validity", "wider-than-issuer", _times(NOON - 2000 * DAY, NOON + 5000 * DAY), ("leaf",))

# --- who issued it, and whether it was allowed ------------------------------------------------------------------------------

_each("authority", "not-a-ca", lambda x: x.put(e.BASIC, e.basic_constraints(False), critical=True), ("ca", "top", "root"))
_each("authority", "no-basic-constraints", lambda x: x.drop(e.BASIC), ("ca", "root"))
_each("authority", "basic-not-critical", lambda x: x.put(e.BASIC, e.basic_constraints(True)), ("ca", "root"))
_each("authority", "no-cert-sign", lambda x: x.put(e.KEY_USAGE, e.key_usage("digital_signature", "crl_sign"), critical=True), ("ca", "root"))
_each("authority", "no-key-usage", lambda x: x.drop(e.KEY_USAGE), ("ca", "root", "leaf"))
_each("authority", "empty-key-usage", lambda x: x.put(e.KEY_USAGE, e.key_usage(), critical=True), ("leaf", "ca"))
_each("authority", "cert-sign-only", lambda x: x.put(e.KEY_USAGE, e.key_usage("key_cert_sign"), critical=True), ("ca", "leaf"))


def _no_basic_but_cert_sign(link: Link) -> None:
    link.drop(e.BASIC)
    link.put(e.KEY_USAGE, e.key_usage("key_cert_sign"), critical=True)


_each("authority", "cert-sign-without-basic", _no_basic_but_cert_sign, ("ca", "root"))
_each("authority", "version-1", lambda x: setattr(x, "version", None), ("root", "ca", "leaf"))
_each("authority", "version-2", lambda x: setattr(x, "version", 1), ("ca", "leaf"))
_each("authority", "version-4", lambda x: setattr(x, "version", 3), ("leaf",))
_each("authority", "is-a-ca", lambda x: x.put(e.BASIC, e.basic_constraints(True), critical=True), ("leaf",))
_each("authority", "no-basic-constraints", lambda x: x.drop(e.BASIC), ("leaf",))
_each("authority", "path-length-on-leaf", lambda x: x.put(e.BASIC, e.basic_constraints(False, 0), critical=True), ("leaf",))
_each("authority", "path-length-negative", lambda x: x.put(e.BASIC, e.basic_constraints(True, -1), critical=True), ("ca",))
_each("authority", "path-length-huge", lambda x: x.put(e.BASIC, e.basic_constraints(True, 2**40), critical=True), ("ca", "root"))
_each("authority", "path-length-0", lambda x: x.put(e.BASIC, e.basic_constraints(True, 0), critical=True), ("ca", "top", "root"))
_each("authority", "path-length-1", lambda x: x.put(e.BASIC, e.basic_constraints(True, 1), critical=True), ("ca", "root"))

# --- usage ------------------------------------------------------------------------------------------------------------------


def _usages(*usages: str, critical: bool = False) -> Callable[[Link], None]:
    return lambda link: link.put(e.EKU, e.extended_key_usage(*usages), critical=critical)


for _name, _set in {
    "client-auth": (CLIENT_AUTH,), "server-auth": (SERVER_AUTH,), "both": (SERVER_AUTH, CLIENT_AUTH), "email": (EMAIL_PROTECTION,),
    "any": (ANY_USAGE,), "any-and-email": (EMAIL_PROTECTION, ANY_USAGE), "unknown": ("1.3.6.1.4.1.55555.3",), "gated": (GATED,), "empty": (),
}.items():  # fmt: skip
    _each("usage", _name, _usages(*_set), ("leaf", "ca", "root"))
_each("usage", "critical", _usages(SERVER_AUTH, CLIENT_AUTH, critical=True), ("leaf", "ca"))
_each("usage", "none", lambda x: x.drop(e.EKU), ("leaf",))
for _name, _bits in {
    "encipher-only": ("key_encipherment",), "agreement": ("key_agreement",), "data": ("data_encipherment",), "signs": ("digital_signature",),
    "content": ("content_commitment",), "decipher": ("key_agreement", "decipher_only"), "both": ("digital_signature", "key_encipherment"),
}.items():  # fmt: skip
    _each("usage", f"key-{_name}", lambda x, bits=_bits: x.put(e.KEY_USAGE, e.key_usage(*bits), critical=True), ("leaf",))  # type: ignore[misc]
_each("usage", "netscape-server", lambda x: x.put(e.NETSCAPE_TYPE, e.bit_string(b"\x40", 6)), ("leaf",))
_each("usage", "netscape-client", lambda x: x.put(e.NETSCAPE_TYPE, e.bit_string(b"\x80", 7)), ("leaf",))
_each("usage", "netscape-email", lambda x: x.put(e.NETSCAPE_TYPE, e.bit_string(b"\x20", 5), critical=True), ("leaf",))
_each("usage", "netscape-ca", lambda x: x.put(e.NETSCAPE_TYPE, e.bit_string(b"\x04", 2)), ("ca",))

# --- extensions --------------------------------------------------------------------------------------------------------------

_each("extension", "unknown-critical", lambda x: x.put(e.UNKNOWN, b"\x05\x00", critical=True))
_each("extension", "unknown", lambda x: x.put(e.UNKNOWN, b"\x05\x00"))
_each("extension", "empty-policies-critical", lambda x: x.put(e.POLICIES, e.sequence(), critical=True), ("leaf", "ca"))
_each("extension", "any-policy", lambda x: x.put(e.POLICIES, e.sequence(e.sequence(e.oid("2.5.29.32.0"))), critical=True))
_each("extension", "policy", lambda x: x.put(e.POLICIES, e.sequence(e.sequence(e.oid("1.3.6.1.4.1.55555.9.1")))), ("leaf", "ca"))
_each("extension", "explicit-policy", lambda x: x.put(e.POLICY_CONSTRAINTS, e.sequence(e.tlv(0x80, b"\0")), critical=True), ("ca", "root"))
_each("extension", "explicit-policy-lax", lambda x: x.put(e.POLICY_CONSTRAINTS, e.sequence(e.tlv(0x80, b"\0"))), ("ca",))
_each("extension", "explicit-policy-later", lambda x: x.put(e.POLICY_CONSTRAINTS, e.sequence(e.tlv(0x80, b"\5")), critical=True), ("ca",))
_each("extension", "inhibit-any-policy", lambda x: x.put(e.ANY_POLICY, e.integer(0), critical=True), ("ca",))
_each("extension", "mapped-policy", lambda x: x.put(
    e.MAPPINGS, e.sequence(e.sequence(e.oid("1.3.6.1.4.1.55555.9.1"), e.oid("1.3.6.1.4.1.55555.9.2"))), critical=True), ("ca",))  # fmt: skip
_POINT = e.sequence(e.sequence(e.tlv(0xA0, e.tlv(0xA0, e.general("uri", "http://crl.harbour.example/1.crl")))))
_each("extension", "crl-points", lambda x: x.put(e.CRLS, _POINT), ("leaf", "ca"))
_each("extension", "crl-points-critical", lambda x: x.put(e.CRLS, _POINT, critical=True), ("leaf", "ca"))
_ACCESS = e.sequence(e.sequence(e.oid("1.3.6.1.5.5.7.48.2"), e.general("uri", "http://ca.harbour.example/1.crt")))
_each("extension", "aia", lambda x: x.put(e.AIA, _ACCESS), ("leaf",))
_each("extension", "aia-critical", lambda x: x.put(e.AIA, _ACCESS, critical=True), ("leaf",))
_each("extension", "aia-malformed", lambda x: x.put(e.AIA, b"malformed"), ("leaf", "ca"))
_each("extension", "names-no-der", lambda x: x.put(e.SAN, b"example.com"), ("leaf",))
_each("extension", "names-twice", lambda x: setattr(x, "twice", e.SAN), ("leaf",))
_each("extension", "key-usage-malformed", lambda x: x.put(e.KEY_USAGE, b"\x04\x01\x80"), ("leaf", "ca"))
_each("extension", "key-usage-nine-bits", lambda x: x.put(e.KEY_USAGE, e.tlv(e.BITS, b"\x00\x86\x00")), ("leaf", "ca"))
_each("extension", "policies-malformed", lambda x: x.put(e.POLICIES, b"\x31\x00"), ("leaf", "ca"))
_each("extension", "crl-points-malformed", lambda x: x.put(e.CRLS, b"\x30\x02\x05\x00"), ("leaf", "ca"))
_each("extension", "proxy", lambda x: x.put(
    "1.3.6.1.5.5.7.1.14", e.sequence(e.sequence(e.oid("1.3.6.1.5.5.7.21.1"))), critical=True), ("leaf", "ca"))  # fmt: skip
_each("extension", "must-staple", lambda x: x.put("1.3.6.1.5.5.7.1.24", e.sequence(e.integer(5))), ("leaf",))
_each("extension", "twice", lambda x: setattr(x, "twice", e.KEY_USAGE), ("leaf", "ca"))


def _unknown_twice(link: Link) -> None:
    link.put(e.UNKNOWN, b"\x05\x00")
    link.twice = e.UNKNOWN


_each("extension", "unknown-twice", _unknown_twice, ("leaf",))
_each("extension", "basic-malformed", lambda x: x.put(e.BASIC, b"\x30\x03\x01\x01", critical=True), ("leaf", "ca"))
_each("extension", "usage-malformed", lambda x: x.put(e.EKU, b"\x04\x01\x00"), ("leaf",))
_each("extension", "names-malformed", lambda x: x.put(e.SAN, b"\x30\x05\x82\x20a"), ("leaf",))

# --- key identifiers ---------------------------------------------------------------------------------------------------------

_each("key-id", "no-subject-id", lambda x: setattr(x, "key_ids", (False, x.key_ids[1])), ("ca", "root", "leaf"))
_each("key-id", "no-authority-id", lambda x: setattr(x, "key_ids", (x.key_ids[0], False)), ("leaf", "ca", "root"))
_each("key-id", "authority-differs", lambda x: setattr(x, "authority", e.authority_key_id(b"\x11" * 20)), ("leaf", "ca", "root"))
_each("key-id", "serial-differs", lambda x: setattr(x, "authority", e.authority_key_id(None, organisation("Harbour Root"), 99)), ("leaf", "ca"))
_each("key-id", "serial-fits", lambda x: setattr(
    x, "authority", e.authority_key_id(None, organisation("Harbour Root"), 0x1234567)), ("leaf", "ca"))  # fmt: skip
_each("key-id", "issuer-differs", lambda x: setattr(
    x, "authority", e.authority_key_id(None, organisation("Elsewhere"), 0x1234567)), ("leaf", "ca"))  # fmt: skip
_each("key-id", "empty-authority-id", lambda x: setattr(x, "authority", e.sequence()), ("leaf",))
_each("key-id", "authority-malformed", lambda x: setattr(x, "authority", b"\x04\x00"), ("leaf",))


def _critical_id(plan: Plan) -> None:
    plan.leaf.key_ids = (True, False)
    plan.leaf.put(e.AKI, e.authority_key_id(e.key_id(info(plan.links[plan.leaf.issuer].key))), critical=True)


_add("key-id", "leaf-authority-critical", _critical_id)

# --- signature, key, serial number, names of the certificate --------------------------------------------------------------------


def _weak(digest: str) -> Callable[[Link], None]:
    def change(link: Link) -> None:
        link.digest, link.scheme, link.signer = digest, "", ""

    return change


def _rsa_below(place: str, digest: str) -> Fault:
    """The issuer of that certificate becomes an RSA one, so that it can sign over MD5."""

    def change(plan: Plan) -> None:
        link = _at(plan, place)
        plan.links[link.issuer].key = f"rsa2048:{link.issuer}"
        link.digest = digest

    return change


_each("signature", "tampered", lambda x: setattr(x, "tampered", True), ("leaf", "ca", "root"))
_each("signature", "other-signer", lambda x: setattr(x, "signer", "p256:stranger"), ("leaf", "ca"))
_each("signature", "other-kind-of-signer", lambda x: setattr(x, "signer", "rsa2048:stranger"), ("leaf", "ca"))
_each("signature", "sha1", _weak("sha1"), ("leaf", "ca", "root"))
_each("signature", "sha224", _weak("sha224"), ("leaf",))
_each("signature", "sha384", _weak("sha384"), ("leaf", "ca"))
for _place in ("leaf", "ca", "root"):
    _add("signature", f"{_place}-rsa-md5", _rsa_below(_place, "md5"))
    _add("signature", f"{_place}-rsa-sha1", _rsa_below(_place, "sha1"))
_each("signature", "outer-differs", lambda x: setattr(x, "outer_algorithm", e.algorithm_identifier("ec", "sha384")), ("leaf", "ca", "root"))


def _pss(plan: Plan) -> None:
    plan.links[plan.leaf.issuer].key = "rsa2048:pss"
    plan.leaf.scheme = "pss"


_add("signature", "leaf-rsa-pss", _pss)
for _kind in ("rsa1024", "rsa2048", "p384", "p521", "p224", "k256", "ed25519", "p192"):
    for _place in ("leaf", "ca", "root"):
        if _place == "leaf" or _kind not in ("p192", "p224"):
            _add("key", f"{_place}-{_kind}", lambda plan, k=_kind, p=_place: setattr(_at(plan, p), "key", f"{k}:{p}"))  # type: ignore[misc]


def _rsassa_key(plan: Plan) -> None:
    plan.leaf.key = "rsa2048:leaf"
    plain = info("rsa2048:leaf")
    plan.leaf.key_info = plain.replace(e.sequence(e.oid("1.2.840.113549.1.1.1"), b"\x05\0"), b"", 1)
    bits = plain[plain.index(b"\x03\x82") :]
    plan.leaf.key_info = e.sequence(e.sequence(e.oid("1.2.840.113549.1.1.10")), bits)


_add("key", "leaf-rsassa-pss", _rsassa_key)


def _key_info(link: Link, value: bytes) -> None:
    link.key_info = value


_LATTICE = e.sequence(e.sequence(e.oid("2.16.840.1.101.3.4.3.17")), e.bit_string(b"\x5a" * 1312))  # ML-DSA-44, RFC 9881
_UNKNOWN_KEY = e.sequence(e.sequence(e.oid("1.3.6.1.4.1.55555.8")), e.bit_string(b"\x5a" * 32))
_each("key", "ml-dsa", lambda x: _key_info(x, _LATTICE), ("leaf",))
_each("key", "unknown-kind", lambda x: _key_info(x, _UNKNOWN_KEY), ("leaf", "ca"))
_each("key", "off-the-curve", lambda x: _key_info(x, info("p256:leaf")[:-1] + bytes([info("p256:leaf")[-1] ^ 1])), ("leaf",))
_each("key", "rsa3072", lambda x: setattr(x, "key", "rsa3072:one"), ("leaf",))
for _name, _number in {"zero": 0, "negative": -5, "21-octets": 1 << 162, "40-octets": 1 << 318}.items():
    _each("serial", _name, lambda x, n=_number: setattr(x, "serial", n), ("leaf", "ca", "root"))  # type: ignore[misc]


def _nameless(link: Link) -> None:
    link.subject = ()


def _nameless_critical(link: Link) -> None:
    link.subject = ()
    link.extensions[e.SAN] = e.Extension(e.SAN, link.extensions[e.SAN].value, True)


def _nameless_without_names(link: Link) -> None:
    link.subject = ()
    link.drop(e.SAN)


_each("subject", "empty", _nameless, ("leaf", "ca", "root"))
_each("subject", "empty-names-critical", _nameless_critical, ("leaf",))
_each("subject", "empty-without-names", _nameless_without_names, ("leaf",))
_each("subject", "names-critical", lambda x: x.put(e.SAN, e.alternative_names([("dns", HOST)]), critical=True), ("leaf",))
_each("subject", "empty-names", lambda x: x.put(e.SAN, e.sequence(), critical=True), ("leaf",))
_each("subject", "bmp-string", lambda x: setattr(x, "subject", e.name((e.ORGANISATION, "Maple", e.BMP), (e.CN, HOST, e.BMP))), ("leaf",))
_each("subject", "printable-with-at", lambda x: setattr(x, "subject", e.name((e.CN, "a@b", e.PRINTABLE))), ("leaf",))
_each("subject", "t61", lambda x: setattr(x, "subject", e.name((e.ORGANISATION, "Größe", e.T61), (e.CN, HOST))), ("leaf",))


def _issuer_written(value: e.Name) -> Fault:
    return lambda plan: setattr(plan.leaf, "issuer_name", value)


def _issuer_as(change: Callable[[str], str], tag: int | None = None) -> Fault:
    """The leaf names its issuer in another spelling."""

    def apply(plan: Plan) -> None:
        subject = plan.links[plan.leaf.issuer].subject
        plan.leaf.issuer_name = tuple(tuple((k, change(v), t if tag is None else tag) for k, v, t in rdn) for rdn in subject)

    return apply


_add("issuer", "empty", _issuer_written(()))
_add("issuer", "other-name", _issuer_written(organisation("Harbour Elsewhere")))
_add("issuer", "upper-case", _issuer_as(str.upper))
_add("issuer", "printable", _issuer_as(str, e.PRINTABLE))
_add("issuer", "bmp", _issuer_as(str, e.BMP))
_add("issuer", "spaces", _issuer_as(lambda v: "  " + v.replace(" ", "   ") + " "))
_add("issuer", "reordered", lambda plan: setattr(plan.leaf, "issuer_name", tuple(reversed(plan.links[plan.leaf.issuer].subject))))
_add("issuer", "umlaut-case", lambda plan: _umlaut(plan))


def _umlaut(plan: Plan) -> None:
    issuer = plan.links[plan.leaf.issuer]
    issuer.subject = e.name((e.CN, "Größe Ä"))
    plan.leaf.issuer_name = e.name((e.CN, "größe ä"))


# --- what is sent, and what is trusted ------------------------------------------------------------------------------------------


def _sent(change: Callable[[list[str]], None]) -> Fault:
    return lambda plan: change(plan.sent)


def _remove_nearest(plan: Plan) -> None:
    if len(plan.sent) > 1:
        plan.sent.pop(1)


def _stranger(plan: Plan, subject: e.Name | None = None) -> Link:
    plan.add(authority("strange-root", "strange-root", "Heath Root"))
    other = plan.add(authority("stranger", "strange-root", "Heath Issuing"))
    if subject is not None:
        other.subject = subject
    return other


def _wrong(plan: Plan) -> None:
    _stranger(plan)
    _remove_nearest(plan)
    plan.sent.insert(1, "stranger")


def _namesake(plan: Plan, *, before: bool, keep: bool, ids: bool = True) -> None:
    """A CA of the same name with another key, issued by the same root."""
    near = plan.links[plan.leaf.issuer]
    if near.issuer == near.label:
        other = plan.add(authority("namesake", "namesake", "x"))
    else:
        other = plan.add(authority("namesake", near.issuer, "x"))
    other.subject = near.subject
    if not ids:
        other.key_ids = plan.leaf.key_ids = (False, False)
    if not keep:
        _remove_nearest(plan)
    plan.sent.insert(1 if before else len(plan.sent), "namesake")


_add("sent", "without-nearest", _remove_nearest)
_add("sent", "leaf-only", _sent(lambda sent: sent.__delitem__(slice(1, None))))
_add("sent", "with-root", lambda plan: plan.sent.append("root"))
_add("sent", "root-first", lambda plan: plan.sent.insert(1, "root"))
_add("sent", "reversed", _sent(lambda sent: sent.__setitem__(slice(1, None), list(reversed(sent[1:])))))
_add("sent", "leaf-last", _sent(lambda sent: sent.append(sent.pop(0))))
_add("sent", "leaf-twice", _sent(lambda sent: sent.insert(1, sent[0])))
_add("sent", "nearest-twice", _sent(lambda sent: sent.append(sent[min(1, len(sent) - 1)])))
_add("sent", "with-stranger", lambda plan: plan.sent.append(_stranger(plan).label))
_add("sent", "stranger-first", lambda plan: plan.sent.insert(1, _stranger(plan).label))
_add("sent", "stranger-instead", _wrong)
_add("sent", "namesake-before", lambda plan: _namesake(plan, before=True, keep=True))
_add("sent", "namesake-after", lambda plan: _namesake(plan, before=False, keep=True))
_add("sent", "namesake-instead", lambda plan: _namesake(plan, before=True, keep=False))
_add("sent", "namesake-before-without-ids", lambda plan: _namesake(plan, before=True, keep=True, ids=False))


def _anchors(*names: str) -> Fault:
    return lambda plan: setattr(plan, "anchors", [name for name in names if name in plan.links])


def _other_root(plan: Plan) -> None:
    _stranger(plan)
    plan.anchors = ["strange-root"]


def _root_namesake(plan: Plan, *, instead: bool) -> None:
    twin = plan.add(authority("twin", "twin", "Harbour Root"))
    twin.subject = plan.links["root"].subject
    plan.anchors = ["twin"] if instead else ["twin", *plan.anchors]


def _root_twin_same_key(plan: Plan, *, expired: bool) -> None:
    twin = plan.add(authority("twin", "twin", "Harbour Root", at_key=plan.links["root"].key))
    twin.subject, twin.serial = plan.links["root"].subject, 77
    if expired:
        twin.begins, twin.ends = e.utc(NOON - 900 * DAY), e.utc(NOON - 30 * DAY)
    plan.anchors = ["twin", "root"]


_add("trust", "nothing-fits", _other_root)
_add("trust", "nearest-only", lambda plan: setattr(plan, "anchors", [plan.leaf.issuer]))
_add("trust", "nearest-and-root", lambda plan: setattr(plan, "anchors", [plan.leaf.issuer, *plan.anchors]))
_add("trust", "leaf-only", _anchors("leaf"))
_add("trust", "leaf-and-root", _anchors("leaf", "root"))
_add("trust", "root-of-same-name", lambda plan: _root_namesake(plan, instead=True))
_add("trust", "also-root-of-same-name", lambda plan: _root_namesake(plan, instead=False))
_add("trust", "root-renewed", lambda plan: _root_twin_same_key(plan, expired=False))
_add("trust", "root-renewed-old-expired", lambda plan: _root_twin_same_key(plan, expired=True))


def _self_signed(plan: Plan, *, trusted: bool) -> None:
    plan.leaf.issuer = "leaf"
    plan.sent, plan.anchors = ["leaf"], ["leaf"] if trusted else ["root"]


_add("trust", "self-signed", lambda plan: _self_signed(plan, trusted=False))
_add("trust", "self-signed-trusted", lambda plan: _self_signed(plan, trusted=True))
_add("trust", "other-purpose", lambda plan: setattr(plan, "purpose", "client" if plan.purpose == "server" else "server"))


def _drop_host(plan: Plan) -> None:
    plan.host = None


_add("host", "not-asked", _drop_host)
_add("host", "other", lambda plan: setattr(plan, "host", "www.harbour.example"))
_add("host", "no-names", lambda plan: plan.leaf.drop(e.SAN))


def _common_name_only(plan: Plan) -> None:
    plan.leaf.drop(e.SAN)
    plan.leaf.subject = e.name((e.CN, "till 7"))


_add("host", "cn-differs", _common_name_only)
