"""An alert in TLS 1.3 that is encrypted, recognised by its size, its sender and its place.

Theory of operation
-------------------
A TLS 1.3 alert record carries two bytes, one byte of inner content type and the tag of the AEAD: 19 bytes under every suite
but AES_128_CCM_8, where it is 11 (RFC 8446 sections 5.2 and 6). JSSE (JDK 17 and 25) pads every record by 16 bytes (section 5.4), so that
its alerts have 35. No handshake message is that small: the smallest Finished takes 4 + 32 + 1 + 16 = 53. So:

* the *first* encrypted record of a client that has this size is an alert: it refuses what the server's flight said
  (Go 1.19, JDK 17 and 25; OpenSSL clients send theirs in the clear, edge.md section 3);
* a server's *first* encrypted record of this size is an alert in place of its flight: it could not go on after its ServerHello
  (JDK 17 without a certificate for the client's signature schemes; there it is the first but for EncryptedExtensions);
* the first record that a server sends after the client's flight, if it has this size, is an alert too: it refuses what that flight
  said (OpenSSL, Go, JDK). A server that accepts sends tickets or data first.

What cannot be seen is which alert. A client's record of this size *after* its Finished is a close_notify just as well as a refusal,
so it is not counted as one here. Where the records were opened (``opened``) nothing is hidden, and size says nothing.
"""

from __future__ import annotations

from whytls.inference.memo import remembered
from whytls.model import Event, Handshake, Side
from whytls.wire.message import EncryptedExtensions, EncryptedRecord

PADDINGS = (0, 16)  # what stacks add to every record: most nothing, JSSE 16 bytes
_CCM_8 = 0x1305
_ALERT, _HANDSHAKE, _APPLICATION_DATA = 21, 22, 23


@remembered
def opened(handshake: Handshake) -> bool:
    """Whether the records of a TLS 1.3 handshake were opened: what is encrypted in every one of them was read."""
    return any(e.kind == "other-message" and isinstance(e.value, EncryptedExtensions) for e in handshake.events)


def alert_sized(handshake: Handshake, event: Event) -> bool:
    """Whether an encrypted TLS 1.3 record has the size of an alert."""
    value, hello = event.value, handshake.server_hello
    if not isinstance(value, EncryptedRecord) or value.content_type != _APPLICATION_DATA or hello is None or hello.version < 0x0304:
        return False
    bare = 11 if hello.cipher_suite == _CCM_8 else 19
    return value.length - bare in PADDINGS and not opened(handshake)


def is_hidden_alert(handshake: Handshake, event: Event) -> bool:
    """Whether this encrypted record is an alert that refuses the handshake."""
    if (handshake.version or 0x0304) < 0x0304:
        return _is_alert(event) and id(event) in _early_alerts(handshake)
    return alert_sized(handshake, event) and id(event) in _refusals(handshake)


def _is_alert(event: Event) -> bool:
    return isinstance(event.value, EncryptedRecord) and event.value.content_type == _ALERT


@remembered
def _early_alerts(handshake: Handshake) -> frozenset[int]:
    """TLS 1.2 and before: encrypted alerts (the record's type says so) before both sides have finished are refusals, no farewells.

    NSS judges the certificate beside the handshake, and refuses after its own Finished.
    """
    found: set[int] = set()
    finished: set[Side] = set()
    for event in handshake.events:
        if event.kind == "encrypted" and isinstance(event.value, EncryptedRecord):
            if event.value.content_type == _HANDSHAKE:
                finished.add(event.sender)
            elif event.value.content_type == _ALERT and len(finished) < 2:
                found.add(id(event))
    return frozenset(found)


@remembered
def _refusals(handshake: Handshake) -> frozenset[int]:
    """The records of alert size that stand where only a refusal does; by identity, in one pass (a hostile stream has thousands)."""
    found: set[int] = set()
    own: list[Event] = []  # the server's records before the client's first
    spoke_at: int | None = None  # time of the client's first record
    answered = False  # the server sent a record later than that
    last: Side | None = None
    for event in handshake.events:
        if event.kind != "encrypted":
            continue
        if alert_sized(handshake, event):
            if event.sender == "client":
                refuses = spoke_at is None
            elif spoke_at is None:  # in place of its flight: nothing, or EncryptedExtensions alone, came before
                refuses = len(own) <= 1 and all(e.length < 400 for e in own)
            else:
                refuses = not answered and last == "client"
            if refuses:
                found.add(id(event))
        last = event.sender
        if event.sender == "client":
            spoke_at = event.time if spoke_at is None else spoke_at
        elif spoke_at is None:
            own.append(event)
        else:
            answered = answered or event.time > spoke_at
    return frozenset(found)
