"""A pair of stores in words: who refuses what, what to do in which store, and what is then seen on the wire."""

from __future__ import annotations

from typing import get_args

import pytest

from authority import AT, CLIENT, NOON, SERVER, Issued, crl, days, issue
from whytls.pki.pair import PairReport, pair
from whytls.pki.readers.revocation import revocation_in
from whytls.pki.trust import Condition
from whytls.report.pairing import CONDITIONS, Names, by_stack, draw_pair, mends, verdict
from whytls.report.terminal import Style

NAMES = Names("the backend", "the Message Processor")
ROOT = issue("Meadow Root", ca=True)
MIDDLE = issue("Meadow Issuing 1", ROOT, ca=True)
LEAF = issue("shop.meadow.example", MIDDLE, san=("shop.meadow.example",), usage=(SERVER,))
TILL = issue("till 7", MIDDLE, usage=(CLIENT,))
LOWER = issue("Meadow Lower", MIDDLE, ca=True)
STRANGER = issue("Heath Root", ca=True)


def judged(presents: list[Issued], trusts: list[Issued], known: tuple[Issued, ...] = (), **wanted: object) -> PairReport:
    return pair([p.der for p in presents], [t.der for t in trusts], known=[k.der for k in known], **{"at": AT, **wanted})  # type: ignore[arg-type]


def test_accepted() -> None:
    report = judged([LEAF, MIDDLE], [ROOT])
    assert verdict(report, NAMES) == "the Message Processor accepts what the backend presents as TLS server."
    assert list(mends(report, NAMES)) == []
    assert draw_pair(report, names=NAMES)[0].startswith("✓ the Message Processor accepts")


def test_refused_with_its_mends() -> None:
    report = judged([LEAF], [STRANGER], (MIDDLE, ROOT))
    assert verdict(report, NAMES) == (
        "the Message Processor refuses what the backend presents as TLS server: "
        "the certificate of its issuer CN=Meadow Issuing 1,O=Meadow was not sent."
    )
    told = list(mends(report, NAMES))
    assert told[0] == "fix (the backend, keystore): upload the repaired chain: 2 certificates, own certificate first (1 added)"
    assert told[1].startswith("fix (the Message Processor, truststore): add the root certificate CN=Meadow Root,O=Meadow (SHA-256 ")
    assert told[-1] == "with that done, every stack accepts it."
    assert by_stack(report, report.by("java")) == "java: refuses; on the wire: certificate_unknown (46)"
    assert by_stack(report, report.by("node")) == "node: refuses; on the wire: no alert, it closes the connection"


def test_what_is_missing_is_named() -> None:
    (told,) = mends(judged([LEAF], [ROOT]), NAMES)
    assert "obtain the issuer's certificate, then upload the chain: CN=Meadow Issuing 1,O=Meadow, key identifier" in told


LATE = {"begins": NOON - days(90), "ends": NOON - days(1)}


@pytest.mark.parametrize(
    ("presents", "trusts", "usage", "text"),
    [
        ([issue("late", MIDDLE, **LATE), MIDDLE], [ROOT], "server", "install a new certificate without this fault, with its chain"),
        ([LEAF, issue("Meadow Issuing 1", ROOT, ca=True, key=MIDDLE.key, **LATE)], [ROOT], "server", "exchange the CA certificate at fault"),
        ([LEAF, MIDDLE], [issue("Meadow Root", ca=True, **LATE)], "server", "(the Message Processor, truststore): replace the root certificate"),
        ([], [ROOT], "client", "install a certificate with its key and chain"),
        ([issue("deep", LOWER), LOWER, MIDDLE], [ROOT], "client", "raise ssl_verify_depth"),
    ],
)
def test_every_fault_has_its_sentence(presents: list[Issued], trusts: list[Issued], usage: str, text: str) -> None:
    assert any(text in told for told in mends(judged(presents, trusts, usage=usage), NAMES))


def test_a_revoked_key_is_not_used_again() -> None:
    lists = revocation_in(crl(MIDDLE, LEAF.certificate.serial_number), "issuing.crl")
    report = judged([LEAF, MIDDLE], [ROOT], revocation=lists)
    assert next(mends(report, NAMES)).endswith("install a new certificate with its chain, for a new key")
    assert "refuses where it checks revocation, and knows this; on the wire: certificate_revoked (44)" in by_stack(report, report.by("openssl"))
    assert "revoked on 2024-05-30: unspecified" in verdict(report, NAMES)


def test_stacks_that_differ() -> None:
    report = judged([LEAF, MIDDLE], [MIDDLE], (ROOT,))
    assert "depends on its stack (openssl, python, node, nginx proxy refuse): leads to CN=Meadow Root,O=Meadow" in verdict(report, NAMES)
    assert by_stack(report, report.by("go")) == "go: accepts"


def test_a_client_that_sends_no_certificate_is_warned_of() -> None:
    told = list(mends(judged([TILL, MIDDLE], [STRANGER], usage="client"), Names("the client", "the Router")))
    assert told[0] == "fix (the Router, truststore): add the root certificate CN=Meadow Root,O=Meadow (not at hand), if that CA is to be trusted"
    assert told[1].startswith("or (the client, keystore): install a certificate from a CA that is trusted there already")
    assert "Java, Go and NSS then send none at all" in told[2]


def test_a_condition_is_told() -> None:
    report = judged([LEAF, MIDDLE], [ROOT], host="bar.example")
    assert by_stack(report, report.by("openssl")).startswith("openssl: refuses where it compares the host name; on the wire: bad_certificate")
    assert set(CONDITIONS) == set(get_args(Condition))


@pytest.mark.parametrize("width", [60, 80])
def test_lines_keep_to_the_width(width: int) -> None:
    lines = draw_pair(judged([LEAF], [STRANGER], (MIDDLE,)), Style(width=width), NAMES)
    assert all(len(line) <= width for line in lines if "SHA-256" not in line)
    assert all(line.isprintable() for line in lines)
