"""Why did TLS fail? Give it a capture, a live server, a certificate; it says in one sentence why, on which hop, proves it, and writes the fix.

The names below are the public ones; they are loaded at first use, so that ``import whytls`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whytls.api import CausePage, check, check_pair, diagnose, explain
    from whytls.checking.pairs import PairResult
    from whytls.checking.result import CheckResult, Problem
    from whytls.checking.run import Check
    from whytls.edge.audit.result import Concern
    from whytls.edge.audit.run import Audit
    from whytls.edge.fixes.plan import Mending
    from whytls.exceptions import ApiError, DamagedInput, InputError, Malformed, UsageError, WhytlsError
    from whytls.live import Replay, audit, probe, replay
    from whytls.mending import apply_fix, fix, undo_fix, verify_fix
    from whytls.model import Alternative, Artefact, Diagnosis, Endpoint, Event, Evidence, Fix, Handshake
    from whytls.pki.password import Password
    from whytls.run import Run
    from whytls.surveying.replaying import Redone
    from whytls.surveying.result import Survey
    from whytls.surveying.run import Probe

__version__ = "0.1.0"

_HOMES = {
    "whytls.api": ("CausePage", "check", "check_pair", "diagnose", "explain"),
    "whytls.checking.pairs": ("PairResult",),
    "whytls.checking.result": ("CheckResult", "Problem"),
    "whytls.checking.run": ("Check",),
    "whytls.edge.audit.result": ("Concern",),
    "whytls.edge.audit.run": ("Audit",),
    "whytls.exceptions": ("ApiError", "DamagedInput", "InputError", "Malformed", "UsageError", "WhytlsError"),
    "whytls.live": ("Replay", "audit", "probe", "replay"),
    "whytls.edge.fixes.plan": ("Mending",),
    "whytls.mending": ("apply_fix", "fix", "undo_fix", "verify_fix"),
    "whytls.model": ("Alternative", "Artefact", "Diagnosis", "Endpoint", "Event", "Evidence", "Fix", "Handshake"),
    "whytls.pki.password": ("Password",),
    "whytls.run": ("Run",),
    "whytls.surveying.replaying": ("Redone",),
    "whytls.surveying.result": ("Survey",),
    "whytls.surveying.run": ("Probe",),
}
__all__ = [
    "Alternative",
    "ApiError",
    "Artefact",
    "Audit",
    "CausePage",
    "Check",
    "CheckResult",
    "Concern",
    "DamagedInput",
    "Diagnosis",
    "Endpoint",
    "Event",
    "Evidence",
    "Fix",
    "Handshake",
    "InputError",
    "Malformed",
    "Mending",
    "PairResult",
    "Password",
    "Probe",
    "Problem",
    "Redone",
    "Replay",
    "Run",
    "Survey",
    "UsageError",
    "WhytlsError",
    "__version__",
    "apply_fix",
    "audit",
    "check",
    "check_pair",
    "diagnose",
    "explain",
    "fix",
    "probe",
    "replay",
    "undo_fix",
    "verify_fix",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
