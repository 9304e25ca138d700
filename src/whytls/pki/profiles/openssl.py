"""OpenSSL's X509_verify_cert (3.0), as libssl asks it.

Theory of operation
-------------------
OpenSSL builds one chain and then checks it. Building is trusted-first: for each certificate the store is asked before what was sent;
an issuer is whoever has the name, a key identifier that does not contradict and a key of the right kind - no signature is tried, so a
namesake with another key that comes first is taken, and nothing goes back. Once a certificate of the store is on the chain, only the
store is asked. The chain is trusted if it ends in a self-signed certificate of the store (any, with PARTIAL_CHAIN).

The checks come in this order, each over the whole chain, and libssl stops at the first error: the leaf's key size; the chain itself
(2, 18, 19, 20); extensions, CA rights, purpose, path length from the leaf up; key and digest strength; host name; then from the root
down signature and time; last the name constraints. A certificate with an extension that cannot be read (or an empty keyUsage, or
one that is there twice) is marked invalid: it is nobody's issuer and has none. Policies, CRLs and OCSP are off by default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from whytls.pki import details as d
from whytls.pki.certificate import CLIENT_AUTH, SECOND, SERVER_AUTH
from whytls.pki.details import Details
from whytls.pki.families import address, one
from whytls.pki.faults import GATED
from whytls.pki.links import verifies
from whytls.pki.profiles.decision import Decision, Effort, Question, index_of
from whytls.pki.profiles.openssl_errors import ERRORS
from whytls.pki.profiles.openssl_marks import Marks, issued, marks, strength
from whytls.pki.profiles.openssl_names import violation

BAD_CERTIFICATE = 42
MOST_DEPTH = 101  # verify_depth 100, and one beyond
LEVELS = (0, 80, 112, 128, 192, 256)  # bits that each security level wants
_TIME = {0x17: re.compile(rb"\d{12}Z"), 0x18: re.compile(rb"\d{14}Z")}
_SIGNS = frozenset({"digital_signature", "key_agreement"})


class _Fault(NamedTuple):
    """The first error: its name and the place on the chain."""

    name: str
    depth: int


class _Chain(NamedTuple):
    """What build_chain made of the question."""

    links: tuple[Details, ...]
    untrusted: int  # how many of them, from the leaf up, are not from the store
    fault: _Fault | None


def decide(asked: Question) -> Decision:
    """What libssl decides about this chain with its default callback."""
    unread = next((index for index, link in enumerate(asked.chain) if not link.readable), None)
    if unread is not None:  # d2i_X509 fails in tls_process_server_certificate, before anything is verified
        digest = asked.chain[unread].certificate.sha256
        return Decision("openssl", False, "ERR_R_ASN1_LIB", None, "asn1 lib", unread, digest, alert=BAD_CERTIFICATE)
    minimum = LEVELS[max(0, min(asked.options.security_level, 5))]
    chain = _Chain(asked.chain[:1], 1, None)
    fault = _Fault("EE_KEY_TOO_SMALL", 0) if minimum and strength(asked.chain[0]) < minimum else None
    if not fault:
        chain = _build(asked)
        fault = chain.fault or _first(chain, asked, minimum)
    path = tuple(link.certificate.sha256 for link in chain.links)
    if fault is None:
        return Decision("openssl", True, "X509_V_OK", 0, path=path)
    error, about = ERRORS[fault.name], chain.links[fault.depth].certificate
    return Decision(
        "openssl", False, f"X509_V_ERR_{error.name}", error.number, error.words, index_of(asked, about), about.sha256, fault.depth,
        error.alert, path=path,
    )  # fmt: skip


def _first(chain: _Chain, asked: Question, minimum: int) -> _Fault | None:
    checks: tuple[Callable[[], _Fault | None], ...] = (
        lambda: next(_extensions(chain, asked), None),
        lambda: next(_levels(chain.links, minimum), None),
        lambda: _host(asked),
        lambda: next(_signatures(chain.links, asked), None),
        lambda: next(_constraints(chain.links, asked.effort), None),
    )
    return next((fault for check in checks if (fault := check())), None)


# --- the chain ---------------------------------------------------------------------------------------------------------------------


def _build(asked: Question) -> _Chain:
    """build_chain: trusted first, one way only."""
    links, untrusted = [asked.chain[0]], 1
    pool = _distinct(asked.chain)
    store = _distinct([anchor for anchor in asked.anchors if anchor.readable])
    from_sent = True
    while len(links) <= MOST_DEPTH:
        current = links[-1]
        issuer = _in_store(current, store, asked.at)
        if issuer is not None and strength(current) < 0:
            return _Chain(tuple(links), untrusted, _Fault("UNSPECIFIED", len(links) - 1))
        if issuer is not None and (not marks(current).self_signed or current == issuer):
            if marks(current).self_signed:
                untrusted -= 1
                return _Chain(tuple(links), min(untrusted, len(links) - 1), None)
            links.append(issuer)
            from_sent = False
            if marks(issuer).self_signed or asked.options.partial_chain:
                return _Chain(tuple(links), untrusted, None)
            continue
        if not from_sent:
            break
        found = None if marks(current).self_signed else _in_sent(current, pool, links, asked.at)
        if found is None:
            break
        pool.remove(found)
        links.append(found)
        untrusted += 1
    return _unfinished(links, untrusted, store, asked)


def _unfinished(links: list[Details], untrusted: int, store: Sequence[Details], asked: Question) -> _Chain:
    if asked.options.partial_chain and untrusted == len(links) and links[0] in store:
        return _Chain(tuple(links), 0, None)
    last = len(links) - 1
    if marks(links[-1]).self_signed:
        name = "SELF_SIGNED_CERT_IN_CHAIN" if last else "DEPTH_ZERO_SELF_SIGNED_CERT"
    else:
        name = "UNABLE_TO_GET_ISSUER_CERT" if untrusted < len(links) else "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
    return _Chain(tuple(links), untrusted, _Fault(name, last))


def _distinct(pool: Sequence[Details]) -> list[Details]:
    return list({details.certificate.sha256: details for details in pool}.values())


def _in_store(child: Details, store: Sequence[Details], at: int) -> Details | None:
    """X509_STORE_CTX_get1_issuer: the first that is valid now, else the one that expired last."""
    return _newest([candidate for candidate in store if issued(child, candidate)], at)


def _in_sent(child: Details, pool: Sequence[Details], links: Sequence[Details], at: int) -> Details | None:
    alone = marks(child).self_issued and len(links) == 1
    return _newest([c for c in pool if issued(child, c) and (alone or c not in links)], at)


def _newest(candidates: Sequence[Details], at: int) -> Details | None:
    best: Details | None = None
    for candidate in candidates:
        if _time_fault(candidate, at) == "":
            return candidate
        if best is None or (candidate.certificate.not_after or 0) > (best.certificate.not_after or 0):
            best = candidate
    return best


# --- extensions, from the leaf up ----------------------------------------------------------------------------------------------------


def _extensions(chain: _Chain, asked: Question) -> Iterator[_Fault]:
    """check_extensions."""
    counted, last = 0, len(chain.links) - 1
    for depth, link in enumerate(chain.links):
        mark, strict = marks(link), asked.options.strict
        if mark.critical:
            yield _Fault("UNHANDLED_CRITICAL_EXTENSION", depth)
        if mark.proxy:
            yield _Fault("PROXY_CERTIFICATES_NOT_ALLOWED", depth)
        if depth and (not mark.ca or ((depth < last or strict) and mark.ca != 1)):
            yield _Fault("INVALID_CA", depth)
        if not depth and strict and mark.ca not in (0, 1):
            yield _Fault("INVALID_CA", depth)
        if last and strength(link) < 0:
            yield _Fault("UNSPECIFIED", depth)
        if last and link.key_algorithm == "1.2.840.10045.2.1" and link.key_parameters[:1] != b"\x06":
            yield _Fault("EC_KEY_EXPLICIT_PARAMS", depth)
        if strict and last:
            name = _strictly(link, mark, last_one=depth == last)
            if name:
                yield _Fault(name, depth)
        if not mark.invalid and not _fit_for(link, asked.purpose, ca=bool(depth)):
            yield _Fault("INVALID_PURPOSE", depth)
        length = link.certificate.path_length
        if depth > 1 and length is not None and counted > length:
            yield _Fault("PATH_LENGTH_EXCEEDED", depth)
        counted += depth > 0 and not mark.self_issued


def _fit_for(link: Details, purpose: str, *, ca: bool) -> bool:
    """check_purpose_ssl_server and check_purpose_ssl_client."""
    certificate = link.certificate
    usages, wanted = certificate.extended_key_usage, SERVER_AUTH if purpose == "server" else CLIENT_AUTH
    if usages is not None and wanted not in usages and not (purpose == "server" and usages & GATED):
        return False
    netscape = _netscape(link)
    if ca:
        mark = marks(link)
        return bool(mark.ca) and (mark.ca != 5 or bool(netscape is not None and netscape & 0x04))
    if netscape is not None and not netscape & (0x40 if purpose == "server" else 0x80):
        return False
    keys = _SIGNS | {"key_encipherment"} if purpose == "server" else _SIGNS
    return certificate.key_usage is None or bool(certificate.key_usage & keys)


def _netscape(link: Details) -> int | None:
    """The bits of nsCertType, which OpenSSL still minds."""
    extension = link.extension(d.NETSCAPE_TYPE)
    if extension is None:
        return None
    return extension.value[3] if len(extension.value) > 3 else 0


def _strictly(link: Details, mark: Marks, *, last_one: bool) -> str:
    """What X509_V_FLAG_X509_STRICT adds, in OpenSSL's order."""
    certificate, basic = link.certificate, link.extension(d.BASIC)
    is_ca, usages, version_3 = bool(certificate.is_ca), certificate.key_usage, link.version >= 3
    signs = usages is None or "key_cert_sign" in usages
    san, aki, ski = link.extension(d.SAN), link.extension(d.AKI), link.extension(d.SKI)
    nameless = not link.subject
    rules = (
        (certificate.path_length is not None and not is_ca, "PATHLEN_INVALID_FOR_NON_CA"),
        (certificate.path_length is not None and not signs, "PATHLEN_WITHOUT_KU_KEY_CERT_SIGN"),
        (is_ca and basic is not None and not basic.critical, "CA_BCONS_NOT_CRITICAL"),
        (is_ca and usages is None, "CA_CERT_MISSING_KEY_USAGE"),
        (not is_ca and usages is not None and "key_cert_sign" in usages, "KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA"),
        (not link.issuer, "ISSUER_NAME_EMPTY"),
        (nameless and (is_ca or (usages is not None and "crl_sign" in usages) or san is None), "SUBJECT_NAME_EMPTY"),
        (nameless and san is not None and not san.critical, "EMPTY_SUBJECT_SAN_NOT_CRITICAL"),
        (san is not None and link.names == (), "EMPTY_SUBJECT_ALT_NAME"),
        (link.inner_algorithm != link.outer_algorithm, "SIGNATURE_ALGORITHM_INCONSISTENCY"),
        (aki is not None and aki.critical, "AUTHORITY_KEY_IDENTIFIER_CRITICAL"),
        (ski is not None and ski.critical, "SUBJECT_KEY_IDENTIFIER_CRITICAL"),
        (version_3 and not last_one and certificate.aki is None, "MISSING_AUTHORITY_KEY_IDENTIFIER"),
        (version_3 and is_ca and ski is None, "MISSING_SUBJECT_KEY_IDENTIFIER"),
        (not version_3 and bool(link.extensions), "EXTENSIONS_REQUIRE_VERSION_3"),
    )
    return next((name for broken, name in rules if broken), "")


# --- strength, host, signatures and time, constraints -----------------------------------------------------------------------------------


def _levels(links: Sequence[Details], minimum: int) -> Iterator[_Fault]:
    """check_auth_level: keys of issuers, digests of all but the anchor."""
    for depth, link in enumerate(links) if minimum else ():
        if depth and strength(link) < minimum:
            yield _Fault("CA_KEY_TOO_SMALL", depth)
        if depth < len(links) - 1 and marks(link).digest_bits < minimum:
            yield _Fault("CA_MD_TOO_WEAK", depth)


def _host(asked: Question) -> _Fault | None:
    if not asked.host or one("openssl", asked.host, asked.chain[0].certificate).accepted:
        return None
    return _Fault("IP_ADDRESS_MISMATCH" if address(asked.host) else "HOSTNAME_MISMATCH", 0)


def _signatures(links: Sequence[Details], asked: Question) -> Iterator[_Fault]:
    """internal_verify: from the anchor down; the anchor's own signature is not looked at, its time is."""
    top = len(links) - 1
    if not marks(links[top]).self_signed and not asked.options.partial_chain and not top:
        yield _Fault("UNABLE_TO_VERIFY_LEAF_SIGNATURE", 0)
    for depth in range(top, -1, -1):
        if depth < top:
            issuer, child = links[depth + 1], links[depth]
            usages = issuer.certificate.key_usage
            if usages is not None and "key_cert_sign" not in usages:
                yield _Fault("KEYUSAGE_NO_CERTSIGN", depth + 1)
            if child.inner_algorithm != child.outer_algorithm or not verifies(child.certificate, issuer.certificate):
                yield _Fault("CERT_SIGNATURE_FAILURE", depth)
        name = _time_fault(links[depth], asked.at)
        if name:
            yield _Fault(name, depth)


def _time_fault(link: Details, at: int) -> str:
    """ossl_x509_check_cert_time. A certificate whose last second is now has expired: X509_cmp_time says "not later"."""
    for moment, value, wrong_form in (
        (link.begins, link.certificate.not_before, "ERROR_IN_CERT_NOT_BEFORE_FIELD"),
        (link.ends, link.certificate.not_after, "ERROR_IN_CERT_NOT_AFTER_FIELD"),
    ):
        pattern = _TIME.get(moment.tag)
        if pattern is None or not pattern.fullmatch(moment.body) or value is None or not moment.exists:
            return wrong_form
        if moment is link.begins and value // SECOND > at:
            return "CERT_NOT_YET_VALID"
        if moment is link.ends and value // SECOND <= at:
            return "CERT_HAS_EXPIRED"
    return ""


def _constraints(links: Sequence[Details], effort: Effort) -> Iterator[_Fault]:
    """check_name_constraints: from the anchor down, each certificate against all above it."""
    for depth in range(len(links) - 1, -1, -1):
        if depth and marks(links[depth]).self_issued:
            continue
        for above in range(len(links) - 1, depth, -1):
            if links[above].has(d.NAMES):
                name = violation(links[depth], links[above], effort, leaf=not depth)
                if name:
                    yield _Fault(name, depth)


