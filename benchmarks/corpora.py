"""`make corpora DIR=folder`: what we read in a folder of captures, beside what tshark reads in them.

Compared, frame by frame: ClientHello with its server name, ServerHello (HelloRetryRequest included), plain alerts, Certificate
messages. tshark's share is what it finds over TCP outside GTP, with segments out of order put together and no key log used.
Ends with 1 under 99.9 %, or where we did not end well on a file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from whytls.capture.recording import handshakes
from whytls.capture.source import recordings
from whytls.exceptions import WhytlsError
from whytls.model import Event, Handshake
from whytls.wire.message import Alert, ClientHello

BAR = 99.9
Item = tuple[int, str, str]  # frame, what, server name or alert number
FIELDS = ("frame.number", "tls.handshake.type", "tls.handshake.extensions_server_name", "tls.alert_message.desc", "_ws.col.Protocol")
TYPES = {"1": "ClientHello", "2": "ServerHello", "11": "Certificate"}
KINDS = {
    "client-hello": "ClientHello",
    "server-hello": "ServerHello",
    "hello-retry-request": "ServerHello",
    "certificate": "Certificate",
}


def tshark_items(path: Path) -> Counter[Item]:
    """What tshark reads; a file that it cannot read has nothing."""
    with tempfile.TemporaryDirectory() as folder:
        plain = without_secrets(path, Path(folder))
        command = ["tshark", "-r", str(plain), "-o", "tcp.reassemble_out_of_order:TRUE", "-Y", "tcp && tls && !gtp", "-T", "fields"]
        command += [part for name in FIELDS for part in ("-e", name)]
        lines = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace").stdout.splitlines()
    found: Counter[Item] = Counter()
    for line in lines:
        frame, types, names, alerts, protocol = line.split("\t")
        kinds = types.split(",") if types else []
        if protocol == "SSLv2":  # whose types have numbers of their own: 4 is SERVER-HELLO, 2 CLIENT-MASTER-KEY
            kinds = ["2" if kind == "4" else kind for kind in kinds if kind != "2"]
        waiting = names.split(",") if names else []
        hellos = [kind for kind in kinds if kind == "1"]
        for number in range(len(hellos)):
            found[int(frame), "ClientHello", waiting[number] if number < len(waiting) else ""] += 1
        for kind in kinds:
            if kind in ("2", "11"):
                found[int(frame), TYPES[kind], ""] += 1
        for alert in alerts.split(",") if alerts else []:
            found[int(frame), "Alert", alert] += 1
    return found


def without_secrets(path: Path, folder: Path) -> Path:
    """The file without its decryption secrets, since we do not use any either; the same frames."""
    if path.open("rb").read(4) != b"\x0a\x0d\x0d\x0a":
        return path
    copy = folder / "plain.pcapng"
    done = subprocess.run(["editcap", "--discard-all-secrets", str(path), str(copy)], capture_output=True, check=False)
    return copy if done.returncode == 0 else path


def our_items(path: Path) -> Counter[Item]:
    """What we read."""
    found: Counter[Item] = Counter()
    for recording in recordings([str(path)]):
        for handshake in handshakes(recording, everything=True):
            if isinstance(handshake, Handshake):
                found.update(item for event in handshake.events if (item := item_of(event)) is not None)
    return found


def item_of(event: Event) -> Item | None:
    """The event as tshark would name it."""
    if event.kind == "alert" and isinstance(event.value, Alert):
        return event.frame, "Alert", str(event.value.description)
    kind = KINDS.get(event.kind) if event.value is not None else None  # without a value: parts of it were not recorded
    name = event.value.server_name or "" if isinstance(event.value, ClientHello) else ""
    return (event.frame, kind, name) if kind else None


def captures(folder: Path) -> Iterator[Path]:
    """Every file under the folder that is not plainly text."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() not in (".md", ".txt", ".log", ".json", ".py", ".sh", ".c", ".h", ".keys"):
            yield path


def described(items: Counter[Item]) -> str:
    """One line: ``#4 ClientHello api.example.test, #6 Alert 40``."""
    return ", ".join(f"#{frame} {what} {value}".rstrip() for frame, what, value in sorted(items.elements()))


def compare(path: Path, title: str) -> tuple[int, int, int, bool]:
    """(what tshark reads, what of it we read, what we read beyond, whether we ended well) with a line on each difference."""
    theirs = tshark_items(path)
    try:
        ours, well = our_items(path), True
    except WhytlsError as error:
        print(f"{title}: {error}")
        ours, well = Counter(), True
    except Exception as error:  # the one thing that must never happen
        print(f"{title}: TRACEBACK {type(error).__name__}: {error}")
        ours, well = Counter(), False
    both, missed, beyond = theirs & ours, theirs - ours, ours - theirs
    if missed:
        print(f"{title}: missed  {described(missed)}")
    if beyond:
        print(f"{title}: beyond  {described(beyond)}")
    return theirs.total(), both.total(), beyond.total(), well


def main() -> int:
    """Compare every capture of the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    rows = [compare(path, str(path.relative_to(folder))) for path in captures(folder)]
    theirs, both, beyond = (sum(row[i] for row in rows) for i in range(3))
    broken = sum(not row[3] for row in rows)
    share = 100 * both / theirs if theirs else 0.0
    print(f"\n{len(rows)} files; tshark reads {theirs}, of these we read {both} at the same frame: {share:.2f} % (bar {BAR} %)")
    print(f"read by us beyond that: {beyond}; files with a traceback: {broken}")
    return 0 if share >= BAR and not broken else 1


if __name__ == "__main__":
    sys.exit(main())
