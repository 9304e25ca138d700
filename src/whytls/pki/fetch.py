"""Issuers fetched from where a certificate says that they are (AIA "CA Issuers", RFC 5280 section 4.2.2.1).

Calling ``fetch_issuers`` is the permission to use the network; nothing else in this room does, and nothing here calls it.

Theory of operation
-------------------
The address comes out of a certificate, so whoever made the certificate chooses where this machine connects to. Therefore

* plain http only: what comes is checked by its signature and needs no other protection, https would need a chain itself
  (section 8), and ldap and file reach what http does not;
* the host is resolved once, *every* address that it has must be allowed, and the connection goes to that very address: a second
  answer of the name server (DNS rebinding) is never asked for. Redirects go the same way again. Proxies of the environment are not
  used: behind one the address could not be checked;
* one deadline for each answer, kept at every read, so that dripping bytes gain nothing; one size, counted in what was read, header
  included; no compression is asked for and none is undone; and a bounded number of answers in all.

Only a certificate that did issue the one below it takes the search further, so that circles end. Redirects are followed by hand
because no library lets the address be checked between resolving and connecting; ``http.client`` reads the answers.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from whytls.exceptions import DamagedInput, InputError
from whytls.pki.certificate import read
from whytls.pki.links import verifies
from whytls.pki.repair import repaired

if TYPE_CHECKING:
    import http.client
    import ipaddress
    import socket

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

REDIRECTS = frozenset({301, 302, 303, 307, 308})
LONGEST_URL = 2048
HEADERS = 64 << 10  # bytes that an answer's header can have
MEDIA_TYPES = ("application/pkix-cert", "application/pkcs7-mime")  # asked for; what comes is judged by its bytes


class Limits(NamedTuple):
    """How much is fetched at most."""

    size: int = 1 << 20  # bytes of one answer
    seconds: float = 10.0  # for one answer, redirects included
    seconds_in_all: float = 30.0
    answers: int = 8
    redirects: int = 3
    certificates: int = 32  # of one answer


@dataclass(frozen=True, slots=True)
class Attempt:
    """One address asked: what it gave, or why it gave nothing."""

    url: str  # as it stands in the certificate
    below: str  # the subject of the certificate that names it
    problem: str = ""  # empty: it gave the issuer
    address: str = ""  # the one that answered
    redirects: tuple[str, ...] = ()
    certificates: tuple[bytes, ...] = ()  # DER


@dataclass(frozen=True, slots=True)
class Fetched:
    """The issuers that were found, and all that was tried."""

    certificates: tuple[bytes, ...] = ()  # DER, in the order found
    attempts: tuple[Attempt, ...] = ()


Resolve = Callable[[str, int, float], Sequence[str]]


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, also behind the ways in which IPv6 wraps an IPv4 address."""
    import ipaddress

    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):  # NAT64, RFC 6052
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address in ipaddress.ip_network("64:ff9b:1::/48") or int(address) >> 32 == 0:  # RFC 8215; ::a.b.c.d of old
            return False
    shared = (address.is_private, address.is_loopback, address.is_link_local, address.is_multicast, address.is_reserved, address.is_unspecified)
    return address.is_global and not any(shared)


def fetch_issuers(
    chain: Sequence[bytes],
    *,
    at: int,
    known: Sequence[bytes] = (),
    anchors: Sequence[bytes] | None = None,
    allow: Callable[[Address], bool] = is_public,
    limits: Limits = Limits(),  # noqa: B008  # immutable
    resolve: Resolve | None = None,
) -> Fetched:
    """Fetches the issuers that a chain (DER, as ``repair.repaired`` takes it) lacks, step by step upwards.

    ``allow`` says which addresses may be connected to: by itself those of the public internet only. ``resolve`` gives the
    addresses of (host, port) within so many seconds. Raises nothing: what went wrong is in ``attempts``.
    """
    found: list[bytes] = []
    attempts: list[Attempt] = []
    tried: set[str] = set()
    end = time.monotonic() + limits.seconds_in_all
    while len(attempts) < limits.answers and time.monotonic() < end:
        repair = repaired(chain, at=at, given=[*known, *found], anchors=anchors)
        missing = repair.missing
        url = next((u for u in missing.urls if u not in tried), None) if missing is not None else None
        if missing is None or url is None:
            break
        tried.add(url)
        rules = _Rules(allow, resolve or _resolved, limits, min(end, time.monotonic() + limits.seconds))
        attempt = _attempt(url, missing.below, repair.chain[-1], rules)
        attempts.append(attempt)
        found += [der for der in attempt.certificates if der not in found]
    return Fetched(tuple(found), tuple(attempts))


class _Refused(Exception):
    """Why an address gives nothing; never leaves this file."""


class _Rules(NamedTuple):
    """What one attempt must keep to."""

    allow: Callable[[Address], bool]
    resolve: Resolve
    limits: Limits
    deadline: float  # on the clock of ``time.monotonic``


def _attempt(url: str, below: str, top: bytes, rules: _Rules) -> Attempt:
    import http.client

    limits = rules.limits
    place, redirects, address = url, list[str](), ""
    try:
        while True:
            answer, address = _ask(place, rules)
            if isinstance(answer, bytes):
                break
            redirects.append(answer)
            if len(redirects) > limits.redirects:
                raise _Refused(f"redirects more than {limits.redirects} times")
            place = answer
        certificates = certificates_in_answer(answer)[: limits.certificates]
        issuers = [der for der in certificates if _issued(der, top)]
        problem = "" if issuers else "the certificate there did not issue the one that names it"
        return Attempt(url, below, problem, address, tuple(redirects), (*issuers, *(c for c in certificates if c not in issuers)))
    except (_Refused, InputError) as refused:
        problem = refused.problem if isinstance(refused, InputError) else str(refused)
    except TimeoutError:
        problem = f"no complete answer within {limits.seconds:g} seconds"
    except OSError as error:
        problem = f"no connection: {error.strerror or error}"
    except (http.client.HTTPException, ValueError) as error:
        problem = f"the answer is no HTTP that can be followed ({type(error).__name__})"
    return Attempt(url, below, problem, address, tuple(redirects))


def _issued(der: bytes, below: bytes) -> bool:
    issuer, certificate = read(der), read(below)
    return issuer.subject_canonical == certificate.issuer_canonical and verifies(certificate, issuer) is not False


def _ask(url: str, rules: _Rules) -> tuple[bytes | str, str]:
    """The body of the answer, or the URL that it redirects to; and the address that gave it."""
    host, port, target = _parts(url)
    addresses = _allowed(host, rules.resolve(host, port, _left(rules.deadline)), rules.allow)
    connected = _connected(addresses, port, rules.deadline)
    try:
        answer = _exchange(connected, host, port, target, rules)
    finally:
        connected.close()
    if isinstance(answer, str):
        from urllib.parse import urljoin

        answer = urljoin(url, answer)
    return answer, addresses[0]


def _parts(url: str) -> tuple[str, int, str]:
    """Host, port and request target of an http URL."""
    from urllib.parse import quote, urlsplit

    if len(url) > LONGEST_URL:
        raise _Refused(f"the address is longer than {LONGEST_URL} characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        name = host.encode("idna").decode("ascii") if host and not host.isascii() else host
    except ValueError as error:
        raise _Refused("the address is no URL; expected http://HOST/PATH") from error
    if parts.scheme.lower() != "http":
        raise _Refused(f"{parts.scheme[:20] or 'no scheme'}: only http is fetched")
    if not name or parts.username is not None or not all(sign.isalnum() or sign in "-._:%" for sign in name):
        raise _Refused("the address has no host name that can be asked; expected http://HOST/PATH")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~-._')}" if parts.query else "")
    return name, port or 80, target


def _allowed(host: str, addresses: Sequence[str], allow: Callable[[Address], bool]) -> list[str]:
    """The addresses, if all of them are allowed: a name that also leads inside is refused whole."""
    import ipaddress

    for text in addresses:
        address = ipaddress.ip_address(text)
        if not allow(address):
            raise _Refused(f"{host[:253]} has the address {text}, which is not on the public internet; fetch it by hand and give the file")
    if not addresses:
        raise _Refused(f"{host[:253]} has no address")
    return list(addresses)


def _resolved(host: str, port: int, seconds: float) -> Sequence[str]:
    """The addresses of a host by the system's resolver, which knows no deadline: it is left behind when it takes too long."""
    import socket
    import threading

    found: list[str] = []
    failed: list[str] = []

    def look_up() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            failed.append(getattr(error, "strerror", None) or type(error).__name__)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    if failed:
        raise _Refused(f"{host[:253]} cannot be resolved: {failed[0]}")
    return found[:8]


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connected(addresses: list[str], port: int, deadline: float) -> socket.socket:
    """A connection to the first address that takes one; that address then stands first."""
    import socket

    problem: OSError | None = None
    for address in tuple(addresses[:3]):
        try:
            connected = socket.create_connection((address, port), timeout=_left(deadline))
        except TimeoutError:
            raise
        except OSError as error:
            problem = error
            continue
        addresses.remove(address)
        addresses.insert(0, address)
        return connected
    raise problem or OSError("no address")


class _Clocked(io.RawIOBase):
    """What a socket gives, up to a deadline and a size."""

    def __init__(self, connected: socket.socket, deadline: float, size: int) -> None:
        self._connected, self._deadline, self._room = connected, deadline, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connected.settimeout(_left(self._deadline))
        count = self._connected.recv_into(buffer)
        self._room -= count
        if self._room < 0:
            raise _Refused("the answer is larger than allowed")
        return count


class _Connection(NamedTuple):
    """The part of a socket that ``http.client`` uses; closing is left to who opened it."""

    connected: socket.socket
    deadline: float
    size: int

    def sendall(self, data: bytes) -> None:
        self.connected.settimeout(_left(self.deadline))
        self.connected.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Clocked(self.connected, self.deadline, self.size))

    def close(self) -> None:
        """Nothing: the answer is still to be read when ``http.client`` closes."""


def _exchange(connected: socket.socket, host: str, port: int, target: str, rules: _Rules) -> bytes | str:
    """The body of the answer, or where it redirects to."""
    import http.client

    connection = http.client.HTTPConnection(host, port)
    connection.sock = _Connection(connected, rules.deadline, rules.limits.size + HEADERS)
    headers = {
        "Accept": ", ".join((*MEDIA_TYPES, "*/*")), "Accept-Encoding": "identity", "Connection": "close", "User-Agent": "whytls",
    }  # fmt: skip
    connection.request("GET", target, headers=headers)
    return _body(connection.getresponse(), rules.limits)


def _body(response: http.client.HTTPResponse, limits: Limits) -> bytes | str:
    location = response.getheader("Location")
    if response.status in REDIRECTS and location:
        return location[: LONGEST_URL + 1]
    if response.status != 200:
        raise _Refused(f"the answer is HTTP {response.status}")
    encoding = response.getheader("Content-Encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise _Refused("the answer is compressed, which was not asked for and is not undone")
    length = response.getheader("Content-Length", "")
    if length.isdecimal() and int(length[:20]) > limits.size:
        raise _Refused(f"the answer is larger than {limits.size} bytes")
    body = response.read(limits.size + 1)
    if len(body) > limits.size:
        raise _Refused(f"the answer is larger than {limits.size} bytes")
    if length.isdecimal() and len(body) < int(length[:20]):
        raise _Refused("the answer was cut short")
    return body


def certificates_in_answer(body: bytes) -> list[bytes]:
    """The certificates in an answer, DER, PEM or PKCS #7 (RFC 5280 section 4.2.2.1); ``InputError`` says that it is none."""
    from whytls.pki.der import children, element
    from whytls.pki.readers import pem

    try:
        if body[:1] == b"\x30":
            outer = element(body, 0, len(body))
            first = next(children(body, outer), None)
            found = _of_pkcs7(body[: outer.end]) if first is not None and first.tag == 0x06 else [body[: outer.end]]
        elif b"-----BEGIN PKCS7-----" in body or b"-----BEGIN CMS-----" in body:
            found = _of_pkcs7(body)
        elif pem.BEGIN in body:
            found = pem.certificates(body)
        else:
            found = []
    except DamagedInput as error:
        raise InputError(f"the answer is damaged: {error.problem}") from error
    found = [der for der in dict.fromkeys(found) if read(der).subject_der]
    if not found:
        raise InputError("the answer is no certificate; expected DER, PEM or PKCS #7")
    return found


def _of_pkcs7(body: bytes) -> list[bytes]:
    import warnings

    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if body[:1] == b"\x30":
                found = pkcs7.load_der_pkcs7_certificates(body)
            else:
                found = pkcs7.load_pem_pkcs7_certificates(body.replace(b" CMS-----", b" PKCS7-----"))
            return [certificate.public_bytes(Encoding.DER) for certificate in found]
        except Exception as error:  # the library raises many types
            raise InputError("the answer is PKCS #7 that cannot be read") from error
