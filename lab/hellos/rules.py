"""What a client accepts besides what its hello says: key sizes, versions that it offers and then refuses, who judges its chain.

Each function is one stack's rules, with the public documents that say so. Versions are left out where the client takes all that it offers.
"""

from __future__ import annotations

from typing import NamedTuple

Range = tuple[int, int]


class Rules(NamedTuple):
    """The accept rules of one client, as they stand in its file."""

    judged_by: str  # a stack of whytls.pki.stacks, "browser", or a name that has no profile
    versions: tuple[str, ...] = ()  # those it really takes, where they are fewer than it offers
    dh_bits: Range | None = None
    rsa_bits: Range = (0, 16384)
    ec_bits: Range = (160, 521)
    sha1: bool = False
    md5: bool = False
    legacy_signatures: bool = True
    security_level: int | None = None  # OpenSSL's
    strict: bool = False
    partial_chain: bool = False
    checks_chain: bool = True
    checks_name: bool = True
    dotted_names_only: bool = False
    fetches_issuers: bool = False
    needs_secure_renegotiation: bool = False
    anchors: str = ""
    sources: tuple[str, ...] = ()


_JDK = "the cacerts file of the JDK, unless the program brings a truststore"
_SYSTEM = "the system's store (/etc/ssl/certs)"


def java(release: str, *, name: bool = False) -> Rules:
    """JSSE from 11 on; a bare SSLSocket compares no name."""
    return Rules(
        "java",
        dh_bits=(1024, 8192),
        rsa_bits=(1024, 16384),
        ec_bits=(224, 521),
        sha1=True,
        checks_name=name,
        dotted_names_only=True,
        anchors=_JDK,
        sources=(
            f"conf/security/java.security of that JDK ({release}): jdk.tls.disabledAlgorithms, jdk.certpath.disabledAlgorithms",
            "JSSE Reference Guide: com.sun.security.enableAIAcaIssuers is false, endpoint identification is off in SSLSocket",
            "JDK-8072452: Diffie-Hellman up to 8192 bits",
            "sun.security.ssl.Utilities: a name without a dot is not sent",
        ),
    )


_BITS = {0: 512, 1: 1024, 2: 2048, 3: 3072}  # SSL_CTX_set_security_level(3)


def openssl(release: str, *, debian: bool = False, name: bool = False, level: int | None = None) -> Rules:
    """libssl: no levels before 1.1.0 (and DH from 1024 bits in the last 1.0.2), level 1 up to 3.1, 2 from 3.2 on and in Debian."""
    number = tuple(int(part) for part in release.split("."))
    if level is None:
        level = 2 if debian or number >= (3, 2) else 1 if number >= (1, 1, 0) else 0
    least = _BITS[level]
    new = number >= (3, 0)
    # Programs have switched SSL 3.0 off for long; before TLS 1.3 only the top of what is offered stands in a hello.
    only = ("TLS 1.0", "TLS 1.1", "TLS 1.2") if number < (1, 1, 1) else ()
    return Rules(
        "openssl",
        versions=only,
        dh_bits=(1024 if level == 0 else least, 10000),
        rsa_bits=(least, 16384),
        ec_bits=(224 if level == 2 else 160, 571),
        sha1=level == 0 or (level == 1 and not new),
        md5=level == 0,
        legacy_signatures=not (new and level >= 1),
        security_level=level,
        checks_name=name,
        anchors=_SYSTEM,
        needs_secure_renegotiation=new,
        sources=(
            "SSL_CTX_set_security_level(3)",
            *(("OpenSSL 1.0.2 CHANGES: DH parameters below 1024 bits are refused",) if level == 0 else ()),
            *(
                (
                    "OpenSSL 3.0 migration_guide(7): SHA-1 signatures, and with them DHE and ECDHE below TLS 1.2, only at level 0",
                    "OpenSSL 3.0 migration_guide(7): SSL_OP_LEGACY_SERVER_CONNECT is off",
                )
                if new
                else ()
            ),
        ),
    )


def curl(release: str, *, debian: bool = False) -> Rules:
    """curl on OpenSSL: compares names itself, ends a path at any anchor."""
    return openssl(release, debian=debian, name=True)._replace(judged_by="curl", partial_chain=True)


def python(release: str) -> Rules:
    """ssl.create_default_context on Debian's OpenSSL 3.0."""
    return openssl("3.0", debian=True, name=True)._replace(judged_by="python", strict=release == "3.13")


def node(release: int) -> Rules:
    """Node's own OpenSSL as published: level 1 up to Node 22, 2 from 24 on; TLS 1.2 at least from 12 on."""
    openssl_release = "1.0.2" if release < 10 else "1.1.1" if release < 18 else "3.0" if release < 22 else "3.5"
    level = 0 if release < 10 else 1 if release < 24 else 2
    base = openssl(openssl_release, name=True, level=level)._replace(versions=("TLS 1.0", "TLS 1.1", "TLS 1.2") if release < 12 else ())
    return base._replace(
        judged_by="node",
        anchors="Mozilla's roots, compiled in",
        sources=(
            *base.sources,
            "Node.js release notes: OpenSSL security level 2 from 24.0.0",
            "Node.js tls: rejectUnauthorized is true, DEFAULT_MIN_VERSION",
        ),
    )


def go(release: str) -> Rules:
    """crypto/tls: TLS 1.2 at least from 1.18 on, no DHE, RSA up to 8192 bits, from 1.24 on at least 1024."""
    least = 1024 if tuple(map(int, release.split("."))) >= (1, 24) else 0
    return Rules(
        "go",
        rsa_bits=(least, 8192),
        ec_bits=(224, 521),
        anchors=_SYSTEM,
        sources=(
            "Go 1.18 release notes: SHA-1 certificates refused, TLS 1.2 minimum",
            "Go 1.21 and 1.19.12: RSA keys over 8192 bits refused in handshakes",
            "Go 1.24 release notes: crypto/rsa refuses keys below 1024 bits",
        ),
    )


def gnutls() -> Rules:
    """GnuTLS with NORMAL: the certificate profile is LOW."""
    return Rules(
        "gnutls",
        dh_bits=(1008, 16384),
        rsa_bits=(1024, 16384),
        anchors=_SYSTEM,
        sources=(
            "GnuTLS manual, Selecting cryptographic key sizes and Priority Strings: NORMAL is %PROFILE_LOW",
            "GnuTLS 3.6.0: SHA-1 signatures refused",
        ),
    )


def nss() -> Rules:
    """NSS's tools with an empty database."""
    return Rules(
        "nss",
        dh_bits=(1023, 16384),
        rsa_bits=(1023, 16384),
        ec_bits=(256, 521),
        anchors="the NSS database that is given",
        sources=("NSS sslimpl.h and NSS_RSA_MIN_KEY_SIZE: 1023 bits", "NSS release notes"),
    )


def chromium() -> Rules:
    """Chrome's own verifier and root store."""
    return Rules(
        "browser",
        rsa_bits=(1024, 16384),
        ec_bits=(256, 521),
        fetches_issuers=True,
        anchors="the Chrome Root Store",
        sources=(
            "Chromium net/cert and the Chrome Root Program: no SHA-1, no common name, AIA is fetched",
            "chromestatus: SHA-1 server signatures removed",
        ),
    )


def firefox() -> Rules:
    """mozilla::pkix; judged here by the browser profile, which is Chrome's and stricter in no way that counts for servers."""
    return Rules(
        "browser",
        rsa_bits=(1024, 16384),
        ec_bits=(256, 521),
        anchors="Mozilla's roots",
        sources=("mozilla::pkix and Mozilla Root Store Policy 5.1", "Firefox preloads intermediates that CAs disclosed, and fetches none"),
    )


def nginx() -> Rules:
    """nginx as a client: without proxy_ssl_verify nothing of the certificate is judged but its key."""
    return openssl("3.0", debian=True)._replace(
        judged_by="nginx proxy", versions=("TLS 1.0", "TLS 1.1", "TLS 1.2"), checks_chain=False, anchors="proxy_ssl_trusted_certificate"
    )


def haproxy() -> Rules:
    """HAProxy with `verify none`."""
    return openssl("3.0", debian=True)._replace(checks_chain=False, anchors="ca-file on the server line")


def mono() -> Rules:
    """Mono's BoringSSL with its own chain builder."""
    return Rules(
        "mono",
        versions=("TLS 1.0", "TLS 1.1", "TLS 1.2"),
        rsa_bits=(0, 16384),
        sha1=True,
        anchors="Mono's own store (cert-sync)",
        sources=("Mono documentation, TLS",),
    )


def dotnet_core() -> Rules:
    """.NET on Linux: the libssl of the system, at level 1 as published; the chain is judged by .NET's own rules over OpenSSL's path."""
    base = openssl("1.1.1", name=True)
    return base._replace(
        judged_by="dotnet",
        fetches_issuers=True,
        sources=(*base.sources, "dotnet/runtime documentation, cross-platform cryptography: X509Chain fetches issuers over AIA on Linux"),
    )


def mbedtls() -> Rules:
    """Mbed TLS 2.28's default profile."""
    return Rules(
        "mbedtls",
        versions=("TLS 1.2",),
        dh_bits=(1024, 8192),
        rsa_bits=(2048, 8192),
        checks_name=False,
        anchors="what the program brings",
        sources=("mbedtls_x509_crt_profile_default: SHA-256 and longer, RSA from 2048 bits", "MBEDTLS_SSL_DHM_MIN_BITS 1024"),
    )


def wolfssl() -> Rules:
    """wolfSSL's defaults in Debian."""
    return Rules(
        "wolfssl",
        dh_bits=(1024, 4096),
        rsa_bits=(1024, 4096),
        checks_chain=False,
        checks_name=False,
        sha1=True,
        anchors="what the program brings",
        sources=(
            "measured: as Debian builds it, it verifies nothing unless it is told to",
            "wolfSSL manual: wolfSSL_CTX_SetMinDhKey_Sz, wolfSSL_CTX_SetMinRsaKey_Sz",
        ),
    )


def rustls() -> Rules:
    """rustls with webpki."""
    return Rules(
        "rustls",
        rsa_bits=(2048, 8192),
        ec_bits=(256, 521),
        anchors="webpki-roots, or the system's store",
        sources=("rustls-webpki: RSA_PKCS1_2048_8192_*, no SHA-1, no common name",),
    )


def bun() -> Rules:
    """Bun: BoringSSL, with OpenSSL's way of verifying."""
    return Rules("bun", rsa_bits=(0, 16384), sha1=False, anchors="Mozilla's roots, compiled in", sources=("Bun documentation, fetch",))


def jdk8(release: int) -> Rules:
    """JSSE of Java 8, by update."""
    base = java(f"8u{release}")
    most = 8192 if release >= 261 else 2048
    return base._replace(
        dh_bits=(1024, most),
        sources=("Oracle JDK 8 update release notes", "OpenJDK 8u java.security: jdk.tls.disabledAlgorithms, jdk.certpath.disabledAlgorithms"),
    )


def jdk7() -> Rules:
    """JSSE of Java 7 as published to everybody (7u25 to 7u80)."""
    return java("7")._replace(
        versions=("TLS 1.0",),
        dh_bits=(512, 1024),
        rsa_bits=(512, 16384),
        ec_bits=(160, 571),
        sources=("Oracle JDK 7 release notes", "JDK-6521495: DH over 1024 bits from Java 8 on"),
    )


def schannel(*, name: bool = True) -> Rules:
    """Schannel and CryptoAPI, which .NET Framework uses."""
    return Rules(
        "schannel",
        dh_bits=(1024, 16384),
        rsa_bits=(1024, 16384),
        ec_bits=(256, 521),
        checks_name=name,
        fetches_issuers=True,
        anchors="the Windows root store, which is filled when needed",
        sources=(
            "Microsoft Learn: TLS registry settings (ClientMinKeyBitLength of Diffie-Hellman is 1024)",
            "Microsoft Learn: certificates with RSA keys below 1024 bits are blocked",
            "Microsoft Learn: server certificates signed with SHA-1 below public roots are not trusted",
        ),
    )
