"""What a verdict on a recording has to say: written by hand in the scenario, filled with addresses and frames from the recording.

The words are those of the project's model; what they mean in ``expect.toml`` stands in tests/corpus/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lab.record import Connection

_CAUSES = Path(__file__).resolve().parent.parent / "src" / "whytls" / "causes"
# Every cause is a file of that name; starttls-missing is said in the corpus only: the tool calls it tls-to-plaintext-port.
SLUGS = frozenset({path.stem.replace("_", "-") for path in _CAUSES.glob("[a-z]*.py")} - {"cause", "unexplained"} | {"starttls-missing"})
LEVELS = ("possible", "likely", "proven")


@dataclass(frozen=True, slots=True)
class Expected:
    """One connection of the recording and what has to be said about it."""

    connection: Connection
    outcome: str
    hop: str = "direct"
    cause: str = ""
    also: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    truth: str = ""
    detail: str = ""
    side: str = ""
    owners: tuple[str, ...] = ()
    at_least: str = "possible"
    at_most: str = "proven"
    frames: tuple[int, ...] = ()
    related: tuple[Connection, ...] = ()
    or_outcome: str = ""
    or_side: str = ""
    says: tuple[str, ...] = ()
    artefact: str = ""
    note: str = ""

    def table(self) -> dict[str, object]:
        """As it is written."""
        row: dict[str, object] = {
            "client": _end(self.connection.client),
            "server": _end(self.connection.server),
            "first_frame": self.connection.first,
            "hop": self.hop,
            "outcome": self.outcome,
            "sni": self.connection.sni,
        }
        if self.outcome == "failed":
            row |= {"cause": self.cause, "failing_side": self.side, "owners": [_owner(o, self.hop) for o in self.owners]}
            row |= {"confidence_at_least": self.at_least, "confidence_at_most": self.at_most, "frames": list(self.frames)}
        optional = {"also": list(self.also), "alternatives": list(self.alternatives), "truth": self.truth, "detail": self.detail}
        optional |= {"or_outcome": self.or_outcome, "or_side": self.or_side}
        optional |= {"says": list(self.says), "artefact": self.artefact}
        row |= {key: value for key, value in optional.items() if value}
        if self.related:
            row["related"] = [f"{_end(c.client)} -> {_end(c.server)}" for c in self.related]
        if self.note:
            row["note"] = self.note
        return row


@dataclass(frozen=True, slots=True)
class Run:
    """One call of the tool on the recording: its options and everything that it has to say then."""

    name: str
    options: tuple[str, ...]
    expected: tuple[Expected, ...]
    hop_inferred: bool = False

    def text(self) -> str:
        """The run in TOML."""
        lines = ["[[run]]", f"name = {_value(self.name)}", f"options = {_value(list(self.options))}"]
        lines.append(f"hop_inferred = {_value(self.hop_inferred)}")
        lines.append(f"exit_code = {1 if any(e.outcome == 'failed' for e in self.expected) else 0}")
        for item in self.expected:
            lines += ["", "[[run.handshake]]", *(f"{key} = {_value(value)}" for key, value in item.table().items())]
        return "\n".join(lines) + "\n"


def given_stores(expected: Sequence[Expected], options: Sequence[str], changes: Mapping[int, Mapping[str, object]]) -> Run:
    """One more run: the stores beside the capture are given, and what is then said differently, by the number of the stream."""
    changed = [replace(e, **changes.get(e.connection.stream, {})) for e in expected]  # type: ignore[arg-type]
    return Run("stores given", tuple(options), tuple(changed))


def runs(expected: Sequence[Expected], topology: Sequence[str], inferable: bool) -> list[Run]:
    """Without topology options, and with them where the recording has two hops; each hop is told only where it can be known."""
    if not topology:
        return [Run("plain", (), tuple(expected))]
    blind = tuple(expected if inferable else (replace(e, hop="direct") for e in expected))
    return [Run("topology not given", (), blind, inferable), Run("topology given", tuple(topology), tuple(expected))]


def check(expected: Iterable[Expected]) -> list[str]:
    """What is wrong with the scenario's words: an unknown slug, a level that is none, a failure without its side."""
    wrong: list[str] = []
    for item in expected:
        slugs = {item.cause, item.truth, *item.also, *item.alternatives} - {""}
        wrong += [f"unknown slug {slug}" for slug in slugs - SLUGS]
        wrong += [f"unknown confidence {level}" for level in (item.at_least, item.at_most) if level not in LEVELS]
        if item.outcome == "failed" and not (item.cause and item.side and item.owners):
            wrong.append(f"{item.connection.client}: a failure needs cause, side and owners")
        if LEVELS.index(item.at_least) > LEVELS.index(item.at_most):
            wrong.append(f"{item.connection.client}: at least {item.at_least}, at most {item.at_most}")
    return wrong


def _owner(role: str, hop: str) -> str:
    """Who stands at that end: `server` becomes the gateway northbound and the backend southbound."""
    names: Mapping[str, Mapping[str, str]] = {
        "northbound": {"client": "client", "server": "gateway"},
        "southbound": {"client": "gateway", "server": "backend"},
    }
    return names.get(hop, {}).get(role, role)


def _end(pair: tuple[str, int]) -> str:
    return f"[{pair[0]}]:{pair[1]}" if ":" in pair[0] else f"{pair[0]}:{pair[1]}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{text}"'
