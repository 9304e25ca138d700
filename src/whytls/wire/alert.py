"""Alerts: reason -> alert by the standards, and beside it what each stack really sends.

The two tables are the proof that a cause is never read off the alert number alone: ``bad_certificate`` is what Go sends for
everything, ``certificate_unknown`` what Java sends, ``handshake_failure`` the answer to six different mismatches, and some
stacks send nothing at all. ``sent_for`` turns them round: which reasons a given alert leaves open.

``OBSERVED`` was measured on OpenSSL 3.0.19, curl 7.88.1, Python 3.11, Go 1.19.8, GnuTLS 3.7.9, NSS, Java 17 and 25, Node
20.20, nginx 1.22.1 (as a server, and as a client under "nginx proxy") and HAProxy 2.6.12, each failing for a reason set up
on purpose.
"""

from __future__ import annotations

from typing import NamedTuple

CLOSE_NOTIFY, UNEXPECTED_MESSAGE, BAD_RECORD_MAC, RECORD_OVERFLOW = 0, 10, 20, 22
HANDSHAKE_FAILURE, NO_CERTIFICATE, BAD_CERTIFICATE, UNSUPPORTED_CERTIFICATE = 40, 41, 42, 43
CERTIFICATE_REVOKED, CERTIFICATE_EXPIRED, CERTIFICATE_UNKNOWN, ILLEGAL_PARAMETER = 44, 45, 46, 47
UNKNOWN_CA, ACCESS_DENIED, DECODE_ERROR, DECRYPT_ERROR = 48, 49, 50, 51
PROTOCOL_VERSION, INSUFFICIENT_SECURITY, INTERNAL_ERROR, INAPPROPRIATE_FALLBACK = 70, 71, 80, 86
USER_CANCELED, NO_RENEGOTIATION, MISSING_EXTENSION, UNSUPPORTED_EXTENSION = 90, 100, 109, 110
UNRECOGNIZED_NAME, BAD_CERTIFICATE_STATUS_RESPONSE, UNKNOWN_PSK_IDENTITY = 112, 113, 115
CERTIFICATE_REQUIRED, NO_APPLICATION_PROTOCOL, ECH_REQUIRED = 116, 120, 121

WARNING, FATAL = 1, 2

# What does not end a handshake when it comes as a warning: RFC 5246 section 7.2.2 leaves it to the receiver for these; the
# first two only say that the sender closes or gives up (RFC 8446 section 6.1).
NOT_FATAL_BY_NATURE = frozenset((
    CLOSE_NOTIFY, USER_CANCELED, NO_CERTIFICATE, NO_RENEGOTIATION, UNRECOGNIZED_NAME, BAD_CERTIFICATE, UNSUPPORTED_CERTIFICATE,
    CERTIFICATE_REVOKED, CERTIFICATE_EXPIRED, CERTIFICATE_UNKNOWN, 111,
))  # fmt: skip
CLOSURE = frozenset((CLOSE_NOTIFY, USER_CANCELED))


def is_fatal(level: int, description: int, tls13: bool = False) -> bool:
    """Whether an alert ends the connection. In TLS 1.3 the level means nothing (RFC 8446 section 6)."""
    if tls13:
        return description not in CLOSURE
    return level == FATAL or description not in NOT_FATAL_BY_NATURE


class StandardAlert(NamedTuple):
    """What the standards ask a peer to send for a reason."""

    alerts: tuple[int, ...]  # the first in TLS 1.3, where versions differ the next before it
    reference: str


# Reason -> alert by the standards.
STANDARD: dict[str, StandardAlert] = {
    "protocol-mismatch": StandardAlert((PROTOCOL_VERSION,), "RFC 8446 section 4.2.1"),
    "downgrade-refused": StandardAlert((INAPPROPRIATE_FALLBACK, ILLEGAL_PARAMETER), "RFC 7507 section 3, RFC 8446 section 4.1.3"),
    "cipher-mismatch": StandardAlert((HANDSHAKE_FAILURE, INSUFFICIENT_SECURITY), "RFC 8446 section 4.1.1"),
    "group-mismatch": StandardAlert((HANDSHAKE_FAILURE, INSUFFICIENT_SECURITY), "RFC 8446 section 4.1.1"),
    "dh-too-small": StandardAlert((INSUFFICIENT_SECURITY, HANDSHAKE_FAILURE), "RFC 7919 section 4"),
    "signature-algorithm-mismatch": StandardAlert((HANDSHAKE_FAILURE, UNSUPPORTED_CERTIFICATE), "RFC 8446 section 4.4.2.2"),
    "hello-retry-refused": StandardAlert((ILLEGAL_PARAMETER, UNEXPECTED_MESSAGE), "RFC 8446 section 4.1.4"),
    "extended-master-secret-missing": StandardAlert((HANDSHAKE_FAILURE,), "RFC 7627 section 5.2"),
    "extension-missing": StandardAlert((MISSING_EXTENSION,), "RFC 8446 section 9.2"),
    "renegotiation-refused": StandardAlert((NO_RENEGOTIATION, HANDSHAKE_FAILURE), "RFC 5246 section 7.2.2, RFC 5746 section 4.1"),
    "alpn-mismatch": StandardAlert((NO_APPLICATION_PROTOCOL,), "RFC 7301 section 3.2"),
    "sni-missing": StandardAlert((MISSING_EXTENSION, UNRECOGNIZED_NAME), "RFC 8446 section 9.2"),
    "sni-unknown": StandardAlert((UNRECOGNIZED_NAME,), "RFC 6066 section 3"),
    "ech-refused": StandardAlert((ECH_REQUIRED,), "RFC 9849 section 6.1.6"),
    "certificate-expired": StandardAlert((CERTIFICATE_EXPIRED,), "RFC 8446 section 6.2"),
    "certificate-not-yet-valid": StandardAlert((CERTIFICATE_EXPIRED,), "RFC 8446 section 6.2"),
    "certificate-untrusted": StandardAlert((UNKNOWN_CA,), "RFC 8446 section 6.2"),
    "certificate-self-signed": StandardAlert((UNKNOWN_CA,), "RFC 8446 section 6.2"),
    "chain-incomplete": StandardAlert((UNKNOWN_CA,), "RFC 8446 section 6.2"),
    "chain-wrong-intermediate": StandardAlert((UNKNOWN_CA,), "RFC 8446 section 6.2"),
    "certificate-bad-signature": StandardAlert((BAD_CERTIFICATE,), "RFC 8446 section 6.2"),
    "certificate-revoked": StandardAlert((CERTIFICATE_REVOKED,), "RFC 8446 section 6.2"),
    "certificate-usage": StandardAlert((UNSUPPORTED_CERTIFICATE,), "RFC 8446 section 6.2"),
    "certificate-name-mismatch": StandardAlert((BAD_CERTIFICATE, CERTIFICATE_UNKNOWN), "RFC 9525 leaves it open"),
    "certificate-name-constraints": StandardAlert((CERTIFICATE_UNKNOWN,), "RFC 8446 section 6.2"),
    "certificate-issuer-not-ca": StandardAlert((UNKNOWN_CA,), "RFC 8446 section 6.2"),
    "certificate-weak-digest": StandardAlert((BAD_CERTIFICATE,), "RFC 8446 section 4.4.2.4"),
    "certificate-weak-key": StandardAlert((INSUFFICIENT_SECURITY, BAD_CERTIFICATE), "RFC 8446 section 6.2"),
    "certificate-status-rejected": StandardAlert((BAD_CERTIFICATE_STATUS_RESPONSE,), "RFC 8446 section 6.2"),
    "client-certificate-missing": StandardAlert((CERTIFICATE_REQUIRED, HANDSHAKE_FAILURE), "RFC 8446 section 4.4.2.4"),
    "client-certificate-expired": StandardAlert((CERTIFICATE_EXPIRED,), "RFC 8446 section 6.2"),
    "client-certificate-not-yet-valid": StandardAlert((CERTIFICATE_EXPIRED,), "RFC 8446 section 6.2"),
    "client-certificate-untrusted": StandardAlert((UNKNOWN_CA,), "RFC 8446 section 6.2"),
    "client-chain-incomplete": StandardAlert((UNKNOWN_CA,), "RFC 8446 section 6.2"),
    "client-certificate-usage": StandardAlert((UNSUPPORTED_CERTIFICATE,), "RFC 8446 section 6.2"),
    "client-certificate-revoked": StandardAlert((CERTIFICATE_REVOKED,), "RFC 8446 section 6.2"),
    "client-certificate-rejected": StandardAlert((ACCESS_DENIED, CERTIFICATE_UNKNOWN), "RFC 8446 section 6.2"),
    "malformed-message": StandardAlert((DECODE_ERROR, ILLEGAL_PARAMETER), "RFC 8446 section 6.2"),
    "unexpected-message": StandardAlert((UNEXPECTED_MESSAGE,), "RFC 8446 section 6.2"),
    "record-damaged": StandardAlert((BAD_RECORD_MAC, 21), "RFC 8446 section 5.2, RFC 4346 section 7.2.2"),
    "record-too-long": StandardAlert((RECORD_OVERFLOW,), "RFC 8446 section 5.1"),
    "signature-wrong": StandardAlert((DECRYPT_ERROR,), "RFC 8446 section 6.2"),
    "peer-failed": StandardAlert((INTERNAL_ERROR,), "RFC 8446 section 6.2"),
    "psk-unknown": StandardAlert((UNKNOWN_PSK_IDENTITY,), "RFC 8446 section 6.2"),
}


class ObservedAlert(NamedTuple):
    """What one stack was seen to send for one reason."""

    reason: str
    stack: str
    alert: int | None  # None: it sends none, and closes or resets the connection
    sender: str  # "client", "server"
    note: str = ""


_UNTRUSTED = ("certificate-untrusted", "certificate-self-signed", "chain-incomplete", "chain-wrong-intermediate")
_CLIENT_UNTRUSTED = ("client-certificate-untrusted", "client-chain-incomplete")
_SERVER_CERTIFICATE = (
    *_UNTRUSTED, "certificate-expired", "certificate-not-yet-valid", "certificate-name-mismatch", "certificate-usage",
)  # fmt: skip
_CLIENT_CERTIFICATE = (
    *_CLIENT_UNTRUSTED, "client-certificate-expired", "client-certificate-not-yet-valid", "client-certificate-usage",
)  # fmt: skip
_OPENSSL_CLIENTS = ("openssl", "python", "curl")
_SERVERS = ("openssl", "nginx", "python", "go", "java")


def _by_client(stacks: tuple[str, ...], alert: int | None, *reasons: str, note: str = "") -> tuple[ObservedAlert, ...]:
    return tuple([ObservedAlert(reason, stack, alert, "client", note) for reason in reasons for stack in stacks])


def _by_server(stacks: tuple[str, ...], alert: int | None, *reasons: str, note: str = "") -> tuple[ObservedAlert, ...]:
    return tuple([ObservedAlert(reason, stack, alert, "server", note) for reason in reasons for stack in stacks])


# Clients that reject the server's certificate.
_BY_CLIENTS = (
    *_by_client(_OPENSSL_CLIENTS, UNKNOWN_CA, *_UNTRUSTED, "certificate-issuer-not-ca"),
    *_by_client(_OPENSSL_CLIENTS, CERTIFICATE_EXPIRED, "certificate-expired"),
    *_by_client(_OPENSSL_CLIENTS, BAD_CERTIFICATE, "certificate-not-yet-valid", "certificate-weak-digest", "certificate-weak-key"),
    *_by_client(("openssl", "python"), BAD_CERTIFICATE, "certificate-name-mismatch"),
    *_by_client(("curl",), None, "certificate-name-mismatch", note="checked after the handshake"),
    *_by_client(_OPENSSL_CLIENTS, UNSUPPORTED_CERTIFICATE, "certificate-usage"),
    *_by_client(_OPENSSL_CLIENTS, CERTIFICATE_UNKNOWN, "certificate-name-constraints"),
    *_by_client(_OPENSSL_CLIENTS, CERTIFICATE_REVOKED, "certificate-revoked", note="where a CRL was given"),
    *_by_client(_OPENSSL_CLIENTS, DECRYPT_ERROR, "certificate-bad-signature"),
    *_by_client(("go", "gnutls"), BAD_CERTIFICATE, *_SERVER_CERTIFICATE, note="for everything about a certificate"),
    *_by_client(("go",), BAD_CERTIFICATE, "certificate-bad-signature", "certificate-weak-digest", "certificate-issuer-not-ca",
                "certificate-name-constraints", note="for everything about a certificate"),
    *_by_client(("java",), CERTIFICATE_UNKNOWN, *_SERVER_CERTIFICATE, "certificate-name-constraints", "certificate-revoked"),
    *_by_client(("java",), CERTIFICATE_EXPIRED, "certificate-expired", note="Java 25, and some of Java 17's handshakes below TLS 1.3"),
    *_by_client(("java",), BAD_CERTIFICATE, "certificate-not-yet-valid", note="seen below TLS 1.3"),
    *_by_client(("nss",), UNKNOWN_CA, *_UNTRUSTED),
    *_by_client(("nss",), CERTIFICATE_EXPIRED, "certificate-expired", "certificate-not-yet-valid"),
    *_by_client(("nss",), BAD_CERTIFICATE, "certificate-name-mismatch"),
    *_by_client(("nss",), CERTIFICATE_UNKNOWN, "certificate-usage"),
    *_by_client(("node",), None, *_SERVER_CERTIFICATE, note="completes the handshake, then closes"),
    *_by_client(("nginx proxy",), None, *_SERVER_CERTIFICATE, "certificate-bad-signature", "certificate-revoked",
                "certificate-weak-digest", "certificate-weak-key", "certificate-name-constraints",
                note="completes the handshake, then closes"),
    *_by_client((*_OPENSSL_CLIENTS, "nginx proxy"), HANDSHAKE_FAILURE, "dh-too-small"),
    *_by_client(("java",), HANDSHAKE_FAILURE, "extended-master-secret-missing"),
    *_by_client((*_OPENSSL_CLIENTS, "go", "java", "nginx proxy"), ILLEGAL_PARAMETER, "hello-retry-refused"),
    *_by_client(("openssl", "python", "curl", "nginx proxy"), PROTOCOL_VERSION, "protocol-mismatch",
                note="the ServerHello's version is below the client's lowest"),
)  # fmt: skip

# Servers that reject a ClientHello or the client's certificate.
_BY_SERVERS = (
    *_by_server((*_SERVERS, "node"), PROTOCOL_VERSION, "protocol-mismatch"),
    *_by_server(("openssl", "nginx", "python", "gnutls"), HANDSHAKE_FAILURE, "protocol-mismatch",
                note="OpenSSL's to a client with nothing above SSL 3.0; GnuTLS with TLS 1.3 only to one with TLS 1.2"),
    *_by_server(("gateway backend",), CLOSE_NOTIFY, "protocol-mismatch", note="fatal, as a backend of a gateway was seen to do"),
    *_by_server(_SERVERS, HANDSHAKE_FAILURE, "cipher-mismatch", "group-mismatch"),
    *_by_server(("java",), UNEXPECTED_MESSAGE, "group-mismatch", note="TLS 1.3"),
    *_by_server(("openssl", "nginx", "python", "go"), HANDSHAKE_FAILURE, "signature-algorithm-mismatch"),
    *_by_server(("java",), INTERNAL_ERROR, "signature-algorithm-mismatch", note="below TLS 1.3"),
    *_by_server(("java",), None, "signature-algorithm-mismatch", note="TLS 1.3"),
    *_by_server(("java", "nginx", "openssl"), NO_APPLICATION_PROTOCOL, "alpn-mismatch"),
    *_by_server(("nginx", "haproxy"), UNRECOGNIZED_NAME, "sni-missing", "sni-unknown"),
    *_by_server(("go",), INTERNAL_ERROR, "sni-missing", "sni-unknown"),
    *_by_server(("python",), HANDSHAKE_FAILURE, "sni-missing", note="as its callback says"),
    *_by_server(("openssl", "python", "java"), UNRECOGNIZED_NAME, "sni-unknown"),
    *_by_server(("openssl", "python"), CERTIFICATE_REQUIRED, "client-certificate-missing", note="TLS 1.3"),
    *_by_server(("openssl", "python"), HANDSHAKE_FAILURE, "client-certificate-missing", note="below TLS 1.3"),
    *_by_server(("go", "java"), BAD_CERTIFICATE, "client-certificate-missing"),
    *_by_server(("java",), CERTIFICATE_REQUIRED, "client-certificate-missing", note="TLS 1.3, Java 17.0.21"),
    *_by_server(("java",), HANDSHAKE_FAILURE, "client-certificate-missing", note="below TLS 1.3, Java 17.0.21"),
    *_by_server(("openssl", "python"), UNKNOWN_CA, *_CLIENT_UNTRUSTED),
    *_by_server(("openssl", "python"), CERTIFICATE_EXPIRED, "client-certificate-expired"),
    *_by_server(("openssl", "python"), BAD_CERTIFICATE, "client-certificate-not-yet-valid"),
    *_by_server(("openssl", "python"), UNSUPPORTED_CERTIFICATE, "client-certificate-usage"),
    *_by_server(("openssl", "python"), CERTIFICATE_REVOKED, "client-certificate-revoked"),
    *_by_server(("go",), BAD_CERTIFICATE, *_CLIENT_CERTIFICATE, note="for everything about a certificate"),
    *_by_server(("java",), CERTIFICATE_UNKNOWN, *_CLIENT_CERTIFICATE),
    *_by_server(("nginx",), None, *_CLIENT_CERTIFICATE, "client-certificate-missing",
                note="completes the handshake and answers the first request with HTTP 400"),
    *_by_server(("node",), None, *_CLIENT_CERTIFICATE, note="completes the handshake, then resets"),
)  # fmt: skip

OBSERVED: tuple[ObservedAlert, ...] = _BY_CLIENTS + _BY_SERVERS


def sent_for(alert: int | None) -> frozenset[str]:
    """The reasons for which that alert is sent, by the standards or by some stack; of None, those for which some send none."""
    if not _reasons:
        for reason, standard in STANDARD.items():
            for number in standard.alerts:
                _reasons.setdefault(number, set()).add(reason)
        for row in OBSERVED:
            _reasons.setdefault(row.alert, set()).add(row.reason)
    return frozenset(_reasons.get(alert, ()))


_reasons: dict[int | None, set[str]] = {}


def stacks_sending(alert: int | None, reason: str, sender: str | None = None) -> tuple[str, ...]:
    """The stacks that were seen to send that alert for that reason (as that side)."""
    rows = [row for row in OBSERVED if row.alert == alert and row.reason == reason and sender in (None, row.sender)]
    return tuple(dict.fromkeys([row.stack for row in rows]))
