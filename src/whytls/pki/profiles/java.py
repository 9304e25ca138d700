"""Java's JSSE: the default trust manager of JDK 17 with endpoint identification for HTTPS, in a TLS 1.3 handshake.

Theory of operation
-------------------
JSSE first looks at the list as it was sent (PKIXValidator). While each certificate is the issuer of the one before by name, and the
list reaches a certificate that is trusted (or has a trusted one's name and key), or ends with one whose issuer's name is in the store,
exactly this list is *validated*, from the top down, and the first fault is the error, with its reason. Nothing else is tried then:
a wrong namesake in the list is not gone around. In any other case a path is *built* from what was sent, with backtracking, and
whatever goes wrong there is one text, "unable to find valid certification path to requested target".

Every certificate in the store is an anchor: it needs no signature, and its dates, constraints, path length and usages are not read;
but its issuing rights are, at the end (`TrustAnchor ... is not a CA certificate`). A leaf that is in the store is accepted as it is,
whatever is wrong with it. The leaf's usage is checked last (EndEntityChecker), extended key usages of CAs never.

The disabled algorithms are those of Debian's `java.security`: MD2, MD5, RSA and DSA below 1024 bits, EC below 224 bits; SHA-1 only
below the roots that Java came with, which are not in a private store. TLS 1.3 offers no SHA-224.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from whytls.pki import details as d
from whytls.pki.certificate import ANY_USAGE, CLIENT_AUTH, SECOND, SERVER_AUTH, SIGNATURE_HASHES
from whytls.pki.details import Details
from whytls.pki.families import java_words, one
from whytls.pki.faults import GATED
from whytls.pki.links import verifies
from whytls.pki.profiles import java_order
from whytls.pki.profiles.decision import Decision, Effort, Question, index_of
from whytls.pki.profiles.java_names import Constraints, Thrown, allows, canonical, merged, shown
from whytls.pki.profiles.java_parse import form
from whytls.pki.profiles.java_policy import failing

BAD_CERTIFICATE, UNSUPPORTED_CERTIFICATE, CERTIFICATE_EXPIRED, CERTIFICATE_UNKNOWN, INTERNAL_ERROR = 42, 43, 45, 46, 80
# CertificateMessage.getCertificateAlert of 17.0.21 and 25; 17.0.15 answered certificate_unknown to all of them
_ALERTS = {
    "EXPIRED": CERTIFICATE_EXPIRED, "INVALID_SIGNATURE": BAD_CERTIFICATE, "NOT_YET_VALID": BAD_CERTIFICATE,
    "ALGORITHM_CONSTRAINED": UNSUPPORTED_CERTIFICATE,
}  # fmt: skip
UNLIMITED = 2**31 - 1
MOST_CAS = 5  # PKIXBuilderParameters.getMaxPathLength
MOST_STEPS = 2_000  # ours: places looked at while building; JSSE has no bound
_NOT_FOUND = "unable to find valid certification path to requested target"
_VALIDATION = "PKIX path validation failed: "
_CHECKED = frozenset({
    d.BASIC, d.NAMES, d.POLICIES, d.MAPPINGS, d.POLICY_CONSTRAINTS, d.ANY_POLICY, d.SAN, d.KEY_USAGE, d.EKU,
})  # fmt: skip
_ENCRYPTION = {"rsa": "RSA", "rsa-pss": "RSA", "ec": "EC", "dsa": "DSA", "ed25519": "Ed25519", "ed448": "Ed448"}
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_SMALLEST = {"rsa": 1024, "rsa-pss": 1024, "dsa": 1024, "ec": 224}


class Fault(NamedTuple):
    """Why Java refuses: its exception (and, for CertPathValidatorException, the reason), its text, and the certificate."""

    code: str
    words: str
    details: Details | None = None


def decide(asked: Question) -> Decision:
    """What a Java client (or a server that requires client certificates) decides about this chain."""
    for link in asked.chain:
        problem = form(link).problem
        if problem:
            kind, _, words = problem.partition(": ")
            return _no(asked, Fault(kind, words, link), BAD_CERTIFICATE)
    store = [anchor for anchor in asked.anchors if not form(anchor).problem]
    if not store:
        return _no(asked, Fault("InvalidAlgorithmParameterException", "the trustAnchors parameter must be non-empty"), INTERNAL_ERROR)
    try:
        return _searched(asked, store) if asked.options.builder_only else _judged(asked, store)
    except Thrown as thrown:
        return _no(asked, Fault(thrown.kind, thrown.words), INTERNAL_ERROR)


def _judged(asked: Question, store: list[Details]) -> Decision:
    path, fault, exhausted = _path(asked, store)
    if not fault and len(path) > 1:
        fault = _trusted(path[-1], built=exhausted is not None) or _end_entity(asked)
    fault = fault or _host(asked)
    if fault:
        reason = fault.code.partition(".")[2]
        return _no(asked, fault, _ALERTS.get(reason, CERTIFICATE_UNKNOWN), path, exhausted=bool(exhausted))
    return Decision("java", True, path=tuple(link.certificate.sha256 for link in path))


def _searched(asked: Question, store: list[Details]) -> Decision:
    """`CertPathBuilder.getInstance("PKIX")` with the leaf as its target."""
    path = [asked.chain[0]] if asked.chain[0] in store else None
    search = _Search(asked, store)
    path = path or search.found()
    if path is None:
        return _no(asked, Fault("SunCertPathBuilderException", _NOT_FOUND, asked.chain[0]), CERTIFICATE_UNKNOWN, exhausted=search.exhausted)
    return Decision("java", True, path=tuple(link.certificate.sha256 for link in path))


def _no(asked: Question, fault: Fault, alert: int, path: Sequence[Details] = (), *, exhausted: bool = False) -> Decision:
    about = fault.details.certificate if fault.details else None
    hashes = tuple(link.certificate.sha256 for link in path)
    return Decision(
        "java", False, fault.code, None, fault.words, index_of(asked, about) if about else None, about.sha256 if about else None,
        hashes.index(about.sha256) if about and about.sha256 in hashes else None, alert,
        CERTIFICATE_UNKNOWN if alert in _ALERTS.values() else None, hashes, exhausted=exhausted,
    )  # fmt: skip


def _path(asked: Question, store: list[Details]) -> tuple[list[Details], Fault | None, bool | None]:
    """PKIXValidator.engineValidate: the path, what is wrong with it, and for a built one whether our bound was met."""
    chain, names = asked.chain, {canonical(anchor.subject) for anchor in store}
    if chain[0] in store:
        return [chain[0]], None, None
    issuer = canonical(chain[0].issuer)
    for place, link in enumerate(chain[1:], 1):
        if canonical(link.subject) != issuer:
            return _built(asked, store)
        same = [a for a in store if canonical(a.subject) == issuer and a.certificate.key_sha256 == link.certificate.key_sha256]
        if link in store or same:
            return _validated(asked, list(chain[:place]), store)
        issuer = canonical(link.issuer)
    if issuer in names:
        return _validated(asked, list(chain), store)
    return _built(asked, store)


# --- a list as it was sent ---------------------------------------------------------------------------------------------------------------


def _validated(asked: Question, links: list[Details], store: Sequence[Details]) -> tuple[list[Details], Fault | None, None]:
    """PKIXCertPathValidator: each anchor that fits the topmost certificate, until one of them passes."""
    fault: Fault | None = None
    for anchor in store:
        if _anchors(anchor, links[-1]):
            fault = next(_faults(asked, links[::-1], anchor, building=False), None)
            if fault is None:
                return [*links, anchor], None, None
    words = "java.security.cert.CertPathValidatorException: "
    if fault is None:
        text = "Path does not chain with any of the trust anchors"
        return links, Fault("CertPathValidatorException.NO_TRUST_ANCHOR", _VALIDATION + words + text, links[-1]), None
    return links, fault._replace(words=_VALIDATION + words + fault.words), None


def _anchors(anchor: Details, top: Details) -> bool:
    """Name, key identifier and serial number as the topmost certificate has them of its issuer."""
    if canonical(anchor.subject) != canonical(top.issuer):
        return False
    key_id, serial = top.certificate.aki, top.certificate.aki_serial
    if d.AKI in form(top).lost:
        return True
    own = anchor.certificate.ski
    if key_id is not None and own is not None and key_id != own:
        return False
    return serial is None or anchor.version < 3 or serial == d.integer(anchor.serial)


def _faults(asked: Question, downwards: Sequence[Details], anchor: Details, *, building: bool) -> Iterator[Fault]:
    """The checkers in the order in which they run, from the certificate below the anchor down to the leaf."""
    self_issued = [canonical(link.subject) == canonical(link.issuer) for link in downwards]
    policies = failing(downwards, self_issued)
    above, length, constraints = anchor, len(downwards), None
    for place, link in enumerate(downwards):
        last = place == len(downwards) - 1
        yield from _algorithms(link, above, first=not place)
        if not building and not last and not _may_sign(link):
            yield _fault("INVALID_KEY_USAGE", "CA key usage check failed: keyCertSign bit is not set", link)
        if not last:
            length, fault = _basic(link, length, self_issued=self_issued[place], top=not place)
            if fault:
                yield fault
        if constraints is not None and (last or not self_issued[place]):
            yield from _constrained(constraints, link, asked.effort)
        constraints = merged(constraints, link, asked.effort)
        if policies and policies[0] == place:
            yield _fault("INVALID_POLICY", policies[1], link)
        if not building:
            yield from _in_time(link, asked.at)
        yield from _signature(link, above)
        if not asked.options.builder_only:
            yield from _offered(link)
        if not building and set(link.critical) - _CHECKED:
            yield _fault("UNRECOGNIZED_CRIT_EXT", "unrecognized critical extension(s)", link)
        above = link


def _fault(reason: str, words: str, link: Details) -> Fault:
    return Fault(f"CertPathValidatorException.{reason}", words, link)


def _basic(link: Details, length: int, *, self_issued: bool, top: bool) -> tuple[int, Fault | None]:
    """ConstraintsChecker.checkBasicConstraints: how many certificates may follow, or why none."""
    allowed = path_length(link)
    if link.version < 3:
        allowed = UNLIMITED if top and self_issued else -1
    if allowed == -1:
        return length, _fault("NOT_CA_CERT", "basic constraints check failed: this is not a CA certificate", link)
    if not self_issued:
        if length <= 0:
            words = "pathLenConstraint violated - this cert must be the last cert in the certification path"
            return length, _fault("PATH_TOO_LONG", f"basic constraints check failed: {words}", link)
        length -= 1
    return min(length, allowed), None


def path_length(link: Details) -> int:
    """X509Certificate.getBasicConstraints: -1 for what is no CA, 2^31 - 1 for one without a limit."""
    if not link.has(d.BASIC) or d.BASIC in form(link).lost or not link.certificate.is_ca:
        return -1
    extension = link.extension(d.BASIC)
    numbers = d.integers(extension.value) if extension else []
    return numbers[0] if numbers else UNLIMITED  # a negative one is handed on, and taken for "no CA"


def _usages(link: Details) -> frozenset[str] | None:
    return None if d.KEY_USAGE in form(link).lost or not link.has(d.KEY_USAGE) else link.certificate.key_usage or frozenset()


def _may_sign(link: Details) -> bool:
    usages = _usages(link)
    return usages is None or "key_cert_sign" in usages


def _constrained(constraints: Constraints, link: Details, effort: Effort) -> Iterator[Fault]:
    try:
        allowed = allows(constraints, link, effort)
    except Thrown as thrown:
        if thrown.kind != "IOException":
            raise
        yield _fault("UNSPECIFIED", thrown.words, link)
        return
    if not allowed:
        yield _fault("INVALID_NAME", "name constraints check failed", link)


def _in_time(link: Details, at: int) -> Iterator[Fault]:
    begins, ends = ((value or 0) // SECOND for value in (link.certificate.not_before, link.certificate.not_after))
    if at < begins:
        yield _fault("NOT_YET_VALID", "validity check failed", link)
    elif at > ends:
        yield _fault("EXPIRED", "validity check failed", link)


def _signature(link: Details, above: Details) -> Iterator[Fault]:
    if not _verified(link, above):
        same_kind = _algorithm_kind(link) == above.certificate.key_type.removesuffix("-pss")
        yield _fault("INVALID_SIGNATURE" if same_kind else "UNSPECIFIED", "signature check failed", link)


def _verified(link: Details, above: Details) -> bool:
    """Whether JDK 17 finds the signature right; it has no curves but three."""
    key = above.certificate
    return (key.key_type != "ec" or key.curve in _CURVES) and bool(verifies(link.certificate, key))


def _algorithm_kind(link: Details) -> str:
    oid = link.certificate.signature_algorithm
    if oid.startswith(("1.2.840.113549.1.1.", "1.3.14.3.2.29")):
        return "rsa"
    return "ec" if oid.startswith("1.2.840.10045.4.") else {"1.3.101.112": "ed25519", "1.3.101.113": "ed448"}.get(oid, "dsa")


# --- algorithms ----------------------------------------------------------------------------------------------------------------------------


def _name_of(link: Details) -> str:
    """The name of the signature's algorithm: SHA256withECDSA."""
    certificate = link.certificate
    if certificate.signature_algorithm == "1.2.840.113549.1.1.10":
        return "RSASSA-PSS"
    kind = _algorithm_kind(link)
    if kind.startswith("ed"):
        return kind.capitalize()
    digest = SIGNATURE_HASHES.get(certificate.signature_algorithm, "").upper()
    return f"{digest}with{'ECDSA' if kind == 'ec' else kind.upper()}"


def _algorithms(link: Details, above: Details, *, first: bool) -> Iterator[Fault]:
    """AlgorithmChecker with jdk.certpath.disabledAlgorithms."""
    name = _name_of(link)
    words = f"Algorithm constraints check failed on signature algorithm: {name}"
    if name.startswith(("MD2", "MD5")):
        yield _fault("ALGORITHM_CONSTRAINED", words, link)
    if _usages(link) is not None and not (_usages(link) or frozenset()) - {"encipher_only", "decipher_only"}:
        yield _fault("INVALID_KEY_USAGE", "incorrect KeyUsage extension bits", link)
    if _too_small(link):
        kind, bits = _ENCRYPTION[link.certificate.key_type], link.certificate.key_bits
        limit = f"keysize limits: {kind} {bits} bit key used with certificate: {shown(link.subject)}"
        yield _fault("ALGORITHM_CONSTRAINED", f"Algorithm constraints check failed on {limit}", link)
    if first and _too_small(above):
        yield _fault("ALGORITHM_CONSTRAINED", words, link)


def _too_small(link: Details) -> bool:
    least = _SMALLEST.get(link.certificate.key_type)
    return least is not None and link.certificate.key_bits is not None and link.certificate.key_bits < least


def _offered(link: Details) -> Iterator[Fault]:
    """The signature algorithms that a TLS 1.3 client offers for certificates."""
    name = _name_of(link)
    if name.startswith("SHA224") or name.endswith("withDSA"):
        yield _fault("ALGORITHM_CONSTRAINED", f"Algorithm constraints check failed on signature algorithm: {name}", link)


# --- a path that has to be found -------------------------------------------------------------------------------------------------------------


def _built(asked: Question, store: list[Details]) -> tuple[list[Details], Fault | None, bool]:
    """SunCertPathBuilder."""
    search = _Search(asked, store)
    path = search.found()
    if path:
        return path, None, search.exhausted
    words = f"PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: {_NOT_FOUND}"
    return [asked.chain[0]], Fault("SunCertPathBuilderException", words, asked.chain[0]), search.exhausted


class _Search:
    """Depth first from the leaf to any anchor; the whole path is judged when it is complete, and given up for the next one."""

    def __init__(self, asked: Question, store: list[Details]) -> None:
        self._asked, self._store = asked, store
        self._steps, self.exhausted = MOST_STEPS, False
        self._dated = False  # the selector keeps the date once it was given one: from the second look on, anchors must be valid too

    def found(self) -> list[Details] | None:
        leaf = self._asked.chain[0]
        own = _self_signed(leaf) or not self._current(leaf) or set(leaf.critical) - _CHECKED
        return None if own else self._upwards([leaf], 0)

    def _current(self, link: Details) -> bool:
        return next(_in_time(link, self._asked.at), None) is None

    def _upwards(self, links: list[Details], cas: int) -> list[Details] | None:
        """`cas` counts the CAs on the way that are not self-issued."""
        for candidate in self._candidates(links, cas):
            self._steps -= 1
            if self._steps < 0:
                self.exhausted = True
                return None
            trusted = candidate in self._store
            if not trusted and not self._acceptable(candidate):
                continue
            if not _verified(links[-1], candidate):
                continue
            if trusted:
                if next(_faults(self._asked, links[::-1], candidate, building=True), None) is None:
                    return [*links, candidate]
                continue
            self_issued = _self_issued(candidate)
            if self_issued and _self_issued(links[-1]):
                return None
            more = self._upwards([*links, candidate], cas + (not self_issued))
            if more:
                return more
        return None

    def _acceptable(self, candidate: Details) -> bool:
        return not set(candidate.critical) - _CHECKED and path_length(candidate) != -1 and _may_sign(candidate)

    def _candidates(self, links: list[Details], cas: int) -> list[Details]:
        child, wanted = links[-1], canonical(links[-1].issuer)
        found = [a for a in self._store if canonical(a.subject) == wanted and (a.version > 2 or self._covers(a, child))]
        found = java_order.hashed([a for a in found if not self._dated or self._current(a)])
        self._dated = True
        if cas < MOST_CAS:
            found += java_order.hashed([c for c in self._asked.chain if canonical(c.subject) == wanted and self._could_be(c, cas)])
        issuers = {canonical(anchor.subject) for anchor in self._store}
        return [c for c in java_order.sorted_set(found, child, issuers) if not any(_repeated(link, c) for link in links)]

    def _could_be(self, link: Details, cas: int) -> bool:
        return path_length(link) >= cas and self._current(link) and not _self_signed(link)

    def _covers(self, issuer: Details, child: Details) -> bool:
        """A version 1 anchor has to be valid on the first and the last day of what it issued."""
        times = [(value or 0) // SECOND for value in (child.certificate.not_before, child.certificate.not_after)]
        return all(next(_in_time(issuer, time), None) is None for time in times)


def _self_issued(link: Details) -> bool:
    return canonical(link.subject) == canonical(link.issuer)


def _self_signed(link: Details) -> bool:
    return _self_issued(link) and bool(verifies(link.certificate, link.certificate))


def _repeated(link: Details, candidate: Details) -> bool:
    """The same name, key and alternative names are on the way already."""
    if link == candidate:
        return True
    if canonical(link.subject) != canonical(candidate.subject) or link.certificate.key_sha256 != candidate.certificate.key_sha256:
        return False
    own, other = link.extension(d.SAN), candidate.extension(d.SAN)
    return (own.value if own else None) == (other.value if other else None)


# --- the anchor, the leaf's usage, the host ------------------------------------------------------------------------------------------------


def _trusted(anchor: Details, *, built: bool) -> Fault | None:
    """PKIXValidator.verifyTrustAnchor; jdk.security.allowNonCaAnchor=true turns it off."""
    if anchor.version < 3:
        return None
    intro = "PKIX path building failed: " if built else _VALIDATION
    intro += f'sun.security.validator.ValidatorException: TrustAnchor with subject "{shown(anchor.subject)}" '
    if path_length(anchor) == -1:
        return Fault("ValidatorException", f"{intro}is not a CA certificate", anchor)
    if not _may_sign(anchor):
        return Fault("ValidatorException", f"{intro}does not have keyCertSign bit set in KeyUsage extension", anchor)
    return None


def _end_entity(asked: Question) -> Fault | None:
    """EndEntityChecker: what the leaf is for."""
    leaf, server = asked.chain[0], asked.purpose == "server"
    usages, keys = leaf.certificate.extended_key_usage, _usages(leaf)
    if keys is not None and "digital_signature" not in keys:
        return Fault("ValidatorException", "KeyUsage does not allow digital signatures", leaf)
    wanted = {SERVER_AUTH, ANY_USAGE, *GATED} if server else {CLIENT_AUTH, ANY_USAGE}
    if usages is not None and d.EKU not in form(leaf).lost and not usages & wanted:
        side = "server" if server else "client"
        return Fault("ValidatorException", f"Extended key usage does not permit use for TLS {side} authentication", leaf)
    netscape = leaf.extension(d.NETSCAPE_TYPE)
    bits = netscape.value[3] if netscape and len(netscape.value) > 3 else 0xFF if netscape is None else 0
    if not bits & (0x40 if server else 0x80):
        return Fault("ValidatorException", f"Netscape cert type does not permit use for SSL {'server' if server else 'client'}", leaf)
    return None


def _host(asked: Question) -> Fault | None:
    if not asked.host or one("java", asked.host, asked.chain[0].certificate).accepted:
        return None
    return Fault("CertificateException", java_words(asked.host, asked.chain[0]), asked.chain[0])
