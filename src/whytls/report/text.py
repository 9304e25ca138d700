"""The terminal report: a short block per failure, identical ones folded, a summary at the end.

Folding is done while reading: a failure like one before it is only counted. What is kept of a group is its finished text
and three numbers, so that a storm of millions of failures takes the memory of its different ones, and of at most 10,000.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from whytls.model import Alternative, Diagnosis, Endpoint, Evidence, Fix, Hop, Owner, Side
from whytls.report.reading import Reading
from whytls.report.terminal import PLAIN, Style
from whytls.report.visible import clipped, visible

if TYPE_CHECKING:
    from whytls.capture.recording import Tally

MOST_GROUPS = 10_000
SHORT_LINES = 6  # of a failure in the short form, if nothing else belongs to it
MOST_WARNINGS = 10

OWNERS: dict[Owner, str] = {
    "client": "client",
    "gateway": "gateway operator",
    "backend": "backend operator",
    "network": "network operator",
    "server": "server operator",
}
_CONFIDENCE_COLOUR = {"proven": "green", "likely": "yellow", "possible": "yellow"}
_GRADES = {
    "check": "only a check; changes nothing",
    "reload": "needs a reload",
    "restart": "needs a restart",
    "weakens security": "weakens security",
}


def side_names(hop: Hop) -> dict[Side, str]:
    """How client and server are called on this hop."""
    if hop == "northbound":
        return {"client": "client", "server": "Router"}
    if hop == "southbound":
        return {"client": "Message Processor", "server": "backend"}
    return {"client": "client", "server": "server"}


def many(number: int, one: str, more: str | None = None) -> str:
    """``1 packet``, ``1,204 packets``."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


class _Group:
    """Failures that are alike: the text of the first, how many there were, where the last one is."""

    __slots__ = ("count", "first", "head", "last", "tail")

    def __init__(self, head: list[str], tail: list[str], place: str) -> None:
        self.head, self.tail = head, tail
        self.first = self.last = place
        self.count = 1


class TextReport:
    """Writes diagnoses as text; ``add`` each, then ``close`` with what was read.

    A report of a file is written at its end, each failure once with its number. ``follow`` is for a pipe that goes on for
    hours: each failure is written when it is first seen, and the numbers stand at the end.
    """

    def __init__(
        self, write: Callable[[str], object], style: Style = PLAIN, *, verbose: bool = False, follow: bool = False, files: int = 1
    ) -> None:
        self._write, self._style, self._verbose, self._follow, self._files = write, style, verbose, follow, files
        self._groups: dict[tuple[object, ...], _Group] = {}
        self._by_cause: dict[str, int] = {}
        self._told: set[str] = set()
        self._beyond = 0
        self.shown = 0  # diagnoses taken in
        self.failed = 0  # of these, failures

    def add(self, diagnosis: Diagnosis) -> None:
        """Take one diagnosis in; in ``follow`` write it, if it is the first of its kind."""
        d = diagnosis
        self.shown += 1
        if d.cause is not None:
            self.failed += 1
            self._by_cause[d.cause] = self._by_cause.get(d.cause, 0) + 1
        key = (d.cause, d.detail, d.hop, d.server, d.client.address, d.sni, d.failing_side, d.confidence, d.outcome)
        group = self._groups.get(key)
        place = self._place(d)
        if group is not None:
            group.count += 1
            group.last = place
        elif len(self._groups) >= MOST_GROUPS:
            self._beyond += 1
        else:
            head, tail = parts(self._new(d), self._style, verbose=self._verbose, files=self._files)
            if self._follow:
                self._lines([*head, *tail, ""])
                head, tail = head[:1], []
            self._groups[key] = _Group(head, tail, place)

    def close(self, reading: Reading) -> None:
        """Write what is left: the failures with their numbers, the summary, and what was odd about the input."""
        if self._follow:
            self._repeats()
        else:
            for group in self._groups.values():
                self._lines([*group.head, *self._folded(group), *group.tail, *([""] if group.tail else [])])
            if self._groups and not next(reversed(self._groups.values())).tail:
                self._write("\n")
        if self._beyond:
            text = f"{many(self._beyond, 'handshake')} more, unlike the {MOST_GROUPS:,} shown; --format jsonl lists every one."
            self._lines(self._style.fit(text, "  "))
        self._lines(self._summary(reading))
        self._warnings(reading.warnings)

    def _new(self, d: Diagnosis) -> Diagnosis:
        """Without the notes that stand in a block above already; the long form has them all."""
        if self._verbose or not d.warnings:
            return d
        fresh = tuple(text for text in d.warnings if text not in self._told)
        if len(self._told) < MOST_GROUPS:
            self._told.update(fresh[:1])
        return d if fresh == d.warnings else d._replace(warnings=fresh)

    def _place(self, d: Diagnosis) -> str:
        return f"{visible(d.file)} #{d.frame}" if self._files > 1 and d.file else f"#{d.frame}"

    def _folded(self, group: _Group) -> list[str]:
        if group.count == 1:
            return []
        text = f"{group.count:,} handshakes, same cause, first {group.first}, last {group.last}"
        return self._style.tint(self._style.fit(text, "  "), "bold")

    def _repeats(self) -> None:
        repeated = [group for group in self._groups.values() if group.count > 1]
        for group in repeated:
            self._lines([*group.head, *self._folded(group)])
        if repeated:
            self._write("\n")

    def _summary(self, reading: Reading) -> list[str]:
        style = self._style
        lines = style.fit(headline(reading.tally, stopped=reading.stopped))
        if lines:
            lines[0] = style.paint(lines[0], "bold")
        waiting = reading.tally.failed - self.failed
        if reading.stopped and not reading.filtered and waiting > 0:
            lines += style.fit(f"{many(waiting, 'failure')} had no verdict yet: the rest of the recording was still to tell.", "  ")
        if reading.filtered:
            lines += style.fit(f"{self.shown:,} of them {'is' if self.shown == 1 else 'are'} shown; the filters leave out the others.", "  ")
        if self.failed > 1:
            width = len(f"{max(self._by_cause.values()):,}")
            for cause, count in sorted(self._by_cause.items(), key=lambda item: (-item[1], item[0])):
                lines.append(f"  {count:>{width},}  {cause}")
        if self._by_cause:
            top = max(self._by_cause, key=lambda cause: self._by_cause[cause])
            lines += style.tint(style.fit(f"More about a cause and its fix: whytls explain {top}", "  "), "dim")
        return lines

    def _warnings(self, warnings: Sequence[str]) -> None:
        shown = warnings if self._verbose else warnings[:MOST_WARNINGS]
        for warning in shown:
            self._lines(self._style.tint(self._style.fit(f"note: {visible(warning)}", "", "      "), "yellow"))
        if len(shown) < len(warnings):
            self._lines([f"note: {len(warnings) - len(shown):,} more notes; --verbose shows them"])

    def _lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._write(self._style.sign(line) + "\n")


def headline(tally: Tally, *, stopped: bool = False) -> str:
    """What was read and how it went, in one or two sentences."""
    read = f"{many(tally.packets, 'packet')}{' until you stopped it' if stopped else ''}"
    if not tally.packets:
        return f"No packet was read{' until you stopped it' if stopped else ': the recording is empty'}."
    if not tally.handshakes:
        return f"No TLS handshake was found in {read}: {_found_instead(tally)}"
    counts = [f"{tally.completed:,} completed"] if tally.completed else []
    counts += [f"{tally.failed:,} failed"] if tally.failed else []
    if tally.unfinished:
        counts.append(f"{tally.unfinished:,} unfinished (the recording ends first; --all shows them)")
    if tally.completed == tally.handshakes:
        counts = [f"{'it' if tally.handshakes == 1 else 'all'} completed"]
    told = f"{many(tally.handshakes, 'handshake')} in {read}: {', '.join(counts)}."
    return told if tally.failed else f"Nothing failed. {told}"


def _found_instead(tally: Tally) -> str:
    if not tally.flows:
        return "no TCP among them. Was the right interface recorded, and the right port?"
    without = "none with TLS" if tally.not_tls >= tally.flows else f"{tally.not_tls:,} without TLS"
    return f"{many(tally.flows, 'TCP connection')}, {without}. If they were open before the recording began, record again and connect anew."


def block(d: Diagnosis, style: Style = PLAIN, *, verbose: bool = False, files: int = 1) -> list[str]:
    """One diagnosis as lines: 4 to 6 of them, or with ``verbose`` all that is known."""
    head, tail = parts(d, style, verbose=verbose, files=files)
    return head + tail


def parts(d: Diagnosis, style: Style, *, verbose: bool, files: int) -> tuple[list[str], list[str]]:
    """What is said of one diagnosis: the line that names it with its sentence; and what proves and mends it."""
    if d.cause is None:
        return _header(d, style), _long(d, style, files) if verbose else []
    return [*_header(d, style), *_title(d, style)], _long(d, style, files) if verbose else _short(d, style, files)


def _header(d: Diagnosis, style: Style) -> list[str]:
    marks = {"failed": ("✗", "red"), "completed": ("✓", "green"), "unfinished": ("…", "dim")}
    mark, colour = marks[d.outcome]
    if d.cause is not None and d.outcome != "failed":
        mark, colour = "✗", "red"
    pieces: list[tuple[str, tuple[str, ...]]] = [(f"{_end(d.client)} → {_end(d.server)}", ()), (d.hop, ("cyan",))]
    if d.cause is not None:
        pieces.append((d.cause + (f" ({d.detail})" if d.detail else ""), ("bold",)))
        pieces.append((d.confidence or "possible", (_CONFIDENCE_COLOUR[d.confidence or "possible"],)))
    else:
        pieces.append((d.outcome, (colour,)))
        pieces += [(text, ()) for text in _of_a_good_one(d)]
    painted = [style.paint(text, *codes) for text, codes in pieces]
    mark = style.paint(mark, colour, "bold")
    if style.width is not None and 2 + sum(len(text) + 3 for text, _ in pieces) - 3 > style.width:
        return [f"{mark} {painted[0]}", "  " + "   ".join(painted[1:])]
    return [f"{mark} " + "   ".join(painted)]


def _of_a_good_one(d: Diagnosis) -> list[str]:
    """What is told of a handshake that did not fail: version and name, or that it is no TLS that we read."""
    known = [clipped(d.sni)] if d.sni else []
    if d.handshake is not None and d.handshake.protocol != "tls":
        return [*known, visible(d.title)]
    if d.handshake is not None and d.handshake.version is not None:
        from whytls.wire.registry import version_name

        return [version_name(d.handshake.version), *known]
    return known


def _end(endpoint: Endpoint) -> str:
    return visible(str(endpoint))


def _title(d: Diagnosis, style: Style) -> list[str]:
    return style.fit(visible(d.title) + ("" if d.title.endswith((".", "?", "!")) else "."), "  ")


def _short(d: Diagnosis, style: Style, files: int) -> list[str]:
    after = _related(d, style)
    if d.alternatives:
        after += style.fit(_alternatives(d.alternatives, d), "  ", "    ")
    if d.warnings:
        after += style.tint(style.fit(f"note: {visible(d.warnings[0])}", "  ", "    "), "yellow")
    if d.fix is not None:
        after += fix_line(d.fix, style)
    room = SHORT_LINES - 2 - bool(d.alternatives) - (d.fix is not None)
    return [*_evidence(d, decisive(d, room), style, files), *after]


def decisive(d: Diagnosis, room: int) -> list[Evidence]:
    """So many statements of the evidence, in their order: the alert and what stands in other handshakes before the rest."""
    if len(d.evidence) <= room:
        return list(d.evidence)
    events = d.handshake.events if d.handshake is not None else ()
    own = {frame for event in events for frame in event.frames}
    alerts = {event.frame for event in events if event.kind == "alert"}

    def rank(number: int) -> tuple[int, int]:
        frames = set(d.evidence[number].frames)
        if frames and d.evidence[number].file not in ("", d.file):  # another file, or an attempt of ours: the numbers are others
            return 1, number
        if not frames:  # in a store: what decides, where one was given
            return (1 if d.evidence[number].file not in ("", d.file) else 3), number
        return (0 if frames & alerts else 1 if own and not frames & own else 2), number

    chosen = sorted(range(len(d.evidence)), key=rank)[:room]
    return [d.evidence[number] for number in sorted(chosen)]


def _evidence(d: Diagnosis, evidence: Iterable[Evidence], style: Style, files: int) -> list[str]:
    chosen = list(evidence)
    marks = [_mark(d, e, files) for e in chosen]
    width = max((len(mark) for mark in marks), default=0)
    lines: list[str] = []
    for mark, statement in zip(marks, chosen, strict=True):
        fitted = style.fit(clipped(statement.text, 1000), f"  {mark:<{width}} ", " " * (width + 3))
        fitted[0] = f"  {style.paint(mark, 'dim')}{fitted[0][2 + len(mark) :]}"
        lines += fitted
    return lines


def _mark(d: Diagnosis, statement: Evidence, files: int) -> str:
    if not statement.frames:
        return "–"
    frames = statement.frames
    server, _, attempt = statement.file.rpartition(" attempt ")
    if server and attempt.isdecimal() and statement.file != d.file:  # of ours with the live server
        return f"attempt {attempt}"
    mark = ", ".join(f"#{frame}" for frame in frames[:3]) + ("…" if len(frames) > 3 else "")
    file = statement.file or d.file
    return f"{visible(file)} {mark}" if file != d.file or files > 1 else mark


def _alternatives(alternatives: Sequence[Alternative], d: Diagnosis) -> str:
    names = ", ".join(f"{a.cause} ({a.confidence})" for a in alternatives[:3])
    if len(alternatives) > 3:
        names += f" and {len(alternatives) - 3} more"
    decide = next((a.would_decide for a in alternatives if a.would_decide), "")
    return f"or {names}; to decide: {visible(_of_this(decide, d))}" if decide else f"or {names}"


def _of_this(command: str, d: Diagnosis) -> str:
    """The command that would decide, for this handshake: it can be copied."""
    if d.file and d.file != "-":
        command = command.replace("CAPTURE#N", f"{d.file}#{d.frame}")
    return command.replace("HOST:PORT", str(d.server))


def _related(d: Diagnosis, style: Style) -> list[str]:
    return [line for text in d.related for line in style.tint(style.fit(f"with it: {visible(text)}", "  ", "    "), "cyan")]


def fix_line(fix: Fix, style: Style) -> list[str]:
    """A fix in one sentence."""
    return style.tint(style.fit(f"fix ({OWNERS[fix.owner]}): {visible(fix.text)}", "  ", "    "), "green")


def _long(d: Diagnosis, style: Style, files: int) -> list[str]:
    lines = _evidence(d, d.evidence, style, files)
    lines += _related(d, style)
    for alternative in d.alternatives:
        lines += style.fit(_alternatives([alternative], d), "  ", "    ")
    for fix in (d.fix, *d.more_fixes):
        if fix is not None:
            lines += fix_in_full(fix, style)
    if d.cause is not None:
        lines += style.fit(_standing(d), "  ", "    ")
    for warning in d.warnings:
        lines += style.tint(style.fit(f"note: {visible(warning)}", "  ", "    "), "yellow")
    return lines


def _standing(d: Diagnosis) -> str:
    """Who broke off, who can mend it, who can confirm it, and when it was."""
    from whytls.report.moments import iso

    name = side_names(d.hop).get(d.failing_side, d.failing_side) if d.failing_side in ("client", "server") else d.failing_side
    known = [f"began {iso(d.started_at)}"] if d.started_at else []
    if d.sni is not None:
        known.append(f"server_name {clipped(d.sni)}")
    if name:
        known.append(f"failing side: {name}")
    if d.owners:
        known.append(f"can be fixed by: {', '.join(OWNERS[owner] for owner in d.owners)}")
    known.append(f"can be confirmed by: {d.who_can_confirm}")
    return "; ".join(known)


def fix_in_full(fix: Fix, style: Style) -> list[str]:
    """A fix with its grade, and with what can be copied."""
    told = f"fix ({OWNERS[fix.owner]}; {_GRADES[fix.grade]}): {visible(fix.text)}"
    lines = style.tint(style.fit(told, "  ", "    "), "green")
    for artefact in fix.artefacts:
        place = f" for {visible(artefact.place)}" if artefact.place else ""
        lines.append(f"    {artefact.kind}{place}:")
        lines += [f"      {visible(line.expandtabs(4))}" for line in artefact.content.splitlines()]
    return lines
