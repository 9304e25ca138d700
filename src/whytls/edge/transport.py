"""One question to a Management API and its answer: time-outs, bounds, retries, and errors that say what to do.

Only what can be asked twice is asked twice (RFC 9110 section 9.2.2): GET, HEAD, PUT and DELETE after 429, a 5xx or a broken connection, with a
pause that doubles or that the server names. Redirects are not followed, for credentials would go where nobody sent them. An answer is
read up to a bound, and as it is: a compressed one could grow beyond it.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from whytls.exceptions import ApiError, UsageError

if TYPE_CHECKING:
    import httpx

    from whytls.edge.credentials import Credentials

TIMEOUT, LONGEST_ANSWER = 30.0, 120.0  # seconds: of each step, and of a whole answer
LARGEST_ANSWER = 32 << 20
ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE = 4, 0.5, 30.0
IDEMPOTENT = ("GET", "HEAD", "PUT", "DELETE")
_AGAIN = frozenset({429, 500, 502, 503, 504})
_HINTS = {
    401: "{origin}: are user and password right, and the token not expired?",
    403: "the user of {origin} is known, but may not do this: ask the organization's administrator for a role that may",
    404: "check the names of organization, environment and resource; they are case-sensitive",
    409: "it is there already, or something still uses it",
    413: "the API takes no upload of this size",
    429: "too many calls: wait a minute and ask again",
}


class Answer(NamedTuple):
    """What the API answered: a status below 400."""

    status: int
    body: bytes
    url: str
    content_type: str = ""

    def value(self) -> Any:
        """The JSON in it.

        Raises:
            ApiError: it is none.
        """
        from whytls.edge.origin import json_value
        from whytls.exceptions import InputError

        try:
            return json_value(self.body, self.url)
        except InputError as error:
            hint = "is this the address of a Management API?"
            raise ApiError(f"GET {self.url}: the answer {error.problem}", status=self.status, hint=hint) from None


class Transport:
    """A connection to one Management API. Read-only unless opened for writing. To be closed after use."""

    def __init__(
        self,
        base: str,
        who: Credentials,
        *,
        writable: bool = False,
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        import httpx

        from whytls.edge.authentication import authentication, tls_context

        self.base, self.writable, self._who, self._attempts, self._pause = base.rstrip("/"), writable, who, attempts, pause
        encoding = {"Accept-Encoding": "identity", "User-Agent": "whytls"}
        verify: Any = tls_context(who) if self.base.startswith("https") or who.token_url.startswith("https") else True
        # trust_env off: a .netrc or a proxy that nobody spoke of must not decide where credentials go; proxies are named like curl's, below.
        self._http = httpx.Client(
            auth=authentication(who, verify, timeout), timeout=timeout, verify=verify, headers=encoding, follow_redirects=False, trust_env=False,
            mounts=_proxies(verify),
        )  # fmt: skip
        self.asked = 0  # requests that were sent, repeated ones too

    def __enter__(self) -> Transport:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def get(self, path: tuple[str, ...], accept: str = "application/json", **query: str) -> Answer:
        """A GET of the path below the base, each part quoted.

        Raises:
            ApiError: no answer, or one that refuses.
        """
        return self.ask("GET", path, headers={"Accept": accept}, query=query)

    def ask(
        self, method: str, path: tuple[str, ...], *, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None,
        document: Any = None, files: Mapping[str, tuple[str, bytes, str]] | None = None, form: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """Any question; ``document`` is sent as JSON, ``files`` (name, content, type) and ``form`` as multipart.

        Raises:
            ApiError: no answer, or one that refuses.
            UsageError: it would write, and this was not opened for writing.
        """
        import httpx

        url = "/".join((self.base, *(quote(part, safe="") for part in path)))
        if method not in ("GET", "HEAD") and not self.writable:
            raise UsageError(f"{method} {url} would change the gateway, and it was opened for reading only")
        request: dict[str, Any] = {"headers": {"Accept": "application/json", **(headers or {})}, "params": query or None}
        if document is not None:
            request |= {"content": json.dumps(document).encode(), "headers": {**request["headers"], "Content-Type": "application/json"}}
        if files or form:
            request |= {"files": files or None, "data": form or None}
        attempts = self._attempts if method in IDEMPOTENT else 1
        for attempt in range(1, attempts + 1):
            try:
                answer, wait = self._once(method, url, request)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if attempt == attempts or isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
                    raise _unanswered(method, url, error, attempt) from None
                wait = None
            else:
                if answer.status < 300:
                    return answer
                if answer.status not in _AGAIN or attempt == attempts:
                    raise refused(method, answer, self._who.origin)
            self._pause(wait if wait is not None else _backoff(attempt))
        raise AssertionError  # the loop ends by return or raise

    def _once(self, method: str, url: str, request: Mapping[str, Any]) -> tuple[Answer, float | None]:
        self.asked += 1
        begun = time.monotonic()
        with self._http.stream(method, url, **request) as response:
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise ApiError(f"{method} {url}: the answer is larger than {LARGEST_ANSWER:,} bytes", status=response.status_code)
                if time.monotonic() - begun > LONGEST_ANSWER:
                    raise ApiError(f"{method} {url}: the answer took longer than {LONGEST_ANSWER:.0f} seconds", status=response.status_code)
            coding = response.headers.get("Content-Encoding", "identity")
            if coding.lower() not in ("", "identity"):
                raise ApiError(
                    f"{method} {url}: the answer is compressed ({coding[:20]}), though that was not asked for", status=response.status_code
                )
            answer = Answer(response.status_code, bytes(body), str(response.request.url), response.headers.get("Content-Type", ""))
            return answer, _retry_after(response)


def _proxies(verify: Any) -> dict[str, httpx.HTTPTransport | None]:
    """A proxy that the environment names, as curl has it: HTTPS_PROXY, HTTP_PROXY and NO_PROXY."""
    from urllib.request import getproxies_environment

    import httpx

    named = getproxies_environment()
    found: dict[str, httpx.HTTPTransport | None] = {
        f"{scheme}://": httpx.HTTPTransport(proxy=named[scheme], verify=verify) for scheme in ("http", "https") if named.get(scheme)
    }
    if found:
        outside = [host.strip().lstrip(".") for host in named.get("no", "").split(",") if host.strip()]
        found |= {f"all://{host}": None for host in (*outside, "127.0.0.1", "localhost") if host != "*"}
        found = {} if "*" in outside else found
    return found


def _backoff(attempt: int) -> float:
    """Doubling, with a quarter of chance, so that many callers do not come back at once."""
    return float(min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE) * (1 + random.random() / 4))  # noqa: S311


def _retry_after(response: httpx.Response) -> float | None:
    """What the server asks for, in seconds; a date, and more than we are willing to wait, count as the longest pause."""
    given = response.headers.get("Retry-After", "")
    if not given:
        return None
    return min(float(given), LONGEST_PAUSE) if given.isascii() and given.isdigit() and len(given) < 10 else LONGEST_PAUSE


def _unanswered(method: str, url: str, error: Exception, attempts: int) -> ApiError:
    import httpx

    reason = str(error).strip() or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        reason = "no answer in time"
    times = f" ({attempts} attempts)" if attempts > 1 else ""
    hint = "check the address, and whether a proxy (HTTPS_PROXY) has to be used"
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        hint = "its certificate is not trusted here: name its CA in WHYTLS_EDGE_CA, and look at it with whytls check HOST:PORT"
    return ApiError(f"{method} {url}: {reason[:300]}{times}", hint=hint)


def refused(method: str, answer: Answer, origin: str) -> ApiError:
    """The error for an answer that refuses: what was asked, the status, the API's own code and message, what to do."""
    code, message = fault(answer)
    text = f"{method} {answer.url}: {answer.status}"
    text += f" {code}" if code else ""
    text += f": {message}" if message else ""
    if 300 <= answer.status < 400:
        return ApiError(
            f"{text} (redirected)", status=answer.status, code=code, hint="name the address that it redirects to; nothing is sent elsewhere"
        )
    hint = _HINTS.get(answer.status, "the API itself has a problem: ask again later" if answer.status >= 500 else "")
    return ApiError(text, status=answer.status, code=code, hint=hint.format(origin=f"the credentials come from {origin}") or None)


def fault(answer: Answer) -> tuple[str, str]:
    """The API's own code and message, in Edge's form, Apigee X's, or a fault that a proxy before it made."""
    from whytls.edge.origin import json_value
    from whytls.exceptions import InputError

    try:
        value = json_value(answer.body[:65536], answer.url)
    except InputError:
        return "", ""
    if not isinstance(value, dict):
        return "", ""
    error = value.get("error")
    inner: dict[str, Any] = error if isinstance(error, dict) else value  # Apigee X has its own around it
    if isinstance(value.get("fault"), dict):
        detail = value["fault"].get("detail")
        inner = {"message": value["fault"].get("faultstring"), "code": detail.get("errorcode") if isinstance(detail, dict) else ""}
    code = inner.get("status") if isinstance(inner.get("status"), str) else inner.get("code")
    message = inner.get("message") or value.get("error_description")
    return _line(code), _line(message)


def _line(value: object) -> str:
    """One line of the API's own words, shortened, with nothing that could steer a terminal."""
    text = value if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return "".join(sign if sign.isprintable() else " " for sign in str(text))[:300].strip()
