"""The public functions: they join the rooms. What a command does, a function here does, with the same names and defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from whytls.exceptions import UsageError
from whytls.model import CauseClass, Owner
from whytls.run import Known, Run
from whytls.tuples import NamedTuple

if TYPE_CHECKING:
    import os
    from datetime import datetime

    from whytls.checking.pairs import PairResult
    from whytls.checking.run import Check
    from whytls.edge.context import EdgeContext
    from whytls.edge.environment import Environment
    from whytls.filters import Filters
    from whytls.pki.defect import Purpose
    from whytls.pki.password import Password
    from whytls.stores import Given, Stores
    from whytls.topology import Topology



def diagnose(
    *paths: str | os.PathLike[str],
    router: Sequence[str] = (),
    message_processor: Sequence[str] = (),
    backend: Sequence[str] = (),
    topology: str | None = None,
    trust: str | None = None,
    keystore: Given = (),
    truststore: Given = (),
    password_env: Given = (),
    password_file: Given = (),
    at: str | datetime | None = None,
    edge: str | Environment | None = None,
    edge_config: str | None = None,
    all: bool = False,  # noqa: A002  (the option is called --all)
    filters: Filters | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Run:
    """Read captures and say of every failed handshake why it failed.

    ``paths`` are files, folders or ``-`` for standard input. ``router``, ``message_processor`` and ``backend`` are patterns of
    addresses and ports, ``topology`` a file with the same (``whytls.toml``; it can name stores, too). ``keystore`` and
    ``truststore`` are the sides' stores, ``{"router": "store.p12"}`` or ``["router=store.p12"]``, sides being client, router,
    message-processor, backend, and server where no gateway is known; ``password_env`` and ``password_file`` name in the same way
    where each side's password stands. ``trust`` is a store with the anchors of the side that rejected, whichever that is. ``at`` is
    the time at which certificates are judged, instead of the capture's. ``edge`` is a known gateway: the address of an environment at its
    Management API (``https://HOST/v1/o/ORG/e/ENV``), a folder or file that configures it, or an ``Environment``; hop and stores that are not
    given come from there, and verdicts name its resources; ``edge_config`` is a file that says who we are to the API. ``all`` yields those
    that did not fail as well. The value is iterated lazily; stores and gateway are read at once.

    Raises:
        ApiError: the Management API cannot be reached, or refuses.
        InputError: a file is no capture or no store, or cannot be read.
        UsageError: a pattern, a side, a time or a filter is none.
    """
    if not paths:
        raise UsageError("there is nothing to read", hint="name a capture, a folder, or - for a pipe")
    from whytls.pki.terms import anchors, moment

    who = _topology(router, message_processor, backend, topology)
    known = Known(
        anchors(trust), _stores(keystore, truststore, password_env, password_file, topology), moment(at), _gateway(edge, edge_config)
    )
    return Run([str(p) for p in paths], who, known, all, filters, progress)


def check(
    *sources: str | os.PathLike[str],
    expect_host: str | None = None,
    purpose: Purpose | None = None,
    trust: str | None = None,
    with_: Sequence[str] = (),
    crl: Sequence[str] = (),
    ocsp: Sequence[str] = (),
    at: str | datetime | None = None,
    warn_days: int = 30,
    fetch_issuers: bool = False,
    allow_private: bool = False,
    password: Password | None = None,
    key_password: Password | None = None,
) -> Check:
    """Judge certificates at rest, and those that an endpoint shows: what is wrong with them, who can mend it, and how.

    ``sources`` are files, folders, HOST:PORT, or the words system, certifi and java. ``expect_host`` is the name that clients
    call; ``purpose`` whose certificates they are (``None``: as they say themselves); ``trust`` a store with the other side's anchors,
    without which nothing is said about trust; ``with_`` files with other certificates at hand (the option is ``--with``); ``crl`` and ``ocsp``
    files with revocation lists and responses; ``at`` the time at which they are judged, by default now; what ends within ``warn_days``
    is a warning. Only ``fetch_issuers`` lets issuers be fetched, from the public internet, or with ``allow_private`` from anywhere.
    The value is iterated lazily and gives a ``CheckResult`` for each entry.

    Raises:
        InputError: a source is no store or cannot be read; while iterating.
        UsageError: a time, a number of days or a source is none.
    """
    if not sources:
        raise UsageError("there is nothing to check", hint="name a file, a folder, HOST:PORT, or system")
    from whytls.checking.run import Check, endpoint_of
    from whytls.checking.terms import terms

    ask = terms(expect_host, purpose, trust, with_, crl, ocsp, at, warn_days, fetch_issuers, allow_private)
    named = [str(source) for source in sources]
    for source in named:
        endpoint_of(source)  # a call that cannot be is refused before anything is read
    return Check(named, ask, password, key_password)


def check_pair(
    presents: str | os.PathLike[str],
    trusts: str | os.PathLike[str],
    *,
    host: str | None = None,
    usage: Purpose | None = None,
    as_: str | None = None,
    presents_alias: str | None = None,
    with_: Sequence[str] = (),
    crl: Sequence[str] = (),
    ocsp: Sequence[str] = (),
    at: str | datetime | None = None,
    presents_password: Password | None = None,
    trusts_password: Password | None = None,
) -> Iterator[PairResult]:
    """Judge what one side presents by what the other side trusts, for every stack that is known.

    ``presents`` is a store or HOST:PORT, ``trusts`` a store; ``usage`` says whose certificate it is, by default the server's; ``as_``
    names one of the four pairs of a gateway (router-client, client-router, target-processor, processor-target: who presents, who trusts)
    and the usage with it. Each entry with a private key is judged, or the one of that alias. The rest is as in ``check``.

    Raises:
        InputError: a store cannot be read, or has nothing to present or to trust.
        UsageError: a time, an alias or a pair is none.
    """
    from whytls.checking.pairs import pairs, roles_of
    from whytls.checking.terms import terms

    roles = roles_of(as_, usage)
    ask = terms(host, roles.usage, None, with_, crl, ocsp, at, 0, False, False)
    return pairs(str(presents), str(trusts), ask, roles, alias=presents_alias, passwords=(presents_password, trusts_password))


def _topology(router: Sequence[str], message_processor: Sequence[str], backend: Sequence[str], file: str | None) -> Topology | None:
    if not (router or message_processor or backend or file):
        return None  # the usual call pays nothing for reading addresses and files
    from whytls.topology import topology as read

    return read(router, message_processor, backend, file)


def _gateway(edge: str | Environment | None, config: str | None) -> EdgeContext | None:
    if edge is None:
        return None
    from whytls.edge.context import EdgeContext, read_environment

    return EdgeContext(read_environment(edge, config) if isinstance(edge, str) else edge)


def _stores(keystore: Given, truststore: Given, password_env: Given, password_file: Given, file: str | None) -> Stores | None:
    if not (keystore or truststore or file):
        return None
    from whytls.stores import stores as read

    return read(keystore, truststore, password_env, password_file, file)


class CausePage(NamedTuple):
    """What ``whytls explain`` shows of a cause."""

    slug: str
    title: str
    sections: dict[str, str]
    owners: tuple[Owner, ...]
    cause_class: CauseClass
    references: tuple[str, ...]


HEADINGS = ("What happened", "How it looks", "Tell it from", "Fix", "References")


def explain(slug: str) -> CausePage:
    """A cause's page.

    Raises:
        UsageError: no cause has that slug; the hint names the nearest ones.
    """
    from whytls.causes import load

    cause = load(slug)
    lines = cause.page.split("\n")
    sections: dict[str, str] = {}
    heading, body = "", list[str]()
    for index, line in enumerate(lines[1:], 1):
        if line in HEADINGS and index + 1 < len(lines) and set(lines[index + 1]) == {"-"}:
            if heading:
                sections[heading] = "\n".join(body).strip()
            heading, body = line, []
        elif not (line and set(line) == {"-"}):
            body.append(line)
    if heading:
        sections[heading] = "\n".join(body).strip()
    declaration = cause.declaration
    return CausePage(cause.slug, lines[0], sections, declaration.owners, declaration.cause_class, declaration.references)


def causes() -> tuple[str, ...]:
    """The slugs of all causes, sorted; reads file names only."""
    from whytls.causes import slugs

    return slugs()
