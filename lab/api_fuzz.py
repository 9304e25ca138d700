"""Schemathesis against the Management API: ``python -m lab.api_fuzz [--into FOLDER] [--seconds N]``; ends with 1 on any answer that should not be.

It makes calls from our own OpenAPI description, good and bad ones, over a store that holds a resource of each kind, and holds each answer to the
description: no 5xx, no status, media type or body that is not described, nothing for strangers. Left out is one of its checks, that what fits the
description succeeds: whether there is such a keystore, or whether the bytes are a certificate, no description says.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import urllib.request
import venv
from pathlib import Path

from lab.edge_clients import write_files
from lab.management_api import Running, running

PYPI = "schemathesis==4.32.5"
NAMES = {
    "organization": "local", "environment": "test", "name": "one", "alias": "one", "cert": "one", "revision": 1, "file": "default", "type": "jsc",
    "email": "ops@gateway.test",
}  # fmt: skip
TARGET_SERVER = '{"name":"one","host":"backend.test","port":443}'


def main() -> int:
    """Runs it; 0: every answer was as it should be."""
    parser = argparse.ArgumentParser(prog="python -m lab.api_fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--into", type=Path, help="keep schemathesis in this folder, and use what is there")
    parser.add_argument("--seconds", type=int, default=120, help="how long calls are made (default: 120)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        python = (given.into or Path(made)) / "python"
        if not python.exists():
            venv.create(python, with_pip=True)
            subprocess.run([python / "bin/python", "-m", "pip", "install", "--quiet", PYPI], check=True)
        folder = Path(made)
        write_files(folder)
        (folder / "store").mkdir()
        values = "\n".join(f'"path.{name}" = {value!r}'.replace("'", '"') for name, value in NAMES.items())
        (folder / "there.toml").write_text(f"[parameters]\n{values}\n")
        with running(folder / "store") as server:
            _fill(server, folder)
            return _run(python / "bin/schemathesis", server, folder, given.seconds)


def _fill(server: Running, folder: Path) -> None:
    """One resource of each kind, called ``one``."""
    here = f"{server.url}/v1/o/local/e/test"
    chain = (folder / "chain.pem").read_bytes()
    part = b'--x\r\nContent-Disposition: form-data; name="certFile"\r\n\r\n' + chain + b"\r\n--x--\r\n"
    revision = f"{server.url}/v1/o/local/apis/one/revisions/1"
    endpoint = (folder / "bundle/apiproxy/proxies/default.xml").read_bytes()
    target = (folder / "bundle/apiproxy/targets/default.xml").read_bytes()
    json, xml = "application/json", "application/xml"
    for url, kind, body in (
        (f"{here}/keystores", json, b'{"name":"one"}'),
        (f"{here}/keystores/one/aliases?alias=one&format=keycertfile", "multipart/form-data; boundary=x", part),
        (f"{here}/references", json, b'{"name":"one","refers":"one"}'),
        (f"{here}/targetservers", json, TARGET_SERVER.encode()),
        (f"{here}/virtualhosts", json, b'{"name":"one","port":"443","hostAliases":["api.test"]}'),
        (f"{server.url}/v1/o/local/apis", json, b'{"name":"one"}'),
        (f"{revision}/proxies", xml, endpoint),
        (f"{revision}/targets", xml, target),
        (f"{revision}/policies?name=default", xml, b'<Quota name="default"/>'),
        (f"{revision}/resources?type=jsc&name=default", "application/octet-stream", b"x"),
        (f"{here}/apis/one/revisions/1/deployments", "application/x-www-form-urlencoded", b"action=deploy"),
        (f"{server.url}/v1/o/local/userroles", json, b'{"role":[{"name":"one"}]}'),
        (f"{server.url}/v1/o/local/userroles/one/users?id=ops@gateway.test", "application/x-www-form-urlencoded", b""),
    ):
        request = urllib.request.Request(url, body, {"content-type": kind, "authorization": f"Bearer {server.token}"}, method="POST")
        with urllib.request.urlopen(request) as answer:
            assert answer.status in (200, 201), url


def _run(program: Path, server: Running, folder: Path, seconds: int) -> int:
    """Three rounds: any names in the paths; the names of what is there; the same for the calls that delete it.

    With names that are fixed, schemathesis believes to have sent bad names, or to ask for what it has made or deleted just before: the checks of
    that belong to the first round. That a resource can be read once it is made is for our own tests: a new proxy has no documents.
    """
    fixed = ["--config-file", str(folder / "there.toml")]
    always, with_names = ["positive_data_acceptance", "ensure_resource_availability"], ["negative_data_rejection", "use_after_free"]
    rounds: tuple[tuple[list[str], list[str], list[str]], ...] = (
        ([], always, ["--max-time", str(seconds // 2)]),
        (fixed, [*always, *with_names], ["--exclude-method", "DELETE", "--max-time", str(seconds // 2)]),
        (fixed, [*always, *with_names], ["--include-method", "DELETE", "--max-time", "20"]),
    )
    bad = 0
    for before, left_out, how in rounds:
        command = [str(program), *before, "run", f"{server.url}/openapi.json", "-H", f"Authorization: Bearer {server.token}", "--continue-on-failure"]
        options = ["--checks", "all", "--exclude-checks", ",".join(left_out), "--no-color", *how]
        bad |= subprocess.run([*command, *options], cwd=folder / "store", check=False).returncode
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
