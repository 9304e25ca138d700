"""``python -m lab list`` names the scenarios; ``python -m lab record [NAME…]`` runs them (a word of the name is enough)."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from lab.net import LabError
from lab.scenario import CORPUS, Scenario, load, run


def main(arguments: list[str] | None = None) -> int:
    """Run the lab; 0 when all that was asked for was recorded."""
    parser = argparse.ArgumentParser(prog="python -m lab", description="Records TLS failures of real stacks into tests/corpus.")
    parser.add_argument("what", choices=("list", "record"))
    parser.add_argument("names", nargs="*", help="folder names, or parts of them; all where none is given")
    parser.add_argument("--into", type=Path, default=CORPUS, help="write the folders there (default: tests/corpus)")
    parser.add_argument("--debris", type=Path, help="move the runs' temporary folders (logs, keys) there, to look into a failure")
    given = parser.parse_intermixed_args(arguments)
    known = load()
    chosen = [s for name, s in sorted(known.items()) if not given.names or any(word in name for word in given.names)]
    if not chosen:
        print(f"no scenario is called {' or '.join(given.names)}", file=sys.stderr)
        return 2
    if given.what == "list":
        for found in chosen:
            print(f"{found.name:64} {found.description.splitlines()[0]}")
        return 0
    failures = 0
    for found in chosen:
        start = time.monotonic()
        try:
            folders = _tried(found, given.into, given.debris)
            sizes = ", ".join(f"{folder.name} {(folder / 'capture.pcap').stat().st_size:,} bytes" for folder in folders)
            print(f"recorded {sizes} in {time.monotonic() - start:.1f} s", flush=True)
        except LabError as error:
            failures += 1
            print(f"NOT recorded {found.name}: {error}", file=sys.stderr, flush=True)
    return 1 if failures else 0


def _tried(found: Scenario, into: Path, debris: Path | None) -> list[Path]:
    """Run a scenario, again where it went otherwise than meant: some hang on chance (a random byte that is a line feed)."""
    for _ in range(2):
        try:
            return run(found, into, debris)
        except LabError as error:
            print(f"once more: {found.name}: {str(error).splitlines()[0]}", file=sys.stderr, flush=True)
    return run(found, into, debris)


if __name__ == "__main__":
    sys.exit(main())
