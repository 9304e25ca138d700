"""Which message stands where: a table (state, sender, message) -> state, and so what was expected when it ended.

Theory of operation
===================

A handshake is followed from outside, so the table knows no role of ours: it says what *either* side can send next. States
are named after the last thing that happened, since that is what a reader of a verdict wants to know. ``advance`` is asked once
an event; ``expected`` once, at the end. Senders are "client" and "server", messages the kinds of ``model.EventKind``.

Four families share the start:

* TLS 1.2 and before, full: ServerHello, Certificate, [CertificateStatus], [ServerKeyExchange], [CertificateRequest],
  ServerHelloDone; [Certificate], ClientKeyExchange, [CertificateVerify], ChangeCipherSpec, Finished; [NewSessionTicket],
  ChangeCipherSpec, Finished (RFC 5246 section 7.3, RFC 5077 section 3). Suites without a certificate (anonymous, PSK)
  leave it out; SSL 3.0 clients without a certificate send the alert no_certificate instead of an empty one.
* TLS 1.2 and before, resumed: ServerHello, [NewSessionTicket], ChangeCipherSpec, Finished; ChangeCipherSpec, Finished. The
  server's first message after its hello tells the two apart.
* TLS 1.3: after the ServerHello all is encrypted, so the table only tells who has sent encrypted records: the server (its
  flight), then the client (its Finished, or an alert: inference/ tells which), then the server again (tickets, data). Where the records
  were opened (by the client that we are, or with a key log), the messages have states of their own: EncryptedExtensions (an
  other-message), [CertificateRequest], Certificate, CertificateVerify, Finished; [Certificate, [CertificateVerify]], Finished (RFC 8446
  section 2); resumed, neither certificates nor a request for them. A HelloRetryRequest sends the client back for a second ClientHello,
  once. ChangeCipherSpec is meaningless there and tolerated on both sides (RFC 8446 appendix D.4); the client's encrypted records before
  the ServerHello are early data.
* SSLv2: after its SERVER-HELLO nothing is followed.

A ClientHello in SSLv2's form is a client-hello like any other. Finished cannot be read: it is the first encrypted record
behind a ChangeCipherSpec; the event "finished" is taken for the same where it could be read (NULL ciphers, a key log).

What is not a TLS message (TCP's events, gaps, foreign bytes) and alerts leave the state as it is: the state says how far the
handshake had come. So does a message that has no place there, so that ``expected`` still names what was due; ``allowed``
tells that it had no place. Where the recording has holes the caller says so (``gap=True``), and a message that has no place
moves the state to where it stands in a full handshake.

The shape
=========

``SHAPE_LETTERS`` has one letter an event kind, written large for the client and small for the server. The alphabet is
zeek's (``ssl_history``) where zeek has a letter: H hello_request, C, S, J hello_retry_request, X certificate, U status,
K server key exchange, R certificate request, N server hello done, G client key exchange, Y certificate verify, F, T ticket,
Z other, I change cipher spec, D encrypted, L alert, Q foreign. Ours besides: O syn (open), E fin (end), B rst (break),
V icmp-unreachable, W gap (a hole), M malformed.
"""

from __future__ import annotations

from whytls.wire.registry import SSL2, is_tls13

START = "start"
ESTABLISHED = ("established", "open-1.3")  # both sides have finished, as far as it can be seen

SHAPE_LETTERS: dict[str, str] = {
    "syn": "O", "syn-ack": "O", "fin": "E", "rst": "B", "icmp-unreachable": "V", "gap": "W", "foreign": "Q", "malformed": "M",
    "hello-request": "H", "client-hello": "C", "server-hello": "S", "hello-retry-request": "J", "certificate": "X",
    "certificate-status": "U", "server-key-exchange": "K", "certificate-request": "R", "server-hello-done": "N",
    "client-key-exchange": "G", "certificate-verify": "Y", "finished": "F", "new-session-ticket": "T", "other-message": "Z",
    "change-cipher-spec": "I", "encrypted": "D", "alert": "L",
}  # fmt: skip

# A row: state, sender, message, next state. "server-hello" stands for versions up to TLS 1.2.
_Row = tuple[str, str, str, str]

_HELLOS: tuple[_Row, ...] = (
    ("start", "client", "client-hello", "client-hello"),
    ("client-hello", "server", "server-hello", "server-hello"),
    ("client-hello", "server", "server-hello 1.3", "server-hello-1.3"),
    ("client-hello", "server", "server-hello 2", "server-hello-2"),
    ("client-hello", "server", "hello-retry-request", "hello-retry-request"),
    ("hello-retry-request", "client", "client-hello", "second-client-hello"),
    ("second-client-hello", "server", "server-hello 1.3", "server-hello-1.3"),
)

_TLS13: tuple[_Row, ...] = (
    ("server-hello-1.3", "server", "encrypted", "server-flight-1.3"),
    ("server-flight-1.3", "client", "encrypted", "client-flight-1.3"),
    ("client-flight-1.3", "server", "encrypted", "open-1.3"),
)

# TLS 1.3 with its records opened.
_TLS13_OPENED: tuple[_Row, ...] = (
    ("server-hello-1.3", "server", "other-message", "encrypted-extensions-1.3"),  # that they are opened shows only now
    ("encrypted-extensions-1.3", "server", "certificate-request", "certificate-request-1.3"),
    ("encrypted-extensions-1.3", "server", "certificate", "server-certificate-1.3"),
    ("encrypted-extensions-1.3", "server", "finished", "server-finished-1.3"),  # resumed
    ("certificate-request-1.3", "server", "certificate", "server-certificate-1.3-requested"),
    ("server-certificate-1.3", "server", "certificate-verify", "server-certificate-verify-1.3"),
    ("server-certificate-verify-1.3", "server", "finished", "server-finished-1.3"),
    ("server-certificate-1.3-requested", "server", "certificate-verify", "server-certificate-verify-1.3-requested"),
    ("server-certificate-verify-1.3-requested", "server", "finished", "server-finished-1.3-requested"),
    ("server-finished-1.3", "client", "finished", "client-finished-1.3"),
    ("server-finished-1.3-requested", "client", "certificate", "client-certificate-1.3"),
    ("client-certificate-1.3", "client", "certificate-verify", "client-certificate-verify-1.3"),
    ("client-certificate-1.3", "client", "finished", "client-finished-1.3"),  # it has none
    ("client-certificate-verify-1.3", "client", "finished", "client-finished-1.3"),
    ("client-finished-1.3", "server", "new-session-ticket", "open-1.3"),
    ("client-finished-1.3", "server", "encrypted", "open-1.3"),
)
_OPENED_STATES = tuple(dict.fromkeys(row[0] for row in _TLS13_OPENED[1:]))

_SERVER_FLIGHT: tuple[_Row, ...] = (
    ("server-hello", "server", "certificate", "server-certificate"),
    ("server-hello", "server", "server-key-exchange", "server-key-exchange"),  # anonymous, PSK with a hint
    ("server-hello", "server", "server-hello-done", "server-hello-done"),  # PSK without one
    ("server-hello", "server", "new-session-ticket", "resumed-ticket"),
    ("server-hello", "server", "change-cipher-spec", "resumed-server-change-cipher-spec"),
    ("server-certificate", "server", "certificate-status", "certificate-status"),
    ("server-certificate", "server", "server-key-exchange", "server-key-exchange"),
    ("server-certificate", "server", "certificate-request", "certificate-request"),
    ("server-certificate", "server", "server-hello-done", "server-hello-done"),  # RSA key exchange
    ("certificate-status", "server", "server-key-exchange", "server-key-exchange"),
    ("certificate-status", "server", "certificate-request", "certificate-request"),
    ("certificate-status", "server", "server-hello-done", "server-hello-done"),
    ("server-key-exchange", "server", "certificate-request", "certificate-request"),
    ("server-key-exchange", "server", "server-hello-done", "server-hello-done"),
    ("certificate-request", "server", "server-hello-done", "server-hello-done-certificate-requested"),
)

_CLIENT_FLIGHT: tuple[_Row, ...] = (
    ("server-hello-done", "client", "client-key-exchange", "client-key-exchange"),
    ("server-hello-done-certificate-requested", "client", "certificate", "client-certificate"),
    ("client-certificate", "client", "client-key-exchange", "client-key-exchange-authenticated"),
    ("client-key-exchange", "client", "change-cipher-spec", "client-change-cipher-spec"),
    ("client-key-exchange-authenticated", "client", "certificate-verify", "certificate-verify"),
    ("client-key-exchange-authenticated", "client", "change-cipher-spec", "client-change-cipher-spec"),  # it has none
    ("certificate-verify", "client", "change-cipher-spec", "client-change-cipher-spec"),
    ("client-change-cipher-spec", "client", "encrypted", "client-finished"),
)

_SERVER_END: tuple[_Row, ...] = (
    ("client-finished", "server", "new-session-ticket", "new-session-ticket"),
    ("client-finished", "server", "change-cipher-spec", "server-change-cipher-spec"),
    ("new-session-ticket", "server", "change-cipher-spec", "server-change-cipher-spec"),
    ("server-change-cipher-spec", "server", "encrypted", "established"),
)

_RESUMED: tuple[_Row, ...] = (
    ("resumed-ticket", "server", "change-cipher-spec", "resumed-server-change-cipher-spec"),
    ("resumed-server-change-cipher-spec", "server", "encrypted", "resumed-server-finished"),
    ("resumed-server-finished", "client", "change-cipher-spec", "resumed-client-change-cipher-spec"),
    ("resumed-client-change-cipher-spec", "client", "encrypted", "established"),
)

ROWS = _HELLOS + _TLS13 + _TLS13_OPENED + _SERVER_FLIGHT + _CLIENT_FLIGHT + _SERVER_END + _RESUMED

# What has a place but is not waited for.
_TOLERATED: tuple[_Row, ...] = (
    ("start", "server", "hello-request", "start"),
    ("client-hello", "client", "change-cipher-spec", "client-hello"),  # before early data
    ("client-hello", "client", "encrypted", "client-hello"),  # early data
    ("hello-retry-request", "server", "change-cipher-spec", "hello-retry-request"),
    ("hello-retry-request", "client", "change-cipher-spec", "hello-retry-request"),
    ("hello-retry-request", "client", "encrypted", "hello-retry-request"),  # early data on its way
    ("second-client-hello", "server", "change-cipher-spec", "second-client-hello"),
    ("second-client-hello", "client", "change-cipher-spec", "second-client-hello"),
    ("server-hello", "server", "other-message", "server-hello"),  # SupplementalData, RFC 4680
    ("server-hello-done-certificate-requested", "client", "client-key-exchange", "client-key-exchange"),  # SSL 3.0
    ("server-hello-done", "client", "other-message", "server-hello-done"),
    ("client-certificate", "client", "other-message", "client-certificate"),  # CertificateURL, RFC 6066
    ("client-change-cipher-spec", "server", "change-cipher-spec", "server-change-cipher-spec"),  # Finished was not seen
    ("client-finished", "client", "encrypted", "client-finished"),  # false start, RFC 7918
    ("new-session-ticket", "client", "encrypted", "new-session-ticket"),
    ("server-change-cipher-spec", "client", "encrypted", "server-change-cipher-spec"),
    ("resumed-server-finished", "server", "encrypted", "resumed-server-finished"),  # the server can send data at once
    ("resumed-client-change-cipher-spec", "server", "encrypted", "resumed-client-change-cipher-spec"),
    *[("server-hello-2", side, kind, "server-hello-2") for side in ("client", "server") for kind in ("encrypted", "other-message")],
    *[(state, side, "change-cipher-spec", state)
      for state in ("server-hello-1.3", "server-flight-1.3", "client-flight-1.3", "open-1.3") for side in ("client", "server")],
    ("server-hello-1.3", "client", "encrypted", "server-hello-1.3"),  # early data
    *[(state, side, "change-cipher-spec", state) for state in _OPENED_STATES for side in ("client", "server")],
    *[("server-finished-1.3" + asked, "server", "encrypted", "server-finished-1.3" + asked) for asked in ("", "-requested")],  # data at once
    ("client-finished-1.3", "client", "encrypted", "client-finished-1.3"),
    *[("open-1.3", side, kind, "open-1.3") for side in ("client", "server") for kind in ("new-session-ticket", "other-message")],
    ("server-flight-1.3", "server", "encrypted", "server-flight-1.3"),
    ("client-flight-1.3", "client", "encrypted", "client-flight-1.3"),
    *[(state, side, kind, state)
      for state in ESTABLISHED for side in ("client", "server") for kind in ("encrypted", "change-cipher-spec")],
)  # fmt: skip


def _table() -> dict[tuple[str, str, str], str]:
    table = {(state, sender, kind): after for state, sender, kind, after in _TOLERATED + ROWS}
    for (state, sender, kind), after in list(table.items()):
        if kind == "encrypted":
            table[state, sender, "finished"] = after
    return table


TABLE = _table()
STATES = tuple(dict.fromkeys(state for row in ROWS for state in (row[0], row[3])))


def _expectations() -> dict[str, tuple[str, ...]]:
    waited: dict[str, dict[str, None]] = {state: {} for state in STATES}
    for state, sender, kind, _ in ROWS:
        if kind != "other-message":  # EncryptedExtensions: before it was read, all that is waited for is something encrypted
            waited[state][f"{sender}: {kind.partition(' ')[0]}"] = None
    return {state: tuple(messages) for state, messages in waited.items()}


_EXPECTED = _expectations()

# Where a message stands in a full handshake, for recordings with holes: only those that tell their place.
_PLACES: dict[tuple[str, str], str] = {
    ("client", "client-hello"): "client-hello",
    ("server", "server-hello"): "server-hello",
    ("server", "server-hello 1.3"): "server-hello-1.3",
    ("server", "server-hello 2"): "server-hello-2",
    ("server", "hello-retry-request"): "hello-retry-request",
    ("server", "certificate"): "server-certificate",
    ("server", "certificate-status"): "certificate-status",
    ("server", "server-key-exchange"): "server-key-exchange",
    ("server", "certificate-request"): "certificate-request",
    ("server", "server-hello-done"): "server-hello-done",
    ("client", "certificate"): "client-certificate",
    ("client", "client-key-exchange"): "client-key-exchange",
    ("client", "certificate-verify"): "certificate-verify",
    ("client", "change-cipher-spec"): "client-change-cipher-spec",
    ("server", "new-session-ticket"): "new-session-ticket",
    ("server", "change-cipher-spec"): "server-change-cipher-spec",
}


def advance(state: str, sender: str, kind: str, version: int | None = None, gap: bool = False) -> str:
    """The state after that event; the same one where the event moves nothing.

    ``version`` is the ServerHello's, and needed with it only. ``gap``: something before this event is missing from the
    recording, so a message that has no place here is put where it belongs.
    """
    key = kind if kind != "server-hello" or version is None else _server_hello(version)
    after = TABLE.get((state, sender, key))
    if after is not None:
        return after
    return _PLACES.get((sender, key), state) if gap else state


def allowed(state: str, sender: str, kind: str, version: int | None = None) -> bool:
    """Whether that event has a place there. Alerts and what is not a message always have."""
    key = kind if kind != "server-hello" or version is None else _server_hello(version)
    return kind in _ANYWHERE or (state, sender, key) in TABLE


def expected(state: str) -> tuple[str, ...]:
    """What was waited for in that state: ("server: certificate", "server: server-key-exchange", ...)."""
    return _EXPECTED.get(state, ())


_ANYWHERE = frozenset(("alert", "syn", "syn-ack", "fin", "rst", "icmp-unreachable", "gap", "foreign", "malformed"))


def _server_hello(version: int) -> str:
    if is_tls13(version):
        return "server-hello 1.3"
    return "server-hello 2" if version == SSL2 else "server-hello"
