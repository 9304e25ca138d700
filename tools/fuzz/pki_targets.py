"""Targets of pki/: certificates, chains, names, and stores of every format."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from tools.fuzz import seeds
from tools.fuzz.der import change_der
from tools.fuzz.frames import Change
from tools.fuzz.items import NOW, Run, packed, unpacked


def certificate() -> Run:
    """A certificate, by the library and by our lenient reader."""
    from whytls.pki import der, plain
    from whytls.pki.certificate import Certificate, _from_library, read

    def run(data: bytes) -> None:
        read(data)
        der.fields(data)
        found = plain.fields(data)
        if found is not None:  # then the library reads the very same
            problems: list[str] = []
            known = _from_library(data, problems)
            if problems:
                raise AssertionError(f"plain, but {problems}")
            if Certificate(data, "", **{**found, "plain": False})._asdict() != Certificate(data, "", **known)._asdict():
                raise AssertionError("plain, but read otherwise")

    return run


def chain() -> Run:
    """A chain as a peer sends it, for both purposes."""
    from whytls.pki.chain import examine

    def run(data: bytes) -> None:
        sent = list(unpacked(data))[:40]
        if len(data) & 1:
            examine(sent, at=NOW, host="api.example.test")
        else:
            examine(sent, at=NOW, purpose="client", anchors=sent[-1:])

    return run


def chain_seeds() -> list[bytes]:
    """The chains, and each in another order."""
    return [packed(list(c)) for c in seeds.certificates()] + [packed(list(c[::-1])) for c in seeds.certificates() if len(c) > 1]


def name() -> Run:
    """A host name against the names of a certificate."""
    from whytls.pki.certificate import Certificate
    from whytls.pki.name import match

    def run(data: bytes) -> None:
        parts = [part.decode("utf-8", "backslashreplace") for part in data.split(b"\0")]
        host, names = parts[0], tuple(parts[1:])
        match(host, Certificate(b"", "", (), dns_names=names))
        match(host, Certificate(b"", "", (), common_names=names))
        match(host, Certificate(b"", "", (), ip_addresses=names))

    return run


NAMES = [
    b"api.example.test\0api.example.test",
    b"a.b.example.test\0*.example.test\0*.b.example.test\0a*.b.example.test",
    b"10.0.0.1\x0010.0.0.1\x00*.0.0.1",
    b"[2001:db8::1]\x002001:db8:0:0:0:0:0:1",
    b"xn--bcher-kva.example\0b\xc3\xbccher.example\0*.example",
    b"API.Example.Test.\0api.example.test.\0",
]


STORES = Path(__file__).resolve().parents[2] / "tests" / "pki" / "stores"
ROUNDS = 2_500  # of hashing for one input: enough for a checksum of OpenSSL's


def store(reader: str) -> Run:
    """A store by the reader of its format, with the password of the seeds."""
    import importlib

    from whytls.pki.derivation import Rounds
    from whytls.pki.password import Password
    from whytls.pki.store import Opening, anchors

    read = importlib.import_module(f"whytls.pki.readers.{reader}").read
    password = Password.of("meadow1")

    def run(data: bytes) -> None:
        if reader == "jks":
            data = (data[:4] if data[:4] in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce") else b"\xce\xce\xce\xce") + data[4:]
        found = read(data, "store", Opening(password, rounds=Rounds(ROUNDS)))
        assert all(isinstance(der, bytes) for der in anchors(found))
        assert found.integrity in ("verified", "failed", "not checked", "none")
        assert not (found.damage and found.integrity == "verified")

    return run


def nginx() -> Run:
    """An nginx configuration; what it includes is not looked for, files that it names are."""
    from whytls.pki.readers.nginx import read
    from whytls.pki.store import Opening

    def run(data: bytes) -> None:
        read(data.replace(b"include", b"inclose").replace(b"/", b"_"), "none/nginx.conf", Opening())

    return run


def files(*endings: str) -> list[bytes]:
    """The stores of the tests with these endings."""
    return [path.read_bytes() for path in sorted(STORES.rglob("*")) if path.suffix in endings]


def change_pem(data: bytes, longest: int, rng: Random, change: Change) -> bytes:
    """One block's content changed as DER and written anew, or the text."""
    import base64
    import re

    found = list(re.finditer(rb"-----BEGIN ([A-Z0-9 ]+)-----\s([A-Za-z0-9+/=\s]+)-----END", data))
    if not found or rng.random() < 0.3:
        return change(data, longest)
    block = rng.choice(found)
    try:
        der = base64.b64decode(b"".join(block[2].split()))
    except ValueError:
        return change(data, longest)
    made = data[: block.start(2)] + base64.b64encode(change_der(der, len(der) + 64, rng, change)) + b"\n" + data[block.end(2) :]
    return made if len(made) <= longest else change(data, longest)


STORE_TARGETS: dict[str, tuple[Callable[[], Run], Callable[[], list[bytes]]]] = {
    "jks": (partial(store, "jks"), partial(files, ".jks", ".jceks")),
    "pkcs12": (partial(store, "pkcs12"), partial(files, ".p12")),
    "single": (partial(store, "single"), partial(files, ".der", ".p7b")),
    "pem": (partial(store, "pem"), partial(files, ".pem", ".key", ".crl")),
    "nginx": (nginx, partial(files, ".conf")),
}
