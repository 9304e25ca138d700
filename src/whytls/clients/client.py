"""A client as a value: its first flight, its accept rules, its provenance; read from its file."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from whytls.exceptions import DamagedInput
from whytls.wire import record as records
from whytls.wire.message import read as read_message
from whytls.wire.registry import VERSIONS
from whytls.wire.sslv2 import read_sslv2
from whytls.wire.value import ClientHello

Bits = tuple[int, int]  # from, to; both included
_VERSIONS = {name: number for number, name in VERSIONS.items()}


class Rules(NamedTuple):
    """What the client accepts, besides what its hello says."""

    judged_by: str  # who judges its chain: a stack of ``pki.stacks``, "browser", or one that has no profile (rustls, schannel, ...)
    versions: tuple[int, ...] = ()  # those it really takes, where they are fewer than the hello says; empty: all
    dh_bits: Bits | None = None  # of the prime in DHE below TLS 1.3; None: it offers no DHE, or no limit is known
    rsa_bits: Bits = (0, 16384)  # of the key in the server's certificate
    ec_bits: Bits = (160, 571)
    sha1: bool = False  # signatures in the chain with SHA-1
    md5: bool = False
    legacy_signatures: bool = True  # takes the SHA-1 signature that a ServerKeyExchange bears below TLS 1.2
    security_level: int | None = None  # OpenSSL's
    strict: bool = False  # OpenSSL's X509_V_FLAG_X509_STRICT
    partial_chain: bool = False  # OpenSSL's X509_V_FLAG_PARTIAL_CHAIN
    checks_chain: bool = True
    checks_name: bool = True
    dotted_names_only: bool = False  # sends no server_name for a name without a dot
    fetches_issuers: bool = False  # over AIA
    needs_secure_renegotiation: bool = False  # refuses a server without RFC 5746
    anchors: str = ""  # which trust anchors it brings, in words
    sources: tuple[str, ...] = ()  # the documents that say so


class Provenance(NamedTuple):
    """Where the first flight is from."""

    kind: Literal["recorded", "described"]
    program: str = ""  # recorded: the program as it calls itself
    command: str = ""
    date: str = ""  # ISO 8601
    facts: tuple[str, ...] = ()  # described: the public documents
    unknown: tuple[str, ...] = ()  # described: what they do not say


class Client(NamedTuple):
    """One release of one client."""

    slug: str
    title: str  # for people
    family: str  # java, openssl, go, browser, ...
    version: str
    note: str  # its role, where that needs saying
    first_flight: bytes  # records and all, as they were sent
    hello: ClientHello  # what stands in it
    rules: Rules
    provenance: Provenance

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions that it offers and takes, highest first."""
        taken = self.rules.versions
        return tuple([v for v in self.hello.versions if v in taken]) if taken else self.hello.versions

    @property
    def sends_name(self) -> bool:
        """Whether it sends server_name where it is called with a name."""
        return self.hello.server_name is not None

    @property
    def alpn(self) -> tuple[str, ...]:
        """The application protocols that it offers; empty where it sends no such extension."""
        return self.hello.alpn or ()


def read(slug: str, text: str) -> Client:
    """A client from the text of its file.

    Raises:
        DamagedInput: the text is not such a file.
    """
    import json

    try:
        told = json.loads(text)
        flight = bytes.fromhex("".join(told["first_flight"]))
        return Client(
            slug, told["title"], told["family"], told["version"], told.get("note", ""), flight, hello_of(flight), _rules(told["accepts"]),
            Provenance(**_frozen(told["provenance"])),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedInput(
            f"no client can be read from this: {error}", file=f"{slug}.json", hint="python -m lab.hellos writes these files"
        ) from error


def hello_of(flight: bytes) -> ClientHello:
    """The ClientHello in a first flight; ``ValueError`` where it holds none."""
    found = records.split(flight).records
    if found and found[0].content_type == records.SSLV2:
        hello = read_sslv2(flight[found[0].start : found[0].end])
    else:
        message = b"".join([flight[one.start : one.end] for one in found if one.content_type == records.HANDSHAKE])
        hello = read_message(message[0], message[4:]) if len(message) > 4 else None  # type: ignore[assignment]
    if not isinstance(hello, ClientHello) or hello.problem:
        raise ValueError("its first flight holds no sound ClientHello")
    return hello


def _rules(told: dict[str, Any]) -> Rules:
    if "versions" in told:
        told = {**told, "versions": [_VERSIONS[name] for name in told["versions"]]}
    return Rules(**_frozen(told))


def _frozen(told: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
