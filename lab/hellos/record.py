"""Runs one stack against the listener and reads what it sends."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lab.hellos.fetch import program
from lab.hellos.listener import HOST, NoHello, first_flight
from lab.hellos.stacks import Stack

PROGRAMS = Path(__file__).parent / "programs"


class Missing(Exception):
    """The stack is not on this machine."""


class Recorded(NamedTuple):
    """What one run of a stack gave."""

    flight: bytes
    version: str  # 17.0.9
    says: str  # the whole line
    command: str  # as a person would type it


class Ready(NamedTuple):
    """A stack that is ready to be started towards a listener."""

    listener: socket.socket
    words: list[str]
    folder: Path
    env: dict[str, str]
    ask: int | None
    says: str


@contextmanager
def ready(stack: Stack, stacks: Path | None = None, more: str = "", env: dict[str, str] | None = None) -> Iterator[Ready]:
    """A stack with its files written and its program built; ``more`` words and variables are added.

    Raises:
        Missing: it is not on this machine.
        NoHello: its program cannot be built.
    """
    found = program(stacks, stack.program)
    if found is None:
        raise Missing(f"{stack.program} is not there")
    with _folder() as folder, socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as free:
        listen = free.getsockname()[1]
        free.close()
        known = {
            "program": found, "host": HOST, "port": str(listener.getsockname()[1]), "listen": str(listen), "folder": str(folder),
            "programs": str(PROGRAMS), "stacks": str(stacks),
        }  # fmt: skip
        own = {name: value.format(**known) for name, value in stack.env}
        variables = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(folder), "LANG": "C.UTF-8", **own, **(env or {})}
        for name, text in stack.files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(**known))
        if stack.prepare:
            done = subprocess.run(_words(stack.prepare, known), env=variables, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode:
                raise NoHello(f"{stack.prepare}: {done.stderr.strip()[-400:]}")
        words = _words(f"{stack.words} {more}", known)
        yield Ready(listener, words, folder, variables, listen if stack.asked else None, _says(stack, known, variables))


def record(stack: Stack, stacks: Path | None = None) -> Recorded:
    """The first flight of a stack; raises ``Missing`` where it is not there, ``NoHello`` where it sent none."""
    with ready(stack, stacks) as client:
        flight = first_flight(client.words, client.listener, client.folder, client.env, stack.wait, client.ask)
    number = re.search(r"\d+(\.\d+)+[\w.+-]*", client.says)
    return Recorded(flight, number.group() if number else client.says, client.says, _typed(stack))


def _says(stack: Stack, known: dict[str, str], env: dict[str, str]) -> str:
    """What the stack calls itself, in one line."""
    if stack.package:
        command = ["dpkg-query", "-W", "-f", "${Package} ${Version}", stack.package]
    else:
        command = _words(stack.version, known)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    lines = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
    return lines[0] if lines else ""


def _words(template: str, known: dict[str, str]) -> list[str]:
    return [word.format(**known) for word in shlex.split(template)]


def _typed(stack: Stack) -> str:
    """The command without the places of this machine."""
    name = Path(stack.program).name
    folders = {"program": "python3" if name == ".." else name, "programs": "lab/hellos/programs", "folder": ".", "stacks": "."}
    return stack.words.format(**folders, host=HOST, port="PORT", listen="LISTEN")


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hellos"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
