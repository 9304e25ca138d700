"""Causes of the ClientHello and the first answer to it: where each speaks, and the neighbour where it does not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from asking import Silent, Speaks, accepted, check, check_silent, ids, judged, knowing, replayed

from story import (
    alert,
    certificate,
    change,
    client,
    client_flight,
    done,
    encrypted,
    fin,
    finished,
    hello,
    key_exchange,
    message,
    retry,
    rst,
    server,
    server_flight,
    server_hello,
    story,
)
from whytls.model import Altered, Coverage

OLD, TLS12 = 0x0301, 0x0303
P256, P384, X448 = 0x0017, 0x0018, 0x001E
RSA_ONLY, ECDSA_ONLY = (0x0804, 0x0401), (0x0403, 0x0503)
CBC = (0x002F, 0x0035)
HELLO, HELLO12 = client >> hello(), client >> hello(version=TLS12)
CBC12 = client >> hello(version=TLS12, suites=CBC)
BOTH, BOTH_BACK = ("client", "server"), ("server", "client")

SPEAKS = [
    Speaks("protocol-mismatch", "old client", lambda _: story(client >> hello(version=OLD), server << alert(70), server << fin()),
           "server", "proven", BOTH, "client-too-old", (4, 5)),
    Speaks("protocol-mismatch", "old server", lambda _: story(HELLO, server << alert(70)),
           "server", "proven", BOTH_BACK, "server-too-old", (4, 5)),
    Speaks("protocol-mismatch", "chosen without an offer", lambda _: story(HELLO, server << server_hello(OLD), client >> alert(70)),
           "client", "proven", BOTH_BACK, "server-chose-unoffered", (4, 5, 6)),
    Speaks("protocol-mismatch", "by its outdated offer",
           lambda _: story(client >> hello(version=OLD, schemes=None, suites=(0xC013, 0xC014, 0x2F)), server << alert(40)),
           "server", "likely", BOTH, "client-too-old", (4, 5)),
    Speaks("protocol-mismatch", "by another handshake", lambda _: story(client >> hello(suites=(0x1301, 0xC02F, 0xC013)), server << alert(40)),
           "server", "likely", BOTH_BACK, "server-too-old", (4, 5, 41), knowing(accepted(version=OLD, cipher_suite=0xC013, group=0x17))),
    Speaks("protocol-mismatch", "hello cut off", lambda _: story(server << alert(70), coverage=Coverage(client_gap=True, snapped=True)),
           "server", "proven", BOTH, "client-too-old", (4,)),
    Speaks("protocol-mismatch", "begun late, the client still listens",
           lambda _: story(server << alert(70), server << fin(), client >> fin(), coverage=Coverage(start=False), tcp=False),
           "server", "proven", BOTH, "client-too-old", (1,)),
    Speaks("protocol-mismatch", "begun late", lambda _: story(server << alert(70), coverage=Coverage(start=False), tcp=False),
           "server", "likely", BOTH, "client-too-old", (1,)),

    Speaks("cipher-mismatch", "by the runbook's rule", lambda _: story(HELLO, server << alert(40)),
           "server", "likely", BOTH_BACK, "", (4, 5)),
    Speaks("cipher-mismatch", "said, of the suites or of the groups", lambda _: story(HELLO, server << alert(71)),
           "server", "likely", BOTH_BACK, "", (4, 5)),
    Speaks("cipher-mismatch", "said, and the suites are old", lambda _: story(CBC12, server << alert(71)),
           "server", "likely", BOTH, "restricted-offer", (4, 5)),
    Speaks("cipher-mismatch", "said, and another handshake has one more suite", lambda _: story(CBC12, server << alert(71)),
           "server", "proven", BOTH, "restricted-offer", (4, 5, 41), knowing(accepted())),
    Speaks("cipher-mismatch", "old suites", lambda _: story(CBC12, server << alert(40)),
           "server", "likely", BOTH, "restricted-offer", (4, 5)),
    Speaks("cipher-mismatch", "by another handshake", lambda _: story(CBC12, server << alert(40)),
           "server", "proven", BOTH, "restricted-offer", (4, 5, 41), knowing(accepted())),
    Speaks("cipher-mismatch", "hello not captured", lambda _: story(server << alert(40), coverage=Coverage(start=False), tcp=False),
           "server", "possible", BOTH_BACK, "", (1,)),

    Speaks("group-mismatch", "one unusual group", lambda _: story(client >> hello(groups=(X448,)), server << alert(40)),
           "server", "likely", BOTH, "", (4, 5)),
    Speaks("group-mismatch", "said, and its list is unusual", lambda _: story(client >> hello(groups=(X448,)), server << alert(71)),
           "server", "likely", BOTH, "", (4, 5)),
    Speaks("group-mismatch", "said, and by a replay", lambda _: story(HELLO, server << alert(71)),
           "server", "proven", BOTH, "", (4, 5), replayed(Altered("group", "adding the group secp384r1"))),
    Speaks("group-mismatch", "by another handshake", lambda _: story(client >> hello(groups=(P384,)), server << alert(40)),
           "server", "proven", BOTH, "", (4, 5, 41), knowing(accepted())),

    Speaks("signature-algorithm-mismatch", "one kind of key", lambda _: story(client >> hello(schemes=ECDSA_ONLY), server << alert(40)),
           "server", "likely", BOTH, "", (4, 5)),
    Speaks("signature-algorithm-mismatch", "the key was shown",
           lambda pki: story(client >> hello(version=TLS12, schemes=ECDSA_ONLY), server << server_hello(), server << certificate(*pki.rsa),
                             server << alert(80)),
           "server", "proven", BOTH, "", (4, 6, 7)),

    Speaks("alpn-mismatch", "said", lambda _: story(client >> hello(alpn=("h2",)), server << alert(120)),
           "server", "proven", BOTH, "", (4, 5)),
    Speaks("alpn-mismatch", "by another handshake", lambda _: story(client >> hello(version=TLS12, alpn=("h2",)), server << alert(40)),
           "server", "proven", BOTH, "", (4, 5, 41), knowing(accepted(alpn="http/1.1"))),

    Speaks("sni-missing", "said", lambda _: story(client >> hello(sni=None), server << alert(112)),
           "server", "proven", ("client",), "", (4, 5)),
    Speaks("sni-missing", "by the runbook's rule", lambda _: story(client >> hello(sni=None), server << alert(40)),
           "server", "likely", ("client",), "", (4, 5)),
    Speaks("sni-missing", "by the RFC's alert", lambda _: story(client >> hello(sni=None), server << alert(109)),
           "server", "likely", ("client",), "", (4, 5)),
    Speaks("sni-missing", "by another handshake", lambda _: story(client >> hello(sni=None, version=TLS12), server << alert(40), server << fin()),
           "server", "proven", ("client",), "", (4, 5, 41), knowing(accepted())),
    Speaks("sni-missing", "southbound", lambda _: story(client >> hello(sni=None, version=TLS12), server << alert(40)),
           "server", "proven", ("gateway",), "", (4, 5, 41), lambda pki: {**knowing(accepted())(pki), "hop": "southbound"}),

    Speaks("sni-unknown", "said", lambda _: story(client >> hello(sni="nobody.example.test"), server << alert(112)),
           "server", "proven", BOTH, "", (4, 5)),
    Speaks("sni-unknown", "as Go says it", lambda _: story(client >> hello(sni="nobody.example.test"), server << alert(80)),
           "server", "likely", BOTH, "", (4, 5)),
    Speaks("sni-unknown", "by another handshake", lambda _: story(client >> hello(sni="nobody.example.test", version=TLS12), server << alert(40)),
           "server", "proven", BOTH, "", (4, 5, 41), knowing(accepted())),
    Speaks("sni-unknown", "northbound", lambda _: story(client >> hello(sni="nobody.example.test"), server << alert(112)),
           "server", "proven", ("client", "gateway"), "", (4, 5), lambda _: {"hop": "northbound"}),

    Speaks("hello-retry-refused", "a group that was not offered", lambda _: story(HELLO, server << retry(X448), client >> alert(47)),
           "client", "proven", ("server",), "group-not-offered", (4, 5, 6)),
    Speaks("hello-retry-refused", "a share that was sent", lambda _: story(HELLO, server << retry(0x001D), client >> alert(47)),
           "client", "proven", ("server",), "share-already-sent", (4, 5, 6)),
    Speaks("hello-retry-refused", "asked twice",
           lambda _: story(HELLO, server << retry(P256), client >> hello(key_shares=(P256,)), server << retry(P384), client >> alert(10)),
           "client", "proven", ("server",), "second-request", (5, 7, 8)),

    Speaks("downgrade-refused", "a fallback", lambda _: story(client >> hello(version=OLD, suites=(*CBC, 0x5600)), server << alert(86)),
           "server", "proven", ("client", "network"), "", (4, 5)),
    Speaks("downgrade-refused", "the mark in the random",
           lambda _: story(HELLO, server << server_hello(TLS12, downgrade=TLS12), client >> alert(47)),
           "client", "proven", ("client", "network"), "downgrade-mark", (5, 6)),

    Speaks("dh-too-small", "said",
           lambda pki: story(HELLO12, server << server_hello(suite=0x9E), server << certificate(*pki.sound),
                             server << key_exchange(None, kind="dhe", dh_bits=1024), server << done(), client >> alert(40)),
           "client", "proven", ("server",), "", (7, 9)),
    Speaks("dh-too-small", "closed without a word",
           lambda pki: story(HELLO12, server << server_hello(suite=0x9E),
                             server << key_exchange(None, kind="dhe", dh_bits=1024),
                             server << done(), client >> fin()),
           "client", "likely", ("server",), "", (6, 8)),

    Speaks("extended-master-secret-missing", "not returned",
           lambda pki: story(client >> hello(version=TLS12, extended_master_secret=True), server_flight(*pki.sound, secure_renegotiation=True)[:1],
                             client >> alert(40)),
           "client", "proven", BOTH_BACK, "", (5, 6)),
    Speaks("renegotiation-refused", "not supported",
           lambda _: story(client >> hello(version=TLS12, secure_renegotiation=True), server << server_hello(), client >> alert(40)),
           "client", "proven", BOTH_BACK, "", (5, 6)),
    Speaks("renegotiation-refused", "asked for",
           lambda pki: story(HELLO12, server_flight(*pki.sound), client >> message("other-message"), client >> alert(100, 1),
                             server << alert(40)),
           "client", "likely", BOTH_BACK, "renegotiation-request", (11,)),

    Speaks("internal-error", "of the client", lambda pki: story(HELLO12, server_flight(*pki.sound), client >> alert(80)),
           "client", "likely", ("client",), "", (9,)),
    Speaks("internal-error", "of the server, late",
           lambda pki: story(HELLO12, server_flight(*pki.sound), client_flight(), server << alert(80)),
           "server", "likely", ("server",), "", (12,)),

    Speaks("unexplained", "nothing fits",
           lambda pki: story(HELLO12, server_flight(*pki.sound), client_flight(), server << alert(51)),
           "server", "possible", BOTH_BACK, "", (12,)),
    Speaks("unexplained", "the client's own", lambda _: story(HELLO, client >> alert(90, 1), client >> fin()),
           "client", "possible", BOTH, "", (5,)),
    Speaks("hello-intolerance", "a longer hello, met with silence", lambda _: story(HELLO, quiet=12),
           "server", "proven", ("server", "network", "client"), "size", (4,), replayed(Altered("size", "taking out padding", False))),
    Speaks("hello-intolerance", "an extension", lambda _: story(HELLO, server << fin()), "server", "likely", ("server", "network", "client"),
           "extension", (4, 5), replayed(Altered("extension", "taking out the extension encrypt_then_mac", False), certain=False)),
    Speaks("sni-missing", "by a replay", lambda _: story(client >> hello(sni=None, suites=CBC), server << alert(40)),
           "server", "proven", ("client",), "", (4, 5), replayed(Altered("sni", "adding server_name www.example.test"))),
    Speaks("group-mismatch", "by a replay, though its list is everybody's", lambda _: story(HELLO, server << alert(40)),
           "server", "proven", BOTH, "", (4, 5), replayed(Altered("group", "adding the group secp384r1"))),
    Speaks("sni-missing", "by a replay, after the server's choice",
           lambda _: story(client >> hello(sni=None), server << server_hello(0x0304), server << alert(40)),
           "server", "proven", ("client",), "", (4, 6), replayed(Altered("sni", "adding server_name www.example.test"))),
    Speaks("extended-master-secret-missing", "a server that insists", lambda _: story(HELLO12, server << alert(40)),
           "server", "proven", BOTH, "server-insists", (4, 5), replayed(Altered("extended-master-secret", "adding extended_master_secret"))),
    Speaks("renegotiation-refused", "a server that insists", lambda _: story(HELLO12, server << alert(40)),
           "server", "proven", BOTH, "server-insists", (4, 5), replayed(Altered("renegotiation", "adding the signal for secure renegotiation"))),
    Speaks("downgrade-refused", "by a replay, closed without a word",
           lambda _: story(client >> hello(version=TLS12, suites=(0xC02F, 0x5600)), server << fin()),
           "server", "proven", ("client", "network"), "", (4, 5), replayed(Altered("fallback", "taking out TLS_FALLBACK_SCSV"))),
    Speaks("downgrade-refused", "by its alert, though a newer version mends it",
           lambda _: story(client >> hello(version=TLS12, suites=(0x2F, 0x5600)), server << alert(86)),
           "server", "proven", ("client", "network"), "", (4, 5), replayed(Altered("version", "adding TLS 1.3"))),
    Speaks("protocol-mismatch", "by its alert, though the replay's change is not the smallest", lambda _: story(HELLO12, server << alert(70)),
           "server", "proven", BOTH, "client-too-old", (4, 5),
           replayed(Altered("version", "adding TLS 1.3"), Altered("extension", "taking out the extension heartbeat", False), certain=False)),
    Speaks("cipher-mismatch", "by a replay that kept the restriction", lambda _: story(CBC12, server << alert(40)),
           "server", "proven", BOTH_BACK[::-1], "", (4, 5), replayed(Altered("suite", "adding the cipher suite TLS_RSA_WITH_AES_128_GCM_SHA256"),
                                                                     sent=hello(version=TLS12, suites=(*CBC, 0x9C)))),
    Speaks("cipher-mismatch", "by a replay that had to leave the restriction", lambda _: story(CBC12, server << alert(40)),
           "server", "proven", BOTH_BACK[::-1], "restricted-offer", (4, 5),
           replayed(Altered("suite", "adding the cipher suite TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
                    sent=hello(version=TLS12, suites=(*CBC, 0xC02F)))),
    Speaks("sni-unknown", "cut off, by a replay", lambda _: story(HELLO12, server << rst()),
           "server", "likely", ("client", "server"), "cut-off", (4, 5), replayed(Altered("sni", "taking out server_name", False))),
]  # fmt: skip

SILENT = [
    Silent("protocol-mismatch", "cipher-mismatch", lambda _: story(HELLO, server << alert(40))),
    Silent("protocol-mismatch", "downgrade-refused", lambda _: story(client >> hello(version=OLD, suites=(*CBC, 0x5600)), server << alert(86))),
    Silent("protocol-mismatch", "cipher-mismatch", lambda _: story(CBC12, server << alert(40)), knowing(accepted())),
    Silent("cipher-mismatch", "sni-missing", lambda _: story(client >> hello(sni=None), server << alert(112))),
    Silent("cipher-mismatch", "protocol-mismatch", lambda _: story(HELLO, server << alert(70))),
    Silent("cipher-mismatch", "group-mismatch", lambda _: story(client >> hello(groups=(P384,)), server << alert(40)), knowing(accepted())),
    Silent("group-mismatch", "hello-retry-refused", lambda _: story(client >> hello(groups=(P384,)), server << retry(P256), client >> alert(47))),
    Silent("group-mismatch", "cipher-mismatch", lambda _: story(CBC12, server << alert(40)), knowing(accepted())),
    Silent("group-mismatch", "cipher-mismatch", lambda _: story(CBC12, server << alert(40))),
    Silent("signature-algorithm-mismatch", "cipher-mismatch", lambda _: story(CBC12, server << alert(40))),
    Silent("signature-algorithm-mismatch", "certificate-expired",
           lambda pki: story(client >> hello(version=TLS12, schemes=ECDSA_ONLY), server_flight(*pki.expired), client >> alert(45))),
    Silent("alpn-mismatch", "cipher-mismatch", lambda _: story(client >> hello(alpn=("h2", "http/1.1")), server << alert(40))),
    Silent("sni-missing", "sni-unknown", lambda _: story(HELLO, server << alert(112))),
    Silent("sni-missing", "cipher-mismatch",
           lambda _: story(client >> hello(sni=None, version=TLS12, suites=CBC), server << alert(40)), knowing(accepted(sni=None))),
    Silent("sni-missing", "sni-default-certificate",
           lambda pki: story(client >> hello(sni=None, version=TLS12), server_flight(*pki.elsewhere), client >> alert(42)),
           lambda pki: knowing(accepted(chain=pki.sound))(pki)),
    Silent("sni-unknown", "sni-missing", lambda _: story(client >> hello(sni=None), server << alert(112))),
    Silent("sni-unknown", "certificate-name-mismatch",
           lambda pki: story(HELLO12, server_flight(*pki.elsewhere), client >> alert(42))),
    Silent("hello-retry-refused", "group-mismatch", lambda _: story(client >> hello(groups=(X448,)), server << alert(40))),
    Silent("hello-retry-refused", "handshake-timeout",
           lambda _: story(HELLO, server << retry(P256), client >> hello(key_shares=(P256,)), quiet=12)),
    Silent("downgrade-refused", "protocol-mismatch", lambda _: story(client >> hello(version=OLD), server << alert(70))),
    Silent("downgrade-refused", "malformed-message", lambda _: story(HELLO, server << server_hello(TLS12), client >> alert(47))),
    Silent("dh-too-small", "certificate-weak-key",
           lambda pki: story(HELLO12, server_flight(*pki.weak_key), client >> alert(71))),
    Silent("dh-too-small", "extended-master-secret-missing",
           lambda pki: story(client >> hello(version=TLS12, extended_master_secret=True),
                           server << server_hello(suite=0x9E, secure_renegotiation=True), server << certificate(*pki.sound),
                           server << key_exchange(None, kind="dhe", dh_bits=2048), server << done(), client >> alert(40))),
    Silent("extended-master-secret-missing", "renegotiation-refused",
           lambda _: story(client >> hello(version=TLS12, extended_master_secret=True, secure_renegotiation=True),
                           server << server_hello(extended_master_secret=True), client >> alert(40))),
    Silent("renegotiation-refused", "extended-master-secret-missing",
           lambda _: story(client >> hello(version=TLS12, extended_master_secret=True, secure_renegotiation=True),
                           server << server_hello(secure_renegotiation=True), client >> alert(40))),
    Silent("hello-intolerance", "handshake-timeout", lambda _: story(HELLO, quiet=12)),
    Silent("hello-intolerance", "cipher-mismatch", lambda _: story(HELLO, server << alert(40)),
           replayed(Altered("suite", "adding the cipher suite TLS_AES_256_GCM_SHA384"))),
    Silent("cipher-mismatch", "group-mismatch", lambda _: story(HELLO, server << alert(40)),
           replayed(Altered("group", "adding the group secp384r1"))),
    Silent("internal-error", "cipher-mismatch", lambda _: story(HELLO, server << alert(40))),
    Silent("unexplained", None,
           lambda pki: story(HELLO12, server_flight(*pki.sound), client_flight(), server << change(), server << finished(),
                             client >> encrypted(200), server << encrypted(900), client >> fin())),
]  # fmt: skip


@pytest.mark.parametrize("row", SPEAKS, ids=ids)
def test_speaks(row: Speaks, pki: SimpleNamespace) -> None:
    check(row, pki)


@pytest.mark.parametrize("row", SILENT, ids=ids)
def test_is_silent_beside_its_neighbour(row: Silent, pki: SimpleNamespace) -> None:
    check_silent(row, pki)


def test_a_hello_without_supported_versions_offers_its_version_at_most() -> None:
    """What such a client takes below it is not said (RFC 5246 appendix E.1)."""
    said = judged(story(client >> hello(version=TLS12), server << alert(70)))
    assert said.title == "The client offers TLS 1.2 at most, and the server supports none of it"


@pytest.mark.parametrize(("groups", "lacking"), [((X448,), "x25519 or secp256r1"), ((0x001D,), "secp256r1")])
def test_only_groups_that_the_client_lacks_are_to_be_enabled(groups: tuple[int, ...], lacking: str) -> None:
    said = judged(story(client >> hello(groups=groups), server << alert(40)))
    assert (said.cause, said.fix and said.fix.text.partition(" in the client's list")[0]) == ("group-mismatch", f"enable {lacking}")
