"""What users build on: the public names, and how little is imported before it is needed."""

from __future__ import annotations

import pkgutil
import struct
import subprocess
import sys
import types
from pathlib import Path

import pytest

import whytls

# Adding a name is a promise; taking one away breaks somebody. Both are done here, on purpose, or not at all.
FUNCTIONS = {
    "apply_fix", "audit", "check", "check_pair", "diagnose", "explain", "fix", "probe", "replay", "undo_fix", "verify_fix",
}  # fmt: skip
VALUES = {"Alternative", "Artefact", "CausePage", "Diagnosis", "Endpoint", "Event", "Evidence", "Fix", "Handshake", "Run"} | {
    "Audit", "Check", "CheckResult", "Concern", "Mending", "PairResult", "Password", "Probe", "Problem", "Redone", "Replay", "Survey",
}  # fmt: skip
ERRORS = {"ApiError", "DamagedInput", "InputError", "Malformed", "UsageError", "WhytlsError"}

# Never needed to find that nothing failed; each costs more than the whole verdict on a small capture.
HEAVY = {"rich", "cryptography", "click", "pydantic", "asyncio", "ssl", "zstandard", "shtab", "OpenSSL", "httpx"} | {
    f"whytls.{room}" for room in ("checking", "clients", "edge", "live", "mending", "probing", "surveying")
}


def test_public_names() -> None:
    assert set(whytls.__all__) == FUNCTIONS | VALUES | ERRORS | {"__version__"}
    assert {name for name in whytls.__all__ if isinstance(getattr(whytls, name), types.FunctionType)} == FUNCTIONS
    assert set(whytls.__all__) <= set(dir(whytls))


def test_no_room_bears_a_public_functions_name() -> None:
    rooms = {module.name for module in pkgutil.iter_modules(whytls.__path__)}
    assert not rooms & set(whytls.__all__)
    for name in FUNCTIONS:  # the second look finds the function too, and not a module that the first call has imported
        assert getattr(whytls, name) is getattr(whytls, name)
        assert callable(getattr(whytls, name))


def tcp_only(path: Path) -> None:
    """A capture with one TCP connection that carries nothing."""
    packets = []
    for number, (source, target, flags) in enumerate(((1, 2, 2), (2, 1, 18), (1, 2, 16), (1, 2, 17), (2, 1, 17))):
        ports = (40000, 443) if source == 1 else (443, 40000)
        tcp = struct.pack(">HHIIBBHHH", *ports, 1 + number, 1, 0x50, flags, 500, 0, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, number, 0, 64, 6, 0, bytes((10, 0, 0, source)), bytes((10, 0, 0, target)))
        packet = bytes(12) + b"\x08\0" + ip + tcp
        packets.append(struct.pack("<IIII", 1_700_000_000, number, len(packet), len(packet)) + packet)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(packets))


@pytest.mark.parametrize("options", [[], ["--format", "csv"]], ids=["text", "csv"])
def test_a_clean_capture_imports_nothing_heavy(tmp_path: Path, options: list[str]) -> None:
    capture = tmp_path / "clean.pcap"
    tcp_only(capture)
    program = (
        "import sys\nfrom whytls.cli.main import main\n"
        f"code = main({['diagnose', str(capture), *options]!r})\n"
        "sys.stdout.flush()\n"
        "names = {'.'.join(m.split('.')[:n]) for m in sys.modules for n in (1, 2)}\nprint(code, *sorted(names), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, *modules = done.stderr.split()
    assert code == "0"
    assert not set(modules) & HEAVY


def test_importing_the_package_imports_no_room() -> None:
    program = "import sys, whytls\nprint(*sorted(m for m in sys.modules if m.startswith('whytls.')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
