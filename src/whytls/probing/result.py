"""What probes and replays find, as values. Who reads them needs no connection; every statement points at its attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from whytls.probing.attempt import Attempt

if TYPE_CHECKING:
    from whytls.probing.why import Why

Named = Literal["right", "none", "unknown", "wrong"]
Wanted = Literal["no", "optional", "required", "unknown"]


class Refused(NamedTuple):
    """How the server said no: the attempt that shows it, and the alert, if it was one."""

    attempt: int  # its number
    end: str  # client.End
    alert: int | None = None


class VersionFound(NamedTuple):
    """One version: accepted with these suites, or refused."""

    version: int
    suites: tuple[int, ...] = ()  # in the order in which the server chose them
    server_order: bool | None = None  # it has an order of its own; False: it takes the client's; None: fewer than two suites
    refused: Refused | None = None  # of the version (no suites), or of the suites that were left
    dh_bits: tuple[int, ...] = ()  # sizes of the DHE primes met


class CertificateShown(NamedTuple):
    """A chain that the server showed, and to whom."""

    server_name: str | None
    key_type: str  # rsa, ecdsa, ed25519, ...: of the leaf
    chain: tuple[bytes, ...]
    attempts: tuple[int, ...]


class NameAsked(NamedTuple):
    """What a server_name led to (R19)."""

    named: Named
    server_name: str | None
    attempt: int
    chain: tuple[bytes, ...] | None = None
    refused: Refused | None = None
    warning: int | None = None  # a warning alert that came along (unrecognized_name, in TLS 1.2)


class ClientCertificate(NamedTuple):
    """Whether a client certificate is asked for, and what happens without one."""

    wanted: Wanted
    attempts: tuple[int, ...] = ()
    authorities: tuple[bytes, ...] = ()  # the CAs that it lists, DER names
    signature_schemes: tuple[int, ...] = ()
    certificate_types: tuple[int, ...] = ()
    how: str = ""  # slug, where it is required: alert, http-400, closed, reset


class Resumption(NamedTuple):
    """Which ways of resuming were offered and worked; ``None``: not asked."""

    session_id: bool | None = None
    ticket: bool | None = None
    psk: bool | None = None  # TLS 1.3
    early_data: bool | None = None
    attempts: tuple[int, ...] = ()


class Inventory(NamedTuple):
    """What one server accepts."""

    target: str
    address: str
    server_name: str | None
    versions: tuple[VersionFound, ...] = ()
    groups: tuple[int, ...] = ()  # in the order in which the server chose them
    groups_server_order: bool | None = None
    signature_schemes: tuple[int, ...] = ()
    alpn: tuple[str, ...] = ()
    alpn_refused: Refused | None = None  # what an unknown protocol alone leads to; None: it is ignored
    compression: bool | None = None
    secure_renegotiation: bool | None = None
    extended_master_secret: bool | None = None
    fallback_scsv: bool | None = None  # it refuses a needless fallback (RFC 7507)
    resumption: Resumption = Resumption()
    certificates: tuple[CertificateShown, ...] = ()
    names: tuple[NameAsked, ...] = ()
    client_certificate: ClientCertificate = ClientCertificate("unknown")
    attempts: tuple[Attempt, ...] = ()
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    why: Why | None = None  # where an offer of everything was refused

    def __repr__(self) -> str:  # asyncio.run writes its result out to find that it is no signal handler: 70 ms for all that is in here
        return f"Inventory({self.target!r}, {len(self.attempts)} attempts)"

    def attempt(self, number: int) -> Attempt | None:
        """The attempt of that number."""
        return next((a for a in self.attempts if a.number == number), None)
