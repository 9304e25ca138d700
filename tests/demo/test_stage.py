"""The stage: a gateway that is configured through its API and takes changes at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from whytls.demo.authority import cast, issue
from whytls.demo.caller import Client
from whytls.demo.stage import SNI, Stage, staged
from whytls.edge.resources import Reference, TlsInfo
from whytls.exceptions import WhytlsError


def complain(text: str) -> None:
    raise AssertionError(text)


def test_what_is_changed_has_arrived_when_it_is_settled(tmp_path: Path) -> None:
    ours, other = cast()
    with staged(tmp_path, "python", complain) as stage:
        store = stage.identity("ks", "api", other.chain("a.example.test"))
        port = stage.virtual_host("a", "a.example.test", TlsInfo(enabled=True, key_store=store, key_alias="api")).port
        stage.settle()
        client = Client((ours.root,))
        assert stage.call(client, "a.example.test", port, "/").status is None
        stage.keystore("ks-2", "api", ours.chain("a.example.test"), key=True)
        stage.api.put_reference(Reference("ks", "ks-2"))
        stage.settle()
        assert stage.call(client, "a.example.test", port, "/").status == 404, "there is no proxy"


def test_the_switch_is_a_property_and_a_restart(tmp_path: Path) -> None:
    with staged(tmp_path, "python", complain) as stage:
        assert stage.gateway.plane.processor.settings.sni is False
        stage.properties(f"{SNI}=true")
        assert stage.gateway.plane.processor.settings.sni is False, "not before the restart"
        stage.restart("message-processor")
        assert stage.gateway.plane.processor.settings.sni is True
        stage.sni(False)
        assert stage.gateway.plane.processor.settings.sni is False


def test_answers_on_a_connection_that_is_kept_do_not_wait_for_acknowledgements(tmp_path: Path) -> None:
    """Nagle's algorithm and delayed acknowledgements cost 40 ms for each answer, however fast the machine is."""
    with staged(tmp_path, "python", complain) as stage:
        assert min(_took(stage) for _ in range(12)) < 0.035


def _took(stage: Stage) -> float:
    began = time.perf_counter()
    stage.api.references()
    return time.perf_counter() - began


def test_a_stage_on_which_nothing_can_be_built_says_so(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    with pytest.raises(WhytlsError, match="folder cannot be made"), staged(tmp_path, "python", complain):
        pass


def test_certificates_are_what_they_are_called() -> None:
    ours, _ = cast()
    chain = ours.chain("a.example.test", expired=True)
    assert chain[0].certificate.not_valid_after_utc < ours.root.certificate.not_valid_after_utc
    chain[0].certificate.verify_directly_issued_by(ours.middle.certificate)
    ours.middle.certificate.verify_directly_issued_by(ours.root.certificate)
    assert "PRIVATE" not in repr(issue("b.example.test", ours.root))
