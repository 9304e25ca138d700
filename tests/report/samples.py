"""Diagnoses made by hand, for the tests of reports."""

from dataclasses import dataclass

from story import replace
from whytls.model import Alternative, Artefact, Diagnosis, Endpoint, Event, Evidence, Fix, Handshake
from whytls.wire.message import Alert, ClientHello

CLIENT, BACKEND = Endpoint("10.0.0.7", 41822), Endpoint("10.0.9.12", 443)
BEGAN = 1_772_357_400_123_456_789  # 2026-03-01T09:30:00.123456Z


@dataclass
class Tally:
    """The same names as the engine's."""

    packets: int = 0
    flows: int = 0
    handshakes: int = 0
    completed: int = 0
    failed: int = 0
    unfinished: int = 0
    not_tls: int = 0
    bytes: int = 0


HELLO = ClientHello(0x0303, bytes(32), b"", (0xC02F, 0xC030), (0,), ())
SNI_MISSING = Diagnosis(
    cause="sni-missing",
    cause_class="hello",
    title="The backend serves several sites and aborts a handshake that names none; the Message Processor sent no server_name.",
    outcome="failed",
    client=CLIENT,
    server=BACKEND,
    hop="southbound",
    failing_side="server",
    owners=("gateway", "backend"),
    confidence="proven",
    started_at=BEGAN,
    evidence=(
        Evidence("ClientHello TLS 1.2, 2 cipher suites, no server_name", (4,)),
        Evidence("backend → Message Processor: fatal handshake_failure", (6,)),
        Evidence("the same backend accepted the same version and suites from 10.0.0.9, which named api.example.com", (41,)),
    ),
    fix=Fix(
        "gateway",
        "conf_system_jsse.enableSNIExtension=true in message-processor.properties, on every Message Processor",
        "restart",
        (Artefact("properties", "conf_system_jsse.enableSNIExtension=true\n", "message-processor.properties"),),
    ),
    file="edge.pcap",
    frame=1,
    handshake=Handshake(
        CLIENT,
        BACKEND,
        (
            Event("syn", "client", 1, BEGAN, file="edge.pcap"),
            Event("syn-ack", "server", 2, BEGAN + 100_000, file="edge.pcap"),
            Event("client-hello", "client", 4, BEGAN + 300_000, HELLO, length=90, file="edge.pcap"),
            Event("alert", "server", 6, BEGAN + 900_000, Alert(2, 40), length=7, file="edge.pcap"),
            Event("fin", "server", 7, BEGAN + 901_000, file="edge.pcap"),
        ),
        "failed",
        started_at=BEGAN,
        file="edge.pcap",
        shape="Cl",
        client_hello=HELLO,
        expected=("server: server-hello",),
    ),
)
LIKELY = replace(
    SNI_MISSING,
    confidence="likely",
    alternatives=(Alternative("cipher-mismatch", "possible", "whytls replay edge.pcap#1", "hello"),),
    evidence=SNI_MISSING.evidence[:2],
)
GOOD = Diagnosis(None, None, "", "completed", CLIENT, BACKEND, "direct", sni="api.example.com", started_at=BEGAN, file="edge.pcap", frame=90)
