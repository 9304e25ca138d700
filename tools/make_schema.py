#!/usr/bin/env python3
"""Write the published JSON Schema of ``--format json`` and ``jsonl``: src/whytls/report/schema.json and its copy in docs/schema.

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
from whytls.report.json import SCHEMA

ROOT = Path(__file__).parent.parent
FILES = (ROOT / "src/whytls/report/schema.json", ROOT / "docs/schema/diagnoses-1.json")
SLUG = "^[a-z0-9]+(-[a-z0-9]+)*$"


def schema(slugs: Sequence[str]) -> dict[str, Any]:
    """The schema for these causes."""
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the certificate."}
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
            "cause": {
                "description": "The stable name of a cause. The known ones are listed; others can come.",
                "type": "string",
                "anyOf": [{"enum": list(slugs)}, {"pattern": SLUG}],
            },
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
                certificate=_or_null(digest),
            ),
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
            "summary": _summary(),
        },
    }


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
    text = json.dumps(schema(slugs), indent=2, ensure_ascii=False) + "\n"
    return dict.fromkeys(FILES, text)


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with --check compare them."""
    new = documents()
    if "--check" in arguments:
        stale = [path for path, text in new.items() if not path.exists() or path.read_text() != text]
        for path in stale:
            print(f"make_schema: {path.relative_to(ROOT)} is not up to date; run tools/make_schema.py")
        return 1 if stale else 0
    gone = lost(json.loads(FILES[0].read_text()), json.loads(new[FILES[0]])) if FILES[0].exists() else []
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
