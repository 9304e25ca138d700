"""Name constraints as Go checks them (crypto/x509/verify.go, Go 1.19): only alternative names, no distinguished names, no common name."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from whytls.pki import details as d
from whytls.pki.details import Details, GeneralName, Subtree
from whytls.pki.profiles.decision import Effort

MOST_COMPARISONS = 250_000  # VerifyOptions.MaxConstraintComparisions
_QUOTED_PAIR = frozenset({11, 12, *range(1, 10), *range(14, 128)})
_QUOTED_TEXT = frozenset({11, 12, 32, 33, 127, *range(1, 9), *range(14, 32), *range(35, 92), *range(93, 127)})
_ATOM = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.")


class Mailbox(NamedTuple):
    """An e-mail address in its two parts."""

    local: str
    domain: str


class Violation(NamedTuple):
    """Why the constraints refuse a certificate: Go's reason and the text behind it."""

    reason: str  # CANotAuthorizedForThisName, TooManyConstraints, or empty: a plain error
    words: str


Match = Callable[[Subtree], bool]


class _NoMatch(Exception):
    """What Go's match functions return as their second value."""


def check(ca: Details, holders: Sequence[Details], effort: Effort) -> Violation | None:
    """The constraints of `ca` against the alternative names of each holder, in Go's order."""
    budget = [MOST_COMPARISONS]
    for holder in holders:
        for name in holder.names or ():
            effort.spend(1 + len(ca.permitted) + len(ca.excluded))
            violation = _one(ca, name, budget)
            if violation:
                return violation
    return None


def _one(ca: Details, name: GeneralName, budget: list[int]) -> Violation | None:
    text = name.text
    if name.tag == d.RFC822:
        address = mailbox(text)
        if address is None:
            return Violation("", 'x509: cannot parse rfc822Name {"" ""}')
        return _compared(ca, name, "email address", text, lambda s: _mail_matches(address, s.base.text), budget)
    if name.tag == d.DNS:
        if reverse_labels(text) is None:
            return Violation("", f"x509: cannot parse dnsName {quoted(text)}")
        return _compared(ca, name, "DNS name", text, lambda s: domain_matches(text, s.base.text), budget)
    if name.tag == d.URI:
        return _compared(ca, name, "URI", text, lambda s: _uri_matches(text, s.base.text), budget)
    if name.tag == d.IP:
        held = ipaddress.ip_address(name.body)
        shown = str(getattr(held, "ipv4_mapped", None) or held)
        return _compared(ca, name, "IP address", shown, lambda s: _address_matches(name.body, s.base.body), budget)
    return None


def _compared(ca: Details, name: GeneralName, kind: str, shown: str, matches: Match, budget: list[int]) -> Violation | None:
    permitted, excluded = ([s for s in subtrees if s.base.tag == name.tag] for subtrees in (ca.permitted, ca.excluded))
    try:
        budget[0] -= len(excluded)
        if budget[0] < 0:
            return Violation("TooManyConstraints", "")
        for subtree in excluded:
            if matches(subtree):
                return Violation("CANotAuthorizedForThisName", f"{kind} {quoted(shown)} is excluded by constraint {_shown(subtree)}")
        budget[0] -= len(permitted)
        if budget[0] < 0:
            return Violation("TooManyConstraints", "")
        if permitted and not any(matches(subtree) for subtree in permitted):
            return Violation("CANotAuthorizedForThisName", f"{kind} {quoted(shown)} is not permitted by any constraint")
    except _NoMatch as trouble:
        return Violation("CANotAuthorizedForThisName", str(trouble))
    return None


def _shown(subtree: Subtree) -> str:
    if subtree.base.tag != d.IP:
        return quoted(subtree.base.text)
    half = len(subtree.base.body) // 2
    bits = sum(octet.bit_count() for octet in subtree.base.body[half:])
    return quoted(f"{ipaddress.ip_address(subtree.base.body[:half])}/{bits}")


def quoted(text: str) -> str:
    """Go's `%q`."""
    names = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"'}
    return '"' + "".join(names.get(s) or (s if s.isprintable() else f"\\x{ord(s):02x}") for s in text) + '"'


def reverse_labels(domain: str) -> list[str] | None:
    """The labels of a domain from the right; `None` where one is empty (also behind a last dot) or not printable ASCII."""
    if not domain:
        return []
    labels = domain.split(".")
    if any(not label or any(not 33 <= ord(sign) <= 126 for sign in label) for label in labels[1:] or labels):
        return None
    if not labels[0] or any(not 33 <= ord(sign) <= 126 for sign in labels[0]):
        # An empty first label is never reached: ".a" ends with the domain used up, and counts as "a".
        if labels[0] or len(labels) == 1:
            return None
        labels = labels[1:]
    return labels[::-1]


def domain_matches(domain: str, constraint: str) -> bool:
    """Whether a domain is the constraint or below it; with a leading dot, below it."""
    if not constraint:
        return True
    labels = reverse_labels(domain)
    if labels is None:
        raise _NoMatch(f"x509: internal error: cannot parse domain {quoted(domain)}")
    below = constraint[0] == "."
    wanted = reverse_labels(constraint.removeprefix("."))
    if wanted is None:
        raise _NoMatch(f"x509: internal error: cannot parse domain {quoted(constraint.removeprefix('.'))}")
    if len(labels) < len(wanted) or (below and len(labels) == len(wanted)):
        return False
    return all(left.lower() == right.lower() for left, right in zip(wanted, labels, strict=False))


def mailbox(text: str) -> Mailbox | None:
    """An RFC 2821 mailbox; `None` where it is none."""
    octets = text.encode("latin-1")
    local = bytearray()
    place = 0
    if octets[:1] == b'"':
        place = 1
        while place < len(octets) and octets[place] != 0x22:
            sign = octets[place]
            if sign == 0x5C:
                place += 1
                if place >= len(octets) or octets[place] not in _QUOTED_PAIR:
                    return None
                sign = octets[place]
            elif sign not in _QUOTED_TEXT:
                return None
            local.append(sign)
            place += 1
        if place >= len(octets):
            return None
        place += 1
    else:
        while place < len(octets) and (octets[place] in _ATOM or octets[place] == 0x5C):
            if octets[place] == 0x5C:
                place += 1
                if place >= len(octets):
                    return None
            local.append(octets[place])
            place += 1
        if not local or local[:1] == b"." or local[-1:] == b"." or b".." in local:
            return None
    if octets[place : place + 1] != b"@":
        return None
    domain = text[place + 1 :]
    return None if reverse_labels(domain) is None else Mailbox(local.decode("latin-1"), domain)


def _mail_matches(address: Mailbox, constraint: str) -> bool:
    if "@" in constraint:
        wanted = mailbox(constraint)
        if wanted is None:
            raise _NoMatch(f"x509: internal error: cannot parse constraint {quoted(constraint)}")
        return address.local == wanted.local and address.domain.lower() == wanted.domain.lower()
    return domain_matches(address.domain, constraint)


def url_host(text: str) -> tuple[str, str]:
    """The host part of a URI as net/url reads it, and why it does not."""
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
        return "", f"parse {quoted(text)}: net/url: invalid control character in URL"
    if text.startswith(":"):
        return "", f"parse {quoted(text)}: missing protocol scheme"
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text)
    rest = text[scheme.end() :] if scheme else text
    rest = rest.partition("#")[0].partition("?")[0]
    if not rest.startswith("//") or (not scheme and rest.startswith("///")):
        if not scheme and ":" in rest.partition("/")[0]:
            return "", f"parse {quoted(text)}: first path segment in URL cannot contain colon"
        return "", ""
    host = rest[2:].partition("/")[0].rpartition("@")[2]
    port = re.fullmatch(r"(?:\[[^\]]*\]|[^:]*)(:.*)?", host)
    if port and port[1] and not re.fullmatch(r":\d*", port[1]):
        return "", f"parse {quoted(text)}: invalid port {quoted(port[1])} after host"
    found = re.search(r'[ <>^`{|}\\]', host)
    return (host, f'parse {quoted(text)}: invalid character {quoted(found[0])} in host name') if found else (host, "")


def _uri_matches(text: str, constraint: str) -> bool:
    host, _ = url_host(text)
    if not host:
        raise _NoMatch(f"URI with empty host ({quoted(text)}) cannot be matched against constraints")
    if ":" in host and not host.endswith("]"):
        host = host.rpartition(":")[0].strip("[]")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return domain_matches(host, constraint)
    raise _NoMatch(f"URI with IP ({quoted(text)}) cannot be matched against constraints")


def _address_matches(address: bytes, constraint: bytes) -> bool:
    half = len(constraint) // 2
    if len(address) != half:
        return False
    return all(a & m == c & m for a, c, m in zip(address, constraint[:half], constraint[half:], strict=True))
