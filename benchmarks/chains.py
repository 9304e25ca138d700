"""How far the profiles agree with their stacks: `python benchmarks/chains.py [--seed N] [--pairs N]`.

Makes the generated chains, asks openssl verify, Go and Java (tools in lab/packages.txt), asks the profiles, and prints a table: a line
for each kind of fault, how many decisions agree with the stack's, reason and text included. Every difference is listed; ends with 1 if
there is one. pyca's verifier is printed beside as a fourth opinion (yes or no only; it is a stricter profile on purpose).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sized
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab.chains import agreement, stacks
from lab.chains.cases import PAIRS, SEED, cases
from lab.chains.plan import Case

Found = TypeVar("Found", bound=Sized)


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--pairs", type=int, default=PAIRS, help="chains with two random faults")
    given = parser.parse_args()
    made = _timed("chains made", lambda: cases(given.seed, given.pairs))
    results = {"OpenSSL": _timed("openssl verify", lambda: agreement.openssl(made)), "Go": _timed("Go", lambda: agreement.go(made))}
    results["JSSE"], results["PKIX builder"] = _timed("Java", lambda: agreement.java(made))
    print("\n".join(agreement.table(results)))
    differences = [(stack, item) for stack, compared in results.items() for item in compared if item.verdict != "agree"]
    for stack, item in differences:
        print(f"{stack}: {item.verdict}: {item.case.label} {item.case.faults}\n  stack: {item.real}\n  we:    {item.decision.words}")
    _speed(made)
    _fourth(made)
    return 1 if differences else 0


def _timed(what: str, call: Callable[[], Found]) -> Found:
    began = time.perf_counter()
    found = call()
    print(f"{what}: in {time.perf_counter() - began:.1f} s")
    return found


def _speed(made: list[Case]) -> None:
    for profile in ("openssl", "java", "go", "browser"):
        asked = [case for case in made if case.purpose == "server"]
        began = time.perf_counter()
        for case in asked:
            agreement.decided(profile, case)
        print(f"profile {profile}: {(time.perf_counter() - began) / len(asked) * 1e6:.0f} µs a chain, signatures tried before")


def _fourth(made: list[Case]) -> None:
    counted: dict[tuple[bool, bool], int] = {}
    for case in made:
        if case.purpose == "server" and case.host:
            pair = (stacks.pyca(case) == "ok", agreement.decided("openssl", case).accepted)
            counted[pair] = counted.get(pair, 0) + 1
    print(f"pyca accepts / OpenSSL's profile accepts: {counted}")


if __name__ == "__main__":
    sys.exit(main())
