"""Every recording of the corpus is judged as its expect.toml says: written by hand from what really happened."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import whytls
from whytls.cli.main import main
from whytls.model import Diagnosis

CORPUS = Path(__file__).resolve().parent
LEVELS = ["possible", "likely", "proven"]
PATTERNS = {"--router": "router", "--message-processor": "message_processor", "--backend": "backend"}
FILES = {"--trust": "trust", "--topology": "topology"}
STORES = {"--keystore": "keystore", "--truststore": "truststore"}
Row = dict[str, Any]


def runs() -> dict[str, tuple[Path, Row]]:
    """Every call of every folder, by name."""
    found = {}
    for file in sorted(CORPUS.glob("*--*/expect.toml")):
        for run in tomllib.loads(file.read_text())["run"]:
            found[f"{file.parent.name}: {run['name']}"] = (file.parent, run)
    return found


RUNS = runs()


def given(options: list[str], folder: Path) -> dict[str, Any]:
    """Options of the command line as arguments of the function."""
    found: dict[str, Any] = {}
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option in PATTERNS:
            found.setdefault(PATTERNS[option], []).append(value)
        elif option in FILES:
            found[FILES[option]] = str(folder / value)
        elif option in STORES:
            found.setdefault(STORES[option], []).append(placed(value, folder))
        else:
            assert option == "--at"
            found["at"] = value
    return found


def placed(word: str, folder: Path) -> str:
    """``side=stores/name`` with the place of the store."""
    side, _, name = word.partition("=stores/")
    return f"{side}={folder / 'stores' / name}" if name else word


def capture_of(folder: Path) -> Path:
    (capture,) = (path for path in folder.iterdir() if path.name.startswith("capture."))
    return capture


def test_there_is_something_to_judge() -> None:
    assert len(RUNS) >= 60
    assert len({folder.name.split("--")[0] for folder, _ in RUNS.values()}) >= 15


@pytest.mark.parametrize("name", RUNS)
def test_recording_is_judged_as_it_was(name: str) -> None:
    folder, run = RUNS[name]
    said = list(whytls.diagnose(capture_of(folder), all=True, **given(run["options"], folder)))
    faults, recorded = [], capture_of(folder).read_bytes()
    rest = {(d.frame, str(d.client), str(d.server)): d for d in said}
    for row in run["handshake"]:
        verdict = rest.pop((row["first_frame"], row["client"], row["server"]), None)
        faults += [f"#{row['first_frame']} {row['client']} → {row['server']}: {fault}" for fault in compared(row, verdict, run, recorded)]
    faults += [f"#{d.frame} is not expected: {d.cause} {d.outcome}" for d in rest.values() if d.cause or d.outcome == "failed"]
    assert not faults, "\n" + "\n".join(faults)


def compared(row: Row, said: Diagnosis | None, run: Row, recorded: bytes) -> list[str]:
    """What is wrong with a verdict, each in a line."""
    outcomes = (row["outcome"], row.get("or_outcome"))
    outcome = said.outcome if said is not None else "none"
    if outcome not in outcomes and not (said is None and "completed" in outcomes):
        return [f"outcome {outcome} ({said.cause if said else None}) for {row['outcome']}"]
    if said is None or said.outcome != "failed":
        return []
    faults = []
    if said.cause not in (row["cause"], *row.get("also", ())):
        faults.append(f"said {said.cause} ({said.confidence}) for {row['cause']}")
    if said.failing_side not in (row["failing_side"], row.get("or_side")):
        faults.append(f"side {said.failing_side} for {row['failing_side']}")
    if said.owners[0] not in row["owners"]:
        faults.append(f"owner {said.owners[0]} for {row['owners']}")
    if said.confidence is None or LEVELS.index(said.confidence) < LEVELS.index(row["confidence_at_least"]):
        faults.append(f"only {said.confidence} for {row['confidence_at_least']}")
    if said.confidence is not None and LEVELS.index(said.confidence) > LEVELS.index(row["confidence_at_most"]):
        faults.append(f"{said.confidence}, and no more than {row['confidence_at_most']} can be known")
    if said.hop != row["hop"]:
        faults.append(f"hop {said.hop} for {row['hop']}")
    # The names of expect.toml are tshark's, which does not look for TLS where a dialect's port says something else.
    if (said.sni or "") != row["sni"] and (row["sni"] or (said.sni or "").encode() not in recorded):
        faults.append(f"name {said.sni} for {row['sni']}")
    if "detail" in row and said.detail != row["detail"]:
        faults.append(f"detail {said.detail} for {row['detail']}")
    missing = set(row.get("alternatives", ())) - {said.cause, *(a.cause for a in said.alternatives)}
    if missing:
        faults.append(f"not among the alternatives: {', '.join(sorted(missing))}")
    uncited = set(row["frames"]) - {frame for e in said.evidence for frame in e.frames}
    if uncited:
        faults.append(f"not cited: {sorted(uncited)}")
    if run["hop_inferred"] and said.hop != "direct" and not any("inferred" in w for w in said.warnings):
        faults.append("does not say that the hop was inferred")
    told = " ".join([said.title, *(e.text for e in said.evidence), said.fix.text if said.fix else ""])
    faults += [f"does not say {words!r}: {told}" for words in row.get("says", ()) if words not in told]
    artefacts = {artefact.kind for artefact in (said.fix.artefacts if said.fix else ())}
    if row.get("artefact") and row["artefact"] not in artefacts:
        faults.append(f"no {row['artefact']} among {sorted(artefacts)}")
    faults += [w for w in said.warnings if "bug in whytls" in w]
    return faults


@pytest.mark.parametrize("name", RUNS)
def test_exit_code(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder, run = RUNS[name]
    open_to = {run["exit_code"], 0} if any("or_outcome" in row for row in run["handshake"]) else {run["exit_code"]}
    assert main(["diagnose", str(capture_of(folder)), *(placed(word, folder) for word in run["options"])]) in open_to
    assert "bug in whytls" not in capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name, (_, run) in RUNS.items() if any(row.get("related") for row in run["handshake"])])
def test_what_belongs_to_a_failure_is_shown_with_it(name: str) -> None:
    folder, run = RUNS[name]
    said = {d.frame: d for d in whytls.diagnose(capture_of(folder), all=True, **given(run["options"], folder))}
    for row in run["handshake"]:
        for related in row.get("related", ()):
            told = " ".join(said[row["first_frame"]].related)
            assert related.split(" ")[0] in told, f"#{row['first_frame']}: {related!r} not in {told!r}"
