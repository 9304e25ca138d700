"""What attempts show besides what they were made for: certificates, the request for ours, and what a ServerHello agrees to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from whytls.probing.attempt import Attempt
from whytls.probing.result import CertificateShown, ClientCertificate
from whytls.wire.message import Alert, EncryptedExtensions, ServerHello
from whytls.wire.registry import TLS13, is_tls13, scheme_key_type, suite_facts, version_name

_DEFLATE, _PROTOCOL_VERSION = 1, 70
_KEY_TYPES = {"RSA": "rsa", "ECDSA": "ecdsa", "DSS": "dsa", "GOST": "gost", "SM2": "sm2"}


class Agreed(NamedTuple):
    """What versions before TLS 1.3 agree to in their ServerHello. ``None``: there was none of them."""

    compression: bool | None = None
    secure_renegotiation: bool | None = None
    extended_master_secret: bool | None = None


def agreed(attempts: Iterable[Attempt]) -> Agreed:
    """What every such ServerHello agreed to; compression, if one did. SSL 3.0 is asked without extensions, so it does not count."""
    said = [(a, a.handshake.server_hello) for a in attempts if a.handshake.server_hello is not None]
    old = [(a, hello) for a, hello in said if hello is not None and 0x0300 <= hello.version < TLS13]
    if not old:
        return Agreed()
    with_extensions = [hello for a, hello in old if a.handshake.client_hello is not None and a.handshake.client_hello.extensions]
    return Agreed(
        any(hello.compression_method == _DEFLATE for _, hello in old),
        all(hello.secure_renegotiation for _, hello in old),
        all(hello.extended_master_secret for hello in with_extensions) if with_extensions else None,
    )


def certificates(attempts: Iterable[Attempt]) -> tuple[CertificateShown, ...]:
    """Every chain that was shown, each once for each name and type of key."""
    shown = [(a, a.handshake.server_chain, key_type(a, a.answer)) for a in attempts if a.handshake.server_chain and a.answer is not None]
    kinds = {chain[0]: kind for _, chain, kind in shown if chain and kind}  # in TLS 1.3 the type shows in the signature, which can be missing
    found: dict[tuple[str | None, str, tuple[bytes, ...]], list[int]] = {}
    for attempt, chain, kind in shown:
        if chain:
            found.setdefault((attempt.handshake.sni, kind or kinds.get(chain[0], ""), chain), []).append(attempt.number)
    return tuple(CertificateShown(name, kind, chain, tuple(numbers)) for (name, kind, chain), numbers in found.items())


def key_type(attempt: Attempt, answer: ServerHello) -> str:
    """The type of the certificate's key: what was signed with it tells, else the suite."""
    exchange = attempt.handshake.server_key_exchange
    scheme = attempt.proofs.scheme or (exchange.signature_scheme if exchange else None)
    if scheme is not None:
        return scheme_key_type(scheme)
    authentication = suite_facts(answer.cipher_suite).authentication
    return _KEY_TYPES.get(authentication, "")


def protocol(attempt: Attempt) -> str | None:
    """The application protocol that was chosen; TLS 1.3 says it in EncryptedExtensions."""
    answer = attempt.answer
    if answer is not None and not is_tls13(answer.version):
        return answer.alpn
    return next((e.value.alpn for e in attempt.handshake.events if isinstance(e.value, EncryptedExtensions)), None)


def client_certificate(attempts: Sequence[Attempt]) -> ClientCertificate:
    """Whether a client certificate is wanted, as far as these attempts tell, in which none was shown."""
    asked = [a for a in attempts if a.handshake.certificate_request is not None]
    if not asked:
        seen = any(a.handshake.server_chain is not None and a.end in ("reached", "refused") for a in attempts)
        return ClientCertificate("no" if seen else "unknown")
    authorities: dict[bytes, None] = {}
    schemes: dict[int, None] = {}
    types: dict[int, None] = {}
    for attempt in asked:
        request = attempt.handshake.certificate_request
        if request is not None:
            authorities.update(dict.fromkeys(request.authorities))
            schemes.update(dict.fromkeys(request.signature_algorithms or ()))
            types.update(dict.fromkeys(request.certificate_types))
    finished = [a for a in asked if went_to_the_end(a)]
    how = next((refusal for a in finished if (refusal := refusal_of(a))), "")
    wanted = "required" if how else "optional" if finished else "unknown"
    told = finished or asked[:1]
    return ClientCertificate(wanted, tuple(a.number for a in told), tuple(authorities), tuple(schemes), tuple(types), how)  # type: ignore[arg-type]


def went_to_the_end(attempt: Attempt) -> bool:
    """Whether our side of the handshake was sent: what the server did then, it did without a certificate of ours."""
    return any(e.kind in ("client-key-exchange", "finished") and e.sender == "client" for e in attempt.handshake.events)


def refusal_of(attempt: Attempt) -> str:
    """How a server that wants a certificate refused who showed none: alert, http-400, closed, reset; or empty."""
    if attempt.end == "refused":
        return "alert"
    if _http_refusal(attempt.application):
        return "http-400"
    if not attempt.completed and attempt.end in ("closed", "reset"):
        return attempt.end
    return ""


def _http_refusal(words: bytes) -> bool:
    """A 400 (nginx also says 495, 496) that speaks of a certificate."""
    head, _, rest = words.partition(b"\r\n")
    status = head.split(b" ")[1:2] if head.startswith(b"HTTP/") else []
    return bool(status) and status[0] in (b"400", b"495", b"496", b"401", b"403") and b"certificate" in rest.lower()


def contradictions(attempts: Iterable[Attempt]) -> tuple[str, ...]:
    """That one name was answered in ways which no single server has: with a version that it took, and with protocol_version to hellos that
    offer this version. (A pool in which one server was set up otherwise; found on a balancer before a TLS 1.2 and a TLS 1.3 server.)"""
    took: dict[tuple[str | None, int], int] = {}
    refused: list[tuple[str | None, tuple[int, ...], int]] = []
    for attempt in attempts:
        sent, answer = attempt.handshake.client_hello, attempt.answer
        if sent is None or sent.sslv2 or sent.fallback:
            continue
        if answer is not None and attempt.accepted:
            took.setdefault((sent.server_name, answer.version), attempt.number)
        elif answer is None and any(isinstance(e.value, Alert) and e.value.description == _PROTOCOL_VERSION for e in attempt.handshake.events):
            refused.append((sent.server_name, sent.supported_versions or (sent.max_version,), attempt.number))
    for name, offered, number in refused:
        for version in offered:
            if (name, version) in took:
                known = f"attempt {took[name, version]} was accepted in {version_name(version)}, which attempt {number} was refused for"
                return (f"the server does not answer the same each time ({known}): more than one server stands behind this address; "
                        "ask them one by one",)  # fmt: skip
    return ()
