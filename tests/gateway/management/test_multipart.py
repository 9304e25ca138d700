"""Multipart bodies: as curl, browsers and apigee-edge-js write them, and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.exceptions import InputError
from whytls.gateway.management.multipart import parts

KIND = 'multipart/form-data; boundary="xyz"'


def part(name: str, content: bytes, more: str = "") -> bytes:
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


@given(st.dictionaries(st.text("abcXYZ", min_size=1, max_size=8), st.binary(max_size=300).filter(lambda data: b"--xyz" not in data), max_size=5))
def test_what_is_put_in_comes_out(given_parts: dict[str, bytes]) -> None:
    body = b"".join(part(name, content) for name, content in given_parts.items()) + b"--xyz--\r\n"
    assert parts(KIND, body) == given_parts


def test_a_missing_end_is_put_up_with() -> None:
    assert parts(KIND, part("certFile", b"pem", '; filename="file.cert"') + b"--xyz\r\n") == {"certFile": b"pem"}


def test_of_two_with_one_name_the_last_counts() -> None:
    assert parts(KIND, part("file", b"1") + part("file", b"2") + b"--xyz--") == {"file": b"2"}


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 71, ""])
def test_a_boundary_is_needed(kind: str) -> None:
    with pytest.raises(InputError, match="boundary"):
        parts(kind, b"--xyz--")


def test_there_are_not_too_many_parts() -> None:
    with pytest.raises(InputError, match="more than 20 parts"):
        parts(KIND, b"".join(part(f"p{number}", b"") for number in range(30)) + b"--xyz--")


@given(st.binary(max_size=300), st.text(max_size=40))
def test_noise_is_an_error_of_ours_or_parts(body: bytes, boundary: str) -> None:
    for kind in (KIND, f"multipart/form-data; boundary={boundary}"):
        try:
            parts(kind, body)
        except InputError:
            pass


@given(st.binary(max_size=120))
def test_noise_after_a_good_beginning_too(noise: bytes) -> None:
    try:
        parts(KIND, part("a", b"1") + b"--xyz\r\n" + noise)
    except InputError:
        pass
