"""Causes of the server's certificate: where each speaks, by which stack's alert, and the neighbour where it does not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from asking import Silent, Speaks, accepted, check, check_silent, findings, ids, judged, knowing

from story import (
    START,
    Step,
    alert,
    change,
    client,
    client_flight,
    encrypted,
    fin,
    finished,
    hello,
    rst,
    server,
    server_flight,
    story,
)
from whytls.model import Handshake

TLS12, TLS13 = 0x0303, 0x0304
HELLO12, UNNAMED12 = client >> hello(version=TLS12), client >> hello(sni=None, version=TLS12)
SERVER, CLIENT, BOTH, BOTH_BACK = ("server",), ("client",), ("client", "server"), ("server", "client")
CERTIFICATE, ALERT = 6, 9  # the frames of the story below
PROVEN, LIKELY = ("client", "proven", SERVER), ("client", "likely", SERVER)  # side, confidence, owners
PROVEN_BOTH, LIKELY_BOTH = ("client", "proven", BOTH_BACK), ("client", "likely", BOTH_BACK)
PROVEN_CLIENTS, LIKELY_CLIENTS = ("client", "proven", BOTH), ("client", "likely", BOTH)


def refused(chain: tuple[bytes, ...], *ending: Step, opening: Step = HELLO12) -> Handshake:
    """TLS 1.2: the server shows the chain, and the client ends it so."""
    return story(opening, server_flight(*chain), *ending)


def dropped(chain: tuple[bytes, ...], *ending: Step, opening: Step = HELLO12) -> Handshake:
    """TLS 1.2: the handshake completes, and the client ends it so without having sent anything."""
    return story(opening, server_flight(*chain), client_flight(), server << change(), server << finished(), *ending)


def hidden(*ending: Step, sni: str | None = "www.example.test") -> Handshake:
    """TLS 1.3: the chain is encrypted, and the client ends it so."""
    return story(client >> hello(sni=sni), server_flight(bytes(700), bytes(600), version=TLS13), *ending)


def says(number: int) -> Step:
    return client >> alert(number)


SPEAKS = [
    Speaks("certificate-expired", "named", lambda pki: refused(pki.expired, says(45)), *PROVEN, "leaf", (CERTIFICATE, ALERT)),
    Speaks("certificate-expired", "as Go says it", lambda pki: refused(pki.expired, says(42)), *PROVEN, "leaf", (6, 9)),
    Speaks("certificate-expired", "as Java says it", lambda pki: refused(pki.expired, says(46)), *PROVEN, "leaf", (6, 9)),
    Speaks("certificate-expired", "the one above", lambda pki: refused(pki.under_expired, says(45)), *PROVEN, "intermediate", (6, 9)),
    Speaks("certificate-expired", "as nginx drops it", lambda pki: dropped(pki.expired, client >> rst()), *LIKELY, "leaf", (6, 14)),
    Speaks("certificate-expired", "named, hidden", lambda _: hidden(says(45)), *LIKELY, "alert-only", (11,)),
    Speaks("certificate-expired", "northbound", lambda pki: refused(pki.expired, says(45)), "client", "proven", ("gateway",), "leaf", (6, 9),
           lambda _: {"hop": "northbound"}),
    Speaks("certificate-expired", "southbound", lambda pki: refused(pki.expired, says(45)), "client", "proven", ("backend",), "leaf", (6, 9),
           lambda _: {"hop": "southbound"}),
    Speaks("certificate-expired", "shown to somebody else", lambda _: hidden(client >> encrypted(19), client >> fin()), *LIKELY, "leaf",
           (11, 41), lambda pki: knowing(accepted(chain=pki.expired, outcome="failed"))(pki)),
    Speaks("certificate-expired", "judged at another time", lambda pki: refused(pki.sound, says(45)), *PROVEN, "leaf", (6, 9),
           lambda _: {"at": START + 400 * 86_400 * 10**9}),

    Speaks("certificate-not-yet-valid", "as OpenSSL says it", lambda pki: refused(pki.early, says(42)), *PROVEN, "leaf", (6, 9)),
    Speaks("certificate-not-yet-valid", "as NSS says it", lambda pki: refused(pki.early, says(45)), *PROVEN, "leaf", (6, 9)),

    Speaks("certificate-name-mismatch", "as OpenSSL says it", lambda pki: refused(pki.elsewhere, says(42)), *PROVEN_BOTH, "san-differs", (6, 9)),
    Speaks("certificate-name-mismatch", "as curl drops it",
           lambda pki: dropped(pki.elsewhere, client >> encrypted(26, 21), client >> fin(), client >> rst()),
           *LIKELY_BOTH, "san-differs", (6, 14)),
    Speaks("certificate-name-mismatch", "common name only", lambda pki: refused(pki.common_name, says(42)), *PROVEN_BOTH, "cn-only", (6, 9)),
    Speaks("certificate-name-mismatch", "called by address", lambda pki: refused(pki.sound, says(46), opening=UNNAMED12),
           *LIKELY_CLIENTS, "no-name-sent", (4, 6, 9)),

    Speaks("certificate-self-signed", "as OpenSSL says it", lambda pki: refused(pki.self_signed, says(48)), *PROVEN_BOTH, "", (6, 9)),
    Speaks("certificate-self-signed", "as Java says it", lambda pki: refused(pki.self_signed, says(46)), *PROVEN_BOTH, "", (6, 9)),

    Speaks("chain-incomplete", "its issuer was seen elsewhere", lambda pki: refused(pki.alone, says(48)), *PROVEN, "leaf-only", (6, 9),
           lambda pki: knowing(accepted(chain=pki.sound, sni="other.example.test"))(pki)),
    Speaks("chain-incomplete", "one certificate", lambda pki: refused(pki.alone, says(48)), *LIKELY, "leaf-only", (6, 9)),

    Speaks("chain-wrong-intermediate", "another CA's", lambda pki: refused(pki.stray, says(48)), *PROVEN, "other-name", (6, 9)),
    Speaks("chain-order", "root before intermediate", lambda pki: refused(pki.shuffled, says(42)), *PROVEN, "", (6, 9)),
    Speaks("certificate-bad-signature", "as OpenSSL says it", lambda pki: refused(pki.damaged, says(51)), *PROVEN, "", (6, 9)),
    Speaks("certificate-bad-signature", "as Go says it", lambda pki: refused(pki.damaged, says(42)), *PROVEN, "", (6, 9)),
    Speaks("certificate-issuer-not-ca", "as OpenSSL says it", lambda pki: refused(pki.by_no_ca, says(48)), *PROVEN, "not-a-ca", (6, 9)),
    Speaks("certificate-name-constraints", "as OpenSSL says it", lambda pki: refused(pki.constrained, says(46)), *PROVEN, "not-permitted", (6, 9)),
    Speaks("certificate-usage", "as OpenSSL says it", lambda pki: refused(pki.wrong_usage, says(43)), *PROVEN, "other-side", (6, 9)),
    Speaks("certificate-usage", "as Go says it", lambda pki: refused(pki.wrong_usage, says(42)), *PROVEN, "other-side", (6, 9)),
    Speaks("certificate-weak-key", "named", lambda pki: refused(pki.weak_key, says(71)), *PROVEN, "rsa-below-2048", (6, 9)),
    Speaks("certificate-weak-key", "as OpenSSL says it", lambda pki: refused(pki.weak_key, says(42)), *PROVEN, "rsa-below-2048", (6, 9)),
    Speaks("certificate-weak-digest", "as OpenSSL says it", lambda pki: refused(pki.weak_digest, says(42)), *PROVEN, "sha1", (6, 9)),
    Speaks("certificate-revoked", "said", lambda pki: refused(pki.sound, says(44)), *PROVEN, "", (9,)),
    Speaks("certificate-revoked", "said, hidden chain", lambda _: hidden(says(44)), *PROVEN, "", (11,)),

    Speaks("certificate-untrusted", "as OpenSSL says it", lambda pki: refused(pki.sound, says(48)), *LIKELY_CLIENTS, "", (6, 9)),
    Speaks("certificate-untrusted", "its root was sent", lambda pki: refused(pki.whole, says(48)), *PROVEN_CLIENTS, "", (6, 9)),
    Speaks("certificate-untrusted", "as Java says it", lambda pki: refused(pki.sound, says(46)), *LIKELY_CLIENTS, "", (6, 9)),
    Speaks("certificate-untrusted", "said, hidden chain", lambda _: hidden(says(48)), *LIKELY_CLIENTS, "alert-only", (11,)),
    Speaks("certificate-untrusted", "by the truststore", lambda pki: refused(pki.sound, says(46)), *PROVEN_CLIENTS, "", (6, 9),
           lambda pki: {"trust": (pki.stranger,)}),
    Speaks("certificate-untrusted", "southbound", lambda pki: refused(pki.sound, says(48)), "client", "likely", ("gateway", "backend"), "", (6, 9),
           lambda _: {"hop": "southbound"}),

    Speaks("certificate-rejected", "hidden alert", lambda _: hidden(client >> encrypted(19), client >> fin()), *LIKELY_BOTH, "", (11,)),
    Speaks("certificate-rejected", "hidden alert, padded as Java does", lambda _: hidden(client >> encrypted(35), client >> fin()), *LIKELY_BOTH,
           "", (11,)),
    Speaks("certificate-rejected", "generic alert", lambda _: hidden(says(42)), *LIKELY_BOTH, "", (11,)),
    Speaks("certificate-rejected", "thrown away after finishing",
           lambda _: hidden(client >> change(), client >> encrypted(53), client >> encrypted(19), client >> fin(),
                            server << encrypted(250), client >> rst()),
           "client", "possible", BOTH_BACK, "after-finishing", (13,)),

    Speaks("sni-default-certificate", "by another handshake", lambda pki: refused(pki.elsewhere, says(42), opening=UNNAMED12),
           "client", "proven", CLIENT, "", (4, 6, 9, 41), lambda pki: knowing(accepted(chain=pki.sound))(pki)),
    Speaks("sni-default-certificate", "southbound", lambda pki: refused(pki.elsewhere, says(46), opening=UNNAMED12),
           "client", "likely", ("gateway",), "", (4, 6, 9), lambda pki: {"hop": "southbound", "trust": (pki.root,)}),
]  # fmt: skip

SILENT = [
    Silent("certificate-expired", "certificate-not-yet-valid", lambda pki: refused(pki.early, says(42))),
    Silent("certificate-expired", "certificate-untrusted", lambda pki: refused(pki.sound, says(46))),
    Silent("certificate-expired", "client-certificate-expired",
           lambda pki: story(HELLO12, server_flight(*pki.sound), client_flight(*pki.client_expired, asked=True), server << alert(45))),
    Silent("certificate-expired", None,
           lambda pki: story(HELLO12, server_flight(*pki.expired), client_flight(), server << change(), server << finished(),
                             client >> encrypted(300), server << encrypted(900), client >> fin())),
    Silent("certificate-not-yet-valid", "certificate-expired", lambda pki: refused(pki.expired, says(42))),
    Silent("certificate-name-mismatch", "certificate-untrusted", lambda pki: refused(pki.sound, says(46))),
    Silent("certificate-name-mismatch", "sni-default-certificate", lambda pki: dropped(pki.sound, client >> fin(), opening=UNNAMED12),
           lambda pki: knowing(accepted(chain=pki.elsewhere, sni="blog.example.test"))(pki)),
    Silent("certificate-name-mismatch", "sni-unknown", lambda _: story(client >> hello(sni="nobody.example.test"), server << alert(112))),
    Silent("certificate-self-signed", "chain-incomplete", lambda pki: refused(pki.alone, says(48))),
    Silent("certificate-self-signed", "certificate-untrusted", lambda pki: refused(pki.whole, says(48))),
    Silent("chain-incomplete", "certificate-untrusted", lambda pki: refused(pki.whole, says(48))),
    Silent("chain-incomplete", "chain-wrong-intermediate", lambda pki: refused(pki.stray, says(48))),
    Silent("chain-incomplete", "certificate-self-signed", lambda pki: refused(pki.self_signed, says(48))),
    Silent("chain-wrong-intermediate", "chain-incomplete", lambda pki: refused(pki.alone, says(48))),
    Silent("chain-wrong-intermediate", "certificate-bad-signature", lambda pki: refused(pki.damaged, says(51))),
    Silent("chain-order", "chain-wrong-intermediate", lambda pki: refused(pki.stray, says(48))),
    Silent("chain-order", "certificate-untrusted", lambda pki: refused(pki.whole, says(48))),
    Silent("certificate-bad-signature", "chain-wrong-intermediate", lambda pki: refused(pki.stray, says(42))),
    Silent("certificate-bad-signature", "certificate-weak-digest", lambda pki: refused(pki.weak_digest, says(42))),
    Silent("certificate-issuer-not-ca", "chain-wrong-intermediate", lambda pki: refused(pki.stray, says(48))),
    Silent("certificate-name-constraints", "certificate-name-mismatch", lambda pki: refused(pki.elsewhere, says(46))),
    Silent("certificate-usage", "certificate-issuer-not-ca", lambda pki: refused(pki.by_no_ca, says(48))),
    Silent("certificate-weak-key", "certificate-weak-digest", lambda pki: refused(pki.weak_digest, says(42))),
    Silent("certificate-weak-digest", "certificate-bad-signature", lambda pki: refused(pki.damaged, says(42))),
    Silent("certificate-revoked", "certificate-untrusted", lambda pki: refused(pki.sound, says(46))),
    Silent("certificate-untrusted", "certificate-self-signed", lambda pki: refused(pki.self_signed, says(48))),
    Silent("certificate-untrusted", "chain-incomplete", lambda pki: refused(pki.alone, says(48)),
           lambda pki: knowing(accepted(chain=pki.sound, sni="other.example.test"))(pki)),
    Silent("certificate-untrusted", "certificate-name-mismatch", lambda pki: refused(pki.sound, says(46), opening=UNNAMED12),
           lambda pki: {"trust": (pki.root,)}),
    Silent("certificate-untrusted", "certificate-expired", lambda pki: refused(pki.expired, says(42))),
    Silent("certificate-rejected", "certificate-untrusted", lambda pki: refused(pki.sound, says(46))),
    Silent("certificate-rejected", "client-certificate-rejected",
           lambda _: story(client >> hello(), server_flight(bytes(700), version=TLS13), client_flight(bytes(700), asked=True, version=TLS13),
                           server << encrypted(19), server << fin())),
    Silent("certificate-rejected", None,
           lambda _: hidden(client >> change(), client >> encrypted(53), client >> encrypted(19), client >> fin(), server << fin())),
    Silent("sni-default-certificate", "certificate-name-mismatch", lambda pki: refused(pki.elsewhere, says(42))),
    Silent("sni-default-certificate", "certificate-untrusted", lambda pki: refused(pki.sound, says(48), opening=UNNAMED12)),
    Silent("sni-default-certificate", "sni-missing", lambda _: story(client >> hello(sni=None), server << alert(112))),
]  # fmt: skip


@pytest.mark.parametrize("row", SPEAKS, ids=ids)
def test_speaks(row: Speaks, pki: SimpleNamespace) -> None:
    check(row, pki)


@pytest.mark.parametrize("row", SILENT, ids=ids)
def test_is_silent_beside_its_neighbour(row: Silent, pki: SimpleNamespace) -> None:
    check_silent(row, pki)


SERVER_CAUSES = [slug for slug in dict.fromkeys(row.slug for row in SPEAKS) if slug != "certificate-revoked"]


@pytest.mark.parametrize("number", [10, 40, 47, 70, 120])
def test_an_alert_that_no_stack_sends_for_a_certificate_proves_no_defect(number: int, pki: SimpleNamespace) -> None:
    found = findings(refused(pki.expired_elsewhere, says(number)))
    assert {slug for slug in SERVER_CAUSES if slug in found and found[slug].confidence == "proven"} == set()


def test_two_defects_and_a_generic_alert_leave_both_open(pki: SimpleNamespace) -> None:
    said = judged(refused(pki.expired_elsewhere, says(46)))
    assert said.confidence == "likely"
    assert {said.cause, *(a.cause for a in said.alternatives)} >= {"certificate-expired", "certificate-name-mismatch"}


def test_two_defects_and_the_alert_names_one(pki: SimpleNamespace) -> None:
    said = judged(refused(pki.expired_elsewhere, says(45)))
    assert (said.cause, said.confidence) == ("certificate-expired", "proven")


def test_a_store_that_lacks_the_root_is_only_a_rival_of_a_defect_that_is_seen(pki: SimpleNamespace) -> None:
    said = judged(refused(pki.expired, says(45)), trust=(pki.stranger,))
    assert said.cause == "certificate-expired"


def test_a_defect_is_no_cause_where_data_flowed(pki: SimpleNamespace) -> None:
    told = story(
        HELLO12, server_flight(*pki.expired_elsewhere), client_flight(), server << change(), server << finished(),
        client >> encrypted(300), server << encrypted(900), server << encrypted(26, 21), server << fin(), client >> fin(),
    )  # fmt: skip
    assert judged(told).cause is None


def test_the_clock_of_the_capture_counts(pki: SimpleNamespace) -> None:
    told = refused(pki.expired, says(46))
    assert judged(told).cause == "certificate-expired"
    assert judged(told, at=START - 50 * 86_400 * 10**9).cause == "certificate-untrusted"
