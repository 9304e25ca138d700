"""The public functions that contact servers: `probe`, `replay` and `audit`. As in api.py, a command does what the function of its name does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, get_args

from whytls.exceptions import UsageError
from whytls.model import NOTHING_AT_REST, Endpoint

if TYPE_CHECKING:
    from datetime import datetime

    from whytls.clients.client import Client
    from whytls.edge.audit.run import Audit
    from whytls.edge.environment import Environment
    from whytls.edge.environment import Target as Called
    from whytls.model import Diagnosis, Handshake
    from whytls.pki.password import Password
    from whytls.probing.facts import Identity
    from whytls.probing.limits import Limits
    from whytls.probing.target import Family, Target
    from whytls.run import Run
    from whytls.stores import Given
    from whytls.surveying.replaying import Redone, Replays
    from whytls.surveying.result import Survey
    from whytls.surveying.run import Probe
    from whytls.surveying.through import Captured

EVERY = "all"  # of the clients
_NOBODY = (NOTHING_AT_REST, NOTHING_AT_REST)  # the far sides of a gateway, of which nothing is given


class _Way(NamedTuple):
    """How every server of a call is reached."""

    name: str | None
    address: str | None
    family: Family
    starttls: str | None
    proxy: str | None
    proxy_password: Password | None
    proxy_protocol: str | None
    proxy_source: str | None


def probe(
    *targets: str,
    name: str | None = None,
    address: str | None = None,
    family: Family = 0,
    starttls: str | None = None,
    proxy: str | None = None,
    proxy_password: Password | None = None,
    proxy_protocol: str | None = None,
    proxy_source: str | None = None,
    all_addresses: bool = False,
    cert: str | None = None,
    key: str | None = None,
    cert_alias: str | None = None,
    password: Password | None = None,
    key_password: Password | None = None,
    trust: str | None = None,
    with_: Sequence[str] = (),
    at: str | datetime | None = None,
    client: Sequence[str] = (),
    compare: str | None = None,
    without: Sequence[str] = (),
    timeout: float = 5.0,
    connections: int = 200,
    parallel: int = 8,
    rate: float = 0.0,
    progress: Callable[[int, int | None], None] | None = None,
) -> Probe:
    """Ask live servers what they accept, whom they let through, and why they refuse the others.

    ``targets`` are ``host``, ``host:port``, ``[v6]:port``, ``https://host``, ``smtp://host``, ``unix:/path``; without a port 443. ``name``
    is sent as SNI: ``None`` stands for the host, where that is a name, and ``""`` for none. ``address`` is connected to whatever the name
    resolves to; ``family`` is 4, 6, or 0 for both; ``starttls``, ``proxy`` and ``proxy_protocol`` say what stands in front of TLS.
    ``cert`` is a store with the client certificate to present, ``cert_alias`` which of several in it, ``key`` the file of its key where
    that lies elsewhere; ``trust`` is a store with the anchors of the clients. ``client`` names clients whose own hello is sent
    (``java-17``, ``all``, ``edge.pcap#4``), ``compare`` another server, to tell what differs, and ``without`` parts that are left out
    (``surveying.run.PARTS``). ``timeout`` is in seconds, ``rate`` in connections a second (0: as they come); ``connections`` and
    ``parallel`` bound those to one server. The value is iterated lazily and gives a ``Survey`` for each server; those that could not be
    asked stand in its ``errors``.

    Raises:
        InputError: a store or capture cannot be read.
        UsageError: a target, a client or an option is none, or two contradict each other.
    """
    if not targets:
        raise UsageError("there is nobody to ask", hint="name a server: api.example.com, or HOST:PORT")
    from whytls.checking.terms import terms
    from whytls.surveying.run import PARTS, Part, Probe, Wanted

    unknown = [part for part in without if part not in PARTS]
    if unknown:
        raise UsageError(f"{unknown[0][:40]!r} is no part of what is asked", hint=", ".join(PARTS))
    way = _Way(name, address, family, starttls, proxy, proxy_password, proxy_protocol, proxy_source)
    wanted = Wanted(
        terms(None, "server", trust, with_, (), (), at, 30, False, False),
        _limits(timeout, connections, parallel, rate),
        frozenset(part for part in get_args(Part) if part in without),
        _identity(cert, key, cert_alias, password, key_password),
        all_addresses,
        _clients(client),
        _target(compare, way) if compare is not None else None,
    )
    return Probe([(text, _target(text, way)) for text in targets], wanted, progress)


def replay(
    *failures: str,
    to: str | None = None,
    allow: Sequence[str] = (),
    name: Sequence[str] = (),
    starttls: str | None = None,
    router: Sequence[str] = (),
    message_processor: Sequence[str] = (),
    backend: Sequence[str] = (),
    topology: str | None = None,
    trust: str | None = None,
    at: str | datetime | None = None,
    cert: str | None = None,
    key: str | None = None,
    cert_alias: str | None = None,
    password: Password | None = None,
    key_password: Password | None = None,
    timeout: float = 5.0,
    connections: int = 20,
    rate: float = 0.0,
) -> Replay:
    """Send the ClientHello of a recorded failure to the live server again, change one thing at a time, and say which change it takes.

    ``failures`` are ``edge.pcap#4``, a frame of the handshake, or ``edge.pcap`` for every one that failed. Nothing is contacted that is not
    pointed to: ``to`` names the server that all of them go to, ``allow`` networks in which each may go to its own. ``name`` are server
    names to try, ``connections`` how many are made for one failure at most, ``timeout`` is in seconds, ``rate`` in connections a second
    (0: as they come). The rest is as in ``diagnose`` and ``probe``. The value is iterated lazily and gives a ``Redone`` for each failure.

    Raises:
        InputError: a file is no capture, or a name leads nowhere; while iterating.
        UsageError: a frame, a server or a network is none, or the server of a failure was not pointed to.
    """
    if not failures:
        raise UsageError("which failure?", hint="whytls replay edge.pcap#4 --to HOST:PORT")
    from whytls.api import diagnose

    def diagnoses(path: str) -> Run:
        return diagnose(path, router=router, message_processor=message_processor, backend=backend, topology=topology, trust=trust, at=at, all=True)

    limits = _limits(timeout, connections, 4, rate)
    return Replay(list(failures), diagnoses, replays(to, allow, name, starttls, _identity(cert, key, cert_alias, password, key_password), limits))


def audit(
    edge: str | Environment,
    *,
    edge_config: str | None = None,
    probe: bool = False,
    keystore: Given = (),
    truststore: Given = (),
    password_env: Given = (),
    password_file: Given = (),
    with_: Sequence[str] = (),
    at: str | datetime | None = None,
    warn_days: int = 30,
    proxies: bool = True,
    timeout: float = 5.0,
    connections: int = 100,
    reading: Callable[[str], None] | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Audit:
    """Judge an environment before anything fails: every virtual host, target and store, and what live backends accept.

    ``edge`` is the address of an environment at its Management API, a folder or file that configures a gateway, or an ``Environment``;
    ``edge_config`` a file that says who we are to the API. ``probe`` asks every backend that a target names, in at most ``connections``
    connections each, ``timeout`` in seconds. ``keystore`` and ``truststore`` are stores of the far sides, ``{"client": "store.p12"}`` or
    ``["backend=store.p12"]``, for the pairs that the gateway's own stores cannot tell (R17); their passwords are named as in ``diagnose``.
    ``with_`` are files with other certificates at hand. What ends within ``warn_days`` is a warning. Without ``proxies`` no bundle is read,
    and nothing is said to be unused.

    Raises:
        ApiError: the Management API cannot be reached, or refuses.
        InputError: a file or store cannot be read, or configures no gateway.
        UsageError: a side, a time or a number of days is none.
    """
    from whytls.checking.terms import terms
    from whytls.edge.audit.run import audit as judge
    from whytls.edge.audit.run import to_probe
    from whytls.edge.context import read_environment
    from whytls.stores import stores

    ask = terms(None, None, None, with_, (), (), at, warn_days, False, False)
    given = stores(keystore, truststore, password_env, password_file)
    found = read_environment(edge, edge_config, proxies=proxies, progress=reading) if isinstance(edge, str) else edge
    clients, backends = (given.by_side.get("client", NOTHING_AT_REST), given.by_side.get("backend", NOTHING_AT_REST)) if given else _NOBODY
    surveys, unasked = surveyed(to_probe(found), timeout, connections, progress) if probe else ({}, ())
    result = judge(found, ask, clients=clients, backend_stores=backends, surveys=surveys, proxies=proxies)
    return result.with_warnings((*(given.warnings if given else ()), *unasked))


def surveyed(
    targets: Sequence[Called], timeout: float = 5.0, connections: int = 100, progress: Callable[[int, int | None], None] | None = None
) -> tuple[dict[tuple[str, int], Survey], tuple[str, ...]]:
    """What the backends of these targets accept, by host and port; and a line for each that could not be asked."""
    places = {str(Endpoint(target.host, target.port)): (target.host, target.port) for target in targets}
    if not places:
        return {}, ()
    asked = probe(
        *places, without=("groups", "alpn", "resumption", "clients"), timeout=timeout, connections=connections, parallel=4, progress=progress
    )
    found = {places[survey.target]: survey for survey in asked}
    return found, tuple(f"not asked: {error}" for error in asked.errors)


def replays(
    to: str | None, allow: Sequence[str], names: Sequence[str] = (), starttls: str | None = None, identity: Identity | None = None,
    limits: Limits | None = None,
) -> Replays:  # fmt: skip
    """What does failures again, within what the user pointed to.

    Raises:
        UsageError: nothing was pointed to, or a server or network is none.
    """
    if to is None and not allow:
        raise UsageError("where may it be done again?", hint="--to HOST:PORT for that server, --allow 10.0.0.0/8 for all of a network")
    from whytls.probing.guard import allowed
    from whytls.probing.target import target
    from whytls.surveying.replaying import Replays

    limits = limits or _limits(5.0, 20, 4, 0.0)
    there = target(to, starttls=starttls or None) if to is not None else None
    return Replays(allowed([to] if to is not None else [], allow), to=there, names=names, identity=identity, limits=limits, most=limits.connections)


class Replay:
    """The replays of a call, one after the other; ``warnings`` is complete once it is exhausted."""

    def __init__(self, failures: list[str], diagnoses: Callable[[str], Run], replays: Replays) -> None:
        self.failures, self._diagnoses, self._replays = failures, diagnoses, replays
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[Redone]:
        with self._replays:
            for diagnosis, named in self._failed():
                yield self._replays.redo(diagnosis) if named else self._replays.redo_if_allowed(diagnosis)
        if self._replays.left_out:
            self.warnings.append(f"{self._replays.left_out} more failures were not done again: name them one by one")

    def plan(self) -> Iterator[str]:
        """What would be sent where, in lines; nothing is contacted.

        Raises:
            UsageError: the server of a failure that was named was not pointed to.
        """
        with self._replays:
            for diagnosis, named in self._failed():
                yield from self._replays.planned(diagnosis) if named else self._replays.planned_if_allowed(diagnosis)

    def _failed(self) -> Iterator[tuple[Diagnosis, bool]]:
        """The failures, and whether each was named by itself."""
        from whytls.report.ladder import find

        for failure in self.failures:
            capture, _, frame = failure.rpartition("#")
            if capture and frame.isdecimal():
                yield find(self._diagnoses(capture), frame), True
                continue
            run = self._diagnoses(failure)
            yield from ((diagnosis, False) for diagnosis in run if diagnosis.cause is not None)
            self.warnings += run.warnings


def _clients(names: Sequence[str]) -> tuple[Client | Captured, ...]:
    """The clients of ``--client``: a slug, the beginning of one, ``all``, or a hello of a capture."""
    from whytls.clients import find, load_all

    known: dict[str, Client | Captured] = {}
    for name in names:
        capture, _, frame = name.rpartition("#")
        if capture and frame.isdecimal():
            known[name] = _captured(name)
        else:
            known.update((client.slug, client) for client in (load_all() if name == EVERY else find(name)))
    return tuple(known.values())


def _captured(name: str) -> Captured:
    from whytls.surveying.through import Captured

    hello = recorded(name).client_hello
    if hello is None:
        raise UsageError(f"no ClientHello was recorded at {name}", hint="whytls diagnose FILE --all lists the handshakes of a capture")
    return Captured(name, hello)


def recorded(name: str) -> Handshake:
    """The handshake of a capture that has this frame: ``edge.pcap#4``."""
    from whytls.api import diagnose
    from whytls.report.ladder import find

    capture, _, frame = name.rpartition("#")
    found = find(diagnose(capture, all=True), frame).handshake
    if found is None:
        raise UsageError(f"no handshake has frame {frame} in {capture}")
    return found


def _target(text: str, way: _Way) -> Target:
    from whytls.probing.target import proxy, proxy_header, target

    return target(
        text,
        address=way.address or "",
        family=way.family,
        server_name="" if way.name is None else (way.name or None),
        starttls=way.starttls,
        proxy=proxy(way.proxy, password=way.proxy_password) if way.proxy else None,
        proxy_header=proxy_header(way.proxy_protocol, way.proxy_source or "") if way.proxy_protocol else None,
    )


def _identity(cert: str | None, key: str | None, alias: str | None, password: Password | None, key_password: Password | None) -> Identity | None:
    if cert is None:
        if key is not None or alias is not None:
            raise UsageError("a key needs its certificate", hint="--cert STORE")
        return None
    from whytls.probing.identity import identity

    return identity(cert, key, alias=alias, password=password, key_password=key_password)


def _limits(timeout: float, connections: int, parallel: int, rate: float) -> Limits:
    from whytls.probing.limits import DEFAULT

    for value, what in ((timeout, "timeout"), (connections, "number of connections"), (parallel, "number of connections at once")):
        if not 0 < value < 100_000:
            raise UsageError(f"{value:g} is no {what}", hint="a number above 0")
    if not 0 <= rate < 100_000:
        raise UsageError(f"{rate:g} is no rate", hint="connections a second; 0: as they come")
    return DEFAULT._replace(connect=timeout, answer=timeout, total=3 * timeout, connections=connections, parallel=parallel, rate=rate)
