"""Nothing is known by heart: the labelled captures with other names, keys, addresses and ports get the same verdicts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from labelled import Labelled, labelled
from renaming import Renamed, Words, moved, with_bytes
from transformations import Piece, pieces, write

import whytls
from whytls.model import Diagnosis

NAMES = re.compile(rb"\b[A-Za-z0-9*-]+(?:\.[A-Za-z0-9-]+)*\.(?:test|org|invalid|com|net)\b")
Told = list[tuple[str | None, ...]]
Verdicts = dict[str, tuple[list[Piece], list[Diagnosis]]]


def usable(case: Labelled) -> bool:
    """Whether its packets are whole, so that they can be written anew."""
    return bool(case.label["capture"]["snaplen"] >= 1000)


def told(said: list[Diagnosis]) -> Told:
    """All of a verdict but addresses and names."""
    return [(d.cause, d.detail, d.failing_side, d.confidence, *d.owners, d.outcome) for d in said]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("renamed")


@pytest.fixture(scope="module")
def originals(folder: Path) -> Verdicts:
    found = {}
    file = folder / "original.pcap"
    for case in filter(usable, labelled()):
        file.write_bytes(case.capture)
        found[case.id] = (pieces(file), list(whytls.diagnose(file, all=True)))
    assert len(found) > 500
    return found


@pytest.fixture(scope="module")
def renamed(originals: Verdicts) -> Renamed:
    chains = [
        chain
        for _, said in originals.values()
        for d in said
        if d.handshake is not None
        for chain in (d.handshake.server_chain, d.handshake.client_chain)
    ]
    ders = {der for chain in chains for der in chain or ()}
    assert len(ders) > 30
    return Renamed(sorted(ders), Words())


def rewriting(made: Renamed) -> Callable[[bytes], bytes]:
    """Certificates, then names of CAs, then all host names in what is left."""
    exact = {**made.certificates, **made.names}

    def rewrite(stream: bytes) -> bytes:
        for old, new in exact.items():
            stream = stream.replace(old, new)
        known = list(made.certificates.values())
        return NAMES.sub(lambda name: name[0] if any(name[0] in der for der in known) else made.words.text(name[0]), stream)

    return rewrite


def differences(originals: Verdicts, change: Callable[[list[Piece]], list[Piece]], folder: Path) -> dict[str, tuple[Told, Told]]:
    """Where the verdict on the changed capture is another one."""
    found = {}
    for name, (packets, before) in originals.items():
        after = list(whytls.diagnose(write(folder / "changed.pcap", change(packets)), all=True))
        if told(after) != told(before):
            found[name] = told(before), told(after)
    return found


def test_other_addresses_and_ports(originals: Verdicts, folder: Path) -> None:
    assert differences(originals, moved, folder) == {}


def test_other_names_and_keys(originals: Verdicts, renamed: Renamed, folder: Path) -> None:
    rewrite = rewriting(renamed)
    assert differences(originals, lambda packets: with_bytes(packets, rewrite), folder) == {}


def test_everything_at_once(originals: Verdicts, renamed: Renamed, folder: Path) -> None:
    rewrite = rewriting(renamed)
    assert differences(originals, lambda packets: moved(with_bytes(packets, rewrite)), folder) == {}


def test_no_old_name_is_left_where_it_can_be_read(originals: Verdicts, renamed: Renamed, folder: Path) -> None:
    rewrite = rewriting(renamed)
    changed = 0
    for name, (packets, _) in originals.items():
        data = b"".join(piece.ip for piece in moved(with_bytes(packets, rewrite)))
        assert not re.search(rb"\bLab |Root CA|Private Corp|example\.test|app-client|host\.invalid", data), name
        changed += data != b"".join(piece.ip for piece in packets)
    assert changed == len(originals)


def test_new_certificates_have_the_old_ones_faults(originals: Verdicts, renamed: Renamed) -> None:
    """Chain by chain, at the time of the capture: the same defects at the same places."""
    from whytls.pki.chain import examine

    compared = 0
    for _, said in originals.values():
        for d in said:
            chain = d.handshake.server_chain if d.handshake is not None else None
            if d.handshake is None or not chain:
                continue
            host = d.sni and renamed.words.text(d.sni.encode()).decode()
            old = examine(chain, at=d.started_at, host=d.sni or None)
            new = examine([renamed.certificates[der] for der in chain], at=d.started_at, host=host or None)
            assert [(x.slug, x.detail, x.index, x.certain) for x in new.defects] == [(x.slug, x.detail, x.index, x.certain) for x in old.defects]
            assert (new.path, new.ends_at, new.superfluous) == (old.path, old.ends_at, old.superfluous)
            compared += 1
    assert compared > 100
