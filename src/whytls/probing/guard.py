"""How far we may go: which servers may be contacted at all, how many connections, how fast, and what to do when a server steps back.

Theory of operation
-------------------
**Where to.** A replay takes its addresses from a capture, which anybody may have written, so nothing is contacted that the user did not
point to: ``--to HOST:PORT`` (that name, or that address, on that port and no other) or ``--allow CIDR``. What is judged is the address
that will be connected to (``target.Where``), never a name that is resolved again later. Where a proxy resolves the name nobody
here knows the address, so that only ``--to`` allows it.

**How fast.** A token bucket of one token: at most ``rate`` connections begin in a second, evenly. ``connections`` in all, retries included.

**Stepping back.** A connection that is refused, reset or closed while others are under way has two explanations: the server does not
like what was said on it, or it does not like so many at once. Nothing new begins then, and the same is done again *alone*, after a
pause that doubles up to a cap. Passes it then, the number at once was the reason: it is kept as a fact (``Strain``), and fewer go at once
from then on. Ends it the same way alone, that is the server's answer; after TRUSTED such answers and nothing that speaks for load, it is
believed at once. A connection that was alone from the beginning is never repeated. Retries have one budget for the whole run.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from time import monotonic
from typing import NamedTuple, TypeVar

from whytls.exceptions import UsageError
from whytls.pki.name import as_address, normalised
from whytls.probing.limits import DEFAULT, Limits
from whytls.probing.target import Target, Where, target

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0  # seconds
TRIES = 3  # alone, of one attempt, behind pauses of 0.2, 0.4 and 0.8 s: bounds by the second are over then
RETRIES = 12  # in one run
TRUSTED = 2
SLOWEST = 2.0  # connections a second that are made of a server which counts them by the second: a run has to end

_Result = TypeVar("_Result")

# ------------------------------------------------------------------ where to


class Allowed(NamedTuple):
    """What the user pointed to."""

    named: tuple[Target, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def permits(self, wanted: Target, where: Where) -> bool:
        """Whether this address of the target may be connected to."""
        if any(_points_to(one, wanted, where) for one in self.named):
            return True
        address = _address(where)
        return address is not None and any(address in network for network in self.networks)

    def check(self, wanted: Target, where: Where) -> None:
        """Lets it pass.

        Raises:
            UsageError: the user did not point to it; with what would.
        """
        if self.permits(wanted, where):
            return
        place = f"unix:{wanted.path}" if wanted.path else str(wanted.endpoint)
        address = _address(where)
        shown = place if address is None or str(address) == wanted.host else f"{place} ({address})"
        hint = f"--to {place}" + (f", or --allow {address}" if address is not None else "")
        raise UsageError(f"{shown} is not among the servers that may be contacted", hint=hint)


def allowed(to: Iterable[str] = (), allow: Iterable[str] = ()) -> Allowed:
    """``--to`` and ``--allow`` as they are written.

    Raises:
        UsageError: one of them is no server, or no network.
    """
    return Allowed(tuple(target(text) for text in to), tuple(_network(text) for text in allow))


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text[:60])
    except ValueError:
        pass
    try:
        meant = ip_network(text[:60], strict=False)
    except ValueError:
        raise UsageError(f"{text[:60]!r} is no network", hint="10.0.0.0/8, 2001:db8::/32, or one address") from None
    raise UsageError(f"{text[:60]!r} is an address inside a network", hint=f"{meant}, or {text[:60].partition('/')[0]} for that one") from None


def _points_to(named: Target, wanted: Target, where: Where) -> bool:
    if named.path or wanted.path:
        return named.path == wanted.path
    if named.port != wanted.port:
        return False
    literal = as_address(named.host)
    if literal is None:  # the name's own addresses; one that comes from elsewhere is judged as what it is
        return not wanted.address and normalised(named.host) == normalised(wanted.host)
    address = _address(where)
    return address is not None and address == _plain(ip_address(literal))


def _address(where: Where) -> IPv4Address | IPv6Address | None:
    """The address that will be connected to; ``None`` where a proxy resolves, and for Unix sockets."""
    literal = as_address(str(where.address[0])) if where.family != socket.AF_UNIX else None
    return _plain(ip_address(literal)) if literal else None


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address that is written as IPv6 leads to the IPv4 address (RFC 4291 section 2.5.5.2)."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


# ------------------------------------------------------------------ how fast


class Bucket(NamedTuple):
    """When the next connection may begin. Times are those of a clock that only goes forward, in seconds."""

    rate: float  # connections a second; 0: no bound
    next: float = 0.0


def taken(bucket: Bucket, now: float) -> tuple[Bucket, float]:
    """The bucket without the token that is taken now, and how long to wait before it may be used."""
    if bucket.rate <= 0:
        return bucket, 0.0
    begin = max(bucket.next, now)
    return bucket._replace(next=begin + 1 / bucket.rate), begin - now


def slower(bucket: Bucket, wait: float, now: float) -> Bucket:
    """The bucket of a server that served a connection after so long a pause, and not before it."""
    rate = max(1 / wait, SLOWEST)
    return Bucket(min(bucket.rate, rate) if bucket.rate > 0 else rate, now)


def pause(number: int) -> float:
    """Seconds before retry ``number`` (from 0) of an attempt."""
    return min(FIRST_PAUSE * 2.0 ** min(number, 16), LONGEST_PAUSE)


# ------------------------------------------------------------------ stepping back


class Strain(NamedTuple):
    """What was learned of how much the server bears. Numbers of connections count those at once, the one in question included."""

    most_passed: int = 0  # with which a connection was served
    fewest_hindered: int = 0  # with which one was refused, reset or closed that passed when it was alone; 0: none was
    relieved: int = 0  # connections that passed alone
    repeated: int = 0  # connections that ended the same way alone: the server's answer to what was said
    retries: int = 0
    waited: float = 0.0  # seconds

    @property
    def words(self) -> str:
        """The fact, for a report; empty where there is none."""
        if not self.relieved:
            return ""
        many = f"{self.relieved} connections were" if self.relieved > 1 else "a connection was"
        known = f"{many} refused, reset or closed beside others, and served when tried again alone"
        if self.most_passed < self.fewest_hindered:
            return f"the server turns connections away when {self.fewest_hindered} or more come at once: {known}"
        # it counts as well what it has not closed yet, or by the second: no number is the bound
        return f"the server turns connections away when several come at once, sometimes with {self.fewest_hindered}: {known}"

    @property
    def suspicious(self) -> bool:
        """Whether a connection that was turned away beside others says nothing yet."""
        return self.relieved > 0 or self.repeated < TRUSTED


def passed(strain: Strain, at_once: int) -> Strain:
    """A connection was served."""
    return strain._replace(most_passed=max(strain.most_passed, at_once))


def relieved(strain: Strain, at_once: int) -> Strain:
    """One that was turned away among so many was served alone."""
    fewest = min(strain.fewest_hindered or at_once, at_once) if at_once > 1 else strain.fewest_hindered  # alone, it was no matter of number
    return strain._replace(fewest_hindered=fewest, relieved=strain.relieved + 1, most_passed=max(strain.most_passed, 1))


class Gate:
    """Every connection with one server goes through here, and waits until it may begin."""

    def __init__(
        self, limits: Limits = DEFAULT, clock: Callable[[], float] = monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._limits, self._clock, self._sleep = limits, clock, sleep
        self._bucket = Bucket(limits.rate)
        self._changed = asyncio.Event()
        self._inside = self._open = 0
        self._suspects = 0  # connections that were turned away, and are waiting to be tried alone
        self.parallel = max(limits.parallel, 1)  # at once, from now on
        self.begun = 0  # connections so far
        self.strain = Strain()

    @property
    def left(self) -> int:
        """Connections that may still be begun."""
        return max(self._limits.connections - self.begun, 0)

    async def through(self, attempt: Callable[[], Awaitable[_Result]], hindered: Callable[[_Result], bool]) -> _Result:
        """Does it when it may be done; and again, alone, where it was ``hindered`` and others were under way.

        Raises:
            UsageError: there have been as many connections as there may be.
        """
        at_once, result = await self._once(attempt, alone=False)
        if not hindered(result):
            self.strain = passed(self.strain, at_once)
            return result
        if not self.strain.suspicious or (at_once == 1 and not self.strain.relieved):
            return result  # one that was alone is doubted only where others were turned away and then served: some servers count by the second
        self._suspects += 1  # until this is known, nothing else begins
        try:
            return await self._again(attempt, hindered, at_once, result)
        finally:
            self._suspects -= 1
            self._changed.set()

    async def _again(self, attempt: Callable[[], Awaitable[_Result]], hindered: Callable[[_Result], bool], at_once: int, result: _Result) -> _Result:
        """The same alone, behind growing pauses, until it is known whether the number at once was the reason."""
        for number in range(TRIES):
            if self.strain.retries >= RETRIES or not self.left:
                return result  # nothing was learned
            wait = pause(number)
            self.strain = self.strain._replace(retries=self.strain.retries + 1, waited=self.strain.waited + wait)
            await self._sleep(wait)
            if not self.strain.suspicious or not self.left:
                return result
            _, result = await self._once(attempt, alone=True)
            if not hindered(result):
                self.strain = relieved(self.strain, at_once)
                self.parallel = max(1, min(self.parallel, at_once // 2))
                if at_once == 1 or number:  # not the number at once, but the pace: being alone did not help at once
                    self._bucket = slower(self._bucket, wait, self._clock())
                return result
        self.strain = self.strain._replace(repeated=self.strain.repeated + 1)
        return result

    async def _once(self, attempt: Callable[[], Awaitable[_Result]], *, alone: bool) -> tuple[int, _Result]:
        """One connection; with how many there were when it began."""
        await self._enter(alone)
        try:
            if not self.left:
                raise UsageError(f"the bound of {self._limits.connections} connections is reached", hint="allow more, or ask for less")
            self.begun += 1
            self._bucket, wait = taken(self._bucket, self._clock())
            if wait > 0:
                await self._sleep(wait)
            self._open += 1
            try:
                return self._open, await attempt()
            finally:
                self._open -= 1
        finally:
            self._leave()

    async def _enter(self, alone: bool) -> None:
        while not self._may_enter(alone):
            self._changed.clear()
            await self._changed.wait()
        self._inside += 1

    def _may_enter(self, alone: bool) -> bool:
        return not self._inside if alone else not self._suspects and self._inside < self.parallel

    def _leave(self) -> None:
        self._inside -= 1
        self._changed.set()
