"""Go's crypto/tls behind net/http."""

from __future__ import annotations

import json
from pathlib import Path

from lab.live import words
from lab.live.serve import ALL, TLS10, Command, Serve, Unsupported, cannot, contiguous, sites
from lab.servers import go_program
from whytls.wire.registry import group_name, suite_name

# What Go 1.19 has: its own list is TLS 1.3's, always the same (crypto/tls, cipher_suites.go).
_SUITES = {0x0005, 0x000A, 0x002F, 0x0035, 0x003C, 0x009C, 0x009D, 0xC007, 0xC009, 0xC00A, 0xC011, 0xC012, 0xC013, 0xC014, 0xC023, 0xC027,
           0xC02F, 0xC02B, 0xC030, 0xC02C, 0xCCA8, 0xCCA9}  # fmt: skip
_SUITES_13 = {0x1301, 0x1302, 0x1303}
_GROUPS = {23, 24, 25, 29}


def command(serve: Serve, folder: Path, port: int) -> Command:
    """The program, built once per process, and its one word."""
    cannot(serve, "unknown_name", "alert")
    cannot(serve, "signature_schemes")
    cannot(serve, "order")  # since Go 1.17 its own, whatever is configured
    cannot(serve, "dh_bits")
    cannot(serve, "extended_master_secret")
    cannot(serve, "secure_renegotiation")
    least, most = contiguous(serve)
    if least < TLS10:
        raise Unsupported(serve.stack, "SSL 3.0")
    address = f"[{serve.address}]:{port}" if ":" in serve.address else f"{serve.address}:{port}"
    given = {
        "Address": address,
        "Least": least,
        "Most": most,
        "All": serve.suites == ALL,
        "Suites": _suites(serve) or None,
        "Groups": _groups(serve) or None,
        "ALPN": serve.alpn or None,
        "Sites": [{"Name": name, "Pairs": pairs} for name, pairs in sites(serve)],
        "Unknown": serve.unknown_name,
        "NoName": serve.no_name,
        "Auth": serve.client_auth,
        "Partners": serve.client_ca,
    }
    return Command([go_program("live"), json.dumps(given)])


def _suites(serve: Serve) -> tuple[int, ...]:
    if serve.suites == ALL:
        return ()
    old, new = words.suites(serve)
    if new and set(new) != _SUITES_13:
        raise Unsupported(serve.stack, "a choice of TLS 1.3 suites")
    for number in old:
        if number not in _SUITES:
            raise Unsupported(serve.stack, f"the suite {suite_name(number)}")
    return old


def _groups(serve: Serve) -> tuple[int, ...]:
    found = words.group_numbers(serve)
    for number in found:
        if number not in _GROUPS:
            raise Unsupported(serve.stack, f"the group {group_name(number)}")
    return found
