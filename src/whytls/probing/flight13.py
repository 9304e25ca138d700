"""TLS 1.3 behind the ServerHello: the server's flight is opened message by message, ours answers it, keys follow (RFC 8446 section 4).

Nothing is refused: a signature or a Finished that does not fit becomes a fact (``proofs``), and the handshake goes on. What cannot be gone
on with is a group or a cipher that the library does not have.
"""

from __future__ import annotations

from time import time_ns

from whytls.exceptions import Malformed
from whytls.model import EventKind
from whytls.probing.channel import Channel
from whytls.probing.facts import NOTHING_PROVED, Identity, Proofs, Resume, Until
from whytls.probing.shares import Shares
from whytls.probing.signatures import public_key, scheme_for, signed, verified
from whytls.wire.cursor import Cursor
from whytls.wire.extension import max_fragment_length, record_size_limit
from whytls.wire.message import (
    Certificate,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    EncryptedExtensions,
    Message,
    PlainMessage,
    ServerHello,
)
from whytls.wire.protection import protection_13, size_of
from whytls.wire.registry import TLS13, group_name, suite_name
from whytls.wire.secrets import (
    Side,
    application_traffic,
    early_secret,
    finished_13,
    handshake_secret,
    handshake_traffic,
    hash_of_suite,
    main_secret,
    next_traffic,
    resumption_psk,
    signed_13,
    traffic_keys,
)

_KEY_SHARE = 51


class Flight13:
    """What follows one ServerHello of TLS 1.3; the channel's messages reach to it."""

    def __init__(
        self, channel: Channel, hello: ClientHello, answer: ServerHello, shares: Shares,
        until: Until, identity: Identity | None, resume: Resume | None,
    ) -> None:  # fmt: skip
        self._channel, self._until, self._identity, self._suite = channel, until, identity, answer.cipher_suite
        self._hash = hash_of_suite(answer.cipher_suite)
        self._compatible = bool(hello.session_id)  # "middlebox compatibility mode", RFC 8446 appendix D.4
        self.proofs: Proofs = NOTHING_PROVED
        self.resume: Resume | None = None
        self.settled = False
        self._leaf: bytes | None = None
        self._asked: tuple[bytes, CertificateRequest] | None = None  # its context and itself
        self._traffic: dict[Side, bytes] = {}
        self._main = self._resumption_transcript = b""
        size = size_of(answer.cipher_suite, 0x0304)
        if size is None:
            channel.stop("beyond", f"the server chose {suite_name(answer.cipher_suite)}, which cannot be opened here")
            return
        self._key_length = size.key
        shared = self._agreed(answer, shares)
        if shared is None:
            return
        psk = resume.secret if answer.psk == 0 and resume is not None else b""
        self._handshake = handshake_secret(self._hash, early_secret(self._hash, psk), shared)
        transcript = bytes(channel.messages)
        for side in ("client", "server"):
            self._traffic[side] = handshake_traffic(self._hash, self._handshake, side, transcript)
        self._open_with(self._traffic["server"])

    def _agreed(self, answer: ServerHello, shares: Shares) -> bytes | None:
        """What the key exchange gave; empty where the server left it out (PSK alone)."""
        body = next((e.body for e in answer.extensions if e.number == _KEY_SHARE), None)
        if body is None:
            if answer.psk is None:
                raise Malformed("a ServerHello of TLS 1.3 without key_share")
            return b""
        at = Cursor(body)
        agreement = shares.get(at.u16("group"))
        if agreement is None:
            self._channel.stop("beyond", f"the server chose the group {group_name(answer.group or 0)}, of which we hold no key")
            return None
        return agreement.secret(at.vector(2, "key_exchange"))

    def _open_with(self, secret: bytes) -> None:
        self._channel.opening = protection_13(self._suite, traffic_keys(self._hash, secret, self._key_length))

    def _seal_with(self, secret: bytes) -> None:
        self._channel.sealing = protection_13(self._suite, traffic_keys(self._hash, secret, self._key_length))

    # -------------------------------------------------------------- the server's messages

    def changed(self) -> None:
        """Its ChangeCipherSpec means nothing here."""

    def message(self, number: int, body: bytes, value: Message) -> None:
        """One message of the server, which stands at the end of the channel's messages already.

        Raises:
            Malformed: it cannot be gone on with.
        """
        if isinstance(value, EncryptedExtensions):
            self._limits(value)
        elif isinstance(value, CertificateRequest) and not self.settled:
            self._asked = Cursor(body).vector(1, "certificate_request_context"), value
        elif isinstance(value, Certificate):
            self._leaf = value.chain[0] if value.chain else None
        elif isinstance(value, CertificateVerify):
            self._signature(body)
        elif number == 20 and not self.settled:
            self._finished(body)
        elif number == 4 and self.settled:
            self._ticket(body)
        elif number == 24 and self.settled:
            self._key_update(body)

    def _limits(self, value: EncryptedExtensions) -> None:
        for number, body in value.extensions:
            if number == 28:
                self._channel.limit(record_size_limit(body))
            elif number == 1:
                self._channel.limit(max_fragment_length(body))

    def _before(self, body: bytes) -> bytes:
        """The messages before the one with this body, which is the last."""
        return bytes(self._channel.messages[: -4 - len(body)])

    def _signature(self, body: bytes) -> None:
        at = Cursor(body)
        scheme, signature = at.u16("signature_algorithm"), at.vector(2, "signature")
        key = public_key(self._leaf) if self._leaf is not None else None
        data = signed_13(self._hash, "server", self._before(body))
        self.proofs = self.proofs._replace(signature=verified(key, scheme, data, signature), scheme=scheme)

    def _finished(self, body: bytes) -> None:
        fits = body == finished_13(self._hash, self._traffic["server"], self._before(body))
        self.proofs = self.proofs._replace(finished=fits)
        if self._until == "flight":
            self._channel.stop("reached")
            return
        self._main = main_secret(self._hash, self._handshake)
        transcript = bytes(self._channel.messages)
        if self._compatible and not self._channel.changed:
            self._channel.change_cipher_spec()
        self._seal_with(self._traffic["client"])
        if self._asked is not None:
            self._authenticate(*self._asked)
        if self._channel.end:
            return
        self._say("finished", 20, finished_13(self._hash, self._traffic["client"], bytes(self._channel.messages)))
        self._resumption_transcript = bytes(self._channel.messages)
        for side in ("client", "server"):
            self._traffic[side] = application_traffic(self._hash, self._main, side, transcript)
        self._open_with(self._traffic["server"])
        self._seal_with(self._traffic["client"])
        self.settled = True

    # -------------------------------------------------------------- ours

    def _say(self, kind: EventKind, number: int, body: bytes, value: Message | None = None) -> None:
        self._channel.say(kind, number, body, value if value is not None else PlainMessage(number, len(body)))

    def _authenticate(self, context: bytes, request: CertificateRequest) -> None:
        """Certificate and CertificateVerify, or an empty Certificate where we have none that the server can use (section 4.4.2)."""
        from whytls.pki.certificate import read

        scheme = None
        if self._identity is not None:
            pss = read(self._identity.chain[0]).key_type == "rsa-pss"
            scheme = scheme_for(self._identity.key, pss, request.signature_algorithms, TLS13)
        chain = self._identity.chain if self._identity is not None and scheme is not None else ()
        listed = b"".join([len(der).to_bytes(3, "big") + der + b"\0\0" for der in chain])
        body = bytes((len(context),)) + context + len(listed).to_bytes(3, "big") + listed
        self._say("certificate", 11, body, Certificate(chain))
        if scheme is None or self._identity is None:
            return
        signature = signed(self._identity.key, scheme, signed_13(self._hash, "client", bytes(self._channel.messages)))
        if signature is None:
            self._channel.stop("beyond", "the private key cannot sign")
            return
        self._say("certificate-verify", 15, scheme.to_bytes(2, "big") + len(signature).to_bytes(2, "big") + signature, CertificateVerify(scheme))
        self.proofs = self.proofs._replace(client_scheme=scheme)

    # -------------------------------------------------------------- after the handshake

    def _ticket(self, body: bytes) -> None:
        """Section 4.6.1; the first one is kept."""
        if self.resume is not None:
            return
        at = Cursor(body)
        lifetime, age_add, nonce, ticket = at.u32("ticket_lifetime"), at.u32("ticket_age_add"), at.vector(1, "nonce"), at.vector(2, "ticket")
        extensions = at.block(2, "extensions")
        early = 0
        while extensions.left:
            number, content = extensions.u16("extension"), extensions.vector(2, "extension")
            if number == 42:
                early = int.from_bytes(content[:4], "big")
        psk = resumption_psk(self._hash, self._main, self._resumption_transcript, nonce)
        self.resume = Resume(0x0304, self._suite, psk, b"", ticket, age_add, time_ns(), lifetime, max_early_data=early)

    def _key_update(self, body: bytes) -> None:
        """Section 4.6.3: the server's next records are under its next keys; ours too, where it asks for that."""
        self._traffic["server"] = next_traffic(self._hash, self._traffic["server"])
        self._open_with(self._traffic["server"])
        if body == b"\x01":
            self._say("other-message", 24, b"\0")
            self._traffic["client"] = next_traffic(self._hash, self._traffic["client"])
            self._seal_with(self._traffic["client"])
