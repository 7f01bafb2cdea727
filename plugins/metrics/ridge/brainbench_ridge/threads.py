"""Threads of our own, each with a core of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@contextmanager
def single_threaded_products() -> Iterator[int]:
    """Give the cores of the matrix library to threads of our own, and say how many there are.

    A block's products and sums then stay in one core's cache, and the sums run in parallel, too.
    """
    controller = _matrix_libraries()
    workers = max((library["num_threads"] for library in controller.info()), default=1)
    with controller.limit(limits=1):
        yield workers


@cache
def _matrix_libraries() -> ThreadpoolController:
    """Return what limits NumPy's matrix library; looking through all that is loaded takes time."""
    return ThreadpoolController().select(user_api="blas")
