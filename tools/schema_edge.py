"""The JSON Schema of what `whytls audit` writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.schema_words import DRAFT, GROWS, SLUG, a_list, an_object, cause, count, judged, moment, one_of, or_null, text
from whytls import model
from whytls.checking.result import Level
from whytls.edge.audit.result import SubjectKind
from whytls.pki.defect import Purpose
from whytls.report.audit_json import SCHEMA as AUDITS


def audits(slugs: Sequence[str]) -> dict[str, Any]:
    """The schema of what `whytls audit` writes."""
    words = judged()
    looked = {
        "kind": one_of(SubjectKind), "name": text(), "at": text("HOST:PORT of a target; aliases and port of a virtual host."),
        "proxy": text("Of a target endpoint."), "revision": text("Of its proxy."),
    }  # fmt: skip
    return {
        "$schema": DRAFT,
        "$id": AUDITS,
        "title": "Audits of whytls",
        "description": f"What `whytls audit --format json` writes; a line of `--format jsonl` is one `concern`. {GROWS}",
        **an_object(
            schema={"type": "string", "pattern": "^urn:whytls:audits:1\\.[0-9]+$"},
            gateway=an_object(source=text("As it was named in the call."), organization=text(), environment=text()),
            at=moment(),
            concerns=a_list({"$ref": "#/$defs/concern"}, "What is wrong, the worst first."),
            looked=a_list(
                an_object(**looked, probed={"type": "boolean"}, concerns=count("How many there are about it.")), "Everything that was looked at."
            ),
            summary=an_object(
                failures=count(), warnings=count(),
                rules={"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}, "description": "Concerns by rule."},
                notes=a_list(text(), "What could not be read or asked."),
            ),
        ),
        "$defs": {
            "cause": cause(slugs),
            "subject": an_object(**looked),
            "concern": an_object(
                level=one_of(Level), rule={**text("The cause's slug, or a rule of the audit's own."), "pattern": SLUG},
                cause=or_null({"$ref": "#/$defs/cause"}), cause_class=or_null(one_of(model.CauseClass)),
                detail=text("Which form: a slug, or empty."),
                title=text("What is wrong, in one sentence."), hop=one_of(model.Hop), subject={"$ref": "#/$defs/subject"},
                owners=a_list(one_of(model.Owner), "Who can fix it."), confidence=one_of(model.Confidence),
                would_decide=text("What would make it proven."),
                evidence=a_list({"$ref": "#/$defs/evidence"}, "Where it stands."), fix=or_null({"$ref": "#/$defs/fix"}),
                purpose=or_null(one_of(Purpose, "Whose certificate it is about.")),
                presented=a_list(text(), "The certificates that it is about, PEM."),
                warnings=a_list(text(), "What limits this verdict."),
            ),
            **{name: words[name] for name in ("evidence", "fix", "artefact") if name in words},
        },
    }  # fmt: skip
