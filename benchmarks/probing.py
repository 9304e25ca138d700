"""What a whole inventory of one server costs: `whytls probe` beside sslscan, sslyze and testssl, one after the other.

The server is nginx with TLS 1.0 to 1.3 and every suite that a server without a pre-shared key can have, on loopback. Connections are
nginx's own count (stub_status); CPU time is the scanner's and its children's, the server's not. sslscan and testssl are Debian
packages; sslyze is installed from the package index into a venv of its own under .work/ (it is AGPL: a program beside us, never a
library of ours). Best of some runs of the quick ones, one run of testssl.
"""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from lab.live import nginx, oracles  # noqa: E402
from lab.live.oracles import Seen  # noqa: E402
from lab.live.papers import papers  # noqa: E402
from lab.live.serve import TLS10, TLS11, TLS12, TLS13, Pair, Running, Serve, running  # noqa: E402

from whytls.wire.registry import group_name, suite_name, version_name  # noqa: E402

SSLYZE = "sslyze==6.3.1"
NAME = "www.maple.test"


class Cost(NamedTuple):
    """One run: seconds, CPU seconds, connections, and what was found."""

    wall: float
    cpu: float
    connections: int
    seen: Seen | None


class Scanner(NamedTuple):
    """How to call it: its name, its command line for an answer file, and how to read that file (or its output)."""

    name: str
    line: Callable[[Running, Path], list[str]]
    read: Callable[[bytes], Seen]
    slow: bool = False


def main() -> int:
    """Starts the server, runs them all, prints the table; 1 where two of them disagree about the suites."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", default="rsa,ec", help="key types of the server's certificates (default: %(default)s)")
    parser.add_argument("--without", default="", help="scanners to leave out: sslyze,testssl")
    parser.add_argument("--runs", type=int, default=3, help="runs of the quick ones; the best counts (default: %(default)s)")
    given = parser.parse_args()
    left_out = set(filter(None, given.without.split(",")))
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        authority = papers(Path(folder))
        pairs = tuple(authority.server(NAME, kind) for kind in given.keys.split(","))
        with running(described(pairs)) as server:
            print(f"nginx, TLS 1.0 to 1.3, keys {given.keys}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
            costs = {scanner.name: measured(scanner, server, given.runs) for scanner in scanners(left_out, server)}
    print(table(costs))
    found = {name: cost.seen for name, cost in costs.items() if cost.seen is not None}
    differing = differences(found)
    print("\n" + ("\n".join(differing) or "All of them found the same suites."))
    return 1 if differing else 0


def described(pairs: tuple[Pair, ...]) -> Serve:
    """Everything that OpenSSL calls ALL, which leaves out suites without encryption, at security level 0."""
    line = ["openssl", "ciphers", "ALL:@SECLEVEL=0"]
    names = subprocess.run(line, capture_output=True, text=True, check=True, env={**os.environ, "OPENSSL_CONF": "/dev/null"}).stdout.strip()
    usable = tuple(name for name in names.split(":") if "PSK" not in name and "SRP" not in name)
    return Serve("nginx", pairs, versions=(TLS10, TLS11, TLS12, TLS13), suites=usable)


def scanners(left_out: set[str], server: Running) -> list[Scanner]:
    """Those that are there; `whytls probe` first, where this version has it."""
    found = [Scanner("sslscan", lambda s, f: ["sslscan", f"--xml={f}", "--no-colour", oracles.place(s.address, s.port)], oracles.read_sslscan)]
    if _has_probe():
        found.insert(0, Scanner("whytls probe", _probe, oracles.read_probe))
    else:
        print("this version of whytls has no command `probe`: the others only\n")
    if "sslyze" not in left_out:
        found.append(Scanner("sslyze", _sslyze, oracles.read_sslyze))
    if "testssl" not in left_out:
        found.append(Scanner("testssl -p -E -S", _testssl, oracles.read_testssl, slow=True))
    return found


def measured(scanner: Scanner, server: Running, runs: int) -> Cost:
    """The quickest of some runs."""
    costs = []
    for _ in range(1 if scanner.slow else runs):
        with tempfile.TemporaryDirectory(prefix="live-") as folder:
            costs.append(_once(scanner, server, Path(folder) / "answer"))
    return min(costs)


def _once(scanner: Scanner, server: Running, answer: Path) -> Cost:
    line = scanner.line(server, answer)
    before = nginx.accepted(server.folder)
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        child = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL, env=_environment())
        _, _, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begin
        child.returncode = 0  # it has been waited for
        connections = nginx.accepted(server.folder) - before - 1
        output.seek(0)
        text = answer.read_bytes() if answer.exists() else output.read()
    try:
        seen = scanner.read(text)
    except ValueError as error:
        print(f"{scanner.name}: {error}", file=sys.stderr)
        seen = None
    return Cost(wall, used.ru_utime + used.ru_stime, connections, seen)


def table(costs: dict[str, Cost]) -> str:
    """One line for each; ratios are of wall time, to sslscan's."""
    base = costs["sslscan"].wall
    lines = [f"{'':18}{'wall s':>9}{'CPU s':>9}{'connections':>13}{'suites':>8}{'groups':>8}{'x sslscan':>11}"]
    for name, cost in costs.items():
        suites, groups = (str(cost.seen.total), str(len(cost.seen.groups))) if cost.seen else ("-", "-")
        lines.append(f"{name:18}{cost.wall:9.2f}{cost.cpu:9.2f}{cost.connections:13}{suites:>8}{groups:>8}{cost.wall / base:11.2f}")
    return "\n".join(lines)


def differences(found: dict[str, Seen]) -> list[str]:
    """What one found and another did not, version by version; groups between those that asked for TLS 1.3's."""
    lines = []
    for version in sorted({version for seen in found.values() for version in seen.suites}):
        every = frozenset().union(*(seen.sets.get(version, frozenset()) for seen in found.values()))
        for name, seen in found.items():
            missing = every - seen.sets.get(version, frozenset())
            if missing:
                lines.append(f"{version_name(version)}: {name} did not find {', '.join(sorted(map(suite_name, missing)))}")
    whole = {name: found[name].groups for name in ("whytls probe", "sslscan") if name in found}
    for name, groups in whole.items():
        missing = frozenset().union(*whole.values()) - groups
        if missing:
            lines.append(f"groups: {name} did not find {', '.join(sorted(map(group_name, missing)))}")
    return lines


def _has_probe() -> bool:
    line = [sys.executable, "-m", "whytls", "probe", "--help"]
    return subprocess.run(line, capture_output=True, env=_environment(), check=False).returncode == 0


def _probe(server: Running, _: Path) -> list[str]:
    return [sys.executable, "-m", "whytls", "probe", oracles.place(server.address, server.port), "--format", "json"]


def _sslyze(server: Running, answer: Path) -> list[str]:
    asked = ["--certinfo", "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--elliptic_curves"]
    return [_sslyze_program(), *asked, f"--json_out={answer}", oracles.place(server.address, server.port)]


def _testssl(server: Running, answer: Path) -> list[str]:
    return oracles.line_of_testssl(server.address, server.port, answer, "-p", "-E", "-S")


@functools.cache
def _sslyze_program() -> str:
    """sslyze in a venv of its own, made once."""
    home = ROOT / ".work" / "sslyze"
    program = home / "bin" / "sslyze"
    if not program.exists():
        _quietly([sys.executable, "-m", "venv", str(home)])
        _quietly([str(home / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", SSLYZE])
    return str(program)


def _quietly(line: Sequence[str]) -> None:
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(line)}: {done.stderr.strip()}")


def _environment() -> dict[str, str]:
    """Our own package from this tree, whatever is installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH"))))}


if __name__ == "__main__":
    sys.exit(main())
