"""Writes the certificates that a side sent as PEM files, with their origin above each (``--extract-certs``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from whytls.exceptions import InputError, UsageError
from whytls.pki.certificate import Certificate, read

if TYPE_CHECKING:
    from pathlib import Path

MOST_COPIES = 99  # files of the same name with other content


def write_chain(
    directory: str | Path,
    chain: Sequence[bytes],
    *,
    side: str,
    address: str,
    port: int,
    frame: int,
    file: str = "",
) -> list[Path]:
    """Writes each certificate of a chain into its own file, and the whole chain into one; gives the paths in that order.

    ``side``, ``address`` and ``port`` name the sender, ``frame`` and ``file`` where its Certificate message ends. A file that
    exists with the same content is left alone; one with other content is never touched, the new one gets a number.
    """
    from pathlib import Path

    if side not in ("client", "server"):
        raise UsageError(f"no such side: {side!r}", hint="client or server")
    if not chain:
        return []
    folder = Path(directory)
    stem = f"{side}_{_plain(address)}_{port}_frame{frame}"
    origin = f"sent by the {side} {address} port {port}, frame {frame}" + (f" of {file}" if file else "")
    texts = [_text(read(der), der, f"{origin}, certificate {index} of {len(chain)}") for index, der in enumerate(chain, 1)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [_write(folder, f"{stem}_{index}", text) for index, text in enumerate(texts, 1)]
        return [*written, _write(folder, f"{stem}_chain", "\n".join(texts))]
    except OSError as error:
        raise InputError(error.strerror or "cannot be written", file=str(error.filename or directory)) from error


def _plain(text: str) -> str:
    """A text that cannot leave its folder, whatever it was: letters, digits, and dots between them."""
    kept = "".join(sign if sign.isascii() and (sign.isalnum() or sign == ".") else "-" for sign in text[:80])
    return kept.strip(".-") or "unknown"


def _text(certificate: Certificate, der: bytes, origin: str) -> str:
    head = [
        ("subject", certificate.subject), ("issuer", certificate.issuer),
        ("valid", f"{moment(certificate.not_before)} to {moment(certificate.not_after)}"),
        ("sha256", certificate.sha256), ("origin", origin),
        *(("problem", problem) for problem in certificate.problems),
    ]  # fmt: skip
    lines = [f"# {key}: {one_line(value)}" for key, value in head]
    return "\n".join([*lines, armoured(der)])


def armoured(der: bytes) -> str:
    """One certificate as a PEM block (RFC 7468)."""
    import base64

    encoded = base64.b64encode(der).decode("ascii")
    body = [encoded[at : at + 64] for at in range(0, len(encoded), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *body, "-----END CERTIFICATE-----", ""])


def one_line(text: str) -> str:
    """Text of a certificate for a comment: the sender wrote it, and it must not begin a line or a block of its own."""
    shown = "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text[:1000])
    return shown.replace("-----", "- - -")


def moment(nanoseconds: int | None) -> str:
    """A time as text, in UTC; years beyond what the calendar of Python holds are told in seconds."""
    import datetime

    if nanoseconds is None:
        return "unknown"
    seconds = nanoseconds // 1_000_000_000
    try:
        shown = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds} seconds after 1970"
    return f"{shown:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0")


def _write(folder: Path, stem: str, text: str) -> Path:
    content = text.encode("utf-8")
    for copy in range(1, MOST_COPIES + 1):
        path = folder / (f"{stem}.pem" if copy == 1 else f"{stem}-{copy}.pem")
        try:
            with open(path, "xb") as out:  # never through a link that somebody put there
                out.write(content)
            return path
        except FileExistsError:
            if _holds(path, content):
                return path
    raise InputError(f"{MOST_COPIES} files of this name exist with other content", file=str(folder / f"{stem}.pem"))


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and not path.is_symlink() and os.path.getsize(path) == len(content) and path.read_bytes() == content
