"""Whether clients get through, where the sets, the server's own word and what it turned away do not say the same."""

from __future__ import annotations

import asyncio
import socket

from authority import AT
from inventories import HOST, TARGET, accepted, healthy, refused
from story import client, hello, rst, server, story
from whytls.checking.result import Ask
from whytls.clients import load
from whytls.probing.attempt import Attempt, Prober
from whytls.probing.limits import Limits
from whytls.probing.result import Inventory, VersionFound
from whytls.probing.target import Target
from whytls.surveying.asking import Asked
from whytls.surveying.result import Through
from whytls.surveying.run import Wanted
from whytls.surveying.through import through

OWN_SUITE = healthy(versions=(VersionFound(0x0304, (0x1303,), True),))  # ChaCha20 alone, which Java 8 does not have


class Answering(Prober):
    """Gives the same answer to whatever it is asked."""

    def __init__(self, answer: Attempt) -> None:
        super().__init__(socket.AF_INET, ("192.0.2.7", 443), TARGET)
        self.answer = answer

    async def attempt(self, *_: object, **__: object) -> Attempt:  # type: ignore[override]
        return self.answer


def said(inventory: Inventory, answer: Attempt, *slugs: str, relieved: int = 0) -> dict[str, Through]:
    prober = Answering(answer)
    prober.gate.strain = prober.gate.strain._replace(relieved=relieved)
    wanted = Wanted(Ask(AT, host=HOST), Limits(), clients=tuple(load(slug) for slug in slugs))
    found = asyncio.run(through(Asked(Target(HOST, 443), prober, inventory), wanted))
    return {one.client: one for one in found}


def test_where_the_servers_word_leaves_it_open_the_empty_set_says_why() -> None:
    """NSS with one suite of TLS 1.3 says handshake_failure to Java 8's hello, which names nothing."""
    one = said(OWN_SUITE, refused(9, 40, sni=HOST), "java-8u442")["java-8u442"]
    assert (one.passes, one.cause, one.confidence, one.attempt) == (False, "cipher-mismatch", "likely", 9)
    assert "cipher suites that it offers for TLS 1.3" in one.why


def test_a_server_that_takes_the_hello_has_the_last_word() -> None:
    one = said(OWN_SUITE, accepted(9, 0x0303, 0xC02F, sni=HOST), "java-8u442")["java-8u442"]
    assert (one.passes, one.cause) == (True, "")
    assert any("against expectation" in note for note in one.notes)


def test_lists_of_a_server_that_turned_connections_away_are_a_part_only() -> None:
    cut_off = Attempt(9, "one too many", story(client >> hello(), server << rst()), "reset")
    short = healthy(signature_schemes=(0x0401,))
    assert said(short, cut_off)["openssl-3.0"].cause == "signature-algorithm-mismatch"
    one = said(short, cut_off, relieved=2)["openssl-3.0"]
    assert (one.passes, one.cause) == (None, "")
    assert any("turned connections away" in note for note in one.notes)
    assert said(short, cut_off, relieved=2)["java-7u80"].passes is False, "a version was refused in words"
