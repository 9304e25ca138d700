"""Whether a client takes the certificate that a server shows it: keys, names, trust, by the stack that judges for it.

The judging itself is ``pki.stacks``: here the client's settings are put to it, and its defects get the names of their causes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from whytls.clients.client import Client
from whytls.clients.server import Site
from whytls.pki.certificate import Certificate, read
from whytls.pki.chain import examine
from whytls.pki.defect import Defect
from whytls.pki.name import match
from whytls.pki.profiles import Options
from whytls.pki.stacks import REASONS, STACKS, Judge, Stack, in_order
from whytls.pki.trust import ALL, habit, refuses

# Defects whose cause ``stacks.REASONS`` does not name, because no alert was measured for them.
CAUSES = {
    **{slug: of_server for slug, (of_server, _) in REASONS.items() if of_server},
    "wrong-order": "chain-order", "name-encoding-differs": "chain-wrong-intermediate", "malformed": "certificate-unusable",
    "no-certificate": "certificate-unusable", "refused": "certificate-rejected", "long-chain": "certificate-rejected",
}  # fmt: skip
KEYS = {"RSA": ("rsa", "rsa-pss"), "ECDSA": ("ec", "ed25519", "ed448"), "DSS": ("dsa",)}
Key = tuple[tuple[bytes, ...], str, str]  # a chain, the type of its key, and the curve


class Told(NamedTuple):
    """What is said of a chain."""

    refused: tuple[tuple[str, str], ...]  # cause and sentence, the deciding one first
    conditions: tuple[str, ...]
    unknown: tuple[str, ...]


def fitting(chains: Sequence[tuple[bytes, ...]], authentication: str) -> list[Key]:
    """Those of a server's chains whose key fits a suite's authentication ("any" in TLS 1.3), in the server's order."""
    keys = [(chain, own.key_type, own.curve) for chain in chains if chain and (own := read(chain[0]))]
    return [key for key in keys if authentication == "any" or key[1] in KEYS.get(authentication, ())]


def kinds(chains: Sequence[tuple[bytes, ...]]) -> frozenset[str]:
    """The types of the keys of a server's certificates."""
    return frozenset(read(chain[0]).key_type for chain in chains if chain)


def judged(
    client: Client, chain: tuple[bytes, ...], name: str | None, sent: str | None, named: Site, *, at: int, anchors: Sequence[bytes] | None
) -> Told:
    """What the client makes of the chain that it is shown when it calls ``name`` and sends ``sent`` as server_name."""
    rules, own = client.rules, read(chain[0])
    refused = list(_size(client, own))
    if not rules.checks_chain:
        return Told(tuple(refused), (), ())
    host = name if rules.checks_name else None
    if anchors is None:
        defects, conditions = _supposed(client, chain, host, at)
        unknown: tuple[str, ...] = ()
    else:
        defects, conditions, unknown = _by_stack(client, chain, host, at, anchors)
    for defect in defects:
        if defect.slug == "weak-key" and refused:
            continue  # said already
        refused.append(_said(defect, chain, host, sent, named, at))
    if not rules.checks_name and name and not match(name, own).matches:
        conditions = (*conditions, f"it compares no name: the certificate is not for {name}")
    return Told(tuple(refused), conditions, unknown)


def _size(client: Client, own: Certificate) -> Iterator[tuple[str, str]]:
    """A key in the server's certificate that the client cannot or will not use."""
    limits = {"rsa": client.rules.rsa_bits, "rsa-pss": client.rules.rsa_bits, "ec": client.rules.ec_bits}.get(own.key_type)
    if limits is None or own.key_bits is None:
        return
    least, most = limits
    kind = own.key_type.upper()
    if own.key_bits < least and client.rules.checks_chain:  # OpenSSL's lower limit is part of the verification, the upper one is not
        yield "certificate-weak-key", f"the server's {kind} key has {own.key_bits} bits; it takes {least} and more"
    elif own.key_bits > most:
        yield "certificate-rejected", f"the server's {kind} key has {own.key_bits} bits; it takes {most} at most"


def _by_stack(
    client: Client, chain: tuple[bytes, ...], host: str | None, at: int, anchors: Sequence[bytes]
) -> tuple[list[Defect], tuple[str, ...], tuple[str, ...]]:
    """What the stack that judges for the client decides with those anchors."""
    stack = stack_of(client)
    decision = Judge(tuple(anchors), at, host, "server").decision(stack, chain)
    by_own_limits = decision.accepts is None and decision.deciding is not None and decision.deciding.slug == "weak-key"
    if decision.accepts or by_own_limits:  # its own limits were asked already
        return [], (), ()
    if decision.accepts is None:
        about = f" ({decision.deciding.slug})" if decision.deciding is not None else ""
        return [], (), (f"how {client.rules.judged_by} judges such a chain{about}",)
    deciding = decision.deciding or Defect("refused")
    if client.rules.fetches_issuers and deciding.slug == "missing-intermediate" and read(chain[-1]).aia_issuers:
        return [], (f"it can fetch the missing issuer from {read(chain[-1]).aia_issuers[0]}",), ()
    return [deciding], (), ()


def _supposed(client: Client, chain: tuple[bytes, ...], host: str | None, at: int) -> tuple[list[Defect], tuple[str, ...]]:
    """Without its anchors: the defects that it minds whatever it trusts, and what it has to trust."""
    report, stack = examine(chain, at=at, host=host), stack_of(client)
    minded = [d for d in in_order(report.defects) if d.slug not in _ABOUT_ANCHORS and _minds(client, stack, d)]
    top = report.path_certificates[-1] if report.path_certificates else read(chain[-1])
    trusted = top.subject if report.complete else top.issuer
    conditions = [f"it trusts {trusted}"]
    open_ones = [d for d in report.defects if d.slug in ("missing-intermediate", "wrong-intermediate") and not d.certain]
    if open_ones and not client.rules.fetches_issuers:
        conditions = [f"{read(chain[-1]).issuer} is itself among its trust anchors; if it is an intermediate, it is missing in what the server sends"]
    return [d for d in minded if d.certain], tuple(conditions)


# A self-signed certificate is refused only by who does not trust it.
_ABOUT_ANCHORS = frozenset({"untrusted-root", "self-signed-leaf"})


def _minds(client: Client, stack: Stack, defect: Defect) -> bool:
    if defect.slug == "missing-intermediate" and client.rules.fetches_issuers:
        return False
    level = client.rules.security_level
    if level is not None and level < 2 and defect.slug == "weak-key" and defect.detail != "rsa-below-1024":
        return False  # its own limits were asked already
    if defect.slug == "weak-digest" and defect.detail == "sha1":
        return not client.rules.sha1
    if stack.family is None:
        return habit(defect).refused_by == ALL
    return bool(refuses(stack.family, defect))


def stack_of(client: Client) -> Stack:
    """The stack that judges for this client, set up as the client sets it up; one without a profile where none is known."""
    rules = client.rules
    known = next((stack for stack in STACKS["server"] if stack.name == rules.judged_by), None)
    if rules.judged_by == "browser":
        return Stack("browser", "browser", False, profile="browser")
    if known is None:
        return Stack(rules.judged_by, None, False)
    if known.profile != "openssl":
        return known
    level = rules.security_level if rules.security_level is not None else 2
    return known._replace(
        options=Options(security_level=level, strict=rules.strict, partial_chain=rules.partial_chain), roots_only=not rules.partial_chain
    )


def _said(defect: Defect, chain: Sequence[bytes], host: str | None, sent: str | None, named: Site, at: int) -> tuple[str, str]:
    """The cause of a defect, and what is wrong in a sentence."""
    from whytls.pki.notes import said

    own = read(chain[0])
    of_names = defect.slug in ("name-mismatch", "cn-only", "lax-wildcard")
    if of_names and sent is None and host and any(match(host, read(other[0])).matches for other in named.chains if other):
        return "sni-default-certificate", f"it sends no name, and so gets the server's default certificate ({_holder(own)}), which is not for {host}"
    about = read(chain[defect.index]) if defect.index is not None and defect.index < len(chain) else own
    return CAUSES.get(defect.slug, "certificate-rejected"), f"{_holder(about)}: {said(defect, at)}"


def _holder(certificate: Certificate) -> str:
    return certificate.subject or ", ".join(certificate.dns_names[:1]) or "the certificate"
