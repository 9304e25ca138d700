"""What must not stand in the repository, and how large a file may get."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Written in two halves, so that this file does not hold what it forbids.
MACHINE_PATHS = ["/wo" + "rk/", "/ro" + "ot/", "/fa" + "rm/", ".lib" + "rary/", "/opt" + "/pypi"]
REGISTRY_HOSTS = ["py" + "pi.org", "pythonhosted" + ".org", "registry.npm" + "js", "deb.debian" + ".org"]
FORBIDDEN = re.compile("|".join(map(re.escape, MACHINE_PATHS + REGISTRY_HOSTS)))
LEFT_OPEN = re.compile(r"NotImplementedError|\b(TODO|FIXME|XXX)\b|pytest\.mark\.(skip|xfail)|assert True")

LONGEST, LONGEST_LIST = 500, 650  # lines; beyond, a file is two rooms; tests and scenarios are lists of independent cases
GENERATED = {"src/whytls/wire/numbers.py"}
AS_HANDED_OVER = {"tests/matrix/grade.py"}


def tracked() -> list[Path]:
    """What is committed or about to be; a source archive without git has all its files."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    skipped = {".venv", ".work", "build", "dist"}
    return [p for p in ROOT.rglob("*") if p.is_file() and not skipped & set(p.relative_to(ROOT).parts)]


def text_of(path: Path) -> str:
    """The file's text, empty for what is none (captures, archives)."""
    data = path.read_bytes()
    return "" if b"\0" in data[:8192] else data.decode("utf-8", "replace")


def test_no_machine_path_and_no_registry_host() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line[:120]}"
        for path in tracked()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if FORBIDDEN.search(line)
    ]
    assert not found, "\n".join(found)


def test_nothing_is_left_open() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line[:120]}"
        for path in tracked()
        if path.suffix == ".py" and path != Path(__file__).resolve()
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if LEFT_OPEN.search(line)
    ]
    assert not found, "\n".join(found)


def test_files_stay_readable() -> None:
    sizes = {str(path.relative_to(ROOT)): len(text_of(path).splitlines()) for path in tracked() if path.suffix == ".py"}
    found = {name: size for name, size in sizes.items() if size > (LONGEST_LIST if name.startswith(("tests/", "lab/")) else LONGEST)}
    assert not set(found) - GENERATED - AS_HANDED_OVER, found


def test_locked_requirements_name_hashes_and_no_place() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        lines = [line for line in path.read_text().splitlines() if line and not line.lstrip().startswith("#")]
        pins = [line for line in lines if not line.startswith(" ")]
        assert pins, path
        assert all(re.fullmatch(r"[a-z0-9-]+==[^ ]+( ; [^\\]+)? \\", pin) for pin in pins), path
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines if line.startswith(" ")), path


def test_there_are_files_to_look_at() -> None:
    assert len(tracked()) > 30
