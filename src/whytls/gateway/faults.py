"""What the Message Processor answers when it cannot reach its target: Edge's status, error code and words.

Documented ([D] of the facts): ``SslHandshakeFailed`` where the Message Processor itself rejects the peer, ``ServiceUnavailable`` where the peer
alerts or cannot be reached, ``BadGateway`` where the TLS handshake takes too long. ``UnexpectedEOFAtTarget`` is known from users' threads,
its status from memory. The reason in the words of SslHandshakeFailed is JSSE's, of Java 8, whose exceptions still bear their classes.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from whytls.pki.profiles.decision import Decision
from whytls.wire.registry import alert_name

_FLOW = "messaging.adaptors.http.flow."


class Fault(NamedTuple):
    """A fault as the caller sees it; ``cause`` stands in the log and the trace only."""

    status: int
    code: str
    words: str
    cause: str = ""

    @property
    def reason(self) -> bytes:
        """The status line's reason phrase."""
        return _REASONS[self.status]

    @property
    def body(self) -> bytes:
        """Edge's JSON."""
        return json.dumps({"fault": {"faultstring": self.words, "detail": {"errorcode": self.code}}}, separators=(",", ":")).encode()


_REASONS = {
    400: b"Bad Request", 404: b"Not Found", 413: b"Request Entity Too Large", 500: b"Internal Server Error", 502: b"Bad Gateway",
    503: b"Service Unavailable", 504: b"Gateway Timeout",
}  # fmt: skip


def handshake_failed(words: str) -> Fault:
    """The Message Processor rejected the peer, or could not even begin."""
    return Fault(503, f"{_FLOW}SslHandshakeFailed", f"SSL Handshake failed {words}", words)


def unavailable(cause: str) -> Fault:
    """The peer sent an alert, closed, or was not reached."""
    return Fault(503, f"{_FLOW}ServiceUnavailable", "The Service is temporarily unavailable", cause)


def handshake_timeout(cause: str) -> Fault:
    """The TLS handshake took too long."""
    return Fault(502, f"{_FLOW}BadGateway", "Bad Gateway", cause)


def bad_gateway(cause: str) -> Fault:
    """What the target sent is no HTTP."""
    return Fault(502, f"{_FLOW}BadGateway", "Bad Gateway", cause)


def unexpected_eof(cause: str) -> Fault:
    """The target closed where an answer was due."""
    return Fault(502, f"{_FLOW}UnexpectedEOFAtTarget", "Unexpected EOF at target", cause)


def gateway_timeout(cause: str) -> Fault:
    """The target took the request and said nothing in time."""
    return Fault(504, f"{_FLOW}GatewayTimeout", "Gateway Timeout", cause)


def no_active_targets() -> Fault:
    """Every target server is disabled, missing or taken out."""
    return Fault(503, f"{_FLOW}NoActiveTargets", "The Service is temporarily unavailable", "no active target server")


def no_application(host: str, target: str) -> Fault:
    """No proxy is deployed for that virtual host and path."""
    words = f"Unable to identify proxy for host: {host} and url: {target}"
    return Fault(404, f"{_FLOW}ApplicationNotFound", words, words)


def rejected(decision: Decision) -> str:
    """JSSE's words for its own decision, as Java 8 writes them."""
    words = decision.words
    if words.startswith("PKIX path"):
        return f"sun.security.validator.ValidatorException: {words}"
    kind = decision.code.partition(".")[0]
    package = {"CertificateException": "java.security.cert.", "ValidatorException": "sun.security.validator."}.get(kind, "")
    return f"{package}{kind}: {words}" if package else words


def alerted(description: int) -> str:
    """JSSE's words for a fatal alert that it received."""
    return f"Received fatal alert: {alert_name(description)}"
