"""What is expected of a real client at a real server, and what happens when they meet."""

from __future__ import annotations

import ssl
import subprocess
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lab.hellos.listener import HOST
from lab.hellos.meet import Met, meet
from lab.hellos.stacks import STACKS

from authority import SERVER, Issued, days, issue, rsa_key
from whytls import clients
from whytls.clients.expected import expected
from whytls.clients.server import Accepts, Site
from whytls.wire.registry import TLS10, TLS11, TLS12, TLS13, suite_facts, suite_number

pytestmark = [pytest.mark.stacks, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
NOW = datetime.now(UTC).replace(microsecond=0)
CLIENTS = ("openssl-3.0", "curl-7.88", "gnutls-3.7", "java-17", "java-17-message-processor", "go-1.19", "nginx-1.22-proxy", "haproxy-2.6-server")
VERSIONS = {TLS10: ssl.TLSVersion.TLSv1, TLS11: ssl.TLSVersion.TLSv1_1, TLS12: ssl.TLSVersion.TLSv1_2, TLS13: ssl.TLSVersion.TLSv1_3}
SUITES13 = (0x1302, 0x1303, 0x1301)  # OpenSSL's own order
GCM = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
CURVES = {"": (29, 23, 30, 25, 24), "secp521r1": (25,), "X448": (30,)}
make = partial(issue, begins=NOW - days(20), ends=NOW + days(60), usage=(SERVER,))


class Server(NamedTuple):
    """A server to set up: the versions it takes, and what else is particular."""

    least: int
    most: int
    ciphers: str = GCM
    chain: str = "sound"
    curve: str = ""
    dh: int = 0
    wants_name: bool = False


SERVERS = {
    "modern": Server(TLS12, TLS13),
    "tls13": Server(TLS13, TLS13),
    "static-rsa": Server(TLS12, TLS12, "AES128-GCM-SHA256:AES128-SHA"),
    "chacha": Server(TLS12, TLS12, "ECDHE-RSA-CHACHA20-POLY1305"),
    "tls10-static": Server(TLS10, TLS10, "AES128-SHA"),
    "tls10-ecdhe": Server(TLS10, TLS10, "ECDHE-RSA-AES128-SHA"),
    "tls11": Server(TLS11, TLS11, "AES128-SHA"),
    "dhe-1024": Server(TLS12, TLS12, "DHE-RSA-AES128-SHA", dh=1024),
    "dhe-2048": Server(TLS12, TLS12, "DHE-RSA-AES128-SHA", dh=2048),
    "ecdsa": Server(TLS12, TLS13, "ECDHE-ECDSA-AES128-GCM-SHA256", "ecdsa"),
    "p521-tls12": Server(TLS12, TLS12, curve="secp521r1"),
    "x448-tls13": Server(TLS13, TLS13, curve="X448"),
    "rsa-1024": Server(TLS12, TLS12, chain="weak"),
    "expired": Server(TLS12, TLS13, chain="expired"),
    "other-name": Server(TLS12, TLS13, chain="other"),
    "no-intermediate": Server(TLS12, TLS13, chain="alone"),
    "wants-a-name": Server(TLS12, TLS13, wants_name=True),
}


class World(NamedTuple):
    """The certificates of a run, and where they lie."""

    folder: Path
    root: bytes
    chains: dict[str, tuple[bytes, ...]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("meeting")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    root = issue("Meadow Root", ca=True, begins=NOW - days(40), ends=NOW + days(600))
    middle = issue("Meadow Issuing", root, ca=True, begins=NOW - days(40), ends=NOW + days(500))
    leaves = {
        "sound": make("sound", middle, san=(HOST,), key=rsa_key(2048)), "ecdsa": make("ecdsa", middle, san=(HOST,)),
        "weak": make("weak", middle, san=(HOST,), key=rsa_key(1024)), "other": make("other", middle, san=("www.example.test",), key=rsa_key(2048)),
        "expired": make("expired", middle, san=(HOST,), key=rsa_key(2048), ends=NOW - days(1)),
        "alone": make("alone", middle, san=(HOST,), key=rsa_key(2048)),
    }  # fmt: skip
    (folder / "root.pem").write_text(root.pem)
    store = ["-keystore", str(folder / "trust.p12"), "-storetype", "PKCS12", "-storepass", "changeit"]
    subprocess.run(
        ["keytool", "-importcert", "-noprompt", "-alias", "root", "-file", str(folder / "root.pem"), *store], check=True, capture_output=True
    )
    for bits in (1024, 2048):  # -dsaparam: made in a moment
        subprocess.run(["openssl", "dhparam", "-dsaparam", "-out", str(folder / f"dh{bits}"), str(bits)], check=True, capture_output=True)
    return World(folder, root.der, {name: _written(folder, name, leaf, [] if name == "alone" else [middle]) for name, leaf in leaves.items()})


def _written(folder: Path, name: str, leaf: Issued, above: list[Issued]) -> tuple[bytes, ...]:
    (folder / f"{name}.pem").write_text(leaf.pem + "".join(one.pem for one in above))
    (folder / f"{name}.key").write_bytes(leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return (leaf.der, *(one.der for one in above))


def context(server: Server, world: World) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers(f"{server.ciphers}:@SECLEVEL=0")
    made.minimum_version, made.maximum_version = VERSIONS[server.least], VERSIONS[server.most]
    made.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    made.load_cert_chain(world.folder / f"{server.chain}.pem", world.folder / f"{server.chain}.key")
    if server.curve:
        made.set_ecdh_curve(server.curve)
    if server.dh:
        made.load_dh_params(world.folder / f"dh{server.dh}")
    if server.wants_name:
        made.sni_callback = lambda connection, name, own: None if name else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    return made


def inventory(server: Server, world: World) -> Accepts:
    numbers = [number for name in server.ciphers.split(":") if (number := suite_number(name)) is not None]
    versions = range(server.least, server.most + 1)
    suites = {v: SUITES13 if v == TLS13 else tuple(n for n in numbers if suite_facts(n).usable(v)) for v in versions}
    nameless = Site(refused=True, alert=112) if server.wants_name else None
    chain = world.chains[server.chain]
    return Accepts(suites, Site((chain,)), nameless, groups=CURVES[server.curve], dh_bits=server.dh or None, secure_renegotiation=True)


@pytest.mark.parametrize("slug", CLIENTS)
def test_what_is_expected_happens(slug: str, world: World) -> None:
    stack, client = next(s for s in STACKS if s.slug == slug), clients.load(slug)
    assert stack.debian
    different, told = [], 0
    for name, server in SERVERS.items():
        answer = expected(client, inventory(server, world), name=HOST, at=time.time_ns(), anchors=(world.root,))
        if answer.connects is None:
            assert answer.unknown
            continue
        told += 1
        met: Met = meet(stack, context(server, world), world.folder / "root.pem", world.folder / "trust.p12")
        if answer.connects != met.completed or (met.completed and suite_number(met.suite) != answer.suite):
            different.append(f"{name}: {answer.connects} {[o.text for o in answer.obstacles]}, but {met}")
    assert not different, "\n".join(different)
    assert told >= len(SERVERS) - 1
