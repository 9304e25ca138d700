"""HAProxy: certificates in a crt-list; who names none of the names in them is shown the first line of it, whatever key types that client has."""

from __future__ import annotations

from pathlib import Path

from lab.live import words
from lab.live.groups import write_dh
from lab.live.s_server import plain_openssl
from lab.live.serve import Command, Serve, Unsupported, cannot, contiguous, sites


def command(serve: Serve, folder: Path, port: int) -> Command:
    """Writes haproxy.cfg and the certificates as it wants them; the command line."""
    cannot(serve, "unknown_name", "alert")
    cannot(serve, "extended_master_secret")
    cannot(serve, "secure_renegotiation")
    if (serve.unknown_name == "reject") != (serve.no_name == "reject"):
        raise Unsupported(serve.stack, "another answer to no name than to an unknown one: strict-sni means both")
    path = folder / "haproxy.cfg"
    dh = f"  ssl-dh-param-file {write_dh(folder, serve.dh_bits)}\n" if serve.dh_bits else ""
    path.write_text(
        f"global\n  maxconn 200\n  log stdout format raw local0 info\n{dh}"
        "defaults\n  mode http\n  log global\n  option httplog\n  timeout connect 5s\n  timeout client 15s\n  timeout server 15s\n"
        f"frontend tls\n  bind {serve.address}:{port} ssl crt-list {_list(serve, folder)} {' '.join(_tls(serve))}\n"
        '  http-request return status 200 content-type text/plain string "all is well"\n'
    )
    defaults = []
    if serve.signature_schemes:
        defaults.append(f"SignatureAlgorithms = {words.openssl_schemes(serve)}")  # HAProxy has no word for them before 2.8
    if "SECLEVEL=0" in words.openssl_old_suites(serve):
        defaults.append("CipherString = DEFAULT:@SECLEVEL=0")  # it loads certificates and DH groups before it reads `ciphers`
    return Command(["haproxy", "-db", "-f", str(path)], plain_openssl(folder, *defaults))


def _tls(serve: Serve) -> list[str]:
    contiguous(serve)
    wanted = ["TLSv1.0" if name == "TLSv1" else name for name in words.openssl_versions(serve)]
    line = ["ssl-min-ver", wanted[0], "ssl-max-ver", wanted[-1]]
    for option, value in (
        ("ciphers", words.openssl_old_suites(serve)),
        ("ciphersuites", words.openssl_new_suites(serve)),
        ("curves", words.openssl_groups(serve)),
        ("alpn", ",".join(serve.alpn)),
    ):
        line += [option, value] if value else []
    if serve.order == "client":
        line.append("prefer-client-ciphers")
    if serve.client_auth != "none":
        line += ["ca-file", serve.client_ca, "verify", serve.client_auth]
    return [*line, "strict-sni"] if serve.unknown_name == "reject" else line


def _list(serve: Serve, folder: Path) -> Path:
    lines = []
    for number, (name, pairs) in enumerate(sites(serve)):
        if not name and serve.unknown_name == "reject":
            continue  # strict-sni: no site is shown but to who names it
        for pair in pairs:
            path = folder / f"site{number}-{pair.kind}.pem"
            path.write_text(Path(pair.certificate).read_text() + Path(pair.key).read_text())
            lines.append(f"{path} {name}\n")
    path = folder / "crt-list"
    path.write_text("".join(lines))
    return path
