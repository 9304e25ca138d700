"""The syntax of nginx configurations: directives with their arguments, file and line, includes followed.

Theory of operation
-------------------
There is no grammar but the code (``ngx_conf_read_token`` of nginx 1.22): words are parted by white space and end at ``;`` or
``{``; a word in quotes begins and ends with them; ``#`` begins a comment where a word could begin; a backslash keeps the next
character out of all this; ``${`` does not open a block. Relative names in ``include`` and in all other directives count from
the folder of the main configuration, not of the file they stand in. Blocks of Lua (``*_by_lua_block``) are stepped over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from whytls.exceptions import DamagedInput, InputError

if TYPE_CHECKING:
    from pathlib import Path

DEEPEST_BLOCK, DEEPEST_INCLUDE = 64, 16
MOST_FILES, MOST_BYTES, MOST_DIRECTIVES = 1_000, 16 << 20, 200_000
MOST_WILDCARDS = 2  # parts of one path: conf.d/*.conf, sites/*/tls.conf

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_WORD = re.compile(r"(?:\\[\s\S]|\$\{|[^\\ \t\r\n;{])+")
_DOUBLE, _SINGLE = re.compile(r'"((?:\\[\s\S]|[^"\\])*)"'), re.compile(r"'((?:\\[\s\S]|[^'\\])*)'")
_ESCAPE = re.compile(r"\\([\"'\\trn])")
_ESCAPED = {"t": "\t", "r": "\r", "n": "\n"}
_LUA = re.compile(r"(?:--)?\[(=*)\[|--|[\"'{}]")
_LUA_STRING = {'"': re.compile(r'"(?:\\[\s\S]|[^"\\\n])*"'), "'": re.compile(r"'(?:\\[\s\S]|[^'\\\n])*'")}


class Directive(NamedTuple):
    """One directive: its words, where it stands, and the directives of its block where it has one."""

    name: str
    args: tuple[str, ...]
    file: str
    line: int
    block: tuple[Directive, ...] | None = None


class Token(NamedTuple):
    """A word, or one of the signs ``;`` ``{`` ``}``."""

    kind: str  # "word" or the sign
    text: str
    line: int
    end: int  # offset behind it


@dataclass(slots=True)
class Configuration:
    """All directives of a configuration, includes in their place, and what could not be followed."""

    root: Path
    directives: tuple[Directive, ...] = ()
    warnings: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    files: int = 0
    size: int = 0
    count: int = 0
    names: set[str] = field(default_factory=set)  # of the files that were read
    given: Mapping[str, bytes] | None = None  # the files that can be included, where they are not on this machine's disk


_DUMPED = re.compile(rb"(?m)^# configuration file ([^\n]{1,1000}):$\n?")


def parse(data: bytes, name: str) -> Configuration:
    """The directives of a main configuration file and of all that it includes; damage ends one file, not the others.

    Of what ``nginx -T`` prints, files are named as there, and includes are followed within it.
    """
    from pathlib import Path

    dumped = dumped_files(data)
    if dumped:
        name, data = next(iter(dumped.items()))
    found = Configuration(Path(name).parent, given=dumped or None)
    found.directives = _file(data, name, 0, found)
    return found


def dumped_files(data: bytes) -> dict[str, bytes]:
    """The files in what ``nginx -T`` prints, the main one first; empty where it is something else."""
    parts = _DUMPED.split(data)
    return {name.decode("utf-8", "replace"): content for name, content in zip(parts[1::2], parts[2::2], strict=True)}


def _file(data: bytes, name: str, depth: int, found: Configuration) -> tuple[Directive, ...]:
    found.files += 1
    found.names.add(name)
    found.size += len(data)
    made: list[Directive] = []
    try:
        if found.size > MOST_BYTES or found.files > MOST_FILES:
            raise DamagedInput(f"the configuration is larger than {MOST_FILES:,} files or {MOST_BYTES:,} bytes, the rest is not read")
        text = data.decode("utf-8", "replace")
        _blocks(text, name, depth, found, made)
    except DamagedInput as error:
        found.damage.append(error.problem)
    return tuple(made)


def _blocks(text: str, name: str, depth: int, found: Configuration, top: list[Directive]) -> None:
    """Fills ``top``; blocks that are open when the text ends or is damaged are closed there, so that what stands is kept."""
    stack: list[tuple[list[str], int, list[Directive]]] = [([], 1, top)]  # words and line of the directive that opened it, content
    words: list[str] = []
    line = 1
    try:
        source = Tokens(text, name)
        for token in source:
            if token.kind == "word":
                line = token.line if not words else line
                words.append(token.text)
                continue
            if token.kind == "}":
                if words or len(stack) == 1:
                    raise DamagedInput(f'{name}:{token.line}: unexpected "}}"; expected ";" before it, or a block that it closes')
                _close(stack, name)
                continue
            found.count += 1
            if not words:
                raise DamagedInput(f'{name}:{token.line}: unexpected "{token.kind}"; expected a directive before it')
            if found.count > MOST_DIRECTIVES:
                raise DamagedInput(f"{name}:{token.line}: more than {MOST_DIRECTIVES:,} directives, the rest is not read")
            if token.kind == "{" and words[0].endswith("_by_lua_block"):
                source.skip_lua()
                stack[-1][2].append(Directive(words[0], tuple(words[1:]), name, line, ()))
            elif token.kind == "{":
                if len(stack) > DEEPEST_BLOCK:
                    raise DamagedInput(f"{name}:{token.line}: blocks nested deeper than {DEEPEST_BLOCK}")
                stack.append((words, line, []))
            elif words[0] == "include" and len(words) == 2:
                stack[-1][2].extend(_included(words[1], f"{name}:{line}", depth, found))
            else:
                stack[-1][2].append(Directive(words[0], tuple(words[1:]), name, line))
            words = []
        if words or len(stack) > 1:
            begun = line if words else stack[-1][1]
            raise DamagedInput(f'{name}:{begun}: the file ends before what begins here is closed; expected ";" or "}}"')
    finally:
        while len(stack) > 1:
            _close(stack, name)


def _close(stack: list[tuple[list[str], int, list[Directive]]], name: str) -> None:
    words, line, inner = stack.pop()
    stack[-1][2].append(Directive(words[0], tuple(words[1:]), name, line, tuple(inner)))


class Tokens:
    """The words and signs of one file."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name, self.at, self.line = text, name, 0, 1

    def __iter__(self) -> Iterator[Token]:
        while True:
            self._step(_BLANK.match(self.text, self.at))
            if self.at >= len(self.text):
                return
            yield self._token()

    def _token(self) -> Token:
        sign, line = self.text[self.at], self.line
        if sign in ";{}":
            self.at += 1
            return Token(sign, sign, line, self.at)
        if sign in "\"'":
            quoted = (_DOUBLE if sign == '"' else _SINGLE).match(self.text, self.at)
            if not quoted:
                raise DamagedInput(f"{self.name}:{line}: a word in quotes has no end; expected {sign}")
            self._step(quoted)
            if self.text[self.at : self.at + 1] not in ("", " ", "\t", "\r", "\n", ";", "{", ")"):
                raise DamagedInput(f'{self.name}:{self.line}: expected a space, ";" or "{{" behind a word in quotes')
            return Token("word", _unescaped(quoted[1]), line, self.at)
        word = _WORD.match(self.text, self.at)
        if not word:  # a backslash as the last sign
            raise DamagedInput(f"{self.name}:{line}: the file ends within a word")
        self._step(word)
        return Token("word", _unescaped(word[0]), line, self.at)

    def _step(self, found: re.Match[str] | None) -> None:
        if found:
            self.line += found[0].count("\n")
            self.at = found.end()

    def skip_lua(self) -> None:
        """Steps over a block of Lua up to the brace that closes it; braces in its strings and comments do not count."""
        depth, begin = 1, self.at
        while depth:
            found = _LUA.search(self.text, self.at)
            end = self._lua_end(found) if found else -1
            if not found or end < 0:
                raise DamagedInput(f'{self.name}:{self.line}: a block of Lua has no end; expected "}}"')
            depth += {"{": 1, "}": -1}.get(found[0], 0)
            self.at = end
        self.line += self.text.count("\n", begin, self.at)

    def _lua_end(self, found: re.Match[str]) -> int:
        """Where a brace, a string or a comment of Lua ends; -1 where it does not."""
        sign = found[0]
        if sign in "{}":
            return found.end()
        if sign in _LUA_STRING:
            string = _LUA_STRING[sign].match(self.text, found.start())
            return string.end() if string else -1
        closing = f"]{found[1]}]" if found[1] is not None else "\n"
        place = self.text.find(closing, found.end())
        return place + len(closing) if place >= 0 else -1


def _unescaped(word: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), word) if "\\" in word else word


def _included(pattern: str, where: str, depth: int, found: Configuration) -> list[Directive]:
    """The directives of the files that an include names, in the order of their names."""
    import glob

    if depth >= DEEPEST_INCLUDE:
        found.damage.append(f"{where}: includes nested deeper than {DEEPEST_INCLUDE}; does a file include itself?")
        return []
    wild = sum(1 for part in pattern.split("/") if glob.has_magic(part))
    if wild > MOST_WILDCARDS or "\0" in pattern:
        found.warnings.append(f"{where}: {pattern[:200]} is not followed: at most {MOST_WILDCARDS} parts with wildcards are")
        return []
    path = str(found.root / pattern)
    if found.given is not None:
        names = sorted(_matching(found.given, path)) if wild else [path]
    else:
        names = sorted(glob.glob(path)) if wild else [path]
    made: list[Directive] = []
    for name in names:
        if found.files >= MOST_FILES:
            found.damage.append(f"{where}: more than {MOST_FILES:,} files, the rest is not read")
            break
        try:
            made += _file(_content(name, found), name, depth + 1, found)
        except InputError as error:
            found.warnings.append(f"{where}: {error}")
    return made


def _matching(given: Mapping[str, bytes], pattern: str) -> list[str]:
    """The given files that a pattern names; a wildcard stays within one part of a path."""
    from fnmatch import fnmatchcase

    depth = pattern.count("/")
    return [name for name in given if name.count("/") == depth and fnmatchcase(name, pattern)]


def _content(name: str, found: Configuration) -> bytes:
    from pathlib import Path

    from whytls.pki.store import file_content

    if found.given is None:
        return file_content(Path(name), MOST_BYTES, named=True)
    if name not in found.given:
        raise InputError("is not in what nginx -T printed", file=name)
    return found.given[name]
