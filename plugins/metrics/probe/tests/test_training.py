from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from errno import ENOSPC
from io import FileIO
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_probe.batches import Fold
from brainbench_probe.embeddings import Embeddings
from brainbench_probe.network import Stack, initial_parameters, mixing
from brainbench_probe.objective import binary_cross_entropy, cross_entropy
from brainbench_probe.randomness import DropoutMasks, Minibatches, weights_generator
from brainbench_probe.settings import GRID, Protocol, Setting
from brainbench_probe.task import Split, Task
from brainbench_probe.training import Trained, Trainer
from brainbench_probe.workers import Workers
from brainbench_probe.workspace import Workspace

from brainbench_audio.errors import DataError
from brainbench_audio.tf32 import float32_products

from .plain import clips_of, made_up, plain_parameters, plain_training

PROTOCOL = Protocol(hidden_units=16, batch_size=25, max_epochs=4)
NAMES = ["a", "b", "c", "d"]


def problem(
    layers: int = 3,
    multilabel: bool = False,
    clips: int = 120,
    factor: float = 1,
) -> tuple[Embeddings, Task, Split]:
    values, known = made_up(clips, layers=layers, multilabel=multilabel)
    embeddings = Embeddings(clips, layers, 12, 1 << 30)
    for place, (name, layer) in enumerate(values.items()):
        embeddings.fill(place, name, layer * np.float32(factor))
    task = Task(known.astype(np.float32), NAMES, multilabel, ("mAP",))
    train, rest = clips * 76 // 120, clips * 98 // 120
    parts = np.split(np.arange(clips), [train, rest])
    return embeddings, task, Split("test", *parts)


def trained(
    given: tuple[Embeddings, Task, Split],
    settings: dict[int, Setting],
    protocol: Protocol = PROTOCOL,
    at_once: int = 1,
    seed: int = 0,
) -> list[Trained]:
    embeddings, task, split = given
    with Workers() as workers:
        trainer = Trainer(task, settings, protocol, seed=seed, workers=workers, at_once=at_once)
        return trainer.train([(Fold(0, split, embeddings), place) for place in settings])


@pytest.fixture
def double() -> Iterator[None]:
    """Have parameters and temporary arrays in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_products_are_in_float32_whatever_the_process_is_set_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = set()
    forward = Stack.forward

    def watched(*arguments: Any) -> Any:
        seen.add(torch.backends.cuda.matmul.fp32_precision)
        return forward(*arguments)

    monkeypatch.setattr(Stack, "forward", watched)
    embeddings, task, split = problem()
    fold = Fold(0, split, embeddings)
    with float32_products(tf32=True), Workers() as workers:
        trainer = Trainer(task, {0: GRID[0]}, PROTOCOL, seed=0, workers=workers)
        (one,) = trainer.train([(fold, 0)])
        assert seen == {"ieee"}
        seen.clear()
        trainer.predict(one, fold, split.test)
        assert seen == {"ieee"}
        assert torch.backends.cuda.matmul.fp32_precision == "tf32"


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at_once", [1, 3, 16])
def test_stacked_training_is_one_by_one_training(
    multilabel: bool, after: bool, at_once: int
) -> None:
    """In double precision, where the rounding that moves the biases is far below Adam's 1e-8."""
    given = problem(multilabel=multilabel)
    protocol = replace(PROTOCOL, norm_after_activation=after)
    found = trained(given, dict(enumerate(GRID)), protocol, at_once)
    for place in range(len(GRID)) if at_once == 3 and not after else (0, 12):
        scores, losses, _ = plain_training(*given, protocol, place, GRID[place])
        np.testing.assert_allclose(found[place].loss, losses, rtol=1e-6)
        np.testing.assert_allclose(found[place].validation, scores, atol=1e-9)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("place", [1, 9])
def test_parameters_are_those_of_one_by_one_training(place: int) -> None:
    given = problem()
    protocol = replace(PROTOCOL, max_epochs=1)
    found = trained(given, {place: GRID[place]}, protocol)[0].parameters
    model = plain_training(*given, protocol, place, GRID[place])[2]
    expected = plain_parameters(model)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(
            found[name].numpy(), value.numpy(), rtol=1e-5, atol=1e-8, err_msg=name
        )


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("at_once", [1, 16])
def test_single_precision_learns_what_one_by_one_training_learns(
    multilabel: bool, at_once: int
) -> None:
    given = problem(multilabel=multilabel)
    found = trained(given, dict(enumerate(GRID)), PROTOCOL, at_once)
    for place in (0, 7, 12):
        _, losses, _ = plain_training(*given, PROTOCOL, place, GRID[place])
        np.testing.assert_allclose(found[place].loss, losses, rtol=2e-4)


@pytest.mark.parametrize("factor", [1e-4, 1e-2])
def test_biases_wander_as_far_as_in_one_by_one_training(factor: float) -> None:
    """Their gradients are rounding, of which Adam makes steps where features are small."""
    given = problem(clips=1200, factor=factor)
    protocol = replace(PROTOCOL, hidden_units=256, max_epochs=1)
    found = trained(given, {8: GRID[8]}, protocol)[0].parameters
    expected = plain_parameters(plain_training(*given, protocol, 8, GRID[8])[2])
    start = initial_parameters(
        GRID[8], protocol, layers=3, features=12, labels=4, generator=weights_generator(0, 0, 8)
    )
    for name in ("bias1", "bias2"):
        own, other = (float((end[name] - start[name]).std()) for end in (found, expected))
        assert own == pytest.approx(other, rel=0.25)
        assert own > GRID[8].learning_rate


def test_a_setting_does_not_depend_on_its_company() -> None:
    given = problem(factor=1e-3)
    among = trained(given, dict(enumerate(GRID)))
    for place in (2, 13):
        alone = trained(given, {place: GRID[place]})[0]
        assert alone.loss == among[place].loss
        assert alone.validation == among[place].validation
        for name, value in alone.parameters.items():
            assert torch.equal(value, among[place].parameters[name]), name


def test_the_same_seed_gives_the_same_result() -> None:
    given, settings = problem(), {0: GRID[0], 8: GRID[8]}
    first, second = trained(given, settings), trained(given, settings)
    other = trained(given, settings, seed=1)
    assert [one.loss for one in first] == [one.loss for one in second]
    assert [one.loss for one in first] != [one.loss for one in other]


def test_global_random_state_is_left_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    trained(problem(), {0: GRID[0]})
    assert torch.equal(before, torch.get_rng_state())


def test_the_number_of_threads_is_put_back() -> None:
    before = torch.get_num_threads()
    trained(problem(), dict(enumerate(GRID)))
    assert torch.get_num_threads() == before


def test_training_stops_after_patience_and_keeps_the_first_best() -> None:
    given = problem()
    protocol = replace(PROTOCOL, max_epochs=30, patience=3)
    for one in trained(given, dict(enumerate(GRID)), protocol):
        assert one.best == max(one.validation) == one.validation[one.best_epoch]
        assert one.validation.index(one.best) == one.best_epoch
        assert len(one.validation) == min(30, one.best_epoch + 1 + 3)
        assert len(one.loss) == len(one.validation)


def test_settings_that_stop_leave_the_stack_without_changing_others() -> None:
    given = problem()
    short, long = (replace(PROTOCOL, max_epochs=15, patience=p) for p in (2, 1000))
    stopped = trained(given, dict(enumerate(GRID)), short, at_once=4)
    full = trained(given, dict(enumerate(GRID)), long)
    assert len({len(one.loss) for one in stopped}) > 1
    for one, whole in zip(stopped, full, strict=True):
        np.testing.assert_allclose(one.loss, whole.loss[: len(one.loss)], rtol=1e-3)


def test_a_single_layer_has_weight_one() -> None:
    given = problem(layers=1)
    found = trained(given, {0: GRID[0], 15: GRID[15]})
    _, losses, _ = plain_training(*given, PROTOCOL, 15, GRID[15])
    np.testing.assert_allclose(found[1].loss, losses, rtol=2e-4)
    assert found[1].layer_weights.tolist() == [1.0]


def test_diverged_settings_are_dropped() -> None:
    given = problem()
    settings = {0: replace(GRID[0], learning_rate=1e38), 1: GRID[1]}
    found = trained(given, settings)
    assert np.isnan(found[0].validation[-1])
    assert len(found[0].validation) < PROTOCOL.max_epochs
    assert len(found[1].validation) == PROTOCOL.max_epochs


def test_prediction_is_that_of_the_best_state() -> None:
    embeddings, task, split = problem()
    fold = Fold(0, split, embeddings)
    with Workers() as workers:
        trainer = Trainer(task, {3: GRID[3]}, PROTOCOL, seed=0, workers=workers)
        one = trainer.train([(fold, 3)])[0]
        logits = trainer.predict(one, fold, split.valid)
    assert task.predictions(split.valid, logits).score("mAP") == one.best


@pytest.mark.parametrize("after", [False, True])
def test_gradients_are_those_of_autograd(after: bool) -> None:
    """Adam's first step is learning rate x sign, so look at its first moment instead."""
    protocol = Protocol(hidden_units=5, norm_after_activation=after)
    single = [
        initial_parameters(
            Setting(2, "normal", 0.1),
            protocol,
            layers=1,
            features=4,
            labels=3,
            generator=weights_generator(0, 0, i),
        )
        for i in range(2)
    ]
    stack = Stack(single, [(0, 0), (0, 1)], [0.1, 0.1], norm_after_activation=after)
    inputs = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(7) % 3
    masks = DropoutMasks(2, 0.3, seed=0, fold=0).draw(torch.empty(2, 5, 7))
    leaves = {
        name: torch.stack([one[name] for one in single]).requires_grad_() for name in stack.first
    }
    wanted = inputs.clone().requires_grad_()
    logits = _by_autograd(leaves, wanted, masks, after)
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, 3), labels.repeat(2), reduction="sum"
    )
    (loss / 7).backward()
    space, part = Workspace(), slice(0, 2)
    own, trace = stack.forward(inputs, part, space, masks[:, None])
    torch.testing.assert_close(own.mT, logits)
    back = torch.empty_like(inputs)
    stack.backward(cross_entropy(own, labels[None])[1], trace, part, space, keep=0.7, inputs=back)
    torch.testing.assert_close(back, wanted.grad, rtol=1e-4, atol=1e-6)
    for name in set(stack.first) - {"mix"}:
        torch.testing.assert_close(
            stack.first[name] * 10, leaves[name].grad, rtol=1e-3, atol=1e-6, msg=name
        )


def _by_autograd(
    leaves: dict[str, torch.Tensor], inputs: torch.Tensor, masks: torch.Tensor, after: bool
) -> torch.Tensor:
    def norm(values: torch.Tensor, k: int) -> torch.Tensor:
        spread, centre = torch.var_mean(values, dim=1, correction=0, keepdim=True)
        scaled = (values - centre) / torch.sqrt(spread + 1e-5)
        return scaled * leaves[f"gain{k}"][:, None] + leaves[f"shift{k}"][:, None]

    values = inputs
    for k in (1, 2):
        values = values @ leaves[f"weight{k}"].mT + leaves[f"bias{k}"][:, None]
        if after:
            values = norm(torch.relu(values) * masks[k - 1].T, k)
        else:
            values = torch.relu(norm(values, k)) * masks[k - 1].T
    return values @ leaves["out"].mT + leaves["out_bias"][:, None]


def test_losses_are_those_of_pytorch() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = (30 * torch.randn(2, 3, 6, generator=generator)).requires_grad_()
    labels = torch.arange(6) % 3
    wanted = torch.nn.functional.cross_entropy(logits[1].T, labels)
    loss, gradient = cross_entropy(logits.detach(), labels[None])
    torch.testing.assert_close(loss[1], wanted.detach())
    torch.testing.assert_close(gradient[1], torch.autograd.grad(wanted, logits)[0][1])
    known = torch.eye(3)[labels]
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(logits[0].T, known)
    loss, gradient = binary_cross_entropy(logits.detach(), known.T[None])
    torch.testing.assert_close(loss[0], wanted.detach())
    torch.testing.assert_close(gradient[0], torch.autograd.grad(wanted, logits)[0][0])


def test_minibatches_take_every_clip_once_and_never_one_alone() -> None:
    rows = torch.arange(100, 121)
    batches = Minibatches(rows, 5, seed=0, fold=0)
    first, second = ([b.tolist() for b in batches.epoch()] for _ in range(2))
    assert [len(batch) for batch in first] == [5, 5, 5, 6]
    assert sorted(chain(*first)) == sorted(chain(*second)) == rows.tolist()
    assert first != second


def test_masks_keep_nine_in_ten() -> None:
    masks = DropoutMasks(2, 0.1, seed=0, fold=0).draw(torch.empty(2, 200, 90))
    assert not torch.equal(*masks)
    assert masks[0].unique().tolist() == pytest.approx([0, 1 / 0.9])
    assert masks[0].mean() == pytest.approx(1, abs=0.01)


def test_initial_weights_have_the_deviation_of_glorot_and_bengio() -> None:
    protocol = Protocol(hidden_units=300)
    for kind in ("uniform", "normal"):
        setting = Setting(2, kind, 0.1)
        found = initial_parameters(
            setting,
            protocol,
            layers=2,
            features=200,
            labels=50,
            generator=weights_generator(0, 0, 0),
        )
        assert found["weight1"].std() == pytest.approx((2 / 500) ** 0.5, rel=0.02)
        assert found["weight2"].std() == pytest.approx((2 / 600) ** 0.5, rel=0.02)
        assert found["out"].std() == pytest.approx(2**0.5 * (2 / 350) ** 0.5, rel=0.02)
    assert found["weight1"].abs().max() > 3**0.5 * (2 / 500) ** 0.5
    assert found["out_bias"].abs().max() <= 300**-0.5


def test_mixing_weights_are_positive_and_sum_to_one() -> None:
    assert mixing(torch.tensor([1.0, -2.0, 1.0])).tolist() == [0.25, 0.5, 0.25]


def test_embeddings_in_a_file_equal_those_in_memory(tmp_path: Path) -> None:
    values, _ = made_up(50)
    with Embeddings(50, 3, 12, 1 << 30) as inside, Embeddings(50, 3, 12, 0) as outside:
        for place, (name, layer) in enumerate(values.items()):
            inside.fill(place, name, layer)
            outside.fill(place, name, layer)
        rows = torch.tensor([4, 49, 0])
        full = clips_of(inside, rows)
        assert torch.equal(full, clips_of(outside, rows))
        plain = np.stack([layer[rows.numpy()] for layer in values.values()])
        assert np.array_equal(full.numpy(), plain.astype(np.float16).astype(np.float32))


def test_very_large_and_tiny_activations_keep_their_precision() -> None:
    values = np.linspace(1, 2, 60, dtype=np.float32).reshape(20, 3)
    with Embeddings(20, 3, 3, 1 << 30) as found:
        for place, factor in enumerate((1e8, 1e-12, 0.0)):
            found.fill(place, "l", values * np.float32(factor))
        full = clips_of(found, torch.arange(20))
    for place, factor in enumerate((1e8, 1e-12, 0.0)):
        np.testing.assert_allclose(full[place].numpy(), values * factor, rtol=1e-3)


class Full(FileIO):
    """A file on a disk that takes eleven bytes more."""

    left = 11

    def write(self, piece: Any, /) -> int:
        if not self.left:
            raise OSError(ENOSPC, "No space left on device")
        taken = super().write(memoryview(piece)[: self.left])
        self.left -= taken
        return taken


def test_a_temporary_file_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    told = rf"in {tmp_path} \(No space left on device\): set TMPDIR to a folder with so much room"
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", lambda **_: Full(tmp_path / "full", "w+b"))
        with Embeddings(50, 3, 12, 0) as outside, pytest.raises(DataError, match=told):
            outside.fill(0, "one", np.ones((50, 12)))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"none \(No such file or directory\): set TMPDIR"):
        Embeddings(50, 3, 12, 0)
