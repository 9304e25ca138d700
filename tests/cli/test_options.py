import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.cli import diagnose
from whytls.cli.options import Command, Option, _plain, parser, read
from whytls.exceptions import UsageError

COMMAND = Command(
    "try", "", "whytls try FILE... [options]", "", "FILE", "", (("all", (
        Option(("--host",), "", "ADDRESS", repeat=True),
        Option(("--format",), "", choices=("text", "json"), default="text"),
        Option(("--at",), "", "TIME"),
        Option(("--verbose", "-v"), ""),
    )),),
)  # fmt: skip


def by_argparse(words: list[str]) -> dict[str, object]:
    values = vars(parser(COMMAND).parse_intermixed_args(words))
    given = values.pop("argument_")
    return {**values, "argument": given}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("", {}),
        ("a -", {"argument": ["a", "-"]}),
        ("a --host 1 b --host 2", {"argument": ["a", "b"], "host": ["1", "2"]}),
        ("-v --at 5 a", {"argument": ["a"], "verbose": True, "at": "5"}),
        ("--format=json a", {"argument": ["a"], "format": "json"}),
        ("--at=-5 a", {"argument": ["a"], "at": "-5"}),
        ("-- -a", {"argument": ["-a"]}),
        ("--at 1 --at 2", {"at": "2"}),
    ],
)
def test_what_a_call_says(line: str, values: dict[str, object]) -> None:
    nothing = {"argument": [], "host": [], "format": "text", "at": None, "verbose": False}
    assert read(COMMAND, line.split()) == {**nothing, **values}


@given(st.lists(st.sampled_from(["a", "-", "--host", "--format", "json", "text", "--at", "5", "-v", "--verbose", "", "--"]), max_size=8))
def test_what_is_read_without_argparse_is_what_argparse_reads(words: list[str]) -> None:
    quick = _plain(COMMAND, words)
    if quick is not None and "--" not in words:  # argparse forgets what "--" means once options and files are mixed
        assert read(COMMAND, words) == by_argparse(words)


@pytest.mark.parametrize("line", ["--at", "--format xml", "--hos 1", "--verbose=1", "-x", "--format", "--host --at 5"])
def test_a_wrong_call_is_ours_to_complain_about(line: str) -> None:
    with pytest.raises(UsageError) as told:
        read(COMMAND, line.split())
    assert "whytls try --help" in str(told.value)


def test_no_two_options_share_a_flag_and_all_have_help() -> None:
    flags = [flag for option in diagnose.COMMAND.options for flag in option.flags]
    assert len(flags) == len(set(flags))
    assert all(option.help for option in diagnose.COMMAND.options)


def test_a_plain_call_is_read_without_argparse() -> None:
    program = (
        "import sys; from whytls.cli import diagnose, options;"
        "options.read(diagnose.COMMAND, ['a', '--format', 'csv', '--sni', '*.x', '-v']); print('argparse' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
