"""Two inventories side by side, in words."""

from __future__ import annotations

from inventories import HOST, chain, healthy
from whytls.probing.result import CertificateShown, ClientCertificate, NameAsked, Refused, VersionFound
from whytls.surveying.differences import different


def test_two_servers_that_are_alike_do_not_differ() -> None:
    assert different(healthy(), healthy()) == ()


def test_every_difference_is_a_sentence_with_its_attempts() -> None:
    other = healthy(
        versions=(VersionFound(0x0303, (0xC02F, 0xC030), True), VersionFound(0x0301, (0x002F,))), groups=(0x0017,), alpn=("http/1.1",),
        secure_renegotiation=False, client_certificate=ClientCertificate("required", (2,), how="alert"),
        certificates=(CertificateShown(HOST, "ecdsa", chain("default"), (1,)),),
        names=(NameAsked("right", HOST, 1, chain("default")), NameAsked("none", None, 3, refused=Refused(3, "refused", 112))),
    )  # fmt: skip
    told = {statement.slug: statement for statement in different(healthy(), other)}
    assert told["versions"].text == "versions only here: TLS 1.3; only there: TLS 1.0"
    assert told["suites"].text.startswith("TLS 1.2: cipher suites only here: TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ")
    assert told["suites"].attempts == (2, 3)
    assert told["groups"].text == "groups only here: x25519, secp384r1"
    assert told["secure-renegotiation"].text == "secure renegotiation: yes here, no there"
    assert told["client-certificate"].text == "a client certificate: no here, required there"
    assert "CN=shop.meadow.example" in told["certificate"].text.partition(" here, ")[0]
    assert "CN=default.meadow.example" in told["certificate"].text.partition(" here, ")[2]
    assert told["names"].text == "what is made of names: only there: sni required"


def test_another_order_is_told_from_where_it_begins() -> None:
    here = healthy(versions=(VersionFound(0x0303, (0xC02F, 0xC030, 0x002F), True),))
    there = healthy(versions=(VersionFound(0x0303, (0xC02F, 0x002F, 0xC030), True),))
    (one,) = different(here, there)
    assert one.text == (
        "TLS 1.2: order of cipher suites: from place 2 on TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_RSA_WITH_AES_128_CBC_SHA here, "
        "TLS_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 there"
    )
