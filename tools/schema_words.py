"""The words of which the JSON Schemas are made: objects, lists, and the parts that several schemas have (causes, problems, fixes, certificates)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from whytls import model
from whytls.checking.result import Kind, Level
from whytls.pki.defect import Purpose

DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the certificate."}
SLUG = "^[a-z0-9]+(-[a-z0-9]+)*$"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
GROWS = "Within version 1 it only grows: take fields and values that you do not know as they come."


def judged() -> dict[str, Any]:
    """What is said of certificates and of what is wrong with them."""
    return {
        "problem": problem(),
        "evidence": an_object(
            file=text("The file, store or endpoint it stands in."),
            line=or_null({"type": "integer", "minimum": 1}),
            frames=a_list({"type": "integer", "minimum": 1}, "Always empty here; as in a diagnosis."),
            text=text("One statement."),
            certificate=or_null(DIGEST),
        ),
        **mending(),
        "certificate": an_object(
            subject=text("RFC 4514."), issuer=text("RFC 4514."), serial=text("Hexadecimal."), sha256=DIGEST,
            not_before=moment(), not_after=moment(), dns_names=a_list(text(), "dNSName entries."),
            ip_addresses=a_list(text(), "iPAddress entries."), key_type=text("rsa, ec, ed25519, ..."),
            key_bits=or_null({"type": "integer"}), is_ca={"type": "boolean"},
        ),
        "decision": an_object(
            stack=text("openssl, java, go, browser; of pairs also python, curl, node, nginx, nginx proxy, gnutls, nss."),
            accepted=or_null({"type": "boolean", "description": "null: not known."}), code=text("The stack's name of its error."),
            words=text("Its text."), alerts=a_list(or_null({"type": "integer"}), "What it then sends; null: it closes without an alert."),
            certificate=or_null(DIGEST), condition=text("It refuses only under this condition; empty: always."),
            measured={"type": "boolean", "description": "false: from its documentation."},
        ),
        "name": an_object(
            family=text("openssl, curl, python, java, go, browser."), accepted={"type": "boolean"}, by=text("san, cn, ip, or empty."),
            why=text("A slug."), words=text("The client's own text."), measured={"type": "boolean"},
        ),
        "revocation": an_object(certificate=DIGEST, state=text("good, revoked, unknown, undecided, not-checked."), reason=text(),
                              revoked_at=moment()),
        "repair": an_object(
            complete={"type": "boolean", "description": "It leads to a root that is at hand."}, changed={"type": "boolean"},
            chain=a_list(DIGEST, "As it should be, own certificate first."), added=a_list(DIGEST, "Were not there."),
            dropped=a_list(text(), "Do not belong there."), moved=a_list(DIGEST, "Stood elsewhere."),
            missing=or_null(an_object(subject=text(), key_id=text("Hexadecimal."), urls=a_list(text(), "Where it can be fetched."))),
        ),
    }  # fmt: skip


def result() -> dict[str, Any]:
    """A result of `whytls check`."""
    return an_object(
        kind={"enum": [*get_args(Kind), "pair"]},
        source=text("As it was named in the call; of a pair, what is presented."),
        file=text("Where it stands."),
        line=or_null({"type": "integer", "minimum": 1}),
        alias=text("The store's own name for it."),
        purpose=one_of(Purpose, "Whose certificate it was judged as."),
        host=or_null(text("The name that it was compared with.")),
        at=moment(),
        format=text("PEM, DER, PKCS #7, PKCS #12, JKS, JCEKS, nginx, folder, anchors, endpoint, pair."),
        role=text("The directive of a configuration that names it."),
        level=or_null(one_of(Level, "The gravest of its problems.")),
        subject=text("RFC 4514."),
        expires=moment(),
        key=text("The form of its private key; empty without one."),
        key_fits=or_null({"type": "boolean"}),
        certificates=a_list({"$ref": "#/$defs/certificate"}, "As presented."),
        problems=a_list({"$ref": "#/$defs/problem"}, "What is wrong, the gravest first."),
        decisions=a_list({"$ref": "#/$defs/decision"}, "What each stack decides, where anchors are given."),
        names=a_list({"$ref": "#/$defs/name"}, "What each client family makes of the host name."),
        revocation=a_list({"$ref": "#/$defs/revocation"}, "What the lists and responses given say."),
        repair=or_null({"$ref": "#/$defs/repair"}),
        mends=a_list(text(), "Of a pair: what to do, in which store."),
        notes=a_list(text(), "What is odd and nobody refuses."),
    )


def problem() -> dict[str, Any]:
    """Something that is wrong."""
    return an_object(
        level=one_of(Level),
        cause={"$ref": "#/$defs/cause"},
        cause_class=one_of(model.CauseClass),
        detail={**text("Which form: a slug, or empty."), "anyOf": [{"const": ""}, {"pattern": "^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*$"}]},
        title=text("What is wrong, in one sentence."),
        owners=a_list(one_of(model.Owner), "Who can fix it."),
        confidence=one_of(model.Confidence),
        evidence=a_list({"$ref": "#/$defs/evidence"}, "Which certificate, and where it stands."),
        fix=or_null({"$ref": "#/$defs/fix"}),
        refused_by=a_list(text(), "Families of validators that are known to refuse it."),
        would_decide=text("What would make it proven."),
        warnings=a_list(text(), "What limits this verdict."),
    )


def cause(slugs: Sequence[str]) -> dict[str, Any]:
    """A cause's slug."""
    return {
        "description": "The stable name of a cause. The known ones are listed; others can come.",
        "type": "string",
        "anyOf": [{"enum": list(slugs)}, {"pattern": SLUG}],
    }


def mending() -> dict[str, Any]:
    """A fix and its artefacts."""
    return {
        "fix": an_object(
            owner=one_of(model.Owner),
            text=text("What to do."),
            grade=one_of(model.Grade, "What it costs."),
            artefacts=a_list({"$ref": "#/$defs/artefact"}, "Pieces that can be used as they stand."),
        ),
        "artefact": an_object(
            kind=text("xml, json, properties, nginx, command, java, pem."),
            place=text("File, resource or machine where it belongs."),
            content=text(),
        ),
    }


def moment() -> dict[str, Any]:
    """A time."""
    return or_null({"type": "string", "format": "date-time", "description": "UTC, with microseconds."})


def count(description: str = "") -> dict[str, Any]:
    """A number from 0."""
    return {"type": "integer", "minimum": 0, **({"description": description} if description else {})}


def of_diagnoses(slugs: Sequence[str]) -> dict[str, Any]:
    """A diagnosis, and all that it refers to."""
    return {
        "cause": cause(slugs),
        "endpoint": an_object(address=text("IP address."), port={"type": "integer", "minimum": 0, "maximum": 65535}),
        "diagnosis": diagnosis(),
        "alternative": an_object(
            cause={"$ref": "#/$defs/cause"},
            cause_class=or_null(one_of(model.CauseClass)),
            confidence=one_of(model.Confidence),
            would_decide=text("What would decide between this cause and the one named."),
        ),
        "evidence": an_object(
            file=text("The capture it stands in, or the attempt with a live server."),
            frames=a_list({"type": "integer", "minimum": 1}, "Frame numbers in it, counted as Wireshark does; of an attempt its events."),
            text=text("One statement."),
            certificate=or_null(DIGEST),
        ),
        **mending(),
    }


def diagnosis() -> dict[str, Any]:
    """A diagnosis."""
    detail = {**text("Which form of the cause: a slug, or empty."), "anyOf": [{"const": ""}, {"pattern": SLUG}]}
    return an_object(
        cause=or_null({"$ref": "#/$defs/cause"}),
        cause_class=or_null(one_of(model.CauseClass, "Always set for a failure, also where the cause cannot be known.")),
        detail=detail,
        title=text("What happened, in one sentence."),
        outcome=one_of(model.Outcome),
        failing_side=or_null(one_of(model.FailingSide, "The end that refused or broke off, or whose message is missing.")),
        owners=a_list(one_of(model.Owner), "Who can fix it, cheapest first."),
        who_can_confirm=one_of(model.Confirmer),
        hop=one_of(model.Hop),
        confidence=or_null(one_of(model.Confidence)),
        alternatives=a_list({"$ref": "#/$defs/alternative"}, "What else the evidence leaves open."),
        client={"$ref": "#/$defs/endpoint"},
        server={"$ref": "#/$defs/endpoint"},
        sni=or_null(text("The server name that the client sent.")),
        started_at=or_null({"type": "string", "format": "date-time", "description": "UTC, with microseconds."}),
        file=text("The capture."),
        frame={"type": "integer", "minimum": 0, "description": "The handshake's first frame; --show takes it."},
        shape=text("The handshake in letters; docs/design.md has the alphabet."),
        evidence=a_list({"$ref": "#/$defs/evidence"}, "What proves it, and where that stands."),
        fix=or_null({"$ref": "#/$defs/fix"}),
        more_fixes=a_list({"$ref": "#/$defs/fix"}, "Other ways to mend it."),
        related=a_list(text(), "Other handshakes that belong to this failure."),
        warnings=a_list(text(), "What limits this verdict."),
    )


def an_object(**properties: Any) -> dict[str, Any]:
    """An object with these properties, all of them required."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def text(description: str = "") -> dict[str, Any]:
    """A string."""
    return {"type": "string", **({"description": description} if description else {})}


def a_list(items: dict[str, Any], description: str) -> dict[str, Any]:
    """An array."""
    return {"type": "array", "items": items, "description": description}


def one_of(words: Any, description: str = "") -> dict[str, Any]:
    """One of the words of a Literal."""
    return {"enum": list(get_args(words)), **({"description": description} if description else {})}


def or_null(known: dict[str, Any]) -> dict[str, Any]:
    """That, or null."""
    return {"anyOf": [known, {"type": "null"}]}
