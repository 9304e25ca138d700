"""Name constraints: the names that a CA may certify (RFC 5280 section 4.2.1.10), against those in the certificates below it."""

from __future__ import annotations

from collections.abc import Iterator

from whytls.pki.certificate import Certificate
from whytls.tuples import NamedTuple

MOST_COMPARISONS = 50_000  # names times constraints; both come from the sender


class Violation(NamedTuple):
    """One name that a CA above it does not allow."""

    kind: str  # dns, ip, email, uri, dirname
    name: str
    excluded: str  # the subtree that excludes it; empty: it lies in none of the permitted ones


def violation(certificate: Certificate, ca: Certificate) -> Violation | None:
    """The first name of the certificate that the CA's constraints do not allow."""
    constraints = ca.name_constraints
    if constraints is None:
        return None
    budget = MOST_COMPARISONS
    for kind, name in _names(certificate):
        permitted = [subtree for k, subtree in constraints.permitted if k == kind]
        excluded = [subtree for k, subtree in constraints.excluded if k == kind]
        budget -= len(constraints.permitted) + len(constraints.excluded)
        if budget < 0:
            return None
        out = next((subtree for subtree in excluded if _within(kind, name, subtree)), None)
        if out is not None:
            return Violation(kind, name, out)
        if permitted and not any(_within(kind, name, subtree) for subtree in permitted):
            return Violation(kind, name, "")
    return None


def _names(certificate: Certificate) -> Iterator[tuple[str, str]]:
    for name in certificate.dns_names:
        yield ("dns", name)
    for address in certificate.ip_addresses:
        yield ("ip", address)
    for kind, name in certificate.other_names:
        if kind in ("email", "uri", "dirname"):
            yield (kind, name)
    if certificate.subject_canonical:
        yield ("dirname", certificate.subject_canonical)
    if not certificate.dns_names and not certificate.is_ca:
        # OpenSSL judges a common name that looks like a host name as one, where it would also be matched as one.
        for name in certificate.common_names:
            if "." in name and not any(sign in name for sign in " @/:"):
                yield ("dns", name)


def _within(kind: str, name: str, subtree: str) -> bool:
    """Whether a name lies in a subtree; each kind has its own rule."""
    if kind == "dns":
        return _below(name.lower().removeprefix("*.").removesuffix("."), subtree.lower().removeprefix("."))
    if kind == "ip":
        return _address_in(name, subtree)
    if kind == "dirname":
        return name == subtree or not subtree or name.startswith(subtree + "\x1e")
    host = name.rpartition("@")[2] if kind == "email" else _host_of(name)
    subtree = subtree.lower()
    if "@" in subtree:
        return name.lower() == subtree
    return _below(host.lower(), subtree[1:], itself=False) if subtree.startswith(".") else host.lower() == subtree


def _below(host: str, domain: str, *, itself: bool = True) -> bool:
    return not domain or host.endswith("." + domain) or (itself and host == domain)


def _host_of(uri: str) -> str:
    rest = uri.partition("://")[2] or uri
    authority = rest.partition("/")[0].rpartition("@")[2]
    return authority.partition("]")[0] + "]" if authority.startswith("[") else authority.partition(":")[0]


def _address_in(address: str, network: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def readable(name: str) -> str:
    """A name or subtree without the separators of its canonical form."""
    return name.replace("\x1e", ", ").replace("\x1f", "+")
