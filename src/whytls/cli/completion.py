"""``whytls completion SHELL``: a completion script, made from the same tables as the help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from whytls.cli.options import Command, fill, read
from whytls.exceptions import UsageError

if TYPE_CHECKING:
    from argparse import Action, ArgumentParser

SHELLS = ("bash", "zsh", "fish", "tcsh")

COMMAND = Command(
    name="completion",
    title="prints a completion script for your shell",
    usage="whytls completion bash|zsh|fish|tcsh",
    text="Prints a script that completes commands, options, files and causes in your shell.",
    argument="SHELL",
    argument_help="bash, zsh, fish or tcsh",
    groups=(),
    examples=(
        ('eval "$(whytls completion bash)"', "in ~/.bashrc"),
        ("whytls completion zsh > ~/.zfunc/_whytls", "with ~/.zfunc in $fpath"),
        ("whytls completion fish > ~/.config/fish/completions/whytls.fish", ""),
    ),
    several=False,
    completes="shell",
)


def run(arguments: Sequence[str]) -> int:
    """Print the script for the shell."""
    given = read(COMMAND, arguments)["argument"]
    if not given or given[0] not in SHELLS:
        raise UsageError(f"{given[0]!r} is no shell we know" if given else "which shell?", hint=", ".join(SHELLS))
    print(script(given[0]))
    return 0


def script(shell: str) -> str:
    """The completion script for one shell."""
    import shtab

    return str(shtab.complete(whole_parser(), shell))


def whole_parser() -> ArgumentParser:
    """One parser with every command below it; only completion needs them all at once."""
    from argparse import ArgumentParser
    from importlib import import_module

    import shtab

    from whytls.causes import slugs
    from whytls.cli.main import COMMANDS

    def mark(action: Action, what: str) -> None:
        if what in ("file", "directory"):
            action.complete = shtab.FILE if what == "file" else shtab.DIRECTORY  # type: ignore[attr-defined]
        elif what:
            action.choices = slugs() if what == "slug" else SHELLS

    root = ArgumentParser(prog="whytls")
    below = root.add_subparsers()
    for name, title in COMMANDS.items():
        fill(below.add_parser(name, help=title, add_help=False), import_module(f"whytls.cli.{name}").COMMAND, mark)
    return root
