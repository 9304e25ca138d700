"""A server process: a free port for it, its start, its end.

Readiness is read from the socket table of /proc, never asked with a connection: servers that are tested count what they get, and
`selfserv` logs it. The table also says whose socket it is, so that another process's port is never taken for ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.net import LabError

START = 40.0  # seconds until a server has to listen; a JVM on a machine with other work takes some
_LISTENING = "0A"


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody else gets: it is left in TIME_WAIT, where only a listener with SO_REUSEADDR can take it, not a bind to port 0."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, 0))
        listener.listen(1)
        port: int = listener.getsockname()[1]
        with socket.socket(family) as client:
            client.connect((address, port))
            accepted, _ = listener.accept()
            accepted.close()  # the listener's side closes first: TIME_WAIT is here
            client.recv(1)
    return port


@contextlib.contextmanager
def process(words: list[str], folder: Path, port: int, log: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a server in `folder` until the block ends; begins when it listens on `port`. LabError, with its log, when it does not."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,  # kept open: openssl s_server ends when its standard input does
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", "HOME": str(folder), **(env or {})},
            start_new_session=True,
        )
    try:
        _wait(child, port, log)
        yield child
    finally:
        end(child)


def end(child: subprocess.Popen[bytes]) -> None:
    """Ends a process of ours and all that it started."""
    for number, wait in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            pass
        try:
            child.wait(wait)
            break
        except subprocess.TimeoutExpired:
            continue
    if child.stdin:
        child.stdin.close()


def listens(pid: int, port: int) -> bool:
    """Whether that process holds a listening socket on `port`."""
    sockets = _listening(pid, port)
    if not sockets:
        return False
    for held in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if held.readlink().name in sockets:
                return True
        except OSError:  # closed meanwhile
            continue
    return False


def _listening(pid: int, port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def _wait(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    limit = time.monotonic() + START
    pause = 0.005
    while time.monotonic() < limit:
        if child.poll() is not None:
            raise LabError(f"{child.args!r} ended with {child.returncode}: {log.read_text(errors='replace')[-1500:]}")
        with contextlib.suppress(OSError):  # the process may end while we look
            if listens(child.pid, port):
                return
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    raise LabError(f"{child.args!r} does not listen on port {port}: {log.read_text(errors='replace')[-1500:]}")
