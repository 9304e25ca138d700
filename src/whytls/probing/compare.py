"""Two servers side by side: staging and production, the address in front and the backend behind it. What differs between their inventories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from whytls.probing.result import Inventory, VersionFound
from whytls.probing.sni import habits

# What a difference is about; where it is about one version or one certificate, ``where`` says which.
Subject = Literal[
    "versions", "suites", "suite-order", "server-order", "dh-bits", "groups", "group-order", "signature-schemes", "alpn", "unknown-protocol",
    "compression", "secure-renegotiation", "extended-master-secret", "fallback", "session-id", "ticket", "psk", "early-data", "certificate",
    "names", "client-certificate", "client-certificate-authorities",
]  # fmt: skip
Value = bool | int | str | bytes | None | tuple[int, ...] | tuple[str, ...] | tuple[bytes, ...]


class Difference(NamedTuple):
    """One thing in which two servers differ. For lists, ``left`` and ``right`` hold what only one of them has."""

    subject: Subject
    left: Value
    right: Value
    where: int | str | None = None  # a version; a certificate's type of key


def differences(left: Inventory, right: Inventory) -> tuple[Difference, ...]:
    """What differs, in the order in which a reader asks. What is not known of one of them is not compared."""
    found = _sets("versions", [v.version for v in left.versions if v.suites], [v.version for v in right.versions if v.suites])
    for version in _accepted(left):
        other = next((v for v in _accepted(right) if v.version == version.version), None)
        if other is not None:
            found += _version(version, other)
    found += _sets("groups", left.groups, right.groups)
    found += _plain("group-order", left.groups_server_order, right.groups_server_order)
    found += _sets("signature-schemes", left.signature_schemes, right.signature_schemes)
    found += _sets("alpn", left.alpn, right.alpn)
    if left.alpn and right.alpn:
        found += _plain("unknown-protocol", _manner(left), _manner(right))
    found += _plain("compression", left.compression, right.compression)
    found += _plain("secure-renegotiation", left.secure_renegotiation, right.secure_renegotiation)
    found += _plain("extended-master-secret", left.extended_master_secret, right.extended_master_secret)
    found += _plain("fallback", left.fallback_scsv, right.fallback_scsv)
    found += _plain("session-id", left.resumption.session_id, right.resumption.session_id)
    found += _plain("ticket", left.resumption.ticket, right.resumption.ticket)
    found += _plain("psk", left.resumption.psk, right.resumption.psk)
    found += _plain("early-data", left.resumption.early_data, right.resumption.early_data)
    return tuple(found + _certificates(left, right) + _names(left, right) + _client_certificate(left, right))


def _accepted(inventory: Inventory) -> list[VersionFound]:
    return [found for found in inventory.versions if found.suites]


def _version(left: VersionFound, right: VersionFound) -> list[Difference]:
    number = left.version
    found = _sets("suites", left.suites, right.suites, number)
    found += _plain("server-order", left.server_order, right.server_order, number)
    if left.server_order and right.server_order:
        common = set(left.suites) & set(right.suites)
        orders = [tuple(suite for suite in one.suites if suite in common) for one in (left, right)]
        if orders[0] != orders[1]:
            found.append(Difference("suite-order", orders[0], orders[1], number))
    if left.dh_bits and right.dh_bits and left.dh_bits != right.dh_bits:
        found.append(Difference("dh-bits", left.dh_bits, right.dh_bits, number))
    return found


def _manner(inventory: Inventory) -> str:
    """How a server meets protocols that it does not know: ignored, or the way it refuses."""
    return inventory.alpn_refused.end if inventory.alpn_refused else "ignored"


def _certificates(left: Inventory, right: Inventory) -> list[Difference]:
    """The chains shown to who asks for the right name, by type of key."""
    one, other = _shown(left), _shown(right)
    kinds = [kind for kind in dict.fromkeys((*one, *other)) if one.get(kind) != other.get(kind)]
    return [Difference("certificate", one.get(kind), other.get(kind), kind) for kind in kinds]


def _shown(inventory: Inventory) -> dict[str, tuple[bytes, ...]]:
    return {shown.key_type: shown.chain for shown in reversed(inventory.certificates) if shown.server_name == inventory.server_name}


def _names(left: Inventory, right: Inventory) -> list[Difference]:
    one, other = habits(left.names, left.certificates), habits(right.names, right.certificates)
    if one is None or other is None or one == other:
        return []
    return _sets("names", one, other)


def _client_certificate(left: Inventory, right: Inventory) -> list[Difference]:
    one, other = left.client_certificate, right.client_certificate
    if "unknown" in (one.wanted, other.wanted):
        return []
    found = _plain("client-certificate", one.wanted, other.wanted)
    if "no" not in (one.wanted, other.wanted):
        found += _sets("client-certificate-authorities", one.authorities, other.authorities)
    return found


def _sets(subject: Subject, left: Sequence[int] | Sequence[str] | Sequence[bytes], right: Sequence[int] | Sequence[str] | Sequence[bytes],
          where: int | str | None = None) -> list[Difference]:  # fmt: skip
    only_left, only_right = tuple(v for v in left if v not in right), tuple(v for v in right if v not in left)
    return [Difference(subject, only_left, only_right, where)] if only_left or only_right else []  # type: ignore[arg-type]


def _plain(subject: Subject, left: Value, right: Value, where: int | str | None = None) -> list[Difference]:
    return [Difference(subject, left, right, where)] if left is not None and right is not None and left != right else []
