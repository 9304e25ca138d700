"""Six healthy or failing servers that scanners cannot tell apart, or tell wrongly: real stacks, each a function of the certificates.

sslscan says "connection failed" of the first two alike, testssl calls both no TLS server; of the next two it lists suites or none
and no word about client certificates; the fifth completes every handshake and then answers 400; the sixth fails at the asking
side's own security level.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from lab.live import process
from lab.live.papers import Papers
from lab.live.serve import TLS10, TLS12, TLS13, Running, Serve, running
from lab.servers import nginx_configuration

NAME = "www.maple.test"


class Plain(NamedTuple):
    """A server without TLS."""

    address: str
    port: int


Place = Running | Plain  # both have an address and a port
Server = Callable[[Papers], AbstractContextManager[Place]]


def sni_rejected(papers: Papers) -> AbstractContextManager[Running]:
    """nginx with `ssl_reject_handshake`: without the right name, unrecognized_name."""
    pair = papers.server(NAME)
    return running(Serve("nginx", (pair,), names={NAME: (pair,)}, unknown_name="reject", no_name="reject"))


@contextlib.contextmanager
def plain_http(papers: Papers) -> Iterator[Plain]:
    """nginx without TLS: it answers a ClientHello with HTTP 400, in plain text."""
    with tempfile.TemporaryDirectory(prefix="live-") as name:
        folder, port = Path(name), process.free_port()
        body = f'  server {{\n    listen 127.0.0.1:{port};\n    location / {{ return 200 "all is well\\n"; }}\n  }}\n'
        (folder / "nginx.conf").write_text(nginx_configuration(folder, "nginx", body))
        line = ["nginx", "-p", name, "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx-error.log")]
        with process.process(line, folder, port, folder / "nginx.log"):
            yield Plain("127.0.0.1", port)


def client_certificate_required_tls12(papers: Papers) -> AbstractContextManager[Running]:
    """OpenSSL with -Verify, TLS 1.2: handshake_failure before the handshake ends."""
    return running(Serve("openssl", (papers.server(NAME),), versions=(TLS12,), client_auth="required", client_ca=papers.anchor))


def client_certificate_required_tls13(papers: Papers) -> AbstractContextManager[Running]:
    """The same in TLS 1.3: certificate_required, after the client thinks that all is done."""
    return running(Serve("openssl", (papers.server(NAME),), versions=(TLS13,), client_auth="required", client_ca=papers.anchor))


def bad_request_after_handshake(papers: Papers) -> AbstractContextManager[Running]:
    """nginx with `ssl_verify_client on`: every handshake completes, and then HTTP 400 (an Edge Router's virtual host does so)."""
    return running(Serve("nginx", (papers.server(NAME),), client_auth="required", client_ca=papers.anchor))


def only_tls10(papers: Papers) -> AbstractContextManager[Running]:
    """OpenSSL with TLS 1.0 alone: an OpenSSL 3 client fails at its own security level."""
    return running(Serve("openssl", (papers.server(NAME),), versions=(TLS10,)))


CONFUSING: dict[str, Server] = {
    "sni-rejected": sni_rejected,
    "plain-http": plain_http,
    "client-certificate-required-tls12": client_certificate_required_tls12,
    "client-certificate-required-tls13": client_certificate_required_tls13,
    "bad-request-after-handshake": bad_request_after_handshake,
    "only-tls10": only_tls10,
}
