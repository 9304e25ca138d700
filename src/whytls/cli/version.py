"""``whytls version``."""

from __future__ import annotations

from collections.abc import Sequence

from whytls.cli.options import Command, read

COMMAND = Command(
    name="version",
    title="prints the version",
    usage="whytls version",
    text="Prints the version of whytls and of the Python that runs it.",
    argument="",
    argument_help="",
    groups=(),
    several=False,
)


def run(arguments: Sequence[str]) -> int:
    """Print the version."""
    from importlib.metadata import PackageNotFoundError, version
    from platform import python_version

    read(COMMAND, arguments)
    try:
        print(f"whytls {version('whytls')} (Python {python_version()})")
    except PackageNotFoundError:  # run from its source, never installed
        print(f"whytls, not installed (Python {python_version()})")
    return 0
