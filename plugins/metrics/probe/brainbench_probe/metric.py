"""The metric `probe`: how well the labels of sounds can be learned from a model's layers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.cards import MetricCard
from brainbench_audio.devices import choose_device
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.progress import progress_bar
from brainbench_audio.scores.chance import chance, orders
from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.options import check_options
from brainbench_audio.scores.score import ERROR_WITHHELD, GUESSING, OVER, Score
from brainbench_audio.scores.uncertainty import Uncertainty, uncertainty

from .batches import Fold
from .collection import Layers, collect
from .labels import Round, counts, label
from .left_out import over_folds, without_groups
from .memory import embeddings_bytes, trained_together
from .settings import GRID, Protocol, Setting
from .task import Split, Task, splits
from .training import Trained, Trainer
from .workers import Workers

VARIANTS = (None, "last")
# by default a test against chance is made where it costs less than a second
FEW_CELLS, FEW_PERMUTATIONS = 50_000, 199


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Test score of the best of some networks that are trained on a learned mean of all layers.

    Attributes
    ----------
    variant : str or None
        None: all layers. ``"last"``: only the last one, as in HEAREval.
    permutations : int or None
        Of test clips' labels, for the test against chance. None: 199 where they cost less than a
        second; 0: no test.
    bootstrap : int or None
        Draws of the score to keep in ``raw``, see `brainbench_audio.scores.influence`.
    seed : int
        Of initial weights, minibatches, dropout, permutations and draws.
    max_memory : int or None
        Bytes that the arrays of the metric may take, besides one layer; None: 3 GB, or half of what
        is free. It changes results by rounding at most.
    device : str
        ``"auto"`` is the first GPU, if there is one.
    settings : tuple of Setting
        Among which validation chooses.
    protocol : Protocol
        What all settings have in common.

    Raises
    ------
    DataError
        For an unknown variant, too few draws or permutations, or no setting.

    Notes
    -----
    "Better audio representations are more brain-like", section 4.6 and table 2. With k folds,
    settings are chosen on the first and trained anew for each of the others.
    """

    variant: str | None = None
    permutations: int | None = None
    bootstrap: int | None = None
    seed: int = 0
    max_memory: int | None = None
    device: str = "auto"
    settings: tuple[Setting, ...] = GRID
    protocol: Protocol = field(default_factory=Protocol)

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise DataError(f"The metric probe has no variant {self.variant!r}: see `Probe`.")
        if not self.settings:
            raise DataError("The metric probe needs at least one setting.")
        wrong = [one for one in self.settings if not isinstance(one, Setting)]
        if wrong:
            raise DataError(
                f"Settings of the metric probe are made by `Setting`, got {wrong[0]!r}."
            )
        check_options(
            permutations=self.permutations,
            bootstrap=self.bootstrap,
            seed=self.seed,
            max_memory=self.max_memory,
        )

    def __call__(self, layers: Layers, target: xr.DataArray, folds: Folds | npt.ArrayLike) -> Score:
        """Return the score of some layers for a task.

        Parameters
        ----------
        layers : mapping of str to array
            Layer to (stimulus, feature), rows in the order of ``target``; each is read once, or
            twice where their numbers of features differ.
        target : xr.DataArray
            ``stimulus`` x ``label``, 0 or 1, with the attributes ``prediction_type``
            (``"multiclass"`` or ``"multilabel"``) and ``evaluation`` (names of metrics with commas
            between, the first decides). A label that no training clip has is kept, with a warning:
            it cannot be learned, so its clips count as errors. A label that no test clip has is
            left out of means over labels.
        folds : Folds or int array (stimulus,)
            Named train, valid and test: a fixed split. Else folds that take turns, see
            `task.splits`.

        Returns
        -------
        Score
            ``value``: the task's first metric on test clips, mean over folds. ``error`` and
            ``interval``: over folds and their test clips, see
            `brainbench_audio.scores.influence`, else over test clips for this training set.
            ``parts``: ``test``, or one value a fold. ``layer``: that with the largest weight.
            ``n``: clips and labels of each kind. ``raw``: layer weights, learning curves, all
            metrics, test predictions.

        Raises
        ------
        DataError
            The task is not well formed, activations are not finite, no setting could be trained,
            or ``max_memory`` is too low.
        ContractError
            The rows of a layer do not fit.
        """
        task, rounds = Task.from_assembly(target), splits(folds, len(target))
        names = list(layers)[-1:] if self.variant == "last" else list(layers)
        if not names:
            raise ContractError("The metric probe needs at least one layer.")
        self._check(task, rounds)
        done = self._rounds(layers, names, task, rounds)
        metric = task.metrics[0]
        values = [one.predictions.score(metric) for one in done]
        if not np.isfinite(values).all():
            raise DataError(f"{metric} is not defined on the test clips: a label must be present.")
        unsure = self._uncertainty(values, done, metric)
        raw = label(
            done,
            task,
            settings=self.settings,
            layers=names,
            stimuli=target["stimulus"].values,
        )
        profile = raw["layer_weights"].mean("fold").values
        return Score(
            value=float(np.mean(values)),
            **unsure.fields,
            provenance=unsure.provenance
            | self._chance(float(np.mean(values)), done, metric)
            | {GUESSING: _guessing(done, task, metric)},
            parts={one.split.name: value for one, value in zip(done, values, strict=True)},
            layer=names[int(profile.argmax())],
            n=counts(done, task),
            raw=raw.assign(unsure.raw).assign_attrs(unsure.attributes, variant=self.variant or ""),
        )

    def _check(self, task: Task, rounds: Sequence[Split]) -> None:
        for split in rounds:
            absent = task.missing(split.train)
            if absent:
                warnings.warn(
                    f"{len(absent)} labels have no training clip (round {split.name}), the first "
                    f"is {absent[0]}: they cannot be learned.",
                    stacklevel=3,
                )
            for part in ("train", "valid", "test"):
                if len(task.missing(getattr(split, part))) == len(task.names):
                    raise DataError(f"No {part} clip has a label (round {split.name}).")

    def _uncertainty(self, values: list[float], done: list[Round], metric: str) -> Uncertainty:
        """Return how far the score may be off: over clips and folds, else over test clips."""
        names = [one.split.name for one in done]
        if len(done) > 1:
            # each fold has other clips and another network, so their scores tell of both; clips
            # tell that few folds happen to agree
            influence = over_folds(values, [one.predictions for one in done], metric)
            unsure = uncertainty(influence, names, bootstrap=self.bootstrap, seed=self.seed)
            return replace(unsure, part_errors={}, part_intervals={})
        without = without_groups(done[0].predictions, metric)
        if not np.isfinite(without).all():
            reason = f"{metric} is not defined without some test clips: no others have their label."
            return Uncertainty(None, None, {ERROR_WITHHELD: reason})
        influence = Influence.of_left_out(values, without[:, np.newaxis])
        unsure = uncertainty(influence, names, bootstrap=self.bootstrap, seed=self.seed)
        if unsure.error is None:
            return unsure
        return replace(unsure, provenance={OVER: "sounds, for this training set"})

    def _chance(self, value: float, done: list[Round], metric: str) -> dict[str, Any]:
        """Return the test against chance: labels of test clips at random, predictions as they are.

        Networks never saw these labels, so that nothing has to be trained again; with k folds they
        saw those of the other folds, of which the labels of a fold, mixed among its clips, tell
        nothing.
        """
        number = self.permutations
        if number is None:
            cells = max(one.predictions.labels.size for one in done)
            number = FEW_PERMUTATIONS if cells <= FEW_CELLS or metric.endswith("acc") else 0
        if not number:
            return {}
        scores = []
        for place, one in enumerate(done):
            mixed = orders(len(one.predictions.labels), number, self.seed + place)
            scores.append([one.predictions.mixed(metric, order) for order in mixed])
        return chance(value, np.mean(scores, axis=0), self.seed)

    def _rounds(
        self, layers: Layers, names: Sequence[str], task: Task, rounds: Sequence[Split]
    ) -> list[Round]:
        """Choose a setting in the first round, train it anew in all others, and test it in each."""
        device = _device(self.device)
        with ExitStack() as stack:
            embeddings = collect(
                layers,
                names,
                rounds,
                clips=len(task.labels),
                in_memory=embeddings_bytes(self.max_memory),
                stack=stack,
            )
            total = self.protocol.max_epochs * len(rounds)
            trainer = Trainer(
                task,
                dict(enumerate(self.settings)),
                self.protocol,
                seed=self.seed,
                workers=stack.enter_context(Workers(device)),
                device=device,
            )
            bar = stack.enter_context(progress_bar(total, "probe", "epoch", smoothing=0))
            first, *others = map(Fold, range(len(rounds)), rounds, embeddings)
            tried = self._train(trainer, [(first, place) for place in trainer.settings], bar)
            done = [_tested(trainer, first, tried)]
            again = [(fold, done[0].chosen.place) for fold in others]
            for (fold, _), one in zip(again, self._train(trainer, again, bar), strict=True):
                done.append(_tested(trainer, fold, [one]))
        return done

    def _train(
        self, trainer: Trainer, networks: Sequence[tuple[Fold, int]], bar: Any
    ) -> list[Trained]:
        """Train settings in one fold or one in several, as many at a time as memory allows."""
        if not networks:
            return []
        folds = {fold.number: fold for fold, _ in networks}.values()
        together = trained_together(
            [self.settings[place] for _, place in networks],
            self.protocol,
            folds=len(folds),
            layers=networks[0][0].embeddings.layers,
            features=max(fold.embeddings.features for fold in folds),
            labels=len(trainer.task.names),
            validation=max(len(fold.split.valid) for fold in folds),
            limit=self.max_memory,
        )
        trained: list[Trained] = []
        for start in range(0, len(networks), together):
            trained += trainer.train(networks[start : start + together], bar.update)
        return trained


def load(
    card: MetricCard,
    variant: str | None = None,
    *,
    permutations: int | None = None,
    bootstrap: int | None = None,
    seed: int = 0,
    max_memory: int | None = None,
    device: str = "auto",
    settings: Sequence[Setting] = GRID,
    **protocol: Any,
) -> Probe:
    """Return the metric.

    Parameters
    ----------
    card : MetricCard
        The metric's card; nothing of it is needed here.
    variant : str or None
        See `Probe`.
    permutations, bootstrap, seed, max_memory, device, settings
        See `Probe`.
    **protocol
        Fields of `settings.Protocol`, e.g. ``max_epochs``.
    """
    unknown = set(protocol) - {one.name for one in fields(Protocol)}
    if unknown:
        raise DataError(f"The metric probe has no option {', '.join(sorted(unknown))}.")
    return Probe(
        variant=variant,
        permutations=permutations,
        bootstrap=bootstrap,
        seed=seed,
        max_memory=max_memory,
        device=device,
        settings=tuple(settings),
        protocol=Protocol(**protocol),
    )


def _tested(trainer: Trainer, fold: Fold, trained: list[Trained]) -> Round:
    """Return what became of a fold: the best setting is tested."""
    chosen, task = max(trained, key=lambda one: one.best), trainer.task
    if not chosen.parameters:
        raise DataError(
            f"No setting had a validation score ({task.metrics[0]} of {len(fold.split.valid)} "
            f"clips): training diverged, or validation lacks labels."
        )
    logits = trainer.predict(chosen, fold, fold.split.test)
    return Round(fold.split, trained, chosen, task.predictions(fold.split.test, logits))


def _guessing(done: Sequence[Round], task: Task, metric: str) -> dict[str, float]:
    """Return what guesses score that hear nothing, mean over folds, see `Score.guessing`."""
    chance, majority = [], []
    for one in done:
        frequent = int(task.labels[one.split.train].sum(axis=0).argmax())
        majority.append(one.predictions.guessed(metric, frequent))
        # other metrics look at the order of clips, which is the same whatever all are said to have
        labels = range(len(task.names)) if metric.endswith("acc") else [frequent]
        chance.append(np.mean([one.predictions.guessed(metric, label) for label in labels]))
    return {"chance": float(np.mean(chance)), "majority": float(np.mean(majority))}


def _device(asked: str) -> str:
    if asked != "auto":
        return choose_device(asked).type
    # MPS was never tried
    return "cuda" if torch.cuda.is_available() else "cpu"
