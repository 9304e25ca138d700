"""Clients of Edge's Management API that nobody here wrote, against ours: ``python -m lab.edge_clients [--into FOLDER]``.

apigeetool and apigee-edge-js come from npm, apigeecli from PyPI, each into a folder of its own; nothing of them is kept. apigeecli has the
address of Edge's public cloud as a constant; it is set to ours before its commands are imported, and nothing else in it is touched. It prints
a line for each call and ends with 1 if one that is known to work does not.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lab.management_api import Running, running

USER = "admin@gateway.test"
NPM = ("apigeetool@0.16.8", "apigee-edge-js@0.4.40")
PYPI = "apigeecli==0.56.2"
SECONDS = 120
APIGEECLI = "import sys, apigee; apigee.APIGEE_ADMIN_API_URL = sys.argv.pop(1); from apigee.__main__ import main; main()"
BUNDLE = {
    "weather.xml": '<APIProxy name="weather"/>',
    "proxies/default.xml": '<ProxyEndpoint name="default"><HTTPProxyConnection><BasePath>/weather</BasePath><VirtualHost>secure</VirtualHost>'
    '</HTTPProxyConnection><RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule></ProxyEndpoint>',
    "targets/default.xml": '<TargetEndpoint name="default"><HTTPTargetConnection><SSLInfo><Enabled>true</Enabled></SSLInfo>'
    "<URL>https://backend.test</URL></HTTPTargetConnection></TargetEndpoint>",
    "policies/Quota.xml": '<Quota name="Quota"><Allow count="5"/></Quota>',
    "resources/jsc/hello.js": "print('hello');",
}
# What these clients cannot do, and why; everything else has to work.
KNOWN = {
    ("apigee-edge-js", "keystores.importCert, with an encrypted key"): "its multipart body has no empty line before the password (RFC 7578)",
}


class Seen(NamedTuple):
    """One call, and whether it did what it should."""

    client: str
    call: str
    works: bool
    answer: str = ""


def main() -> int:
    """Plays all; 0: what should work works."""
    parser = argparse.ArgumentParser(prog="python -m lab.edge_clients", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--into", type=Path, help="keep the clients in this folder, and use what is there")
    given = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as made:
        packages = given.into or Path(made) / "clients"
        _install(packages)
        folder = Path(made)
        write_files(folder)
        (folder / "store").mkdir()
        with running(folder / "store") as server:
            for seen in (*_apigeetool(packages, server, folder), *_edge_js(packages, server, folder), *_apigeecli(packages, server, folder)):
                excuse = KNOWN.get((seen.client, seen.call))
                bad += not seen.works and excuse is None
                word = "works" if seen.works else "known" if excuse else "FAILS"
                print(f"{word}  {seen.client:15} {seen.call}" + (f": {excuse}" if excuse else ""))
                if not seen.works and not excuse:
                    print(f"       {seen.answer[:400]}")
    return 1 if bad else 0


def _install(packages: Path) -> None:
    packages.mkdir(parents=True, exist_ok=True)
    if not (packages / "node_modules").exists():
        subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", packages, *NPM], check=True)
    if not (packages / "python").exists():
        venv.create(packages / "python", with_pip=True)
        subprocess.run([packages / "python/bin/python", "-m", "pip", "install", "--quiet", PYPI], check=True)


def write_files(folder: Path) -> None:
    """The bundle, and a chain of two with its key, open and encrypted."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

    for name, text in BUNDLE.items():
        place = folder / "bundle" / "apiproxy" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    now = datetime.datetime.now(datetime.UTC)
    keys = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("Meadow root", "api.test")]
    certificates = [
        x509.CertificateBuilder()
        .subject_name(names[place])
        .issuer_name(names[0])
        .public_key(keys[place].public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(place == 0, None), critical=True)
        .sign(keys[0], hashes.SHA256())
        .public_bytes(Encoding.PEM)
        for place in range(2)
    ]
    (folder / "root.pem").write_bytes(certificates[0])
    (folder / "chain.pem").write_bytes(certificates[1] + certificates[0])
    (folder / "key.pem").write_bytes(keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "locked.pem").write_bytes(keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))


def _run(command: list[str | Path], folder: Path) -> tuple[bool, str]:
    environment = {**os.environ, "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    nothing = subprocess.DEVNULL
    done = subprocess.run(command, cwd=folder, env=environment, stdin=nothing, capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def _apigeetool(packages: Path, server: Running, folder: Path) -> Iterator[Seen]:
    """Target servers, proxies, roles: words of the command line, and what has to be in its answer."""
    common = ["-u", USER, "-p", server.token, "-o", "local", "-L", server.url]
    target, proxy, role = ["-e", "test", "--targetServerName", "ts1"], ["-n", "weather"], ["--roleName", "operator"]
    backend = ["--targetHost", "backend.test", "--targetPort", "443"]
    calls: tuple[tuple[list[str], str], ...] = (
        (["createTargetServer", *target, *backend, "--targetSSL", "true"], '"sSLInfo":{"enabled":"true"}'),
        (["listTargetServers", "-e", "test"], "ts1"),
        (["getTargetServer", *target], "backend.test"),
        (["updateTargetServer", *target, "--targetHost", "other.test", "--targetSSL", "true"], "other.test"),
        (["deployproxy", *proxy, "-e", "test", "-d", str(folder / "bundle")], "deployed"),
        (["deployproxy", *proxy, "-e", "test", "-d", str(folder / "bundle"), "-i"], ""),
        (["listproxies"], "weather"),
        (["listdeployments", *proxy], "deployed"),
        (["listdeployments", "-e", "test"], "deployed"),
        (["fetchproxy", *proxy, "-r", "1", "-f", str(folder / "fetched.zip")], "200"),
        (["undeploy", *proxy, "-e", "test"], "undeployed"),
        (["deployExistingRevision", *proxy, "-e", "test", "-r", "2"], "deployed"),
        (["undeploy", *proxy, "-e", "test", "-r", "2"], "undeployed"),
        (["delete", *proxy], ""),
        (["deleteTargetServer", *target], "ts1"),
        (["createrole", *role], "operator"),
        (["setrolepermissions", *role, "--permissions", '[{"path":"/","permissions":["get"]}]'], "get"),
        (["getrolepermissions", *role], "get"),
        (["assignuserrole", *role, "--email", "ops@gateway.test"], ""),
        (["verifyuserrole", *role, "--email", "ops@gateway.test"], "ops@gateway.test"),
        (["listroleusers", *role], "ops@gateway.test"),
        (["removeuserrole", *role, "--email", "ops@gateway.test"], ""),
        (["deleterole", *role], ""),
    )
    for words, expected in calls:
        fine, answer = _run([packages / "node_modules/.bin/apigeetool", words[0], *common, *words[1:]], folder)
        yield Seen("apigeetool", " ".join(words[:1] + [word for word in words[1:] if word.startswith("-")]), fine and expected in answer, answer)


def _edge_js(packages: Path, server: Running, folder: Path) -> Iterator[Seen]:
    program = Path(__file__).parent / "programs" / "edge_clients.js"
    fine, answer = _run(["node", program, packages, server.url, USER, server.token, folder], folder)
    for line in answer.splitlines():
        if line.startswith("{"):
            seen = json.loads(line)
            yield Seen("apigee-edge-js", seen["call"], seen["works"], seen["answer"])
    if not fine:
        yield Seen("apigee-edge-js", "the program itself", False, answer)


def _apigeecli(packages: Path, server: Running, folder: Path) -> Iterator[Seen]:
    """Reads keystores, aliases, certificates and references that curl has uploaded; pushes target servers."""
    base = f"{server.url}/v1/o/local/e/test"
    for path, arguments in (
        ("keystores", ["-H", "content-type: application/json", "-d", '{"name":"ks1"}']),
        ("keystores/ks1/aliases?alias=pair&format=keycertfile", ["-F", "certFile=@chain.pem", "-F", "keyFile=@key.pem"]),
        ("references", ["-H", "content-type: application/json", "-d", '{"name":"ref1","refers":"ks1","resourceType":"KeyStore"}']),
        ("virtualhosts", ["-H", "content-type: application/json", "-d", '{"name":"secure","port":"9443","hostAliases":["api.test"]}']),
    ):
        fine, answer = _run(["curl", "-sf", "-u", f"{USER}:{server.token}", f"{base}/{path}", *arguments], folder)
        if not fine:
            yield Seen("curl", path, False, answer)
    in_test, named = ["-e", "test"], ["-n", "ks1"]
    body = '{"name":"ts2","host":"backend.test","port":443,"isEnabled":true}'
    calls: tuple[tuple[list[str], str], ...] = (
        (["keystores", "list", *in_test], "ks1"),
        (["keystores", "get", *named, *in_test], '"aliasName"'),
        (["keystores", "list-certs", *named, *in_test], "pair"),
        (["keystores", "get-cert", *named, "--cert-name", "pair", *in_test], "expiryDate"),
        (["keystores", "export", *named, "--cert-name", "pair", *in_test], "BEGIN CERTIFICATE"),
        (["keystores", "list-aliases", *named, *in_test], "pair"),
        (["keystores", "get-alias", *named, "--alias-name", "pair", *in_test], "certsInfo"),
        (["keystores", "export-alias", *named, "--alias-name", "pair", *in_test], "BEGIN CERTIFICATE"),
        (["references", "list", *in_test], "ref1"),
        (["references", "get", "-n", "ref1", *in_test], "ks1"),
        (["virtualhosts", "list", *in_test], "secure"),
        (["virtualhosts", "get", "-n", "secure", *in_test], "api.test"),
        (["targetservers", "create", "-n", "ts2", "-b", body, *in_test], "ts2"),
        (["targetservers", "update", "-n", "ts2", "-b", body.replace("443", "8443"), *in_test], "8443"),
        (["targetservers", "list", *in_test], "ts2"),
        (["targetservers", "get", "-n", "ts2", *in_test], "backend.test"),
        (["targetservers", "delete", "-n", "ts2", *in_test], "ts2"),
        (["apis", "list"], ""),
        (["userroles", "create", "-n", "reader"], "reader"),
        (["userroles", "list"], "reader"),
        (["userroles", "delete", "-n", "reader"], "reader"),
    )
    for words, expected in calls:
        account = ["-u", USER, "-p", server.token, "-o", "local"]
        fine, answer = _run([packages / "python/bin/python", "-c", APIGEECLI, server.url, *words[:2], *account, *words[2:]], folder)
        yield Seen("apigeecli", " ".join(words[:2]), fine and expected in answer and "Error" not in answer, answer)


if __name__ == "__main__":
    sys.exit(main())
