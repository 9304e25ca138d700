"""Failures that only another handshake of the same recording decides; each is also kept alone, where the verdict is only likely."""

from __future__ import annotations

from pathlib import Path

from lab import clients, pki, servers
from lab.net import Done, Host
from lab.scenario import Lab, scenario

SHOP, DESK = "shop.maple.test", "desk.maple.test"
FIRST, SECOND, SERVER = "10.20.3.41", "10.20.3.57", "10.20.9.12"


class Pair:
    """Two clients and one server; the recording is made on the server."""

    def __init__(self, lab: Lab, *stacks: str) -> None:
        lab.stacks = ("OpenSSL", *stacks)
        lab.names(shop_maple_test=SERVER, desk_maple_test=SERVER)
        self.lab = lab
        self.first, self.second, self.server = lab.host("first", FIRST), lab.host("second", SECOND), lab.host("server", SERVER)
        self.root = pki.root("Harbour Root CA R1")
        self.issuing = pki.intermediate(self.root, "Harbour Issuing CA 3")
        self.ca = pki.write_bundle(lab.work, "anchors", self.root.certificate)

    def own(self, name: str, *names: str) -> tuple[str, str]:
        """Certificate and key files of a site."""
        return pki.write(self.lab.work, name, pki.leaf(self.issuing, *(names or (f"{name}.maple.test",))))

    def ask(self, host: Host, *options: str, name: str = SHOP) -> Done:
        """One request with openssl s_client, with the server's name in it unless told otherwise."""
        named = [] if "-noservername" in options else ["-servername", name]
        return clients.s_client(host, f"{SERVER}:443", *named, "-CAfile", self.ca, *options, text=clients.GET.format(name=name))


@scenario("sni-missing", "another-client-sends-the-name")
def name_decides(lab: Lab) -> None:
    """A server of several sites (Python) cuts a ClientHello off with handshake_failure; it names no host.

    By itself that could as well be the cipher suites (the runbook's ambiguity). Another client with the same version, suites and
    groups, but with a server_name, gets through: the name decides.
    """
    pair = Pair(lab, "Python")
    site = f"{SHOP}={','.join(pair.own('shop'))}"
    servers.python(pair.server, "sites.py", SERVER, "443", "--site", site, "--most", "TLSv1_2")
    with lab.record(pair.server):
        good = pair.ask(pair.first)
        bad = pair.ask(pair.second, "-noservername")
    lab.must("all is well" in good.said, "the client with the name was served")
    lab.quote("openssl without a name", bad, "alert handshake failure")
    other = lab.completed(lab.seen(client=FIRST))
    seen = lab.seen(client=SECOND)
    item = lab.failed(seen, "sni-missing", side="server", owners=["client"], at_least="proven", frames=[seen.alert("server", 40), seen.message(1)])
    lab.derive(
        "sni-missing", "handshake-failure-alone", [item], at_least="possible", at_most="likely", also=("cipher-mismatch",),
        alternatives=("cipher-mismatch",), truth="sni-missing",
    )  # fmt: skip
    lab.must(other.connection.sni == SHOP, "the good one named the host")


@scenario("cipher-mismatch", "another-client-without-name-gets-through")
def suites_decide(lab: Lab) -> None:
    """A client without server_name is cut off with handshake_failure; the runbook's rule would call that a missing name.

    Another client sends no name either, but another cipher suite, and gets through: the suites decide. nginx, TLS 1.2.
    """
    pair = Pair(lab, "nginx")
    options = ("ssl_protocols TLSv1.2;", "ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384;")
    log = servers.nginx(pair.server, servers.site("443 ssl", SHOP, pair.own("shop"), *options))
    with lab.record(pair.server):
        good = pair.ask(pair.first, "-noservername", "-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384")
        pair.ask(pair.second, "-noservername", "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256")
    lab.must("all is well" in good.said, "the client with the right suite was served")
    lab.quote("nginx", log, "no shared cipher")
    lab.completed(lab.seen(client=FIRST))
    seen = lab.seen(client=SECOND)
    lab.must(seen.sni == "", "no name was sent")
    item = lab.failed(seen, "cipher-mismatch", side="server", owners=["client", "server"], at_least="proven", frames=[seen.alert("server", 40)])
    lab.derive(
        "cipher-mismatch", "handshake-failure-without-name-alone", [item], at_least="possible", at_most="likely",
        also=("sni-missing",), truth="cipher-mismatch",
    )  # fmt: skip


@scenario("group-mismatch", "another-client-has-the-group")
def groups_decide(lab: Lab) -> None:
    """nginx takes the group secp384r1 only. A client that offers x25519 alone is cut off with handshake_failure (TLS 1.2).

    Another client with the same version, suites and name, and with secp384r1, gets through: the groups decide.
    """
    pair = Pair(lab, "nginx")
    options = ("ssl_protocols TLSv1.2;", "ssl_ecdh_curve secp384r1;", "ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384;")
    servers.nginx(pair.server, servers.site("443 ssl", SHOP, pair.own("shop"), *options))
    suites = ["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"]
    with lab.record(pair.server):
        good = pair.ask(pair.first, *suites, "-groups", "P-384:X25519")
        bad = pair.ask(pair.second, *suites, "-groups", "X25519")
    lab.must("all is well" in good.said, "the client with the group was served")
    lab.quote("openssl with x25519", bad, "alert handshake failure")
    lab.completed(lab.seen(client=FIRST))
    seen = lab.seen(client=SECOND)
    item = lab.failed(seen, "group-mismatch", side="server", owners=["client", "server"], at_least="proven", frames=[seen.alert("server", 40)])
    lab.derive(
        "group-mismatch", "handshake-failure-alone", [item], at_least="possible", at_most="likely", also=("cipher-mismatch",),
        truth="group-mismatch",
    )  # fmt: skip


@scenario("protocol-mismatch", "old-version-closed-without-a-word")
def version_decides(lab: Lab) -> None:
    """HAProxy looks into the ClientHello and closes on TLS 1.0 without a word (`reject if { req.ssl_ver 3.1 }`).

    Another client offers the very same cipher suites in TLS 1.2 and gets through with one that TLS 1.0 knows as well: the version
    decides. Alone, the close tells nothing.
    """
    pair = Pair(lab, "HAProxy")
    whole = _whole(pair, "shop")
    body = (
        f"frontend tls\n  bind 127.0.0.1:8443 ssl crt {whole} ssl-min-ver TLSv1.2 ciphers ECDHE-RSA-AES128-SHA\n"
        '  http-request return status 200 content-type text/plain string "all is well"\n'
        "frontend door\n  mode tcp\n  option tcplog\n  bind :443\n  tcp-request inspect-delay 2s\n"
        "  tcp-request content reject if { req.ssl_ver 3.1 }\n  tcp-request content accept if { req.ssl_hello_type 1 }\n"
        "  default_backend inner\nbackend inner\n  mode tcp\n  server inner 127.0.0.1:8443\n"
    )
    log = servers.haproxy(pair.server, body)
    suites = ["-cipher", "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"]
    with lab.record(pair.server, interface="eth0"):
        good = pair.ask(pair.first, "-tls1_2", *suites)
        bad = pair.ask(pair.second, "-tls1", *suites)
    lab.must("all is well" in good.said, "TLS 1.2 was served")
    lab.must(bad.code != 0 and "all is well" not in bad.said, "TLS 1.0 was not")
    lab.quote("haproxy", log, "door/<NOSRV>")
    lab.completed(lab.seen(client=FIRST))
    seen = lab.seen(client=SECOND)
    lab.must(not seen.data("server"), "the server said nothing")
    item = lab.failed(
        seen, "protocol-mismatch", side="server", owners=["client", "server"], at_least="likely", frames=[seen.message(1)],
        also=["closed-without-answer", "connection-reset"],
    )  # fmt: skip
    lab.derive(
        "closed-without-answer", "old-version-alone", [item], at_least="possible", at_most="proven", cause="closed-without-answer",
        also=("protocol-mismatch", "connection-reset"), truth="protocol-mismatch",
    )  # fmt: skip


@scenario("protocol-mismatch", "handshake-failure-from-gnutls")
def gnutls_version(lab: Lab) -> None:
    """A GnuTLS server that takes TLS 1.3 only answers a TLS 1.2 client with handshake_failure, not protocol_version.

    Another client offers the same with TLS 1.3 on top and gets through.
    """
    pair = Pair(lab, "GnuTLS")
    servers.gnutls_serv(pair.server, pair.own("shop"), "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3")
    with lab.record(pair.server):
        good = pair.ask(pair.first)
        bad = pair.ask(pair.second, "-tls1_2")
    lab.must("HTTP/1.0 200 OK" in good.said, "TLS 1.3 was served")
    lab.quote("openssl with TLS 1.2", bad, "alert handshake failure")
    lab.completed(lab.seen(client=FIRST))
    seen = lab.seen(client=SECOND)
    item = lab.failed(
        seen, "protocol-mismatch", side="server", owners=["client", "server"], at_least="likely", also=["cipher-mismatch"],
        frames=[seen.alert("server", 40)],
    )  # fmt: skip
    lab.derive(
        "protocol-mismatch", "handshake-failure-from-gnutls-alone", [item], at_least="possible", at_most="likely",
        also=("cipher-mismatch",), cause="cipher-mismatch", alternatives=("protocol-mismatch",), truth="protocol-mismatch",
    )  # fmt: skip


@scenario("sni-default-certificate", "another-client-is-shown-the-right-one")
def default_certificate(lab: Lab) -> None:
    """A client that means shop.maple.test sends no server_name; nginx shows its default site's certificate, the client refuses it.

    The same machine then sends the name, is shown the right certificate and is served. TLS 1.2.
    """
    pair = Pair(lab, "nginx")
    protocols = "ssl_protocols TLSv1.2;"
    body = servers.site("443 ssl default_server", DESK, pair.own("desk"), protocols)
    body += servers.site("443 ssl", SHOP, pair.own("shop"), protocols)
    log = servers.nginx(pair.server, body)
    check = ["-verify_return_error", "-verify_hostname", SHOP]
    with lab.record(pair.server):
        bad = pair.ask(pair.first, "-noservername", *check)
        good = pair.ask(pair.first, *check)
    lab.must("all is well" in good.said, "with the name it was served")
    lab.quote("openssl without a name", bad, "ostname mismatch")
    lab.quote("nginx", log, "bad certificate")
    seen = lab.seen(client=FIRST)
    item = lab.failed(
        seen, "sni-default-certificate", side="client", owners=["client"], at_least="likely",
        also=["certificate-name-mismatch", "sni-missing"], frames=[seen.message(11, "server"), seen.fatal("client")],
    )  # fmt: skip
    lab.completed(lab.seen(client=FIRST, nth=1))
    lab.derive(
        "sni-default-certificate", "alone", [item], at_least="possible", at_most="likely",
        also=("certificate-name-mismatch", "sni-missing", "certificate-rejected"), truth="sni-default-certificate",
    )  # fmt: skip


@scenario("plaintext-to-tls-port", "another-client-speaks-tls")
def plain_to_tls(lab: Lab) -> None:
    """A client sends plain HTTP to a TLS port; HAProxy closes without a word. Another client speaks TLS there and is served."""
    pair = Pair(lab, "HAProxy", "curl")
    body = f"frontend tls\n  bind :443 ssl crt {_whole(pair, 'shop')}\n"
    log = servers.haproxy(pair.server, body + '  http-request return status 200 content-type text/plain string "all is well"')
    with lab.record(pair.server):
        bad = clients.curl(pair.second, f"http://{SHOP}:443/")
        good = pair.ask(pair.first)
    lab.must("all is well" in good.said, "TLS was served")
    lab.quote("curl", bad, "Empty reply from server")
    lab.quote("haproxy", log, "SSL handshake failure")
    seen = lab.seen(client=SECOND)
    item = lab.failed(
        seen, "plaintext-to-tls-port", side="server", or_side="client", owners=["client"], at_least="proven",
        frames=[seen.data("client")[0].frame],
    )  # fmt: skip
    lab.completed(lab.seen(client=FIRST))
    lab.derive(
        "plaintext-to-tls-port", "closed-without-a-word-alone", [item], at_least="possible", at_most="likely",
        also=("closed-without-answer",), or_outcome="none", truth="plaintext-to-tls-port",
    )  # fmt: skip


@scenario("chain-incomplete", "same-client-accepts-the-whole-chain-elsewhere")
def chain_elsewhere(lab: Lab) -> None:
    """A server sends its certificate without the intermediate and is refused (unknown_ca): does the client know the root at all?

    It does: the same client accepts another server whose certificate comes from the same intermediate, sent with it. TLS 1.2.
    """
    pair = Pair(lab, "nginx", "curl")
    protocols = "ssl_protocols TLSv1.2;"
    lone = pki.write(lab.work, "lone", pki.leaf(pair.issuing, SHOP), chain=[])
    body = servers.site("443 ssl", SHOP, lone, protocols) + servers.site("8443 ssl", DESK, pair.own("desk"), protocols)
    servers.nginx(pair.server, body)
    with lab.record(pair.server, ports=[8443]):
        good = clients.curl(pair.first, f"https://{DESK}:8443/", "--cacert", pair.ca)
        bad = clients.curl(pair.first, f"https://{SHOP}/", "--cacert", pair.ca)
    lab.must("all is well" in good.said, "the whole chain was accepted")
    lab.quote("curl", bad, "unable to get local issuer certificate")
    lab.completed(lab.seen(port=8443))
    seen = lab.seen(port=443)
    item = lab.failed(
        seen, "chain-incomplete", side="client", owners=["server"], at_least="proven",
        frames=[seen.message(11, "server"), seen.alert("client", 48)],
    )  # fmt: skip
    lab.derive(
        "chain-incomplete", "unknown-ca-alone", [item], at_least="possible", at_most="likely", truth="chain-incomplete",
        also=("certificate-untrusted",), alternatives=("certificate-untrusted",),
    )  # fmt: skip


def _whole(pair: Pair, name: str) -> str:
    """Certificate and key in one file, as HAProxy wants it."""
    certificate, key = pair.own(name)
    path = pair.lab.work / f"{name}-whole.pem"
    path.write_bytes(Path(certificate).read_bytes() + Path(key).read_bytes())
    return str(path)
