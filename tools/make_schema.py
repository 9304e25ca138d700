#!/usr/bin/env python3
"""Write the published JSON Schema of ``--format json`` and ``jsonl``: src/whytls/report/schema.json, schema-checks.json
(`whytls check`), schema-probes.json (`whytls probe`), schema-replays.json (`whytls replay`), schema-audits.json (`whytls audit`) and
their copies in docs/schema.

Words with fixed values come from the types in model.py, the known causes from the registry of causes, so that neither is
written down twice. Within version 1 the schema only grows: a field or a value that was published stays; new ones come.
``--check`` writes nothing and fails when the files are not what would be written. A run that would lose something fails, too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whytls import causes
from whytls.report.check_json import SCHEMA as CHECKS
from whytls.report.json import SCHEMA

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # also where it is run as a script

from tools.schema_edge import audits  # noqa: E402
from tools.schema_live import probes, replays  # noqa: E402
from tools.schema_words import DRAFT, GROWS, a_list, an_object, cause, count, judged, of_diagnoses, or_null, result, text  # noqa: E402

FILES = (ROOT / "src/whytls/report/schema.json", ROOT / "docs/schema/diagnoses-1.json")
CHECK_FILES = (ROOT / "src/whytls/report/schema-checks.json", ROOT / "docs/schema/checks-1.json")
PROBE_FILES = (ROOT / "src/whytls/report/schema-probes.json", ROOT / "docs/schema/probes-1.json")
AUDIT_FILES = (ROOT / "src/whytls/report/schema-audits.json", ROOT / "docs/schema/audits-1.json")
REPLAY_FILES = (ROOT / "src/whytls/report/schema-replays.json", ROOT / "docs/schema/replays-1.json")


def schema(slugs: Sequence[str]) -> dict[str, Any]:
    """The schema for these causes."""
    return {
        "$schema": DRAFT,
        "$id": SCHEMA,
        "title": "Diagnoses of whytls",
        "description": f"What `whytls diagnose --format json` writes; a line of `--format jsonl` is one `diagnosis`. {GROWS}",
        **an_object(
            schema={"type": "string", "pattern": "^urn:whytls:diagnoses:1\\.[0-9]+$"},
            diagnoses={"type": "array", "items": {"$ref": "#/$defs/diagnosis"}},
            summary={"$ref": "#/$defs/summary"},
        ),
        "$defs": {
            **of_diagnoses(slugs),
            "summary": _summary(),
        },
    }


def checks(slugs: Sequence[str]) -> dict[str, Any]:
    """The schema of what `whytls check` writes."""
    return {
        "$schema": DRAFT,
        "$id": CHECKS,
        "title": "Checks of whytls",
        "description": "What `whytls check --format json` and `whytls check pair --format json` write; a line of `--format jsonl` is one "
        f"`result`. {GROWS}",
        **an_object(
            schema={"type": "string", "pattern": "^urn:whytls:checks:1\\.[0-9]+$"},
            results={"type": "array", "items": {"$ref": "#/$defs/result"}},
            summary={"$ref": "#/$defs/summary"},
        ),
        "$defs": {
            "cause": cause(slugs),
            "result": result(),
            **judged(),
            "summary": an_object(
                checked=count("Entries."), failed=count(), with_warning=count(), sound=count(),
                causes={"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}, "description": "Entries by cause."},
                warnings=a_list(text(), "What was odd about the sources."), error=or_null(text("Why not everything was checked.")),
            ),
        },
    }  # fmt: skip


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
    return an_object(
        **counts,
        causes={"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}, "description": "Failures by cause."},
        stopped={"type": "boolean", "description": "The user broke off before the input ended."},
        error=or_null(text("Why the rest of the input could not be used.")),
        warnings=a_list(text(), "What was odd about the input."),
    )


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
    made_of = {FILES: schema(slugs), CHECK_FILES: checks(slugs), PROBE_FILES: probes(slugs), REPLAY_FILES: replays(slugs), AUDIT_FILES: audits(slugs)}
    texts = {files: json.dumps(made, indent=2, ensure_ascii=False) + "\n" for files, made in made_of.items()}
    return {file: text for files, text in texts.items() for file in files}


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with --check compare them."""
    new = documents()
    if "--check" in arguments:
        stale = [path for path, written in new.items() if not path.exists() or path.read_text() != written]
        for path in stale:
            print(f"make_schema: {path.relative_to(ROOT)} is not up to date; run tools/make_schema.py")
        return 1 if stale else 0
    known = [files[0] for files in (FILES, CHECK_FILES, PROBE_FILES, REPLAY_FILES, AUDIT_FILES) if files[0].exists()]
    gone = [name for path in known for name in lost(json.loads(path.read_text()), json.loads(new[path]))]
    if gone and "--forget" not in arguments:
        for name in gone:
            print(f"make_schema: {name} would be gone")
        print("make_schema: nothing written. A renamed cause goes into causes.RETIRED; what was never released: --forget")
        return 1
    for path, written in new.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
