"""Names as Java compares them: distinguished names (X500Name) and name constraints (NameConstraintsExtension, GeneralSubtrees), JDK 17.

Java merges the constraints of the CAs into one set as it comes down the path, and compares two names in one of five ways. Some
comparisons throw: an empty dNSName constraint, a URI without authority, otherName. JSSE does not catch that, and neither did anybody
mean it; it is what such a chain does to a Java client, so it is modelled (`Thrown`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

from whytls.exceptions import Malformed
from whytls.pki import details as d
from whytls.pki.details import Details, GeneralName, Name, Subtree
from whytls.pki.families import address, java_matches, lower, text_of
from whytls.pki.profiles.decision import Effort
from whytls.pki.profiles.java_parse import constraint_host, form

Relation = Literal["other kind", "match", "narrows", "widens", "same kind"]
_KEYWORDS = {
    "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}  # fmt: skip
_MORE_KEYWORDS = _KEYWORDS | {
    "2.5.4.12": "T", "2.5.4.42": "GIVENNAME", "2.5.4.43": "INITIALS", "2.5.4.44": "GENERATION", "2.5.4.4": "SURNAME",
    "2.5.4.46": "DNQ", "2.5.4.5": "SERIALNUMBER", "1.2.840.113549.1.9.1": "EMAILADDRESS",
}  # fmt: skip
_ESCAPED, _QUOTED = frozenset(',+<>;"\\'), frozenset(',+=\n<>#;\\"')


class Thrown(Exception):
    """A RuntimeException or IOException in Java: its class and its text."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind, self.words = kind, words


# --- distinguished names ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def canonical(name: Name | None) -> tuple[str, ...]:
    """The form in which X500Name.equals compares, a string for each relative name."""
    return tuple("+".join(sorted(_canonical(attribute) for attribute in rdn)) for rdn in name or ())


def _canonical(attribute: d.Attribute) -> str:
    import unicodedata

    keyword = _KEYWORDS.get(attribute.kind)
    if keyword is None or attribute.tag not in (0x0C, 0x13):
        shown = keyword.lower() if keyword else attribute.kind
        return f"{shown}=#{attribute.tag:02x}{attribute.body.hex()}"
    text = attribute.body.decode("utf-8" if attribute.tag == 0x0C else "latin-1", "replace")
    kept = " ".join(part for part in text.split(" ") if part)
    kept = "".join("\\" + sign if sign in _ESCAPED else sign for sign in kept)
    return unicodedata.normalize("NFKD", f"{keyword}={kept}".upper().lower())


def shown(name: Name | None) -> str:
    """X500Principal.toString: the last relative name first."""
    return ", ".join(" + ".join(map(_shown, rdn)) for rdn in reversed(name or ()))


def _shown(attribute: d.Attribute) -> str:
    keyword = _MORE_KEYWORDS.get(attribute.kind, f"OID.{attribute.kind}")
    text = text_of(attribute)
    if text is None:
        return f"{keyword}=#{attribute.tag:02x}{len(attribute.body):02x}{attribute.body.hex()}"
    quote = bool(_QUOTED & set(text)) or text[:1] in (" ", "\n") or text[-1:] in (" ", "\n") or "  " in text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{keyword}="{escaped}"' if quote else f"{keyword}={escaped}"


def directory(name: GeneralName) -> Name:
    """The distinguished name in a directoryName; empty where it cannot be read."""
    try:
        return d.directory_name(name.body)
    except (Malformed, ValueError, IndexError):
        return ()


# --- how two names relate -----------------------------------------------------------------------------------------------------------


def relation(this: GeneralName, that: GeneralName) -> Relation:
    """``this.constrains(that)``: "narrows" means that `that` is narrower than `this`."""
    if this.tag != that.tag:
        return "other kind"
    if this.tag == d.DNS:
        return _dns(lower(this.text), lower(that.text))
    if this.tag == d.RFC822:
        return _mail(lower(this.text), lower(that.text))
    if this.tag == d.IP:
        return _address(this.body, that.body)
    if this.tag == d.DIRECTORY:
        return _directory(canonical(directory(this)), canonical(directory(that)))
    if this.tag == d.URI:
        return _uri(this.text, that.text)
    if this.tag == d.OTHER:
        raise Thrown("UnsupportedOperationException", "Narrowing, widening, and matching are not supported for OtherName.")
    if this.body == that.body:
        return "match"
    if this.tag == d.REGISTERED:
        raise Thrown("UnsupportedOperationException", "Narrowing and widening are not supported for OIDNames")
    return "same kind"


def _dns(this: str, that: str) -> Relation:
    if this == that:
        return "match"
    for longer, shorter, meaning in ((this, that, "widens"), (that, this, "narrows")):
        if longer.endswith(shorter):
            place = longer.rindex(shorter)
            if not shorter:
                raise Thrown("StringIndexOutOfBoundsException", "String index out of range: 0")
            return meaning if (longer[place - 1] == ".") != (shorter[0] == ".") else "same kind"  # type: ignore[return-value]
    return "same kind"


def _mail(this: str, that: str) -> Relation:
    if this == that:
        return "match"
    for longer, shorter, meaning in ((this, that, "widens"), (that, this, "narrows")):
        if longer.endswith(shorter):
            if "@" in shorter:
                return "same kind"
            before = longer[longer.rindex(shorter) - 1]
            return meaning if shorter.startswith(".") or before == "@" else "same kind"  # type: ignore[return-value]
    return "same kind"


def _directory(this: tuple[str, ...], that: tuple[str, ...]) -> Relation:
    if this == that:
        return "match"
    if that[: len(this)] == this:
        return "narrows"
    return "widens" if this[: len(that)] == that else "same kind"


def _uri(this: str, that: str) -> Relation:
    mine, theirs = _host(this), _host(that)
    if theirs is None:
        raise Thrown("NullPointerException", 'Cannot invoke "String.equalsIgnoreCase(String)" because "otherHost" is null')
    if mine is not None and lower(mine) == lower(theirs):
        return "match"
    if mine is None or address(theirs) or address(mine):
        return "same kind"
    this_domain, that_domain = mine.startswith("."), theirs.startswith(".")
    found = _dns(lower(mine.removeprefix(".")), lower(theirs.removeprefix(".")))
    if not this_domain and not that_domain and found in ("widens", "narrows"):
        return "same kind"
    if this_domain != that_domain and found == "match":
        return "widens" if this_domain else "narrows"
    return found


def _host(text: str) -> str | None:
    """The host of a URI; a constraint is a host itself."""
    _, colon, rest = text.partition(":")
    if not colon:
        return text
    if not rest.startswith("//"):
        return None
    authority = rest[2:].partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    return authority.partition("]")[0].strip("[") if authority.startswith("[") else authority.partition(":")[0] or None


def _address(this: bytes, that: bytes) -> Relation:
    this, that = _unmapped(this), _unmapped(that)
    if _same_address(this, that):
        return "match"
    if len(this) == len(that) and len(this) in (8, 32):
        return _networks(this, that)
    for single, network, meaning in ((this, that, "widens"), (that, this, "narrows")):
        if len(network) == 2 * len(single) and len(single) in (4, 16):
            base, mask = network[: len(single)], network[len(single) :]
            return meaning if all(s & m == b for s, b, m in zip(single, base, mask, strict=True)) else "same kind"  # type: ignore[return-value]
    return "same kind"


def _unmapped(body: bytes) -> bytes:
    """An IPv4 address in the form of an IPv6 one is an IPv4 address to java.net."""
    return body[12:] if len(body) == 16 and body.startswith(b"\0" * 10 + b"\xff\xff") else body


def _same_address(this: bytes, that: bytes) -> bool:
    if len(this) == len(that) and len(this) in (8, 32):
        half = len(this) // 2
        return this[half:] == that[half:] and all(
            a & m == b & n for a, m, b, n in zip(this[:half], this[half:], that[:half], that[half:], strict=True)
        )
    return this == that


def _networks(this: bytes, that: bytes) -> Relation:
    half = len(this) // 2
    a, m, b, n = this[:half], this[half:], that[:half], that[half:]
    this_empty, that_empty = any(x & y != x for x, y in zip(a, m, strict=True)), any(x & y != x for x, y in zip(b, n, strict=True))
    if this_empty or that_empty:
        return "match" if this_empty and that_empty else "widens" if this_empty else "narrows"
    both = list(zip(a, m, b, n, strict=True))
    if all(y & w == y and x & y == z & y for x, y, z, w in both):
        return "narrows"
    return "widens" if all(w & y == w and z & w == x & w for x, y, z, w in both) else "same kind"


# --- sets of subtrees ----------------------------------------------------------------------------------------------------------------


class Constraints(NamedTuple):
    """The constraints that hold below a place of the path; `None`: no such list was met."""

    permitted: tuple[Subtree, ...] | None = None
    excluded: tuple[Subtree, ...] | None = None


def merged(above: Constraints | None, ca: Details, effort: Effort) -> Constraints | None:
    """What holds below a CA, given what holds above it."""
    if not ca.has(d.NAMES) or d.NAMES in form(ca).lost:
        return above
    own = Constraints(ca.permitted or None, ca.excluded or None)
    if above is None:
        return own
    excluded, permitted = above.excluded, above.permitted
    effort.spend(_count(above, own) ** 2)  # each entry is compared with each other one, more than once
    if own.excluded is not None:
        excluded = own.excluded if excluded is None else _union(excluded, own.excluded)
    if own.permitted is not None and permitted is None:
        permitted = own.permitted
    elif own.permitted is not None and permitted is not None:
        permitted, widest = _intersection(permitted, own.permitted)
        if widest:
            excluded = widest if excluded is None else _union(excluded, widest)
    if permitted is not None and excluded is not None:
        permitted = tuple(p for p in permitted if not any(relation(x.base, p.base) in ("match", "narrows") for x in excluded))
    return Constraints(permitted, excluded)


def _count(*constraints: Constraints) -> int:
    return sum(len(subtrees or ()) for each in constraints for subtrees in each)


def _minimal(subtrees: tuple[Subtree, ...]) -> tuple[Subtree, ...]:
    kept: list[Subtree] = list(subtrees)
    place = 0
    while place < len(kept) - 1:
        other, gone = place + 1, False
        while other < len(kept):
            found = relation(kept[place].base, kept[other].base)
            if found == "narrows":
                del kept[other]
                continue
            if found in ("match", "widens"):
                gone = True
                break
            other += 1
        if gone:
            del kept[place]
        else:
            place += 1
    return tuple(kept)


def _union(these: tuple[Subtree, ...], those: tuple[Subtree, ...]) -> tuple[Subtree, ...]:
    return _minimal(these + those)


def _intersection(these: tuple[Subtree, ...], those: tuple[Subtree, ...]) -> tuple[tuple[Subtree, ...], tuple[Subtree, ...]]:
    """What both permit, and what is excluded from now on because they permit nothing in common of that kind."""
    kept, others = list(_minimal(these)), _minimal(those)
    narrower: list[Subtree] = []
    widest: list[Subtree] = []
    place = 0
    while place < len(kept):
        entry, fate = kept[place], _fate(kept[place], others)
        if isinstance(fate, Subtree):
            del kept[place]
            narrower.append(fate)
        elif fate == "same kind":
            if not _overlap(kept, entry, others):
                whole = _widest(entry.base.tag)
                if whole not in widest:
                    widest.append(whole)
            del kept[place]
        else:
            place += 1
    result = _union(tuple(kept), tuple(narrower)) if narrower else tuple(kept)
    for other in others:
        if result and all(relation(entry.base, other.base) == "other kind" for entry in result):
            result = (*result, other)
    return result, tuple(widest)


def _fate(entry: Subtree, others: tuple[Subtree, ...]) -> Subtree | str:
    """What an entry becomes: a narrower one, "same kind" where only unrelated ones of its kind are there, "" where it stays."""
    fate = ""
    for other in others:
        found = relation(entry.base, other.base)
        if found == "narrows":
            return other
        if found in ("match", "widens"):
            return ""
        if found == "same kind":
            fate = "same kind"
    return fate


def _overlap(kept: list[Subtree], entry: Subtree, others: tuple[Subtree, ...]) -> bool:
    return any(
        relation(alternative.base, other.base) in ("match", "widens", "narrows")
        for alternative in kept if alternative.base.tag == entry.base.tag
        for other in others
    )  # fmt: skip


def _widest(tag: int) -> Subtree:
    """The subtree that holds every name of a kind; for most kinds Java's constructor refuses what would be one."""
    refused = {
        d.RFC822: "java.io.IOException: RFC822Name may not be null or empty", d.DNS: "java.io.IOException: DNSName must not be null or empty",
    }  # fmt: skip
    if tag == d.DIRECTORY:
        return Subtree(GeneralName(d.DIRECTORY, b"\x30\x00"))
    if tag == d.IP:
        raise Thrown("NullPointerException", 'Cannot read the array length because "<parameter1>" is null')
    raise Thrown("RuntimeException", f"Unexpected error: {refused.get(tag, 'java.io.IOException')}")


def allows(constraints: Constraints, certificate: Details, effort: Effort) -> bool:
    """NameConstraintsExtension.verify over all names of a certificate; raises Thrown."""
    subtrees = (constraints.permitted or ()) + (constraints.excluded or ())
    if any(subtree.minimum for subtree in subtrees):
        raise Thrown("IOException", "java.io.IOException: Non-zero minimum BaseDistance in name constraints not supported")
    if any(subtree.maximum for subtree in subtrees):
        raise Thrown("IOException", "java.io.IOException: Maximum BaseDistance in name constraints not supported")
    effort.spend((2 + len(certificate.names or ())) * len(subtrees))
    if certificate.subject and not _allowed(constraints, GeneralName(d.DIRECTORY, b""), certificate.subject):
        return False
    return all(_allowed(constraints, name, None) for name in _names(certificate))


def _names(certificate: Details) -> list[GeneralName]:
    names = None if d.SAN in form(certificate).lost else certificate.names
    found = list(names or ())
    if names is None:
        mails = [text_of(a) for rdn in certificate.subject or () for a in rdn if a.kind == d.EMAIL]
        found += [GeneralName(d.RFC822, mail.encode()) for mail in mails if mail]
    common = text_of(certificate.common_names[-1]) if certificate.common_names else None
    if common:
        asked = address(common)
        tag = d.IP if asked else d.DNS
        if not any(name.tag == tag for name in found) and (asked or constraint_host(common.replace("*", "z"))):
            found.append(GeneralName(tag, asked.packed if asked else common.encode()))
    return found


def _allowed(constraints: Constraints, name: GeneralName, subject: Name | None) -> bool:
    def related(subtree: Subtree) -> Relation:
        if subject is not None:
            return _directory(canonical(directory(subtree.base)), canonical(subject)) if subtree.base.tag == d.DIRECTORY else "other kind"
        return relation(subtree.base, name)

    for subtree in constraints.excluded or ():
        if related(subtree) in ("match", "narrows"):
            return False
        # A wildcard name is excluded with the names that it stands for (17.0.21; not yet in JDK 25's first release).
        if name.tag == d.DNS == subtree.base.tag and "*" in name.text and java_matches(name.text, subtree.base.text):
            return False
    same_kind = False
    for subtree in constraints.permitted or ():
        found = related(subtree)
        if found in ("match", "narrows"):
            return True
        same_kind = same_kind or found != "other kind"
    return not same_kind
