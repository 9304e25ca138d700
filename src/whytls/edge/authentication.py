"""How credentials go into a request: basic, a bearer token, or one that is bought at a token endpoint; and the TLS of the call itself."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import httpx

from whytls.exceptions import ApiError, InputError

if TYPE_CHECKING:
    from whytls.edge.credentials import Credentials
    from whytls.pki.password import Password

EARLY = 30.0  # seconds before its end at which a token is bought anew
LARGEST_TOKEN = 64 << 10


def authentication(who: Credentials, verify: Any, timeout: float) -> httpx.Auth | None:
    """What httpx asks for each request; None: nobody, or a client certificate alone."""
    if who.token is not None:
        return Bearer(who.token, who.origin)
    if who.token_url and (who.refresh_token is not None or who.password is not None):
        return Bought(who, verify, timeout)
    if who.password is not None:
        return httpx.BasicAuth(who.user, who.password.reveal())
    return None


class Bearer(httpx.Auth):
    """A token as it is."""

    def __init__(self, token: Password, origin: str) -> None:
        self._token, self._origin = token, origin

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Puts it into the header."""
        request.headers["Authorization"] = f"Bearer {_fitting(self._token.reveal().strip(), self._origin)}"
        yield request


class Bought(httpx.Auth):
    """A token of OAuth 2.0 (RFC 6749): by password (section 4.3) or by refresh token (section 6), kept in memory until it ends.

    A 401 buys a new one, once: tokens can be withdrawn before their time.
    """

    def __init__(self, who: Credentials, verify: Any, timeout: float) -> None:
        self._who, self._verify, self._timeout = who, verify, timeout
        self._token, self._until, self._refresh = "", 0.0, ""
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Puts the token into the header, and once more with a new one where it is refused."""
        used = self._current("")
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code == 401:
            request.headers["Authorization"] = f"Bearer {self._current(used)}"
            yield request

    def _current(self, refused: str) -> str:
        """The token, bought anew where there is none, where it ends soon, or where it is the one that was refused."""
        with self._lock:
            if not self._token or self._token == refused or time.monotonic() > self._until:
                self._buy()
            return self._token

    def _buy(self) -> None:
        who = self._who
        refresh = self._refresh or (who.refresh_token.reveal().strip() if who.refresh_token else "")
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        if not refresh and who.password is not None:
            form = {"grant_type": "password", "username": who.user, "password": who.password.reveal()}
        name, secret = who.client
        try:
            with httpx.Client(verify=self._verify, timeout=self._timeout, trust_env=False) as http:
                response = http.post(who.token_url, data=form, auth=(name, secret.reveal()), headers={"Accept": "application/json"})
        except httpx.TransportError as error:
            raise ApiError(f"no token from {who.token_url}: {str(error)[:200] or type(error).__name__}", hint="check the token endpoint") from None
        found = _fields(response)
        token = found.get("access_token")
        if response.status_code != 200 or not isinstance(token, str) or not token:
            if self._refresh:  # a refresh token of an earlier answer has ended: begin anew
                self._refresh = ""
                return self._buy()
            code = str(found.get("error", ""))[:100]
            hint = f"the credentials come from {who.origin}; with two factors, give a refresh token or an access token instead of the password"
            raise ApiError(
                f"no token from {who.token_url}: {response.status_code} {code}".rstrip(), status=response.status_code, code=code, hint=hint
            )
        lasts = found.get("expires_in")
        seconds = float(lasts) if isinstance(lasts, int | float) or (isinstance(lasts, str) and lasts.isdigit()) else 600.0
        self._token, self._until = _fitting(token, who.token_url), time.monotonic() + max(seconds - EARLY, 1.0)
        self._refresh = str(found.get("refresh_token") or "")
        return None


def _fields(response: httpx.Response) -> dict[str, Any]:
    if len(response.content) > LARGEST_TOKEN:
        return {}
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _fitting(token: str, origin: str) -> str:
    """A token that can stand in a header (RFC 6750 section 2.1); what is none is not shown."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(f"what {origin} gives is no token", hint="a token is one word; is it the right file or variable?")
    return token


def tls_context(who: Credentials) -> ssl.SSLContext:
    """The TLS of the call: the API's certificate is always verified, by this machine's anchors or those that are named.

    Raises:
        InputError: a file that is named cannot be read, or the password does not open the key.
    """
    try:
        context = ssl.create_default_context(cafile=who.ca or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"no anchors for the Management API: {error.strerror or 'no certificate in it'}", file=who.ca) from None
    if who.certificate:
        password = who.key_password.reveal() if who.key_password else ""
        try:
            context.load_cert_chain(who.certificate, who.key or None, password)
        except (OSError, ssl.SSLError) as error:
            problem = getattr(error, "reason", None) or error.strerror or "cannot be read"
            hint = "PEM; the password of the key stands in WHYTLS_EDGE_KEY_PASSWORD or key_password_file"
            raise InputError(f"no client certificate for the Management API: {problem}", file=who.key or who.certificate, hint=hint) from None
    return context
