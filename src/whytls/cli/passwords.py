"""Passwords of stores on the command line: the name of a variable, the name of a file, or a question on a terminal; never the word itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from whytls.cli.options import Option
from whytls.exceptions import UsageError

if TYPE_CHECKING:
    from whytls.pki.password import Password


def options(prefix: str, of: str) -> tuple[Option, ...]:
    """The options for one password: ``--password-env NAME`` and ``--password-file FILE`` with that prefix."""
    return (
        Option((f"--{prefix}password-env",), f"the environment variable that holds the password of {of}", "NAME"),
        Option((f"--{prefix}password-file",), "the file whose first line is that password; - asks on the terminal", "FILE", completes="file"),
    )


def given(values: dict[str, Any], prefix: str, of: str) -> Password | None:
    """The password that these options name.

    Raises:
        UsageError: two of them are given, there is no such variable, or nobody can be asked.
        InputError: the file cannot be read.
    """
    variable, file = values[f"{prefix}password_env"], values[f"{prefix}password_file"]
    if variable is None and file is None:
        return None
    from whytls.pki.password import Password

    flag = f"--{prefix.replace('_', '-')}password"
    if variable is not None and file is not None:
        raise UsageError(f"{flag}-env and {flag}-file are two passwords for {of}", hint="leave one out")
    if variable is not None:
        return Password.from_environment(variable)
    if file != "-":
        return Password.from_file(file)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("there is no terminal to ask for the password on", hint=f"{flag}-env NAME, or {flag}-file FILE")
    from getpass import getpass

    return Password.from_prompt(lambda: getpass(f"password of {of}: ", sys.stderr))
