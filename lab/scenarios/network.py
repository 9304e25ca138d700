"""Failures on the way: resets that no end sent, packets too large for a tunnel, filters that drop or refuse."""

from __future__ import annotations

from lab import clients, pki, servers
from lab.net import Done, Host, together
from lab.scenario import Lab, scenario

NAME = "shop.maple.test"
CLIENT, GATE, FAR_GATE, SERVER = "10.20.3.41", "10.20.0.1", "10.30.0.1", "10.30.9.12"
SECOND = "10.20.3.57"


class Way:
    """Clients, a router with a packet filter, and a server in another network; recorded at the first client unless told."""

    def __init__(self, lab: Lab, *stacks: str, server_ttl: int = 64) -> None:
        lab.stacks = ("nginx", "OpenSSL", "curl", "nftables", *stacks)
        lab.names(shop_maple_test=SERVER)
        self.lab = lab
        self.client, self.second = lab.host("client", CLIENT), lab.host("second", SECOND)
        self.gate = lab.network.router("gate", GATE, FAR_GATE)
        self.server = lab.host("server", SERVER)
        for host, gateway in ((self.client, GATE), (self.second, GATE), (self.server, FAR_GATE)):
            lab.network.via(host, gateway)
        self.server.run("sysctl", "-qw", f"net.ipv4.ip_default_ttl={server_ttl}", quiet=True)
        root = pki.root("Harbour Root CA R1")
        issuing = pki.intermediate(root, "Harbour Issuing CA 3", kind="rsa")
        self.ca = pki.write_bundle(lab.work, "anchors", root.certificate)
        self.pair = pki.write(lab.work, "site", pki.leaf(issuing, NAME))
        servers.nginx(self.server, servers.site("443 ssl", NAME, self.pair, "ssl_protocols TLSv1.2;", "keepalive_timeout 3s;"))

    def rule(self, *rules: str) -> None:
        """Let the router filter what it forwards."""
        self.gate.run("nft", "add table inet lab", quiet=True)
        self.gate.run("nft", "add chain inet lab way { type filter hook forward priority 0; }", quiet=True)
        for rule in rules:
            done = self.gate.run("nft", f"add rule inet lab way {rule}")
            self.lab.must(done.code == 0, f"nft takes the rule: {done.said}")

    def curl(self, host: Host | None = None, *options: str) -> Done:
        """One request with curl."""
        return clients.curl(host or self.client, f"https://{NAME}/", "--cacert", self.ca, *options)

    def small(self, host: Host) -> Done:
        """One request with a ClientHello that fits into a small packet."""
        words = ["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384", "-groups", "X25519", "-servername", NAME, "-CAfile", self.ca]
        return clients.s_client(host, f"{NAME}:443", *words, text=clients.GET.format(name=NAME))


@scenario("middlebox-interference", "reset-after-client-hello")
def reset_by_filter(lab: Lab) -> None:
    """A filter on the way answers the ClientHello with a reset in the server's name; the server never sees the hello.

    The server's own packets arrive with TTL 127, the reset with 64. Recorded at the client.
    """
    way = Way(lab, server_ttl=128)
    way.rule("tcp dport 443 @ih,0,8 22 reject with tcp reset")
    with lab.record(way.client):
        done = way.curl()
    lab.quote("curl", done, "Connection reset by peer")
    seen = lab.seen()
    lab.failed(
        seen, "middlebox-interference", side="network", owners=["network"], at_least="likely", also=["connection-reset"],
        frames=[seen.message(1), seen.flag(4, "server")],
    )  # fmt: skip


@scenario("connection-reset", "same-ttl-as-the-server")
def reset_same_ttl(lab: Lab) -> None:
    """A filter on the way answers the ClientHello with a reset in the server's name, and the reset's TTL gives nothing away.

    The server's packets happen to arrive with the same TTL: that it was not the server cannot be seen. Recorded at the client.
    """
    way = Way(lab, server_ttl=65)
    way.rule("tcp dport 443 @ih,0,8 22 reject with tcp reset")
    with lab.record(way.client):
        done = way.curl()
    lab.quote("curl", done, "Connection reset by peer")
    seen = lab.seen()
    lab.failed(
        seen, "connection-reset", side="server", or_side="network", owners=["server", "network"], at_least="possible", at_most="likely",
        also=["middlebox-interference", "closed-without-answer"], frames=[seen.flag(4, "server")], truth="middlebox-interference",
    )  # fmt: skip


@scenario("closed-without-answer", "before-the-hello-came")
def closed_at_the_door(lab: Lab) -> None:
    """A server accepts connections and closes them at once; curl sends its ClientHello into the closed one.

    The server's FIN acknowledges none of the hello: what that holds has nothing to do with it. Recorded at the client.
    """
    way = Way(lab, "Python")
    servers.python(way.server, "door.py", SERVER, "8443", port=8443)
    with lab.record(way.client, ports=[8443]):
        done = clients.curl(way.client, f"https://{NAME}:8443/", "--cacert", way.ca)
    lab.must(done.code == 35, "curl got no TLS")
    seen = lab.seen()
    frames = [seen.message(1), seen.flag(1, "server")]
    lab.must(not seen.data("server"), "the server said nothing")
    lab.failed(seen, "closed-without-answer", side="server", owners=["server"], at_least="proven", frames=frames)


@scenario("middlebox-interference", "reset-for-one-client")
def reset_for_one(lab: Lab) -> None:
    """A filter on the way resets the ClientHello of one client; another client's gets through to the same server.

    The server's packets arrive with TTL 127, the reset with 64. Recorded at the router, on the clients' side.
    """
    way = Way(lab, server_ttl=128)
    way.rule(f"ip saddr {CLIENT} tcp dport 443 @ih,0,8 22 reject with tcp reset")
    with lab.record(way.gate, interface="eth0"):
        dones = together((0.0, lambda: way.small(way.second)), (0.3, way.curl))
    lab.must("all is well" in dones[0].said, "the second client was served")
    lab.quote("curl", dones[1], "Connection reset by peer")
    lab.completed(lab.seen(client=SECOND))
    seen = lab.seen(client=CLIENT)
    lab.failed(
        seen, "middlebox-interference", side="network", owners=["network"], at_least="likely", also=["connection-reset"],
        frames=[seen.message(1), seen.flag(4, "server")],
    )  # fmt: skip


@scenario("client-hello-lost", "path-mtu-black-hole")
def black_hole(lab: Lab) -> None:
    """Packets above 400 bytes vanish on the way to the server, and no ICMP says so: the ClientHello is sent again and again.

    Another client's smaller ClientHello gets through. Recorded at the router, on the clients' side.
    """
    way = Way(lab)
    way.rule("ip daddr 10.30.0.0/16 meta length > 400 drop")
    with lab.record(way.gate, interface="eth0"):
        dones = together((0.0, lambda: way.small(way.second)), (0.3, lambda: way.curl(None, "--max-time", "11")))
    lab.must("all is well" in dones[0].said, "the small hello got through")
    lab.quote("curl", dones[1], "timed out")
    other = lab.completed(lab.seen(client=SECOND))
    seen = lab.seen(client=CLIENT)
    item = lab.failed(
        seen, "client-hello-lost", side="server", or_side="network", owners=["network"], at_least="likely",
        also=["handshake-timeout"], frames=[seen.message(1)],
    )  # fmt: skip
    lab.must(other.connection.sni == NAME, "both name the host")
    lab.derive("client-hello-lost", "alone", [item], at_least="possible")


@scenario("handshake-timeout", "server-flight-lost")
def flight_lost(lab: Lab) -> None:
    """Packets above 1000 bytes vanish on the way back: the server's certificate never arrives, only the rest of its flight.

    The server has answered; what is missing is its first, large segment. Recorded at the client.
    """
    way = Way(lab)
    way.rule("ip saddr 10.30.0.0/16 meta length > 1000 drop")
    with lab.record(way.client):
        done = way.curl(None, "--max-time", "11")
    lab.quote("curl", done, "timed out")
    seen = lab.seen()
    lab.failed(
        seen, "handshake-timeout", side="server", or_side="network", owners=["network", "server"], at_least="possible", at_most="likely",
        also=["client-hello-lost", "middlebox-interference", "closed-without-answer"], frames=[],
        note="The server's acknowledgement of the hello and the tail of its flight are there, the head is not.",
    )  # fmt: skip


@scenario("connection-refused", "icmp-from-a-filter")
def forbidden(lab: Lab) -> None:
    """A filter on the way answers the SYN with ICMP "administratively prohibited". Recorded at the client."""
    way = Way(lab)
    way.rule("tcp dport 443 reject with icmpx admin-prohibited")
    with lab.record(way.client):
        done = way.curl()
    lab.must(done.code == 7, "curl could not connect")
    seen = lab.seen()
    lab.failed(
        seen, "connection-refused", side="client", or_side="network", owners=["network", "server"], at_least="possible",
        also=["connection-timeout", "middlebox-interference"], frames=[seen.first],
    )  # fmt: skip


@scenario("connection-refused", "reset-from-a-filter")
def refused_by_filter(lab: Lab) -> None:
    """A filter on the way answers the SYN with a reset in the server's name: it looks as if nothing listened. At the client."""
    way = Way(lab)
    way.rule("tcp dport 443 reject with tcp reset")
    with lab.record(way.client):
        done = way.curl()
    lab.quote("curl", done, "Connection refused")
    seen = lab.seen()
    lab.failed(
        seen, "connection-refused", side="client", or_side="server", owners=["server", "network"], at_least="likely",
        frames=[seen.flag(4, "server")],
    )  # fmt: skip


@scenario("completed", "router-records-every-packet-twice")
def twice(lab: Lab) -> None:
    """A good handshake recorded on a router with `-i any`: every packet stands in the file twice, with two TTLs."""
    way = Way(lab, server_ttl=128)
    with lab.record(way.gate):
        done = way.curl()
    lab.must("all is well" in done.said, "served")
    lab.completed(lab.seen())


@scenario("certificate-expired", "router-records-every-packet-twice")
def twice_and_expired(lab: Lab) -> None:
    """A refused certificate recorded on a router with `-i any`: every packet stands in the file twice, with two TTLs."""
    way = Way(lab, server_ttl=128)
    root = pki.root("Harbour Root CA R1")
    pair = pki.write(lab.work, "old", pki.leaf(pki.intermediate(root, "Harbour Issuing CA 3"), NAME, days=(-500, -1)))
    ca = pki.write_bundle(lab.work, "old-anchors", root.certificate)
    servers.nginx(way.server, servers.site("8443 ssl", NAME, pair, "ssl_protocols TLSv1.2;"), port=8443, name="old")
    with lab.record(way.gate, ports=[8443]):
        done = clients.curl(way.client, f"https://{NAME}:8443/", "--cacert", ca)
    lab.quote("curl", done, "certificate has expired")
    seen = lab.seen()
    frames = [seen.message(11, "server"), seen.alert("client", 45)]
    lab.failed(seen, "certificate-expired", side="client", owners=["server"], at_least="likely", frames=frames)
