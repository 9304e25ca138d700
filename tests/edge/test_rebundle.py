"""A bundle with one TargetEndpoint changed: all else as it was; what is no bundle is refused."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_acme import BUNDLE, BUNDLE_FILES
from whytls.edge.rebundle import with_endpoint
from whytls.exceptions import InputError

NEW = b'<TargetEndpoint name="default"><HTTPTargetConnection><URL>https://new.test</URL></HTTPTargetConnection></TargetEndpoint>'


def test_one_file_changes_and_no_other() -> None:
    with zipfile.ZipFile(io.BytesIO(with_endpoint(BUNDLE, "default", NEW))) as made:
        held = {name: made.read(name) for name in made.namelist()}
    expected = {name: text.encode() if isinstance(text, str) else text for name, text in BUNDLE_FILES.items()}
    assert held == {**expected, "apiproxy/targets/default.xml": NEW}


def test_an_endpoint_that_is_not_there() -> None:
    with pytest.raises(InputError, match="no TargetEndpoint other"):
        with_endpoint(BUNDLE, "other", NEW)


@given(st.integers(0, len(BUNDLE) - 1), st.integers(0, 255))
def test_damage_is_an_error_of_ours(at: int, value: int) -> None:
    damaged = BUNDLE[:at] + bytes([value]) + BUNDLE[at + 1 :]
    try:
        with_endpoint(damaged, "default", NEW)
    except InputError:
        pass


@given(st.binary(max_size=300))
def test_no_archive_at_all(data: bytes) -> None:
    with pytest.raises(InputError):
        with_endpoint(data, "default", NEW)
