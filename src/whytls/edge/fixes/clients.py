"""The same advice for each client stack, in its own words: what to write, and where (northbound, the client is somebody else's program)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from whytls.model import Artefact

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
Matter = Literal["trust", "protocol", "cipher", "name", "certificate"]
STACKS: Mapping[str, str] = {
    "curl": "curl, and what uses libcurl", "java": "Java (JSSE)", "go": "Go (crypto/tls)", "node": "Node.js", "python": "Python (ssl, requests)",
    "browser": "browsers and Windows",
}  # fmt: skip


class Line(NamedTuple):
    """What is written for one stack; ``{name}`` is the server's name."""

    kind: str
    text: str


ADVICE: Mapping[Matter, Mapping[str, Line]] = {
    "trust": {
        "curl": Line("command", "curl --cacert root.pem https://{name}/"),
        "java": Line("command", "keytool -importcert -trustcacerts -alias gateway-root -file root.pem -keystore truststore.p12\n"
                     "java -Djavax.net.ssl.trustStore=truststore.p12 ..."),
        "go": Line("command", "SSL_CERT_FILE=root.pem ./client     # or tls.Config.RootCAs"),
        "node": Line("command", "NODE_EXTRA_CA_CERTS=root.pem node client.js"),
        "python": Line("command", "REQUESTS_CA_BUNDLE=root.pem python client.py     # ssl: SSL_CERT_FILE=root.pem"),
        "browser": Line("command", "cp root.pem /usr/local/share/ca-certificates/gateway-root.crt && update-ca-certificates\n"
                        "certutil -addstore Root root.pem     # Windows"),
    },
    "protocol": {
        "curl": Line("command", "curl --tlsv1.2 https://{name}/"),
        "java": Line("properties", "jdk.tls.client.protocols=TLSv1.2,TLSv1.3\nhttps.protocols=TLSv1.2,TLSv1.3"),
        "go": Line("go", "&tls.Config{{MinVersion: tls.VersionTLS12}}"),
        "node": Line("command", "node --tls-min-v1.2 client.js"),
        "python": Line("python", "context.minimum_version = ssl.TLSVersion.TLSv1_2"),
        "browser": Line("command", "Internet options, Advanced: Use TLS 1.2; Schannel: SCHANNEL\\Protocols\\TLS 1.2\\Client, DisabledByDefault 0"),
    },
    "cipher": {
        "curl": Line("command", "curl --ciphers DEFAULT https://{name}/"),
        "java": Line("properties", "crypto.policy=unlimited     # java.security; before Java 8u161 the JCE policy files"),
        "go": Line("go", "&tls.Config{{CipherSuites: nil}}     // Go's own list"),
        "node": Line("command", "node --tls-cipher-list=DEFAULT client.js"),
        "python": Line("python", 'context.set_ciphers("DEFAULT")'),
        "browser": Line("command", "update it; group policy: no SSL Cipher Suite Order of its own"),
    },
    "name": {
        "curl": Line("command", "curl --resolve {name}:443:ADDRESS https://{name}/     # instead of https://ADDRESS/"),
        "java": Line("properties", "jsse.enableSNIExtension=true"),
        "go": Line("go", '&tls.Config{{ServerName: "{name}"}}'),
        "node": Line("javascript", 'tls.connect({{servername: "{name}", ...}})'),
        "python": Line("python", 'context.wrap_socket(sock, server_hostname="{name}")'),
        "browser": Line("command", "call https://{name}/ and not the address; Windows XP and Android 2 send no name at all"),
    },
    "certificate": {
        "curl": Line("command", "curl --cert chain.pem --key key.pem https://{name}/"),
        "java": Line("command", "java -Djavax.net.ssl.keyStore=client.p12 -Djavax.net.ssl.keyStorePassword=... ..."),
        "go": Line("go", "&tls.Config{{Certificates: []tls.Certificate{{pair}}}}     // tls.LoadX509KeyPair(\"chain.pem\", \"key.pem\")"),
        "node": Line("javascript", "https.request({{cert: chain, key: key, ...}})"),
        "python": Line("python", 'requests.get(url, cert=("chain.pem", "key.pem"))'),
        "browser": Line("command", "import client.p12 (key, certificate and chain) into the browser's or Windows' own store"),
    },
}  # fmt: skip


def advice(matter: Matter, name: str = "") -> tuple[Artefact, ...]:
    """What to write, for each stack."""
    return tuple(Artefact(line.kind, line.text.format(name=plain(name)), STACKS[stack]) for stack, line in ADVICE[matter].items())


def plain(name: str) -> str:
    """A host name that may stand in a command or a configuration; what is none (a ClientHello can hold anything) is left to be filled in."""
    return name if _HOST.fullmatch(name) else "HOST"
