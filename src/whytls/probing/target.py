"""Where a handshake is to be made: HOST:PORT and what else the user says of the way there, as one value.

``target`` reads what a person writes; ``addresses`` finds out, once, which addresses that means. What connects is given one of
them and resolves nothing again, so that what was judged (``guard.py``) is what is connected to.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from whytls.exceptions import InputError, UsageError, WhytlsError
from whytls.pki.name import LONGEST, as_address, normalised
from whytls.pki.readers.live import Address, address, is_name, resolved

if TYPE_CHECKING:
    from whytls.pki.password import Password

Family = Literal[0, 4, 6]
ProxyKind = Literal["http", "socks4", "socks4a", "socks5", "socks5h"]
HeaderVersion = Literal["v1", "v2"]

# Dialects that come to TLS by a request, with the port each has in IANA's registry (LMTP has none; 24 is where it is found).
PORTS: dict[str, int] = {
    "smtp": 25, "lmtp": 24, "imap": 143, "pop3": 110, "ftp": 21, "nntp": 119, "sieve": 4190, "ldap": 389, "postgresql": 5432,
    "mysql": 3306, "xmpp": 5222, "xmpp-server": 5269,
}  # fmt: skip
# Schemes of addresses: port, and the dialect in front of TLS.
SCHEMES: dict[str, tuple[int, str]] = {
    **{dialect: (port, dialect) for dialect, port in PORTS.items()},
    "submission": (587, "smtp"), "postgres": (5432, "postgresql"), "mariadb": (3306, "mysql"),
    "https": (443, ""), "wss": (443, ""), "tls": (443, ""), "smtps": (465, ""), "imaps": (993, ""), "pop3s": (995, ""), "ftps": (990, ""),
    "nntps": (563, ""), "ldaps": (636, ""), "xmpps": (5223, ""),
}  # fmt: skip
RESOLVE = 5.0  # seconds for a name
LONGEST_PATH = 107  # bytes of a Unix socket's path (unix(7), Linux)
MOST_ADDRESSES = 64  # of one name

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,20}):/{2}", re.IGNORECASE)
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,126}\.?", re.IGNORECASE)
_ZONE = re.compile(r"[^%\[\]]+(?:%[\w.-]{1,15})?")  # RFC 4007 section 11; on Linux an interface, of at most 15 characters
_HINT = "HOST, HOST:PORT, [2001:db8::7]:443, unix:/path, or smtp://HOST"


class Proxy(NamedTuple):
    """A proxy that is asked for the connection. ``socks5`` and ``socks4`` are given an address, ``socks5h``, ``socks4a`` and ``http`` the name."""

    kind: ProxyKind
    host: str
    port: int
    user: str = ""
    password: Password | None = None

    @property
    def resolves(self) -> bool:
        """Whether the proxy finds out itself what the server's name means."""
        return self.kind not in ("socks4", "socks5")

    def __str__(self) -> str:
        return f"{self.kind}://{Address(self.host, self.port)}"


class ProxyHeader(NamedTuple):
    """A header of the PROXY protocol in front of everything; without a source it says LOCAL (version 1: UNKNOWN)."""

    version: HeaderVersion
    source: Address | None = None


class Target(NamedTuple):
    """Where a handshake is to be made, and how one gets there."""

    host: str  # a name (A-labels) or an address without brackets; empty for a Unix socket
    port: int
    path: str = ""  # of a Unix socket; "@name" is Linux's abstract one
    address: str = ""  # connect there instead of resolving the host
    family: Family = 0
    server_name: str | None = None  # sent as SNI; None: none is sent
    starttls: str = ""  # a key of PORTS, or nothing
    proxy: Proxy | None = None
    proxy_header: ProxyHeader | None = None

    @property
    def endpoint(self) -> Address:
        """Host and port."""
        return Address(self.host, self.port)

    def __str__(self) -> str:
        place = f"unix:{self.path}" if self.path else str(self.endpoint)
        also = f" at {self.address}" if self.address else ""
        return place + also + (f", {self.starttls}" if self.starttls else "") + (f", through {self.proxy}" if self.proxy else "")


class Where(NamedTuple):
    """One address of a target: what is connected to, or what a proxy is asked for."""

    family: int  # socket.AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC: a name, which only the proxy resolves
    address: Any  # as sockets take it; (host, port) for a name
    proxies: tuple[tuple[int, Any], ...] = ()  # addresses of the proxy, in the order in which they are tried

    def __str__(self) -> str:
        if self.family == socket.AF_UNIX:
            return f"unix:{self.address}"
        return str(Address(str(self.address[0]), self.address[1]))


def target(
    text: str,
    *,
    address: str = "",
    family: Family = 0,
    server_name: str | None = "",
    starttls: str | None = None,
    proxy: Proxy | None = None,
    proxy_header: ProxyHeader | None = None,
) -> Target:
    """What a person wrote: ``host``, ``host:port``, ``[v6]:port``, ``v6``, ``unix:/path``, ``https://host/…``, ``smtp://host``.

    ``server_name`` ``""`` stands for the host, where that is a name; ``None`` for no SNI. ``starttls`` ``None`` stands for what
    the scheme says, ``""`` for none. Without a port it is the scheme's, the dialect's, or 443.

    Raises:
        UsageError: it is none of these, or two of the options contradict each other.
    """
    if starttls and starttls not in PORTS:
        raise UsageError(f"{starttls[:40]!r} is no protocol that we can change to TLS", hint="one of " + ", ".join(PORTS))
    name = _server_name(server_name) if server_name else server_name
    if text.startswith("unix:") and not text[5:].isdigit():  # a host may be called unix
        if proxy or address or family:
            raise UsageError("a Unix socket has no address and no proxy", hint="leave out the proxy, the address and the family")
        return Target("", 0, _path(text[5:]), server_name=name or None, starttls=starttls or "", proxy_header=proxy_header)
    place, dialect = _place(text, starttls)
    if name == "":
        name = normalised(place.host) if is_name(place.host) else None
    found = Target(place.host, place.port, "", "", family, name, dialect, proxy, proxy_header)
    return _contradicting(found._replace(address=_address(address) if address else ""))


def proxy(text: str, *, user: str = "", password: Password | None = None) -> Proxy:
    """``http://host:port``, ``socks5h://host`` and the like; the user may stand in front of the host, a password may not.

    Raises:
        UsageError: it is no address of a proxy, or a password stands in it.
    """
    found = _SCHEME.match(text)
    kind = found[1].lower() if found else ""
    if not found or kind not in ("http", "socks4", "socks4a", "socks5", "socks5h"):
        raise UsageError("the proxy is given without its kind", hint="http://HOST:PORT, socks4, socks4a, socks5 or socks5h://HOST[:PORT]")
    before, at, rest = text[found.end() :].rstrip("/").rpartition("@")
    if ":" in before:
        raise UsageError("a password stands in the address of the proxy", hint="leave it out, and name a variable or a file that holds it")
    place = _host_and_port(rest, 0 if kind == "http" else 1080)
    if not place.port:
        raise UsageError(f"the proxy {rest[:100]!r} is given without its port", hint="http://HOST:PORT")
    name = before if at else user
    if len(name.encode(errors="replace")) > 255 or not name.isprintable() or (kind == "http" and ":" in name):
        raise UsageError("the user of the proxy cannot be sent", hint="printable, at most 255 bytes, for HTTP without a colon")
    return Proxy(kind, place.host, place.port, name, password)  # type: ignore[arg-type]  # one of the five, as asked above


def proxy_header(version: str, source: str = "") -> ProxyHeader:
    """The PROXY protocol's header: ``v1`` or ``v2``, and ADDRESS:PORT of the client that it names.

    Raises:
        UsageError: there is no such version, or the source is no address with a port.
    """
    if version not in ("v1", "v2"):
        raise UsageError(f"the PROXY protocol has no version {version[:20]!r}", hint="v1 or v2")
    said = address(source) if source else None
    if source and (said is None or is_name(said.host) or "%" in said.host):
        raise UsageError(f"{source[:100]!r} is no client's address", hint="192.0.2.7:40000 or [2001:db8::7]:40000")
    return ProxyHeader(version, said and said._replace(host=as_address(said.host) or said.host))  # type: ignore[arg-type]


async def addresses(target: Target, limit: float = RESOLVE) -> tuple[Where, ...]:
    """The target's addresses, each once, in the order in which the system would try them.

    Where the proxy resolves, that is one: the name. Names are resolved here and nowhere else, in at most ``limit`` seconds each.

    Raises:
        InputError: a name leads nowhere, has no address of the wanted family, or takes too long.
    """
    if target.path:
        return (Where(socket.AF_UNIX, target.path),)
    through = target.proxy
    wanted = 4 if through and through.kind == "socks4" else target.family
    endpoint = target.endpoint._replace(host=target.address or target.host)
    proxies: tuple[tuple[int, Any], ...] = ()
    if through:
        proxies = await _resolved(Address(through.host, through.port), target.family if through.resolves else 0, limit)
    if through and through.resolves and is_name(endpoint.host):
        return (Where(socket.AF_UNSPEC, (endpoint.host, endpoint.port), proxies),)
    return tuple(Where(family, where, proxies) for family, where in await _resolved(endpoint, wanted, limit))


async def _resolved(endpoint: Address, family: int, limit: float) -> tuple[tuple[int, Any], ...]:
    """The system's resolver, asked in a thread of its own: it cannot be stopped, and nobody waits for it at the end."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[list[tuple[int, tuple[Any, ...]]]] = loop.create_future()

    def tell(found: list[tuple[int, tuple[Any, ...]]] | WhytlsError) -> None:
        if not told.done():
            if isinstance(found, WhytlsError):
                told.set_exception(found)
            else:
                told.set_result(found)

    def look() -> None:
        found: list[tuple[int, tuple[Any, ...]]] | WhytlsError
        try:
            found = resolved(endpoint, {4: socket.AF_INET, 6: socket.AF_INET6}.get(family, 0))
        except WhytlsError as error:
            found = error
        try:
            loop.call_soon_threadsafe(tell, found)
        except RuntimeError:
            return  # the loop has ended: nobody asks any more

    threading.Thread(target=look, name="whytls-resolver", daemon=True).start()
    try:
        found = await asyncio.wait_for(told, limit)
    except TimeoutError:
        hint = "is this machine's DNS reachable? an address can be given instead"
        raise InputError(f"the name was not resolved within {limit:g} s", file=str(endpoint), hint=hint) from None
    return tuple(found[:MOST_ADDRESSES])


def _place(text: str, starttls: str | None) -> tuple[Address, str]:
    """Host, port and dialect of an address with or without a scheme."""
    found = _SCHEME.match(text)
    if not found:
        return _host_and_port(text, PORTS.get(starttls or "", 443)), starttls or ""
    scheme = found[1].lower()
    rest = re.split(r"[/?#]", text[found.end() :], maxsplit=1)[0]
    if scheme not in SCHEMES:
        hint = "https://HOST, or one of " + ", ".join(PORTS)
        raise UsageError(f"{scheme}:// is no protocol that leads to TLS", hint=hint)
    if "@" in rest:
        raise UsageError(f"a user stands in the {scheme}:// address", hint=f"{scheme}://HOST is enough: nobody logs in")
    port, dialect = SCHEMES[scheme]
    return _host_and_port(rest, PORTS[starttls] if starttls else port), dialect if starttls is None else starttls


def _host_and_port(text: str, default: int) -> Address:
    """HOST, HOST:PORT, [v6], [v6]:PORT or v6; the host's name in A-labels.

    Raises:
        UsageError: it is none of these.
    """
    whole = text
    if as_address(text) and ":" in text and not {"[", "]"} & set(text):
        whole = f"[{text}]"
    if whole.endswith("]") or ":" not in whole:
        host = whole[1:-1] if whole.startswith("[") and whole.endswith("]") else whole
        place: Address | None = Address(host, default)
    else:
        place = address(whole)
        host = place.host if place else ""
    bracketed = whole.startswith("[")
    if place is None or bracketed != (":" in host) or (bracketed and (as_address(host) is None or not _ZONE.fullmatch(host))):
        raise UsageError(f"{text[:100]!r} is no address of a server", hint=_HINT)
    return place._replace(host=host if bracketed else _host(host))


def _host(host: str) -> str:
    """A host's name as the DNS has it, or an IPv4 address."""
    plain = as_address(host)
    if plain is not None:
        return plain
    name = host if host.isascii() else normalised(host)
    last = name.removesuffix(".").rpartition(".")[2]
    if len(name) > LONGEST + 1 or not _HOST.fullmatch(name) or last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last, re.IGNORECASE):
        raise UsageError(f"{host[:100]!r} is neither a host's name nor an address", hint=_HINT)
    return name


def _server_name(text: str) -> str:
    if as_address(text):
        raise UsageError(f"{text[:100]} is an address, and SNI carries names only", hint="RFC 6066 section 3: leave it out")
    name = text if text.isascii() else normalised(text)
    if not name.isascii() or not name.isprintable() or len(name) > LONGEST or " " in name:
        raise UsageError(f"{text[:100]!r} is no server name", hint="a host's name, at most 253 characters")
    return name


def _address(text: str) -> str:
    found = as_address(text)
    if found is None or not _ZONE.fullmatch(text.strip("[]")):
        raise UsageError(f"{text[:100]!r} is no address to connect to", hint="192.0.2.7 or 2001:db8::7; the port stands with the host")
    zone = text.strip("[]").partition("%")[2]
    return f"{found}%{zone}" if zone else found


def _path(path: str) -> str:
    if not path or len(path.encode(errors="surrogateescape")) > LONGEST_PATH or "\0" in path:
        raise UsageError(f"{path[:100]!r} is no path of a socket", hint=f"unix:/path, at most {LONGEST_PATH} bytes")
    return path if path[0] in "/@" else f"./{path}"


def _contradicting(found: Target) -> Target:
    """The target, if nothing in it contradicts something else."""
    literal = as_address(found.address or found.host)
    version = 0 if literal is None else 6 if ":" in literal else 4
    if found.family and version and version != found.family:
        raise UsageError(f"{literal} is no IPv{found.family} address", hint="leave out the family, or the address")
    if found.proxy and found.proxy.kind in ("socks4", "socks4a") and 6 in (version, found.family):
        raise UsageError("SOCKS 4 carries IPv4 only", hint="socks5:// or socks5h://")
    return found
