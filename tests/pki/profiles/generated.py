"""Generated chains for tests: `lab` is no installed package, so its folder is put on the path here."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from lab.chains import agreement, constraints, encode, plan, stacks
from lab.chains.branches import BRANCHES
from lab.chains.cases import cases
from lab.chains.faults import FAULTS
from lab.chains.plan import Case, Plan, made, simple

from whytls.pki.profiles import Decision, Options, Profile

__all__ = ["BRANCHES", "FAULTS", "Case", "Plan", "agreement", "cases", "constraints", "decided", "encode", "made", "plan", "simple", "stacks"]


def decided(profile: Profile, made_from: Plan, **change: object) -> Decision:
    """What a profile decides about a plan."""
    return agreement.decided(profile, made(made_from, "", ()), Options(**change))  # type: ignore[arg-type]
