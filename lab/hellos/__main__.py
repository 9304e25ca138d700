"""``python -m lab.hellos [NAME…]`` records the clients that are there and says which are not; ``--fetch`` gets those of package registries first."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from pathlib import Path

from lab.hellos import described, fetch, write
from lab.hellos.listener import NoHello
from lab.hellos.record import Missing, record
from lab.hellos.stacks import STACKS, Stack


def main(arguments: list[str] | None = None) -> int:
    """0 when all that was asked for was written."""
    parser = argparse.ArgumentParser(prog="python -m lab.hellos", description="Records the first flights of real TLS clients.")
    parser.add_argument("names", nargs="*", help="clients, or parts of their names; all where none is given")
    parser.add_argument("--stacks", type=Path, help="the folder with stacks that no Debian package has")
    parser.add_argument("--fetch", action="store_true", help="fill that folder first")
    parser.add_argument("--into", type=Path, default=write.DATA, help="write the files there (default: src/whytls/clients/data)")
    parser.add_argument("--rules", action="store_true", help="record nothing: write title, note and accept rules anew into the files that are there")
    given = parser.parse_args(arguments)
    stacks = given.stacks.resolve() if given.stacks else None
    if given.fetch:
        if stacks is None:
            parser.error("--fetch needs --stacks FOLDER")
        fetch.fetch(stacks, given.names, lambda line: print(line, flush=True))
    missing = 0
    for stack in STACKS:
        if _meant(stack.slug, given.names):
            missing += not (_again(stack, given.into) if given.rules else _write(stack, stacks, given.into))
    for one in described.CLIENTS:
        if _meant(one.slug, given.names):
            print(f"described {described.write_file(one, given.into).name}", flush=True)
    return 1 if missing else 0


def _meant(slug: str, names: list[str]) -> bool:
    return not names or any(word in slug for word in names)


def _write(stack: Stack, stacks: Path | None, into: Path) -> bool:
    try:
        found = record(stack, stacks)
    except (Missing, NoHello) as error:
        print(f"NOT recorded {stack.slug}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return False
    provenance: dict[str, str | tuple[str, ...]] = {
        "kind": "recorded", "program": found.says, "command": found.command, "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }  # fmt: skip
    title = stack.title.format(version=found.version)
    write.client(stack.slug, title, stack.family, found.version, stack.note, found.flight, stack.rules, provenance, into)
    print(f"recorded {stack.slug}: {found.says}, {len(found.flight)} bytes", flush=True)
    return True


def _again(stack: Stack, into: Path) -> bool:
    """The file of a stack with what is known of it now, and the first flight that was recorded."""
    path = into / f"{stack.slug}.json"
    if not path.is_file():
        return False
    told = json.loads(path.read_text())
    version = told["version"]
    title = stack.title.format(version=version)
    flight = bytes.fromhex("".join(told["first_flight"]))
    write.client(stack.slug, title, stack.family, version, stack.note, flight, stack.rules, told["provenance"], into)
    return True


if __name__ == "__main__":
    sys.exit(main())
