"""Clients that cannot be had here, described from public documents: each hello is made from what they say, none by hand.

What the documents leave open (the order of extensions, mostly) is said in the file. Such a hello answers as the client would be answered; it
is not its fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lab.hellos import rules, write
from lab.hellos.listener import HOST
from lab.hellos.rules import Rules
from lab.hellos.stacks import MESSAGE_PROCESSOR
from whytls.wire.hello import KEY_SHARE, build, change, make
from whytls.wire.registry import suite_number
from whytls.wire.value import ClientHello, Extension

Words = tuple[str, ...]
POINT_FORMATS, STATUS_REQUEST, EXTENDED_MASTER_SECRET, SESSION_TICKET, RENEGOTIATION_INFO = 11, 5, 23, 35, 0xFF01
X25519, P256, P384, P521 = 29, 23, 24, 25
_UNCOMPRESSED = Extension(POINT_FORMATS, b"\x01\x00")


class Described(NamedTuple):
    """One client release, and what its hello is made from."""

    slug: str
    title: str
    family: str
    version: str
    note: str
    hello: Callable[[], ClientHello]
    rules: Rules
    facts: tuple[str, ...]
    unknown: tuple[str, ...]
    record_version: int = 0x0301


def write_file(client: Described, into: Path = write.DATA) -> Path:
    """Make the hello and write the client's file."""
    flight = build(client.hello(), client.record_version)
    provenance: dict[str, str | tuple[str, ...]] = {"kind": "described", "facts": client.facts, "unknown": client.unknown}
    return write.client(client.slug, client.title, client.family, client.version, client.note, flight, client.rules, provenance, into)


def _suites(text: str) -> tuple[int, ...]:
    found = [suite_number(name) for name in text.split()]
    if None in found:
        raise ValueError(f"no such suite: {text.split()[found.index(None)]}")
    return tuple(n for n in found if n is not None)


# ------------------------------------------------------------------ Java 7 and 8

# OpenJDK 7, CipherSuite: what TLS 1.0 can use of the default list under the limited policy files (no AES-256), RC4 before 3DES.
_JDK7 = """
TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA TLS_RSA_WITH_AES_128_CBC_SHA TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA
TLS_ECDH_RSA_WITH_AES_128_CBC_SHA TLS_DHE_RSA_WITH_AES_128_CBC_SHA TLS_DHE_DSS_WITH_AES_128_CBC_SHA TLS_ECDHE_ECDSA_WITH_RC4_128_SHA
TLS_ECDHE_RSA_WITH_RC4_128_SHA TLS_RSA_WITH_RC4_128_SHA TLS_ECDH_ECDSA_WITH_RC4_128_SHA TLS_ECDH_RSA_WITH_RC4_128_SHA
TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA TLS_RSA_WITH_3DES_EDE_CBC_SHA TLS_ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA
TLS_ECDH_RSA_WITH_3DES_EDE_CBC_SHA TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA TLS_RSA_WITH_RC4_128_MD5
TLS_EMPTY_RENEGOTIATION_INFO_SCSV
"""
# Its groups, as JDK 7 and the first updates of 8 list them by default: P-256, then the others of SEC 2 by strength.
_JDK7_GROUPS = (23, 1, 3, 19, 21, 6, 7, 9, 10, 24, 11, 12, 25, 13, 14, 15, 16, 17, 2, 18, 4, 5, 20, 8, 22)
_JDK8_KEYS = ("ECDHE_ECDSA", "ECDHE_RSA", "RSA", "ECDH_ECDSA", "ECDH_RSA", "DHE_RSA", "DHE_DSS")
_JDK8_GROUPS = (P256, P384, P521, 9, 10, 11, 12, 13, 14, 22)
_JDK8_SCHEMES = (0x0603, 0x0601, 0x0503, 0x0501, 0x0403, 0x0401, 0x0402, 0x0203, 0x0201, 0x0202)


def _jdk7() -> ClientHello:
    return make(suites=_suites(_JDK7), versions=(0x0301,), server_name=HOST, groups=_JDK7_GROUPS, signature_algorithms=None, more=(_UNCOMPRESSED,))


def _jdk8_suites() -> tuple[int, ...]:
    """The default list up to 8u252: CBC with SHA-2 before CBC with SHA-1, AES-256 before AES-128, both before GCM, 3DES last."""
    sha384 = {key: "SHA384" if key.startswith("ECDH") else "SHA256" for key in _JDK8_KEYS}
    names = []
    for bits in (256, 128):
        hashes = sha384 if bits == 256 else dict.fromkeys(_JDK8_KEYS, "SHA256")
        names += [f"TLS_{key}_WITH_AES_{bits}_CBC_{hashes[key]}" for key in _JDK8_KEYS]
        names += [f"TLS_{key}_WITH_AES_{bits}_CBC_SHA" for key in _JDK8_KEYS]
    suite_b = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
    gcm = [f"TLS_{key}_WITH_AES_{bits}_GCM_{digest}" for bits, digest in ((256, "SHA384"), (128, "SHA256")) for key in _JDK8_KEYS]
    names += [*suite_b, *(name for name in gcm if name not in suite_b)]
    names += [f"TLS_{key}_WITH_3DES_EDE_CBC_SHA" for key in _JDK8_KEYS]
    return _suites(" ".join([*names, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"]))


def _jdk8() -> ClientHello:
    more = (_UNCOMPRESSED, Extension(EXTENDED_MASTER_SECRET, b""))
    return make(
        suites=_jdk8_suites(), server_name=HOST, groups=_JDK8_GROUPS, signature_algorithms=_JDK8_SCHEMES, more=more,
    )  # fmt: skip


_NEW_JDK8 = """
TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 TLS_DHE_RSA_WITH_AES_256_GCM_SHA384 TLS_DHE_DSS_WITH_AES_256_GCM_SHA384
TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 TLS_DHE_DSS_WITH_AES_128_GCM_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384
TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256 TLS_DHE_RSA_WITH_AES_256_CBC_SHA256 TLS_DHE_DSS_WITH_AES_256_CBC_SHA256
TLS_DHE_RSA_WITH_AES_128_CBC_SHA256 TLS_DHE_DSS_WITH_AES_128_CBC_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA
TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA TLS_DHE_RSA_WITH_AES_256_CBC_SHA TLS_DHE_DSS_WITH_AES_256_CBC_SHA
TLS_DHE_RSA_WITH_AES_128_CBC_SHA TLS_DHE_DSS_WITH_AES_128_CBC_SHA TLS_RSA_WITH_AES_256_GCM_SHA384 TLS_RSA_WITH_AES_128_GCM_SHA256
TLS_RSA_WITH_AES_256_CBC_SHA256 TLS_RSA_WITH_AES_128_CBC_SHA256 TLS_RSA_WITH_AES_256_CBC_SHA TLS_RSA_WITH_AES_128_CBC_SHA
TLS_EMPTY_RENEGOTIATION_INFO_SCSV
"""


def _new_jdk8() -> ClientHello:
    """Java 11's hello as it was recorded, for 8u takes its JSSE over, less what 8 has no cryptography for (x25519, x448, ChaCha20)."""
    from whytls import clients

    model = clients.load("java-11").hello
    groups = [group for group in model.groups or () if group not in (X25519, 30)]
    made = change(model, suites=_suites(_NEW_JDK8), groups=groups, server_name=HOST)
    shares = (P256.to_bytes(2, "big") + len(point).to_bytes(2, "big") + point for point in [_point()])
    body = b"".join(shares)
    share = Extension(KEY_SHARE, len(body).to_bytes(2, "big") + body)
    blocks = tuple(share if block.number == KEY_SHARE else block for block in made.extensions)
    return change(made._replace(extensions=blocks))


def _point() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _nameless(make_hello: Callable[[], ClientHello]) -> Callable[[], ClientHello]:
    return lambda: change(make_hello(), without=(0,))


_SOCKET = "SSLSocket with a host name: it compares no name by itself; HttpsURLConnection does."


def _java(
    slug: str,
    title: str,
    version: str,
    hello: Callable[[], ClientHello],
    accepted: Rules,
    facts: tuple[str, ...],
    unknown: tuple[str, ...],
    record: int,
) -> tuple[Described, Described]:
    """A JDK as it is, and as a Message Processor."""
    return (
        Described(slug, title, "java", version, _SOCKET, hello, accepted, facts, unknown, record),
        Described(f"{slug}-message-processor", f"Message Processor on {title}, without SNI", "java", version, MESSAGE_PROCESSOR, _nameless(hello),
                  accepted, facts, unknown, record),
    )  # fmt: skip


# ------------------------------------------------------------------ Schannel

_SCHANNEL = """
TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 TLS_DHE_RSA_WITH_AES_256_GCM_SHA384 TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384
TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA TLS_RSA_WITH_AES_256_GCM_SHA384 TLS_RSA_WITH_AES_128_GCM_SHA256
TLS_RSA_WITH_AES_256_CBC_SHA256 TLS_RSA_WITH_AES_128_CBC_SHA256 TLS_RSA_WITH_AES_256_CBC_SHA TLS_RSA_WITH_AES_128_CBC_SHA
TLS_RSA_WITH_3DES_EDE_CBC_SHA
"""
# Server 2012 R2: GCM with RSA certificates only by DHE or without forward secrecy.
_SCHANNEL_2012 = """
TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
TLS_DHE_RSA_WITH_AES_256_GCM_SHA384 TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 TLS_DHE_RSA_WITH_AES_256_CBC_SHA TLS_DHE_RSA_WITH_AES_128_CBC_SHA
TLS_RSA_WITH_AES_256_GCM_SHA384 TLS_RSA_WITH_AES_128_GCM_SHA256 TLS_RSA_WITH_AES_256_CBC_SHA256 TLS_RSA_WITH_AES_128_CBC_SHA256
TLS_RSA_WITH_AES_256_CBC_SHA TLS_RSA_WITH_AES_128_CBC_SHA TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA
TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA TLS_DHE_DSS_WITH_AES_256_CBC_SHA256 TLS_DHE_DSS_WITH_AES_128_CBC_SHA256 TLS_DHE_DSS_WITH_AES_256_CBC_SHA
TLS_DHE_DSS_WITH_AES_128_CBC_SHA TLS_RSA_WITH_3DES_EDE_CBC_SHA TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA TLS_RSA_WITH_RC4_128_SHA TLS_RSA_WITH_RC4_128_MD5
"""
_SCHANNEL_SCHEMES = (0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0201, 0x0403, 0x0503, 0x0203, 0x0202, 0x0601, 0x0603)
_ASKS_STATUS = Extension(STATUS_REQUEST, b"\x01\x00\x00\x00\x00")


def _schannel() -> ClientHello:
    more = (
        _ASKS_STATUS, _UNCOMPRESSED, Extension(SESSION_TICKET, b""), Extension(EXTENDED_MASTER_SECRET, b""), Extension(RENEGOTIATION_INFO, b"\x00"),
    )  # fmt: skip
    return make(suites=_suites(_SCHANNEL), server_name=HOST, groups=(X25519, P256, P384), signature_algorithms=_SCHANNEL_SCHEMES, more=more)


def _schannel_2022() -> ClientHello:
    hello = _schannel()
    body = P256.to_bytes(2, "big") + (65).to_bytes(2, "big") + _point()
    blocks = (*hello.extensions, Extension(45, b"\x01\x01"), Extension(KEY_SHARE, len(body).to_bytes(2, "big") + body))
    new = _suites("TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256")
    old = tuple(suite for suite in hello.cipher_suites if suite != 0x000A)
    return change(hello._replace(extensions=blocks), suites=new + old, versions=(0x0304, 0x0303), groups=(P256, P384, X25519))


def _dotnet_45() -> ClientHello:
    from whytls.wire.registry import suite_facts

    suites = [s for s in _suites(_SCHANNEL_2012) if suite_facts(s).usable(0x0301)]
    more = (_ASKS_STATUS, _UNCOMPRESSED, Extension(RENEGOTIATION_INFO, b"\x00"))
    return make(suites=suites, versions=(0x0301,), server_name=HOST, groups=(P256, P384), signature_algorithms=None, more=more)


_ORDER = "the order of the extensions"
CLIENTS = (
    *_java(
        "java-7u80",
        "Java 7u80",
        "7u80",
        _jdk7,
        rules.jdk7(),
        (
            "OpenJDK 7 source, sun.security.ssl.CipherSuite and SupportedEllipticCurvesExtension: defaults and their order",
            "Java SE 7 Security documentation: a client enables TLS 1.0 only",
            "Java SE 7: server_name is sent from this release on",
        ),
        (_ORDER, "whether the unlimited policy files are installed (they add AES-256)"),
        0x0301,
    ),
    *_java(
        "java-8u161",
        "Java 8u161",
        "8u161",
        _jdk8,
        rules.jdk8(161)._replace(versions=("TLS 1.0", "TLS 1.1", "TLS 1.2")),
        (
            "OpenJDK 8 source, sun.security.ssl.CipherSuite: the default list and its order",
            "JDK 8u161 release notes: unlimited policy by default, extended_master_secret (JDK-8148421)",
            "JDK-8148516: default groups from 8u121 on",
        ),
        (_ORDER,),
        0x0303,
    ),
    *_java(
        "java-8u442",
        "Java 8u442",
        "8u442",
        _new_jdk8,
        rules.jdk8(442),
        (
            "JDK-8248721: from 8u272 on (Oracle: 8u261) the JSSE of 8 is that of 11",
            "JDK 8u341 release notes: TLS 1.3 is on in clients",
            "JDK 8u291 / 8u292 release notes: TLS 1.0 and 1.1 are off",
            "JDK 8u431 / 8u432 release notes: TLS_ECDH_* is off (JDK-8279164)",
            "OpenJDK 8u source, sun.security.ssl.CipherSuite: the default list and its order; 8 has neither ChaCha20 nor x25519 (JEP 324, JEP 329)",
            "what is not named here stands as Java 11.0.13 was recorded",
        ),
        ("whether extensions that came after 11.0.13 were taken over",),
        0x0303,
    ),
    Described(
        "windows-server-2012r2-dotnet-4.5",
        ".NET Framework 4.5 on Windows Server 2012 R2",
        "dotnet",
        "4.5",
        "A program built for 4.5 or older that leaves ServicePointManager.SecurityProtocol at its default, without SchUseStrongCrypto.",
        _dotnet_45,
        rules.schannel()._replace(versions=("TLS 1.0",)),
        (
            "Microsoft Learn: TLS best practices with .NET Framework (4.5 and older: SSL 3.0 and TLS 1.0 by default; 4.6: TLS 1.0 to 1.2)",
            "Microsoft Learn: TLS Cipher Suites in Windows 8.1",
            "RFC 4492: suites for TLS 1.0",
        ),
        (_ORDER, "whether SSL 3.0 is offered besides (Windows updates take it out)"),
    ),
    Described(
        "windows-server-2019",
        "Windows Server 2019, Schannel (.NET Framework 4.7 and later, WinHTTP)",
        "dotnet",
        "1809",
        "",
        _schannel,
        rules.schannel()._replace(versions=("TLS 1.0", "TLS 1.1", "TLS 1.2")),
        (
            "Microsoft Learn: TLS Cipher Suites in Windows 10 v1809",
            "Microsoft Learn: TLS Elliptic Curves in Windows 10 version 1607 and later",
            "Microsoft Learn: TLS registry settings",
        ),
        (_ORDER, "the order of the signature schemes"),
        0x0303,
    ),
    Described(
        "windows-server-2022",
        "Windows Server 2022, Schannel (.NET Framework 4.8, WinHTTP)",
        "dotnet",
        "20348",
        "",
        _schannel_2022,
        rules.schannel(),
        (
            "Microsoft Learn: TLS Cipher Suites in Windows Server 2022",
            "Microsoft Learn: Protocols in TLS/SSL (TLS 1.3 is on in clients)",
            "Microsoft Learn: TLS Elliptic Curves in Windows 10 version 1607 and later",
        ),
        (_ORDER, "the order of the signature schemes", "the groups of its key shares", "whether TLS 1.1 and 1.0 are listed, too"),
        0x0303,
    ),
)
