"""Servers that misbehave, each as something out there does: a behaviour is a function of one connection (`listener.Visit`).

    with listening(BEHAVIOURS["endless-certificate"]) as server: ...

What needs a real server behind it (dripping, cutting, rate limits, pools) is in relay.py. Every endless one pauses between its
records: a client without a bound is meant to run out of patience or memory, not of a shared machine.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from struct import pack

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.live.listener import Behaviour, Visit
from whytls.wire import message
from whytls.wire.value import ClientHello

PAUSE = 0.002  # seconds between two records without end
_HANDSHAKE, _ALERT, _CCS = 22, 21, 20
_SERVER_HELLO, _CERTIFICATE, _SERVER_HELLO_DONE = 2, 11, 14
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")  # RFC 8446 section 4.1.3
_ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nall is well\n"
BEHAVIOURS: dict[str, Behaviour] = {}


def _behaviour(name: str) -> Callable[[Behaviour], Behaviour]:
    def enter(function: Behaviour) -> Behaviour:
        BEHAVIOURS[name] = function
        return function

    return enter


# ------------------------------------------------------------------ says nothing, or says goodbye


@_behaviour("silent")
def silent(visit: Visit) -> None:
    """Accepts, reads, and never says a word: a hung process behind a backlog that still works."""
    visit.until_closed()


@_behaviour("fin-at-once")
def fin_at_once(visit: Visit) -> None:
    """Closes what it accepted."""


@_behaviour("fin-after-hello")
def fin_after_hello(visit: Visit) -> None:
    """Closes when it has read the ClientHello."""
    client_hello(visit)


@_behaviour("reset-at-accept")
def reset_at_accept(visit: Visit) -> None:
    """RST at once, as a port behind some firewalls."""
    visit.reset()


@_behaviour("reset-after-hello")
def reset_after_hello(visit: Visit) -> None:
    """RST when it has read the ClientHello: what inspecting middleboxes do."""
    client_hello(visit)
    visit.reset()


@_behaviour("reset-mid-flight")
def reset_mid_flight(visit: Visit) -> None:
    """A ServerHello, half of the Certificate, RST."""
    hello = client_hello(visit)
    visit.send(record(_HANDSHAKE, server_hello(hello) + certificates(3)[:600]))
    visit.wait(0.05)  # else RST throws away what was not read yet
    visit.reset()


@_behaviour("never-closes")
def never_closes(visit: Visit) -> None:
    """A sound handshake and answer; after the close_notify of both it keeps the connection open."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()  # the socket stays ours: ssl would close it with the session
    secured = _context().wrap_bio(incoming, outgoing, server_side=True)
    steps: list[Callable[[], object]] = [secured.do_handshake, lambda: secured.read(4096), lambda: secured.write(_ANSWER), secured.unwrap]
    while steps and visit.wait(0):
        try:
            steps[0]()
            steps.pop(0)
        except ssl.SSLWantReadError:
            visit.send(outgoing.read())
            data = visit.connection.recv(65536)
            if not data:
                return
            incoming.write(data)
        except ssl.SSLZeroReturnError:  # close_notify instead of a request
            steps = [secured.unwrap]
        except ssl.SSLError:
            break
    visit.send(outgoing.read())
    visit.wait()


# ------------------------------------------------------------------ not TLS


@_behaviour("garbage")
def garbage(visit: Visit) -> None:
    """Random bytes, and then waits."""
    visit.send(os.urandom(2000))
    visit.until_closed()


@_behaviour("garbage-record")
def garbage_record(visit: Visit) -> None:
    """A handshake record whose content is random."""
    client_hello(visit)
    visit.send(record(_HANDSHAKE, os.urandom(1200)))
    visit.until_closed()


@_behaviour("http")
def http(visit: Visit) -> None:
    """A web server without TLS: what it cannot read is a bad request."""
    visit.connection.recv(4096)
    body = b"<html><h1>400 Bad Request</h1></html>\r\n"
    visit.send(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@_behaviour("ssh")
def ssh(visit: Visit) -> None:
    """An SSH server: speaks first, leaves when the answer is not SSH (RFC 4253 section 4.2)."""
    visit.send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
    visit.connection.recv(4096)
    visit.send(b"Invalid SSH identification string.\r\n")


@_behaviour("smtp")
def smtp(visit: Visit) -> None:
    """A mail server: speaks first, and complains about each line that it does not know."""
    visit.send(b"220 mail.maple.test ESMTP Postfix\r\n")
    while visit.connection.recv(4096):
        visit.send(b"500 5.5.2 Error: bad syntax\r\n")


# ------------------------------------------------------------------ without end


def _endless(visit: Visit, data: bytes, first: bytes = b"") -> None:
    client_hello(visit)
    visit.connection.settimeout(None)  # a reader that does not read may take its time
    visit.send(first)
    while visit.wait(PAUSE):
        visit.send(data)


@_behaviour("endless-certificate")
def endless_certificate(visit: Visit) -> None:
    """A Certificate message of 16 MB that never gets anywhere, and after it the next one."""
    hello = client_hello(visit)
    visit.connection.settimeout(None)
    visit.send(record(_HANDSHAKE, server_hello(hello)))
    head = b"\x0b\xff\xff\xff\xff\xff\xfc\xff\xff\xf9"  # one certificate that fills the whole list
    while True:
        visit.send(record(_HANDSHAKE, head + bytes(16384 - len(head))))
        for _ in range(1023):
            if not visit.wait(PAUSE):
                return
            visit.send(record(_HANDSHAKE, bytes(16384)))


@_behaviour("endless-warnings")
def endless_warnings(visit: Visit) -> None:
    """Warning alerts: user_canceled, again and again."""
    _endless(visit, record(_ALERT, b"\x01\x5a") * 20)


@_behaviour("endless-empty-records")
def endless_empty_records(visit: Visit) -> None:
    """Handshake records with nothing in them (RFC 8446 section 5.1 forbids one)."""
    _endless(visit, record(_HANDSHAKE, b"") * 20)


@_behaviour("endless-change-cipher-spec")
def endless_change_cipher_spec(visit: Visit) -> None:
    """ChangeCipherSpec records, which a TLS 1.3 client drops without a word (RFC 8446 section 5)."""
    _endless(visit, record(_CCS, b"\x01") * 20)


@_behaviour("endless-hello-requests")
def endless_hello_requests(visit: Visit) -> None:
    """HelloRequest messages, which a client ignores during a handshake (RFC 5246 section 7.4.1.1)."""
    _endless(visit, record(_HANDSHAKE, bytes(4)) * 20)


@_behaviour("endless-retries")
def endless_retries(visit: Visit) -> None:
    """Answers each ClientHello with HelloRetryRequest, for the one group and for the other; a second one is an error (section 4.1.4)."""
    turn = 0
    while visit.wait(PAUSE):
        hello = client_hello(visit)
        visit.send(record(_HANDSHAKE, retry(hello, (0x0018, 0x0019)[turn % 2])))
        turn += 1


@_behaviour("huge-certificate-list")
def huge_certificate_list(visit: Visit) -> None:
    """A well-formed first flight whose Certificate message is as long as a message can be: tens of thousands of certificates."""
    hello = client_hello(visit)
    visit.connection.settimeout(None)
    flight = server_hello(hello) + certificates(0xFFFFFF // (len(_leaf()) + 3)) + handshake(_SERVER_HELLO_DONE, b"")
    for start in range(0, len(flight), 16384):
        visit.send(record(_HANDSHAKE, flight[start : start + 16384]))
    visit.until_closed()


# ------------------------------------------------------------------ TLS that no server may speak


@_behaviour("suite-not-offered")
def suite_not_offered(visit: Visit) -> None:
    """A ServerHello with a suite that the client did not offer."""
    hello = client_hello(visit)
    offered = hello.cipher_suites if hello else ()
    visit.send(record(_HANDSHAKE, server_hello(hello, suite=next(s for s in (0xC0A1, 0x0084, 0x0019) if s not in offered))))
    visit.until_closed()


@_behaviour("version-not-offered")
def version_not_offered(visit: Visit) -> None:
    """A ServerHello with a version that the client did not offer, but that exists."""
    hello = client_hello(visit)
    versions = hello.versions if hello else ()
    visit.send(record(_HANDSHAKE, server_hello(hello, version=next((v for v in (0x0302, 0x0301, 0x0300) if v not in versions), 0x0300))))
    visit.until_closed()


@_behaviour("version-unknown")
def version_unknown(visit: Visit) -> None:
    """A ServerHello with a version that nobody has heard of."""
    hello = client_hello(visit)
    visit.send(record(_HANDSHAKE, server_hello(hello, version=0x0399)))
    visit.until_closed()


@_behaviour("truncated-record")
def truncated_record(visit: Visit) -> None:
    """A record that ends before its length, and FIN."""
    hello = client_hello(visit)
    visit.send(record(_HANDSHAKE, server_hello(hello))[:40])


@_behaviour("truncated-message")
def truncated_message(visit: Visit) -> None:
    """Whole records, but the Certificate message in them ends before its length, and FIN."""
    hello = client_hello(visit)
    visit.send(record(_HANDSHAKE, server_hello(hello)) + record(_HANDSHAKE, certificates(2)[:300]))


@_behaviour("lying-lengths")
def lying_lengths(visit: Visit) -> None:
    """A ServerHello whose inner lengths contradict its own."""
    hello = client_hello(visit)
    body = bytearray(server_hello(hello))
    body[38] = 0xFF  # session_id: 255 bytes, of which there are fewer
    visit.send(record(_HANDSHAKE, bytes(body)))
    visit.until_closed()


# ------------------------------------------------------------------ bytes


def client_hello(visit: Visit) -> ClientHello | None:
    """Reads one ClientHello; None where something else came, or nothing whole."""
    body = b""
    while len(body) < 4 or len(body) < 4 + int.from_bytes(body[1:4], "big"):
        head = visit.read(5)
        if len(head) < 5 or head[0] not in (_HANDSHAKE, _CCS):
            return None
        data = visit.read(int.from_bytes(head[3:], "big"))
        if not data:
            return None
        body += data if head[0] == _HANDSHAKE else b""
    found = message.read(1, body[4:])
    return found if isinstance(found, ClientHello) else None


def record(kind: int, data: bytes, version: int = 0x0303) -> bytes:
    """One record."""
    return pack(">BHH", kind, version, len(data)) + data


def handshake(kind: int, body: bytes) -> bytes:
    """One handshake message."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def server_hello(hello: ClientHello | None, *, version: int = 0x0303, suite: int = 0, extensions: bytes = b"") -> bytes:
    """A ServerHello of TLS 1.2 and before, with the first suite of that time that the client offers."""
    old = [s for s in (hello.cipher_suites if hello else ()) if s >> 8 != 0x13 and s not in (0x00FF, 0x5600)]
    block = pack(">H", len(extensions)) + extensions if extensions else b""
    return handshake(_SERVER_HELLO, pack(">H", version) + os.urandom(32) + b"\0" + pack(">HB", suite or (old or [0xC02F])[0], 0) + block)


def retry(hello: ClientHello | None, group: int) -> bytes:
    """A HelloRetryRequest that asks for a key share of that group."""
    session = hello.session_id if hello else b""
    extensions = pack(">HHH", 43, 2, 0x0304) + pack(">HHH", 51, 2, group)
    body = pack(">H", 0x0303) + _RETRY + bytes([len(session)]) + session + pack(">HB", 0x1301, 0) + pack(">H", len(extensions)) + extensions
    return handshake(_SERVER_HELLO, body)


def certificates(count: int) -> bytes:
    """A Certificate message of TLS 1.2 with one certificate so many times."""
    entry = len(_leaf()).to_bytes(3, "big") + _leaf()
    return handshake(_CERTIFICATE, (len(entry) * count).to_bytes(3, "big") + entry * count)


@functools.cache
def _issued() -> tuple[bytes, bytes]:
    """A self-signed certificate (DER) and its key (PEM), made once per process."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.maple.test")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - dt.timedelta(days=1), now + dt.timedelta(days=9)
    )
    certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("www.maple.test")]), False).sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.DER), pem


def _leaf() -> bytes:
    return _issued()[0]


@functools.cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        path = Path(folder) / "pair.pem"
        path.write_text(ssl.DER_cert_to_PEM_cert(_leaf()) + _issued()[1].decode())
        context.load_cert_chain(path)
    return context
