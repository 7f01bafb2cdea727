"""Threads of our own, each with a core of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@contextmanager
def single_threaded_products() -> Iterator[int]:
    """Give the cores of the matrix library to threads of our own, and say how many there are.

    A block's products and sums then stay in one core's cache, and the sums run in parallel, too.
    """
    controller = ThreadpoolController().select(user_api="blas")
    workers = max((library["num_threads"] for library in controller.info()), default=1)
    with controller.limit(limits=1):
        yield workers
