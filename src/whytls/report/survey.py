"""What `whytls probe` says on a terminal: the verdict in the first line, then what the server accepts, and whom it lets through.

One screen for one server. Suites are folded into families; `-v` names every suite, every client, and writes fixes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from whytls.checking.result import CheckResult, Problem
from whytls.model import Evidence
from whytls.pki.certificate import read
from whytls.pki.notes import day
from whytls.probing.result import Inventory, Refused, VersionFound
from whytls.report.chain import draw
from whytls.report.suites import folded
from whytls.report.terminal import PLAIN, Style
from whytls.report.text import fix_in_full, fix_line, many
from whytls.report.visible import clipped, visible
from whytls.surveying.result import Statement, Survey, Through
from whytls.surveying.said import refusal_in_words
from whytls.surveying.survey import authorities
from whytls.wire.registry import alert_name, group_name, scheme_name, suite_name, version_name

LABEL = 13  # columns of the words on the left
MOST_REASONS = 8  # for which clients do not get through
MOST_ALIKE = 4  # clients of one reason, by name
MOST_NAMED_CLIENTS = 6  # so few are listed also where they do get through
MOST_PROBLEMS = 8
MOST_NOTES = 5
MOST_AUTHORITIES = 5
_COLOUR = {"proven": "green", "likely": "yellow", "possible": "yellow"}


class SurveyReport:
    """Takes surveys in and writes each at once; ``close`` writes the summary of many."""

    def __init__(self, write: Callable[[str], object], style: Style = PLAIN, *, verbose: bool = False, attempts: bool = False) -> None:
        self._write, self._style, self._verbose, self._attempts = write, style, verbose, attempts
        self._causes: dict[str, int] = {}
        self.shown = self.failed = self.warned = 0

    def add(self, survey: Survey) -> None:
        """Write one survey."""
        if self.shown:
            self._write("\n")
        self.shown += 1
        self.failed += survey.level == "failure"
        self.warned += survey.level == "warning"
        for cause in dict.fromkeys(problem.cause for problem in survey.problems):
            self._causes[cause] = self._causes.get(cause, 0) + 1
        self._lines(lines_of(survey, self._style, verbose=self._verbose))
        if self._attempts:
            self._lines(transcripts(survey.inventory, self._style, verbose=self._verbose))

    def close(self, warnings: Sequence[str] = (), error: str | None = None) -> None:
        """Write what is said of all of them."""
        if self.shown > 1:
            healthy = self.shown - self.failed - self.warned
            counts = [(self.failed, "with a failure"), (self.warned, "with a warning"), (healthy, "healthy")]
            told = ", ".join(f"{count:,} {what}" for count, what in counts if count)
            self._lines(["", self._style.paint(f"{many(self.shown, 'server')} asked: {told}.", "bold")])
        if self._causes:
            top = max(self._causes, key=lambda cause: self._causes[cause])
            self._lines(self._style.tint([f"  More about a cause and its fix: whytls explain {top}"], "dim"))
        for warning in warnings[:10]:
            self._lines(self._style.tint(self._style.fit(f"note: {visible(warning)}", "", "      "), "yellow"))
        if error is not None and self.shown:
            self._lines(self._style.tint(self._style.fit(f"not all were asked: {visible(error)}", "", "  "), "red"))

    def _lines(self, lines: Sequence[str] | Iterator[str]) -> None:
        for line in lines:
            self._write(self._style.sign(line) + "\n")


def lines_of(survey: Survey, style: Style = PLAIN, *, verbose: bool = False) -> list[str]:
    """One survey as lines."""
    head = [*_first_line(survey, style), *_where(survey, style)]
    body: list[str] = []
    if survey.accepts:
        body = [*_accepted(survey, style, verbose), *_certificates(survey, style, verbose), *_names(survey, style), *_clients(survey, style, verbose)]
        body += _differences(survey, style)
    problems = [line for p in survey.problems[:MOST_PROBLEMS] for line in _problem(p, style, verbose, first=p is survey.problems[0])]
    if len(survey.problems) > MOST_PROBLEMS:
        problems.append(f"  {len(survey.problems) - MOST_PROBLEMS} more problems; --format json has all")
    return [*head, *problems, *([""] if body else []), *body, *_weaknesses(survey, style), *_notes(survey, style, verbose), *_cost(survey, style)]


# ------------------------------------------------------------------ the verdict


def _first_line(survey: Survey, style: Style) -> list[str]:
    """✗ HOST:PORT   cause   confidence; ✓ HOST:PORT   healthy   versions."""
    name = visible(survey.target)
    if survey.problems and survey.level == "failure":
        first = survey.problems[0]
        confidence = style.paint(first.confidence, _COLOUR[first.confidence])
        return [f"{style.paint('✗', 'red', 'bold')} {name}   {style.paint(first.cause, 'bold')}   {confidence}"]
    if survey.level == "failure":
        return [f"{style.paint('?', 'yellow', 'bold')} {name}   {style.paint('unknown', 'bold')}", "  Nothing was learned of this server."]
    accepted = ", ".join(version_name(v.version) for v in _by_age(survey.inventory.versions) if v.suites)
    sign, colour = ("✓", "green") if not survey.problems else ("!", "yellow")
    return [f"{style.paint(sign, colour, 'bold')} {name}   {style.paint('healthy', colour, 'bold')}   {accepted}", *_lost(survey, style)]


def _lost(survey: Survey, style: Style) -> list[str]:
    """Of a healthy server: how many clients do not get through, and over what."""
    if not survey.refused:
        return []
    causes: dict[str, int] = {}
    for client in survey.refused:
        causes[client.cause] = causes.get(client.cause, 0) + 1
    over = ", ".join(f"{cause} ({count})" for cause, count in sorted(causes.items(), key=lambda item: (-item[1], item[0])))
    text = f"{len(survey.refused)} of {many(len(survey.clients), 'client')} {'does' if len(survey.refused) == 1 else 'do'} not get through: {over}"
    return style.tint(style.fit(text, "  "), "yellow")


def _where(survey: Survey, style: Style) -> list[str]:
    inventory = survey.inventory
    asked = f"asked for {clipped(inventory.server_name)}" if inventory.server_name else "asked without a name"
    at = f"at {visible(inventory.address)}, " if inventory.address and inventory.address not in inventory.target else ""
    return style.tint(style.fit(at + asked, "  "), "dim")


def _problem(problem: Problem, style: Style, verbose: bool, *, first: bool) -> list[str]:
    """The first one's slug stands in the first line already."""
    lines, indent = [], "  "
    if not first or problem.level != "failure":
        sign, colour = ("✗", "red") if problem.level == "failure" else ("!", "yellow")
        confidence = style.paint(problem.confidence, _COLOUR[problem.confidence])
        lines.append(f"  {style.paint(sign, colour, 'bold')} {style.paint(problem.cause, 'bold')}   {confidence}")
        indent = "    "
    lines += style.fit(f"{visible(problem.title[:1].upper() + problem.title[1:])}.", indent)
    for said in problem.evidence[: None if verbose else 4]:
        lines += style.fit(_cited(said), f"{indent}– ", f"{indent}  ")
    if problem.would_decide:
        lines += style.fit(f"to decide: {visible(problem.would_decide)}", indent, f"{indent}  ")
    for warning in problem.warnings:
        lines += style.fit(f"note: {visible(warning)}", indent, f"{indent}  ")
    if problem.fix is not None:
        lines += [indent[2:] + line for line in (fix_in_full(problem.fix, style) if verbose else fix_line(problem.fix, style))]
    return lines


def _cited(said: Evidence) -> str:
    """``attempt 3: it answers ...``: the attempt, without the server's name, which stands in the first line."""
    place, _, number = said.file.rpartition(" attempt ")
    where = f"attempt {number}" if place and number.isdecimal() else said.file
    return clipped(f"{where}: {said.text}" if where else said.text, 1000)


# ------------------------------------------------------------------ what it accepts


def _labelled(label: str, text: str, style: Style, *codes: str) -> list[str]:
    """A line with its word on the left; what does not fit the width goes on below the text."""
    fitted = style.fit(text, f"  {label:<{LABEL}}", " " * (LABEL + 2))
    return [style.paint(fitted[0][: LABEL + 2], "cyan") + style.paint(fitted[0][LABEL + 2 :], *codes), *style.tint(fitted[1:], *codes)]


def _by_age(versions: Sequence[VersionFound]) -> list[VersionFound]:
    return sorted(versions, key=lambda found: -found.version)


def _accepted(survey: Survey, style: Style, verbose: bool) -> Iterator[str]:
    inventory = survey.inventory
    for found in _by_age(inventory.versions):
        if found.suites:
            yield from _version(found, style, verbose)
    refused: dict[str, list[str]] = {}
    for found in _by_age(inventory.versions):
        if not found.suites and found.refused is not None:
            refused.setdefault(_shortly(found.refused), []).append(version_name(found.version))
    if refused:
        yield from _labelled("refused", "; ".join(f"{', '.join(names)}: {how}" for how, names in refused.items()), style, "dim")
    if inventory.groups:
        yield from _labelled("groups", ", ".join(map(group_name, inventory.groups)) + _order(inventory.groups_server_order), style)
    if inventory.signature_schemes:
        yield from _labelled("signatures", ", ".join(map(scheme_name, inventory.signature_schemes)), style)
    yield from _protocols(inventory, style)
    told = _resumption(inventory)
    if told:
        yield from _labelled("resumption", told, style)
    yield from _client_certificate(survey, style)


def _version(found: VersionFound, style: Style, verbose: bool) -> Iterator[str]:
    order = _order(found.server_order)
    if verbose:
        yield from _labelled(version_name(found.version), f"{many(len(found.suites), 'suite')}{order}", style)
        yield from (" " * (LABEL + 2) + suite_name(suite) for suite in found.suites)
        return
    parts = []
    for family in folded(found.suites, in_order=found.server_order is not False):
        name = f"{family.name}: " if family.name else ""
        parts.append(name + ", ".join(family.ciphers))
    text = f"{many(len(found.suites), 'suite')}{order}: " if len(found.suites) > 1 else ""
    yield from _labelled(version_name(found.version), text + " · ".join(parts), style)


def _shortly(refused: Refused) -> str:
    if refused.end == "reached":
        return "offered and not chosen"
    return alert_name(refused.alert) if refused.alert is not None else refusal_in_words(refused)


def _order(of_server: bool | None) -> str:
    return "" if of_server is None else " (the server's order)" if of_server else " (the client's order)"


def _protocols(inventory: Inventory, style: Style) -> Iterator[str]:
    refused = inventory.alpn_refused
    others = f"any other is refused ({_shortly(refused)})" if refused is not None and refused.end != "reached" else ""
    if inventory.alpn or others:
        known = ", ".join(visible(name) for name in inventory.alpn)
        yield from _labelled("ALPN", "; ".join(part for part in (known, others) if part), style)


def _resumption(inventory: Inventory) -> str:
    known = inventory.resumption
    told = [(known.session_id, "session id"), (known.ticket, "ticket"), (known.psk, "PSK"), (known.early_data, "early data")]
    yes, no = ([name for value, name in told if value is wanted] for wanted in (True, False))
    return ", ".join([*yes, *(f"no {name}" for name in no)])


def _client_certificate(survey: Survey, style: Style) -> Iterator[str]:
    wanted = survey.inventory.client_certificate
    taken = bool(survey.presented and wanted.attempts) and wanted.wanted == "unknown"
    if wanted.wanted in ("no", "unknown") and not taken:
        return
    listed = [clipped(name, 160) for name in authorities(wanted.authorities[:MOST_AUTHORITIES])]
    more = f" and {len(wanted.authorities) - MOST_AUTHORITIES} more" if len(wanted.authorities) > MOST_AUTHORITIES else ""
    of = f", from {'; '.join(listed)}{more}" if listed else ", from any CA" if wanted.attempts else ""
    how = "required" if wanted.wanted == "required" else "asked for, not required"
    if taken:
        how = f"asked for, and {clipped(read(survey.presented[0]).subject, 160)} is taken"
    yield from _labelled("client cert", f"{how}{of}", style)


# ------------------------------------------------------------------ certificates, names, clients


def _certificates(survey: Survey, style: Style, verbose: bool) -> Iterator[str]:
    """Each chain once, and to whom it is shown."""
    once: dict[tuple[bytes, ...], list[int]] = {}
    for number, shown in enumerate(survey.inventory.certificates):
        once.setdefault(shown.chain, []).append(number)
    for numbers in once.values():
        shown, result = survey.inventory.certificates[numbers[0]], survey.certificates[numbers[0]]
        certificate = read(shown.chain[0])
        sign, colour = {"failure": ("✗", "red"), "warning": ("!", "yellow")}.get(result.level or "", ("✓", "green"))
        size = f" {certificate.key_bits}" if certificate.key_bits else ""
        issuer = "self-signed" if certificate.self_issued else f"← {clipped(certificate.issuer)}"
        text = (
            f"{sign} {clipped(certificate.subject) or '(no name)'} {issuer}, until {day(certificate.not_after)}, "
            f"{shown.key_type.upper()}{size}, {many(len(shown.chain), 'certificate')}{_to(survey, numbers)}"
        )
        yield from _labelled("certificate", text, style, *((colour,) if colour != "green" else ()))
        if verbose or _broken(result):
            narrow = style._replace(width=style.width - LABEL - 4) if style.width is not None else style
            yield from (" " * (LABEL + 4) + line for line in (draw(result.report, narrow, statuses=result.statuses) if result.report else ()))
        yield from _decisions(result, style)


def _to(survey: Survey, numbers: Sequence[int]) -> str:
    """To whom a chain is shown, where that is not everybody who asks for the right name."""
    names = [survey.inventory.certificates[number].server_name for number in numbers]
    if survey.inventory.server_name in names:
        return ""
    told = [f"for {clipped(name)}" if name else "to those who send no name" for name in dict.fromkeys(names)]
    return f", shown {' and '.join(told[:2])}{' and others' if len(told) > 2 else ''}"


def _broken(result: CheckResult) -> bool:
    """Whether something in the arrangement of the chain is wrong, so that drawing it shows where."""
    return any(p.level == "failure" and p.cause in ("chain-incomplete", "chain-wrong-intermediate", "chain-order") for p in result.problems)


def _decisions(result: CheckResult, style: Style) -> Iterator[str]:
    refusing = [d for d in result.decisions if not d.accepted]
    accepting = [d.profile for d in result.decisions if d.accepted]
    if result.decisions:
        told = [f"accepted by {', '.join(accepting)}"] if accepting else []
        told += [f"refused by {d.profile}: {visible(d.words)}" for d in refusing]
        for text in told:
            yield from style.fit(text, " " * (LABEL + 4), " " * (LABEL + 6))


def _names(survey: Survey, style: Style) -> Iterator[str]:
    for number, statement in enumerate(survey.names.statements):
        yield from _labelled("names" if not number else "", _with_attempts(statement), style)


def _with_attempts(statement: Statement) -> str:
    return visible(statement.text)


def _clients(survey: Survey, style: Style, verbose: bool) -> Iterator[str]:
    """How many get through; those that do not, folded where the same stops them."""
    if not survey.clients:
        return
    through = [client for client in survey.clients if client.passes]
    open_ones = len(survey.clients) - len(through) - len(survey.refused)
    more = f"; of {open_ones} it cannot be told" if open_ones else ""
    yield from _labelled("clients", f"{len(through)} of {len(survey.clients)} get through{more}", style)
    alike: dict[tuple[str, str], list[Through]] = {}
    for client in survey.refused:
        alike.setdefault((client.cause, client.why), []).append(client)
    for stopped in [*alike.values()][: None if verbose else MOST_REASONS]:
        yield from _stopped(stopped, style, verbose)
    if not verbose and len(alike) > MOST_REASONS:
        yield f"    {sum(map(len, [*alike.values()][MOST_REASONS:]))} more do not; -v lists all"
    if verbose or (through and len(survey.clients) <= MOST_NAMED_CLIENTS):
        wide = min(28, max((len(client.client) for client in through), default=0))
        for client in through:
            text = f"{visible(client.client):<{wide}}  {_chosen(client)}{_condition(client)}"
            yield from _signed("✓", "green", text, style, wide)


def _stopped(clients: Sequence[Through], style: Style, verbose: bool) -> list[str]:
    """Clients that the same stops, in one line."""
    first, names = clients[0], [visible(client.client) for client in clients]
    shown = names if verbose else names[:MOST_ALIKE]
    who = ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
    lines = _signed("✗", "red", f"{who}   {first.cause}: {visible(first.why)}", style, 0)
    for note in first.notes if verbose else ():
        lines += style.fit(visible(note), "        ", "          ")
    return lines


def _signed(sign: str, colour: str, text: str, style: Style, wide: int) -> list[str]:
    fitted = style.fit(f"{sign} {text}", "    ", " " * (wide + 6))
    return ["    " + style.paint(sign, colour, "bold") + fitted[0][5:], *fitted[1:]]


def _condition(client: Through) -> str:
    """What has to be so besides, the first of it."""
    return f" ({visible(client.notes[0])})" if client.notes else ""


def _chosen(client: Through) -> str:
    parts = [version_name(client.version)] if client.version is not None else []
    parts += [suite_name(client.cipher_suite)] if client.cipher_suite is not None else []
    parts += [group_name(client.group)] if client.group is not None else []
    return ", ".join(parts)


# ------------------------------------------------------------------ the rest


def _differences(survey: Survey, style: Style) -> Iterator[str]:
    if survey.compared_with:
        yield from _labelled("compared", f"with {visible(survey.compared_with)}: {many(len(survey.differences), 'difference')}", style)
        for difference in survey.differences:
            yield from style.fit(f"≠ {visible(difference.text)}", "    ", "      ")


def _weaknesses(survey: Survey, style: Style) -> Iterator[str]:
    for statement in survey.weaknesses:
        yield from style.tint(style.fit(f"! {visible(statement.text)} ({statement.reference})", "  ", "    "), "yellow")


def _notes(survey: Survey, style: Style, verbose: bool) -> list[str]:
    notes = survey.notes if verbose else survey.notes[:MOST_NOTES]
    lines = [line for note in notes for line in style.tint(style.fit(f"note: {visible(note)}", "  ", "    "), "yellow")]
    return lines + ([f"  {len(survey.notes) - len(notes)} more notes (-v)"] if len(survey.notes) > len(notes) else [])


def _cost(survey: Survey, style: Style) -> list[str]:
    inventory = survey.inventory
    return style.tint([f"  asked in {many(len(inventory.attempts), 'connection')}, {inventory.seconds:.2f} s"], "dim")


def transcripts(inventory: Inventory, style: Style = PLAIN, *, verbose: bool = False) -> Iterator[str]:
    """Every attempt, message by message."""
    from whytls.report.ladder import draw as drawn
    from whytls.report.ladder import ladder

    for attempt in inventory.attempts:
        yield ""
        yield style.paint(f"attempt {attempt.number}: {visible(attempt.purpose)}", "bold")
        yield from drawn(ladder(attempt.handshake), style, verbose=verbose)
        if attempt.application:
            first = attempt.application.split(b"\r\n")[0].decode("latin-1")
            yield f"  its first words after the handshake: {clipped(first, 120)}"
