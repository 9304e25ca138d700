"""Which target server is called next (``LoadBalancer``): RoundRobin, Weighted and LeastConnections, MaxFailures, a fallback, retries.

A server that failed MaxFailures times in a row is taken out. Edge brings it back when its HealthMonitor finds it well, or when the proxy is
deployed anew; there is no HealthMonitor here, so the latter holds (a new Environment), and a restart.
"""

from __future__ import annotations

from typing import NamedTuple

from whytls.edge.resources import TargetEndpoint
from whytls.edge.xml import Element

MOST_TRIES = 8  # servers tried for one request
MOST_BALANCERS = 4096


class Plan(NamedTuple):
    """What a LoadBalancer says."""

    algorithm: str  # RoundRobin, Weighted, LeastConnections
    servers: tuple[str, ...]
    weights: tuple[int, ...]
    fallback: str
    most_failures: int  # 0: none is ever taken out
    retries: bool


def plan_of(endpoint: TargetEndpoint) -> Plan:
    """The LoadBalancer of a TargetEndpoint."""
    connection = endpoint.document.child("HTTPTargetConnection") if endpoint.document is not None else None
    given = connection.child("LoadBalancer") if connection is not None else None
    if given is None:
        return Plan("RoundRobin", endpoint.servers, (1,) * len(endpoint.servers), "", 0, True)
    known = {server.attribute("name"): server for server in given.all("Server")}
    listed = [known.get(name) for name in endpoint.servers]
    weights = tuple(max(_number(server, "Weight", 1), 1) if server else 1 for server in listed)
    fallback = next((name for name, server in zip(endpoint.servers, listed, strict=True) if server and server.value("IsFallback") == "true"), "")
    return Plan(
        given.value("Algorithm") or "RoundRobin", endpoint.servers, weights, fallback, _number(given, "MaxFailures", 0),
        (given.value("RetryEnabled") or "true").lower() != "false",
    )  # fmt: skip


def _number(given: Element, name: str, default: int) -> int:
    text = given.value(name) or ""
    return int(text) if text.isdecimal() and len(text) < 7 else default


class Balancer:
    """The state of one LoadBalancer."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self._turn = plan, 0
        self.failures: dict[str, int] = {}
        self.under_way: dict[str, int] = {}
        self._credit = [0] * len(plan.servers)

    def order(self, active: frozenset[str]) -> list[str]:
        """The servers to try for one request, in order; of those that are active. Empty: there is none."""
        plan = self.plan
        usable = [name for name in plan.servers if name in active and name != plan.fallback and not self._out(name)]
        if not usable:
            return [plan.fallback] if plan.fallback in active else []
        if plan.algorithm == "LeastConnections":
            usable.sort(key=lambda name: self.under_way.get(name, 0))  # stable
        else:
            first = self._weighted(usable) if plan.algorithm == "Weighted" else self._turn % len(usable)
            self._turn += 1
            usable = usable[first:] + usable[:first]
        if plan.fallback in active:
            usable.append(plan.fallback)
        return usable[: MOST_TRIES if plan.retries else 1]

    def _weighted(self, usable: list[str]) -> int:
        """Smooth weighted round robin, as nginx does it: the one with the most credit, which it then pays."""
        total = 0
        best = 0
        for index, name in enumerate(self.plan.servers):
            if name in usable:
                self._credit[index] += self.plan.weights[index]
                total += self.plan.weights[index]
                if self._credit[index] > self._credit[best] or self.plan.servers[best] not in usable:
                    best = index
        self._credit[best] -= total
        return usable.index(self.plan.servers[best])

    def _out(self, name: str) -> bool:
        return 0 < self.plan.most_failures <= self.failures.get(name, 0)

    def began(self, name: str) -> None:
        """A request goes to that server."""
        self.under_way[name] = self.under_way.get(name, 0) + 1

    def ended(self, name: str, *, well: bool) -> None:
        """It was answered, or it failed."""
        self.under_way[name] = max(self.under_way.get(name, 1) - 1, 0)
        self.failures[name] = 0 if well else self.failures.get(name, 0) + 1
