"""Failures that only the stores of the two ends decide: each with them beside the capture, and a run that is given them.

Two more, with a Java Message Processor, are in ``java_processor.py``.
"""

from __future__ import annotations

from pathlib import Path

from lab import clients, pki, servers
from lab.net import Done
from lab.scenario import Lab, scenario

NAME = "shop.maple.test"
CLIENT, SERVER = "10.20.3.41", "10.20.9.12"
HIDDEN = "TLS 1.3 hides the certificate; the stores tell."


class Counter:
    """A client and a server, and what a server's certificate and its clients' stores are made of."""

    def __init__(self, lab: Lab, *stacks: str) -> None:
        lab.stacks = ("OpenSSL", *stacks)
        lab.names(shop_maple_test=SERVER)
        self.lab = lab
        self.client, self.server = lab.host("client", CLIENT), lab.host("server", SERVER)
        self.root = pki.root("Harbour Root CA R1")
        self.issuing = pki.intermediate(self.root, "Harbour Issuing CA 3")
        self.other = pki.root("Lindgren Root CA 5")

    def nginx(self, own: pki.Issued, protocol: str, *options: str, sends: list[object] | None = None) -> Path:
        """The server, with its certificate and chain (or only what it `sends`)."""
        pair = pki.write(self.lab.work, "site", own, chain=sends)  # type: ignore[arg-type]
        return servers.nginx(self.server, servers.site("443 ssl", NAME, pair, f"ssl_protocols {protocol};", *options))

    def java(self, anchors: str, protocol: str, keystore: str = "-") -> Done:
        """One request of Java's HttpClient, recorded at the server; its truststore is a JKS file."""
        store = clients.truststore(self.client, "java-anchors", anchors)
        with self.lab.record(self.server):
            done = clients.java(self.client, "Get.java", f"https://{NAME}/", store, protocol, keystore)
        self.lab.must(done.code != 0, f"Java failed: {done.said}")
        return done

    def curl(self, anchors: str, *options: str) -> Done:
        """One request of curl, recorded at the server."""
        with self.lab.record(self.server):
            done = clients.curl(self.client, f"https://{NAME}/", "--cacert", anchors, *options)
        self.lab.must(done.code != 0, "curl failed")
        return done

    def kept(self, own: pki.Issued, side: str = "server", name: str = "keystore") -> None:
        """A keystore's chain, beside the capture."""
        full = pki.write_p12(self.lab.work, name, own)
        self.lab.store("keystore", side, pki.exported(self.lab.work, name, full))


@scenario("certificate-untrusted", "stores-decide-curl-tls13")
def hidden_root(lab: Lab) -> None:
    """curl does not have the root of nginx's chain; TLS 1.3, so that the recording has the alert unknown_ca and no certificate.

    A missing intermediate and a self-signed certificate get the same alert. The server's keystore and the client's truststore tell.
    """
    case = Counter(lab, "nginx", "curl")
    own = pki.leaf(case.issuing, NAME)
    case.nginx(own, "TLSv1.3")
    anchors = pki.write_bundle(lab.work, "client-anchors", case.other.certificate)
    lab.quote("curl", case.curl(anchors), "unable to get local issuer certificate")
    seen = lab.seen(server=SERVER)
    item = lab.failed(
        seen, "certificate-untrusted", side="client", owners=["client", "server"], at_most="likely", also=["chain-incomplete"],
        frames=[seen.alert("client", 48)], truth="certificate-untrusted", note=HIDDEN,
    )  # fmt: skip
    case.kept(own)
    lab.store("truststore", "client", anchors)
    lab.decide(item, at_least="proven", at_most="proven", also=[], says=["client-anchors.pem", "Harbour Root CA R1", "keystore.pem"])


@scenario("certificate-expired", "stores-decide-java-tls13")
def hidden_expiry(lab: Lab) -> None:
    """nginx's certificate ran out four days before; Java refuses it in TLS 1.3 with an encrypted alert.

    The recording shows that the server's certificate was refused and not why; the keystore holds the certificate that is too old.
    """
    case = Counter(lab, "nginx", "Java")
    own = pki.leaf(case.issuing, NAME, days=(-369, -4))
    case.nginx(own, "TLSv1.3")
    anchors = pki.write_bundle(lab.work, "client-anchors", case.root.certificate)
    lab.quote("Java", case.java(anchors, "TLSv1.3"), "validity check failed")
    seen = lab.seen(server=SERVER)
    item = lab.failed(
        seen, "certificate-rejected", side="client", owners=["client", "server"], at_most="likely", truth="certificate-expired", note=HIDDEN,
    )  # fmt: skip
    case.kept(own)
    lab.store("truststore", "client", str(case.client.folder / "java-anchors.jks"))
    lab.decide(item, cause="certificate-expired", at_least="likely", says=["keystore.pem", "expired on"])


@scenario("certificate-expired", "stores-decide-openssl-tls13")
def hidden_expiry_named(lab: Lab) -> None:
    """nginx's certificate ran out four days before; OpenSSL says certificate_expired, and TLS 1.3 hides which certificate it is."""
    case = Counter(lab, "nginx", "curl")
    own = pki.leaf(case.issuing, NAME, days=(-369, -4))
    case.nginx(own, "TLSv1.3")
    anchors = pki.write_bundle(lab.work, "client-anchors", case.root.certificate)
    lab.quote("curl", case.curl(anchors), "certificate has expired")
    seen = lab.seen(server=SERVER)
    frames = [seen.alert("client", 45)]
    item = lab.failed(seen, "certificate-expired", side="client", owners=["server"], at_most="likely", frames=frames, note=HIDDEN)
    case.kept(own)
    lab.decide(item, at_least="proven", at_most="proven", says=["keystore.pem", "expired on"])


@scenario("certificate-expired", "stores-hold-a-newer-one")
def newer_at_rest(lab: Lab) -> None:
    """nginx still shows the certificate that ran out four days before; its keystore has been given the new one already."""
    case = Counter(lab, "nginx", "curl")
    case.nginx(pki.leaf(case.issuing, NAME, days=(-369, -4)), "TLSv1.2")
    anchors = pki.write_bundle(lab.work, "client-anchors", case.root.certificate)
    lab.quote("curl", case.curl(anchors), "certificate has expired")
    seen = lab.seen(server=SERVER)
    frames = [seen.message(11, "server"), seen.alert("client", 45)]
    item = lab.failed(seen, "certificate-expired", side="client", owners=["server"], at_least="proven", frames=frames)
    case.kept(pki.leaf(case.issuing, NAME, days=(-6, 359)))
    lab.decide(item, says=["a newer certificate for this name", "load it"])


@scenario("chain-incomplete", "stores-decide-curl-tls13")
def missing_and_hidden(lab: Lab) -> None:
    """nginx sends its certificate without the intermediate that its keystore has; curl says unknown_ca, and TLS 1.3 hides the chain.

    The size of the encrypted Certificate message is that of the keystore's first certificate alone.
    """
    case = Counter(lab, "nginx", "curl")
    own = pki.leaf(case.issuing, NAME)
    case.nginx(own, "TLSv1.3", sends=[])
    anchors = pki.write_bundle(lab.work, "client-anchors", case.root.certificate)
    lab.quote("curl", case.curl(anchors), "unable to get local issuer certificate")
    seen = lab.seen(server=SERVER)
    item = lab.failed(
        seen, "certificate-untrusted", side="client", owners=["client", "server"], at_most="likely", also=["chain-incomplete"],
        frames=[seen.alert("client", 48)], truth="chain-incomplete", note=HIDDEN,
    )  # fmt: skip
    case.kept(own)
    lab.store("truststore", "client", anchors)
    says = ["keystore.pem", "did not send", "just its size"]
    lab.decide(item, cause="chain-incomplete", at_least="likely", at_most="proven", also=[], owners=["server"], says=says, artefact="pem")


@scenario("client-certificate-missing", "stores-decide-java-tls12")
def nothing_to_choose(lab: Lab) -> None:
    """`openssl s_server` names a CA of which Java's keystore has no certificate: Java sends an empty Certificate message. TLS 1.2."""
    case = Counter(lab, "Java")
    partners = pki.root("Lindgren Partner CA")
    known = pki.write_bundle(lab.work, "partners", partners.certificate)
    pair = pki.write(lab.work, "site", pki.leaf(case.issuing, NAME))
    log = servers.s_server(case.server, pair, "-tls1_2", "-Verify", "3", "-verify_return_error", "-CAfile", known)
    mine = pki.leaf(pki.intermediate(case.other, "Lindgren Tills CA 2"), "till-17.maple.test", usage="client")
    keystore = pki.write_p12(lab.work, "till", mine)
    done = case.java(pki.write_bundle(lab.work, "client-anchors", case.root.certificate), "TLSv1.2", keystore)
    lab.quote("Java", done, "handshake_failure")
    lab.quote("openssl s_server", log, "peer did not return a certificate")
    seen = lab.seen(server=SERVER)
    frames = [seen.message(13, "server"), seen.message(11, "client"), seen.alert("server", 40)]
    item = lab.failed(seen, "client-certificate-missing", side="server", owners=["client"], at_least="proven", frames=frames)
    lab.store("keystore", "client", pki.exported(lab.work, "till", keystore))
    lab.decide(item, says=["till.pem", "none of its issuers", "Lindgren Tills CA 2"])


@scenario("client-certificate-untrusted", "stores-decide-curl-tls13")
def hidden_partner(lab: Lab) -> None:
    """`openssl s_server` does not know the CA of curl's certificate; TLS 1.3: the certificate and the alert are both encrypted."""
    case = Counter(lab, "curl")
    partners = pki.root("Lindgren Partner CA")
    known = pki.write_bundle(lab.work, "partners", partners.certificate)
    pair = pki.write(lab.work, "site", pki.leaf(case.issuing, NAME))
    log = servers.s_server(case.server, pair, "-tls1_3", "-Verify", "3", "-verify_return_error", "-CAfile", known)
    mine = pki.leaf(pki.intermediate(case.other, "Lindgren Tills CA 2"), "till-17.maple.test", usage="client")
    own = pki.write(lab.work, "till", mine)
    anchors = pki.write_bundle(lab.work, "client-anchors", case.root.certificate)
    case.curl(anchors, "--cert", own[0], "--key", own[1])
    lab.quote("openssl s_server", log, "verify error")
    seen = lab.seen(server=SERVER)
    item = lab.failed(
        seen, "client-certificate-rejected", side="server", owners=["client", "server"], at_most="likely",
        truth="client-certificate-untrusted", note=HIDDEN,
    )  # fmt: skip
    case.kept(mine, "client", "till-keystore")
    lab.store("truststore", "server", known)
    says = ["till-keystore.pem", "partners.pem", "Lindgren Root CA 5"]
    lab.decide(item, cause="client-certificate-untrusted", at_least="likely", says=says)
