"""`openssl s_server`: one client at a time (a second one waits until the first has gone), one other site, two key types."""

from __future__ import annotations

from pathlib import Path

from lab.live import words
from lab.live.groups import write_dh
from lab.live.serve import Command, Serve, Unsupported, cannot, one_per_type


def command(serve: Serve, folder: Path, port: int) -> Command:
    """The command line."""
    cannot(serve, "no_name", "reject")
    cannot(serve, "extended_master_secret")
    cannot(serve, "secure_renegotiation")
    one_per_type(serve)
    host = f"[{serve.address}]" if ":" in serve.address else serve.address
    line = ["openssl", "s_server", "-accept", f"{host}:{port}", "-www", *_versions(serve), *_certificates(serve), *_sites(serve)]
    for option, value in (
        ("-cipher", words.openssl_old_suites(serve)),
        ("-ciphersuites", words.openssl_new_suites(serve)),
        ("-groups", words.openssl_groups(serve)),
        ("-sigalgs", words.openssl_schemes(serve)),
        ("-client_sigalgs", words.openssl_schemes(serve) if serve.client_auth != "none" else ""),
        ("-alpn", ",".join(serve.alpn)),
        ("-dhparam", write_dh(folder, serve.dh_bits) if serve.dh_bits else ""),
    ):
        line += [option, value] if value else []
    if serve.order == "server":
        line.append("-serverpref")
    if serve.client_auth != "none":
        line += ["-verify" if serve.client_auth == "optional" else "-Verify", "5", "-verify_return_error", "-CAfile", serve.client_ca]
    return Command(line, plain_openssl(folder))


def plain_openssl(folder: Path, *lines: str) -> dict[str, str]:
    """An environment in which OpenSSL reads those lines as its system-wide defaults, not the machine's own: tests mean the same everywhere."""
    path = folder / "openssl.cnf"
    head = "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\n"
    path.write_text(head + "".join(f"{line}\n" for line in ("MinProtocol = None", *lines)))
    return {"OPENSSL_CONF": str(path)}


def _versions(serve: Serve) -> list[str]:
    wanted = words.openssl_versions(serve)
    options = {"TLSv1": "tls1", "TLSv1.1": "tls1_1", "TLSv1.2": "tls1_2", "TLSv1.3": "tls1_3"}
    return [f"-no_{option}" for name, option in options.items() if name not in wanted]


def _certificates(serve: Serve) -> list[str]:
    if len(serve.certificates) > 2:
        raise Unsupported(serve.stack, "more than two certificates for one site")
    line = []
    for prefix, pair in zip(("-", "-d"), serve.certificates, strict=False):
        line += [f"{prefix}cert", pair.certificate, f"{prefix}cert_chain", pair.certificate, f"{prefix}key", pair.key]
    return line


def _sites(serve: Serve) -> list[str]:
    if not serve.names:
        return []
    if len(serve.names) > 1 or any(len(pairs) > 1 for pairs in serve.names.values()):
        raise Unsupported(serve.stack, "more than one other site with one certificate")
    if serve.unknown_name == "default" and min(serve.versions) < 0x0304:
        raise Unsupported(serve.stack, "unknown_name = 'default' before TLS 1.3: it sends a warning alert with it")
    [(name, (pair,))] = serve.names.items()
    line = ["-servername", name, "-cert2", pair.certificate, "-key2", pair.key]
    return [*line, "-servername_fatal"] if serve.unknown_name == "reject" else line
