"""Verdicts out of JSON: what `whytls diagnose`, `probe` and `audit` write, as a document or as lines, each turned into a case.

A document has the words of a verdict and not the recording: the chains that a handshake showed are known from ``CAPTURE#N`` or from a probe.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from whytls.edge.audit.targets import subject_of
from whytls.edge.context import EdgeContext
from whytls.edge.environment import targets
from whytls.edge.fixes.case import Case, located
from whytls.edge.fixes.change import der_of
from whytls.exceptions import InputError
from whytls.model import Artefact, Fix, Grade, Hop, Owner

LARGEST = 64 << 20
MOST_CASES = 10_000
LONGEST = 2_000  # characters of a text that we take over
HINT = "expected what whytls diagnose, probe or audit write with --format json or jsonl; or CAPTURE#N"


def looks_like(data: bytes) -> bool:
    """Whether a file begins like JSON, and so is no capture."""
    return data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def read_cases(data: bytes, name: str, context: EdgeContext) -> list[Case]:
    """The failures in a document.

    Raises:
        InputError: it is no such document.
    """
    if len(data) > LARGEST:
        raise InputError(f"larger than {LARGEST:,} bytes", file=name)
    found: list[Case] = []
    try:
        for value in _values(data):
            found += _cases(value, context)
            if len(found) > MOST_CASES:
                raise InputError(f"more than {MOST_CASES:,} failures", file=name, hint="filter them first: whytls diagnose --cause, --show")
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise InputError("is no report of whytls", file=name, hint=HINT) from None
    return found


def _values(data: bytes) -> Iterator[Mapping[str, Any]]:
    text = data.decode("utf-8-sig")
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        whole = None
    for value in [whole] if whole is not None else [json.loads(line) for line in text.splitlines() if line.strip()]:
        if not isinstance(value, dict):
            raise TypeError
        yield value


def _cases(value: Mapping[str, Any], context: EdgeContext) -> Iterator[Case]:
    if "schema" in value:
        for entry in value.get("diagnoses") or value.get("concerns") or value.get("servers") or ():
            yield from _cases(entry, context)
        if not {"diagnoses", "concerns", "servers"} & set(value):
            raise KeyError("schema")
    elif "rule" in value and "subject" in value:
        yield _of_concern(value, context)
    elif "verdict" in value and "problems" in value:
        yield from _of_server(value, context)
    elif value["cause"] is not None:
        yield _of_diagnosis(value, context)


def _of_diagnosis(value: Mapping[str, Any], context: EdgeContext) -> Case:
    server = value["server"]
    name = _text(value.get("sni")) or _text(server["address"])
    hop, met = located(context, _hop(value["hop"]), name, int(server["port"]))
    fixes = [_fix(one) for one in (value.get("fix"), *(value.get("more_fixes") or ())) if one is not None]
    return Case(
        _text(value["cause"]), _text(value["title"]), hop, _text(value.get("detail")), met.virtual_host if met else None, met.target if met else None,
        _text(value.get("sni")), fixes=tuple(fixes), file=_text(value.get("file")),
    )  # fmt: skip


def _of_server(value: Mapping[str, Any], context: EdgeContext) -> Iterator[Case]:
    host, _, port = _text(value["target"]).rpartition(":")
    number = int(port) if port.isdecimal() and host else 443
    name = _text(value.get("server_name")) or (host or port).strip("[]")
    hop, met = located(context, "direct", name, number)
    accepts = tuple(_text(one["name"]).replace("TLS ", "TLSv").replace("TLSv1.0", "TLSv1") for one in value.get("versions") or () if one["accepted"])
    for problem in value["problems"]:
        fixes = (_fix(problem["fix"]),) if problem.get("fix") else ()
        yield Case(
            _text(problem["cause"]), _text(problem["title"]), hop, _text(problem.get("detail")), met.virtual_host if met else None,
            met.target if met else None, name, accepts=accepts, fixes=fixes,
        )  # fmt: skip


def _of_concern(value: Mapping[str, Any], context: EdgeContext) -> Case:
    given = value["subject"]
    marks = (_text(given["kind"]), _text(given["name"]), _text(given["proxy"]), _text(given["at"]))
    environment = context.environment
    hosts = {("virtual host", host.name): host for host in environment.virtual_hosts.values()}
    host = hosts.get(marks[:2])
    found = None
    for target in targets(environment):
        subject = subject_of(target)
        if (subject.kind, subject.name, subject.proxy, subject.at) == marks:
            found = target
    chain = tuple(der_of(_certificate(pem)) for pem in (value.get("presented") or ())[:32])
    chains = ((), chain) if value.get("purpose") == "client" else (chain, ())
    name = found.host if found is not None else next(iter(host.host_aliases), "") if host is not None else ""
    fixes = (_fix(value["fix"]),) if value.get("fix") else ()
    title = _text(value["title"]) + ("" if host or found else f" ({marks[0]} {marks[1]})")
    return Case(_text(value["rule"]), title, _hop(value["hop"]), _text(value.get("detail")), host, found, name, chains[0], chains[1], fixes=fixes)


def _fix(value: Mapping[str, Any]) -> Fix:
    artefacts = tuple(Artefact(_text(one["kind"]), _text(one["content"], 1 << 20), _text(one["place"])) for one in value.get("artefacts") or ())
    owner, grade = _text(value["owner"]), _text(value["grade"])
    if owner not in get_args(Owner) or grade not in get_args(Grade):
        raise ValueError(owner)
    return Fix(owner, _text(value["text"]), grade, artefacts)  # type: ignore[arg-type]


def _hop(value: Any) -> Hop:
    hops: dict[str, Hop] = {"northbound": "northbound", "southbound": "southbound", "direct": "direct"}
    return hops[value]


def _certificate(value: Any) -> str:
    text = _text(value, 1 << 17)
    if not text.startswith("-----BEGIN CERTIFICATE-----"):
        raise ValueError(text[:20])
    return text


def _text(value: Any, longest: int = LONGEST) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError
    return value[:longest]
