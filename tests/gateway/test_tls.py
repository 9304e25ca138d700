"""The two ends over memory: what is offered, what is held back, which alert goes out, what is opened afterwards."""

from __future__ import annotations

import pytest
from OpenSSL import SSL

import gateway_world as world
from authority import issue
from whytls.gateway.environment import Held
from whytls.gateway.tls import Peer, Requirements, Unusable, client_context, connection, identity, sent_chain, server_context

ALL = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA")
FRONT = world.own(world.API, world.MIDDLE)


def joined(server: SSL.Connection, client: SSL.Connection) -> tuple[bool, bytes]:
    """Carries bytes to and fro; whether both finished, and the last bytes of the client."""
    last = b""
    done = [False, False]
    for _ in range(8):
        for index, (one, other) in enumerate(((client, server), (server, client))):
            try:
                one.do_handshake()
                done[index] = True
            except SSL.WantReadError:
                pass
            except SSL.Error:
                done[index] = False
            try:
                data = one.bio_read(1 << 16)
            except SSL.WantReadError:
                continue
            last = data if one is client else last
            if one is server and isinstance(client.get_app_data(), Peer):
                client.get_app_data().hear(client, data)
            other.bio_write(data)
    return all(done), last


def pair(protocol: str, own: Held | None, trust: tuple[bytes, ...] | None = None) -> tuple[bool, Peer, Peer, SSL.Connection]:
    required = Requirements(trust, 10) if trust is not None else None
    theirs, ours = Peer(), Peer(lambda made: True, identity(own) if own is not None else None)
    server = connection(server_context(FRONT, (protocol,), "ALL", required), theirs, server=True)
    client = connection(client_context(own, (protocol,), SUITES), ours, "api.example.test", server=False)
    return joined(server, client)[0], theirs, ours, server


@pytest.mark.parametrize("protocol", ALL)
def test_every_protocol_is_spoken_and_old_ones_too(protocol: str) -> None:
    whole, _, ours, server = pair(protocol, None)
    assert whole
    assert server.get_servername() == b"api.example.test"
    assert ours.refused is False


@pytest.mark.parametrize("protocol", ["TLSv1.2", "TLSv1.3"])
def test_a_certificate_that_no_named_authority_issued_is_held_back_as_jsse_does(protocol: str) -> None:
    whole, theirs, ours, server = pair(protocol, world.own(world.CLIENT_OTHER), (world.ROOT.der,))
    assert whole, "the Router completes as nginx does"
    assert ours.withheld
    assert sent_chain(server) == ()
    whole, theirs, ours, server = pair(protocol, world.own(world.CLIENT, world.MIDDLE), (world.ROOT.der,))
    assert whole
    assert not ours.withheld
    assert sent_chain(server) == (world.CLIENT.der, world.MIDDLE.der)
    assert theirs.error == 0


@pytest.mark.parametrize(
    ("chain", "error"),
    [((world.CLIENT_EXPIRED, world.MIDDLE), 10), ((world.CLIENT,), 21), ((world.CLIENT_SELF,), 18)],
    ids=["expired", "leaf only", "self-signed"],
)
def test_the_error_that_nginx_would_log_is_kept(chain: tuple[world.Issued, ...], error: int) -> None:
    theirs = Peer()
    server = connection(server_context(FRONT, ("TLSv1.2",), "ALL", Requirements((world.ROOT.der,), 10)), theirs, server=True)
    context = SSL.Context(SSL.TLS_METHOD)
    for one in chain[1:]:
        context.add_extra_chain_cert(one.certificate)
    context.use_certificate(chain[0].certificate)
    context.use_privatekey(chain[0].key)
    client = SSL.Connection(context)
    client.set_connect_state()
    assert joined(server, client)[0], "the handshake completes whatever is wrong"
    assert theirs.error == error


def test_settings_that_make_no_context() -> None:
    with pytest.raises(Unusable, match="No appropriate protocol"):
        client_context(None, (), SUITES)
    with pytest.raises(Unusable, match="No appropriate protocol"):
        client_context(None, ("TLSv1.3",), SUITES[1:])
    with pytest.raises(Unusable, match="Unsupported ciphersuite TLS_NONSENSE"):
        client_context(None, ("TLSv1.2",), ("TLS_NONSENSE",))
    with pytest.raises(Unusable, match="cannot be presented"):
        server_context(Held((world.API.der,), world.pkcs8(world.BACKEND)), ("TLSv1.2",), "ALL", None)
    with pytest.raises(Unusable, match="cannot be presented"):
        server_context(Held((b"no certificate",), b"no key"), ("TLSv1.2",), "ALL", None)
    with pytest.raises(Unusable, match="no cipher suite"):
        server_context(FRONT, ("TLSv1.2",), "NONSENSE", None)


def test_the_judge_is_asked_once_and_sees_the_whole_list() -> None:
    asked: list[tuple[bytes, ...]] = []

    def judge(made: SSL.Connection) -> bool:
        asked.append(sent_chain(made))
        return False

    own = world.own(issue("x.example.test", world.MIDDLE, **world.VALID), world.MIDDLE, world.ROOT)
    for protocol in ("TLSv1.2", "TLSv1.3"):
        server = connection(server_context(own, (protocol,), "ALL", None), Peer(), server=True)
        whole, last = joined(server, connection(client_context(None, (protocol,), SUITES), Peer(judge), server=False))
        assert not whole
        assert last[:1] + last[3:6] == b"\x15\0\2\2", "an alert in the clear, which can be given another number"
    assert asked == [own.chain] * 2
