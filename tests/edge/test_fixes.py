"""The artefacts for recorded failures of real stacks, on either hop; what is lacking; and documents that are none."""

from __future__ import annotations

import json
import shlex
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_audit import BACK, CA, FRONT, SOUND, named, stored

import whytls
from authority import AT, SERVER, days, issue
from edge_live import NOW, backend
from whytls.cli.main import main
from whytls.edge.context import EdgeContext
from whytls.edge.environment import Environment, Target
from whytls.edge.fixes import plan
from whytls.edge.fixes.case import Case
from whytls.edge.fixes.change import artefacts, difference
from whytls.edge.fixes.clients import ADVICE, STACKS, advice
from whytls.edge.fixes.plan import MAKERS, remedies
from whytls.edge.fixes.reading import read_cases
from whytls.edge.fixes.remedy import Bench, Given
from whytls.edge.keystore import Reference
from whytls.edge.proxy import Proxy
from whytls.edge.targetendpoint import TargetEndpoint
from whytls.edge.targetserver import TargetServer
from whytls.edge.tlsinfo import TlsInfo
from whytls.edge.virtualhost import VirtualHost
from whytls.exceptions import InputError, UsageError
from whytls.model import Diagnosis, Hop
from whytls.pki.certificate import read

CORPUS = Path(__file__).parents[1] / "corpus"
RECORDED = sorted(
    folder.name for folder in CORPUS.iterdir()
    if any(word in folder.name for word in ("southbound", "router-400", "northbound")) and not folder.name.startswith("completed")
)  # fmt: skip
PROCESSOR_MACHINES = ["message-processor=mp-1.test", "message-processor=mp-2.test"]


def capture(folder: str) -> str:
    return str(next(path for path in (CORPUS / folder).iterdir() if path.name.startswith("capture")))


def failed(folder: str) -> Diagnosis:
    """The failure in a recording that is on a gateway's hop."""
    return next(found for found in whytls.diagnose(capture(folder)) if found.cause is not None)


def around(diagnosis: Diagnosis, hop: Hop) -> Environment:
    """A gateway whose configuration fits a recorded handshake."""
    name = diagnosis.sni or diagnosis.server.address
    if hop == "northbound":
        host = VirtualHost("secure", diagnosis.server.port, (name,), tls=FRONT, properties=(("ssl_protocols", "TLSv1.2"),))
        return replace(SOUND, virtual_hosts=named([host]), target_servers=named([]))
    server = TargetServer("backend", name, diagnosis.server.port, tls=BACK)
    return replace(SOUND, target_servers=named([server]), virtual_hosts=named([]))


@pytest.mark.parametrize("folder", RECORDED)
def test_every_recorded_failure_of_a_gateway_has_its_artefacts(folder: str) -> None:
    diagnosis = failed(folder)
    hop: Hop = "northbound" if "router-400" in folder or "northbound" in folder.split("--")[1][:10] else "southbound"
    # Without stores: those of these tests would tell another story than the ones that the recorded stacks had.
    environment = replace(around(diagnosis, hop), keystores=named([]))
    found = whytls.fix(capture(folder), edge=environment, machine=PROCESSOR_MACHINES)
    assert found
    mending = next(one for one in found if one.case.cause == diagnosis.cause)
    assert mending.case.hop == hop
    assert mending.case.subject == ("virtual host secure" if hop == "northbound" else "target server backend")
    assert mending.remedies
    assert mending.remedies[0].fix.grade != "weakens security"
    for one in mending.remedies:
        assert one.fix.text
        assert one.fix.owner in ("client", "gateway", "backend", "network")
        for artefact in one.fix.artefacts:
            assert artefact.place
            if artefact.kind == "json":
                json.loads(artefact.content)
            if artefact.kind == "xml":
                ElementTree.fromstring(artefact.content)


def test_an_untrusted_backend_is_trusted_by_the_root_that_its_own_chain_leads_to() -> None:
    folder = "certificate-untrusted--southbound-java-processor"
    diagnosis = failed(folder)
    assert diagnosis.handshake is not None
    assert diagnosis.handshake.server_chain
    (mending,) = whytls.fix(capture(folder), edge=around(diagnosis, "southbound"))
    first = mending.remedies[0]
    top = read(diagnosis.handshake.server_chain[-1])
    assert [change.kind for change in first.changes] == ["keystore", "reference"]
    assert (top.sha256 in first.fix.text) or top.issuer in first.fix.text
    assert mending.remedies[-1].fix.grade == "weakens security"


def test_the_switch_for_server_names_with_owner_restart_and_every_machine() -> None:
    folder = "sni-missing--southbound-runbook-java"
    (mending,) = whytls.fix(capture(folder), edge=around(failed(folder), "southbound"), machine=PROCESSOR_MACHINES)
    first = mending.remedies[0].fix
    by_kind = [(artefact.kind, artefact.content) for artefact in first.artefacts]
    assert by_kind[0] == ("properties", "conf_system_jsse.enableSNIExtension=true")
    assert "chown apigee:apigee /opt/apigee/customer/application/message-processor.properties" in by_kind[1][1]
    assert all(machine.partition("=")[2] in by_kind[2][1] for machine in PROCESSOR_MACHINES)
    assert "edge-message-processor restart" in by_kind[2][1]
    assert first.grade == "restart"
    assert not mending.remedies[0].changes


def test_an_old_backend_is_upgraded_first_and_pinned_last() -> None:
    folder = "protocol-mismatch--southbound-tls10-backend"
    diagnosis = failed(folder)
    case = Case(
        "protocol-mismatch", "x", "southbound", target=Target("old.test", 443, BACK, True, TargetServer("old", "old.test", 443, tls=BACK), None),
        accepts=("TLSv1",),
    )  # fmt: skip
    made = remedies(case, Bench(around(diagnosis, "southbound"), Given(), AT))
    assert (made[0].fix.owner, made[-1].fix.grade) == ("backend", "weakens security")
    assert made[-1].changes[0].after is not None
    assert made[-1].changes[0].after["sSLInfo"]["protocols"] == ["TLSv1"]  # Java's name, and not the documentation's TLSv1.0
    lacking = remedies(case._replace(accepts=()), Bench(SOUND, Given(), AT))
    assert lacking[-1].lacks == ("what the backend accepts: --probe",)


HOST = VirtualHost("secure", 9443, ("api.example.test",), tls=FRONT)
CALLED = Target("backend.test", 443, BACK, True, TargetServer("backend", "backend.test", 443, tls=BACK), None)
SHOWN = issue("backend.test", issue("Vale Root", ca=True), usage=(SERVER,))
SHOWN_CA = issue("Vale Live Root", ca=True, begins=NOW - days(900), ends=NOW + days(900))


def cases() -> Iterator[Case]:
    for cause in MAKERS:
        yield Case(cause, "x", "northbound", host=HOST, name="api.example.test")
        yield Case(cause, "x", "southbound", target=CALLED, name="backend.test")
        yield Case(cause, "x", "southbound", target=CALLED, server_chain=(SHOWN.der,), accepts=("TLSv1", "TLSv1.1"), suites=(0x002F,))
        yield Case(cause, "x", "southbound", target=CALLED._replace(tls=TlsInfo(enabled=True)), accepts=("TLSv1.3",), suites=(0x1301,))
        yield Case(cause, "x", "northbound", host=HOST, client_chain=(SHOWN.der,), offers=("TLSv1.3",), offered_suites=(0x1301, 0xC02B))
        yield Case(cause, "x", "northbound", host=HOST, offers=("TLSv1",), offered_suites=(0x000A,))
        yield Case(cause, "x", "northbound")
        yield Case(cause, "x", "southbound")
        yield Case(cause, "x", "direct")


@pytest.mark.parametrize("environment", [SOUND, replace(SOUND, dialect="x"), Environment("")], ids=["edge", "x", "nothing known"])
def test_no_cause_is_without_an_answer_and_none_begins_with_a_weaker_gateway(environment: Environment) -> None:
    for case in cases():
        made = remedies(case, Bench(environment, Given(), AT))
        told = f"{case.cause} {case.hop}"
        if case.cause in whytls.api.causes() and (case.host or case.target or case.hop == "direct"):  # type: ignore[attr-defined]
            assert made, told
        grades = [one.fix.grade == "weakens security" for one in made]
        assert grades == sorted(grades), told
        assert not grades or not grades[0] or len(made) == 1, told
        for one in made:
            assert one.fix.text, told
            for change in one.changes:
                assert change.before != change.after, told
                assert str(change), told
                assert difference(change), told
                assert artefacts(change, environment), told


def test_every_cause_that_a_diagnosis_can_have_on_a_certificate_has_its_own_fix() -> None:
    missing = {slug for slug in whytls.api.causes() if "certificate" in slug or "chain" in slug} - set(MAKERS)  # type: ignore[attr-defined]
    assert missing == {"sni-default-certificate"} - set(MAKERS)


def test_what_is_not_known_here_keeps_the_verdicts_own_fix() -> None:
    diagnosis = failed("handshake-timeout--southbound-hung-backend")
    (mending,) = whytls.fix(capture("handshake-timeout--southbound-hung-backend"))
    assert [one.fix for one in mending.remedies] == [diagnosis.fix, *diagnosis.more_fixes]


def test_a_keystore_that_others_use_another_key_of_gets_no_switched_reference() -> None:
    other = VirtualHost("second", 9444, ("b.example.test",), tls=replace(FRONT, key_alias="second"))
    environment = replace(SOUND, virtual_hosts=named([HOST, other]))
    made = remedies(Case("certificate-expired", "x", "northbound", host=HOST), Bench(environment, Given(), AT))
    kinds = [(change.kind, change.before is None) for change in made[0].changes]
    assert kinds == [("keystore", True), ("reference", True), ("virtual host", False)]


def test_a_target_endpoint_of_a_proxy_is_changed_where_it_is_written() -> None:
    endpoint = TargetEndpoint("orders", "3", "default", "https://orders.test", tls=TlsInfo(enabled=True, protocols=("TLSv1",)))
    environment = replace(SOUND, proxies=(Proxy("orders", "3", (endpoint,)),))
    case = Case("protocol-mismatch", "x", "southbound", target=Target("orders.test", 443, endpoint.tls, True, None, endpoint), accepts=("TLSv1.2",))
    (change,) = remedies(case, Bench(environment, Given(), AT))[0].changes
    assert (change.kind, change.name, change.inner) == ("proxy", "orders", "default")
    assert "+" + 12 * " " + "    <Protocol>TLSv1.2</Protocol>" in difference(change)


def test_each_stack_has_its_words_for_each_matter() -> None:
    for matter in ADVICE:
        told = advice(matter, "api.example.test")
        assert [artefact.place for artefact in told] == list(STACKS.values())
        assert not any("{name}" in artefact.content or "{{" in artefact.content for artefact in told)


def test_hostile_names_stay_words_in_commands() -> None:
    evil = "x'; rm -rf ~ #$(id)`id`"
    host = replace(HOST, name=evil, tls=replace(FRONT, key_store=f"ref://{evil}", key_alias=evil))
    bad = stored(evil, evil, issue("api.example.test", CA))
    stores = named([bad, *SOUND.keystores.values()])
    environment = replace(SOUND, virtual_hosts=named([host]), references=named([Reference(evil, evil)]), keystores=stores)
    endpoint = TargetEndpoint(evil, evil, evil, "https://orders.test", tls=TlsInfo(enabled=True, protocols=("TLSv1",)))
    target = Target("orders.test", 443, endpoint.tls, True, None, endpoint)
    made = [one for cause in MAKERS for hop in ("northbound", "southbound") for one in remedies(
        Case(cause, "x", hop, host=host if hop == "northbound" else None, target=target if hop == "southbound" else None, name=evil,
             accepts=("TLSv1.2",), server_chain=(SHOWN.der,)), Bench(environment, Given(), AT))]  # type: ignore[arg-type]  # fmt: skip
    commands = [line for one in made for artefact in one.fix.artefacts if artefact.kind == "command" for line in artefact.content.splitlines()]
    assert any("pkcs12" in line for line in commands)
    assert any("deployments" in line for line in commands)
    for line in commands:
        words = shlex.split(line, comments=True)
        assert "rm" not in words, line
        assert not any(word.startswith("$(") for word in words), line


def test_without_a_gateway_there_are_words_to_fill_in(capsys: pytest.CaptureFixture[str]) -> None:
    folder = "chain-incomplete--southbound-java-processor"
    diagnosis = failed(folder)
    frame, backend = diagnosis.frame, f"{diagnosis.server.address}:{diagnosis.server.port}"
    assert main(["fix", f"{capture(folder)}#{frame}", "--backend", backend]) == 0
    out = capsys.readouterr().out
    assert out.startswith("✗ chain-incomplete   southbound")
    assert "lacking" in out or "openssl verify" in out
    assert main(["fix", f"{capture(folder)}#{frame}", "--apply", "--yes"]) == 2


def test_what_diagnose_writes_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = "sni-missing--southbound-runbook-java"
    diagnosis = failed(folder)
    for form in ("json", "jsonl"):
        path = tmp_path / f"d.{form}"
        main(["diagnose", capture(folder), "--format", form, "--output", str(path)])
        (mending,) = whytls.fix(str(path), edge=around(diagnosis, "southbound"))
        assert (mending.case.cause, mending.case.subject) == ("sni-missing", "target server backend")
        capsys.readouterr()
        assert main(["fix", str(path), "--format", form]) == 0
        written = json.loads(capsys.readouterr().out)
        assert (written["fixes"][0] if form == "json" else written)["cause"] == "sni-missing"


def test_what_is_no_verdict_is_refused(tmp_path: Path) -> None:
    texts = ('{"schema": "x"}', "{", '{"a": 1}', '{"cause": 1}', '{"rule": "x", "subject": []}', '{"diagnoses": 1, "schema": ""}')
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        with pytest.raises(InputError):
            whytls.fix(str(path))
    with pytest.raises(InputError):
        whytls.fix(str(tmp_path / "none.json"))
    with pytest.raises(UsageError):
        whytls.fix()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["southbound", "backend", "chain-incomplete", "reload"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["schema", "diagnoses", "concerns", "servers", "cause", "title", "hop", "server", "address", "port", "sni", "fix",
                         "rule", "subject", "kind", "name", "proxy", "at", "presented", "verdict", "problems", "target", "owner", "text", "grade",
                         "artefacts", "more_fixes", "versions", "purpose"]), inner, max_size=8),
    max_leaves=30,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["schema", "diagnoses", "concerns", "servers", "cause", "rule", "subject", "verdict", "problems"]), _JSON))
def test_any_json_is_cases_or_an_error(value: dict[str, object]) -> None:
    try:
        for case in read_cases(json.dumps(value).encode(), "x", EdgeContext(SOUND)):
            remedies(case, Bench(SOUND, Given(), AT))
    except InputError:
        pass


@given(st.binary(max_size=200))
def test_any_bytes_are_cases_or_an_error(data: bytes) -> None:
    try:
        read_cases(b"{" + data, "x", EdgeContext(SOUND))
    except InputError:
        pass


def test_the_mended_chain_is_what_a_strict_client_wants() -> None:
    root = issue("Vale Root", ca=True)
    middle = issue("Vale CA", root, ca=True)
    leaf = issue("api.example.test", middle, san=("api.example.test",), usage=(SERVER,))
    environment = replace(SOUND, keystores=named([stored("front-1", "own", leaf, root), stored("spare", "ca", middle, key=False)]))
    made = plan.remedies(Case("chain-incomplete", "x", "northbound", host=HOST), Bench(environment, Given(), AT))
    assert made[0].changes[0].after is not None
    from whytls.edge.fixes.change import der_of

    assert tuple(der_of(pem) for pem in made[0].changes[0].after["certificates"]) == (leaf.der, middle.der)


def test_what_probe_writes_is_read(tmp_path: Path) -> None:
    stale = issue("localhost", SHOWN_CA, san=("localhost",), usage=(SERVER,), begins=NOW - days(90), ends=NOW - days(1))
    with backend(tmp_path, lambda context: None, stale, SHOWN_CA) as port:
        path = tmp_path / "probe.json"
        assert main(["probe", f"localhost:{port}", "--format", "json", "--output", str(path), "--no-progress"]) == 1
        environment = replace(SOUND, target_servers=named([TargetServer("backend", "localhost", port, tls=BACK)]))
        found = whytls.fix(str(path), edge=environment)
    mending = next(one for one in found if one.case.cause == "certificate-expired")
    assert (mending.case.hop, mending.case.subject) == ("southbound", "target server backend")
    assert mending.remedies[0].fix.owner == "backend"
    assert "TLSv1.2" in mending.case.accepts
