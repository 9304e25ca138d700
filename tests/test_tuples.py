"""Our NamedTuple: the same classes as typing's, without what those cost at start-up."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from whytls.tuples import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
CAPTURE = min((ROOT / "tests" / "corpus").glob("*expired*/*.pcap*"))


class Ours(NamedTuple):
    """What it is."""

    address: str
    port: int = 443
    names: tuple[str, ...] = ()

    @property
    def many(self) -> bool:
        """Whether there are several."""
        return len(self.names) > 1

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


class Theirs(typing.NamedTuple):
    """What it is."""

    address: str
    port: int = 443
    names: tuple[str, ...] = ()


@pytest.mark.parametrize("about", ["_fields", "_field_defaults", "__doc__", "__module__"])
def test_it_says_of_itself_what_typings_does(about: str) -> None:
    assert getattr(Ours, about) == getattr(Theirs, about)


def test_annotations_stay_what_was_written() -> None:
    assert Ours.__annotations__ == {"address": "str", "port": "int", "names": "tuple[str, ...]"}


def test_it_is_made_compared_and_shown_like_typings() -> None:
    one = Ours("10.0.0.1", names=("a", "b"))
    assert one == Theirs("10.0.0.1", 443, ("a", "b")) == ("10.0.0.1", 443, ("a", "b"))
    assert repr(one) == repr(Theirs("10.0.0.1", 443, ("a", "b"))).replace("Theirs", "Ours")
    assert one._replace(port=1) == ("10.0.0.1", 1, ("a", "b"))
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(TypeError, match="address"):
        Ours()  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        one.port = 5  # type: ignore[misc]


def test_methods_and_properties_of_the_body_are_the_classs() -> None:
    assert str(Ours("h", 1)) == "h:1"
    assert Ours("h", names=("a", "b")).many
    assert not Ours("h").many


def test_no_annotation_is_compiled_on_the_way_to_a_verdict() -> None:
    """One ``typing.NamedTuple`` on that way costs 3 % of it, for the compiler of the standard library has to be set up."""
    script = (
        "import builtins, os, sys\n"
        "usual = builtins.compile\n"
        "def compile(source, filename, *rest, **more):\n"
        "    if filename != '<string>':\n"
        "        return usual(source, filename, *rest, **more)  # a module of which there is no compiled form\n"
        "    os.write(2, f'compiled: {source!r}'.encode())\n"
        "    os._exit(3)\n"
        "builtins.compile = compile\n"
        "from whytls.cli.main import main\n"
        f"sys.exit(main(['diagnose', {str(CAPTURE)!r}, '--format', 'json']) not in (0, 1))\n"
    )
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert ended.returncode == 0, ended.stderr[:300]
