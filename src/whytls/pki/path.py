"""The ways from a certificate up to a root, through all certificates at hand: a bounded search over a graph.

Theory of operation
-------------------
A node is a certificate: one that was sent, an anchor of the rejecting side, or one known from elsewhere. Its candidates for an
issuer are the nodes whose subject is its issuer (compared as RFC 5280 section 7.1 says), and on every such edge the signature
is tried. An edge whose signature does not fit is followed only where none fits, and the candidate was sent or has the right key
identifier: then the chain is broken there, but what lies beyond still has to be judged. A way never meets the same name and key
twice, so that cross-signed circles end.

The input is hostile: 30 certificates that all bear one name make 900 edges, 30 that cross-sign each other more ways than
there are atoms. So the search is bounded in certificates, signatures, steps and ways. Candidates with the right key identifier
come first, and the ones that follow in the order sent, so an honest chain is found long before a bound is met.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from whytls.pki.certificate import Certificate
from whytls.pki.links import Link, is_tried, link, self_signed
from whytls.tuples import NamedTuple

MOST_CERTIFICATES = 32  # of one side; Java refuses more than 10, OpenSSL paths longer than 100
MOST_SIGNATURES, MOST_STEPS, MOST_PATHS, MOST_CANDIDATES = 64, 512, 16, 32

Ending = Literal["anchor", "root", "intermediate", "leaf"]


class Node(NamedTuple):
    """One certificate of a path and where it comes from."""

    certificate: Certificate
    sent: int | None  # its place in what was sent, from 0; None: it was not sent
    anchor: bool = False  # it is one of the rejecting side's anchors


class Path(NamedTuple):
    """One way from the sender's own certificate upwards."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]  # links[i] ties nodes[i] to nodes[i + 1]
    ending: Ending

    @property
    def broken(self) -> bool:
        """Some signature on the way does not fit."""
        return any(link.broken for link in self.links)

    @property
    def last(self) -> Certificate:
        """The certificate at its upper end."""
        return self.nodes[-1].certificate


class Pool:
    """All certificates at hand, by subject."""

    def __init__(self, sent: Sequence[Certificate], anchors: Iterable[Certificate], known: Iterable[Certificate]) -> None:
        self._nodes: dict[str, list[Node]] = {}
        self._anchors = {certificate.sha256 for certificate in anchors}
        seen: set[str] = set()
        for index, certificate in enumerate(sent):
            self._add(Node(certificate, index, certificate.sha256 in self._anchors), seen)
        for certificate in anchors:
            self._add(Node(certificate, None, True), seen)
        for certificate in known:
            self._add(Node(certificate, None), seen)

    def _add(self, node: Node, seen: set[str]) -> None:
        if node.certificate.sha256 not in seen and node.certificate.subject_der:
            seen.add(node.certificate.sha256)
            self._nodes.setdefault(node.certificate.subject_canonical, []).append(node)

    def first(self, certificate: Certificate) -> Node:
        """The sender's own certificate as the node that all paths begin with."""
        return Node(certificate, 0, certificate.sha256 in self._anchors)

    def named(self, subject_canonical: str) -> list[Node]:
        """All certificates of that subject."""
        return self._nodes.get(subject_canonical, [])


class Search:
    """All paths from one certificate, within the bounds; ``exhausted`` says that a bound was met."""

    def __init__(self, pool: Pool, start: Node) -> None:
        self._pool = pool
        self._signatures, self._steps = MOST_SIGNATURES, MOST_STEPS
        self.paths: list[Path] = []
        self.exhausted = False
        self._follow([start], [], {start.certificate.identity})

    def _follow(self, nodes: list[Node], links: list[Link], met: set[tuple[str, str]]) -> None:
        self._steps -= 1
        if self._steps < 0 or len(self.paths) >= MOST_PATHS:
            self.exhausted = True
            return
        last = nodes[-1]
        # A self-signed certificate is the end of its way; an anchor as well, whoever issued it (RFC 5280 section 6.1).
        onward = [] if last.anchor or self_signed(last.certificate) else self._onward(last, met)
        for node, edge in onward:
            self._follow([*nodes, node], [*links, edge], met | {node.certificate.identity})
        if not onward:
            self.paths.append(Path(tuple(nodes), tuple(links), _ending(nodes)))

    def _onward(self, last: Node, met: set[tuple[str, str]]) -> list[tuple[Node, Link]]:
        certificate = last.certificate
        candidates = [n for n in self._pool.named(certificate.issuer_canonical) if n.certificate.identity not in met]
        after = last.sent + 1 if last.sent is not None else 0

        def plausible(node: Node) -> tuple[bool, bool, bool, int]:
            key_id = certificate.aki is not None and certificate.aki == node.certificate.ski
            behind = node.sent is None or node.sent < after
            return (not key_id, not node.anchor, behind, node.sent or 0)

        candidates.sort(key=plausible)
        edges = [(node, self._link(certificate, node.certificate)) for node in candidates[:MOST_CANDIDATES]]
        sound = [(node, edge) for node, edge in edges if not edge.broken]
        return sound or [(node, edge) for node, edge in edges if node.sent is not None or edge.key_id][:1]

    def _link(self, certificate: Certificate, issuer: Certificate) -> Link:
        if not is_tried(certificate, issuer):
            if self._signatures <= 0:
                self.exhausted = True
                return link(certificate, issuer, try_signature=False)
            self._signatures -= 1
        return link(certificate, issuer)


def _ending(nodes: list[Node]) -> Ending:
    last = nodes[-1]
    if last.anchor:
        return "anchor"
    if self_signed(last.certificate):
        return "root"
    return "intermediate" if len(nodes) > 1 else "leaf"
