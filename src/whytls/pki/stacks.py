"""What each stack does with a chain when its truststore is known: accept it, or refuse it with which alert.

Theory of operation
-------------------
Whether a stack accepts a chain is what its profile decides (``profiles``: the stack's own algorithm, compared with the stack on thousands of
chains), set up as that stack is by default; which of our defects that decision is about is found by the error that the profile names. For
stacks without a profile (GnuTLS, NSS) it is ``trust.HABITS`` that say who minds which defect. Which alert is then sent is
``wire.alert.OBSERVED``; there is no second table of either here. To find the defects one has to know which certificates end a path, and
there are two views of that:

* any certificate of the truststore does (Java, Go, GnuTLS, NSS, and curl, which sets X509_V_FLAG_PARTIAL_CHAIN);
* only a self-signed one does, and the others of the truststore serve as intermediates (OpenSSL's default, and with it Python's until
  3.12, nginx's and Node's).

A stack sends one alert, for the defect that it meets first. ``ORDER`` is OpenSSL's (crypto/x509/x509_vfy.c, ``verify_chain``): it builds the
path, then looks at extensions, keys, host name, revocation, signatures with dates, and name constraints. The others send the same alert for
nearly everything, so that their order does not show.

nginx goes no further than one intermediate by default (ssl_verify_depth 1, proxy_ssl_verify_depth 1), and calls a longer path "unable
to get local issuer certificate": measured with nginx 1.22.1.

All this supposes that the stack verifies at all, with its defaults, and what ``Decision.condition`` names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from whytls.pki.certificate import Certificate, read
from whytls.pki.chain import ChainReport, examine
from whytls.pki.defect import Defect, Purpose
from whytls.pki.links import self_signed
from whytls.pki.path import MOST_CERTIFICATES
from whytls.pki.profiles import Decision as Decided
from whytls.pki.profiles import Options, Profile, decide
from whytls.pki.trust import ALL, Condition, Family, habit, refuses
from whytls.wire.alert import OBSERVED

if TYPE_CHECKING:
    from whytls.pki.families import FamilyMatch
    from whytls.pki.readers.revocation import Source
    from whytls.pki.revocation import Status


class Stack(NamedTuple):
    """A stack under its name in ``wire.alert``, and how it judges."""

    name: str
    family: Family | None  # None: of its habits only those are known that all share
    roots_only: bool  # only a self-signed certificate ends a path
    depth: int | None = None  # so many intermediates at most
    profile: Profile | None = None
    options: Options = Options()
    own_names: bool = False  # it compares host names itself, and not its library (curl, Python): see ``families``


_ANY_ANCHOR = Options(partial_chain=True)  # curl sets X509_V_FLAG_PARTIAL_CHAIN
STACKS: dict[Purpose, tuple[Stack, ...]] = {
    "server": (  # clients that judge a server's certificate
        Stack("openssl", "openssl", True, profile="openssl"), Stack("python", "python", True, profile="openssl", own_names=True),
        Stack("curl", "curl", False, profile="openssl", options=_ANY_ANCHOR, own_names=True), Stack("go", "go", False, profile="go"),
        Stack("java", "java", False, profile="java"), Stack("node", "openssl", True, profile="openssl"),
        Stack("nginx proxy", "openssl", True, 1, "openssl"),
        Stack("gnutls", None, False), Stack("nss", None, False),
    ),
    "client": (  # servers that judge a client's
        Stack("openssl", "openssl", True, profile="openssl"), Stack("nginx", "openssl", True, 1, "openssl"),
        Stack("python", "python", True, profile="openssl"), Stack("go", "go", False, profile="go"), Stack("java", "java", False, profile="java"),
        Stack("node", "openssl", True, profile="openssl"),
    ),
}  # fmt: skip

# Defects that only two stores together have; "refused" is a stack's own word where no defect of ours is behind it.
OF_PAIRS = frozenset({"no-certificate", "verify-depth", "refused"})
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
        from whytls.pki.repair import nearest
        from whytls.pki.revocation import revoked, statuses

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

    def decisions(self, chain: Sequence[bytes], views: Views | None = None) -> tuple[Decision, ...]:
        """What each stack does with the chain; ``views`` are those of it, where the caller has them."""
        seen = views or self.views(chain)
        decided: dict[tuple[Profile, Options, bool], Decided] = {}
        return tuple(self.decision(stack, chain, seen, decided) for stack in STACKS[self.usage])

    def decision(
        self, stack: Stack, chain: Sequence[bytes], views: Views | None = None, decided: dict[tuple[Profile, Options, bool], Decided] | None = None
    ) -> Decision:
        """What one stack does with the chain, also one that is set up otherwise than those of ``STACKS``; ``decided`` is a memory for several."""
        view = views[stack.roots_only] if views is not None else self.view(chain, roots_only=stack.roots_only)
        if stack.profile is None or not chain:
            return _by_habit(stack, view, self.usage)
        key = (stack.profile, stack.options, stack.own_names)
        memory = decided if decided is not None else {}
        if key not in memory:
            host = None if stack.own_names else self.host
            memory[key] = decide(stack.profile, chain, self.anchors, at=self.at, host=host, purpose=self.usage, options=stack.options)
        return self._by_profile(stack, view, memory[key], read(chain[0]))

    def _by_profile(self, stack: Stack, view: View, decided: Decided, own: Certificate) -> Decision:
        """What the profile decides, under the name of our defect; then what the stack looks at besides."""
        if decided.exhausted:
            return Decision(stack.name, None)
        if not decided.accepted:
            deciding = _behind(stack, view, decided)
            sent = alerts_of(stack.name, deciding, self.usage) or ((decided.alert,) if deciding.slug == "refused" else ())
            condition = habit(deciding).condition if deciding.slug not in UNANCHORED else ""
            return Decision(stack.name, False, deciding, condition, sent, decided.code, decided.words)
        between = len(decided.path) - 2
        if stack.depth is not None and between > stack.depth:
            deciding = Defect("verify-depth", facts={"allowed": stack.depth, "length": between})
            return Decision(stack.name, False, deciding, "verify-depth", alerts_of(stack.name, deciding, self.usage))
        # Of the first certificate's key a profile knows nothing: where another one of them is the sender's own, its signature fails.
        besides = [d for d in view.defects if (d.slug == "revoked" or d.detail == "leaf-not-first") and minds(stack, d, view)]
        if stack.own_names and self.host is not None and self.usage == "server" and not (name := _name_of(stack, self.host, own)).accepted:
            facts = {"host": self.host, "presented": own.dns_names + own.ip_addresses or own.common_names, "position": "leaf"}
            known = [d for d in view.defects if d.slug in OF_NAMES]
            deciding = known[0] if known else Defect("name-mismatch", 0, own.sha256, name.why, facts)
            return Decision(stack.name, False, deciding, "host-name-checked", alerts_of(stack.name, deciding, self.usage), words=name.words)
        if besides:
            return Decision(stack.name, False, besides[0], habit(besides[0]).condition, alerts_of(stack.name, besides[0], self.usage))
        return Decision(stack.name, True)


Views = dict[bool, View]  # by ``Stack.roots_only``
OF_NAMES = frozenset({"name-mismatch", "cn-only", "lax-wildcard"})
# OpenSSL's error -> the defects that it can be about.
_MEANS: dict[str, frozenset[str]] = {
    "ERR_R_ASN1_LIB": frozenset({"malformed"}), "X509_V_ERR_CERT_HAS_EXPIRED": frozenset({"expired"}),
    "X509_V_ERR_CERT_NOT_YET_VALID": frozenset({"not-yet-valid"}), "X509_V_ERR_CERT_SIGNATURE_FAILURE": frozenset({"bad-signature"}),
    "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT": frozenset({"self-signed-leaf"}), "X509_V_ERR_PATH_LENGTH_EXCEEDED": frozenset({"path-length-exceeded"}),
    "X509_V_ERR_INVALID_PURPOSE": frozenset({"wrong-usage"}), "X509_V_ERR_INVALID_CA": frozenset({"issuer-not-ca"}),
    "X509_V_ERR_KEYUSAGE_NO_CERTSIGN": frozenset({"issuer-not-ca"}), "X509_V_ERR_PERMITTED_VIOLATION": frozenset({"name-constraints"}),
    "X509_V_ERR_EXCLUDED_VIOLATION": frozenset({"name-constraints"}), "X509_V_ERR_HOSTNAME_MISMATCH": OF_NAMES,
    "X509_V_ERR_IP_ADDRESS_MISMATCH": OF_NAMES, "X509_V_ERR_EE_KEY_TOO_SMALL": frozenset({"weak-key"}),
    "X509_V_ERR_CA_KEY_TOO_SMALL": frozenset({"weak-key"}), "X509_V_ERR_CA_MD_TOO_WEAK": frozenset({"weak-digest"}),
}  # fmt: skip


def _behind(stack: Stack, view: View, decided: Decided) -> Defect:
    """The defect that a profile's refusal is about: by the error it names, else by what the stack is known to mind; else its own words."""
    meant = [d for d in view.defects if d.slug in _MEANS.get(decided.code, ())]
    if meant:
        return min(meant, key=lambda d: (d.certificate != decided.certificate, *_place(d)))
    anchored = bool(view.judged.anchored)
    minded = [d for d in view.defects if minds(stack, d, view) or (not anchored and d.slug in UNANCHORED)]
    named = [d for d in minded if d.slug != "revoked"]
    if named:
        return min(named, key=_place)
    if not anchored:
        return Defect("untrusted-root", certain=False)
    return Defect("refused", decided.index, decided.certificate, stack.name.replace(" ", "-"), {"stack": stack.name, "words": decided.words})


def _name_of(stack: Stack, host: str, own: Certificate) -> FamilyMatch:
    from whytls.pki.families import one

    return one("python" if stack.name == "python" else "curl", host, own)


def _by_habit(stack: Stack, view: View, usage: Purpose) -> Decision:
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
