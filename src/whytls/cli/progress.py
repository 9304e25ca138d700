"""A progress bar for work that takes longer than a second; until then nothing is imported and nothing is drawn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 1.0  # seconds without a bar
EVERY = 0.1


class Progress:
    """Called by the reader with bytes read and bytes in all (None: not known); draws on stderr with rich."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
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
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        # We refresh it ourselves: rich's own thread would take time from the reader.
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
        self._bar.start()
        self._task = self._bar.add_task("reading", total=None)
