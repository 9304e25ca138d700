"""Targets of probing/: what a live server says, to our client and to the dialects in front of TLS; and how people write a target."""

from __future__ import annotations

from tools.fuzz.items import Run

_SUITES = (0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC013, 0x009C, 0x002F, 0x009E, 0x0033, 0x0018, 0xC007)


def client() -> Run:
    """A server's bytes, in pieces: whatever they are, the client comes to an end or waits, within its bounds, and its handshake can be judged.

    The first byte chooses how far it goes and what it offers, the second how large the pieces are.
    """
    from whytls.model import Context, Endpoint
    from whytls.probing.client import Client
    from whytls.probing.conversation import Conversation, Ends
    from whytls.probing.facts import Until
    from whytls.verdict import judge
    from whytls.wire.hello import make

    untils: tuple[Until, ...] = ("answer", "flight", "finish")
    hellos = [
        make(suites=_SUITES, versions=(0x0304, 0x0303, 0x0302), key_shares=((0x1D, bytes(32)),), server_name="api.example.test"),
        make(suites=_SUITES, versions=(0x0303,)),
        make(suites=_SUITES[3:], versions=(0x0301,), groups=None),
        make(suites=(0x0005,), versions=(0x0300,)),
    ]  # fmt: skip

    def run(data: bytes) -> None:
        if len(data) < 3:
            return
        said = Conversation("fuzz attempt 1", 512)
        talk = Client(hellos[data[0] % 4], said, untils[data[0] // 4 % 3], request=b"GET / HTTP/1.1\r\n\r\n" if data[0] & 128 else b"")
        talk.start()
        size, at = max(data[1], 1) * 8, 2
        while at < len(data) and not talk.end:
            talk.receive(data[at : at + size])
            at += size
        assert len(said.events) <= 512 + 64, len(said.events)
        if not talk.end:
            said.add("fin", "server")
        handshake = said.handshake(Ends(Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 443)), "failed")
        diagnosis = judge(handshake, Context(whole_recording=True)).diagnosis
        assert not any("bug in whytls" in warning for warning in diagnosis.warnings), diagnosis.warnings

    return run


def client_seeds() -> list[bytes]:
    """The servers' sides of the recorded streams, for each kind of hello."""
    from tools.fuzz import seeds

    streams = [stream for stream in seeds.streams() if stream[:1] in (b"\x16", b"\x15") and stream[5:6] != b"\x01"]
    return [bytes([number % 256, 40]) + stream[:4000] for number, stream in enumerate(streams)]


def dialogue() -> Run:
    """A dialect or proxy, chosen by the first byte, hears bytes in pieces: it ends, or wants more, and keeps no more than its bounds."""
    from whytls.pki.readers.live import Address
    from whytls.probing.dialects import upgrade
    from whytls.probing.dialogue import Refused, Talk, Upgraded
    from whytls.probing.proxies import http_connect, socks4, socks5
    from whytls.probing.target import PORTS

    dialects = sorted(PORTS)
    aim = Address("api.example.test", 443)

    def chosen(number: int) -> Talk:
        if number % 4:
            return upgrade(dialects[number // 4 % len(dialects)], "api.example.test", "192.0.2.1")
        return (http_connect(aim, "user", "word"), socks4(Address("192.0.2.7", 443), ""), socks5(aim, "user", "word"))[number // 4 % 3]

    def run(data: bytes) -> None:
        if len(data) < 2:
            return
        talk, size, at = chosen(data[0]), max(data[1], 1), 2
        result = None
        try:
            talk.send(None)
            while at < len(data):
                talk.send(data[at : at + size])
                at += size
            talk.send(b"")
        except StopIteration as end:
            result = end.value
        finally:
            talk.close()
        assert result is None or isinstance(result, Upgraded | Refused)
        if isinstance(result, Refused):
            assert all(sign.isprintable() for sign in result.words), result.words

    return run


DIALOGUES = [
    bytes([number, 255]) + text
    for number in range(60)
    for text in (
        b"220 mail.example ESMTP\r\n250-mail.example\r\n250 STARTTLS\r\n220 go on\r\n",
        b"* OK IMAP4rev1\r\n* CAPABILITY STARTTLS\r\na OK\r\na OK\r\n",
        b"HTTP/1.1 200 Connection established\r\n\r\n", b"\x05\x02\x01\x00\x05\x00\x00\x01\x7f\0\0\1\0\x50", b"\0\x5a\0\0\0\0\0\0", b"S", b"N",
        b"<?xml version='1.0'?><stream:stream><stream:features><starttls/></stream:features><proceed/>", b"+OK\r\n+OK\r\n", b"234 go\r\n",
        b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", b"\x4a\0\0\0\x0a8.0.36\0" + bytes(60),
    )
]  # fmt: skip


def target() -> Run:
    """How people write a target: accepted ones are written down so that they are read as the same again."""
    from whytls.exceptions import UsageError
    from whytls.probing.target import target as read

    def run(data: bytes) -> None:
        try:
            found = read(data.decode("utf-8", "replace"))
        except UsageError:
            return
        if not found.path and not found.starttls:
            again = read(str(found.endpoint))
            assert (again.host, again.port) == (found.host, found.port)

    return run


TARGET_TEXTS = [
    b"api.example.com", b"api.example.com:8443", b"[2001:db8::7]:443", b"2001:db8::7", b"unix:/run/app.sock", b"https://api.example.com/x?y#z",
    b"smtp://mail.example.com", b"10.0.0.7:1", "bücher.example:443".encode(), b"postgres://db.example",
]  # fmt: skip
