"""All cases, in the same order for the same seed: sound chains, single faults, pairs of faults, branching paths, host names."""

from __future__ import annotations

import random
from collections.abc import Iterator

from lab.chains import constraints
from lab.chains.branches import BRANCHES
from lab.chains.faults import FAULTS
from lab.chains.hosts import HOSTS, PRESENTED, presenting, two_common_names
from lab.chains.plan import HOST, Case, Plan, made, simple
from lab.chains.policies import policies

SEED = 20250615
PAIRS = 1400


def cases(seed: int = SEED, pairs: int = PAIRS) -> list[Case]:
    """Every case; `pairs` are the random ones with two faults each."""
    assert constraints.CONSTRAINTS, "importing it puts its faults on the list"
    return [*_sound(), *_single(), *_branching(), *_agreed(), *_named(), *_double(random.Random(seed), pairs)]


def _sound() -> Iterator[Case]:
    for kind in ("p256", "p384", "rsa2048", "ed25519", "p521"):
        for depth in (0, 1, 2, 3):
            for purpose in ("server", "client"):
                plan = simple(depth, purpose, kind)
                yield made(plan, f"sound/{kind}-{depth}-{purpose}", ())


def _single() -> Iterator[Case]:
    for name in FAULTS:
        for depth in (1, 2):
            yield _with(simple(depth), f"single/{depth}", name)
        if name.startswith(("usage/", "trust/", "sent/", "validity/leaf", "extension/leaf", "subject/")):
            yield _with(simple(1, "client"), "single/client", name)
        if name.startswith(("authority/", "validity/root", "signature/", "key/", "constraints/root", "trust/")):
            yield _with(simple(0), "single/0", name)


def _branching() -> Iterator[Case]:
    for name, branch in BRANCHES.items():
        yield made(branch(), f"branch/{name}", (name,))


def _agreed() -> Iterator[Case]:
    for name, plan in policies():
        yield made(plan, f"policy/{name}", (f"policy/{name}",))


def _named() -> Iterator[Case]:
    for form in PRESENTED:
        for host in HOSTS:
            yield made(presenting(form, host), f"host/{form}/{host}", (f"host/{form}",))
    for first, second in ((HOST, "x"), ("x", HOST)):
        yield made(two_common_names(first, second, HOST), f"host/two-cn/{first}", ("host/two-cn",))


def _double(chance: random.Random, count: int) -> Iterator[Case]:
    names = list(FAULTS)
    for number in range(count):
        first, second = chance.sample(names, 2)
        plan = simple(chance.choice((1, 1, 2, 3)), chance.choice(("server", "server", "server", "client")))
        for name in (first, second):
            _apply(plan, name)
        yield made(plan, f"double/{number}", (first, second))


def _with(plan: Plan, label: str, *names: str) -> Case:
    for name in names:
        _apply(plan, name)
    return made(plan, f"{label}/{'+'.join(names)}", names)


def _apply(plan: Plan, name: str) -> None:
    """A fault that has nothing to change in this plan changes nothing."""
    try:
        FAULTS[name](plan)
    except KeyError:  # an extension that another fault took out
        return
