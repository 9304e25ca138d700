"""A browser, by the published rules of Chrome's verifier (net/cert, BoringSSL's pki/); never compared with a running one.

Theory of operation
-------------------
All paths are tried, through what was sent and what the browser has cached or fetches over AIA (`Options.fetched`; whether a fetch
would succeed is not known here). Every certificate in the store is an anchor, its date counts where somebody added it. The best path
is the one without errors; else the errors of the first one found count. Of several errors the most serious is shown
(`MapCertStatusToNetError`): INVALID, AUTHORITY, COMMON_NAME, NAME_CONSTRAINT, WEAK_SIGNATURE, WEAK_KEY, DATE, VALIDITY_TOO_LONG.

The common name never counts; SHA-1 and MD5 are refused everywhere below the anchor; RSA keys below 1024 bits and curves other than
P-256, P-384 and P-521 as well. The limits of 398 days (issued from September 2020 on) and 825 days (from March 2018 on) hold for public
roots only. Certificate Transparency, revocation and pins are not modelled; all of them are for public roots.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from whytls.exceptions import UsageError
from whytls.pki import details as d
from whytls.pki.certificate import ANY_USAGE, SECOND, SERVER_AUTH, read
from whytls.pki.constraints import violation
from whytls.pki.details import Details, of
from whytls.pki.families import one
from whytls.pki.links import verifies
from whytls.pki.profiles.decision import Decision, Question, index_of

CERTIFICATE_UNKNOWN = 46  # BoringSSL's default for a verifier that refuses
MOST_STEPS = 1_000
DAY = 86_400
ORDER = (
    "ERR_CERT_INVALID", "ERR_CERT_AUTHORITY_INVALID", "ERR_CERT_COMMON_NAME_INVALID", "ERR_CERT_NAME_CONSTRAINT_VIOLATION",
    "ERR_CERT_WEAK_SIGNATURE_ALGORITHM", "ERR_CERT_WEAK_KEY", "ERR_CERT_DATE_INVALID", "ERR_CERT_VALIDITY_TOO_LONG",
    "ERR_SSL_KEY_USAGE_INCOMPATIBLE",
)  # fmt: skip
_KNOWN = frozenset({
    d.BASIC, d.KEY_USAGE, d.EKU, d.SAN, d.NAMES, d.POLICIES, d.MAPPINGS, d.POLICY_CONSTRAINTS, d.ANY_POLICY, d.CRLS, d.AIA, d.AKI, d.SKI,
})  # fmt: skip
_TIMES = re.compile(rb"\d{12}(\d\d)?Z")  # RFC 5280 section 4.1.2.5, nothing else
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_LIMITS = ((1_598_918_400, 398), (1_519_862_400, 825))  # issued from (seconds since 1970), days
Error = tuple[str, Details]


def decide(asked: Question) -> Decision:
    """What Chrome decides about a server's chain. Raises UsageError for a client's: browsers judge servers only."""
    if asked.purpose != "server":
        raise UsageError("a browser judges the certificates of servers only", hint="openssl, java or go")
    search = _Search(asked)
    errors = list(search.best())
    if asked.host and not one("browser", asked.host, asked.chain[0].certificate).accepted:
        errors.append(("ERR_CERT_COMMON_NAME_INVALID", asked.chain[0]))
    path = tuple(link.certificate.sha256 for link in search.path)
    if not errors:
        return Decision("browser", True, path=path, measured=False, exhausted=search.exhausted)
    code, about = min(errors, key=lambda error: ORDER.index(error[0]))
    digest = about.certificate.sha256
    return Decision(
        "browser", False, f"NET::{code}", None, f"NET::{code}", index_of(asked, about.certificate), digest,
        path.index(digest) if digest in path else None, CERTIFICATE_UNKNOWN, path=path, measured=False, exhausted=search.exhausted,
    )  # fmt: skip


class _Search:
    """All paths to an anchor, depth first, within bounds, until one is without errors."""

    def __init__(self, asked: Question) -> None:
        self._asked = asked
        fetched = [of(read(der)) for der in asked.options.fetched[:32]]
        self._pool = list({link.certificate.sha256: link for link in [*asked.anchors, *asked.chain[1:], *fetched]}.values())
        self._anchors = {anchor.certificate.sha256 for anchor in asked.anchors}
        self._steps, self.exhausted = MOST_STEPS, False
        self.path: tuple[Details, ...] = asked.chain[:1]

    def best(self) -> Sequence[Error]:
        """The errors of the best path; `path` is it."""
        leaf = self._asked.chain[0]
        found: list[Error] | None = None
        for path in self._paths((leaf,)):
            errors = list(_errors(path, self._asked))
            if found is None or not errors:
                found, self.path = errors, path
            if not errors:
                break
        return [("ERR_CERT_AUTHORITY_INVALID", leaf), *_of_leaf(leaf, self._asked)] if found is None else found

    def _paths(self, path: tuple[Details, ...]) -> Iterator[tuple[Details, ...]]:
        last = path[-1]
        self._steps -= 1
        if self._steps < 0:
            self.exhausted = True
            return
        if last.certificate.sha256 in self._anchors and (len(path) > 1 or last.certificate.self_issued):
            yield path
            return
        met = {link.certificate.identity for link in path}
        issuers = [link for link in self._pool if link.certificate.subject_canonical == last.certificate.issuer_canonical]
        issuers.sort(key=lambda link: (link.certificate.sha256 not in self._anchors, link.certificate.ski != last.certificate.aki))
        for issuer in issuers:
            if issuer.certificate.identity not in met and verifies(last.certificate, issuer.certificate):
                yield from self._paths((*path, issuer))


def _errors(path: Sequence[Details], asked: Question) -> Iterator[Error]:
    yield from _of_leaf(path[0], asked)
    counted = 0
    for place, link in enumerate(path):
        anchor = place == len(path) - 1
        if place:
            yield from _dated(link, asked.at) if not anchor or not asked.options.public_roots else ()
            yield from _issuing(link, counted, anchor=anchor)
            yield from _key(link)
            counted += not link.certificate.self_issued
        if not anchor and link.certificate.signature_hash in ("sha1", "md5", "md4", "md2"):
            yield ("ERR_CERT_WEAK_SIGNATURE_ALGORITHM", link)
        if link.has(d.NAMES) and place:
            broken = [below for below in path[:place] if (below is path[0] or not below.certificate.self_issued) and _outside(below, link)]
            yield from (("ERR_CERT_NAME_CONSTRAINT_VIOLATION", below) for below in broken)


def _outside(below: Details, ca: Details) -> bool:
    found = violation(below.certificate, ca.certificate)
    return found is not None and not (found.kind == "dns" and not below.listed(d.DNS))  # a common name is no name


def _of_leaf(leaf: Details, asked: Question) -> Iterator[Error]:
    certificate = leaf.certificate
    usages, keys = certificate.extended_key_usage, certificate.key_usage
    if not _sound(leaf) or (usages is not None and not usages & {SERVER_AUTH, ANY_USAGE}):
        yield ("ERR_CERT_INVALID", leaf)
    yield from _dated(leaf, asked.at)
    yield from _key(leaf)
    if keys is not None and "digital_signature" not in keys:
        yield ("ERR_SSL_KEY_USAGE_INCOMPATIBLE", leaf)
    if asked.options.public_roots and certificate.not_before is not None and certificate.not_after is not None:
        begins, seconds = certificate.not_before // SECOND, (certificate.not_after - certificate.not_before) // SECOND
        limit = next((days for start, days in _LIMITS if begins >= start), None)
        if limit is not None and seconds > limit * DAY:
            yield ("ERR_CERT_VALIDITY_TOO_LONG", leaf)


def _sound(link: Details) -> bool:
    """Its form is one that BoringSSL parses, and it has no critical extension that nobody knows."""
    same = link.inner_algorithm == link.outer_algorithm
    timed = all(_TIMES.fullmatch(moment.body) and moment.exists for moment in (link.begins, link.ends))
    return link.readable and same and timed and not link.duplicates and not link.unread and not set(link.critical) - _KNOWN


def _issuing(link: Details, counted: int, *, anchor: bool) -> Iterator[Error]:
    certificate = link.certificate
    usages = certificate.extended_key_usage
    signs = certificate.key_usage is None or "key_cert_sign" in certificate.key_usage
    authorised = certificate.is_ca if link.version == 3 and link.has(d.BASIC) else anchor and link.version < 3
    too_long = certificate.path_length is not None and counted > certificate.path_length
    fit = anchor or usages is None or bool(usages & {SERVER_AUTH, ANY_USAGE})
    if not _sound(link) or not signs or not authorised or too_long or not fit:
        yield ("ERR_CERT_INVALID", link)


def _dated(link: Details, at: int) -> Iterator[Error]:
    begins, ends = ((value or 0) // SECOND for value in (link.certificate.not_before, link.certificate.not_after))
    if not begins <= at <= ends:
        yield ("ERR_CERT_DATE_INVALID", link)


def _key(link: Details) -> Iterator[Error]:
    kind, bits = link.certificate.key_type, link.certificate.key_bits or 0
    if (kind == "rsa" and bits < 1024) or (kind == "ec" and link.certificate.curve not in _CURVES) or kind not in ("rsa", "ec"):
        yield ("ERR_CERT_WEAK_KEY" if kind in ("rsa", "ec") else "ERR_CERT_INVALID", link)
