"""The trace over HTTP, and restarts: who may ask, what is chosen, what is hostile."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whytls.exceptions import InputError, UsageError
from whytls.gateway import trace as traces
from whytls.gateway.control import Control
from whytls.gateway.trace import Trace

TOKEN = "t0ken"
BEARER = b"Bearer t0ken"


def asked(
    trace: Trace, method: str = "GET", path: str = "/trace", query: bytes = b"", authorization: bytes = BEARER, **restarts: Any
) -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b"inner"})

    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": [(b"authorization", authorization)]}
    control = Control(inner, trace, TOKEN, {name.replace("_", "-"): restart for name, restart in restarts.items()})
    asyncio.run(control(scope, None, send))  # type: ignore[arg-type]
    return sent[0]["status"], sent[1]["body"]


def filled() -> Trace:
    trace = Trace()
    for hop in ("northbound", "southbound", "southbound"):
        trace.add({"hop": hop}, None)
    return trace


def test_entries_are_chosen() -> None:
    status, body = asked(filled(), query=b"since=1&hop=southbound")
    assert (status, [json.loads(line)["number"] for line in body.splitlines()]) == (200, [2, 3])
    assert asked(filled(), query=b"cause=nothing") == (200, b"")


def test_who_has_no_token_gets_nothing() -> None:
    for given_ in (b"", b"Bearer", b"Bearer wrong", b"Basic !!", b"Basic " + base64.b64encode(b"u:wrong"), b"Digest t0ken", b"t0ken"):
        assert asked(filled(), authorization=given_)[0] == 401
        assert asked(filled(), "POST", "/restart/router", authorization=given_, router=lambda: None)[0] == 401
    assert asked(filled(), authorization=b"Basic " + base64.b64encode(b"anyone:t0ken"))[0] == 200


def test_every_other_path_is_the_inner_applications() -> None:
    assert asked(filled(), path="/v1/organizations", authorization=b"") == (299, b"inner")


def test_restarts() -> None:
    done: list[str] = []
    assert asked(filled(), "POST", "/restart/router", router=lambda: done.append("router"))[0] == 200
    assert done == ["router"]
    assert asked(filled(), "GET", "/restart/router", router=lambda: None)[0] == 405
    assert asked(filled(), "POST", "/restart/backend", router=lambda: None)[0] == 404
    assert asked(filled(), "POST", "/trace")[0] == 405

    def refuse() -> None:
        raise UsageError("perhaps is neither true nor false")

    status, body = asked(filled(), "POST", "/restart/message-processor", message_processor=refuse)
    assert (status, json.loads(body)["message"]) == (400, "perhaps is neither true nor false")


@given(st.binary(max_size=300), st.sampled_from(["/trace", "/restart/router", "/restart/\x00", "/trace/"]), st.sampled_from(["GET", "POST", "BREW"]))
def test_whatever_is_asked_is_answered(query: bytes, path: str, method: str) -> None:
    assert 200 <= asked(filled(), method, path, query, router=lambda: None)[0] < 500


def test_the_file_is_for_its_owner_and_begins_anew_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "LARGEST", 300)
    trace = Trace(tmp_path / "trace.jsonl")
    for _ in range(20):
        trace.add({"hop": "northbound"}, None)
    trace.close()
    numbers = [json.loads(line)["number"] for name in ("trace.jsonl.1", "trace.jsonl") for line in (tmp_path / name).read_text().splitlines()]
    assert numbers == list(range(numbers[0], 21))
    assert (tmp_path / "trace.jsonl").stat().st_mode & 0o777 == 0o600
    with pytest.raises(InputError):
        Trace(tmp_path / "none" / "trace.jsonl")


def test_memory_keeps_the_last_entries_only() -> None:
    trace = Trace()
    for _ in range(traces.KEPT + 10):
        trace.add({"hop": "northbound"}, None)
    assert (len(trace.entries), trace.entries[0]["number"], trace.count) == (traces.KEPT, 11, traces.KEPT + 10)
