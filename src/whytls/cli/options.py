"""Commands and their options as data; argparse is built from them only when a call needs it.

argparse takes 7 ms to import and set up, a seventh of what a whole verdict is allowed to take. A call whose every word is
plain (options written in full, each value behind its option) is read here; whatever else there is to know, help and the
complaint about a wrong call, is argparse's. Defaults, help, documentation and shell completion come from the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from whytls.exceptions import UsageError
from whytls.tuples import NamedTuple

if TYPE_CHECKING:
    from argparse import Action, ArgumentParser


class Option(NamedTuple):
    """One option: with a metavar or choices it takes a value, else it is a switch."""

    flags: tuple[str, ...]
    help: str
    metavar: str | None = None
    repeat: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None
    completes: str = ""  # what a shell offers for its value: "file", "directory", "slug"

    @property
    def name(self) -> str:
        """The name of its value: ``--message-processor`` is message_processor."""
        return self.flags[0].lstrip("-").replace("-", "_")

    @property
    def takes_value(self) -> bool:
        """Whether a value stands behind it; else it is a switch."""
        return bool(self.metavar or self.choices)

    @property
    def initial(self) -> Any:
        """Its value when it is not given."""
        if self.repeat:
            return []
        return self.default if self.takes_value else False


class Command(NamedTuple):
    """One command: what it takes and what it says of itself."""

    name: str
    title: str  # one line for the overview
    usage: str
    text: str  # above the options
    argument: str  # the name of what stands after the command
    argument_help: str
    groups: tuple[tuple[str, tuple[Option, ...]], ...]
    examples: tuple[tuple[str, str], ...] = ()  # command line, what it does
    several: bool = True  # whether the argument can be repeated
    completes: str = ""

    @property
    def options(self) -> tuple[Option, ...]:
        """All options, in the order of the help."""
        return tuple(option for _, options in self.groups for option in options)


COLOUR = Option(
    ("--color",), "colours: on a terminal (auto, the default), always or never", choices=("auto", "always", "never"), default="auto"
)


def read(command: Command, arguments: Sequence[str]) -> dict[str, Any]:
    """The values of a call by name; what stands after the command comes as a list under ``argument``.

    Raises:
        UsageError: an option is unknown or its value is not one it takes.
    """
    values = _plain(command, arguments)
    if values is None:
        values = vars(parser(command).parse_intermixed_args(list(arguments)))
    given = values.pop("argument_")
    if not command.several and len(given) > bool(command.argument):
        takes = f"one {command.argument}" if command.argument else "nothing"
        raise UsageError(f"whytls {command.name} takes {takes}", hint=f"usage: {command.usage}")
    return {**values, "argument": given}


def _plain(command: Command, arguments: Sequence[str]) -> dict[str, Any] | None:
    """The values of a call in which every word is plain; ``None`` where argparse has to look."""
    options = {flag: option for option in command.options for flag in option.flags}
    values = {option.name: option.initial for option in command.options}
    given: list[str] = []
    words = iter(arguments)
    for word in words:
        option = options.get(word)
        if word == "--":
            given += words
        elif option is None:
            if word.startswith("-") and word != "-":
                return None
            given.append(word)
        elif not option.takes_value:
            values[option.name] = True
        else:
            value = next(words, "-")
            if value.startswith("-") or (option.choices and value not in option.choices):
                return None
            values[option.name] = [*values[option.name], value] if option.repeat else value
    return {**values, "argument_": given}


def parser(command: Command) -> ArgumentParser:
    """The command's argparse parser; its help is what ``--help`` prints and docs/cli.md shows."""
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    class Parser(ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise UsageError(message, hint=f"whytls {command.name} --help shows what it takes")

    built = Parser(
        prog=f"whytls {command.name}",
        usage=command.usage,
        description=command.text,
        epilog=_examples(command),
        formatter_class=lambda prog: RawDescriptionHelpFormatter(prog, max_help_position=34, width=100),
        add_help=False,
        allow_abbrev=False,
    )
    fill(built, command)
    return built


def fill(built: ArgumentParser, command: Command, mark: Callable[[Action, str], None] | None = None) -> None:
    """Add what the command takes; ``mark`` is told what a shell completes for which value ("file", "directory", "slug")."""
    from argparse import SUPPRESS

    group = built.add_argument_group("takes")
    # An empty name: the command takes nothing, and what is given all the same is refused below with the usage.
    told = command.argument_help if command.argument else SUPPRESS
    takes = group.add_argument("argument_", nargs="*", metavar=command.argument, help=told)
    if mark is not None:
        mark(takes, command.completes)
    for title, options in command.groups:
        group = built.add_argument_group(title)
        for option in options:
            added = _add(group, option)
            if mark is not None:
                mark(added, option.completes)
    built.add_argument_group("help").add_argument("-h", "--help", action="help", help="show this text")


def _add(group: Any, option: Option) -> Action:
    if not option.takes_value:
        added: Action = group.add_argument(*option.flags, action="store_true", dest=option.name, help=option.help)
        return added
    taking: Action = group.add_argument(
        *option.flags,
        dest=option.name,
        help=option.help,
        metavar=option.metavar or "|".join(option.choices),
        action="append" if option.repeat else "store",
        default=option.initial,
        choices=option.choices or None,
    )
    return taking


def _examples(command: Command) -> str | None:
    if not command.examples:
        return None
    wide = max(len(line) for line, _ in command.examples)
    return "examples:\n" + "\n".join(f"  {line:<{wide}}  {what}" for line, what in command.examples)
