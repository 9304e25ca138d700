"""Who minds which defect: what the validators in use refuse and what they let pass.

Each line was measured where its source says so: a server that showed just this chain (EC P-256 and RSA, TLS 1.2) to OpenSSL
3.0.19 (through Python 3.11's ``ssl`` and through curl), Go 1.19's crypto/tls and Java 17's JSSE, with the root in the client's
store and the client's own defaults. The rest is from documentation, named as such; of browsers nothing was measured.

A habit says what a validator *does with* a defect; whether the defect is really there is ``Defect.certain``. Clients that check
nothing accept everything (Apigee Edge compares no host name by default; curl -k): a habit is of validators.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from whytls.pki.defect import Defect

Family = Literal["openssl", "curl", "python", "go", "java", "browser"]
ALL: frozenset[Family] = frozenset({"openssl", "curl", "python", "go", "java", "browser"})
MEASURED = "measured: OpenSSL 3.0.19, curl 7.88, Python 3.11, Go 1.19, Java 17"
Condition = Literal[
    "",
    "no-other-path",  # refused unless the validator knows another certificate of that name and key
    "not-pinned",  # refused unless this very certificate is in the store
    "not-cached-or-fetched",  # browsers complete chains from their cache, and some over AIA
    "host-name-checked",  # only by clients that compare the host name at all
    "revocation-checked",  # only by validators that were told to check, and have the same list or response
    "verify-depth",  # only with the depth that is its default
    "security-level-2",  # OpenSSL's default in Debian, Ubuntu and RHEL; upstream it is 1, which lets it pass
]


@dataclass(frozen=True, slots=True)
class Habit:
    """Who refuses a defect, who does not, and under which condition. A family in neither set is not known."""

    slug: str
    detail: str  # "": every form that has no line of its own
    refused_by: frozenset[Family]
    accepted_by: frozenset[Family] = frozenset()
    condition: Condition = ""
    source: str = MEASURED

    @property
    def absolute(self) -> bool:
        """Every validating peer refuses it, as long as the condition, if there is one, is about its store only."""
        return self.refused_by == ALL and self.condition in ("", "no-other-path", "not-pinned")


_OPENSSL: frozenset[Family] = frozenset({"openssl", "curl", "python"})
_NOBODY: frozenset[Family] = frozenset()

HABITS: tuple[Habit, ...] = (
    Habit("expired", "", ALL),
    Habit("expired", "intermediate", ALL, condition="no-other-path"),
    # Java's trust anchors have no date (PKIX, RFC 5280 section 6.1.1 d).
    Habit("expired", "root", _OPENSSL | {"go"}, frozenset({"java"}), "no-other-path"),
    Habit("not-yet-valid", "", ALL),
    Habit("not-yet-valid", "intermediate", ALL, condition="no-other-path"),
    Habit("not-yet-valid", "root", _OPENSSL | {"go"}, frozenset({"java"}), "no-other-path", "as expired"),
    Habit("bad-signature", "", ALL),
    Habit("self-signed-leaf", "", ALL, condition="not-pinned"),
    Habit("untrusted-root", "", ALL),
    Habit("missing-intermediate", "", ALL - {"browser"}, frozenset({"browser"}), "not-cached-or-fetched"),
    Habit("wrong-intermediate", "", ALL - {"browser"}, frozenset({"browser"}), "not-cached-or-fetched"),
    Habit("wrong-intermediate", "other-root", _NOBODY, ALL, source="a root that was sent is not needed"),
    Habit("wrong-order", "", _NOBODY, ALL),
    Habit("wrong-order", "leaf-not-first", ALL, source="RFC 8446 section 4.4.2: the sender's certificate MUST come first"),
    Habit("superfluous", "", _NOBODY, ALL),
    Habit("duplicate", "", _NOBODY, ALL),
    Habit("long-chain", "", frozenset({"java"}), ALL - {"java"}, source="measured; jdk.tls.maxCertificateChainLength=10"),
    Habit("name-mismatch", "", ALL, condition="host-name-checked"),
    Habit("cn-only", "", frozenset({"go", "browser"}), _OPENSSL | {"java"}, "host-name-checked",
          MEASURED + "; Chrome 58, Firefox 48"),
    Habit("lax-wildcard", "wildcard-broad", _OPENSSL, frozenset({"go", "java"}), "host-name-checked"),
    Habit("lax-wildcard", "wildcard-partial", frozenset({"curl", "python", "go", "browser"}), frozenset({"openssl", "java"}),
          "host-name-checked", MEASURED + "; X509_check_host(3)"),
    Habit("wrong-usage", "", ALL),
    Habit("wrong-usage", "any-usage-only", _OPENSSL, frozenset({"go", "java"})),
    Habit("wrong-usage", "issuer-usage", _OPENSSL | {"go", "browser"}, frozenset({"java"})),
    Habit("wrong-usage", "key-usage", _OPENSSL | {"java"}, frozenset({"go"}), source="X509_check_purpose(3); EndEntityChecker; "
          "crypto/x509 ignores it"),
    Habit("issuer-not-ca", "", ALL),
    Habit("issuer-not-ca", "version-1", _NOBODY, _OPENSSL | {"go", "java"}, source="only roots: X509_check_ca(3) gives 3; "
          "crypto/x509 CheckSignatureFrom; PKIX trust anchors"),
    Habit("path-length-exceeded", "", ALL),
    Habit("name-constraints", "", ALL),
    Habit("weak-key", "", _OPENSSL, frozenset({"go", "java"}), "security-level-2"),
    Habit("weak-key", "rsa-below-1024", _OPENSSL | {"java", "browser"},
          source="SSL_CTX_set_security_level(3): level 1 wants 1024; "
          "jdk.certpath.disabledAlgorithms: RSA keySize < 1024; CA/B Baseline Requirements 6.1.5"),
    Habit("weak-key", "dsa", _OPENSSL | {"go", "browser"}, source="no suite of today's defaults; Go has none at all"),
    Habit("weak-digest", "", ALL, source=MEASURED + " (Java: MD2 and MD5 in jdk.certpath.disabledAlgorithms)"),
    # Java bars SHA-1 only below the roots that it came with (jdkCA in jdk.certpath.disabledAlgorithms).
    Habit("weak-digest", "sha1", _OPENSSL | {"go", "browser"}, frozenset({"java"})),
    Habit("revoked", "", ALL - {"go"}, frozenset({"go"}), "revocation-checked",
          "measured: openssl verify -crl_check; JSSE reference guide, com.sun.net.ssl.checkRevocation; crypto/x509 has no check"),
    Habit("odd-encoding", "", _NOBODY, source="depends on the field"),
    Habit("malformed", "", ALL, source="RFC 8446 section 4.4.2.4: bad_certificate or decode_error"),
    Habit("missing-authority-key-id", "", _NOBODY, ALL),
    Habit("key-identifier-differs", "", _OPENSSL, frozenset({"go"})),
    Habit("name-encoding-differs", "", frozenset({"go"}), _OPENSSL | {"java"}),
    Habit("duplicate-key-id", "", _NOBODY, ALL, source="only slows the search"),
)  # fmt: skip
_BY_FORM = {(habit.slug, habit.detail): habit for habit in HABITS}


def habit(defect: Defect) -> Habit:
    """What validators do with a defect: the line of its form, else that of its slug."""
    found = _BY_FORM.get((defect.slug, defect.detail)) or _BY_FORM.get((defect.slug, ""))
    return found or Habit(defect.slug, defect.detail, _NOBODY, source="not known")


def absolute(defect: Defect) -> bool:
    """The defect is certain, and every validating peer refuses it."""
    return defect.certain and habit(defect).absolute


def absolute_defects(defects: Iterable[Defect]) -> list[Defect]:
    """Those defects that every validating peer refuses."""
    return [defect for defect in defects if absolute(defect)]


def refuses(family: Family, defect: Defect) -> bool | None:
    """Whether a family of validators refuses a defect; ``None`` where that is not known."""
    found = habit(defect)
    if family in found.refused_by:
        return True
    return False if family in found.accepted_by else None
