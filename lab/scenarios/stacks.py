"""Certificates refused by GnuTLS, NSS, HAProxy and Node, on either side: the same fault looks different with each.

The scenarios are made from tables: a fault of the server's certificate with each client stack, and a fault of the client's
certificate with each server stack, the partner changing from row to row.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from lab import clients, pki, servers
from lab.net import Done
from lab.scenario import Function, Lab, scenario

NAME = "shop.maple.test"
CLIENT, SERVER = "10.20.3.41", "10.20.9.12"
STACK = {"gnutls": "GnuTLS", "nss": "NSS", "haproxy": "HAProxy", "node": "Node", "openssl": "OpenSSL", "curl": "curl"}
_OLD, _NEW = "1.2", "1.3"


class Table:
    """One client, one server, and the files that both need."""

    def __init__(self, lab: Lab, client_stack: str, server_stack: str, version: str) -> None:
        self.lab, self.client_stack, self.server_stack, self.version = lab, client_stack, server_stack, version
        self.lab.stacks = tuple(dict.fromkeys(STACK[s] for s in (self.client_stack, self.server_stack)))
        self.lab.names(shop_maple_test=SERVER)
        self.client, self.server = self.lab.host("client", CLIENT), self.lab.host("server", SERVER)
        self.root = pki.root("Harbour Root CA R1")
        self.issuing = pki.intermediate(self.root, "Harbour Issuing CA 3")
        self.ca = pki.write_bundle(self.lab.work, "anchors", self.root.certificate)

    def serve(self, issued: pki.Issued, *, whole: bool = True, partners: str = "") -> Path:
        """Start the server with that certificate; with `partners` it demands client certificates of those CAs."""
        chain: list[x509.Certificate] | None = None if whole else []
        pair = pki.write(self.lab.work, "site", issued, chain=chain)
        if self.server_stack == "gnutls":
            versions = "NORMAL:-VERS-ALL:+VERS-TLS" + self.version
            demand = ["--require-client-cert", "--verify-client-cert", "--x509cafile", partners] if partners else ["--disable-client-cert"]
            return servers.gnutls_serv(self.server, pair, "--priority", versions, *demand)
        if self.server_stack == "nss":
            keystore = pki.write_p12(self.lab.work, "site", issued, chain=chain, alias="site")
            database = clients.nss_database(self.server, "server-db", keystore=keystore, partners=[partners] if partners else [])
            demand = ["-r", "-r"] if partners else []
            return servers.selfserv(self.server, database, "-V", f"tls{self.version}:tls{self.version}", *demand)
        if self.server_stack == "node":
            return servers.node(self.server, pair, f"TLSv{self.version}", *([partners] if partners else []))
        both = self.lab.work / "whole.pem"
        both.write_bytes(Path(pair[0]).read_bytes() + Path(pair[1]).read_bytes())
        demand = [f"verify required ca-file {partners}"] if partners else []
        bind = f"bind :443 ssl crt {both} ssl-min-ver TLSv{self.version} ssl-max-ver TLSv{self.version} {' '.join(demand)}"
        answer = 'http-request return status 200 content-type text/plain string "all is well"'
        return servers.haproxy(self.server, f"frontend tls\n  {bind}\n  {answer}")

    def ask(self, own: pki.Issued | None = None) -> Done:
        """One request of the client, recorded at the server; `own` is the client's certificate."""
        pair = pki.write(self.lab.work, "own", own) if own else ()
        call = getattr(self, f"_{self.client_stack}")
        keystore = pki.write_p12(self.lab.work, "own", own) if own else ""
        database = clients.nss_database(self.client, "client-db", anchors=[self.ca], keystore=keystore)
        with self.lab.record(self.server):
            done: Done = call(pair, database)
        return done

    def _gnutls(self, pair: tuple[str, ...], _: str) -> Done:
        own = ["--x509certfile", pair[0], "--x509keyfile", pair[1]] if pair else []
        return clients.gnutls_cli(self.client, NAME, "--x509cafile", self.ca, *own, text=clients.GET.format(name=NAME))

    def _nss(self, pair: tuple[str, ...], database: str) -> Done:
        return clients.tstclnt(self.client, NAME, database, *(["-n", "own"] if pair else []))

    def _node(self, pair: tuple[str, ...], _: str) -> Done:
        return clients.node(self.client, NAME, self.ca, "TLSv1.3", *pair)

    def _openssl(self, pair: tuple[str, ...], _: str) -> Done:
        own = ["-cert", pair[0], "-key", pair[1]] if pair else []
        words = ["-servername", NAME, "-CAfile", self.ca, "-verify_return_error", *own]
        return clients.s_client(self.client, f"{NAME}:443", *words, text=clients.GET.format(name=NAME))

    def _curl(self, pair: tuple[str, ...], _: str) -> Done:
        own = ["--cert", pair[0], "--key", pair[1]] if pair else []
        return clients.curl(self.client, f"https://{NAME}/", "--cacert", self.ca, *own)


# The server's certificate

_SERVER_FAULTS: dict[str, str] = {
    "certificate-expired": "expired four days before",
    "certificate-name-mismatch": "is for two other hosts",
    "certificate-untrusted": "comes, with its whole chain, from a CA that the client does not have",
    "certificate-self-signed": "is signed by itself",
    "chain-incomplete": "comes without the intermediate",
}
_SERVER_ROWS = (
    ("certificate-expired", "gnutls", "haproxy", _OLD),
    ("certificate-name-mismatch", "gnutls", "nss", _OLD),
    ("certificate-untrusted", "gnutls", "node", _OLD),
    ("certificate-self-signed", "gnutls", "gnutls", _OLD),
    ("chain-incomplete", "gnutls", "haproxy", _OLD),
    ("certificate-expired", "nss", "gnutls", _OLD),
    ("certificate-name-mismatch", "nss", "haproxy", _OLD),
    ("certificate-untrusted", "nss", "nss", _OLD),
    ("certificate-self-signed", "nss", "node", _OLD),
    ("chain-incomplete", "nss", "gnutls", _OLD),
    ("certificate-expired", "node", "nss", _OLD),
    ("certificate-name-mismatch", "node", "gnutls", _OLD),
    ("certificate-untrusted", "node", "haproxy", _OLD),
    ("certificate-self-signed", "node", "haproxy", _OLD),
    ("chain-incomplete", "node", "node", _OLD),
    ("certificate-expired", "curl", "nss", _OLD),
    ("chain-incomplete", "openssl", "node", _OLD),
    ("certificate-expired", "gnutls", "haproxy", _NEW),
    ("certificate-self-signed", "nss", "gnutls", _NEW),
    ("certificate-untrusted", "node", "nss", _NEW),
    ("chain-incomplete", "node", "haproxy", _NEW),
    ("certificate-expired", "openssl", "node", _NEW),
)


def _with_fault(table: Table, cause: str) -> Path:
    """Start the server with that fault in its certificate."""
    if cause == "certificate-expired":
        return table.serve(pki.leaf(table.issuing, NAME, days=(-400, -4)))
    if cause == "certificate-name-mismatch":
        return table.serve(pki.leaf(table.issuing, "store.maple.test", "desk.maple.test"))
    if cause == "certificate-untrusted":
        return table.serve(pki.leaf(pki.intermediate(pki.root("Northgate Root 2021"), "Northgate Servers CA"), NAME))
    if cause == "certificate-self-signed":
        return table.serve(pki.leaf(None, NAME))
    return table.serve(pki.leaf(table.issuing, NAME), whole=False)


def _server_certificate(cause: str, client: str, server: str, version: str) -> Function:
    def play(lab: Lab) -> None:
        table = Table(lab, client, server, version)
        _with_fault(table, cause)
        done = table.ask()
        lab.must(done.code != 0, f"the client failed: {done.said[-600:]}")
        lab.quote(STACK[client], done, _complaint(client, done))
        seen = lab.seen(server=SERVER)
        fatal = [a for a in seen.alerts() if a[1] == 2 and a[0] == "client"]
        dark = version == _NEW
        frames = ([] if dark else [seen.message(11, "server")]) + [a[3] for a in fatal[:1]]
        clean = cause == "certificate-untrusted"  # nothing is wrong with the chain by itself
        named = "certificate-rejected" if dark else cause
        also = [cause] if dark else ["certificate-rejected"] if clean else []
        lab.failed(
            seen, named, side="client", owners=["server", "client"], also=also, truth=cause, frames=frames,
            at_least="likely" if fatal and not (dark or clean) else "possible", at_most="likely" if dark or not fatal else "proven",
            or_outcome="completed" if not fatal and (dark or clean) else "",
            note="" if fatal else "The handshake completes; the client then closes without an alert.",
        )  # fmt: skip

    play.__doc__ = f"{STACK[client]} refuses the certificate of a {STACK[server]} server, which {_SERVER_FAULTS[cause]}; TLS {version}.\n\n" + (
        "The certificate is encrypted: why it was refused cannot be known from the recording alone." if version == _NEW else ""
    )
    return play


def _complaint(client: str, done: Done) -> str:
    """The words by which that stack refuses a certificate, as far as they stand in its output."""
    marks = {
        "gnutls": ("- Status: The certificate is NOT trusted",),
        "nss": ("authentication of server cert failed", "SSL_ERROR_BAD_CERT_DOMAIN"),
        "node": ("CERT", "UNABLE_TO", "DEPTH_ZERO", "SELF_SIGNED"),
        "curl": ("SSL certificate problem",),
        "openssl": ("verify error",),
    }
    return next((mark for mark in marks[client] if mark in done.said), marks[client][0])


# The client's certificate

_CLIENT_FAULTS: dict[str, str] = {
    "client-certificate-missing": "has none",
    "client-certificate-expired": "has one that expired four days before",
    "client-certificate-untrusted": "has one of a CA that the server does not have",
}
_CLIENT_ROWS = (
    ("client-certificate-missing", "openssl", "gnutls", _OLD),
    ("client-certificate-expired", "openssl", "gnutls", _OLD),
    ("client-certificate-untrusted", "openssl", "gnutls", _OLD),
    ("client-certificate-missing", "gnutls", "haproxy", _OLD),
    ("client-certificate-expired", "curl", "haproxy", _OLD),
    ("client-certificate-untrusted", "curl", "haproxy", _OLD),
    ("client-certificate-missing", "gnutls", "node", _OLD),
    ("client-certificate-expired", "curl", "node", _OLD),
    ("client-certificate-untrusted", "openssl", "node", _OLD),
    ("client-certificate-missing", "node", "nss", _OLD),
    ("client-certificate-expired", "openssl", "nss", _OLD),
    ("client-certificate-untrusted", "openssl", "nss", _OLD),
    ("client-certificate-missing", "nss", "haproxy", _NEW),
    ("client-certificate-expired", "curl", "haproxy", _NEW),
    ("client-certificate-missing", "curl", "node", _NEW),
    ("client-certificate-untrusted", "openssl", "gnutls", _NEW),
    ("client-certificate-missing", "openssl", "nss", _NEW),
)


def _client_certificate(cause: str, client: str, server: str, version: str) -> Function:
    def play(lab: Lab) -> None:
        table = Table(lab, client, server, version)
        partners = pki.root("Lindgren Partner CA")
        log = table.serve(pki.leaf(table.issuing, NAME), partners=pki.write_bundle(lab.work, "partners", partners.certificate))
        other = pki.root("Brook Street Staff CA")
        made = {
            "client-certificate-missing": None,
            "client-certificate-expired": pki.leaf(partners, "till-17.maple.test", days=(-400, -4), usage="client"),
            "client-certificate-untrusted": pki.leaf(other, "till-17.maple.test", usage="client"),
        }
        done = table.ask(made[cause])
        lab.must("all is well" not in done.said and "200 OK" not in done.said, f"the client was not served: {done.said[-600:]}")
        marks = ("not trusted", "Error in handshake", "Certificate Invalid", "PR_Read returned error", "refused:", "handshake failure")
        lab.quote(STACK[server], log, *[mark for mark in marks if mark in log.read_text()][:1])
        seen = lab.seen(server=SERVER)
        fatal = [a for a in seen.alerts() if a[1] == 2 and a[0] == "server"]
        dark = version == _NEW
        missing = cause == "client-certificate-missing"
        named = "client-certificate-rejected" if dark and not missing else cause
        also = {"client-certificate-rejected", "client-certificate-missing", cause} if dark else {"client-certificate-rejected"}
        if cause == "client-certificate-untrusted":
            also.add("client-chain-incomplete")  # an issuer that nobody knows and one that was left out look the same
        frames = ([] if dark else [seen.message(11, "client")]) + [a[3] for a in fatal[:1]]
        lab.failed(
            seen, named, side="server", owners=["client", "server"], also=sorted(also - {named}), truth=cause, frames=frames,
            at_least="possible" if dark or not fatal else "likely", at_most="likely" if dark or not fatal else "proven",
            note="" if fatal else "No alert stands in the clear.",
        )  # fmt: skip

    play.__doc__ = f"A {STACK[server]} server demands a client certificate; {STACK[client]} {_CLIENT_FAULTS[cause]}; TLS {version}.\n\n" + (
        "The certificate is encrypted: what is wrong with it cannot be known from the recording alone." if version == _NEW else ""
    )
    return play


# All in order


def _good(client: str, server: str, version: str, mutual: bool) -> Function:
    def play(lab: Lab) -> None:
        table = Table(lab, client, server, version)
        partners = pki.root("Lindgren Partner CA")
        known = pki.write_bundle(lab.work, "partners", partners.certificate)
        table.serve(pki.leaf(table.issuing, NAME), partners=known if mutual else "")
        done = table.ask(pki.leaf(partners, "till-17.maple.test", usage="client") if mutual else None)
        lab.must("all is well" in done.said or "200 OK" in done.said, f"served: {done.said[-900:]}")
        seen = lab.seen(server=SERVER)
        lab.must(not [a for a in seen.alerts() if a[1] == 2], "no fatal alert")
        lab.completed(seen)

    with_own = " with a client certificate" if mutual else ""
    play.__doc__ = f"{STACK[client]} and a {STACK[server]} server{with_own}; all in order; TLS {version}."
    return play


_GOOD_ROWS = (
    ("gnutls", "haproxy", _OLD, False),
    ("nss", "nss", _OLD, False),
    ("node", "node", _NEW, False),
    ("openssl", "gnutls", _NEW, True),
    ("curl", "haproxy", _OLD, True),
    ("curl", "node", _OLD, True),
    ("openssl", "nss", _OLD, True),
)


def _register(make: Callable[..., Function], slug: str, what: str, *row: object) -> None:
    function = make(*row)
    function.__name__ = what.replace("-", "_")
    scenario(slug, what)(function)


for _cause, _client, _server, _version in _SERVER_ROWS:
    _register(_server_certificate, _cause, f"{_client}-to-{_server}-tls{_version.replace('.', '')}", _cause, _client, _server, _version)
for _cause, _client, _server, _version in _CLIENT_ROWS:
    _register(_client_certificate, _cause, f"{_client}-to-{_server}-tls{_version.replace('.', '')}", _cause, _client, _server, _version)
for _client, _server, _version, _mutual in _GOOD_ROWS:
    _what = f"{_client}-to-{_server}-tls{_version.replace('.', '')}{'-mutual' if _mutual else ''}"
    _register(_good, "completed", _what, _client, _server, _version, _mutual)
