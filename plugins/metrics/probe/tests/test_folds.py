"""Folds that are trained together learn what they learn one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_probe.batches import Fold, Reader
from brainbench_probe.embeddings import Embeddings
from brainbench_probe.memory import trained_together
from brainbench_probe.network import Stack
from brainbench_probe.settings import GRID, Protocol, Setting
from brainbench_probe.task import Task, splits
from brainbench_probe.training import Trained, Trainer
from brainbench_probe.workers import Workers

from .plain import made_up, plain_training

# 72, 72, 76, 72 and 68 training clips: the last minibatch has 22, 22, 26, 22 and 18
SIZES = [24, 24, 24, 20, 28]
PROTOCOL = Protocol(hidden_units=16, batch_size=25, max_epochs=11, patience=2)
SETTINGS = {3: Setting(1, "uniform", 0.002), 5: Setting(2, "normal", 0.001)}


def problem(
    *, multilabel: bool = False, layers: int = 3, few_features: int | None = None
) -> tuple[Task, list[Fold]]:
    """Return a task and its folds, which share embeddings; one may have some of its own."""
    clips = sum(SIZES)
    values, known = made_up(clips, layers=layers, multilabel=multilabel)
    shared, own = (Embeddings(clips, layers, size, 1 << 30) for size in (12, few_features or 1))
    for embeddings in (shared, own):
        for place, (name, layer) in enumerate(values.items()):
            embeddings.fill(place, name, layer[:, : embeddings.features])
    task = Task(known.astype(np.float32), list("abcd"), multilabel, ("mAP",))
    rounds = splits(np.repeat(np.arange(len(SIZES)), SIZES))
    return task, [
        Fold(number, split, own if few_features and number == 3 else shared)
        for number, split in enumerate(rounds)
    ]


def learned(
    task: Task,
    networks: list[tuple[Fold, int]],
    at_once: int | None = None,
    *,
    apart: bool = False,
    protocol: Protocol = PROTOCOL,
) -> tuple[list[Trained], list[np.ndarray]]:
    """Train networks together or one after the other; return their logits for test clips, too."""
    with Workers() as workers:
        trainer = Trainer(task, SETTINGS, protocol, seed=0, workers=workers, at_once=at_once)
        groups = [[network] for network in networks] if apart else [networks]
        found = [one for group in groups for one in trainer.train(group)]
        logits = [
            trainer.predict(one, fold, fold.split.test)
            for one, (fold, _) in zip(found, networks, strict=True)
        ]
    return found, logits


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("places", [[5], [3, 5]])
def test_folds_learn_the_same_alone_and_together_to_the_bit(
    multilabel: bool, places: list[int]
) -> None:
    task, folds = problem(multilabel=multilabel, few_features=7)
    networks = [(fold, place) for fold in folds for place in places]
    alone, expected = learned(task, networks, apart=True)
    torch.set_num_threads(2)  # of which each network has one
    together, logits = learned(task, networks)
    assert len({len(one.loss) for one in alone}) > 2
    for number, (one, other) in enumerate(zip(together, alone, strict=True)):
        assert (one.place, one.best_epoch) == (networks[number][1], other.best_epoch)
        assert (one.loss, one.validation) == (other.loss, other.validation)
        for name, value in other.parameters.items():
            assert torch.equal(one.parameters[name], value), (number, name)
        np.testing.assert_array_equal(logits[number], expected[number])


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    ("multilabel", "places", "layers", "after"),
    [
        (False, [5], 3, False),
        (True, [5], 3, False),
        (False, [5], 1, True),
        (True, [3, 5], 3, False),
    ],
)
def test_folds_that_share_products_learn_as_a_plain_loop_does(
    multilabel: bool, places: list[int], layers: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU; in double precision, where rounding is far below Adam's 1e-8."""
    task, folds = problem(multilabel=multilabel, layers=layers)
    networks = [(fold, place) for fold in folds for place in places]
    protocol = replace(PROTOCOL, norm_after_activation=after)
    counted = set()
    forward = Stack.forward

    def watched(self: Stack, inputs: torch.Tensor, *others: Any) -> Any:
        counted.add(len(inputs))
        return forward(self, inputs, *others)

    monkeypatch.setattr(Stack, "forward", watched)
    together, _ = learned(task, networks, at_once=16, protocol=protocol)
    # settings of several folds are computed one by one
    assert counted >= ({1, 2, 3} if len(places) == 1 else {1})
    assert (max(counted) > 1) == (len(places) == 1)
    assert len({len(one.loss) for one in together}) > 2
    for one, (fold, place) in zip(together, networks, strict=True):
        scores, losses, _ = plain_training(
            fold.embeddings, task, fold.split, protocol, place, SETTINGS[place], fold.number
        )
        epochs = len(one.loss)
        best = int(np.argmax(scores[:epochs]))
        assert (one.best_epoch, epochs) == (best, min(best + 1 + protocol.patience, len(scores)))
        np.testing.assert_allclose(one.loss, losses[:epochs], rtol=1e-6)
        np.testing.assert_allclose(one.validation, scores[:epochs], atol=1e-9)


def test_progress_counts_an_epoch_of_each_fold() -> None:
    task, folds = problem()
    told: list[int] = []
    with Workers() as workers:
        trainer = Trainer(task, SETTINGS, PROTOCOL, seed=0, workers=workers)
        found = trainer.train([(fold, 5) for fold in folds], told.append)
    epochs = [len(one.loss) for one in found]
    assert told == [sum(epoch < length for length in epochs) for epoch in range(max(epochs))]


def test_minibatches_are_read_into_arrays_that_do_not_overlap() -> None:
    task, folds = problem()
    reader = Reader(folds, task.targets("cpu"), PROTOCOL, together=2)
    rows = {
        fold.number: [torch.from_numpy(fold.split.train[: 5 + (fold.number == 2)])]
        for fold in folds
    }
    for number in (0, 4):
        rows[number].append(torch.tensor([7, 8]))
    first = next(steps := reader.read(rows))
    assert [batch.folds for batch in first] == [[0, 1], [2], [3, 4]]
    for batch in first:
        for fold, embedded, scale, targets in zip(
            batch.folds, batch.embedded, batch.scale, batch.targets, strict=True
        ):
            clips = rows[fold][0]
            alone = torch.empty(3, len(clips), 12)
            assert torch.equal(embedded, folds[fold].embeddings.batch(clips, alone))
            assert torch.equal(scale, folds[fold].embeddings.scale)
            assert torch.equal(targets, task.targets("cpu")[clips])
    # those that do not stand beside each other do not in their stack, either
    assert [batch.folds for batch in next(steps)] == [[0], [4]]
    assert next(steps, None) is None


def test_folds_that_do_not_fit_are_fewer_at_a_time() -> None:
    def together(limit: int, folds: int) -> int:
        sizes = {"layers": 3, "features": 12, "labels": 4, "validation": 30}
        settings = [GRID[0]] * 5
        return trained_together(settings, PROTOCOL, folds=folds, limit=limit, **sizes)

    limits = range(60_000, 400_000, 10_000)
    of_folds, of_settings = ([together(limit, folds) for limit in limits] for folds in (5, 1))
    assert of_folds == sorted(of_folds)
    assert set(of_folds) == {1, 2, 3, 4, 5}
    # each fold has minibatches and activations of its own
    assert all(one <= other for one, other in zip(of_folds, of_settings, strict=True))
