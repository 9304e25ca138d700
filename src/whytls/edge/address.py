"""``https://HOST/v1/o/ORG/e/ENV``: which environment of which organization, and at which Management API."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from whytls.edge.targetserver import Dialect
from whytls.exceptions import UsageError

APIGEE_X = "apigee.googleapis.com"
HINT = "expected https://HOST/v1/o/ORG/e/ENV, for instance https://api.enterprise.apigee.com/v1/o/acme/e/prod"
_ORGANIZATIONS, _ENVIRONMENTS = ("o", "organizations"), ("e", "environments")


class ManagementAddress(NamedTuple):
    """Where an environment is managed."""

    base: str  # up to and with /v1
    host: str
    organization: str
    environment: str
    dialect: Dialect = "edge"

    def __str__(self) -> str:
        return f"{self.base}/o/{self.organization}/e/{self.environment}"

    @property
    def plain(self) -> bool:
        """Whether credentials would go over a network in the clear."""
        return self.base.startswith("http://") and self.host not in ("127.0.0.1", "::1", "localhost")


def is_address(text: str) -> bool:
    """Whether a word is meant as the address of a Management API, and not as a file."""
    return text.startswith(("https://", "http://"))


def management_address(text: str) -> ManagementAddress:
    """Reads an address, with or without ``/v1``, with short or long names of the collections.

    Raises:
        UsageError: it is none, or has credentials in it.
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise UsageError(f"{text[:200]!r} is no address of a Management API", hint=HINT) from None
    if parts.username is not None or parts.password is not None:
        raise UsageError("an address has no user and password in it: they would be seen by everybody", hint="give them in the environment or a file")
    path = [unquote(part) for part in parts.path.split("/") if part]
    place = next((at for at, part in enumerate(path) if part in _ORGANIZATIONS), None)
    if parts.scheme not in ("http", "https") or not host or place is None or parts.query or parts.fragment:
        raise UsageError(f"{text[:200]!r} is no address of a Management API", hint=HINT)
    before, rest = path[:place], path[place + 1 :]
    if len(rest) != 3 or rest[1] not in _ENVIRONMENTS or any(name in (".", "..") for name in rest):
        raise UsageError(f"{text[:200]!r} names no environment", hint=HINT)
    prefix = "/".join(before) or "v1"
    dialect: Dialect = "x" if host == APIGEE_X else "edge"
    return ManagementAddress(f"{parts.scheme}://{parts.netloc}/{prefix}", host, rest[0], rest[2], dialect)
