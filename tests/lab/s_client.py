"""One handshake of `openssl s_client` with a server of lab/live, and what came of it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import NamedTuple

# Nothing of the machine's own configuration: the client offers everything that it is told to.
_ENV = {**os.environ, "OPENSSL_CONF": "/dev/null", "LC_ALL": "C"}
LEGACY = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")


class Answer(NamedTuple):
    """What the server did; empty where it did not get there."""

    suite: str  # OpenSSL's name
    version: str
    subject: str  # common name of the leaf
    alpn: str
    group: str
    alert: int | None
    http: str  # the status of its answer to GET /
    authorities: int  # how many CAs a CertificateRequest named; -1: no CertificateRequest
    extended_master_secret: bool
    text: str


def ask(address: str, port: int, *options: str) -> Answer:
    """Connects, asks for / and reads until the server closes (10 s at most)."""
    host = f"[{address}]" if ":" in address else address
    named = options[options.index("-servername") + 1] if "-servername" in options else ""
    name = [] if named else ["-noservername"]
    line = ["openssl", "s_client", "-connect", f"{host}:{port}", "-ign_eof", "-legacy_server_connect", *name, *options]
    request = f"GET / HTTP/1.0\r\nHost: {named or host}\r\n\r\n".encode()
    try:
        done = subprocess.run(line, input=request, capture_output=True, timeout=10, env=_ENV, check=False)
        text = (done.stdout + done.stderr).decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        text = ((error.stdout or b"") + (error.stderr or b"")).decode(errors="replace")

    def found(pattern: str) -> str:
        match = re.search(pattern, text, re.MULTILINE)
        return match[1] if match else ""

    suite = found(r"Cipher is (\S+)")
    alert = found(r"SSL alert number (\d+)")
    listed = re.search(r"Acceptable client certificate CA names\n((?:.+\n)*?)(?=Requested|Client Certificate|Shared|Peer|Server)", text)
    requested = "No client certificate CA names sent" not in text or "Requested Signature Algorithms" in text or "Client Certificate Types" in text
    return Answer(
        suite="" if suite.startswith("(") else suite,
        version=found(r"^New, (TLSv[\d.]+|SSLv3)"),
        subject=found(r"^subject=.*CN = ([^,\n]+)"),
        alpn=found(r"^ALPN protocol: (\S+)"),
        group=found(r"^Server Temp Key: (.*), \d+ bits"),
        alert=int(alert) if alert else None,
        http=found(r"HTTP/1\.[01] (\d+)"),
        authorities=listed[1].count("\n") if listed else 0 if requested else -1,
        extended_master_secret="Extended master secret: yes" in text,
        text=text,
    )
