"""Keystore against truststore: the verdict, the defect that decides, what to do in which store, and that it helps."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import get_args

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authority import AT, CLIENT, NOON, SERVER, Issued, corrupted, crl, days, ec_key, issue, rsa_key
from whytls.pki.certificate import read
from whytls.pki.defect import Defect, Purpose
from whytls.pki.pair import Anchor, PairReport, pair
from whytls.pki.readers.revocation import revocation_in
from whytls.pki.stacks import OF_PAIRS, ORDER, REASONS, STACKS, UNANCHORED, alerts_of
from whytls.pki.trust import HABITS
from whytls.wire.alert import OBSERVED, STANDARD

HOST = "shop.meadow.example"


def judge(presents: list[Issued | bytes], trusts: list[Issued], **wanted: object) -> PairReport:
    sent = [p.der if isinstance(p, Issued) else p for p in presents]
    return pair(sent, [t.der for t in trusts], **{"at": AT, **wanted})  # type: ignore[arg-type]


def told(report: PairReport) -> list[tuple[str, str, bool]]:
    return [(mend.holder, mend.action, mend.alternative) for mend in report.mends]


def test_a_sound_pair_is_accepted_by_all(pki: SimpleNamespace) -> None:
    report = judge([pki.server, pki.middle], [pki.root], host=HOST)
    assert (report.accepted, report.deciding, report.defects, report.mends, report.anchor) == (True, None, (), (), None)
    assert report.mended is True
    assert all(report.alerts(d.stack) == frozenset() for d in report.decisions)


def test_a_missing_intermediate_is_the_presenters_to_mend(pki: SimpleNamespace) -> None:
    report = judge([pki.server], [pki.root], known=[pki.middle.der], host=HOST)
    assert report.accepted is False
    assert report.deciding is not None
    assert (report.deciding.slug, report.deciding.certain) == ("missing-intermediate", True)
    assert told(report) == [("presents", "upload-chain", False)]
    assert report.repair.chain == (pki.server.der, pki.middle.der)
    assert report.anchor is None
    assert report.mended is True
    assert report.alerts("openssl") == {48}
    assert report.alerts("go") == {42}
    assert report.alerts("java") == {46}
    assert report.alerts("node") == {None}


def test_an_issuer_that_is_not_at_hand_has_to_be_obtained(pki: SimpleNamespace) -> None:
    report = judge([pki.server], [pki.root])
    assert report.accepted is False
    assert told(report) == [("presents", "obtain-issuer", False)]
    assert report.repair.missing is not None
    assert report.repair.missing.subject == "CN=Meadow Issuing 1,O=Meadow"
    assert (report.anchor, report.mended) == (None, False)


def test_an_unknown_root_has_to_be_added_the_root_and_not_the_leaf(pki: SimpleNamespace) -> None:
    report = judge([pki.server, pki.middle], [pki.stranger], known=[pki.root.der])
    assert report.deciding is not None
    assert report.deciding.slug == "untrusted-root"
    assert report.anchor == Anchor("CN=Meadow Root,O=Meadow", read(pki.root.der).sha256, pki.root.der)
    assert told(report) == [("trusts", "add-anchor", False), ("presents", "replace-certificate", True)]
    assert report.mended is True
    named_only = judge([pki.server, pki.middle], [pki.stranger])
    assert named_only.anchor == Anchor("CN=Meadow Root,O=Meadow")
    assert named_only.mended is False


def test_a_self_signed_certificate_is_its_own_anchor() -> None:
    alone = issue("till", san=("till.example",))
    report = judge([alone], [])
    assert report.deciding is not None
    assert report.deciding.slug == "self-signed-leaf"
    assert report.anchor == Anchor("CN=till,O=Meadow", read(alone.der).sha256, alone.der)
    assert report.mended is True
    assert judge([alone], [alone]).accepted is True


def test_both_stores_lack_something(pki: SimpleNamespace) -> None:
    report = judge([pki.server], [pki.stranger], known=[pki.middle.der, pki.root.der])
    assert told(report) == [("presents", "upload-chain", False), ("trusts", "add-anchor", False)]
    assert report.mended is True


def test_disorder_is_nobodys_trouble_except_at_the_front(pki: SimpleNamespace) -> None:
    assert judge([pki.server, pki.root, pki.middle], [pki.root]).accepted is True
    report = judge([pki.middle, pki.server], [pki.root])
    assert report.accepted is False
    assert report.deciding is not None
    assert (report.deciding.slug, report.deciding.detail) == ("wrong-order", "leaf-not-first")
    assert told(report) == [("presents", "upload-chain", False)]
    assert report.mended is True


@pytest.mark.parametrize(
    ("made", "slug", "alert", "action"),
    [
        ({"ends": NOON - days(1)}, "expired", 45, ("presents", "replace-certificate")),
        ({"begins": NOON + days(1)}, "not-yet-valid", 42, ("presents", "replace-certificate")),
        ({"usage": (CLIENT,)}, "wrong-usage", 43, ("presents", "replace-certificate")),
        ({"san": ("bar.meadow.example",)}, "name-mismatch", 42, ("presents", "replace-certificate")),
    ],
)
def test_faults_of_the_own_certificate(pki: SimpleNamespace, made: dict[str, object], slug: str, alert: int, action: tuple[str, str]) -> None:
    wanted = {"san": (HOST,), "usage": (SERVER,), "begins": NOON - days(9), "ends": NOON + days(9), **made}
    leaf = issue("shop.meadow.example", pki.middle, **wanted)  # type: ignore[arg-type]
    report = judge([leaf, pki.middle], [pki.root], host=HOST)
    assert report.accepted is False
    assert report.deciding is not None
    assert (report.deciding.slug, report.alerts("openssl"), told(report)) == (slug, {alert}, [(*action, False)])
    assert report.mended is False
    assert report.by("openssl").condition == ("host-name-checked" if slug == "name-mismatch" else "")
    assert report.alerts("go") == {42}
    assert 46 in report.alerts("java")


def test_a_host_is_not_compared_for_a_client_and_not_without_one(pki: SimpleNamespace) -> None:
    assert judge([pki.server, pki.middle], [pki.root]).accepted is True
    assert judge([pki.client, pki.middle], [pki.root], usage="client", host="other.example").accepted is True


def test_mutual_tls_has_its_own_reasons(pki: SimpleNamespace) -> None:
    report = judge([pki.client, pki.middle], [pki.stranger], usage="client", known=[pki.root.der])
    assert report.accepted is False
    assert report.withheld
    assert report.by("openssl").alerts == (48,)
    assert report.alerts("openssl") == {48, 116, 40}
    assert report.alerts("java") == {46, 42, 116, 40}
    assert report.alerts("nginx") == {None}
    assert report.anchor is not None
    assert report.anchor.der == pki.root.der
    assert not judge([pki.client, pki.middle], [pki.root], usage="client").withheld
    wrong = judge([pki.server, pki.middle], [pki.root], usage="client")
    assert wrong.deciding is not None
    assert (wrong.deciding.slug, wrong.alerts("openssl")) == ("wrong-usage", {43})


def test_no_certificate_at_all() -> None:
    report = judge([], [issue("Any Root", ca=True)], usage="client")
    assert report.accepted is False
    assert report.deciding == Defect("no-certificate")
    assert report.alerts("openssl") == {116, 40}
    assert told(report) == [("presents", "replace-certificate", False)]
    assert judge([], [], usage="server").accepted is False


def test_an_intermediate_as_anchor_divides_the_stacks(pki: SimpleNamespace) -> None:
    report = judge([pki.server, pki.middle], [pki.middle], known=[pki.root.der])
    assert report.accepted is None
    assert [report.by(s).accepts for s in ("java", "go", "curl", "openssl", "nginx proxy")] == [True, True, True, False, False]
    assert report.anchor is not None
    assert report.anchor.der == pki.root.der
    assert told(report)[0] == ("trusts", "add-anchor", False)
    assert report.mended is True


def test_an_intermediate_in_the_truststore_serves_beside_its_root(pki: SimpleNamespace) -> None:
    assert judge([pki.server], [pki.middle, pki.root]).accepted is True


def test_a_pinned_certificate(pki: SimpleNamespace) -> None:
    pinned = judge([pki.server], [pki.server])
    assert [pinned.by(s).accepts for s in ("java", "go", "openssl")] == [True, True, False]
    late = issue("till", ends=NOON - days(1))
    report = judge([late], [late])
    assert [report.by(s).accepts for s in ("java", "go", "openssl")] == [True, False, False]
    assert report.deciding is not None
    assert report.deciding.slug == "expired"


def test_an_expired_root_is_the_truststores(pki: SimpleNamespace) -> None:
    old = issue("Meadow Root", ca=True, begins=NOON - days(900), ends=NOON - days(1))
    report = judge([pki.server, pki.middle], [old])
    assert [report.by(s).accepts for s in ("java", "go", "openssl")] == [True, False, False]
    assert told(report) == [("trusts", "renew-anchor", False)]
    assert judge([pki.server, pki.middle], [old, pki.root]).accepted is True


def test_a_renewed_intermediate_at_hand_is_uploaded(pki: SimpleNamespace) -> None:
    old = issue("Meadow Issuing 1", pki.root, ca=True, key=pki.middle.key, begins=NOON - days(300), ends=NOON - days(1))
    report = judge([pki.server, old], [pki.root], known=[pki.middle.der])
    assert report.deciding is not None
    assert (report.deciding.slug, report.deciding.detail) == ("expired", "intermediate")
    assert told(report) == [("presents", "upload-chain", False)]
    assert report.mended is True
    assert told(judge([pki.server, old], [pki.root])) == [("presents", "replace-intermediate", False)]


def test_damage_and_rubbish(pki: SimpleNamespace) -> None:
    damaged = judge([corrupted(pki.server), pki.middle], [pki.root])
    assert damaged.deciding is not None
    assert (damaged.deciding.slug, damaged.alerts("openssl"), told(damaged)) == ("bad-signature", {51}, [("presents", "replace-certificate", False)])
    rubbish = judge([b"\x30\x03\x02\x01\x00"], [pki.root])
    assert rubbish.accepted is False
    assert rubbish.deciding is not None
    assert rubbish.deciding.slug == "malformed"


def test_nginx_follows_one_intermediate(pki: SimpleNamespace) -> None:
    lower = issue("Meadow Lower", pki.middle, ca=True)
    report = judge([issue("deep", lower), lower, pki.middle], [pki.root], usage="client")
    assert [report.by(s).accepts for s in ("openssl", "nginx", "java")] == [True, False, True]
    assert (report.by("nginx").condition, report.alerts("nginx")) == ("verify-depth", {None})
    assert told(report) == [("trusts", "raise-depth", False)]
    assert report.mended is True


def test_a_stack_with_a_profile_decides_as_its_profile_and_says_its_words(pki: SimpleNamespace) -> None:
    partial = issue("own", pki.middle, san=("s*.meadow.example",))
    report = judge([partial, pki.middle], [pki.root], host=HOST)
    assert [report.by(s).accepts for s in ("openssl", "nginx proxy", "java", "python", "curl", "go")] == [True, True, True, False, False, False]
    late = judge([issue("own", pki.middle, begins=NOON - days(9), ends=NOON - days(1)), pki.middle], [pki.root])
    assert (late.by("openssl").code, late.by("nginx proxy").words) == ("X509_V_ERR_CERT_HAS_EXPIRED", "certificate has expired")
    assert late.by("java").code == "CertPathValidatorException.EXPIRED"
    assert late.by("gnutls").code == ""  # it has no profile


def test_curl_ends_a_path_at_any_anchor_and_openssl_does_not(pki: SimpleNamespace) -> None:
    report = judge([pki.server], [pki.middle], host=HOST)
    assert [report.by(s).accepts for s in ("curl", "go", "java", "openssl", "python", "nginx proxy")] == [True, True, True, False, False, False]


def test_what_no_defect_of_ours_tells_is_told_in_the_stacks_words(pki: SimpleNamespace) -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    report = judge([issue("own", pki.middle, extra=(odd,)), pki.middle], [pki.root])
    assert report.by("openssl").accepts is False
    assert report.by("openssl").deciding is not None
    assert report.deciding is not None
    assert report.deciding.slug == "refused"
    assert report.by("openssl").words == "unhandled critical extension"
    assert report.alerts("openssl") == {46}


def test_stacks_that_differ_make_no_verdict(pki: SimpleNamespace) -> None:
    cn_only = issue(HOST, pki.middle)
    report = judge([cn_only, pki.middle], [pki.root], host=HOST)
    assert report.accepted is None
    assert [report.by(s).accepts for s in ("go", "openssl", "java")] == [False, True, True]
    assert report.alerts("go") == {42}
    weak = issue("weak", pki.middle, key=rsa_key(1024))
    assert judge([weak, pki.middle], [pki.root]).by("openssl").condition == "security-level-2"


def test_an_impostor_among_the_anchors(pki: SimpleNamespace) -> None:
    impostor = issue("Meadow Root", ca=True, key=ec_key("impostor root"))
    report = judge([pki.server, pki.middle], [impostor], known=[pki.root.der])
    assert report.accepted is False
    assert report.anchor is not None
    assert report.anchor.der == pki.root.der
    assert report.mended is True


def test_a_revoked_certificate_counts_where_it_is_checked(pki: SimpleNamespace) -> None:
    sources = tuple(revocation_in(crl(pki.middle, pki.server.certificate.serial_number), "issuing.crl"))
    report = judge([pki.server, pki.middle], [pki.root], revocation=sources)
    assert report.accepted is None
    assert report.deciding is not None
    assert (report.deciding.slug, report.by("openssl").condition) == ("revoked", "revocation-checked")
    assert (report.alerts("openssl"), report.by("go").accepts) == ({44}, True)
    assert told(report) == [("presents", "replace-certificate", False)]
    assert [s.state for s in report.statuses] == ["revoked", "undecided", "not-checked"]


def test_several_defects_each_get_their_mend(pki: SimpleNamespace) -> None:
    late = issue(HOST, pki.middle, san=("bar.meadow.example",), begins=NOON - days(9), ends=NOON - days(1))
    report = judge([late], [pki.stranger], host=HOST, known=[pki.middle.der, pki.root.der])
    assert [d.slug for d in report.defects][:3] == ["missing-intermediate", "name-mismatch", "expired"]
    assert told(report) == [("presents", "upload-chain", False), ("presents", "replace-certificate", False), ("trusts", "add-anchor", False)]
    assert report.alerts("openssl") == {48}


def test_tables_name_what_exists() -> None:
    slugs = {line.slug for line in HABITS} | OF_PAIRS
    assert set(ORDER) <= slugs
    assert set(REASONS) <= slugs
    assert slugs >= UNANCHORED
    assert {reason for names in REASONS.values() for reason in names} - {""} <= set(STANDARD)
    assert {stack.name for stacks in STACKS.values() for stack in stacks} <= {row.stack for row in OBSERVED}
    for usage in get_args(Purpose):
        for stack in STACKS[usage]:
            assert alerts_of(stack.name, Defect("expired"), usage), (stack.name, usage)
            assert alerts_of(stack.name, Defect("superfluous"), usage) == ()


def test_alerts_that_were_not_measured_follow_from_those_that_were() -> None:
    assert alerts_of("java", Defect("issuer-not-ca"), "server") == (46,)
    assert alerts_of("openssl", Defect("bad-signature"), "client") == (51,)
    assert alerts_of("go", Defect("bad-signature"), "client") == (42,)
    assert alerts_of("nginx", Defect("name-constraints"), "client") == (None,)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_two_lists_give_a_consistent_report(pki: SimpleNamespace, data: st.DataObject) -> None:
    sound = [getattr(pki, name).der for name in ("root", "middle", "server", "client", "stranger", "other", "sibling")]
    pool = [*sound, corrupted(pki.middle), b"", b"\x30\x80", pki.server.der[:200]]
    report = pair(
        data.draw(st.lists(st.sampled_from(pool), max_size=6)), data.draw(st.lists(st.sampled_from(sound), max_size=4)), at=AT,
        usage=data.draw(st.sampled_from(["server", "client"])), known=data.draw(st.lists(st.sampled_from(pool), max_size=4)),
        host=data.draw(st.sampled_from([None, HOST])),
    )  # fmt: skip
    assert (report.deciding is None) is not any(d.accepts is False for d in report.decisions)
    assert report.deciding is None or report.defects[0] == report.deciding
    assert all(decision.accepts is not False or decision.deciding for decision in report.decisions)
    if report.accepted:
        assert report.mends == ()
        assert report.mended
    if report.anchor is not None and report.anchor.der is not None:
        assert report.anchor.der in sound or report.anchor.der in report.repair.chain


def test_large_stores_take_bounded_time(pki: SimpleNamespace) -> None:
    crowd = [issue(f"Crowd {n}", ca=True).der for n in range(300)]
    pair([pki.server.der], crowd, at=AT)
    begun = time.monotonic()
    pair([pki.server.der, *crowd], [*crowd, pki.root.der], at=AT, known=crowd)
    assert time.monotonic() - begun < 2
