"""Passwords of stores: where one comes from, and what is tried when none was given. Never on a command line, never in a repr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whytls.exceptions import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 4096  # characters; a file that is longer is no password file
JAVA_DEFAULT = "changeit"  # of every cacerts that Java ships; public, so it proves nothing about who may open a key


@dataclass(frozen=True, slots=True, eq=False)
class Password:
    """A password that is fetched when a store asks for it. ``origin`` says where from, for people."""

    origin: str
    _fetch: Callable[[], str] = field(repr=False)

    @staticmethod
    def from_environment(name: str) -> Password:
        """From an environment variable.

        Raises:
            UsageError: there is no such variable (told at once, not when the store is read).
        """
        import os

        if name not in os.environ:
            raise UsageError(f"there is no environment variable {name}", hint=f"set it: read -rs {name}; export {name}")
        return Password(f"the environment variable {name}", lambda: _fitting(os.environ.get(name, ""), name))

    @staticmethod
    def from_file(path: str | Path) -> Password:
        """From a file's first line, its line end left out; the file is read when the password is needed.

        Raises:
            InputError: it cannot be read (told at once), or what is in it is no password (told then).
        """
        first_lines(path)
        return Password(f"the file {path}", lambda: first_lines(path)[0])

    @staticmethod
    def from_prompt(ask: Callable[[], str]) -> Password:
        """From a function that asks a person (``getpass.getpass``); asked once, and only if a store needs it."""
        from functools import lru_cache

        return Password("the prompt", lru_cache(maxsize=1)(lambda: _fitting(ask(), "the prompt")))

    @staticmethod
    def of(text: str) -> Password:
        """From a program that has it already."""
        return Password("the caller", lambda: _fitting(text, "the caller"))

    def reveal(self) -> str:
        """The password itself.

        Raises:
            InputError: it cannot be fetched, or is longer than 4,096 characters.
        """
        return self._fetch()

    def __reduce__(self) -> str:
        raise UsageError("a password is not written anywhere", hint="hand over where it comes from instead")


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One password to be tried. ``text`` None is no password at all, which is not the same as an empty one (RFC 7292 appendix B)."""

    what: str
    text: str | None = field(repr=False)
    given: bool  # somebody gave it
    opens_keys: bool  # it may open private keys; a public default may not


def attempts(password: Password | None) -> Iterator[Attempt]:
    """The password that was given; or, where none was, what costs no secret: none, an empty one, Java's public default."""
    if password is not None:
        yield Attempt(f"the password from {password.origin}", password.reveal(), True, True)
        return
    yield Attempt("no password", None, False, True)
    yield Attempt("an empty password", "", False, True)
    yield Attempt(f"Java's public default password, {JAVA_DEFAULT}", JAVA_DEFAULT, False, False)


def first_lines(path: str | Path, most: int = 1) -> list[str]:
    """The first lines of a password file, at least one; one password each (as ssl_password_file of nginx has them)."""
    try:
        with open(path, "rb") as file:
            data = file.read(LONGEST * most + 2)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        problem, hint = getattr(error, "strerror", None) or "cannot be read", "expected a file with the password in its first line"
        raise InputError(problem, file=str(path), hint=hint) from error
    try:
        lines = data.decode("utf-8").split("\n")[:most]
    except UnicodeDecodeError:
        raise InputError("the password in it is not UTF-8", file=str(path), hint="write the file anew in UTF-8") from None
    return [_fitting(line.removesuffix("\r"), str(path)) for line in lines]


def _fitting(text: str, origin: str) -> str:
    if len(text) > LONGEST:
        raise InputError(f"the password from {origin} is longer than {LONGEST} characters", hint="is it the right file?")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"the password from {origin} is not UTF-8") from None
    return text
