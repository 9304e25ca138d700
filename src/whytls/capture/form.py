"""The form of a handshake: its events in letters, how far it came, and whether keys of an earlier one are used."""

from __future__ import annotations

from whytls.model import Event
from whytls.wire.message import ServerHello
from whytls.wire.registry import is_tls13
from whytls.wire.transcript import SHAPE_LETTERS, START, TABLE, advance, expected

MOST_FORMS, MOST_LETTERS = 1024, 64  # remembered: in how many ways handshakes went, and how long those are
_LETTERS = {"client": SHAPE_LETTERS, "server": {kind: letter.lower() for kind, letter in SHAPE_LETTERS.items()}}

_Form = tuple[str, str, tuple[str, ...]]  # shape, state, what was expected
_forms: dict[tuple[str, int | None, bool], _Form] = {}


def form_of(events: list[Event], version: int | None, gap: bool) -> _Form:
    """The events in letters, and how far the handshake came with them. The letters decide the rest: few forms are ever seen."""
    letters = "".join([_LETTERS[event[1]][event[0]] for event in events])
    form = _forms.get((letters, version, gap))
    if form is None:
        state = state_of(events, version, gap)
        form = squeezed(letters), state, expected(state)
        if len(letters) <= MOST_LETTERS:
            if len(_forms) >= MOST_FORMS:
                _forms.clear()
            _forms[letters, version, gap] = form
    return form


def squeezed(shape: str) -> str:
    """A row of encrypted records of one side is one letter."""
    while "DD" in shape or "dd" in shape:
        shape = shape.replace("DD", "D").replace("dd", "d")
    return shape


def state_of(events: list[Event], version: int | None, gap: bool) -> str:
    """How far the handshake came (wire/transcript.py)."""
    state = START
    for event in events:
        kind = event[0]
        if gap or kind == "server-hello":
            state = advance(state, event[1], kind, version, gap)
        else:
            state = TABLE.get((state, event[1], kind), state)
    return state


def resumed_of(events: list[Event], hello: ServerHello | None) -> bool:
    """Whether keys of an earlier handshake are used: TLS 1.3 says so; before, the server goes straight to ChangeCipherSpec."""
    if hello is None:
        return False
    if is_tls13(hello.version):
        return hello.psk is not None
    for event in events:
        kind = event[0]
        if kind in ("server-hello-done", "client-key-exchange", "server-key-exchange", "certificate"):
            return False
        if kind == "change-cipher-spec" and event[1] == "server":
            return True
    return False
