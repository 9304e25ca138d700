"""``whytls explain``: a cause's page, or the list of all causes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from whytls.cli.options import COLOUR, Command, Option, read

if TYPE_CHECKING:
    from whytls.api import CausePage

COMMAND = Command(
    name="explain",
    title="what a cause means, how it looks and how it is fixed",
    usage="whytls explain [CAUSE] [--format text|markdown|json]",
    text="Prints the page of a cause: what happened, how it looks, what to tell it from, how it is fixed.\n"
    "Without a cause it lists them all.",
    argument="CAUSE",
    argument_help="its name, as whytls diagnose prints it: sni-missing, chain-incomplete",
    groups=(
        (
            "output",
            (
                Option(("--format",), "default: text", choices=("text", "markdown", "json"), default="text"),
                COLOUR,
            ),
        ),
    ),
    examples=(("whytls explain sni-missing", "the page of one cause"), ("whytls explain", "all causes, a line each")),
    several=False,
    completes="slug",
)


def run(arguments: Sequence[str]) -> int:
    """Print one page, or the list."""
    values = read(COMMAND, arguments)
    from whytls.api import explain
    from whytls.causes import slugs
    from whytls.report import pages
    from whytls.report.terminal import style_of

    style = style_of(sys.stdout, values["color"])
    if values["argument"]:
        page: CausePage = explain(values["argument"][0])
        text = pages.page(page, values["format"], style)
    else:
        text = pages.listing([explain(slug) for slug in slugs()], values["format"], style)
    sys.stdout.write(text)
    return 0
