"""Inputs grown to twice their length again and again: does the time grow with the length, or faster?"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tools.fuzz.frames import put_together, take_apart
from tools.fuzz.items import packed, unpacked
from tools.fuzz.streams import units_of
from tools.fuzz.targets import TARGETS
from whytls.exceptions import WhytlsError

LONGEST = 400_000  # bytes up to which an input is grown
LIMITED = {"extension": 65_000}  # no longer on any wire
LONG_ENOUGH = 0.02  # seconds from which a slope can be told from noise
TOO_STEEP = 2.9  # times longer for twice the length, three times in a row; linear is 2, quadratic 4


def times(name: str, data: bytes, count: int) -> bytes:
    """An input of the same form with its parts repeated."""
    if name in ("pcap", "capture", "verdict"):
        link, frames = take_apart(data)
        return put_together(link, frames * count) if frames else data * count
    if name in ("tcp", "chain", "repair", "pair"):
        return packed(list(unpacked(data)) * count)
    if name == "prelude":
        return packed([side * count for side in unpacked(data)])
    if name == "locate":
        return data[:2] + packed(list(unpacked(data[2:])) * count)
    if name == "record":
        units, rest = units_of(data)
        return data[: len(data) - len(rest)] * count + rest if units else data * count
    if name == "name":
        return data.split(b"\0")[0] * count + (b"\0" + b"\0".join(data.split(b"\0")[1:])) * count
    head = {"message": 3, "extension": 2}.get(name, 0)
    return data[:head] + data[head:] * count


def seconds(run: Callable[[bytes], None], data: bytes) -> float:
    """The better of two runs, by CPU time."""
    best = float("inf")
    for _ in range(2):
        begin = time.process_time()
        try:
            run(data)
        except WhytlsError:
            pass
        best = min(best, time.process_time() - begin)
    return best


def slopes(name: str, run: Callable[[bytes], None], data: bytes) -> list[tuple[int, float]]:
    """(length, seconds) of the input doubled and doubled."""
    measured: list[tuple[int, float]] = []
    count = 1
    while True:
        grown = times(name, data, count)
        if measured and (len(grown) > LIMITED.get(name, LONGEST) or len(grown) <= measured[-1][0]):
            return measured
        measured.append((len(grown), seconds(run, grown)))
        if measured[-1][1] > 2:
            return measured
        count *= 2


def too_steep(measured: list[tuple[int, float]]) -> bool:
    """Whether the last three doublings each cost far more than twice the time."""
    last = [took for _, took in measured[-4:]]
    return len(last) == 4 and last[-1] > LONG_ENOUGH and all(b > TOO_STEEP * a for a, b in pairwise(last))


def check(name: str, corpus: Path, budget: float) -> tuple[int, list[str]]:
    """How many inputs were grown within the time, and what was found."""
    run = TARGETS[name].make()
    files = sorted((f for f in corpus.glob("*") if f.is_file()), key=lambda f: (f.name.startswith("seed-"), f.name))
    end, grown, found = time.monotonic() + budget, 0, []
    for file in files:
        if time.monotonic() > end:
            break
        grown += 1
        try:
            measured = slopes(name, run, file.read_bytes())
            if too_steep(measured):
                measured = slopes(name, run, file.read_bytes())
        except Exception as error:  # whatever a target lets escape is what we look for
            found.append(f"{file}, grown: {type(error).__name__}: {error}")
            continue
        if too_steep(measured):
            slope = ", ".join(f"{size} bytes {took:.3f} s" for size, took in measured[-4:])
            found.append(f"{file}: time grows faster than length: {slope}")
    return grown, found
