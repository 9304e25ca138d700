"""Inventories made by hand, for the tests of surveys and of their reports: a healthy server, and the ones that scanners confuse."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from authority import CLIENT, SERVER, Issued, issue
from story import alert, client, fin, foreign, hello, server, server_hello, story
from whytls.probing.attempt import Attempt
from whytls.probing.result import CertificateShown, ClientCertificate, Inventory, NameAsked, Refused, Resumption, VersionFound

HOST, TARGET = "shop.meadow.example", "shop.meadow.example:443"
SUITES12 = (0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8, 0x009C, 0x002F, 0x0035)
SUITES13 = (0x1302, 0x1303, 0x1301)
LABEL = f"{TARGET} attempt "


@lru_cache(maxsize=1)
def pki() -> dict[str, Issued]:
    root = issue("Meadow Root", ca=True)
    middle = issue("Meadow Issuing 1", root, ca=True)
    return {
        "root": root, "middle": middle, "shop": issue(HOST, middle, san=(HOST,), usage=(SERVER,)),
        "default": issue("default.meadow.example", middle, san=("default.meadow.example",), usage=(SERVER,)),
        "client": issue("till 7", middle, usage=(CLIENT,)),
    }  # fmt: skip


def chain(name: str = "shop") -> tuple[bytes, ...]:
    return (pki()[name].der, pki()["middle"].der)


def accepted(number: int, version: int = 0x0303, suite: int = 0xC02F, purpose: str = "all of TLS", **sent: Any) -> Attempt:
    handshake = story(client >> hello(**sent), server << server_hello(version, suite), file=f"{LABEL}{number}", outcome="unfinished")
    return Attempt(number, purpose, handshake, "reached")


def refused(number: int, what: int = 40, purpose: str = "all of TLS", **sent: Any) -> Attempt:
    handshake = story(client >> hello(**sent), server << alert(what), server << fin(), file=f"{LABEL}{number}")
    return Attempt(number, purpose, handshake, "refused")


def answered(number: int, words: bytes, **sent: Any) -> Attempt:
    handshake = story(client >> hello(**sent), server << foreign(words), server << fin(), file=f"{LABEL}{number}")
    return Attempt(number, "all of TLS", handshake, "foreign")


def healthy(**changes: Any) -> Inventory:
    """TLS 1.2 and 1.3 with one certificate; a name is not needed."""
    made = Inventory(
        TARGET, "192.0.2.7", HOST,
        versions=(
            VersionFound(0x0304, SUITES13, True), VersionFound(0x0303, SUITES12, False),
            VersionFound(0x0302, refused=Refused(4, "refused", 70)), VersionFound(0x0301, refused=Refused(5, "refused", 70)),
        ),
        groups=(0x001D, 0x0017, 0x0018), groups_server_order=False, signature_schemes=(0x0403, 0x0804), alpn=("h2", "http/1.1"),
        compression=False, secure_renegotiation=True, extended_master_secret=True, fallback_scsv=True,
        resumption=Resumption(False, True, True, False, (2,)), certificates=(CertificateShown(HOST, "ecdsa", chain(), (1, 2)),),
        names=(NameAsked("right", HOST, 1, chain()), NameAsked("none", None, 3, chain()), NameAsked("unknown", "x.example", 6, chain())),
        client_certificate=ClientCertificate("no", (2,)),
        attempts=(
            accepted(1, 0x0304, 0x1302, sni=HOST), accepted(2, 0x0303, 0xC02B, "TLS 1.2, 37 cipher suites", sni=HOST),
            accepted(3, purpose="no server_name", sni=None), refused(4, 70, "TLS 1.1", sni=HOST, version=0x0302),
            refused(5, 70, "TLS 1.0", sni=HOST, version=0x0301), accepted(6, purpose="server_name x.example", sni="x.example"),
        ),
        seconds=0.04,
    )  # fmt: skip
    return made._replace(**changes)


def closed(*attempts: Attempt, **changes: Any) -> Inventory:
    """A server that takes nothing up."""
    return Inventory(TARGET, "192.0.2.7", HOST, attempts=attempts, seconds=0.02)._replace(**changes)
