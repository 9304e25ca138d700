from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.edge.resources import TargetEndpoint, VirtualHost
from whytls.edge.xml import DEEPEST, MOST, Element, parse, write
from whytls.exceptions import InputError, WhytlsError

BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><VirtualHost name="&b;"><Port>1</Port></VirtualHost>'
FILE = b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><VirtualHost name="x"><Port>1</Port></VirtualHost>'
NAMES = st.text("AbZ", min_size=1, max_size=4)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=12).filter(lambda text: text == "" or bool(text.strip()))
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=8)
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=2).map(lambda d: tuple(d.items()))
LEAVES = st.builds(Element, NAMES, TEXTS, ATTRIBUTES)
TREES = st.recursive(LEAVES, lambda inner: st.builds(lambda name, attributes, children: Element(name, "", attributes, tuple(children)),
                                                     NAMES, ATTRIBUTES, st.lists(inner, min_size=1, max_size=3)), max_leaves=8)  # fmt: skip


@given(TREES)
def test_what_is_written_is_read_again(tree: Element) -> None:
    assert parse(write(tree).encode(), "x") == tree


@pytest.mark.parametrize("data", [BOMB, FILE])
def test_a_document_type_is_refused_before_it_is_read(data: bytes) -> None:
    with pytest.raises(InputError, match="document type"):
        VirtualHost.from_xml(data)


def test_depth_and_number_of_elements_have_bounds() -> None:
    with pytest.raises(InputError, match="nested deeper"):
        parse(b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1), "x")
    with pytest.raises(InputError, match="elements"):
        parse(b"<a>" + b"<b/>" * MOST + b"</a>", "x")


@pytest.mark.parametrize("data", [b"", b"<", b"<a></b>", b"text", b"<a/><b/>", b'<?xml version="1.0" encoding="nonsense"?><a/>', b"\xff\xfe<"])
def test_what_is_no_xml_is_said(data: bytes) -> None:
    with pytest.raises(InputError, match=r"no XML"):
        parse(data, "x")


@given(st.binary(max_size=200) | st.text("<>/VirtualHost= \"'SSLInfoPort19&;!-[]", max_size=80).map(str.encode))
def test_any_bytes_are_a_document_or_an_error_of_ours(data: bytes) -> None:
    for reader in (VirtualHost.from_xml, TargetEndpoint.from_xml):
        try:
            reader(data)
        except WhytlsError:
            pass
