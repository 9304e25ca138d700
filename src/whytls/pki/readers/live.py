"""The chain that an endpoint shows: one handshake with a server, as tolerant as a client can be, and nothing is verified.

Theory of operation
-------------------
OpenSSL does the handshake in memory (pyOpenSSL's BIO pair) and this file carries the bytes, so that every byte of the server passes
here: the first ones tell TLS from what is none, and an alert in the clear is read off the wire and not off an error text. Everything
OpenSSL would refuse by itself is let through: TLS 1.0 and up, every cipher suite, security level 0. The chain is taken when the server's
Certificate message has been read, so that it is known too where the handshake fails later, as it does when a client certificate
is wanted. Bounded by a deadline, and by the bytes that are read.

The coming room for our own handshakes (`probing`) takes over what is asked here with one ClientHello: which versions, suites and names
a server accepts, and why it refuses. What stays here is ``Shown``, the chain as a value.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from whytls.exceptions import InputError, UsageError

CONNECT, IN_ALL = 5.0, 10.0  # seconds: to connect to one address; for everything
MOST_BYTES = 1 << 20  # of the server's answer
MOST_NAMES = 1000  # of CAs in a CertificateRequest
FIRST = 256  # bytes of the answer that are kept
TLS_TYPES = range(20, 25)  # RFC 8446 section 5.1; heartbeat is 24
Problem = Literal["", "refused", "timeout", "unreachable", "not-tls", "alert", "silence", "closed", "reset", "failed"]


class Address(NamedTuple):
    """What HOST:PORT means; ``host`` is a name or an address without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What one handshake with an endpoint showed."""

    asked: Address
    server_name: str | None  # sent as SNI
    address: str = ""  # the one that answered
    chain: tuple[bytes, ...] = ()  # DER, as sent
    version: str = ""  # TLSv1.3, ...
    cipher: str = ""
    completed: bool = False
    client_certificate: bool = False  # the server asked for one
    authorities: tuple[str, ...] = ()  # the CAs that it named then, RFC 4514
    problem: Problem = ""
    alert: int | None = None  # the server's, where it was in the clear or OpenSSL named it
    words: str = ""  # of the system or of OpenSSL
    first: bytes = field(default=b"", repr=False)  # the first bytes of what is no TLS


def address(text: str) -> Address | None:
    """HOST:PORT or [v6]:PORT as an endpoint; ``None`` where it does not have that form.

    Raises:
        UsageError: it has the form, and the port is none.
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not port.isascii() or not port.isdigit() or not host or "/" in text or "\\" in text:
        return None
    if bracketed:
        host = host[1:-1]
    if (":" in host and not bracketed) or any(sign.isspace() or not sign.isprintable() for sign in host):
        return None
    if len(port) > 5 or not 0 < int(port) < 65536:
        raise UsageError(f"{text[:100]!r} names no port", hint="a port is a number from 1 to 65535")
    if len(host) > 253 or not host:
        raise UsageError(f"{text[:100]!r} names no host", hint="HOST:PORT, or [2001:db8::7]:443")
    return Address(host, int(port))


def is_name(host: str) -> bool:
    """Whether a host is a name, which can be sent as SNI, and no address (RFC 6066 section 3)."""
    from whytls.pki.name import as_address

    return as_address(host) is None


def resolved(endpoint: Address, family: int = 0) -> list[tuple[int, tuple[Any, ...]]]:
    """The endpoint's addresses (family, socket address), each once, in the order in which they are tried; of one family where it is given.

    Raises:
        InputError: the name leads nowhere.
    """
    from whytls.pki.name import normalised

    host = endpoint.host if endpoint.host.isascii() else normalised(endpoint.host)
    try:
        found = socket.getaddrinfo(host, endpoint.port, family=family, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        text = getattr(error, "strerror", None) or "is no host name"
        hint = "is the name right, and known to this machine's DNS?"
        raise InputError(f"the name cannot be resolved: {text}", file=str(endpoint), hint=hint) from error
    return list(dict.fromkeys((family, where) for family, _, _, _, where in found))


def ask(endpoint: Address, server_name: str | None, *, connect: float = CONNECT, in_all: float = IN_ALL) -> Shown:
    """One handshake, sending this name; every address is tried in turn until one accepts the connection. Times are in seconds.

    Raises:
        InputError: the host's name leads nowhere.
    """
    end, last = time.monotonic() + in_all, Shown(endpoint, server_name, problem="timeout")
    for family, where in resolved(endpoint):
        left = min(connect, end - time.monotonic())
        if left <= 0:
            break
        try:
            with socket.socket(family, socket.SOCK_STREAM) as connected:
                connected.settimeout(left)
                connected.connect(where)
                connected.setblocking(False)
                return _Talk(Shown(endpoint, server_name, str(where[0])), connected, end).shown()
        except TimeoutError:
            last = Shown(endpoint, server_name, str(where[0]), problem="timeout")
        except ConnectionRefusedError as error:
            last = Shown(endpoint, server_name, str(where[0]), problem="refused", words=error.strerror or "")
        except OSError as error:
            last = Shown(endpoint, server_name, str(where[0]), problem="unreachable", words=error.strerror or "")
    return last


def talk(endpoint: Address, server_name: str | None, connected: socket.socket, *, in_all: float = IN_ALL) -> Shown:
    """The same over a connection that there is already; the socket must not block."""
    return _Talk(Shown(endpoint, server_name), connected, time.monotonic() + in_all).shown()


class _Talk:
    """One handshake over a connected socket."""

    def __init__(self, begun: Shown, connected: socket.socket, end: float) -> None:
        self._begun, self._socket, self._end = begun, connected, end
        self._received, self._first = 0, b""
        self._chain: tuple[bytes, ...] = ()
        self._asked = False
        self._tls = self._connection()

    def _connection(self) -> Any:
        from OpenSSL import SSL

        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_verify(SSL.VERIFY_NONE)
        context.set_cipher_list(b"ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        context.set_min_proto_version(SSL.TLS1_VERSION)
        context.set_options(0x4 | 0x00040000)  # SSL_OP_LEGACY_SERVER_CONNECT, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION
        context.set_info_callback(self._learn)
        tls = SSL.Connection(context, None)
        name = self._begun.server_name
        if name:
            try:
                tls.set_tlsext_host_name(name.encode("ascii") if name.isascii() else name.encode("idna"))
            except UnicodeError as error:
                raise InputError("is no host name", file=str(self._begun.asked)) from error
        tls.set_connect_state()
        return tls

    def _learn(self, tls: Any, _where: int, _value: int) -> None:
        """Called by OpenSSL at each step of the handshake."""
        from cryptography.hazmat.primitives.serialization import Encoding

        state = tls.get_state_string()
        self._asked = self._asked or b"certificate request" in state
        if not self._chain:
            shown = tls.get_peer_cert_chain(as_cryptography=True) or []
            self._chain = tuple(certificate.public_bytes(Encoding.DER) for certificate in shown)

    def shown(self) -> Shown:
        """The handshake, to its end or to the deadline."""
        from OpenSSL import SSL

        problem: Problem = ""
        words = ""
        while not problem:
            try:
                self._tls.do_handshake()
                self._send()
                return self._known(completed=True)
            except SSL.WantReadError:
                problem = self._carry()
            except SSL.Error as error:
                self._send()
                problem, words = "failed", _reason(error)
            except Exception as error:  # pyOpenSSL decodes names and certificates, and has many types for what it cannot
                problem, words = "failed", f"{type(error).__name__}: {error}"[:200]
        return self._known(problem=problem, words=words)

    def _carry(self) -> Problem:
        """Sends what OpenSSL wants to say, waits for an answer, and hands it over."""
        if not self._send():
            return "reset"
        left = self._end - time.monotonic()
        ready = select.select([self._socket], [], [], max(0.0, left))[0] if left > 0 else []
        if not ready:
            return "silence"
        try:
            data = self._socket.recv(16384)
        except BlockingIOError:
            return ""
        except OSError:
            return "reset"
        if not data:
            return "closed"
        self._received += len(data)
        self._first += data[: FIRST - len(self._first)]
        if self._first[0] not in TLS_TYPES:
            return "not-tls"
        if self._received > MOST_BYTES:
            return "failed"
        self._tls.bio_write(data)
        return ""

    def _send(self) -> bool:
        """Whether what OpenSSL has to say could be sent."""
        from OpenSSL import SSL

        try:
            while True:
                data = self._tls.bio_read(16384)
                while data:
                    left = self._end - time.monotonic()
                    if left <= 0 or not select.select([], [self._socket], [], left)[1]:
                        return False
                    data = data[self._socket.send(data) :]
        except SSL.WantReadError:
            return True
        except (OSError, SSL.Error):
            return False

    def _known(self, *, completed: bool = False, problem: Problem = "", words: str = "") -> Shown:
        from dataclasses import replace

        alert = self._first[6] if len(self._first) > 6 and self._first[0] == 21 else _alert(words)
        problem = "alert" if problem in ("failed", "closed", "reset") and alert is not None else problem
        version = self._tls.get_protocol_version_name() if self._chain or completed else ""
        return replace(
            self._begun, chain=self._chain, completed=completed, problem=problem, alert=alert, words=words,
            version="" if version == "unknown" else version, cipher=(self._tls.get_cipher_name() or "") if completed else "",
            client_certificate=self._asked, authorities=_quiet(self._authorities), first=self._first if problem == "not-tls" else b"",
        )  # fmt: skip

    def _authorities(self) -> tuple[str, ...]:
        if not self._asked:
            return ()
        from whytls.pki.der import element, name, rfc4514

        ders = [named.der() for named in self._tls.get_client_ca_list()[:MOST_NAMES]]
        return tuple(rfc4514(name(der, element(der, 0, len(der)))) for der in ders)


def _quiet(ask_for: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
    try:
        return ask_for()
    except Exception:  # names that no library reads: that a certificate was wanted is known all the same
        return ()


def _reason(error: Any) -> str:
    """OpenSSL's last word on it: ``tlsv1 alert handshake failure``."""
    stack = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return str(stack[-1][2])[:200] if stack else (str(error) or "the connection ended")


def _alert(words: str) -> int | None:
    """The alert that OpenSSL names in its error: its names of all alerts are the RFCs'."""
    if " alert " not in f" {words} ":
        return None
    from whytls.wire.registry import ALERTS

    told = words.rpartition("alert ")[2].strip().replace(" ", "_").lower()
    return next((number for number, name in ALERTS.items() if name == told), None)
