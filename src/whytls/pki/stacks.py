"""What each stack does with a chain when its truststore is known: accept it, or refuse it with which alert.

Theory of operation
-------------------
Who minds which defect is ``trust.HABITS``, and which alert a stack then sends is ``wire.alert.OBSERVED``; there is no second table of
either here. What the stores alone decide is which certificates end a path, and there are two views of that:

* any certificate of the truststore does (Java, Go, GnuTLS, NSS, and curl, which sets X509_V_FLAG_PARTIAL_CHAIN);
* only a self-signed one does, and the others of the truststore serve as intermediates (OpenSSL's default, and with it Python's until
  3.12, nginx's and Node's).

A stack sends one alert, for the defect that it meets first. OpenSSL builds the path, then looks at extensions, keys, host name,
revocation, signatures with dates, and name constraints (crypto/x509/x509_vfy.c, ``verify_chain``): ``ORDER``. The others send the
same alert for nearly everything, so that their order does not show.

nginx goes no further than one intermediate by default (ssl_verify_depth 1, proxy_ssl_verify_depth 1), and calls a longer path "unable
to get local issuer certificate": measured with nginx 1.22.1.

All this supposes that the stack verifies at all, with its defaults, and what ``Decision.condition`` names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from whytls.pki.certificate import read
from whytls.pki.chain import ChainReport, examine
from whytls.pki.defect import Defect, Purpose
from whytls.pki.links import self_signed
from whytls.pki.path import MOST_CERTIFICATES
from whytls.pki.readers.revocation import Source
from whytls.pki.repair import nearest
from whytls.pki.revocation import Status, revoked, statuses
from whytls.pki.trust import ALL, Condition, Family, habit, refuses
from whytls.wire.alert import OBSERVED


class Stack(NamedTuple):
    """A stack under its name in ``wire.alert``, and how it judges."""

    name: str
    family: Family | None  # None: of its habits only those are known that all share
    roots_only: bool  # only a self-signed certificate ends a path
    depth: int | None = None  # so many intermediates at most


STACKS: dict[Purpose, tuple[Stack, ...]] = {
    "server": (  # clients that judge a server's certificate
        Stack("openssl", "openssl", True), Stack("python", "python", True), Stack("curl", "curl", False), Stack("go", "go", False),
        Stack("java", "java", False), Stack("node", "openssl", True), Stack("nginx proxy", "openssl", True, 1),
        Stack("gnutls", None, False), Stack("nss", None, False),
    ),
    "client": (  # servers that judge a client's
        Stack("openssl", "openssl", True), Stack("nginx", "openssl", True, 1), Stack("python", "python", True), Stack("go", "go", False),
        Stack("java", "java", False), Stack("node", "openssl", True),
    ),
}  # fmt: skip

# Defects that only two stores together have.
OF_PAIRS = frozenset({"no-certificate", "verify-depth"})
ORDER = (
    "no-certificate", "malformed", "wrong-order", "self-signed-leaf", "missing-intermediate", "wrong-intermediate", "untrusted-root",
    "key-identifier-differs", "issuer-not-ca", "path-length-exceeded", "wrong-usage", "weak-key", "weak-digest", "name-mismatch",
    "cn-only", "lax-wildcard", "revoked", "bad-signature", "not-yet-valid", "expired", "name-constraints", "verify-depth",
)  # fmt: skip
# What keeps a path from ending in an anchor.
UNANCHORED = frozenset({
    "no-certificate", "malformed", "self-signed-leaf", "missing-intermediate", "wrong-intermediate", "untrusted-root", "bad-signature",
})  # fmt: skip

# Defect -> the reason under which ``wire.alert`` has it, for a server's certificate and for a client's.
REASONS = {
    "no-certificate": ("", "client-certificate-missing"),
    "wrong-order": ("chain-incomplete", "client-chain-incomplete"),
    "self-signed-leaf": ("certificate-self-signed", "client-certificate-untrusted"),
    "missing-intermediate": ("chain-incomplete", "client-chain-incomplete"),
    "wrong-intermediate": ("chain-wrong-intermediate", "client-chain-incomplete"),
    "untrusted-root": ("certificate-untrusted", "client-certificate-untrusted"),
    "key-identifier-differs": ("chain-wrong-intermediate", "client-chain-incomplete"),
    "issuer-not-ca": ("certificate-issuer-not-ca", ""),
    "path-length-exceeded": ("certificate-issuer-not-ca", ""),
    "wrong-usage": ("certificate-usage", "client-certificate-usage"),
    "weak-key": ("certificate-weak-key", ""),
    "weak-digest": ("certificate-weak-digest", ""),
    "name-mismatch": ("certificate-name-mismatch", ""),
    "cn-only": ("certificate-name-mismatch", ""),
    "lax-wildcard": ("certificate-name-mismatch", ""),
    "revoked": ("certificate-revoked", "client-certificate-revoked"),
    "bad-signature": ("certificate-bad-signature", ""),
    "not-yet-valid": ("certificate-not-yet-valid", "client-certificate-not-yet-valid"),
    "expired": ("certificate-expired", "client-certificate-expired"),
    "name-constraints": ("certificate-name-constraints", ""),
    "verify-depth": ("chain-incomplete", "client-chain-incomplete"),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What one stack does with the certificate."""

    stack: str
    accepts: bool | None  # None: not known
    deciding: Defect | None = None
    condition: Condition = ""  # it refuses only if this holds
    alerts: tuple[int | None, ...] = ()  # what it was seen to send for it; None: no alert, it closes the connection
    code: str = ""  # the stack's own name of the error, where its profile knows it
    words: str = ""  # and its text


class View(NamedTuple):
    """A chain as stacks see it that end paths alike."""

    judged: ChainReport  # with nothing but what was sent and the truststore
    explained: ChainReport  # with all certificates at hand: why it is so
    statuses: tuple[Status, ...]
    defects: tuple[Defect, ...]  # of ``explained`` where no anchor is reached, else of ``judged``; with those revoked


class Judge(NamedTuple):
    """The trusting side: what it trusts, and what it is asked."""

    anchors: tuple[bytes, ...]
    at: int
    host: str | None
    usage: Purpose
    known: tuple[bytes, ...] = ()
    revocation: tuple[Source, ...] = ()

    def view(self, chain: Sequence[bytes], *, roots_only: bool) -> View:
        """The chain judged by an anchor of any kind, or by self-signed ones only."""
        sent, anchors = list(chain), list(self.anchors)
        if roots_only:
            roots = [der for der in anchors if self_signed(read(der))]
            if len(roots) < len(anchors):
                others = set(anchors) - set(roots)
                sent += [c.der for c in nearest([read(der) for der in sent], [der for der in anchors if der in others])]
                anchors = roots
        judged = examine(sent, at=self.at, host=self.host, anchors=anchors, purpose=self.usage)
        explained = judged
        if not judged.anchored and self.known:
            known = [c.der for c in nearest([read(der) for der in sent[:MOST_CERTIFICATES]], self.known)]
            explained = examine(sent, at=self.at, host=self.host, anchors=anchors, purpose=self.usage, known=known)
        found = statuses(explained.path_certificates, self.revocation, at=self.at, anchored=explained.ends_at == "anchor")
        defects = (*explained.defects, *revoked(found, explained.certificates)) if chain else (Defect("no-certificate"),)
        return View(judged, explained, found, tuple(d for d in defects if d.index is None or d.index < len(chain)))

    def views(self, chain: Sequence[bytes]) -> Views:
        """Both views of a chain."""
        return {roots_only: self.view(chain, roots_only=roots_only) for roots_only in (False, True)}


Views = dict[bool, View]  # by ``Stack.roots_only``


def decisions(views: Views, usage: Purpose) -> tuple[Decision, ...]:
    """What each stack does with the chain."""
    return tuple(_decision(stack, views[stack.roots_only], usage) for stack in STACKS[usage])


def _decision(stack: Stack, view: View, usage: Purpose) -> Decision:
    anchored = bool(view.judged.anchored)
    minded = [(d, minds(stack, d, view)) for d in view.defects]
    refused = [d for d, so in minded if so or (not anchored and d.slug in UNANCHORED)]
    if refused or not anchored:
        deciding = min(refused, key=_place) if refused else Defect("untrusted-root", certain=False)
        condition = habit(deciding).condition if anchored else ""
        return Decision(stack.name, False, deciding, condition, alerts_of(stack.name, deciding, usage))
    between = len(view.judged.path_certificates) - 2
    if stack.depth is not None and between > stack.depth:
        deciding = Defect("verify-depth", facts={"allowed": stack.depth, "length": between})
        return Decision(stack.name, False, deciding, "verify-depth", alerts_of(stack.name, deciding, usage))
    unknown = next((d for d, so in minded if so is None), None)
    return Decision(stack.name, None if unknown else True, unknown)


def minds(stack: Stack, defect: Defect, view: View) -> bool | None:
    """Whether the stack refuses a chain for this defect; ``None`` where that is not known."""
    slug, place = defect.slug, defect.facts.get("position")
    in_anchor = place == "root" and slug in ("expired", "not-yet-valid") and view.judged.ends_at == "anchor"
    if not defect.certain and not in_anchor:
        return False
    pinned = view.judged.ends_at == "anchor" and len(view.judged.path_certificates) == 1
    if stack.family is None:
        everybody, nobody = habit(defect).refused_by == ALL, not habit(defect).refused_by
        return True if everybody else False if nobody else None
    if pinned and stack.family == "java" and slug in ("expired", "not-yet-valid", "weak-digest"):
        return False  # sun.security.validator.PKIXValidator takes a certificate that is itself in the truststore as it is
    return refuses(stack.family, defect) if habit(defect).refused_by or habit(defect).accepted_by else None


def _place(defect: Defect) -> tuple[int, bool]:
    return (ORDER.index(defect.slug) if defect.slug in ORDER else len(ORDER), not defect.certain)


def in_order(defects: Iterable[Defect]) -> list[Defect]:
    """Defects in the order in which they are met; those that nobody minds last."""
    return sorted(defects, key=lambda d: (not habit(d).refused_by and d.slug not in OF_PAIRS, *_place(d)))


def alerts_of(stack: str, defect: Defect, usage: Purpose) -> tuple[int | None, ...]:
    """What the stack was seen to send when it refused a certificate of that usage for this defect; empty: not measured.

    Where that very case was not measured: the alert that it sends for all others; else the one that it sends in the other role,
    which is the same code in OpenSSL (``ssl_x509err2alert``).
    """
    for_server, for_client = REASONS.get(defect.slug, ("", ""))
    own = for_server if usage == "server" else for_client
    sent = _sent(stack, usage)
    if own in sent:
        return sent[own]
    if not (for_server if usage == "client" else own):
        return ()
    judged = [set(alerts) for reason, alerts in sent.items() if reason != "client-certificate-missing"]
    common = set.intersection(*judged) if judged else set()
    return tuple(common) if common else _sent(stack, "server" if usage == "client" else "client").get(for_server, ())


@lru_cache(maxsize=32)
def _sent(stack: str, usage: Purpose) -> dict[str, tuple[int | None, ...]]:
    """Reason -> alerts, of that stack as the side that judges a certificate of that usage."""
    sender, found = "client" if usage == "server" else "server", dict[str, tuple[int | None, ...]]()
    reasons = {names[usage == "client"] for names in REASONS.values()}
    for row in OBSERVED:
        if row.stack == stack and row.sender == sender and row.reason in reasons:
            found[row.reason] = (*found.get(row.reason, ()), row.alert)
    return found
