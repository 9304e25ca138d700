"""Bytes that are not TLS: which protocol they are, in words for the user."""

from __future__ import annotations

import re
from functools import cache

from whytls.model import Event
from whytls.wire.message import ForeignBytes

_METHOD = rb"(GET|POST|PUT|HEAD|DELETE|OPTIONS|PATCH|CONNECT|TRACE) \S{1,200}"
_BANNERS: tuple[tuple[bytes, str, str], ...] = (
    (_METHOD, "http", "an HTTP request"),
    (rb"HTTP/\d", "http", "plain HTTP"),
    (rb"SSH-\d", "ssh", "SSH"),
    (rb"220[ -][^\r\n]{0,200}(SMTP|smtp|mail|Mail)", "smtp", "SMTP"),
    (rb"220[ -][^\r\n]{0,200}(FTP|ftp)", "ftp", "FTP"),
    (rb"220[ -]", "smtp-or-ftp", "SMTP or FTP"),
    (rb"\* (OK|PREAUTH|BYE)", "imap", "IMAP"),
    (rb"\+OK", "pop3", "POP3"),
    (rb"<\?xml|<stream:", "xmpp", "XMPP"),
    (rb"(?i)<(!doctype|html|HTML|!DOCTYPE)", "http", "plain HTTP"),
    (rb"[\x30-\x7f]\x00\x00\x00\x0a[\x20-\x7e]{3,40}\x00", "mysql", "MySQL"),
    (rb"RFB \d", "vnc", "VNC"),
    (rb"AMQP", "amqp", "AMQP"),
    (rb"PRI \* HTTP/2", "http", "HTTP/2 without TLS"),
)
# What servers say in plain text to an HTTP request on their TLS port: nginx, Go, Apache httpd, HAProxy and Tomcat.
_TLS_PORT = (
    rb"(?i)plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|speaking plain HTTP to an SSL-enabled"
    rb"|combination of host and port requires TLS"
)


@cache
def _pattern(text: bytes) -> re.Pattern[bytes]:
    """Compiled when it is first needed, for most captures do without."""
    return re.compile(text)


def _head(event: Event) -> bytes:
    return event.value.head if isinstance(event.value, ForeignBytes) else b""


def dialect_of(event: Event) -> str:
    """The protocol's slug: http, ssh, smtp, … or unknown."""
    head = _head(event)
    return next((slug for pattern, slug, _ in _BANNERS if _pattern(pattern).match(head)), "unknown")


def protocol_of(event: Event) -> str:
    """The protocol in words, with the first line of what was said where it is text."""
    head = _head(event)
    words = next((words for pattern, _, words in _BANNERS if _pattern(pattern).match(head)), "")
    line = first_line(head)
    if words:
        return f"{words} ({line})" if line else words
    return f"unknown text ({line})" if line else f"unknown bytes ({head[:8].hex(' ')})"


def first_line(head: bytes) -> str:
    """The first line, if all of it is printable ASCII; at most 60 characters."""
    line = head.split(b"\n", 1)[0].rstrip(b"\r")[:60]
    return line.decode("ascii") if line and all(32 <= b < 127 for b in line) else ""


def says_tls_port(event: Event) -> bool:
    """Whether the plain answer says that the port wants TLS."""
    return bool(_pattern(_TLS_PORT).search(_head(event)))
