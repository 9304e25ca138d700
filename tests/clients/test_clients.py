"""The list of clients, and each of their files."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls import clients
from whytls.clients.client import hello_of, read
from whytls.exceptions import DamagedInput, UsageError
from whytls.pki.stacks import STACKS
from whytls.wire.hello import build
from whytls.wire.registry import SCHEMES, TLS10, TLS12, TLS13, suite_facts

SLUGS = clients.slugs()
# Who judges a chain without a profile of ours: their habits are those that all stacks share.
UNPROFILED = {"gnutls", "nss", "rustls", "schannel", "mono", "mbedtls", "wolfssl", "bun", "dotnet"}
FAMILIES = {
    "java",
    "openssl",
    "curl",
    "go",
    "node",
    "python",
    "browser",
    "gnutls",
    "nss",
    "nginx",
    "haproxy",
    "dotnet",
    "rustls",
    "mbedtls",
    "wolfssl",
}


def test_every_family_of_the_field_is_there() -> None:
    assert {client.family for client in clients.load_all()} >= FAMILIES
    assert len(SLUGS) >= 60


@pytest.mark.parametrize("slug", SLUGS)
def test_a_client_holds_together(slug: str) -> None:
    client = clients.load(slug)
    hello, rules = client.hello, client.rules
    assert client.title
    assert client.versions, "it takes none of the versions that it offers"
    assert max(client.versions) == hello.max_version
    assert min(client.versions) >= TLS10, "no client of today takes SSL 3.0"
    assert any(suite_facts(s).usable(v) for s in hello.cipher_suites for v in client.versions)
    assert rules.judged_by in {stack.name for stack in STACKS["server"]} | {"browser"} | UNPROFILED
    assert rules.sources
    assert rules.anchors
    assert 0 <= rules.rsa_bits[0] < rules.rsa_bits[1]
    offers_dhe = any(suite_facts(s).key_exchange == "DHE" for s in hello.cipher_suites)
    assert rules.dh_bits is not None or not offers_dhe or client.family in ("dotnet", "rustls", "boringssl"), "what prime does it take?"
    assert (TLS13 in hello.versions) == bool(hello.key_shares)
    assert hello.signature_algorithms is not None or hello.max_version < TLS12
    assert all(scheme in SCHEMES or scheme >> 8 <= 6 for scheme in hello.signature_algorithms or ())


@pytest.mark.parametrize("slug", SLUGS)
def test_it_says_where_it_is_from(slug: str) -> None:
    provenance = clients.load(slug).provenance
    if provenance.kind == "recorded":
        assert provenance.program
        assert "PORT" in provenance.command or "proxy" in slug or "server" in slug
        assert provenance.date >= "2026"
        assert not provenance.facts
    else:
        assert provenance.kind == "described"
        assert provenance.facts
        assert provenance.unknown


@pytest.mark.parametrize("slug", SLUGS)
def test_its_hello_written_again_is_the_same(slug: str) -> None:
    """All but GREASE, which ``ClientHello`` leaves out: the bytes themselves."""
    client = clients.load(slug)
    again = build(client.hello, int.from_bytes(client.first_flight[1:3], "big"))
    if not client.hello.greased:
        assert again == client.first_flight
    assert hello_of(again)._replace(greased=client.hello.greased) == client.hello


def test_a_message_processor_is_its_java_without_the_name() -> None:
    silent = [slug for slug in SLUGS if slug.endswith("-message-processor")]
    assert len(silent) >= 7
    for slug in silent:
        client, plain = clients.load(slug), clients.load(slug.removesuffix("-message-processor"))
        assert not client.sends_name
        assert plain.sends_name
        assert client.hello.cipher_suites == plain.hello.cipher_suites
        assert not client.rules.checks_name
        assert "Message Processor" in client.title


def test_finding_clients() -> None:
    assert clients.find("java-17") == (clients.load("java-17"),)
    assert {c.family for c in clients.find("java")} == {"java"}
    assert len(clients.find("java")) > 10
    assert [c.slug for c in clients.find("chromium")] == [s for s in SLUGS if s.startswith("chromium-")]
    with pytest.raises(UsageError, match=r"java-17"):
        clients.load("jva-17")
    with pytest.raises(UsageError, match="no client"):
        clients.find("../../etc/passwd")


def test_listing_reads_no_file() -> None:
    heavy = ("json", "cryptography", "ssl", "asyncio", "whytls.pki.chain")
    program = f"import sys; from whytls import clients; clients.slugs(); print(*(m for m in {heavy} if m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split() == []


@given(st.text(max_size=400))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(DamagedInput, match=r"any\.json"):
        read("any", text)


@given(st.binary(max_size=200))
def test_no_flight_breaks_the_reader(flight: bytes) -> None:
    told = {"title": "x", "family": "x", "version": "1", "first_flight": [flight.hex()]}
    read_so = partial(read, "any", json.dumps({**told, "accepts": {"judged_by": "go"}, "provenance": {"kind": "described"}}))
    if _is_hello(flight):
        assert read_so().hello.problem is None
    else:
        with pytest.raises(DamagedInput, match=r"any\.json"):
            read_so()


def _is_hello(flight: bytes) -> bool:
    try:
        return hello_of(flight).problem is None
    except ValueError:
        return False
