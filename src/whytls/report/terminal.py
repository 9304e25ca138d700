"""How text is put on a terminal: colour where there is one to see it, lines no wider than it, signs that its encoding has.

Our own few lines instead of rich: rich takes 47 ms to import, as long as a whole diagnosis of a small capture is allowed to take.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, Literal

from whytls.tuples import NamedTuple

ColourChoice = Literal["auto", "always", "never"]

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
# What is written where the output's encoding has no such signs (LANG=C, an old Windows console).
_PLAIN_SIGNS = str.maketrans(
    {"✗": "x", "✓": "v", "…": "...", "→": "->", "←": "<-", "▶": ">", "◀": "<", "─": "-", "·": "-", "–": "-", "│": "|", "○": "o", "’": "'"}
)


class Style(NamedTuple):
    """What the place of output can show; the default is a file or a pipe: no colour, no limit of width."""

    colour: bool = False
    width: int | None = None
    unicode: bool = True

    def paint(self, text: str, *codes: str) -> str:
        """The text in these colours (bold, dim, red, green, yellow, cyan), or as it is."""
        if not self.colour or not codes or not text:
            return text
        return f"\x1b[{';'.join(_CODES[code] for code in codes)}m{text}\x1b[0m"

    def fit(self, text: str, indent: str = "", hanging: str | None = None) -> list[str]:
        """The text in lines of the width, the first after ``indent``, the others after ``hanging``."""
        if self.width is None or len(indent) + len(text) <= self.width:
            return [indent + text]
        hanging = indent if hanging is None else hanging
        lines, line, empty = [], indent, True
        for word in text.split(" "):
            if not empty and len(line) + 1 + len(word) > self.width:
                lines.append(line)
                line, empty = hanging, True
            line += word if empty else " " + word
            empty = False
        return [*lines, line]

    def tint(self, lines: Iterable[str], *codes: str) -> list[str]:
        """Lines in these colours; what they are indented by stays as it is."""
        if not self.colour:
            return list(lines)
        return [line[: len(line) - len(text)] + self.paint(text, *codes) for line in lines for text in (line.lstrip(" "),)]

    def sign(self, text: str) -> str:
        """The text with signs that the output's encoding has."""
        return text if self.unicode else text.translate(_PLAIN_SIGNS)


PLAIN = Style()


def style_of(stream: IO[str], colour: ColourChoice = "auto", environment: Mapping[str, str] | None = None) -> Style:
    """What this stream can show; ``auto`` colours a terminal only, and never where NO_COLOR is set (no-color.org)."""
    import os

    known = os.environ if environment is None else environment
    terminal = _is_terminal(stream)
    coloured = colour == "always" or (
        colour == "auto" and terminal and not known.get("NO_COLOR") and known.get("TERM") != "dumb"
    )
    width = max(40, _columns(stream, known)) if terminal else None
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "")
    return Style(coloured, width, unicode=encoding.startswith("utf"))


def _is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty()
    except (ValueError, AttributeError):
        return False


def _columns(stream: IO[str], environment: Mapping[str, str]) -> int:
    import os

    if environment.get("COLUMNS", "").isdecimal():
        return int(environment["COLUMNS"][:5])
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
