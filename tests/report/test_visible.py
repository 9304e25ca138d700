from hypothesis import given
from hypothesis import strategies as st

from whytls.report.visible import clipped, visible


def test_what_steers_a_terminal_is_written_out() -> None:
    assert visible("a\x1b[31mb\x07\x9b2J\r\nc\x7f") == "a\\x1b[31mb\\x07\\x9b2J\\x0d\\x0ac\\x7f"


def test_what_deceives_the_eye_is_written_out() -> None:
    assert visible("moc.elgoog\u202e\u200b.example\u2028\U000e0041") == "moc.elgoog\\u202e\\u200b.example\\u2028\\U000e0041"


def test_names_in_other_scripts_stay() -> None:
    assert visible("bücher.例え.example → ok") == "bücher.例え.example → ok"


def test_a_name_longer_than_any_dns_name_is_cut_and_counted() -> None:
    assert clipped("a" * 300) == "a" * 253 + "… (47 more characters)"
    assert clipped("a" * 253) == "a" * 253


@given(st.text())
def test_what_comes_out_is_one_line_and_prints_as_itself(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
