"""Real servers, started in a host with a configuration written for the run."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.net import Host

PROGRAMS = Path(__file__).resolve().parent / "programs"
_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []
_NGINX = """daemon off;
worker_processes 1;
pid {folder}/{name}.pid;
error_log {folder}/{name}-error.log info;
events {{ worker_connections 128; }}
{outer}
http {{
  access_log {folder}/{name}-access.log;
  client_body_temp_path {folder}/{name}-body; proxy_temp_path {folder}/{name}-proxy; fastcgi_temp_path {folder}/{name}-fcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi; scgi_temp_path {folder}/{name}-scgi;
  server_names_hash_bucket_size 128;
  default_type text/plain;
{body}
}}
"""


def nginx_configuration(folder: Path, name: str, body: str, outer: str = "") -> str:
    """The text of an nginx.conf that keeps all its files in `folder`, with `body` inside http { }."""
    return _NGINX.format(folder=folder, name=name, body=body, outer=outer)


def nginx(host: Host, body: str, *, port: int = 443, name: str = "", outer: str = "") -> Path:
    """nginx with `body` inside http { }; gives its error log (info level)."""
    name = name or f"nginx-{host.name}"
    conf = host.folder / f"{name}.conf"
    conf.write_text(nginx_configuration(host.folder, name, body, outer))
    host.serve("nginx", "-p", str(host.folder), "-c", str(conf), "-e", str(host.folder / f"{name}-error.log"), port=port)
    kept = [line.strip() for line in body.splitlines() if "_ssl_" in line or line.strip().startswith(("ssl_", "listen", "proxy_"))]
    host.commands += [f"  # {line}".replace(str(host.folder) + "/", "") for line in kept]
    return host.folder / f"{name}-error.log"


def site(listen: str, names: str, certificate: Sequence[str], *more: str) -> str:
    """One nginx server block that answers every request with a short text."""
    lines = [
        f"listen {listen};",
        f"server_name {names};",
        f"ssl_certificate {certificate[0]};",
        f"ssl_certificate_key {certificate[1]};",
        *more,
    ]
    if not any("location" in line for line in more):
        lines.append('location / { return 200 "all is well\\n"; }')
    return "  server {\n    " + "\n    ".join(lines) + "\n  }\n"


def haproxy(host: Host, body: str, *, port: int = 443, name: str = "", env: Mapping[str, str] | None = None) -> Path:
    """HAProxy with `body` after global and defaults; gives its log."""
    name = name or f"haproxy-{host.name}"
    conf = host.folder / f"{name}.cfg"
    conf.write_text(
        "global\n  maxconn 100\n  log stdout format raw local0 info\n  tune.ssl.default-dh-param 2048\n"
        "defaults\n  mode http\n  log global\n  option httplog\n"
        "  timeout connect 5s\n  timeout client 15s\n  timeout server 15s\n" + body + "\n"
    )
    log = host.serve("haproxy", "-db", "-f", str(conf), port=port, env=env)
    kept = [line.strip() for line in body.splitlines() if line.strip().startswith(("bind", "server", "mode"))]
    host.commands += [f"  # {line}".replace(str(host.folder) + "/", "") for line in kept]
    return log


def s_server(host: Host, certificate: Sequence[str], *options: str, port: int = 443) -> Path:
    """`openssl s_server` that answers as a small web server; gives its log."""
    words = ["openssl", "s_server", "-accept", str(port), "-cert", certificate[0], "-cert_chain", certificate[0]]
    return host.serve(*words, "-key", certificate[1], "-www", *options, port=port)


def gnutls_serv(host: Host, certificate: Sequence[str], *options: str, port: int = 443) -> Path:
    """`gnutls-serv` as a small web server; gives its log."""
    words = ["gnutls-serv", "--http", "-p", str(port), "--x509certfile", certificate[0], "--x509keyfile", certificate[1]]
    return host.serve(*words, *options, port=port)


def go(host: Host, certificate: Sequence[str], *options: str, port: int = 8443) -> Path:
    """The Go server of lab/programs."""
    words = [go_program("serve"), "-address", f":{port}", "-cert", certificate[0], "-key", certificate[1]]
    return host.serve(*words, *options, port=port)


def java(host: Host, program: str, *options: str, port: int, properties: Sequence[str] = ()) -> Path:
    """A Java program of lab/programs, run from its source."""
    words = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", *properties, str(PROGRAMS / program)]
    return host.serve(*words, *options, port=port)


@functools.cache
def go_program(program: str) -> str:
    """Compile a Go program of lab/programs once per run of the lab, into Go's own cache and a folder that goes with the process."""
    folder = tempfile.TemporaryDirectory(prefix="lab-")
    _FOLDERS.append(folder)
    path = Path(folder.name) / program
    words = ["go", "build", "-o", str(path), str(PROGRAMS / f"{program}.go")]
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, "GOFLAGS": "-mod=mod", "GO111MODULE": "off"})
    return str(path)


def python(host: Host, program: str, *options: str, port: int = 443) -> Path:
    """A Python program of lab/programs."""
    return host.serve(sys.executable, "-u", str(PROGRAMS / program), *options, port=port)


def node(host: Host, certificate: Sequence[str], *options: str, port: int = 443) -> Path:
    """The Node server of lab/programs."""
    return host.serve("node", str(PROGRAMS / "serve.js"), str(port), *certificate, *options, port=port)


def selfserv(host: Host, database: str, *options: str, port: int = 443) -> Path:
    """NSS's `selfserv` with the certificate `site` of a database; gives its log."""
    return host.serve("selfserv", "-d", database, "-n", "site", "-p", str(port), "-v", *options, port=port)
