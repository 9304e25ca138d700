"""The local gateway beside nginx as a TLS reverse proxy, in one run; and what many failing handshakes in a row leave behind.

Both proxies stand in front of the same nginx backend, TLS on both hops, connections kept alive on both; `wrk` (Debian) drives them one after the
other, several times in turn, so that what else the machine does falls on both. The gateway judges nothing while all goes well, but every byte
of a handshake passes its tap. The second part calls, one after the other, a target whose certificate is not trusted, one that wants a
client certificate, one that speaks an old version only and a port where nobody listens, and counts memory, descriptors and sockets.

    python benchmarks/gateway.py [--seconds 8] [--rounds 3] [--failures 10000] [--wrk PATH]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

import gateway_world as world  # type: ignore[import-not-found]  # noqa: E402
from whytls.edge.resources import TlsInfo  # noqa: E402
from whytls.gateway.dataplane import DataPlane, Places  # noqa: E402

NGINX = """daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s; keepalive_requests 1000000; ssl_protocols TLSv1.2; ssl_certificate {pem}; ssl_certificate_key {pem};
  server {{ listen 127.0.0.1:{backend} ssl; location / {{ return 200 "{body}"; }} }}
  upstream there {{ server 127.0.0.1:{backend}; keepalive 64; }}
  server {{ listen 127.0.0.1:{proxy} ssl; ssl_certificate {front}; ssl_certificate_key {front};
    location / {{ proxy_pass https://there; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_ssl_verify on; proxy_ssl_trusted_certificate {root}; proxy_ssl_name backend.example.test; proxy_buffering on; }} }}
}}"""
BODY = 512


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def serve(backend: int, port: int, ready: Event) -> None:
    """The gateway in a process of its own, with this one's certificates."""
    info = TlsInfo(enabled=True, trust_store="ref://trust", protocols=("TLSv1.2",))
    settings = world.settings(ports={443: port})
    names = ("api.example.test", "127.0.0.1")  # wrk sends the address as server_name

    async def run() -> None:
        async with DataPlane(world.environment(backend, info, aliases=names), settings):
            ready.set()
            await asyncio.Event().wait()

    asyncio.run(run())


def load(wrk: str, port: int, seconds: int, connections: int) -> tuple[float, float, float]:
    """Requests per second, and the 50th and 99th percentile in milliseconds."""
    call = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", "Host: api.example.test", f"https://127.0.0.1:{port}/weather/today"]
    printed = subprocess.run(call, check=True, text=True, stdout=subprocess.PIPE).stdout
    if "Non-2xx" in printed:
        raise SystemExit(f"answers other than 200:\n{printed}")
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    part = {p: float(n) * units[u] for p, n, u in re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", printed, re.MULTILINE)}
    return float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1]), part["50"], part["99"]  # type: ignore[index]


def loads(wrk: str, seconds: int, rounds: int) -> None:
    """Both proxies in turn, and the medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pem, front = world.files(folder, "own", world.BACKEND, world.MIDDLE), world.files(folder, "front", world.API, world.MIDDLE)
        (folder / "root.pem").write_text(world.ROOT.pem)
        backend, proxy, port = free_port(), free_port(), free_port()
        text = NGINX.format(folder=folder, pem=pem, front=front, root=folder / "root.pem", backend=backend, proxy=proxy, body="x" * BODY)
        (folder / "nginx.conf").write_text(text)
        nginx = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
        forking = multiprocessing.get_context("fork")
        ready = forking.Event()
        ours = forking.Process(target=serve, args=(backend, port, ready))
        ours.start()
        try:
            ready.wait(20)
            found: dict[str, list[tuple[float, float, float]]] = {"nginx": [], "whytls gateway": []}
            for _ in range(rounds):
                found["nginx"].append(load(wrk, proxy, seconds, 16))
                found["whytls gateway"].append(load(wrk, port, seconds, 16))
            print(f"\nTLS 1.2 on both hops, 16 connections, {BODY} bytes, {rounds} rounds of {seconds} s; load average {os.getloadavg()[0]:.1f}")
            for what, figures in found.items():
                rate, half, most = (sorted(column)[len(column) // 2] for column in zip(*figures, strict=True))
                print(f"  {what:<15} {rate:8.0f} requests/s   p50 {half:6.1f} ms   p99 {most:6.1f} ms")
        finally:
            for process in (ours, nginx):
                process.terminate()
            ours.join()
            nginx.wait()


def held() -> tuple[int, int, int]:
    """Resident KiB, open descriptors, sockets among them."""
    status = Path("/proc/self/status").read_text()
    listed = [os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{number}")]
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]), len(listed), sum(one.startswith("socket:") for one in listed)  # type: ignore[index]


async def failures(count: int) -> bool:
    """Failing southbound handshakes in a row: what they leave, and whether each had its verdict."""
    info = TlsInfo(enabled=True, trust_store="ref://trust")
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = {
            "untrusted": world.server_context(folder, world.issue(world.HOST, world.OTHER_ROOT, **world.VALID), world.OTHER_ROOT),
            "client certificate": world.server_context(folder, trust=world.ROOT),
            "old version": world.server_context(folder, highest=ssl.TLSVersion.TLSv1),
            "nobody there": None,
        }
        print(f"\n{count} failing southbound handshakes in a row, asked for over one connection to the Router")
        for what, context in kinds.items():
            with world.backend(context) as backend:
                if context is None:
                    backend.close()
                places = Places(trace=folder / "trace.jsonl", recording=folder / "gateway.pcap")
                async with DataPlane(world.environment(backend.port, info, plain=True), world.settings(), places) as plane:
                    good &= await kind(what, plane, count // len(kinds))
    return good


async def kind(what: str, plane: DataPlane, count: int) -> bool:
    """One kind of failure, so many times; whether nothing was left and each had its verdict."""
    reader, writer = await asyncio.open_connection("127.0.0.1", plane.ports[443])
    causes: dict[str, int] = {}

    async def calls(number: int) -> None:
        for _ in range(number):
            writer.write(b"GET /weather/today HTTP/1.1\r\nHost: api.example.test\r\n\r\n")
            response = await world.read_response(reader)
            causes[response.cause] = causes.get(response.cause, 0) + 1
            assert response.status == 503

    await calls(1_200)  # fills what is kept on purpose: the trace's last thousand entries, caches
    causes.clear()
    gc.collect()
    before, began, told = held(), time.perf_counter(), plane.trace.diagnosed
    await calls(count)
    seconds = time.perf_counter() - began
    await asyncio.sleep(0.2)
    gc.collect()
    grown = [b - a for a, b in zip(before, held(), strict=True)]
    writer.close()
    print(
        f"  {what:<19} {count} in {seconds:5.1f} s ({seconds / count * 1000:.2f} ms each); verdicts {causes}; "
        f"memory {grown[0]:+d} KiB, descriptors {grown[1]:+d}, sockets {grown[2]:+d}"
    )
    whole = "none" not in causes and sum(causes.values()) == count == plane.trace.diagnosed - told
    return whole and grown[0] < 8_192 and max(grown[1:]) <= 2


def main() -> int:
    """Both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--failures", type=int, default=10_000)
    parser.add_argument("--wrk", default="wrk")
    given = parser.parse_args()
    if given.rounds:
        loads(given.wrk, given.seconds, given.rounds)
    return 0 if not given.failures or asyncio.run(failures(given.failures)) else 1


if __name__ == "__main__":
    sys.exit(main())
