"""A chain before it is made: who issues whom, what each certificate says, what is sent, trusted and asked for.

A plan starts sound (`simple`, `crossed`, ...); faults change it; `made` turns it into bytes. Keys are made once per name and
process, so that thousands of chains cost thousands of signatures and no more.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from lab.chains import encode as e

NOON = dt.datetime(2025, 6, 15, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
HOST = "api.harbour.example"
SERVER_AUTH, CLIENT_AUTH, EMAIL_PROTECTION, ANY_USAGE = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.4", "2.5.29.37.0"

CURVES: dict[str, type[ec.EllipticCurve]] = {
    "p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1, "p192": ec.SECP192R1, "k256": ec.SECP256K1,
    "p224": ec.SECP224R1,
}  # fmt: skip


@lru_cache(maxsize=4096)
def key(label: str) -> e.Key:
    """The key of that label: `kind:name`, where kind is rsa1024, rsa2048, ed25519 or a curve; made once."""
    kind = label.partition(":")[0]
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[kind]())


@lru_cache(maxsize=4096)
def info(label: str) -> bytes:
    """The public half, as SubjectPublicKeyInfo."""
    return e.public_info(key(label))


@dataclass
class Link:
    """One certificate of a plan; `issuer` names the link that signs it (itself for a root)."""

    label: str
    issuer: str
    subject: e.Name
    key: str
    ca: bool
    serial: int = 0x1234567
    begins: e.Time = field(default_factory=lambda: e.utc(NOON - 100 * DAY))
    ends: e.Time = field(default_factory=lambda: e.utc(NOON + 265 * DAY))
    extensions: dict[str, e.Extension] = field(default_factory=dict)
    issuer_name: e.Name | None = None  # None: the issuer's subject
    signer: str = ""  # a key's label; empty: the issuer's key
    scheme: str = ""  # rsa, pss, ec, ed25519; empty: what the signer's key has
    digest: str = "sha256"
    version: int | None = 2
    twice: str = ""  # an extension that is put in a second time
    outer_algorithm: bytes | None = None
    tampered: bool = False
    key_ids: tuple[bool, bool] = (True, True)  # whether it has a subject's and an authority's key identifier
    authority: bytes | None = None  # another value for authorityKeyIdentifier
    subject_id: bytes | None = None  # another subject key identifier
    key_info: bytes | None = None  # another SubjectPublicKeyInfo

    def put(self, kind: str, value: bytes, *, critical: bool = False) -> None:
        """Sets or replaces an extension."""
        self.extensions[kind] = e.Extension(kind, value, critical)

    def drop(self, kind: str) -> None:
        """Takes an extension out."""
        self.extensions.pop(kind, None)


@dataclass
class Plan:
    """Everything that is made into one case."""

    links: dict[str, Link]
    sent: list[str]
    anchors: list[str]
    host: str | None = HOST
    at: dt.datetime = NOON
    purpose: Literal["server", "client"] = "server"

    @property
    def leaf(self) -> Link:
        """The end entity's certificate."""
        return self.links["leaf"]

    def add(self, link: Link) -> Link:
        """A further certificate."""
        self.links[link.label] = link
        return link


@dataclass(frozen=True)
class Case:
    """A chain as bytes, with what was asked of it; `faults` says what was done to it, for the table."""

    label: str
    chain: tuple[bytes, ...]
    anchors: tuple[bytes, ...]
    at: int  # seconds since 1970
    host: str | None
    purpose: Literal["server", "client"]
    faults: tuple[str, ...]


def organisation(common: str) -> e.Name:
    """The name of a CA."""
    return e.name((e.C, "NL", e.PRINTABLE), (e.ORGANISATION, "Harbour Trust"), (e.CN, common))


def authority(label: str, issuer: str, common: str, *, path_length: int | None = None, at_key: str = "") -> Link:
    """A CA."""
    link = Link(label, issuer, organisation(common), at_key or f"p256:{label}", True)
    link.put(e.BASIC, e.basic_constraints(True, path_length), critical=True)
    link.put(e.KEY_USAGE, e.key_usage("key_cert_sign", "crl_sign"), critical=True)
    if label == issuer:
        link.begins, link.ends = e.utc(NOON - 900 * DAY), e.utc(NOON + 2700 * DAY)
    return link


def end_entity(issuer: str, purpose: Literal["server", "client"] = "server", at_key: str = "p256:leaf") -> Link:
    """The certificate of a server or a client."""
    common = HOST if purpose == "server" else "till 7"
    link = Link("leaf", issuer, e.name((e.ORGANISATION, "Maple Stores"), (e.CN, common)), at_key, False)
    link.put(e.BASIC, e.basic_constraints(False), critical=True)
    link.put(e.KEY_USAGE, e.key_usage("digital_signature"), critical=True)
    link.put(e.EKU, e.extended_key_usage(SERVER_AUTH if purpose == "server" else CLIENT_AUTH))
    link.put(e.SAN, e.alternative_names([("dns", HOST)] if purpose == "server" else [("email", "till7@maple.example")]))
    return link


def simple(depth: int = 1, purpose: Literal["server", "client"] = "server", kind: str = "p256") -> Plan:
    """A root, `depth` intermediates (nearest to the leaf is `ca1`), a leaf; all sent but the root."""
    links = [authority("root", "root", "Harbour Root", at_key=f"{kind}:root")]
    above = "root"
    for number in range(depth, 0, -1):
        links.append(authority(f"ca{number}", above, f"Harbour Issuing {number}", at_key=f"{kind}:ca{number}"))
        above = f"ca{number}"
    links.append(end_entity(above, purpose, f"{kind}:leaf"))
    sent = ["leaf", *(f"ca{number}" for number in range(1, depth + 1))]
    return Plan({link.label: link for link in links}, sent, ["root"], HOST if purpose == "server" else None, purpose=purpose)


def made(plan: Plan, label: str, faults: tuple[str, ...]) -> Case:
    """The plan as bytes."""
    ders = {name: _certificate(plan, link) for name, link in plan.links.items() if name in plan.sent or name in plan.anchors}
    return Case(
        label, tuple(ders[name] for name in plan.sent), tuple(ders[name] for name in plan.anchors),
        int(plan.at.timestamp()), plan.host, plan.purpose, faults,
    )  # fmt: skip


_signed: dict[tuple[e.Body, str, str, str], bytes] = {}


def _certificate(plan: Plan, link: Link) -> bytes:
    issuer = plan.links[link.issuer]
    signer = link.signer or issuer.key
    signer_kind = signer.partition(":")[0]
    scheme = link.scheme or ("rsa" if signer_kind.startswith("rsa") else "ed25519" if signer_kind == "ed25519" else "ec")
    extensions = list(link.extensions.values())
    own_key = link.key_info or info(link.key)
    if link.key_ids[0]:
        extensions.append(e.Extension(e.SKI, e.tlv(e.OCTETS, link.subject_id or e.key_id(info(link.key)))))
    if link.key_ids[1]:
        identifier = issuer.subject_id or e.key_id(info(issuer.key))
        extensions.append(e.Extension(e.AKI, link.authority or e.authority_key_id(identifier)))
    extensions += [x for x in extensions if x.kind == link.twice]
    if link.version != 2:
        extensions = []
    body = e.Body(
        link.subject, issuer.subject if link.issuer_name is None else link.issuer_name, link.serial, link.begins, link.ends, own_key,
        tuple(extensions), link.version, link.outer_algorithm, link.tampered,
    )  # fmt: skip
    digest = "" if scheme == "ed25519" else link.digest
    known = (body, signer, scheme, digest)
    if known not in _signed:
        _signed[known] = e.signed(body, key(signer), scheme, digest)
    return _signed[known]
