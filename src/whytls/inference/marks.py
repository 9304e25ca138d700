"""Values that stand for what is not known: they can be handed on, and not read.

Theory of operation
-------------------
Many handshakes fail alike, and differ in addresses, frame numbers, times and random bytes only. Is the verdict on one of them that on all,
with the other numbers put in? Only if nothing that was decided, and no word of a text, came from these. That is not a promise that
sixty causes could keep; it is tried: the handshake is judged once more with a ``Hidden`` value wherever such handshakes differ.
Whatever is done with one, but to hand it on, raises ``Looked``: comparing, counting, formatting, asking its type. Where nothing was raised,
nothing was read, and the verdict is that of the kind (``kinds.py``).

Three of them answer what is safe to say. A ``Frame`` knows which frame it is, so that evidence can be filled in, and equality where the kind
fixes it. A ``Moment`` is any time of one minute: it is compared with what lies outside of that minute only. ``Asked`` is a profile:
of what it holds nothing shows but the answers to questions (``nearest``, ``shown_before``), and these are part of the kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from whytls.model import Evidence, ServerProfile

# Of a value of the handshake and a profile: None, or a named tuple of what of the answer can be read, and the sighting (``seen``) that shows it.
Question = Callable[[Any, ServerProfile | None], Any]
Teller = Callable[[Any], Evidence]  # makes a line of evidence of a sighting


class Looked(BaseException):
    """A hidden value was read. Not an Exception: a cause that reads one has no bug, and must not be taken for broken."""


def _read(*_: object, **__: object) -> NoReturn:
    raise Looked


class Hidden:
    """A value that can be handed on, and not read."""

    __slots__ = ()

    @property
    def __class__(self) -> Any:  # what isinstance asks for
        raise Looked

    @__class__.setter
    def __class__(self, other: object) -> None:
        raise Looked


# All that Python can do to a value, but to hand it on and to ask whether it is another one (``is``).
_DOINGS = (
    "getattr eq ne lt le gt ge hash bool str repr format bytes len iter next contains getitem call reversed index int float complex "
    "round trunc floor ceil abs neg pos invert add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod divmod rdivmod "
    "pow rpow lshift rlshift rshift rrshift and rand or ror xor rxor fspath enter exit reduce reduce_ex copy deepcopy dir"
)
for _doing in _DOINGS.split():
    setattr(Hidden, f"__{_doing}__", _read)


def hidden() -> Any:
    """A hidden value. None stands in a module: whoever looks through one asks all that it finds there for its type."""
    return Hidden()


class Frame(Hidden):
    """The number of a frame of the handshake: that which completes event ``event`` or, with ``first``, begins it."""

    __slots__ = ("event", "first", "same")

    def __init__(self, event: int, same: int, *, first: bool = False) -> None:
        self.event, self.first = event, first
        self.same = same  # the first event that is in the same frame, which is part of the kind

    def __eq__(self, other: object) -> bool:
        if type(other) is not Frame:
            raise Looked
        if self.event == other.event:
            return self.first == other.first  # where an event begins in another frame, that is not the one in which it ends
        if self.first or other.first:
            raise Looked  # the kind does not say
        return self.same == other.same

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return 0  # one for all: a set has to ask whether they are equal

    def __bool__(self) -> bool:
        return True


class Moment(Hidden):
    """Any time from ``begin`` on and before ``end``, in nanoseconds since 1970."""

    __slots__ = ("begin", "end")

    def __init__(self, begin: int, end: int) -> None:
        self.begin, self.end = begin, end

    def __floordiv__(self, unit: int) -> int:
        if type(unit) is not int or self.begin // unit != (self.end - 1) // unit:
            raise Looked
        return self.begin // unit

    def __lt__(self, other: int) -> bool:
        if type(other) is not int or self.begin < other < self.end:
            raise Looked
        return self.end <= other

    def __ge__(self, other: int) -> bool:
        return not self < other


class Told(Hidden):
    """The sighting in an answer. What it says can stand in a line of evidence, which is filled in for each handshake."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        self.lines: list[tuple[Evidence, Teller]] = []

    def line(self, teller: Teller) -> Evidence:
        """A line of evidence that stands for what the teller says of the sighting."""
        line = Evidence(hidden(), hidden(), hidden(), hidden(), hidden())
        self.lines.append((line, teller))
        return line


class Asked(Hidden):
    """What other handshakes show of the server: nothing but the answers to what is asked of them, and what was asked is noted."""

    __slots__ = ("_profile", "asked")

    def __init__(self, profile: ServerProfile) -> None:
        self._profile = profile
        self.asked: dict[Question, tuple[Any, Any, Told]] = {}  # what of, and the answer

    def answer(self, question: Question, of: object) -> Any:
        """The answer, without what it does not need to be told of the sighting."""
        known = self.asked.get(question)
        if known is None:
            known = self.asked[question] = (of, question(of, self._profile), Told())
        elif known[0] is not of:
            raise Looked
        found = known[1]
        return found if found is None else found._replace(seen=known[2])
