"""What a server shall do, in the words of the RFCs, and how to get one that does it.

    with running(Serve("nginx", (www_rsa, www_ec), versions=(0x0302, 0x0303), groups=("secp384r1",))) as server:
        ask(server.address, server.port)

Each stack has a file here that says the same in the stack's own words (``command``: description and folder in, command line out).
Where a stack cannot do what is described it says so with `Unsupported`; it never does something near it instead.
What a description leaves open (an empty tuple) is as the stack has it by itself, distribution's configuration files apart.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from lab.live import process
from lab.net import LabError

SSL3, TLS10, TLS11, TLS12, TLS13 = 0x0300, 0x0301, 0x0302, 0x0303, 0x0304
STACKS = ("openssl", "nginx", "haproxy", "go", "java17", "java25", "gnutls", "nss", "node")
ALL = ("ALL",)  # as `suites`: everything that the stack has, anonymous and export suites included where it still knows them


class Unsupported(LabError):
    """A stack has no way to do what was described."""

    def __init__(self, stack: str, what: str) -> None:
        super().__init__(f"{stack} cannot: {what}")
        self.stack, self.what = stack, what


class Pair(NamedTuple):
    """A certificate chain (PEM, leaf first) and its private key (PEM, no password), as files."""

    certificate: str
    key: str

    @property
    def leaf(self) -> x509.Certificate:
        """The first certificate of the chain."""
        return x509.load_pem_x509_certificates(Path(self.certificate).read_bytes())[0]

    @property
    def kind(self) -> str:
        """The key's type: "rsa", "ec", "ed25519"."""
        key = self.leaf.public_key()
        for name, kind in (("rsa", rsa.RSAPublicKey), ("ec", ec.EllipticCurvePublicKey), ("ed25519", ed25519.Ed25519PublicKey)):
            if isinstance(key, kind):
                return name
        raise ValueError(f"{self.certificate}: a key that no server here takes")


@dataclass(frozen=True, slots=True)
class Serve:
    """A server. Suites, groups and signature schemes bear IANA's names (suites also OpenSSL's), in the order of preference."""

    stack: str
    certificates: tuple[Pair, ...]  # the default site: one per key type (haproxy: who sends no name sees the first only)
    versions: tuple[int, ...] = (TLS12, TLS13)
    suites: tuple[str, ...] = ()  # those of TLS 1.3 and those before are two lists: one that has no name here stays as the stack has it
    groups: tuple[str, ...] = ()
    signature_schemes: tuple[str, ...] = ()  # what it signs with, and what it accepts of client certificates
    alpn: tuple[str, ...] = ()  # where given, a client that offers only others is refused if the stack can refuse; gnutls follows the client's order
    names: Mapping[str, tuple[Pair, ...]] = field(default_factory=dict)  # other sites, by the server_name that selects them
    # A name in nobody's list: the default site; the default site after a warning alert (RFC 6066 section 3); or refused.
    unknown_name: Literal["default", "alert", "reject"] = "default"
    no_name: Literal["default", "reject"] = "default"
    client_auth: Literal["none", "optional", "required"] = "none"
    client_ca: str = ""  # PEM: the CAs that it names and trusts
    order: Literal["", "server", "client"] = ""  # whose preference decides the suite
    # The size of the DHE group (before TLS 1.3); 0: the stack's own habit, which can be no DHE at all. Java and gnutls take one of
    # RFC 7919's instead where the client names some.
    dh_bits: int = 0
    extended_master_secret: Literal["", "required"] = ""  # RFC 7627
    secure_renegotiation: Literal["", "required"] = ""  # RFC 5746 section 3.6: refuse a client that does not signal it
    address: str = "127.0.0.1"  # or ::1; gnutls and nss always listen on all addresses

    def __post_init__(self) -> None:
        if self.client_auth != "none" and not self.client_ca:
            raise ValueError("a server that asks for client certificates needs the CAs that it trusts")
        if self.client_auth == "none" and self.client_ca:
            raise ValueError("CAs for client certificates, but none are asked for")
        if self.unknown_name != "default" and not self.names:
            raise ValueError("a server that knows no name beside the default site has no unknown ones")
        if not self.certificates or not self.versions:
            raise ValueError("a server needs a certificate and a version")


class Command(NamedTuple):
    """How to start it."""

    words: list[str]
    env: Mapping[str, str] = {}


class Running(NamedTuple):
    """A server that listens."""

    serve: Serve
    port: int
    log: Path
    folder: Path  # its configuration
    pid: int

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.serve.address

    @property
    def said(self) -> str:
        """What it wrote so far: its output, and its error log where that is a file of its own."""
        files = [self.log, *sorted(self.folder.glob("*-error.log"))]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())


class _Stack(Protocol):
    def command(self, serve: Serve, folder: Path, port: int) -> Command: ...


@contextlib.contextmanager
def running(serve: Serve) -> Iterator[Running]:
    """The server, listening, until the block ends. Unsupported where its stack cannot do that; LabError where it does not start."""
    module = _stack(serve.stack)
    with tempfile.TemporaryDirectory(prefix="live-") as name:
        folder = Path(name)
        port = process.free_port(serve.address)
        command = module.command(serve, folder, port)
        log = folder / f"{serve.stack}.log"
        with process.process(command.words, folder, port, log, command.env) as child:
            yield Running(serve, port, log, folder, child.pid)


def supported(serve: Serve) -> Unsupported | None:
    """Why the stack cannot do that, or None where it can; nothing is started."""
    with tempfile.TemporaryDirectory(prefix="live-") as name:
        try:
            _stack(serve.stack).command(serve, Path(name), 1)
        except Unsupported as error:
            return error
    return None


_MODULES = {"openssl": "s_server", "java17": "java", "java25": "java", "go": "golang", "node": "nodejs", "nginx": "nginx", "haproxy": "haproxy",
            "gnutls": "gnutls", "nss": "nss"}  # fmt: skip


@functools.cache
def _stack(name: str) -> _Stack:
    if name not in _MODULES:
        raise ValueError(f"no stack is called {name}; there are {', '.join(STACKS)}")
    module: _Stack = importlib.import_module(f"lab.live.{_MODULES[name]}")
    return module


def contiguous(serve: Serve) -> tuple[int, int]:
    """The lowest and the highest version, where nothing between is missing; Unsupported otherwise: most stacks take a range."""
    low, high = min(serve.versions), max(serve.versions)
    missing = sorted(set(range(low, high + 1)) - set(serve.versions))
    if missing:
        raise Unsupported(serve.stack, f"versions with {missing[0]:#06x} left out between others")
    return low, high


def cannot(serve: Serve, field: str, *values: object) -> None:
    """Unsupported where the field has one of those values; without values: where it says anything at all."""
    value = getattr(serve, field)
    if value in values if values else bool(value):
        raise Unsupported(serve.stack, f"{field} = {value!r}")


def one_per_type(serve: Serve) -> dict[str, Pair]:
    """The default site's certificates by key type."""
    found = {pair.kind: pair for pair in serve.certificates}
    if len(found) < len(serve.certificates):
        raise Unsupported(serve.stack, "two certificates of one key type for one site")
    return found


def sites(serve: Serve) -> Iterator[tuple[str, tuple[Pair, ...]]]:
    """The default site, under the name "", and the others."""
    return itertools.chain([("", serve.certificates)], serve.names.items())
