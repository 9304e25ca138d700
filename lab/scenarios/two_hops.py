"""Both hops in one recording: clients → Router and Message Processor → backend, made on the machine in the middle."""

from __future__ import annotations

from pathlib import Path

from lab import clients, pki, servers
from lab.net import Done, Host, together
from lab.record import Connection
from lab.scenario import Lab, scenario

NAME, ORDERS, STOCK = "api.maple.test", "orders.cedar.test", "stock.cedar.test"
TILL, APP, PARTNER = "10.20.3.41", "10.20.3.57", "10.20.4.12"
EDGE, PROCESSOR = "10.20.0.5", "10.20.0.6"
BACKEND, OTHER = "10.20.9.12", "10.20.9.13"
PORT = 8443


class Edge:
    """Three clients, the machine in the middle, two backends, and a PKI on either side of it."""

    def __init__(self, lab: Lab, *stacks: str, processor: bool = False) -> None:
        lab.stacks = ("nginx", "OpenSSL", *stacks)
        lab.names(api_maple_test=EDGE, orders_cedar_test=BACKEND, stock_cedar_test=OTHER)
        self.lab = lab
        self.till, self.app, self.partner = lab.host("till", TILL), lab.host("app", APP), lab.host("partner", PARTNER)
        self.edge = lab.host("edge", EDGE, *([PROCESSOR] if processor else []))
        self.backend, self.other = lab.host("orders", BACKEND), lab.host("stock", OTHER)
        self.north = pki.root("Harbour Root CA R1")
        self.site = pki.leaf(pki.intermediate(self.north, "Harbour Issuing CA 3"), NAME)
        self.ca = pki.write_bundle(lab.work, "public-anchors", self.north.certificate)
        self.south = pki.root("Cedar Group Root")
        self.cedar = pki.intermediate(self.south, "Cedar Servers CA 2")
        self.anchors = pki.write_bundle(lab.work, "backend-anchors", self.south.certificate)
        middle = PROCESSOR if processor else EDGE
        options = ["--router", EDGE, "--message-processor", middle, "--backend", f"{BACKEND}:{PORT}", "--backend", f"{OTHER}:{PORT}"]
        lab.topology = tuple(options)
        lab.inferable = not processor

    def own(self, name: str, *names: str, above: pki.Issued | None = None, days: tuple[int, int] = (-40, 50)) -> tuple[str, str]:
        """A backend's certificate file and key file."""
        return pki.write(self.lab.work, name, pki.leaf(above or self.cedar, *(names or (f"{name}.cedar.test",)), days=days))

    def router(self, *upstream: str, tls: tuple[str, ...] = (), certificate: tuple[str, str] | None = None, stock: str = "") -> Path:
        """nginx as Router (and as Message Processor, where it calls the backend by itself)."""
        paths = certificate or pki.write(self.lab.work, "site", self.site)
        place = [f"location / {{ proxy_pass https://{ORDERS}:{PORT}; {' '.join(upstream)} }}"]
        if stock:
            place.append(f"location /stock {{ proxy_pass https://{STOCK}:{PORT}; {stock} }}")
        return servers.nginx(self.edge, servers.site(f"{EDGE}:443 ssl", NAME, paths, *tls, *place))

    def curl(self, host: Host, path: str = "/", *options: str) -> Done:
        """A request with curl."""
        return clients.curl(host, f"https://{NAME}{path}", "--cacert", self.ca, *options)

    def python(self, host: Host, path: str = "/", *options: str, hold: str = "0.6") -> Done:
        """A request with Python, which keeps its connection open for a while."""
        return clients.python(host, "get.py", NAME, "443", "--ca", self.ca, "--path", path, "--hold", hold, *options)

    def three(self, paths: tuple[str, str, str] = ("/", "/", "/")) -> list[Done]:
        """Three clients, whose connections overlap in time."""
        return together(
            (0.0, lambda: self.python(self.till, paths[0])),
            (0.15, lambda: self.curl(self.app, paths[1])),
            (0.3, lambda: self.python(self.partner, paths[2])),
        )

    def north_of(self, address: str, nth: int = 0) -> Connection:
        """The nth connection of a client to the Router."""
        return self.lab.seen(client=address, server=EDGE, port=443, nth=nth)

    def south_of(self, nth: int = 0, backend: str = BACKEND) -> Connection:
        """The nth connection to a backend."""
        return self.lab.seen(server=backend, port=PORT, nth=nth)

    def all_north_completed(self) -> None:
        """Each client's own handshake with the Router went through."""
        for connection in self.lab.connections:
            if connection.server == (EDGE, 443):
                self.lab.completed(connection, hop="northbound")


def served(lab: Lab, *dones: Done) -> None:
    """These clients got their answer."""
    for done in dones:
        lab.must("all is well" in done.said, f"served: {done.said[-600:]}")


def refused(lab: Lab, status: str, *dones: Done) -> None:
    """These clients were told that status."""
    for done in dones:
        lab.must(status in done.said, f"answered {status}: {done.said[-600:]}")


def plain_inside(edge: Edge) -> None:
    """Router and Message Processor speak plain HTTP with each other: nothing to be said about it."""
    for connection in edge.lab.connections:
        if connection.server[1] == 8998:
            edge.lab.nothing(connection)


@scenario("completed", "two-hops-nginx")
def all_is_well(lab: Lab) -> None:
    """Three clients at once through nginx to a backend, both hops over TLS, all in order (TLS 1.3 north, TLS 1.2 south)."""
    edge = Edge(lab, "curl", "Python")
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, edge.own("orders"), "ssl_protocols TLSv1.2;"), port=PORT)
    verify = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {edge.anchors}; proxy_ssl_verify_depth 3;"
    edge.router(verify, f"proxy_ssl_name {ORDERS}; proxy_ssl_server_name on;")
    with lab.record(edge.edge, ports=[PORT]):
        dones = edge.three()
    served(lab, *dones)
    edge.all_north_completed()
    for number in range(3):
        lab.completed(edge.south_of(number), hop="southbound")


@scenario("protocol-mismatch", "southbound-tls10-backend")
def old_backend(lab: Lab) -> None:
    """The backend (Go) speaks TLS 1.0 only, nginx in the middle takes TLS 1.2 only.

    The backend answers the TLS 1.2 ClientHello with a TLS 1.0 ServerHello, as the RFC wants it; nginx then refuses with
    protocol_version. Every client's own handshake is fine, every one gets HTTP 502.
    """
    edge = Edge(lab, "curl", "Python", "Go")
    servers.go(edge.backend, edge.own("orders"), "-least", "769", "-most", "769")
    log = edge.router("proxy_ssl_protocols TLSv1.2; proxy_ssl_server_name on;")
    with lab.record(edge.edge, ports=[PORT]):
        dones = edge.three()
    refused(lab, "502", *dones)
    lab.quote("nginx", log, "unsupported protocol")
    _versions_differ(edge, "client")


@scenario("protocol-mismatch", "southbound-tls13-backend")
def new_backend(lab: Lab) -> None:
    """The backend (nginx) takes TLS 1.3 only, nginx in the middle offers TLS 1.2: the backend refuses with protocol_version.

    Every client's own handshake is fine, every one gets HTTP 502.
    """
    edge = Edge(lab, "curl", "Python")
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, edge.own("orders"), "ssl_protocols TLSv1.3;"), port=PORT)
    log = edge.router("proxy_ssl_protocols TLSv1.2; proxy_ssl_server_name on;")
    with lab.record(edge.edge, ports=[PORT]):
        dones = edge.three()
    refused(lab, "502", *dones)
    lab.quote("nginx", log, "alert protocol version")
    _versions_differ(edge, "server")


def _versions_differ(edge: Edge, side: str) -> None:
    edge.all_north_completed()
    for number, client in enumerate((TILL, APP, PARTNER)):
        seen = edge.south_of(number)
        edge.lab.failed(
            seen, "protocol-mismatch", hop="southbound", side=side, owners=["server", "client"], at_least="proven",
            frames=[seen.alert(side, 70)], related=[edge.north_of(client)],
        )  # fmt: skip


@scenario("cipher-mismatch", "southbound-one-of-two-routes")
def narrow_ciphers(lab: Lab) -> None:
    """Two routes of one Router lead to the same backend; one of them offers a single cipher suite, which the backend has not.

    The backend (nginx) says handshake_failure. The other route sends the same server_name and TLS 1.2 and gets through, which
    shows that the suites decide.
    """
    edge = Edge(lab, "curl", "Python")
    options = ("ssl_protocols TLSv1.2;", "ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305;")
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, edge.own("orders"), *options), port=PORT)
    common = "proxy_ssl_protocols TLSv1.2; proxy_ssl_server_name on; proxy_ssl_session_reuse off;"
    paths = pki.write(lab.work, "site", edge.site)
    narrow = f"location /narrow {{ proxy_pass https://{ORDERS}:{PORT}; proxy_ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256; {common} }}"
    wide = f"location / {{ proxy_pass https://{ORDERS}:{PORT}; {common} }}"
    log = servers.nginx(edge.edge, servers.site(f"{EDGE}:443 ssl", NAME, paths, narrow, wide))
    with lab.record(edge.edge, ports=[PORT]):
        dones = edge.three(("/", "/narrow", "/"))
    served(lab, dones[0], dones[2])
    refused(lab, "502", dones[1])
    lab.quote("nginx", log, "alert handshake failure")
    edge.all_north_completed()
    lab.completed(edge.south_of(0), hop="southbound")
    seen = edge.south_of(1)
    lab.failed(
        seen, "cipher-mismatch", hop="southbound", side="server", owners=["server", "client"], at_least="likely",
        frames=[seen.alert("server", 40)], related=[edge.north_of(APP)],
    )  # fmt: skip
    lab.completed(edge.south_of(2), hop="southbound")


@scenario("sni-missing", "southbound-strict-haproxy-backend")
def no_name_to_haproxy(lab: Lab) -> None:
    """nginx in the middle sends no server_name (its default, proxy_ssl_server_name off) to a HAProxy backend with strict-sni.

    HAProxy answers unrecognized_name although no name was sent. A second route that does send the name gets through.
    """
    edge = Edge(lab, "curl", "Python", "HAProxy")
    both = edge.own("orders")
    folder = lab.work / "both.pem"
    folder.write_bytes(Path(both[0]).read_bytes() + Path(both[1]).read_bytes())
    body = f"frontend tls\n  bind :{PORT} ssl crt {folder} strict-sni ssl-max-ver TLSv1.2\n"
    servers.haproxy(edge.backend, body + '  http-request return status 200 content-type text/plain string "all is well"', port=PORT)
    common = "proxy_ssl_protocols TLSv1.2; proxy_ssl_session_reuse off;"
    paths = pki.write(lab.work, "site", edge.site)
    named = f"location /named {{ proxy_pass https://{ORDERS}:{PORT}; proxy_ssl_server_name on; {common} }}"
    bare = f"location / {{ proxy_pass https://{ORDERS}:{PORT}; {common} }}"
    log = servers.nginx(edge.edge, servers.site(f"{EDGE}:443 ssl", NAME, paths, named, bare))
    with lab.record(edge.edge, ports=[PORT]):
        dones = edge.three(("/", "/named", "/"))
    served(lab, dones[1])
    refused(lab, "502", dones[0], dones[2])
    lab.quote("nginx", log, "unrecognized name")
    edge.all_north_completed()
    for number, client in ((0, TILL), (2, PARTNER)):
        seen = edge.south_of(number)
        lab.failed(
            seen, "sni-missing", hop="southbound", side="server", owners=["client"], at_least="proven",
            frames=[seen.alert("server", 112)], related=[edge.north_of(client)],
        )  # fmt: skip
    lab.completed(edge.south_of(1), hop="southbound")


@scenario("certificate-name-mismatch", "southbound-nginx-verify")
def foreign_name(lab: Lab) -> None:
    """nginx in the middle verifies the backend (proxy_ssl_verify on), whose certificate is for another host.

    nginx looks at the name only after the handshake has completed, and closes without an alert; the client gets HTTP 502. TLS 1.2.
    """
    edge = Edge(lab, "curl", "Python")
    certificate = edge.own("orders", "ledger.cedar.test", "*.ledger.cedar.test")
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, certificate, "ssl_protocols TLSv1.2;"), port=PORT)
    log = edge.router(*_verify(edge))
    with lab.record(edge.edge, ports=[PORT]):
        dones = edge.three()
    refused(lab, "502", *dones)
    lab.quote("nginx", log, "upstream SSL certificate does not match")
    _dropped_after_completion(edge, "certificate-name-mismatch", ["server", "client"])


@scenario("certificate-expired", "southbound-nginx-verify")
def expired_backend(lab: Lab) -> None:
    """nginx in the middle verifies the backend, whose certificate has expired.

    nginx lets the handshake complete, then closes without an alert and answers HTTP 502. TLS 1.2.
    """
    edge = Edge(lab, "curl", "Python")
    certificate = edge.own("orders", days=(-420, -2))
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, certificate, "ssl_protocols TLSv1.2;"), port=PORT)
    log = edge.router(*_verify(edge))
    with lab.record(edge.edge, ports=[PORT]):
        dones = edge.three()
    refused(lab, "502", *dones)
    lab.quote("nginx", log, "certificate has expired")
    _dropped_after_completion(edge, "certificate-expired", ["server"])


@scenario("certificate-untrusted", "southbound-nginx-verify")
def foreign_root(lab: Lab) -> None:
    """nginx in the middle verifies the backend, whose chain is in order but ends in a CA that nginx does not have.

    The handshake completes, nginx closes without an alert and answers HTTP 502. TLS 1.2. Nothing is wrong with the chain by
    itself: only nginx's truststore would show it.
    """
    edge = Edge(lab, "curl", "Python")
    stranger = pki.intermediate(pki.root("Northgate Root 2021"), "Northgate Servers CA")
    certificate = edge.own("orders", above=stranger)
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, certificate, "ssl_protocols TLSv1.2;"), port=PORT)
    log = edge.router(*_verify(edge))
    with lab.record(edge.edge, ports=[PORT]):
        dones = edge.three()
    refused(lab, "502", *dones)
    lab.quote("nginx", log, "unable to get local issuer certificate")
    _dropped_after_completion(
        edge, "certificate-rejected", ["client", "server"], at_least="possible",
        truth="certificate-untrusted", also=["certificate-untrusted"], or_outcome="completed",
        note="A client that connects and closes without a request looks the same.",
    )  # fmt: skip


def _verify(edge: Edge) -> tuple[str, ...]:
    return (
        f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {edge.anchors}; proxy_ssl_verify_depth 3;",
        f"proxy_ssl_name {ORDERS}; proxy_ssl_server_name on; proxy_ssl_session_reuse off;",
    )


def _dropped_after_completion(edge: Edge, cause: str, owners: list[str], **rest: object) -> None:
    edge.all_north_completed()
    for number, client in enumerate((TILL, APP, PARTNER)):
        seen = edge.south_of(number)
        edge.lab.must(not [a for a in seen.alerts() if a[1] == 2], "no fatal alert")
        words: dict[str, object] = {"at_least": "likely", "at_most": "likely", "frames": [seen.message(11, "server")], **rest}
        edge.lab.failed(seen, cause, hop="southbound", side="client", owners=owners, related=[edge.north_of(client)], **words)


@scenario("connection-refused", "southbound-one-backend-of-two")
def backend_down(lab: Lab) -> None:
    """Two backends behind one Router; nothing listens on the port of the first, the second is well.

    The first backend answers every SYN with RST; those clients get HTTP 502.
    """
    edge = Edge(lab, "curl", "Python")
    servers.nginx(edge.other, servers.site(f"{PORT} ssl", STOCK, edge.own("stock")), port=PORT)
    log = edge.router("proxy_ssl_server_name on;", stock="proxy_ssl_server_name on;")
    with lab.record(edge.edge, ports=[PORT]):
        dones = edge.three(("/", "/stock", "/"))
    served(lab, dones[1])
    refused(lab, "502", dones[0], dones[2])
    lab.quote("nginx", log, "Connection refused")
    edge.all_north_completed()
    lab.completed(edge.south_of(0, OTHER), hop="southbound")
    for number, client in ((0, TILL), (1, PARTNER)):
        seen = edge.south_of(number)
        lab.failed(
            seen, "connection-refused", hop="southbound", side="client", or_side="server", owners=["server"], at_least="likely",
            frames=[seen.flag(4, "server")], related=[edge.north_of(client)],
        )  # fmt: skip


@scenario("handshake-timeout", "southbound-hung-backend")
def backend_hangs(lab: Lab) -> None:
    """The backend accepts the connection and never says a word; after 3 seconds nginx gives up and answers HTTP 504.

    The ClientHello is acknowledged by the backend's TCP, so that it was not lost on its way.
    """
    edge = Edge(lab, "curl", "Python")
    servers.python(edge.backend, "silent.py", BACKEND, str(PORT), port=PORT)
    servers.nginx(edge.other, servers.site(f"{PORT} ssl", STOCK, edge.own("stock")), port=PORT)
    log = edge.router("proxy_ssl_server_name on; proxy_connect_timeout 3s;", stock="proxy_ssl_server_name on;")
    with lab.record(edge.edge, ports=[PORT]):
        dones = edge.three(("/", "/stock", "/stock"))
    served(lab, dones[1], dones[2])
    refused(lab, "504", dones[0])
    lab.quote("nginx", log, "timed out")
    edge.all_north_completed()
    for number in range(2):
        lab.completed(edge.south_of(number, OTHER), hop="southbound")
    seen = edge.south_of()
    lab.failed(
        seen, "handshake-timeout", hop="southbound", side="server", owners=["server", "network"], at_least="possible",
        also=["closed-without-answer"], frames=[seen.message(1)], related=[edge.north_of(TILL)],
    )  # fmt: skip


@scenario("connection-timeout", "southbound-syn-dropped")
def backend_firewalled(lab: Lab) -> None:
    """A packet filter in front of the backend drops every SYN; nginx repeats it, gives up after 4 seconds and answers HTTP 504."""
    edge = Edge(lab, "curl", "nftables")
    _filter(edge.backend, f"tcp dport {PORT} drop")
    log = edge.router("proxy_ssl_server_name on; proxy_connect_timeout 4s;")
    with lab.record(edge.edge, ports=[PORT]):
        done = edge.curl(edge.till)
    refused(lab, "504", done)
    lab.quote("nginx", log, "timed out")
    edge.all_north_completed()
    seen = edge.south_of()
    lab.failed(
        seen, "connection-timeout", hop="southbound", side="server", owners=["network", "server"], at_least="likely",
        frames=[seen.first], related=[edge.north_of(TILL)],
    )  # fmt: skip


def _filter(host: Host, rule: str) -> None:
    host.run("nft", "add table inet lab", quiet=True)
    host.run("nft", "add chain inet lab in { type filter hook input priority 0; }", quiet=True)
    host.run("nft", f"add rule inet lab in {rule}")


@scenario("certificate-untrusted", "southbound-haproxy")
def haproxy_in_the_middle(lab: Lab) -> None:
    """HAProxy as Router with `verify required` southbound; the backend's CA is not in its file: alert unknown_ca, HTTP 503.

    HAProxy tries several times before it gives up, so that one request shows as several handshakes.
    """
    edge = Edge(lab, "curl", "HAProxy")
    stranger = pki.intermediate(pki.root("Northgate Root 2021"), "Northgate Servers CA")
    certificate = edge.own("orders", above=stranger)
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, certificate, "ssl_protocols TLSv1.2;"), port=PORT)
    paths = pki.write(lab.work, "site", edge.site)
    whole = lab.work / "whole.pem"
    whole.write_bytes(Path(paths[0]).read_bytes() + Path(paths[1]).read_bytes())
    target = f"server orders {BACKEND}:{PORT} ssl verify required ca-file {edge.anchors} sni str({ORDERS})"
    log = servers.haproxy(edge.edge, f"listen edge\n  bind {EDGE}:443 ssl crt {whole}\n  retries 2\n  {target}")
    with lab.record(edge.edge, ports=[PORT]):
        done = edge.curl(edge.till)
    refused(lab, "503", done)
    lab.quote("haproxy", log, "503")
    edge.all_north_completed()
    south = [c for c in lab.connections if c.server == (BACKEND, PORT)]
    lab.must(len(south) > 1, "it tried more than once")
    for seen in south:
        lab.failed(
            seen, "certificate-untrusted", hop="southbound", side="client", owners=["client", "server"], at_least="likely",
            frames=[seen.message(11, "server"), seen.alert("client", 48)], related=[edge.north_of(TILL)],
        )  # fmt: skip


@scenario("chain-incomplete", "southbound-python-processor")
def python_in_the_middle(lab: Lab) -> None:
    """The backend sends its certificate without the intermediate; a Python Message Processor with the right root refuses it.

    OpenSSL says unknown_ca for it. The client gets HTTP 503. TLS 1.2.
    """
    edge = Edge(lab, "curl", "Python", processor=True)
    lone = pki.write(lab.work, "orders", pki.leaf(edge.cedar, ORDERS), chain=[])
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, lone, "ssl_protocols TLSv1.2;"), port=PORT)
    edge.edge.prefer("10.20.9.0/24", PROCESSOR)
    servers.python(edge.edge, "processor.py", PROCESSOR, "8998", ORDERS, str(PORT), "--ca", edge.anchors, port=8998)
    place = f"location / {{ proxy_pass http://{PROCESSOR}:8998; }}"
    servers.nginx(edge.edge, servers.site(f"{EDGE}:443 ssl", NAME, pki.write(lab.work, "site", edge.site), place))
    with lab.record(edge.edge, ports=[PORT]):
        dones = together((0.0, lambda: edge.curl(edge.till)), (0.3, lambda: edge.curl(edge.app)))
    refused(lab, "503", *dones)
    lab.quote("curl", dones[0], "unable to get local issuer certificate")
    edge.all_north_completed()
    plain_inside(edge)
    for number, client in enumerate((TILL, APP)):
        seen = edge.south_of(number)
        lab.failed(
            seen, "chain-incomplete", hop="southbound", side="client", owners=["server"], at_least="likely",
            frames=[seen.message(11, "server"), seen.alert("client", 48)], related=[edge.north_of(client)],
        )  # fmt: skip


@scenario("chain-incomplete", "northbound-while-southbound-is-well")
def north_chain(lab: Lab) -> None:
    """The Router sends its certificate without the intermediate. curl and Python refuse it; a client that checks nothing gets through.

    Southbound is in order, and was only used for the client that got through. TLS 1.2 north.
    """
    edge = Edge(lab, "curl", "Python")
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, edge.own("orders")), port=PORT)
    lone = pki.write(lab.work, "lone", edge.site, chain=[])
    edge.router("proxy_ssl_server_name on;", tls=("ssl_protocols TLSv1.2;",), certificate=lone)
    with lab.record(edge.edge, ports=[PORT]):
        dones = together(
            (0.0, lambda: edge.curl(edge.till)),
            (0.2, lambda: edge.curl(edge.app, "/", "--insecure")),
            (0.4, lambda: edge.python(edge.partner)),
        )
    served(lab, dones[1])
    lab.must(dones[0].code == 60 and dones[2].code == 1, "curl and Python refused")
    lab.quote("curl", dones[0], "unable to get local issuer certificate")
    lab.quote("Python", dones[2], "unable to get local issuer certificate")
    for client in (TILL, PARTNER):
        seen = edge.north_of(client)
        lab.failed(
            seen, "chain-incomplete", hop="northbound", side="client", owners=["server"], at_least="likely",
            frames=[seen.message(11, "server"), seen.alert("client", 48)],
        )  # fmt: skip
    lab.completed(edge.north_of(APP), hop="northbound")
    lab.completed(edge.south_of(), hop="southbound")


@scenario("protocol-mismatch", "northbound-tls10-client")
def old_client(lab: Lab) -> None:
    """An old client offers TLS 1.0 only, the Router takes TLS 1.2 and 1.3: protocol_version; the other clients are served."""
    edge = Edge(lab, "curl", "Python")
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, edge.own("orders")), port=PORT)
    edge.router("proxy_ssl_server_name on;", tls=("ssl_protocols TLSv1.2 TLSv1.3;",))
    options = ["-servername", NAME, "-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"]
    with lab.record(edge.edge, ports=[PORT]):
        dones = together(
            (0.0, lambda: edge.python(edge.till)),
            (0.2, lambda: clients.s_client(edge.partner, f"{NAME}:443", *options)),
            (0.4, lambda: edge.curl(edge.app)),
        )
    served(lab, dones[0], dones[2])
    lab.quote("openssl", dones[1], "alert protocol version")
    seen = edge.north_of(PARTNER)
    lab.failed(
        seen, "protocol-mismatch", hop="northbound", side="server", owners=["client", "server"], at_least="proven",
        frames=[seen.alert("server", 70)],
    )  # fmt: skip
    for client in (TILL, APP):
        lab.completed(edge.north_of(client), hop="northbound")
    for number in range(2):
        lab.completed(edge.south_of(number), hop="southbound")


@scenario("client-certificate-missing", "northbound-router-400-southbound-well")
def north_mutual(lab: Lab) -> None:
    """The Router asks for client certificates: one client has one and is served, another has none and gets HTTP 400. TLS 1.2 north."""
    edge = Edge(lab, "curl", "Python")
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, edge.own("orders")), port=PORT)
    partners = pki.root("Lindgren Partner CA")
    known = pki.write_bundle(lab.work, "partners", partners.certificate)
    own = pki.write(lab.work, "partner", pki.leaf(partners, "till-17.maple.test", usage="client"))
    tls = ("ssl_protocols TLSv1.2;", "ssl_verify_client on;", f"ssl_client_certificate {known};")
    log = edge.router("proxy_ssl_server_name on;", tls=tls)
    with lab.record(edge.edge, ports=[PORT]):
        dones = together(
            (0.0, lambda: edge.python(edge.till, "/", "--cert", own[0], "--key", own[1])),
            (0.2, lambda: edge.curl(edge.app)),
        )
    served(lab, dones[0])
    refused(lab, "No required SSL certificate was sent", dones[1])
    lab.quote("nginx", log, "client sent no required SSL certificate")
    lab.completed(edge.north_of(TILL), hop="northbound")
    seen = edge.north_of(APP)
    lab.failed(
        seen, "client-certificate-missing", hop="northbound", side="server", owners=["client", "server"], at_least="likely",
        at_most="likely", also=["client-certificate-rejected"], frames=[seen.message(11, "client")],
    )  # fmt: skip
    lab.completed(edge.south_of(), hop="southbound")


@scenario("sni-unknown", "northbound-and-cipher-southbound")
def both_hops_fail(lab: Lab) -> None:
    """Both hops fail at once, each for its own reason.

    Northbound a client names a host that the Router has not (nginx with ssl_reject_handshake: unrecognized_name); the other
    clients come through and get HTTP 502, because the backend (Go, TLS 1.2) and the Message Processor have no cipher suite in common.
    """
    edge = Edge(lab, "curl", "Python")
    options = ("ssl_protocols TLSv1.2;", "ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384;")
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, edge.own("orders"), *options), port=PORT)
    paths = pki.write(lab.work, "site", edge.site)
    upstream = "proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2; proxy_ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256;"
    place = f"location / {{ proxy_pass https://{ORDERS}:{PORT}; {upstream} }}"
    refuse = f"  server {{ listen {EDGE}:443 ssl default_server; ssl_reject_handshake on; }}\n"
    log = servers.nginx(edge.edge, refuse + servers.site(f"{EDGE}:443 ssl", NAME, paths, place))
    with lab.record(edge.edge, ports=[PORT]):
        dones = together(
            (0.0, lambda: edge.python(edge.till)),
            (0.2, lambda: clients.s_client(edge.partner, f"{EDGE}:443", "-servername", "old-api.maple.test")),
            (0.4, lambda: edge.curl(edge.app)),
        )
    refused(lab, "502", dones[0], dones[2])
    lab.quote("openssl", dones[1], "unrecognized name")
    lab.quote("nginx", log, "alert handshake failure")
    seen = edge.north_of(PARTNER)
    lab.failed(
        seen, "sni-unknown", hop="northbound", side="server", owners=["client", "server"], at_least="likely",
        frames=[seen.alert("server", 112)],
    )  # fmt: skip
    for number, client in enumerate((TILL, APP)):
        lab.completed(edge.north_of(client), hop="northbound")
        south = edge.south_of(number)
        lab.failed(
            south, "cipher-mismatch", hop="southbound", side="server", owners=["server", "client"], at_least="likely",
            frames=[south.alert("server", 40)], related=[edge.north_of(client)],
        )  # fmt: skip
