"""Opening what a password closes: the encryption schemes of PKCS #5, PKCS #8 and PKCS #12 (RFC 8018, RFC 7292 appendix C).

``cryptography`` decrypts; which derivation, which cipher and how much work is read here, because the library opens a PKCS #12
as a whole only, keeps one private key of several, and computes as many rounds as a store asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from whytls.exceptions import InputError, Malformed
from whytls.pki import derivation
from whytls.pki.ber import integer, octets, parts, split
from whytls.pki.der import Element, dotted
from whytls.pki.derivation import HMACS, Rounds

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm

RC2_ROUNDS = 6  # of hashing take as long as RC2, computed in Python, takes for a byte
PBES2, PBKDF2, SCRYPT = "1.2.840.113549.1.5.13", "1.2.840.113549.1.5.12", "1.3.6.1.4.1.11591.4.11"
# RFC 7292 appendix C: cipher, bytes of key
PKCS12_SCHEMES = {
    "1.2.840.113549.1.12.1.1": ("rc4", 16), "1.2.840.113549.1.12.1.2": ("rc4", 5),
    "1.2.840.113549.1.12.1.3": ("3des", 24), "1.2.840.113549.1.12.1.4": ("3des", 16),
    "1.2.840.113549.1.12.1.5": ("rc2", 16), "1.2.840.113549.1.12.1.6": ("rc2", 5),
}  # fmt: skip
# RFC 8018 appendix A.3, with DES as OpenSSL 1.0 wrote PKCS #8
PBES1_SCHEMES = {"1.2.840.113549.1.5.3": "md5", "1.2.840.113549.1.5.10": "sha1"}
# RFC 8018 appendix B.2
CIPHERS = {
    "2.16.840.1.101.3.4.1.2": ("aes", 16), "2.16.840.1.101.3.4.1.22": ("aes", 24), "2.16.840.1.101.3.4.1.42": ("aes", 32),
    "1.2.840.113549.3.7": ("3des", 24), "1.3.14.3.2.7": ("des", 8),
}  # fmt: skip
JCEKS_SCHEME, JKS_SCHEME = "1.3.6.1.4.1.42.2.19.1", "1.3.6.1.4.1.42.2.17.1.1"


def known(oid: str) -> bool:
    """Whether an encryption scheme can be opened here."""
    return oid in PKCS12_SCHEMES or oid in PBES1_SCHEMES or oid in (PBES2, JCEKS_SCHEME, JKS_SCHEME)


def scheme(data: bytes, algorithm: Element) -> str:
    """The object identifier of an AlgorithmIdentifier."""
    kind = next(parts(data, algorithm), None)
    if kind is None or kind.tag != 0x06:
        raise Malformed("an algorithm is expected to begin with its object identifier", offset=algorithm.start)
    return dotted(data[kind.body : kind.end])


def decrypt(data: bytes, algorithm: Element, closed: bytes, password: str | None, rounds: Rounds) -> bytes | None:
    """What is behind an encryption; ``None`` where the padding shows that this password does not open it.

    A wrong password passes the padding once in 256 times: what comes out has to be looked at too.

    Raises:
        InputError: a scheme that is not known here, or more work than one store gets.
        Malformed: the parameters contradict the scheme.
    """
    oid = scheme(data, algorithm)
    parameters = _parameters(data, algorithm)
    if oid == PBES2:
        return _pbes2(data, parameters, closed, password, rounds)
    if oid == JKS_SCHEME:
        return _jks(closed, password)
    if not known(oid):
        raise InputError(f"encrypted in a way that is not known here ({oid})", hint="known: PBES2 with AES or 3DES, PKCS #12 and PBES1 schemes")
    salt, count = _salt_and_count(data, parameters)
    if oid == JCEKS_SCHEME:
        key, iv = derivation.jceks(password or "", salt, count, rounds)
        return _unpadded(_cbc("3des", key, iv, closed), 8)
    if oid in PBES1_SCHEMES:
        made = derivation.pbkdf1(password, salt, count, PBES1_SCHEMES[oid], rounds)
        return _unpadded(_cbc("des", made[:8], made[8:], closed), 8)
    cipher, size = PKCS12_SCHEMES[oid]
    key = derivation.pkcs12(password, salt, count, 1, size, "sha1", rounds)
    if cipher == "rc4":
        return _rc4(key, closed)
    if cipher == "rc2":
        rounds.pay(RC2_ROUNDS * len(closed) or 1)
    iv = derivation.pkcs12(password, salt, count, 2, 8, "sha1", rounds)
    return _unpadded(_cbc(cipher, key, iv, closed), 8)


def pbkdf2_key(data: bytes, parameters: Element, password: str | None, size: int, rounds: Rounds) -> bytes:
    """PBKDF2-params of RFC 8018 appendix A.2, and the key that they give; a length in them has to be the cipher's."""
    digest, count = "sha1", 0
    salt, rest = split(data, parameters)
    if salt.tag != 0x04:
        raise Malformed("the salt of PBKDF2 is expected to be an OCTET STRING", offset=salt.start)
    for place, part in enumerate(rest):
        if part.tag == 0x30:
            digest = HMACS.get(scheme(data, part), "")
            if not digest:
                raise InputError(f"PBKDF2 with {scheme(data, part)} is not known here", hint="known: HMAC with SHA-1, SHA-2 and SHA-3")
        elif place == 0:
            count = integer(data, part)
        elif integer(data, part) != size:
            raise Malformed(f"PBKDF2 is expected to make a key of {size} bytes, as the cipher needs it", offset=part.start)
    return derivation.pbkdf2(password, octets(data, salt), count, size, digest, rounds)


def _pbes2(data: bytes, parameters: Element, closed: bytes, password: str | None, rounds: Rounds) -> bytes | None:
    how, what = _first_two(data, parameters)
    oid = scheme(data, what)
    if oid not in CIPHERS:
        raise InputError(f"encrypted with a cipher that is not known here ({oid})", hint="known: AES-CBC and 3DES-CBC")
    cipher, size = CIPHERS[oid]
    iv = octets(data, _parameters(data, what))
    kdf, values = scheme(data, how), _parameters(data, how)
    if kdf == PBKDF2:
        key = pbkdf2_key(data, values, password, size, rounds)
    elif kdf == SCRYPT:
        salt, numbers = split(data, values)
        counts = [integer(data, number) for number in numbers]
        if len(counts) not in (3, 4):
            raise Malformed("scrypt is expected to have N, r and p", offset=values.start)
        key = derivation.scrypt(password, octets(data, salt), counts[0], counts[1], counts[2], size, rounds)
    else:
        raise InputError(f"a key derivation that is not known here ({kdf})", hint="known: PBKDF2 and scrypt")
    return _unpadded(_cbc(cipher, key, iv, closed), 16 if cipher == "aes" else 8)


def _cbc(cipher: str, key: bytes, iv: bytes, closed: bytes) -> bytes:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes
    from cryptography.hazmat.primitives.ciphers.algorithms import AES

    block = 16 if cipher == "aes" else 8
    if len(iv) != block or len(closed) % block or not closed:
        raise Malformed(f"{len(closed)} encrypted bytes with an initial value of {len(iv)}; expected are whole blocks of {block} bytes")
    if cipher == "rc2":
        from whytls.pki import rc2

        return rc2.decrypt_cbc(key, 8 * len(key), iv, closed)
    algorithm: BlockCipherAlgorithm = AES(key) if cipher == "aes" else TripleDES((key * 3)[:24])  # DES is 3DES with equal keys
    decryptor = Cipher(algorithm, modes.CBC(iv)).decryptor()
    return decryptor.update(closed) + decryptor.finalize()


def _rc4(key: bytes, closed: bytes) -> bytes:
    from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
    from cryptography.hazmat.primitives.ciphers import Cipher

    return Cipher(ARC4(key), None).decryptor().update(closed)


def _unpadded(plain: bytes, block: int) -> bytes | None:
    count = plain[-1]
    return plain[:-count] if 1 <= count <= block and plain.endswith(bytes((count,)) * count) else None


def _jks(closed: bytes, password: str | None) -> bytes | None:
    """The key protector of JKS (OpenJDK, sun.security.provider.KeyProtector): a stream of SHA-1, and a checksum that tells."""
    import hashlib

    secret = (password or "").encode("utf-16-be", "surrogatepass")
    salt, hidden, check = closed[:20], closed[20:-20], closed[-20:]
    stream, value = bytearray(), salt
    while len(stream) < len(hidden):
        value = hashlib.sha1(secret + value, usedforsecurity=False).digest()
        stream += value
    plain = (int.from_bytes(hidden, "big") ^ int.from_bytes(stream[: len(hidden)], "big")).to_bytes(len(hidden), "big")
    return plain if len(closed) > 40 and hashlib.sha1(secret + plain, usedforsecurity=False).digest() == check else None


def _parameters(data: bytes, algorithm: Element) -> Element:
    _, found = split(data, algorithm)
    return found[0] if found else Element(0x05, algorithm.end, algorithm.end, algorithm.end)


def _first_two(data: bytes, container: Element) -> tuple[Element, Element]:
    found = list(parts(data, container))
    if len(found) < 2:
        raise Malformed("two values are expected here", offset=container.start)
    return found[0], found[1]


def _salt_and_count(data: bytes, container: Element) -> tuple[bytes, int]:
    first, second = _first_two(data, container)
    return octets(data, first), integer(data, second)
