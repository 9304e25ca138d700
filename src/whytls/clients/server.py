"""What one server accepts, as an inventory of it found: the other half of the question whether a client gets through."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple


class Site(NamedTuple):
    """What a server shows to a hello with one name in it, or with none."""

    chains: tuple[tuple[bytes, ...], ...] = ()  # DER, own certificate first; one for each kind of key, the preferred one first
    refused: bool = False  # it breaks such a handshake off
    alert: int | None = None  # with this alert; None: it only closes, or goes on


class Accepts(NamedTuple):
    """What one server accepts for the name that is asked about. ``None`` means: not known, and then it is no limit here."""

    suites: Mapping[int, tuple[int, ...]]  # by version, in the order of the server's preference; what it does not take is not in it
    named: Site = Site()  # what it shows to a hello that names it
    nameless: Site | None = None  # and to one without a name; None: the same
    own_order: bool = True  # it takes the first of its own list that fits; False: the first of the client's
    groups: tuple[int, ...] | None = None
    signature_schemes: tuple[int, ...] | None = None  # with which it signs
    dh_bits: int | None = None  # of its prime for DHE below TLS 1.3
    secure_renegotiation: bool | None = None  # RFC 5746
    alpn: tuple[str, ...] | None = None
    alpn_required: bool = False  # it refuses a client that offers protocols and none of its own (RFC 7301 section 3.2)
    client_certificate: Literal["", "requested", "required"] = ""

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions that it takes, highest first."""
        return tuple(sorted([version for version, suites in self.suites.items() if suites], reverse=True))


NOTHING = Accepts(MappingProxyType({}))
