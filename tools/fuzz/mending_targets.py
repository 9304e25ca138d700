"""Targets of pki/: revocation lists, OCSP responses, answers of issuers' servers, repair of chains, pairs of stores."""

from __future__ import annotations

import itertools
from pathlib import Path

from tools.fuzz.items import NOW, Run, unpacked

FILES = Path(__file__).resolve().parents[2] / "tests" / "pki" / "revocations"


def revocation() -> Run:
    """A list or a response, read and laid beside certificates that it is about; it counts only if its signature is right."""
    from whytls.pki.certificate import read
    from whytls.pki.readers.revocation import revocation_in
    from whytls.pki.revocation import statuses
    from whytls.pki.store import read_anchors

    good, bad, issuing, root = (read(read_anchors(FILES / f"{name}.pem")[0]) for name in ("good", "bad", "issuing", "root"))
    sound = {path.read_bytes() for path in FILES.iterdir()}
    made = revocation_in((FILES / "full.crl").read_bytes(), "made")[0].parsed
    at = int(made.last_update_utc.timestamp() + 3600) * 10**9  # type: ignore[union-attr]

    def run(data: bytes) -> None:
        for leaf in (good, bad):
            status = statuses([leaf, issuing, root], revocation_in(data, "fuzzed"), at=at)[0]
            if data not in sound and leaf is bad:
                assert status.state != "good", status

    return run


def list_seeds() -> list[bytes]:
    """The lists as DER and as PEM."""
    import base64

    found = []
    for path in sorted(FILES.glob("*.crl.pem")):
        text = path.read_bytes()
        found += [base64.b64decode(b"".join(text.split(b"-----")[2].split())), text]
    return found


def response_seeds() -> list[bytes]:
    """The responses."""
    return [path.read_bytes() for path in sorted(FILES.glob("*.ocsp"))]


def answer() -> Run:
    """What a server sends as an issuer's certificate."""
    from whytls.pki.fetch import certificates_in_answer

    def run(data: bytes) -> None:
        assert certificates_in_answer(data)

    return run


def answer_seeds() -> list[bytes]:
    """A certificate in each of the three forms."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    both = [x509.load_pem_x509_certificate((FILES / f"{name}.pem").read_bytes()) for name in ("issuing", "root")]
    forms = [pkcs7.serialize_certificates(both, encoding) for encoding in (Encoding.DER, Encoding.PEM)]
    return [*forms, *(c.public_bytes(encoding) for c in both for encoding in (Encoding.DER, Encoding.PEM))]


def repair() -> Run:
    """Any list, with any others at hand: whatever comes out is tied by signatures, and out of what went in."""
    from whytls.pki.certificate import read
    from whytls.pki.links import verifies
    from whytls.pki.repair import repaired, to_pem

    def run(data: bytes) -> None:
        items = list(unpacked(data))[:60]
        half = len(data) % (len(items) + 1)
        done = repaired(items[:half], at=NOW, given=items[half:], anchors=items[-1:] if len(data) & 1 else None, with_root=bool(len(data) & 2))
        assert set(done.chain) <= {*items}
        for below, above in itertools.pairwise(done.chain):
            assert verifies(read(below), read(above)) is not False
        to_pem(done.chain)

    return run


def pair() -> Run:
    """Any list against any other."""
    from whytls.pki.pair import pair as judged
    from whytls.report.pairing import draw_pair
    from whytls.report.terminal import Style

    def run(data: bytes) -> None:
        items = list(unpacked(data))[:20]
        half = len(data) % (len(items) + 1)
        usage, host = ("client", None) if len(data) & 1 else ("server", "api.example.test")
        found = judged(items[:half], items[half:], at=NOW, host=host, usage=usage, known=items[:1])  # type: ignore[arg-type]
        assert all(line.isprintable() for line in draw_pair(found, Style(width=80)))

    return run
