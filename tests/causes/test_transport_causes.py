"""Causes of the transport: refused, reset, closed, silent, lost and broken; where each speaks, and where its neighbour does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from asking import Silent, Speaks, check, check_silent, findings, ids

from story import (
    alert,
    certificate_request,
    client,
    client_flight,
    fin,
    hello,
    malformed,
    retry,
    rst,
    server,
    server_flight,
    server_hello,
    story,
    syn,
    syn_ack,
    unreachable,
    wait,
)
from whytls.model import Coverage, Prelude, Transport

TLS12 = 0x0303
HELLO, HELLO12 = client >> hello(), client >> hello(version=TLS12)
SERVER, FROM_SERVER, FROM_CLIENT = ("server",), ("server", "network"), ("client", "network")
UP = {"syn_seen": True, "syn_ack_seen": True, "syn_count": 1}
LOST = Transport(**UP, client_bytes=1700, client_acked=0, client_retransmissions=3, largest_unacknowledged=1440)
CUT = Transport(**UP, client_bytes=1700, client_acked=1440, client_retransmissions=1, largest_unacknowledged=260)
UNREAD = Transport(**UP, client_bytes=225, client_acked=0, closed_unread=True)
UNHEARD = Transport(**UP, client_bytes=225, client_acked=225)  # the hello was acknowledged, and the client's FIN was not
NUMBERLESS = Transport(**UP, client_bytes=225, client_acked=0)  # the reset acknowledges nothing, not even that none had come
INJECTED = Transport(**UP, client_bytes=225, client_acked=225, foreign_reset=True, foreign_reset_reason="its TTL is 240, that of the others 64")

SPEAKS = [
    Speaks("connection-refused", "RST", lambda _: story(client >> syn(), server << rst()), "client", "proven", ("server", "client"), "", (1, 2)),
    Speaks("connection-refused", "unreachable", lambda _: story(client >> syn(), server << unreachable()), "client", "proven", ("server", "client"),
           "unreachable", (1, 2)),
    Speaks("connection-timeout", "again and again", lambda _: story(client >> syn(), wait(1), client >> syn(), wait(2), client >> syn(), quiet=12),
           "server", "proven", ("network", "server"), "", (1, 3)),
    Speaks("connection-timeout", "once", lambda _: story(client >> syn(), quiet=12), "server", "proven", ("network", "server"), "once", (1,)),

    Speaks("connection-reset", "on accept", lambda _: story(server << rst()), "server", "proven", FROM_SERVER, "on-accept", (4,)),
    Speaks("connection-reset", "hello taken in",
           lambda _: story(HELLO, server << rst()), "server", "likely", FROM_SERVER, "after-client-hello", (4, 5)),
    Speaks("connection-reset", "hello not taken in", lambda _: story(HELLO, server << rst(), transport=UNREAD), "server", "proven", FROM_SERVER,
           "on-accept", (4, 5)),
    Speaks("connection-reset", "without an acknowledgement", lambda _: story(HELLO, server << rst(), transport=NUMBERLESS), "server", "likely",
           FROM_SERVER, "after-client-hello", (4, 5)),
    Speaks("connection-reset", "over what stood in front of TLS", lambda _: story(server << rst(), prelude=Prelude("proxy-v1", (4,))), "server",
           "likely", FROM_SERVER, "on-accept", (4,)),
    Speaks("connection-reset", "in its flight", lambda _: story(HELLO12, server << server_hello(), server << rst()), "server", "proven", FROM_SERVER,
           "in-server-flight", (4, 6)),
    Speaks("connection-reset", "by the client",
           lambda _: story(HELLO, client >> rst()), "client", "likely", FROM_CLIENT, "after-client-hello", (4, 5)),

    Speaks("closed-without-answer", "FIN", lambda _: story(HELLO, server << fin()), "server", "likely", SERVER, "fin", (4, 5)),
    Speaks("closed-without-answer", "fatal close_notify", lambda _: story(HELLO, server << alert(0), server << fin()), "server", "likely", SERVER,
           "fatal-close-notify", (4, 5)),
    Speaks("closed-without-answer", "close_notify", lambda _: story(HELLO, server << alert(0, 1), server << fin()), "server", "likely", SERVER,
           "warning-close-notify", (4, 5)),
    Speaks("closed-without-answer", "on accept", lambda _: story(server << fin()), "server", "proven", SERVER, "on-accept", (4,)),
    Speaks("closed-without-answer", "over what stood in front of TLS", lambda _: story(server << fin(), prelude=Prelude("proxy-v1", (4,))), "server",
           "likely", SERVER, "on-accept", (4,)),
    Speaks("closed-without-answer", "before the hello came", lambda _: story(HELLO, server << fin(), transport=UNREAD), "server", "proven", SERVER,
           "on-accept", (4, 5)),
    Speaks("closed-without-answer", "close_notify before the hello came",
           lambda _: story(HELLO, server << alert(0, 1), server << fin(), transport=UNREAD), "server", "proven", SERVER, "on-accept", (4, 5)),
    Speaks("closed-without-answer", "after it had waited for a hello that never came",
           lambda _: story(HELLO, wait(2), server << fin(), transport=UNREAD), "server", "likely", SERVER, "fin", (4, 5)),
    Speaks("closed-without-answer", "and the hello was sent again",
           lambda _: story(HELLO, server << fin(), transport=UNREAD._replace(client_retransmissions=1)), "server", "likely", SERVER, "fin", (4, 5)),
    Speaks("closed-without-answer", "before the hello came, and something is missing",
           lambda _: story(HELLO, server << fin(), transport=UNREAD, coverage=Coverage(server_gap=True)), "server", "likely", SERVER, "on-accept",
           (4, 5)),
    Speaks("closed-without-answer", "in its flight", lambda _: story(HELLO12, server << server_hello(), server << fin()), "server", "proven", SERVER,
           "in-server-flight", (4, 6)),

    Speaks("handshake-timeout", "the client gives up",
           lambda _: story(HELLO, wait(30), client >> fin()), "server", "proven", FROM_SERVER, "", (4, 5)),
    Speaks("handshake-timeout", "the recording ends with its FIN",
           lambda _: story(HELLO, wait(30), client >> fin(), transport=UNHEARD), "server", "likely", FROM_SERVER, "", (4, 5)),
    Speaks("handshake-timeout", "its FIN is the last that is recorded for a second",
           lambda _: story(HELLO, wait(30), client >> fin(), transport=UNHEARD, quiet=1), "server", "proven", FROM_SERVER, "", (4, 5)),
    Speaks("handshake-timeout", "nobody does", lambda _: story(HELLO, quiet=12), "server", "proven", FROM_SERVER, "", (4,)),
    Speaks("handshake-timeout", "no hello comes", lambda _: story(wait(20), server << fin()), "client", "proven", FROM_CLIENT, "", (4,)),
    Speaks("handshake-timeout", "the server does not finish",
           lambda pki: story(HELLO12, server_flight(*pki.sound), client_flight(), wait(5), client >> fin()),
           "server", "proven", FROM_SERVER, "", (12,)),
    Speaks("handshake-timeout", "the client does not answer", lambda pki: story(HELLO12, server_flight(*pki.sound), wait(60), server << fin()),
           "client", "proven", FROM_CLIENT, "", (9,)),

    Speaks("client-hello-lost", "all of it",
           lambda _: story(HELLO, wait(12), client >> fin(), transport=LOST), "server", "proven", ("network",), "", (1, 5)),
    Speaks("client-hello-lost", "a part",
           lambda _: story(client >> hello()._replace(length=1690), quiet=12, transport=CUT),
           "server", "likely", ("network",), "partly", (4,)),

    Speaks("middlebox-interference", "a reset that does not fit", lambda _: story(HELLO, server << rst(), transport=INJECTED),
           "network", "likely", ("network",), "", (4, 5)),

    Speaks("malformed-message", "and the peer says so", lambda _: story(HELLO12, server << malformed("ends before its length"), client >> alert(50)),
           "client", "proven", FROM_SERVER, "", (5, 6)),
    Speaks("malformed-message", "and the peer closes", lambda _: story(HELLO12, server << malformed("ends before its length"), client >> fin()),
           "client", "likely", FROM_SERVER, "", (5, 6)),
    Speaks("malformed-message", "only the peer says so", lambda pki: story(HELLO12, server_flight(*pki.sound), client_flight(), server << alert(50)),
           "server", "possible", FROM_CLIENT, "said-by-peer", (12,)),
]  # fmt: skip

SILENT = [
    Silent("connection-refused", "connection-timeout", lambda _: story(client >> syn(), quiet=12)),
    Silent("connection-refused", "connection-reset", lambda _: story(server << rst())),
    Silent("connection-timeout", "connection-refused", lambda _: story(client >> syn(), server << rst())),
    Silent("connection-timeout", "handshake-timeout", lambda _: story(client >> syn(), server << syn_ack(), quiet=12)),
    Silent("connection-reset", "closed-without-answer", lambda _: story(HELLO, server << fin())),
    Silent("connection-reset", "certificate-untrusted", lambda pki: story(HELLO12, server_flight(*pki.sound), client >> rst())),
    Silent("connection-reset", "connection-refused", lambda _: story(client >> syn(), server << rst())),
    Silent("closed-without-answer", "connection-reset", lambda _: story(HELLO, server << rst(), transport=UNREAD)),
    Silent("closed-without-answer", "handshake-timeout", lambda _: story(HELLO, wait(30), client >> fin())),
    Silent("closed-without-answer", "sni-missing", lambda _: story(client >> hello(sni=None), server << alert(112), server << fin())),
    Silent("handshake-timeout", "connection-timeout", lambda _: story(client >> syn(), client >> syn(), quiet=12)),
    Silent("handshake-timeout", "closed-without-answer", lambda _: story(HELLO, server << fin())),
    Silent("client-hello-lost", "handshake-timeout", lambda _: story(HELLO, wait(30), client >> fin())),
    Silent("client-hello-lost", "cipher-mismatch", lambda _: story(HELLO, server << alert(40), transport=LOST)),
    Silent("client-hello-lost", "connection-timeout", lambda _: story(client >> syn(), quiet=12)),
    Silent("middlebox-interference", "connection-reset", lambda _: story(HELLO, server << rst(), transport=UNREAD)),
    Silent("middlebox-interference", "cipher-mismatch", lambda _: story(HELLO, server << alert(40), server << rst(), transport=INJECTED)),
    Silent("malformed-message", "hello-retry-refused", lambda _: story(HELLO, server << retry(0x001D), client >> rst())),
    Silent("malformed-message", "client-certificate-missing",
           lambda pki: story(HELLO12, server_flight(*pki.sound, request=certificate_request()), client_flight(asked=True), server << alert(40))),
]  # fmt: skip


@pytest.mark.parametrize("row", SPEAKS, ids=ids)
def test_speaks(row: Speaks, pki: SimpleNamespace) -> None:
    check(row, pki)


@pytest.mark.parametrize("row", SILENT, ids=ids)
def test_is_silent_beside_its_neighbour(row: Silent, pki: SimpleNamespace) -> None:
    check_silent(row, pki)


def test_loss_is_not_claimed_where_the_acknowledging_side_was_not_recorded() -> None:
    told = story(HELLO, quiet=12, transport=LOST, coverage=Coverage(server=False), outcome="failed")
    assert "client-hello-lost" not in findings(told)
