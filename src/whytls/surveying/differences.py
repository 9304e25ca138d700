"""What differs between two servers, as sentences: the first is the one that was asked about, the second the one it is compared with."""

from __future__ import annotations

from whytls.probing.result import Inventory
from whytls.surveying.result import Statement


def different(one: Inventory, other: Inventory) -> tuple[Statement, ...]:
    """Every difference, with the attempts of the first server that show it."""
    return ()
