"""Handshakes that go to their end: what resumes, and what becomes of a client that shows no certificate."""

from __future__ import annotations

from collections.abc import Iterable

from whytls.probing.asking import Asker, hello
from whytls.probing.attempt import Attempt
from whytls.probing.offer import Offer
from whytls.probing.result import Resumption
from whytls.wire.hello import with_extension

# nginx refuses who shows no certificate with an answer to a request. No name: what is said of the certificate does not depend on it.
REQUEST = b"GET / HTTP/1.0\r\nConnection: close\r\n\r\n"
_SESSION_TICKET = 35


async def new_version(asker: Asker, offer: Offer, first: Attempt) -> Resumption:
    """TLS 1.3: whether the ticket that came in ``first``, a handshake to its end, resumes it.

    Raises:
        Ended: the target is gone, or the bounds are reached.
    """
    if not first.completed:
        return Resumption(attempts=(first.number,))
    if first.resume is None:
        return Resumption(psk=False, early_data=False, attempts=(first.number,))
    second = await asker.attempt(hello(offer, asker.server_name), "TLS 1.3, resumed", "flight", resume=first.resume)
    return Resumption(psk=second.handshake.resumed, early_data=first.resume.max_early_data > 0, attempts=(first.number, second.number))


async def by_ticket(asker: Asker, offer: Offer, first: Attempt) -> Resumption:
    """A version before TLS 1.3: whether the ticket resumes that ``first``, a handshake to its end, could have brought.

    Raises:
        Ended: the target is gone, or the bounds are reached.
    """
    resumed, numbers = await _resumed(asker, offer, first, with_ticket=True)
    return Resumption(ticket=resumed, attempts=numbers)


async def by_session_id(asker: Asker, offer: Offer, request: bytes) -> Resumption:
    """A version before TLS 1.3: whether a session is resumed by its ID; begins one without a ticket.

    Raises:
        Ended: the target is gone, or the bounds are reached.
    """
    without = with_extension(hello(offer, asker.server_name), _SESSION_TICKET, None)
    first = await asker.attempt(without, "to its end, for a session ID", "finish" if request else "session", request=request)
    resumed, numbers = await _resumed(asker, offer, first, with_ticket=False)
    return Resumption(session_id=resumed, attempts=numbers)


async def _resumed(asker: Asker, offer: Offer, first: Attempt, *, with_ticket: bool) -> tuple[bool | None, tuple[int, ...]]:
    """Whether a session is resumed; ``None``: there was none to resume, since the handshake failed."""
    resume = first.resume
    if not first.completed:
        return None, (first.number,)
    if resume is None or bool(resume.ticket) != with_ticket:
        return False, (first.number,)
    made, how = hello(offer, asker.server_name), "a ticket" if with_ticket else "a session ID"
    if not with_ticket:
        made = with_extension(made, _SESSION_TICKET, None)
    second = await asker.attempt(made, f"resumed with {how}", "flight", resume=resume)
    return second.handshake.resumed, (first.number, second.number)


def merged(found: Iterable[Resumption]) -> Resumption:
    """All of it as one value."""
    whole = Resumption()
    for one in found:
        known = {name: value for name, value in one._asdict().items() if value is not None and name != "attempts"}
        whole = whole._replace(**known, attempts=(*whole.attempts, *one.attempts))
    return whole._replace(attempts=tuple(sorted(whole.attempts)))
