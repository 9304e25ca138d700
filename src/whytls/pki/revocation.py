"""Whether certificates are revoked, by revocation lists and OCSP responses given as files.

Theory of operation
-------------------
Every source that is about a certificate makes a statement (``Said``). It counts only if it is signed by who may say it, is fresh
at the time in question, and is about this certificate:

* a list: by the issuer's own key, with cRLSign where the issuer has a key usage at all (RFC 5280 section 6.3.3 f);
* a response: by the issuer's own key, or by a certificate that the issuer itself gave the right to (id-kp-OCSPSigning, RFC 6960
  section 4.2.2.2). A responder that only somebody's configuration trusts is not known here;
* fresh: thisUpdate has come and nextUpdate has not. A response without nextUpdate says that newer information is always to be had
  (section 4.2.2.1): it counts for 15 minutes, as in Java; OpenSSL would take it for ever. A list without nextUpdate does not count
  (section 5.1.2.5 requires it).

Indirect and delta lists are named and do not count. One statement that counts and says *revoked* decides; else one that says *good*;
else the certificate's state is ``undecided``, and the statements tell why. Nobody revokes a root or an anchor: it is taken out of the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from whytls.pki.certificate import SECOND, Certificate, read
from whytls.pki.defect import Defect
from whytls.pki.links import LARGEST_EXPONENT, LARGEST_KEY, self_signed, verifies
from whytls.pki.readers.revocation import Crl, Kind, OcspResponse, Source, moment_of, name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.x509 import ocsp

OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
SKEW = 15 * 60 * SECOND  # Java's MAX_CLOCK_SKEW, which is also how long a response without nextUpdate counts
MOST_ANSWERS, MOST_RESPONDERS = 1000, 8  # of one response
State = Literal["good", "revoked", "unknown", "undecided", "not-checked"]
Why = Literal[
    "",  # it counts
    "stale",  # nextUpdate has passed
    "not-yet",  # thisUpdate is still to come
    "no-next-update",
    "signature-differs",  # not signed by the key that it must be signed by, or changed afterwards
    "signature-not-tried",  # an algorithm that is not known here, or the issuer's certificate is not at hand
    "signer-not-allowed",  # no cRLSign; a responder without id-kp-OCSPSigning, of another CA, or out of its time
    "signer-not-at-hand",
    "delta",
    "indirect",
    "other-scope",  # not about this kind of certificate, or another distribution point's
    "some-reasons",  # not listed, but the list is not about all reasons
    "critical-extension",  # one that is not understood
    "not-listed",  # a response about other certificates
    "no-answer",  # the responder's error
    "unreadable",
]


class Said(NamedTuple):
    """What one source says of one certificate, and why it does not count, if so."""

    source: str
    kind: Kind
    state: State
    why: Why = ""
    reason: str = ""  # RFC 5280 section 5.3.1: keyCompromise, superseded, ...; of "no-answer" the response's status
    revoked_at: int | None = None  # nanoseconds since 1970
    this_update: int | None = None
    next_update: int | None = None

    @property
    def counts(self) -> bool:
        """Whether it decides anything."""
        return not self.why


class Status(NamedTuple):
    """The state of one certificate of a path."""

    place: int  # in the path, from 0
    certificate: Certificate
    state: State
    reason: str = ""
    revoked_at: int | None = None
    said: tuple[Said, ...] = ()


def statuses(path: Sequence[Certificate], sources: Sequence[Source], *, at: int, anchored: bool = False) -> tuple[Status, ...]:
    """The state of every certificate of a path (own certificate first) at a time in nanoseconds since 1970.

    ``anchored``: the last one is an anchor of the judging side, and so not checked; nor is a self-signed one.
    """
    found = []
    for place, certificate in enumerate(path):
        last = place + 1 == len(path)
        if last and (anchored or self_signed(certificate)):
            found.append(Status(place, certificate, "not-checked"))
            continue
        issuer = None if last else path[place + 1]
        said = tuple(statement for source in sources for statement in _said(certificate, issuer, source, at))
        found.append(_status(place, certificate, said))
    return tuple(found)


def revoked(found: Sequence[Status], sent: Sequence[Certificate]) -> Iterator[Defect]:
    """The revoked certificates as defects of the chain that was sent."""
    for status in found:
        if status.state == "revoked":
            c = status.certificate
            where = "leaf" if status.place == 0 else "intermediate"
            source = next(s for s in status.said if s.counts and s.state == "revoked")
            facts = {
                "position": where, "reason": status.reason, "revoked_at": status.revoked_at, "source": source.source, "subject": c.subject,
            }  # fmt: skip
            yield Defect("revoked", sent.index(c) if c in sent else None, c.sha256, status.reason, facts)


def _status(place: int, certificate: Certificate, said: tuple[Said, ...]) -> Status:
    for wanted in ("revoked", "good", "unknown"):
        deciding = next((s for s in said if s.counts and s.state == wanted), None)
        if deciding is not None:
            return Status(place, certificate, deciding.state, deciding.reason, deciding.revoked_at, said)
    return Status(place, certificate, "undecided", said=said)


def _said(certificate: Certificate, issuer: Certificate | None, source: Source, at: int) -> Iterator[Said]:
    try:
        if isinstance(source, Crl):
            yield from _of_list(certificate, issuer, source, at)
        else:
            yield from _of_response(certificate, issuer, source, at)
    except Exception:  # the library reads entries when they are asked for, and raises many types
        yield Said(source.source, source.kind, "undecided", "unreadable")


def _fresh(this_update: int | None, next_update: int | None, at: int) -> Why:
    if this_update is None:
        return "unreadable"
    if at // SECOND < this_update // SECOND:
        return "not-yet"
    if next_update is None:
        return "no-next-update"
    return "stale" if at // SECOND > next_update // SECOND else ""


def _of_list(certificate: Certificate, issuer: Certificate | None, crl: Crl, at: int) -> Iterator[Said]:
    if crl.issuer_canonical != certificate.issuer_canonical and crl.kind != "indirect-crl":
        return  # another CA's list: it says nothing
    said = Said(crl.source, crl.kind, "undecided", "", "", None, crl.this_update, crl.next_update)
    why = _list_counts(certificate, issuer, crl) or _fresh(crl.this_update, crl.next_update, at)
    if certificate.serial is None or why in ("signature-differs", "signature-not-tried", "signer-not-allowed", "indirect", "delta", "other-scope"):
        yield said._replace(why=why or "unreadable")
        return
    entry = crl.parsed.get_revoked_certificate_by_serial_number(certificate.serial)
    if entry is None:
        yield said._replace(state="good", why=why or ("some-reasons" if crl.scope.some_reasons else ""))
        return
    reason, strange = "unspecified", False
    for extension in entry.extensions:
        value: Any = extension.value
        reason = value.reason.value if extension.oid.dotted_string == "2.5.29.21" else reason
        strange = strange or (extension.critical and extension.oid.dotted_string not in ("2.5.29.21", "2.5.29.24"))
    told = said._replace(state="revoked", reason=reason, revoked_at=moment_of(entry.revocation_date_utc))
    yield told._replace(why=why or ("critical-extension" if strange else ""))


def _list_counts(certificate: Certificate, issuer: Certificate | None, crl: Crl) -> Why:
    if crl.kind != "crl":
        return "delta" if crl.kind == "delta-crl" else "indirect"
    if issuer is None:
        return "signature-not-tried"
    if issuer.key_usage is not None and "crl_sign" not in issuer.key_usage:
        return "signer-not-allowed"
    fits = _fits(issuer, lambda key: crl.parsed.is_signature_valid(key))
    if fits is not True:
        return "signature-differs" if fits is False else "signature-not-tried"
    scope, authority = crl.scope, bool(certificate.is_ca)
    other_kind = scope.attributes_only or (scope.users_only and authority) or (scope.authorities_only and not authority)
    if other_kind or (scope.urls is not None and not set(scope.urls) & set(certificate.crls)):
        return "other-scope"
    return "critical-extension" if crl.strange else ""


def _of_response(certificate: Certificate, issuer: Certificate | None, response: OcspResponse, at: int) -> Iterator[Said]:
    said = Said(response.source, "ocsp", "undecided")
    if response.status != "successful":
        yield said._replace(why="no-answer", reason=response.status)
        return
    answer = next((a for a in islice(response.parsed.responses, MOST_ANSWERS) if _is_about(a, certificate, issuer)), None)
    if answer is None:
        yield said._replace(why="not-listed")
        return
    this_update, next_update = moment_of(answer.this_update_utc), moment_of(answer.next_update_utc)
    why: Why = _signer(response.parsed, issuer, at)
    fresh = _fresh(this_update, next_update, at)
    if fresh == "no-next-update" and this_update is not None and at - this_update <= SKEW:
        fresh = ""
    if any(extension.critical for extension in response.parsed.extensions):
        fresh = fresh or "critical-extension"
    state: State = {"GOOD": "good", "REVOKED": "revoked"}.get(answer.certificate_status.name, "unknown")  # type: ignore[assignment]  # three literals
    reason = answer.revocation_reason.value if answer.revocation_reason else "unspecified" if state == "revoked" else ""
    yield said._replace(
        state=state, why=why or fresh, reason=reason, revoked_at=moment_of(answer.revocation_time_utc),
        this_update=this_update, next_update=next_update,
    )  # fmt: skip


def _is_about(answer: ocsp.OCSPSingleResponse, certificate: Certificate, issuer: Certificate | None) -> bool:
    """Issuer's name, issuer's key and serial number are the certificate's (RFC 6960 section 4.1.1, CertID)."""
    if answer.serial_number != certificate.serial:
        return False
    digest = answer.hash_algorithm.name
    if digest not in ("sha1", "sha224", "sha256", "sha384", "sha512"):
        return False
    if hashlib.new(digest, certificate.issuer_der, usedforsecurity=False).digest() != answer.issuer_name_hash:
        return False
    return issuer is None or hashlib.new(digest, _key_bits(issuer), usedforsecurity=False).digest() == answer.issuer_key_hash


def _key_bits(certificate: Certificate) -> bytes:
    """The content of subjectPublicKey, without tag, length and count of unused bits."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from whytls.pki.der import children, element

    key = x509.load_der_x509_certificate(certificate.der).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    _, bits = children(info, element(info, 0, len(info)))
    return info[bits.body + 1 : bits.end]


def _signer(response: ocsp.OCSPResponse, issuer: Certificate | None, at: int) -> Why:
    """Why the response's signature does not count: by the issuer, or by a responder that the issuer allowed."""
    from cryptography.hazmat.primitives.serialization import Encoding

    if issuer is None:
        return "signature-not-tried"
    enclosed = [read(c.public_bytes(Encoding.DER)) for c in islice(response.certificates, MOST_RESPONDERS)]
    candidates = [c for c in dict.fromkeys([issuer, *enclosed]) if _is_responder(response, c)]
    if not candidates:
        return "signer-not-at-hand"
    results = [(_fits(c, lambda key: _signed_by(response, key)), c) for c in candidates]
    signers = [c for fits, c in results if fits]
    if not signers:
        return "signature-differs" if any(fits is False for fits, _ in results) else "signature-not-tried"
    return "" if any(_allowed(c, issuer, at) for c in signers) else "signer-not-allowed"


def _is_responder(response: ocsp.OCSPResponse, certificate: Certificate) -> bool:
    if response.responder_key_hash is not None:
        return hashlib.sha1(_key_bits(certificate), usedforsecurity=False).digest() == response.responder_key_hash
    return response.responder_name is not None and name_of(response.responder_name)[0] == certificate.subject_canonical


def _allowed(signer: Certificate, issuer: Certificate, at: int) -> bool:
    if signer.identity == issuer.identity:
        return True
    usages, keys = signer.extended_key_usage, signer.key_usage
    if usages is None or OCSP_SIGNING not in usages or (keys is not None and not keys & {"digital_signature", "content_commitment"}):
        return False
    if signer.issuer_canonical != issuer.subject_canonical or signer.expired(at) or signer.not_yet_valid(at):
        return False
    return verifies(signer, issuer) is True


def _fits(signer: Certificate, tried: Callable[[Any], bool]) -> bool | None:
    """What ``tried`` says of the signer's key; ``None`` where the key is of a kind or size that is not tried."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import rsa

    if signer.key_bits and signer.key_bits > LARGEST_KEY:
        return None
    try:
        key = x509.load_der_x509_certificate(signer.der).public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.public_numbers().e > LARGEST_EXPONENT:
            return None
        return tried(key)
    except InvalidSignature:
        return False
    except Exception:  # unsupported algorithm, damaged key: the library has many types for it
        return None


def _signed_by(response: ocsp.OCSPResponse, key: Any) -> bool:
    """Raises InvalidSignature, or whatever the library raises where it cannot try."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

    signature, signed = response.signature, response.tbs_response_bytes
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        key.verify(signature, signed)
        return True
    algorithm = response.signature_hash_algorithm
    if algorithm is None:
        return False
    if isinstance(key, rsa.RSAPublicKey):
        if response.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.10":
            raise TypeError("the library does not tell the parameters of RSASSA-PSS")
        key.verify(signature, signed, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(algorithm))
    else:
        raise TypeError("key of no kind that signs responses")
    return True
