"""Causes of the client's certificate: in the clear under TLS 1.2, by sizes under TLS 1.3, and in the Router's way with HTTP 400."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from asking import Silent, Speaks, check, check_silent, ids, judged

from story import (
    Step,
    alert,
    certificate_request,
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
HELLO12, HELLO = client >> hello(version=TLS12), client >> hello()
CERTIFICATE, ALERT = 10, 15  # the frames of the client's certificate and of the server's refusal below
PROVEN, LIKELY = ("server", "proven", ("client",)), ("server", "likely", ("client",))  # side, confidence, owners
BOTH = ("client", "server")


def refused(pki: SimpleNamespace, chain: tuple[bytes, ...], *ending: Step, authorities: tuple[bytes, ...] = ()) -> Handshake:
    """TLS 1.2: the server asks, the client answers with the chain, and the server ends it so."""
    request = certificate_request(*authorities)
    return story(HELLO12, server_flight(*pki.sound, request=request), client_flight(*chain, asked=True), *ending)


def page(pki: SimpleNamespace, chain: tuple[bytes, ...], *authorities: bytes) -> Handshake:
    """TLS 1.2: it completes, the first request gets one short answer, and the server closes (nginx's HTTP 400)."""
    return refused(
        pki, chain, server << change(), server << finished(), client >> encrypted(120), server << encrypted(430),
        server << encrypted(26, 21), server << fin(), client >> fin(), authorities=authorities,
    )  # fmt: skip


def hidden(sizes: tuple[int, ...], *ending: Step) -> Handshake:
    """TLS 1.3: the client's flight has records of these sizes, and the server ends it so."""
    flight = server_flight(bytes(700), request=certificate_request(), version=TLS13)
    return story(HELLO, flight, client >> change(), *(client >> encrypted(size) for size in sizes), *ending)


def says(number: int) -> Step:
    return server << alert(number)


SPEAKS = [
    Speaks("client-certificate-missing", "as OpenSSL says it", lambda pki: refused(pki, (), says(40)), *PROVEN, "", (8, 10, 14)),
    Speaks("client-certificate-missing", "as Go says it", lambda pki: refused(pki, (), says(42)), *PROVEN, "", (8, 10, 14)),
    Speaks("client-certificate-missing", "in HTTP", lambda pki: page(pki, ()), *LIKELY, "refused-in-http", (8, 10, 17)),
    Speaks("client-certificate-missing", "hidden", lambda _: hidden((25, 53), server << encrypted(19), server << fin()), *LIKELY, "", (13, 15)),
    Speaks("client-certificate-missing", "hidden, in one record",
           lambda _: hidden((61,), server << encrypted(19), server << fin()), *LIKELY, "", (13, 14)),
    Speaks("client-certificate-missing", "hidden, padded",
           lambda _: hidden((41, 69), server << encrypted(35), server << fin()), *LIKELY, "", (13, 15)),
    Speaks("client-certificate-missing", "hidden, in HTTP",
           lambda _: hidden((25, 53), client >> encrypted(120), server << encrypted(430), server << encrypted(19), server << fin()),
           *LIKELY, "refused-in-http", (13, 16)),
    Speaks("client-certificate-missing", "southbound", lambda pki: refused(pki, (), says(40)), "server", "proven", ("gateway",), "", (8, 10, 14),
           lambda _: {"hop": "southbound"}),

    Speaks("client-certificate-expired", "named", lambda pki: refused(pki, pki.client_expired, says(45)), *PROVEN, "leaf", (10, 15)),
    Speaks("client-certificate-expired", "as Java says it", lambda pki: refused(pki, pki.client_expired, says(46)), *PROVEN, "leaf", (10, 15)),
    Speaks("client-certificate-expired", "in HTTP", lambda pki: page(pki, pki.client_expired), *LIKELY, "leaf", (10, 18)),
    Speaks("client-certificate-not-yet-valid", "as OpenSSL says it", lambda pki: refused(pki, pki.client_early, says(42)), *PROVEN, "leaf", (10, 15)),
    Speaks("client-certificate-revoked", "said", lambda pki: refused(pki, pki.client, says(44)), *PROVEN, "", (15,)),
    Speaks("client-certificate-usage", "named", lambda pki: refused(pki, pki.client_usage, says(43)), *PROVEN, "other-side", (10, 15)),
    Speaks("client-certificate-usage", "as Go says it", lambda pki: refused(pki, pki.client_usage, says(42)), *PROVEN, "other-side", (10, 15)),
    Speaks("client-chain-incomplete", "one certificate", lambda pki: refused(pki, pki.client_alone, says(48), authorities=(pki.root_name,)),
           *LIKELY, "leaf-only", (10, 15)),

    Speaks("client-certificate-untrusted", "as OpenSSL says it",
           lambda pki: refused(pki, pki.client, says(48)), "server", "likely", BOTH, "", (10, 15)),
    Speaks("client-certificate-untrusted", "its root was sent and is not named",
           lambda pki: refused(pki, (*pki.client, pki.root), says(48), authorities=(pki.stranger_name,)), "server", "proven", BOTH, "", (8, 10, 15)),
    Speaks("client-certificate-untrusted", "its issuer is not named, and can be an intermediate",
           lambda pki: refused(pki, pki.client, says(48), authorities=(pki.stranger_name,)), "server", "likely", BOTH, "", (8, 10, 15)),
    Speaks("client-certificate-untrusted", "self-signed", lambda pki: refused(pki, pki.client_self_signed, says(48)),
           "server", "proven", BOTH, "self-signed", (10, 15)),
    Speaks("client-certificate-untrusted", "in HTTP",
           lambda pki: page(pki, pki.client, pki.stranger_name), "server", "likely", BOTH, "", (8, 10, 18)),
    Speaks("client-certificate-untrusted", "northbound",
           lambda pki: refused(pki, pki.client, says(48)), "server", "likely", ("client", "gateway"), "",
           (10, 15), lambda _: {"hop": "northbound"}),

    Speaks("client-certificate-rejected", "hidden", lambda _: hidden((900, 281, 53), server << encrypted(19), server << fin()),
           "server", "likely", BOTH, "", (15, 16)),
    Speaks("client-certificate-rejected", "hidden, padded", lambda _: hidden((900, 297, 69), server << encrypted(35), server << fin()),
           "server", "likely", BOTH, "", (15, 16)),
    Speaks("client-certificate-rejected", "visible, and nothing is wrong with it", lambda pki: refused(pki, pki.client, says(49)),
           "server", "possible", BOTH, "visible", (15,)),
]  # fmt: skip

SILENT = [
    Silent("client-certificate-missing", "client-certificate-untrusted", lambda pki: refused(pki, pki.client, says(40))),
    Silent("client-certificate-missing", "client-certificate-rejected", lambda _: hidden((900, 281, 53), server << encrypted(19), server << fin())),
    Silent("client-certificate-missing", "cipher-mismatch", lambda _: story(HELLO12, says(40))),
    Silent("client-certificate-expired", "client-certificate-untrusted", lambda pki: refused(pki, pki.client, says(46))),
    Silent("client-certificate-expired", "certificate-expired", lambda pki: story(HELLO12, server_flight(*pki.expired), client >> alert(45))),
    Silent("client-certificate-not-yet-valid", "client-certificate-expired", lambda pki: refused(pki, pki.client_expired, says(42))),
    Silent("client-certificate-revoked", "client-certificate-untrusted", lambda pki: refused(pki, pki.client, says(46))),
    Silent("client-certificate-usage", "certificate-usage", lambda pki: story(HELLO12, server_flight(*pki.wrong_usage), client >> alert(43))),
    Silent("client-chain-incomplete", "client-certificate-untrusted", lambda pki: refused(pki, pki.client_self_signed, says(48))),
    Silent("client-certificate-untrusted", "client-certificate-expired", lambda pki: refused(pki, pki.client_expired, says(42))),
    Silent("client-certificate-untrusted", None, lambda pki: page(pki, pki.client)),
    Silent("client-certificate-rejected", "client-certificate-missing", lambda _: hidden((25, 53), server << encrypted(19), server << fin())),
    Silent("client-certificate-rejected", "certificate-rejected",
           lambda _: story(HELLO, server_flight(bytes(700), version=TLS13), client >> encrypted(19), client >> fin())),
]  # fmt: skip


@pytest.mark.parametrize("row", SPEAKS, ids=ids)
def test_speaks(row: Speaks, pki: SimpleNamespace) -> None:
    check(row, pki)


@pytest.mark.parametrize("row", SILENT, ids=ids)
def test_is_silent_beside_its_neighbour(row: Silent, pki: SimpleNamespace) -> None:
    check_silent(row, pki)


def test_a_long_answer_is_no_refusal(pki: SimpleNamespace) -> None:
    told = refused(
        pki, (), server << change(), server << finished(), client >> encrypted(120), server << encrypted(16_000),
        server << encrypted(26, 21), server << fin(), client >> fin(),
    )  # fmt: skip
    assert judged(told).cause is None


def test_a_certificate_that_was_not_asked_for_is_not_missed(pki: SimpleNamespace) -> None:
    told = story(
        HELLO12, server_flight(*pki.sound), client_flight(), server << change(), server << finished(), client >> encrypted(120),
        server << encrypted(430), server << encrypted(26, 21), server << fin(), client >> fin(),
    )  # fmt: skip
    assert judged(told).cause is None


def test_a_reset_after_the_flight_is_likely_at_most(pki: SimpleNamespace) -> None:
    said = judged(hidden((900, 281, 53), server << rst()))
    assert (said.cause_class, said.failing_side, said.confidence) == ("client-certificate", "server", "likely")
