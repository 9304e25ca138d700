"""A stack against a server that we set up: does its handshake go through? What the accept rules and ``whytls.clients.expected`` are measured by."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from lab.hellos.listener import ask_for_something, running
from lab.hellos.record import ready
from lab.hellos.stacks import Stack

# How each stack is told to trust a root, by variables (those that it does not know do no harm) and by words.
_WORDS = {
    "openssl-3.0": "-CAfile {anchors} -verify_return_error -servername {{host}}",
    "gnutls-3.7": "--x509cafile {anchors}",
    "wget-1.21": "--ca-certificate {anchors}",
}


class Met(NamedTuple):
    """How one handshake went, as the server saw it."""

    completed: bool  # and the client found nothing to mind
    version: str = ""
    suite: str = ""  # OpenSSL's name
    error: str = ""  # what the server's library says
    said: str = ""  # the end of what the client says


def meet(stack: Stack, server: ssl.SSLContext, anchors: Path, truststore: Path | None = None, stacks: Path | None = None) -> Met:
    """One connection of a stack to a server with that context; it trusts the roots in ``anchors`` (PEM), Java those in ``truststore`` (PKCS#12).

    The client has taken the server when it sent a request, or closed without an alert where it is one that sends none.
    """
    env = {name: str(anchors) for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "DENO_CERT")}
    if truststore is not None:
        env["JDK_JAVA_OPTIONS"] = f"-Djavax.net.ssl.trustStore={truststore} -Djavax.net.ssl.trustStorePassword=changeit"
    more = _WORDS.get(stack.slug, "").format(anchors=anchors)
    with ready(stack, stacks, more, env) as client, running(client.words, client.folder, client.env) as process:
        if process.stdin is not None and stack.slug.startswith(("openssl-3.0", "gnutls", "nss")):
            process.stdin.write(b"GET / HTTP/1.0\r\n\r\n")
            process.stdin.flush()
        until = time.monotonic() + stack.wait
        client.listener.settimeout(0.25)
        while time.monotonic() < until:
            if client.ask is not None and until - time.monotonic() < stack.wait - 1:  # it is there by now, and must not be left before it is done
                Thread(target=ask_for_something, args=(client.ask, 5.0), daemon=True).start()
            try:
                connection, _ = client.listener.accept()
            except TimeoutError:
                if process.poll() is not None:
                    break
                continue
            connection.settimeout(5)
            met = _serve(server, connection, requests="socket" not in stack.words)
            return met._replace(said=_said(client.folder))
        return Met(False, error="no connection", said=_said(client.folder))


def _serve(server: ssl.SSLContext, connection: object, *, requests: bool) -> Met:
    """The server's side of it, until the client has said whether it goes on."""
    try:
        with server.wrap_socket(connection, server_side=True) as tls:  # type: ignore[arg-type]
            told = Met(True, tls.version() or "", (tls.cipher() or ("",))[0])
            try:
                asked = tls.recv(4096)
            except (ssl.SSLError, OSError) as error:
                return told._replace(completed=False, error=str(error))
            told = told._replace(completed=bool(asked) or not requests)
            try:
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" if asked else b"")
            except (ssl.SSLError, OSError):
                pass  # it has gone already
            return told
    except (ssl.SSLError, OSError) as error:
        return Met(False, error=str(error))


def _said(folder: Path) -> str:
    return (folder / "said").read_text(errors="replace").strip()[-300:]
