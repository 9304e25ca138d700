"""What a server did to an attempt, in words, and the attempt as evidence."""

from __future__ import annotations

from whytls.model import Evidence
from whytls.probing.attempt import Attempt
from whytls.probing.result import Inventory, Refused
from whytls.wire.registry import alert_name, suite_name, version_name

_ENDS = {
    "closed": "closes the connection",
    "reset": "resets the connection",
    "silence": "says nothing",
    "foreign": "answers with bytes that are no TLS",
    "endless": "does not come to an end",
    "refused-connection": "refuses the connection",
    "timeout": "does not answer the attempt to connect",
    "unreachable": "cannot be reached",
    "reached": "goes on",
    "refused": "refuses with an alert",
}


def answer_in_words(end: str, alert: int | None) -> str:
    """How it ended, as the predicate of the server: ``answers unrecognized_name (112)``."""
    return f"answers {alert_name(alert)} ({alert})" if alert is not None else _ENDS.get(end, end.replace("-", " "))


def refusal_in_words(refused: Refused) -> str:
    """The same of a refusal. One that ended well is a choice of something else."""
    return "does not choose it" if refused.end == "reached" else answer_in_words(refused.end, refused.alert)


def cite(inventory: Inventory, number: int, text: str = "") -> Evidence:
    """An attempt as evidence: the text, by default what it was for and what came of it, and its last event."""
    attempt = inventory.attempt(number)
    if attempt is None:
        return Evidence(text, file=f"{inventory.target} attempt {number}")
    frames = attempt.handshake.events[-1].frames if attempt.handshake.events else ()
    return Evidence(text or f"{attempt.purpose}: it {_came_of(attempt)}", frames, attempt.handshake.file)


def _came_of(attempt: Attempt) -> str:
    """What the server did: chose, finished, answered, refused."""
    if attempt.application:
        first = attempt.application.split(b"\n", 1)[0].decode("latin-1").strip()
        return f"finishes the handshake and answers {first[:80]}"
    if attempt.completed:
        return "finishes the handshake"
    if attempt.end == "reached" and attempt.answer is not None:
        return f"chooses {version_name(attempt.answer.version)}, {suite_name(attempt.answer.cipher_suite)}"
    return answer_in_words(attempt.end, alert_of(attempt))


def alert_of(attempt: Attempt) -> int | None:
    """The number of the alert with which the server ended it, if it did."""
    from whytls.wire.value import Alert

    for event in reversed(attempt.handshake.events):
        if event.sender == "server" and isinstance(event.value, Alert) and event.value.description:
            return event.value.description
    return None
