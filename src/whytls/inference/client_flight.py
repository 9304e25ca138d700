"""What a TLS 1.3 client's encrypted flight holds, told from its size: a certificate, an empty Certificate, or only Finished.

Theory of operation
-------------------
A client that is not asked for a certificate answers with Finished alone: 4 + hash bytes, one byte of inner type, 16 of tag,
hence 53 (SHA-256) or 69 (SHA-384). One that is asked and has none sends an empty Certificate message first (RFC 8446 section
4.4.2: four bytes of header, one of context length, three of list length): 8 bytes, as a record of its own 25, or 61 and 77 together
with the Finished. One that has a certificate sends Certificate and CertificateVerify: hundreds of bytes more. JSSE pads every record
by 16 bytes. Application data that follows the flight is told apart by order: the flight ends with the first record that can hold the
Finished. Measured on OpenSSL 3.0, Go 1.19, JDK 17, Python 3.11 and curl 7.88.

Where the records were opened there is nothing to tell: the flight is what was read.
"""

from __future__ import annotations

from typing import Literal

from whytls.inference.hidden_alert import PADDINGS, opened
from whytls.inference.memo import remembered
from whytls.model import Event, Handshake
from whytls.tuples import NamedTuple
from whytls.wire.message import Certificate, EncryptedRecord

_SHA384_SUITES = frozenset({0x1302})
_OVERHEAD = 17
_EMPTY_CERTIFICATE = 8
_SMALLEST_CERTIFICATE = 200  # bytes of a Certificate message with one EC certificate and its CertificateVerify

FlightContent = Literal["finished", "empty-certificate", "certificate", "unknown"]


class ClientFlight(NamedTuple):
    """What the client's second flight holds and which events carry it."""

    content: FlightContent
    events: tuple[Event, ...]
    after: tuple[Event, ...]  # the client's encrypted records after it


@remembered
def client_flight(handshake: Handshake) -> ClientFlight:
    """Classify the client's encrypted flight of a TLS 1.3 handshake by its record lengths."""
    if opened(handshake):
        return _read_flight(handshake)
    suite = handshake.server_hello.cipher_suite if handshake.server_hello else None
    finished = 4 + (48 if suite in _SHA384_SUITES else 32)
    records = [e for e in handshake.events if e.kind == "encrypted" and e.sender == "client" and isinstance(e.value, EncryptedRecord)]
    cut: tuple[FlightContent, int] | None = None
    for padding in PADDINGS:
        found = _classify([e.length - _OVERHEAD - padding for e in records], finished)
        if found is not None and found != ("certificate", 1):
            return _flight(records, found)
        cut = cut or found  # its Finished was not found: perhaps it is under the next padding
    return _flight(records, cut) if cut is not None else ClientFlight("unknown", tuple(records), ())


def _read_flight(handshake: Handshake) -> ClientFlight:
    """The client's messages up to its Finished, and its encrypted records after that."""
    own: list[Event] = []
    after: list[Event] = []
    content: FlightContent = "unknown"
    complete = False
    for event in handshake.events:
        if event.sender != "client":
            continue
        if complete:
            after += [event] if event.kind == "encrypted" else []
        elif event.kind in ("certificate", "certificate-verify", "finished"):
            own.append(event)
            complete = event.kind == "finished"
            if isinstance(event.value, Certificate):
                content = "certificate" if event.value.chain else "empty-certificate"
            elif complete and content == "unknown":
                content = "finished"
    return ClientFlight(content, tuple(own), tuple(after))


def _flight(records: list[Event], found: tuple[FlightContent, int]) -> ClientFlight:
    content, count = found
    return ClientFlight(content, tuple(records[:count]), tuple(records[count:]))


def _classify(bodies: list[int], finished: int) -> tuple[FlightContent, int] | None:
    """Content and number of records of the flight, or None where the sizes fit nothing under this padding."""
    if not bodies:
        return None
    first = bodies[0]
    if first == finished:
        return "finished", 1
    if first == finished + _EMPTY_CERTIFICATE:
        return "empty-certificate", 1
    if first == _EMPTY_CERTIFICATE:
        return "empty-certificate", 2 if bodies[1:2] == [finished] else 1
    if first < _SMALLEST_CERTIFICATE:
        return None
    for count, body in enumerate(bodies[1:6], 2):
        if body == finished:
            return "certificate", count
    # Everything in one record (it cannot be seen where the flight ends), or the Finished never came.
    return "certificate", 1
