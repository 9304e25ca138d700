"""One environment, acme/prod, as a Management API serves it: stores, a reference, a virtual host, target servers and a proxy."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from authority import Issued, issue

ROOT = issue("Meadow Root", ca=True)
INTERMEDIATE = issue("Meadow CA", ROOT, ca=True)
API = issue("api.example.test", INTERMEDIATE, san=("api.example.test",))
PROCESSOR = issue("processor", INTERMEDIATE)
OTHER_ROOT = issue("Hill Root", ca=True)

TARGET = """<TargetEndpoint name="default">
    <HTTPTargetConnection>
        <SSLInfo>
            <Enabled>true</Enabled>
            <TrustStore>trust</TrustStore>
        </SSLInfo>
        <URL>https://orders.test:8443/v1</URL>
    </HTTPTargetConnection>
</TargetEndpoint>
"""
BALANCED = """<TargetEndpoint name="balanced">
    <HTTPTargetConnection>
        <LoadBalancer><Server name="backend"/></LoadBalancer>
    </HTTPTargetConnection>
</TargetEndpoint>
"""
PROXY_ENDPOINT = """<ProxyEndpoint name="default"><HTTPProxyConnection>
<BasePath>/orders</BasePath><VirtualHost>secure</VirtualHost></HTTPProxyConnection></ProxyEndpoint>
"""


def archive(files: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return made.getvalue()


BUNDLE_FILES: dict[str, str | bytes] = {
    "apiproxy/orders.xml": '<APIProxy name="orders" revision="3"/>',
    "apiproxy/proxies/default.xml": PROXY_ENDPOINT,
    "apiproxy/targets/default.xml": TARGET,
    "apiproxy/targets/balanced.xml": BALANCED,
    "apiproxy/policies/Quota.xml": "<Quota name='q'/>",
    "apiproxy/resources/jsc/x.js": "not xml",
}
BUNDLE = archive(BUNDLE_FILES)

VIRTUAL_HOST = {
    "name": "secure", "port": "9443", "hostAliases": ["api.example.test"], "interfaces": [], "listenOptions": [], "retryOptions": [],
    "sSLInfo": {"enabled": "true", "clientAuthEnabled": "true", "keyStore": "ref://front", "keyAlias": "own", "trustStore": "trust",
                "ignoreValidationErrors": False},
    "properties": {"Property": [{"_name": "ssl_protocols", "__text": "TLSv1.2"}]},
}  # fmt: skip
BACKEND = {
    "name": "backend", "host": "backend.test", "port": 443, "isEnabled": True,
    "sSLInfo": {"enabled": "true", "clientAuthEnabled": "true", "keyStore": "ref://mp", "keyAlias": "client", "trustStore": "trust",
                "protocols": ["TLSv1.2"], "ciphers": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]},
}  # fmt: skip
PLAIN = {"name": "plain", "host": "plain.test", "port": 8080, "isEnabled": True}
REFERENCES = {"front": "front-1", "mp": "mp-1"}
STORES: dict[str, dict[str, tuple[tuple[Issued, ...], bool]]] = {
    "front-1": {"own": ((API, INTERMEDIATE), True)},
    "mp-1": {"client": ((PROCESSOR,), True)},
    "trust": {"meadow": ((ROOT,), False)},
}


def cert_info(issued: Issued) -> dict[str, Any]:
    certificate = issued.certificate
    return {
        "subject": certificate.subject.rfc4514_string(), "issuer": certificate.issuer.rfc4514_string(), "isValid": "Yes", "version": 3,
        "validFrom": int(certificate.not_valid_before_utc.timestamp() * 1000), "expiryDate": int(certificate.not_valid_after_utc.timestamp() * 1000),
    }  # fmt: skip


def resources(*, older: bool = False) -> dict[str, Any]:
    """All paths of the API; ``older``: without the calls for aliases."""
    base = "/v1/o/acme/e/prod"
    found: dict[str, Any] = {
        f"{base}/keystores": list(STORES), f"{base}/references": list(REFERENCES), f"{base}/virtualhosts": ["secure"],
        f"{base}/targetservers": ["backend", "plain"], f"{base}/virtualhosts/secure": VIRTUAL_HOST, f"{base}/targetservers/backend": BACKEND,
        f"{base}/targetservers/plain": PLAIN, "/v1/o/acme/apis": ["orders"], "/v1/o/acme/apis/orders/revisions": ["1", "10", "3"],
        "/v1/o/acme/apis/orders/revisions/3": BUNDLE,
        f"{base}/deployments": {"name": "prod", "aPIProxy": [
            {"name": "orders", "revision": [{"name": "3", "state": "deployed"}, {"name": "1", "state": "undeployed"}]}]},
    }  # fmt: skip
    found |= {f"{base}/references/{name}": {"name": name, "refers": refers, "resourceType": "KeyStore"} for name, refers in REFERENCES.items()}
    for store, aliases in STORES.items():
        at = f"{base}/keystores/{store}"
        entries = [{"aliasName": name, "cert": name, **({"key": name} if keyed else {})} for name, (_, keyed) in aliases.items()]
        found[at] = {"name": store, "certs": list(aliases), "keys": [name for name, (_, keyed) in aliases.items() if keyed], "aliases": entries}
        for name, (chain, keyed) in aliases.items():
            pem = "".join(issued.pem for issued in chain).encode()
            infos = [cert_info(issued) for issued in chain]
            if older:
                found |= {f"{at}/certs": list(aliases), f"{at}/certs/{name}": {"certInfo": infos, "certName": name}, f"{at}/certs/{name}/export": pem}
            else:
                found[f"{at}/aliases"] = list(aliases)
                found[f"{at}/aliases/{name}"] = {"alias": name, "certsInfo": {"certInfo": infos}, **({"keyName": name} if keyed else {})}
                found[f"{at}/aliases/{name}/certificate"] = pem
    return found
