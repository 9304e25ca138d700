"""The runbook's own arrangement: nginx as Router, a Java Message Processor behind it, a backend; both hops in one recording."""

from __future__ import annotations

from pathlib import Path

from lab import clients, pki, servers
from lab.net import Host, together
from lab.scenario import Lab, scenario
from lab.scenarios.two_hops import (
    APP,
    BACKEND,
    EDGE,
    NAME,
    ORDERS,
    PORT,
    PROCESSOR,
    TILL,
    Edge,
    plain_inside,
    refused,
    served,
)


@scenario("sni-missing", "southbound-runbook-java")
def java_without_names(lab: Lab) -> None:
    """The runbook's own case: a Java Message Processor with jsse.enableSNIExtension=false calls a backend that needs server_name.

    Router (nginx) and Message Processor stand on one machine, with an address each, and speak plain HTTP with each other. The
    backend (Go, several sites) breaks off with internal_error; the client gets HTTP 503 with Java's words.
    """
    edge = Edge(lab, "curl", "Python", "Java", "Go", processor=True)
    servers.go(edge.backend, edge.own("orders"), "-only", ORDERS)
    _java_processor(edge, "-Djsse.enableSNIExtension=false")
    with lab.record(edge.edge, ports=[PORT]):
        dones = together((0.0, lambda: edge.curl(edge.till)), (0.5, lambda: edge.curl(edge.app)))
    refused(lab, "503", *dones)
    lab.quote("curl", dones[0], "Received fatal alert: internal_error")
    edge.all_north_completed()
    plain_inside(edge)
    for number, client in enumerate((TILL, APP)):
        seen = edge.south_of(number)
        lab.must(seen.sni == "", "no server_name was sent")
        lab.failed(
            seen, "sni-missing", hop="southbound", side="server", owners=["client", "server"], at_most="likely",
            also=["internal-error"], frames=[seen.alert("server", 80)], related=[edge.north_of(client)],
            note="Go says internal_error for a missing name; nothing else of the recording shows a name that gets through.",
        )  # fmt: skip


def _java_processor(edge: Edge, *properties: str, keystore: str = "") -> Path:
    """Router → Java Message Processor → backend; gives the processor's log."""
    store = clients.truststore(edge.edge, "backend-anchors", edge.anchors)
    edge.edge.prefer("10.20.9.0/24", PROCESSOR)
    own = [keystore] if keystore else []
    words = [PROCESSOR, "8998", f"https://{ORDERS}:{PORT}", store, *own]
    log = servers.java(edge.edge, "Processor.java", *words, port=8998, properties=properties)
    paths = pki.write(edge.lab.work, "site", edge.site)
    place = f"location / {{ proxy_pass http://{PROCESSOR}:8998; }}"
    servers.nginx(edge.edge, servers.site(f"{EDGE}:443 ssl", NAME, paths, place))
    return log


@scenario("completed", "two-hops-java-processor")
def java_is_well(lab: Lab) -> None:
    """nginx as Router, a Java Message Processor with SNI behind it, a strict backend: all in order."""
    edge = Edge(lab, "curl", "Java", "Go", processor=True)
    servers.go(edge.backend, edge.own("orders"), "-only", ORDERS)
    _java_processor(edge)
    with lab.record(edge.edge, ports=[PORT]):
        dones = together((0.0, lambda: edge.curl(edge.till)), (0.5, lambda: edge.curl(edge.app)))
    served(lab, *dones)
    edge.all_north_completed()
    plain_inside(edge)
    for number in range(2):
        lab.completed(edge.south_of(number), hop="southbound")


@scenario("certificate-expired", "southbound-java-processor")
def java_meets_expired(lab: Lab) -> None:
    """The backend's certificate ran out six days before; a Java Message Processor refuses it.

    Java says certificate_expired or, in other versions, certificate_unknown; the certificate itself, in the clear in TLS 1.2,
    tells. The client gets HTTP 503.
    """
    edge = Edge(lab, "curl", "Java", processor=True)
    certificate = edge.own("orders", days=(-371, -6))
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, certificate, "ssl_protocols TLSv1.2;"), port=PORT)
    _java_processor(edge)
    with lab.record(edge.edge, ports=[PORT]):
        dones = together((0.0, lambda: edge.curl(edge.till)), (0.5, lambda: edge.curl(edge.app)))
    refused(lab, "503", *dones)
    lab.quote("curl", dones[0], "validity check failed")
    edge.all_north_completed()
    plain_inside(edge)
    for number, client in enumerate((TILL, APP)):
        seen = edge.south_of(number)
        lab.failed(
            seen, "certificate-expired", hop="southbound", side="client", owners=["server"], at_least="likely",
            frames=[seen.message(11, "server"), seen.fatal("client")], related=[edge.north_of(client)],
        )  # fmt: skip


@scenario("client-certificate-missing", "southbound-java-processor")
def java_without_keystore(lab: Lab) -> None:
    """The backend (Go) demands a client certificate, the Java Message Processor has no keystore: an empty Certificate message.

    Go says bad_certificate for it; TLS 1.2. The client gets HTTP 503.
    """
    edge = Edge(lab, "curl", "Java", "Go", processor=True)
    servers.go(edge.backend, edge.own("orders"), "-most", "771", "-partners", edge.anchors)
    _java_processor(edge)
    with lab.record(edge.edge, ports=[PORT]):
        done = edge.curl(edge.till)
    refused(lab, "503", done)
    lab.quote("curl", done, "SSL Handshake failed")
    edge.all_north_completed()
    plain_inside(edge)
    seen = edge.south_of()
    lab.failed(
        seen, "client-certificate-missing", hop="southbound", side="server", owners=["client"], at_least="proven",
        frames=[seen.alert("server", 42)], related=[edge.north_of(TILL)],
    )  # fmt: skip


def _java_refuses(edge: Edge, cause: str, words: str, owners: list[str], at_least: str = "likely", **rest: object) -> None:
    """Two clients ask, the Java Message Processor refuses the backend's certificate, both get HTTP 503."""
    lab = edge.lab
    _java_processor(edge)
    with lab.record(edge.edge, ports=[PORT]):
        dones = together((0.0, lambda: edge.curl(edge.till)), (0.5, lambda: edge.curl(edge.app)))
    refused(lab, "503", *dones)
    lab.quote("curl", dones[0], words)
    edge.all_north_completed()
    plain_inside(edge)
    for number, client in enumerate((TILL, APP)):
        seen = edge.south_of(number)
        frames = [seen.message(11, "server"), seen.fatal("client")]
        lab.failed(
            seen, cause, hop="southbound", side="client", owners=owners, at_least=at_least, frames=frames, related=[edge.north_of(client)], **rest
        )


def _backend(edge: Edge, certificate: tuple[str, str], *options: str) -> None:
    servers.nginx(edge.backend, servers.site(f"{PORT} ssl", ORDERS, certificate, "ssl_protocols TLSv1.2;", *options), port=PORT)


@scenario("certificate-name-mismatch", "southbound-java-processor")
def java_meets_foreign_name(lab: Lab) -> None:
    """The backend's certificate is for another host; a Java Message Processor refuses it in the handshake. TLS 1.2; HTTP 503."""
    edge = Edge(lab, "curl", "Java", processor=True)
    _backend(edge, edge.own("orders", "ledger.cedar.test"))
    _java_refuses(edge, "certificate-name-mismatch", "No subject alternative DNS name matching", ["server"])


@scenario("chain-incomplete", "southbound-java-processor")
def java_misses_intermediate(lab: Lab) -> None:
    """The backend leaves the intermediate out; Java says "PKIX path building failed", as it does for an unknown CA. TLS 1.2; HTTP 503."""
    edge = Edge(lab, "curl", "Java", processor=True)
    _backend(edge, pki.write(lab.work, "orders", pki.leaf(edge.cedar, ORDERS), chain=[]))
    _java_refuses(edge, "chain-incomplete", "PKIX path building failed", ["server"])


@scenario("certificate-untrusted", "southbound-java-processor")
def java_meets_foreign_root(lab: Lab) -> None:
    """The backend's chain is whole and ends in a CA that is not in Java's truststore: "PKIX path building failed". TLS 1.2; HTTP 503."""
    edge = Edge(lab, "curl", "Java", processor=True)
    stranger = pki.intermediate(pki.root("Northgate Root 2021"), "Northgate Servers CA")
    _backend(edge, edge.own("orders", above=stranger))
    also = ["certificate-rejected"]
    _java_refuses(edge, "certificate-untrusted", "PKIX path building failed", ["client", "server"], "possible", also=also)


@scenario("certificate-untrusted", "stores-decide-southbound-java")
def java_store_decides(lab: Lab) -> None:
    """The backend's chain is whole and ends in a CA that is not in the Message Processor's truststore; Java says certificate_unknown.

    It says so for everything: only its truststore, kept beside the capture, shows that this CA is not in it. TLS 1.2; HTTP 503.
    """
    edge = Edge(lab, "curl", "Java", processor=True)
    _backend(edge, edge.own("orders", above=pki.intermediate(pki.root("Northgate Root 2021"), "Northgate Servers CA")))
    also = ["certificate-rejected"]
    owners = ["client", "server"]
    _java_refuses(edge, "certificate-untrusted", "PKIX path building failed", owners, "possible", at_most="likely", also=also)
    lab.store("truststore", "message-processor", str(edge.edge.folder / "backend-anchors.jks"))
    says = ["backend-anchors.jks", "Cedar Group Root", "Northgate Root 2021"]
    for item in lab.expected:
        if item.outcome == "failed":
            lab.decide(item, at_least="proven", at_most="proven", also=[], says=says)


@scenario("chain-incomplete", "stores-decide-southbound-java")
def java_keystore_has_it(lab: Lab) -> None:
    """The backend (nginx) sends its certificate alone; the keystore from which it was set up has the intermediate as well.

    Java says certificate_unknown, as for a CA that it does not know: the keystore shows that an intermediate was left out. TLS 1.2.
    """
    edge = Edge(lab, "curl", "Java", processor=True)
    own = pki.leaf(edge.cedar, ORDERS)
    _backend(edge, pki.write(lab.work, "orders", own, chain=[]))
    also = ["certificate-untrusted"]
    _java_refuses(edge, "chain-incomplete", "PKIX path building failed", ["client", "server"], "possible", at_most="likely", also=also)
    lab.store("keystore", "backend", pki.exported(lab.work, "orders-keystore", pki.write_p12(lab.work, "orders-keystore", own)))
    lab.store("truststore", "message-processor", str(edge.edge.folder / "backend-anchors.jks"))
    says = ["orders-keystore.pem", "Cedar Servers CA 2", "did not send"]
    for item in lab.expected:
        if item.outcome == "failed":
            lab.decide(item, at_least="proven", at_most="proven", also=[], owners=["server"], says=says, artefact="pem")


@scenario("client-certificate-expired", "southbound-java-processor")
def java_keystore_expired(lab: Lab) -> None:
    """The Message Processor's own certificate expired eleven days before; the backend (OpenSSL) refuses it. TLS 1.2; HTTP 503."""
    edge = Edge(lab, "curl", "Java", processor=True)
    partners = pki.root("Cedar Partners CA")
    own = pki.leaf(partners, "gateway.maple.test", days=(-376, -11), usage="client")
    known = pki.write_bundle(lab.work, "partners", partners.certificate)
    servers.s_server(edge.backend, edge.own("orders"), "-tls1_2", "-Verify", "2", "-verify_return_error", "-CAfile", known, port=PORT)
    _java_processor(edge, keystore=pki.write_p12(lab.work, "gateway", own))
    with lab.record(edge.edge, ports=[PORT]):
        done = edge.curl(edge.till)
    refused(lab, "503", done)
    lab.quote("curl", done, "SSL Handshake failed")
    edge.all_north_completed()
    plain_inside(edge)
    seen = edge.south_of()
    lab.failed(
        seen, "client-certificate-expired", hop="southbound", side="server", owners=["client"], at_least="likely",
        frames=[seen.message(11, "client"), seen.alert("server", 45)], related=[edge.north_of(TILL)],
    )  # fmt: skip


@scenario("sni-missing", "one-of-two-message-processors")
def one_of_two(lab: Lab) -> None:
    """Two Java Message Processors call the same backend of several sites; one of them still has jsse.enableSNIExtension=false.

    Recorded at the backend (Python), which cuts the one off with handshake_failure and serves the other.
    """
    lab.stacks = ("Java", "Python", "curl")
    lab.names(orders_cedar_test=BACKEND)
    first, second = lab.host("first", PROCESSOR), lab.host("second", "10.20.0.7")
    backend = lab.host("orders", BACKEND)
    root = pki.root("Cedar Group Root")
    anchors = pki.write_bundle(lab.work, "backend-anchors", root.certificate)
    pair = pki.write(lab.work, "orders", pki.leaf(pki.intermediate(root, "Cedar Servers CA 2"), ORDERS))
    servers.python(backend, "sites.py", BACKEND, str(PORT), "--site", f"{ORDERS}={','.join(pair)}", port=PORT)
    lab.topology = ("--message-processor", PROCESSOR, "--message-processor", "10.20.0.7", "--backend", f"{BACKEND}:{PORT}")
    lab.inferable = False
    _start(first, PROCESSOR, anchors)
    _start(second, "10.20.0.7", anchors, "-Djsse.enableSNIExtension=false")
    with lab.record(backend, ports=[PORT]):
        dones = [clients.curl(host, f"http://{host.address}:8998/") for host in (second, first, second)]
    lab.quote("curl", dones[0], "handshake_failure")
    served(lab, dones[1])
    for number in range(2):
        seen = lab.seen(client="10.20.0.7", nth=number)
        lab.failed(
            seen, "sni-missing", hop="southbound", side="server", owners=["client"], at_least="proven",
            frames=[seen.alert("server", 40)],
        )  # fmt: skip
    lab.completed(lab.seen(client=PROCESSOR), hop="southbound")


def _start(host: Host, address: str, anchors: str, *properties: str) -> None:
    store = clients.truststore(host, f"{host.name}-anchors", anchors)
    servers.java(host, "Processor.java", address, "8998", f"https://{ORDERS}:{PORT}", store, port=8998, properties=properties)
