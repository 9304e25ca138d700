"""Chains as they are sent: every defect, where it is, and nothing else."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519

from authority import AT, CLIENT, NOON, SERVER, Issued, corrupted, days, ec_key, issue, rsa_key, subject_name, usages, weakened
from whytls.pki.chain import ChainReport, examine, in_system_store

DAY = 86_400 * 1_000_000_000
HOST = "shop.meadow.example"


def judge(*chain: Issued | bytes, **wanted: object) -> ChainReport:
    ders = [link.der if isinstance(link, Issued) else link for link in chain]
    return examine(ders, **{"at": AT, **wanted})  # type: ignore[arg-type]


def slugs(report: ChainReport) -> list[str]:
    return [f"{d.slug}/{d.detail}" if d.detail else d.slug for d in report.defects]


def test_sound_chain_without_its_root(pki: SimpleNamespace) -> None:
    report = judge(pki.server, pki.middle, host=HOST)
    assert (slugs(report), report.path, report.ends_at, report.anchored) == ([], (0, 1), "intermediate", None)
    assert report.last_issuer == "CN=Meadow Root,O=Meadow"
    assert not report.last_self_signed
    assert not report.complete


def test_sound_chain_with_its_root(pki: SimpleNamespace) -> None:
    report = judge(pki.server, pki.middle, pki.root, host=HOST)
    assert (slugs(report), report.path, report.ends_at) == ([], (0, 1, 2), "root")
    assert report.last_self_signed
    assert report.complete


def test_anchor_completes_the_path(pki: SimpleNamespace) -> None:
    report = judge(pki.server, pki.middle, anchors=[pki.stranger.der, pki.root.der])
    assert (slugs(report), report.ends_at, report.anchored) == ([], "anchor", True)
    assert [c.common_name for c in report.path_certificates] == [HOST, "Meadow Issuing 1", "Meadow Root"]
    assert report.path == (0, 1)


def test_intermediate_as_anchor_ends_the_path(pki: SimpleNamespace) -> None:
    report = judge(pki.server, anchors=[pki.middle.der])
    assert (slugs(report), report.anchored) == ([], True)


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (("server", "middle"), "root-not-sent"),
        (("server", "middle", "root"), "root-sent"),
        (("server",), "issuer-unknown"),
    ],
)
def test_untrusted_root(pki: SimpleNamespace, sent: tuple[str, ...], detail: str) -> None:
    report = judge(*(getattr(pki, name) for name in sent), anchors=[pki.other.der])
    assert report.anchored is False
    assert report.has("untrusted-root", detail)


def test_untrusted_root_is_not_told_beside_what_explains_it(pki: SimpleNamespace) -> None:
    assert slugs(judge(pki.server, pki.other, anchors=[pki.root.der])) == ["wrong-intermediate/other-name"]
    open_question = judge(pki.server, anchors=[pki.root.der])
    assert [(d.slug, d.certain) for d in open_question.defects] == [("missing-intermediate", False), ("untrusted-root", False)]


def test_no_anchors_at_all_trusts_nothing(pki: SimpleNamespace) -> None:
    assert judge(pki.server, pki.middle, anchors=[]).has("untrusted-root", "root-not-sent")


def test_anchor_of_the_same_name_with_another_key(pki: SimpleNamespace) -> None:
    impostor = issue("Meadow Root", ca=True, key=ec_key("another"))
    report = judge(pki.server, pki.middle, anchors=[impostor.der])
    assert slugs(report) == ["untrusted-root/same-name"]
    assert len(report.defects[0].facts["namesakes"]) == 1


def test_leaf_alone(pki: SimpleNamespace) -> None:
    report = judge(pki.server)
    assert slugs(report) == ["missing-intermediate/leaf-only"]
    assert report.ends_at == "leaf"
    assert not report.defects[0].certain
    assert report.defects[0].facts["issuer"] == "CN=Meadow Issuing 1,O=Meadow"


def test_leaf_alone_is_certain_when_its_issuer_is_known_and_no_root(pki: SimpleNamespace) -> None:
    report = judge(pki.server, known=[pki.middle.der])
    assert slugs(report) == ["missing-intermediate/leaf-only"]
    assert report.defects[0].certain
    assert report.defects[0].facts["missing"] == (report.path_certificates[1].sha256,)


def test_leaf_issued_by_a_root_lacks_nothing(pki: SimpleNamespace) -> None:
    leaf = issue("kiosk", pki.root, san=("kiosk.meadow.example",))
    assert slugs(judge(leaf, known=[pki.root.der])) == []
    assert slugs(judge(leaf, anchors=[pki.root.der])) == []


def test_second_intermediate_missing(pki: SimpleNamespace) -> None:
    lower = issue("Meadow Lower", pki.middle, ca=True)
    leaf = issue("deep", lower)
    report = judge(leaf, lower, known=[pki.middle.der, pki.root.der])
    assert slugs(report) == ["missing-intermediate/upper"]


def test_root_sent_and_intermediate_left_out(pki: SimpleNamespace) -> None:
    report = judge(pki.server, pki.root)
    assert slugs(report) == ["missing-intermediate/gap"]
    assert report.defects[0].facts["instead"] == ("CN=Meadow Root,O=Meadow",)


@pytest.mark.parametrize("wrong", ["other", "sibling"])
def test_wrong_intermediate_by_name(pki: SimpleNamespace, wrong: str) -> None:
    report = judge(pki.server, getattr(pki, wrong))
    assert slugs(report) == ["wrong-intermediate/other-name"]
    assert (report.defects[0].index, report.defects[0].facts["instead_indices"]) == (0, (1,))
    assert report.superfluous == (1,)


def test_wrong_intermediate_by_key(pki: SimpleNamespace) -> None:
    renewed = issue("Meadow Issuing 1", pki.root, ca=True, key=ec_key("renewed"))
    report = judge(pki.server, renewed, pki.root)
    assert slugs(report) == ["wrong-intermediate/other-key"]
    assert (report.path, report.ends_at) == ((0, 1, 2), "root")
    assert judge(pki.server, renewed, anchors=[pki.root.der]).anchored is False


def test_right_key_beats_wrong_key_of_the_same_name(pki: SimpleNamespace) -> None:
    renewed = issue("Meadow Issuing 1", pki.root, ca=True, key=ec_key("renewed"))
    report = judge(pki.server, renewed, pki.middle)
    assert (slugs(report), report.path) == (["superfluous"], (0, 2))


def test_root_that_does_not_fit_the_intermediate(pki: SimpleNamespace) -> None:
    report = judge(pki.server, pki.middle, pki.stranger)
    assert slugs(report) == ["wrong-intermediate/other-root"]
    assert not report.defects[0].certain


def test_damaged_signature(pki: SimpleNamespace) -> None:
    report = judge(corrupted(pki.server), pki.middle)
    assert slugs(report) == ["bad-signature"]
    assert report.defects[0].certain


def test_damaged_signature_under_an_anchor_that_was_not_sent(pki: SimpleNamespace) -> None:
    report = judge(corrupted(issue("kiosk", pki.root)), anchors=[pki.root.der])
    assert (slugs(report), report.anchored) == (["bad-signature"], False)


def test_damaged_signature_without_key_identifiers_stays_open(pki: SimpleNamespace) -> None:
    leaf = issue("plain", pki.middle, key_ids=False)
    report = judge(corrupted(leaf), pki.middle)
    assert slugs(report) == ["bad-signature/or-other-key", "missing-authority-key-id"]
    assert not report.defects[0].certain


def test_damaged_signature_of_a_self_signed_leaf() -> None:
    assert slugs(judge(corrupted(issue("alone")))) == ["bad-signature/own", "missing-intermediate/leaf-only"]


def test_self_signed_leaf_and_pinned_one() -> None:
    alone = issue("alone", san=("alone.example",))
    report = judge(alone)
    assert (slugs(report), report.ends_at) == (["self-signed-leaf"], "root")
    assert slugs(judge(alone, anchors=[alone.der])) == []
    assert slugs(judge(alone, anchors=[issue("elsewhere", ca=True).der])) == ["self-signed-leaf"]


def test_all_defects_are_reported_not_the_first(pki: SimpleNamespace) -> None:
    old = issue("Meadow Old", pki.root, ca=True, ends=NOON - days(1))
    leaf = issue("bad", old, ends=NOON - days(2), usage=(CLIENT,), key=rsa_key(1024))
    report = judge(leaf, old, host="other.example")
    assert slugs(report) == [
        "expired/leaf", "expired/intermediate", "name-mismatch/other-domain", "weak-key/rsa-below-2048", "wrong-usage/other-side"
    ]  # fmt: skip


def test_validity_is_exact_to_the_second_though_structure_is_cached(pki: SimpleNamespace) -> None:
    not_after = judge(pki.server, pki.middle).certificates[0].not_after
    not_before = judge(pki.server, pki.middle).certificates[0].not_before
    assert not_after
    assert not_before
    second = 1_000_000_000
    assert slugs(judge(pki.server, pki.middle, at=not_after)) == []
    assert slugs(judge(pki.server, pki.middle, at=not_after + second)) == ["expired/leaf", "expired/intermediate"]
    assert slugs(judge(pki.server, pki.middle, at=not_before)) == []
    assert slugs(judge(pki.server, pki.middle, at=not_before - 1)) == ["not-yet-valid/leaf", "not-yet-valid/intermediate"]
    assert judge(pki.server, pki.middle, at=not_before - 1).defects[0].facts["not_before"] == not_before


def test_expired_root_that_was_sent_is_not_certain(pki: SimpleNamespace) -> None:
    root = issue("Aged Root", ca=True, ends=NOON - days(1))
    middle = issue("Aged Issuing", root, ca=True)
    report = judge(issue("leaf", middle), middle, root)
    assert slugs(report) == ["expired/root"]
    assert not report.defects[0].certain


def test_wrong_order(pki: SimpleNamespace) -> None:
    report = judge(pki.server, pki.root, pki.middle)
    assert (slugs(report), report.path, report.ends_at) == (["wrong-order"], (0, 2, 1), "root")


def test_leaf_not_first(pki: SimpleNamespace) -> None:
    report = judge(pki.middle, pki.server)
    assert report.find("wrong-order", "leaf-not-first").facts == {"issued_index": 1}  # type: ignore[union-attr]


def test_duplicates_and_strangers(pki: SimpleNamespace) -> None:
    report = judge(pki.server, pki.server, pki.middle, pki.root, pki.stranger, pki.middle)
    assert sorted(slugs(report)) == ["duplicate", "duplicate", "superfluous"]
    assert (report.path, report.superfluous) == ((0, 2, 3), (1, 4, 5))


def test_cross_signed_ca_gives_two_paths(pki: SimpleNamespace) -> None:
    young = issue("Young Root", ca=True)
    cross = issue("Young Root", pki.root, ca=True)
    middle = issue("Young Issuing", young, ca=True)
    leaf = issue("young leaf", middle)
    assert judge(leaf, middle, cross, young).other_paths == 1
    for anchor in (pki.root, young):
        report = judge(leaf, middle, cross, anchors=[anchor.der])
        assert (slugs(report), report.anchored) == ([], True)


def test_expired_cross_signature_is_passed_by_where_there_is_another_way(pki: SimpleNamespace) -> None:
    young = issue("Young Root", ca=True)
    cross = issue("Young Root", pki.root, ca=True, ends=NOON - days(1))
    middle = issue("Young Issuing", young, ca=True)
    leaf = issue("young leaf", middle)
    report = judge(leaf, middle, cross, anchors=[pki.root.der, young.der])
    assert (slugs(report), report.anchored) == ([], True)
    alone = judge(leaf, middle, cross)
    assert slugs(alone) == ["expired/intermediate"]
    assert not alone.defects[0].certain
    assert judge(leaf, middle, cross, anchors=[pki.root.der]).defects[0].certain


def test_cross_signed_circle_ends() -> None:
    left, right = issue("Left", ca=True), issue("Right", ca=True)
    by_right, by_left = issue("Left", right, ca=True), issue("Right", left, ca=True)
    report = judge(issue("leaf", left), by_right, by_left)
    assert (report.path, report.ends_at, slugs(report)) == ((0, 1, 2), "intermediate", [])


@pytest.mark.parametrize(
    ("purpose", "usage", "found"),
    [
        ("server", (SERVER,), []),
        ("server", (CLIENT,), ["wrong-usage/other-side"]),
        ("client", (SERVER,), ["wrong-usage/other-side"]),
        ("client", (CLIENT, SERVER), []),
        ("server", (x509.ObjectIdentifier("1.3.6.1.5.5.7.3.3"),), ["wrong-usage/no-tls"]),
        ("server", (x509.ObjectIdentifier("2.5.29.37.0"),), ["wrong-usage/any-usage-only"]),
        ("server", (x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),), []),
    ],
)
def test_extended_key_usage(pki: SimpleNamespace, purpose: str, usage: tuple[x509.ObjectIdentifier, ...], found: list[str]) -> None:
    assert slugs(judge(issue("used", pki.middle, usage=usage), pki.middle, purpose=purpose)) == found


def test_extended_key_usage_of_an_intermediate_limits_what_is_below(pki: SimpleNamespace) -> None:
    mail = issue("Meadow Mail", pki.root, ca=True, usage=(x509.ObjectIdentifier("1.3.6.1.5.5.7.3.4"),))
    assert slugs(judge(issue("leaf", mail), mail)) == ["wrong-usage/issuer-usage"]


def test_key_usage_of_the_leaf(pki: SimpleNamespace) -> None:
    crl_only = issue("leaf", pki.middle, key_usage=usages("crl_sign"))
    assert slugs(judge(crl_only, pki.middle)) == ["wrong-usage/key-usage"]
    encipher = issue("leaf", pki.middle, key_usage=usages("key_encipherment"))
    assert slugs(judge(encipher, pki.middle)) == []
    assert slugs(judge(encipher, pki.middle, purpose="client")) == ["wrong-usage/key-usage"]


def test_issuer_that_is_no_ca(pki: SimpleNamespace) -> None:
    leaf = issue("under a leaf", pki.server)
    report = judge(leaf, pki.server, pki.middle)
    assert slugs(report) == ["issuer-not-ca/not-a-ca"]
    assert (report.defects[0].index, report.defects[0].certain) == (1, True)
    bare = issue("Bare", pki.root, basic=False)
    assert slugs(judge(issue("leaf", bare), bare)) == ["issuer-not-ca/no-basic-constraints"]
    mute = issue("Mute", pki.root, ca=True, key_usage=usages("digital_signature"))
    assert slugs(judge(issue("leaf", mute), mute)) == ["issuer-not-ca/no-cert-sign"]


def test_path_length(pki: SimpleNamespace) -> None:
    short = issue("Short", pki.root, ca=True, path_length=0)
    lower = issue("Lower", short, ca=True)
    report = judge(issue("leaf", lower), lower, short)
    assert slugs(report) == ["path-length-exceeded"]
    assert (report.defects[0].index, report.defects[0].facts["allowed"], report.defects[0].facts["length"]) == (2, 0, 1)
    assert slugs(judge(issue("leaf", short), short)) == []


def test_name_constraints(pki: SimpleNamespace) -> None:
    limits = x509.NameConstraints(permitted_subtrees=[x509.DNSName("inner.example")], excluded_subtrees=None)
    bound = issue("Bound", pki.root, ca=True, extra=(limits,))
    assert slugs(judge(issue("ok", bound, san=("a.inner.example",)), bound)) == []
    report = judge(issue("out", bound, san=("a.inner.example", "outer.example")), bound)
    assert slugs(report) == ["name-constraints/not-permitted"]
    assert report.defects[0].index == 0
    assert report.defects[0].facts["name"] == "outer.example"
    assert report.defects[0].facts["permitted"] == ("inner.example",)


def test_weak_keys_and_digests(pki: SimpleNamespace) -> None:
    strong, weak = rsa_key(2048), rsa_key(1024)
    ca = issue("RSA CA", pki.root, ca=True, key=strong)
    assert slugs(judge(issue("leaf", ca, key=weak), ca)) == ["weak-key/rsa-below-2048"]
    for digest in (hashes.SHA1(), hashes.MD5()):
        assert slugs(judge(weakened(issue("leaf", ca), ca, digest), ca)) == [f"weak-digest/{digest.name}"]
    small = ec.generate_private_key(ec.SECP192R1())
    assert slugs(judge(issue("leaf", ca, key=small), ca)) == ["weak-key/ec-below-224"]
    assert slugs(judge(issue("leaf", ca, key=dsa.generate_private_key(1024)), ca)) == ["weak-key/dsa"]
    alone = issue("self", key=strong)
    assert slugs(judge(weakened(alone, alone, hashes.SHA1()))) == ["self-signed-leaf"]


def test_weak_key_of_the_issuer_is_told_where_it_is(pki: SimpleNamespace) -> None:
    weak = issue("Weak CA", pki.root, ca=True, key=rsa_key(1024))
    found = judge(issue("leaf", weak), weak).find("weak-key")
    assert found
    assert (found.index, found.facts["position"], found.facts["key_bits"]) == (1, "intermediate", 1024)


def test_edwards_keys_are_verified() -> None:
    root = issue("Edwards", ca=True, key=ed25519.Ed25519PrivateKey.generate())
    leaf = issue("leaf", root)
    assert slugs(judge(leaf, root)) == []
    assert slugs(judge(corrupted(leaf), root)) == ["bad-signature"]


def test_names(pki: SimpleNamespace) -> None:
    assert slugs(judge(pki.server, pki.middle, host="www.meadow.example")) == ["name-mismatch/san-differs"]
    assert slugs(judge(pki.server, pki.middle, host="10.1.1.1")) == ["name-mismatch/ip-without-ip-san"]
    by_cn = issue("cn.meadow.example", pki.middle)
    assert slugs(judge(by_cn, pki.middle, host="cn.meadow.example")) == ["cn-only"]
    assert judge(pki.client, pki.middle, host="other.example", purpose="client").name is None


def test_name_encoding_that_differs(pki: SimpleNamespace) -> None:
    leaf = issue("leaf", pki.middle, issuer=subject_name("MEADOW  issuing 1"))
    assert slugs(judge(leaf, pki.middle)) == ["name-encoding-differs"]


def test_key_identifier_that_differs_though_the_signature_fits(pki: SimpleNamespace) -> None:
    wrong = x509.AuthorityKeyIdentifier(b"\1" * 20, None, None)
    leaf = issue("leaf", pki.middle, key_ids=False, extra=(wrong,))
    assert slugs(judge(leaf, pki.middle)) == ["key-identifier-differs"]


def test_same_key_identifier_of_two_keys(pki: SimpleNamespace) -> None:
    twin = x509.SubjectKeyIdentifier(judge(pki.middle).certificates[0].ski or b"")
    double = issue("Double", ca=True, key_ids=False, extra=(twin,))
    assert "duplicate-key-id" in slugs(judge(pki.server, pki.middle, double))


def test_client_chain(pki: SimpleNamespace) -> None:
    assert slugs(judge(pki.client, pki.middle, purpose="client")) == []
    assert slugs(judge(pki.client, pki.middle)) == ["wrong-usage/other-side"]


def test_nothing_sent() -> None:
    report = judge(anchors=[b"x"])
    assert (report.defects, report.ends_at, report.leaf, report.anchored) == ((), None, None, False)


def test_garbage_is_malformed_and_no_more() -> None:
    assert slugs(judge(b"\x30\x03garbage")) == ["malformed/unreadable"]


def test_cut_certificate_still_tells_its_issuer(pki: SimpleNamespace) -> None:
    report = judge(pki.server.der[:-40], pki.middle)
    assert slugs(report) == ["malformed"]
    assert report.path == (0, 1)


def test_odd_encoding_is_not_malformed(pki: SimpleNamespace) -> None:
    critical = bytes.fromhex("0603551d130101")  # basicConstraints, and the BOOLEAN behind it: 0xff in DER, in BER anything but 0
    assert critical + b"\xff" in pki.server.der
    odd = pki.server.der.replace(critical + b"\xff", critical + b"\x01")
    report = judge(odd, pki.middle)
    assert "odd-encoding" in slugs(report)
    assert not report.has("malformed")
    assert report.certificates[0].dns_names == (HOST,)


def test_clock_that_was_not_set(pki: SimpleNamespace) -> None:
    assert slugs(judge(pki.server, pki.middle, at=3600 * 10**9)) == []
    assert judge(pki.server, pki.middle, at=900_000_000 * 10**9).has("not-yet-valid")


def test_ca_and_certificate_of_the_same_name() -> None:
    authority = issue("Widgets", ca=True, key_ids=False)
    report = judge(issue("Widgets", authority, key=ec_key("other"), key_ids=False))
    assert [(d.slug, d.detail, d.certain) for d in report.defects] == [
        ("bad-signature", "or-other-key", False), ("missing-intermediate", "leaf-only", False)
    ]  # fmt: skip


def test_long_chain_is_read_and_named() -> None:
    authority = issue("CA 0", ca=True)
    chain = [authority]
    for depth in range(1, 30):
        authority = issue(f"CA {depth}", authority, ca=True)
        chain.append(authority)
    chain.append(issue("leaf", authority))
    report = judge(*reversed(chain))
    assert slugs(report) == ["long-chain"]
    assert len(report.path) == 31


def test_many_cross_signed_certificates_take_bounded_time() -> None:
    roots = [issue(f"Web {i}", ca=True) for i in range(6)]
    crossed = [issue(f"Web {i}", roots[j], ca=True) for i in range(6) for j in range(6) if i != j]
    begin = time.process_time()
    report = judge(issue("leaf", roots[0]), *crossed)
    assert time.process_time() - begin < 5
    assert report.path[0] == 0


def test_many_certificates_of_one_name_take_bounded_time() -> None:
    twins = [issue("Twin", ca=True, key=ec_key(f"twin {i}"), key_ids=False) for i in range(31)]
    leaf = issue("leaf", twins[-1], key_ids=False)
    begin = time.process_time()
    report = judge(leaf, *twins)
    assert time.process_time() - begin < 5
    assert report.path == (0, 31)


def test_system_store_does_not_know_a_private_root(pki: SimpleNamespace) -> None:
    assert in_system_store(judge(pki.server, pki.middle)) in (False, None)
    assert in_system_store(judge()) is None
