"""What `whytls replay` says on a terminal: the verdict, what the server did with the captured hello, and the smallest change that mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from whytls.model import Replayed, Tried, in_words
from whytls.report.terminal import PLAIN, Style
from whytls.report.text import block, many
from whytls.report.visible import visible
from whytls.surveying.replaying import Redone

MOST_ALONE = 12  # changes that do not help, by name


class ReplayReport:
    """Takes replays in and writes each at once."""

    def __init__(self, write: Callable[[str], object], style: Style = PLAIN, *, verbose: bool = False, attempts: bool = False) -> None:
        self._write, self._style, self._verbose, self._attempts = write, style, verbose, attempts
        self.shown = self.failed = 0

    def add(self, redone: Redone) -> None:
        """Write one replay."""
        if self.shown:
            self._write("\n")
        self.shown += 1
        self.failed += redone.diagnosis.cause is not None
        for line in lines_of(redone, self._style, verbose=self._verbose):
            self._write(self._style.sign(line) + "\n")
        if self._attempts and redone.replayed is not None:
            for line in transcripts(redone.replayed, self._style, verbose=self._verbose):
                self._write(self._style.sign(line) + "\n")

    def close(self, warnings: Sequence[str] = (), error: str | None = None) -> None:
        """Write what was odd."""
        for warning in warnings[:10]:
            for line in self._style.tint(self._style.fit(f"note: {visible(warning)}", "", "      "), "yellow"):
                self._write(self._style.sign(line) + "\n")


def lines_of(redone: Redone, style: Style = PLAIN, *, verbose: bool = False) -> list[str]:
    """One replay as lines: the verdict as diagnose gives it, then what was sent and what came of it."""
    d = redone.diagnosis
    told = redone.replayed.warnings if redone.replayed is not None else ()
    # What the attempts show is told below.
    recorded = d._replace(
        evidence=tuple(said for said in d.evidence if " attempt " not in said.file), warnings=tuple(w for w in d.warnings if w not in told)
    )
    lines = block(recorded if redone.replayed is not None else d, style, verbose=verbose)
    if redone.note:
        return [*lines, *style.tint(style.fit(visible(redone.note), "  "), "yellow")]
    if redone.replayed is None:
        return lines
    changed = (redone.before.cause, redone.before.confidence) != (d.cause, d.confidence)
    was = f"by the recording alone: {redone.before.cause} ({redone.before.confidence})"
    return [
        *lines, "", *style.tint(style.fit(f"replayed at {visible(redone.target)}", "  "), "bold"), *_control(redone.replayed, style),
        *_warned(redone.replayed, style), *_found(redone.replayed, style), *_alone(redone.replayed, style, verbose),
        *_carried_on(redone.replayed, style),
        *(style.fit(was, "  ") if changed else []),
        *style.tint([f"  sent in {many(redone.connections, 'connection')}, {redone.seconds:.2f} s"], "dim"),
    ]  # fmt: skip


def _control(replayed: Replayed, style: Style) -> Iterator[str]:
    if not replayed.controls:
        return
    first = next((tried for tried in replayed.tried if not tried.changes), None)
    outcome = f" ({visible(first.outcome)})" if first is not None else ""
    text = f"the captured ClientHello failed as recorded {replayed.reproduced} of {many(replayed.controls, 'time')}{outcome}"
    yield from style.fit(text, "  · ", "    ")


def _warned(replayed: Replayed, style: Style) -> Iterator[str]:
    """Why it says nothing, or less."""
    for warning in replayed.warnings:
        yield from style.tint(style.fit(f"note: {visible(warning.removeprefix('replay: '))}", "  ", "    "), "yellow")


def _found(replayed: Replayed, style: Style) -> Iterator[str]:
    """The smallest change, and other changes that are enough alone."""
    if not replayed.minimal:
        return
    helped = next((tried for tried in replayed.tried if tried.changes == replayed.minimal), None)
    what = visible(in_words(replayed.minimal))
    together = " together are enough" if len(replayed.minimal) > 1 else " is enough"
    outcome = f": {visible(helped.outcome)}" if helped is not None else ""
    times = f", {replayed.confirmed + 1} of {replayed.confirmed + 1 + replayed.contradictions} times" if replayed.confirmed else ""
    fitted = style.fit(f"✓ {what}{together}{outcome}{times}", "  ", "    ")
    yield "  " + style.paint("✓", "green", "bold") + fitted[0][3:]
    yield from fitted[1:]
    if not replayed.shown_minimal and len(replayed.minimal) > 1:
        yield from style.fit("whether each of them is needed was not asked: the bound of connections was reached", "    ")
    for tried in replayed.also:
        yield from style.fit(f"✓ {visible(tried.text)} is enough as well: {visible(tried.outcome)}", "  ", "    ")


def _alone(replayed: Replayed, style: Style, verbose: bool) -> Iterator[str]:
    """What was tried alone and does not help."""
    if not replayed.alone:
        return
    shown = replayed.alone if verbose else replayed.alone[:MOST_ALONE]
    more = f" and {len(replayed.alone) - len(shown)} more" if len(replayed.alone) > len(shown) else ""
    head = f"none of {len(replayed.alone)} other changes is" if len(replayed.alone) > 1 else "one other change is not"
    yield from style.fit(f"✗ {head}: {visible('; '.join(tried.text for tried in shown))}{more}", "  ", "    ")


def _carried_on(replayed: Replayed, style: Style) -> Iterator[str]:
    if replayed.carried_on is not None and replayed.stopped == "carried-on":
        text = f"the handshake was carried on in the client's place: {visible(replayed.carried_on.outcome)}"
        yield from style.fit(text, "  · ", "    ")


def transcripts(replayed: Replayed, style: Style = PLAIN, *, verbose: bool = False) -> Iterator[str]:
    """Every attempt, message by message."""
    from whytls.report.ladder import draw, ladder

    for tried in replayed.tried:
        yield ""
        yield style.paint(f"attempt {tried.attempt}: {visible(_text(tried))}", "bold")
        yield from draw(ladder(tried.handshake), style, verbose=verbose)


def _text(tried: Tried) -> str:
    return f"{tried.text}: {tried.outcome}"
