"""What the gateway's operator does: takes the verdict, has the fix made from it, and applies it through the Management API.

Nothing here knows which failure was provoked. The fix is what ``whytls fix`` makes of the diagnosis and the environment, and its first way that
does not weaken security is taken; what the operator has to bring (a renewed certificate with its key, the CA's intermediate) is ``AtHand``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from whytls.demo.row import Applied, AtHand
from whytls.edge.environment import Environment
from whytls.model import Artefact, Diagnosis

if TYPE_CHECKING:
    from whytls.demo.stage import Stage
    from whytls.edge.fixes.change import Change
    from whytls.edge.fixes.plan import Mending

_CHANGED = {
    "reference": "reference switched", "virtual host": "virtual host changed", "target server": "target server changed",
    "certificate": "chain replaced", "proxy": "new revision of the proxy",
}  # fmt: skip
_RESTART = re.compile(r"\bedge-(router|message-processor) restart\b")
_HELLO = ("protocol-mismatch", "cipher-mismatch")  # mended by what the backend accepts, which a probe tells


def mended(stage: Stage, diagnosis: Diagnosis, known: Environment, brought: AtHand, probe: int = 0) -> Applied:
    """Mends it as the verdict says; ``probe`` is the backend's port.

    Raises:
        UsageError: there is no way that can be applied.
        ApiError: the Management API refuses.
    """
    from whytls.edge.apply import apply
    from whytls.edge.journal import begun
    from whytls.mending import chosen_of

    mending = _mending(diagnosis, known, brought, probe)
    line = next((a.content for one in mending.remedies[:1] for a in one.fix.artefacts if a.kind == "properties"), "")
    if line:  # what stands in a file of the Message Processor no API changes: the line as it was told, and the restart
        return Applied("gateway", "message-processor.properties, restart of it", (*stage.properties(line), *stage.restart("message-processor")))
    chosen = chosen_of(mending, None)
    folder = stage.folder / "journals"
    folder.mkdir(exist_ok=True)
    journal = begun(str(stage.api.at), mending.case.title, str(folder / f"{time.time_ns()}.json"))
    done = apply(stage.api, chosen.changes, journal, mending.bench.given.identity)
    kinds = dict.fromkeys(f"new {one.kind}" if one.before is None else _CHANGED.get(one.kind, one.kind) for one in chosen.changes)
    diff = tuple(line for change in chosen.changes for line in _lines(change))
    if not done.as_wanted:
        return Applied("gateway", f"{done.ended}: {'; '.join(done.told)}", diff)
    for component in _restarts(chosen.fix.artefacts):
        diff += stage.restart(component)
        kinds[f"restart of the {component}"] = None
    return Applied("gateway", ", ".join(kinds), diff)


def _restarts(artefacts: Sequence[Artefact]) -> list[str]:
    """The components that the fix wants restarted."""
    commands = [line for one in artefacts if one.kind == "command" for line in one.content.splitlines()]
    return list(dict.fromkeys(found[1] for line in commands if (found := _RESTART.search(line))))


def _mending(diagnosis: Diagnosis, known: Environment, brought: AtHand, probe: int) -> Mending:
    from whytls.edge.context import EdgeContext
    from whytls.edge.fixes.case import of_diagnosis
    from whytls.edge.fixes.plan import Mending, remedies
    from whytls.edge.fixes.remedy import Bench, Given
    from whytls.probing.facts import Identity

    ders = [one.certificate.public_bytes(Encoding.DER) for one in brought.identity]
    identity = Identity(tuple(ders), brought.identity[0].key) if brought.identity else None
    others = tuple(one.certificate.public_bytes(Encoding.DER) for one in brought.certificates)
    bench = Bench(known, Given(identity, others), time.time_ns())
    case = of_diagnosis(diagnosis, EdgeContext(known))
    if probe and diagnosis.cause in _HELLO:
        from whytls.demo.stage import HOST
        from whytls.live import probe as ask

        survey = next(iter(ask(f"127.0.0.1:{probe}", name=HOST, without=("groups", "alpn", "resumption", "clients"))), None)
        case = case.surveyed(survey)
    return Mending(case, remedies(case, bench), bench)


def _lines(change: Change) -> list[str]:
    """The change in a sentence, and what differs in what was there before."""
    from whytls.edge.fixes.change import difference

    lines = [line for line in difference(change) if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    shown = [f"{line[:1]} {line[1:].strip()}" for line in lines] if change.before is not None and change.kind != "reference" else []
    return [f"{'+' if change.before is None else ' '} {change}", *shown]
