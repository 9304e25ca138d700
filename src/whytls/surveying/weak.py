"""What a server accepts and should not: versions, suites, primes, groups that are retired. None of it breaks a handshake by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from whytls.probing.attempt import Attempt
from whytls.probing.result import Inventory, VersionFound
from whytls.surveying.result import Statement, numbers
from whytls.wire.message import ServerHello
from whytls.wire.registry import SSL2, SSL3, TLS10, TLS11, TLS13, SuiteFacts, group_name, is_tls13, suite_facts, suite_name, version_name

_RETIRED = {SSL2: "RFC 6176", SSL3: "RFC 7568", TLS10: "RFC 8996", TLS11: "RFC 8996"}
SMALLEST_PRIME = 2048  # RFC 9325 section 4.1
_BROKEN = 1024  # within reach of a precomputation (CVE-2015-4000)

# Slug, what is said, reference, and which suites are meant. A suite is told once, under the gravest of them.
_SUITES: tuple[tuple[str, str, str, Callable[[SuiteFacts], bool]], ...] = (
    ("suites-null", "without any encryption", "RFC 9325 section 4.1", lambda f: f.cipher in ("NULL", "SHA256", "SHA384")),
    ("suites-anonymous", "without a certificate: anybody in between can be the server", "RFC 9325 section 4.1", lambda f: f.authentication == "anon"),
    ("suites-export", "weakened for export", "RFC 9325 section 4.1", lambda f: f.export),
    ("suites-rc4", "with RC4", "RFC 7465", lambda f: f.cipher.startswith("RC4")),
    ("suites-des", "with DES or RC2", "RFC 5469", lambda f: f.cipher.startswith(("DES", "RC2"))),
    ("suites-64-bit-blocks", "with blocks of 64 bits (Sweet32)", "CVE-2016-2183", lambda f: f.cipher.startswith(("3DES", "IDEA", "28147"))),
    ("suites-md5", "with MD5", "RFC 6151", lambda f: f.mac == "MD5"),
)  # fmt: skip
_SMALL_GROUPS = frozenset({1, 2, 3, 4, 5, 15, 16, 17, 18, 19})  # below 224 bits: sect163*, sect193*, secp160*, secp192* (RFC 8422 section 5.1.1)


def weaknesses(inventory: Inventory) -> tuple[Statement, ...]:
    """Everything that is accepted and retired, with the attempts that show it."""
    return (*_versions(inventory), *_suites(inventory), *_primes(inventory), *_groups(inventory), *_mechanisms(inventory))


def accepted_with(inventory: Inventory, holds: Callable[[ServerHello], bool]) -> tuple[int, ...]:
    """The first attempts in which the server chose something of that kind."""
    return numbers([a for a in inventory.attempts if a.answer is not None and holds(a.answer)])


def _versions(inventory: Inventory) -> Iterator[Statement]:
    for found in inventory.versions:
        reference = _RETIRED.get(found.version)
        if reference is not None and found.suites:
            shown = accepted_with(inventory, lambda answer, version=found.version: answer.version == version)  # type: ignore[misc]
            yield Statement(f"accepts-{_slug(found.version)}", f"{version_name(found.version)} is accepted", shown, reference)


def _slug(version: int) -> str:
    return version_name(version).lower().replace(" ", "-").replace(".", "-")


def _suites(inventory: Inventory) -> Iterator[Statement]:
    accepted = dict.fromkeys(suite for found in inventory.versions for suite in found.suites)
    told: set[int] = set()
    for slug, words, reference, meant in _SUITES:
        these = [suite for suite in accepted if suite not in told and meant(suite_facts(suite))]
        if these:
            told.update(these)
            shown = accepted_with(inventory, lambda answer, some=frozenset(these): answer.cipher_suite in some)  # type: ignore[misc]
            yield Statement(slug, f"{_few(these)} {'is' if len(these) == 1 else 'are'} accepted: {words}", shown, reference)
    older = [found for found in inventory.versions if found.suites and not is_tls13(found.version) and found.version != SSL2]
    if older and not any(_forward_secret(found) for found in older):
        shown = accepted_with(inventory, lambda answer: not is_tls13(answer.version))
        text = "below TLS 1.3 no suite has forward secrecy (ECDHE or DHE)"
        yield Statement("no-forward-secrecy", text, shown, "RFC 9325 section 4.1")


def _forward_secret(found: VersionFound) -> bool:
    return any(suite_facts(suite).key_exchange in ("ECDHE", "DHE") for suite in found.suites)


def _few(suites: Sequence[int], most: int = 3) -> str:
    named = ", ".join(suite_name(suite) for suite in suites[:most])
    return named + (f" and {len(suites) - most} more" if len(suites) > most else "")


def _primes(inventory: Inventory) -> Iterator[Statement]:
    smallest = min((bits for found in inventory.versions for bits in found.dh_bits), default=SMALLEST_PRIME)
    if smallest < SMALLEST_PRIME:
        shown = numbers([a for a in inventory.attempts if _prime(a) == smallest])
        text = f"its Diffie-Hellman prime has {smallest} bits; OpenSSL at its usual level takes none below {SMALLEST_PRIME}"
        yield Statement("dh-small" if smallest > _BROKEN else "dh-broken", text, shown, "RFC 9325 section 4.1")


def _prime(attempt: Attempt) -> int | None:
    exchange = attempt.handshake.server_key_exchange
    return exchange.dh_bits if exchange is not None else None


def _groups(inventory: Inventory) -> Iterator[Statement]:
    small = [group for group in inventory.groups if group in _SMALL_GROUPS]
    if small:
        shown = numbers([a for a in inventory.attempts if _group(a) in small])
        yield Statement("groups-small", f"groups below 224 bits: {', '.join(map(group_name, small))}", shown, "RFC 8422 section 5.1.1")


def _group(attempt: Attempt) -> int | None:
    answer, exchange = attempt.answer, attempt.handshake.server_key_exchange
    return answer.group if answer is not None and answer.group is not None else exchange.group if exchange is not None else None


def _mechanisms(inventory: Inventory) -> Iterator[Statement]:
    older = accepted_with(inventory, lambda answer: not is_tls13(answer.version))
    accepted = [found.version for found in inventory.versions if found.suites]
    if inventory.compression:
        shown = accepted_with(inventory, lambda answer: answer.compression_method != 0)
        yield Statement("compression", "TLS compression is on (CRIME)", shown, "RFC 7525 section 3.3")
    if inventory.secure_renegotiation is False:
        text = "no secure renegotiation: OpenSSL 3 clients refuse this server"
        yield Statement("no-secure-renegotiation", text, older, "RFC 5746")
    if inventory.extended_master_secret is False:
        yield Statement("no-extended-master-secret", "no extended master secret below TLS 1.3", older, "RFC 7627")
    if inventory.fallback_scsv is False and len(accepted) > 1 and min(accepted) < TLS13:
        yield Statement("no-fallback-scsv", "a needless fallback to an older version is not refused", (), "RFC 7507")
    if inventory.resumption.early_data:
        yield Statement("early-data", "early data is taken, which others can send again", inventory.resumption.attempts, "RFC 8446 section 8")
