"""Chains that can be followed in more than one way: cross-signing, circles, namesakes, and what is made to take long."""

from __future__ import annotations

from collections.abc import Callable

from lab.chains import encode as e
from lab.chains.plan import DAY, NOON, Plan, authority, organisation, simple

Branch = Callable[[], Plan]
BRANCHES: dict[str, Branch] = {}


def _branch(name: str) -> Callable[[Branch], Branch]:
    def keep(function: Branch) -> Branch:
        BRANCHES[name] = function
        return function

    return keep


def _crossed(sent: list[str], anchors: list[str], depth: int = 1) -> Plan:
    """The leaf's CA has two certificates: one by `root`, one (`cross`) by `old`, both for the same name and key."""
    plan = simple(depth)
    plan.add(authority("old", "old", "Old Harbour Root"))
    near = plan.links["ca1"]
    cross = plan.add(authority("cross", "old", "x", at_key=near.key))
    cross.subject = near.subject
    plan.sent, plan.anchors = sent, anchors
    return plan


def _root_crossed(sent: list[str], anchors: list[str]) -> Plan:
    """The root has a second certificate, issued by `old`, as roots have that are young."""
    plan = simple(1)
    plan.add(authority("old", "old", "Old Harbour Root"))
    cross = plan.add(authority("cross-root", "old", "x", at_key=plan.links["root"].key))
    cross.subject = plan.links["root"].subject
    plan.sent, plan.anchors = sent, anchors
    return plan


def _expire(plan: Plan, *names: str) -> Plan:
    for name in names:
        plan.links[name].begins, plan.links[name].ends = e.utc(NOON - 900 * DAY), e.utc(NOON - 20 * DAY)
    return plan


for _sent in (["leaf", "ca1"], ["leaf", "cross"], ["leaf", "ca1", "cross"], ["leaf", "cross", "ca1"], ["leaf", "cross", "ca1", "old", "root"]):
    for _anchors in (["root"], ["old"], ["root", "old"], []):
        _key = f"{'+'.join(_sent[1:])}-trusts-{'+'.join(_anchors) or 'nothing'}"
        BRANCHES[f"cross/{_key}"] = lambda s=_sent, a=_anchors: _crossed(list(s), list(a))  # type: ignore[misc]
        BRANCHES[f"cross-expired/{_key}"] = lambda s=_sent, a=_anchors: _expire(_crossed(list(s), list(a)), "cross")  # type: ignore[misc]
        BRANCHES[f"cross-old-expired/{_key}"] = lambda s=_sent, a=_anchors: _expire(_crossed(list(s), list(a)), "old")  # type: ignore[misc]
for _sent in (["leaf", "ca1"], ["leaf", "ca1", "cross-root"], ["leaf", "ca1", "cross-root", "old"], ["leaf", "ca1", "root", "cross-root"]):
    for _anchors in (["root"], ["old"], ["root", "old"], ["cross-root"]):
        _key = f"{'+'.join(_sent[1:])}-trusts-{'+'.join(_anchors)}"
        BRANCHES[f"root-cross/{_key}"] = lambda s=_sent, a=_anchors: _root_crossed(list(s), list(a))  # type: ignore[misc]
        for _old in ("cross-root", "old", "root"):
            BRANCHES[f"root-cross-{_old}-expired/{_key}"] = (
                lambda s=_sent, a=_anchors, o=_old: _expire(_root_crossed(list(s), list(a)), o)  # type: ignore[misc]
            )


def _worse_path(change: Callable[[Plan], None], order: list[str], anchors: list[str]) -> Plan:
    """Two ways to the same root, and one of them is not acceptable: who backtracks gets through."""
    plan = simple(2)
    near = plan.links["ca1"]
    plan.add(authority("other", "root", "Harbour Issuing Two"))
    second = plan.add(authority("second", "other", "x", at_key=near.key))
    second.subject = near.subject
    plan.sent, plan.anchors = order, anchors
    change(plan)
    return plan


def _out_of_time(plan: Plan) -> None:
    _expire(plan, "ca2")


def _no_authority(plan: Plan) -> None:
    plan.links["ca2"].put(e.BASIC, e.basic_constraints(False), critical=True)


def _too_short(plan: Plan) -> None:
    plan.links["ca2"].put(e.BASIC, e.basic_constraints(True, 0), critical=True)


def _excluded(plan: Plan) -> None:
    plan.links["ca2"].put(e.NAMES, e.name_constraints((("dns", "orchard.example"),)), critical=True)


def _for_email(plan: Plan) -> None:
    plan.links["ca2"].put(e.EKU, e.extended_key_usage("1.3.6.1.5.5.7.3.4"))


def _unknown_critical(plan: Plan) -> None:
    plan.links["ca2"].put(e.UNKNOWN, b"\5\0", critical=True)


def _tampered(plan: Plan) -> None:
    plan.links["ca2"].tampered = True


def _no_cert_sign(plan: Plan) -> None:
    plan.links["ca2"].put(e.KEY_USAGE, e.key_usage("digital_signature"), critical=True)


def _version_1(plan: Plan) -> None:
    plan.links["ca2"].version = None


for _name, _change in {
    "expired": _out_of_time, "no-ca": _no_authority, "path-length": _too_short, "constraints": _excluded, "usage": _for_email,
    "critical": _unknown_critical, "tampered": _tampered, "no-cert-sign": _no_cert_sign, "version-1": _version_1,
}.items():  # fmt: skip
    for _order in (
        ["leaf", "ca1", "ca2", "second", "other"], ["leaf", "second", "other", "ca1", "ca2"], ["leaf", "ca1", "second", "ca2", "other"],
        ["leaf", "ca1", "ca2"],
    ):  # fmt: skip
        BRANCHES[f"two-ways-{_name}/{'+'.join(_order[1:])}"] = (
            lambda c=_change, o=_order: _worse_path(c, list(o), ["root"])  # type: ignore[misc]
        )


@_branch("circle/two-cas")
def _circle() -> Plan:
    """Two CAs that issued each other, and no way out."""
    plan = simple(2)
    plan.links["ca2"].issuer = "ca1"
    return plan


@_branch("circle/one-name-two-keys")
def _circle_of_namesakes() -> Plan:
    """Two certificates of one CA name, each signed by the other's key."""
    plan = _circle()
    plan.links["ca2"].subject = plan.links["ca1"].subject
    return plan


@_branch("circle/two-cas-with-exit")
def _circle_with_exit() -> Plan:
    plan = simple(2)
    back = plan.add(authority("back", "ca1", "x", at_key=plan.links["ca2"].key))
    back.subject = plan.links["ca2"].subject
    plan.sent = ["leaf", "ca1", "back", "ca2"]
    return plan


@_branch("circle/bridge")
def _bridge() -> Plan:
    """A bridge CA that cross-signed with both roots."""
    plan = simple(1)
    plan.add(authority("far", "far", "Far Root"))
    plan.add(authority("bridge", "far", "Bridge"))
    down = plan.add(authority("down", "bridge", "x", at_key=plan.links["root"].key))
    down.subject = plan.links["root"].subject
    up = plan.add(authority("up", "root", "x", at_key=plan.links["bridge"].key))
    up.subject = plan.links["bridge"].subject
    plan.sent, plan.anchors = ["leaf", "ca1", "down", "up", "bridge"], ["far"]
    return plan


@_branch("self-issued/one")
def _self_issued() -> Plan:
    """A CA that changed its key: the new key's certificate is issued by the old key under the same name; not counted in path lengths."""
    plan = simple(1)
    plan.links["ca1"].put(e.BASIC, e.basic_constraints(True, 0), critical=True)
    new = plan.add(authority("new", "ca1", "x"))
    new.subject = plan.links["ca1"].subject
    plan.leaf.issuer = "new"
    plan.sent = ["leaf", "new", "ca1"]
    return plan


@_branch("self-issued/two-below-path-length-0")
def _self_issued_twice() -> Plan:
    plan = _self_issued()
    newer = plan.add(authority("newer", "new", "x"))
    newer.subject = plan.links["ca1"].subject
    plan.leaf.issuer = "newer"
    plan.sent = ["leaf", "newer", "new", "ca1"]
    return plan


@_branch("self-issued/of-the-root")
def _root_rollover() -> Plan:
    plan = simple(1)
    new = plan.add(authority("new", "root", "x", at_key="p256:root-new"))
    new.subject = plan.links["root"].subject
    plan.links["ca1"].issuer = "new"
    plan.sent = ["leaf", "ca1", "new"]
    return plan


@_branch("self-issued/leaf")
def _leaf_named_as_issuer() -> Plan:
    """The leaf has its issuer's name (the same answers given twice to `openssl req`)."""
    plan = simple(1)
    plan.leaf.subject = plan.links["ca1"].subject
    return plan


@_branch("self-issued/leaf-without-ids")
def _leaf_named_as_issuer_without_ids() -> Plan:
    plan = _leaf_named_as_issuer()
    plan.leaf.key_ids = plan.links["ca1"].key_ids = (False, False)
    return plan


def _path_lengths(*lengths: int | None) -> Plan:
    """Intermediates with these path lengths, the root's first."""
    plan = simple(len(lengths) - 1)
    for name, length in zip(["root", *(f"ca{n}" for n in range(len(lengths) - 1, 0, -1))], lengths, strict=True):
        plan.links[name].put(e.BASIC, e.basic_constraints(True, length), critical=True)
    return plan


for _lengths in (
    (0,), (0, None), (1, None), (0, 0), (1, 0), (1, 1), (None, 0, None), (2, 1, 0), (2, 0, 1), (1, 1, 1), (0, 2, 2), (None, 0, 0), (3, 0, 0),
    (None, None, None, 0), (3, 2, 1, 0), (2, 2, 2, 2),
):  # fmt: skip
    BRANCHES[f"path-length/{'-'.join('n' if n is None else str(n) for n in _lengths)}"] = lambda n=_lengths: _path_lengths(*n)  # type: ignore[misc]


def _namesakes(count: int, *, ids: bool, right: int) -> Plan:
    """Many CAs of one name, each with a key of its own; the right one stands at `right`."""
    plan = simple(1)
    if not ids:
        plan.leaf.key_ids = plan.links["ca1"].key_ids = (False, False)
    for number in range(count):
        other = plan.add(authority(f"same{number}", "root", "x"))
        other.subject = plan.links["ca1"].subject
        if not ids:
            other.key_ids = (False, False)
    others = [f"same{number}" for number in range(count)]
    plan.sent = ["leaf", *others[:right], "ca1", *others[right:]]
    return plan


for _count, _right in ((2, 1), (5, 5), (9, 0), (9, 9)):
    for _ids in (True, False):
        BRANCHES[f"namesakes/{_count}-right-at-{_right}{'' if _ids else '-without-ids'}"] = (
            lambda c=_count, r=_right, i=_ids: _namesakes(c, ids=i, right=r)  # type: ignore[misc]
        )


def _long(depth: int) -> Plan:
    return simple(depth)


for _depth in (4, 6, 8, 9, 10, 11):
    BRANCHES[f"long/{_depth}"] = lambda d=_depth: _long(d)  # type: ignore[misc]


def _mesh(size: int) -> Plan:
    """CAs that all issued each other: more ways than can be tried, and none to an anchor (a graph bomb)."""
    plan = simple(1)
    plan.add(authority("far", "far", "Far Root"))
    names = [f"m{number}" for number in range(size)]
    for name in names:
        plan.add(authority(name, "root", f"Mesh {name}"))
    plan.links["ca1"].subject, plan.links["ca1"].key = plan.links["m0"].subject, plan.links["m0"].key
    plan.sent, plan.anchors = ["leaf", "ca1"], ["far"]
    for lower in names:
        for upper in names:
            if lower != upper:
                label = f"{lower}-by-{upper}"
                link = plan.add(authority(label, upper, "x", at_key=plan.links[lower].key))
                link.subject = plan.links[lower].subject
                plan.sent.append(label)
    return plan


for _size in (2, 3):
    BRANCHES[f"mesh/{_size}"] = lambda s=_size: _mesh(s)  # type: ignore[misc]


@_branch("anchor/leaf-is-the-root")
def _server_presents_the_root() -> Plan:
    """The server shows a CA certificate that is itself trusted."""
    plan = simple(1)
    plan.sent = ["root"]
    return plan


@_branch("anchor/intermediate-presented")
def _server_presents_a_ca() -> Plan:
    plan = simple(1)
    plan.sent = ["ca1"]
    return plan


@_branch("anchor/root-sent-in-front")
def _root_in_front() -> Plan:
    plan = simple(2)
    plan.sent = ["leaf", "root", "ca2", "ca1"]
    return plan


@_branch("anchor/two-roots-one-name-other-keys")
def _two_roots() -> Plan:
    plan = simple(1)
    twin = plan.add(authority("twin", "twin", "x"))
    twin.subject = plan.links["root"].subject
    twin.key_ids = (False, False)
    plan.links["ca1"].key_ids = plan.links["root"].key_ids = (False, False)
    plan.anchors = ["twin", "root"]
    return plan


@_branch("anchor/subordinate-and-its-root")
def _subordinate_and_root() -> Plan:
    plan = simple(2)
    plan.sent, plan.anchors = ["leaf", "ca1"], ["ca2", "root"]
    return plan


@_branch("anchor/subordinate-only")
def _subordinate_only() -> Plan:
    plan = simple(2)
    plan.sent, plan.anchors = ["leaf", "ca1", "ca2"], ["ca2"]
    return plan


@_branch("anchor/version-1")
def _version_1_root() -> Plan:
    plan = simple(1)
    plan.links["root"].version = None
    return plan


@_branch("anchor/not-a-ca-self-signed")
def _root_without_extensions() -> Plan:
    plan = simple(0)
    root = plan.links["root"]
    root.subject = organisation("Plain")
    root.extensions.clear()
    return plan
