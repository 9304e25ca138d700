"""Node's https, on the OpenSSL that it brings along (Debian's own Node: on Debian's)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.live import words
from lab.live.groups import write_dh
from lab.live.s_server import plain_openssl
from lab.live.serve import Command, Serve, Unsupported, cannot, contiguous, sites
from lab.servers import PROGRAMS


def command(serve: Serve, folder: Path, port: int) -> Command:
    """The program and its one word."""
    cannot(serve, "unknown_name", "alert")
    cannot(serve, "extended_master_secret")
    cannot(serve, "secure_renegotiation")
    if (serve.unknown_name == "reject") != (serve.no_name == "reject"):
        raise Unsupported(serve.stack, "another answer to no name than to an unknown one: refusing means that there is no default certificate")
    contiguous(serve)
    versions = words.openssl_versions(serve)
    suites = [text for text in (words.openssl_new_suites(serve), words.openssl_old_suites(serve)) if text]
    wanted = {
        "minVersion": versions[0],
        "maxVersion": versions[-1],
        "ciphers": _whole(serve, suites),
        "ecdhCurve": words.openssl_groups(serve),
        "sigalgs": words.openssl_schemes(serve),
        "ALPNProtocols": list(serve.alpn),
        "dhparam": write_dh(folder, serve.dh_bits) if serve.dh_bits else "",
    }
    options: dict[str, Any] = {name: value for name, value in wanted.items() if value}
    if serve.order:
        options["honorCipherOrder"] = serve.order == "server"
    given = {
        "address": serve.address,
        "port": port,
        "options": options,
        "sites": dict(sites(serve)),
        "unknown": serve.unknown_name,
        "partners": serve.client_ca,
        "auth": serve.client_auth,
    }
    return Command(["node", str(PROGRAMS / "live.js"), json.dumps(given)], plain_openssl(folder))


def _whole(serve: Serve, suites: list[str]) -> str:
    """Node keeps both lists in one: a list that names none of TLS 1.3 would switch them off."""
    if suites and not words.openssl_new_suites(serve):
        suites = ["TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", *suites]
    elif suites and not words.openssl_old_suites(serve):
        suites = [*suites, "DEFAULT"]
    return ":".join(suites)
