"""No cause without a test of where it speaks and of where it does not; and each keeps to what it declares."""

from __future__ import annotations

import re

import pytest
import test_client_certificate_causes
import test_hello_causes
import test_not_tls_causes
import test_server_certificate_causes
import test_transport_causes

from whytls.causes import load_all, slugs
from whytls.causes.cause import LoadedCause

ROOMS = {
    "hello": test_hello_causes,
    "server-certificate": test_server_certificate_causes,
    "client-certificate": test_client_certificate_causes,
    "transport": test_transport_causes,
    "not-tls": test_not_tls_causes,
}
SPEAKS = {row.slug for room in ROOMS.values() for row in room.SPEAKS}
SILENT = {row.slug for room in ROOMS.values() for row in room.SILENT}


AT_REST_ONLY = {cause.slug for cause in load_all() if not cause.declaration.phases}  # tests/checking makes them speak


def test_each_speaks_somewhere() -> None:
    assert set(slugs()) - AT_REST_ONLY == SPEAKS


def test_each_is_silent_somewhere() -> None:
    assert set(slugs()) - AT_REST_ONLY == SILENT


@pytest.mark.parametrize("cause", [c for c in load_all() if c.slug not in AT_REST_ONLY], ids=lambda cause: cause.slug)
def test_each_is_tested_among_its_kind(cause: LoadedCause) -> None:
    # unexplained has no class of its own; it counts as the place where most handshakes end
    assert any(row.slug == cause.slug for row in ROOMS[cause.declaration.cause_class].SPEAKS)


@pytest.mark.parametrize("cause", load_all(), ids=lambda cause: cause.slug)
def test_each_neighbour_that_its_page_names_exists(cause: LoadedCause) -> None:
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", cause.page))
    assert named <= set(slugs())


@pytest.mark.parametrize("cause", load_all(), ids=lambda cause: cause.slug)
def test_each_declares_what_can_happen(cause: LoadedCause) -> None:
    declared = cause.declaration
    assert declared.phases or (declared.at_rest and not declared.defects)
    assert declared.owners
    assert "finished" in declared.phases or not declared.completed
    assert not declared.title.endswith(".")
