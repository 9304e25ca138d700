"""True OpenSSL handshakes, played in memory between two ends: the flights that gen_capture.py spreads over many flows."""

from __future__ import annotations

import datetime
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

Direction = Literal[0, 1]  # 0: from the client
Ending = Literal["data", "fin", "rst", "srv_rst", "none"]

DAY, YEAR = datetime.timedelta(days=1), datetime.timedelta(days=365)
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
OTHER_USES = "digital_signature content_commitment key_encipherment data_encipherment key_agreement encipher_only decipher_only"
NO_OTHER_USE = dict.fromkeys(OTHER_USES.split(), False)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One handshake to be repeated: whether it is a failure, what each side sent in turn, and how the connection ends."""

    failed: bool
    flights: list[tuple[Direction, bytes]]
    ending: Ending


def _name(common_name: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Trust Services Ltd")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True, slots=True)
class Issuer:
    """A name and its key."""

    name: str
    key: rsa.RSAPrivateKey

    def issue(self, subject: Issuer, authority: bool, start: datetime.datetime, end: datetime.datetime) -> x509.Certificate:
        """A certificate for ``subject``; a leaf has twenty-one names, as the long ones of the field have."""
        builder = (
            x509.CertificateBuilder(_name(self.name), _name(subject.name), subject.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject.key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if authority:
            usage = x509.KeyUsage(key_cert_sign=True, crl_sign=True, **NO_OTHER_USE)
            builder = builder.add_extension(usage, critical=True)
        else:
            names = [subject.name, *(f"alt{i}.{subject.name}" for i in range(20))]
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def _issuer(name: str) -> Issuer:
    return Issuer(name, rsa.generate_private_key(public_exponent=65537, key_size=2048))


def make_pki(folder: Path, now: datetime.datetime) -> dict[str, Path]:
    """Root, intermediate, a good leaf and an expired one, as PEM files."""
    root, middle, leaf = _issuer("Example Root"), _issuer("Example Issuing CA"), _issuer("www.example.test")
    anchor = root.issue(root, True, now - YEAR, now + 10 * YEAR)
    intermediate = root.issue(middle, True, now - YEAR, now + 5 * YEAR)
    secret = leaf.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    contents = {"root": _pem(anchor)}
    for name, start, end in (("good", now - DAY, now + 90 * DAY), ("old", now - YEAR, now - DAY)):
        contents[name] = _pem(middle.issue(leaf, False, start, end)) + _pem(intermediate) + secret
    files = {name: folder / f"{name}.pem" for name in contents}
    for name, content in contents.items():
        files[name].write_bytes(content)
    return files


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def play(client_context: ssl.SSLContext, server_context: ssl.SSLContext, name: str) -> list[tuple[Direction, bytes]]:
    """What each side sends, in turn, until both are done or one has given up."""
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    ends: dict[Direction, ssl.SSLObject] = {
        0: client_context.wrap_bio(client_in, client_out, server_hostname=name),
        1: server_context.wrap_bio(server_in, server_out, server_side=True),
    }
    turns: tuple[tuple[Direction, ssl.MemoryBIO, ssl.MemoryBIO], ...] = ((0, client_out, server_in), (1, server_out, client_in))
    flights: list[tuple[Direction, bytes]] = []
    for _ in range(8):
        for side, out, into in turns:
            if side in ends and _step(ends[side]):
                del ends[side]
            if data := out.read():
                flights.append((side, data))
                into.write(data)
    return flights


def _step(end: ssl.SSLObject) -> bool:
    """One step of a handshake; whether it is over, well or not."""
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        return True
    return True


def _bounds(
    context: ssl.SSLContext, low: ssl.TLSVersion | None, high: ssl.TLSVersion | None, ciphers: str | None
) -> ssl.SSLContext:
    if low:
        context.minimum_version = low
    if high:
        context.maximum_version = high
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def scenarios(variant: int, now: datetime.datetime) -> dict[str, Scenario]:
    """Every outcome once, for one server name and a PKI of its own."""
    host = f"alt{variant % 20}.www.example.test"
    with tempfile.TemporaryDirectory() as folder:
        pki = make_pki(Path(folder), now)

        def client(trust: bool = True, high: ssl.TLSVersion | None = None, ciphers: str | None = None) -> ssl.SSLContext:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if trust:
                context.load_verify_locations(pki["root"])
            return _bounds(context, None, high, ciphers)

        def server(
            chain: str = "good", low: ssl.TLSVersion | None = None, high: ssl.TLSVersion | None = None, ciphers: str | None = None
        ) -> ssl.SSLContext:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pki[chain])
            return _bounds(context, low, high, ciphers)

        plain = play(client(high=V12), server(high=V12), host)
        one, other = "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"
        no_cipher = play(client(high=V12, ciphers=one), server(high=V12, ciphers=other), host)
        return {
            "ok12": Scenario(False, plain, "data"),
            "ok13": Scenario(False, play(client(), server(), host), "data"),
            "unknown_ca": Scenario(True, play(client(trust=False, high=V12), server(high=V12), host), "rst"),
            "expired": Scenario(True, play(client(high=V12), server("old", high=V12), host), "fin"),
            "no_version": Scenario(True, play(client(high=V12), server(low=V13), host), "fin"),
            "no_cipher": Scenario(True, no_cipher, "fin"),
            "unknown_ca13": Scenario(True, play(client(trust=False), server(), host), "fin"),
            "hello_rst": Scenario(True, plain[:1], "srv_rst"),
            "hello_silence": Scenario(True, plain[:1], "none"),
        }
