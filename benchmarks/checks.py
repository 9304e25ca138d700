"""A folder of 10,000 certificates: `whytls check FOLDER` beside `openssl x509` in a loop and one Python process with `cryptography` alone.

`python benchmarks/checks.py [--count N]`. The certificates are made here (EC P-256, 20 intermediates); openssl is timed on every
hundredth file and multiplied, for a process each takes minutes.
"""

from __future__ import annotations

import argparse
import datetime
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

EVERY = 100
ALONE = """
import pathlib, sys
from cryptography import x509
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    found = x509.load_pem_x509_certificate(path.read_bytes())
    found.subject.rfc4514_string(), found.issuer.rfc4514_string(), found.not_valid_after_utc
"""


def main() -> int:
    """Prints the three times."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), count)
        files = sorted(Path(folder).iterdir())
        began = time.perf_counter()
        for path in files[::EVERY]:
            subprocess.run(["openssl", "x509", "-noout", "-subject", "-issuer", "-enddate", "-in", path], check=True, capture_output=True)
        loop = (time.perf_counter() - began) * EVERY
        alone = timed([sys.executable, "-c", ALONE, folder])
        ours = timed([sys.executable, "-m", "whytls", "check", folder])
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"{len(files):,} files: whytls check {ours:.1f} s, cryptography alone {alone:.1f} s, openssl x509 in a loop {loop:.0f} s; peak {peak} MB")
    return 0


def timed(command: list[str]) -> float:
    """Seconds that a command takes."""
    began = time.perf_counter()
    subprocess.run(command, check=False, capture_output=True)
    return time.perf_counter() - began


def make(folder: Path, count: int) -> None:
    """Writes the certificates, each its own file."""
    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=30)
    key = ec.generate_private_key(ec.SECP256R1())

    def issue(subject: str, issuer: str, days: int, ca: bool) -> bytes:
        names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
        builder = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(begins + datetime.timedelta(days=days))
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        if not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)

    for number in range(20):
        (folder / f"ca{number:02}.pem").write_bytes(issue(f"Issuing {number}", "Root", 3650, True))
    for number in range(count - 20):
        (folder / f"{number:05}.pem").write_bytes(issue(f"host{number}.example", f"Issuing {number % 20}", 61 + number % 400, False))


if __name__ == "__main__":
    sys.exit(main())
