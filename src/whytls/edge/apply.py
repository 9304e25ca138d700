"""Changes made through a Management API, one after the other, and taken back.

Theory of operation
-------------------
Nothing is done before all of it has been looked at: each change has to stand as it was when the fix was made, or be done already. What somebody
else changed meanwhile is refused as a whole. Then each change is written into the journal as intended, done, and written as done. A change that
fails is looked at again (an answer can be lost on its way back), and everything that was done is taken back in reverse order. What cannot be
taken back is said, and stays in the journal for ``--undo``.

Undo walks the journal backwards. A change that is no longer as we left it was changed by somebody else, and is left alone with a word about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from whytls.edge import steps
from whytls.edge.fixes.change import Change
from whytls.edge.journal import Journal, Step
from whytls.exceptions import UsageError, WhytlsError

if TYPE_CHECKING:
    from whytls.edge.client import ManagementApi
    from whytls.probing.facts import Identity

Ended = Literal["applied", "already", "rolled back", "in part", "undone"]
Tell = Callable[[str], None]


class Applied(NamedTuple):
    """What came of it. ``told`` are lines for people: each change, and what went wrong."""

    ended: Ended
    told: tuple[str, ...]
    journal: Journal | None = None

    @property
    def as_wanted(self) -> bool:
        """Whether everything is as it was asked for."""
        return self.ended in ("applied", "already", "undone")


def apply(
    api: ManagementApi, changes: Sequence[Change], journal: Journal, identity: Identity | None = None, tell: Tell = lambda line: None
) -> Applied:  # fmt: skip
    """Makes the changes, all or none.

    Raises:
        ApiError: the API could not be asked how things stand; nothing was done.
        UsageError: something was changed meanwhile; nothing was done.
    """
    standing = [steps.standing(api, change) for change in changes]
    foreign = [str(change) for change, stands in zip(changes, standing, strict=True) if stands in ("other", "part")]
    if foreign:
        raise UsageError(f"changed by somebody else meanwhile: {'; '.join(foreign)}", hint="nothing was done; make the fix again from how it is now")
    told = [f"already so: {change}" for change, stands in zip(changes, standing, strict=True) if stands == "after"]
    wanted = [change for change, stands in zip(changes, standing, strict=True) if stands == "before"]
    if not wanted:
        return Applied("already", tuple(told))
    for change in wanted:
        step = Step(change)
        journal.steps.append(step)
        journal.write()
        try:
            step.change = steps.do(api, change, identity)
        except WhytlsError as error:
            told.append(f"failed: {change}: {error}")
            tell(told[-1])
            back = _backwards(api, journal, tell)
            ended: Ended = "rolled back" if not journal.open else "in part"
            return Applied(ended, (*told, *back), journal)
        step.state = "done"
        journal.write()
        told.append(f"done: {step.change}")
        tell(told[-1])
    return Applied("applied", tuple(told), journal)


def undo(api: ManagementApi, journal: Journal, tell: Tell = lambda line: None) -> Applied:
    """Takes everything back that stands in a journal and is still as it was left.

    Raises:
        UsageError: the journal is of another environment.
    """
    if journal.address != str(api.at):
        raise UsageError(f"{journal.path} is of {journal.address}, and not of {api.at}")
    if not journal.open:
        return Applied("already", ("everything in it was taken back already",), journal)
    told = _backwards(api, journal, tell)
    return Applied("in part" if journal.open else "undone", tuple(told), journal)


def _backwards(api: ManagementApi, journal: Journal, tell: Tell) -> list[str]:
    """Takes back what can be, the last first; what stands in the way of one does not stop the others."""
    told: list[str] = []
    for step in reversed(journal.steps):
        if step.state == "undone":
            continue
        line = _back(api, step)
        journal.write()
        told.append(line)
        tell(line)
    return told


def _back(api: ManagementApi, step: Step) -> str:
    change = step.change
    try:
        stands = steps.standing(api, change)
        if stands == "before":
            step.state = "undone"
            return f"was not done: {change}"
        if stands == "other":
            return f"left alone, somebody else changed it since: {change}"
        steps.undo(api, change)
    except WhytlsError as error:
        return f"not taken back: {change}: {error}"
    step.state = "undone"
    return f"taken back: {change}"
