"""A progress bar for work that takes longer than a second; until then nothing is imported and nothing is drawn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 1.0  # seconds without a bar
EVERY = 0.1


class Progress:
    """Called by the reader with bytes read and bytes in all (None: not known); draws on stderr with rich.

    With ``counted`` it is told whole things instead of bytes: ``Progress("asking", counted="servers")``.
    """

    def __init__(self, doing: str = "reading", clock: Callable[[], float] = time.monotonic, *, counted: str = "") -> None:
        self._clock, self._doing, self._counted = clock, doing, counted
        self._next = clock() + PATIENCE
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, read: int, total: int | None) -> None:
        """Tell how far it is; cheap enough to be called for every block."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + EVERY
        if self._bar is None:
            self._open()
        self._bar.update(self._task, completed=read, total=total)
        self._bar.refresh()

    def close(self) -> None:
        """Take the bar away, if there is one; nothing is drawn after that."""
        self._next = float("inf")
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bar

        columns: tuple[ProgressColumn, ...] = (TextColumn(self._doing), BarColumn())
        if self._counted:
            columns += (MofNCompleteColumn(), TextColumn(self._counted), TimeRemainingColumn())
        else:
            columns += (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        # We refresh it ourselves: rich's own thread would take time from the reader.
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
        self._bar.start()
        self._task = self._bar.add_task(self._doing, total=None)
