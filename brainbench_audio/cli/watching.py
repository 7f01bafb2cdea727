"""Looks at stored results, and does something when they have changed."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from brainbench_audio import settings

State = frozenset[tuple[str, int, int]]
SECONDS = 1.0


class Watcher:
    """Calls a function, in a thread of its own, after files of a folder have changed.

    What the function raises is printed, and the next change calls it again.

    Parameters
    ----------
    changed : callable
    folder : Path, optional
        That of stored results by default.
    seconds : float, optional
        Between two looks. A change counts when two looks see the same, so that a run that stores
        many scores is shown when it pauses.
    """

    def __init__(
        self, changed: Callable[[], None], folder: Path | None = None, seconds: float | None = None
    ) -> None:
        self._changed = changed
        self._seconds = SECONDS if seconds is None else seconds
        self._folder = settings.results_home() if folder is None else folder
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(self.state(),), daemon=True)

    def state(self) -> State:
        """Return name, time and size of each file."""
        found = set()
        for parent, _, names in os.walk(self._folder):
            for name in names:
                path = Path(parent, name)
                with suppress(OSError):  # removed since
                    known = path.stat()
                    found.add((str(path), known.st_mtime_ns, known.st_size))
        return frozenset(found)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self, shown: State) -> None:
        last = shown
        while not self._stopped.wait(self._seconds):
            now = self.state()
            if now == last != shown:
                shown = now
                try:
                    self._changed()
                except Exception:
                    traceback.print_exc()
            last = now
