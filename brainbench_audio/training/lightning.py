"""The monitor as a callback of Lightning, which is imported when one is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from brainbench_audio.errors import BrainbenchError
from brainbench_audio.scores.score import Score


def make_callback(measure: Callable[[int], Mapping[str, Score] | None]) -> Any:
    """Return a callback that measures at the start and after training batches.

    Parameters
    ----------
    measure : callable
        Takes the count of updates; returns scores by benchmark, None where it is not time to.

    Raises
    ------
    BrainbenchError
        Neither ``lightning`` nor ``pytorch_lightning`` is installed.
    """

    class AlignmentCallback(_callback_class()):  # type: ignore[misc]
        """Calls the monitor on the first process, with the trainer's count of updates."""

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            """Measure before the first update."""
            self._measure(trainer)

        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            """Measure if it is time to."""
            self._measure(trainer)

        def _measure(self, trainer: Any) -> None:
            if not trainer.is_global_zero:
                return
            step = trainer.global_step
            scores = measure(step) or {}
            for logger in trainer.loggers if scores else ():
                logger.log_metrics({name: score.value for name, score in scores.items()}, step)

    return AlignmentCallback()


def _callback_class() -> Any:
    for package in ("lightning.pytorch", "pytorch_lightning"):
        try:
            return import_module(package).Callback
        except ImportError:
            continue
    raise BrainbenchError(
        "The callback needs Lightning: pip install lightning. In a loop of your own, call "
        "monitor.step(step)."
    )
