"""The RFCs' names in the stacks' own words.

Numbers and names come from the registry that tools/make_registry.py writes from IANA's tables.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.live.serve import ALL, SSL3, TLS10, TLS11, TLS12, TLS13, Serve, Unsupported
from whytls.wire import numbers, registry


class Suites(NamedTuple):
    """Suite numbers, apart as the stacks keep them."""

    old: tuple[int, ...]  # SSL 3.0 to TLS 1.2
    new: tuple[int, ...]  # TLS 1.3


def suites(serve: Serve) -> Suites:
    """The suites of a description that names some (not ALL)."""
    found = []
    for name in serve.suites:
        number = registry.suite_number(name)
        if number is None:
            raise ValueError(f"no cipher suite is called {name}")
        found.append(number)
    return Suites(tuple(n for n in found if n >> 8 != 0x13), tuple(n for n in found if n >> 8 == 0x13))


def group_numbers(serve: Serve) -> tuple[int, ...]:
    """The groups' numbers."""
    return tuple(_number(numbers.GROUPS, name, "group") for name in serve.groups)


def scheme_numbers(serve: Serve) -> tuple[int, ...]:
    """The signature schemes' numbers."""
    return tuple(_number(numbers.SCHEMES, name, "signature scheme") for name in serve.signature_schemes)


def _number(table: dict[int, str], name: str, what: str) -> int:
    for number, label in table.items():
        if label == name:
            return number
    raise ValueError(f"no {what} is called {name}")


# ------------------------------------------------------------------ OpenSSL, and who passes its words on

OPENSSL_VERSIONS = {TLS10: "TLSv1", TLS11: "TLSv1.1", TLS12: "TLSv1.2", TLS13: "TLSv1.3"}
_OPENSSL_13 = (0x1302, 0x1303, 0x1301, 0x1304, 0x1305)
_OPENSSL_GROUPS = {"x25519", "x448", "secp256r1", "secp384r1", "secp521r1", "secp224r1", "secp192r1", "secp256k1", "brainpoolP256r1",
                   "brainpoolP384r1", "brainpoolP512r1", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"}  # fmt: skip


def openssl_old_suites(serve: Serve) -> str:
    """OpenSSL's cipher list for TLS 1.2 and before; "" where its default will do.

    Security level 0 where the default (1) forbids what is asked for: TLS 1.0 and 1.1 sign with SHA-1, small keys, weak suites.
    """
    if serve.suites == ALL:
        return "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
    old = suites(serve).old
    if old:
        return ":".join([*(_openssl_suite(serve, number) for number in old), "@SECLEVEL=0"])
    return "DEFAULT:@SECLEVEL=0" if min(serve.versions) < TLS12 or 0 < serve.dh_bits < 2048 else ""


def openssl_new_suites(serve: Serve) -> str:
    """OpenSSL's list for TLS 1.3; "" where its default will do."""
    new = _OPENSSL_13 if serve.suites == ALL else suites(serve).new
    return ":".join(registry.suite_name(number) for number in new)


def openssl_groups(serve: Serve) -> str:
    """OpenSSL 3.0's list of groups; "" for its default."""
    for name in serve.groups:
        if name not in _OPENSSL_GROUPS:
            raise Unsupported(serve.stack, f"the group {name}")
    return ":".join(serve.groups)


def openssl_schemes(serve: Serve) -> str:
    """OpenSSL's list of signature schemes: the RFC's names are its own."""
    scheme_numbers(serve)
    return ":".join(serve.signature_schemes)


def openssl_versions(serve: Serve) -> list[str]:
    """The versions as OpenSSL, nginx and Node call them."""
    for version in serve.versions:
        if version not in OPENSSL_VERSIONS:
            raise Unsupported(serve.stack, registry.version_name(version))
    return [name for version, name in OPENSSL_VERSIONS.items() if version in serve.versions]


def _openssl_suite(serve: Serve, number: int) -> str:
    if number not in numbers.OPENSSL_SUITES:
        raise Unsupported(serve.stack, f"the suite {registry.suite_name(number)}")
    return registry.suite_openssl_name(number)


# ------------------------------------------------------------------ NSS

NSS_VERSIONS = {SSL3: "ssl3", TLS10: "tls1.0", TLS11: "tls1.1", TLS12: "tls1.2", TLS13: "tls1.3"}
NSS_GROUPS = {"secp256r1": "P256", "secp384r1": "P384", "secp521r1": "P521", "x25519": "x25519", "ffdhe2048": "FF2048", "ffdhe3072": "FF3072",
              "ffdhe4096": "FF4096", "ffdhe6144": "FF6144", "ffdhe8192": "FF8192"}  # fmt: skip
