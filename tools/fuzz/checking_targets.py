"""Targets of checking/: any certificates as an entry of any kind, judged and reported; any text as an endpoint; any answer of one."""

from __future__ import annotations

import json

from tools.fuzz.items import NOW, Run, unpacked


def check() -> Run:
    """An entry of each kind, judged with and without anchors, as text and as JSON; a bug of a cause's fix counts as an escape."""
    from whytls.checking.at_hand import AtHand
    from whytls.checking.judge import Judge
    from whytls.checking.result import Ask
    from whytls.pki.store import Entry, Place
    from whytls.report.check import CheckReport
    from whytls.report.check_json import as_dict
    from whytls.report.terminal import Style

    kinds = (("key", ""), ("certificate", ""), ("trusted", ""), ("key", "ssl_certificate"), ("certificate", "proxy_ssl_certificate"))

    def run(data: bytes) -> None:
        items = list(unpacked(data))[:40]
        kind, role = kinds[len(data) % len(kinds)]
        anchors = tuple(items[-2:]) if len(data) & 8 else None
        asked = Ask(NOW, host="api.example.test" if len(data) & 16 else None, anchors=anchors)
        alias = items[0][:40].decode("latin-1") if items else ""
        entry = Entry(kind, tuple(items), Place("fuzz.pem", 1), alias, role, key_fits=False if len(data) & 32 else None)
        result = Judge(asked, "fuzz.pem", "PEM", AtHand(items), alone=bool(len(data) & 64)).entry(entry)
        assert not any(problem.warnings for problem in result.problems), result.problems
        json.dumps(as_dict(result))
        written: list[str] = []
        report = CheckReport(written.append, Style(width=90), verbose=bool(len(data) & 128))
        report.add(result)
        report.close()
        assert all(c.isprintable() or c == "\n" for text in written for c in text)

    return run


def endpoint() -> Run:
    """The first line is an endpoint's name; what follows is what it answers."""
    from whytls.checking.endpoint import Shown, without_chain
    from whytls.checking.result import Ask
    from whytls.exceptions import UsageError
    from whytls.model import Endpoint
    from whytls.pki.readers.live import Address, address
    from whytls.probing.asking import hello
    from whytls.probing.attempt import Attempt
    from whytls.probing.client import Client
    from whytls.probing.conversation import Conversation, Ends
    from whytls.probing.why import modern

    def run(data: bytes) -> None:
        name, _, answer = data.partition(b"\n")
        try:
            found = address(name.decode("utf-8", "replace"))
            assert found is None or address(str(found)) == found
        except UsageError:
            found = None
        said = Conversation("a.example:443 attempt 1", 512)
        client = Client(hello(modern()._replace(deep=True), "a.example"), said, "flight")
        client.start()
        client.receive(answer[:4096])
        if not client.end:
            said.add("fin", "server")
        handshake = said.handshake(Ends(Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 443)), "failed")
        attempt = Attempt(1, "as today's clients", handshake, client.end or "closed")
        if not handshake.server_chain:
            result = without_chain(found or Address("a.example", 443), Shown("192.0.2.2", (attempt,), attempt), Ask(NOW))
            assert not any("bug in whytls" in warning for problem in result.problems for warning in problem.warnings)

    return run


ENDPOINTS = [
    b"a.example:443\n\x15\x03\x01\x00\x02\x02\x28",
    b"[2001:db8::7]:8443\nHTTP/1.1 400 Bad Request\r\n\r\n", b"10.0.0.7:1\n220 mail.example ESMTP\r\n",
    b"b.example:443\n" + bytes.fromhex("160303003102000029 0303") + bytes(32) + bytes.fromhex("00c02f000001ff0100"),
]  # fmt: skip
