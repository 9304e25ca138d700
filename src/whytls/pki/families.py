"""Host names as each client family compares them: what RFC 9525 says is in `name`, what stacks do instead is here.

Theory of operation
-------------------
Every family looks at the same three lists (dNSName, iPAddress, common names) and differs in four questions: does a common name
count where there is no dNSName (Go, browsers: no); where may `*` stand (OpenSSL: at one end of the first label; Java: anywhere, also
in other labels; curl, Python, Go, browsers: it must be the whole label); how broad may it be (OpenSSL, curl and Python want two labels below
it, browsers none that is a registry's, Java and Go do not mind); and what happens to a trailing dot and to other spellings of a name.
Each function below is one stack's own algorithm over the bytes of the certificate. They were compared with OpenSSL 3.0
(`openssl verify -verify_hostname`, Python 3.11's ``ssl``), curl 7.88, Go 1.19 and JDK 17 on every pair in ``lab/chains/hosts.py``;
the browser is Chrome's ``X509Certificate::VerifyHostname`` as it is published, and was not run.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from whytls.pki import details as d
from whytls.pki.certificate import Certificate
from whytls.pki.details import Details, of
from whytls.pki.name import LONGEST, as_address, match, normalised

Family = Literal["openssl", "curl", "python", "java", "go", "browser"]
FAMILIES: tuple[Family, ...] = ("openssl", "curl", "python", "java", "go", "browser")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class FamilyMatch(NamedTuple):
    """Whether one client family takes a certificate for a host name, and what decides it."""

    family: Family
    accepted: bool
    by: Literal["san", "cn", "ip", ""]  # what matched
    why: str  # a slug of `name.Why`, or: trailing-dot, not-a-host-name; empty where it matches by the standard
    words: str  # the stack's own text when it refuses
    measured: bool = True  # False: from documentation


def families(host: str, certificate: Certificate) -> tuple[FamilyMatch, ...]:
    """What every client family makes of this certificate for this host."""
    return tuple(one(family, host, certificate) for family in FAMILIES)


def one(family: Family, host: str, certificate: Certificate) -> FamilyMatch:
    """What one client family makes of this certificate for this host name or address."""
    details, standard = of(certificate), match(host, certificate)
    asked = _asked(family, host)
    by = _RULES[family](asked, details) if len(asked) <= LONGEST + 1 else ""
    why: str = standard.why
    if bool(by) != standard.matches or (by and standard.strict):
        why = "" if by and standard.strict else why or _own_reason(family, host)
    words = "" if by else _WORDS[family](asked, details)
    return FamilyMatch(family, bool(by), by, why, words, family != "browser")


def _asked(family: Family, host: str) -> str:
    """The name as the family's own library is given it: A-labels for all that take other spellings themselves."""
    if host.isascii() or family == "openssl":
        return host.strip("[]") if as_address(host) else host
    return normalised(host) + ("." if host.endswith(".") else "")


def _own_reason(family: Family, host: str) -> str:
    return "trailing-dot" if host.endswith(".") and family in ("openssl", "python") else "not-a-host-name"


def lower(text: str) -> str:
    """ASCII letters in small; nothing else is changed."""
    return "".join(chr(ord(sign) + 32) if "A" <= sign <= "Z" else sign for sign in text)


def address(text: str) -> Address | None:
    """The address that a name is, with or without brackets."""
    try:
        return ipaddress.ip_address(text.strip("[]")) if len(text) <= 64 and "%" not in text else None
    except ValueError:
        return None


def packed(details: Details) -> Iterator[bytes]:
    """The iPAddress entries that are addresses."""
    return (name.body for name in details.listed(d.IP) if len(name.body) in (4, 16))


def text_of(attribute: d.Attribute) -> str | None:
    """A common name as text; `None` where its string type cannot hold what is in it."""
    try:
        if attribute.tag == 0x1E:
            return attribute.body.decode("utf-16-be")
        if attribute.tag == 0x1C:
            return attribute.body.decode("utf-32-be")
        return attribute.body.decode("utf-8" if attribute.tag == 0x0C else "latin-1")
    except UnicodeDecodeError:
        return None


# --- OpenSSL: X509_check_host, X509_check_ip ------------------------------------------------------------------------------------

By = Literal["san", "cn", "ip", ""]


def _openssl(host: str, details: Details, *, partial: bool = True) -> By:
    asked = address(host)
    if asked:
        return "ip" if asked.packed in [name.body for name in details.listed(d.IP)] else ""
    names = details.listed(d.DNS)
    if any(name.body and _openssl_equal(name.text, host, partial=partial) for name in names):
        return "san"
    if names:
        return ""
    for attribute in details.common_names:
        text = text_of(attribute)
        if text is None:
            return ""  # an error ends the search
        if text and _openssl_equal(text.encode().decode("latin-1"), host, partial=partial):
            return "cn"
    return ""


def _openssl_equal(pattern: str, host: str, *, partial: bool) -> bool:
    star = None if len(host) > 1 and host[0] == "." else _openssl_star(pattern, partial=partial)
    if star is None:
        if len(host) > 1 and host[0] == ".":
            pattern = pattern[-len(host) :] if "\0" not in pattern else pattern
        return len(pattern) == len(host) and "\0" not in pattern and lower(pattern) == lower(host)
    before, after = pattern[:star], pattern[star + 1 :]
    if len(host) < len(before) + len(after) or not lower(host).startswith(lower(before)) or not lower(host).endswith(lower(after)):
        return False
    covered = host[len(before) : len(host) - len(after)]
    whole = not before and after.startswith(".")
    if (whole and not covered) or (not whole and lower(host[:4]) == "xn--"):
        return False
    return covered == "*" or all(sign in LETTERS or sign == "-" for sign in covered)


def _openssl_star(pattern: str, *, partial: bool) -> int | None:
    """Where the wildcard is, if the pattern is one that OpenSSL expands (v3_utl.c, valid_star)."""
    labels = pattern.split(".")
    first = labels[0]
    if len(labels) < 3 or "*" in pattern[len(first) :] or first.count("*") != 1:
        return None
    place = first.index("*")
    at_start, at_end = place == 0, place == len(first) - 1
    if not (at_start or at_end) or (not partial and not (at_start and at_end)):
        return None
    if any(sign not in LETTERS and sign not in "-*" for label in labels for sign in label):
        return None
    if any(not label or label[0] == "-" or label[-1] == "-" for label in labels) or lower(first).startswith("xn--"):
        return None
    return place


# --- curl: lib/vtls/openssl.c, lib/vtls/hostcheck.c -----------------------------------------------------------------------------


def _curl(host: str, details: Details) -> By:
    asked = address(host)
    if asked and asked.packed in list(packed(details)):
        return "ip"
    if not asked and any("\0" not in name.text and _curl_equal(name.text, host) for name in details.listed(d.DNS)):
        return "san"
    if details.listed(d.DNS) or details.listed(d.IP) or not details.common_names:
        return ""
    text = text_of(details.common_names[-1])
    return "cn" if text and "\0" not in text and _curl_equal(text, host) else ""


def _curl_equal(pattern: str, host: str) -> bool:
    host, pattern = lower(host.removesuffix(".")), lower(pattern.removesuffix("."))
    if not host or not pattern:
        return False
    if not pattern.startswith("*.") or pattern.count(".") < 2:
        return host == pattern
    return not address(host) and "." in host and host[host.index(".") :] == pattern[1:]


# --- Java: sun.security.util.HostnameChecker ---------------------------------------------------------------------------------


def _java(host: str, details: Details) -> By:
    asked = address(host)
    names = java_names(details)
    if asked:
        return "ip" if any(_mapped(asked) == _mapped(a) for a in map(_entry, names or ()) if a) else ""
    host = host.removesuffix(".")
    if not java_host_name(host):
        return ""
    dns = [name for name in names or () if name.tag == d.DNS]
    if any(java_matches(name.body.decode("ascii", "replace"), host) for name in dns):
        return "san"
    if dns or not details.common_names:
        return ""
    text = text_of(details.common_names[-1])
    return "cn" if text is not None and _is_nfkc(text) and java_matches(text, host) else ""


def java_names(details: Details) -> tuple[d.GeneralName, ...] | None:
    """The alternative names, where JSSE can read them all: one that it cannot makes it forget the extension."""
    return None if details.names is None or any(java_refuses(name) for name in details.names) else details.names


def java_refuses(name: d.GeneralName) -> bool:
    """A name that sun.security.x509 does not construct."""
    if name.tag == d.IP:
        return len(name.body) not in (4, 8, 16, 32)
    if name.tag == d.RFC822:
        domain = name.text.partition("@")[2] if "@" in name.text else name.text
        return domain in ("", ".")
    if name.tag == d.URI:
        return not java_uri(name.text)
    return False


def java_uri(text: str) -> bool:
    """Whether java.net.URI reads it and it names a scheme, and its host, if any, is one."""
    scheme, colon, rest = text.partition(":")
    if not colon or not scheme or not rest or any(sign in ' <>"{}|\\^`' or ord(sign) < 33 for sign in text):
        return False
    return scheme[0].isalpha() and all(sign.isalnum() or sign in "+-." for sign in scheme)


def _entry(name: d.GeneralName) -> Address | None:
    if name.tag != d.IP or len(name.body) not in (4, 16):
        return None
    return ipaddress.ip_address(name.body)


def _mapped(value: Address) -> Address:
    return value.ipv4_mapped or value if isinstance(value, ipaddress.IPv6Address) else value


def java_host_name(host: str) -> bool:
    """Whether ``new SNIHostName`` takes it: letters, digits and hyphens within labels (STD 3), no trailing dot."""
    labels = host.split(".")
    if not host.isascii():
        return _java_unicode(host) is not None
    return all(0 < len(label) <= 63 and label[0] != "-" and label[-1] != "-" and set(label) <= LETTERS | {"-"} for label in labels)


def java_matches(template: str, host: str) -> bool:
    """HostnameChecker.isMatched: whether a presented name, wildcards and all, is one for this host."""
    name, pattern = _java_unicode(host), _java_unicode(template)
    if name is None or pattern is None or pattern in ("*", "*."):
        return False
    if "*" in pattern and "." not in pattern[pattern.rindex("*") :]:
        return False
    if pattern.endswith(".") or not java_host_name(pattern.replace("*", "z")):
        return False
    # JDK 17 takes a wildcard in every label; JDK 25 only in the left-most one, as for LDAP.
    labels, patterns = name.lower().split("."), pattern.lower().split(".")
    return len(labels) == len(patterns) and all(map(_java_wildcards, labels, patterns))


def _java_wildcards(label: str, pattern: str) -> bool:
    """Any number of `*`, each for anything, the first piece at the start and the last at the end."""
    pieces = pattern.split("*")
    if len(pieces) == 1:
        return label == pattern
    for number, piece in enumerate(pieces[:-1]):
        place = label.find(piece)
        if place < 0 or (number == 0 and place):
            return False
        label = label[place + len(piece) :]
    return label.endswith(pieces[-1])


def _java_unicode(text: str) -> str | None:
    """``IDN.toUnicode(IDN.toASCII(text))``: IDNA 2003, without the rule of STD 3; `None` where it throws."""
    from encodings import idna

    labels = []
    parts = text.split(".")
    for number, label in enumerate(parts):
        if not label:
            if number == len(parts) - 1 and number:
                labels.append("")
                continue
            return None
        if len(label) > 63:
            return None
        try:
            labels.append(idna.ToUnicode(label if label.isascii() else idna.ToASCII(label).decode()))
        except UnicodeError:
            if not label.isascii():
                return None
            labels.append(label)
    return ".".join(labels)


def _is_nfkc(text: str) -> bool:
    import unicodedata

    return unicodedata.is_normalized("NFKC", text)


# --- Go: x509.Certificate.VerifyHostname ---------------------------------------------------------------------------------------


def _go(host: str, details: Details) -> By:
    asked = address(host)
    if asked:
        return "ip" if any(_mapped(asked) == _mapped(ipaddress.ip_address(entry)) for entry in packed(details)) else ""
    asked_name = lower(host)
    is_name = _go_host_name(asked_name.removesuffix("."))
    for name in details.listed(d.DNS):
        pattern = lower(name.text)
        if is_name and _go_host_name(pattern, pattern=True):
            if go_matches(pattern, asked_name):
                return "san"
        elif pattern == asked_name and pattern not in ("", "."):
            return "san"
    return ""


def go_matches(pattern: str, host: str) -> bool:
    """Label by label; ``*`` for the whole first one."""
    parts, labels = pattern.split("."), host.removesuffix(".").split(".")
    if not pattern or not host.removesuffix(".") or len(parts) != len(labels):
        return False
    return all(part == label or (not place and part == "*") for place, (part, label) in enumerate(zip(parts, labels, strict=True)))


def _go_host_name(name: str, *, pattern: bool = False) -> bool:
    for place, part in enumerate(name.split(".")):
        if pattern and not place and part == "*":
            continue
        if not part or part[0] == "-" or not set(part) <= LETTERS | {"-", "_"}:
            return False
    return True


# --- Chrome: net::X509Certificate::VerifyHostname ------------------------------------------------------------------------------

_REGISTRIES = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org", "ne", "gob", "gv"})


def _browser(host: str, details: Details) -> By:
    asked = address(host)
    if asked:
        return "ip" if asked.packed in list(packed(details)) else ""
    host = normalised(host)
    first, _, parent = host.partition(".")
    broad = bool(parent) and (not set(host) - set("0123456789.") or _registry(parent))
    for name in details.listed(d.DNS):
        label, _, rest = lower(name.text).removesuffix(".").partition(".")
        if rest == parent and label and first and (label == first or (label == "*" and parent and not broad)):
            return "san"
    return ""


def _registry(domain: str) -> bool:
    """A domain below which anybody can register. The real list is Mozilla's; this knows top-level domains and ``co.uk`` and the like."""
    labels = domain.split(".")
    return len(labels) == 1 or (len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _REGISTRIES)


# --- words -----------------------------------------------------------------------------------------------------------------------


def _openssl_words(host: str, details: Details) -> str:
    return "IP address mismatch" if address(host) else "hostname mismatch"


def _curl_words(host: str, details: Details) -> str:
    if details.listed(d.DNS) or details.listed(d.IP):
        return f"SSL: no alternative certificate subject name matches target host name '{host}'"
    if not details.common_names:
        return "SSL: unable to obtain common name from peer certificate"
    subject = text_of(details.common_names[-1]) or ""
    return f"SSL: certificate subject name '{subject}' does not match target host name '{host}'"


def _python_words(host: str, details: Details) -> str:
    kind = "IP address" if address(host) else "Hostname"
    return f"certificate verify failed: {kind} mismatch, certificate is not valid for '{host}'."


def java_words(host: str, details: Details) -> str:
    """HostnameChecker's text."""
    names = java_names(details)
    if address(host):
        return "No subject alternative names present" if names is None else f"No subject alternative names matching IP address {host} found"
    host = host.removesuffix(".")
    if not java_host_name(host):
        return f"Illegal given domain name: {host}"
    if any(name.tag == d.DNS for name in names or ()):
        return f"No subject alternative DNS name matching {host} found."
    text = text_of(details.common_names[-1]) if details.common_names else ""
    return f"No name matching {host} found" if text is not None and _is_nfkc(text) else f"Not a formal name {text}"


def go_words(host: str, details: Details) -> str:
    """x509.HostnameError's text."""
    common = text_of(details.common_names[-1]) if details.common_names else ""
    shown = host.strip("[]") if address(host) else host
    if not details.has(d.SAN) and common and go_matches(lower(common), lower(shown)):
        return "x509: certificate relies on legacy Common Name field, use SANs instead"
    names: Iterable[str]
    if address(host):
        names = [str(_mapped(ipaddress.ip_address(entry))) for entry in packed(details)]
        if not names:
            return f"x509: cannot validate certificate for {shown} because it doesn't contain any IP SANs"
    else:
        names = [name.text for name in details.listed(d.DNS)]
    valid = ", ".join(names)
    if not valid:
        return f"x509: certificate is not valid for any names, but wanted to match {shown}"
    return f"x509: certificate is valid for {valid}, not {shown}"


def _browser_words(host: str, details: Details) -> str:
    return "NET::ERR_CERT_COMMON_NAME_INVALID"


_RULES: dict[Family, Callable[[str, Details], By]] = {
    "openssl": _openssl, "curl": _curl, "python": lambda host, details: _openssl(host, details, partial=False), "java": _java, "go": _go,
    "browser": _browser,
}  # fmt: skip
_WORDS: dict[Family, Callable[[str, Details], str]] = {
    "openssl": _openssl_words, "curl": _curl_words, "python": _python_words, "java": java_words, "go": go_words, "browser": _browser_words,
}  # fmt: skip
