"""ClientHellos that servers refuse, each for one known reason: what a replay has to find, for every stack that can be set up so.

A refusal is a server (its description, `lab.live.serve`), a client's hello, the cause that is true, and what stands between them: a box that
does not let every hello through is a relay of ours, for no server in use is as old as that any more.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from lab.live.papers import Papers
from lab.live.serve import TLS10, TLS11, TLS12, TLS13, Serve
from whytls.probing.changes import with_shares
from whytls.wire.hello import change, extended, make
from whytls.wire.message import read
from whytls.wire.value import ClientHello

WWW, API = "www.maple.test", "api.maple.test"
GROUPS = (0x001D, 0x0017, 0x0018)
SCHEMES = (0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201)
SUITES13, SUITES12 = (0x1301, 0x1302, 0x1303), (0xC02C, 0xC030, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8, 0xC00A, 0xC014, 0xC009, 0xC013, 0x009D, 0x009C, 0x003C, 0x002F)
OLD_SUITES = (0xC009, 0xC013, 0x002F, 0xC004, 0x0033, 0x0032, 0xC008, 0xC012, 0x000A, 0x0016)
RSA_GCM, RSA_GCM_256 = "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"
Drop = Literal["silence", "reset"]
Box = tuple[Callable[[ClientHello, int], bool], Drop]  # which hellos (and how long their record is) do not pass, and what they are met with


@dataclass(frozen=True)
class Refused:
    """One refusal."""

    cause: str  # the slug that is true
    serve: Serve  # its stack is to be filled in
    hello: ClientHello
    dimensions: frozenset[str]  # of the smallest change
    names: tuple[str, ...] = ()  # that the replay may try
    box: Box | None = None
    identity: bool = field(default=False)


def today(name: str | None = WWW) -> ClientHello:
    """The hello of a client of today (that of OpenSSL 3, with its extensions)."""
    hello = make(suites=(*SUITES13, *SUITES12), versions=(TLS13, TLS12), server_name=name, groups=GROUPS, signature_algorithms=SCHEMES, session_id=bytes(32))
    for number, body in ((11, b"\x01\0"), (35, b""), (22, b""), (23, b""), (45, b"\x01\x01"), (0xFF01, b"\0")):
        hello = extended(hello, number, body)
    return with_shares(hello, (0x001D,))


def of_tls12(name: str | None = WWW) -> ClientHello:
    """A client of 2015: TLS 1.2 at most (Java 8, OpenSSL 1.0.2)."""
    return change(today(name), versions=(TLS12,), suites=SUITES12, without=(51, 45))._replace(session_id=b"")


def java7(name: str | None = WWW) -> ClientHello:
    """Java 7: TLS 1.0, no signature_algorithms, no AEAD (peers.md)."""
    hello = make(suites=(*OLD_SUITES, 0x00FF), versions=(TLS10,), server_name=name, groups=(0x0017, 0x0018, 0x0019), signature_algorithms=None)
    return extended(hello, 11, b"\x01\0")


def refusals(issued: Papers) -> dict[str, Refused]:
    """All of them, by a short name."""
    both, api = issued.both(WWW), (issued.server(API),)
    rsa, ec = both[:1], both[1:]
    sites = {API: api}
    new = (TLS12, TLS13)
    plain = Serve("", rsa, new)
    found = {
        "java7-to-tls12": Refused("protocol-mismatch", Serve("", rsa, (TLS12,)), java7(), _of("version")),
        "java7-to-tls12-13": Refused("protocol-mismatch", plain, java7(), _of("version")),
        "tls12-to-tls13": Refused("protocol-mismatch", Serve("", rsa, (TLS13,)), of_tls12(), _of("version")),
        "today-to-tls10": Refused("protocol-mismatch", Serve("", rsa, (TLS10, TLS11)), today(), _of("version")),
        "tls13-only-to-tls12": Refused(
            "protocol-mismatch", Serve("", rsa, (TLS12,)), change(today(), versions=(TLS13,), suites=SUITES13), _of("version")
        ),
        "old-suites-to-gcm": Refused(
            "cipher-mismatch", Serve("", rsa, (TLS12,), suites=(RSA_GCM, RSA_GCM_256)), change(of_tls12(), suites=(0x002F, 0x0035, 0x003C)), _of("suite")
        ),
        "gcm-to-rsa": Refused(
            "cipher-mismatch", Serve("", rsa, (TLS12,), suites=("AES128-SHA", "AES256-SHA")), change(of_tls12(), suites=SUITES12[:4]), _of("suite")
        ),
        "ecdsa-suites-to-rsa": Refused("cipher-mismatch", Serve("", rsa, (TLS12,)), change(of_tls12(), suites=(0xC02B, 0xC02C, 0xC009)), _of("suite")),
        "suites-of-tls13": Refused(
            "cipher-mismatch", Serve("", rsa, (TLS13,), suites=("TLS_AES_256_GCM_SHA384",)),
            change(today(), versions=(TLS13,), suites=(0x1301,)), _of("suite"),
        ),
        "group-tls13": Refused("group-mismatch", Serve("", rsa, (TLS13,), groups=("secp384r1",)), with_shares(change(today(), groups=(0x001D, 0x0017)), (0x001D,)), _of("group")),
        "group-tls12": Refused(
            "group-mismatch", Serve("", rsa, (TLS12,), suites=(RSA_GCM, RSA_GCM_256), groups=("secp384r1",)), change(of_tls12(), groups=(0x0019,)), _of("group")
        ),
        "ecdsa-only-tls13": Refused("signature-algorithm-mismatch", Serve("", rsa, (TLS13,)), change(today(), versions=(TLS13,), suites=SUITES13, signature_algorithms=(0x0403, 0x0503)), _of("signature")),
        "ecdsa-only-tls12": Refused(
            "signature-algorithm-mismatch", Serve("", rsa, (TLS12,), suites=(RSA_GCM, RSA_GCM_256)),
            change(of_tls12(), suites=SUITES12[:4], signature_algorithms=(0x0403, 0x0503)), _of("signature"),
        ),
        "rsa-only-tls13": Refused("signature-algorithm-mismatch", Serve("", ec, (TLS13,)), change(today(), versions=(TLS13,), suites=SUITES13, signature_algorithms=(0x0804, 0x0805, 0x0401)), _of("signature")),
        "no-name": Refused("sni-missing", Serve("", rsa, new, names=sites, unknown_name="reject", no_name="reject"), today(None), _of("sni"), (API,)),
        "no-name-tls12": Refused(
            "sni-missing", Serve("", rsa, (TLS12,), names=sites, unknown_name="reject", no_name="reject"), of_tls12(None), _of("sni"), (API,)
        ),
        "unknown-name": Refused("sni-unknown", Serve("", rsa, new, names=sites, unknown_name="reject"), today("no.maple.test"), _of("sni"), (API,)),
        "alpn": Refused("alpn-mismatch", Serve("", rsa, new, alpn=("http/1.1",)), change(today(), alpn=("acme/7",)), _of("alpn")),
        "fallback": Refused("downgrade-refused", plain, change(of_tls12(), suites=(*SUITES12, 0x5600)), _of("fallback")),
        "master-secret": Refused(
            "extended-master-secret-missing", Serve("", rsa, (TLS12,), extended_master_secret="required"), change(of_tls12(), without=(23,)),
            _of("extended-master-secret"),
        ),
        "renegotiation": Refused(
            "renegotiation-refused", Serve("", rsa, (TLS12,), secure_renegotiation="required"), change(of_tls12(), without=(0xFF01,)),
            _of("renegotiation"),
        ),
        "box-tls13": Refused("hello-intolerance", plain, today(), _of("newer-version"), box=(lambda h, _: h.max_version >= TLS13, "reset")),
        "box-long": Refused("hello-intolerance", plain, _long(), _of("size"), box=(lambda _, length: length > 1300, "silence")),
        "box-512": Refused("hello-intolerance", plain, _middling(), _of("size"), box=(lambda _, length: 256 <= length - 5 < 512, "silence")),
        "box-grease": Refused("hello-intolerance", plain, today()._replace(greased=True), _of("grease"), box=(lambda h, _: h.greased, "reset")),
        "box-extension": Refused("hello-intolerance", plain, today(), _of("extension"), box=(lambda h, _: h.has(22), "reset")),
    }  # fmt: skip
    return found


def _of(*dimensions: str) -> frozenset[str]:
    return frozenset(dimensions)


def _long() -> ClientHello:
    """A hello with a post-quantum share, as browsers have sent it since 2024: longer than a packet."""
    hello = change(today(), groups=(0x11EC, *GROUPS))
    share = b"\x11\xec\x04\xc0" + bytes(1216) + b"\0\x1d\0\x20" + bytes(32)
    return extended(hello, 51, len(share).to_bytes(2, "big") + share)


def _middling() -> ClientHello:
    return extended(today(), 21, bytes(40))


# ------------------------------------------------------------------ the box


@contextlib.contextmanager
def boxed(port: int, box: Box) -> Iterator[int]:
    """A relay before that port of this machine which does not pass every ClientHello; its own port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, port, box), daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, port: int, box: Box) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_relay, args=(client, port, box), daemon=True).start()


def _relay(client: socket.socket, port: int, box: Box) -> None:
    dropped, how = box
    with client, contextlib.suppress(OSError):
        record = _record(client)
        hello = read(1, record[9:]) if len(record) > 9 else None
        if isinstance(hello, ClientHello) and dropped(hello, len(record)):
            if how == "silence":
                while client.recv(4096):
                    pass
            else:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        with socket.create_connection(("127.0.0.1", port)) as server:
            server.sendall(record)
            threading.Thread(target=_pass, args=(client, server), daemon=True).start()
            _pass(server, client)


def _record(client: socket.socket) -> bytes:
    data = b""
    while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
        more = client.recv(1 << 16)
        if not more:
            break
        data += more
    return data


def _pass(source: socket.socket, sink: socket.socket) -> None:
    """To the end of either side, which is then the end of the other."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
