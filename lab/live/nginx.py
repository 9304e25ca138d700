"""nginx: a server block per site, the default one first; and one on a Unix socket that says how many connections there were."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from lab.live import words
from lab.live.groups import write_dh
from lab.live.s_server import plain_openssl
from lab.live.serve import Command, Pair, Serve, Unsupported, cannot, sites
from lab.net import LabError
from lab.servers import nginx_configuration

_ANSWER = '    location / { return 200 "all is well\\n"; }\n'


def command(serve: Serve, folder: Path, port: int) -> Command:
    """Writes nginx.conf; the command line."""
    cannot(serve, "unknown_name", "alert")
    cannot(serve, "extended_master_secret")
    cannot(serve, "secure_renegotiation")
    if (serve.unknown_name == "reject") != (serve.no_name == "reject"):
        raise Unsupported(serve.stack, "another answer to no name than to an unknown one: both reach the default server")
    host = f"[{serve.address}]" if ":" in serve.address else serve.address
    listen = f"{host}:{port} ssl{' http2' if _http2(serve) else ''}"
    body = "".join(f"  {line};\n" for line in _tls(serve, folder))
    for name, pairs in sites(serve):
        body += "  server {\n" + _site(serve, listen, name, pairs) + "  }\n"
    body += f"  server {{\n    listen unix:{folder}/status;\n    location / {{ stub_status; access_log off; }}\n  }}\n"
    path = folder / "nginx.conf"
    path.write_text(nginx_configuration(folder, "nginx", body))
    return Command(["nginx", "-p", str(folder), "-c", str(path), "-e", str(folder / "nginx-error.log")], plain_openssl(folder))


def accepted(folder: Path) -> int:
    """How many connections it has accepted so far, this question among them: what scanners cost, without anything in between."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(folder / "status"))
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while more := connection.recv(4096):
            answer += more
    found = re.search(rb"handled requests\s+(\d+)", answer)
    if found is None:
        raise LabError(f"nginx does not tell its connections: {answer[:200]!r}")
    return int(found[1])


def _tls(serve: Serve, folder: Path) -> list[str]:
    lines = ["server_tokens off", f"ssl_protocols {' '.join(words.openssl_versions(serve))}"]
    for directive, value in (
        ("ssl_ciphers", words.openssl_old_suites(serve)),
        ("ssl_conf_command Ciphersuites", words.openssl_new_suites(serve)),
        ("ssl_ecdh_curve", words.openssl_groups(serve)),
        ("ssl_conf_command SignatureAlgorithms", words.openssl_schemes(serve)),
        ("ssl_dhparam", write_dh(folder, serve.dh_bits) if serve.dh_bits else ""),
        ("ssl_prefer_server_ciphers", {"": "", "server": "on", "client": "off"}[serve.order]),
    ):
        lines += [f"{directive} {value}"] if value else []
    if serve.client_auth != "none":
        lines += [f"ssl_client_certificate {serve.client_ca}", f"ssl_verify_client {'on' if serve.client_auth == 'required' else 'optional'}"]
    return lines


def _site(serve: Serve, listen: str, name: str, pairs: tuple[Pair, ...]) -> str:
    if not name and serve.unknown_name == "reject":
        return f"    listen {listen} default_server;\n    ssl_reject_handshake on;\n"
    text = f"    listen {listen}{'' if name else ' default_server'};\n    server_name {name or '_'};\n"
    for pair in pairs:
        text += f"    ssl_certificate {pair.certificate};\n    ssl_certificate_key {pair.key};\n"
    return text + _ANSWER


def _http2(serve: Serve) -> bool:
    if serve.alpn in ((), ("http/1.1",)):
        return False
    if serve.alpn == ("h2", "http/1.1"):
        return True
    raise Unsupported(serve.stack, f"exactly the protocols {', '.join(serve.alpn)}")
