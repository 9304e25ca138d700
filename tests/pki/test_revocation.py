"""What lists and responses say of a chain, and when it counts."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from authority import AT, NOON, Issued, crl, days, ec_key, issue, rsa_key, usages
from whytls.exceptions import WhytlsError
from whytls.pki.certificate import Certificate, read
from whytls.pki.readers.revocation import read_revocation, revocation_in
from whytls.pki.revocation import Status, revoked, statuses
from whytls.pki.store import read_anchors

FILES = Path(__file__).parent / "revocations"
SOURCES = sorted([*FILES.glob("*.crl*"), *FILES.glob("*.ocsp")])
HOUR = 3600 * 10**9


def certificate(name: str) -> Certificate:
    return read(read_anchors(FILES / f"{name}.pem")[0])


GOOD, BAD, HELD, ISSUING, ROOT = (certificate(name) for name in ("good", "bad", "held", "issuing", "root"))
MADE = read_revocation(FILES / "full.crl")[0].this_update  # type: ignore[union-attr]
assert MADE is not None


def judged(leaf: Certificate, *names: str, at: int = MADE + 60 * 10**9) -> Status:
    sources = [source for name in names for source in read_revocation(FILES / name)]
    return statuses([leaf, ISSUING, ROOT], sources, at=at)[0]


@pytest.mark.parametrize("name", ["full.crl.pem", "full.crl", "point.crl.pem"])
def test_a_list_decides(name: str) -> None:
    assert judged(GOOD, name).state == "good"
    bad, held = judged(BAD, name), judged(HELD, name)
    assert (bad.state, bad.reason) == ("revoked", "keyCompromise")
    assert bad.revoked_at is not None
    assert abs(MADE - bad.revoked_at) < HOUR
    assert (held.state, held.reason) == ("revoked", "certificateHold")


def test_a_response_decides() -> None:
    assert judged(GOOD, "good.ocsp").state == "good"
    assert judged(GOOD, "sha256.ocsp").state == "good"
    assert judged(GOOD, "by-key.ocsp").state == "good"
    for name in ("bad.ocsp", "by-issuer.ocsp"):
        bad = judged(BAD, name)
        assert (bad.state, bad.reason, bad.revoked_at is not None) == ("revoked", "keyCompromise", True)
    assert judged(HELD, "held.ocsp").reason == "certificateHold"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("stale.crl.pem", "stale"),
        ("future.crl.pem", "not-yet"),
        ("delta.crl.pem", "delta"),
        ("indirect.crl.pem", "indirect"),
        ("cas.crl.pem", "other-scope"),
        ("strange.crl.pem", "critical-extension"),
        ("impostor.crl.pem", "signature-differs"),
        ("foreign.ocsp", "signer-not-allowed"),
        ("plain.ocsp", "signer-not-allowed"),
        ("no-certs.ocsp", "signer-not-at-hand"),
        ("unauthorized.ocsp", "no-answer"),
        ("bad.ocsp", "not-listed"),
    ],
)
def test_what_does_not_count_says_why_and_decides_nothing(name: str, why: str) -> None:
    found = judged(GOOD, name)
    assert found.state == "undecided"
    assert [said.why for said in found.said] == [why]
    together = judged(BAD, name, "full.crl")
    assert together.state == "revoked"


def test_a_stale_list_still_shows_what_it_says() -> None:
    (said,) = judged(BAD, "full.crl", at=MADE + 31 * 24 * HOUR).said
    assert (said.state, said.why, said.counts) == ("revoked", "stale", False)


def test_freshness_to_the_second() -> None:
    until = MADE + 30 * 24 * HOUR
    assert judged(GOOD, "full.crl", at=until).state == "good"
    assert judged(GOOD, "full.crl", at=until + 10**9).state == "undecided"
    assert judged(GOOD, "full.crl", at=MADE).state == "good"
    assert judged(GOOD, "full.crl", at=MADE - 1).said[0].why == "not-yet"


def test_a_response_without_next_update_counts_for_a_quarter_of_an_hour() -> None:
    (made,) = {said.this_update for said in judged(GOOD, "no-next-update.ocsp").said}
    assert made is not None
    assert judged(GOOD, "no-next-update.ocsp", at=made + HOUR // 4).state == "good"
    assert judged(GOOD, "no-next-update.ocsp", at=made + HOUR).said[0].why == "no-next-update"


def test_revoked_wins_over_good() -> None:
    assert judged(BAD, "full.crl", "bad.ocsp").state == "revoked"
    assert len(judged(BAD, "full.crl", "bad.ocsp").said) == 2


def test_another_cas_list_says_nothing(pki: SimpleNamespace) -> None:
    found = statuses([read(pki.server.der), read(pki.middle.der)], read_revocation(FILES / "full.crl"), at=MADE)
    assert [(status.state, status.said) for status in found] == [("undecided", ()), ("undecided", ())]


def test_roots_and_anchors_are_not_checked(pki: SimpleNamespace) -> None:
    path = [read(pki.server.der), read(pki.middle.der), read(pki.root.der)]
    assert [s.state for s in statuses(path, [], at=AT)] == ["undecided", "undecided", "not-checked"]
    assert [s.state for s in statuses(path[:2], [], at=AT, anchored=True)] == ["undecided", "not-checked"]


def state(path: list[Issued], *sources: bytes) -> Status:
    read_sources = [source for der in sources for source in revocation_in(der, "made")]
    return statuses([read(i.der) for i in path], read_sources, at=AT)[0]


def test_a_list_of_a_ca_that_is_not_to_sign_lists() -> None:
    root = issue("Crl Root", ca=True)
    for allowed, why in ((("key_cert_sign",), "signer-not-allowed"), (("key_cert_sign", "crl_sign"), "")):
        middle = issue("Crl Issuing", root, ca=True, key_usage=usages(*allowed))
        leaf = issue("crl leaf", middle)
        (said,) = state([leaf, middle, root], crl(middle, leaf.certificate.serial_number)).said
        assert said.why == why
        assert (said.state == "revoked") is (not why)


def test_scopes_of_lists(pki: SimpleNamespace) -> None:
    def point(**only: bool | frozenset[x509.ReasonFlags]) -> x509.IssuingDistributionPoint:
        usual = {
            "full_name": None, "relative_name": None, "only_contains_user_certs": False, "only_contains_ca_certs": False,
            "only_some_reasons": None, "indirect_crl": False, "only_contains_attribute_certs": False,
        }  # fmt: skip
        return x509.IssuingDistributionPoint(**{**usual, **only})  # type: ignore[arg-type]

    path, authority = [pki.server, pki.middle, pki.root], [pki.middle, pki.root]
    assert state(path, crl(pki.middle, extra=(point(only_contains_user_certs=True),))).state == "good"
    assert state(authority, crl(pki.root, extra=(point(only_contains_user_certs=True),))).said[0].why == "other-scope"
    assert state(authority, crl(pki.root, extra=(point(only_contains_ca_certs=True),))).state == "good"
    assert state(path, crl(pki.middle, extra=(point(only_contains_attribute_certs=True),))).said[0].why == "other-scope"
    some = point(only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}))
    assert state(path, crl(pki.middle, extra=(some,))).said[0].why == "some-reasons"
    assert state(path, crl(pki.middle, pki.server.certificate.serial_number, extra=(some,))).state == "revoked"


def test_an_entry_with_a_critical_extension_that_nobody_knows(pki: SimpleNamespace) -> None:
    odd = crl(pki.middle, pki.server.certificate.serial_number, entry=x509.CertificateIssuer([x509.DirectoryName(pki.root.certificate.subject)]))
    assert state([pki.server, pki.middle], odd).said[0].why == "critical-extension"


def test_a_revoked_intermediate_is_found_at_its_place(pki: SimpleNamespace) -> None:
    path = [read(i.der) for i in (pki.server, pki.middle, pki.root)]
    found = statuses(path, revocation_in(crl(pki.root, pki.middle.certificate.serial_number), "roots.crl"), at=AT)
    assert [s.state for s in found] == ["undecided", "revoked", "not-checked"]
    (defect,) = revoked(found, path)
    assert (defect.slug, defect.index, defect.detail) == ("revoked", 1, "unspecified")
    assert (defect.facts["position"], defect.facts["source"]) == ("intermediate", "roots.crl")
    (unsent,) = revoked(found, path[:1])
    assert unsent.index is None


def response(leaf: Issued, issuer: Issued, signer: Issued, status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD) -> bytes:
    gone = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        leaf.certificate, issuer.certificate, hashes.SHA1(), status, NOON - datetime.timedelta(hours=1), NOON + days(1),
        NOON - days(3) if gone else None, x509.ReasonFlags.superseded if gone else None,
    )  # fmt: skip
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, signer.certificate).certificates([signer.certificate])
    digest = None if isinstance(signer.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signer.key, digest).public_bytes(Encoding.DER)


@pytest.mark.parametrize("key", [rsa_key(2048), ed25519.Ed25519PrivateKey.generate()], ids=["rsa", "ed25519"])
def test_issuers_with_keys_of_every_kind(pki: SimpleNamespace, key: object) -> None:
    middle = issue("Keyed Issuing", pki.root, ca=True, key=key)
    leaf = issue("keyed", middle)
    path, number = [leaf, middle], leaf.certificate.serial_number
    assert state(path, crl(middle, number)).state == "revoked"
    assert state(path, response(leaf, middle, middle)).state == "good"
    impostor = issue("Keyed Issuing", pki.root, ca=True, key=ec_key("another issuing"))
    assert state(path, crl(impostor, number)).state == "undecided"
    wrong = response(leaf, middle, middle)
    at = wrong.index(ocsp.load_der_ocsp_response(wrong).signature) + 20
    assert state(path, wrong[:at] + bytes([wrong[at] ^ 1]) + wrong[at + 1 :]).said[0].why == "signature-differs"


def test_a_key_too_large_to_be_tried_is_not_tried(pki: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whytls.pki.revocation.LARGEST_KEY", 255)
    path = [pki.server, pki.middle]
    assert state(path, crl(pki.middle)).said[0].why == "signature-not-tried"
    assert state(path, response(pki.server, pki.middle, pki.middle)).said[0].why == "signature-not-tried"


def test_who_can_answer_for_a_ca(pki: SimpleNamespace) -> None:
    signing = (x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING,)
    own, other = issue("Answers", pki.middle, usage=signing), issue("Answers", pki.root, usage=signing)
    late = issue("Answers", pki.middle, usage=signing, begins=NOON - days(9), ends=NOON - days(1))
    encrypts = issue("Answers", pki.middle, usage=signing, key_usage=usages("key_encipherment"))
    path = [pki.server, pki.middle]
    assert state(path, response(pki.server, pki.middle, own)).state == "good"
    for signer in (other, late, encrypts):
        assert state(path, response(pki.server, pki.middle, signer)).said[0].why == "signer-not-allowed"
    gone = state(path, response(pki.server, pki.middle, own, ocsp.OCSPCertStatus.REVOKED))
    assert (gone.state, gone.reason) == ("revoked", "superseded")
    assert state(path, response(pki.server, pki.middle, own, ocsp.OCSPCertStatus.UNKNOWN)).state == "unknown"


def test_a_response_for_a_namesake_of_the_issuer_is_not_about_it(pki: SimpleNamespace) -> None:
    impostor = issue("Meadow Issuing 1", pki.stranger, ca=True, key=ec_key("impostor of the issuing CA"))
    assert state([pki.server, pki.middle], response(pki.server, impostor, impostor)).said[0].why == "not-listed"


def test_without_the_issuer_nothing_counts() -> None:
    found = statuses([BAD], read_revocation(FILES / "full.crl") + read_revocation(FILES / "bad.ocsp"), at=MADE)
    assert [said.why for said in found[0].said] == ["signature-not-tried", "signature-not-tried"]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SOURCES), st.data())
def test_one_changed_byte_never_makes_a_source_say_otherwise(path: Path, data: st.DataObject) -> None:
    """What a damaged source says counts only if it is what the sound one says."""
    whole = path.read_bytes()
    if not whole.startswith(b"\x30"):
        return
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    try:
        sources = revocation_in(changed, "changed")
    except WhytlsError:
        return
    for leaf in (GOOD, BAD, HELD):
        before = statuses([leaf, ISSUING, ROOT], revocation_in(whole, "sound"), at=MADE + 10**9)[0].state
        assert statuses([leaf, ISSUING, ROOT], sources, at=MADE + 10**9)[0].state in (before, "undecided")


LISTS = ("full", "stale", "future", "cas", "point", "strange", "impostor")
ANSWERS = (
    ("good", "good"), ("bad", "bad"), ("held", "held"), ("bad", "by-issuer"), ("good", "foreign"), ("good", "plain"), ("good", "sha256"),
)  # fmt: skip


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.stacks
def test_openssl_of_this_machine_decides_the_same(tmp_path: Path) -> None:
    """Files made now; ``openssl verify -crl_check`` and ``openssl ocsp -respin`` are asked about the same."""
    subprocess.run(["sh", str(FILES / "make.sh"), str(tmp_path)], check=True, capture_output=True)
    names = {n: read(read_anchors(tmp_path / f"{n}.pem")[0]) for n in ("good", "bad", "held", "issuing", "root")}
    at = int(datetime.datetime.now(datetime.UTC).timestamp()) * 10**9

    def ours(leaf: str, source: str) -> str:
        path = [names[leaf], names["issuing"], names["root"]]
        return statuses(path, read_revocation(tmp_path / source), at=at)[0].state

    for leaf in ("good", "bad", "held"):
        for name in LISTS:
            command = ("openssl", "verify", "-crl_check", "-CAfile", "root.pem", "-untrusted", "issuing.pem", "-CRLfile", f"{name}.crl.pem")
            done = run(tmp_path, *command, f"{leaf}.pem")
            first = done.stderr.partition("error ")[2].partition(" ")[0]  # further errors follow the one that decides
            theirs = {"": "good", "23": "revoked"}.get(first, "undecided")
            assert ours(leaf, f"{name}.crl.pem") == theirs, (leaf, name, done.stderr)
    for leaf, name in ANSWERS:
        digest = ["-sha256"] if name == "sha256" else []
        command = ("openssl", "ocsp", "-respin", f"{name}.ocsp", "-issuer", "issuing.pem", "-CAfile", "root.pem")
        done = run(tmp_path, *command, *digest, "-cert", f"{leaf}.pem")
        told = done.stdout.partition(f"{leaf}.pem: ")[2].split("\n")[0]
        theirs = told if "verify OK" in done.stderr else "undecided"
        assert ours(leaf, f"{name}.ocsp") == theirs, (leaf, name, done.stdout, done.stderr)
