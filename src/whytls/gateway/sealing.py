"""The gateway's secret, and what is made of it: the key that seals private keys at rest, and the token of the Management API.

One secret of 32 bytes is all that has to be kept. It lies in a file that only its owner can read and that is made at the first start, or
comes from the environment. From it HKDF (RFC 5869) derives what each purpose needs, so that nothing else is stored: a token is the same
after a restart, and who has the database alone has neither a private key nor a way in.
"""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from whytls.exceptions import InputError, UsageError

ENVIRONMENT = "WHYTLS_GATEWAY_SECRET"
SHORTEST = 32  # characters of a secret that somebody gives
LONGEST = 4096
NONCE = 12  # bytes; AES-GCM's own length (NIST SP 800-38D)
_KEYS, _TOKEN = b"whytls gateway: private keys at rest", b"whytls gateway: token of the Management API"


@dataclass(frozen=True, slots=True, eq=False)
class Secret:
    """The secret; ``origin`` says for people where it comes from."""

    origin: str
    made: bool  # now, because there was none
    _text: bytes = field(repr=False)

    @staticmethod
    def from_file(path: str | Path) -> Secret:
        """From a file; where there is none, one is made that only its owner can read.

        Raises:
            InputError: it cannot be read or made, others can read it, or it holds no secret.
        """
        place = Path(path)
        try:
            made = _make(place)
            with open(place, "rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                text = file.read(LONGEST + 1).strip()
        except OSError as error:
            raise InputError(error.strerror or "cannot be read", file=str(place), hint="the gateway keeps its secret in this file") from error
        if mode & 0o077:
            raise InputError(f"others can read the gateway's secret (mode {mode:04o})", file=str(place), hint=f"chmod 600 {place}")
        return Secret(f"the file {place}", made, _fitting(text, str(place)))

    @staticmethod
    def from_environment(name: str = ENVIRONMENT) -> Secret | None:
        """From an environment variable; None: there is no such variable.

        Raises:
            InputError: what it holds is too short or too long for a secret.
        """
        text = os.environ.get(name)
        return None if text is None else Secret(f"the environment variable {name}", False, _fitting(os.fsencode(text), name))

    @property
    def token(self) -> str:
        """The bearer token of the Management API, which is its password too."""
        import base64

        return base64.urlsafe_b64encode(self._derived(_TOKEN)).rstrip(b"=").decode()

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypts; ``place`` is bound to it, so that what was sealed for one place cannot be opened at another."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(NONCE)
        return nonce + AESGCM(self._derived(_KEYS)).encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """What was sealed for that place.

        Raises:
            InputError: another secret sealed it, for another place, or it was changed since.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._derived(_KEYS)).decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())
        except (InvalidTag, ValueError):
            problem = f"the gateway's secret from {self.origin} does not open what is sealed for {place}"
            raise InputError(problem, hint="give the secret with which this store was made") from None

    def _derived(self, purpose: bytes) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        return HKDF(SHA256(), 32, None, purpose).derive(self._text)

    def __reduce__(self) -> str:
        raise UsageError("the gateway's secret is not written anywhere", hint="hand over where it comes from instead")


def _make(place: Path) -> bool:
    """Makes the file whole or not at all: it is written under another name and linked, which fails where there is one already."""
    if place.exists():
        return False
    draft = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_hex(32).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, place)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def _fitting(text: bytes, origin: str) -> bytes:
    if not SHORTEST <= len(text) <= LONGEST:
        hint = f"expected {SHORTEST} to {LONGEST} characters, for instance from: openssl rand -hex 32"
        raise InputError(f"a secret of {len(text)} characters", file=origin, hint=hint)
    return text
