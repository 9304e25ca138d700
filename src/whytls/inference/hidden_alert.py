"""An alert in TLS 1.3 that is encrypted, recognised by its size, its sender and its place.

Theory of operation
-------------------
A TLS 1.3 alert record carries two bytes, one byte of inner content type and the tag of the AEAD: 19 bytes under every suite
but AES_128_CCM_8, where it is 11 (RFC 8446 sections 5.2 and 6). No handshake message is that small: the smallest Finished takes
4 + 32 + 1 + 16 = 53. So:

* the *first* encrypted record of a client that has this size is an alert: it refuses what the server's flight said
  (Go 1.19, JDK 17 and 25; OpenSSL clients send theirs in the clear, edge.md section 3);
* a server's record of this size, sent after the client's flight and before any answer of the application, and followed by its
  close, is an alert as well: it refuses what the client's flight said (OpenSSL, Go, JDK);
* a server's *first* encrypted record of this size is an alert in place of its flight: it could not go on after its ServerHello
  (JDK 17 without a certificate for the client's signature schemes).

What cannot be seen is which alert. A client's 19 bytes *after* its Finished are a close_notify just as well as a refusal, so
they are not counted as one here. Padded records (RFC 8446 section 5.4) escape this rule; no stack measured pads alerts.
"""

from __future__ import annotations

from whytls.model import Event, Handshake, Side
from whytls.wire.message import EncryptedRecord

_CCM_8 = 0x1305
_APPLICATION_DATA = 23


def alert_size(cipher_suite: int | None) -> int:
    """Bytes of an encrypted alert record's body under a TLS 1.3 suite."""
    return 11 if cipher_suite == _CCM_8 else 19


def is_hidden_alert(handshake: Handshake, event: Event) -> bool:
    """Whether this encrypted record is an alert that refuses the handshake."""
    if not _alert_sized(handshake, event):
        return False
    if next((e for e in handshake.events if e.kind == "encrypted" and e.sender == event.sender), None) is event:
        return True
    return event.sender == "server" and _refuses_client_flight(handshake, event)


def _alert_sized(handshake: Handshake, event: Event) -> bool:
    value = event.value
    return (
        isinstance(value, EncryptedRecord)
        and value.content_type == _APPLICATION_DATA
        and (handshake.version or 0) >= 0x0304
        and handshake.server_hello is not None
        and value.length == alert_size(handshake.server_hello.cipher_suite)
    )


def _refuses_client_flight(handshake: Handshake, event: Event) -> bool:
    """A server's alert-sized record after the client's flight, its last word before it closes, with no answer in between."""
    client_spoke = False
    seen = False
    for other in handshake.events:
        if other is event:
            seen = True
        elif other.kind == "encrypted":
            if other.sender == "client":
                client_spoke = client_spoke or not seen
            elif seen:
                return False
        elif other.kind in ("fin", "rst") and seen:
            return client_spoke and other.sender in ("server", "client") and not _closed_before(handshake, event, "client")
    return False


def _closed_before(handshake: Handshake, event: Event, side: Side) -> bool:
    """Whether that side had closed before the event: then the record only answers the close."""
    for other in handshake.events:
        if other is event:
            return False
        if other.sender == side and (other.kind in ("fin", "rst") or _alert_sized(handshake, other)):
            return True
    return False
