"""Real clients, each run once and bounded in time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from lab.net import Done, Host
from lab.servers import PROGRAMS

GET = "GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"


def curl(host: Host, url: str, *options: str, timeout: float = 15) -> Done:
    """curl, verbose."""
    return host.run("curl", "-sv", "--max-time", "12", *options, url, timeout=timeout)


def s_client(host: Host, target: str, *options: str, text: str = "", timeout: float = 8) -> Done:
    """`openssl s_client`; with `text` it sends that and reads to the end, without it closes at once."""
    command = ["openssl", "s_client", "-connect", target, *options]
    return host.run(*command, *(["-quiet", "-ign_eof"] if text else []), text=text or "Q\n", timeout=timeout)


def s_client_later(host: Host, target: str, *options: str) -> subprocess.Popen[bytes]:
    """`openssl s_client` left running, for a connection that is held open."""
    return host.spawn("openssl", "s_client", "-connect", target, *options, stdin=subprocess.PIPE)


def python(host: Host, program: str, *options: str, timeout: float = 20) -> Done:
    """A Python program of lab/programs."""
    return host.run(sys.executable, str(PROGRAMS / program), *options, timeout=timeout)


def java(host: Host, program: str, *options: str, properties: Sequence[str] = (), timeout: float = 60) -> Done:
    """A Java program of lab/programs, run from its source; `properties` are words like -Dname=value."""
    return host.run("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", *properties, str(PROGRAMS / program), *options, timeout=timeout)


def truststore(host: Host, name: str, pem: str) -> str:
    """A Java truststore made from one PEM certificate; password `changeit`."""
    path = str(host.folder / f"{name}.jks")
    words = ["keytool", "-importcert", "-noprompt", "-alias", "anchor", "-file", pem, "-keystore", path, "-storepass", "changeit"]
    host.run(*words, timeout=60, quiet=True)
    return path


def gnutls_cli(host: Host, target: str, *options: str, port: int = 443, text: str = "", timeout: float = 8) -> Done:
    """`gnutls-cli`."""
    return host.run("gnutls-cli", "-p", str(port), *options, target, text=text, timeout=timeout)
