"""Which certificates belong together, where a store does not say it: files of certificates one after the other, sets of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whytls.pki.certificate import Certificate, read

MOST_SAME_NAME = 16  # certificates of one name that are looked at; cross-signed CAs have two or three
MOST_IN_CHAIN = 10  # certificates; a file with more is a collection, and a chain in it has to hang together by its names


def runs(certificates: Sequence[bytes]) -> list[range]:
    """A file's certificates as chains, each as a range of places; all places are in exactly one.

    A server presents a file in its order, wrong or not, so a small file with one end entity is one chain, whatever its order.
    In a collection a chain begins at each end entity and goes on while each certificate has the name of the issuer before
    it. CA certificates that follow nothing (a bundle of anchors) stand alone.
    """
    if len(certificates) <= 1:
        return [range(len(certificates))] if certificates else []
    found = [read(der) for der in certificates]
    leaves = [place for place, certificate in enumerate(found) if is_end_entity(certificate)]
    if len(leaves) == 1 and len(found) <= MOST_IN_CHAIN:
        return [range(len(found))]
    made, at = [], 0
    while at < len(found):
        end = at + 1
        if is_end_entity(found[at]):
            while end < len(found) and not is_end_entity(found[end]) and _continues(found, end, at, len(found) <= MOST_IN_CHAIN):
                end += 1
        made.append(range(at, end))
        at = end
    return made


def _continues(found: list[Certificate], place: int, begin: int, loosely: bool) -> bool:
    if loosely:
        return True
    return place - begin < MOST_IN_CHAIN and found[place].subject_canonical == found[place - 1].issuer_canonical


def is_end_entity(certificate: Certificate) -> bool:
    """A certificate that identifies somebody else than a CA; a root of version 1 has no word about it and signs itself."""
    return not certificate.is_ca and not certificate.self_issued


class Issuers:
    """A set of certificates in which issuers are looked up by name."""

    def __init__(self, certificates: Iterable[bytes]) -> None:
        self._named: dict[str, list[Certificate]] = {}
        for certificate in map(read, dict.fromkeys(certificates)):
            known = self._named.setdefault(certificate.subject_canonical, [])
            if certificate.subject_canonical and len(known) < MOST_SAME_NAME:
                known.append(certificate)

    def chain(self, own: bytes) -> tuple[bytes, ...]:
        """A certificate and its issuers, up to a self-issued one or as far as they are in the set; Java builds it so.

        Of several certificates with the issuer's name the one whose key identifier fits goes first.
        """
        made, current = [own], read(own)
        while not current.self_issued and len(made) < 2 * MOST_IN_CHAIN:
            candidates = [c for c in self._named.get(current.issuer_canonical, ()) if c.der not in made]
            if not candidates:
                break
            aki = current.aki
            current = next((c for c in candidates if aki is not None and c.ski == aki), candidates[0])
            made.append(current.der)
        return tuple(made)


def chains(certificates: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """A set of certificates as chains: from each end entity upwards; what no chain needs stands alone."""
    issuers = Issuers(certificates)
    made = [issuers.chain(der) for der in dict.fromkeys(certificates) if is_end_entity(read(der))]
    used = {der for chain in made for der in chain}
    return made + [(der,) for der in dict.fromkeys(certificates) if der not in used]
