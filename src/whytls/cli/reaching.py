"""How servers are reached and how much is asked of them: options that the commands which contact servers have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, Any

from whytls.cli.options import Option
from whytls.exceptions import UsageError

DIALECTS = ("smtp", "lmtp", "imap", "pop3", "ftp", "nntp", "sieve", "ldap", "postgresql", "mysql", "xmpp", "xmpp-server")
HEADERS = ("v1", "v2")

NAME = Option(("--name",), 'server name to send (SNI); by default the host, where it is a name; "" sends none', "NAME")
WAY = (
    Option(("--address",), "connect to this address, whatever the name resolves to", "ADDRESS"),
    Option(("--ipv4", "-4"), "IPv4 only"),
    Option(("--ipv6", "-6"), "IPv6 only"),
    Option(("--starttls",), "protocol that is spoken before TLS; by default what the scheme says (smtp://HOST)", choices=DIALECTS),
    Option(("--proxy",), "http://HOST:PORT, socks5h://HOST and the like: through this proxy", "URL"),
    Option(("--proxy-password-env",), "the environment variable that holds the proxy's password", "NAME"),
    Option(("--proxy-password-file",), "the file whose first line is that password; - asks on the terminal", "FILE", completes="file"),
    Option(("--proxy-protocol",), "a PROXY header in front of everything", choices=HEADERS),
    Option(("--proxy-source",), "the client that the PROXY header names (default: LOCAL)", "ADDRESS:PORT"),
)
BOUNDS = (
    Option(("--timeout",), "seconds to wait for a connection, and for each answer (default: 5)", "SECONDS"),
    Option(("--connections",), "at most so many to one server (default: 200)", "N"),
    Option(("--parallel",), "at most so many to one server at once (default: 8)", "N"),
    Option(("--rate",), "at most so many to one server in a second (default: as they come)", "N"),
)


def way(values: dict[str, Any]) -> dict[str, Any]:
    """What these options say, under the names that the functions of the package have for it.

    Raises:
        UsageError: two of them contradict each other, or one is no number.
    """
    from whytls.cli import passwords

    if values["ipv4"] and values["ipv6"]:
        raise UsageError("-4 and -6 leave nothing", hint="leave one out")
    if values["proxy_source"] and not values["proxy_protocol"]:
        raise UsageError("--proxy-source stands in a PROXY header", hint="--proxy-protocol v2")
    return {
        "name": values["name"],
        "address": values["address"],
        "family": 4 if values["ipv4"] else 6 if values["ipv6"] else 0,
        "starttls": values["starttls"],
        "proxy": values["proxy"],
        "proxy_password": passwords.given(values, "proxy_", "the proxy") if values["proxy"] else None,
        "proxy_protocol": values["proxy_protocol"],
        "proxy_source": values["proxy_source"],
        "timeout": number(values["timeout"], "--timeout", 5.0),
        "connections": int(number(values["connections"], "--connections", 200, whole=True)),
        "parallel": int(number(values["parallel"], "--parallel", 8, whole=True)),
        "rate": number(values["rate"], "--rate", 0.0),
    }


def number(text: str | None, flag: str, default: float, *, whole: bool = False) -> float:
    """A positive number of an option.

    Raises:
        UsageError: it is none.
    """
    if text is None:
        return default
    plain = text.replace(".", "", 1) if not whole else text
    if not (plain.isascii() and plain.isdigit() and len(plain) < 8) or float(text) <= 0:
        raise UsageError(f"{flag} {text[:50]!r} is no {'whole number' if whole else 'number'} above 0", hint=f"{flag} {default or 10:g}")
    return float(text)


def told(plan: Iterable[str], values: dict[str, Any], out: IO[str], indent: str) -> int:
    """Writes what would be sent, a line each, continued behind ``indent``; the exit code."""
    from whytls.report.terminal import style_of
    from whytls.report.visible import visible

    style = style_of(out, values["color"])
    for line in plan:
        out.write(style.sign("\n".join(style.fit(visible(line), "", indent))) + "\n")
    return 0
