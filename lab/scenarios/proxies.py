"""TLS through and behind proxies: HTTP CONNECT, SOCKS 4 and 5, and the PROXY protocol's two versions."""

from __future__ import annotations

from pathlib import Path

from lab import clients, dialects, pki, servers
from lab.net import Done, Host
from lab.record import Connection
from lab.scenario import Lab, scenario

NAME = "shop.maple.test"
CLIENT, PROXY, ORIGIN = "10.20.3.41", "10.20.0.8", "10.20.9.12"


class Path3:
    """Client, proxy, origin; recorded at the client (CONNECT, SOCKS) or at the origin (PROXY protocol)."""

    def __init__(self, lab: Lab, *stacks: str, origin_name: str = NAME, days: tuple[int, int] = (-40, 50), tls: str = "") -> None:
        lab.stacks = (*stacks, "nginx", "OpenSSL")
        lab.names(shop_maple_test=ORIGIN, proxy_maple_test=PROXY)
        self.lab = lab
        self.client, self.proxy, self.origin = lab.host("client", CLIENT), lab.host("proxy", PROXY), lab.host("origin", ORIGIN)
        self.root = pki.root("Harbour Root CA R1")
        self.issuing = pki.intermediate(self.root, "Harbour Issuing CA 3")
        self.ca = pki.write_bundle(lab.work, "anchors", self.root.certificate)
        self.pair = pki.write(lab.work, "site", pki.leaf(self.issuing, origin_name, days=days))
        self.options = ("ssl_protocols TLSv1.2;",) if tls == "1.2" else ()

    def web(self, listen: str = "443 ssl") -> Path:
        """nginx as origin."""
        return servers.nginx(self.origin, servers.site(listen, NAME, self.pair, *self.options))

    def curl(self, *options: str, at: Host | None = None, ports: tuple[int, ...] = ()) -> Done:
        """One request, recorded."""
        with self.lab.record(at or self.client, ports=ports):
            return clients.curl(self.client, f"https://{NAME}/", "--cacert", self.ca, *options)

    @property
    def seen(self) -> Connection:
        """The one connection of the recording."""
        return self.lab.seen()

    def good(self, done: Done) -> None:
        """It went well."""
        self.lab.must("all is well" in done.said, f"served: {done.said[-900:]}")
        self.lab.completed(self.seen)

    def expired(self, done: Done) -> None:
        """curl refused the expired certificate."""
        self.lab.quote("curl", done, "certificate has expired")
        seen = self.seen
        frames = [seen.message(11, "server"), seen.alert("client", 45)]
        self.lab.failed(seen, "certificate-expired", side="client", owners=["server"], at_least="likely", frames=frames)

    def answered(self, cause: str, owners: list[str], side: str = "server", **rest: object) -> None:
        """The proxy said no in its own words: SOCKS in its last packet with bytes, HTTP in the status line, its first."""
        frames = [self.seen.data("server")[0 if self.seen.server[1] == 3128 else -1].frame]
        self.lab.failed(self.seen, cause, side=side, owners=owners, frames=frames, **{"at_least": "likely", **rest})


# HTTP CONNECT


@scenario("completed", "http-connect")
def connect_good(lab: Lab) -> None:
    """curl through Tinyproxy with CONNECT; all in order. Recorded at the client."""
    path = Path3(lab, "Tinyproxy", "curl")
    path.web()
    dialects.tinyproxy(path.proxy, "ConnectPort 443")
    path.good(path.curl("-x", f"http://{PROXY}:3128", ports=(3128,)))


@scenario("certificate-expired", "http-connect")
def connect_fails(lab: Lab) -> None:
    """curl through Tinyproxy with CONNECT; the origin's certificate has expired, curl says so after the tunnel stands. TLS 1.2."""
    path = Path3(lab, "Tinyproxy", "curl", days=(-400, -8), tls="1.2")
    path.web()
    dialects.tinyproxy(path.proxy, "ConnectPort 443")
    path.expired(path.curl("-x", f"http://{PROXY}:3128"))


@scenario("tls-to-plaintext-port", "http-proxy-answers-late")
def connect_left_out(lab: Lab) -> None:
    """curl takes the proxy for one that speaks TLS itself (https:// before its address); Tinyproxy waits for the end of a request.

    After 12 seconds curl gives up and closes; only then Tinyproxy answers, in plain text, with HTTP 400.
    """
    path = Path3(lab, "Tinyproxy", "curl")
    path.web()
    dialects.tinyproxy(path.proxy, "ConnectPort 443")
    done = path.curl("-x", f"https://{PROXY}:3128", "--proxy-cacert", path.ca, ports=(3128,))
    lab.quote("curl", done, "Connection timed out")
    lab.must(b"HTTP/1.0 400 Bad Request" in lab.pcap.read_bytes(), "the proxy answered in plain text")
    seen = path.seen
    lab.failed(
        seen, "tls-to-plaintext-port", side="client", or_side="server", owners=["client", "server"], at_least="possible",
        also=["handshake-timeout"], frames=[seen.message(1)],
    )  # fmt: skip


@scenario("proxy-refused", "http-connect-403")
def connect_refused(lab: Lab) -> None:
    """Tinyproxy forbids the port of the CONNECT request: HTTP 403, no TLS follows."""
    path = Path3(lab, "Tinyproxy", "curl")
    path.web()
    dialects.tinyproxy(path.proxy, "ConnectPort 8443")
    done = path.curl("-x", f"http://{PROXY}:3128")
    lab.quote("curl", done, "403")
    path.answered("proxy-refused", ["client", "network", "server"])


@scenario("proxy-refused", "http-connect-407")
def connect_unauthorised(lab: Lab) -> None:
    """Tinyproxy wants a password that curl does not send: HTTP 407 to the CONNECT request, no TLS follows."""
    path = Path3(lab, "Tinyproxy", "curl")
    path.web()
    dialects.tinyproxy(path.proxy, "ConnectPort 443", "BasicAuth till seventeen")
    done = path.curl("-x", f"http://{PROXY}:3128")
    lab.quote("curl", done, "407")
    path.answered("proxy-refused", ["client", "network", "server"])


@scenario("proxy-refused", "http-connect-unreachable-origin")
def connect_unreachable(lab: Lab) -> None:
    """Nothing listens at the origin; Tinyproxy answers the CONNECT request with HTTP 500, no TLS follows."""
    path = Path3(lab, "Tinyproxy", "curl")
    dialects.tinyproxy(path.proxy, "ConnectPort 443")
    done = path.curl("-x", f"http://{PROXY}:3128")
    lab.quote("curl", done, "CONNECT tunnel failed, response 5")
    path.answered("proxy-refused", ["client", "network", "server"])


# SOCKS


@scenario("completed", "socks5")
def socks5_good(lab: Lab) -> None:
    """curl through microsocks with SOCKS 5, the name resolved by the proxy; all in order."""
    path = Path3(lab, "microsocks", "curl")
    path.web()
    dialects.microsocks(path.proxy)
    path.good(path.curl("--socks5-hostname", f"{PROXY}:1080"))


@scenario("certificate-expired", "socks5")
def socks5_fails(lab: Lab) -> None:
    """curl through microsocks with SOCKS 5; the origin's certificate has expired. TLS 1.2."""
    path = Path3(lab, "microsocks", "curl", days=(-400, -8), tls="1.2")
    path.web()
    dialects.microsocks(path.proxy)
    path.expired(path.curl("--socks5-hostname", f"{PROXY}:1080"))


@scenario("closed-without-answer", "socks5-left-out")
def socks_left_out(lab: Lab) -> None:
    """openssl speaks TLS at once on the port of a SOCKS proxy (microsocks), which closes without a word."""
    path = Path3(lab, "microsocks")
    dialects.microsocks(path.proxy)
    with lab.record(path.client, ports=[1080]):
        done = clients.s_client(path.client, f"{PROXY}:1080", "-servername", NAME)
    lab.must(done.code != 0, "it failed")
    seen = path.seen
    lab.failed(
        seen, "closed-without-answer", side="server", or_side="client", owners=["client", "server"], at_least="possible",
        also=["tls-to-plaintext-port", "connection-reset"], frames=[seen.data("client")[0].frame], truth="tls-to-plaintext-port",
    )  # fmt: skip


@scenario("proxy-refused", "socks5-unreachable-origin")
def socks5_refused(lab: Lab) -> None:
    """Nothing listens at the origin; microsocks answers the SOCKS 5 request with "connection refused", no TLS follows."""
    path = Path3(lab, "microsocks", "curl")
    dialects.microsocks(path.proxy)
    done = path.curl("--socks5-hostname", f"{PROXY}:1080")
    lab.quote("curl", done, "Can't complete SOCKS5 connection")
    path.answered("proxy-refused", ["client", "network", "server"])


@scenario("completed", "socks4")
def socks4_good(lab: Lab) -> None:
    """curl through Dante with SOCKS 4; all in order."""
    path = Path3(lab, "Dante", "curl")
    path.web()
    dialects.dante(path.proxy)
    path.good(path.curl("--socks4", f"{PROXY}:1080"))


@scenario("certificate-name-mismatch", "socks4")
def socks4_fails(lab: Lab) -> None:
    """Python through Dante with SOCKS 4; the origin shows another host's certificate. TLS 1.2."""
    path = Path3(lab, "Dante", "Python", origin_name="desk.maple.test", tls="1.2")
    path.web()
    dialects.dante(path.proxy)
    with lab.record(path.client):
        done = clients.python(path.client, "socks.py", f"{PROXY}:1080", f"{NAME}:443", path.ca)
    lab.quote("Python", done, "ostname mismatch")
    seen = path.seen
    frames = [seen.message(11, "server"), seen.fatal("client")]
    lab.failed(seen, "certificate-name-mismatch", side="client", owners=["server"], at_least="likely", frames=frames)


@scenario("proxy-refused", "socks4-by-rule")
def socks4_refused(lab: Lab) -> None:
    """Dante's rules forbid the target: the SOCKS 4 request is rejected, no TLS follows."""
    path = Path3(lab, "Dante", "curl")
    path.web()
    rule = f"socks block {{\n  from: 0.0.0.0/0 to: {ORIGIN}/32\n  log: connect\n}}"
    dialects.dante(path.proxy, rule)
    done = path.curl("--socks4", f"{PROXY}:1080")
    lab.quote("curl", done, "request rejected")
    path.answered("proxy-refused", ["client", "network", "server"])


# PROXY protocol


def _behind_haproxy(path: Path3, how: str) -> None:
    """HAProxy in TCP mode that hands the client's bytes on, with a PROXY header in front where `how` says so."""
    body = "frontend door\n  mode tcp\n  option tcplog\n  bind :443\n  default_backend inner\n"
    servers.haproxy(path.proxy, f"{body}backend inner\n  mode tcp\n  server inner {ORIGIN}:443 {how}\n")


def _through(path: Path3, *options: str) -> Done:
    return path.curl("--connect-to", f"{NAME}:443:{PROXY}:443", *options, at=path.origin)


@scenario("completed", "proxy-v1")
def proxy_v1_good(lab: Lab) -> None:
    """HAProxy hands TLS on to nginx with a PROXY header of version 1; all in order. Recorded at nginx."""
    path = Path3(lab, "HAProxy", "curl")
    path.web("443 ssl proxy_protocol")
    _behind_haproxy(path, "send-proxy")
    path.good(_through(path))


@scenario("certificate-expired", "proxy-v1")
def proxy_v1_fails(lab: Lab) -> None:
    """HAProxy hands TLS on to nginx with a PROXY header of version 1; nginx's certificate has expired. TLS 1.2."""
    path = Path3(lab, "HAProxy", "curl", days=(-400, -8), tls="1.2")
    path.web("443 ssl proxy_protocol")
    _behind_haproxy(path, "send-proxy")
    path.expired(_through(path))


@scenario("completed", "proxy-v2")
def proxy_v2_good(lab: Lab) -> None:
    """HAProxy hands TLS on to nginx with a PROXY header of version 2; all in order."""
    path = Path3(lab, "HAProxy", "curl")
    path.web("443 ssl proxy_protocol")
    _behind_haproxy(path, "send-proxy-v2")
    path.good(_through(path))


@scenario("certificate-expired", "proxy-v2")
def proxy_v2_fails(lab: Lab) -> None:
    """HAProxy hands TLS on to nginx with a PROXY header of version 2; nginx's certificate has expired. TLS 1.2."""
    path = Path3(lab, "HAProxy", "curl", days=(-400, -8), tls="1.2")
    path.web("443 ssl proxy_protocol")
    _behind_haproxy(path, "send-proxy-v2")
    path.expired(_through(path))


@scenario("closed-without-answer", "proxy-header-left-out")
def proxy_left_out(lab: Lab) -> None:
    """nginx waits for a PROXY header, HAProxy sends none: nginx logs "broken header" and closes without a word."""
    path = Path3(lab, "HAProxy", "curl")
    log = path.web("443 ssl proxy_protocol")
    _behind_haproxy(path, "")
    done = _through(path)
    lab.must(done.code == 35, "curl failed in the handshake")
    lab.quote("nginx", log, "broken header")
    seen = path.seen
    lab.failed(
        seen, "closed-without-answer", side="server", owners=["client", "server"], also=["connection-reset", "tls-to-plaintext-port"],
        at_least="possible", frames=[seen.data("client")[0].frame],
    )  # fmt: skip


@scenario("plaintext-to-tls-port", "proxy-header-not-wanted")
def proxy_unwanted(lab: Lab) -> None:
    """HAProxy sends a PROXY header to an nginx that does not want one: for nginx that is plain text on a TLS port, HTTP 400.

    The client's ClientHello stands right behind the header and is never read.
    """
    path = Path3(lab, "HAProxy", "curl", tls="1.2")
    path.web()
    _behind_haproxy(path, "send-proxy")
    done = _through(path)
    lab.must(done.code == 35, "curl failed in the handshake")
    seen = path.seen
    lab.must(b"400 Bad Request" in lab.pcap.read_bytes(), "nginx answered 400 in plain text")
    lab.failed(
        seen, "plaintext-to-tls-port", side="server", or_side="client", owners=["client", "server"], at_least="possible",
        also=["tls-to-plaintext-port"], frames=[seen.data("server")[0].frame],
        note="The PROXY header is the plain text; the other reading, that nginx does not speak TLS there, looks the same.",
    )  # fmt: skip
