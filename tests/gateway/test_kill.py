"""A gateway that is killed in mid upload has a whole store when it comes back: all that was acknowledged, and nothing by halves."""

from __future__ import annotations

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from lab.management_api import Running, start

from authority import issue
from whytls.gateway import bundle, keystores, proxies
from whytls.gateway.sealing import Secret
from whytls.gateway.store import Scope, Store, ensure

E = "/v1/o/local/e/test"
HERE = Scope("local", "test")
ROUNDS = 6
BYTES = {"content-type": "application/octet-stream"}
ROOT = issue("Meadow root", ca=True)
LEAF = issue("api.test", ROOT)
# As of today: the gateway in another process goes by the clock of the machine, and the certificates are of 2024.
TAKE = "&ignoreExpiryValidation=true"
KEY = LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
BUNDLE = {f"apiproxy/resources/jsc/{number:03}.js": bytes([number]) * 5_000 for number in range(60)} | {"apiproxy/weather.xml": b"<APIProxy/>"}


def upload_until_it_dies(server: Running, told: list[tuple[str, int]], begin: int) -> None:
    """Uploads an alias and a bundle, one after the other; notes what was acknowledged."""
    zipped = bundle.zipped(BUNDLE)
    try:
        with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {server.token}"}, timeout=20) as client:
            for number in range(begin, begin + 1_000):
                files = {"certFile": LEAF.pem.encode() + ROOT.pem.encode(), "keyFile": KEY}
                if client.post(f"{E}/keystores/ks/aliases?format=keycertfile&alias=a{number}{TAKE}", files=files).status_code == 201:
                    told.append(("alias", number))
                answer = client.post("/v1/o/local/apis?action=import&name=weather", content=zipped, headers=BYTES)
                if answer.status_code == 201:
                    told.append(("revision", int(answer.json()["revision"])))
    except httpx.TransportError:
        pass


def half_a_body(server: Running) -> socket.socket:
    """A connection on which half of an upload has been sent."""
    where = urlsplit(server.url)
    connection = socket.create_connection((where.hostname or "", where.port or 0))
    head = f"POST {E}/keystores/ks/aliases?alias=half HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {server.token}\r\n"
    connection.sendall(f"{head}content-type: multipart/form-data; boundary=x\r\ncontent-length: 100000\r\n\r\n--x\r\n".encode())
    return connection


def check(folder: Path, told: list[tuple[str, int]]) -> None:
    """The store on its own: SQLite finds it whole, and everything in it is complete."""
    store = Store(folder / "store.sqlite", Secret.from_file(folder / "secret"))
    try:
        _check(store, told)
    finally:
        store.close()


def _check(store: Store, told: list[tuple[str, int]]) -> None:
    with store.view() as run:
        assert run("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert run("PRAGMA foreign_key_check").fetchall() == []
    names = {alias.name for alias in keystores.keystore(store, HERE, "ks").aliases}
    for name in names:
        assert keystores.alias(store, HERE, "ks", name).certificates == (LEAF.der, ROOT.der)
        key = keystores.private_key(store, HERE, "ks", name)
        assert key is not None
        assert load_der_private_key(key, None).public_key() == LEAF.key.public_key()
    numbers = {found.number for found in proxies.revisions(store, "local", "weather")} if "weather" in proxies.names(store, "local") else set()
    for number in numbers:
        assert proxies.files(store, "local", "weather", number) == BUNDLE
    assert {f"a{number}" for kind, number in told if kind == "alias"} <= names
    assert {number for kind, number in told if kind == "revision"} <= numbers
    assert "half" not in names


def test_killed_in_mid_upload(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    chance = random.Random(5)
    for round_ in range(ROUNDS):
        server = start(tmp_path)
        if round_ == 0:
            headers = {"authorization": f"Bearer {server.token}"}
            assert httpx.post(f"{server.url}{E}/keystores", json={"name": "ks"}, headers=headers).status_code == 201
        before = len(told)
        uploading = threading.Thread(target=upload_until_it_dies, args=(server, told, round_ * 1_000))
        connection = half_a_body(server)
        uploading.start()
        while len(told) < before + 2 and uploading.is_alive():  # something was acknowledged, so it is in the middle of more
            time.sleep(0.001)
        time.sleep(chance.random() / 20)
        server.process.kill()  # SIGKILL
        server.process.wait()
        uploading.join()
        connection.close()
        assert server.process.stdout is not None
        server.process.stdout.close()
        check(tmp_path, told)
    assert len({kind for kind, _ in told}) == 2


DIES = """
import os, signal, sys
from collections import UserDict
from pathlib import Path
from whytls.gateway import proxies
from whytls.gateway.sealing import Secret
from whytls.gateway.store import Store

class Deadly(UserDict):
    def items(self):
        for number, pair in enumerate(self.data.items()):
            if number == 30:
                os.kill(os.getpid(), signal.SIGKILL)
            yield pair

folder = Path(sys.argv[1])
store = Store(folder / "store.sqlite", Secret.from_file(folder / "secret"))
proxies.add_revision(store, "local", "weather", Deadly({f"apiproxy/{number}": bytes(200_000) for number in range(60)}))
"""


def test_killed_between_two_files_of_a_bundle(tmp_path: Path) -> None:
    """The same with no chance in it; the half bundle is larger than what SQLite keeps in memory."""
    store = Store(tmp_path / "store.sqlite", Secret.from_file(tmp_path / "secret"))
    ensure(store, "local", ("test",))
    keystores.create(store, HERE, "ks")
    proxies.add_revision(store, "local", "weather", BUNDLE)
    store.close()
    done = subprocess.run([sys.executable, "-c", DIES, tmp_path], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "store.sqlite-wal").stat().st_size > 2_000_000  # it was in the middle of writing
    check(tmp_path, [("revision", 1)])
    store = Store(tmp_path / "store.sqlite", Secret.from_file(tmp_path / "secret"))
    assert proxies.add_revision(store, "local", "weather", BUNDLE).number == 2
    store.close()


def test_the_check_sees_a_store_that_is_not_whole(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite", Secret.from_file(tmp_path / "secret"))
    ensure(store, "local", ("test",))
    keystores.create(store, HERE, "ks")
    der = LEAF.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    keystores.add_alias(store, HERE, "ks", "a1", "keycertfile", keystores.Material((LEAF.der, ROOT.der), der))
    store.close()
    check(tmp_path, [("alias", 1)])
    for damage in ("DELETE FROM certificate WHERE position = 1", "UPDATE alias SET sealed_key = NULL", "DELETE FROM alias"):
        with sqlite3.connect(tmp_path / "store.sqlite") as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("SAVEPOINT here")
            connection.execute(damage)
        connection.close()
        try:
            check(tmp_path, [("alias", 1)])
        except AssertionError:
            continue
        raise AssertionError(damage)
