import importlib.resources
import json
import tracemalloc
from typing import Any

import jsonschema
import pytest
from samples import GOOD, LIKELY, SNI_MISSING, Tally

from story import replace
from whytls.model import Diagnosis
from whytls.report.json import SCHEMA, JsonReport, as_dict
from whytls.report.reading import Reading

VALIDATOR = jsonschema.Draft202012Validator(json.loads(importlib.resources.files("whytls.report").joinpath("schema.json").read_text()))


def written(*diagnoses: Diagnosis, lines: bool = False, **reading: Any) -> str:
    parts: list[str] = []
    report = JsonReport(parts.append, lines=lines)
    for diagnosis in diagnoses:
        report.add(diagnosis)
    report.close(Reading(Tally(40, 3, 3, 1, 2), ["odd"], **reading))  # type: ignore[arg-type]
    return "".join(parts)


@pytest.mark.parametrize("diagnoses", [(), (SNI_MISSING,), (SNI_MISSING, LIKELY, GOOD)])
def test_the_document_keeps_to_the_published_schema(diagnoses: tuple[Diagnosis, ...]) -> None:
    document = json.loads(written(*diagnoses))
    VALIDATOR.validate(document)
    assert document["schema"] == SCHEMA
    assert len(document["diagnoses"]) == len(diagnoses)


def test_the_schema_knows_every_field_and_no_other() -> None:
    document = json.loads(written(SNI_MISSING))
    schema = VALIDATOR.schema
    assert set(schema["properties"]) == set(document)
    for name, value in (
        ("diagnosis", document["diagnoses"][0]),
        ("summary", document["summary"]),
        ("evidence", document["diagnoses"][0]["evidence"][0]),
        ("fix", document["diagnoses"][0]["fix"]),
        ("artefact", document["diagnoses"][0]["fix"]["artefacts"][0]),
        ("alternative", as_dict(LIKELY)["alternatives"][0]),
        ("endpoint", document["diagnoses"][0]["client"]),
    ):
        assert set(schema["$defs"][name]["properties"]) == set(schema["$defs"][name]["required"]) == set(value), name


@pytest.mark.parametrize(
    ("field", "value"),
    [("cause", "Not A Slug"), ("confidence", "certain"), ("detail", "some prose"), ("owners", ["nobody"]), ("frame", -1), ("title", None)],
)
def test_the_schema_refuses_what_is_not_the_contract(field: str, value: object) -> None:
    document = json.loads(written(SNI_MISSING))
    document["diagnoses"][0][field] = value
    assert not VALIDATOR.is_valid(document)


def test_a_cause_that_this_schema_does_not_list_is_taken() -> None:
    VALIDATOR.validate(json.loads(written(replace(SNI_MISSING, cause="a-cause-of-next-year"))))


def test_the_fields_are_those_of_the_contract() -> None:
    d = as_dict(SNI_MISSING)
    assert d["client"] == {"address": "10.0.0.7", "port": 41822}
    assert d["started_at"] == "2026-03-01T09:30:00.123456Z"
    assert d["evidence"][1] == {
        "file": "edge.pcap", "frames": [6], "text": "backend → Message Processor: fatal handshake_failure", "certificate": None,
    }  # fmt: skip
    assert (d["owners"], d["hop"], d["shape"], d["frame"], d["file"]) == (["gateway", "backend"], "southbound", "Cl", 1, "edge.pcap")
    assert d["fix"]["artefacts"][0]["kind"] == "properties"
    assert as_dict(GOOD)["cause"] is None
    assert as_dict(GOOD)["fix"] is None


def test_lines_are_one_diagnosis_each_and_nothing_else() -> None:
    lines = written(SNI_MISSING, GOOD, lines=True).splitlines()
    assert [json.loads(line)["cause"] for line in lines] == ["sni-missing", None]
    assert json.loads(lines[0]) == json.loads(json.dumps(as_dict(SNI_MISSING)))


def test_the_summary_counts_and_says_how_it_ended() -> None:
    summary = json.loads(written(SNI_MISSING, LIKELY, stopped=True, error="edge.pcap: cut"))["summary"]
    assert summary["causes"] == {"sni-missing": 2}
    assert (summary["packets"], summary["stopped"], summary["error"], summary["warnings"]) == (40, True, "edge.pcap: cut", ["odd"])


@pytest.mark.parametrize("moment", [2**80, 10**21, 253_402_300_800 * 10**9, 0])
def test_an_absurd_clock_is_no_time(moment: int) -> None:
    assert as_dict(replace(SNI_MISSING, started_at=moment))["started_at"] is None


def test_what_is_written_is_plain_ascii() -> None:
    text = written(replace(SNI_MISSING, sni="\x1b[2J\u202e\ud800\x9b"))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["diagnoses"][0]["sni"] == "\x1b[2J\u202e\ud800\x9b"


@pytest.mark.parametrize("lines", [True, False])
def test_a_hundred_thousand_take_no_memory(lines: bool) -> None:
    report = JsonReport(lambda text: None, lines=lines)
    for _ in range(100):
        report.add(SNI_MISSING)
    tracemalloc.start()
    for n in range(3000):
        report.add(replace(SNI_MISSING, frame=n))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 50_000
