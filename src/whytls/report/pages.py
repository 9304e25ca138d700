"""The page of a cause, and the list of all, as text, Markdown and JSON; the terminal and the documentation show the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from whytls.model import CauseClass, Owner
from whytls.report.terminal import PLAIN, Style
from whytls.report.text import OWNERS

CLASSES: dict[str, str] = {
    "hello": "Agreement: version, cipher, group, name, protocol",
    "server-certificate": "The server's certificate",
    "client-certificate": "The client's certificate (mutual TLS)",
    "not-tls": "No TLS",
    "transport": "The connection below TLS",
}


class Page(Protocol):
    """What is known of a cause without a handshake; ``api.explain`` gives it."""

    @property
    def slug(self) -> str:
        """Its name."""

    @property
    def title(self) -> str:
        """One sentence."""

    @property
    def sections(self) -> Mapping[str, str]:
        """Heading and text of its page."""

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Who can fix it, cheapest first."""

    @property
    def cause_class(self) -> CauseClass:
        """Which part of the handshake it belongs to."""

    @property
    def references(self) -> tuple[str, ...]:
        """Where the standard or the stack says so."""


def page(cause: Page, form: str = "text", style: Style = PLAIN) -> str:
    """One page, in the form text, markdown or json."""
    if form == "json":
        return _json(_values(cause))
    return markdown(cause) if form == "markdown" else _text(cause, style)


def listing(causes: Sequence[Page], form: str = "text", style: Style = PLAIN) -> str:
    """All causes, a line each, by the part of the handshake they belong to."""
    if form == "json":
        return _json([_values(cause) for cause in causes])
    wide = max((len(cause.slug) for cause in causes), default=0)
    lines: list[str] = []
    for kind, heading in CLASSES.items():
        members = [cause for cause in causes if cause.cause_class == kind]
        if not members:
            continue
        if form == "markdown":
            lines += [f"## {heading}", ""]
            lines += [f"- [`{cause.slug}`]({cause.slug}.md) – {cause.title}" for cause in members]
        else:
            lines.append(style.paint(heading, "bold"))
            for cause in members:
                first, *others = style.fit(cause.title, f"  {cause.slug:<{wide}}  ", " " * (wide + 4))
                first = f"  {style.paint(cause.slug, 'cyan')}{first[2 + len(cause.slug) :]}"
                lines += [style.sign(line) for line in (first, *others)]
        lines.append("")
    return "\n".join(lines)


def markdown(cause: Page) -> str:
    """The page as Markdown; what is indented in the cause file stays as it is, which Markdown shows as code."""
    lines = [f"# {cause.slug}", "", f"*{cause.title}*", "", _owners(cause), ""]
    for heading, text in cause.sections.items():
        lines += [f"## {heading}", "", text.strip("\n"), ""]
    lines += _references(cause)
    return "\n".join(lines).rstrip("\n") + "\n"


def _owners(cause: Page) -> str:
    return f"Can be fixed by: {', '.join(OWNERS[owner] for owner in cause.owners)}."


def _references(cause: Page) -> list[str]:
    if not cause.references or "References" in cause.sections:
        return []
    return ["## References", "", *(f"- {reference}" for reference in cause.references), ""]


def _text(cause: Page, style: Style) -> str:
    lines = [style.paint(cause.slug, "bold"), *style.fit(cause.title), ""]
    lines += [*style.fit(_owners(cause)), ""]
    for heading, text in cause.sections.items():
        lines += [style.paint(heading, "bold"), *_paragraphs(text, style), ""]
    lines += _references(cause)
    return "\n".join(style.sign(line) for line in lines).rstrip("\n") + "\n"


def _paragraphs(text: str, style: Style) -> list[str]:
    """Running text refilled to the width, where there is one; lists and what is indented keep their lines."""
    if style.width is None:
        return [f"  {line}".rstrip() for line in text.strip("\n").splitlines()]
    lines: list[str] = []
    running: list[str] = []
    for line in [*text.strip("\n").splitlines(), ""]:
        if line and not line.startswith((" ", "-", "*", "|")):
            running.append(line)
            continue
        if running:
            lines += style.fit(" ".join(running), "  ")
            running = []
        if line.startswith(("- ", "* ")):
            lines += style.fit(line, "  ", "    ")
        else:
            lines.append(f"  {line}" if line else "")
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _values(cause: Page) -> dict[str, object]:
    return {
        "cause": cause.slug,
        "title": cause.title,
        "cause_class": cause.cause_class,
        "owners": list(cause.owners),
        "sections": dict(cause.sections),
        "references": list(cause.references),
    }


def _json(value: object) -> str:
    import json

    return json.dumps(value, indent=2) + "\n"
