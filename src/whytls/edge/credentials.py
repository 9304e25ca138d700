"""Who we are to a Management API: taken from the environment, a file, the keyring or ``.netrc``, and never from the command line.

Looked for in this order; the first place that names a user, a token or a client certificate is taken, and said in errors:

1. the table ``[edge]`` of the file that ``WHYTLS_EDGE_CONFIG`` names (or that the call names);
2. the environment: ``WHYTLS_EDGE_TOKEN``; ``WHYTLS_EDGE_USER`` with ``WHYTLS_EDGE_PASSWORD``; ``WHYTLS_EDGE_REFRESH_TOKEN``;
   ``WHYTLS_EDGE_TOKEN_URL`` makes user and password buy a token there; ``WHYTLS_EDGE_CERTIFICATE`` and ``WHYTLS_EDGE_KEY`` are a client's
   certificate; ``WHYTLS_EDGE_CA`` the anchors for the API's own;
3. ``.netrc`` of the user, as curl and apigeetool read it.

A secret in the table is never written there itself: ``password_env``, ``password_file`` or ``password_keyring`` say where it is, and the same
for ``token``, ``refresh_token`` and ``key_password``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from whytls.exceptions import InputError, UsageError
from whytls.pki.password import Password

VARIABLES = {
    "user": "WHYTLS_EDGE_USER", "token_url": "WHYTLS_EDGE_TOKEN_URL", "certificate": "WHYTLS_EDGE_CERTIFICATE", "key": "WHYTLS_EDGE_KEY",
    "ca": "WHYTLS_EDGE_CA",
}  # fmt: skip
SECRETS = {
    "password": "WHYTLS_EDGE_PASSWORD", "token": "WHYTLS_EDGE_TOKEN", "refresh_token": "WHYTLS_EDGE_REFRESH_TOKEN",
    "client_secret": "WHYTLS_EDGE_CLIENT_SECRET", "key_password": "WHYTLS_EDGE_KEY_PASSWORD",
}  # fmt: skip
CONFIG = "WHYTLS_EDGE_CONFIG"
# What Apigee's own command line is to its token endpoint: published in its documentation, and no secret.
EDGE_CLIENT = ("edgecli", "edgeclisecret")
_SOURCES = ("env", "file", "keyring")


class Credentials(NamedTuple):
    """Who we are. Secrets are fetched when they are needed, and stand in no repr."""

    origin: str  # for people: where this was found
    user: str = ""
    password: Password | None = None
    token: Password | None = None  # a bearer token that is sent as it is
    refresh_token: Password | None = None
    token_url: str = ""  # where a token is bought with the password or the refresh token
    client: tuple[str, Password] = (EDGE_CLIENT[0], Password.of(EDGE_CLIENT[1]))  # of that endpoint
    certificate: str = ""  # file; with its key, or beside ``key``
    key: str = ""
    key_password: Password | None = None
    ca: str = ""  # file with the anchors for the API's own certificate; empty: this machine's

    @property
    def identified(self) -> bool:
        """Whether anything in it says who we are."""
        return bool(self.user or self.token or self.refresh_token or self.certificate)


NOBODY = Credentials("nowhere")
HINT = "set WHYTLS_EDGE_USER and WHYTLS_EDGE_PASSWORD, or WHYTLS_EDGE_TOKEN; or name a file with a table [edge] in WHYTLS_EDGE_CONFIG; or use .netrc"


def credentials(host: str, config: str | None = None, environ: Mapping[str, str] = os.environ) -> Credentials:
    """Finds who we are to that host; ``NOBODY`` where nothing is said.

    Raises:
        InputError: a file that is named cannot be read.
        UsageError: the table has a field that it cannot have, or what is given does not belong together.
    """
    named = config or environ.get(CONFIG)
    found = _from_table(named, environ) if named else None
    found = found if found is not None and found.identified else _from_environment(environ, found)
    if not found.identified:
        found = _from_netrc(host, environ, found)
    return _whole(found)


def _whole(found: Credentials) -> Credentials:
    if found.key and not found.certificate:
        raise UsageError(f"{found.origin} names a client's key and no certificate", hint="name both, or a file with both as the certificate")
    if found.user and not (found.password or found.token):
        raise UsageError(f"{found.origin} names the user {found.user} and no password", hint=HINT)
    if found.refresh_token and not found.token_url:
        raise UsageError(f"{found.origin} has a refresh token and no token endpoint", hint="give token_url, or WHYTLS_EDGE_TOKEN_URL")
    if found.token_url and not found.token_url.startswith("https://") and not _is_local(found.token_url):
        raise UsageError(f"{found.token_url[:200]} is no token endpoint", hint="a password is sent there, so it begins with https://")
    return found


def _is_local(url: str) -> bool:
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).scheme == "http" and urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    except ValueError:
        return False


def _from_environment(environ: Mapping[str, str], before: Credentials | None) -> Credentials:
    plain = {own: environ[name] for own, name in VARIABLES.items() if environ.get(name)}
    secret = {own: _variable(name, environ) for own, name in SECRETS.items() if name in environ}
    if before is not None:  # the table said how to reach the API, and not who we are
        plain = {"ca": before.ca, "token_url": before.token_url, **plain}
    return _made("the environment", plain, secret)


def _variable(name: str, environ: Mapping[str, str]) -> Password:
    value = environ[name]
    return Password(f"the environment variable {name}", lambda: value)


def _made(origin: str, plain: Mapping[str, str], secret: Mapping[str, Password]) -> Credentials:
    found = dict(secret)
    client_secret = found.pop("client_secret", None)
    values = dict(plain)
    client = values.pop("client", "")
    pair = (client or EDGE_CLIENT[0], client_secret or Password.of(EDGE_CLIENT[1]))
    return Credentials(origin, client=pair, **found, **values)  # type: ignore[arg-type]


def _from_table(file: str, environ: Mapping[str, str]) -> Credentials:
    from whytls.configuration import tables

    table = tables(file).get("edge", {})
    if not isinstance(table, dict):
        raise InputError("[edge] is no table", file=file)
    plain_names = {*VARIABLES, "client"}
    known = plain_names | {f"{own}_{source}" for own in SECRETS for source in _SOURCES}
    odd = next((name for name in table if name not in known), None)
    if odd is not None:
        secret = odd in SECRETS
        hint = f"say where it is instead: {odd}_env, {odd}_file or {odd}_keyring" if secret else f"it takes {', '.join(sorted(plain_names))}"
        raise UsageError(f"{file}: [edge] has a field {odd!r}", hint=hint)
    if not all(isinstance(value, str) for value in table.values()):
        raise UsageError(f"{file}: [edge] takes words, each in quotes")
    folder = Path(file).parent
    plain = {name: str(folder / value) if name in ("certificate", "key", "ca") else value for name, value in table.items() if name in plain_names}
    secret_values = {own: found for own in SECRETS if (found := _secret(own, table, folder, environ)) is not None}
    return _made(f"{file}, [edge]", plain, secret_values)


def _secret(own: str, table: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> Password | None:
    given = [source for source in _SOURCES if f"{own}_{source}" in table]
    if not given:
        return None
    if len(given) > 1:
        raise UsageError(f"[edge] has {own}_{given[0]} and {own}_{given[1]}", hint="one of them")
    value = table[f"{own}_{given[0]}"]
    if given[0] == "env":
        if value not in environ:
            raise UsageError(f"there is no environment variable {value}", hint=f"set it: read -rs {value}; export {value}")
        return _variable(value, environ)
    return Password.from_file(folder / value) if given[0] == "file" else from_keyring(value, str(table.get("user", own)))


def from_keyring(service: str, user: str) -> Password:
    """A secret in the desktop's keyring, under that service and user; the keyring is opened when the secret is needed."""

    def fetch() -> str:
        try:
            import keyring
        except ImportError:
            raise UsageError("the keyring cannot be read: the package keyring is not installed", hint="pip install keyring") from None
        try:
            found = keyring.get_password(service, user)
        except Exception as error:  # every backend has errors of its own
            raise InputError(f"the keyring cannot be read: {type(error).__name__}", hint="is it unlocked?") from None
        if found is None:
            raise InputError(f"the keyring has no secret for {service!r} and {user!r}", hint=f"keyring set {service} {user}")
        return str(found)

    return Password(f"the keyring ({service}, {user})", fetch)


def _from_netrc(host: str, environ: Mapping[str, str], before: Credentials) -> Credentials:
    import netrc

    place = Path(environ.get("NETRC") or Path(environ.get("HOME") or Path.home()) / ".netrc")
    try:
        found = netrc.netrc(str(place)).authenticators(host) if place.is_file() else None
    except netrc.NetrcParseError as error:
        raise InputError(f"line {error.lineno} is no .netrc: {error.msg}", file=str(place)) from None
    except (OSError, UnicodeDecodeError):
        raise InputError("cannot be read", file=str(place)) from None
    if found is None:
        return before
    login, _, password = found
    return before._replace(origin=str(place), user=login, password=Password(f"the file {place}", lambda: password or ""))
