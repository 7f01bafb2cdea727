"""Alignment while a network is trained: every so many steps, each layer, by the usual metrics."""

from __future__ import annotations

import csv
import logging
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from brainbench_audio.activations.read_outs import Pooling, mean_over_time
from brainbench_audio.errors import BrainbenchError, ContractError
from brainbench_audio.interfaces import Model
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.loading import load_benchmark
from brainbench_audio.scores.layers import layer_means
from brainbench_audio.scores.score import Score
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.tables import csv_text
from brainbench_audio.training.lightning import make_callback
from brainbench_audio.training.listening import Forward, Function, listener
from brainbench_audio.training.trajectory import label_scores

_log = logging.getLogger(__name__)
_COLUMNS = ("step", "benchmark", "layer", "score", "seconds")


class AlignmentMonitor:
    """Measures how brain-like a network is while it is trained.

    The sounds are read and resampled once. During a measurement the network is in eval mode, no
    gradients are kept, and nothing of the training is changed: modes of all modules and the random
    states of Python, numpy and torch are as before.

    Parameters
    ----------
    network : torch.nn.Module, Model or callable
        A network that is being trained; any object with ``layers``, ``sample_rate`` and
        ``activations``, see `interfaces.Model`; or a function that takes a list of waveforms and
        returns layer to (stimulus, feature), which has to see to eval mode itself.
    benchmarks : sequence of str or ComposedBenchmark
        Ids, or loaded benchmarks.
    every : int
        Steps between measurements; step 0 is measured.
    sample_rate : int, optional
        Hz of the waveforms, but for a `Model`, which says it.
    layers : sequence of str or mapping of str to str, optional
        Of a `torch.nn.Module`: names of submodules, whose outputs are read, where ``*`` stands for
        one part of a name (``encoder.layers.*``); a mapping gives layers names of their own.
        Of a `Model`: which of its layers, by default all.
    forward : callable, optional
        Called as ``forward(network, waveforms)`` with float waveforms (batch, sample); by default
        ``network(waveforms)``.
    pooling : callable
        Turns a module's output into (batch, feature), by default the mean over axis 1 of three.
    csv_file : Path, optional
        A line a layer is added after each measurement.
    writer : optional
        Has ``add_scalar(name, value, step)``, as TensorBoard's ``SummaryWriter``.
    options : mapping, optional
        For the metrics; by default no test against chance, which would take longer than the rest.

    Attributes
    ----------
    failures : list of (int, str, str)
        Step, benchmark and message of what could not be measured; a training goes on.

    Raises
    ------
    ContractError
        ``sample_rate`` or ``layers`` is missing or fits no submodule, or ``every`` is below 1.
    BrainbenchError
        A benchmark cannot be loaded.

    Examples
    --------
    In a training loop::

        monitor = AlignmentMonitor(
            network, ["NH2015comp-rsa"], every=1000, sample_rate=16000, layers=["encoder.layers.*"]
        )
        for step, batch in enumerate(batches):
            monitor.step(step)
            ...
    """

    def __init__(
        self,
        network: torch.nn.Module | Model | Function,
        benchmarks: Sequence[str | ComposedBenchmark],
        *,
        every: int = 1000,
        sample_rate: int | None = None,
        layers: Sequence[str] | Mapping[str, str] | None = None,
        forward: Forward | None = None,
        pooling: Pooling = mean_over_time,
        csv_file: str | Path | None = None,
        writer: Any = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if every < 1:
            raise ContractError(f"A monitor measures every N steps, N at least 1; got {every}.")
        self.network = network
        self.every = every
        self.csv_file = Path(csv_file) if csv_file is not None else None
        self.writer = writer
        self.failures: list[tuple[int, str, str]] = []
        self._listen = listener(network, sample_rate, layers, forward, pooling)
        chosen = {"permutations": 0} if options is None else dict(options)
        self.benchmarks = [
            load_benchmark(each, **chosen) if isinstance(each, str) else each for each in benchmarks
        ]
        for each in self.benchmarks:
            if each.stimuli.moment is not None:
                raise ContractError(
                    f"{each.card.id} is continuous sound, which takes too long to be heard between "
                    f"training steps: score checkpoints with `brainbench trajectory`."
                )
        rate: Any = getattr(network, "sample_rate", None) if sample_rate is None else sample_rate
        self._sounds = _read_once([each.stimuli for each in self.benchmarks], int(rate))
        self._scores: dict[tuple[int, str], Score] = {}
        self._seconds: dict[int, float] = {}

    @property
    def history(self) -> xr.Dataset:
        """All measurements, labelled as by `training.trajectory.label_scores`, and ``seconds``.

        Raises
        ------
        ContractError
            Nothing was measured yet.
        """
        if not self._scores:
            raise ContractError("Nothing was measured yet: call step() or measure() first.")
        data = label_scores(self._scores)
        seconds = [self._seconds[step] for step in data["step"].values.tolist()]
        return data.assign(seconds=("step", seconds))

    def step(self, step: int) -> dict[str, Score] | None:
        """Measure if it is time to; return the scores by benchmark, or None.

        Parameters
        ----------
        step : int
            Updates made so far. One that was measured already is not measured again.
        """
        if step % self.every or step in self._seconds:
            return None
        return self.measure(step)

    def measure(self, step: int) -> dict[str, Score]:
        """Measure now, and return the scores by benchmark; what fails is logged and left out.

        Raises
        ------
        Exception
            Whatever fails before anything was measured: the monitor itself is wrong then.
        """
        started = time.perf_counter()
        found: dict[str, Score] = {}
        with _undisturbed(self.network):
            for stimuli, waveforms in self._sounds.values():
                waiting = [each for each in self.benchmarks if _key(each.stimuli) == _key(stimuli)]
                self._score(step, waiting, waveforms, found)
        self._seconds[step] = time.perf_counter() - started
        self._scores |= {(step, name): score for name, score in found.items()}
        self._log(step, found)
        return found

    def callback(self) -> Any:
        """Return a callback for Lightning's ``Trainer``, which also logs to the trainer's loggers.

        Raises
        ------
        BrainbenchError
            Lightning is not installed.
        """
        return make_callback(self.step)

    def _score(
        self,
        step: int,
        benchmarks: Sequence[ComposedBenchmark],
        waveforms: Sequence[npt.NDArray[np.float32]],
        found: dict[str, Score],
    ) -> None:
        names = [each.card.id for each in benchmarks]
        try:
            heard = self._listen(waveforms)
        except Exception as error:
            self._note(step, names, error)
            return
        for name, benchmark in zip(names, benchmarks, strict=True):
            try:
                found[name] = benchmark.compare(heard)
            except Exception as error:  # a network that has collapsed, say
                self._note(step, [name], error)

    def _note(self, step: int, names: Sequence[str], error: Exception) -> None:
        if not self._scores:  # not a training gone wrong, but a monitor
            raise error
        told = str(error) if isinstance(error, BrainbenchError) else repr(error)
        for name in names:
            _log.warning("step %d: %s could not be measured: %s", step, name, told)
            self.failures.append((step, name, told))

    def _log(self, step: int, found: Mapping[str, Score]) -> None:
        rows = [
            (step, name, layer, value, round(self._seconds[step], 3))
            for name, score in found.items()
            for layer, value in layer_means(score).items()
        ]
        if self.csv_file is not None and rows:
            _append(self.csv_file, rows)
        if self.writer is not None:
            for _, name, layer, value, _ in rows:
                self.writer.add_scalar(f"{name}/{layer}", value, step)


def measured_steps(csv_file: Path) -> frozenset[int]:
    """Return the steps of which a monitor's CSV file has whole lines; none if it is not there."""
    if not csv_file.is_file():
        return frozenset()
    with csv_file.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = [row for row in csv.reader(file) if len(row) == len(_COLUMNS)]
    return frozenset(int(step) for step, *_ in rows if step.isdecimal())


@contextmanager
def _undisturbed(network: Any) -> Iterator[None]:
    """Put modules into eval mode for the block; leave their modes and all randomness as found."""
    modules = list(network.modules()) if isinstance(network, torch.nn.Module) else []
    modes = [module.training for module in modules]
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - only kept
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices=list(devices)):
        try:
            for module in modules:
                module.training = False
            yield
        finally:
            # one by one: some, such as a frozen tokenizer, may have been in eval mode before
            for module, mode in zip(modules, modes, strict=True):
                module.training = mode
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


def _key(stimuli: StimulusSet) -> str:
    return stimuli.fingerprint


def _read_once(
    sets: Sequence[StimulusSet], sample_rate: int
) -> dict[str, tuple[StimulusSet, list[npt.NDArray[np.float32]]]]:
    """Return the sounds of all different stimulus sets."""
    found: dict[str, tuple[StimulusSet, list[npt.NDArray[np.float32]]]] = {}
    for stimuli in sets:
        if _key(stimuli) not in found:
            sounds = stimuli.waveforms(range(len(stimuli)), sample_rate)
            found[_key(stimuli)] = stimuli, sounds
    return found


def _append(path: Path, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add lines to a CSV file in one write, so that a kill never leaves a half one between others.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        end, start = file.seek(0, os.SEEK_END), ""
        if end:
            file.seek(-1, os.SEEK_END)
            start = "" if file.read(1) == b"\n" else "\n"
        text = csv_text(rows if end else [_COLUMNS, *rows])
        file.write(f"{start}{text}".encode())
