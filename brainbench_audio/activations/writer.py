"""Writes chunks of activations while a model hears the sounds of the next ones."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from brainbench_audio.activations.store import Features, StoredActivations


class Writer:
    """Writes chunks in a thread of its own, the next one only when the one before is written.

    What it was given is written before its block ends, whatever happens in there: chunks that were
    heard stay. An error of the thread is raised by the next `write`, or at the end of the block.
    """

    def __init__(self, stored: StoredActivations) -> None:
        self._stored = stored
        self._pool = ThreadPoolExecutor(1, "writing")
        self._writing: Future[None] | None = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown()
        if kind is None:
            self._wait()

    def write(self, index: int, activations: Mapping[str, Features], computed_in: str) -> None:
        """Have a chunk written, see `StoredActivations.write`."""
        self._wait()
        self._writing = self._pool.submit(self._stored.write, index, activations, computed_in)

    def give_up(self) -> None:
        """Remove all chunks, also the one that is being written."""
        self._wait()
        self._stored.remove()

    def _wait(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()
