"""A live endpoint judged: the chain that it shows with its name and without, or why it shows none.

It is asked as a client of today asks, and nothing is verified. Where that is refused, it is found out why, with other hellos
(``probing.why``, at most 20), and the verdict is that on the first handshake with all the others beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from whytls.checking.at_hand import AtHand
from whytls.checking.judge import Judge
from whytls.checking.refused import as_problem, diagnosis_of
from whytls.checking.result import Ask, CheckResult
from whytls.pki.certificate import read
from whytls.pki.name import text as name_text
from whytls.pki.readers.live import Address, is_name
from whytls.pki.store import Entry, Place
from whytls.probing.asking import Asker, Ended, alert_of, answer_of
from whytls.probing.attempt import Attempt, Prober
from whytls.probing.limits import DEFAULT, Limits
from whytls.probing.target import Target, Where, addresses
from whytls.probing.why import modern, why
from whytls.wire.registry import alert_name, suite_name, version_name

LIMITS: Limits = DEFAULT._replace(total=10.0, connections=24)
MOST_AUTHORITIES = 5  # shown by name
_NO_CONNECTION = ("refused-connection", "timeout", "unreachable")


class Shown(NamedTuple):
    """What an endpoint showed, and everything that it was asked for that."""

    address: str  # the one that answered
    attempts: tuple[Attempt, ...]
    named: Attempt | None = None  # the one in which a chain was shown to the name
    unnamed: Attempt | None = None  # the same without a name

    @property
    def chain(self) -> tuple[bytes, ...]:
        """DER, as sent; empty where it shows none."""
        return (self.named.handshake.server_chain or ()) if self.named is not None else ()


def shown(endpoint: Address, server_name: str | None, *, unnamed: bool = False, limits: Limits | None = None) -> Shown:
    """What the endpoint shows to who sends this name; every address is tried in turn until one accepts the connection.

    Raises:
        InputError: the host's name leads nowhere.
    """
    return asyncio.run(_shown(endpoint, server_name, unnamed, limits or LIMITS))


async def _shown(endpoint: Address, server_name: str | None, unnamed: bool, limits: Limits) -> Shown:
    target = Target(endpoint.host, endpoint.port, server_name=server_name)
    found = Shown("", ())
    for where in await addresses(target):
        found = await _at(target, where, unnamed, limits)
        if any(attempt.end not in _NO_CONNECTION for attempt in found.attempts):
            break
    return found


async def _at(target: Target, where: Where, unnamed: bool, limits: Limits) -> Shown:
    prober = Prober(where.family, where.address, str(target), limits, target=target, where=where)
    asker, named, other = Asker(prober, target.server_name), None, None
    try:
        first = modern()._replace(deep=True)
        named = await asker.asked(first)
        if not named.handshake.server_chain and not named.accepted:
            reason = await asker.carry(why(first, answer_of(named), named=target.server_name is not None))
            if reason.offer is not None and "name" not in reason.needed:
                first = reason.offer._replace(deep=True)
                named = await asker.asked(first)
        if unnamed and target.server_name is not None and named.handshake.server_chain:
            other = await asker.asked(first._replace(name=None, purpose="without a name"))
    except Ended:
        pass  # what was learned until then is told
    return Shown(str(where.address[0]), asker.attempts, named, other)


def examined(endpoint: Address, asked: Ask) -> CheckResult:
    """What the endpoint shows, judged for the name by which it is called unless another one is expected.

    Raises:
        InputError: the host's name leads nowhere.
    """
    called = asked.host or (endpoint.host if is_name(endpoint.host) else None)
    name = called if called is not None and is_name(called) else None
    found = shown(endpoint, name, unnamed=True)
    if not found.chain:
        return without_chain(endpoint, found, asked)
    entry = Entry("certificate", found.chain, Place(str(endpoint)))
    begun = CheckResult(str(endpoint), "endpoint", "endpoint", entry.place, asked.at, "server", chain=found.chain, notes=tuple(_notes(found)))
    judge = Judge(asked._replace(host=called), str(endpoint), "endpoint", AtHand(asked.given), alone=True)
    result = judge.chain(begun, entry)
    return replace(result, notes=(*result.notes, *_without_name(found)))


def _notes(found: Shown) -> Iterator[str]:
    answer = found.named.answer if found.named is not None else None
    if found.named is None or answer is None:
        return
    yield f"{found.address} shows it in {version_name(answer.version)} with {suite_name(answer.cipher_suite)}"
    request = found.named.handshake.certificate_request
    if request is not None:
        listed = "; ".join(name_text(name) for name in request.authorities[:MOST_AUTHORITIES])
        more = f" and {len(request.authorities) - MOST_AUTHORITIES} more" if len(request.authorities) > MOST_AUTHORITIES else ""
        yield f"it asks for a client certificate, from {listed}{more}" if listed else "it asks for a client certificate and names no CA"


def _without_name(found: Shown) -> Iterator[str]:
    """What changes for a client that sends no server_name (R19)."""
    other = found.unnamed
    if other is None:
        return
    chain = other.handshake.server_chain
    if chain and chain[0] != found.chain[0]:
        yield f"without server_name it shows another certificate: {read(chain[0]).subject} (`sni-default-certificate`)"
    elif not chain and not other.accepted:
        alert = alert_of(other.handshake.events)
        said = f"it answers with the alert {alert_name(alert)} ({alert})" if alert is not None else f"the handshake fails ({other.end})"
        yield f"without server_name: {said} (`sni-missing`): clients have to send the name"


def without_chain(endpoint: Address, found: Shown, asked: Ask) -> CheckResult:
    """Nothing was shown: the verdict on the handshake, as ``whytls diagnose`` would give it."""
    failed = (attempt for attempt in found.attempts if attempt.handshake.outcome == "failed")
    attempt = next(failed, found.attempts[0] if found.attempts else None)  # the first is what today's clients meet
    problem = as_problem(diagnosis_of(found.attempts, attempt, asked.at)) if attempt is not None else None
    place = Place(str(endpoint))
    notes = () if problem is not None else ("it shows no certificate",)
    problems = (problem,) if problem is not None else ()
    return CheckResult(str(endpoint), "endpoint", "endpoint", place, asked.at, "server", problems=problems, notes=notes)
