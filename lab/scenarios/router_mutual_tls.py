"""The Router's own way with mutual TLS: nginx completes the handshake, answers the first request with HTTP 400 and closes."""

from __future__ import annotations

from pathlib import Path

from lab import clients, pki, servers
from lab.net import Done, Host
from lab.scenario import Lab, scenario

NAME = "api.maple.test"
CLIENT, ROUTER = "10.20.3.41", "10.20.0.5"


class Door:
    """A Router that asks for client certificates, and what its clients need."""

    def __init__(self, lab: Lab, protocol: str, client: str) -> None:
        lab.stacks = ("nginx", "OpenSSL", client)
        lab.names(api_maple_test=ROUTER)
        self.lab, self.client, self.router = lab, lab.host("client", CLIENT), lab.host("router", ROUTER)
        anchor = pki.root("Harbour Root CA R1")
        self.issuing = pki.intermediate(anchor, "Harbour Issuing CA 3")
        certificate = pki.write(lab.work, "site", pki.leaf(self.issuing, NAME))
        self.ca = pki.write_bundle(lab.work, "anchors", anchor.certificate)
        self.partners = pki.root("Lindgren Partner CA")
        partners = pki.write_bundle(lab.work, "partners", self.partners.certificate)
        options = [f"ssl_protocols {protocol};", "ssl_verify_client on;", f"ssl_client_certificate {partners};"]
        self.log = servers.nginx(self.router, servers.site(f"{ROUTER}:443 ssl", NAME, certificate, *options))

    def partner(self, above: pki.Issued | None = None, days: tuple[int, int] = (-40, 300)) -> tuple[str, str]:
        """A client's certificate and key."""
        return pki.write(self.lab.work, "partner", pki.leaf(above or self.partners, "till-17.maple.test", days=days, usage="client"))

    def refused(self, cause: str, tls13: bool = False, truth: str = "") -> None:
        """What the verdict has to be: likely, and in TLS 1.3 not which fault the certificate has."""
        seen = self.lab.seen(server=ROUTER)
        self.lab.must(not seen.alerts(), "no alert in the clear")
        also = ["client-certificate-rejected"] if not tls13 else ["client-certificate-missing"]
        if tls13 and truth == "client-certificate-missing":
            also = ["client-certificate-missing", "client-certificate-rejected"]
        if truth == "client-certificate-untrusted":
            also.append("client-chain-incomplete")  # an issuer that nobody knows and one that was left out look the same
        named = "client-certificate-rejected" if tls13 and truth != "client-certificate-missing" else cause
        extra = [truth] if tls13 and truth not in also else []
        self.lab.failed(
            seen, named, also=[s for s in [*also, *extra] if s != named], truth=truth, side="server", owners=["client", "server"],
            at_least="possible" if tls13 else "likely", at_most="likely", frames=[] if tls13 else [seen.message(11, "client")],
        )  # fmt: skip


def _curl(door: Door, *options: str) -> Done:
    with door.lab.record(door.router):
        return clients.curl(door.client, f"https://{NAME}/", "--cacert", door.ca, *options)


def _python(door: Door, *options: str) -> Done:
    with door.lab.record(door.router):
        return clients.python(door.client, "get.py", NAME, "443", "--ca", door.ca, *options)


def _java(door: Door, protocol: str, keystore: str) -> Done:
    store = clients.truststore(door.client, "anchors", door.ca)
    with door.lab.record(door.router):
        return clients.java(door.client, "Get.java", f"https://{NAME}/", store, protocol, keystore)


def _says_400(lab: Lab, who: str, done: Done, log: Path, reason: str, words: str) -> None:
    lab.quote(who, done, "400")
    lab.quote(who, done, words)
    lab.quote("nginx", log, reason)


@scenario("client-certificate-missing", "router-400-tls12-curl")
def missing_tls12(lab: Lab) -> None:
    """The Router asks for a client certificate, curl has none; TLS 1.2.

    nginx completes the handshake all the same and answers the first request with one short HTTP 400 ("No required SSL
    certificate was sent"), then closes. No alert is ever sent: the empty Certificate message and the small answer are what
    shows it.
    """
    door = Door(lab, "TLSv1.2", "curl")
    done = _curl(door)
    _says_400(lab, "curl", done, door.log, "client sent no required SSL certificate", "No required SSL certificate was sent")
    door.refused("client-certificate-missing", truth="client-certificate-missing")


@scenario("client-certificate-missing", "router-400-tls13-python")
def missing_tls13(lab: Lab) -> None:
    """The Router asks for a client certificate, a Python client has none; TLS 1.3.

    Everything after the ServerHello is encrypted: the request for a certificate, the empty Certificate message, the HTTP 400.
    Only lengths, order and the close show it.
    """
    door = Door(lab, "TLSv1.3", "Python")
    done = _python(door)
    _says_400(lab, "Python", done, door.log, "client sent no required SSL certificate", "No required SSL certificate was sent")
    door.refused("client-certificate-missing", tls13=True, truth="client-certificate-missing")


@scenario("client-certificate-expired", "router-400-tls12-python")
def expired_tls12(lab: Lab) -> None:
    """The client's certificate expired nine days before; TLS 1.2; the Router answers HTTP 400 after a complete handshake.

    The certificate is in the clear, so that the reason can be read; no alert names it.
    """
    door = Door(lab, "TLSv1.2", "Python")
    certificate, key = door.partner(days=(-400, -9))
    done = _python(door, "--cert", certificate, "--key", key)
    _says_400(lab, "Python", done, door.log, "certificate has expired", "The SSL certificate error")
    door.refused("client-certificate-expired", truth="client-certificate-expired")


@scenario("client-certificate-expired", "router-400-tls13-curl")
def expired_tls13(lab: Lab) -> None:
    """The client's certificate expired nine days before; TLS 1.3; the Router answers HTTP 400 after a complete handshake.

    The certificate is encrypted: that a client certificate was refused can be inferred, why cannot be known.
    """
    door = Door(lab, "TLSv1.3", "curl")
    certificate, key = door.partner(days=(-400, -9))
    done = _curl(door, "--cert", certificate, "--key", key)
    _says_400(lab, "curl", done, door.log, "certificate has expired", "The SSL certificate error")
    door.refused("client-certificate-rejected", tls13=True, truth="client-certificate-expired")


@scenario("client-certificate-untrusted", "router-400-tls12-curl")
def unknown_tls12(lab: Lab) -> None:
    """The client's certificate comes from a CA that the Router's truststore does not hold; TLS 1.2; HTTP 400.

    The CertificateRequest lists the CAs that the Router accepts; the certificate's issuer is not among them.
    """
    door = Door(lab, "TLSv1.2", "curl")
    certificate, key = door.partner(pki.root("Brook Street Staff CA"))
    done = _curl(door, "--cert", certificate, "--key", key)
    _says_400(lab, "curl", done, door.log, "unable to verify the first certificate", "The SSL certificate error")
    door.refused("client-certificate-untrusted", truth="client-certificate-untrusted")


@scenario("client-certificate-untrusted", "router-400-tls13-openssl")
def unknown_tls13(lab: Lab) -> None:
    """The client's certificate comes from a CA that the Router's truststore does not hold; TLS 1.3; HTTP 400.

    The certificate is encrypted: that a client certificate was refused can be inferred, why cannot be known.
    """
    door = Door(lab, "TLSv1.3", "OpenSSL")
    certificate, key = door.partner(pki.root("Brook Street Staff CA"))
    options = ["-servername", NAME, "-CAfile", door.ca, "-cert", certificate, "-key", key]
    with lab.record(door.router):
        done = clients.s_client(door.client, f"{NAME}:443", *options, text=clients.GET.format(name=NAME))
    _says_400(lab, "openssl", done, door.log, "unable to verify the first certificate", "The SSL certificate error")
    door.refused("client-certificate-rejected", tls13=True, truth="client-certificate-untrusted")


@scenario("client-certificate-missing", "router-400-tls12-java-other-ca")
def java_sends_none(lab: Lab) -> None:
    """A Java client has a certificate, but from a CA that the Router does not name in its request: Java sends none; TLS 1.2.

    Wire and log show a missing certificate although one is configured (the second cause of Edge's bad-client-cert playbook).
    """
    door = Door(lab, "TLSv1.2", "Java")
    other = pki.leaf(pki.root("Brook Street Staff CA"), "till-17.maple.test", usage="client")
    done = _java(door, "TLSv1.2", pki.write_p12(lab.work, "partner", other))
    _says_400(lab, "Java", done, door.log, "client sent no required SSL certificate", "No required SSL certificate was sent")
    door.refused("client-certificate-missing", truth="client-certificate-missing")


def _well(door: Door, done: Done) -> None:
    door.lab.must(done.code == 0 and "all is well" in done.said, f"the client was served: {done.said[-800:]}")
    seen = door.lab.seen(server=ROUTER)
    door.lab.must(not [a for a in seen.alerts() if a[1] == 2], "no fatal alert")
    door.lab.completed(seen)


@scenario("completed", "router-mutual-tls12-curl")
def good_tls12(lab: Lab) -> None:
    """Mutual TLS 1.2 that works: the Router asks, curl sends a certificate that it accepts, the request is answered."""
    door = Door(lab, "TLSv1.2", "curl")
    certificate, key = door.partner()
    _well(door, _curl(door, "--cert", certificate, "--key", key))


@scenario("completed", "router-mutual-tls13-java")
def good_tls13(lab: Lab) -> None:
    """Mutual TLS 1.3 that works: the Router asks, Java sends a certificate that it accepts, the request is answered."""
    door = Door(lab, "TLSv1.3", "Java")
    own = pki.leaf(door.partners, "till-17.maple.test", usage="client")
    _well(door, _java(door, "TLSv1.3", pki.write_p12(lab.work, "partner", own)))


@scenario("completed", "http-400-without-client-certificates")
def bad_request(lab: Lab) -> None:
    """A request that nginx cannot read, answered with HTTP 400 and a close; no client certificate was ever asked for; TLS 1.2.

    The handshake is in order: a short answer and a close alone are no failure of TLS.
    """
    lab.stacks = ("nginx", "OpenSSL")
    lab.names(shop_maple_test=ROUTER)
    client, router = lab.host("client", CLIENT), lab.host("router", ROUTER)
    anchor = pki.root("Harbour Root CA R1")
    certificate = pki.write(lab.work, "site", pki.leaf(pki.intermediate(anchor, "Harbour Issuing CA 3"), "shop.maple.test"))
    log = servers.nginx(router, servers.site(f"{ROUTER}:443 ssl", "shop.maple.test", certificate, "ssl_protocols TLSv1.2;"))
    ca = pki.write_bundle(lab.work, "anchors", anchor.certificate)
    with lab.record(router):
        done = _ask_badly(client, ca)
    lab.quote("openssl", done, "400 Bad Request")
    lab.quote("nginx", log, "client sent HTTP/1.1 request without")
    lab.completed(lab.seen(server=ROUTER))


def _ask_badly(client: Host, ca: str) -> Done:
    options = ["-servername", "shop.maple.test", "-CAfile", ca]
    return clients.s_client(client, "shop.maple.test:443", *options, text="GET / HTTP/1.1\r\nAccept: */*\r\n\r\n")
