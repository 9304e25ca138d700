"""Host names against what certificates present: every pair of these, one case each (RFC 9525 and what stacks do instead)."""

from __future__ import annotations

from lab.chains import encode as e
from lab.chains.plan import Plan, simple

Names = tuple[tuple[str, str | bytes], ...]

# what the certificate presents (None: no subjectAltName) and its common name
PRESENTED: dict[str, tuple[Names | None, str]] = {
    "exact": ((("dns", "api.harbour.example"),), "x"),
    "upper": ((("dns", "API.Harbour.EXAMPLE"),), "x"),
    "trailing-dot": ((("dns", "api.harbour.example."),), "x"),
    "wildcard": ((("dns", "*.harbour.example"),), "x"),
    "wildcard-dot": ((("dns", "*.harbour.example."),), "x"),
    "wildcard-broad": ((("dns", "*.example"),), "x"),
    "wildcard-suffix": ((("dns", "*.co.uk"),), "x"),
    "wildcard-front": ((("dns", "a*.harbour.example"),), "x"),
    "wildcard-back": ((("dns", "*i.harbour.example"),), "x"),
    "wildcard-middle": ((("dns", "a*i.harbour.example"),), "x"),
    "wildcard-second": ((("dns", "api.*.example"),), "x"),
    "wildcard-twice": ((("dns", "*.*.example"),), "x"),
    "wildcard-double": ((("dns", "**.harbour.example"),), "x"),
    "wildcard-only": ((("dns", "*"),), "x"),
    "wildcard-dash": ((("dns", "*-1.harbour.example"),), "x"),
    "wildcard-ace": ((("dns", "xn--*-1b3c148a.harbour.example"),), "x"),
    "ace": ((("dns", "xn--bcher-kva.example"),), "x"),
    "utf8": ((("raw-dns", "bücher.example".encode()),), "x"),
    "latin": ((("raw-dns", "bücher.example".encode("latin-1")),), "x"),
    "wildcard-ace-parent": ((("dns", "*.xn--bcher-kva.example"),), "x"),
    "underscore": ((("dns", "a_b.harbour.example"),), "x"),
    "leading-dot": ((("dns", ".harbour.example"),), "x"),
    "empty": ((("dns", ""),), "x"),
    "blank": ((("dns", " "),), "x"),
    "nul": ((("dns", "api.harbour.example\0.orchard.example"),), "x"),
    "nul-end": ((("dns", "api.harbour.example\0"),), "x"),
    "one-label": ((("dns", "api"),), "x"),
    "dash": ((("dns", "-api.harbour.example"),), "x"),
    "two-names": ((("dns", "www.harbour.example"), ("dns", "api.harbour.example")), "x"),
    "url": ((("uri", "https://api.harbour.example/"),), "x"),
    "email": ((("email", "ops@harbour.example"),), "x"),
    "url-with-cn": ((("uri", "https://api.harbour.example/"),), "api.harbour.example"),
    "email-with-cn": ((("email", "ops@harbour.example"),), "api.harbour.example"),
    "ip-with-cn": ((("ip", "10.1.2.3"),), "api.harbour.example"),
    "dns-with-other-cn": ((("dns", "www.harbour.example"),), "api.harbour.example"),
    "cn": (None, "api.harbour.example"),
    "cn-wildcard": (None, "*.harbour.example"),
    "cn-upper": (None, "API.harbour.example"),
    "cn-dot": (None, "api.harbour.example."),
    "cn-address": (None, "10.1.2.3"),
    "cn-address6": (None, "2001:db8::1"),
    "cn-utf8": (None, "bücher.example"),
    "cn-ace": (None, "xn--bcher-kva.example"),
    "ip4": ((("ip", "10.1.2.3"),), "x"),
    "ip6": ((("ip", "2001:db8::1"),), "x"),
    "ip4-mapped": ((("ip", "::ffff:10.1.2.3"),), "x"),
    "ip4-as-dns": ((("dns", "10.1.2.3"),), "x"),
    "ip6-as-dns": ((("dns", "2001:db8::1"),), "x"),
    "ip4-wildcard": ((("dns", "*.1.2.3"),), "x"),
    "ip5": ((("raw-ip", b"\x0a\x01\x02\x03\x04"),), "x"),
    "ip8": ((("raw-ip", b"\x0a\x01\x02\x03\xff\xff\xff\0"),), "x"),
    "ip4-and-dns": ((("dns", "api.harbour.example"), ("ip", "10.1.2.3")), "x"),
}
HOSTS = (
    "api.harbour.example", "API.HARBOUR.example", "api.harbour.example.", "harbour.example", "v1.api.harbour.example", "a.harbour.example",
    "api", "a_b.harbour.example", "xn--bcher-kva.example", "www.xn--bcher-kva.example", "xn--bliss-1b3c148a.harbour.example",
    "shop.co.uk", "10.1.2.3", "2001:db8::1", "::ffff:10.1.2.3", "x-1.harbour.example", "www.orchard.example",
)  # fmt: skip


def presenting(form: str, host: str) -> Plan:
    """A sound chain whose leaf presents these names, asked for that host."""
    names, common = PRESENTED[form]
    plan = simple(1)
    plan.leaf.subject = e.name((e.ORGANISATION, "Maple Stores"), (e.CN, common))
    if names is None:
        plan.leaf.drop(e.SAN)
    else:
        plan.leaf.put(e.SAN, e.alternative_names(names))
    plan.host = host
    return plan


def two_common_names(first: str, second: str, host: str) -> Plan:
    """A leaf with two common names and no subjectAltName."""
    plan = presenting("cn", host)
    plan.leaf.subject = e.name((e.CN, first), (e.ORGANISATION, "Maple Stores"), (e.CN, second))
    return plan
