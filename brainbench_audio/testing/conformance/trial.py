"""A metric on targets that are made on the spot, for the checks of `metrics`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.assemblies.continuous import build_in_time, folds_of_runs
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.cards import MetricCard
from brainbench_audio.interfaces import SecondData
from brainbench_audio.pipeline.loading import load_metric
from brainbench_audio.scores.score import Score
from brainbench_audio.testing.conformance.check import NotChecked, require

Layers = dict[str, npt.NDArray[np.float32]]
STIMULI, FEATURES = 60, 12
_TARGETS = 6
SAME = 1e-5


class Watched(Mapping[str, npt.NDArray[np.float32]]):
    """Layers that count how often each is read, as if from disk."""

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.reads = dict.fromkeys(layers, 0)

    def __getitem__(self, layer: str) -> npt.NDArray[np.float32]:
        self.reads[layer] += 1
        return self.layers[layer].copy()

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)


@dataclass
class Trial:
    """A metric, two layers, targets that the second gives with noise, and folds.

    Targets have what the metric requires: subjects, sessions, runs, or labels of a task. ``kept``
    has the score of these, which many checks look at.
    """

    card: MetricCard
    variant: str | None
    kept: dict[str, Score]

    def __post_init__(self) -> None:
        self.needs = self.card.required(self.variant)
        self.layers, self.target, self.folds = _example(self.needs)
        # of a second model, for a metric that takes one: it has nothing to do with the targets
        drawn = np.random.default_rng(5).standard_normal((STIMULI, FEATURES))
        self.given: Layers = {"other": drawn.astype(np.float32)}

    def score(
        self,
        layers: Mapping[str, npt.NDArray[np.float32]] | None = None,
        target: xr.DataArray | None = None,
        folds: Folds | None = None,
        given: Mapping[str, npt.NDArray[np.float32]] | None = None,
    ) -> Score:
        """Return the score, of other layers, targets or folds where they are given."""
        others: dict[str, Any] = {}
        if self.variant in self.card.given:
            others["given"] = self.given if given is None else given
        if self.variant in self.card.second:
            others["second"] = self._second(layers, target, folds)
        name = f"{self.card.id}-{self.variant}" if self.variant else self.card.id
        return load_metric(name, **self.card.check_options)(
            self.layers if layers is None else layers,
            self.target if target is None else target,
            self.folds if folds is None else folds,
            **others,
        )

    def _second(
        self,
        layers: Mapping[str, npt.NDArray[np.float32]] | None,
        target: xr.DataArray | None,
        folds: Folds | None,
    ) -> SecondData:
        """Return a second data set: the same sounds, and responses like those to be scored."""
        heard = self.layers if layers is None else layers
        if isinstance(heard, Watched):  # only the first data set is watched
            heard = heard.layers
        responses = self.target if target is None else target
        same = np.eye(responses.sizes["stimulus"], dtype=bool)
        return SecondData(heard, responses, self.folds if folds is None else folds, same)

    def plain(self) -> Score:
        """Return the score of what is made up, as it is, computed once."""
        if "plain" not in self.kept:
            self.kept["plain"] = self.score()
        return self.kept["plain"]

    def same(self, what: str, **changed: Any) -> None:
        """Fail unless the score stays when something is changed."""
        before, after = self.plain().value, self.score(**changed).value
        require(
            abs(before - after) <= SAME,
            f"The score is {before:.6f}, and {after:.6f} when {what}.",
        )

    def promised(self, name: str) -> None:
        """Check nothing that the card does not declare."""
        if name not in self.card.promised(self.variant):
            raise NotChecked(f"the card does not declare {name!r}")

    def without_task(self, reason: str) -> None:
        """Check nothing of a metric that needs a task."""
        if "task" in self.needs:
            raise NotChecked(reason)


def _example(needs: frozenset[str]) -> tuple[Layers, xr.DataArray, Folds]:
    generator = np.random.default_rng(0)
    names = tuple(f"sound-{index:02d}" for index in range(STIMULI))
    layers = {
        layer: generator.standard_normal((STIMULI, FEATURES)).astype(np.float32)
        for layer in ("first", "second")
    }
    if "task" in needs:
        return layers, *_task(layers["second"], names)
    mixed = layers["second"] @ generator.standard_normal((FEATURES, _TARGETS))
    values = mixed + 0.5 * generator.standard_normal(mixed.shape)
    coordinates: dict[str, list[str]] = {"component": [f"target-{i}" for i in range(_TARGETS)]}
    if "subjects" in needs:
        coordinates["subject"] = [f"subject-{i // 2}" for i in range(_TARGETS)]
    if "continuous" in needs:
        # what is heard shows one volume later
        target, folds = _in_time(np.roll(values, 1, axis=0), coordinates)
        if "words" in needs:
            target = target.assign_coords(words=("stimulus", generator.poisson(4.0, STIMULI) / 1.0))
        return layers, target, folds
    if "sessions" in needs:
        values = values[..., None] + 0.5 * generator.standard_normal((*values.shape, 3))
    target = build(values, names, "component", coordinates)
    return layers, target, Folds(names, tuple(i % 5 for i in range(STIMULI)), "made up")


def _in_time(
    values: npt.NDArray[np.float64], coordinates: dict[str, list[str]]
) -> tuple[xr.DataArray, Folds]:
    """Return five runs, none of which was repeated, each a fold."""
    run, volume = np.divmod(np.arange(STIMULI), STIMULI // 5)
    names = [f"run-{number}" for number in run]
    target = build_in_time(values, names, 2.0 * volume, "component", coordinates)
    return target, folds_of_runs(target)


def _task(layer: npt.NDArray[np.float32], names: tuple[str, ...]) -> tuple[xr.DataArray, Folds]:
    truth = np.argmax(layer[:, :3], axis=1)
    attributes = {"prediction_type": "multiclass", "evaluation": "top1_acc", "task": "made up"}
    labels = build(np.eye(3, dtype=np.uint8)[truth], names, "label", {"label": list("abc")})
    split = tuple((0, 0, 1, 2)[index % 4] for index in range(len(names)))
    folds = Folds(names, split, "made up", ("train", "valid", "test"))
    return labels.assign_attrs(attributes), folds
