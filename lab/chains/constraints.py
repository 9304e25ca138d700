"""Name constraints of every kind, on the nearest CA or the root, against names of every kind in the leaf (RFC 5280 section 4.2.1.10)."""

from __future__ import annotations

from lab.chains import encode as e
from lab.chains.faults import FAULTS
from lab.chains.plan import HOST, Plan

MAPLE = e.name((e.ORGANISATION, "Maple Stores"))
MAPLE_UPPER = e.name((e.ORGANISATION, "MAPLE  STORES", e.PRINTABLE))
ELSEWHERE = e.name((e.ORGANISATION, "Elsewhere"))
EMPTY: e.Name = ()
Names = tuple[tuple[str, str | bytes | e.Name], ...]

# permitted, excluded, further names of the leaf (beside its host name)
CONSTRAINTS: dict[str, tuple[Names, Names, Names]] = {
    "dns-fits": ((("dns", "harbour.example"),), (), ()),
    "dns-exact": ((("dns", HOST),), (), ()),
    "dns-upper": ((("dns", "HARBOUR.example"),), (), ()),
    "dns-dot": ((("dns", ".harbour.example"),), (), ()),
    "dns-dot-exact": ((("dns", "." + HOST),), (), ()),
    "dns-longer": ((("dns", "v1." + HOST),), (), ()),
    "dns-suffix-only": ((("dns", "bour.example"),), (), ()),
    "dns-other": ((("dns", "orchard.example"),), (), ()),
    "dns-one-of-two": ((("dns", "orchard.example"), ("dns", "harbour.example")), (), ()),
    "dns-empty": ((("dns", ""),), (), ()),
    "dns-trailing-dot": ((("dns", "harbour.example."),), (), ()),
    "dns-wildcard": ((("dns", "*.harbour.example"),), (), ()),
    "dns-blank": ((("dns", " "),), (), ()),
    "dns-excluded": ((), (("dns", "harbour.example"),), ()),
    "dns-excluded-empty": ((), (("dns", ""),), ()),
    "dns-excluded-other": ((), (("dns", "orchard.example"),), ()),
    "dns-both": ((("dns", "example"),), (("dns", HOST),), ()),
    "dns-second-name": ((("dns", "harbour.example"),), (), (("dns", "www.orchard.example"),)),
    "dns-wildcard-name": ((("dns", "harbour.example"),), (), (("dns", "*.harbour.example"),)),
    "dns-wildcard-name-out": ((("dns", "harbour.example"),), (), (("dns", "*.example"),)),
    "dns-wildcard-name-excluded": ((), (("dns", "secret.harbour.example"),), (("dns", "*.harbour.example"),)),
    "dns-utf8": ((("raw-dns", "hafen.exämple".encode()),), (), ()),
    "dns-name-trailing-dot": ((("dns", "harbour.example"),), (), (("dns", "www.harbour.example."),)),
    "dns-name-empty": ((("dns", "harbour.example"),), (), (("dns", ""),)),
    "dns-name-blank": ((("dns", "harbour.example"),), (), (("dns", "a b.harbour.example"),)),
    "ip-only": ((("network", "10.0.0.0/8"),), (), ()),
    "ip-fits": ((("network", "10.0.0.0/8"),), (), (("ip", "10.1.2.3"),)),
    "ip-misses": ((("network", "10.0.0.0/8"),), (), (("ip", "192.0.2.1"),)),
    "ip-excluded": ((), (("network", "10.0.0.0/8"),), (("ip", "10.1.2.3"),)),
    "ip-excluded-all": ((), (("network", "0.0.0.0/0"),), (("ip", "10.1.2.3"),)),
    "ip-host-bits": ((("raw-ip", b"\x0a\x01\x02\x03\xff\xff\0\0"),), (), (("ip", "10.1.9.9"),)),
    "ip-odd-mask": ((("raw-ip", b"\x0a\0\0\0\xff\0\xff\0"),), (), (("ip", "10.1.0.9"),)),
    "ip-short": ((("raw-ip", b"\x0a\0\0\0"),), (), (("ip", "10.0.0.0"),)),
    "ip-13": ((("raw-ip", b"\x0a" * 13),), (), (("ip", "10.0.0.1"),)),
    "ip6-fits": ((("network", "2001:db8::/32"),), (), (("ip", "2001:db8::1"),)),
    "ip6-misses": ((("network", "2001:db8::/32"),), (), (("ip", "2001:db9::1"),)),
    "ip6-against-ip4": ((("network", "10.0.0.0/8"),), (), (("ip", "2001:db8::1"),)),
    "ip6-excluded": ((), (("network", "2001:db8::/32"),), (("ip", "2001:db8::1"),)),
    "ip4-mapped": ((("network", "10.0.0.0/8"),), (), (("ip", "::ffff:10.0.0.1"),)),
    "email-domain": ((("email", "maple.example"),), (), (("email", "a@maple.example"),)),
    "email-case": ((("email", "MAPLE.example"),), (), (("email", "a@Maple.Example"),)),
    "email-subdomain": ((("email", "maple.example"),), (), (("email", "a@x.maple.example"),)),
    "email-dot": ((("email", ".maple.example"),), (), (("email", "a@x.maple.example"),)),
    "email-dot-itself": ((("email", ".maple.example"),), (), (("email", "a@maple.example"),)),
    "email-mailbox": ((("email", "a@maple.example"),), (), (("email", "a@maple.example"),)),
    "email-mailbox-case": ((("email", "a@maple.example"),), (), (("email", "A@maple.example"),)),
    "email-mailbox-other": ((("email", "a@maple.example"),), (), (("email", "b@maple.example"),)),
    "email-excluded": ((), (("email", "maple.example"),), (("email", "a@maple.example"),)),
    "email-none-there": ((("email", "maple.example"),), (), ()),
    "email-without-at": ((("email", "maple.example"),), (), (("email", "maple.example"),)),
    "email-two-at": ((("email", "maple.example"),), (), (("email", "a@b@maple.example"),)),
    "email-quoted": ((("email", "maple.example"),), (), (("email", '"a b"@maple.example'),)),
    "email-empty": ((("email", ""),), (), (("email", "a@maple.example"),)),
    "uri-fits": ((("uri", "maple.example"),), (), (("uri", "https://maple.example/x"),)),
    "uri-sub": ((("uri", "maple.example"),), (), (("uri", "https://www.maple.example/x"),)),
    "uri-dot": ((("uri", ".maple.example"),), (), (("uri", "https://www.maple.example:8443/x"),)),
    "uri-dot-itself": ((("uri", ".maple.example"),), (), (("uri", "https://maple.example/x"),)),
    "uri-excluded": ((), (("uri", "maple.example"),), (("uri", "https://maple.example/x"),)),
    "uri-none-there": ((("uri", "maple.example"),), (), ()),
    "uri-no-authority": ((("uri", "maple.example"),), (), (("uri", "urn:a:b"),)),
    "uri-address": ((("uri", "maple.example"),), (), (("uri", "https://10.0.0.1/"),)),
    "uri-with-scheme": ((("uri", "https://maple.example"),), (), (("uri", "https://maple.example/"),)),
    "dirname-fits": ((("dirname", MAPLE),), (), ()),
    "dirname-case": ((("dirname", MAPLE_UPPER),), (), ()),
    "dirname-misses": ((("dirname", ELSEWHERE),), (), ()),
    "dirname-excluded": ((), (("dirname", MAPLE),), ()),
    "dirname-excluded-other": ((), (("dirname", ELSEWHERE),), ()),
    "dirname-empty": ((("dirname", EMPTY),), (), ()),
    "dirname-excluded-empty": ((), (("dirname", EMPTY),), ()),
    "dirname-in-names": ((("dirname", MAPLE),), (), (("dirname", ELSEWHERE),)),
    "other-name": ((("other", "x"),), (), (("other", "x"),)),
    "other-name-not-there": ((("other", "x"),), (), ()),
    "registered-id": ((("rid", "1.2.3"),), (), (("rid", "1.2.3"),)),
    "registered-id-excluded": ((), (("rid", "1.2.3"),), (("rid", "1.2.3"),)),
    "registered-id-not-there": ((), (("rid", "1.2.3"),), ()),
    "all-kinds": ((("dns", "harbour.example"), ("dirname", MAPLE), ("network", "10.0.0.0/8"), ("email", "maple.example")), (), ()),
}  # fmt: skip


def _constrain(plan: Plan, place: str, form: str, *, critical: bool = True) -> None:
    permitted, excluded, names = CONSTRAINTS[form]
    leaf = plan.leaf
    ca = plan.links["root"] if place == "root" else plan.links[leaf.issuer]
    ca.put(e.NAMES, e.name_constraints(permitted, excluded), critical=critical)
    if names:
        own: Names = (("dns", HOST),) if plan.purpose == "server" else ()
        leaf.put(e.SAN, e.alternative_names([*own, *names]))


def _special(name: str, value: bytes) -> None:
    FAULTS[f"constraints/{name}"] = lambda plan: plan.links[plan.leaf.issuer].put(e.NAMES, value, critical=True)


for _form in CONSTRAINTS:
    FAULTS[f"constraints/ca-{_form}"] = lambda plan, form=_form: _constrain(plan, "ca", form)  # type: ignore[misc]
    FAULTS[f"constraints/root-{_form}"] = lambda plan, form=_form: _constrain(plan, "root", form)  # type: ignore[misc]
FAULTS["constraints/not-critical"] = lambda plan: _constrain(plan, "ca", "dns-other", critical=False)
_DNS = (("dns", "harbour.example"),)
_special("minimum-0", e.name_constraints(_DNS, distance=e.tlv(0x80, b"\0")))
_special("minimum-1", e.name_constraints(_DNS, distance=e.tlv(0x80, b"\1")))
_special("maximum-2", e.name_constraints(_DNS, distance=e.tlv(0x81, b"\2")))
_special("empty", e.sequence())
_special("malformed", b"\x30\x03\xa0\x05\x30")


def _merged(upper: str, lower: str) -> None:
    """Two CAs that constrain, one above the other: the narrower, the wider and the contradicting one."""

    def change(plan: Plan) -> None:
        _constrain(plan, "root", upper)
        permitted, excluded, _ = CONSTRAINTS[lower]
        plan.links[plan.leaf.issuer].put(e.NAMES, e.name_constraints(permitted, excluded), critical=True)

    FAULTS[f"constraints/{upper}-then-{lower}"] = change


for _upper, _lower in (
    ("dns-fits", "dns-exact"), ("dns-exact", "dns-fits"), ("dns-fits", "dns-other"), ("dns-other", "dns-fits"), ("dns-fits", "ip-only"),
    ("dns-excluded-other", "dns-fits"), ("dns-fits", "dns-excluded"), ("dns-fits", "dns-excluded-other"), ("ip-fits", "dns-fits"),
    ("dirname-fits", "dns-fits"), ("dns-fits", "dirname-misses"), ("ip6-fits", "ip-only"), ("email-domain", "email-dot"),
    ("dns-excluded", "dns-fits"), ("dns-fits", "dns-empty"), ("dns-empty", "dns-other"), ("dns-fits", "dns-fits"),
):  # fmt: skip
    _merged(_upper, _lower)


def _common_name(value: str) -> e.Name:
    return e.name((e.ORGANISATION, "Maple Stores"), (e.CN, value))


def _by_common_name(name: str, common: str, *, keep_names: bool = False, names: Names = ()) -> None:
    def change(plan: Plan) -> None:
        plan.leaf.subject = _common_name(common)
        if not keep_names:
            plan.leaf.drop(e.SAN)
        if names:
            plan.leaf.put(e.SAN, e.alternative_names(names))
        plan.links[plan.leaf.issuer].put(e.NAMES, e.name_constraints(_DNS), critical=True)

    FAULTS[f"constraints/cn-{name}"] = change


_by_common_name("fits", HOST)
_by_common_name("misses", "www.orchard.example")
_by_common_name("misses-beside-names", "www.orchard.example", keep_names=True)
_by_common_name("misses-beside-email", "www.orchard.example", names=(("email", "a@maple.example"),))
_by_common_name("no-host-name", "Maple Till 7")
_by_common_name("one-label", "localhost")
_by_common_name("address", "10.1.2.3")
_by_common_name("wildcard", "*.orchard.example")


def _email_in_subject(plan: Plan) -> None:
    plan.leaf.subject = e.name((e.ORGANISATION, "Maple Stores"), (e.CN, HOST), (e.EMAIL, "a@orchard.example", e.IA5))
    plan.links[plan.leaf.issuer].put(e.NAMES, e.name_constraints((("email", "maple.example"),)), critical=True)


def _email_in_subject_only(plan: Plan) -> None:
    _email_in_subject(plan)
    plan.leaf.drop(e.SAN)


FAULTS["constraints/email-in-subject"] = _email_in_subject
FAULTS["constraints/email-in-subject-without-names"] = _email_in_subject_only
