"""Where a recorded handshake went, as a target of ours; and which of its addresses the user allows.

What stood in front of TLS in the recording stands there again: the dialect's request for TLS, the proxy that was asked, the PROXY
protocol's header with the client that it named. Addresses in a recording are anybody's words: nothing is connected to but through
``guard.Allowed``, and a recorded proxy is judged like a server, for it is what would be connected to.
"""

from __future__ import annotations

from whytls.exceptions import UsageError
from whytls.model import Endpoint, Handshake
from whytls.pki.readers.live import Address, is_name
from whytls.probing.guard import Allowed
from whytls.probing.target import PORTS, Proxy, ProxyHeader, ProxyKind, Target, Where, addresses, target

_HEADERS: dict[str, ProxyHeader] = {"proxy-v1": ProxyHeader("v1"), "proxy-v2": ProxyHeader("v2")}


def target_of(handshake: Handshake) -> Target:
    """The server that the handshake was with, and the way there, as far as the recording shows it."""
    server, prelude = handshake.server, handshake.prelude
    plain = Target(server.address, server.port)
    if prelude is None:
        return plain
    if prelude.kind in PORTS:
        return plain._replace(starttls=prelude.kind)
    named = _named(prelude.target)
    if prelude.kind in _HEADERS:
        source = named if named is not None and not is_name(named.host) else None
        return plain._replace(proxy_header=_HEADERS[prelude.kind]._replace(source=source))
    if named is None:
        return plain
    return Target(named.host, named.port, proxy=Proxy(_kind(prelude.kind, named), server.address, server.port))


def _named(text: str | None) -> Address | None:
    """What was asked of the proxy, or the client that was named; None where it is nothing that can be asked again."""
    if not text:
        return None
    try:
        return target(text).endpoint
    except UsageError:
        return None


def _kind(kind: str, asked: Address) -> ProxyKind:
    """The kind of proxy: SOCKS has two for names and two for addresses."""
    name = is_name(asked.host)
    if kind == "socks4":
        return "socks4a" if name else "socks4"
    if kind == "socks5":
        return "socks5h" if name else "socks5"
    return "http"


async def permitted(wanted: Target, allowed: Allowed, preferred: Endpoint | None = None) -> Where:
    """The address of the target that may be connected to; the one in the recording (``preferred``), where it is among them.

    Raises:
        UsageError: the user did not point to any of them; with what would.
        InputError: its name leads nowhere.
    """
    found = list(await addresses(wanted))
    if preferred is not None:
        found.sort(key=lambda where: str(where.address[0]) != preferred.address)
    if wanted.proxy is not None:
        itself = Target(wanted.proxy.host, wanted.proxy.port)
        for family, place in found[0].proxies:
            allowed.check(itself, Where(family, place))
    for where in found:
        if allowed.permits(wanted, where):
            return where
    allowed.check(wanted, found[0])
    return found[0]
