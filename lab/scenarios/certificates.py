"""The rarer faults of certificates, of either side, each refused by a stack that looks for it. TLS 1.2, so that they can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from lab import clients, pki, servers
from lab.net import Done
from lab.scenario import Lab, scenario

NAME = "shop.maple.test"
CLIENT, SERVER = "10.20.3.41", "10.20.9.12"


class Case:
    """A client, a server, and a PKI with RSA keys (SHA-1 needs them)."""

    def __init__(self, lab: Lab, *stacks: str) -> None:
        lab.stacks = ("OpenSSL", *stacks)
        lab.names(shop_maple_test=SERVER)
        self.lab = lab
        self.client, self.server = lab.host("client", CLIENT), lab.host("server", SERVER)
        self.root = pki.root("Harbour Root CA R1", kind="rsa")
        self.issuing = pki.intermediate(self.root, "Harbour Issuing CA 3", kind="rsa")
        self.ca = pki.write_bundle(lab.work, "anchors", self.root.certificate)

    def show(self, own: pki.Issued, *, chain: Sequence[x509.Certificate] | None = None, go: bool = False) -> None:
        """nginx (or Go, which loads what OpenSSL would not) with that certificate."""
        pair = pki.write(self.lab.work, "site", own, chain=chain)
        if go:
            servers.go(self.server, pair, "-most", "771", port=443)
        else:
            servers.nginx(self.server, servers.site("443 ssl", NAME, pair, "ssl_protocols TLSv1.2;"))

    def curl(self, *options: str) -> Done:
        """One request, recorded at the server."""
        with self.lab.record(self.server):
            return clients.curl(self.client, f"https://{NAME}/", "--cacert", self.ca, *options)

    def refused(self, cause: str, done: Done, words: str, *also: str, at_least: str = "likely", owners: Sequence[str] = ("server",)) -> None:
        """curl refused the server's certificate with an alert."""
        self.lab.quote("curl", done, words)
        seen = self.lab.seen(server=SERVER)
        frames = [seen.fatal("client")] if cause == "certificate-revoked" else [seen.message(11, "server"), seen.fatal("client")]
        self.lab.failed(seen, cause, side="client", owners=list(owners), also=list(also), at_least=at_least, frames=frames, truth=cause)

    def ask_with(self, own: pki.Issued, partners: pki.Issued, *options: str, chain: Sequence[x509.Certificate] | None = None) -> None:
        """A client with its own certificate meets `openssl s_server` that verifies it; recorded at the server."""
        known = pki.write_bundle(self.lab.work, "partners", partners.certificate)
        pair = pki.write(self.lab.work, "site", pki.leaf(self.issuing, NAME))
        log = servers.s_server(self.server, pair, "-tls1_2", "-Verify", "3", "-verify_return_error", "-CAfile", known, *options)
        mine = pki.write(self.lab.work, "own", own, chain=chain)
        with self.lab.record(self.server):
            done = clients.curl(self.client, f"https://{NAME}/", "--cacert", self.ca, "--cert", mine[0], "--key", mine[1])
        self.lab.must(done.code != 0, "the client was not served")
        self.lab.quote("openssl s_server", log, "verify error")

    def own_refused(self, cause: str, *also: str, at_least: str = "likely", at_most: str = "proven") -> None:
        """The server refused the client's certificate with an alert."""
        seen = self.lab.seen(server=SERVER)
        # That a certificate was revoked does not stand in it: the alert is the evidence.
        frames = [seen.fatal("server")] if cause == "client-certificate-revoked" else [seen.message(11, "client"), seen.fatal("server")]
        self.lab.failed(
            seen, cause, side="server", owners=["client", "server"], also=list(also), at_least=at_least, at_most=at_most,
            alternatives=[cause] if also else [], frames=frames, truth=cause,
        )  # fmt: skip


@scenario("certificate-usage", "for-clients-only")
def usage(lab: Lab) -> None:
    """nginx shows a certificate that is for TLS clients only (extended key usage); curl refuses it."""
    case = Case(lab, "nginx", "curl")
    case.show(pki.leaf(case.issuing, NAME, usage="client"))
    case.refused("certificate-usage", case.curl(), "unsuitable certificate purpose")


@scenario("certificate-weak-key", "rsa-1024")
def weak_key(lab: Lab) -> None:
    """A Go server shows a certificate with an RSA key of 1024 bits; curl (security level 2) refuses it."""
    case = Case(lab, "Go", "curl")
    case.show(pki.leaf(case.issuing, NAME, kind="rsa1024"), go=True)
    case.refused("certificate-weak-key", case.curl(), "key too weak")


@scenario("certificate-weak-digest", "sha1")
def weak_digest(lab: Lab) -> None:
    """A Go server shows a certificate that is signed with SHA-1; curl (security level 2) refuses it."""
    case = Case(lab, "Go", "curl")
    case.show(pki.with_sha1(pki.leaf(case.issuing, NAME), case.issuing), go=True)
    case.refused("certificate-weak-digest", case.curl(), "digest algorithm too weak")


@scenario("certificate-bad-signature", "one-bit-turned")
def bad_signature(lab: Lab) -> None:
    """nginx shows a certificate in whose signature one bit is wrong; curl refuses it."""
    case = Case(lab, "nginx", "curl")
    case.show(pki.damaged(pki.leaf(case.issuing, NAME)))
    case.refused("certificate-bad-signature", case.curl(), "rsa routines")


@scenario("certificate-issuer-not-ca", "signed-by-a-server-certificate")
def not_a_ca(lab: Lab) -> None:
    """nginx shows a certificate that another server's certificate has signed, which is no CA; curl refuses it."""
    case = Case(lab, "nginx", "curl")
    desk = pki.leaf(case.issuing, "desk.maple.test")
    case.show(pki.leaf(desk, NAME))
    case.refused("certificate-issuer-not-ca", case.curl(), "invalid CA certificate")


@scenario("certificate-name-constraints", "other-domain-permitted")
def constraints(lab: Lab) -> None:
    """The intermediate is permitted to sign for cedar.test only and has signed for shop.maple.test; curl refuses it."""
    case = Case(lab, "nginx", "curl")
    narrow = pki.intermediate(case.root, "Harbour Cedar CA 1", permitted="cedar.test")
    case.show(pki.leaf(narrow, NAME))
    case.refused("certificate-name-constraints", case.curl(), "permitted subtree violation")


@scenario("chain-wrong-intermediate", "another-one-of-the-same-root")
def wrong_intermediate(lab: Lab) -> None:
    """nginx sends another intermediate of the same root than the one that signed; curl finds no issuer."""
    case = Case(lab, "nginx", "curl")
    other = pki.intermediate(case.root, "Harbour Issuing CA 4")
    case.show(pki.leaf(case.issuing, NAME), chain=[other.certificate])
    case.refused("chain-wrong-intermediate", case.curl(), "unable to get local issuer certificate", "chain-incomplete")


@scenario("completed", "chain-in-wrong-order")
def wrong_order(lab: Lab) -> None:
    """nginx sends root, then intermediates out of order behind its certificate; curl sorts them itself and is served.

    No stack of the lab refuses this (OpenSSL, GnuTLS, NSS, Java, Go, Node all sort): a defect alone is no failure.
    """
    case = Case(lab, "nginx", "curl")
    lower = pki.intermediate(case.issuing, "Harbour Shops CA 7")
    case.show(pki.leaf(lower, NAME), chain=[case.root.certificate, case.issuing.certificate, lower.certificate])
    done = case.curl()
    lab.must("all is well" in done.said, f"served: {done.said[-600:]}")
    lab.completed(lab.seen(server=SERVER))


@scenario("certificate-revoked", "crl")
def revoked(lab: Lab) -> None:
    """The server's certificate stands in the revocation list that curl was given; curl says certificate_revoked."""
    case = Case(lab, "nginx", "curl")
    own = pki.leaf(case.issuing, NAME)
    case.show(own)
    lists = [pki.write_crl(lab.work, "lower", case.issuing, own), pki.write_crl(lab.work, "upper", case.root)]
    both = lab.work / "lists.pem"
    both.write_text("".join(Path(path).read_text() for path in lists))
    case.refused("certificate-revoked", case.curl("--crlfile", str(both)), "certificate revoked")


@scenario("signature-algorithm-mismatch", "ecdsa-only-client")
def signature_algorithms(lab: Lab) -> None:
    """A client (GnuTLS) that takes ECDSA signatures only meets an nginx with an RSA certificate: handshake_failure."""
    case = Case(lab, "nginx", "GnuTLS")
    case.show(pki.leaf(case.issuing, NAME))
    priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-SIGN-ALL:+SIGN-ECDSA-SHA256"
    with lab.record(case.server):
        done = clients.gnutls_cli(case.client, NAME, "--x509cafile", case.ca, "--priority", priority)
    lab.quote("gnutls-cli", done, "Received alert [40]")
    seen = lab.seen(server=SERVER)
    lab.failed(
        seen, "signature-algorithm-mismatch", side="server", owners=["client", "server"], at_least="possible",
        also=["cipher-mismatch"], frames=[seen.alert("server", 40)], truth="signature-algorithm-mismatch",
    )  # fmt: skip


@scenario("client-certificate-usage", "for-servers-only")
def own_usage(lab: Lab) -> None:
    """The client's certificate is for TLS servers only (extended key usage); openssl s_server refuses it."""
    case = Case(lab, "curl")
    partners = pki.root("Lindgren Partner CA", kind="rsa")
    case.ask_with(pki.leaf(partners, "till-17.maple.test", usage="server"), partners)
    case.own_refused("client-certificate-usage")


@scenario("client-certificate-not-yet-valid", "begins-in-four-days")
def own_early(lab: Lab) -> None:
    """The client's certificate begins in four days; openssl s_server refuses it."""
    case = Case(lab, "curl")
    partners = pki.root("Lindgren Partner CA", kind="rsa")
    case.ask_with(pki.leaf(partners, "till-17.maple.test", usage="client", days=(4, 90)), partners)
    case.own_refused("client-certificate-not-yet-valid")


@scenario("client-chain-incomplete", "intermediate-left-out")
def own_chain(lab: Lab) -> None:
    """The client sends its certificate without the intermediate; openssl s_server knows the root only and refuses it."""
    case = Case(lab, "curl")
    partners = pki.root("Lindgren Partner CA", kind="rsa")
    tills = pki.intermediate(partners, "Lindgren Tills CA 2", kind="rsa")
    case.ask_with(pki.leaf(tills, "till-17.maple.test", usage="client"), partners, chain=[])
    case.own_refused("client-chain-incomplete", "client-certificate-untrusted")


@scenario("client-chain-incomplete", "upper-intermediate-left-out")
def own_upper(lab: Lab) -> None:
    """The client sends its certificate and the CA that issued it, but not the CA between that one and the root that openssl s_server names.

    On the wire that is a chain of a root that the server does not know.
    """
    case = Case(lab, "curl")
    partners = pki.root("Lindgren Partner CA", kind="rsa")
    tills = pki.intermediate(pki.intermediate(partners, "Lindgren Shops CA 1", kind="rsa"), "Lindgren Tills CA 2", kind="rsa")
    case.ask_with(pki.leaf(tills, "till-17.maple.test", usage="client"), partners, chain=[tills.certificate])
    case.own_refused("client-chain-incomplete", "client-certificate-untrusted", at_least="possible", at_most="likely")


@scenario("client-certificate-revoked", "crl")
def own_revoked(lab: Lab) -> None:
    """The client's certificate stands in the revocation list of openssl s_server, which says certificate_revoked."""
    case = Case(lab, "curl")
    partners = pki.root("Lindgren Partner CA", kind="rsa")
    own = pki.leaf(partners, "till-17.maple.test", usage="client")
    case.ask_with(own, partners, "-crl_check", "-CRL", pki.write_crl(lab.work, "list", partners, own))
    case.own_refused("client-certificate-revoked")
