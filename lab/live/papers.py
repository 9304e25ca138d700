"""Certificates for live servers, as people have them: one CA, an RSA and an ECDSA certificate for each name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab import pki
from lab.live.serve import Pair


@dataclass(frozen=True, slots=True)
class Papers:
    """A CA with an intermediate; what it issues is written into one folder and dies with it."""

    folder: Path
    root: pki.Issued
    issuing: pki.Issued

    @property
    def anchor(self) -> str:
        """The root, PEM: a truststore, or the CA that client certificates come from."""
        return pki.write_bundle(self.folder, "root", self.root.certificate)

    def server(self, name: str, kind: str = "rsa", days: tuple[int, int] = (-40, 50)) -> Pair:
        """A server's certificate for that name; kinds are those of lab.pki. Each key type has a subject of its own (NSS wants that)."""
        issued = pki.leaf(self.issuing, name, subject=f"{name} ({kind})", kind=kind, days=days)
        return Pair(*pki.write(self.folder, f"{name}-{kind}", issued))

    def both(self, name: str) -> tuple[Pair, Pair]:
        """RSA and ECDSA for one name."""
        return self.server(name, "rsa"), self.server(name, "ec")

    def client(self, name: str = "partner.maple.test", kind: str = "rsa") -> Pair:
        """A client's certificate."""
        return Pair(*pki.write(self.folder, f"{name}-{kind}", pki.leaf(self.issuing, name, usage="client", kind=kind)))


def papers(folder: Path) -> Papers:
    """A new CA."""
    root = pki.root("Harbour Root R2")
    return Papers(folder, root, pki.intermediate(root, "Harbour Issuing CA 5"))
