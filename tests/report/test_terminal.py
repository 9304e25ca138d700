import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.report.terminal import Style, style_of


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "choice", "environment", "colour"),
    [
        (Terminal(), "auto", {}, True),
        (Terminal(), "auto", {"NO_COLOR": "1"}, False),
        (Terminal(), "auto", {"NO_COLOR": ""}, True),  # no-color.org: only when it is not empty
        (Terminal(), "auto", {"TERM": "dumb"}, False),
        (Terminal(), "never", {}, False),
        (io.StringIO(), "auto", {}, False),
        (io.StringIO(), "always", {"NO_COLOR": "1"}, True),  # what is asked for on the command line wins
    ],
)
def test_colour_is_for_terminals_and_for_those_who_ask(stream: io.StringIO, choice: str, environment: dict[str, str], colour: bool) -> None:
    assert style_of(stream, choice, environment).colour is colour  # type: ignore[arg-type]


def test_a_file_has_no_width_and_a_terminal_has_its_own() -> None:
    assert style_of(io.StringIO(), environment={"COLUMNS": "70"}).width is None
    assert style_of(Terminal(), environment={"COLUMNS": "70"}).width == 70
    assert style_of(Terminal(), environment={"COLUMNS": "9"}).width == 40


def test_signs_are_plain_where_the_encoding_has_no_others() -> None:
    stream = Terminal()
    stream.encoding = "ANSI_X3.4-1968"
    style = style_of(stream, environment={})
    assert style.sign("✗ a → b … ◀── c") == "x a -> b ... <-- c"
    assert style_of(Terminal(), environment={}).sign("✗ a → b") == "✗ a → b"


def test_only_the_text_is_tinted_not_what_it_is_indented_by() -> None:
    assert Style(colour=True).tint(["  word"], "bold", "red") == ["  \x1b[1;31mword\x1b[0m"]
    assert Style().tint(["  word"], "bold") == ["  word"]


def test_lines_hang() -> None:
    assert Style(width=20).fit("one two three four five", "- ", "  ") == ["- one two three four", "  five"]


@given(st.text(alphabet="ab ", max_size=200), st.integers(10, 40))
def test_fitting_loses_no_word_and_keeps_to_the_width(text: str, width: int) -> None:
    lines = Style(width=width).fit(text, "  ", "    ")
    assert " ".join(lines).split() == text.split()
    longest = max((len(word) for word in text.split()), default=0)
    assert all(len(line) <= max(width, 4 + longest) for line in lines)
