"""An environment as a folder, for those who may read it where the Management API cannot be reached.

The layout is that of apigee-config-maven-plugin (``edge/env/ENV/*.json``), with certificates beside it and bundles' XML below ``proxies``. There are
no private keys in it: the Management API does not hand them out.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from whytls.edge.environment import Environment
from whytls.edge.reading import MANIFEST
from whytls.exceptions import InputError

LONGEST = 120  # characters of a part of a path
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


def files(environment: Environment) -> Iterator[tuple[str, str]]:
    """The files of an export: each with its path below the folder, and its text."""
    name = environment.name or "env"
    resources = {
        "virtualHosts": [host.to_json() for host in environment.virtual_hosts.values()],
        "targetServers": [server.to_json(environment.dialect) for server in environment.target_servers.values()],
        "references": [reference.to_json() for reference in environment.references.values()],
        "keystores": [{"name": store.name} for store in environment.keystores.values()],
        "aliases": list(_aliases(environment)),
    }
    yield MANIFEST, _json({"organization": environment.organization, "environment": environment.name, "source": environment.source})
    for kind, held in resources.items():
        yield f"edge/env/{_fit(name)}/{kind}.json", _json(held)
    for store in environment.keystores.values():
        for alias in store.aliases:
            if alias.certificates:
                yield _certificate_path(store.name, alias.name), "".join(map(_pem, alias.certificates))
    for proxy in environment.proxies:
        folder = f"proxies/{_fit(proxy.name or 'proxy')}/{_fit(proxy.revision or '0')}/apiproxy"
        # Only what TLS depends on is kept of a bundle.
        hosts = "".join(f"<VirtualHost>{_text(host)}</VirtualHost>" for host in proxy.virtual_hosts)
        paths = "".join(f"<BasePath>{_text(path)}</BasePath>" for path in proxy.base_paths)
        yield f"{folder}/{_fit(proxy.name or 'proxy')}.xml", f"<APIProxy name={_quoted(proxy.name)} revision={_quoted(proxy.revision)}/>\n"
        connection = f"<HTTPProxyConnection>{paths}{hosts}</HTTPProxyConnection>"
        yield f"{folder}/proxies/default.xml", f'<ProxyEndpoint name="default">{connection}</ProxyEndpoint>\n'
        for target in proxy.targets:
            yield f"{folder}/targets/{_fit(target.name)}.xml", target.to_xml()


def export(environment: Environment, folder: str | Path) -> list[Path]:
    """Writes an environment into a folder that is new or empty; what was written.

    Raises:
        InputError: the folder has something in it, or cannot be written.
    """
    root = Path(folder)
    try:
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise InputError("is there already, and not an empty folder", file=str(root), hint="name a new folder")
        written = []
        for name, content in files(environment):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
            written.append(path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=str(root)) from None
    return written


def _aliases(environment: Environment) -> Iterator[dict[str, object]]:
    for store in environment.keystores.values():
        for alias in store.aliases:
            made: dict[str, object] = {"alias": alias.name, "keystorename": store.name, "format": "keycertfile", "hasKey": alias.has_key}
            if alias.certificates:
                made["certFilePath"] = _certificate_path(store.name, alias.name)
            if alias.described:
                made["certsInfo"] = {"certInfo": [info.to_json() for info in alias.described]}
            yield made


def _certificate_path(store: str, alias: str) -> str:
    return f"certificates/{_fit(store)}/{_fit(alias)}.pem"


def _fit(name: str) -> str:
    """A name that is one part of a path on every system; two names stay two."""
    plain = _UNFIT.sub(lambda found: f"%{ord(found[0]):X}", name)
    if len(plain) > LONGEST:
        plain = f"{plain[:LONGEST]}%{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return f"%{plain}" if plain in ("", ".", "..") else plain


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _pem(der: bytes) -> str:
    body = base64.b64encode(der).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def _text(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(text)


def _quoted(text: str) -> str:
    from xml.sax.saxutils import quoteattr

    return quoteattr(text)
