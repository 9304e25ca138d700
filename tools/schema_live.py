"""The JSON Schemas of what `whytls probe` and `whytls replay` write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.schema_words import (
    DRAFT,
    GROWS,
    a_list,
    an_object,
    cause,
    count,
    judged,
    mending,
    moment,
    of_diagnoses,
    one_of,
    or_null,
    result,
    text,
)
from whytls import model
from whytls.checking.result import Level
from whytls.probing.result import Named, Wanted
from whytls.report.replay_json import SCHEMA as REPLAYS
from whytls.report.survey_json import SCHEMA as PROBES
from whytls.surveying.result import NameHabit, Provenance, UnknownName

NUMBER = {"type": "integer", "minimum": 1}


def probes(slugs: Sequence[str]) -> dict[str, Any]:
    """The schema of what `whytls probe` writes."""
    attempt = {"type": "integer", "minimum": 1}
    return {
        "$schema": DRAFT,
        "$id": PROBES,
        "title": "Probes of whytls",
        "description": f"What `whytls probe --format json` writes; a line of `--format jsonl` is one `server`. {GROWS}",
        **an_object(
            schema={"type": "string", "pattern": "^urn:whytls:probes:1\\.[0-9]+$"},
            servers={"type": "array", "items": {"$ref": "#/$defs/server"}},
            summary={"$ref": "#/$defs/summary"},
        ),
        "$defs": {
            "cause": cause(slugs),
            "server": _server(),
            **judged(),
            "named": an_object(number=count(), name=text("As IANA's registry has it.")),
            "suite": an_object(number=count(), name=text("As IANA's registry has it."), openssl=text("OpenSSL's name of it.")),
            "version": an_object(
                number=count(), name=text("TLS 1.2."), accepted={"type": "boolean"}, suites=a_list({"$ref": "#/$defs/suite"}, "In the order in "
                "which the server chose them."), server_order=or_null({"type": "boolean", "description": "false: it takes the client's order."}),
                refused=or_null({"$ref": "#/$defs/refused"}), dh_bits=a_list(count(), "Sizes of the DHE primes met."),
            ),
            "refused": an_object(
                attempt=attempt, end=text("refused (by an alert), closed, reset, silence, foreign, ..."), alert=or_null(count()),
                alert_name=or_null(text()),
            ),
            "statement": an_object(slug=text("Its stable name."), text=text("One sentence."), reference=text("The standard that says so."),
                                 attempts=a_list(attempt, "The attempts that show it.")),
            "shown": _shown(attempt),
            "client": _client(attempt),
            "attempt": _attempt(),
            "summary": an_object(
                asked=count("Servers."), failed=count(), with_warning=count(), healthy=count(), connections=count("Made in all."),
                causes={"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}, "description": "Servers by cause."},
                warnings=a_list(text(), "What was odd."), error=or_null(text("Why not all were asked.")),
            ),
            **mending(),
        },
    }  # fmt: skip


def _server() -> dict[str, Any]:
    attempts = a_list({"type": "integer", "minimum": 1}, "The attempts that show it.")
    known, named = or_null({"type": "boolean", "description": "null: not asked."}), {"$ref": "#/$defs/named"}
    return an_object(
        target=text("As it was named in the call."),
        address=text("Where it was asked."),
        server_name=or_null(text("Sent as SNI.")),
        at=moment(),
        verdict=text("healthy, the cause of its gravest problem, or unknown."),
        level=or_null(one_of(Level, "The gravest of what is wrong.")),
        problems=a_list({"$ref": "#/$defs/problem"}, "Why clients do not get through, the gravest first."),
        weaknesses=a_list({"$ref": "#/$defs/statement"}, "What it accepts and should not."),
        versions=a_list({"$ref": "#/$defs/version"}, "Those that were asked for."),
        groups=a_list(named, "In the order in which the server chose them."),
        groups_server_order=known,
        signature_schemes=a_list(named, "With which it signs."),
        alpn=a_list(text(), "Protocols that it takes."),
        alpn_refused=or_null({"$ref": "#/$defs/refused"}),
        compression=known,
        secure_renegotiation=known,
        extended_master_secret=known,
        fallback_scsv=known,
        resumption=an_object(session_id=known, ticket=known, psk=known, early_data=known, attempts=attempts),
        client_certificate=an_object(
            wanted=one_of(Wanted), how=text("How it refuses without one: alert, http-400, closed, reset."),
            authorities=a_list(text(), "The CAs that it names, RFC 4514."), signature_schemes=a_list(named, ""),
            certificate_types=a_list(named, ""), attempts=attempts,
        ),
        presented=a_list({"$ref": "#/$defs/certificate"}, "The client certificate that was shown where one was asked for, and its chain."),
        certificates=a_list({"$ref": "#/$defs/shown"}, "Every chain that it showed."),
        names=an_object(
            habit=one_of(NameHabit, "What it makes of server_name."),
            unknown=one_of(UnknownName, "What it makes of a name that it does not have."),
            statements=a_list({"$ref": "#/$defs/statement"}, ""),
            asked=a_list(an_object(
                named=one_of(Named), server_name=or_null(text()), attempt=count(), certificate=or_null({"$ref": "#/$defs/certificate"}),
                refused=or_null({"$ref": "#/$defs/refused"}), warning=or_null(count("A warning alert that came along.")),
            ), "Attempt by attempt."),
        ),
        clients=a_list({"$ref": "#/$defs/client"}, "Whether these clients get through."),
        compared_with=or_null(text("The other server.")),
        differences=a_list({"$ref": "#/$defs/statement"}, "From the other server."),
        notes=a_list(text(), "What limits this, and what is odd."),
        connections=count("Made to it."),
        seconds={"type": "number", "minimum": 0},
        attempts=a_list({"$ref": "#/$defs/attempt"}, "Every connection, in the order in which they were begun."),
    )  # fmt: skip


def _shown(attempt: dict[str, Any]) -> dict[str, Any]:
    """A chain of a server: as in a check, with the attempts that show it."""
    entry = result()["properties"]
    same = {key: entry[key] for key in ("level", "host", "problems", "decisions", "names", "revocation", "repair", "notes")}
    return an_object(
        server_name=or_null(text("To whom it was shown; null: to those who send no name.")), key_type=text("rsa, ecdsa, ed25519, ..."),
        attempts=a_list(attempt, ""), chain=a_list({"$ref": "#/$defs/certificate"}, "As sent."), **same,
    )  # fmt: skip


def _client(attempt: dict[str, Any]) -> dict[str, Any]:
    return an_object(
        client=text("Its slug, or CAPTURE#N."), title=text(),
        passes=or_null({"type": "boolean", "description": "null: it cannot be told from what is known."}), provenance=one_of(Provenance),
        version=or_null({"$ref": "#/$defs/named"}), cipher_suite=or_null({"$ref": "#/$defs/suite"}), group=or_null({"$ref": "#/$defs/named"}),
        cause=or_null({"$ref": "#/$defs/cause"}), detail=text(), why=text("What the two have not in common."),
        confidence=one_of(model.Confidence), attempt=or_null(attempt), notes=a_list(text(), ""),
    )  # fmt: skip


def _attempt() -> dict[str, Any]:
    value = an_object(
        number={"type": "integer", "minimum": 1}, purpose=text("What it was for."), end=text("reached, refused, closed, reset, silence, ..."),
        alert=or_null(count()), alert_name=or_null(text()), shape=text("In letters; docs/design.md has the alphabet."),
        outcome=one_of(model.Outcome), started_at=moment(), microseconds=count(),
    )  # fmt: skip
    value["properties"]["transcript"] = _transcript()
    return value


def _transcript() -> dict[str, Any]:
    step = an_object(
        event=count("Evidence names it in `frames`."), sender=one_of(model.Side), name=text(), facts=a_list(text(), ""), microseconds=count()
    )
    return a_list(step, "With --attempts: message by message.")


def replays(slugs: Sequence[str]) -> dict[str, Any]:
    """The schema of what `whytls replay` writes."""
    altered = an_object(
        dimension=text("version, suite, group, signature, sni, alpn, extension, size, ..."), text=text("adding server_name api.example.com"),
        lacked={"type": "boolean", "description": "The captured hello lacked it."},
    )  # fmt: skip
    attempt = an_object(
        number=NUMBER, changes=a_list({"$ref": "#/$defs/altered"}, "Empty: the captured hello itself."), passed={"type": "boolean"},
        outcome=text("In words."), shape=text("In letters; docs/design.md has the alphabet."),
    )  # fmt: skip
    attempt["properties"]["transcript"] = _transcript()
    before = an_object(cause=or_null({"$ref": "#/$defs/cause"}), detail=text(), confidence=or_null(one_of(model.Confidence)))
    return {
        "$schema": DRAFT,
        "$id": REPLAYS,
        "title": "Replays of whytls",
        "description": f"What `whytls replay --format json` writes; a line of `--format jsonl` is one `redone`. {GROWS}",
        **an_object(
            schema={"type": "string", "pattern": "^urn:whytls:replays:1\\.[0-9]+$"},
            replays={"type": "array", "items": {"$ref": "#/$defs/redone"}},
            summary={"$ref": "#/$defs/summary"},
        ),
        "$defs": {
            **of_diagnoses(slugs),
            "redone": an_object(
                handshake=text("Capture and frame: edge.pcap#4."), target=text("Where it was done again; empty: it was not."),
                verdict=or_null({"$ref": "#/$defs/cause"}), before={**before, "description": "The verdict by the recording alone."},
                diagnosis={"$ref": "#/$defs/diagnosis"}, replay=or_null({"$ref": "#/$defs/replay"}), connections=count("Made for it."),
                seconds={"type": "number", "minimum": 0}, note=text("Why it was not done again."),
            ),
            "replay": _replay(),
            "altered": altered,
            "attempt": attempt,
            "summary": an_object(
                replayed=count("Failures."), failed=count("Of these, still failures."), proven=count(), connections=count(),
                warnings=a_list(text(), "What was odd."), error=or_null(text("Why not all were done again.")),
            ),
        },
    }  # fmt: skip


def _replay() -> dict[str, Any]:
    numbers = a_list(NUMBER, "Attempts.")
    return an_object(
        stopped=one_of(model.Stopped, "Why it ended."),
        controls=count("How often the captured hello was sent again."),
        reproduced=count("How often it failed as in the recording."),
        minimal=a_list({"$ref": "#/$defs/altered"}, "The smallest change with which it goes through."),
        shown_minimal={"type": "boolean", "description": "Each of them was left out, and it failed."},
        confirmed=count("How often it went through so, besides the first time."),
        contradictions=count("Answers that differed from an earlier one."),
        certain={"type": "boolean", "description": "It leaves nothing else."},
        alone={**numbers, "description": "Attempts with other changes, each tried alone, that do not help."},
        also={**numbers, "description": "Attempts with other changes that are enough alone."},
        carried_on=or_null(NUMBER),
        attempts=a_list({"$ref": "#/$defs/attempt"}, "Everything that was sent, in its order."),
        warnings=a_list(text(), "What limits it."),
    )
