"""Names as OpenSSL 3.0 compares them: distinguished names (x_name.c) and name constraints (v3_ncons.c)."""

from __future__ import annotations

from functools import lru_cache

from whytls.exceptions import Malformed
from whytls.pki import details as d
from whytls.pki.details import Details, GeneralName, Name, Subtree
from whytls.pki.families import lower, text_of
from whytls.pki.profiles.decision import Effort

MOST_COMPARISONS = 1 << 20  # NAME_CHECK_MAX
PERMITTED, EXCLUDED, MIN_MAX, TYPE, SYNTAX, UNSPECIFIED = (
    "PERMITTED_VIOLATION", "EXCLUDED_VIOLATION", "SUBTREE_MINMAX", "UNSUPPORTED_CONSTRAINT_TYPE", "UNSUPPORTED_NAME_SYNTAX", "UNSPECIFIED",
)  # fmt: skip
_CANONICAL = frozenset({0x0C, 0x13, 0x14, 0x16, 0x1A, 0x1C, 0x1E})  # string types that are compared as text
_SPACES = "\t\n\v\f\r "


@lru_cache(maxsize=4096)
def canonical(name: Name | None) -> tuple[tuple[tuple[str, int, bytes], ...], ...]:
    """A name in the form in which OpenSSL compares: UTF-8, ASCII letters in small, white space collapsed, each relative name sorted."""
    return tuple(tuple(sorted(map(_attribute, rdn), key=_order)) for rdn in name or ())


def _order(attribute: tuple[str, int, bytes]) -> tuple[int, bytes]:
    return (len(attribute[2]), attribute[0].encode() + attribute[2])


def _attribute(attribute: d.Attribute) -> tuple[str, int, bytes]:
    text = text_of(attribute) if attribute.tag in _CANONICAL else None
    if text is None:
        return (attribute.kind, attribute.tag, attribute.body)
    kept = "".join(" " if sign in _SPACES else sign for sign in lower(text.strip(_SPACES)))
    while "  " in kept:
        kept = kept.replace("  ", " ")
    return (attribute.kind, 0x0C, kept.encode())


def violation(certificate: Details, ca: Details, effort: Effort, *, leaf: bool) -> str:
    """The error that the CA's constraints give for a certificate; empty where they are kept."""
    names = certificate.names or ()
    count, constraints = sum(map(len, certificate.subject or ())) + len(names), len(ca.permitted) + len(ca.excluded)
    if count and constraints > MOST_COMPARISONS // count:
        return UNSPECIFIED
    effort.spend(count * constraints)
    error = _subject(certificate, ca)
    for name in names if not error else ():
        error = _against(name, ca)
        if error:
            return error
    if error or not leaf or certificate.listed(d.DNS):
        return error
    return _common_names(certificate, ca)


def _subject(certificate: Details, ca: Details) -> str:
    if not certificate.subject:
        return ""
    error = _against(GeneralName(d.DIRECTORY, b""), ca, subject=certificate.subject)
    for attribute in (a for rdn in certificate.subject for a in rdn if a.kind == d.EMAIL):
        if error:
            return error
        error = SYNTAX if attribute.tag != 0x16 else _against(GeneralName(d.RFC822, attribute.body), ca)
    return error


def _common_names(certificate: Details, ca: Details) -> str:
    """Common names that look like host names, where there is no dNSName."""
    for attribute in certificate.common_names:
        text = text_of(attribute)
        if text is None:
            return UNSPECIFIED
        text = text.rstrip("\0")
        if "\0" in text:
            return SYNTAX
        if _looks_like_a_host(text):
            error = _against(GeneralName(d.DNS, text.encode()), ca)
            if error:
                return error
    return ""


def _looks_like_a_host(text: str) -> bool:
    """cn2dnsid: letters, digits, `_`; dots and hyphens inside, and no hyphen beside a dot; at least one dot."""
    for label in text.split("."):
        inner = label.replace("_", "a").replace("-", "a")
        if not label or label[0] == "-" or label[-1] == "-" or not inner.isascii() or not inner.isalnum():
            return False
    return "." in text


def _against(name: GeneralName, ca: Details, *, subject: Name | None = None) -> str:
    """nc_match: one name against all subtrees of its kind."""
    found: bool | None = None
    for subtree in ca.permitted:
        if not _same_kind(name, subtree):
            continue
        if not _whole(subtree):
            return MIN_MAX
        if found:
            continue
        found = bool(found)
        fits = _within(name, subtree, subject)
        if fits not in ("", PERMITTED):
            return fits
        found = fits == ""
    if found is False:
        return PERMITTED
    for subtree in ca.excluded:
        if not _same_kind(name, subtree):
            continue
        if not _whole(subtree):
            return MIN_MAX
        fits = _within(name, subtree, subject)
        if fits != PERMITTED:
            return fits or EXCLUDED
    return ""


def _same_kind(name: GeneralName, subtree: Subtree) -> bool:
    if name.tag == d.OTHER == subtree.base.tag:
        return _other_kind(name.body) == _other_kind(subtree.base.body)
    return name.tag == subtree.base.tag


def _other_kind(body: bytes) -> bytes:
    return body[: 2 + body[1]] if len(body) > 1 else body


def _whole(subtree: Subtree) -> bool:
    return not subtree.maximum and not subtree.minimum


def _within(name: GeneralName, subtree: Subtree, subject: Name | None) -> str:
    """Empty where the name lies in the subtree, PERMITTED where not, another error where that cannot be said."""
    base = subtree.base
    if name.tag == d.DIRECTORY:
        try:
            held = subject if subject is not None else d.directory_name(name.body)
            wanted = canonical(d.directory_name(base.body))
        except (Malformed, ValueError, IndexError):
            return UNSPECIFIED
        return "" if canonical(held)[: len(wanted)] == wanted else PERMITTED
    if name.tag == d.DNS:
        return _dns(name.text, base.text)
    if name.tag == d.RFC822:
        return _mail(name.text, base.text)
    if name.tag == d.URI:
        return _uri(name.text, base.text)
    return _address(name.body, base.body) if name.tag == d.IP else TYPE


def _dns(name: str, base: str) -> str:
    if len(name) > len(base) and base and base[0] != "." and name[-len(base) - 1] != ".":
        return PERMITTED
    return "" if not base or (len(name) >= len(base) and lower(name).endswith(lower(base))) else PERMITTED


def _mail(name: str, base: str) -> str:
    local, at, host = name.rpartition("@")
    if not at:
        return SYNTAX
    wanted_local, wanted_at, wanted_host = base.rpartition("@")
    if not wanted_at and base.startswith("."):
        return "" if len(name) > len(base) and lower(name).endswith(lower(base)) else PERMITTED
    if wanted_local:
        if len(wanted_local) != len(local):
            return PERMITTED
        if "\0" in wanted_local or "\0" in local:
            return SYNTAX
        if wanted_local != local:
            return PERMITTED
    return "" if lower(host) == lower(wanted_host) else PERMITTED


def _uri(name: str, base: str) -> str:
    _, colon, rest = name.partition(":")
    if not colon or not rest.startswith("//"):
        return SYNTAX
    rest = rest[2:]
    host = rest.partition(":")[0] if ":" in rest else rest.partition("/")[0]
    if not host:
        return SYNTAX
    if base.startswith("."):
        return "" if len(host) > len(base) and lower(host).endswith(lower(base)) else PERMITTED
    return "" if lower(host) == lower(base) else PERMITTED


def _address(name: bytes, base: bytes) -> str:
    if len(name) not in (4, 16) or len(base) not in (8, 32):
        return SYNTAX
    half = len(base) // 2
    if len(name) != half:
        return PERMITTED
    return "" if all(n & m == b & m for n, b, m in zip(name, base[:half], base[half:], strict=True)) else PERMITTED
