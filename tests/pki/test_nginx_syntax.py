"""The syntax of nginx configurations."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whytls.pki.readers.nginx_syntax import Configuration, Directive, parse


def read(text: str, name: str = "nginx.conf") -> Configuration:
    return parse(text.encode(), name)


def plain(directives: tuple[Directive, ...]) -> list[object]:
    return [(d.name, *d.args) if d.block is None else (d.name, *d.args, plain(d.block)) for d in directives]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;", [("a",)]),
        ("a b  c\n d;e;", [("a", "b", "c", "d"), ("e",)]),
        ("a { b c; d { } }", [("a", [("b", "c"), ("d", [])])]),
        ("# x; {\na#b c; # y\n", [("a#b", "c")]),
        ("a 'b c' \"d;e{}\" '';", [("a", "b c", "d;e{}", "")]),
        (r"""a "b\"c" 'd\'e' f\;g h\ i "\t\n\\";""", [("a", 'b"c', "d'e", "f\\;g", "h\\ i", "\t\n\\")]),
        ("a ${b}c d$e ${f}{ g; }", [("a", "${b}c", "d$e", "${f}", [("g",)])]),
        ("a b}c;", [("a", "b}c")]),
        ("if ($a ~ \"x{2}\") { return 403; }", [("if", "($a", "~", "x{2}", ")", [("return", "403")])]),
        ("a b'c;", [("a", "b'c")]),
        ("content_by_lua_block { local t = {a = '}', b = [[}]]} -- }\n return t } b;", [("content_by_lua_block", []), ("b",)]),
        ("content_by_lua_block {\n--[==[ } ]] ]==]\n}\nb;", [("content_by_lua_block", []), ("b",)]),
        ("größe ä;", [("größe", "ä")]),
        ("", []),
        ("\ta\r\n;\r\n", [("a",)]),
    ],
)  # fmt: skip
def test_words_and_blocks(text: str, expected: list[object]) -> None:
    found = read(text)
    assert (plain(found.directives), found.damage, found.warnings) == (expected, [], [])


@pytest.mark.parametrize(
    ("text", "words", "kept"),
    [
        ("a;\nb { c;", 'nginx.conf:2: the file ends before what begins here is closed; expected ";" or "}"', [("a",), ("b", [("c",)])]),
        ("a;\nb c", "nginx.conf:2: the file ends before what begins here is closed", [("a",)]),
        ("a; }", 'nginx.conf:1: unexpected "}"', [("a",)]),
        ("a { b }", 'nginx.conf:1: unexpected "}"; expected ";" before it', [("a", [])]),
        ("a;\n;", 'nginx.conf:2: unexpected ";"; expected a directive before it', [("a",)]),
        ("{ }", 'unexpected "{"', []),
        ("a;\n b 'c;", "nginx.conf:2: a word in quotes has no end; expected '", [("a",)]),
        ("a 'b'c;", 'expected a space, ";" or "{" behind a word in quotes', []),
        ("a \\", "ends within a word", []),
        ("a { " * 70, "nested deeper than 64", None),
        ("x_by_lua_block { {", "a block of Lua has no end", []),
    ],
)
def test_damage_keeps_what_stands_before_it(text: str, words: str, kept: list[object] | None) -> None:
    found = read(text)
    assert len(found.damage) == 1
    assert words in found.damage[0]
    assert kept is None or plain(found.directives) == kept


def test_lines() -> None:
    found = read("a;\n\n# x\nb\n c {\n 'd\ne' f;\ng; }\nh;")
    assert [(d.name, d.line) for d in found.directives] == [("a", 1), ("b", 4), ("h", 9)]
    assert [(d.name, d.line) for d in found.directives[1].block or ()] == [("d\ne", 6), ("g", 8)]


def test_includes_count_from_the_main_file(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "b.conf").write_text("b; include inner.conf;")
    (tmp_path / "conf.d" / "a.conf").write_text("a;")
    (tmp_path / "inner.conf").write_text("inner;")
    found = read("x { include conf.d/*.conf; y; }\ninclude none/*.conf;\ninclude missing.conf;", str(tmp_path / "nginx.conf"))
    assert plain(found.directives) == [("x", [("a",), ("b",), ("inner",), ("y",)])]
    assert [Path(d.file).name for d in found.directives[0].block or ()] == ["a.conf", "b.conf", "inner.conf", "nginx.conf"]
    (warning,) = found.warnings
    assert warning.startswith(f"{tmp_path}/nginx.conf:3: {tmp_path}/missing.conf: No such file")


def test_includes_are_bounded(tmp_path: Path) -> None:
    main = tmp_path / "nginx.conf"
    main.write_text("a; include nginx.conf; include */*/*/*; include 'x\0y';")
    found = parse(main.read_bytes(), str(main))
    assert len(found.directives) == 17
    assert any("does a file include itself?" in damage for damage in found.damage)
    assert any("at most 2 parts with wildcards" in warning for warning in found.warnings)
    main.write_text("include nginx.conf; " * 50)
    begin = time.process_time()
    found = parse(main.read_bytes(), str(main))
    assert (found.files <= 1001, any("more than 1,000 files" in damage for damage in found.damage)) == (True, True)
    assert time.process_time() - begin < 10


def test_time_is_linear() -> None:
    begin = time.process_time()
    for piece in ("{", "a ", "\\", "${", "'", "# \n", "a{}"):
        read(piece * 200_000)
    for piece in ("--[[\n", "[[", "[=[", '\\"', "\"'\n", "--", "{"):
        read("x_by_lua_block {" + piece * 200_000)
    assert time.process_time() - begin < 10


@settings(deadline=None)
@given(st.text(alphabet="ab ;{}\"'\\$#\n}", max_size=80))
def test_anything_is_a_value(text: str) -> None:
    found = read(text)
    assert isinstance(found.directives, tuple)
    assert len(found.damage) <= 1


words = st.text(alphabet="abz/.*~^:=-_", min_size=1, max_size=8)
anything = st.text(alphabet="ab ;{}'\\$#\n\"", max_size=8)


@settings(deadline=None)
@given(st.lists(st.tuples(words, st.lists(anything, max_size=3)), max_size=5))
def test_quoted_words_come_back(directives: list[tuple[str, list[str]]]) -> None:
    def quoted(word: str) -> str:
        return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = "\n".join(" ".join([name, *map(quoted, args)]) + ";" for name, args in directives if name != "include")
    assert plain(read(text).directives) == [(name, *args) for name, args in directives if name != "include"]
