"""What an attempt brings along and what it leaves behind, as values: who we are, what was proved, what a second attempt can resume.

Keys and secrets are in some of them; they are never printed, so that no log and no report can hold them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

Until = Literal["answer", "flight", "session", "finish"]
# How an attempt ended. ``reached``: as far as was wanted. ``refused``: the server broke off with an alert. ``foreign``: it does not speak TLS,
# or what it speaks cannot be read. ``endless``: it had more to say than is read. ``beyond``: it chose what we cannot do (a cipher without a
# library, say). What the connection does (closed, reset, silence) is added outside.
End = Literal["", "reached", "refused", "foreign", "endless", "beyond", "closed", "reset", "silence"]


class Identity(NamedTuple):
    """A certificate to show when one is asked for, its chain behind it (DER), and its private key."""

    chain: tuple[bytes, ...]
    key: CertificateIssuerPrivateKeyTypes

    def __repr__(self) -> str:
        return f"Identity(<{len(self.chain)} certificates and a private key>)"


class Resume(NamedTuple):
    """What a ClientHello needs to resume a session; opaque to callers, who hand it to the next attempt."""

    version: int
    suite: int
    secret: bytes  # the master secret; in TLS 1.3 the PSK
    session_id: bytes = b""
    ticket: bytes = b""
    age_add: int = 0
    received_at: int = 0  # nanoseconds since 1970
    lifetime: int = 0  # seconds, as the server says
    extended: bool = False  # with the extended master secret; a hello that resumes must offer it then (RFC 7627 section 5.3)
    max_early_data: int = 0  # bytes of early data that the server would take (TLS 1.3)

    def __repr__(self) -> str:
        kind = f"a ticket of {len(self.ticket)} bytes" if self.ticket else f"a session ID of {len(self.session_id)} bytes"
        return f"Resume({self.version:#06x}, {kind})"


class Proofs(NamedTuple):
    """What the server had to prove. ``None``: it did not come to that, or cannot be checked. Nothing is refused for a wrong one."""

    signature: bool | None = None  # of its ServerKeyExchange or CertificateVerify, with the key of its certificate
    scheme: int | None = None  # that it signed with; absent before TLS 1.2
    finished: bool | None = None  # its Finished fits: it saw the same messages and has the same keys
    client_scheme: int | None = None  # that we signed with, where we showed a certificate


NOTHING_PROVED = Proofs()
