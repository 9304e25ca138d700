"""What differs between two servers, as sentences: "here" is the server that was asked about, "there" the one that it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from whytls.pki.certificate import read
from whytls.pki.name import text as name_text
from whytls.pki.notes import day
from whytls.probing.compare import Difference, Subject, differences
from whytls.probing.result import Inventory
from whytls.surveying.result import Statement
from whytls.surveying.weak import accepted_with
from whytls.wire.registry import group_name, scheme_name, suite_name, version_name

MOST_NAMED = 6  # of a list


def different(here: Inventory, there: Inventory) -> tuple[Statement, ...]:
    """Every difference, with attempts of the first server where some show it."""
    return tuple([_statement(one, here) for one in differences(here, there)])


def _statement(one: Difference, here: Inventory) -> Statement:
    about = f"{version_name(one.where)}: " if isinstance(one.where, int) else ""
    told = _LISTS.get(one.subject)
    text = _only(told[0], told[1], one) if told is not None else _PLAIN.get(one.subject, _plainly)(one)
    return Statement(one.subject, f"{about}{text}", _shown(one, here))


def _shown(one: Difference, here: Inventory) -> tuple[int, ...]:
    if one.subject == "certificate":
        return next((shown.attempts[:2] for shown in here.certificates if shown.chain == one.left), ())
    if isinstance(one.where, int):
        return accepted_with(here, lambda answer: answer.version == one.where)[:2]
    return here.client_certificate.attempts[:2] if one.subject.startswith("client-certificate") else ()


def _only(what: str, name: Callable[[object], str], one: Difference) -> str:
    """``cipher suites only here: A, B; only there: C``."""
    sides = [(word, values) for word, values in (("here", one.left), ("there", one.right)) if isinstance(values, tuple) and values]
    return f"{what} " + "; ".join(f"only {word}: {_few([name(value) for value in values])}" for word, values in sides)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _number(name: Callable[[int], str]) -> Callable[[object], str]:
    return lambda value: name(value) if isinstance(value, int) else str(value)


_LISTS: dict[Subject, tuple[str, Callable[[object], str]]] = {
    "versions": ("versions", _number(version_name)),
    "suites": ("cipher suites", _number(suite_name)),
    "groups": ("groups", _number(group_name)),
    "signature-schemes": ("signature schemes", _number(scheme_name)),
    "alpn": ("application protocols", str),
    "names": ("what is made of names:", lambda value: str(value).replace("-", " ")),
    "client-certificate-authorities": ("CAs for client certificates", lambda value: name_text(value) if isinstance(value, bytes) else str(value)),
}


def _plainly(one: Difference) -> str:
    return f"{_SAID.get(one.subject, one.subject)}: {_yes(one.left)} here, {_yes(one.right)} there"


def _yes(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


_SAID: dict[Subject, str] = {
    "server-order": "the server's order of cipher suites counts", "group-order": "the server's order of groups counts",
    "dh-bits": "bits of the Diffie-Hellman prime", "unknown-protocol": "an unknown application protocol", "compression": "TLS compression",
    "secure-renegotiation": "secure renegotiation", "extended-master-secret": "extended master secret",
    "fallback": "a needless fallback is refused", "session-id": "resumption by session id", "ticket": "resumption by ticket",
    "psk": "resumption by PSK", "early-data": "early data", "client-certificate": "a client certificate",
}  # fmt: skip


def _certificate(one: Difference) -> str:
    kind = f"{str(one.where).upper()} " if one.where else ""
    return f"{kind}certificate: {_chain(one.left)} here, {_chain(one.right)} there"


def _chain(value: object) -> str:
    if not isinstance(value, tuple) or not value or not isinstance(value[0], bytes):
        return "none"
    own = read(value[0])
    return f"{own.subject} until {day(own.not_after)} (SHA-256 {own.sha256[:16]}…, {len(value)} certificate{'s' if len(value) > 1 else ''})"


def _order(one: Difference) -> str:
    left = [suite_name(suite) for suite in one.left if isinstance(suite, int)] if isinstance(one.left, tuple) else []
    right = [suite_name(suite) for suite in one.right if isinstance(suite, int)] if isinstance(one.right, tuple) else []
    place = next((place for place, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), 0)
    return f"order of cipher suites: from place {place + 1} on {_few(left[place:][:2])} here, {_few(right[place:][:2])} there"


_PLAIN: dict[Subject, Callable[[Difference], str]] = {"certificate": _certificate, "suite-order": _order}
