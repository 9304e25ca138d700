"""tcpdump beside the gateway's own recorder, where it is installed and allowed: what a real capture holds of the same failure."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from whytls.exceptions import UsageError

SETTLES = 0.3  # seconds in which the kernel hands over what has just passed


@contextmanager
def tcpdump(path: Path, ports: Sequence[int]) -> Iterator[None]:
    """Writes what passes on loopback to and from these ports into a file, for as long as the block runs.

    Raises:
        UsageError: tcpdump is not installed, or may not capture.
    """
    words = " or ".join(f"port {port}" for port in ports)
    command = ["tcpdump", "-i", "lo", "-n", "-s", "0", "-U", "--immediate-mode", "-w", "-", f"tcp and host 127.0.0.1 and ({words})"]
    # tcpdump gives its rights up before it opens a file of its own, and could not write into our folder: we open it
    with path.open("wb") as file:
        try:
            started = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, text=True, errors="replace")  # noqa: S603 -- our words
        except FileNotFoundError:
            raise UsageError("tcpdump is not installed", hint="--recorder own") from None
        try:
            _begun(started)
            yield
            time.sleep(SETTLES)
        finally:
            started.send_signal(signal.SIGINT)
            started.communicate(timeout=10)


def _begun(started: subprocess.Popen[str]) -> None:
    """Waits until it captures, which it says itself."""
    assert started.stderr is not None  # noqa: S101 -- it was asked for
    said = ""
    for line in started.stderr:
        if "listening on" in line:
            return
        said = line.strip()
    raise UsageError(f"tcpdump may not capture here: {said}", hint="--recorder own")
