"""Real handshakes between OpenSSL and JSSE in both roles, through a relay that reads the alert off the wire."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authority import Issued
from whytls.wire.registry import alert_name

Side = Literal["openssl", "java"]
ALERTS = {alert_name(number): number for number in range(256)}
ALERT, CHANGE_CIPHER_SPEC = 21, 20
WAIT = 15
THERE = "there-and-back"
BACK = THERE[::-1]  # s_client writes what it got into the middle of its own lines


@dataclass(frozen=True)
class Identity:
    """What a side presents: PEM files of the chain and of its key, or one store and no key."""

    chain: Path
    key: Path | None
    above: Path | None = None  # the chain without the own certificate, as openssl wants it; None: there is none

    def for_openssl(self) -> list[str]:
        more = ["-cert_chain", str(self.above)] if self.above else []
        return ["-cert", str(self.chain), "-key", str(self.key), *more]


@dataclass(frozen=True)
class Shaken:
    """How a handshake went: data came back; and the alert of the side that refused, if it sent one."""

    ok: bool
    alert: int | None
    told: str


def identity(folder: Path, chain: Sequence[Issued]) -> Identity:
    stem = folder / f"chain{len(list(folder.iterdir()))}"
    chain_file, key_file = stem.with_suffix(".chain.pem"), stem.with_suffix(".key.pem")
    chain_file.write_text("".join(issued.pem for issued in chain))
    key_file.write_bytes(chain[0].key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    above = stem.with_suffix(".above.pem")
    above.write_text("".join(issued.pem for issued in chain[1:]))
    return Identity(chain_file, key_file, above if chain[1:] else None)


def bundle(folder: Path, anchors: Sequence[Issued]) -> Path:
    path = folder / f"trust{len(list(folder.iterdir()))}.pem"
    path.write_text("".join(issued.pem for issued in anchors))
    return path


class Java:
    """One JVM that makes a handshake for each line; two of them where both ends are Java."""

    def __init__(self) -> None:
        program = Path(__file__).parent / "oracles" / "Shake.java"
        self._process = subprocess.Popen(["java", str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(words) + "\n")
        self._process.stdin.flush()

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(WAIT)


@contextmanager
def relayed(port: int) -> Iterator[tuple[int, dict[str, bytearray]]]:
    """A port that leads to ``port``, and what each side sent through it."""
    sent = {"client": bytearray(), "server": bytearray()}
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(WAIT)

    def pump(from_: socket.socket, to: socket.socket, side: str) -> None:
        try:
            while data := from_.recv(65536):
                sent[side] += data
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            to.close()

    def accept() -> None:
        try:
            near, _ = listening.accept()
            far = socket.create_connection(("127.0.0.1", port), WAIT)
        except OSError:
            return
        pumps = [threading.Thread(target=pump, args=args, daemon=True) for args in ((near, far, "client"), (far, near, "server"))]
        for thread in pumps:
            thread.start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1], sent
    finally:
        listening.close()


def alert_in(stream: bytes, version: str) -> int | None:
    """The alert that stands in the clear in one side's records.

    OpenSSL's clients send theirs in the clear also in TLS 1.3, where ChangeCipherSpec means nothing (RFC 8446 section D.4).
    """
    at = 0
    while at + 5 <= len(stream):
        kind, size = stream[at], int.from_bytes(stream[at + 3 : at + 5], "big")
        if kind == CHANGE_CIPHER_SPEC and version == "TLSv1.2":
            return None
        if kind == ALERT and size == 2:
            return stream[at + 6]
        at += 5 + size
    return None


def alert_told(text: str) -> int | None:
    """The alert that a side says it received."""
    number = re.search(r"SSL alert number (\d+)", text)
    name = re.search(r"Received fatal alert: (\w+)", text)
    return int(number[1]) if number else ALERTS[name[1]] if name else None


def openssl_server(own: Identity, trust: Path | None, version: str) -> subprocess.Popen[str]:
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-rev", "-no-CAfile", "-no-CApath", "-no-CAstore"]
    command += [*own.for_openssl(), version]
    if trust is not None:
        command = [word for word in command if word != "-no-CAfile"]
        command += ["-CAfile", str(trust), "-Verify", "9", "-verify_return_error"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def openssl_client(port: int, own: Identity | None, trust: Path | None, version: str, host: str | None) -> tuple[bool, str]:
    """Whether a line came back, and all that s_client said."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", "-no-CApath", "-no-CAstore", version]
    command += ["-no-CAfile"] if trust is None else ["-CAfile", str(trust), "-verify", "9", "-verify_return_error"]
    command += own.for_openssl() if own else []
    command += ["-servername", host, "-verify_hostname", host] if host else []
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watch = threading.Timer(WAIT, process.kill)
    watch.start()
    assert process.stdin is not None
    assert process.stdout is not None
    lines = []
    try:
        process.stdin.write(THERE + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        lines.append("it ended before the line was sent\n")
    for line in process.stdout:
        lines.append(line)
        if BACK in line:
            break
    watch.cancel()
    process.kill()
    process.wait(WAIT)
    process.stdout.close()
    try:
        process.stdin.close()
    except BrokenPipeError:
        lines.append("it had ended\n")
    return any(BACK in line for line in lines), "".join(lines)


def shake(
    truster: Side, presenter: Side, usage: str, version: str, presented: Identity, trust: Path, other: Identity, java: tuple[Java, Java],
    host: str | None = None,
) -> Shaken:  # fmt: skip
    """One handshake in which only ``presented`` is judged; ``other`` is the server's certificate where the client is judged."""
    own, server_trust = (presented, None) if usage == "server" else (other, trust)
    client_own, client_trust = (None, trust) if usage == "server" else (presented, None)
    server, client = (presenter, truster) if usage == "server" else (truster, presenter)
    flag = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}[version]
    process = None
    if server == "openssl":
        process = openssl_server(own, server_trust, flag)
        assert process.stdout is not None
        head = []
        while not (head and head[-1].startswith("ACCEPT")):
            head.append(process.stdout.readline())
            assert head[-1], head
        port = int(head[-1].rpartition(":")[2])
    else:
        java[0].ask("server", str(own.chain), str(own.key or "-"), str(server_trust or "-"), version, "0", "-")
        first = java[0].line()
        assert first.startswith("port "), first
        port = int(first[5:])
    with relayed(port) as (near, sent):
        if client == "openssl":
            ok, client_told = openssl_client(near, client_own, client_trust, flag, host)
        else:
            store, key = (str(client_own.chain), str(client_own.key or "-")) if client_own else ("-", "-")
            java[1].ask("client", store, key, str(client_trust or "-"), version, str(near), host or "-")
            client_told = java[1].line()
            ok = client_told == "ok"
        if process is not None:
            try:
                server_told = process.communicate(timeout=3)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                server_told = process.communicate()[0]
        else:
            server_told = java[0].line()
    refuser = "client" if usage == "server" else "server"
    heard = server_told if refuser == "client" else client_told
    seen = alert_in(bytes(sent[refuser]), version)
    alert = alert_told(heard) if seen is None else seen
    return Shaken(ok, None if ok else alert, f"client: {client_told}\nserver: {server_told}")


@contextmanager
def serving(own: Identity) -> Iterator[int]:
    """The port of an OpenSSL server that answers one HTTP request with a page."""
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-www", *own.for_openssl()]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        line = ""
        while not line.startswith("ACCEPT"):
            line = process.stdout.readline()
            assert line
        yield int(line.rpartition(":")[2])
    finally:
        process.kill()
        process.communicate()
