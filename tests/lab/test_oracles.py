"""What other scanners write is read right, and whatever else they write ends in ValueError; with real ones, they see what a server has."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lab.live import nginx, oracles
from lab.live.papers import papers
from lab.live.serve import TLS11, TLS12, TLS13, Serve, running

SSLSCAN = b"""<?xml version="1.0" encoding="UTF-8"?>
<document title="SSLScan Results" version="2.0.7" web="http://github.com/rbsec/sslscan">
 <ssltest host="127.0.0.1" sniname="127.0.0.1" port="45743">
  <protocol type="tls" version="1.2" enabled="1" />
  <cipher status="preferred" sslversion="TLSv1.3" bits="128" cipher="TLS_AES_128_GCM_SHA256" id="0x1301" strength="acceptable" />
  <cipher status="preferred" sslversion="TLSv1.2" bits="256" cipher="ECDHE-RSA-AES256-GCM-SHA384" id="0xC030" curve="25519" ecdhebits="253" />
  <cipher status="accepted" sslversion="TLSv1.2" bits="128" cipher="AES128-SHA" id="0x002F" strength="acceptable" />
  <group sslversion="TLSv1.3" bits="128" name="x25519" id="0x001d" />
  <group sslversion="TLSv1.2" bits="128" name="x25519" id="0x001d" />
  <group sslversion="TLSv1.2" bits="192" name="secp384r1 (NIST P-384)" id="0x0018" />
 </ssltest>
</document>
"""
TESTSSL = [
    {"id": "service", "ip": "127.0.0.1/127.0.0.1", "port": "45743", "severity": "INFO", "finding": "HTTP"},
    {"id": "TLS1_2", "ip": "127.0.0.1/127.0.0.1", "port": "45743", "severity": "OK", "finding": "offered"},
    {"id": "cipher-tls1_2_xc030", "severity": "INFO", "finding": "TLS 1.2   xc030   ECDHE-RSA-AES256-GCM-SHA384       ECDH 253"},
    {"id": "cipher-tls1_2_x2f", "severity": "LOW", "finding": "TLS 1.2   x2f   AES128-SHA"},
    {"id": "cipher-tls1_3_x1301", "severity": "INFO", "finding": "TLS 1.3   x1301   TLS_AES_128_GCM_SHA256"},
    {"id": "PFS_ECDHE_curves", "severity": "OK", "finding": "prime256v1 secp384r1 X25519"},
]
SSLYZE = {
    "server_scan_results": [
        {
            "scan_result": {
                **{f"{name}_cipher_suites": {"result": None} for name in ("ssl_3_0", "tls_1_0", "tls_1_1")},
                "tls_1_2_cipher_suites": {"result": {"accepted_cipher_suites": [{"cipher_suite": {"name": "TLS_RSA_WITH_AES_128_CBC_SHA"}}]}},
                "tls_1_3_cipher_suites": {"result": {"accepted_cipher_suites": []}},
                "elliptic_curves": {"result": {"supported_curves": [{"name": "X25519", "openssl_nid": 1034}]}},
            }
        }
    ]
}
PROBE = {
    "schema": "urn:whytls:probes:1.0",
    "servers": [
        {
            "versions": [{"number": 0x0303, "suites": [{"number": 0xC030}, {"number": 0x002F}]}, {"number": 0x0301, "suites": []}],
            "groups": [{"number": 0x1D, "name": "x25519"}],
        }
    ],
}
READERS: dict[str, tuple[Callable[[bytes], oracles.Seen], object]] = {
    "testssl": (oracles.read_testssl, TESTSSL),
    "sslyze": (oracles.read_sslyze, SSLYZE),
    "whytls": (oracles.read_probe, PROBE),
}


def test_sslscan() -> None:
    seen = oracles.read_sslscan(SSLSCAN)
    assert seen.suites == {TLS13: (0x1301,), TLS12: (0xC030, 0x002F)}
    assert seen.groups == {0x1D, 0x18}
    assert seen.total == 3


def test_testssl() -> None:
    seen = oracles.read_testssl(json.dumps(TESTSSL).encode())
    assert seen.suites == {TLS12: (0xC030, 0x002F), TLS13: (0x1301,)}
    assert seen.groups == {0x17, 0x18, 0x1D}


def test_sslyze() -> None:
    seen = oracles.read_sslyze(json.dumps(SSLYZE).encode())
    assert seen == oracles.Seen({TLS12: (0x002F,)}, frozenset({0x1D}))


def test_our_own() -> None:
    assert oracles.read_probe(json.dumps(PROBE).encode()) == oracles.Seen({TLS12: (0xC030, 0x002F)}, frozenset({0x1D}))


@given(st.binary())
def test_anything_else_is_a_value_error(data: bytes) -> None:
    for read in (oracles.read_sslscan, *(reader for reader, _ in READERS.values())):
        with pytest.raises(ValueError, match=r"wrote no|expected|wrote a"):
            read(b"x" + data)


@pytest.mark.parametrize("who", READERS)
@given(data=st.data())
def test_another_form_is_a_value_error(who: str, data: st.DataObject) -> None:
    """One place of a sound answer is exchanged for something else: read, or refused in our words."""
    read, document = READERS[who]
    changed = json.loads(json.dumps(document))
    holder, key = _somewhere(changed, data)
    holder[key] = data.draw(st.sampled_from([None, 1, "x", [], {}, [1], {"a": 1}]))
    text = json.dumps(changed).encode()
    try:
        read(text)
    except ValueError:
        with pytest.raises(ValueError, match=r"expected|wrote a|no cipher suite is called"):
            read(text)


def _somewhere(document: Any, data: st.DataObject) -> tuple[Any, Any]:
    """A list or object inside the document, and one of its keys."""
    holder, key = [document], 0
    while isinstance(holder[key], list | dict) and holder[key]:
        inner = holder[key]
        holder, key = inner, data.draw(st.sampled_from(list(inner) if isinstance(inner, dict) else list(range(len(inner)))))
        if data.draw(st.booleans()):
            break
    return holder, key


@pytest.mark.stacks
def test_they_see_what_a_server_has(tmp_path: Path) -> None:
    suites = ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA", "AES128-SHA", "TLS_AES_128_GCM_SHA256")
    pair = papers(tmp_path).server("www.maple.test")
    serve = Serve("nginx", (pair,), versions=(TLS11, TLS12, TLS13), suites=suites, groups=("x25519", "secp384r1"), order="server")
    with running(serve) as server:
        before = nginx.accepted(server.folder)
        scanned = oracles.ask_sslscan(server.address, server.port)
        assert nginx.accepted(server.folder) - before > 20
        tested = oracles.ask_testssl(server.address, server.port, "-E")
    assert scanned.suites == {TLS11: (0xC013, 0x002F), TLS12: (0xC030, 0xC013, 0x002F), TLS13: (0x1301,)}
    assert scanned.groups == {0x1D, 0x18}
    assert tested.sets == scanned.sets
