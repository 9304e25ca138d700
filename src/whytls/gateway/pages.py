"""The pages that the Router, which is nginx on Edge, answers with itself: byte for byte those of nginx without its version."""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    """One page; ``status`` is what the client sees, ``internal`` what nginx calls it."""

    status: int
    reason: bytes
    title: bytes
    line: bytes = b""  # below the heading, where there is one
    heading: bytes = b""  # where it differs from the title

    @property
    def body(self) -> bytes:
        """The HTML."""
        line = b"<center>%b</center>\r\n" % self.line if self.line else b""
        return (
            b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n%b<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
            % (self.title, self.heading or self.title, line)
        )


def _of_400(words: bytes) -> Page:
    return Page(400, b"Bad Request", b"400 " + words, words, b"400 Bad Request")


CERTIFICATE_ERROR = _of_400(b"The SSL certificate error")
NO_CERTIFICATE = _of_400(b"No required SSL certificate was sent")
PLAIN_HTTP = _of_400(b"The plain HTTP request was sent to HTTPS port")
HEAD_TOO_LARGE = _of_400(b"Request Header Or Cookie Too Large")
BAD_REQUEST = Page(400, b"Bad Request", b"400 Bad Request")
NOT_FOUND = Page(404, b"Not Found", b"404 Not Found")
REQUEST_TIMEOUT = Page(408, b"Request Time-out", b"408 Request Time-out")
MISDIRECTED = Page(421, b"Misdirected Request", b"421 Misdirected Request")
GATEWAY_TIMEOUT = Page(504, b"Gateway Time-out", b"504 Gateway Time-out")
# [D] 502-bad-gateway-mp-ssl-backend: Apigee's own error page when no Message Processor answers begins so
NO_PROCESSOR = Page(502, b"Bad Gateway", b"Error", heading=b"An error occurred.")
