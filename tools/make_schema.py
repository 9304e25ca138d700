#!/usr/bin/env python3
"""Write the published JSON Schema of ``--format json`` and ``jsonl``: src/whytls/report/schema.json, schema-checks.json
(`whytls check`) and their copies in docs/schema.

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
from whytls.report.check_json import SCHEMA as CHECKS
from whytls.report.json import SCHEMA

ROOT = Path(__file__).parent.parent
FILES = (ROOT / "src/whytls/report/schema.json", ROOT / "docs/schema/diagnoses-1.json")
CHECK_FILES = (ROOT / "src/whytls/report/schema-checks.json", ROOT / "docs/schema/checks-1.json")
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
            "summary": _object(
                checked=_count("Entries."), failed=_count(), with_warning=_count(), sound=_count(),
                causes={"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}, "description": "Entries by cause."},
                warnings=_list(_text(), "What was odd about the sources."), error=_or_null(_text("Why not everything was checked.")),
            ),
        },
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
    texts = {files: json.dumps(made, indent=2, ensure_ascii=False) + "\n" for files, made in ((FILES, schema(slugs)), (CHECK_FILES, checks(slugs)))}
    return {file: text for files, text in texts.items() for file in files}


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with --check compare them."""
    new = documents()
    if "--check" in arguments:
        stale = [path for path, text in new.items() if not path.exists() or path.read_text() != text]
        for path in stale:
            print(f"make_schema: {path.relative_to(ROOT)} is not up to date; run tools/make_schema.py")
        return 1 if stale else 0
    known = [files[0] for files in (FILES, CHECK_FILES) if files[0].exists()]
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
