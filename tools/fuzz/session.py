"""One target in a process of its own: `python -m tools.fuzz.session TARGET SECONDS`; the driver starts it."""

from __future__ import annotations

import mmap
import struct
import sys
import time
from pathlib import Path
from random import Random

import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]  # installed by `make fuzz` only

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".work" / "fuzz"
MEGABYTES = 1500
STUCK = 60  # seconds after which libFuzzer gives an input up

# What an input of n bytes takes at most, instrumented: a bound on disproportion, not on speed. growth.py looks at the slope.
FIXED_NS, PER_BYTE_NS = 200_000_000, 100_000
RAW = 0.125  # how often the raw bytes are changed instead of a part


class OutOfProportion(Exception):
    """An input takes longer than its length explains."""


class Counter:
    """Executions and the slowest input, in a file that outlives the process (libFuzzer ends it without ceremony)."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(16))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 16)
        self.runs = self.slowest = 0
        self.pack = struct.Struct("<QQ").pack_into

    def add(self, nanoseconds: int) -> None:
        """One more execution."""
        self.runs += 1
        self.slowest = max(self.slowest, nanoseconds)
        self.pack(self.map, 0, self.runs, self.slowest)


def fuzz(name: str, seconds: int) -> None:
    """Run the target until the time is over or something is found; does not return."""
    with atheris.instrument_imports(include=["whytls"]):
        from tools.fuzz.targets import TARGETS
        from whytls.exceptions import WhytlsError

        target = TARGETS[name]
        run = target.make()
    corpus, findings = WORK / "corpus" / name, WORK / "findings" / name
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        if len(seed) <= target.longest:
            (corpus / f"seed-{number:04}").write_bytes(seed)
    counter, clock = Counter(WORK / f"{name}.count"), time.perf_counter_ns

    def once(data: bytes) -> None:
        begin = clock()
        try:
            run(data)
        except WhytlsError:
            pass
        took = clock() - begin
        counter.add(took)
        if took > FIXED_NS + PER_BYTE_NS * len(data):
            _confirm_slow(run, data, WhytlsError)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        rng, change = Random(seed), _change
        if rng.random() < RAW:
            return change(data, longest)
        return target.mutate(data, longest, rng, change)[:longest]

    options = [f"-max_total_time={seconds}", f"-max_len={target.longest}", f"-artifact_prefix={findings}/", f"-timeout={STUCK}"]
    options += [f"-rss_limit_mb={MEGABYTES}", "-verbosity=0", str(corpus)]
    atheris.Setup([sys.argv[0], *options], once, custom_mutator=mutate)
    atheris.Fuzz()


def _change(data: bytes, longest: int, /) -> bytes:
    return bytes(atheris.Mutate(data, max(longest, 1)))


def _confirm_slow(run: object, data: bytes, ours: type[Exception]) -> None:
    """The best of three by CPU time: a neighbour on the machine is no finding."""
    assert callable(run)
    best = min(_cpu(run, data, ours) for _ in range(3))
    if best > FIXED_NS + PER_BYTE_NS * len(data):
        raise OutOfProportion(f"{len(data)} bytes take {best / 1e9:.2f} s")


def _cpu(run: object, data: bytes, ours: type[Exception]) -> int:
    assert callable(run)
    begin = time.process_time_ns()
    try:
        run(data)
    except ours:
        pass
    return time.process_time_ns() - begin

if __name__ == "__main__":
    fuzz(sys.argv[1], int(sys.argv[2]))
