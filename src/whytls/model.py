"""The words of whytls as values: what a handshake is, what is known around it, and what a verdict says.

Everything that can show a handshake (capture, probe, replay, log line) becomes a Handshake; everything else that is known
becomes the Context; a verdict is a Diagnosis. All values are frozen. The module judges nothing and imports only ``wire``.
They are NamedTuples, not dataclasses: a storm of failures makes millions of them, and at start-up their classes cost a fifth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from whytls.phrases import together
from whytls.tuples import NamedTuple

if TYPE_CHECKING:
    from whytls.wire.message import CertificateRequest, ClientHello, Message, ServerHello, ServerKeyExchange

Side = Literal["client", "server"]
FailingSide = Literal["client", "server", "network"]
Hop = Literal["northbound", "southbound", "direct"]
Owner = Literal["client", "gateway", "backend", "network", "server"]
Confirmer = Literal["anyone", "private-cloud operator"]
Confidence = Literal["proven", "likely", "possible"]
Outcome = Literal["completed", "failed", "unfinished"]
CauseClass = Literal["hello", "server-certificate", "client-certificate", "not-tls", "transport"]
Grade = Literal["check", "reload", "restart", "weakens security"]

# What an Event can be. TCP: syn, syn-ack, fin, rst, icmp-unreachable. TLS: the messages by their names in the RFCs, alert,
# change-cipher-spec, encrypted. Besides: foreign (bytes that are not TLS), gap (bytes that the recording does not hold).
EventKind = Literal[
    "syn", "syn-ack", "fin", "rst", "icmp-unreachable", "alert", "change-cipher-spec", "encrypted", "foreign", "gap",
    "client-hello", "server-hello", "hello-retry-request", "hello-request", "certificate", "certificate-status",
    "server-key-exchange", "certificate-request", "server-hello-done", "client-key-exchange", "certificate-verify",
    "finished", "new-session-ticket", "other-message", "malformed",
]  # fmt: skip


class Endpoint(NamedTuple):
    """One end of a connection; a Unix socket's address is its path, its port 0."""

    address: str
    port: int

    def __str__(self) -> str:
        if not self.port and self.address[:1] in ("/", "@"):
            return f"unix:{self.address}"
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Event(NamedTuple):
    """One thing in a handshake."""

    kind: EventKind
    sender: Side
    frame: int  # the frame that completes it, numbered as Wireshark does, from 1, in ``file``
    time: int  # of that frame, nanoseconds since 1970
    value: Message | None = None  # what was in it, where something was
    first_frame: int = 0  # the frame that begins it, if another
    length: int = 0  # bytes on the wire: of the message, record or gap
    file: str = ""

    @property
    def frames(self) -> tuple[int, ...]:
        """First and last frame that carry it, once if they are the same."""
        return (self.first_frame, self.frame) if self.first_frame and self.first_frame != self.frame else (self.frame,)


class Coverage(NamedTuple):
    """How much of the handshake the recording holds; a verdict may not use what was not recorded."""

    start: bool = True  # the connection's first packet was seen (SYN), or its first bytes are the ClientHello
    client: bool = True  # the client's packets were recorded at all
    server: bool = True  # the server's packets were recorded at all
    client_gap: bool = False  # bytes of that side are missing before the end of the handshake
    server_gap: bool = False
    snapped: bool = False  # packets were cut to the capture's snap length
    contradiction: bool = False  # the same bytes were recorded twice with different content
    evicted: bool = False  # the engine ran out of its memory budget and gave the rest up

    @property
    def whole(self) -> bool:
        """Whether nothing is missing, so that what was not recorded was not sent."""
        return self == _WHOLE


_WHOLE = Coverage()


class Transport(NamedTuple):
    """What TCP shows besides the bytes: who acknowledged what, what was repeated, which reset does not fit."""

    initiator: Side = "client"  # who opened the TCP connection
    syn_seen: bool = False
    syn_ack_seen: bool = False
    syn_count: int = 0
    client_acked: int = 0  # bytes of the client that the server acknowledged
    server_acked: int = 0  # bytes of the server that the client acknowledged
    client_bytes: int = 0  # bytes of the client that were recorded, each once
    server_bytes: int = 0
    client_retransmissions: int = 0  # segments with bytes sent again
    server_retransmissions: int = 0
    largest_unacknowledged: int = 0  # payload bytes of the largest client segment that was never acknowledged
    foreign_reset: bool = False  # a RST whose TTL or sequence number does not fit its sender (RFC 5961: a middlebox)
    foreign_reset_reason: str = ""
    duplicated: bool = False  # packets stood in the recording twice (`-i any`)
    client_syn_ttl: int = 0
    server_syn_ttl: int = 0
    end_acked: bool = False  # the first FIN of the connection was acknowledged: what was on its way then would have been recorded
    closed_unread: bool = False  # the server's FIN or RST, the first of them, acknowledges none of the client's bytes: it had received none


class Prelude(NamedTuple):
    """What stood in front of TLS on the connection."""

    kind: str  # smtp, imap, pop3, ftp, ldap, postgresql, mysql, xmpp, http-connect, socks4, socks5, proxy-v1, proxy-v2
    frames: tuple[int, ...] = ()
    target: str | None = None  # host:port that was asked for (CONNECT, SOCKS), or the original client (PROXY protocol)
    upgraded: bool = True  # False: the dialect was spoken, but its step to TLS was refused or left out
    refusal: str | None = None  # the other end's words, where it refused


class Handshake(NamedTuple):
    """One attempt, from its first packet to its end."""

    client: Endpoint
    server: Endpoint
    events: tuple[Event, ...]
    outcome: Outcome
    started_at: int = 0  # nanoseconds since 1970
    ended_at: int = 0
    quiet: int = 0  # nanoseconds of recording after the last event
    file: str = ""
    protocol: str = "tls"  # tls; dtls, quic: named, not read
    shape: str = ""  # events in letters, client's capital, server's small (docs/design.md has the alphabet)
    version: int | None = None  # negotiated
    client_hello: ClientHello | None = None  # the first one
    retried_hello: ClientHello | None = None  # the one after a HelloRetryRequest
    server_hello: ServerHello | None = None
    hello_retry_request: ServerHello | None = None
    server_chain: tuple[bytes, ...] | None = None  # None: no Certificate message was seen in the clear
    client_chain: tuple[bytes, ...] | None = None  # (): the client sent an empty Certificate message
    certificate_request: CertificateRequest | None = None
    server_key_exchange: ServerKeyExchange | None = None
    resumed: bool = False
    state: str = "start"  # the transcript's state at the end (wire/transcript.py)
    expected: tuple[str, ...] = ()  # what that state allowed next: "server: certificate", ...
    coverage: Coverage = Coverage()
    transport: Transport = Transport()
    prelude: Prelude | None = None

    @property
    def sni(self) -> str | None:
        """The server name that the client sent."""
        return self.client_hello.server_name if self.client_hello else None

    def first(self, kind: EventKind, sender: Side | None = None) -> Event | None:
        """The first event of that kind (of that sender)."""
        for event in self.events:  # a loop: a generator would cost three times as much, and every cause asks
            if event[0] == kind and (sender is None or event[1] == sender):
                return event
        return None

    def all(self, kind: EventKind, sender: Side | None = None) -> list[Event]:
        """All events of that kind (of that sender)."""
        return [e for e in self.events if e[0] == kind and (sender is None or e[1] == sender)]


# Where in the handshake it ended; the turn is that of the side from which a message was due.
#   tcp            no byte of either side
#   client-hello   the client spoke (or should have); no TLS message of the server yet
#   retry          after a HelloRetryRequest, before the ServerHello
#   server-flight  ServerHello seen, the server's flight not complete (TLS 1.2), or nothing after it (TLS 1.3)
#   client-turn    the server's flight is there; the client answers it with its own flight, or refuses
#   server-turn    the client's flight is there; the server finishes, or refuses
#   finished       both sides have sent Finished
Phase = Literal["tcp", "client-hello", "retry", "server-flight", "client-turn", "server-turn", "finished"]
EndingKind = Literal["alert", "hidden-alert", "close-notify", "fin", "rst", "refused", "unreachable", "silence", "foreign", "none"]


class Ending(NamedTuple):
    """How a handshake ended: the facts that every cause starts from (inference/ending.py)."""

    phase: Phase
    how: EndingKind
    breaker: Side | None  # the end that broke off; for silence the end whose message is missing
    events: tuple[Event, ...] = ()  # what there is to explain: the alert, the close or reset, the foreign bytes
    alert: int | None = None  # description number of the alert that ended it, if it was in the clear
    delay: int = 0  # nanoseconds between the last message of the other side and the break

    @property
    def decisive(self) -> Event | None:
        """The event by which the breaker broke off."""
        return self.events[0] if self.events else None


class Evidence(NamedTuple):
    """One statement and where it stands."""

    text: str
    frames: tuple[int, ...] = ()
    file: str = ""
    certificate: str | None = None  # SHA-256 of the DER, hexadecimal, where the statement is about one
    line: int | None = None  # in ``file``, from 1, where it is a text


class Artefact(NamedTuple):
    """A piece of a fix that can be used as it stands."""

    kind: str  # xml, json, properties, nginx, command, java, pem
    content: str
    place: str = ""  # file, resource or machine where it belongs


class Fix(NamedTuple):
    """What to do, who does it, and what it costs."""

    owner: Owner
    text: str
    grade: Grade = "reload"
    artefacts: tuple[Artefact, ...] = ()


class Alternative(NamedTuple):
    """Another cause that the evidence leaves open, and what would decide."""

    cause: str
    confidence: Confidence
    would_decide: str
    cause_class: CauseClass | None = None


class NotApplicable:
    """The cause has no place in this handshake."""

    __slots__ = ()


class Silent:
    """The cause was asked, all that it needs was there, and it is not this."""

    __slots__ = ()


class CannotTell(NamedTuple):
    """What the cause needs is not in the input; what would decide."""

    would_decide: str


class Finding(NamedTuple):
    """A cause speaks: what it explains, on what evidence, how sure, under which assumptions.

    ``explains`` are the events of the ending that it accounts for (this alert, this close); ranking compares only that,
    then confidence, then the number of assumptions. ``facts`` are typed values for title and fix; text is made at the edge.
    """

    failing_side: FailingSide
    explains: tuple[Event, ...]
    evidence: tuple[Evidence, ...]
    confidence: Confidence
    facts: Mapping[str, Any] = MappingProxyType({})
    assumptions: tuple[str, ...] = ()
    detail: str = ""  # a slug, where the cause has several forms
    owners: tuple[Owner, ...] = ()  # empty: the cause's own; "server" stands for gateway or backend and is resolved by hop
    would_decide: str = ""  # what would make it proven
    settled_by_later: bool = False  # another handshake of the recording could change this verdict


Answer = NotApplicable | Silent | CannotTell | Finding


class Diagnosis(NamedTuple):
    """The verdict on one handshake; the fields are the JSON contract of docs/design.md."""

    cause: str | None  # None: the handshake did not fail
    cause_class: CauseClass | None
    title: str
    outcome: Outcome
    client: Endpoint
    server: Endpoint
    hop: Hop
    detail: str = ""
    failing_side: FailingSide | None = None
    owners: tuple[Owner, ...] = ()
    who_can_confirm: Confirmer = "anyone"
    confidence: Confidence | None = None
    alternatives: tuple[Alternative, ...] = ()
    sni: str | None = None
    started_at: int = 0  # nanoseconds since 1970
    evidence: tuple[Evidence, ...] = ()
    fix: Fix | None = None
    more_fixes: tuple[Fix, ...] = ()
    warnings: tuple[str, ...] = ()
    related: tuple[str, ...] = ()  # other handshakes that belong to this failure: "southbound, edge.pcap #41: sni-missing"
    file: str = ""
    frame: int = 0  # the handshake's first frame: its number for --show and replay
    handshake: Handshake | None = None  # what was judged; never serialised
    context: Context | None = None  # what it was judged with; never serialised


NO_ENDING = Ending("tcp", "none", None)


class KeyEntry(NamedTuple):
    """One entry of a keystore: what whoever uses it presents, the own certificate first (DER), and where it stands."""

    chain: tuple[bytes, ...]
    place: str  # for people: ``router.p12, alias own``


class Keystore(NamedTuple):
    """What one side can present. One value for a whole run: it is compared by identity before anything else."""

    source: str  # as the call names it; several are joined by commas
    entries: tuple[KeyEntry, ...]  # those with a private key; of files that hold none, those that look like a server's or client's own
    certificates: tuple[bytes, ...]  # all certificates in it, also those that stand in no entry's chain


class Truststore(NamedTuple):
    """What one side trusts, and under which alias or line each anchor stands. One value for a whole run, as a Keystore."""

    source: str
    anchors: tuple[bytes, ...]  # DER
    places: tuple[str, ...]  # of each anchor


class AtRest(NamedTuple):
    """The stores of one side of a handshake, as far as they were given."""

    keystore: Keystore | None = None
    truststore: Truststore | None = None

    def over(self, other: AtRest) -> AtRest:
        """These stores, and the other's where there is none; one of the two values itself wherever that is the same."""
        if self.keystore is None and self.truststore is None:
            return other
        lacks = (self.keystore is None and other.keystore is not None) or (self.truststore is None and other.truststore is not None)
        return AtRest(self.keystore or other.keystore, self.truststore or other.truststore) if lacks else self


NOTHING_AT_REST = AtRest()


class Altered(NamedTuple):
    """One thing that was different in a hello of ours."""

    dimension: str  # version, suite, group, signature, sni, alpn; fallback, extension, size, grease, ... (probing/changes.py)
    text: str  # "adding server_name api.example.com"
    lacked: bool = True  # the hello lacked it; False: something was taken away, or another thing asked for


class Tried(NamedTuple):
    """A hello that was sent to the server, and what became of it."""

    changes: tuple[Altered, ...]  # (): the captured hello itself
    attempt: int
    passed: bool  # the server answered it with its whole flight
    outcome: str  # for people: "TLS 1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"; "fatal handshake_failure"
    handshake: Handshake  # all that was said

    @property
    def text(self) -> str:
        """What was different, in words."""
        return together([change.text for change in self.changes]) or "the captured ClientHello"


# Why a replay ended. found: with the smallest change. not-reproduced: the server accepts the hello today. otherwise: it refuses it, in another
# way. inconsistent: now it does, now it does not. nothing-helps: whatever was changed, it was refused. bound: so many connections were not
# enough. unreachable: no connection was had. carried-on: the server had accepted the hello; the handshake was carried on in place of the client.
Stopped = Literal["found", "not-reproduced", "otherwise", "inconsistent", "nothing-helps", "bound", "unreachable", "carried-on"]


class Replayed(NamedTuple):
    """A captured failure, done again with the live server: what was the same, and what had to be different for it to succeed."""

    target: str
    stopped: Stopped
    controls: int = 0  # how often the captured hello was sent again, before, between and after all else
    reproduced: int = 0  # how often it failed as it had in the recording
    minimal: tuple[Altered, ...] = ()  # the smallest change with which it goes through
    shown_minimal: bool = False  # each of them was left out, and it failed
    rivals_untried: bool = False  # the bound left no room for another change that could have been enough as well
    confirmed: int = 0  # how often it went through so, besides the first time
    contradictions: int = 0  # answers that differed from an earlier one to the same hello
    alone: tuple[Tried, ...] = ()  # other changes, each tried alone, that did not help
    also: tuple[Tried, ...] = ()  # other changes that are enough alone
    tried: tuple[Tried, ...] = ()  # everything, in its order
    carried_on: Tried | None = None  # a whole handshake, with the chain that the server shows and what it asks of the client
    warnings: tuple[str, ...] = ()

    @property
    def dimensions(self) -> frozenset[str]:
        """Of what the smallest change is."""
        return frozenset(a.dimension for a in self.minimal)

    @property
    def certain(self) -> bool:
        """Whether it leaves nothing else: the failure came back every time, one dimension mends it every time, and no other does.

        A newer version is no rival: the hello went through in a version of its own, so that the versions are not what is wrong.
        """
        rivals = {a.dimension for t in self.also for a in t.changes if a.lacked} - self.dimensions - {"version"}
        steady = self.controls >= 2 and self.reproduced == self.controls and not self.contradictions and self.confirmed >= 2
        return steady and self.shown_minimal and len(self.dimensions) == 1 and not rivals and not self.rivals_untried


class Context(NamedTuple):
    """What is known besides the handshake; all optional: a cause that needs what is not there says CannotTell."""

    ending: Ending = NO_ENDING
    hop: Hop = "direct"
    hop_inferred: bool = False
    at: int | None = None  # judge certificates at this time (nanoseconds since 1970) instead of the handshake's own
    trust: Sequence[bytes] | None = None  # the rejecting side's anchors, DER, whichever side that is
    server_profile: ServerProfile | None = None  # what other handshakes of the recording show of this server
    client_profile: ClientProfile | None = None
    whole_recording: bool = False  # True: the profiles hold the whole recording, not only what came before
    waiting: Passed | None = None  # the northbound request that waited for this southbound handshake
    client_stores: AtRest = NOTHING_AT_REST  # of whoever is the client on this hop
    server_stores: AtRest = NOTHING_AT_REST
    replayed: Replayed | None = None  # what came of doing it again with the live server

    def stores(self, side: Side) -> AtRest:
        """The stores of that side of the handshake."""
        return self.client_stores if side == "client" else self.server_stores


class Seen(NamedTuple):
    """One other handshake of the recording, as far as it tells something about its server or client."""

    frame: int
    file: str
    client: Endpoint
    server: Endpoint
    outcome: Outcome
    sni: str | None
    version: int | None
    cipher_suite: int | None
    group: int | None
    alpn: str | None
    chain: tuple[bytes, ...] | None
    client_certificate: bool  # a client certificate was sent
    offered_versions: tuple[int, ...] = ()
    offered_suites: tuple[int, ...] = ()
    offered_groups: tuple[int, ...] = ()
    offered_signature_algorithms: tuple[int, ...] = ()
    alert: tuple[Side, int] | None = None  # the first fatal alert: sender, description
    started_at: int = 0  # nanoseconds since 1970
    ended_at: int = 0


class Met(NamedTuple):
    """Two machines that were seen to complete a handshake, where nothing else about it was new."""

    client: Endpoint
    server: Endpoint
    started_at: int  # nanoseconds since 1970


class Passed(NamedTuple):
    """A connection to a machine that calls others itself, whose handshake completed: when something was asked and answered on it.

    What is needed to tell which request waited for a handshake on the other hop.
    """

    client: Endpoint
    server: Endpoint
    frame: int  # of the connection's first packet
    file: str
    asked: tuple[int, ...]  # times at which the client had sent something after the handshake, nanoseconds since 1970
    answered: tuple[int, ...]  # times at which the server began to answer
    called: tuple[str, ...] = ()  # addresses that the server called itself


class ServerProfile:
    """What a recording shows of one server (address and port): distinct handshakes, a bounded number of each kind.

    Known by identity, unlike the other values: what is worked out of one is remembered with it.
    """

    __slots__ = ("completed", "failed", "speaks_tls")

    def __init__(self, completed: tuple[Seen, ...] = (), failed: tuple[Seen, ...] = (), speaks_tls: bool = False) -> None:
        self.completed = completed
        self.failed = failed
        self.speaks_tls = speaks_tls  # it answered some ClientHello with a ServerHello


class ClientProfile:
    """What a recording shows of one client address. Known by identity, as the server's."""

    __slots__ = ("completed", "failed")

    def __init__(self, completed: tuple[Seen, ...] = (), failed: tuple[Seen, ...] = ()) -> None:
        self.completed = completed
        self.failed = failed
