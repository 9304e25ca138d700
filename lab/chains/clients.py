"""Real clients that compare a host name: Python's `ssl` in memory, and curl against a server of ours, a certificate at a time."""

from __future__ import annotations

import base64
import datetime as dt
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from socket import AF_INET, SHUT_RDWR, SOCK_STREAM, socket

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.chains import encode as e
from lab.chains.hosts import presenting
from lab.chains.plan import DAY, Case, key, made


def today(form: str, host: str) -> Case:
    """The chain for that form of certificate, valid now: these clients cannot be told another time."""
    plan = presenting(form, host)
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    for link in plan.links.values():
        link.begins, link.ends = e.utc(now - 20 * DAY), e.utc(now + 20 * DAY)
    return made(plan, f"{form}/{host}", (form,))


class Shown:
    """A server context and a client context for one chain, with its files."""

    def __init__(self, case: Case) -> None:
        self._folder = tempfile.TemporaryDirectory()
        chain, self.anchor = (Path(self._folder.name) / name for name in ("chain.pem", "anchor.pem"))
        private = key("p256:leaf").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain.write_bytes(private + b"".join(map(_pem, case.chain)))
        self.anchor.write_bytes(b"".join(map(_pem, case.anchors)))
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(chain)
        self.client = ssl.create_default_context(cafile=str(self.anchor))

    def close(self) -> None:
        """Takes the files away, the key with them."""
        self._folder.cleanup()


def _pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def python(shown: Shown, host: str) -> str:
    """What Python's `ssl` says: `ok` or the text of its error."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client = shown.client.wrap_bio(to_client, to_server, server_hostname=host)
    except ValueError as error:
        return f"ValueError: {error}"
    server = shown.server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
                if side is client:
                    return "ok"
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    raise RuntimeError("the handshake did not come to an end")


def curl(shown: Shown, hosts: Sequence[str]) -> list[str]:
    """What curl says of one certificate for each host: `ok` or its text."""
    with socket(AF_INET, SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        stop = threading.Event()
        server = threading.Thread(target=_serve, args=(listener, shown.server, stop), daemon=True)
        server.start()
        found = [_curl(shown.anchor, host, listener.getsockname()[1]) for host in hosts]
        stop.set()
        listener.shutdown(SHUT_RDWR)  # wakes the thread, which must not accept from a later socket of the same number
        server.join()
        return found


def _serve(listener: socket, context: ssl.SSLContext, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            connection, _ = listener.accept()
            connection.settimeout(5)
            with connection, context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(4096)
                secured.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")
        except OSError:
            continue


def _curl(anchor: Path, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", "10", "--cacert", str(anchor), "--connect-to", f"::127.0.0.1:{port}"]
    done = subprocess.run([*command, f"https://{shown}/"], capture_output=True, text=True, timeout=20, check=False)
    return "ok" if done.returncode == 0 else (done.stderr.splitlines() or ["?"])[0].partition(") ")[2]
