"""The public functions, over recordings made packet by packet."""

from __future__ import annotations

import datetime
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rewrap import Packet
from rewrap_files import pcap
from segments import CLIENT_FLIGHT, EPOCH, SERVER_FINISH, Tape, alert, client_hello, message, record, server_flight, server_hello

import whytls
from authority import SERVER as FOR_SERVERS
from authority import days, issue
from whytls import api, run
from whytls.exceptions import InputError, UsageError
from whytls.filters import Filters
from whytls.model import Diagnosis

NOW = datetime.datetime.fromtimestamp(EPOCH // 10**9, datetime.UTC)
CALLER, ROUTER, INSIDE, BACKEND = ("198.51.100.7", 50_001), ("10.0.0.7", 443), ("10.0.0.7", 41_822), ("10.0.9.12", 443)
GROUPS = bytes.fromhex("000a00060004001d0017")
UNNAMED = record(22, message(1, b"\x03\x03" + bytes(range(32)) + b"\0\0\2\xc0\x2f\1\0\0\x0a" + GROUPS), 0x0301)


def refused(client: tuple[str, int] = INSIDE, server: tuple[str, int] = BACKEND, hello: bytes = b"", number: int = 40) -> Tape:
    return Tape(client, server).open().client(hello or client_hello()).server(alert(number)).close(1)


def accepted(client: tuple[str, int], server: tuple[str, int], hello: bytes = b"") -> Tape:
    tape = Tape(client, server).open().client(hello or client_hello()).server(server_flight()).client(CLIENT_FLIGHT).server(SERVER_FINISH)
    return tape.client(record(23, bytes(400))).server(record(23, bytes(5000))).close()


def shown(chain: tuple[bytes, ...], number: int) -> Tape:
    """The server shows the chain, and the client refuses it."""
    inner = b"".join(len(der).to_bytes(3, "big") + der for der in chain)
    flight = server_hello() + record(22, message(11, len(inner).to_bytes(3, "big") + inner)) + record(22, message(14, b""))
    return Tape(INSIDE, BACKEND).open().client(client_hello()).server(flight).client(alert(number)).close()


def written(folder: Path, *tapes: Tape, name: str = "edge.pcap") -> str:
    """The tapes in one file, one after the other, half a second apart."""
    packets = []
    for number, tape in enumerate(tapes):
        packets += [Packet(time + number * 500_000_000, frame) for time, frame, _ in tape.packets]
    file = folder / name
    file.write_bytes(pcap(packets, 1, nano=True))
    return str(file)


def said(diagnosis: Diagnosis) -> tuple[str | None, str | None, str]:
    return diagnosis.cause, diagnosis.confidence, diagnosis.hop


def test_a_failed_handshake_is_diagnosed(tmp_path: Path) -> None:
    (one,) = whytls.diagnose(written(tmp_path, refused()))
    assert said(one) == ("cipher-mismatch", "likely", "direct")
    assert (str(one.client), str(one.server), one.sni) == ("10.0.0.7:41822", "10.0.9.12:443", "www.example.test")
    assert (one.started_at, one.file.endswith("edge.pcap"), one.frame) == (EPOCH, True, 1)
    assert {frame for e in one.evidence for frame in e.frames} >= {4, 6}


def test_good_ones_are_shown_when_asked_for(tmp_path: Path) -> None:
    file = written(tmp_path, accepted(CALLER, BACKEND), refused())
    assert [d.outcome for d in whytls.diagnose(file)] == ["failed"]
    everything = list(whytls.diagnose(file, all=True))
    assert {(d.outcome, d.cause is None) for d in everything} == {("completed", True), ("failed", False)}


def test_several_files_and_a_folder(tmp_path: Path) -> None:
    first, second = written(tmp_path, refused(), name="a.pcap"), written(tmp_path, refused(number=70), name="b.pcap")
    assert [d.cause for d in whytls.diagnose(first, second)] == ["cipher-mismatch", "protocol-mismatch"]
    assert [d.cause for d in whytls.diagnose(tmp_path)] == ["cipher-mismatch", "protocol-mismatch"]


def test_reading_begins_when_the_first_diagnosis_is_asked_for(tmp_path: Path) -> None:
    seen: list[int] = []
    run = whytls.diagnose(written(tmp_path, refused()), progress=lambda done, total: seen.append(done))
    assert seen == []
    assert len(list(run)) == 1
    assert seen


def test_the_tally_counts(tmp_path: Path) -> None:
    run = whytls.diagnose(written(tmp_path, refused(), accepted(CALLER, BACKEND), refused(("10.0.0.8", 4))))
    assert len(list(run)) == 2
    assert (run.tally.handshakes, run.tally.completed, run.tally.failed, run.tally.unfinished) == (3, 1, 2, 0)
    assert run.warnings == []


def test_another_handshake_that_comes_later_decides(tmp_path: Path) -> None:
    alone = list(whytls.diagnose(written(tmp_path, refused(hello=UNNAMED))))
    (decided,) = whytls.diagnose(written(tmp_path, refused(hello=UNNAMED), accepted(CALLER, BACKEND)))
    assert [d.confidence for d in alone] == ["likely"]
    assert said(decided)[:2] == ("sni-missing", "proven")
    assert any("accepted" in e.text and CALLER[0] in e.text for e in decided.evidence)
    assert run.EARLY not in decided.warnings


def test_too_many_that_wait_are_released_in_their_order_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MOST_HELD", 3)
    monkeypatch.setattr(run, "AT_A_TIME", 1)
    monkeypatch.setattr("whytls.capture.recording.AT_A_TIME", 1)
    tapes = [refused(("10.0.0.7", 41_000 + n), hello=UNNAMED) for n in range(8)]
    everything = list(whytls.diagnose(written(tmp_path, *tapes, accepted(CALLER, BACKEND))))
    assert [d.client.port for d in everything] == [41_000 + n for n in range(8)]
    assert [run.EARLY in d.warnings for d in everything] == [True] * 5 + [False] * 3
    assert [d.confidence for d in everything] == ["likely"] * 5 + ["proven"] * 3


def test_a_pipe_is_judged_like_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, refused(hello=UNNAMED), accepted(CALLER, BACKEND))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(Path(file).read_bytes()), isatty=lambda: False))
    (one,) = whytls.diagnose("-")
    assert said(one)[:2] == ("sni-missing", "proven")


def test_a_pipe_does_not_let_anybody_wait_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = accepted(CALLER, BACKEND)
    late.packets = [(time + 60 * 10**9, frame, length) for time, frame, length in late.packets]
    file = written(tmp_path, refused(hello=UNNAMED), late)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(Path(file).read_bytes()), isatty=lambda: False))
    (one,) = whytls.diagnose("-", all=False)
    assert one.cause == "sni-missing"
    assert (run.EARLY in one.warnings) == (one.confidence == "likely")


def test_hops_are_inferred_and_said_to_be(tmp_path: Path) -> None:
    everything = list(whytls.diagnose(written(tmp_path, accepted(CALLER, ROUTER), refused()), all=True))
    assert {(d.server.address, d.hop) for d in everything} == {("10.0.0.7", "northbound"), ("10.0.9.12", "southbound")}
    assert all(any("inferred" in w for w in d.warnings) for d in everything if d.cause)


def test_hops_that_are_given_are_not_inferred(tmp_path: Path) -> None:
    file = written(tmp_path, accepted(CALLER, ROUTER), refused())
    everything = list(whytls.diagnose(file, backend=["10.0.9.0/24"], all=True))
    assert {(d.server.address, d.hop) for d in everything} == {("10.0.0.7", "direct"), ("10.0.9.12", "southbound")}
    assert not any("inferred" in w for d in everything for w in d.warnings)
    (tmp_path / "whytls.toml").write_text('[topology]\nrouter = "10.0.0.7"\n')
    assert {d.hop for d in whytls.diagnose(file, topology=str(tmp_path / "whytls.toml"), all=True)} == {"northbound", "direct"}


def test_the_message_processor_owns_its_name(tmp_path: Path) -> None:
    (one,) = whytls.diagnose(written(tmp_path, refused(hello=UNNAMED, number=112)), message_processor=["10.0.0.7"])
    assert (one.cause, one.hop, one.owners) == ("sni-missing", "southbound", ("gateway",))
    assert one.fix is not None
    assert "conf_system_jsse.enableSNIExtension=true" in one.fix.text


def test_filters_choose_what_is_shown_and_not_what_is_learned(tmp_path: Path) -> None:
    file = written(tmp_path, refused(hello=UNNAMED), accepted(CALLER, BACKEND), refused(("10.0.0.9", 7), number=70))
    (one,) = whytls.diagnose(file, filters=Filters.of(host=["10.0.0.7"]))
    assert said(one)[:2] == ("sni-missing", "proven")
    assert [d.cause for d in whytls.diagnose(file, filters=Filters.of(cause=["protocol-mismatch"]))] == ["protocol-mismatch"]


@pytest.fixture(scope="module")
def chain() -> tuple[bytes, ...]:
    begins, ends = NOW - days(400), NOW - days(30)
    root = issue("Meadow Root", ca=True, begins=NOW - days(500), ends=NOW + days(500))
    middle = issue("Meadow Issuing", root, ca=True, begins=NOW - days(500), ends=NOW + days(500))
    leaf = issue("shop", middle, san=("www.example.test",), usage=(FOR_SERVERS,), begins=begins, ends=ends)
    return leaf.der, middle.der, root.der


@pytest.mark.parametrize(
    ("at", "cause"),
    [
        (None, "certificate-expired"),
        ("2023-08-01", "certificate-untrusted"),
        ("2023-08-01T10:00:00Z", "certificate-untrusted"),
        ("2023-08-01T10:00:00+02:00", "certificate-untrusted"),
        ("1690884000", "certificate-untrusted"),
        (datetime.datetime(2023, 8, 1), "certificate-untrusted"),
        (datetime.datetime(2022, 10, 1, tzinfo=datetime.UTC), "certificate-not-yet-valid"),
    ],
)  # fmt: skip
def test_certificates_are_judged_at_the_capture_or_when_told(tmp_path: Path, chain: tuple[bytes, ...], at: str | None, cause: str) -> None:
    (one,) = whytls.diagnose(written(tmp_path, shown(chain, 46)), at=at)
    assert one.cause == cause


@pytest.mark.parametrize("at", ["", "soon", "2023-13-01", "9" * 40, "12:00", "1e9"])
def test_a_time_that_is_none_is_said(tmp_path: Path, at: str) -> None:
    with pytest.raises(UsageError) as told:
        whytls.diagnose(written(tmp_path, refused()), at=at)
    assert told.value.hint


def test_the_rejecting_sides_store(tmp_path: Path, chain: tuple[bytes, ...]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    store, stranger = tmp_path / "store.pem", issue("Heath Root", ca=True)
    store.write_text(stranger.pem)
    file = written(tmp_path, shown(chain, 46))
    (one,) = whytls.diagnose(file, trust=str(store), at="2023-08-01")
    assert said(one)[:2] == ("certificate-untrusted", "proven")
    store.write_text(stranger.pem + x509.load_der_x509_certificate(chain[-1]).public_bytes(Encoding.PEM).decode())
    (one,) = whytls.diagnose(file, trust=str(store), at="2023-08-01")
    assert one.cause != "certificate-untrusted"


def test_the_sides_stores(tmp_path: Path, chain: tuple[bytes, ...]) -> None:
    store = tmp_path / "strangers.pem"
    store.write_text(issue("Heath Root", ca=True).pem)
    file = written(tmp_path, shown(chain, 46))
    run = whytls.diagnose(file, truststore={"client": str(store)}, at="2023-08-01")
    assert [said(one)[:2] for one in run] == [("certificate-untrusted", "proven")]
    assert run.warnings == []
    (one,) = whytls.diagnose(file, truststore=[f"message-processor={store}"], message_processor=["10.0.0.7"], at="2023-08-01")
    assert said(one) == ("certificate-untrusted", "proven", "southbound")
    assert any("strangers.pem" in e.text and e.file == str(store) for e in one.evidence)
    assert one.fix is not None
    assert "strangers.pem" in one.fix.text


def test_stores_of_a_side_that_nobody_is_are_said_to_be_unused(tmp_path: Path, chain: tuple[bytes, ...]) -> None:
    store = tmp_path / "strangers.pem"
    store.write_text(issue("Heath Root", ca=True).pem)
    run = whytls.diagnose(written(tmp_path, shown(chain, 46)), truststore={"message-processor": str(store)}, at="2023-08-01")
    assert [said(one)[:2] for one in run] == [("certificate-untrusted", "likely")]
    assert any("--message-processor ADDRESS" in warning for warning in run.warnings)


def test_stores_from_a_file_that_lies_elsewhere(tmp_path: Path, chain: tuple[bytes, ...]) -> None:
    folder = tmp_path / "edge"
    folder.mkdir()
    (folder / "strangers.pem").write_text(issue("Heath Root", ca=True).pem)
    (folder / "whytls.toml").write_text('[topology]\nmessage_processor = "10.0.0.7"\n[truststores]\nmessage-processor = "strangers.pem"\n')
    (one,) = whytls.diagnose(written(tmp_path, shown(chain, 46)), topology=str(folder / "whytls.toml"), at="2023-08-01")
    assert said(one) == ("certificate-untrusted", "proven", "southbound")


def test_stores_are_read_before_the_capture(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        whytls.diagnose("missing.pcap", keystore={"router": str(tmp_path / "none.p12")})
    with pytest.raises(UsageError):
        whytls.diagnose("missing.pcap", keystore=["nobody=store.p12"])


def test_a_store_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    file = written(tmp_path, refused())
    for bad in (tmp_path / "none.pem", tmp_path / "edge.pcap"):
        with pytest.raises(InputError):
            whytls.diagnose(file, trust=str(bad))


def test_nothing_to_read_is_said() -> None:
    with pytest.raises(UsageError) as told:
        whytls.diagnose()
    assert told.value.hint


def test_what_is_no_capture_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing\n")
    for bad in ("notes.txt", "missing.pcap"):
        with pytest.raises(InputError):
            list(whytls.diagnose(tmp_path / bad))


@pytest.mark.parametrize("given", [{"router": ["nowhere"]}, {"backend": ["10.0.0.0/99"]}, {"message_processor": [""]}])
def test_a_pattern_that_is_none_is_said_before_anything_is_read(given: dict[str, list[str]]) -> None:
    with pytest.raises(UsageError):
        whytls.diagnose("missing.pcap", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("slug", api.causes())
def test_every_cause_is_explained(slug: str) -> None:
    page = whytls.explain(slug)
    assert page.slug == slug
    assert tuple(page.sections) == api.HEADINGS
    assert all(page.sections.values())
    assert page.title.endswith(".")


def test_a_cause_that_is_none_gets_the_nearest_names() -> None:
    with pytest.raises(UsageError) as told:
        whytls.explain("sni-mising")
    assert "sni-missing" in str(told.value)
    with pytest.raises(UsageError):
        whytls.explain("../../etc/passwd")
