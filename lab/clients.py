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


def node(host: Host, name: str, anchors: str, *options: str, port: int = 443) -> Done:
    """The Node client of lab/programs."""
    return host.run("node", str(PROGRAMS / "get.js"), name, str(port), anchors, *options)


def tstclnt(host: Host, name: str, database: str, *options: str, port: int = 443, timeout: float = 8) -> Done:
    """NSS's `tstclnt`: sends a request and reads the answer."""
    request = host.folder / "request.txt"
    request.write_text(GET.format(name=name))
    words = ["tstclnt", "-h", name, "-p", str(port), "-d", database, "-A", str(request), *options]
    return host.run(*words, timeout=timeout)


def nss_database(host: Host, name: str, *, anchors: Sequence[str] = (), keystore: str = "", partners: Sequence[str] = ()) -> str:
    """An NSS database with trusted anchors (for servers, or with `partners` for clients) and the key pair of a PKCS#12 file."""
    folder = host.folder / name
    folder.mkdir()
    database = f"sql:{folder}"
    host.run("certutil", "-N", "-d", database, "--empty-password", quiet=True)
    for number, (file, trust) in enumerate([*((a, "C,,") for a in anchors), *((p, "T,,") for p in partners)]):
        host.run("certutil", "-A", "-d", database, "-n", f"anchor{number}", "-t", trust, "-i", file, quiet=True)
    if keystore:
        host.run("pk12util", "-i", keystore, "-d", database, "-W", "changeit", quiet=True)
    return database
