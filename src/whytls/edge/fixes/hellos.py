"""What two ends cannot agree on: protocols, cipher suites, server names, TLS or none (R21, R22, R27)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from whytls.edge.audit.backends import NUMBERS
from whytls.edge.audit.virtual_hosts import OLD
from whytls.edge.fixes import change as changes
from whytls.edge.fixes.case import Case
from whytls.edge.fixes.clients import advice, plain
from whytls.edge.fixes.remedy import PROPERTIES, Bench, Remedy, remedy, setting, sketch, with_tls
from whytls.edge.settings import ROUTER_CIPHERS, ROUTER_PROTOCOLS, SNI, find
from whytls.model import Artefact
from whytls.wire.registry import suite_facts, suite_name, suite_openssl_name

NEW = ("TLSv1.2", "TLSv1.3")
_BACKEND = "the backend, where it is an nginx"
STRONG = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
TLS13_ON_JAVA_8 = "Java 8 has it from 8u261 on, switched on with jdk.tls.client.protocols"
# The name of this property is not documented where it could be read.
JAVA_MUST_HAVE_IT = Artefact(
    "properties", "conf_jvmsecurity_jdk.tls.disabledAlgorithms=SSLv3, RC4, DES, MD5withRSA, NULL",
    f"{PROPERTIES.format(component='message-processor')}, only where java.security disables it (look the property up for your release)",
)  # fmt: skip
PROBE = "what the backend accepts: --probe"


def protocol(case: Case, bench: Bench) -> Iterator[Remedy]:
    """A version that both ends have: the newer end's list widened upwards first, the old one pinned only as the last resort (R21)."""
    if case.hop == "northbound":
        yield from _northbound_protocol(case, bench)
        return
    accepted = _wanted(case)
    if accepted and not set(accepted) & set(case.tls.protocols):
        tls = replace(case.tls, enabled=True, protocols=accepted)
        about = f"; {TLS13_ON_JAVA_8}" if accepted == NEW[1:] else ""
        text = f"let {case.subject or 'this target'} offer {accepted[0]}, which the backend accepts{about}"
        yield remedy("gateway", text, "reload", sketch(case, tls), made=with_tls(case, tls, bench), bench=bench)
    if not accepted:
        nginx = Artefact("nginx", "ssl_protocols TLSv1.2 TLSv1.3;", _BACKEND)
        yield remedy("backend", "upgrade the backend to TLS 1.2 or newer", "restart", (nginx,))
        old = tuple(name for name in case.accepts if name in NUMBERS and name not in NEW)[-1:]
        named = old[0] if old else "the one protocol that it has"
        pinned = replace(case.tls, enabled=True, protocols=old)
        made = with_tls(case, pinned, bench) if old else ()
        text = (
            f"until then pin {case.subject or 'this target'} to {named}, for this target alone; Java must not have it among its disabled algorithms"
        )
        shown = (*(sketch(case, pinned) if old else ()), JAVA_MUST_HAVE_IT)
        yield remedy("gateway", text, "weakens security", shown, made=made, lacks=() if old else (PROBE,), bench=bench)


def _wanted(case: Case) -> tuple[str, ...]:
    """What a target is to offer: TLS 1.2 where the backend has it, for not every Java of a Message Processor has TLS 1.3."""
    return NEW[:1] if NEW[0] in case.accepts else NEW[1:] if NEW[1] in case.accepts else ()


def _northbound_protocol(case: Case, bench: Bench) -> Iterator[Remedy]:
    host, offered = case.host, [name for name in case.offers if name in NEW]
    listed = _listed(case, bench, "ssl_protocols", ROUTER_PROTOCOLS)
    if offered and listed and host is not None:
        wanted = [*(word for word in listed if word in NEW), *(name for name in offered if name not in listed)]
        yield _property(case, bench, "ssl_protocols", " ".join(dict.fromkeys(wanted)), f"let virtual host {host.name} accept {', '.join(offered)}")
        line = f"conf_load_balancing_{ROUTER_PROTOCOLS}={' '.join(dict.fromkeys(wanted))}"
        yield remedy("gateway", "the same for every virtual host of this Router", "restart", setting("router", line, bench.given.routers))
    yield remedy(
        "client", "let the client speak TLS 1.2 or newer: update its TLS library, or switch the version on", "restart", advice("protocol", case.name)
    )
    if case.offers and not offered:
        line = f"conf_load_balancing_{ROUTER_PROTOCOLS}={' '.join((*case.offers[-1:], *NEW))}"
        text = f"until then let the Router accept {case.offers[-1]} as well"
        yield remedy("gateway", text, "weakens security", setting("router", line, bench.given.routers))


def cipher(case: Case, bench: Bench) -> Iterator[Remedy]:
    """A suite that both ends have; a list that somebody narrowed is widened first (R22)."""
    if case.hop == "northbound":
        yield from _northbound_cipher(case, bench)
        return
    if case.tls.ciphers:
        wanted = [suite_name(suite) for suite in sorted(case.suites, key=_strength) if _sound(suite)][:8]
        if wanted:
            tls = replace(case.tls, ciphers=tuple(dict.fromkeys((*case.tls.ciphers, *wanted))))
            yield remedy(
                "gateway",
                f"let {case.subject} offer suites that the backend accepts: {', '.join(wanted[:3])}",
                made=with_tls(case, tls, bench),
                bench=bench,
            )
        text = f"take the list of cipher suites off {case.subject}: then everything is offered that Java has, and the backend chooses"
        yield remedy("gateway", text, made=with_tls(case, replace(case.tls, ciphers=()), bench), bench=bench)
    nginx = Artefact("nginx", f"ssl_ciphers {_string(case.offered_suites) or STRONG};", _BACKEND)
    yield remedy(
        "backend",
        "enable on the backend one of the suites that the Message Processor offers, with a certificate of the kind that it needs",
        "reload",
        (nginx,),
    )
    java = Artefact(
        "java", "crypto.policy=unlimited", "JAVA_HOME/jre/lib/security/java.security of an old Java 8 (before 8u161: the JCE policy files)"
    )
    yield remedy("gateway", "let the Message Processor's Java use suites with 256 bits", "restart", (java,))


def _northbound_cipher(case: Case, bench: Bench) -> Iterator[Remedy]:
    sound = [suite for suite in case.offered_suites if _sound(suite) and not suite_facts(suite).tls13]
    listed = _listed(case, bench, "ssl_ciphers", ROUTER_CIPHERS)
    if sound and case.host is not None:
        now = find_text(case, bench, "ssl_ciphers", ROUTER_CIPHERS) if listed else STRONG
        yield _property(
            case, bench, "ssl_ciphers", f"{now}:{_string(tuple(sound))}", "let the virtual host accept strong suites that this client offers"
        )
    yield remedy(
        "client",
        "let the client offer suites with forward secrecy (an old Java: update it, or install the JCE unlimited policy)",
        "restart",
        advice("cipher", case.name),
    )
    weak = [suite for suite in case.offered_suites if not _sound(suite) and suite_facts(suite).authentication in ("RSA", "ECDSA")]
    if weak and not sound and case.host is not None:
        text = f"until then let this virtual host accept {suite_openssl_name(weak[0])}"
        yield _weak(case, bench, weak[0], text)


def _weak(case: Case, bench: Bench, suite: int, text: str) -> Remedy:
    found = _property(case, bench, "ssl_ciphers", f"{STRONG}:{suite_openssl_name(suite)}", text)
    return found._replace(fix=found.fix._replace(grade="weakens security"))


def server_name(case: Case, bench: Bench) -> Iterator[Remedy]:
    """The name that was not sent (R27)."""
    if case.hop != "southbound":
        yield remedy(
            "client",
            "let the client send the server's name: call it by name and not by address, and switch SNI on",
            "restart",
            advice("name", case.name),
        )
        return
    text = f"conf_system_{SNI}=true in message-processor.properties on every Message Processor, then a restart (the public cloud sends names anyway)"
    yield remedy("gateway", text, "restart", setting("message-processor", f"conf_system_{SNI}=true", bench.given.message_processors))
    lines = Artefact("nginx", "listen 443 ssl default_server;", f"{_BACKEND}: in the server that those without a name are to reach")
    yield remedy("backend", "until then let the backend's default site be the one that is called", "reload", (lines,))


def unknown_name(case: Case, bench: Bench) -> Iterator[Remedy]:
    """A name that nobody serves."""
    if case.hop == "northbound":
        hosts = [host for host in bench.environment.virtual_hosts.values() if host.speaks_tls]
        host = case.host or (hosts[0] if len(hosts) == 1 else None)
        if host is not None and plain(case.name) == case.name and case.name not in host.host_aliases:
            made = changes.virtual_host(host, replace(host, host_aliases=(*host.host_aliases, case.name)))
            text = f"add {case.name} to the host aliases of virtual host {host.name}, whose certificate has to hold it"
            yield remedy("gateway", text, made=(made,), bench=bench)
        yield remedy("client", f"correct the name in the client's URL{f': {case.name} is served by no virtual host' if case.name else ''}", "check")
        return
    yield remedy("gateway", f"check the host of {case.subject or 'the target'}: the backend does not know {case.name or 'this name'}", "check")
    lines = Artefact("nginx", f"server_name {plain(case.name)};", _BACKEND)
    yield remedy("backend", "or configure the name on the backend, with its certificate", "reload", (lines,))


def speak_tls(case: Case, bench: Bench) -> Iterator[Remedy]:
    """TLS switched on for a target that is called with plain HTTP."""
    if case.hop != "southbound":
        yield remedy("client", "use https:// in the client's URL, or the port that serves plain HTTP", "reload")
        return
    tls = replace(case.tls, enabled=True)
    text = f"switch TLS on for {case.subject or 'this target'} (SSLInfo/Enabled), and give it a truststore"
    yield remedy("gateway", text, "reload", sketch(case, tls), made=with_tls(case, tls, bench), bench=bench)


def speak_plain(case: Case, bench: Bench) -> Iterator[Remedy]:
    """TLS spoken to a port that serves none."""
    yield remedy("gateway", f"correct the port of {case.subject or 'the target'}: what listens there speaks no TLS", "check")
    lines = Artefact("nginx", "listen 443 ssl;\nssl_certificate chain.pem;\nssl_certificate_key key.pem;", _BACKEND)
    yield remedy("backend", "let the backend serve TLS on this port", "reload", (lines,))
    if case.hop == "southbound" and case.tls.enabled:
        made = with_tls(case, replace(case.tls, enabled=False), bench)
        yield remedy(
            "gateway", "or speak plain HTTP to it: everything goes over the network in the clear", "weakens security", made=made, bench=bench
        )


def find_text(case: Case, bench: Bench, name: str, token: str) -> str:
    """A list of the Router: the virtual host's own, else that of all."""
    own = case.host.named(name) if case.host is not None else None
    held = find(bench.environment.settings, token, "router")
    return own or (held.value if held is not None else "")


def _listed(case: Case, bench: Bench, name: str, token: str) -> list[str]:
    return find_text(case, bench, name, token).replace(",", " ").split()


def _property(case: Case, bench: Bench, name: str, value: str, text: str) -> Remedy:
    """A property of the virtual host; its spelling is known from use and not from documentation, and the text says so."""
    if case.host is None:
        return remedy("gateway", text, lacks=("the virtual host: --edge",))
    kept = tuple(pair for pair in case.host.properties if pair[0] != name)
    made = changes.virtual_host(case.host, replace(case.host, properties=(*kept, (name, value))))
    told = f"{text}; the property {name} is that of newer releases: look into /opt/nginx/conf.d afterwards"
    return remedy("gateway", told, made=(made,) if made.before != made.after else (), bench=bench)


def _sound(suite: int) -> bool:
    facts = suite_facts(suite)
    return facts.tls13 or (
        (facts.key_exchange in ("ECDHE", "DHE") and facts.authentication in ("RSA", "ECDSA") and "GCM" in facts.cipher) or "CHACHA20" in facts.cipher
    )


def _strength(suite: int) -> tuple[bool, bool, int]:
    facts = suite_facts(suite)
    return not facts.tls13, facts.key_exchange != "ECDHE", suite


def _string(suites: tuple[int, ...]) -> str:
    return ":".join(suite_openssl_name(suite) for suite in suites if _sound(suite) and not suite_facts(suite).tls13)


def old_protocols(case: Case, bench: Bench) -> Iterator[Remedy]:
    """Old protocols taken off a list."""
    if case.host is not None:
        listed = [word for word in _listed(case, bench, "ssl_protocols", ROUTER_PROTOCOLS) if word not in OLD]
        if listed and case.host.named("ssl_protocols"):
            yield _property(case, bench, "ssl_protocols", " ".join(listed), f"let virtual host {case.host.name} accept {' and '.join(listed)} only")
    elif case.target is not None:
        accepted = _wanted(case)
        text = f"let {case.subject} offer {' and '.join(accepted or NEW[:1])} only"
        made = with_tls(case, replace(case.tls, protocols=accepted), bench) if accepted else ()
        yield remedy("gateway", text, made=made, lacks=() if accepted else (PROBE,), bench=bench)
