"""Who calls the gateway: a client on Python's own TLS, or curl where it is installed, and what each of them gets to see."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Literal, NamedTuple

from whytls.demo.authority import Chain, Issued, pem, written
from whytls.demo.backend import bounded

TIMEOUT = 15.0
LARGEST = 1 << 16
Kind = Literal["python", "curl"]
_TITLE = re.compile(r"<title>(.{1,200}?)</title>")


class Client(NamedTuple):
    """How a client is set up."""

    trusts: tuple[Issued, ...]
    identity: Chain = ()  # its own certificate; empty: none
    highest: str = "TLSv1.2"
    lowest: str = "TLSv1"
    ciphers: str = "DEFAULT"
    names: bool = True  # sends server_name


class Answer(NamedTuple):
    """What the caller got: an HTTP status, or None and an error; in words as the caller sees them."""

    status: int | None
    words: str
    body: str = ""

    def __str__(self) -> str:
        return self.words if self.status is None else f"{self.status} {self.words}".strip()


def kind_here() -> Kind:
    """curl where it is installed."""
    return "curl" if shutil.which("curl") else "python"


def call(kind: Kind, client: Client, host: str, port: int, path: str, folder: Path) -> Answer:
    """One GET of ``https://HOST:PORT/PATH``, with HOST at 127.0.0.1."""
    return (_curl if kind == "curl" else _python)(client, host, port, path, folder)


def _python(client: Client, host: str, port: int, path: str, folder: Path) -> Answer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem(client.trusts).decode())
    bounded(context, client.lowest, client.highest, client.ciphers)
    if client.identity:
        context.load_cert_chain(written(folder, "client", client.identity))
    if not client.names:
        context.check_hostname = False
    connection = HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        plain = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        try:
            connection.sock = context.wrap_socket(plain, server_hostname=host if client.names else None)
        except BaseException:
            plain.close()
            raise
        connection.request("GET", path)
        response = connection.getresponse()
        return _answered(response.status, response.read(LARGEST).decode("utf-8", "replace"))
    except ssl.SSLCertVerificationError as error:
        return Answer(None, f"ssl.SSLCertVerificationError: {error.verify_message}")
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None)
        return Answer(None, f"{type(error).__name__}: {reason or error}")
    finally:
        connection.close()


def _curl(client: Client, host: str, port: int, path: str, folder: Path) -> Answer:
    versions = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}
    command = [
        "curl", "--disable", "--silent", "--show-error", "--noproxy", "*", "--max-time", f"{TIMEOUT:.0f}", "--write-out", "\n%{http_code}",
        "--cacert", written(folder, "client-trusts", client.trusts, key=False), "--resolve", f"{host}:{port}:127.0.0.1",
        "--tls-max", versions[client.highest], f"--tlsv{versions[client.lowest]}", "--ciphers", f"{client.ciphers}:@SECLEVEL=0",
    ]  # fmt: skip
    command += ["--cert", written(folder, "client", client.identity)] if client.identity else []
    # a URL with an address has no server_name (RFC 6066 section 3): how curl is made to send none
    command += [f"https://{host}:{port}{path}"] if client.names else ["--header", f"Host: {host}", f"https://127.0.0.1:{port}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=2 * TIMEOUT, check=False)  # noqa: S603 -- our words
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return Answer(None, lines[0] if lines else f"curl: ({done.returncode})")
    body, _, status = done.stdout.rpartition("\n")
    return _answered(int(status), body)


def _answered(status: int, body: str) -> Answer:
    """An answer in one line: of a fault its error code, of a page its title."""
    title = _TITLE.search(body)
    if title:
        return Answer(status, title[1].removeprefix(f"{status} "), body)
    try:
        fault = json.loads(body)["fault"]
        return Answer(status, str(fault["detail"]["errorcode"]).rpartition(".")[2], body)
    except (ValueError, KeyError, TypeError):
        return Answer(status, "", body)
