"""The public functions that mend: `fix` makes the exact artefacts for verdicts, `apply_fix` and `undo_fix` go through the Management API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from whytls.edge.context import EdgeContext, read_environment
from whytls.edge.environment import Environment
from whytls.edge.fixes.case import Case
from whytls.edge.fixes.plan import Mending, remedies
from whytls.edge.fixes.remedy import Bench, Given, Remedy
from whytls.exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from whytls.edge.apply import Applied
    from whytls.edge.client import ManagementApi
    from whytls.edge.verify import Verified
    from whytls.pki.password import Password
    from whytls.surveying.result import Survey

MOST_CASES = 200  # kinds of failures of one call that are mended; storms have few kinds


def fix(
    *verdicts: str,
    edge: str | Environment | None = None,
    edge_config: str | None = None,
    certificate: str | None = None,
    key: str | None = None,
    alias: str | None = None,
    password: Password | None = None,
    key_password: Password | None = None,
    with_: Sequence[str] = (),
    machine: Sequence[str] = (),
    router: Sequence[str] = (),
    message_processor: Sequence[str] = (),
    backend: Sequence[str] = (),
    topology: str | None = None,
    probe: bool = False,
    at: str | datetime | None = None,
    timeout: float = 5.0,
) -> list[Mending]:
    """The exact artefacts for verdicts: which resource, which file, which line, whose.

    ``verdicts`` are files that `diagnose`, `probe` or `audit` wrote as JSON, ``-`` for standard input, ``edge.pcap#4``, or ``edge.pcap`` for
    every failure in it. ``edge`` is the gateway that they are about, as in ``audit``; without it the artefacts have words to fill in.
    ``certificate`` is a store with the new certificate, its chain and its key (``key`` where that lies elsewhere, ``alias`` which of several);
    ``with_`` are files with other certificates at hand. ``machine`` names those that are to be restarted, ``router=HOST`` or
    ``message-processor=HOST``; ``router``, ``message_processor``, ``backend`` and ``topology`` say who is who in a recording, as in ``diagnose``.
    ``probe`` asks the backends what they accept and show.

    Raises:
        ApiError: the Management API cannot be reached, or refuses.
        InputError: a file cannot be read, or is no verdict.
        UsageError: a frame, a time or an option is none.
    """
    if not verdicts:
        raise UsageError("which verdict?", hint="whytls fix DIAGNOSIS.json, or CAPTURE#N, with --edge GATEWAY")
    from time import time_ns

    from whytls.pki.store import read_store
    from whytls.pki.terms import moment

    environment = edge if isinstance(edge, Environment) else read_environment(edge, edge_config) if edge else Environment("")
    context = EdgeContext(environment)
    identity = None
    if certificate is not None:
        from whytls.probing.identity import identity as read_identity

        identity = read_identity(certificate, key, alias=alias, password=password, key_password=key_password)
    elif key is not None or alias is not None:
        raise UsageError("a key needs its certificate", hint="--certificate STORE")
    others = tuple(dict.fromkeys(der for source in with_ for der in read_store(source).certificates))
    given = Given(identity, others, *_machines(machine))
    sides = {"router": router, "message_processor": message_processor, "backend": backend, "topology": topology}
    when = moment(at)
    bench = Bench(environment, given, when if when is not None else time_ns())
    cases = [case for verdict in verdicts for case in _cases(verdict, context, sides)]
    surveys = _surveys(cases, timeout) if probe else {}
    kinds: dict[tuple[str, str, str, str], tuple[Case, int]] = {}
    for case in cases:
        place = (case.target.host, case.target.port) if case.target is not None else None
        told = case.surveyed(surveys.get(place)) if place is not None else case
        kind = (case.cause, case.detail, case.hop, case.subject or case.title)
        kinds[kind] = (kinds[kind][0], kinds[kind][1] + 1) if kind in kinds else (told, 1)
    return [Mending(case, remedies(case, bench), bench, count) for case, count in list(kinds.values())[:MOST_CASES]]


def apply_fix(
    mending: Mending, remedy: int | None = None, *, edge_config: str | None = None, journal: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Applied:  # fmt: skip
    """Makes the changes of one way (its number from 1; by default the first that can be applied) through the Management API, all or none.

    What is replaced is kept in ``journal``, a new file; by default one below ``~/.local/state/whytls/applied``.

    Raises:
        ApiError: the Management API cannot be reached; nothing was done.
        UsageError: the way cannot be applied, or the gateway was changed meanwhile; nothing was done.
    """
    chosen = chosen_of(mending, remedy)
    from whytls.edge.apply import apply
    from whytls.edge.journal import begun

    address = _address(mending.bench.environment)
    with _writing(address, edge_config) as api:
        return apply(api, chosen.changes, begun(address, mending.case.title, journal), mending.bench.given.identity, tell)


def undo_fix(journal: str | None = None, *, edge_config: str | None = None, tell: Callable[[str], None] = lambda line: None) -> Applied:
    """Takes back what a journal has; by default that of the last fix that was applied.

    Raises:
        ApiError: the Management API cannot be reached.
        InputError: there is no such journal, or nothing to take back.
    """
    from whytls.edge.apply import undo
    from whytls.edge.journal import last, read

    found = read(journal) if journal else last()
    with _writing(found.address, edge_config) as api:
        return undo(api, found, tell)


def verify_fix(
    mending: Mending, *, edge_config: str | None = None, to: str | None = None, probe: bool = True, at: str | datetime | None = None,
    timeout: float = 5.0,
) -> Verified:  # fmt: skip
    """Looks at the environment again, and asks the backend, or the Router at ``to``, whether it is mended.

    Raises:
        ApiError: the Management API cannot be reached.
        UsageError: ``to`` is no server.
    """
    from whytls.checking.terms import terms
    from whytls.edge.verify import verified

    case = mending.case
    now = read_environment(mending.bench.environment.source, edge_config)
    surveys = _surveys([case], timeout) if probe and case.target is not None else {}
    shown = _router(to, case, timeout) if to is not None and case.host is not None else None
    return verified(case, now, terms(None, None, None, (), (), (), at, 0, False, False), surveys, shown)


def chosen_of(mending: Mending, remedy: int | None) -> Remedy:
    """The way that is to be applied.

    Raises:
        UsageError: there is none of that number, or it cannot be applied; says what is lacking.
    """
    number = remedy if remedy is not None else mending.first
    if number is None or not 1 <= number <= len(mending.remedies):
        lacks = [lack for one in mending.remedies if one.changes for lack in one.lacks]
        what = f"there is no way {remedy}" if remedy is not None else "none of the ways can be applied through the Management API"
        raise UsageError(f"{mending.case.cause}: {what}", hint=f"lacking: {'; '.join(dict.fromkeys(lacks))}" if lacks else None)
    chosen = mending.remedies[number - 1]
    if not chosen.applicable:
        why = f"lacking: {'; '.join(chosen.lacks)}" if chosen.lacks else "it is nothing that the Management API can do"
        raise UsageError(f"{mending.case.cause}: way {number} cannot be applied", hint=why)
    return chosen


def _machines(given: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The Message Processors and the Routers that were named."""
    found: dict[str, list[str]] = {"message-processor": [], "router": []}
    for word in given:
        side, _, host = word.partition("=")
        if side not in found or not host or not all(sign.isalnum() or sign in ".-_:[]@" for sign in host):
            raise UsageError(f"{word[:100]!r} names no machine", hint="message-processor=HOST or router=HOST")
        found[side].append(host)
    return tuple(found["message-processor"]), tuple(found["router"])


def _cases(verdict: str, context: EdgeContext, sides: Mapping[str, Any]) -> list[Case]:
    from whytls.edge.fixes.reading import looks_like, read_cases

    path, _, frame = verdict.rpartition("#")
    if path and frame.isdecimal():
        return _of_capture(path, frame, context, sides)
    data = _content(verdict)
    return read_cases(data, verdict, context) if looks_like(data[:64]) else _of_capture(verdict, None, context, sides)


def _content(verdict: str) -> bytes:
    import sys

    from whytls.edge.fixes.reading import LARGEST
    from whytls.exceptions import InputError

    if verdict == "-":
        return sys.stdin.buffer.read(LARGEST + 1)
    try:
        with open(verdict, "rb") as file:
            begin = file.read(64)
            return begin + file.read(LARGEST) if begin.lstrip()[:1] in (b"{", b"\xef") else begin
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=verdict) from None


def _of_capture(path: str, frame: str | None, context: EdgeContext, sides: Mapping[str, Any]) -> list[Case]:
    from whytls.api import diagnose
    from whytls.edge.fixes.case import of_diagnosis
    from whytls.report.ladder import find

    run = diagnose(path, edge=context.environment if context.environment.source else None, all=frame is not None, **sides)
    found = [find(run, frame)] if frame is not None else [diagnosis for diagnosis in run if diagnosis.cause is not None]
    failed = [diagnosis for diagnosis in found if diagnosis.cause is not None]
    if not failed:
        raise UsageError(f"{path}: nothing in it failed" if frame is None else f"{path}#{frame} did not fail")
    return [of_diagnosis(diagnosis, context) for diagnosis in failed]


def _surveys(cases: Sequence[Case], timeout: float) -> dict[tuple[str, int], Survey]:
    from whytls.live import surveyed

    called = {(case.target.host, case.target.port): case.target for case in cases if case.target is not None}
    return surveyed(tuple(called.values()), timeout)[0]


def _router(to: str, case: Case, timeout: float) -> Survey | None:
    from whytls.live import probe

    name = case.name or next((alias for alias in (case.host.host_aliases if case.host else ()) if not alias.startswith("*")), "")
    return next(iter(probe(to, name=name or None, without=("groups", "alpn", "resumption", "clients"), timeout=timeout)), None)


def _address(environment: Environment) -> str:
    from whytls.edge.address import is_address

    if not is_address(environment.source):
        raise UsageError(
            f"{environment.source or 'no gateway'} is not at a Management API, so nothing can be applied", hint="--edge https://HOST/v1/o/ORG/e/ENV"
        )
    return environment.source


@contextmanager
def _writing(address: str, config: str | None) -> Iterator[ManagementApi]:
    from whytls.edge.address import management_address
    from whytls.edge.client import ManagementApi
    from whytls.edge.credentials import credentials
    from whytls.edge.transport import Transport

    at = management_address(address)
    with Transport(at.base, credentials(at.host, config), writable=True) as transport:
        yield ManagementApi(transport, at)
