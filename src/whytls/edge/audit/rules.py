"""What an audit minds although no handshake fails of it today, or none that a cause is named for: each with who mends it and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from whytls import causes
from whytls.causes.cause import resolve_owners
from whytls.checking.naming import named
from whytls.checking.result import Level
from whytls.edge.audit.result import Concern, Subject, of_problem
from whytls.edge.origin import Origin
from whytls.model import Confidence, Evidence, Fix, Grade, Hop, Owner
from whytls.pki.defect import Purpose


class Rule(NamedTuple):
    """One thing that an audit minds."""

    text: str  # what to do; {names} are filled in
    owner: Owner = "gateway"
    grade: Grade = "reload"
    level: Level = "warning"


RULES: Mapping[str, Rule] = {
    "literal-store-name": Rule("name it by a reference (ref://{reference}), so that the next certificate needs no restart (R25)"),
    "validation-off": Rule("set IgnoreValidationErrors to false; add what is missing to the truststore instead (R26)"),
    "nothing-validated": Rule("name a truststore with the anchors of the backend's CA: without one the gateway accepts any certificate"),
    "unused-store": Rule("delete the keystore if nobody needs it any more, also for the way back from a change", grade="check"),
    "unused-reference": Rule("delete the reference if nobody needs it", grade="check"),
    "dangling-reference": Rule("let the reference stand for a keystore that is there", level="failure"),
    "alias-twice": Rule("give the host alias to one virtual host on this port only", level="failure"),
    "old-protocol": Rule("allow TLS 1.2 and newer only, once nobody needs the older ones", "gateway", "restart"),
    "weak-cipher": Rule("take these suites off the list, once nobody needs them", "gateway", "reload"),
    "unknown-cipher": Rule("write the suites by the names that this side knows: OpenSSL's on the Router, Java's on the Message Processor"),
    "server-name-off": Rule(
        "conf_system_jsse.enableSNIExtension=true in message-processor.properties, on every Message Processor (R27)", "gateway", "restart"
    ),
    "backend-not-reached": Rule("ask again from a Message Processor: what listens there may be for it alone", grade="check"),
    "name-not-compared": Rule(
        "the gateway compares no host names here by default; have the backend's certificate issued for the name that is called", "backend"
    ),
}


def minded(
    rule: str, subject: Subject, hop: Hop, title: str, evidence: tuple[Evidence, ...] = (), *, level: Level | None = None,
    confidence: Confidence = "proven", would_decide: str = "", **words: str,
) -> Concern:  # fmt: skip
    """A concern of a rule of our own."""
    held = RULES[rule]
    owner = resolve_owners((held.owner,), hop)[0]
    fix = Fix(owner, held.text.format(**words), held.grade)
    return Concern(level or held.level, rule, subject, hop, title, (owner,), evidence, fix, confidence=confidence, would_decide=would_decide)


def will_fail(
    slug: str, subject: Subject, hop: Hop, title: str, evidence: tuple[Evidence, ...], facts: Mapping[str, Any], *, level: Level = "failure",
    detail: str = "", confidence: Confidence = "proven", chain: tuple[bytes, ...] = (), purpose: Purpose | None = None, would_decide: str = "",
) -> Concern:  # fmt: skip
    """A concern under the cause that a handshake will fail with, with the cause's own owners and fix."""
    found = named(causes.load(slug), title, confidence, evidence, facts, level=level, detail=detail, hop=hop, would_decide=would_decide)
    return of_problem(found, subject, hop, chain, purpose)


def said(text: str, origin: Origin | None, field: str = "") -> Evidence:
    """A statement and where it is written."""
    if origin is None:
        return Evidence(text)
    place = origin.place(field)
    return Evidence(text, (), place.file, None, place.line)
