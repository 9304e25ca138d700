"""The clients that are known, for people: slug, title, what it offers at most, and where that is known from."""

from __future__ import annotations

from collections.abc import Iterator

from whytls.clients import load_all
from whytls.report.terminal import PLAIN, Style
from whytls.report.visible import clipped
from whytls.wire.registry import version_name


def listing(style: Style = PLAIN) -> Iterator[str]:
    """A line for each client."""
    clients = load_all()
    wide = max((len(client.slug) for client in clients), default=0)
    for client in clients:
        offers = f"{version_name(client.versions[-1])} to {version_name(client.versions[0])}" if len(client.versions) > 1 else ""
        offered = offers or ", ".join(map(version_name, client.versions))
        name = "" if client.sends_name else ", sends no name"
        text = f"{client.slug:<{wide}}  {clipped(client.title)}: {offered}{name}; {client.provenance.kind}"
        yield from style.fit(text, "", " " * (wide + 2))
