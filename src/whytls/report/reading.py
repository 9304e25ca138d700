"""What every report has in common: it takes diagnoses in, one by one, and is told at the end what was read and how that went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from whytls.tuples import NamedTuple

if TYPE_CHECKING:  # a Protocol costs time to define, and this one is for the type checker only
    from typing import Protocol

    from whytls.capture.recording import Tally
    from whytls.model import Diagnosis

    class Report(Protocol):
        """What writes diagnoses: text, JSON, a table."""

        shown: int  # diagnoses taken in
        failed: int  # of these, failures

        def add(self, diagnosis: Diagnosis) -> None:
            """Take one diagnosis in."""

        def close(self, reading: Reading) -> None:
            """Write what is left."""



class Reading(NamedTuple):
    """What was read, and how reading ended."""

    tally: Tally
    warnings: Sequence[str] = ()
    filtered: bool = False  # some handshakes were not shown because nobody asked for them
    stopped: bool = False  # the user broke it off
    error: str | None = None  # why the rest of the input could not be used


