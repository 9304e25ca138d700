"""The description says what is served, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

from caller import Caller

from whytls.gateway.management.app import ROUTES
from whytls.gateway.management.openapi import SCHEMAS


def described(client: Caller) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_every_operation_is_described_once(client: Caller) -> None:
    paths = described(client)["paths"]
    listed = [(method.upper(), path) for path, operations in paths.items() for method in operations]
    assert sorted(listed) == sorted((route.method, route.path) for route in ROUTES)
    names = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    assert len(names) == len(set(names))


def test_every_name_in_a_path_is_described(client: Caller) -> None:
    for path, operations in described(client)["paths"].items():
        for operation in operations.values():
            assert [p["name"] for p in operation["parameters"] if p["in"] == "path"] == re.findall(r"\{(\w+)\}", path)


def test_every_schema_is_there_and_used(client: Caller) -> None:
    text = json.dumps(described(client)["paths"])
    referred = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert referred <= set(SCHEMAS)
    assert set(SCHEMAS) - referred <= {"Bytes", "Xml"}


def test_the_description_needs_no_password_and_has_no_secret(stranger: Caller, store: Any) -> None:
    answer = stranger.get("/openapi.json")
    assert answer.status_code == 200
    assert store.secret.token not in answer.text


def test_what_it_calls_required_is_required(client: Caller) -> None:
    seen = 0
    for path, operations in described(client)["paths"].items():
        for method, operation in operations.items():
            required = [p["name"] for p in operation["parameters"] if p["in"] == "query" and p["required"]]
            if required:
                answer = client.request(method.upper(), re.sub(r"\{\w+\}", "1", path))
                assert answer.status_code == 400, (method, path)
                assert f"query parameter {required[0]} is missing" in answer.json()["message"]
                seen += 1
    assert seen > 3
