"""The parts of lab/live that need no stack: primes, ports, words."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lab.live import words
from lab.live.groups import prime, write_dh
from lab.live.process import free_port, listens, process
from lab.live.serve import Pair, Serve, Unsupported, contiguous
from lab.net import LabError

PAIR = Pair("none.pem", "none.key")


def test_primes_are_those_of_the_rfcs(tmp_path: Path) -> None:
    """RFC 2409 section 6.2 and RFC 3526 section 3 write them out; their ends are enough to know them by, and Fermat's test does the rest."""
    assert f"{prime(1024):x}".startswith("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd1")
    assert f"{prime(1024):x}".endswith("49286651ece65381ffffffffffffffff")
    assert f"{prime(2048):x}".endswith("15728e5a8aacaa68ffffffffffffffff")
    for bits in (768, 1024, 1536, 2048, 3072, 4096):
        assert prime(bits).bit_length() == bits
        assert pow(2, prime(bits) - 1, prime(bits)) == 1
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_dh_params(write_dh(tmp_path, 2048))  # raises where it is none
    with pytest.raises(ValueError, match="no MODP group has 1000 bits"):
        prime(1000)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_free_port_is_for_who_sets_so_reuseaddr(address: str) -> None:
    port = free_port(address)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener, pytest.raises(OSError, match="in use"):
        listener.bind((address, port))
    with socket.create_server((address, port), family=family):  # sets SO_REUSEADDR
        pass


def test_two_do_not_get_the_same_port() -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(free_port())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 20


def test_readiness_is_the_process_own_socket(tmp_path: Path) -> None:
    port = free_port()
    program = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    with process([sys.executable, "-c", program], tmp_path, port, tmp_path / "log") as child:
        assert listens(child.pid, port)
        other = subprocess.Popen(["sleep", "60"])
        try:
            assert not listens(other.pid, port)  # somebody listens there, but not this one
        finally:
            other.kill()
            other.wait()
    assert child.poll() is not None


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    line = [sys.executable, "-c", "raise SystemExit('no certificate')"]
    with pytest.raises(LabError, match="no certificate"), process(line, tmp_path, free_port(), tmp_path / "log"):
        pass


def test_words_of_openssl() -> None:
    serve = Serve(
        "nginx", (PAIR,), versions=(0x0303, 0x0304), suites=("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "AES128-SHA", "TLS_AES_128_GCM_SHA256")
    )
    assert words.openssl_old_suites(serve) == "ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA:@SECLEVEL=0"
    assert words.openssl_new_suites(serve) == "TLS_AES_128_GCM_SHA256"
    assert words.openssl_old_suites(Serve("nginx", (PAIR,), versions=(0x0301,))) == "DEFAULT:@SECLEVEL=0"
    assert words.openssl_old_suites(Serve("nginx", (PAIR,))) == ""
    with pytest.raises(Unsupported, match=r"nginx cannot: SSL 3\.0"):
        words.openssl_versions(Serve("nginx", (PAIR,), versions=(0x0300,)))
    with pytest.raises(Unsupported, match="X25519MLKEM768"):
        words.openssl_groups(Serve("nginx", (PAIR,), groups=("X25519MLKEM768",)))
    with pytest.raises(ValueError, match="no signature scheme is called rsa"):
        words.openssl_schemes(Serve("nginx", (PAIR,), signature_schemes=("rsa",)))


def test_a_range_of_versions() -> None:
    assert contiguous(Serve("go", (PAIR,), versions=(0x0303, 0x0302))) == (0x0302, 0x0303)
    with pytest.raises(Unsupported, match="0x0303 left out"):
        contiguous(Serve("go", (PAIR,), versions=(0x0302, 0x0304)))
