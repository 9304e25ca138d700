"""Inventory → Survey: what follows from what a server accepts.

The first question is whether anybody gets through at all; where nobody does, the verdict is that of the broadest handshake. Then what
stops everybody in spite of it (a certificate that nobody accepts, a client certificate that is required, versions of which today's clients
have none), and last what stops some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whytls.causes import load
from whytls.checking.naming import named
from whytls.checking.refused import as_problem, decisive, diagnosis_of
from whytls.checking.result import Ask, CheckResult, Problem
from whytls.pki.name import text as name_text
from whytls.probing.attempt import Attempt
from whytls.probing.result import Inventory
from whytls.surveying.certificates import judged
from whytls.surveying.names import names_said
from whytls.surveying.result import NamesSaid, Statement, Survey, Through
from whytls.surveying.said import cite, refusal_in_words
from whytls.surveying.weak import accepted_with, weaknesses
from whytls.wire.registry import TLS12, version_name

MOST_NAMED = 5  # CAs in a sentence


def surveyed(
    inventory: Inventory, asked: Ask, clients: Sequence[Through] = (), differences: Sequence[Statement] = (), compared_with: str = "",
    presented: Sequence[bytes] = (),
) -> Survey:  # fmt: skip
    """What the inventory says of its server; ``asked`` is what `whytls check` asks of a chain, ``presented`` the client certificate shown."""
    accepts = any(found.suites for found in inventory.versions)
    results = judged(inventory, asked)
    said = names_said(inventory)
    diagnosis, problems = None, list[Problem]()
    unserved = not accepts or not _goes_on(inventory)
    if unserved or said.habit == "unknown-name":
        attempt = decisive(inventory.attempts) if unserved else _of_the_name(inventory)
        diagnosis = diagnosis_of(inventory.attempts, attempt, asked.at, asked.anchors) if attempt is not None else None
        found = as_problem(diagnosis) if diagnosis is not None else None
        problems += [found] if found is not None else []
    problems += _for_everybody(inventory, asked, presented)
    problems += (problem for result in results for problem in result.problems)
    return Survey(
        inventory.target, inventory, asked.at, _grave_first(problems), weaknesses(inventory) if accepts else (), results, said, tuple(clients),
        tuple(differences), compared_with, tuple(presented), diagnosis, tuple(_notes(inventory, results, said)),
    )  # fmt: skip


def _goes_on(inventory: Inventory) -> bool:
    """Whether it went beyond its choice in any attempt: showed a certificate, or came to the end. Else nobody knows what the choice is worth."""
    return any(attempt.completed or attempt.handshake.server_chain is not None for attempt in inventory.attempts) or not any(
        attempt.handshake.outcome == "failed" for attempt in inventory.attempts if attempt.answer is not None
    )


def _of_the_name(inventory: Inventory) -> Attempt | None:
    """The attempt in which the right name was refused."""
    return next((inventory.attempt(asked.attempt) for asked in inventory.names if asked.named == "right"), None)


def _grave_first(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    once: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        once.setdefault((problem.cause, problem.title), problem)
    return tuple(sorted(once.values(), key=lambda p: (p.level != "failure", p.confidence != "proven")))


def _for_everybody(inventory: Inventory, asked: Ask, presented: Sequence[bytes]) -> Iterator[Problem]:
    """What stops every client, or all of today's, though the server takes up the hello."""
    wanted = inventory.client_certificate
    if wanted.wanted == "required":
        yield (_ours_refused(inventory, asked) if presented else None) or _client_certificate(inventory)
    accepted = [found for found in inventory.versions if found.suites]
    newest = max((found.version for found in accepted), default=TLS12)
    if newest < TLS12:
        yield _too_old(inventory, newest)


def _client_certificate(inventory: Inventory) -> Problem:
    wanted = inventory.client_certificate
    listed = authorities(wanted.authorities)
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    issued = f"from one of these CAs: {'; '.join(listed[:MOST_NAMED])}{more}" if listed else "from a CA that it trusts (it names none)"
    after = _HOW.get(wanted.how, "")
    title = f"{after}no client gets through without a certificate {issued}"
    evidence = tuple(cite(inventory, number) for number in wanted.attempts[:3])
    detail = "refused-in-http" if wanted.how == "http-400" else ""
    return named(load("client-certificate-missing"), title, "proven", evidence, {"authorities": listed}, detail=detail)


def _ours_refused(inventory: Inventory, asked: Ask) -> Problem | None:
    """We showed one, and it was not taken: the verdict on the handshake in which that happened."""
    for number in inventory.client_certificate.attempts:
        attempt = inventory.attempt(number)
        if attempt is not None and attempt.handshake.client_chain:
            found = as_problem(diagnosis_of(inventory.attempts, attempt, asked.at))
            if found is not None:
                return found
    return None


_HOW = {"http-400": "the handshake completes, and then every request is answered with HTTP 400: "}


def authorities(names: Sequence[bytes]) -> list[str]:
    """The CAs of a CertificateRequest, RFC 4514."""
    return [name_text(der) for der in names]


def _too_old(inventory: Inventory, newest: int) -> Problem:
    evidence = [cite(inventory, number) for number in accepted_with(inventory, lambda answer: answer.version == newest)[:1]]
    for found in inventory.versions:
        if found.version > newest and found.refused is not None and found.refused.end != "reached":  # else it was in the offer above
            text = f"{version_name(found.version)} alone: it {refusal_in_words(found.refused)}"
            evidence.append(cite(inventory, found.refused.attempt, text))
    title = f"the server speaks nothing newer than {version_name(newest)}, which clients of today do not offer unless they are told to"
    facts = {"offered": "TLS 1.2 and 1.3", "chosen": version_name(newest), "oldest": newest, "newest": newest}
    return named(load("protocol-mismatch"), title, "proven", tuple(evidence), facts, detail="server-too-old")


def _notes(inventory: Inventory, results: Sequence[CheckResult], said: NamesSaid) -> Iterator[str]:
    yield from inventory.warnings
    yield from dict.fromkeys(note for result in results for note in result.notes)
    if said.habit == "required" and inventory.server_name is None:
        yield "no server_name was sent to it: name one with --name"
