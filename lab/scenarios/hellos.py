"""Refusals in the hellos that other stacks make: downgrade, renegotiation, extended master secret, weak Diffie-Hellman."""

from __future__ import annotations

import base64
from pathlib import Path

from lab import clients, pki, servers
from lab.net import Done
from lab.scenario import Lab, scenario

NAME = "shop.maple.test"
CLIENT, SERVER = "10.20.3.41", "10.20.9.12"
# RFC 2409 section 6.2, group 2: 1024 bits, generator 2; made once by others, so that the lab need not search for primes.
# Group 1 of its section 6.1 has 768.
_PRIME_768 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A63A3620FFFFFFFFFFFFFFFF",
    16,
)
_PRIME_1024 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    16,
)


class Bench:
    """A client, a server, a certificate that nobody minds."""

    def __init__(self, lab: Lab, *stacks: str) -> None:
        lab.stacks = stacks
        lab.names(shop_maple_test=SERVER)
        self.lab = lab
        self.client, self.server = lab.host("client", CLIENT), lab.host("server", SERVER)
        root = pki.root("Harbour Root CA R1")
        self.ca = pki.write_bundle(lab.work, "anchors", root.certificate)
        self.leaf = pki.leaf(pki.intermediate(root, "Harbour Issuing CA 3"), NAME)
        self.pair = pki.write(lab.work, "site", self.leaf)

    def openssl(self, *options: str) -> Done:
        """One request with openssl s_client."""
        with self.lab.record(self.server):
            words = ["-servername", NAME, "-CAfile", self.ca, *options]
            return clients.s_client(self.client, f"{NAME}:443", *words, text=clients.GET.format(name=NAME))

    def gnutls(self, priority: str, *options: str) -> Done:
        """One request with gnutls-cli."""
        with self.lab.record(self.server):
            words = ["--x509cafile", self.ca, "--priority", priority, *options]
            return clients.gnutls_cli(self.client, NAME, *words, text=clients.GET.format(name=NAME))

    def small_dh(self, prime: int = _PRIME_1024) -> str:
        """A file with Diffie-Hellman parameters (PKCS #3: a SEQUENCE of prime and generator)."""
        body = b"".join(b"\x02" + _length(n) + n for n in (b"\0" + prime.to_bytes((prime.bit_length() + 7) // 8, "big"), b"\x02"))
        text = base64.encodebytes(b"\x30" + _length(body) + body).decode()
        path = self.lab.work / "dh.pem"
        path.write_text(f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n")
        return str(path)


def _length(body: bytes) -> bytes:
    return bytes([len(body)]) if len(body) < 128 else b"\x81" + bytes([len(body)]) if len(body) < 256 else b"\x82" + len(body).to_bytes(2, "big")


def _refused(bench: Bench, cause: str, side: str, owners: list[str], at_least: str = "likely", **rest: object) -> None:
    seen = bench.lab.seen(server=SERVER)
    bench.lab.failed(seen, cause, side=side, owners=owners, at_least=at_least, frames=[seen.fatal(side)], **rest)


@scenario("downgrade-refused", "openssl-to-nginx")
def fallback_nginx(lab: Lab) -> None:
    """A client that fell back to TLS 1.2 (TLS_FALLBACK_SCSV) meets an nginx that speaks TLS 1.3: inappropriate_fallback."""
    bench = Bench(lab, "nginx", "OpenSSL")
    log = servers.nginx(bench.server, servers.site("443 ssl", NAME, bench.pair, "ssl_protocols TLSv1.2 TLSv1.3;"))
    done = bench.openssl("-fallback_scsv", "-tls1_2")
    lab.quote("openssl", done, "inappropriate fallback")
    lab.quote("nginx", log, "inappropriate fallback")
    _refused(bench, "downgrade-refused", "server", ["client"], "proven")


@scenario("downgrade-refused", "nss-to-gnutls")
def fallback_gnutls(lab: Lab) -> None:
    """NSS's client falls back to TLS 1.2 (TLS_FALLBACK_SCSV), the GnuTLS server speaks TLS 1.3: inappropriate_fallback."""
    bench = Bench(lab, "GnuTLS", "NSS")
    servers.gnutls_serv(bench.server, bench.pair)
    database = clients.nss_database(bench.client, "client-db", anchors=[bench.ca])
    with lab.record(bench.server):
        done = clients.tstclnt(bench.client, NAME, database, "-K", "-V", "tls1.2:tls1.2")
    lab.quote("tstclnt", done, "INAPPROPRIATE_FALLBACK")
    _refused(bench, "downgrade-refused", "server", ["client"], "proven")


@scenario("renegotiation-refused", "openssl-to-gnutls-without-rfc5746")
def unsafe_renegotiation(lab: Lab) -> None:
    """A server without secure renegotiation (GnuTLS, %DISABLE_SAFE_RENEGOTIATION) is refused by OpenSSL 3; TLS 1.2.

    The ServerHello lacks renegotiation_info; OpenSSL says handshake_failure ("unsafe legacy renegotiation disabled").
    """
    bench = Bench(lab, "GnuTLS", "OpenSSL")
    servers.gnutls_serv(bench.server, bench.pair, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2:%DISABLE_SAFE_RENEGOTIATION")
    lab.quote("openssl", bench.openssl(), "unsafe legacy renegotiation disabled")
    _refused(bench, "renegotiation-refused", "client", ["server"])


@scenario("renegotiation-refused", "gnutls-client-without-rfc5746")
def client_without_rfc5746(lab: Lab) -> None:
    """A client that says nothing of secure renegotiation is refused by a GnuTLS server that insists (%SAFE_RENEGOTIATION); TLS 1.2."""
    bench = Bench(lab, "GnuTLS")
    servers.gnutls_serv(bench.server, bench.pair, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2:%SAFE_RENEGOTIATION")
    done = bench.gnutls("NORMAL:-VERS-ALL:+VERS-TLS1.2:%DISABLE_SAFE_RENEGOTIATION")
    lab.must(done.code != 0, "the client failed")
    lab.quote("gnutls-cli", done, "fatal alert")
    _refused(bench, "renegotiation-refused", "server", ["client", "server"], "possible", also=["cipher-mismatch"])


@scenario("extended-master-secret-missing", "java-to-gnutls")
def without_ems(lab: Lab) -> None:
    """A Java client that insists on the extended master secret (jdk.tls.allowLegacyMasterSecret=false) meets a GnuTLS server
    without it (%NO_SESSION_HASH); TLS 1.2."""
    bench = Bench(lab, "GnuTLS", "Java")
    servers.gnutls_serv(bench.server, bench.pair, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2:%NO_SESSION_HASH")
    store = clients.truststore(bench.client, "anchors", bench.ca)
    with lab.record(bench.server):
        insist = ["-Djdk.tls.allowLegacyMasterSecret=false"]
        done = clients.java(bench.client, "Get.java", f"https://{NAME}/", store, "TLSv1.2", "-", properties=insist)
    lab.quote("Java", done, "xtended Master Secret")
    seen = lab.seen(server=SERVER)
    lab.failed(
        seen, "extended-master-secret-missing", side="client", owners=["server", "client"], at_least="possible", at_most="likely",
        also=["certificate-rejected", "certificate-untrusted"], frames=[seen.flag(1, "client")],
        note="Java closes without an alert; GnuTLS then complains with unexpected_message, but it did not break off.",
    )  # fmt: skip


def _weak_haproxy(bench: Bench) -> None:
    both = bench.lab.work / "whole.pem"
    both.write_bytes(Path(bench.pair[0]).read_bytes() + Path(bench.pair[1]).read_bytes() + Path(bench.small_dh()).read_bytes())
    bind = f"bind :443 ssl crt {both} ssl-max-ver TLSv1.2 ciphers DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0"
    answer = 'http-request return status 200 content-type text/plain string "all is well"'
    # Debian's OpenSSL would not even load such parameters.
    conf = bench.lab.work / "openssl.cnf"
    conf.write_text("openssl_conf = start\n[start]\nssl_conf = ssl\n[ssl]\nsystem_default = level\n[level]\nCipherString = DEFAULT:@SECLEVEL=0\n")
    servers.haproxy(bench.server, f"frontend tls\n  {bind}\n  {answer}", env={"OPENSSL_CONF": str(conf)})


@scenario("dh-too-small", "openssl-to-haproxy")
def dh_openssl(lab: Lab) -> None:
    """HAProxy with Diffie-Hellman parameters of 1024 bits; OpenSSL at security level 2 refuses them."""
    bench = Bench(lab, "HAProxy", "OpenSSL")
    _weak_haproxy(bench)
    lab.quote("openssl", bench.openssl("-cipher", "DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=2"), "dh key too small")
    _refused(bench, "dh-too-small", "client", ["server"])


@scenario("dh-too-small", "gnutls-to-haproxy")
def dh_gnutls(lab: Lab) -> None:
    """HAProxy with Diffie-Hellman parameters of 1024 bits; GnuTLS, told to want 2048, refuses them."""
    bench = Bench(lab, "HAProxy", "GnuTLS")
    _weak_haproxy(bench)
    done = bench.gnutls("NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA:-GROUP-ALL:+GROUP-X25519", "--dh-bits", "2048")
    lab.quote("gnutls-cli", done, "not acceptable")
    _refused(bench, "dh-too-small", "client", ["server"])


@scenario("dh-too-small", "openssl-to-gnutls")
def dh_from_gnutls(lab: Lab) -> None:
    """A GnuTLS server with Diffie-Hellman parameters of 1024 bits; OpenSSL refuses them."""
    bench = Bench(lab, "GnuTLS", "OpenSSL")
    priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA:%PROFILE_VERY_WEAK"
    servers.gnutls_serv(bench.server, bench.pair, "--priority", priority, "--dhparams", bench.small_dh())
    lab.quote("openssl", bench.openssl("-cipher", "DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=2", "-tls1_2", "-groups", "X25519"), "dh key too small")
    _refused(bench, "dh-too-small", "client", ["server"])


@scenario("dh-too-small", "nss-to-gnutls")
def dh_nss(lab: Lab) -> None:
    """A GnuTLS server with Diffie-Hellman parameters of 768 bits; NSS wants 1023 at least."""
    bench = Bench(lab, "GnuTLS", "NSS")
    priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA:%PROFILE_VERY_WEAK"
    servers.gnutls_serv(bench.server, bench.pair, "--priority", priority, "--dhparams", bench.small_dh(_PRIME_768))
    database = clients.nss_database(bench.client, "client-db", anchors=[bench.ca])
    with lab.record(bench.server):
        done = clients.tstclnt(bench.client, NAME, database, "-V", "tls1.2:tls1.2")
    lab.quote("tstclnt", done, "WEAK_SERVER_EPHEMERAL_DH_KEY")
    _refused(bench, "dh-too-small", "client", ["server"])


@scenario("alpn-mismatch", "gnutls-h2-only")
def alpn(lab: Lab) -> None:
    """A GnuTLS server knows the application protocol h2 only, the client (GnuTLS) offers http/1.1 only; TLS 1.3."""
    bench = Bench(lab, "GnuTLS")
    servers.gnutls_serv(bench.server, bench.pair, "--alpn", "h2", "--alpn-fatal")
    done = bench.gnutls("NORMAL", "--alpn", "http/1.1")
    lab.must(done.code != 0, "the client failed")
    lab.quote("gnutls-cli", done, "No supported application protocol")
    _refused(bench, "alpn-mismatch", "server", ["client", "server"], "proven")
