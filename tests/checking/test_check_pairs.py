"""`check_pair`: each entry that is presented, who is who, and the causes that follow."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
from test_endpoint import listening, tls

import whytls
from authority import NOON, days, issue
from whytls import InputError, PairResult, Password, UsageError
from whytls.checking.pairs import ROLES, Sides
from whytls.cli import check_pair as cli

Put = Callable[..., str]
STORES = Path(__file__).parents[1] / "pki" / "stores"


def pairs(presents: str, trusts: str, **wanted: object) -> list[PairResult]:
    return list(whytls.check_pair(presents, trusts, **{"at": NOON, **wanted}))  # type: ignore[arg-type]


def test_a_pair_that_fits(put: Put, pki: SimpleNamespace) -> None:
    (result,) = pairs(put("a.pem", pki.server, pki.middle, key=pki.server), put("t.pem", pki.root))
    assert (result.pair.accepted, result.refused, result.problems) == (True, False, ())


def test_a_root_that_is_not_there(put: Put, pki: SimpleNamespace) -> None:
    presents, trusts = put("a.pem", pki.client, pki.middle, key=pki.client), put("t.pem", pki.stranger)
    (result,) = pairs(presents, trusts, as_="client-router", with_=[put("root.pem", pki.root)])
    assert [(p.level, p.cause, p.confidence) for p in result.problems] == [("failure", "client-certificate-untrusted", "proven")]
    assert (result.roles.presents, result.roles.trusts, result.pair.usage) == ("the client", "the Router", "client")
    assert result.pair.anchor is not None
    assert result.problems[0].fix is not None
    assert "TrustStore" in result.problems[0].fix.text  # the virtual host's, for the hop is known
    assert result.problems[0].fix.owner == "gateway"


def test_each_entry_with_a_key_is_judged_or_the_one_named() -> None:
    source, trusts = str(STORES / "java17.p12"), str(STORES / "root.pem")
    wanted = {"at": "2027-01-01", "presents_password": Password.of("meadow1")}
    assert {(r.alias, r.refused) for r in pairs(source, trusts, **wanted)} == {("api", False), ("shop", False), ("selbst-ä", True)}
    (one,) = pairs(source, trusts, presents_alias="shop", **wanted)
    assert one.alias == "shop"
    with pytest.raises(InputError, match="no entry 'till'"):
        pairs(source, trusts, presents_alias="till", **wanted)


def test_a_live_endpoint_is_presented(put: Put, pki: SimpleNamespace) -> None:
    with listening(tls(put("a.pem", pki.server, key=pki.server))) as port:
        (result,) = pairs(f"127.0.0.1:{port}", put("t.pem", pki.root), as_="target-processor", with_=[put("ca.pem", pki.middle)])
    assert [p.cause for p in result.problems] == ["chain-incomplete"]
    assert [mend.action for mend in result.pair.mends] == ["upload-chain"]
    with socket.create_server(("127.0.0.1", 0)) as unused:
        free = unused.getsockname()[1]
    with pytest.raises(InputError, match="shows no certificate"):
        pairs(f"127.0.0.1:{free}", put("t.pem", pki.root))


def test_a_chain_longer_than_nginx_follows_is_told(put: Put, pki: SimpleNamespace) -> None:
    lower = issue("Meadow Lower", pki.middle, ca=True)
    deep = issue("deep", lower)
    (result,) = pairs(put("a.pem", deep, lower, pki.middle, key=deep), put("t.pem", pki.root), usage="client")
    assert [(p.cause, p.detail) for p in result.problems] == [("client-chain-incomplete", "verify-depth")]


def test_every_pair_of_the_runbook_has_its_name() -> None:
    assert set(ROLES) == set(get_args(Sides)) == set(cli.SIDES)
    assert {(r.usage, r.hop) for r in ROLES.values()} == {(u, h) for u in ("server", "client") for h in ("northbound", "southbound")}


def test_a_call_that_cannot_be(put: Put, pki: SimpleNamespace) -> None:
    source = put("a.pem", pki.server, pki.middle, key=pki.server)
    with pytest.raises(UsageError, match="no pair 'router-router'"):
        pairs(source, source, as_="router-router")
    with pytest.raises(UsageError, match="client's certificate"):
        pairs(source, source, as_="client-router", usage="server")
    with pytest.raises(InputError):
        pairs(source, put("empty.pem"))


def test_the_time_counts(put: Put, pki: SimpleNamespace) -> None:
    source, trusts = put("a.pem", pki.server, pki.middle, key=pki.server), put("t.pem", pki.root)
    (late,) = pairs(source, trusts, at=NOON + days(3650))
    assert late.problems[0].cause == "certificate-expired"
