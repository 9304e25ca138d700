"""A folder of certificates, one a file: how long we take beside `openssl x509` in a loop and beside `cryptography` alone.

    python benchmarks/stores.py [--count 10000]

Each is a process of its own, start-up included; the best of three, in seconds of wall time and of CPU. What is compared: ours
finds every file that holds a certificate and makes a Store; with `--fields` every certificate is parsed into all fields that
verdicts use. The loop over `cryptography` parses each file and looks at its subject and its end, `openssl x509` prints them.
"""

from __future__ import annotations

import argparse
import datetime
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

OURS = "import sys; from whytls.pki.store import read_store; print(len(read_store(sys.argv[1]).entries))"
OURS_WITH_FIELDS = """
import sys
from whytls.pki.certificate import read
from whytls.pki.store import read_store
print(sum(1 for der in read_store(sys.argv[1]).certificates if read(der).subject and read(der).not_after))
"""
ALONE = """
import os, sys
from cryptography import x509
count = 0
for entry in os.scandir(sys.argv[1]):
    with open(entry.path, "rb") as file:
        certificate = x509.load_pem_x509_certificate(file.read())
    count += bool(certificate.subject.rfc4514_string() and certificate.not_valid_after_utc)
print(count)
"""
LOOP = 'for file in "$0"/*; do openssl x509 -in "$file" -noout -subject -enddate >/dev/null && echo; done | wc -l'


def write(folder: Path, count: int) -> None:
    """That many certificates with names, keys and extensions of their own."""
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    issuer, signer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Meadow issuing")]), ec.generate_private_key(ec.SECP256R1())
    keys = [ec.generate_private_key(ec.SECP256R1()).public_key() for _ in range(100)]
    for number in range(count):
        name = f"shop{number}.meadow.example"
        builder = x509.CertificateBuilder(issuer, x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), keys[number % 100], number + 1)
        builder = builder.not_valid_before(begin).not_valid_after(begin + datetime.timedelta(days=90))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        builder = builder.add_extension(x509.BasicConstraints(False, None), True)
        (folder / f"{name}.pem").write_bytes(builder.sign(signer, SHA256()).public_bytes(Encoding.PEM))


def measure(command: list[str], repeat: int) -> tuple[float, float, str]:
    """Wall and CPU seconds of the best run, and what it printed."""
    best = (float("inf"), float("inf"))
    answer = ""
    for _ in range(repeat):
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, (wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return (*best, answer)


def main() -> int:
    """Write, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, count)
        jobs = (
            ("whytls: a Store", [sys.executable, "-c", OURS, name], 3),
            ("whytls: a Store, all fields", [sys.executable, "-c", OURS_WITH_FIELDS, name], 3),
            ("cryptography alone", [sys.executable, "-c", ALONE, name], 3),
            ("openssl x509 in a loop", ["sh", "-c", LOOP, name], 1),
        )
        print(f"{count:,} certificates, {os.cpu_count()} cores")
        for what, command, repeat in jobs:
            wall, cpu, answer = measure(command, repeat)
            print(f"{what:30}{wall:8.2f} s wall{cpu:8.2f} s CPU   {int(answer):,} certificates")
    return 0


if __name__ == "__main__":
    sys.exit(main())
