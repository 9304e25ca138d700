"""The real nginx as the Router: its configuration written from the virtual hosts, and the process.

Private keys have to lie on the disk for nginx: in a folder that only its owner can enter, which is emptied when nginx stops. nginx holds the clients'
connections then, so northbound failures stand in its ``error.log`` and have no diagnosis here; southbound all is as before.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from whytls.edge.resources import VirtualHost
from whytls.exceptions import InputError
from whytls.gateway.environment import Environment, Held, Loaded, anchors, entry
from whytls.gateway.selection import listeners, protocols
from whytls.gateway.settings import Settings

_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_.-]{1,253}|[0-9A-Fa-f:]{2,45}")
_PATH = re.compile(r"[A-Za-z0-9_./~@%+:,=-]{1,1024}")
_CIPHERS = re.compile(r"[A-Za-z0-9_:!+@=-]{1,4096}")
_HEAD = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
  server_tokens off;
  access_log off;
  client_body_temp_path {folder}/temp; proxy_temp_path {folder}/temp; fastcgi_temp_path {folder}/temp; uwsgi_temp_path {folder}/temp;
  scgi_temp_path {folder}/temp;
  log_format edge '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "-" "$http_user_agent" $server_name $request_time';
"""
_PROXY = """\
    location / {{
      proxy_pass http://127.0.0.1:{processor};
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout {read};
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Port {port};
      proxy_set_header X-Whytls-Router {token};
      proxy_set_header X-Whytls-Virtual-Host {name};
    }}
"""


def configuration(environment: Environment, settings: Settings, loaded: Loaded, folder: Path, processor: int, token: str) -> str:
    """nginx's configuration; certificates and keys are written into ``folder``.

    Raises:
        InputError: a virtual host cannot be written down: no certificate for it, or a name that is none.
    """
    _checked(_PATH, str(folder), "the gateway's folder")
    address = f"[{settings.listen}]" if ":" in settings.listen else settings.listen
    parts = [_HEAD.format(folder=folder)]
    for port, listening in listeners(environment).items():
        real = settings.ports.get(port, port if port >= 1024 else port + 8_000)
        where = f"{address}:{real}{' ssl' if listening.tls else ''}{' proxy_protocol' if listening.proxy_protocol else ''}"
        if listening.tls and settings.router.unmatched == "refuse":
            parts.append(f"  server {{ listen {where} default_server; ssl_reject_handshake on; }}\n")
        parts += [_server(host, where, environment, settings, loaded, folder, processor, token) for host in listening.hosts]
    return "".join([*parts, "}\n"])


def _server(
    host: VirtualHost, where: str, environment: Environment, settings: Settings, loaded: Loaded, folder: Path, processor: int, token: str
) -> str:
    _checked(_NAME, host.name, f"virtual host {host.name}")
    aliases = [_checked(_NAME, alias.partition(":")[0], f"virtual host {host.name}, host alias") for alias in host.host_aliases]
    read = (host.named("proxy_read_timeout") or "").removesuffix("s")
    lines = [f"  server {{\n    listen {where};\n    server_name {' '.join(aliases) or '_'};\n"]
    lines.append(f"    access_log {folder}/{environment.organization}~{environment.name}.{host.port}_access_log edge;\n")
    lines += _tls(host, environment, settings, loaded, folder) if host.speaks_tls else []
    seconds = read if read.isdecimal() else f"{settings.router.read_timeout:g}"
    lines.append(_PROXY.format(processor=processor, read=seconds, port=host.port, token=token, name=host.name))
    return "".join([*lines, "  }\n"])


def _tls(host: VirtualHost, environment: Environment, settings: Settings, loaded: Loaded, folder: Path) -> list[str]:
    info = host.tls
    assert info is not None  # noqa: S101 -- asked for hosts that speak TLS
    held = entry(loaded.store(environment, info.key_store), info.key_alias)
    if held is None:
        raise InputError(f"virtual host {host.name}: keystore {info.key_store} has no key under {info.key_alias!r}", hint="nginx wants one")
    pem = folder / f"{host.name}.pem"
    _written(pem, _pem(held))
    ciphers = _checked(
        _CIPHERS, host.named("ssl_ciphers") or ":".join(info.ciphers) or settings.router.ciphers, f"virtual host {host.name}, ssl_ciphers"
    )
    lines = [
        f"    ssl_certificate {pem};\n    ssl_certificate_key {pem};\n",
        f"    ssl_protocols {' '.join(protocols(host, settings.router))};\n    ssl_ciphers {ciphers}:@SECLEVEL=0;\n",
    ]
    if info.client_auth_enabled:
        client = folder / f"{environment.organization}-{environment.name}-{host.name}-client.pem"
        trusted = anchors(loaded.store(environment, info.trust_store))
        _written(client, b"".join([x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in trusted]))
        verify = "optional_no_ca" if info.ignore_validation_errors else "on"
        lines.append(f"    ssl_client_certificate {client};\n    ssl_verify_client {verify};\n    ssl_verify_depth {settings.router.verify_depth};\n")
    return lines


def _pem(held: Held) -> bytes:
    key = load_der_private_key(held.key or b"", None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + b"".join([x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in held.chain])


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise InputError(f"{what}: {text[:60]!r} cannot stand in nginx's configuration")
    return text


def _written(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


class Nginx:
    """The running nginx."""

    def __init__(self, folder: Path, settings: Settings, processor: int, token: str) -> None:
        self.folder, self.settings, self._processor, self._token = folder, settings, processor, token
        self._loaded = Loaded()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, environment: Environment) -> None:
        """Writes the configuration and runs nginx.

        Raises:
            InputError: there is no nginx, or it refuses the configuration.
        """
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/nginx/sbin")
        if program is None:
            raise InputError("nginx is not installed", hint="apt-get install nginx-light, or leave --router nginx out")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "temp").mkdir(exist_ok=True)
        self._write(environment)
        command = (program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", str(self.folder / "error.log"))
        await self._tested(command)
        self._process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        for _ in range(500):
            if (self.folder / "nginx.pid").exists() or self._process.returncode is not None:
                break
            await asyncio.sleep(0.01)
        if self._process.returncode is not None:
            raise InputError(f"nginx ended at once; {self.folder}/error.log says why")

    async def _tested(self, command: tuple[str, ...]) -> None:
        test = await asyncio.create_subprocess_exec(*command, "-t", stderr=asyncio.subprocess.PIPE)
        _, told = await test.communicate()
        if test.returncode:
            raise InputError(
                f"nginx refuses its configuration: {told.decode('utf-8', 'replace').strip()[-400:]}", file=str(self.folder / "nginx.conf")
            )

    def _write(self, environment: Environment) -> None:
        text = configuration(environment, self.settings, self._loaded, self.folder, self._processor, self._token)
        _written(self.folder / "nginx.conf", text.encode())

    async def update(self, environment: Environment) -> None:
        """The virtual hosts changed: nginx reads them anew, without a client noticing.

        Raises:
            InputError: a virtual host cannot be written down.
        """
        self._write(environment)
        self._reload()

    def restart(self, environment: Environment) -> None:
        """Stores are read anew, too.

        Raises:
            InputError: as ``update``.
        """
        self._loaded.restart()
        self._write(environment)
        self._reload()

    def _reload(self) -> None:
        import signal

        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """Ends nginx, and takes the keys from the disk."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        for path in self.folder.glob("*.pem"):
            path.unlink()
