"""Go's crypto/x509 as crypto/tls asks it (Go 1.19).

Theory of operation
-------------------
A certificate that does not parse ends the handshake: Go's parser is the strictest of the three (a name constraint with a mask that
has holes, an extension that is there twice, a time that is no RFC 5280 time). Then `Verify` looks at the leaf (critical extensions,
time), at the host name, and only then for chains: depth first, roots before intermediates, candidates whose key identifier fits
first, names compared byte for byte, at most 100 signatures. Whatever is in the pool of roots is a root. A candidate is refused where
it stands (constraints of its own, path length, time), and the search goes on with the next; only if no chain is left does the last
refusal become the error. Extended key usage is nested: each certificate of the chain that lists usages must list the wanted one.

Not modelled: `SystemCertPool` on macOS and Windows, where the platform's verifier is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from whytls.pki import details as d
from whytls.pki.certificate import ANY_USAGE, CLIENT_AUTH, SECOND, SERVER_AUTH
from whytls.pki.details import Details
from whytls.pki.families import go_words, one, text_of
from whytls.pki.links import verifies
from whytls.pki.profiles import go_names
from whytls.pki.profiles.decision import Decision, Effort, Question, index_of
from whytls.pki.profiles.go_names import quoted
from whytls.pki.profiles.go_parse import problem, unhandled

MOST_SIGNATURES = 100  # maxChainSignatureChecks
BAD_CERTIFICATE, UNSUPPORTED_CERTIFICATE = 42, 43
_ALGORITHMS = {
    "1.2.840.113549.1.1.2": ("MD2-RSA", "rsa"), "1.2.840.113549.1.1.4": ("MD5-RSA", "rsa"), "1.2.840.113549.1.1.5": ("SHA1-RSA", "rsa"),
    "1.3.14.3.2.29": ("SHA1-RSA", "rsa"), "1.2.840.113549.1.1.11": ("SHA256-RSA", "rsa"), "1.2.840.113549.1.1.12": ("SHA384-RSA", "rsa"),
    "1.2.840.113549.1.1.13": ("SHA512-RSA", "rsa"), "1.2.840.113549.1.1.10": ("RSAPSS", "rsa"), "1.2.840.10040.4.3": ("DSA-SHA1", "dsa"),
    "2.16.840.1.101.3.4.3.2": ("DSA-SHA256", "dsa"), "1.2.840.10045.4.1": ("ECDSA-SHA1", "ec"), "1.2.840.10045.4.3.2": ("ECDSA-SHA256", "ec"),
    "1.2.840.10045.4.3.3": ("ECDSA-SHA384", "ec"), "1.2.840.10045.4.3.4": ("ECDSA-SHA512", "ec"), "1.3.101.112": ("Ed25519", "ed25519"),
}  # fmt: skip
_KINDS = {"rsa": ("RSA", "*rsa.PublicKey"), "ec": ("ECDSA", "*ecdsa.PublicKey"), "ed25519": ("Ed25519", "ed25519.PublicKey")}
_DSA = ("DSA", "*dsa.PublicKey")
_UNIMPLEMENTED = "x509: cannot verify signature: algorithm unimplemented"
_CANNOT_SIGN = "x509: invalid signature: parent certificate cannot sign this kind of certificate"


class Refused(NamedTuple):
    """Why something is not acceptable: the name of Go's error, its text, and the certificate that it is about."""

    code: str
    words: str
    details: Details | None = None


def decide(asked: Question) -> Decision:
    """What `tls.Client` (or a server that requires client certificates) decides about this chain."""
    leaf = asked.chain[0]
    for details in asked.chain:
        trouble = problem(details)
        if trouble:
            return _no(asked, Refused("parse", f"tls: failed to parse certificate from server: x509: {trouble}", details))
    refused = _acceptable(leaf, (), asked, issuer=None) or _host(asked)
    if refused:
        return _no(asked, refused)
    search = _Search(asked)
    if leaf in search.roots:
        chains: list[tuple[Details, ...]] = [(leaf,)]
    else:
        chains, refused = search.build((leaf,))
    if not chains:
        return _no(asked, refused or Refused("x509.UnknownAuthorityError", "x509: certificate signed by unknown authority", leaf))
    wanted = SERVER_AUTH if asked.purpose == "server" else CLIENT_AUTH
    for chain in chains:
        if _usable(chain, wanted):
            return Decision("go", True, path=tuple(link.certificate.sha256 for link in chain))
    words = "x509: certificate specifies an incompatible key usage"
    return _no(asked, Refused("x509.IncompatibleUsage", words, _first_unusable(chains[0], wanted)))


def _no(asked: Question, refused: Refused) -> Decision:
    about = refused.details.certificate if refused.details else None
    return Decision(
        "go", False, refused.code, None, refused.words, index_of(asked, about) if about else None, about.sha256 if about else None,
        alert=BAD_CERTIFICATE,
    )  # fmt: skip


def _host(asked: Question) -> Refused | None:
    if not asked.host:
        return None
    leaf = asked.chain[0]
    if one("go", asked.host, leaf.certificate).accepted:
        return None
    return Refused("x509.HostnameError", go_words(asked.host, leaf), leaf)


class _Search:
    """buildChains: every chain from the leaf to a root, and the error that is left where there is none."""

    def __init__(self, asked: Question) -> None:
        self._asked = asked
        self.roots = _distinct(anchor for anchor in asked.anchors if not problem(anchor))
        self._intermediates = _distinct(asked.chain[1:])
        self._signatures = 0

    def build(self, chain: tuple[Details, ...]) -> tuple[list[tuple[Details, ...]], Refused | None]:
        """The chains that begin so, and the last refusal met on the way."""
        child, found = chain[-1], list[tuple[Details, ...]]()
        error: Refused | None = None
        hint: tuple[str, Details] | None = None
        for is_root, candidate in self._candidates(child):
            if _in_chain(candidate, chain):
                continue
            self._signatures += 1
            if self._signatures > MOST_SIGNATURES:
                error = Refused("limit", "x509: signature check attempts limit reached while verifying certificate chain", child)
                continue
            trouble = _signed(child, candidate)
            if trouble:
                hint = hint or (trouble, candidate)
                continue
            error = _acceptable(candidate, chain, self._asked, issuer=not is_root)
            if error:
                continue
            if is_root:
                found.append((*chain, candidate))
            else:
                more, error = self.build((*chain, candidate))
                found += more
        if found:
            return found, None
        return [], error or _unknown(child, hint)

    def _candidates(self, child: Details) -> Iterator[tuple[bool, Details]]:
        for is_root, pool in ((True, self.roots), (False, self._intermediates)):
            named = [c for c in pool if c.certificate.subject_der == child.certificate.issuer_der]
            for candidate in sorted(named, key=lambda c: _plausible(child, c)):
                yield is_root, candidate


def _distinct(pool: Sequence[Details] | Iterator[Details]) -> list[Details]:
    return list({details.certificate.sha256: details for details in pool}.values())


def _plausible(child: Details, candidate: Details) -> int:
    """Key identifiers equal (also both missing), one of them missing, different."""
    mine, theirs = child.certificate.aki or b"", candidate.certificate.ski or b""
    return 0 if mine == theirs else 1 if not mine or not theirs else 2


def _in_chain(candidate: Details, chain: Sequence[Details]) -> bool:
    """The same subject, key and alternative names are on the way already."""
    own = candidate.extension(d.SAN)
    for link in chain:
        if link.certificate.subject_der != candidate.certificate.subject_der or link.certificate.key_sha256 != candidate.certificate.key_sha256:
            continue
        other = link.extension(d.SAN)
        if own is None or other is None:
            return own is other
        if own.value == other.value:
            return True
    return False


def _unknown(child: Details, hint: tuple[str, Details] | None) -> Refused:
    words = "x509: certificate signed by unknown authority"
    if hint:
        shown = quoted(_called(hint[1]))
        words += f" (possibly because of {quoted(hint[0])} while trying to verify candidate authority certificate {shown})"
    return Refused("x509.UnknownAuthorityError", words, child)


def _called(details: Details) -> str:
    attributes = [a for rdn in details.subject or () for a in rdn]
    for kind, pick in ((d.COMMON_NAME, -1), ("2.5.4.10", 0)):
        values = [text_of(a) or "" for a in attributes if a.kind == kind]
        if values and values[pick]:
            return values[pick]
    return f"serial:{d.integer(details.serial)}"


def _signed(child: Details, parent: Details) -> str:
    """CheckSignatureFrom: why the parent has not signed the child, or was not allowed to."""
    certificate = parent.certificate
    basic = parent.has(d.BASIC) and parent.version == 3
    if (parent.version == 3 and not basic) or (basic and not certificate.is_ca):
        return _CANNOT_SIGN
    if parent.version == 3 and certificate.key_usage and "key_cert_sign" not in certificate.key_usage:
        return _CANNOT_SIGN
    if certificate.key_type not in (*_KINDS, "dsa"):
        return _UNIMPLEMENTED
    return _algorithm(child, certificate.key_type) or _verified(child, parent)


def _algorithm(child: Details, key: str) -> str:
    """Why Go does not try this signature at all."""
    kind = child.certificate.signature_algorithm
    name, wanted = _ALGORITHMS.get(kind, ("", ""))
    if not name or name == "MD2-RSA" or (name == "RSAPSS" and child.certificate.signature_hash not in ("sha256", "sha384", "sha512")):
        return _UNIMPLEMENTED
    if name.startswith(("MD5", "SHA1")) or name.endswith("SHA1"):
        override = " (temporarily override with GODEBUG=x509sha1=1)" if name in ("SHA1-RSA", "ECDSA-SHA1") else ""
        return f"x509: cannot verify signature: insecure algorithm {name}{override}"
    if key not in _KINDS:
        return _UNIMPLEMENTED
    if wanted != key:
        expected = _KINDS.get(wanted, _DSA)[0]
        return f"x509: signature algorithm specifies an {expected} public key, but have public key of type {_KINDS[key][1]}"
    return ""


def _verified(child: Details, parent: Details) -> str:
    if verifies(child.certificate, parent.certificate):
        return ""
    words = {"rsa": "crypto/rsa: verification error", "ec": "x509: ECDSA verification failure"}
    return words.get(parent.certificate.key_type, "x509: Ed25519 verification failure")


def _acceptable(certificate: Details, chain: Sequence[Details], asked: Question, *, issuer: bool | None) -> Refused | None:
    """isValid: what is wrong with a certificate where it stands (`issuer`: None for the leaf, True for an intermediate)."""
    if unhandled(certificate):
        return Refused("x509.UnhandledCriticalExtension", "x509: unhandled critical extension", certificate)
    refused = _in_time(certificate, asked.at)
    if chain and not refused:
        refused = _constrained(certificate, chain[0], asked.effort)
    return refused or _length(certificate, chain, issuer)


def _in_time(certificate: Details, at: int) -> Refused | None:
    begins, ends = ((value or 0) // SECOND for value in (certificate.certificate.not_before, certificate.certificate.not_after))
    which = ("before", begins) if at < begins else ("after", ends) if at > ends else None
    if which is None:
        return None
    words = f"x509: certificate has expired or is not yet valid: current time {_rfc3339(at)} is {which[0]} {_rfc3339(which[1])}"
    return Refused("x509.Expired", words, certificate)


def _rfc3339(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _constrained(ca: Details, leaf: Details, effort: Effort) -> Refused | None:
    if ca.version != 3 or not ca.has(d.NAMES):
        return None
    holders = [holder for holder in (leaf, ca) if holder.version == 3 and holder.has(d.SAN)]
    violation = go_names.check(ca, holders, effort)
    if violation is None:
        return None
    if not violation.reason:
        return Refused("x509: name", violation.words, leaf)
    intro = "x509: a root or intermediate certificate is not authorized to sign for this name: "
    return Refused(f"x509.{violation.reason}", intro + violation.words if violation.words else "x509: unknown error", ca)


def _length(certificate: Details, chain: Sequence[Details], issuer: bool | None) -> Refused | None:
    basic = certificate.version == 3 and certificate.has(d.BASIC)
    if issuer and not (basic and certificate.certificate.is_ca):
        words = "x509: certificate is not authorized to sign other certificates"
        return Refused("x509.NotAuthorizedToSign", words, certificate)
    allowed = certificate.certificate.path_length
    if basic and allowed is not None and len(chain) - 1 > allowed:
        return Refused("x509.TooManyIntermediates", "x509: too many intermediates for path length constraint", certificate)
    return None


def _usable(chain: Sequence[Details], wanted: str) -> bool:
    return _first_unusable(chain, wanted) is None


def _first_unusable(chain: Sequence[Details], wanted: str) -> Details | None:
    """The topmost certificate whose extended key usages leave out what is asked (Go knows nothing of Server Gated Cryptography)."""
    for details in reversed(chain):
        usages = details.certificate.extended_key_usage if details.version == 3 else None
        if usages and ANY_USAGE not in usages and wanted not in usages:
            return details
    return None
