"""What is remembered, and how often it is asked for again: the hit rate of every cache on a storm of failures.

In the storm every hello has random bytes of its own, every flow its own addresses, frames and times, as on real wires: a cache that is keyed on
whole messages shows a rate near nothing here. Only the rates are measured; counting makes the run slow.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import whytls
from whytls import kinds
from whytls.capture import assemble, form, ladder
from whytls.inference import counterfactual, ending
from whytls.wire import message

# Caches that are plain dictionaries, and where each is held.
DICTIONARIES = (
    (message._clients, "_said", "ClientHellos, by all but random, session_id and key share"),
    (message._servers, "_said", "ServerHellos, by all but random, session_id and key share"),
    (message, "_suites", "lists of cipher suites"),
    (message, "_said", "extensions"),
    (ladder, "_cache", "messages that repeat whole (Certificate, CertificateRequest), by their bytes"),
    (form, "_forms", "shapes of handshakes"),
    (assemble, "_addresses", "addresses as text"),
    (ending, "_courses", "courses of handshakes"),
    (counterfactual, "_servers", "what a server accepted, by its address"),
)


class Rate(NamedTuple):
    """How often a cache was asked, and had the answer."""

    name: str
    asked: int
    hits: int


class Counted(dict[Any, Any]):
    """A dictionary that counts what it is asked."""

    asked = hits = 0

    def get(self, key: Any, default: Any = None) -> Any:
        """As of any dictionary."""
        self.asked += 1
        found = super().get(key, default)
        self.hits += found is not default
        return found


def rates(path: Path) -> list[Rate]:
    """The rates of all caches while a capture is diagnosed, in a process that has diagnosed nothing before."""
    counted = []
    for holder, name, title in DICTIONARIES:
        held = Counted(getattr(holder, name))
        setattr(holder, name, held)
        counted.append((title, held))
    judged: list[kinds.Kinds] = []
    made = kinds.Kinds.__init__

    def noted(self: kinds.Kinds) -> None:
        made(self)
        judged.append(self)

    kinds.Kinds.__init__ = noted  # type: ignore[method-assign]
    for _ in whytls.diagnose(path):
        pass
    found = [Rate("verdicts, by the kind of failure", sum(k.met for k in judged), sum(k.told for k in judged))]
    found += [Rate(title, held.asked, held.hits) for title, held in counted]
    return found + sorted(_functions(), key=lambda rate: -rate.asked)


def _functions() -> list[Rate]:
    """Those of remembered functions (functools.lru_cache)."""
    found: dict[int, Rate] = {}
    for module in [m for name, m in sys.modules.items() if name.startswith("whytls")]:
        for value in vars(module).values():
            if hasattr(value, "cache_info"):
                info = value.cache_info()
                found[id(value)] = Rate(f"{value.__module__.removeprefix('whytls.')}.{value.__name__}", info.hits + info.misses, info.hits)
    return [rate for rate in found.values() if rate.asked]


def show(path: Path) -> None:
    """The table."""
    print(f"\ncaches, {path.name}")
    for name, asked, hits in rates(path):
        print(f"  {name:82}{asked:10} asked{100 * hits / asked if asked else 0:7.1f} % hits")


if __name__ == "__main__":
    show(Path(sys.argv[1]))
