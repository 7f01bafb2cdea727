"""What the fuzzers share: edits of bytes, a limit on time, and few examples or many."""

from __future__ import annotations

import shutil
import signal
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainbench_audio.errors import BrainbenchError

Edit = tuple[str, float, bytes]
Test = Callable[..., None]
SECONDS = 20.0
FORGED = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x01\0\0\0")
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["put", "insert", "lose", "double", "cut", "flip"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(st.sampled_from(FORGED), st.binary(min_size=1, max_size=8)),
    ),
    min_size=1,
    max_size=5,
)


def mutated(content: bytes, edits: Sequence[Edit]) -> bytes:
    """Apply edits one after the other, each at a share of the length."""
    changed = bytearray(content)
    for kind, share, piece in edits:
        at = int(share * len(changed))
        if kind == "put":
            changed[at : at + len(piece)] = piece
        elif kind == "insert":
            changed[at:at] = piece
        elif kind == "lose":
            del changed[at : at + 1 + piece[0]]
        elif kind == "double":
            changed[at:at] = changed[at : at + 1 + piece[0]]
        elif kind == "cut":
            del changed[at:]
        elif changed:
            changed[at] ^= 1 << piece[0] % 8
    return bytes(changed)


class Hang(Exception):
    """Not the built-in TimeoutError: that is an OSError, which readers may answer."""


@contextmanager
def limit(seconds: float = SECONDS) -> Iterator[None]:
    """Fail a block that hangs."""

    def stop(*_: object) -> None:
        raise Hang(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fuzzed(few: int = 40, many: int = 1000, **drawn: Any) -> Callable[[Test], Any]:
    """Run a test with few drawn examples, or many; what it raises on purpose is an answer."""

    def decorate(test: Test) -> Any:
        @pytest.mark.parametrize("amount", [few, pytest.param(many, marks=pytest.mark.slow)])
        def run(amount: int, tmp_path: Path) -> None:
            @settings(max_examples=amount, database=None, suppress_health_check=list(HealthCheck))
            @given(**drawn)
            def once(**values: Any) -> None:
                # HDF5 takes an old file for a new one of the same place
                folder = tmp_path / uuid.uuid4().hex
                folder.mkdir()
                try:
                    with limit(), suppress(BrainbenchError):
                        test(folder, **values)
                finally:
                    shutil.rmtree(folder)

            once()

        run.__name__ = run.__qualname__ = test.__name__
        return run

    return decorate
