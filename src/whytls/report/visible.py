"""Text from the wire made safe to show: what would steer a terminal or deceive the eye becomes a visible escape.

Server names, certificate subjects and banners are written by whoever sent them. A control character, an ANSI sequence, a
bidirectional override or an invisible sign in one of them is shown as ``\\x1b``, ``\\u202e`` and so on, in every text report.
"""

from __future__ import annotations

LONGEST = 253  # a DNS name has no more (RFC 1035); what is longer is cut, and says so


def visible(text: str) -> str:
    """The text on one line, with every character that does not print as itself written out."""
    # str.isprintable is false for exactly what matters: Cc, Cf (bidi, zero width), Cs, Co, Cn, Zl, Zp and odd spaces
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def clipped(text: str, longest: int = LONGEST) -> str:
    """The text made visible, and no longer than that; what was left out is counted."""
    if len(text) > longest:
        return f"{visible(text[:longest])}… ({len(text) - longest} more characters)"
    return visible(text)


def _escaped(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
