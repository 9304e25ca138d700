#!/usr/bin/env python3
"""Write the published JSON Schema of ``--format json`` and ``jsonl``: src/whytls/report/schema.json, schema-checks.json
(`whytls check`), schema-probes.json (`whytls probe`) and their copies in docs/schema.

Words with fixed values come from the types in model.py, the known causes from the registry of causes, so that neither is
written down twice. Within version 1 the schema only grows: a field or a value that was published stays; new ones come.
``--check`` writes nothing and fails when the files are not what would be written. A run that would lose something fails, too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from whytls import causes, model
from whytls.checking.result import Kind, Level
from whytls.pki.defect import Purpose
from whytls.probing.result import Named, Wanted
from whytls.report.check_json import SCHEMA as CHECKS
from whytls.report.json import SCHEMA
from whytls.report.survey_json import SCHEMA as PROBES
from whytls.surveying.result import NameHabit, Provenance, UnknownName

ROOT = Path(__file__).parent.parent
FILES = (ROOT / "src/whytls/report/schema.json", ROOT / "docs/schema/diagnoses-1.json")
CHECK_FILES = (ROOT / "src/whytls/report/schema-checks.json", ROOT / "docs/schema/checks-1.json")
PROBE_FILES = (ROOT / "src/whytls/report/schema-probes.json", ROOT / "docs/schema/probes-1.json")
DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the certificate."}
SLUG = "^[a-z0-9]+(-[a-z0-9]+)*$"


def schema(slugs: Sequence[str]) -> dict[str, Any]:
    """The schema for these causes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "Diagnoses of whytls",
        "description": "What `whytls diagnose --format json` writes; a line of `--format jsonl` is one `diagnosis`. "
        "Within version 1 it only grows: take fields and values that you do not know as they come.",
        **_object(
            schema={"type": "string", "pattern": "^urn:whytls:diagnoses:1\\.[0-9]+$"},
            diagnoses={"type": "array", "items": {"$ref": "#/$defs/diagnosis"}},
            summary={"$ref": "#/$defs/summary"},
        ),
        "$defs": {
            "cause": _cause(slugs),
            "endpoint": _object(address=_text("IP address."), port={"type": "integer", "minimum": 0, "maximum": 65535}),
            "diagnosis": _diagnosis(),
            "alternative": _object(
                cause={"$ref": "#/$defs/cause"},
                cause_class=_or_null(_one_of(model.CauseClass)),
                confidence=_one_of(model.Confidence),
                would_decide=_text("What would decide between this cause and the one named."),
            ),
            "evidence": _object(
                file=_text("The capture it stands in."),
                frames=_list({"type": "integer", "minimum": 1}, "Frame numbers in it, counted as Wireshark does."),
                text=_text("One statement."),
                certificate=_or_null(DIGEST),
            ),
            **_mending(),
            "summary": _summary(),
        },
    }


def checks(slugs: Sequence[str]) -> dict[str, Any]:
    """The schema of what `whytls check` writes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": CHECKS,
        "title": "Checks of whytls",
        "description": "What `whytls check --format json` and `whytls check pair --format json` write; a line of `--format jsonl` is one "
        "`result`. Within version 1 it only grows: take fields and values that you do not know as they come.",
        **_object(
            schema={"type": "string", "pattern": "^urn:whytls:checks:1\\.[0-9]+$"},
            results={"type": "array", "items": {"$ref": "#/$defs/result"}},
            summary={"$ref": "#/$defs/summary"},
        ),
        "$defs": {
            "cause": _cause(slugs),
            "result": _result(),
            **_judged(),
            "summary": _object(
                checked=_count("Entries."), failed=_count(), with_warning=_count(), sound=_count(),
                causes={"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}, "description": "Entries by cause."},
                warnings=_list(_text(), "What was odd about the sources."), error=_or_null(_text("Why not everything was checked.")),
            ),
        },
    }  # fmt: skip


def _judged() -> dict[str, Any]:
    """What is said of certificates and of what is wrong with them."""
    return {
        "problem": _problem(),
        "evidence": _object(
            file=_text("The file, store or endpoint it stands in."),
            line=_or_null({"type": "integer", "minimum": 1}),
            frames=_list({"type": "integer", "minimum": 1}, "Always empty here; as in a diagnosis."),
            text=_text("One statement."),
            certificate=_or_null(DIGEST),
        ),
        **_mending(),
        "certificate": _object(
            subject=_text("RFC 4514."), issuer=_text("RFC 4514."), serial=_text("Hexadecimal."), sha256=DIGEST,
            not_before=_moment(), not_after=_moment(), dns_names=_list(_text(), "dNSName entries."),
            ip_addresses=_list(_text(), "iPAddress entries."), key_type=_text("rsa, ec, ed25519, ..."),
            key_bits=_or_null({"type": "integer"}), is_ca={"type": "boolean"},
        ),
        "decision": _object(
            stack=_text("openssl, java, go, browser; of pairs also python, curl, node, nginx, nginx proxy, gnutls, nss."),
            accepted=_or_null({"type": "boolean", "description": "null: not known."}), code=_text("The stack's name of its error."),
            words=_text("Its text."), alerts=_list(_or_null({"type": "integer"}), "What it then sends; null: it closes without an alert."),
            certificate=_or_null(DIGEST), condition=_text("It refuses only under this condition; empty: always."),
            measured={"type": "boolean", "description": "false: from its documentation."},
        ),
        "name": _object(
            family=_text("openssl, curl, python, java, go, browser."), accepted={"type": "boolean"}, by=_text("san, cn, ip, or empty."),
            why=_text("A slug."), words=_text("The client's own text."), measured={"type": "boolean"},
        ),
        "revocation": _object(certificate=DIGEST, state=_text("good, revoked, unknown, undecided, not-checked."), reason=_text(),
                              revoked_at=_moment()),
        "repair": _object(
            complete={"type": "boolean", "description": "It leads to a root that is at hand."}, changed={"type": "boolean"},
            chain=_list(DIGEST, "As it should be, own certificate first."), added=_list(DIGEST, "Were not there."),
            dropped=_list(_text(), "Do not belong there."), moved=_list(DIGEST, "Stood elsewhere."),
            missing=_or_null(_object(subject=_text(), key_id=_text("Hexadecimal."), urls=_list(_text(), "Where it can be fetched."))),
        ),
    }  # fmt: skip


def _result() -> dict[str, Any]:
    return _object(
        kind={"enum": [*get_args(Kind), "pair"]},
        source=_text("As it was named in the call; of a pair, what is presented."),
        file=_text("Where it stands."),
        line=_or_null({"type": "integer", "minimum": 1}),
        alias=_text("The store's own name for it."),
        purpose=_one_of(Purpose, "Whose certificate it was judged as."),
        host=_or_null(_text("The name that it was compared with.")),
        at=_moment(),
        format=_text("PEM, DER, PKCS #7, PKCS #12, JKS, JCEKS, nginx, folder, anchors, endpoint, pair."),
        role=_text("The directive of a configuration that names it."),
        level=_or_null(_one_of(Level, "The gravest of its problems.")),
        subject=_text("RFC 4514."),
        expires=_moment(),
        key=_text("The form of its private key; empty without one."),
        key_fits=_or_null({"type": "boolean"}),
        certificates=_list({"$ref": "#/$defs/certificate"}, "As presented."),
        problems=_list({"$ref": "#/$defs/problem"}, "What is wrong, the gravest first."),
        decisions=_list({"$ref": "#/$defs/decision"}, "What each stack decides, where anchors are given."),
        names=_list({"$ref": "#/$defs/name"}, "What each client family makes of the host name."),
        revocation=_list({"$ref": "#/$defs/revocation"}, "What the lists and responses given say."),
        repair=_or_null({"$ref": "#/$defs/repair"}),
        mends=_list(_text(), "Of a pair: what to do, in which store."),
        notes=_list(_text(), "What is odd and nobody refuses."),
    )


def _problem() -> dict[str, Any]:
    return _object(
        level=_one_of(Level),
        cause={"$ref": "#/$defs/cause"},
        cause_class=_one_of(model.CauseClass),
        detail={**_text("Which form: a slug, or empty."), "anyOf": [{"const": ""}, {"pattern": "^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$"}]},
        title=_text("What is wrong, in one sentence."),
        owners=_list(_one_of(model.Owner), "Who can fix it."),
        confidence=_one_of(model.Confidence),
        evidence=_list({"$ref": "#/$defs/evidence"}, "Which certificate, and where it stands."),
        fix=_or_null({"$ref": "#/$defs/fix"}),
        refused_by=_list(_text(), "Families of validators that are known to refuse it."),
        would_decide=_text("What would make it proven."),
        warnings=_list(_text(), "What limits this verdict."),
    )


def probes(slugs: Sequence[str]) -> dict[str, Any]:
    """The schema of what `whytls probe` writes."""
    attempt = {"type": "integer", "minimum": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": PROBES,
        "title": "Probes of whytls",
        "description": "What `whytls probe --format json` writes; a line of `--format jsonl` is one `server`. Within version 1 it only grows: "
        "take fields and values that you do not know as they come.",
        **_object(
            schema={"type": "string", "pattern": "^urn:whytls:probes:1\\.[0-9]+$"},
            servers={"type": "array", "items": {"$ref": "#/$defs/server"}},
            summary={"$ref": "#/$defs/summary"},
        ),
        "$defs": {
            "cause": _cause(slugs),
            "server": _server(),
            **_judged(),
            "named": _object(number=_count(), name=_text("As IANA's registry has it.")),
            "suite": _object(number=_count(), name=_text("As IANA's registry has it."), openssl=_text("OpenSSL's name of it.")),
            "version": _object(
                number=_count(), name=_text("TLS 1.2."), accepted={"type": "boolean"}, suites=_list({"$ref": "#/$defs/suite"}, "In the order in "
                "which the server chose them."), server_order=_or_null({"type": "boolean", "description": "false: it takes the client's order."}),
                refused=_or_null({"$ref": "#/$defs/refused"}), dh_bits=_list(_count(), "Sizes of the DHE primes met."),
            ),
            "refused": _object(
                attempt=attempt, end=_text("refused (by an alert), closed, reset, silence, foreign, ..."), alert=_or_null(_count()),
                alert_name=_or_null(_text()),
            ),
            "statement": _object(slug=_text("Its stable name."), text=_text("One sentence."), reference=_text("The standard that says so."),
                                 attempts=_list(attempt, "The attempts that show it.")),
            "shown": _shown(attempt),
            "client": _client(attempt),
            "attempt": _attempt(),
            "summary": _object(
                asked=_count("Servers."), failed=_count(), with_warning=_count(), healthy=_count(), connections=_count("Made in all."),
                causes={"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}, "description": "Servers by cause."},
                warnings=_list(_text(), "What was odd."), error=_or_null(_text("Why not all were asked.")),
            ),
            **_mending(),
        },
    }  # fmt: skip


def _server() -> dict[str, Any]:
    attempts = _list({"type": "integer", "minimum": 1}, "The attempts that show it.")
    known, named = _or_null({"type": "boolean", "description": "null: not asked."}), {"$ref": "#/$defs/named"}
    return _object(
        target=_text("As it was named in the call."),
        address=_text("Where it was asked."),
        server_name=_or_null(_text("Sent as SNI.")),
        at=_moment(),
        verdict=_text("healthy, the cause of its gravest problem, or unknown."),
        level=_or_null(_one_of(Level, "The gravest of what is wrong.")),
        problems=_list({"$ref": "#/$defs/problem"}, "Why clients do not get through, the gravest first."),
        weaknesses=_list({"$ref": "#/$defs/statement"}, "What it accepts and should not."),
        versions=_list({"$ref": "#/$defs/version"}, "Those that were asked for."),
        groups=_list(named, "In the order in which the server chose them."),
        groups_server_order=known,
        signature_schemes=_list(named, "With which it signs."),
        alpn=_list(_text(), "Protocols that it takes."),
        alpn_refused=_or_null({"$ref": "#/$defs/refused"}),
        compression=known,
        secure_renegotiation=known,
        extended_master_secret=known,
        fallback_scsv=known,
        resumption=_object(session_id=known, ticket=known, psk=known, early_data=known, attempts=attempts),
        client_certificate=_object(
            wanted=_one_of(Wanted), how=_text("How it refuses without one: alert, http-400, closed, reset."),
            authorities=_list(_text(), "The CAs that it names, RFC 4514."), signature_schemes=_list(named, ""),
            certificate_types=_list(named, ""), attempts=attempts,
        ),
        certificates=_list({"$ref": "#/$defs/shown"}, "Every chain that it showed."),
        names=_object(
            habit=_one_of(NameHabit, "What it makes of server_name."),
            unknown=_one_of(UnknownName, "What it makes of a name that it does not have."),
            statements=_list({"$ref": "#/$defs/statement"}, ""),
            asked=_list(_object(
                named=_one_of(Named), server_name=_or_null(_text()), attempt=_count(), certificate=_or_null({"$ref": "#/$defs/certificate"}),
                refused=_or_null({"$ref": "#/$defs/refused"}), warning=_or_null(_count("A warning alert that came along.")),
            ), "Attempt by attempt."),
        ),
        clients=_list({"$ref": "#/$defs/client"}, "Whether these clients get through."),
        compared_with=_or_null(_text("The other server.")),
        differences=_list({"$ref": "#/$defs/statement"}, "From the other server."),
        notes=_list(_text(), "What limits this, and what is odd."),
        connections=_count("Made to it."),
        seconds={"type": "number", "minimum": 0},
        attempts=_list({"$ref": "#/$defs/attempt"}, "Every connection, in the order in which they were begun."),
    )  # fmt: skip


def _shown(attempt: dict[str, Any]) -> dict[str, Any]:
    """A chain of a server: as in a check, with the attempts that show it."""
    entry = _result()["properties"]
    same = {key: entry[key] for key in ("level", "host", "problems", "decisions", "names", "revocation", "repair", "notes")}
    return _object(
        server_name=_or_null(_text("To whom it was shown; null: to those who send no name.")), key_type=_text("rsa, ecdsa, ed25519, ..."),
        attempts=_list(attempt, ""), chain=_list({"$ref": "#/$defs/certificate"}, "As sent."), **same,
    )  # fmt: skip


def _client(attempt: dict[str, Any]) -> dict[str, Any]:
    return _object(
        client=_text("Its slug, or CAPTURE#N."), title=_text(), passes={"type": "boolean"}, provenance=_one_of(Provenance),
        version=_or_null({"$ref": "#/$defs/named"}), cipher_suite=_or_null({"$ref": "#/$defs/suite"}), group=_or_null({"$ref": "#/$defs/named"}),
        cause=_or_null({"$ref": "#/$defs/cause"}), detail=_text(), why=_text("What the two have not in common."),
        confidence=_one_of(model.Confidence), attempt=_or_null(attempt), notes=_list(_text(), ""),
    )  # fmt: skip


def _attempt() -> dict[str, Any]:
    value = _object(
        number={"type": "integer", "minimum": 1}, purpose=_text("What it was for."), end=_text("reached, refused, closed, reset, silence, ..."),
        alert=_or_null(_count()), alert_name=_or_null(_text()), shape=_text("In letters; docs/design.md has the alphabet."),
        outcome=_one_of(model.Outcome), started_at=_moment(), microseconds=_count(),
    )  # fmt: skip
    step = _object(
        event=_count("Evidence names it in `frames`."), sender=_one_of(model.Side), name=_text(), facts=_list(_text(), ""), microseconds=_count()
    )
    value["properties"]["transcript"] = _list(step, "With --attempts: message by message.")
    return value


def _cause(slugs: Sequence[str]) -> dict[str, Any]:
    return {
        "description": "The stable name of a cause. The known ones are listed; others can come.",
        "type": "string",
        "anyOf": [{"enum": list(slugs)}, {"pattern": SLUG}],
    }


def _mending() -> dict[str, Any]:
    """A fix and its artefacts."""
    return {
        "fix": _object(
            owner=_one_of(model.Owner),
            text=_text("What to do."),
            grade=_one_of(model.Grade, "What it costs."),
            artefacts=_list({"$ref": "#/$defs/artefact"}, "Pieces that can be used as they stand."),
        ),
        "artefact": _object(
            kind=_text("xml, json, properties, nginx, command, java, pem."),
            place=_text("File, resource or machine where it belongs."),
            content=_text(),
        ),
    }


def _moment() -> dict[str, Any]:
    return _or_null({"type": "string", "format": "date-time", "description": "UTC, with microseconds."})


def _count(description: str = "") -> dict[str, Any]:
    return {"type": "integer", "minimum": 0, **({"description": description} if description else {})}


def _diagnosis() -> dict[str, Any]:
    detail = {**_text("Which form of the cause: a slug, or empty."), "anyOf": [{"const": ""}, {"pattern": SLUG}]}
    return _object(
        cause=_or_null({"$ref": "#/$defs/cause"}),
        cause_class=_or_null(_one_of(model.CauseClass, "Always set for a failure, also where the cause cannot be known.")),
        detail=detail,
        title=_text("What happened, in one sentence."),
        outcome=_one_of(model.Outcome),
        failing_side=_or_null(_one_of(model.FailingSide, "The end that refused or broke off, or whose message is missing.")),
        owners=_list(_one_of(model.Owner), "Who can fix it, cheapest first."),
        who_can_confirm=_one_of(model.Confirmer),
        hop=_one_of(model.Hop),
        confidence=_or_null(_one_of(model.Confidence)),
        alternatives=_list({"$ref": "#/$defs/alternative"}, "What else the evidence leaves open."),
        client={"$ref": "#/$defs/endpoint"},
        server={"$ref": "#/$defs/endpoint"},
        sni=_or_null(_text("The server name that the client sent.")),
        started_at=_or_null({"type": "string", "format": "date-time", "description": "UTC, with microseconds."}),
        file=_text("The capture."),
        frame={"type": "integer", "minimum": 0, "description": "The handshake's first frame; --show takes it."},
        shape=_text("The handshake in letters; docs/design.md has the alphabet."),
        evidence=_list({"$ref": "#/$defs/evidence"}, "What proves it, and where that stands."),
        fix=_or_null({"$ref": "#/$defs/fix"}),
        more_fixes=_list({"$ref": "#/$defs/fix"}, "Other ways to mend it."),
        related=_list(_text(), "Other handshakes that belong to this failure."),
        warnings=_list(_text(), "What limits this verdict."),
    )


def _summary() -> dict[str, Any]:
    numbers = {
        "packets": "Packets read.",
        "bytes": "Bytes read.",
        "flows": "TCP connections seen.",
        "not_tls": "Of these, without TLS.",
        "handshakes": "Handshakes found, also those that filters left out.",
        "completed": "",
        "failed": "",
        "unfinished": "The recording ends before they do.",
    }
    counts: dict[str, Any] = {
        name: {"type": "integer", "minimum": 0, **({"description": text} if text else {})} for name, text in numbers.items()
    }
    return _object(
        **counts,
        causes={"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}, "description": "Failures by cause."},
        stopped={"type": "boolean", "description": "The user broke off before the input ended."},
        error=_or_null(_text("Why the rest of the input could not be used.")),
        warnings=_list(_text(), "What was odd about the input."),
    )


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _text(description: str = "") -> dict[str, Any]:
    return {"type": "string", **({"description": description} if description else {})}


def _list(items: dict[str, Any], description: str) -> dict[str, Any]:
    return {"type": "array", "items": items, "description": description}


def _one_of(words: Any, description: str = "") -> dict[str, Any]:
    return {"enum": list(get_args(words)), **({"description": description} if description else {})}


def _or_null(known: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [known, {"type": "null"}]}


def lost(before: Any, now: Any, path: str = "") -> list[str]:
    """What was published and is gone: properties, and values of an enum."""
    if isinstance(before, dict) and isinstance(now, dict):
        gone = [f"{path}/{key}" for key in before if key not in now and key != "description"]
        return gone + [name for key in before if key in now for name in lost(before[key], now[key], f"{path}/{key}")]
    if isinstance(before, list) and isinstance(now, list) and path.endswith(("/enum", "/required")):
        return [f"{path}: {value}" for value in before if value not in now]
    if isinstance(before, list) and isinstance(now, list):
        return [name for i, (a, b) in enumerate(zip(before, now, strict=False)) for name in lost(a, b, f"{path}/{i}")]
    return []


def documents() -> dict[Path, str]:
    """The files to be written and their text; retired causes stay known, for old reports hold them."""
    slugs = sorted({*causes.slugs(), *causes.RETIRED})
    made_of = {FILES: schema(slugs), CHECK_FILES: checks(slugs), PROBE_FILES: probes(slugs)}
    texts = {files: json.dumps(made, indent=2, ensure_ascii=False) + "\n" for files, made in made_of.items()}
    return {file: text for files, text in texts.items() for file in files}


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with --check compare them."""
    new = documents()
    if "--check" in arguments:
        stale = [path for path, text in new.items() if not path.exists() or path.read_text() != text]
        for path in stale:
            print(f"make_schema: {path.relative_to(ROOT)} is not up to date; run tools/make_schema.py")
        return 1 if stale else 0
    known = [files[0] for files in (FILES, CHECK_FILES, PROBE_FILES) if files[0].exists()]
    gone = [name for path in known for name in lost(json.loads(path.read_text()), json.loads(new[path]))]
    if gone and "--forget" not in arguments:
        for name in gone:
            print(f"make_schema: {name} would be gone")
        print("make_schema: nothing written. A renamed cause goes into causes.RETIRED; what was never released: --forget")
        return 1
    for path, text in new.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
