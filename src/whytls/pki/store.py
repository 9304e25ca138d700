"""Trust anchors from files: what ``--trust`` names, and this machine's own store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from whytls.exceptions import DamagedInput, InputError
from whytls.pki.certificate import read
from whytls.pki.readers import pem

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_FILE = 64 << 20
MOST_FILES = 20_000
# What else people hand over, and how to turn it into something that can be read here.
FOREIGN = (
    (b"\xfe\xed\xfe\xed", "a Java keystore (JKS)", "keytool -list -rfc -keystore FILE > anchors.pem"),
    (b"\xce\xce\xce\xce", "a Java keystore (JCEKS)", "keytool -list -rfc -storetype JCEKS -keystore FILE > anchors.pem"),
)


def read_anchors(path: str | Path) -> tuple[bytes, ...]:
    """The certificates in a PEM file, a DER file, or a folder of both, each once, as DER."""
    from pathlib import Path

    place = Path(path)
    found = list(dict.fromkeys(_folder(place) if place.is_dir() else _file(place)))
    if not found:
        raise InputError("no certificate in it", file=str(path), hint="expected PEM or DER certificates")
    return tuple(found)


@lru_cache(maxsize=1)
def system_anchors() -> tuple[bytes, ...]:
    """This machine's own anchors: where OpenSSL looks, else where distributions keep them; empty if nowhere."""
    import ssl

    paths = ssl.get_default_verify_paths()
    usual = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    for candidate in (paths.cafile, *usual, paths.capath):
        try:
            if candidate:
                return read_anchors(candidate)
        except InputError:
            continue
    return ()


def _folder(folder: Path) -> Iterator[bytes]:
    """All certificates of a folder; files that hold none are left out (keys, notes, revocation lists)."""
    try:
        names = sorted(entry for entry in folder.iterdir() if entry.is_file())
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=str(folder)) from error
    if len(names) > MOST_FILES:
        raise InputError(f"{len(names)} files in one folder", file=str(folder), hint=f"at most {MOST_FILES}")
    for name in names:
        try:
            yield from _file(name)
        except InputError:
            continue


def _file(path: Path) -> list[bytes]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError("too large for a truststore", file=str(path), hint=f"at most {LARGEST_FILE} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(error.strerror or "cannot be read", file=str(path)) from error
    return certificates_in(data, str(path))


def certificates_in(data: bytes, name: str) -> list[bytes]:
    """The certificates in a file's content; ``InputError`` says what it is instead."""
    for magic, what, command in FOREIGN:
        if data.startswith(magic):
            raise InputError(f"this is {what}", file=name, hint=f"export it first: {command}")
    if pem.BEGIN in data:
        try:
            found = pem.certificates(data)
        except DamagedInput as error:
            raise InputError(error.problem, file=name, offset=error.offset) from error
        broken = next((place for place, der in enumerate(found, 1) if not read(der).subject_der), None)
        if broken:
            raise InputError(f"certificate {broken} of {len(found)} in it is not readable", file=name)
        if found:
            return found
        labels = sorted({block.label for block in pem.blocks(data)})
        raise InputError(f"no certificate in it, but: {', '.join(labels[:5])}", file=name, hint="expected BEGIN CERTIFICATE")
    if data[:1] == b"\x30":
        certificate = read(data)
        if certificate.subject_der and certificate.issuer_der:
            return [data]
        raise InputError(
            "not a certificate, though it is DER", file=name,
            hint="a PKCS #12 file is exported with: openssl pkcs12 -nokeys -in FILE -out anchors.pem",
        )  # fmt: skip
    raise InputError("neither PEM nor DER", file=name, hint="expected PEM or DER certificates")
