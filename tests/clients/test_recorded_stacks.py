"""Every recorded client that stands in lab/packages.txt, recorded anew: the file is what the stack sends today."""

from __future__ import annotations

import pytest
from lab.hellos.compare import form
from lab.hellos.record import record
from lab.hellos.stacks import STACKS, Stack

from whytls import clients
from whytls.clients.client import hello_of

pytestmark = pytest.mark.stacks
HERE = [stack for stack in STACKS if stack.debian]


def test_these_stacks_are_of_several_libraries() -> None:
    assert {stack.family for stack in HERE} >= {"openssl", "curl", "gnutls", "nss", "java", "go", "nginx", "haproxy"}


@pytest.mark.parametrize("stack", HERE, ids=lambda stack: stack.slug)
def test_its_file_is_what_it_sends(stack: Stack) -> None:
    found, kept = record(stack), clients.load(stack.slug)
    assert form(hello_of(found.flight)) == form(kept.hello), f"record it anew: python -m lab.hellos {stack.slug}  ({found.says})"
    assert found.flight[:3] == kept.first_flight[:3], "the version in the first record"
    assert kept.provenance.command == found.command
