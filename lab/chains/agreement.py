"""A profile's decision beside its real stack's: one word for each case, and the table of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from lab.chains import stacks
from lab.chains.plan import Case
from whytls.pki.profiles import Decision, Options, Profile, decide

Verdict = Literal["agree", "other reason", "false reject", "false accept"]
SECOND = 1_000_000_000


class Compared(NamedTuple):
    """One case: what the profile said, what the stack said, and how they compare."""

    case: Case
    decision: Decision
    real: str
    verdict: Verdict


def decided(profile: Profile, case: Case, options: Options = Options()) -> Decision:  # noqa: B008 -- a value
    """What a profile decides about a case."""
    return decide(profile, case.chain, case.anchors, at=case.at * SECOND, host=case.host, purpose=case.purpose, options=options)


def go(cases: Sequence[Case]) -> list[Compared]:
    """Go: the whole text of the error."""
    return [_compared("go", c, real, real == "ok", lambda d, r=real: d.words == r) for c, real in zip(cases, stacks.go(cases), strict=True)]  # type: ignore[misc]


def openssl(cases: Sequence[Case]) -> list[Compared]:
    """OpenSSL: number, depth and text of the first error."""
    answers = stacks.openssl(cases)
    return [
        _compared("openssl", c, str(tuple(r)), r.code == 0, lambda d, r=r: (d.number, d.depth, d.words) == tuple(r))  # type: ignore[misc]
        for c, r in zip(cases, answers, strict=True)
    ]


def java(cases: Sequence[Case]) -> tuple[list[Compared], list[Compared]]:
    """Java: JSSE's trust manager with class, reason and text; and the PKIX builder with yes or no."""
    answers = stacks.java(cases)
    jsse = [
        _compared("java", c, r.jsse, r.jsse == "ok", lambda d, r=r: (d.code, _one_line(d.words)) == said(r.jsse))  # type: ignore[misc]
        for c, r in zip(cases, answers, strict=True)
    ]
    alone = Options(builder_only=True)
    builder = [
        _compared("java", c, r.builder, r.builder == "ok", lambda _: True, alone) for c, r in zip(cases, answers, strict=True)
    ]  # fmt: skip
    return jsse, builder


def said(text: str) -> tuple[str, str]:
    """What Chains.java printed, as a Decision's code and words."""
    found = re.fullmatch(r"(?:parse: )?(\w+): (.*?)(?: \[(\w+)\])?", text)
    if not found:
        return ("", text)
    kind, words, reason = found.groups()
    if reason:
        return (f"CertPathValidatorException.{reason}", words)
    return ("SunCertPathBuilderException" if "SunCertPathBuilderException" in words else kind, words)


def _one_line(words: str) -> str:
    return re.sub(r"\s+", " ", words)


def _compared(
    profile: Profile, case: Case, real: str, accepted: bool, same: Callable[[Decision], bool], options: Options = Options()  # noqa: B008
) -> Compared:  # fmt: skip
    decision = decided(profile, case, options)
    verdict: Verdict
    if decision.accepted != accepted:
        verdict = "false reject" if accepted else "false accept"
    else:
        verdict = "agree" if accepted or same(decision) else "other reason"
    return Compared(case, decision, real, verdict)


def group(case: Case) -> str:
    """Where a case is counted: its kind, and for single faults the fault's group."""
    kind = case.label.partition("/")[0]
    return f"{kind} {case.faults[0].partition('/')[0]}" if kind in ("single", "branch") and case.faults else kind


def table(results: Mapping[str, Iterable[Compared]]) -> list[str]:
    """Rows of a table: a line for each group, how many agree of how many for each stack."""
    counted: dict[str, dict[str, Counter[str]]] = {}
    for stack, compared in results.items():
        for item in compared:
            counted.setdefault(group(item.case), {}).setdefault(stack, Counter())[item.verdict] += 1
    width = max(map(len, counted))
    rows = [f"{'':{width}}  " + "  ".join(f"{stack:>14}" for stack in results)]
    for name, by_stack in sorted(counted.items()):
        rows.append(f"{name:{width}}  " + "  ".join(f"{_cell(by_stack.get(stack, Counter())):>14}" for stack in results))
    total = {stack: sum((by[stack] for by in counted.values() if stack in by), Counter[str]()) for stack in results}
    rows.append(f"{'all':{width}}  " + "  ".join(f"{_cell(total[stack]):>14}" for stack in results))
    return rows


def _cell(counts: Counter[str]) -> str:
    return f"{counts['agree']} of {sum(counts.values())}" if counts else ""
