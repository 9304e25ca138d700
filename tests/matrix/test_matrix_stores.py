"""The labelled captures with the stores of both ends: never proven and wrong, and most of what TLS 1.3 hides is told.

The archive holds no stores. They are made of what the wires show: the only root that all its trusting ends have, and for each kind of
fault the chain that its TLS 1.2 captures show, which its TLS 1.3 captures sent encrypted.
"""

from __future__ import annotations

import random
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from labelled import Labelled, labelled

import whytls
from whytls.model import Diagnosis
from whytls.pki.certificate import read
from whytls.pki.extract import armoured
from whytls.stores import SIDES

LABEL_OF = {slug: label for label, slug in tomllib.loads(Path(__file__).with_name("labels.toml").read_text())["causes"].items()}
ROOT = "CN=Lab Root CA,O=Lab"
CLIENTS, SERVERS = ("client", "message-processor"), ("server", "router", "backend")
Chain = tuple[bytes, ...]


class Wires(NamedTuple):
    """The captures in files, and what of the stores they show."""

    folder: Path
    server_chains: dict[str, Chain]  # by kind of fault
    client_chains: dict[str, Chain]
    root: bytes

    def capture(self, case: Labelled) -> str:
        return str(self.folder / f"{case.id}.pcap")

    def store(self, chain: Chain) -> str:
        """The chain in a file."""
        path = self.folder / f"{'-'.join(read(der).sha256[:12] for der in chain)}.pem"
        path.write_text("".join(map(armoured, chain)))
        return str(path)

    def judged(self, case: Labelled, of_server: Chain | None, of_client: Chain | None, *, trusted: bool = True) -> Diagnosis | None:
        """The verdict with these stores."""
        held = {side: self.store(of_server) for side in SERVERS if of_server} | {side: self.store(of_client) for side in CLIENTS if of_client}
        trusts = dict.fromkeys(SIDES, self.store((self.root,))) if trusted else {}
        return verdict(case, list(whytls.diagnose(self.capture(case), all=True, keystore=held, truststore=trusts)))


def kind(case: Labelled) -> str:
    return f"{case.label['cause']}: {case.label['sub_cause']}"


def verdict(case: Labelled, said: list[Diagnosis]) -> Diagnosis | None:
    """That on the labelled connection."""
    label = case.label
    ends = (label["server_ip"], label["server_port"], label["client_ip"])
    found = [d for d in said if (d.server.address, d.server.port, d.client.address) == ends]
    return min(found, key=lambda d: d.client.port != label["client_port"]) if found else None


def right(case: Labelled, said: Diagnosis | None) -> bool:
    cause = "success" if said is None or said.cause is None else LABEL_OF.get(said.cause, said.cause)
    return bool(cause == case.label["cause"])


@pytest.fixture(scope="module")
def wires(tmp_path_factory: pytest.TempPathFactory) -> Wires:
    folder = tmp_path_factory.mktemp("wires")
    found = Wires(folder, {}, {}, b"")
    root = b""
    for case in labelled():
        Path(found.capture(case)).write_bytes(case.capture)
        said = verdict(case, list(whytls.diagnose(found.capture(case), all=True)))
        if said is None or said.handshake is None:
            continue
        for chains, chain in ((found.server_chains, said.handshake.server_chain), (found.client_chains, said.handshake.client_chain)):
            if chain:
                chains.setdefault(kind(case), chain)
                root = next((der for der in chain if read(der).subject == ROOT), root)
    assert root
    return found._replace(root=root)


def test_what_stores_prove_is_right(wires: Wires) -> None:
    wrong, proven, correct = [], 0, Counter[bool]()
    for case in labelled():
        said = wires.judged(case, wires.server_chains.get(kind(case)), wires.client_chains.get(kind(case)))
        assert said is None or not [w for w in said.warnings if "bug in whytls" in w]
        correct[right(case, said)] += 1
        if said is not None and said.confidence == "proven":
            proven += 1
            wrong += [] if right(case, said) else [case.id]
    assert wrong == []
    assert proven >= 240  # 231 without stores
    assert correct[True] >= 505  # 450 without stores


def test_stores_of_others_prove_nothing_wrong(wires: Wires) -> None:
    """Any keystore of the archive given for any capture, with and without the truststore."""
    dice = random.Random(11)
    servers, clients = (sorted(set(chains.values())) for chains in (wires.server_chains, wires.client_chains))
    wrong = []
    for number, case in enumerate(labelled()):
        said = wires.judged(case, dice.choice(servers), dice.choice(clients), trusted=number % 2 == 0)
        if said is not None and said.confidence == "proven" and not right(case, said):
            wrong.append(f"{case.id}: {said.cause}")
    assert wrong == []
