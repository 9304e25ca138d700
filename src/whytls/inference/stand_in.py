"""A chain that TLS 1.3 hides, and the keystore of the side that sent it: whether what the keystore holds is what was sent.

Theory of operation
-------------------
TLS 1.3 encrypts the Certificate message, but not how long it is. Its body is one byte for the (empty) request context, three for the
list, and for each certificate three of length, the DER, and two for its extensions (RFC 8446 section 4.4.2), behind a header of four.
OpenSSL, JSSE, Go and NSS put each message of their flight into a record of its own, whose length is that plus 17, and plus 16 more
under JSSE's padding (``hidden_alert.PADDINGS``). So each chain that the keystore holds, and each beginning of it, has a length that
the recording shows or does not:

* a record has exactly that length, and CertificateVerify and Finished follow: this chain stands in for the hidden one (``record``).
  Chains of other keys or names seldom have equal lengths; a renewed certificate has the length of the one before it, and a reader is
  told so by the wording "of the size of";
* none has, and the keystore has one entry that fits the name asked for: it stands in, but only as the owner's word. Messages that share
  a record (GnuTLS), an OCSP response or SCTs in the message, or compression (RFC 8879) look like this, and so does another certificate;
* all records together are too short for its own certificate alone: it was not sent, and nothing stands in.
"""

from __future__ import annotations

from typing import NamedTuple

from whytls.inference.client_flight import client_flight
from whytls.inference.hidden_alert import PADDINGS
from whytls.inference.memo import remembered
from whytls.model import Context, Event, Handshake, KeyEntry, Side

_OVERHEAD = 17  # one byte of inner type, sixteen of tag
_AROUND, _EACH = 4 + 1 + 3, 3 + 2
_BEHIND = 2  # CertificateVerify and Finished
_COMPRESS = 27  # compress_certificate


class StandIn(NamedTuple):
    """What of a keystore stands in for the chain that TLS 1.3 hides."""

    entry: KeyEntry
    chain: tuple[bytes, ...]  # the entry's, as far as the record's size says that it was sent
    record: Event | None  # the record of exactly that size; None: sizes do not tell


@remembered
def stand_in(handshake: Handshake, context: Context, whose: Side) -> StandIn | None:
    """What stands in for that side's chain, or None where its keystore is not known or does not fit what was sent."""
    keystore = context.stores(whose).keystore
    if keystore is None or (handshake.version or 0) < 0x0304:
        return None
    records = _flight(handshake, whose)
    sized = {record.length: record for record in reversed(records[: len(records) - _BEHIND])}
    exact = [found for entry in keystore.entries for found in _of_size(entry, sized)] if sized else []
    if exact:
        chains = {found.chain for found in exact}
        if len(chains) > 1:
            exact = [found for found in exact if whose == "server" and _fits_name(found.entry, handshake)] or exact
        return exact[0] if len({found.chain for found in exact}) == 1 else None
    if len(keystore.entries) != 1 or not records:
        return None
    (entry,) = keystore.entries
    if whose == "server" and not _fits_name(entry, handshake):
        return None
    hello = handshake.client_hello
    compressed = hello is not None and hello.has(_COMPRESS)
    if not compressed and max(e.length for e in records) - _OVERHEAD < certificate_length(entry.chain[:1]):
        return None
    return StandIn(entry, entry.chain, None)


def certificate_length(chain: tuple[bytes, ...]) -> int:
    """Bytes of a TLS 1.3 Certificate message with this chain and no extensions."""
    return _AROUND + sum(len(der) + _EACH for der in chain)


def _of_size(entry: KeyEntry, sized: dict[int, Event]) -> list[StandIn]:
    """The entry's chain, or a beginning of it, for which there is a record of just its size; the longest only."""
    for count in range(min(len(entry.chain), 10), 0, -1):
        chain = entry.chain[:count]
        length = certificate_length(chain) + _OVERHEAD
        for padding in PADDINGS:
            record = sized.get(length + padding)
            if record is not None:
                return [StandIn(entry, chain, record)]
    return []


@remembered
def _flight(handshake: Handshake, whose: Side) -> tuple[Event, ...]:
    """The encrypted records among which that side's Certificate message is."""
    if whose == "client":
        flight = client_flight(handshake)
        return flight.events if flight.content == "certificate" else ()
    found: list[Event] = []
    for event in handshake.events:
        if event.kind == "encrypted":
            if event.sender == "client":
                break
            found.append(event)
        elif event.kind == "alert" or len(found) >= 64:
            break
    return tuple(found)


def _fits_name(entry: KeyEntry, handshake: Handshake) -> bool:
    """Whether the entry's own certificate is for the name that was asked for; true where none was."""
    if not handshake.sni:
        return True
    from whytls.pki.certificate import read
    from whytls.pki.name import match

    return match(handshake.sni, read(entry.chain[0])).matches
