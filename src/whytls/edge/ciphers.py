"""Cipher strings and cipher names as suites: what an nginx configuration's ``ssl_ciphers`` means, and what JSSE's names are.

A cipher string is expanded by the OpenSSL that Python has here. The Router's own may be built otherwise, so whoever uses the answer says by which
it was made. Security levels are left out (``@SECLEVEL=0``): they belong to the machine, not to the string.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from whytls.exceptions import InputError
from whytls.wire.registry import suite_name, suite_number

LONGEST = 4096
_TLS13 = 0x1300
_SHARED_SECRET = re.compile(r"\b(?:PSK|SRP)\b")  # the string selects them, and nginx has nothing with which to use them


class Expanded(NamedTuple):
    """What a cipher string stands for."""

    suites: tuple[int, ...]  # of TLS 1.2 and before, in order of preference; those of TLS 1.3 are not chosen by it
    by: str  # OpenSSL 3.0.19 24 Feb 2026, on this machine


@lru_cache(maxsize=64)
def expand(text: str) -> Expanded:
    """Expands a cipher string as OpenSSL does.

    Raises:
        InputError: it selects nothing, or is none.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        if len(text) > LONGEST or "\0" in text:
            raise ssl.SSLError
        context.set_ciphers(f"{text}:@SECLEVEL=0")
    except (ssl.SSLError, UnicodeEncodeError):
        raise InputError(f"{text[:100]!r} selects no cipher suite", hint="try it: openssl ciphers -v STRING") from None
    numbers = (cipher["id"] & 0xFFFF for cipher in context.get_ciphers() if not _SHARED_SECRET.search(cipher["name"]))
    return Expanded(tuple(number for number in numbers if number >> 8 != _TLS13 >> 8), f"{ssl.OPENSSL_VERSION}, on this machine")


def of_names(names: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Suites by IANA's, JSSE's or OpenSSL's names, and the names that are none."""
    numbers = {name: suite_number(name.strip()) for name in names}
    return tuple(number for number in numbers.values() if number is not None), tuple(name for name, number in numbers.items() if number is None)


def named(suites: tuple[int, ...], most: int = 4) -> str:
    """The first few suites by name, and how many more there are."""
    first = ", ".join(suite_name(number) for number in suites[:most])
    return f"{first} and {len(suites) - most} more" if len(suites) > most else first
