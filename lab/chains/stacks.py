"""What the real stacks decide about a list of cases: `openssl verify`, one Go process, one Java process, and pyca's verifier."""

from __future__ import annotations

import base64
import datetime as dt
import re
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from lab.chains.plan import Case

ORACLES = Path(__file__).resolve().parents[2] / "tests" / "pki" / "oracles"
SECURITY_LEVEL = 2
TIMEOUT = 300  # seconds for a process that takes all cases


class OpenSSL(NamedTuple):
    """The first error that `openssl verify` reports: 0 where it accepts, -1 where it cannot even read a certificate."""

    code: int
    depth: int | None
    text: str


class Java(NamedTuple):
    """Three answers: JSSE's trust manager, the PKIX builder, the PKIX validator over the list as sent."""

    jsse: str
    builder: str
    validator: str


def bundle(cases: Sequence[Case], path: Path) -> None:
    """Writes the file that the Go and Java programs read; each certificate stands in it once."""
    numbers: dict[bytes, int] = {}
    tests = []
    for index, case in enumerate(cases):
        chain, anchors = (",".join(str(numbers.setdefault(der, len(numbers))) for der in ders) or "-" for ders in (case.chain, case.anchors))
        tests.append(f"T {index} {case.purpose} {case.host or '-'} {case.at} {chain} {anchors}")
    lines = [f"C {base64.b64encode(der).decode()}" for der in numbers]
    path.write_text("\n".join([*lines, *tests]) + "\n")


def go(cases: Sequence[Case]) -> list[str]:
    """What crypto/x509 says of each: `ok` or its error."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "chains"
        _run(["go", "build", "-o", str(program), str(ORACLES / "chains.go")], folder)
        bundle(cases, Path(folder) / "bundle")
        return [line[0] for line in _answers(_run([str(program), f"{folder}/bundle"], folder), len(cases))]


def java(cases: Sequence[Case]) -> list[Java]:
    """What JSSE and PKIX say of each."""
    with tempfile.TemporaryDirectory() as folder:
        _run(["javac", "-d", folder, str(ORACLES / "Chains.java")], folder)
        bundle(cases, Path(folder) / "bundle")
        lines = _answers(_run(["java", "-XX:TieredStopAtLevel=1", "-cp", folder, "Chains", f"{folder}/bundle"], folder), len(cases))
        return [Java(*line) for line in lines]


def openssl(cases: Sequence[Case], workers: int = 4, more: Sequence[str] = ()) -> list[OpenSSL]:
    """What `openssl verify` says of each, asked as a TLS peer asks it: the whole list as untrusted, level 2, the purpose, the host."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        files = _Files(Path(folder))
        commands = [_command(case, files, more) for case in cases]
        return list(pool.map(_verify, commands))


def pyca(case: Case) -> str:
    """What `cryptography`'s verifier says: `ok` or its error; it wants a host or an address, and server or client."""
    from cryptography import x509
    from cryptography.x509.verification import PolicyBuilder, Store

    try:
        chain = [x509.load_der_x509_certificate(der) for der in case.chain]
        store = Store([x509.load_der_x509_certificate(der) for der in case.anchors])
        builder = PolicyBuilder().store(store).time(dt.datetime.fromtimestamp(case.at, dt.UTC).replace(tzinfo=None))
        if case.purpose == "client":
            builder.build_client_verifier().verify(chain[0], chain[1:])
        else:
            builder.build_server_verifier(_subject(case.host or "")).verify(chain[0], chain[1:])
    except Exception as error:  # of many types: a name it does not take, a certificate it does not read
        return f"{type(error).__name__}: {error}"[:200]
    return "ok"


def _subject(host: str):  # type: ignore[no-untyped-def]  # x509.DNSName | x509.IPAddress, imported where it is used
    import ipaddress

    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class _Files:
    """PEM files, one for each list of certificates."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._known = folder, dict[tuple[bytes, ...], str]()

    def of(self, ders: tuple[bytes, ...]) -> str:
        if ders not in self._known:
            path = self._folder / f"{len(self._known)}.pem"
            text = "".join(
                "-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der).decode() + "-----END CERTIFICATE-----\n" for der in ders
            )
            path.write_text(text or "\n")
            self._known[ders] = str(path)
        return self._known[ders]


def _command(case: Case, files: _Files, more: Sequence[str]) -> list[str]:
    purpose = "sslserver" if case.purpose == "server" else "sslclient"
    command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-auth_level", str(SECURITY_LEVEL), "-purpose", purpose]
    command += ["-attime", str(case.at), *more]
    command += ["-CAfile", files.of(case.anchors)] if case.anchors else ["-no-CAfile"]
    command += ["-untrusted", files.of(case.chain)]
    if case.host and case.purpose == "server":
        address = re.fullmatch(r"[0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", case.host)
        command += ["-verify_ip" if address else "-verify_hostname", case.host]
    return [*command, files.of(case.chain[:1])]


def _verify(command: list[str]) -> OpenSSL:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=30, check=False)
    found = re.search(r"^error (\d+) at (-?\d+) depth lookup: (.*)$", done.stdout + done.stderr, re.MULTILINE)
    if found:
        return OpenSSL(int(found[1]), int(found[2]), found[3].strip())
    if ": verification failed" in done.stderr:  # X509_verify_cert gave -1: an error without a callback
        return OpenSSL(1, 0, "unspecified certificate verification error")
    return OpenSSL(0, None, "ok") if done.returncode == 0 else OpenSSL(-1, None, (done.stderr.strip().splitlines() or ["?"])[0][:160])


def _run(command: list[str], folder: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=TIMEOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def _answers(text: str, count: int) -> list[list[str]]:
    lines = [line.split("\t") for line in text.splitlines()]
    if [line[0] for line in lines] != [str(index) for index in range(count)]:
        raise RuntimeError(f"{len(lines)} answers to {count} questions")
    return [line[1:] for line in lines]
