"""`gnutls-serv`: a priority string of parts (key exchange, cipher, MAC), so that not every set of suites can be said."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from lab.live import words
from lab.live.groups import write_dh
from lab.live.serve import ALL, TLS10, TLS11, TLS12, TLS13, Command, Serve, Unsupported, cannot, contiguous, sites
from whytls.wire.registry import suite_name, version_name

_VERSIONS = {TLS10: "TLS1.0", TLS11: "TLS1.1", TLS12: "TLS1.2", TLS13: "TLS1.3"}
_GROUPS = {"x25519", "x448", "secp256r1", "secp384r1", "secp521r1", "secp224r1", "secp192r1", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144",
           "ffdhe8192"}  # fmt: skip
_SCHEMES = {
    "rsa_pkcs1_sha1": "RSA-SHA1", "rsa_pkcs1_sha224": "RSA-SHA224", "rsa_pkcs1_sha256": "RSA-SHA256", "rsa_pkcs1_sha384": "RSA-SHA384",
    "rsa_pkcs1_sha512": "RSA-SHA512", "rsa_pss_rsae_sha256": "RSA-PSS-RSAE-SHA256", "rsa_pss_rsae_sha384": "RSA-PSS-RSAE-SHA384",
    "rsa_pss_rsae_sha512": "RSA-PSS-RSAE-SHA512", "rsa_pss_pss_sha256": "RSA-PSS-SHA256", "rsa_pss_pss_sha384": "RSA-PSS-SHA384",
    "rsa_pss_pss_sha512": "RSA-PSS-SHA512", "ecdsa_sha1": "ECDSA-SHA1", "ecdsa_secp256r1_sha256": "ECDSA-SECP256R1-SHA256",
    "ecdsa_secp384r1_sha384": "ECDSA-SECP384R1-SHA384", "ecdsa_secp521r1_sha512": "ECDSA-SECP521R1-SHA512", "ed25519": "EDDSA-ED25519",
    "ed448": "EDDSA-ED448",
}  # fmt: skip
# Before TLS 1.3 the same numbers are not bound to a curve, and GnuTLS calls them differently.
_UNBOUND = {"ecdsa_secp256r1_sha256": "ECDSA-SHA256", "ecdsa_secp384r1_sha384": "ECDSA-SHA384", "ecdsa_secp521r1_sha512": "ECDSA-SHA512"}


class Part(NamedTuple):
    """What GnuTLS makes a suite of."""

    exchange: str
    cipher: str
    mac: str


def command(serve: Serve, folder: Path, port: int) -> Command:
    """The command line."""
    cannot(serve, "unknown_name", "alert")
    cannot(serve, "no_name", "reject")
    cannot(serve, "extended_master_secret")
    line = ["gnutls-serv", "--http", "-p", str(port), "--priority", priority(serve), *_sites(serve)]
    for name in serve.alpn:
        line += ["--alpn", name]
    if serve.alpn:
        line.append("--alpn-fatal")
    if serve.dh_bits:
        line += ["--dhparams", write_dh(folder, serve.dh_bits)]
    if serve.client_auth == "none":
        line.append("--disable-client-cert")
    else:
        line += ["--x509cafile", serve.client_ca, "--verify-client-cert"]
    if serve.client_auth == "required":
        line.append("--require-client-cert")
    return Command(line, {"GNUTLS_SYSTEM_PRIORITY_FILE": "/dev/null"})


def priority(serve: Serve) -> str:
    """The priority string; Unsupported where it would switch on more suites than are named, or in another order than the server's shall be."""
    for version in serve.versions:
        if version not in _VERSIONS:
            raise Unsupported(serve.stack, version_name(version))
    contiguous(serve)
    versions = [f"+VERS-{_VERSIONS[version]}" for version in sorted(serve.versions, reverse=True)]
    parts = ["NORMAL", "-VERS-ALL", *versions]
    if serve.suites == ALL:
        parts = ["NORMAL", "-VERS-ALL", *versions, "+CIPHER-ALL", "+MAC-ALL", "+KX-ALL", *_every()]
    elif serve.suites:
        parts = ["NORMAL", "-VERS-ALL", *versions, "-CIPHER-ALL", "-MAC-ALL", "-KX-ALL", *_parts(_wanted(serve))]
    if serve.groups:
        for name in serve.groups:
            if name not in _GROUPS:
                raise Unsupported(serve.stack, f"the group {name}")
        parts += ["-GROUP-ALL", *(f"+GROUP-{name.upper()}" for name in serve.groups)]
    parts += _schemes(serve)
    parts += ["%SERVER_PRECEDENCE"] if serve.order == "server" else []
    parts += ["%SAFE_RENEGOTIATION"] if serve.secure_renegotiation else []
    text = ":".join(parts)
    got = switched_on(text)  # gnutls-serv itself would tell only the first client that it cannot read the string
    if serve.suites and serve.suites != ALL:
        _same(serve, got)
    return text


def _wanted(serve: Serve) -> list[int]:
    old, new = words.suites(serve)
    own = switched_on("NORMAL")
    old = old or tuple(number for number in own if number >> 8 != 0x13)
    new = new or tuple(number for number in own if number >> 8 == 0x13)
    return [*(new if TLS13 in serve.versions else ()), *(old if min(serve.versions) < TLS13 else ())]


def _parts(numbers: list[int]) -> list[str]:
    known = _suites()
    for number in numbers:
        if number not in known:
            raise Unsupported("gnutls", f"the suite {suite_name(number)}")
    found = [known[number] for number in numbers]
    parts = [f"+{word}" for part in found for word in (part.exchange, part.cipher, part.mac) if word]
    return list(dict.fromkeys(parts))


def _every() -> list[str]:
    return _parts(list(_suites()))


def _same(serve: Serve, got: tuple[int, ...]) -> None:
    wanted = _wanted(serve)
    reachable = [number for number in got if (TLS13 in serve.versions if number >> 8 == 0x13 else min(serve.versions) < TLS13)]
    if set(reachable) != set(wanted):
        more = ", ".join(suite_name(number) for number in reachable if number not in wanted)
        raise Unsupported(serve.stack, f"exactly these suites: the parts that make them also make {more or 'fewer'}")
    if serve.order == "server" and reachable != wanted:
        raise Unsupported(serve.stack, "these suites in this order")


def _schemes(serve: Serve) -> list[str]:
    if not serve.signature_schemes:
        return []
    for name in serve.signature_schemes:
        if name not in _SCHEMES:
            raise Unsupported(serve.stack, f"the signature scheme {name}")
    parts = ["-SIGN-ALL"]
    for name in serve.signature_schemes:
        parts.append(f"+SIGN-{_SCHEMES[name]}")
        if name in _UNBOUND and min(serve.versions) < TLS13:
            parts.append(f"+SIGN-{_UNBOUND[name]}")
    return parts


def _sites(serve: Serve) -> list[str]:
    """Certificates are chosen by the names in them; what is not asked for by a name is the first one's."""
    line = []
    kinds = {pair.kind for pair in serve.certificates}
    if serve.unknown_name == "reject":
        if len(serve.names) > 1:
            raise Unsupported(serve.stack, "refusing unknown names but for one that it knows")
        [known] = serve.names
        line = ["--sni-hostname", known, "--sni-hostname-fatal"]
    for name, pairs in sites(serve):
        if name and {pair.kind for pair in pairs} != kinds:
            raise Unsupported(serve.stack, "a site with other key types than the default one: the suite is chosen by the first")
        for pair in pairs:
            line += ["--x509certfile", pair.certificate, "--x509keyfile", pair.key]
    return line


@functools.cache
def switched_on(text: str) -> tuple[int, ...]:
    """The suites of a priority string, in its order."""
    done = subprocess.run(["gnutls-cli", "--list", "--priority", text], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"GnuTLS does not read {text}: {done.stderr.strip() or done.stdout.strip()}")
    return tuple(int(a + b, 16) for a, b in re.findall(r"^TLS_\S+\s+0x(\w\w), 0x(\w\w)", done.stdout, re.MULTILINE))


@functools.cache
def _suites() -> dict[int, Part]:
    listing = subprocess.run(["gnutls-serv", "--list"], capture_output=True, text=True, check=True).stdout
    pattern = r"^TLS_\S+\s+0x(\w\w), 0x(\w\w)\s.*\n\tKey exchange: (\S+)\n\tCipher: (\S+)\n\tMAC: (\S+)"
    found = re.findall(pattern, listing, re.MULTILINE)
    return {int(a + b, 16): Part("" if exchange == "(null)" else exchange, cipher, mac) for a, b, exchange, cipher, mac in found}
