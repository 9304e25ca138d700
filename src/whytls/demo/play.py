"""Plays a row: provokes the failure, has it explained twice, mends it, and calls again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from whytls.demo.authority import cast
from whytls.demo.backend import Setup
from whytls.demo.caller import Answer
from whytls.demo.mend import mended
from whytls.demo.northbound import NORTHBOUND, PATH
from whytls.demo.row import Applied, AtHand, Before, Row, Scene
from whytls.demo.southbound import FRONT, FRONT_HOST, SOUTHBOUND
from whytls.demo.stage import HOST, Stage
from whytls.edge.environment import Environment
from whytls.edge.resources import TlsInfo
from whytls.exceptions import UsageError
from whytls.model import Diagnosis

ROWS = (*NORTHBOUND, *SOUTHBOUND)
PATIENCE = 3.0  # seconds in which a failure has to be in the trace: northbound the Router sees the end after the client


class Played(NamedTuple):
    """What came of a row."""

    row: Row
    before: Before | None
    answer: Answer  # what the caller saw
    traced: dict[str, Any] | None  # the diagnosis in the gateway's trace
    diagnosis: Diagnosis | None  # that of ``whytls diagnose`` on the recording
    known: Environment  # the configuration that it was about, as it was before the fix
    applied: Applied
    after: Answer
    seconds: float
    wrong: tuple[str, ...]  # what is not as it should be; empty: the row is right


def furnish(stage: Stage) -> None:
    """What all rows share: a good backend with its proxy, and the virtual host in front of the southbound ones."""
    ours, _ = cast()
    good = stage.backend("hello", Setup(ours.chain(HOST)))
    stage.proxy(PATH[1:], good.port, TlsInfo(enabled=True, trust_store=stage.truststore("hello-ts", ours.root)))
    store = stage.identity("front-ks", "api", ours.chain(FRONT_HOST))
    stage.virtual_host(FRONT, FRONT_HOST, TlsInfo(enabled=True, key_store=store, key_alias="api"))
    stage.settle()


def play(row: Row, stage: Stage) -> Played:
    """Plays one row on a stage that is furnished.

    Raises:
        WhytlsError: the gateway does not do what it is asked.
    """
    began = time.monotonic()
    stage.sni(row.sni)
    scene = row.stage(stage, row.name)
    stage.settle()
    with stage.recorded(row.name, _ports(stage, scene)):
        before = scene.before() if scene.before else None
        if scene.provoke:
            scene.provoke()
            stage.settle()
        number = len(stage.trace())
        answer = scene.call()
        traced = _traced(stage, row, number)
    known = stage.environment([scene.virtual_host] if scene.virtual_host else [], [scene.target_server] if scene.target_server else [])
    diagnosis = _diagnosed(stage, row, scene, known)
    applied = _applied(stage, scene, diagnosis, known)
    stage.settle()
    after = scene.again()
    wrong = tuple(_wrong(row, before, answer, traced, diagnosis, applied, after))
    return Played(row, before, answer, traced, diagnosis, known, applied, after, time.monotonic() - began, wrong)


def _applied(stage: Stage, scene: Scene, diagnosis: Diagnosis | None, known: Environment) -> Applied:
    """The fix, by whom it is to be done; without a verdict, or where none of its ways can be applied, nothing is."""
    if not isinstance(scene.fix, AtHand):
        return scene.fix()
    if diagnosis is None:
        return Applied("gateway", "nothing: there is no verdict")
    try:
        return mended(stage, diagnosis, known, scene.fix, scene.port if scene.target_server else 0)
    except UsageError as error:
        return Applied("gateway", f"nothing: {error}")


def _ports(stage: Stage, scene: Scene) -> list[int]:
    """Where the row's connections go: to a virtual host, and southbound to the backend as well."""
    named = scene.virtual_host or FRONT
    router = next(stage.gateway.ports[host.port] for host in stage.gateway.plane.environment.virtual_hosts if host.name == named)
    return [router, scene.port] if scene.target_server else [router]


def _traced(stage: Stage, row: Row, number: int) -> dict[str, Any] | None:
    """The gateway's own diagnosis of what has failed since that entry of its trace."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for entry in stage.trace(number):
            if entry["hop"] == row.hop and entry["diagnosis"] is not None:
                found: dict[str, Any] = entry["diagnosis"]
                return found
        time.sleep(0.02)
    return None


def _diagnosed(stage: Stage, row: Row, scene: Scene, known: Environment) -> Diagnosis | None:
    """What ``whytls diagnose`` says of the row's last failure, from the recording as it is at this moment."""
    from whytls.api import diagnose

    port = stage.gateway.ports[scene.port] if row.hop == "northbound" else scene.port
    found = [one for one in diagnose(stage.cut(row.name), edge=known, **stage.topology()) if one.server.port == port]  # type: ignore[arg-type]
    return found[-1] if found else None


def before_the_fixes(played: Sequence[Played]) -> Environment:
    """The configuration of all rows as each was when it failed: what a diagnosis of the recording has to be told."""
    known = [one.known for one in played]

    def joined(which: str) -> dict[str, Any]:
        return {name: value for one in known for name, value in getattr(one, which).items()}

    return replace(
        known[0], keystores=joined("keystores"), references=joined("references"), virtual_hosts=joined("virtual_hosts"),
        target_servers=joined("target_servers"),
    )  # fmt: skip


def _wrong(
    row: Row, before: Before | None, answer: Answer, traced: dict[str, Any] | None, diagnosis: Diagnosis | None, applied: Applied, after: Answer
) -> list[str]:  # fmt: skip
    """Everything that is not as it should be."""
    wrong: list[str] = []
    if before is not None and before.answer.status != 200:
        wrong.append(f"by default the call should have succeeded, the caller got: {before.answer}")
    if before is not None and not before.warning:
        wrong.append("by default there should have been a warning")
    if answer.status != row.status or row.code not in (answer.words or answer.body):
        wrong.append(f"the caller should have got {row.status or 'no HTTP answer'} {row.code}, and got: {answer}")
    for who, cause, hop in (
        ("the trace", traced and traced["cause"], traced and traced["hop"]),
        ("diagnose", diagnosis and diagnosis.cause, diagnosis and diagnosis.hop),
    ):
        if (cause, hop) != (row.cause, row.hop):
            wrong.append(f"{who} should say {row.cause}, {row.hop}, and says {cause}, {hop}")
    if traced is not None and applied.owner not in traced["owners"]:
        wrong.append(f"the {applied.owner} mended it, and the verdict names {', '.join(traced['owners'])}")
    if after.status != 200:
        wrong.append(f"after the fix the caller should have got 200, and got: {after}")
    return wrong
