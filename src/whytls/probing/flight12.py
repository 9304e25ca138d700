"""SSL 3.0 to TLS 1.2 behind the ServerHello: the server's flight, ours, ChangeCipherSpec and Finished both ways, also of a resumed session.

As in ``flight13.py`` nothing is refused; a wrong signature or Finished is a fact. Whether a session is resumed shows when the server's
ChangeCipherSpec comes without a certificate and a ServerHelloDone before it (RFC 5246 section 7.3, RFC 5077 section 3.4).
"""

from __future__ import annotations

from time import time_ns

from whytls.exceptions import Malformed
from whytls.model import EventKind
from whytls.probing.channel import Channel
from whytls.probing.exchange import Exchanged, Offered, answered, offered, with_certificate
from whytls.probing.facts import NOTHING_PROVED, Identity, Proofs, Resume
from whytls.probing.signatures import public_key, scheme_for, signed, signed_ssl3, verified
from whytls.wire.cursor import Cursor
from whytls.wire.extension import max_fragment_length, record_size_limit
from whytls.wire.message import Alert, Certificate, CertificateRequest, CertificateVerify, ClientHello, Message, PlainMessage, ServerHello
from whytls.wire.protection import Keys, protection, size_of
from whytls.wire.record import ALERT
from whytls.wire.registry import SSL3, TLS12, suite_facts, suite_name
from whytls.wire.secrets import extended_master_secret, finished, hash_of_suite, key_block, master_secret, ssl3_hashes

_ENCRYPT_THEN_MAC, _NO_CERTIFICATE = 22, Alert(1, 41)


class Flight12:
    """What follows one ServerHello of TLS 1.2 or before; the channel's messages reach to it."""

    def __init__(self, channel: Channel, hello: ClientHello, answer: ServerHello, identity: Identity | None, resume: Resume | None) -> None:
        self._channel, self._hello, self._answer, self._identity = channel, hello, answer, identity
        self._version, self._suite, self._hash = answer.version, answer.cipher_suite, hash_of_suite(answer.cipher_suite)
        self._randoms = hello.random.rjust(32, b"\0"), answer.random  # a shorter challenge of SSLv2 is filled up (RFC 5246 appendix E.2)
        self._facts = suite_facts(answer.cipher_suite)
        self._earlier = resume
        self.proofs: Proofs = NOTHING_PROVED
        self.resume: Resume | None = None
        self.settled = False
        self._leaf: bytes | None = None
        self._offered: Offered | None = None
        self._request: CertificateRequest | None = None
        self._master = b""
        self._ticket: tuple[int, bytes] = (0, b"")
        self._said_finished = False
        for number, body in answer.extensions:
            if number == 28:
                channel.limit(record_size_limit(body))
            elif number == 1:
                channel.limit(max_fragment_length(body))

    def _beyond(self) -> bool:
        """Whether we cannot go on; asked when our turn comes, so that the server's flight is seen all the same."""
        if size_of(self._suite, self._version) is None:
            self._channel.stop("beyond", f"the server chose {suite_name(self._suite)}, which cannot be opened here")
        elif self._answer.compression_method:
            self._channel.stop("beyond", "the server chose compression, which is not undone here")
        return bool(self._channel.end)

    # -------------------------------------------------------------- the server's messages

    def message(self, number: int, body: bytes, value: Message) -> None:
        """One message of the server, which stands at the end of the channel's messages already.

        Raises:
            Malformed: it cannot be gone on with.
        """
        if self.settled:
            return
        if isinstance(value, Certificate):
            self._leaf = value.chain[0] if value.chain else None
        elif number == 12:
            self._key_exchange(body)
        elif isinstance(value, CertificateRequest):
            self._request = value
        elif number == 14:
            self._answered()
        elif number == 4:
            at = Cursor(body)
            self._ticket = at.u32("ticket_lifetime"), at.vector(2, "ticket")
        elif number == 20:
            self._finished(body)

    def _key_exchange(self, body: bytes) -> None:
        if self._facts.key_exchange not in ("ECDHE", "DHE") or self._facts.authentication == "PSK":
            return
        found = self._offered = offered(body, self._version, self._facts.key_exchange, self._facts.authentication == "anon")
        if found is None or found.signature is None:
            return
        data = self._randoms[0] + self._randoms[1] + found.parameters
        key = public_key(self._leaf) if self._leaf is not None else None
        self.proofs = self.proofs._replace(signature=verified(key, found.scheme, data, found.signature), scheme=found.scheme)

    def changed(self) -> None:
        """The server's ChangeCipherSpec: its next record is under the keys; without a flight before it, those of an earlier session."""
        if self.settled or self._beyond():
            return
        if not self._master:
            if self._earlier is None:
                self._channel.stop("beyond", "the server resumes a session of which we have no keys")
                return
            self._master = self._earlier.secret
        self._channel.opening = protection(self._suite, self._version, self._keys()[1], self._encrypt_then_mac)

    def _finished(self, body: bytes) -> None:
        if self._channel.opening is None:
            raise Malformed("a Finished before ChangeCipherSpec")
        before = bytes(self._channel.messages[: -4 - len(body)])
        fits = body == finished(self._version, self._hash, self._master, "server", before)
        self.proofs = self.proofs._replace(finished=fits)
        if not self._said_finished:  # resumed: ours comes last
            self._finish()
        self.settled = True
        lifetime, ticket = self._ticket
        earlier = self._earlier.ticket if self._earlier is not None and not self._leaf else b""
        if ticket or earlier or self._answer.session_id:
            self.resume = Resume(
                self._version, self._suite, self._master, self._answer.session_id, ticket or earlier, 0, time_ns(), lifetime,
                extended=self._answer.extended_master_secret,
            )  # fmt: skip

    # -------------------------------------------------------------- ours

    def _say(self, kind: EventKind, number: int, body: bytes, value: Message | None = None) -> None:
        self._channel.say(kind, number, body, value if value is not None else PlainMessage(number, len(body)))

    def _answered(self) -> None:
        """Our flight: [Certificate], ClientKeyExchange, [CertificateVerify], ChangeCipherSpec, Finished."""
        if self._beyond():
            return
        exchanged = self._exchanged()
        if exchanged is None:
            self._channel.stop("beyond", f"the key exchange of {suite_name(self._suite)} with what the server showed cannot be done here")
            return
        scheme = self._scheme()
        shown = self._certificate(scheme) if self._request is not None else False
        self._say("client-key-exchange", 16, exchanged.body)
        self._agree(exchanged.premaster)
        if shown:
            self._prove(scheme)
        if not self._channel.end:
            self._finish()

    def _exchanged(self) -> Exchanged | None:
        if self._facts.authentication == "PSK":
            return None
        if self._offered is not None:
            return answered(self._offered)
        key = public_key(self._leaf) if self._leaf is not None else None
        return with_certificate(key, self._facts.key_exchange, self._hello.legacy_version, self._version)

    def _agree(self, premaster: bytes) -> None:
        if self._answer.extended_master_secret and self._hello.has(23):
            self._master = extended_master_secret(self._version, self._hash, premaster, bytes(self._channel.messages))
        else:
            self._master = master_secret(self._version, self._hash, premaster, *self._randoms)

    def _scheme(self) -> int | None:
        """The scheme to sign with; before TLS 1.2, where it is not said, one that stands for "we can"."""
        if self._identity is None or self._request is None:
            return None
        from whytls.pki.certificate import read

        pss = read(self._identity.chain[0]).key_type == "rsa-pss"
        return scheme_for(self._identity.key, pss, self._request.signature_algorithms, self._version)

    def _certificate(self, scheme: int | None) -> bool:
        """Our Certificate, empty where we have none; in SSL 3.0 that is said by an alert (RFC 6101 section 5.6.6)."""
        chain = self._identity.chain if self._identity is not None and scheme is not None else ()
        if not chain and self._version <= SSL3:
            self._channel.said.add("alert", "client", _NO_CERTIFICATE, 2)
            self._channel.put(ALERT, bytes(_NO_CERTIFICATE))
            return False
        listed = b"".join([len(der).to_bytes(3, "big") + der for der in chain])
        self._say("certificate", 11, len(listed).to_bytes(3, "big") + listed, Certificate(chain))
        return bool(chain)

    def _prove(self, scheme: int | None) -> None:
        """Our CertificateVerify over all messages before it."""
        if self._identity is None:
            return
        messages = bytes(self._channel.messages)
        if self._version <= SSL3:
            signature = signed_ssl3(self._identity.key, ssl3_hashes(self._master, messages))
        else:
            signature = signed(self._identity.key, scheme if self._version >= TLS12 else None, messages)
        if signature is None:
            self._channel.stop("beyond", "the private key cannot sign as this version wants it")
            return
        told = scheme if self._version >= TLS12 else None
        body = (told.to_bytes(2, "big") if told is not None else b"") + len(signature).to_bytes(2, "big") + signature
        self._say("certificate-verify", 15, body, CertificateVerify(told))
        self.proofs = self.proofs._replace(client_scheme=told)

    def _finish(self) -> None:
        self._channel.change_cipher_spec()
        self._channel.sealing = protection(self._suite, self._version, self._keys()[0], self._encrypt_then_mac)
        self._say("finished", 20, finished(self._version, self._hash, self._master, "client", bytes(self._channel.messages)))
        self._said_finished = True

    # -------------------------------------------------------------- keys

    @property
    def _encrypt_then_mac(self) -> bool:
        return self._answer.has(_ENCRYPT_THEN_MAC) and self._facts.cipher.endswith("_CBC")

    def _keys(self) -> tuple[Keys, Keys]:
        """The client's and the server's."""
        sizes = size_of(self._suite, self._version)
        if sizes is None:
            raise AssertionError("refused in the beginning")
        block = key_block(self._version, self._hash, self._master, *self._randoms, 2 * sum(sizes))
        parts = []
        at = 0
        for size in (sizes.mac, sizes.mac, sizes.key, sizes.key, sizes.iv, sizes.iv):
            parts.append(block[at : at + size])
            at += size
        return Keys(parts[2], parts[4], parts[0]), Keys(parts[3], parts[5], parts[1])
