"""Whether a certificate is for a host name (RFC 9525, which replaced RFC 6125), and why not.

The standard: a name is looked for among the dNSName entries of the subject alternative name, an address among the iPAddress
entries; ``*`` stands for exactly one whole label, the left-most. Where stacks are laxer the answer says ``strict=False``:

- A certificate without dNSName is matched by its common name in OpenSSL (X509_check_host) and in what rests on it (curl, only
  where there is no iPAddress either; nginx; Python), and in Java (sun.security.util.HostnameChecker). Go since 1.15 and browsers
  (Chrome 58, Firefox 48) refuse it.
- ``*.example`` (a wildcard for a whole top-level domain) is matched by Go and Java, not by OpenSSL, curl and Python;
  ``s*.example.com`` by Java and by OpenSSL's own default, not by curl, Python and Go. All measured: see ``trust``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from whytls.exceptions import Malformed
from whytls.pki.certificate import Certificate
from whytls.tuples import NamedTuple

Why = Literal[
    "",  # it matches, by the standard
    "cn-only",  # matches by common name only; the certificate has no dNSName
    "wildcard-broad",  # matches by ``*.com``: not everywhere
    "wildcard-partial",  # matches by ``f*.example.com``: not everywhere
    "wildcard-depth",  # a wildcard of the right domain, at another depth
    "cn-ignored",  # the common name would fit, but does not count: there are dNSName entries
    "san-differs",  # other names of the same domain
    "other-domain",  # names of other domains only
    "ip-without-ip-san",  # an address was asked for and the certificate lists none
    "ip-differs",  # it lists others
    "ip-as-dns",  # it lists it, as dNSName or common name, where addresses are not looked for
    "no-names",
]
LONGEST = 253  # characters of a host name (RFC 1035)


LONGEST_ADDRESS = 64  # characters; an IPv6 address with an embedded IPv4 address has 45


class NameMatch(NamedTuple):
    """Whether a certificate is for a name, by what, and what it presents."""

    matches: bool
    strict: bool  # matches for every client; False: only for those that are laxer than RFC 9525
    by: Literal["san", "cn", "ip", ""]
    presented: tuple[str, ...]  # the names that count: dNSName and iPAddress entries, or common names where there are none
    why: Why
    pattern: str = ""  # the presented name that matched, or came nearest


def match(name: str, certificate: Certificate) -> NameMatch:
    """Compares a host name or an address with what the certificate is for."""
    presented = certificate.dns_names + certificate.ip_addresses or certificate.common_names
    address = as_address(name)
    if address:
        return _match_address(address, certificate, presented)
    host = normalised(name)[: LONGEST + 1]  # what is longer is nobody's name; it is compared with thousands at times
    if not certificate.dns_names:
        found = _first_match(host, certificate.common_names)
        if found:
            return NameMatch(True, False, "cn", presented, "cn-only", found[0])
        return NameMatch(False, False, "", presented, *_why_not(host, certificate))
    found = _first_match(host, certificate.dns_names)
    if found:
        return NameMatch(True, not found[1], "san", presented, found[1], found[0])
    return NameMatch(False, False, "", presented, *_why_not(host, certificate))


def as_address(name: str) -> str | None:
    """The address that a name is, in the one form in which addresses compare; ``None`` for a host name."""
    bare = name.strip("[]").partition("%")[0]
    if len(bare) > LONGEST_ADDRESS or (":" not in bare and not bare[-1:].isdigit()):
        return None  # a number of a hundred thousand digits is no address, and takes time to be found to be none
    import ipaddress

    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return None


def normalised(name: str) -> str:
    """A host name in the form in which names compare: A-labels, lower case, no trailing dot."""
    host = name.lower().removesuffix(".")
    if not host.isascii() and len(host) <= LONGEST:
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            pass  # not a name that exists in the DNS: compared as it is
    return host


def _match_address(address: str, certificate: Certificate, presented: tuple[str, ...]) -> NameMatch:
    if address in certificate.ip_addresses:
        return NameMatch(True, True, "ip", presented, "", address)
    if address in certificate.dns_names or address in certificate.common_names:
        return NameMatch(False, False, "", presented, "ip-as-dns", address)
    return NameMatch(False, False, "", presented, "ip-differs" if certificate.ip_addresses else "ip-without-ip-san")


def _first_match(host: str, patterns: Iterable[str]) -> tuple[str, Why] | None:
    """The pattern that fits best: one that fits by the standard before one that does not."""
    lax: tuple[str, Why] | None = None
    for pattern in patterns:
        fit = _fits(host, normalised(pattern) if not pattern.isascii() else pattern.lower().removesuffix("."))
        if fit == "":
            return (pattern, "")
        if fit and lax is None:
            lax = (pattern, fit)
    return lax


def _fits(host: str, pattern: str) -> Why | None:
    if not host or not pattern:
        return None
    if "*" not in pattern:
        return "" if host == pattern else None
    label, _, rest = pattern.partition(".")
    first, _, parent = host.partition(".")
    if not rest or "*" in rest or label.count("*") != 1 or rest != parent or not first:
        return None
    if label != "*":
        head, tail = label.split("*")
        fits = len(first) >= len(label) and first.startswith(head) and first.endswith(tail) and not first.startswith("xn--")
        return "wildcard-partial" if fits else None
    return "" if "." in rest else "wildcard-broad"


def _why_not(host: str, certificate: Certificate) -> tuple[Why, str]:
    """The nearest thing that the certificate presents, and how it misses."""
    names = certificate.dns_names or certificate.common_names
    if not names:
        return ("ip-differs" if certificate.ip_addresses else "no-names", "")
    for name in names:
        base = name[2:].lower() if name.startswith("*.") else ""
        if base and (host == base or host.endswith("." + base)):
            return ("wildcard-depth", name)
    if certificate.dns_names:
        by_cn = _first_match(host, certificate.common_names)
        if by_cn:
            return ("cn-ignored", by_cn[0])
    domain = _domain(host)
    for name in names:
        plain = name.lower().removesuffix(".").removeprefix("*.")
        if domain and (plain == domain or plain.endswith("." + domain)):
            return ("san-differs", name)
    return ("other-domain", "")


def _domain(host: str) -> str:
    """What a name's owner most likely registered: its last two labels, three below ``co.uk`` and the like."""
    labels = host.split(".")
    below_country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if below_country else -2 :]) if len(labels) > 1 else ""


_SECOND_LEVEL = ("ac", "co", "com", "edu", "gov", "net", "or", "org")  # guesses do here: this only chooses a word


def text(name: bytes) -> str:
    """A DER Name as RFC 4514 writes it, as far as it can be read."""
    from whytls.pki import der

    try:
        return der.rfc4514(der.name(name, der.element(name, 0, len(name))))
    except (Malformed, ValueError):
        return "a name that cannot be read"


def organisation(name: bytes) -> str | None:
    """The organisation in a DER Name, in small letters; None where it has none or cannot be read."""
    from whytls.pki import der

    try:
        parts = der.name(name, der.element(name, 0, len(name)))
    except (Malformed, ValueError):
        return None
    return next((value.strip().lower() for relative in parts for key, value in relative if key in ("O", "2.5.4.10")), None)
