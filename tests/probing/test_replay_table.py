"""Real servers refuse, the refusal is replayed, and the verdict is the true cause: every refusal of lab/live/refusals.py, every stack that can."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.replays import Row, row  # noqa: E402
from lab.live.papers import papers  # noqa: E402
from lab.live.refusals import Refused, refusals  # noqa: E402

from whytls.probing.replay import MOST  # noqa: E402

pytestmark = pytest.mark.stacks

STACKS = ("openssl", "nginx", "haproxy", "go", "java17", "gnutls", "nss")
# What a stack has no word for, or does not refuse. A stack that learns it fails here.
NOT_HERE = {
    "suites-of-tls13": {"go"},
    "no-name": {"openssl", "gnutls", "nss"},
    "no-name-tls12": {"openssl", "gnutls", "nss"},
    "unknown-name": {"nginx", "haproxy"},
    "alpn": {"haproxy"},
    "fallback": {"java17"},
    "master-secret": {"openssl", "nginx", "haproxy", "go", "gnutls", "nss"},
    "renegotiation": {"openssl", "nginx", "haproxy", "go"},
    "today-to-tls10": {"gnutls"},  # it takes TLS 1.1 although it is not offered; a client breaks off then
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Refused]:
    return refusals(papers(tmp_path_factory.mktemp("papers")))


NAMES = (
    "java7-to-tls12", "java7-to-tls12-13", "tls12-to-tls13", "today-to-tls10", "tls13-only-to-tls12", "old-suites-to-gcm", "gcm-to-rsa",
    "ecdsa-suites-to-rsa", "rsa-suites-to-ecdsa", "suites-of-tls13", "group-tls13", "group-tls12", "ecdsa-only-tls13", "ecdsa-only-tls12",
    "rsa-only-tls13", "no-name", "no-name-tls12", "unknown-name", "alpn", "fallback", "master-secret", "renegotiation",
)  # fmt: skip
BOXES = ("box-tls13", "box-long", "box-512", "box-grease", "box-extension")


def checked(one: Row | None, case: str, stack: str) -> None:
    """The verdict is the true one and nothing is claimed that is not; the replay kept to its bound."""
    assert one is not None
    if stack in NOT_HERE.get(case, set()):
        assert one.found is None
        return
    assert one.found is not None, one.note
    assert one.replayed is not None
    assert (one.found.cause, one.found.confidence) == (one.true, "proven")
    assert one.replayed.dimensions == one.dimensions
    assert len(one.replayed.tried) <= MOST
    assert one.replayed.alone, "other changes were tried, and did not help"
    assert any("is enough" in e.text for e in one.found.evidence)


def test_the_names_are_all_of_them(cases: dict[str, Refused]) -> None:
    assert set(cases) == {*NAMES, *BOXES}


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("stack", STACKS)
def test_the_cause_is_found(case: str, stack: str, cases: dict[str, Refused]) -> None:
    checked(row(case, cases[case], stack), case, stack)


@pytest.mark.parametrize("case", BOXES)
@pytest.mark.parametrize("stack", ["nginx", "go"])
def test_a_box_on_the_way_is_found(case: str, stack: str, cases: dict[str, Refused]) -> None:
    checked(row(case, cases[case], stack), case, stack)
