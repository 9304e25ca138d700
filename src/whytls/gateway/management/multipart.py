"""A multipart/form-data body (RFC 7578) that is held whole, taken apart by the ``python-multipart`` library."""

from __future__ import annotations

import logging

from whytls.exceptions import InputError

MOST_PARTS = 20
LONGEST_BOUNDARY = 70  # RFC 2046 section 5.1.1


def parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """The parts by their names; of two with one name the last counts. A missing closing delimiter is put up with: apigee-edge-js sends none.

    Raises:
        InputError: it is no such body.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser

    # What a client sends is told to that client, and does not belong into the gateway's log.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    boundary = _options(content_type.encode("latin-1", "replace")).get(b"boundary", b"")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise InputError("its boundary is missing or longer than 70 signs", file="multipart body", hint="curl -F certFile=@FILE sets it")
    taking = _Taking()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": taking.begin,
                "on_header_field": taking.field,
                "on_header_value": taking.value,
                "on_header_end": taking.header,
                "on_part_data": taking.data,
                "on_part_end": taking.end,
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise InputError(f"cannot be read: {str(error)[:120]}", file="multipart body", hint="curl -F certFile=@FILE writes one") from None
    return {name: bytes(data) for name, data in taking.found}


def _options(header: bytes) -> dict[bytes, bytes]:
    from python_multipart.multipart import parse_options_header

    _, options = parse_options_header(header)
    return options


class _Taking:
    """What the parser calls."""

    def __init__(self) -> None:
        self.found: list[tuple[str, bytearray]] = []
        self.count = 0
        self.begin()

    def begin(self) -> None:
        self.count = getattr(self, "count", 0) + 1
        if self.count > MOST_PARTS + 1:
            raise InputError(f"has more than {MOST_PARTS} parts", file="multipart body")
        self.headers: dict[bytes, bytes] = {}
        self.header_name, self.header_value, self.content = bytearray(), bytearray(), bytearray()

    def field(self, data: bytes, start: int, end: int) -> None:
        self.header_name += data[start:end]

    def value(self, data: bytes, start: int, end: int) -> None:
        self.header_value += data[start:end]

    def header(self) -> None:
        self.headers[bytes(self.header_name).lower()] = bytes(self.header_value)
        self.header_name, self.header_value = bytearray(), bytearray()

    def data(self, data: bytes, start: int, end: int) -> None:
        self.content += data[start:end]

    def end(self) -> None:
        name = _options(self.headers.get(b"content-disposition", b"")).get(b"name", b"").decode("utf-8", "replace")
        self.found.append((name, self.content))
