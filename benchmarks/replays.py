"""The table cause x server stack: a ClientHello that a real server refuses, replayed until it goes through.

    python -m benchmarks.replays [--stack nginx ...] [--case no-name ...] [--verbose]

For every refusal of lab/live/refusals.py and every stack that can be set up so: the verdict without the replay, the verdict with it, the
smallest change found, how many connections and seconds it took. Right is a verdict whose cause is the true one; a `proven` one that is wrong
is printed as such and makes the run fail.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab.live.papers import papers
from lab.live.refusals import Refused, boxed, refusals
from lab.live.serve import STACKS, Running, Serve, Unsupported, running
from lab.net import LabError

from whytls.model import Context, Diagnosis, Replayed
from whytls.probing.attempt import Prober
from whytls.probing.limits import Limits
from whytls.probing.replay import judged_with, replay
from whytls.probing.shares import fresh
from whytls.verdict import judge

LIMITS = Limits(connect=3, answer=0.5, total=6, patience=0.1)


class Row(NamedTuple):
    """One cell of the table."""

    case: str
    stack: str
    true: str
    alone: Diagnosis | None  # by the recording alone; None: the server did not refuse
    found: Diagnosis | None
    replayed: Replayed | None
    seconds: float
    dimensions: frozenset[str]  # expected
    note: str = ""

    @property
    def right(self) -> bool:
        """Whether the verdict after the replay is the true one."""
        return self.found is not None and self.found.cause == self.true

    @property
    def wrong_proven(self) -> bool:
        """The one thing that must not be."""
        return any(d is not None and d.confidence == "proven" and d.cause != self.true for d in (self.found,))


def serving(refused: Refused, stack: str) -> contextlib.AbstractContextManager[Running]:
    """The server of a refusal in that stack."""
    described = {f: getattr(refused.serve, f) for f in refused.serve.__dataclass_fields__}
    return running(Serve(**{**described, "stack": stack}))


async def replayed_at(refused: Refused, port: int) -> tuple[Diagnosis | None, Diagnosis | None, Replayed | None]:
    """The failure, made by an attempt of ours; judged, replayed, and judged again."""
    prober = Prober(socket.AF_INET, ("127.0.0.1", port), f"127.0.0.1:{port}", LIMITS)
    hello, _ = fresh(refused.hello)
    attempt = await prober.attempt(hello, "the failure", "finish")
    handshake = attempt.handshake
    if handshake.client_hello is not None and refused.hello.greased:
        handshake = handshake._replace(client_hello=handshake.client_hello._replace(greased=True))
    if handshake.outcome != "failed":
        return None, None, None
    context = Context(whole_recording=True)
    alone = judge(handshake, context).diagnosis
    again = await replay(handshake, context, prober, names=refused.names)
    if again is None:
        return alone, None, None
    return alone, judge(*judged_with(handshake, context, again)).diagnosis, again


def row(case: str, refused: Refused, stack: str) -> Row | None:
    """One cell; None where the stack cannot be set up so."""
    try:
        with serving(refused, stack) as server, boxed(server.port, refused.box) if refused.box else contextlib.nullcontext(server) as place:
            begin = time.perf_counter()
            alone, found, again = asyncio.run(replayed_at(refused, place.port))
            return Row(case, stack, refused.cause, alone, found, again, time.perf_counter() - begin, refused.dimensions)
    except Unsupported as error:
        return Row(case, stack, refused.cause, None, None, None, 0, refused.dimensions, f"not possible here: {error.what}")
    except LabError as error:
        return Row(case, stack, refused.cause, None, None, None, 0, refused.dimensions, f"did not start: {str(error)[:90]}")


def rows(stacks: Sequence[str], cases: Sequence[str] = ()) -> Iterator[Row]:
    """All cells."""
    with tempfile.TemporaryDirectory() as folder:
        for case, refused in refusals(papers(Path(folder))).items():
            if cases and case not in cases:
                continue
            for stack in stacks:
                found = row(case, refused, stack)
                if found is not None:
                    yield found


def _line(one: Row, verbose: bool) -> str:
    if one.found is None:
        return f"{one.case:20} {one.stack:8} -        {one.note or ('the server does not refuse it' if one.alone is None else 'no replay')}"
    assert one.replayed is not None
    before = f"{one.alone.cause} {one.alone.confidence}" if one.alone else ""
    change = " and ".join(a.text for a in one.replayed.minimal) or one.replayed.stopped
    mark = "right" if one.right else "WRONG"
    steady = f"{one.replayed.reproduced}/{one.replayed.controls}"
    text = (
        f"{one.case:20} {one.stack:8} {mark} {one.found.cause} {one.found.confidence}; {steady}; {len(one.replayed.tried)} connections, "
        f"{one.seconds:.2f} s; {change}   (recording alone: {before})"
    )
    if one.replayed.dimensions != one.dimensions:
        text += f"   dimensions {sorted(one.replayed.dimensions)}, expected {sorted(one.dimensions)}"
    if verbose:
        text += "".join(f"\n      {e.text}" for e in one.found.evidence) + "".join(
            f"\n      ! {w}" for w in one.found.warnings + one.replayed.warnings
        )
        text += "".join(f"\n        {t.attempt:3} {t.text[:110]}: {t.outcome}" for t in one.replayed.tried)
    return text


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", action="append", choices=STACKS)
    parser.add_argument("--case", action="append")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    asked: list[Row] = []
    for one in rows(args.stack or STACKS, args.case or ()):
        print(_line(one, args.verbose), flush=True)
        if one.found is not None:
            asked.append(one)
    right, proven = sum(r.right for r in asked), sum(r.found is not None and r.found.confidence == "proven" for r in asked)
    before = sum(r.alone is not None and r.alone.cause == r.true for r in asked)
    wrong = [r for r in asked if r.wrong_proven]
    most = max((len(r.replayed.tried) for r in asked if r.replayed), default=0)
    print(
        f"\n{right} of {len(asked)} right ({proven} proven, {len(wrong)} of them wrong); by the recording alone {before}; at most {most} connections"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
