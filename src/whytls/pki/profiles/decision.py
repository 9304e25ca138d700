"""What one stack decides about a chain: yes or no, and in its own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from whytls.pki.certificate import Certificate, read
from whytls.pki.defect import Purpose
from whytls.pki.path import MOST_CERTIFICATES

if TYPE_CHECKING:
    from whytls.pki.details import Details

Profile = Literal["openssl", "java", "go", "browser"]
MOST_ANCHORS = 4096  # a store of all public CAs has 150
MOST_COMPARISONS = 1_000_000  # of names with constraints: seconds; a public CA's largest certificate with its CA needs 200


@dataclass(frozen=True, slots=True)
class Decision:
    """What a stack decides about a chain. Nothing of it is a sentence of ours: `words` are what that stack prints."""

    profile: Profile
    accepted: bool
    code: str = ""  # X509_V_ERR_CERT_HAS_EXPIRED, CertPathValidatorException.EXPIRED, x509.Expired, NET::ERR_CERT_DATE_INVALID
    number: int | None = None  # OpenSSL's number of the error
    words: str = ""  # the stack's text, as a user finds it in a log
    index: int | None = None  # the certificate that it minds, in what was sent, from 0; None: an anchor, or none in particular
    certificate: str | None = None  # its SHA-256, hexadecimal
    depth: int | None = None  # its place on the path that the stack built, from 0 (OpenSSL's depth)
    alert: int | None = None  # the TLS alert that the stack then sends; None: none (it accepts, or looks only after the handshake)
    older_alert: int | None = None  # what releases sent before they sent `alert`, where that differs
    path: tuple[str, ...] = ()  # SHA-256 of the certificates on the path, leaf first, as far as it was built
    measured: bool = True  # False: from the stack's documentation, never compared with a running one
    exhausted: bool = False  # our own bound was met before the stack's answer was certain


class Options(NamedTuple):
    """How a stack is set up, where its users set it up differently; the defaults are what most of its users have."""

    security_level: int = 2  # OpenSSL's: 2 in Debian, Ubuntu and RHEL and from 3.2 on, 1 in earlier releases as published, 0: not checked
    strict: bool = False  # OpenSSL's X509_V_FLAG_X509_STRICT (Python from 3.13 on sets it)
    partial_chain: bool = False  # OpenSSL's X509_V_FLAG_PARTIAL_CHAIN: every certificate in the store is an anchor (Python 3.13, curl 7.68)
    builder_only: bool = False  # Java's CertPathBuilder alone: no list judged as it was sent, no usage of the leaf, no host name
    public_roots: bool = False  # browsers: the store is the one that they came with, not one that somebody added to
    fetched: tuple[bytes, ...] = ()  # browsers: issuers as DER that they have in their cache or get over AIA


class Exhausted(Exception):
    """Our own bound was met before the stack's answer was certain; never leaves the profiles."""


class Effort:
    """How many comparisons of names one decision may still make: names and constraints are both the sender's to choose."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MOST_COMPARISONS

    def spend(self, count: int) -> None:
        """Takes so many comparisons; raises Exhausted when there are not enough left."""
        self._left -= count
        if self._left < 0:
            raise Exhausted


class Question(NamedTuple):
    """A chain and what is asked about it, in the form that all profiles work on."""

    chain: tuple[Details, ...]  # as sent, the sender's own first
    anchors: tuple[Details, ...]
    at: int  # seconds since 1970
    host: str | None
    purpose: Purpose
    options: Options
    effort: Effort


def question(chain: Sequence[bytes], anchors: Sequence[bytes], *, at: int, host: str | None, purpose: Purpose, options: Options) -> Question:
    """Reads everything, within bounds: certificates beyond 32 sent or 4,096 trusted are not looked at."""
    from whytls.pki.details import of

    sent = tuple(of(read(der)) for der in chain[:MOST_CERTIFICATES])
    trusted = tuple(of(read(der)) for der in anchors[:MOST_ANCHORS])
    return Question(sent, trusted, at // 1_000_000_000, host if purpose == "server" else None, purpose, options, Effort())


def index_of(asked: Question, certificate: Certificate) -> int | None:
    """Where a certificate stands in what was sent."""
    return next((i for i, details in enumerate(asked.chain) if details.certificate.sha256 == certificate.sha256), None)
