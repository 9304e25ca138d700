"""The chains that a server showed, each judged as `whytls check` judges an endpoint's."""

from __future__ import annotations

from dataclasses import replace

from whytls.checking.at_hand import AtHand
from whytls.checking.judge import Judge
from whytls.checking.result import Ask, CheckResult
from whytls.model import Evidence
from whytls.pki.store import Entry, Place
from whytls.probing.result import CertificateShown, Inventory
from whytls.surveying.said import cite


def judged(inventory: Inventory, asked: Ask) -> tuple[CheckResult, ...]:
    """One result for each chain. What is shown to those who send the right name is compared with it; the rest only as a chain.

    A fault in a chain that the right name does not lead to is a warning: it meets only those who send no name, or a wrong one.
    """
    return tuple(_judged(inventory, shown, asked) for shown in inventory.certificates)


def _judged(inventory: Inventory, shown: CertificateShown, asked: Ask) -> CheckResult:
    ours = shown.server_name == inventory.server_name
    host = (asked.host or inventory.server_name) if ours else None
    source = inventory.target
    entry = Entry("certificate", shown.chain, Place(source))
    begun = CheckResult(source, "endpoint", "endpoint", entry.place, asked.at, "server", shown.server_name or "", chain=shown.chain)
    judge = Judge(asked._replace(host=host, purpose="server"), source, "endpoint", AtHand(asked.given), alone=True)
    result = judge.chain(replace(begun, alias=""), entry)
    cited = cite(inventory, shown.attempts[0]) if shown.attempts else Evidence("")
    problems = tuple(
        problem._replace(
            level=problem.level if ours else "warning",
            evidence=tuple(said._replace(file=cited.file or said.file, frames=cited.frames) for said in problem.evidence),
        )
        for problem in result.problems
    )
    return replace(result, alias=shown.server_name or "", problems=problems)
