"""Keystores, aliases and certificates: truststores are the same resource. Also the older calls, which know certificates and no aliases."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Mapping
from dataclasses import replace

from whytls.edge import fields
from whytls.edge.resources import Alias
from whytls.edge.xml import parse
from whytls.exceptions import InputError
from whytls.gateway import keystores as held
from whytls.gateway.keystores import Material
from whytls.gateway.management import generate, upload
from whytls.gateway.management.certinfo import described
from whytls.gateway.management.multipart import parts
from whytls.gateway.management.organizations import ENVIRONMENT
from whytls.gateway.management.route import (
    BYTES,
    JSON,
    MEDIUM,
    MULTIPART,
    NAME,
    TEXT,
    TEXT_XML,
    XML,
    Answer,
    Call,
    Parameter,
    Route,
    Shape,
    checked_name,
)
from whytls.gateway.store import Refused

KEYSTORES = ENVIRONMENT + "/keystores"
KEYSTORE = KEYSTORES + "/{name}"
FORMATS = ("keycertfile", "pkcs12", "jks", "keycertjar", "selfsignedcert")


def _names(call: Call) -> Answer:
    return Answer(held.names(call.store, call.scope))


def _create(call: Call) -> Answer:
    if call.media in (XML, TEXT_XML):
        root = parse(call.body, "body")
        given = root.attribute("name") if root.name == "KeyStore" else None
    else:
        given = fields.mapping(call.json(), "keystore").get("name")
    name = checked_name(given, "keystore")
    held.create(call.store, call.scope, name)
    return Answer(held.keystore(call.store, call.scope, name).to_json(), 201)


def _keystore(call: Call) -> Answer:
    return Answer(held.keystore(call.store, call.scope, call.path["name"]).to_json())


def _delete(call: Call) -> Answer:
    found = held.keystore(call.store, call.scope, call.path["name"])
    held.delete(call.store, call.scope, found.name)
    return Answer(found.to_json())


# --- aliases --------------------------------------------------------------------------------------------------------------------------------


def _aliases(call: Call) -> Answer:
    return Answer([alias.name for alias in held.keystore(call.store, call.scope, call.path["name"]).aliases])


def _add_alias(call: Call) -> Answer:
    form = call.query.get("format", "keycertfile")
    if form == "selfsignedcert":
        given = fields.mapping(call.json(), "self-signed certificate")
        name = checked_name(given.get("alias") or call.query.get("alias"), "alias")
        _check_free(call, name)
        material = generate.self_signed(given, call.settings.clock())
    else:
        name = checked_name(call.query.get("alias"), "alias")
        _check_free(call, name)
        material = _uploaded(call, form, name)
        if not call.flag("ignoreExpiryValidation"):
            upload.check_time(material, call.settings.clock())
    held.add_alias(call.store, call.scope, call.path["name"], name, form, material)
    return Answer(_shown(call, name), 201)


def _alias(call: Call) -> Answer:
    return Answer(_shown(call, call.path["alias"]))


def _update_alias(call: Call) -> Answer:
    keystore, alias = call.path["name"], call.path["alias"]
    given = _parts(call)
    if "certFile" not in given or "keyFile" in given:
        raise InputError("only the certificate of an alias can be updated", hint="one part certFile; a new key needs a new alias or keystore")
    material = upload.of_pem(given["certFile"], None, None, newlines=not call.flag("ignoreNewlineValidation"))
    if not call.flag("ignoreExpiryValidation"):
        upload.check_time(material, call.settings.clock())
    upload.check_fits(material.certificates, held.private_key(call.store, call.scope, keystore, alias))
    held.update_alias(call.store, call.scope, keystore, alias, material.certificates)
    return Answer(_shown(call, alias))


def _delete_alias(call: Call) -> Answer:
    shown = _shown(call, call.path["alias"])
    held.delete_alias(call.store, call.scope, call.path["name"], call.path["alias"])
    return Answer(shown)


def _certificate(call: Call) -> Answer:
    return _pem(held.alias(call.store, call.scope, call.path["name"], call.path["alias"]))


def _csr(call: Call) -> Answer:
    keystore, alias = call.path["name"], call.path["alias"]
    found = held.alias(call.store, call.scope, keystore, alias)
    key = held.private_key(call.store, call.scope, keystore, alias)
    if key is None:
        raise Refused("invalid", "alias", f"Alias {alias} has no private key, so it cannot ask for a certificate")
    return Answer(body=generate.signing_request(found.certificates[0], key), media=TEXT)


# --- certificates, the older calls -----------------------------------------------------------------------------------------------------------


def _cert(call: Call) -> Answer:
    return Answer({"certInfo": _cert_info(call, _of_cert(call)), "certName": call.path["cert"]})


def _export_cert(call: Call) -> Answer:
    return _pem(_of_cert(call))


def _delete_cert(call: Call) -> Answer:
    found = _of_cert(call)
    held.delete_alias(call.store, call.scope, call.path["name"], found.name)
    return Answer({"certInfo": _cert_info(call, found), "certName": call.path["cert"]})


def _add_cert(call: Call) -> Answer:
    name = checked_name(call.query.get("alias"), "alias")
    _check_free(call, name)
    data = _parts(call).get("certFile") if call.media == MULTIPART else call.body
    material = upload.of_pem(data or b"", None, None, newlines=not call.flag("ignoreNewlineValidation"))
    if not call.flag("ignoreExpiryValidation"):
        upload.check_time(material, call.settings.clock())
    held.add_alias(call.store, call.scope, call.path["name"], name, "keycertfile", material)
    return Answer(_shown(call, name), 201)


def _add_jar(call: Call) -> Answer:
    name = checked_name(call.query.get("alias"), "alias")
    _check_free(call, name)
    material = _uploaded(call, "keycertjar", name)
    if not call.flag("ignoreExpiryValidation"):
        upload.check_time(material, call.settings.clock())
    held.add_alias(call.store, call.scope, call.path["name"], name, "keycertjar", material)
    return Answer(_shown(call, name), 201)


# --- below ----------------------------------------------------------------------------------------------------------------------------------------


def _check_free(call: Call, alias: str) -> None:
    """Says that a name is taken before any work is done for it; ``add_alias`` says so again, if it has been taken since."""
    keystore = held.keystore(call.store, call.scope, call.path["name"])
    if any(found.name == alias for found in keystore.aliases):
        raise Refused("exists", "alias", f"Alias {alias} exists already in KeyStore {keystore.name}", hint="PUT updates its certificate")


def _uploaded(call: Call, form: str, alias: str) -> Material:
    given = _parts(call)
    password = upload.text_of(given, "password")
    wanted = "certFile" if form == "keycertfile" else "file"
    if wanted not in given:
        raise InputError(f"the part {wanted} is missing", file="multipart body", hint=f"curl -F {wanted}=@FILE, as format={form} takes it")
    if form == "keycertfile":
        return upload.of_pem(given["certFile"], given.get("keyFile"), password, newlines=not call.flag("ignoreNewlineValidation"))
    if form == "keycertjar":
        return upload.of_jar(given["file"], password)
    return (upload.of_pkcs12 if form == "pkcs12" else upload.of_java)(given["file"], password, alias)


def _parts(call: Call) -> Mapping[str, bytes]:
    if call.media != MULTIPART:
        raise InputError(f"the body is {call.media or 'of no media type'}", hint=f"expected {MULTIPART}")
    return parts(call.content_type, call.body)


def _shown(call: Call, name: str) -> dict[str, object]:
    found = held.alias(call.store, call.scope, call.path["name"], name)
    at = call.settings.clock()
    return replace(found, described=tuple(described(der, at) for der in found.certificates)).to_json()


def _of_cert(call: Call) -> Alias:
    """The alias that a certificate belongs to; Edge names it as the alias, or with ``-cert`` behind."""
    keystore = held.keystore(call.store, call.scope, call.path["name"])
    wanted = call.path["cert"]
    found = next((alias for name in (wanted, wanted.removesuffix("-cert")) for alias in keystore.aliases if alias.name == name), None)
    if found is None:
        raise Refused("missing", "certificate", f"Certificate {wanted} does not exist in KeyStore {keystore.name}")
    return found


def _cert_info(call: Call, alias: Alias) -> list[dict[str, object]]:
    return [described(der, call.settings.clock()).to_json() for der in alias.certificates]


def _pem(alias: Alias) -> Answer:
    written = [
        "-----BEGIN CERTIFICATE-----\n" + "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64)) + "\n-----END CERTIFICATE-----\n"
        for der in alias.certificates
    ]
    return Answer(body="".join(written).encode(), media=TEXT)


_EXPIRY = Parameter("ignoreExpiryValidation", "take certificates that are past their time", "boolean")
_NEWLINE = Parameter("ignoreNewlineValidation", "take certificates that do not begin on a line of their own", "boolean")
_FREE_ALIAS = Parameter("alias", "a new alias", pattern=NAME)
_NEEDED_ALIAS = Parameter("alias", "a new alias", required=True, pattern=NAME)
_FORMAT = Parameter("format", "what is uploaded", choices=FORMATS)
_EXPORTABLE = Parameter("privateKeyExportable", "accepted; no key is ever exported here", "boolean")
_UPLOAD = (Shape(MULTIPART, "Upload"),)
_NAMED = (Shape(JSON, "Named"), Shape(TEXT_XML, "Xml"), Shape(XML, "Xml"))
ALIAS = KEYSTORE + "/aliases/{alias}"
CERT = KEYSTORE + "/certs/{cert}"
ROUTES = (
    Route("GET", KEYSTORES, _names, "The keystores and truststores of an environment", "Names"),
    Route("POST", KEYSTORES, _create, "Make an empty keystore", "KeyStore", 201, takes=_NAMED),
    Route("GET", KEYSTORE, _keystore, "A keystore", "KeyStore"),
    Route("DELETE", KEYSTORE, _delete, "Delete a keystore with all that is in it", "KeyStore"),
    Route("GET", KEYSTORE + "/aliases", _aliases, "The aliases of a keystore", "Names"),
    Route(
        "POST", KEYSTORE + "/aliases", _add_alias, "Add an alias: upload, or have a self-signed certificate made", "Alias", 201,
        (_FREE_ALIAS, _FORMAT, _EXPIRY, _NEWLINE, _EXPORTABLE), (Shape(MULTIPART, "Upload"), Shape(JSON, "SelfSigned")), MEDIUM,
    ),
    Route("GET", ALIAS, _alias, "An alias with what is known of its certificates", "Alias"),
    Route("PUT", ALIAS, _update_alias, "Replace the certificate of an alias", "Alias", 200, (_EXPIRY, _NEWLINE), _UPLOAD, MEDIUM),
    Route("DELETE", ALIAS, _delete_alias, "Delete an alias", "Alias"),
    Route("GET", ALIAS + "/certificate", _certificate, "The certificates of an alias in PEM", {"type": "string"}, media=TEXT),
    Route("GET", ALIAS + "/csr", _csr, "A certificate signing request for an alias in PEM", {"type": "string"}, media=TEXT),
    Route("GET", KEYSTORE + "/certs", _aliases, "The certificates of a keystore, by name", "Names"),
    Route(
        "POST", KEYSTORE + "/certs", _add_cert, "Add a certificate to a truststore", "Alias", 201, (_NEEDED_ALIAS, _EXPIRY, _NEWLINE),
        (Shape(MULTIPART, "Upload"), Shape(BYTES, "Bytes")), MEDIUM,
    ),
    Route("POST", KEYSTORE + "/keys", _add_jar, "Add key and certificate in a JAR", "Alias", 201, (_NEEDED_ALIAS, _EXPIRY), _UPLOAD, MEDIUM),
    Route("GET", CERT, _cert, "What is known of a certificate", "Cert"),
    Route("DELETE", CERT, _delete_cert, "Delete a certificate", "Cert"),
    Route("GET", CERT + "/export", _export_cert, "A certificate in PEM", {"type": "string"}, media=TEXT),
)  # fmt: skip
