"""Client and server have no TLS version in common.

What happened
-------------
The client offered the versions it speaks; the server speaks none of them, or chose one that the client does not accept. Nothing
was encrypted, no certificate was judged: the two cannot talk. Old backends that stop at TLS 1.0, and hardened servers that
start at TLS 1.2 or 1.3, are the usual ends of it (R4).

How it looks
------------
A fatal `protocol_version` (70) from the server right after the ClientHello; or a ServerHello with a version that was not
offered and then `protocol_version` from the client. Some servers say `handshake_failure` (40: GnuTLS, OpenSSL to an SSL 3.0
hello), some only close.

Tell it from
------------
`cipher-mismatch`: there the versions overlap and the alert is `handshake_failure`. `closed-without-answer`: a server that
closes without a word can mean this; another handshake that it accepted in an older version decides. `downgrade-refused`: the
client retries with a lower version than it could speak.

Fix
---
Raise the end that is too old: upgrade the backend to TLS 1.2 or newer, or the client's TLS library. Where the backend cannot
be upgraded now, pin the protocol for that target only (R21); that weakens security and is the second choice.

References
----------
RFC 8446 sections 4.1.3, 4.2.1 and 6.2; RFC 5246 appendix E; RFC 8996; runbook R4, R21.
"""

from __future__ import annotations

from functools import lru_cache

from whytls.causes.cause import Cause
from whytls.inference.client_habit import refuses_old_signature
from whytls.inference.hello_refusal import PROTOCOL_VERSION, hello_refusal, said_for, weigh
from whytls.inference.quote import describe_hello, quote_ending
from whytls.model import Answer, Artefact, Context, Evidence, Finding, Fix, Handshake, NotApplicable, Owner, Silent
from whytls.wire.message import ClientHello
from whytls.wire.registry import version_name

CAUSE = Cause(
    title="the {client} offers {offered}, and the {server} supports none of it",
    titles={
        "signature-refused": "the {server} chose {chosen}, whose signature the {client} refuses, and speaks nothing newer",
        "server-chose-unoffered": "the {server} chose {chosen}, which the {client} does not accept (it offers {offered})",
    },
    cause_class="hello",
    owners=("client", "server"),
    phases=("client-hello", "retry", "server-flight", "client-turn"),
    alerts=said_for("version"),
    dimension="version",  # where the server refused; the client's ways are asked without
    references=("RFC 8446 section 4.2.1", "R4", "R21"),
)


def look(handshake: Handshake, context: Context) -> Answer:
    """By the alert, by a version chosen that was not offered, by another handshake, or by an outdated offer."""
    hello = handshake.client_hello
    if hello is None:
        return _said(handshake, context) if context.ending.alert == PROTOCOL_VERSION and context.ending.breaker is not None else NotApplicable()
    chosen = handshake.server_hello.version if handshake.server_hello else None
    by_client = context.ending.breaker == "client" and context.ending.phase != "client-hello"
    if by_client and chosen is not None and (context.ending.alert == PROTOCOL_VERSION or chosen not in hello.versions):
        return _finding(handshake, context, "server-chose-unoffered", chosen)
    if chosen is not None and refuses_old_signature(handshake, context.ending):
        return _finding(handshake, context, "signature-refused", chosen)._replace(
            confidence="likely", would_decide="the client's own error (OpenSSL: internal error, legacy sigalg); or the server asked with TLS 1.2"
        )
    refusal = hello_refusal(handshake, context)
    if refusal is None or not refusal.over_choice:
        return NotApplicable()
    weight = weigh(refusal, "version")
    if weight is None:
        return Silent()
    detail = "client-too-old" if _client_is_old(handshake) else "server-too-old"
    versions = hello.versions
    return Finding(
        failing_side="server",
        explains=context.ending.events,
        evidence=(describe_hello(handshake, context), *quote_ending(context), *weight.evidence),
        confidence=weight.confidence,
        facts={"offered": _offered(hello), "chosen": "", "oldest": versions[-1], "newest": versions[0]},
        assumptions=weight.assumptions,
        detail=detail,
        owners=_owners(detail),
        would_decide="the versions that the server accepts (nginx ssl_protocols); or whytls replay CAPTURE#N --to HOST:PORT, which sends this hello with others",
        settled_by_later=True,
    )


def _finding(handshake: Handshake, context: Context, detail: str, chosen: int) -> Finding:
    hello, event = handshake.client_hello, handshake.first("server-hello")
    said = Evidence(f"ServerHello chooses {version_name(chosen)}", event.frames if event else (), handshake.file)
    return Finding(
        failing_side="client",
        explains=context.ending.events,
        evidence=(describe_hello(handshake, context), said, *quote_ending(context)),
        confidence="proven",
        facts={"offered": _offered(hello) if hello else "no version", "chosen": version_name(chosen), "oldest": chosen, "newest": chosen},
        detail=detail,
        owners=_owners("server-too-old"),
        would_decide="the version that the client requires at least",
    )


def _said(handshake: Handshake, context: Context) -> Finding:
    """The ClientHello was not captured, and the alert says it all the same; whose end is behind is then open."""
    coverage = handshake.coverage
    # Go servers answer a client's alert with this one of their own. So it is proven as the server's first word, or where the client
    # was still listening: one that has refused resets what still comes.
    whole = coverage.client and coverage.server and not coverage.server_gap and handshake.server_hello is None
    first_word = whole and (coverage.start or _client_left_last(handshake))
    return Finding(
        failing_side=context.ending.breaker or "server",
        explains=context.ending.events,
        evidence=quote_ending(context),
        confidence="proven" if first_word else "likely",
        facts={"offered": "versions that were not captured", "chosen": "", "oldest": 0x0303, "newest": 0x0303},
        detail="client-too-old",
        owners=("client", "server"),
        would_decide="a recording that holds the ClientHello",
    )


def _client_left_last(handshake: Handshake) -> bool:
    """Whether the client closed in order, and only after the server had."""
    closes = [(e.kind, e.sender) for e in handshake.events if e.kind in ("fin", "rst")]
    return closes[:2] == [("fin", "server"), ("fin", "client")]


def _client_is_old(handshake: Handshake) -> bool:
    """Whose end is behind: a hello without supported_versions offers everything below its version as well (RFC 5246 appendix E), so a
    server that refuses it stands above; with the extension, a hello that offers TLS 1.3 was refused by a server below."""
    hello = handshake.client_hello
    return hello is None or hello.supported_versions is None or hello.versions[0] < 0x0304


def _owners(detail: str) -> tuple[Owner, ...]:
    return ("client", "server") if detail == "client-too-old" else ("server", "client")


def _offered(hello: ClientHello) -> str:
    return _in_words(hello.versions, hello.supported_versions is not None)


@lru_cache(maxsize=64)
def _in_words(versions: tuple[int, ...], listed: bool) -> str:
    """Without supported_versions a hello names its highest version only; what the client takes below it is not said (RFC 5246 appendix E.1)."""
    if not listed and versions:
        return f"{version_name(versions[0])} at most"
    if len(versions) > 2:
        return f"{version_name(versions[-1])} to {version_name(versions[0])}"
    return " and ".join(version_name(v) for v in reversed(versions)) or "no version"


def fix(finding: Finding, context: Context) -> Fix:
    """Upgrade the end that is behind; pinning the target is the second choice."""
    if finding.detail == "client-too-old":
        return Fix(
            "client",
            "let the client speak TLS 1.2 or newer: update its TLS library or enable the version in it",
            "restart",
            (Artefact("properties", "jdk.tls.client.protocols=TLSv1.2,TLSv1.3", "a Java client's system properties"),),
        )
    pin = version_name(finding.facts["newest"]).replace("TLS ", "TLSv").replace("TLSv1.0", "TLSv1")
    text = "upgrade the server to TLS 1.2 or newer"
    if context.hop == "southbound":
        text += "; if that cannot be done now, pin the protocol for this target alone (weakens security)"
    elif finding.detail == "server-chose-unoffered":
        text += f"; or, where it must stay, let this client accept {pin}"
    return Fix("server", text, "restart", _pin(pin) if context.hop == "southbound" else ())


def _pin(protocol: str) -> tuple[Artefact, ...]:
    xml = (
        "<HTTPTargetConnection>\n  <SSLInfo>\n    <Enabled>true</Enabled>\n"
        f"    <Protocols><Protocol>{protocol}</Protocol></Protocols>\n  </SSLInfo>\n</HTTPTargetConnection>"
    )
    return (Artefact("xml", xml, "the proxy's TargetEndpoint (weakens security; only until the backend is upgraded)"),)
