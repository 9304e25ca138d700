"""The values of wire: what handshake messages, alerts and records hold, as far as anybody here needs it.

GREASE values (RFC 8701) are taken out of every list here; ``ClientHello.greased`` says that there were some. The small
values are NamedTuples: a dataclass takes half a millisecond to define, and start-up counts.
"""

from __future__ import annotations

from functools import lru_cache

from whytls.tuples import NamedTuple


class Extension(NamedTuple):
    """One extension as it stood on the wire."""

    number: int
    body: bytes


class ClientHello(NamedTuple):
    """What a client offers. ``None`` means that the extension was absent, an empty tuple that it was empty."""

    legacy_version: int  # the version field of the message itself
    random: bytes
    session_id: bytes
    cipher_suites: tuple[int, ...]
    compression_methods: tuple[int, ...]
    extensions: tuple[Extension, ...]
    server_name: str | None = None
    supported_versions: tuple[int, ...] | None = None
    groups: tuple[int, ...] | None = None
    signature_algorithms: tuple[int, ...] | None = None
    signature_algorithms_cert: tuple[int, ...] | None = None
    alpn: tuple[str, ...] | None = None
    key_shares: tuple[int, ...] | None = None  # the groups for which a share was sent
    psk: bool = False  # pre_shared_key present: the client tries to resume (TLS 1.3)
    session_ticket: bool = False  # a non-empty session_ticket (TLS 1.2 and before)
    early_data: bool = False
    extended_master_secret: bool = False
    secure_renegotiation: bool = False  # renegotiation_info, or its signalling suite 0x00ff
    fallback: bool = False  # TLS_FALLBACK_SCSV 0x5600 offered
    cookie: bool = False
    encrypted_client_hello: bool = False
    greased: bool = False
    sslv2: bool = False  # came as an SSLv2 CLIENT-HELLO
    problem: str | None = None  # what could not be read in it, with the offset
    record_version: int = 0  # of the record that bears it, where that is to differ from what is usual; 0: as usual

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions offered, highest first, at least one: supported_versions, else all from SSL 3.0 up to the version field."""
        return _versions(self.legacy_version, self.supported_versions)

    @property
    def max_version(self) -> int:
        """The highest version offered, as on the wire (0x0303 is TLS 1.2)."""
        return self.versions[0] if self.versions else self.legacy_version

    def has(self, number: int) -> bool:
        """Whether the extension of that number is in the hello."""
        return any(e.number == number for e in self.extensions)


@lru_cache(maxsize=256)  # a few makes of client, and every cause asks
def _versions(legacy: int, supported: tuple[int, ...] | None) -> tuple[int, ...]:
    if supported:  # one that lists nothing, or nothing but GREASE, says nothing
        return tuple(sorted(supported, reverse=True))
    top = min(legacy, 0x0303)
    return tuple(v for v in (0x0303, 0x0302, 0x0301, 0x0300) if v <= top) or (legacy,)


class ServerHello(NamedTuple):
    """What the server chose; also the HelloRetryRequest (``is_retry``), which has the same form."""

    version: int  # the version chosen (supported_versions if present)
    legacy_version: int
    random: bytes
    session_id: bytes
    cipher_suite: int
    compression_method: int
    extensions: tuple[Extension, ...]
    group: int | None = None  # of key_share: the group chosen, or asked for in a HelloRetryRequest
    alpn: str | None = None
    psk: int | None = None  # the identity chosen: this is a resumption (TLS 1.3)
    cookie: bool = False
    extended_master_secret: bool = False
    secure_renegotiation: bool = False
    is_retry: bool = False
    downgrade: int | None = None  # the version that the sentinel in random protects (RFC 8446 section 4.1.3)
    problem: str | None = None

    def has(self, number: int) -> bool:
        """Whether the extension of that number is in the hello."""
        return any(e.number == number for e in self.extensions)


class Certificate(NamedTuple):
    """The chain that one side sent, each certificate in DER, the sender's own first; empty when it has none."""

    chain: tuple[bytes, ...]
    problem: str | None = None


class CertificateRequest(NamedTuple):
    """The server asks for a client certificate (TLS 1.2 and before; TLS 1.3 hides it)."""

    certificate_types: tuple[int, ...]
    signature_algorithms: tuple[int, ...] | None  # absent before TLS 1.2
    authorities: tuple[bytes, ...]  # acceptable issuers, each a DER Name; empty: any
    problem: str | None = None


class ServerKeyExchange(NamedTuple):
    """The server's key-exchange parameters (TLS 1.2 and before)."""

    kind: str  # "ecdhe", "dhe", "rsa" (export suites), "other"
    group: int | None = None  # ecdhe: the named curve; None: an explicit one
    dh_bits: int | None = None  # dhe: size of the prime
    signature_scheme: int | None = None  # TLS 1.2
    problem: str | None = None
    rsa_bits: int | None = None  # rsa: size of the temporary modulus


class CertificateVerify(NamedTuple):
    """The client (in TLS 1.3 either side) proves that it has the key of its certificate."""

    signature_scheme: int | None  # absent before TLS 1.2
    problem: str | None = None


class NewSessionTicket(NamedTuple):
    """The server hands out a ticket for resumption."""

    lifetime: int  # seconds
    length: int  # of the ticket; 0: the server takes its promise back (RFC 5077 section 3.3)


class EncryptedExtensions(NamedTuple):
    """What the server chose besides the ServerHello (TLS 1.3; seen only with the keys)."""

    extensions: tuple[Extension, ...]
    alpn: str | None = None
    problem: str | None = None


class PlainMessage(NamedTuple):
    """Any other handshake message: its type and length are all that is needed."""

    number: int  # the HandshakeType
    length: int


class MalformedMessage(NamedTuple):
    """A handshake message that contradicts itself, or is none; what is wrong and at which byte of it."""

    number: int
    problem: str
    offset: int = 0


class Alert(NamedTuple):
    """A plain alert: level (1 warning, 2 fatal) and description number."""

    level: int
    description: int

    @property
    def fatal(self) -> bool:
        """Whether its level says fatal."""
        return self.level == 2


class EncryptedRecord(NamedTuple):
    """A record of data, or one under keys we do not have: the outer type and the length of its body are all that shows."""

    content_type: int
    length: int
    content: bytes = b""  # its first bytes, where the keys are had (at most 512)


class ForeignBytes(NamedTuple):
    """Bytes that are not TLS: the first of them (at most 256), and how many there were."""

    head: bytes
    length: int


Message = (
    ClientHello
    | ServerHello
    | Certificate
    | CertificateRequest
    | ServerKeyExchange
    | CertificateVerify
    | NewSessionTicket
    | EncryptedExtensions
    | PlainMessage
    | MalformedMessage
    | Alert
    | EncryptedRecord
    | ForeignBytes
)
