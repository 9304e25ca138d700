"""A handshake that completed on the wire and was dropped all the same, because one side disliked the other's certificate.

Theory of operation
-------------------
Three habits, each measured:

* *The client looks afterwards.* nginx as a proxy, Node and curl (for the host name) finish the handshake, then check the certificate and
  close, without an alert or with a mere close_notify. What shows it: the client closes first and has sent no application data. A
  health check does that too; so it is read as a refusal only where the certificate has a defect.
* *The server looks afterwards, in TLS 1.3.* The client's certificate comes in its last flight, when the client already counts itself
  done. The server answers with an alert (encrypted, 19 bytes) and closes; the client may have sent its request by then.
* *The Router's own way* (nginx): it asks for a client certificate, gets none or a bad one, completes, answers the first request with one
  short HTTP 400 page and closes. The pages of nginx 1.22 with their headers take 367 to 391 bytes; others' are longer.

What is seen is order, senders and sizes of records; so these findings are ``likely``. Where the records were opened, the answer itself is seen
(``refused_in_words``): a page that speaks of a certificate is the server's own refusal, whatever its size.
"""

from __future__ import annotations

import re

from whytls.inference.client_flight import client_flight
from whytls.inference.hidden_alert import alert_sized, opened
from whytls.inference.memo import remembered
from whytls.model import Event, Handshake, Side
from whytls.tuples import NamedTuple
from whytls.wire.message import Alert, EncryptedRecord

_PAGE = range(320, 560)  # bytes of such a page with its headers, where somebody added some
_OWN_PAGE = range(345, 415)  # of nginx's own: 367 for a bad certificate, 389 for none
_AT_ONCE = 1_000_000_000
_OVERHEAD_12, _OVERHEAD_13 = 24, 17  # bytes that AES-GCM adds to a record
_ALERT_TYPE = 21
_APPLICATION_DATA = 23


class Traffic(NamedTuple):
    """What was exchanged after both sides had finished."""

    client_data: tuple[Event, ...]
    server_data: tuple[Event, ...]
    first_close: Event | None  # the first close_notify-sized record, FIN or RST


@remembered
def traffic(handshake: Handshake) -> Traffic:
    """Application data of either side after the handshake and before the first close, and who closed first."""
    return _traffic13(handshake) if (handshake.version or 0) >= 0x0304 else _traffic12(handshake)


def _traffic12(handshake: Handshake) -> Traffic:
    """TLS 1.2 and before: the record's type is in the clear."""
    data: dict[Side, list[Event]] = {"client": [], "server": []}
    for event in handshake.events:
        if event.kind == "encrypted" and isinstance(event.value, EncryptedRecord):
            if event.value.content_type == _ALERT_TYPE:
                return Traffic(tuple(data["client"]), tuple(data["server"]), event)
            if event.value.content_type == _APPLICATION_DATA:
                data[event.sender].append(event)
        elif _closes(event):
            return Traffic(tuple(data["client"]), tuple(data["server"]), event)
    return Traffic(tuple(data["client"]), tuple(data["server"]), None)


def _closes(event: Event) -> bool:
    """Whether it ends the conversation: a warning does not (SSL 3.0 says so that there is no certificate), close_notify does."""
    if event.kind == "alert" and isinstance(event.value, Alert):
        return event.value.level != 1 or event.value.description in (0, 90)
    return event.kind in ("fin", "rst", "alert")


def _traffic13(handshake: Handshake) -> Traffic:
    """TLS 1.3: the client's records after its flight, and the server's after those (before them it sends tickets only)."""
    flight = client_flight(handshake)
    after = {id(event) for event in flight.after}
    data: dict[Side, list[Event]] = {"client": [], "server": []}
    for event in handshake.events:
        if event.kind == "encrypted":
            if event.sender == "client" and id(event) in after:
                if alert_sized(handshake, event):
                    return Traffic(tuple(data["client"]), tuple(data["server"]), event)
                data["client"].append(event)
            elif event.sender == "server" and flight.events and event.time >= flight.events[0].time:
                if alert_sized(handshake, event):
                    return Traffic(tuple(data["client"]), tuple(data["server"]), event)
                if data["client"]:
                    data["server"].append(event)
        elif _closes(event):
            return Traffic(tuple(data["client"]), tuple(data["server"]), event)
    return Traffic(tuple(data["client"]), tuple(data["server"]), None)


def dropped_by_client(handshake: Handshake) -> Event | None:
    """The client's first closing event where it closed a finished handshake without having sent any application data."""
    seen = traffic(handshake)
    close = seen.first_close
    return close if close is not None and close.sender == "client" and not seen.client_data and not seen.server_data else None


def aborted_by_client(handshake: Handshake) -> bool:
    """Whether the client gave the connection up for good after its Finished: it sent no data and reset what still came in.

    A client that ends in order reads on until the server has closed; one that threw the connection away answers with RST.
    """
    drop = dropped_by_client(handshake)
    return drop is not None and any(e.kind == "rst" and e.sender == "client" for e in handshake.events)


def short_answer_and_close(handshake: Handshake) -> tuple[Event, ...] | None:
    """The events of one short answer to one request, and of the end of the connection right after it (nginx's HTTP 400), or None.

    nginx closes after this page even where the client asked to keep the connection. A client that closes as soon as it has its
    answer leaves only the size to go by; then the page must have the size of nginx's own.
    """
    seen = traffic(handshake)
    close = seen.first_close
    if refused_in_words(handshake):
        return (seen.server_data[0], close) if close is not None else seen.server_data[:1]
    if not seen.client_data or not seen.server_data or close is None:
        return None
    hidden = (handshake.version or 0) >= 0x0304 and not opened(handshake)
    answer = _without_tickets(seen.server_data) if hidden else seen.server_data
    if not answer or answer[0].time < seen.client_data[0].time or seen.client_data[-1].time > answer[0].time:
        return None
    overhead = _OVERHEAD_13 if (handshake.version or 0) >= 0x0304 else _OVERHEAD_12
    size = sum(e.length - overhead for e in answer)
    if size not in (_PAGE if close.sender == "server" else _OWN_PAGE) or close.time - answer[-1].time > _AT_ONCE:
        return None
    return (*answer[:1], close)


# nginx: "400 No required SSL certificate was sent", "400 The SSL certificate error"; others say 401 or 403 to the same end.
_PAGE_OF_REFUSAL = re.compile(rb"HTTP/1\.[01] (4\d\d)[^\r\n]*\r?\n.*?<title>([^<\r\n]*certificate[^<\r\n]*)</title>", re.IGNORECASE | re.DOTALL)


@remembered
def refused_in_words(handshake: Handshake) -> str:
    """The title of the HTTP page by which the server refused the client's certificate, where its records were opened; else empty."""
    answers = traffic(handshake).server_data
    value = answers[0].value if answers else None
    found = _PAGE_OF_REFUSAL.match(value.content) if isinstance(value, EncryptedRecord) and value.content else None
    return str(found[2], "ascii", "backslashreplace").strip() if found else ""


def _without_tickets(records: tuple[Event, ...]) -> tuple[Event, ...]:
    """The server's records without its session tickets: two of one size (OpenSSL), sent as soon as the client has finished."""
    return records[2:] if len(records) > 2 and records[0].length == records[1].length else records
