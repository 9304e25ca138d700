"""Journals: what is written is read, whole or not at all, and what is none is said to be none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_audit import CA, ROOT

from edge_values import REFERENCES, TARGET_SERVERS
from whytls.edge import journal as journals
from whytls.edge.environment import Environment
from whytls.edge.fixes import change as changes
from whytls.edge.fixes.change import Change, NewAlias
from whytls.edge.journal import Journal, Step
from whytls.edge.targetendpoint import TargetEndpoint
from whytls.exceptions import InputError

HERE = "https://mgmt.test/v1/o/acme/e/prod"
ENDPOINT = TargetEndpoint("orders", "3", "default", "https://orders.test")
CHANGES = st.one_of(
    st.builds(lambda one, two: changes.target_server(one, two, Environment("")), TARGET_SERVERS, TARGET_SERVERS),
    st.builds(changes.reference, st.none() | REFERENCES, REFERENCES),
    st.sampled_from([
        changes.keystore("ks", [NewAlias("a", (CA.der, ROOT.der), True), NewAlias("b", (ROOT.der,))]), changes.alias("ks", NewAlias("a", (CA.der,))),
        changes.certificate("ks", "a", (CA.der,), (CA.der, ROOT.der)), changes.proxy(ENDPOINT, ENDPOINT),
    ]),
)  # fmt: skip
STEPS = st.lists(st.builds(Step, CHANGES, st.sampled_from(["intended", "done", "undone"])), max_size=4)


@given(STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, steps: list[Step]) -> None:
    written = Journal(tmp_path / "j.json", HERE, "ü", steps)
    written.write()
    read = journals.read(tmp_path / "j.json")
    assert (read.address, read.title, read.at, read.open) == (HERE, "ü", written.at, written.open)
    assert [(step.state, step.change) for step in read.steps] == [(step.state, step.change) for step in steps]
    assert [path.name for path in tmp_path.iterdir()] == ["j.json"]  # nothing half written is left beside it


@given(st.binary(max_size=200) | st.dictionaries(st.sampled_from(["schema", "address", "title", "at", "steps"]), st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.just("urn:whytls:applied:1.0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["kind", "name", "inner", "before", "after", "state", "aliases"]), inner | st.sampled_from(["keystore", "proxy", "done"])),
    max_leaves=12,
)).map(lambda value: json.dumps(value).encode()))  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_else_is_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(data)
    try:
        found = journals.read(path)
    except InputError:
        return
    assert all(str(step.change) for step in found.steps)


@pytest.mark.parametrize("side", [{"name": "ks"}, {"name": "ks", "aliases": [{"alias": "a", "certificates": ["x"], "key": True}]}])
def test_a_keystore_without_what_it_needs_is_none(tmp_path: Path, side: dict[str, object]) -> None:
    step = {"kind": "keystore", "name": "ks", "inner": "", "before": None, "after": side, "state": "done"}
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"schema": journals.SCHEMA, "address": HERE, "title": "", "at": 1, "steps": [step]}))
    with pytest.raises(InputError, match="no journal"):
        journals.read(path)


def test_a_journal_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "j.json"
    path.write_text("mine")
    with pytest.raises(InputError, match="already"):
        journals.begun(HERE, "x", str(path))


def test_the_newest_that_is_open_is_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(InputError, match="nothing to undo"):
        journals.last()
    change = Change("reference", "r", None, {"name": "r", "refers": "k", "resourceType": "KeyStore"})
    for name, state in (("1", "done"), ("2", "done"), ("3", "undone")):
        Journal(journals.folder() / f"{name}.json", HERE, name, [Step(change, state)]).write()  # type: ignore[arg-type]
    (journals.folder() / "9.json").write_text("broken")
    assert journals.last().title == "2"
