"""Fixes applied, verified and taken back through the local Management API, with live backends where one is asked."""

from __future__ import annotations

import io
import json
import ssl
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

import whytls
from edge_live import API, BACKEND, CA, EXPIRED, OTHER_ROOT, PROCESSOR, ROOT, Gateway, backend, key_of, store
from whytls.cli.main import main
from whytls.edge import journal as journals
from whytls.edge import steps
from whytls.edge.apply import apply, undo
from whytls.edge.context import read_environment
from whytls.edge.environment import Environment
from whytls.edge.fixes import change as changes
from whytls.edge.fixes.change import Change, NewAlias
from whytls.edge.fixes.plan import Mending
from whytls.edge.journal import Journal
from whytls.edge.tlsinfo import TlsInfo
from whytls.exceptions import ApiError, InputError, UsageError


def audited(edge: Gateway, folder: Path, *rules: str, probe: bool = False) -> str:
    """A document with what an audit finds under these rules."""
    path = folder / "audit.json"
    main(["audit", edge.url, "--format", "json", "--output", str(path), *(["--probe"] if probe else [])])
    document = json.loads(path.read_text())
    document["concerns"] = [concern for concern in document["concerns"] if concern["rule"] in rules]
    assert document["concerns"], f"the audit does not find {rules}"
    path.write_text(json.dumps(document))
    return str(path)


def snapshot(edge: Gateway) -> Environment:
    return replace(read_environment(edge.url), source="", warnings=())


def played(edge: Gateway, mending: Mending, *, way: int | None = None) -> tuple[Environment, Environment]:
    """Applies, applies again (which changes nothing), and takes it back: what was there before, and after."""
    before = snapshot(edge)
    applied = whytls.apply_fix(mending, way)
    assert applied.ended == "applied", applied.told
    after = snapshot(edge)
    assert after != before
    assert whytls.apply_fix(mending, way).ended == "already"
    assert snapshot(edge) == after
    assert whytls.undo_fix().ended == "undone"
    assert snapshot(edge) == before
    with pytest.raises(InputError, match="nothing to undo"):
        whytls.undo_fix()
    assert whytls.apply_fix(mending, way).ended == "applied"
    return before, after


def only(found: list[Mending]) -> Mending:
    assert len(found) == 1
    return found[0]


# --- the Router's keystore


def test_a_repaired_chain_goes_into_a_new_keystore_and_the_reference_over_to_it(edge: Gateway, tmp_path: Path) -> None:
    edge.keystore("front-1", "own", API)
    edge.keystore("authorities", "ca", CA, key=False)
    edge.reference("front", "front-1")
    edge.virtual_host(TlsInfo(enabled=True, key_store="ref://front", key_alias="own"))
    pem = store(tmp_path, "own.pem", API)
    mending = only(whytls.fix(audited(edge, tmp_path, "chain-incomplete"), edge=edge.url, certificate=str(pem)))
    _, after = played(edge, mending)
    held = after.presented(after.virtual_hosts["secure"].tls)
    assert held is not None
    assert (held[0].store.name, held[1].name, held[1].certificates) == ("front-2", "own", (API.der, CA.der))
    assert whytls.verify_fix(mending).good is None  # the Router was not asked
    assert not [concern for concern in whytls.audit(edge.url).concerns if concern.rule == "chain-incomplete"]


def test_without_the_key_the_chain_is_replaced_in_place_and_that_is_a_restart(edge: Gateway, tmp_path: Path) -> None:
    edge.keystore("front-1", "own", API)
    edge.keystore("authorities", "ca", CA, key=False)
    edge.virtual_host(TlsInfo(enabled=True, key_store="front-1", key_alias="own"))
    mending = only(whytls.fix(audited(edge, tmp_path, "chain-incomplete"), edge=edge.url, machine=["router=router-1.test"]))
    assert mending.first == 1
    assert mending.remedies[0].fix.grade == "restart"
    assert any("router-1.test" in artefact.content for artefact in mending.remedies[0].fix.artefacts)
    assert mending.remedies[1].lacks
    _, after = played(edge, mending)
    assert after.keystores["front-1"].aliases[0].certificates == (API.der, CA.der)
    assert after.keystores["front-1"].aliases[0].has_key


def test_an_expired_certificate_in_a_literal_keystore_gets_a_new_store_and_a_reference(edge: Gateway, tmp_path: Path) -> None:
    edge.keystore("front", "own", EXPIRED, CA)
    edge.virtual_host(TlsInfo(enabled=True, key_store="front", key_alias="own"))
    pem = store(tmp_path, "new.pem", API, CA)
    found = whytls.fix(audited(edge, tmp_path, "certificate-expired"), edge=edge.url, certificate=str(pem))
    _, after = played(edge, only(found))
    assert after.virtual_hosts["secure"].tls is not None
    assert after.virtual_hosts["secure"].tls.key_store == "ref://front-ref"
    assert after.references["front-ref"].refers == "front-2"
    assert after.keystores["front"].aliases[0].certificates == (EXPIRED.der, CA.der)  # the old one stays


def test_an_expired_certificate_cannot_be_mended_with_one_that_has_ended_too(edge: Gateway, tmp_path: Path) -> None:
    edge.keystore("front", "own", EXPIRED, CA)
    edge.virtual_host(TlsInfo(enabled=True, key_store="front", key_alias="own"))
    pem = store(tmp_path, "new.pem", EXPIRED, CA)
    mending = only(whytls.fix(audited(edge, tmp_path, "certificate-expired"), edge=edge.url, certificate=str(pem)))
    assert mending.first is None
    with pytest.raises(UsageError, match="has ended"):
        whytls.apply_fix(mending)


# --- targets, with a live backend


def test_a_pinned_protocol_is_widened_and_the_backend_asked_again(edge: Gateway, tmp_path: Path) -> None:
    def tune(context: ssl.SSLContext) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_2

    with backend(tmp_path, tune) as port:
        edge.target_server(port, TlsInfo(enabled=True, protocols=("TLSv1",)))
        mending = only(whytls.fix(audited(edge, tmp_path, "protocol-mismatch", probe=True), edge=edge.url, probe=True))
        before = whytls.verify_fix(mending)
        assert before.good is False
        _, after = played(edge, mending)
        assert after.target_servers["backend"].tls is not None
        assert after.target_servers["backend"].tls.protocols == ("TLSv1.2",)
        assert whytls.verify_fix(mending).good is True


def test_a_narrow_list_of_suites_is_widened(edge: Gateway, tmp_path: Path) -> None:
    def tune(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")

    with backend(tmp_path, tune) as port:
        edge.target_server(port, TlsInfo(enabled=True, protocols=("TLSv1.2",), ciphers=("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",)))
        mending = only(whytls.fix(audited(edge, tmp_path, "cipher-mismatch", probe=True), edge=edge.url, probe=True))
        _, after = played(edge, mending)
        assert after.target_servers["backend"].tls is not None
        assert "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" in after.target_servers["backend"].tls.ciphers
        assert whytls.verify_fix(mending).good is True


@pytest.mark.parametrize("named", ["trust", "ref://trusted", ""])
def test_a_backends_root_goes_into_the_truststore(edge: Gateway, tmp_path: Path, named: str) -> None:
    edge.keystore("trust", "hill", OTHER_ROOT, key=False)
    edge.reference("trusted", "trust")
    root = tmp_path / "root.pem"
    root.write_text(ROOT.pem)
    rule = "certificate-untrusted" if named else "nothing-validated"
    with backend(tmp_path) as port:
        edge.target_server(port, TlsInfo(enabled=True, trust_store=named))
        mending = only(whytls.fix(audited(edge, tmp_path, rule, probe=True), edge=edge.url, with_=[str(root)], probe=True))
        assert ROOT.certificate.fingerprint(API.certificate.signature_hash_algorithm).hex() in mending.remedies[0].fix.text  # type: ignore[arg-type]
        assert mending.remedies[-1].fix.grade == ("weakens security" if named else "reload")
        _, after = played(edge, mending)
        held = after.store(after.target_servers["backend"].tls.trust_store)  # type: ignore[union-attr]
        assert held is not None
        assert ROOT.der in [der for alias in held.store.aliases for der in alias.certificates]
        assert (OTHER_ROOT.der in [der for alias in held.store.aliases for der in alias.certificates]) == bool(named)
        assert whytls.verify_fix(mending).good is True


def test_a_client_certificate_for_a_backend_that_wants_one(edge: Gateway, tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.write_text(ROOT.pem)

    def tune(context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(root)

    with backend(tmp_path, tune) as port:
        edge.target_server(port, TlsInfo(enabled=True))
        document = audited(edge, tmp_path, "client-certificate-missing", probe=True)
        mending = only(whytls.fix(document, edge=edge.url, certificate=str(store(tmp_path, "client.pem", PROCESSOR, CA))))
        _, after = played(edge, mending)
        tls = after.target_servers["backend"].tls
        assert tls is not None
        assert (tls.client_auth_enabled, tls.key_store) == (True, "ref://backend-keys-ref")
        assert whytls.verify_fix(mending).good is True


def test_tls_is_switched_on_for_a_target_that_was_called_in_the_clear(edge: Gateway, tmp_path: Path) -> None:
    with backend(tmp_path) as port:
        edge.target_server(port, None)
        mending = only(whytls.fix(audited(edge, tmp_path, "plaintext-to-tls-port", probe=True), edge=edge.url))
        _, after = played(edge, mending)
        assert after.target_servers["backend"].speaks_tls
        assert whytls.verify_fix(mending).good is True


def test_the_router_is_asked_where_it_is_named(edge: Gateway, tmp_path: Path) -> None:
    edge.keystore("front-1", "own", EXPIRED, CA)
    edge.reference("front", "front-1")
    edge.virtual_host(TlsInfo(enabled=True, key_store="ref://front", key_alias="own"))
    pem = store(tmp_path, "new.pem", API, CA)
    mending = only(whytls.fix(audited(edge, tmp_path, "certificate-expired"), edge=edge.url, certificate=str(pem)))
    assert whytls.apply_fix(mending).ended == "applied"
    with backend(tmp_path, lambda context: None, EXPIRED, CA) as old, backend(tmp_path, lambda context: None, API, CA) as new:
        stale = whytls.verify_fix(mending, to=f"127.0.0.1:{old}")
        assert stale.good is False
        assert any("another certificate" in line for line in stale.told)
        assert whytls.verify_fix(mending, to=f"127.0.0.1:{new}").good is True


# --- virtual hosts, references, proxies


def test_a_host_alias_is_added(edge: Gateway, tmp_path: Path) -> None:
    edge.keystore("front-1", "own", API, CA)
    edge.virtual_host(TlsInfo(enabled=True, key_store="front-1", key_alias="own"))
    verdict = tmp_path / "verdict.json"
    verdict.write_text(json.dumps({
        "cause": "sni-unknown", "title": "the Router has no virtual host for shop.example.test", "hop": "northbound", "sni": "shop.example.test",
        "server": {"address": "10.0.0.5", "port": 9443}, "detail": "", "fix": None, "more_fixes": [], "file": "x.pcap",
    }))  # fmt: skip
    _, after = played(edge, only(whytls.fix(str(verdict), edge=edge.url)))
    assert after.virtual_hosts["secure"].host_aliases == ("api.example.test", "shop.example.test")


def test_literal_names_become_references(edge: Gateway, tmp_path: Path) -> None:
    edge.keystore("front-1", "own", API, CA)
    edge.keystore("trust", "root", ROOT, key=False)
    edge.virtual_host(TlsInfo(enabled=True, client_auth_enabled=True, key_store="front-1", key_alias="own", trust_store="trust"))
    mending = only(whytls.fix(audited(edge, tmp_path, "literal-store-name"), edge=edge.url))
    assert mending.times == 2
    _, after = played(edge, mending)
    assert {name: reference.refers for name, reference in after.references.items()} == {"front-1-ref": "front-1", "trust-ref": "trust"}


def test_a_target_endpoint_is_changed_in_a_new_revision(edge: Gateway, tmp_path: Path) -> None:
    with backend(tmp_path) as port:
        target = (
            '<TargetEndpoint name="default"><HTTPTargetConnection><SSLInfo><Enabled>true</Enabled>'
            f"<Protocols><Protocol>TLSv1.0</Protocol></Protocols></SSLInfo><URL>https://localhost:{port}/v1</URL></HTTPTargetConnection></TargetEndpoint>"
        )
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as zipped:
            zipped.writestr("apiproxy/orders.xml", '<APIProxy name="orders"/>')
            zipped.writestr(
                "apiproxy/proxies/default.xml",
                '<ProxyEndpoint name="default"><HTTPProxyConnection><BasePath>/o</BasePath><VirtualHost>secure</VirtualHost></HTTPProxyConnection>'
                '<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule></ProxyEndpoint>',
            )
            zipped.writestr("apiproxy/targets/default.xml", target)
            zipped.writestr("apiproxy/resources/jsc/x.js", "print('kept');")
        edge.keystore("front-1", "own", API, CA)
        edge.virtual_host(TlsInfo(enabled=True, key_store="front-1", key_alias="own"))
        revision = edge.api.import_proxy("orders", made.getvalue())
        edge.api.deploy("orders", revision)
        mending = only(whytls.fix(audited(edge, tmp_path, "protocol-mismatch", probe=True), edge=edge.url, probe=True))
        _, after = played(edge, mending)
        assert after.target_endpoints[0].tls is not None
        assert after.target_endpoints[0].tls.protocols == ("TLSv1.2",)
        assert after.proxies[0].revision != revision
        with zipfile.ZipFile(io.BytesIO(edge.api.bundle("orders", after.proxies[0].revision))) as zipped:
            assert zipped.read("apiproxy/resources/jsc/x.js") == b"print('kept');"
        assert whytls.verify_fix(mending).good is True


# --- what can go wrong


def test_what_somebody_else_changed_meanwhile_is_left_alone(edge: Gateway, tmp_path: Path) -> None:
    edge.keystore("trust", "hill", OTHER_ROOT, key=False)
    edge.target_server(8443, TlsInfo(enabled=True, trust_store="trust", ignore_validation_errors=True))
    document = audited(edge, tmp_path, "validation-off")
    mending = only(whytls.fix(document, edge=edge.url))
    server = edge.api.target_server("backend")
    edge.api.put_target_server(replace(server, port=8444))
    with pytest.raises(UsageError, match="changed by somebody else"):
        whytls.apply_fix(mending)
    assert edge.api.target_server("backend").port == 8444
    assert not list(journals.journals())
    fresh = only(whytls.fix(audited(edge, tmp_path, "validation-off"), edge=edge.url))
    assert whytls.apply_fix(fresh).ended == "applied"
    edge.api.put_target_server(replace(edge.api.target_server("backend"), port=8445))
    undone = whytls.undo_fix()
    assert undone.ended == "in part"
    assert any("somebody else" in line for line in undone.told)
    assert edge.api.target_server("backend").port == 8445


class _Failing:
    """An API that fails at one call, before it does it or after it has done it."""

    def __init__(self, api: object, method: str, *, after: bool) -> None:
        self._api, self._method, self._after = api, method, after

    def __getattr__(self, name: str) -> object:
        found = getattr(self._api, name)
        if name != self._method:
            return found

        def call(*words: object, **more: object) -> object:
            if self._after:
                found(*words, **more)
            raise ApiError("no answer")

        return call


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("method", ["create_keystore", "add_pem"])
def test_a_change_that_fails_is_taken_back_with_all_before_it(edge: Gateway, tmp_path: Path, method: str, after: bool) -> None:
    edge.keystore("front-1", "own", API)
    edge.reference("front", "front-1")
    before = snapshot(edge)
    made = (
        changes.reference(edge.api.reference("front"), replace(edge.api.reference("front"), rest={}, refers="front-1", name="front")),
        changes.reference(None, replace(edge.api.reference("front"), name="other")),
        changes.keystore("front-2", [NewAlias("ca", (CA.der,)), NewAlias("root", (ROOT.der,))]),
    )
    journal = Journal(tmp_path / "j.json", edge.url, "x")
    failing = _Failing(edge.api, method, after=after)
    applied = apply(failing, made, journal)  # type: ignore[arg-type]
    assert applied.ended == "rolled back", applied.told
    assert snapshot(edge) == before


def test_what_cannot_be_taken_back_is_said_and_stays_in_the_journal(edge: Gateway, tmp_path: Path) -> None:
    edge.keystore("front-1", "own", API)
    edge.reference("front", "front-1")
    edge.keystore("front-2", "own", API, CA)
    server = edge.api.reference("front")
    made = (changes.reference(server, replace(server, refers="front-2")), changes.keystore("front-3", [NewAlias("ca", (CA.der,))]))

    class Broken(_Failing):
        def __getattr__(self, name: str) -> object:
            if name == "put_reference" and self.done:
                self._method = "put_reference"
            self.done = self.done or name == "put_reference"
            return super().__getattr__(name)

        done = False

    journal = Journal(tmp_path / "j.json", edge.url, "x")
    applied = apply(Broken(edge.api, "create_keystore", after=False), made, journal)  # type: ignore[arg-type]
    assert applied.ended == "in part"
    assert any(line.startswith("not taken back: reference front") for line in applied.told)
    kept = journals.read(tmp_path / "j.json")
    assert [step.state for step in kept.steps] == ["done", "undone"]
    assert undo(edge.api, kept).ended == "undone"
    assert edge.api.reference("front").refers == "front-1"


def test_who_is_killed_between_leaves_a_journal_that_knows_the_way_back(edge: Gateway, tmp_path: Path) -> None:
    made = changes.keystore("half", [NewAlias("ca", (CA.der,)), NewAlias("root", (ROOT.der,))])
    journal = Journal(tmp_path / "j.json", edge.url, "x", [journals.Step(made)])
    journal.write()
    edge.keystore("half", "ca", CA, key=False)  # as far as it came
    assert steps.standing(edge.api, made) == "part"
    with pytest.raises(UsageError, match="somebody else"):
        apply(edge.api, [made], Journal(tmp_path / "k.json", edge.url, "x"))
    assert undo(edge.api, journals.read(tmp_path / "j.json")).ended == "undone"
    assert "half" not in edge.api.keystores()


def test_a_journal_is_its_owners_alone_and_has_no_key_in_it(edge: Gateway, tmp_path: Path) -> None:
    edge.keystore("front-1", "own", EXPIRED, CA)
    edge.reference("front", "front-1")
    edge.virtual_host(TlsInfo(enabled=True, key_store="ref://front", key_alias="own"))
    pem = store(tmp_path, "new.pem", API, CA)
    mending = only(whytls.fix(audited(edge, tmp_path, "certificate-expired"), edge=edge.url, certificate=str(pem)))
    applied = whytls.apply_fix(mending)
    assert applied.journal is not None
    path = applied.journal.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    text = path.read_text()
    assert "PRIVATE KEY" not in text
    assert key_of(API).decode().splitlines()[1] not in text
    assert "PRIVATE" not in repr(mending)


def test_a_journal_of_another_environment_is_refused(edge: Gateway, tmp_path: Path) -> None:
    made = Change("reference", "x", None, {"name": "x"})
    journal = Journal(tmp_path / "j.json", edge.url.replace("/e/test", "/e/other"), "x", [journals.Step(made)])
    with pytest.raises(UsageError, match="is of"):
        undo(edge.api, journal)


# --- the command


def test_the_command_shows_asks_applies_verifies_and_undoes(edge: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with backend(tmp_path) as port:
        edge.target_server(port, TlsInfo(enabled=True, protocols=("TLSv1",)))
        document = audited(edge, tmp_path, "protocol-mismatch", probe=True)
        capsys.readouterr()
        assert main(["fix", document, "--edge", edge.url, "--probe", "--apply"]) == 2  # nobody to ask
        assert "nobody to ask" in capsys.readouterr().err
        assert main(["fix", document, "--edge", edge.url, "--probe", "--apply", "--yes"]) == 0
        out = capsys.readouterr().out
        assert '-      "TLSv1"' in out
        assert '+      "TLSv1.2"' in out
        assert "Verified: it is mended." in out
        assert main(["fix", "--undo", "--yes"]) == 0
        assert "taken back: target server backend" in capsys.readouterr().out
        assert edge.api.target_server("backend").tls == TlsInfo(enabled=True, protocols=("TLSv1",))


def test_the_command_says_what_is_lacking(edge: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edge.keystore("front-1", "own", EXPIRED, CA)
    edge.virtual_host(TlsInfo(enabled=True, key_store="front-1", key_alias="own"))
    document = audited(edge, tmp_path, "certificate-expired")
    assert main(["fix", document, "--edge", edge.url, "--apply", "--yes"]) == 2
    assert "--certificate STORE" in capsys.readouterr().err


def test_backend_is_sound(tmp_path: Path) -> None:
    """The backend of these tests is one that a strict client accepts: what an audit finds is not its own."""
    with backend(tmp_path) as port:
        context = ssl.create_default_context(cadata=ROOT.pem)
        import socket

        with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname="localhost") as spoken:
            assert spoken.getpeercert(binary_form=True) == BACKEND.der
