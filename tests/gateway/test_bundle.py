"""Bundles: hostile zips stay within bounds, and what is in a good one is read."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.exceptions import InputError
from whytls.gateway import bundle

NAMES = st.text("abcXYZ09._-", min_size=1, max_size=8).filter(lambda name: name.strip("."))
FILES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=200), max_size=5)


def zip_of(files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@given(FILES)
def test_what_is_zipped_is_unzipped(files: dict[str, bytes]) -> None:
    assert bundle.unzipped(bundle.zipped(files), "bundle") == files
    assert bundle.zipped(files) == bundle.zipped(dict(reversed(files.items())))


@given(FILES, st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=8), st.integers(0, 1 << 20))
def test_a_damaged_zip_is_an_error_of_ours_or_files(files: dict[str, bytes], changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(zip_of(files))
    for at, value in changes:
        data[at % len(data)] = value
    try:
        bundle.unzipped(bytes(data[: cut % (len(data) + 1)] if cut % 3 == 0 else data), "bundle")
    except InputError:
        pass


@given(st.binary(max_size=200))
def test_noise_is_no_bundle(noise: bytes) -> None:
    with pytest.raises(InputError):
        bundle.proxy_files(noise)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "apiproxy/../../evil", "..\\evil", "C:/evil", "a//b", "apiproxy/./x", "x" * 600])
def test_a_path_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="leads out"):
        bundle.unzipped(zip_of({name: b"x"}), "bundle")


def test_a_bomb_is_stopped_where_the_bound_is() -> None:
    bomb = zip_of({"apiproxy/x": bytes(80 << 20)})
    assert len(bomb) < 100_000
    with pytest.raises(InputError, match="larger than a bundle can be"):
        bundle.unzipped(bomb, "bundle")


def test_a_bomb_of_many_files_that_are_one_is_stopped() -> None:
    with pytest.raises(InputError, match="larger"):
        bundle.unzipped(zip_of({f"apiproxy/{number}": bytes(1 << 20) for number in range(70)}), "bundle")


def test_too_many_files_are_refused() -> None:
    with pytest.raises(InputError, match="files"):
        bundle.unzipped(zip_of({f"apiproxy/{number}": b"" for number in range(2_001)}, zipfile.ZIP_STORED), "bundle")


def test_an_encrypted_zip_is_refused() -> None:
    data = bytearray(zip_of({"apiproxy/x.js": b"text"}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(InputError, match="encrypted"):
        bundle.unzipped(bytes(data), "bundle")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"readme.txt": b"x"}, "no bundle of a proxy"),
        ({"apiproxy/proxies/default.xml": b"<TargetEndpoint/>"}, "no ProxyEndpoint"),
        ({"apiproxy/targets/default.xml": b"no xml"}, "no XML"),
        ({"apiproxy/targets/default.xml": b'<!DOCTYPE x [<!ENTITY y "z">]><TargetEndpoint>&y;</TargetEndpoint>'}, "document type"),
        ({"apiproxy/weather.xml": b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><APIProxy/>'}, "document type"),
        ({"apiproxy/proxies/d.xml": b"<a>" * 100 + b"</a>" * 100}, "nested"),
    ],
)
def test_what_is_no_proxy_is_refused_and_says_why(files: dict[str, bytes], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        bundle.proxy_files(zip_of(files))


def test_resource_files_are_bytes_whatever_their_ending() -> None:
    files = {"apiproxy/a.xml": b"<APIProxy/>", "apiproxy/resources/xsl/a.xml": b"not xml", "apiproxy/resources/jsc/b.js": b"\0\1"}
    assert bundle.proxy_files(zip_of(files)) == files
    assert bundle.resource_files(files) == [("jsc", "b.js"), ("xsl", "a.xml")]


@pytest.mark.parametrize(("kind", "name"), [("jsc", "../../targets/default.xml"), ("../x", "a"), ("", "a"), ("jsc", ""), ("jsc", "/a")])
def test_a_resource_file_stays_among_its_kind(kind: str, name: str) -> None:
    with pytest.raises(InputError):
        bundle.resource_path(kind, name)
