"""A defect in a few words, such as stand behind the name of its certificate: `CN=shop: expired on 2024-06-01, judged for 2024-06-02`.

Names stand as the certificate has them; whoever shows them makes them printable.
"""

from __future__ import annotations

from whytls.pki.defect import Defect
from whytls.pki.extract import moment

LONGEST_VALUE = 200  # characters


def said(defect: Defect, at: int) -> str:
    """A defect, judged for that time (nanoseconds since 1970)."""
    facts = {key: _value(key, value) for key, value in {**defect.facts, "at": at}.items()}
    template = _NOTES.get((defect.slug, defect.detail)) or _NOTES.get((defect.slug, "")) or defect.slug.replace("-", " ")
    return template.format_map(_Known(facts))


def day(nanoseconds: int | None) -> str:
    """A moment as a date; what is no date as it can be told."""
    shown = moment(nanoseconds)
    return shown[:10] if shown.endswith("Z") else shown


class _Known(dict[str, str]):
    """Values for a note; what a certificate does not have is said to be so."""

    def __missing__(self, key: str) -> str:
        return "(none)"


def _value(key: str, value: object) -> str:
    if key in ("not_before", "not_after", "at", "revoked_at"):
        return day(value if isinstance(value, int) else None)
    if isinstance(value, tuple | list):
        shown = ", ".join(_USAGES.get(str(v), _short(str(v))) for v in value[:4])
        return f"{shown} and {len(value) - 4} more" if len(value) > 4 else shown or "nothing"
    return _USAGES.get(str(value), _short(str(value)))


def _short(text: str) -> str:
    return f"{text[:LONGEST_VALUE]}… ({len(text) - LONGEST_VALUE} more characters)" if len(text) > LONGEST_VALUE else text


_USAGES = {
    "1.3.6.1.5.5.7.3.1": "serverAuth", "1.3.6.1.5.5.7.3.2": "clientAuth", "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection", "1.3.6.1.5.5.7.3.8": "timeStamping", "1.3.6.1.5.5.7.3.9": "OCSPSigning",
}  # fmt: skip
_NOTES = {
    ("expired", ""): "expired on {not_after}, judged for {at}",
    ("expired", "soon"): "expires on {not_after}, {days}",
    ("not-yet-valid", ""): "valid only from {not_before} on, judged for {at}",
    ("name-mismatch", ""): "is for {presented}, not for {host}",
    ("cn-only", ""): "names {host} as common name only; Go and browsers want a subjectAltName",
    ("lax-wildcard", ""): "its wildcard {nearest} fits {host} for some clients only",
    ("self-signed-leaf", ""): "self-signed: trusted only where it is itself in the truststore",
    ("weak-key", ""): "weak key: {key_type} {key_bits}",
    ("weak-digest", ""): "signed with {digest}",
    ("wrong-usage", ""): "is for {presented}, not for {wanted}",
    ("issuer-not-ca", "anchor"): "is no CA: what it has issued is not accepted for its sake",
    ("issuer-not-ca", ""): "issued another certificate without being a CA",
    ("path-length-exceeded", ""): "allows {allowed} CA certificates below it, there are {length}",
    ("name-constraints", ""): "holds the name {name}, which {ca} is not permitted to certify",
    ("malformed", ""): "cannot be read: {problems}",
    ("odd-encoding", ""): "oddly encoded: {problems}",
    ("missing-authority-key-id", ""): "does not name its issuer's key (no authorityKeyIdentifier)",
    ("duplicate-key-id", ""): "has another key under the same key identifier as another certificate",
    ("long-chain", ""): "{count} certificates; Java takes 10 at most",
    ("wrong-order", "leaf-not-first"): "stands first, and issued another one of them: the own certificate must be first",
    ("revoked", ""): "revoked on {revoked_at}: {reason}",
    ("no-certificate", ""): "no certificate",
    ("no-certificate", "missing"): "no certificate can be read here: {problem}",
    ("no-key", ""): "the private key that goes with it is not there: {problem}",
    ("key-differs", ""): "the private key beside it is not its own",
    ("key-differs", "other-place"): "the private key belongs to another one of these certificates, which has to stand first",
    ("refused", ""): "{stack} refuses it: {words}",
    ("verify-depth", ""): "{length} intermediates, of which {allowed} is followed",
    ("missing-intermediate", ""): "the certificate of its issuer {issuer} was not sent",
    ("wrong-intermediate", ""): "another certificate was sent in place of its issuer {issuer}",
    ("untrusted-root", ""): "leads to {issuer}, which the other side does not have",
    ("untrusted-root", "same-name"): "leads to {issuer}; the other side has one of that name with another key",
    ("bad-signature", ""): "its signature was not made by the key of {candidate}",
    ("key-identifier-differs", ""): "names the key {issuer_key_id} as its issuer's, which {candidate} does not have",
}
