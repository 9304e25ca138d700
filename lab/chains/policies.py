"""Certificate policies that a CA insists upon, in every small combination: who agrees with whom (RFC 5280 section 6.1)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from lab.chains import encode as e
from lab.chains.plan import Link, Plan, simple

FIRST, SECOND, ANY = "1.3.6.1.4.1.55555.9.1", "1.3.6.1.4.1.55555.9.2", "2.5.29.32.0"
SETS: dict[str, tuple[str, ...]] = {"none": (), "first": (FIRST,), "second": (SECOND,), "both": (FIRST, SECOND), "any": (ANY,)}


def _policies(link: Link, name: str) -> None:
    if SETS[name]:
        link.put(e.POLICIES, e.sequence(*(e.sequence(e.oid(policy)) for policy in SETS[name])))


def _number(tag: int, value: int) -> bytes:
    return e.tlv(tag, e.integer(value)[2:])


def policies() -> Iterator[tuple[str, Plan]]:
    """Two CAs and a leaf; the upper CA requires an explicit policy at once or one certificate later."""
    for upper, lower, leaf, explicit in product(SETS, SETS, SETS, (0, 1)):
        plan = simple(2)
        for name, chosen in (("ca2", upper), ("ca1", lower), ("leaf", leaf)):
            _policies(plan.links[name], chosen)
        plan.links["ca2"].put(e.POLICY_CONSTRAINTS, e.sequence(_number(0x80, explicit)), critical=True)
        yield f"{upper}-{lower}-{leaf}-{explicit}", plan
    for extra, lower, leaf in product(("mapped", "mapped-back", "no-mapping", "no-any", "any-mapped", "leaf-requires"), SETS, SETS):
        plan = simple(2)
        for name, chosen in (("ca2", "both"), ("ca1", lower), ("leaf", leaf)):
            _policies(plan.links[name], chosen)
        requires = b"" if extra == "leaf-requires" else _number(0x80, 0)
        forbids = _number(0x81, 0) if extra == "no-mapping" else b""
        if requires or forbids:
            plan.links["ca2"].put(e.POLICY_CONSTRAINTS, e.sequence(requires, forbids), critical=True)
        _extra(plan, extra)
        yield f"{extra}-{lower}-{leaf}", plan


def _extra(plan: Plan, extra: str) -> None:
    pairs = {"mapped": (FIRST, SECOND), "mapped-back": (SECOND, FIRST), "no-mapping": (FIRST, SECOND), "any-mapped": (ANY, FIRST)}
    if extra in pairs:
        mapping = e.sequence(e.sequence(*map(e.oid, pairs[extra])))
        plan.links["ca2" if extra == "any-mapped" else "ca1"].put(e.MAPPINGS, mapping, critical=True)
    elif extra == "no-any":
        plan.links["ca2"].put(e.ANY_POLICY, e.integer(0), critical=True)
    else:
        plan.leaf.put(e.POLICY_CONSTRAINTS, e.sequence(_number(0x80, 0)), critical=True)
