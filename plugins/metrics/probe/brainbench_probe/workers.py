"""Networks spread over the threads of a processor.

A network is small enough that many threads spend more time waiting for each other after every
product than multiplying. So each thread takes networks of its own, as long as there are enough.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

import torch

from .workspace import Workspace

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """Threads that each have a workspace, and share the processor's threads between them.

    To be used as a context manager, which puts PyTorch's number of threads back.

    Parameters
    ----------
    device : str
        Anything but ``"cpu"`` has one worker, the calling thread.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._threads = torch.get_num_threads()
        self._pool: ThreadPoolExecutor | None = None
        self._local = threading.local()
        self.number = 1

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.share(1)

    def share(self, tasks: int) -> None:
        """Have as many workers as are of use for this many tasks."""
        number = max(1, min(self._threads, tasks)) if self._device == "cpu" else 1
        if number == self.number:
            return
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        each = self._threads // number
        if number > 1:
            self._pool = ThreadPoolExecutor(
                number, initializer=torch.set_num_threads, initargs=(each,)
            )
        else:
            torch.set_num_threads(self._threads)
        self.number = number

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> list[R]:
        """Return what a function makes of each task, in their order."""
        if self._pool is None:
            return [function(task) for task in tasks]
        return list(self._pool.map(function, tasks))

    @property
    def space(self) -> Workspace:
        """The workspace of the calling thread."""
        if not hasattr(self._local, "space"):
            self._local.space = Workspace(self._device)
        found: Workspace = self._local.space
        return found
