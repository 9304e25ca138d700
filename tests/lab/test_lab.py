"""The lab's own words: scenarios that can be found, certificates with the fault that was asked for, expectations that can be read."""

from __future__ import annotations

import datetime as dt
import re
import struct
import sys
import tomllib
from pathlib import Path

import pytest
from cryptography import x509

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lab.net import LabError  # noqa: E402
from lab.scenario import Lab, load, run, scenario  # noqa: E402

from lab import expect, pki, record  # noqa: E402 (the lab is no installed package)

CORPUS = ROOT / "tests" / "corpus"


def connection(stream: int = 0, port: int = 40000) -> record.Connection:
    packet = record.Packet(1, ("10.20.3.41", port), ("10.20.0.5", 443), 2, 0, (), (), (), "", 0.0)
    alert = record.Packet(7, ("10.20.0.5", 443), ("10.20.3.41", port), 24, 7, (), ((2, 40),), (21,), "", 0.1)
    return record.Connection(stream, ("10.20.3.41", port), ("10.20.0.5", 443), [packet, alert])


def failure(**change: object) -> expect.Expected:
    words: dict[str, object] = {"cause": "sni-missing", "hop": "southbound", "side": "server", "owners": ("server", "client")}
    return expect.Expected(connection(), "failed", **{**words, **change})  # type: ignore[arg-type]


def test_scenarios_are_found_and_described() -> None:
    found = load()
    assert len(found) > 100
    for name, item in found.items():
        assert name == f"{item.slug}--{item.what}"
        assert re.fullmatch(r"[a-z0-9-]+--[a-z0-9-]+", name)
        assert len(item.description.splitlines()[0]) > 25


def test_every_folder_can_be_made_again() -> None:
    known, folders = load(), [path for path in CORPUS.iterdir() if "--" in path.name]
    assert folders
    for folder in folders:
        made = re.search(r"^    python -m lab record (\S+)$", (folder / "README.md").read_text(), re.MULTILINE)
        assert made, folder.name
        assert made[1] in known, folder.name
        assert made[1] == folder.name or f"Derived from `{made[1]}`" in (folder / "README.md").read_text()


def test_every_scenario_has_its_folder() -> None:
    missing = [name for name in load() if not (CORPUS / name / "expect.toml").is_file()]
    assert missing == []


def test_a_name_is_given_once_and_a_docstring_is_a_must() -> None:
    load()

    def silent(lab: Lab) -> None:
        lab.must(False, "never run")

    with pytest.raises(LabError, match="docstring"):
        scenario("sni-missing", "nobody-describes-it")(silent)
    silent.__doc__ = "Described."
    with pytest.raises(LabError, match="no cause"):
        scenario("sni-lost", "unknown-slug")(silent)
    with pytest.raises(LabError, match="two scenarios"):
        scenario("completed", "two-hops-nginx")(silent)


def test_certificates_have_the_fault_that_was_asked_for() -> None:
    root = pki.root("Harbour Root CA R1")
    issuing = pki.intermediate(root, "Harbour Issuing CA 3")
    old = pki.leaf(issuing, "shop.maple.test", "10.20.0.5", days=(-30, -2))
    now = dt.datetime.now(dt.UTC)
    assert old.certificate.not_valid_after_utc < now
    names = old.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(n) for n in names.get_values_for_type(x509.IPAddress)] == ["10.20.0.5"]
    assert names.get_values_for_type(x509.DNSName) == ["shop.maple.test"]
    old.certificate.verify_directly_issued_by(issuing.certificate)
    issuing.certificate.verify_directly_issued_by(root.certificate)
    assert old.root == root.certificate
    alone = pki.leaf(None, "shop.maple.test")
    alone.certificate.verify_directly_issued_by(alone.certificate)


def test_written_chain_leaves_the_root_out(tmp_path: Path) -> None:
    issuing = pki.intermediate(pki.root("Harbour Root CA R1"), "Harbour Issuing CA 3")
    own = pki.leaf(issuing, "shop.maple.test")
    whole, _ = pki.write(tmp_path, "whole", own)
    assert Path(whole).read_text().count("BEGIN CERTIFICATE") == 2
    lone, _ = pki.write(tmp_path, "lone", own, chain=[])
    assert Path(lone).read_text().count("BEGIN CERTIFICATE") == 1


def test_owners_are_named_by_hop() -> None:
    assert failure().table()["owners"] == ["backend", "gateway"]
    assert failure(hop="northbound").table()["owners"] == ["gateway", "client"]
    assert failure(hop="direct").table()["owners"] == ["server", "client"]


def test_without_topology_only_what_can_be_inferred_is_expected() -> None:
    blind, given = expect.runs([failure()], ["--router", "10.20.0.5"], inferable=False)
    assert (blind.expected[0].hop, given.expected[0].hop) == ("direct", "southbound")
    inferred, _ = expect.runs([failure()], ["--router", "10.20.0.5"], inferable=True)
    assert inferred.hop_inferred
    assert inferred.expected[0].hop == "southbound"


def test_stores_are_one_more_run() -> None:
    item, other = failure(), failure()
    run = expect.given_stores([item], ["--truststore", "client=stores/a.jks"], {item.connection.stream: {"at_least": "proven", "says": ("a.jks",)}})
    (row,) = tomllib.loads(run.text())["run"][0]["handshake"]
    assert (row["confidence_at_least"], row["says"]) == ("proven", ["a.jks"])
    assert expect.given_stores([other], [], {}).expected == (other,)


def test_runs_are_toml() -> None:
    item = failure(frames=(7,), note='a "quoted" word', related=(connection(1, 40002),))
    parsed = tomllib.loads(expect.Run("plain", ("--router", "10.20.0.5"), (item,)).text())
    (written,) = parsed["run"]
    assert (written["exit_code"], written["options"]) == (1, ["--router", "10.20.0.5"])
    (row,) = written["handshake"]
    assert row["frames"] == [7]
    assert row["note"] == 'a "quoted" word'
    assert row["related"] == ["10.20.3.41:40002 -> 10.20.0.5:443"]


def test_wrong_words_are_found() -> None:
    assert expect.check([failure()]) == []
    assert expect.check([failure(cause="sni-lost")]) == ["unknown slug sni-lost"]
    assert expect.check([failure(at_least="proven", at_most="likely")])
    assert expect.check([failure(owners=())])


def test_alerts_name_their_sender() -> None:
    assert connection().alert("server", 40) == 7
    assert connection().fatal("server") == 7
    with pytest.raises(LabError, match="no alert 70"):
        connection().alert("server", 70)


def test_connections_can_be_taken_out(tmp_path: Path) -> None:
    packets = [b"one", b"three", b"five!"]
    blocks = [struct.pack("<IIII", 5, number, len(data), len(data)) + data for number, data in enumerate(packets)]
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 276)
    (tmp_path / "whole.pcap").write_bytes(head + b"".join(blocks))
    gone = connection()
    gone.packets = [record.Packet(2, gone.client, gone.server, 2, 0, (), (), (), "", 0.0)]
    record.without(tmp_path / "whole.pcap", tmp_path / "cut.pcap", [gone])
    assert (tmp_path / "cut.pcap").read_bytes() == head + blocks[0] + blocks[2]


def test_packages_are_listed_once_and_in_order() -> None:
    names = [line for line in (ROOT / "lab" / "packages.txt").read_text().splitlines() if line]
    assert names == sorted(set(names))
    assert {"tcpdump", "tshark", "nginx-light"} <= set(names)


@pytest.mark.stacks
@pytest.mark.parametrize(
    "name",
    ["protocol-mismatch--northbound-tls10-client", "certificate-expired--smtp-starttls", "chain-incomplete--stores-decide-curl-tls13"],
)
def test_a_scenario_says_the_same_again(name: str, tmp_path: Path) -> None:
    (folder,) = run(load()[name], tmp_path)
    fresh, kept = (tomllib.loads((place / name / "expect.toml").read_text())["run"] for place in (tmp_path, CORPUS))
    assert folder == tmp_path / name

    def told(runs: list[dict[str, object]]) -> list[object]:
        rows = [row for item in runs for row in item["handshake"]]  # type: ignore[attr-defined]
        return sorted((row["server"], row["outcome"], row.get("cause", ""), row["hop"], row["sni"]) for row in rows)

    assert told(fresh) == told(kept)
