"""The server's certificate needs a signature scheme that the client does not accept.

What happened
-------------
The client's signature_algorithms name the signatures it can check. The server has only a certificate of another kind (an RSA key
where the client takes ECDSA alone, or the other way round), or only schemes that the client excludes.

How it looks
------------
ClientHello, then `handshake_failure` (40); JSSE also `internal_error` (80), or it closes in the middle of its flight. The list of
signature schemes holds one kind of key only.

Tell it from
------------
`cipher-mismatch`: the same alert; there the suites are the restricted list. `certificate-weak-digest`: the certificate did
arrive, and the client refused its signature.

Fix
---
Let the client accept both RSA and ECDSA signatures with SHA-256, or give the server a certificate of the kind that its clients take.

References
----------
RFC 8446 section 4.2.3; RFC 5246 section 7.4.1.4.1.
"""

from __future__ import annotations

from whytls.causes.cause import Cause
from whytls.inference.hello_finding import refused_for
from whytls.inference.hello_refusal import hello_refusal, said_for
from whytls.inference.quote import listed
from whytls.model import Answer, Artefact, Context, Evidence, Finding, Fix, Handshake, NotApplicable
from whytls.wire.registry import scheme_key_type, scheme_name

CAUSE = Cause(
    title="the {server} can sign with none of the signature schemes that the {client} accepts ({schemes})",
    cause_class="hello",
    owners=("client", "server"),
    phases=("client-hello", "retry", "server-flight"),
    breaker="server",
    alerts=said_for("signature"),
    dimension="signature",
    needs=("client-hello",),
    references=("RFC 8446 section 4.2.3",),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """By the certificate that was sent, by another handshake, or by a list of schemes for one kind of key only."""
    refusal = hello_refusal(handshake, context)
    if refusal is None or refusal.hello.signature_algorithms is None:
        return NotApplicable()
    schemes = listed([scheme_name(s) for s in refusal.hello.signature_algorithms], 4)
    decide = "the kind of key in the server's certificate; or whytls replay CAPTURE#N --to HOST:PORT, which sends this hello with other schemes"
    return refused_for(
        "signature", refusal, handshake, context,
        offered=f"signature_algorithms: {schemes}", decide=decide, facts={"schemes": schemes}, proof=_excluded_key(handshake),
    )  # fmt: skip


def _excluded_key(handshake: Handshake) -> tuple[Evidence, ...]:
    """The server had begun its flight (JSSE, Go): its certificate is seen, and the client takes no signature by such a key."""
    hello, event = handshake.client_hello, handshake.first("certificate", "server")
    if hello is None or event is None or not handshake.server_chain:
        return ()
    from whytls.pki.certificate import read

    kind = {"rsa": "rsa", "rsa-pss": "rsa", "ec": "ecdsa"}.get(read(handshake.server_chain[0]).key_type)
    if kind is None or kind in {scheme_key_type(s) for s in hello.signature_algorithms or ()}:
        return ()
    return (Evidence(f"the server's certificate has an {kind.upper()} key", event.frames, event.file),)


def fix(finding: Finding, context: Context) -> Fix:
    """Both kinds of signatures in the client."""
    return Fix(
        "client",
        "let the client accept RSA-PSS, RSA-PKCS#1 and ECDSA with SHA-256; or install on the server a certificate of the kind that the client takes",
        "restart",
        (
            Artefact(
                "properties",
                "jdk.tls.client.SignatureSchemes=ecdsa_secp256r1_sha256,rsa_pss_rsae_sha256,rsa_pkcs1_sha256",
                "a Java client's system properties",
            ),
        ),
    )
