"""What `whytls check` says on a terminal: a line for what is sound, a block with the drawn chain for what is not, and what ends when.

Equal results are folded; of many sound entries only their number is told. What is kept of an entry is its finished text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from whytls.checking.judge import DAY, in_days
from whytls.checking.result import CheckResult, Problem
from whytls.model import Evidence
from whytls.pki.certificate import read
from whytls.pki.families import FamilyMatch
from whytls.pki.notes import day
from whytls.pki.repair import Repair
from whytls.report.chain import draw
from whytls.report.terminal import PLAIN, Style
from whytls.report.text import fix_in_full, fix_line, many
from whytls.report.visible import clipped, visible

MOST_SOUND = 10  # sound entries of a source that are named; of more only the number is told
MOST_BLOCKS = 1_000
MOST_DATES = 10
MOST_NOTES = 3
PROFILES = {"openssl": "OpenSSL", "java": "Java", "go": "Go", "browser": "browsers"}


@dataclass(slots=True)
class _Group:
    """Results that are alike."""

    head: list[str]
    tail: list[str]
    places: list[str] = field(default_factory=list)
    count: int = 0


class CheckReport:
    """Takes results in; ``close`` writes what was found."""

    def __init__(self, write: Callable[[str], object], style: Style = PLAIN, *, verbose: bool = False, warn_days: int = 30) -> None:
        self._write, self._style, self._verbose, self._warn_days = write, style, verbose, warn_days
        self._groups: dict[tuple[object, ...], _Group] = {}
        self._sound: dict[str, list[str]] = {}
        self._sound_count: dict[str, int] = {}
        self._dates: dict[str, tuple[int, str, str]] = {}
        self._causes: dict[str, int] = {}
        self._beyond = 0
        self._at = 0
        self.shown = self.failed = self.warned = 0
        self._keys = 0  # private keys alone, of which nothing can be said

    def add(self, result: CheckResult) -> None:
        """Take one result in."""
        self.shown += 1
        self._at = result.at
        self.failed += result.level == "failure"
        self.warned += result.level == "warning"
        self._keys += not result.problems and not result.chain
        for cause in dict.fromkeys(problem.cause for problem in result.problems):
            self._causes[cause] = self._causes.get(cause, 0) + 1
        self._date(result)
        if not result.problems and not (self._verbose or result.names or result.decisions):
            self._sound_count[result.source] = self._sound_count.get(result.source, 0) + 1
            lines = self._sound.setdefault(result.source, [])
            if len(lines) <= MOST_SOUND:
                lines += ["\n".join([_sound(result, self._style), *_notes(result, self._style, MOST_NOTES)])]
            return
        key = (result.chain, result.kind, result.key_fits, tuple((p.cause, p.title) for p in result.problems), result.notes)
        group = self._groups.get(key)
        if group is None and len(self._groups) >= MOST_BLOCKS:
            self._beyond += 1
            return
        if group is None:
            group = self._groups[key] = _Group(*_block(result, self._style, self._verbose))
        group.count += 1
        if len(group.places) < 4:
            group.places.append(place(result))

    def close(self, warnings: Sequence[str] = (), error: str | None = None) -> None:
        """Write everything."""
        if not self.shown and error is not None:
            return  # the error says it all
        style = self._style
        for group in self._groups.values():
            folded = f"the same in {many(group.count, 'place')}: {', '.join(group.places)}{' …' if group.count > len(group.places) else ''}"
            self._lines([*group.head, *(style.fit(folded, "  ") if group.count > 1 else []), *group.tail, ""])
        if self._beyond:
            self._lines([f"{many(self._beyond, 'entry', 'entries')} more with problems; --format jsonl lists every one.", ""])
        for source, lines in self._sound.items():
            count = self._sound_count[source]
            if count <= MOST_SOUND:
                self._lines(lines)
            else:
                self._lines([style.paint("✓", "green", "bold") + f" {visible(source)}: {many(count, 'entry', 'entries')} without a fault"])
        if self._sound:
            self._write("\n")
        self._lines(self._table())
        self._lines(self._summary())
        for warning in warnings[:10]:
            self._lines(style.tint(style.fit(f"note: {visible(warning)}", "", "      "), "yellow"))
        if len(warnings) > 10:
            self._lines([f"note: {len(warnings) - 10} more notes"])
        if error is not None:
            self._lines(style.tint(style.fit(f"not everything was checked: {visible(error)}", "", "  "), "red"))

    def _date(self, result: CheckResult) -> None:
        for der in result.chain:
            certificate = read(der)
            if certificate.not_after is not None and certificate.sha256 not in self._dates:
                self._dates[certificate.sha256] = (certificate.not_after, certificate.subject, place(result))

    def _table(self) -> Iterator[str]:
        """What ends, by date: everything that has ended or is soon to, else the next ones; one certificate is told in its line."""
        ordered = sorted(self._dates.values())
        if not ordered or (self.shown < 2 and not self._verbose):
            return
        due = [row for row in ordered if row[0] - self._at < self._warn_days * DAY]
        shown = ordered if self._verbose else due[:MOST_DATES] or ordered[:1]
        yield "by date of expiry:" if self._verbose or due else "the first to expire:"
        for end, subject, where in shown:
            colour = "red" if end < self._at else "yellow" if end - self._at < self._warn_days * DAY else ""
            text = f"{day(end)}  {_away(end, self._at):<14}  {clipped(subject) or '(no name)'}  {where}"
            yield from self._style.tint(self._style.fit(text, "  ", "    "), *([colour] if colour else []))
        if not self._verbose and len(due) > MOST_DATES:
            yield f"  {len(due) - MOST_DATES:,} more; -v lists all"
        yield ""

    def _summary(self) -> Iterator[str]:
        sound = self.shown - self.failed - self.warned - self._keys
        told = f"{many(self.shown, 'entry', 'entries')} checked for {day(self._at)}: " if self.shown else "nothing was checked"
        parts = [(self.failed, "failed"), (self.warned, "with a warning"), (sound, "sound"), (self._keys, "without a certificate to judge")]
        yield self._style.paint(told + ", ".join(f"{count:,} {what}" for count, what in parts if count) + ".", "bold")
        if len(self._causes) > 1:
            width = len(f"{max(self._causes.values()):,}")
            for cause, count in sorted(self._causes.items(), key=lambda item: (-item[1], item[0])):
                yield f"  {count:>{width},}  {cause}"
        if self._causes:
            yield f"  More about a cause and its fix: whytls explain {max(self._causes, key=lambda cause: self._causes[cause])}"

    def _lines(self, lines: Sequence[str] | Iterator[str]) -> None:
        for line in lines:
            self._write(self._style.sign(line) + "\n")


def place(result: CheckResult) -> str:
    """Where an entry stands: ``conf.d/shop.conf:12``, ``store.p12, alias api``."""
    where = visible(f"{result.place.file}:{result.place.line}" if result.place.line is not None else result.place.file)
    return f"{where}, alias {clipped(result.alias, 80)}" if result.alias and not result.role else where


def _away(end: int, at: int) -> str:
    if end < at:
        days = (at - end) // DAY
        return f"{days:,} day{'' if days == 1 else 's'} ago"
    return in_days((end - at) // DAY)


def _sound(result: CheckResult, style: Style) -> str:
    parts = [place(result), clipped(result.subject) or "no certificate"]
    end = result.expires
    if end is not None:
        parts.append(f"until {day(end)}")
    if len(result.chain) > 1:
        parts.append(f"chain of {len(result.chain)}")
    parts.append(_key(result))
    parts.append("trusted" if result.kind == "trusted" else "")
    text = "   ".join(part for part in parts if part)
    return (style.paint("✓", "green", "bold") if result.chain else style.paint("·", "dim")) + f" {text}"


def _key(result: CheckResult) -> str:
    if not result.chain:
        return f"private key, {result.key}" if result.key else ""
    if result.key_fits is None:
        return f"key {result.key}" if result.key else ""
    return "the key fits" if result.key_fits else ""


def _block(result: CheckResult, style: Style, verbose: bool) -> tuple[list[str], list[str]]:
    """The head line with the first problem's sentence, and the rest."""
    if not result.problems:
        return [_sound(result, style)], [*_drawn(result, style), *_told(result, style, verbose), *_notes(result, style, 20)]
    first, *others = result.problems
    head = _verdict(result, first, style)
    tail = [*_drawn(result, style), *_evidence(first, style, verbose)]
    tail += [*_fixes(first, style, verbose)]
    for other in others:
        known = other if other.evidence != first.evidence else other._replace(evidence=())
        below = [*_evidence(known, style, verbose), *_fixes(other, style, verbose)]
        tail += [*_verdict(result, other, style, also=True), *(f"  {line}" for line in below)]
    return head, [*tail, *_told(result, style, verbose), *_mended(result.repair, style), *_notes(result, style, 20 if verbose else MOST_NOTES)]


def _verdict(result: CheckResult, problem: Problem, style: Style, *, also: bool = False) -> list[str]:
    sign, colour = ("✗", "red") if problem.level == "failure" else ("!", "yellow")
    where = "" if also else f"{place(result)}   "
    slug, confidence = style.paint(problem.cause, "bold"), style.paint(problem.confidence, "green" if problem.confidence == "proven" else "yellow")
    line = f"{style.paint(sign, colour, 'bold')} {where}{slug}   {confidence}"
    return [f"  {line}" if also else line, *style.fit(f"{visible(problem.title)}.", "    " if also else "  ")]


def _drawn(result: CheckResult, style: Style) -> list[str]:
    """The chain, where there is more to see than one certificate says in a line."""
    if result.report is None:
        return []
    narrow = style._replace(width=style.width - 4) if style.width is not None else style
    return [f"    {line}" for line in draw(result.report, narrow, statuses=result.statuses)]


def _evidence(problem: Problem, style: Style, verbose: bool) -> Iterator[str]:
    for said in problem.evidence:
        yield from style.fit(_cited(said), "  – ", "    ")
    if problem.would_decide:
        yield from style.fit(f"to decide: {visible(problem.would_decide)}", "  ", "    ")
    if verbose and problem.refused_by:
        yield from style.fit(f"refused by: {', '.join(problem.refused_by)}", "  ", "    ")
    for warning in problem.warnings:
        yield from style.fit(f"note: {visible(warning)}", "  ", "    ")


def _cited(said: Evidence) -> str:
    where = f"{said.file}:{said.line}" if said.line is not None else said.file
    return clipped(f"{where}: {said.text}" if where else said.text, 1000)


def _fixes(problem: Problem, style: Style, verbose: bool) -> list[str]:
    if problem.fix is None:
        return []
    return fix_in_full(problem.fix, style) if verbose else fix_line(problem.fix, style)


def _told(result: CheckResult, style: Style, verbose: bool) -> Iterator[str]:
    """What each stack decides, and what each client family makes of the name."""
    for decision in result.decisions:
        name = PROFILES[decision.profile]
        words = "accepts" if decision.accepted else f"refuses: {visible(decision.words) or 'it took too long to decide'}"
        yield from style.fit(f"{name}: {words}" + ("" if decision.measured else " (as documented)"), "  ", "    ")
    yield from _of_names(result, style, verbose)


def _of_names(result: CheckResult, style: Style, verbose: bool) -> Iterator[str]:
    if not result.names:
        return
    host, accepted = visible(result.host or ""), [match.family for match in result.names if match.accepted]
    if len(accepted) == len(result.names):
        yield from style.fit(f"{host}: every client finds this name in it", "  ", "    ")
        return
    if accepted:
        yield from style.fit(f"{host}: accepted by {', '.join(accepted)}", "  ", "    ")
    if not accepted:
        yield from style.fit(f"{host}: no client finds this name in it", "  ", "    ")
    for match in result.names:
        if not match.accepted and (accepted or verbose):
            yield from style.fit(f"{host}: refused by {match.family}: {_words(match)}", "  ", "    ")


def _words(match: FamilyMatch) -> str:
    return clipped(match.words or match.why)


def _mended(repair: Repair | None, style: Style) -> Iterator[str]:
    """The chain as it should be."""
    if repair is None or not repair.changed:
        return
    told = [(repair.added, "added"), (repair.dropped, "left out"), (repair.moved, "moved")]
    parts = [f"{word}: {', '.join(clipped(c.subject, 80) or '(unreadable)' for c in changes)}" for changes, word in told if changes]
    yield from style.fit(f"repaired chain ({many(len(repair.chain), 'certificate')}; {'; '.join(parts)}): --repair FILE writes it", "  ", "    ")


def _notes(result: CheckResult, style: Style, most: int) -> list[str]:
    lines = [line for note in result.notes[:most] for line in style.tint(style.fit(f"note: {visible(note)}", "  ", "    "), "yellow")]
    return lines + ([f"  {len(result.notes) - most} more notes (-v)"] if len(result.notes) > most else [])
