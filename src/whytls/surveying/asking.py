"""One address of a server: reached and asked, and its inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from whytls.probing.asking import Asker, Ended, alert_of
from whytls.probing.attempt import Prober
from whytls.probing.inventory import inventory
from whytls.probing.result import Inventory, NameAsked, Refused
from whytls.probing.target import Target, Where
from whytls.probing.why import modern

if TYPE_CHECKING:
    from whytls.surveying.run import Wanted


class Asked(NamedTuple):
    """What was found at one address, and who can ask it more."""

    target: Target
    prober: Prober
    inventory: Inventory


async def asked(text: str, target: Target, where: Where, wanted: Wanted) -> Asked:
    """Asks this address for everything that is wanted. Never raises for what the server does.

    Raises:
        InputError: the proxy's password cannot be had.
    """
    prober = Prober(where.family, where.address, text, wanted.limits, target=target, where=where, identity=wanted.identity)
    found = await inventory(prober, target.server_name, target=text, without=wanted.without)
    if not any(attempt.completed or attempt.handshake.server_chain is not None for attempt in prober.attempts):
        await _further(prober, target.server_name)
    return Asked(target, prober, _with_the_name(found, target.server_name)._replace(address=str(where)))


async def _further(prober: Prober, server_name: str | None) -> None:
    """A server that chose and never showed a certificate: once more as today's clients do, to the end of its flight."""
    if any(attempt.accepted for attempt in prober.attempts):
        try:
            await Asker(prober, server_name).asked(modern()._replace(deep=True))
        except Ended:
            pass  # it is gone, or the bounds are reached: what was learned until then is told


def _with_the_name(found: Inventory, server_name: str | None) -> Inventory:
    """The inventory of a server that refuses the name, and so was asked without it: that stands among its names."""
    if found.server_name == server_name or server_name is None or not found.attempts:
        return found
    first = found.attempts[0]
    refused = NameAsked("right", server_name, first.number, refused=Refused(first.number, first.end, alert_of(first.handshake.events)))
    return found._replace(server_name=server_name, names=(refused, *found.names))


def told(found: Asked) -> Inventory:
    """Its inventory with all that was asked since, and what the asking itself taught."""
    attempts = tuple(sorted(found.prober.attempts, key=lambda attempt: attempt.number))
    strain = found.prober.gate.strain.words
    wanted = found.inventory.client_certificate
    if found.prober.identity is not None and wanted.wanted == "optional":  # ours was taken: what happens without one was not asked
        wanted = wanted._replace(wanted="unknown")
    warnings = (*found.inventory.warnings, *((strain,) if strain and strain not in found.inventory.warnings else ()))
    return found.inventory._replace(attempts=attempts, warnings=warnings, client_certificate=wanted)
