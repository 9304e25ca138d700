"""Which TLS each end of the gateway speaks: contexts of OpenSSL made from a virtual host's or a target's settings.

The names are Edge's: OpenSSL's own northbound, JSSE's southbound. Keys go from the store into OpenSSL in memory and touch no file. Contexts are
made once for each distinct set of settings, and the library's own copy of the key lives as long as they do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key
from OpenSSL import SSL, crypto

from whytls.gateway.environment import Held
from whytls.gateway.unseal import Secrets
from whytls.wire.message import CertificateRequest, read
from whytls.wire.record import HANDSHAKE
from whytls.wire.registry import suite_number, suite_openssl_name

_VERSIONS = {"TLSv1": SSL.TLS1_VERSION, "TLSv1.1": SSL.TLS1_1_VERSION, "TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}
_OFF = {"TLSv1": SSL.OP_NO_TLSv1, "TLSv1.1": SSL.OP_NO_TLSv1_1, "TLSv1.2": SSL.OP_NO_TLSv1_2, "TLSv1.3": SSL.OP_NO_TLSv1_3}
_MODERN = 0x1301, 0x1305  # the suites of TLS 1.3
_ANY_OLDER = 0xC02F  # OpenSSL wants one, also where no older protocol is offered
MOST_HEARD = 128 << 10
_CERTIFICATE_REQUEST = 13
IGNORABLE = frozenset((2, 18, 19, 20, 21))  # what nginx's ssl_verify_client optional_no_ca lets pass (ngx_ssl_verify_error_optional)


class Unusable(Exception):
    """These settings make no context; its text says why, in JSSE's words where JSSE has some."""


class Identity(NamedTuple):
    """A client's certificate as it can be shown."""

    certificate: x509.Certificate
    key: Any
    issuers: frozenset[bytes]  # of all certificates in the chain, as DER names


class Peer:
    """What is known of the other end of one connection: kept beside OpenSSL's own object."""

    __slots__ = ("_heard", "_said", "asked", "context", "error", "identity", "judge", "refused", "secrets", "withheld")

    def __init__(self, judge: Callable[[SSL.Connection], bool] | None = None, own: Identity | None = None) -> None:
        self.secrets = Secrets()
        self.context: SSL.Context | None = None  # OpenSSL calls back into it as long as the connection lives
        self.error = 0  # the last X509_V_ERR_* that OpenSSL found
        self.judge = judge  # the Message Processor's own opinion of the server's chain
        self.refused: bool | None = None  # what it was
        self.identity = own
        self.asked = False  # the server asked for our certificate
        self.withheld = False  # it was held back, for none of the authorities that the server named issued it
        self._heard, self._said = bytearray(), bytearray()  # a record that is not whole, messages that are not whole

    def hear(self, made: SSL.Connection, data: bytes) -> None:
        """Bytes of the server that OpenSSL is about to read. Before TLS 1.3 it chooses our certificate the moment it reads the request."""
        if self.identity is None or self.asked:
            return
        self._heard += data
        while len(self._heard) >= 5:
            end = 5 + int.from_bytes(self._heard[3:5], "big")
            if self._heard[0] != HANDSHAKE or len(self._said) > MOST_HEARD:
                self._heard.clear()  # encrypted from here on, or nothing that we understand
                return
            if len(self._heard) < end:
                return
            self._said += self._heard[5:end]
            del self._heard[:end]
            self._messages(made)

    def _messages(self, made: SSL.Connection) -> None:
        """The whole messages among what the server said in the clear."""
        said = self._said
        while len(said) >= 4 and not self.asked:
            end = 4 + int.from_bytes(said[1:4], "big")
            if len(said) < end:
                return
            if said[0] == _CERTIFICATE_REQUEST:
                value = read(_CERTIFICATE_REQUEST, bytes(said[4:end]))
                self.show(made, list(value.authorities) if isinstance(value, CertificateRequest) else [])
            del said[:end]

    def show(self, made: SSL.Connection, authorities: list[bytes]) -> None:
        """Shows our certificate as JSSE does: where the server names no authorities, or one that issued something in the chain.

        SunX509KeyManagerImpl finds none otherwise, and an empty Certificate goes out.
        """
        self.asked = True
        if self.identity is None:
            return
        self.withheld = bool(authorities) and self.identity.issuers.isdisjoint(authorities)
        if not self.withheld:
            made.use_certificate(self.identity.certificate)
            made.use_privatekey(self.identity.key)


class Requirements(NamedTuple):
    """What a virtual host asks of clients."""

    anchors: tuple[bytes, ...]
    depth: int


@lru_cache(maxsize=256)
def server_context(held: Held, protocols: tuple[str, ...], ciphers: str, clients: Requirements | None) -> SSL.Context:
    """The context of a virtual host.

    Client certificates are verified as nginx does: the handshake completes whatever is wrong with them, and the error is kept.

    Raises:
        Unusable: OpenSSL takes the certificate, the key, the protocols or the ciphers not.
    """
    context = _context(protocols, f"{ciphers}:@SECLEVEL=0")
    _present(context, held)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if clients is not None:
        store = context.get_cert_store()
        names: dict[bytes, crypto.X509Name] = {}
        for der in clients.anchors:
            try:
                anchor = crypto.X509.from_cryptography(x509.load_der_x509_certificate(der))
                subject = anchor.get_subject()
                if store is not None:
                    store.add_cert(anchor)
            except (ValueError, crypto.Error):
                continue  # what OpenSSL cannot read, nginx would not trust either
            names.setdefault(subject.der(), subject)
        context.set_client_ca_list(list(names.values()))
        context.set_session_id(b"router")
        context.set_verify(SSL.VERIFY_PEER, _noted)
        context.set_verify_depth(clients.depth)
    return context


def _noted(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    if not ok:
        peer = connection.get_app_data()
        peer.error = error
    return True


@lru_cache(maxsize=256)
def client_context(held: Held | None, protocols: tuple[str, ...], suites: tuple[str, ...]) -> SSL.Context:
    """The context of a target; ``suites`` are JSSE's names, in order.

    Raises:
        Unusable: there is no protocol or suite to offer, or the key is not the certificate's.
    """
    numbers = [suite_number(name) for name in suites]
    unknown = next((name for name, number in zip(suites, numbers, strict=True) if number is None), None)
    if unknown is not None:
        raise Unusable(f"Unsupported ciphersuite {unknown}")
    modern = [number for number in numbers if number is not None and _MODERN[0] <= number <= _MODERN[1]]
    older = [number for number in numbers if number is not None and number not in modern and number != 0x00FF]
    offered = tuple(p for p in protocols if (modern if p == "TLSv1.3" else older))
    if not offered:
        raise Unusable("No appropriate protocol (protocol is disabled or cipher suites are inappropriate)")
    context = _context(offered, ":".join([*map(suite_openssl_name, older or (_ANY_OLDER,)), "@SECLEVEL=0"]))
    if modern:
        context.set_tls13_ciphersuites(":".join(f"TLS_{suite_openssl_name(n).removeprefix('TLS_')}" for n in modern).encode())
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_verify(SSL.VERIFY_PEER, _asked)
    if held is not None:
        for der in held.chain[1:]:  # intermediates wait in the context, and are sent behind a certificate only
            context.add_extra_chain_cert(x509.load_der_x509_certificate(der))
        context.set_info_callback(_watched)
    return context


@lru_cache(maxsize=256)
def identity(held: Held) -> Identity:
    """What a client can show.

    Raises:
        Unusable: OpenSSL takes the certificate or the key not.
    """
    _present(SSL.Context(SSL.TLS_METHOD), held)
    chain = [x509.load_der_x509_certificate(der) for der in held.chain]
    key = load_der_private_key(held.key or b"", None)
    return Identity(chain[0], key, frozenset(one.issuer.public_bytes() for one in chain))


def _watched(connection: SSL.Connection, where: int, _: int) -> None:
    """TLS 1.3: the request was read, and the certificate is not chosen yet."""
    peer = connection.get_app_data()
    if where & SSL.SSL_CB_LOOP and not peer.asked and b"read server certificate request" in connection.get_state_string():
        peer.show(connection, [name.der() for name in connection.get_client_ca_list()])


def _asked(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    peer = connection.get_app_data()
    if peer.refused is None:
        peer.refused = not peer.judge(connection)
    return not peer.refused


def connection(context: SSL.Context, peer: Peer, server_name: str = "", *, server: bool) -> SSL.Connection:
    """One connection over memory."""
    made = SSL.Connection(context)
    made.set_app_data(peer)
    peer.context = context
    if server:
        made.set_accept_state()
    else:
        made.set_connect_state()
        if server_name:
            made.set_tlsext_host_name(server_name.encode("ascii"))
    return made


def sent_chain(made: SSL.Connection) -> tuple[bytes, ...]:
    """The certificates that the peer sent, its own first."""
    listed = made.get_peer_cert_chain(as_cryptography=True) or []
    own = made.get_peer_certificate(as_cryptography=True)
    ders = [certificate.public_bytes(Encoding.DER) for certificate in listed]
    if own is not None and (not ders or ders[0] != own.public_bytes(Encoding.DER)):  # a server's list is without the client's own
        ders.insert(0, own.public_bytes(Encoding.DER))
    return tuple(ders)


def _context(protocols: Sequence[str], ciphers: str) -> SSL.Context:
    if not protocols:
        raise Unusable("No appropriate protocol (protocol is disabled or cipher suites are inappropriate)")
    context = SSL.Context(SSL.TLS_METHOD)
    ordered = [word for word in _VERSIONS if word in protocols]
    context.set_min_proto_version(_VERSIONS[ordered[0]])
    context.set_max_proto_version(_VERSIONS[ordered[-1]])
    for word in _VERSIONS:
        if word not in protocols:
            context.set_options(_OFF[word])
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    try:
        context.set_cipher_list(ciphers.encode("ascii"))
    except (SSL.Error, UnicodeEncodeError):
        raise Unusable(f"no cipher suite is meant by {ciphers[:200]}") from None
    context.set_keylog_callback(lambda made, line: made.get_app_data().secrets.note(line))
    return context


def _present(context: SSL.Context, held: Held) -> None:
    try:
        context.use_certificate(x509.load_der_x509_certificate(held.chain[0]))
        for der in held.chain[1:]:
            context.add_extra_chain_cert(x509.load_der_x509_certificate(der))
        context.use_privatekey(load_der_private_key(held.key or b"", None))  # type: ignore[arg-type]
        context.check_privatekey()
    except (SSL.Error, ValueError, TypeError, IndexError) as error:
        raise Unusable(f"the certificate cannot be presented: {error or 'its key does not fit'}") from None
