"""A real server without a socket: OpenSSL as Python has it, fed and emptied by hand."""

from __future__ import annotations

import datetime
import os
import ssl
import tempfile
from functools import lru_cache
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authority import Issued, issue, rsa_key
from whytls.probing.client import Client
from whytls.probing.conversation import Conversation
from whytls.probing.facts import Identity, Resume, Until
from whytls.wire.hello import make
from whytls.wire.message import ClientHello, Extension

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NAMES = {0x0303: TLS12, 0x0304: TLS13}
LATER = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
ANSWER = b"HTTP/1.0 200 OK\r\n\r\nall is well\n"


@lru_cache(maxsize=1)
def papers() -> tuple[Issued, Issued, Issued]:
    """A root, a server's certificate and a client's."""
    root = issue("Probe Root", ca=True, key=rsa_key(2048), ends=LATER)
    return root, issue("www.test", root, key=rsa_key(2048), san=("www.test",), ends=LATER), issue("partner.test", root, ends=LATER)


def identity() -> Identity:
    root, _, client = papers()
    return Identity((client.der, root.der), client.key)


def context(version: int, client_auth: bool = False, ciphers: str = "", curve: str = "") -> ssl.SSLContext:
    """A server of one version."""
    root, server, _ = papers()
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = made.maximum_version = NAMES[version]
    if ciphers:
        made.set_ciphers(ciphers)
    if curve:
        made.set_ecdh_curve(curve)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(server.pem)
        file.write(server.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
        file.flush()
        made.load_cert_chain(file.name)
    if client_auth:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(cadata=root.pem)
    return made


def hello(version: int, **changes: object) -> ClientHello:
    """A hello that such a server likes."""
    given: dict[str, object] = {"random": os.urandom(32), "more": (Extension(23, b""), Extension(35, b""))}
    if version == 0x0304:
        given |= {"suites": (0x1301, 0x1302, 0x1303), "key_shares": ((0x1D, bytes(32)),), "session_id": os.urandom(32)}
        given |= {"more": (Extension(45, b"\x01\x01"),)}
    else:
        given |= {"suites": (0xC02F, 0xC030, 0xC027, 0xC013, 0x009C, 0x003C, 0x002F)}
    return make(versions=(version,), **(given | changes))  # type: ignore[arg-type]


class Spoken(NamedTuple):
    """What came of it."""

    client: Client
    sent: bytes  # by the server, in all
    heard: bytes  # application data that reached the server
    problem: str  # the server's error


def spoken(
    server: ssl.SSLContext, said: ClientHello, until: Until = "finish", *,
    identity: Identity | None = None, request: bytes = b"", resume: Resume | None = None, chunk: int = 1 << 20,
) -> Spoken:  # fmt: skip
    """Both sides talk until neither has anything to say; the server answers one request and says goodbye."""
    client = Client(said, Conversation("memory", 512), until, identity=identity, request=request, resume=resume)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = server.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(client.start())
    sent = heard = b""
    problem = ""
    shaken = done = False
    for _ in range(20):
        try:
            if not shaken:
                peer.do_handshake()
                shaken = True
            if not done:
                heard += peer.read(1 << 14)
                peer.write(ANSWER)
                done = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            problem, done, shaken = str(error), True, True
        data = outgoing.read()
        sent += data
        if not data or client.end:
            break
        for at in range(0, len(data), chunk):
            incoming.write(client.receive(data[at : at + chunk]))
    return Spoken(client, sent, heard, problem)


def newer(said: ClientHello) -> Client:
    """The same with the OpenSSL of ``cryptography``, which is newer than Python's, in TLS 1.3."""
    from OpenSSL import SSL

    _, server, _ = papers()
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    made.use_certificate(server.certificate)
    made.use_privatekey(server.key)
    peer = SSL.Connection(made, None)
    peer.set_accept_state()
    client = Client(said, Conversation("memory", 512), "finish", request=b"GET / HTTP/1.0\r\n\r\n")
    peer.bio_write(client.start())
    for turn in range(2):
        try:
            peer.do_handshake()
            if turn == 1:
                peer.sendall(ANSWER)
        except SSL.WantReadError:
            pass
        reply = client.receive(peer.bio_read(1 << 17))
        if reply:
            peer.bio_write(reply)
    return client
