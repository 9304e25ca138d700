"""Would this client get through? By set intersection for every client that is known, and by its own hello for those that are named.

The sets are those of the inventory; a client that is named is asked for in earnest: the hello that it really sends goes to the server,
and where the two differ the server's own answer counts. What the client would make of the certificate is judged by its rules either way,
for a hello cannot show that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from whytls.checking.refused import diagnosis_of
from whytls.exceptions import UsageError
from whytls.probing.attempt import Attempt
from whytls.probing.result import Inventory, NameAsked
from whytls.surveying.asking import Asked
from whytls.surveying.result import Through
from whytls.surveying.said import alert_of, answer_in_words
from whytls.wire.value import ClientHello

if TYPE_CHECKING:
    from whytls.clients.client import Client
    from whytls.clients.expected import Answer
    from whytls.clients.server import Accepts, Site
    from whytls.surveying.run import Wanted


class Captured(NamedTuple):
    """A client that is known by one hello of a capture."""

    name: str  # as the call has it: edge.pcap#4
    hello: ClientHello


async def through(found: Asked, wanted: Wanted) -> tuple[Through, ...]:
    """Every client that is known, or the named ones, each with whether it gets through."""
    inventory = found.inventory
    if not wanted.clients and ("clients" in wanted.without or not any(version.suites for version in inventory.versions)):
        return ()
    from whytls.clients import load_all

    server = accepts(inventory)
    if not wanted.clients:
        said = [_by_sets(client, server, inventory, wanted) for client in load_all()]
        return tuple([_doubted(one) for one in said] if found.prober.gate.strain.relieved else said)
    return tuple([await _in_earnest(client, server, found, wanted) for client in wanted.clients])


# ------------------------------------------------------------------ by sets


def accepts(inventory: Inventory) -> Accepts:
    """The inventory in the words of the clients' room."""
    from whytls.clients.server import Accepts

    right = _asked_for(inventory, "right") or _asked_for(inventory, "none" if inventory.server_name is None else "right")
    none = _asked_for(inventory, "none")
    orders = [version.server_order for version in inventory.versions if version.server_order is not None]
    wanted = {"required": "required", "optional": "requested"}.get(inventory.client_certificate.wanted, "")
    return Accepts(
        {version.version: version.suites for version in inventory.versions if version.suites},
        _site(inventory, inventory.server_name, right),
        _site(inventory, None, none) if inventory.server_name is not None and none is not None else None,
        all(orders),
        inventory.groups or None,
        inventory.signature_schemes or None,
        min((bits for version in inventory.versions for bits in version.dh_bits), default=None),
        inventory.secure_renegotiation,
        inventory.alpn or None,
        inventory.alpn_refused is not None,
        wanted,  # type: ignore[arg-type]  # one of the words of Accepts
    )


def _asked_for(inventory: Inventory, named: str) -> NameAsked | None:
    return next((asked for asked in inventory.names if asked.named == named), None)


def _site(inventory: Inventory, name: str | None, asked: NameAsked | None) -> Site:
    from whytls.clients.server import Site

    chains = [shown.chain for shown in inventory.certificates if shown.server_name == name]
    if asked is not None and asked.chain is not None and asked.chain in chains:  # what is shown to a broad hello is what it prefers
        chains = [asked.chain, *(chain for chain in chains if chain != asked.chain)]
    refused = asked.refused if asked is not None else None
    return Site(tuple(dict.fromkeys(chains)), refused is not None, refused.alert if refused is not None else None)


def _doubted(said: Through) -> Through:
    """What a server that turned connections away refused can have been one connection too many: its lists are then no more than a part."""
    if said.passes is not False or said.cause not in _BY_SERVER - {"protocol-mismatch"}:
        return said
    note = f"not known: {said.why}, as far as it was learned from a server that turned connections away"
    return said._replace(passes=None, cause="", why="", notes=(note, *said.notes))


def _answer(client: Client, server: Accepts, inventory: Inventory, wanted: Wanted) -> Answer:
    from whytls.clients.expected import expected

    name = wanted.ask.host or inventory.server_name
    return expected(client, server, name=name, at=wanted.ask.at, anchors=wanted.ask.anchors, with_certificate=wanted.identity is not None)


def _by_sets(client: Client, server: Accepts, inventory: Inventory, wanted: Wanted) -> Through:
    return _said(client, _answer(client, server, inventory, wanted))


def _said(client: Client, answer: Answer) -> Through:
    first = answer.obstacles[0] if answer.obstacles else None
    notes = (*(f"if {text}" for text in answer.conditions), *(f"not known: {text}" for text in answer.unknown))
    later = tuple(f"then {obstacle.cause}: {obstacle.text}" for obstacle in answer.obstacles[1:])
    return Through(
        client.slug, client.title, answer.connects, client.provenance.kind, answer.version, answer.suite, answer.group,
        first.cause if first is not None else "", "", first.text if first is not None else "", notes=(*later, *notes),
    )  # fmt: skip


# ------------------------------------------------------------------ in earnest


async def _in_earnest(client: Client | Captured, server: Accepts, found: Asked, wanted: Wanted) -> Through:
    """Sends its hello, and says what came of it."""
    if isinstance(client, Captured):
        made = await _sent(client.hello, f"the hello of {client.name}", found)
        begun = Through(client.name, f"the client of {client.name}", True, "captured")
        return _of_attempt(begun, made, found.inventory, wanted) if made is not None else begun._replace(passes=None, notes=(_NO_MORE,))
    from whytls.clients.hello import hello_for

    said = _said(client, _answer(client, server, found.inventory, wanted))
    made = await _sent(hello_for(client, found.inventory.server_name), f"the hello of {client.slug}", found)
    if made is None:
        return said._replace(notes=(*said.notes, _NO_MORE))
    if made.accepted and said.passes is not False:
        return _chosen(said, made)._replace(passes=True)
    if made.accepted and said.cause in _BY_SERVER:  # the server's own answer counts
        return _chosen(said, made)._replace(passes=True, cause="", why="", notes=(f"against expectation ({said.cause}: {said.why})", *said.notes))
    return _chosen(said, made) if made.accepted else _of_attempt(said, made, found.inventory, wanted)


_NO_MORE = "its hello was not sent: the bound of connections is reached"
# What a server refuses a hello for; all else is the client's to mind, and comes after the server's answer.
_BY_SERVER = frozenset({"protocol-mismatch", "cipher-mismatch", "group-mismatch", "signature-algorithm-mismatch", "alpn-mismatch",
                        "sni-missing", "sni-unknown"})  # fmt: skip


async def _sent(hello: ClientHello, purpose: str, found: Asked) -> Attempt | None:
    try:
        return await found.prober.attempt(hello, purpose, "flight")
    except UsageError:  # the bound of connections
        return None


def _chosen(said: Through, made: Attempt) -> Through:
    answer = made.answer
    if answer is None:
        return said._replace(attempt=made.number)
    exchange = made.handshake.server_key_exchange
    group = answer.group if answer.group is not None else exchange.group if exchange is not None else said.group
    return said._replace(version=answer.version, cipher_suite=answer.cipher_suite, group=group, attempt=made.number)


def _of_attempt(said: Through, made: Attempt, inventory: Inventory, wanted: Wanted) -> Through:
    """The verdict on its handshake, with all others that the server let through as what is known besides."""
    if made.accepted:
        return _chosen(said, made)
    diagnosis = diagnosis_of(inventory.attempts, made, wanted.ask.at, wanted.ask.anchors)
    same = said.passes is False and said.cause == diagnosis.cause
    # Where the server's own word leaves it open (handshake_failure names nothing), the sets say which of them is empty.
    expected = same or (said.passes is False and said.cause in _BY_SERVER and diagnosis.confidence != "proven")
    why = said.why if expected else f"the server {answer_in_words(made.end, alert_of(made))}: {diagnosis.title.rstrip('.')}"
    notes = said.notes if expected or said.passes is not False else (f"expected was {said.cause}: {said.why}", *said.notes)
    return said._replace(
        passes=False, version=None, cipher_suite=None, group=None, attempt=made.number,
        cause=said.cause if expected else diagnosis.cause or "unexplained", detail=diagnosis.detail if same or not expected else "",
        why=why, confidence="proven" if same else "likely" if expected else diagnosis.confidence or "possible", notes=notes,
    )  # fmt: skip
