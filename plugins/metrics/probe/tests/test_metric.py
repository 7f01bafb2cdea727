from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from brainbench_probe import brainbench_metrics
from brainbench_probe import left_out as left_out_module
from brainbench_probe import metric as metric_module
from brainbench_probe.cards import PROBE
from brainbench_probe.labels import Round
from brainbench_probe.metric import Probe, load
from brainbench_probe.scoring import Predictions
from brainbench_probe.settings import GRID, Setting
from brainbench_probe.task import splits
from brainbench_probe.training import Trainer

from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.scores.chance import orders
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.statistics import standard_error

from .plain import made_up

CLIPS = 120
STIMULI = [f"clip{number}" for number in range(CLIPS)]
FIXED = Folds(
    tuple(STIMULI), tuple(np.repeat([0, 1, 2], [60, 30, 30])), "made up", ("train", "valid", "test")
)
FIVE = Folds(
    tuple(STIMULI),
    tuple(number // 24 for number in range(CLIPS)),
    "made up",
    tuple(f"fold{number:02d}" for number in range(5)),
)
SMALL: dict[str, Any] = {
    "hidden_units": 16,
    "batch_size": 20,
    "max_epochs": 12,
    "settings": [Setting(1, "uniform", 0.01), Setting(2, "normal", 0.01)],
}


def of_student(values: Any) -> tuple[float, float]:
    """Return Student's interval of a mean, by SciPy."""
    found = scipy.stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return float(found.low), float(found.high)


def task(
    known: np.ndarray, kind: str = "multiclass", evaluation: str = "top1_acc,mAP,d_prime,aucroc"
) -> xr.DataArray:
    return xr.DataArray(
        known,
        dims=("stimulus", "label"),
        coords={"stimulus": STIMULI, "label": list("abcd")},
        attrs={"prediction_type": kind, "evaluation": evaluation, "task": "made up"},
    )


def scored(
    layers: Mapping[str, np.ndarray] | None = None,
    target: xr.DataArray | None = None,
    folds: Folds = FIXED,
    variant: str | None = None,
    **options: Any,
) -> Score:
    values, known = made_up(CLIPS)
    metric = load(PROBE, variant, **(SMALL | options))
    return metric(
        values if layers is None else layers, task(known) if target is None else target, folds
    )


def test_card_and_hook() -> None:
    assert brainbench_metrics() == [PROBE]
    assert PROBE.required(None) == PROBE.required("last") == {"task"}
    assert len(GRID) == len(set(GRID)) == 16
    assert load(PROBE).settings == GRID


def test_finds_the_layer_that_knows() -> None:
    score = scored(max_epochs=40)
    assert score.value > 0.6
    assert score.layer == "l1"
    weights = score.raw["layer_weights"]
    assert weights.dims == ("fold", "layer")
    assert float(weights.sum()) == pytest.approx(1)
    assert score.parts == {"test": score.value}


def test_fixed_split_has_an_error_over_test_clips(tmp_path: Path) -> None:
    score = scored()
    assert score.n == {
        "train": 60,
        "valid": 30,
        "test": 30,
        "fold": 1,
        "label": 4,
        "label_without_training": 0,
        "label_without_test": 0,
    }
    hit = score.raw["logit"].values.argmax(axis=1) == made_up(CLIPS)[1][90:].argmax(axis=1)
    # of a mean, the jackknife's error is the standard error
    assert score.error == pytest.approx(standard_error(hit * 1.0))
    assert score.interval == pytest.approx(of_student(hit * 1.0))
    assert score.provenance["error_over"] == "sounds, for this training set"
    assert score.part_errors == {"test": score.error}
    assert score.part_intervals == {"test": score.interval}
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]
    assert hit.mean() == pytest.approx(score.value)
    score.to_netcdf(tmp_path / "score.nc")
    again = Score.from_netcdf(tmp_path / "score.nc")
    assert again == score
    assert again.raw.equals(score.raw)
    assert "bootstrap" not in score.raw
    drawn = scored(bootstrap=50)
    assert (drawn.error, drawn.interval) == (score.error, score.interval)
    assert drawn.raw["bootstrap"].std() == pytest.approx(score.error)
    assert drawn.raw.attrs["seed"] == 0


def test_errors_of_any_metric_leave_out_groups_of_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    _, known = made_up(CLIPS)
    target = task(known, "multilabel", "mAP")
    monkeypatch.setattr(left_out_module, "GROUPS", 25)
    for groups in (30, 25):
        monkeypatch.setattr(left_out_module, "GROUPS", groups)
        score = scored(target=target)
        logits = score.raw["logit"].values
        without = []
        for group in range(groups):
            kept = np.arange(30) % groups != group
            predictions = Predictions(known[90:][kept], logits[kept], list("abcd"))
            without.append(predictions.score("mAP"))
        spread = np.square(np.array(without) - np.mean(without)).sum()
        assert score.error == pytest.approx(np.sqrt((groups - 1) / groups * spread), rel=1e-3)
        assert score.raw["influence"].shape == (groups, 1)


def test_few_test_clips_have_no_error() -> None:
    parts = np.repeat([0, 1, 2], [60, 45, 15])
    few = Folds(tuple(STIMULI), tuple(parts), "made up", ("train", "valid", "test"))
    score = scored(folds=few)
    assert (score.error, score.interval, score.part_errors) == (None, None, {})
    assert "15 sounds are too few" in score.provenance["error_withheld"]
    assert "error_over" not in score.provenance


def test_an_error_that_hangs_on_one_clip_is_withheld() -> None:
    known = np.zeros((CLIPS, 4))
    known[np.arange(CLIPS), np.arange(CLIPS) % 2] = 1
    known[90:] = known[0]
    known[100] = known[1]
    with pytest.warns(UserWarning, match="2 labels have no training clip"):
        score = scored(target=task(known, evaluation="aucroc"))
    assert (score.error, score.interval) == (None, None)
    assert "aucroc is not defined without some" in score.provenance["error_withheld"]


def test_three_folds_are_a_sample() -> None:
    three = Folds(tuple(STIMULI), tuple(n // 40 for n in range(CLIPS)), "made up", tuple("abc"))
    assert scored(folds=three, patience=3).provenance["error_over"] == "sounds and folds"


@pytest.mark.parametrize("folds", [FIXED, FIVE], ids=["fixed", "five"])
@pytest.mark.parametrize("metric", ["top1_acc", "mAP"])
def test_chance_is_labels_of_test_clips_at_random(
    folds: Folds, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: dict[str, np.ndarray] = {}

    def kept(split: Any, trained: Any, chosen: Any, predictions: Predictions) -> Round:
        heard[split.name] = predictions.logits
        return Round(split, trained, chosen, predictions)

    monkeypatch.setattr(metric_module, "Round", kept)
    _, known = made_up(CLIPS)
    score = scored(target=task(known, evaluation=metric), folds=folds, permutations=19, seed=2)
    mixed = []
    # what is stored is rounded, and where the two highest are equal then, either may be first
    logits = np.concatenate([heard[name] for name in score.raw["fold"].values.tolist()])
    np.testing.assert_array_equal(score.raw["logit"], logits.astype(np.float16))
    tested = [STIMULI.index(name) for name in score.raw["test_stimulus"].values.tolist()]
    size = len(tested) // len(score.parts)
    for place in range(len(score.parts)):
        some = slice(size * place, size * (place + 1))
        labels = known[tested][some]
        mixed.append(
            [
                Predictions(labels[order], logits[some], list("abcd")).score(metric)
                for order in orders(size, 19, 2 + place)
            ]
        )
    permuted = np.mean(mixed, axis=0)
    found = score.provenance["chance"]
    assert found["mean"] == pytest.approx(permuted.mean(), rel=1e-3)
    assert found["p"] == score.p == (1 + (permuted >= score.value - 1e-9).sum()) / 20


@pytest.mark.parametrize("folds", [FIXED, FIVE], ids=["fixed", "five"])
def test_guesses_that_hear_nothing(folds: Folds) -> None:
    known = np.eye(4)[np.random.default_rng(3).choice(4, CLIPS, p=[0.2, 0.5, 0.2, 0.1])]
    number = np.array(folds.assignment)
    # folds that take turns: validated on is the next one
    parts = [(0, 2)] if folds is FIXED else [((-1, one, (one + 1) % 5), one) for one in range(5)]
    chance, majority, share = [], [], []
    for left_out, test in parts:
        train = number == 0 if folds is FIXED else ~np.isin(number, left_out)
        frequent = known[train].sum(axis=0).argmax()
        tested = known[number == test]
        majority.append(tested[:, frequent].mean())
        chance.append(np.mean([tested[:, label].mean() for label in range(4)]))
        share.append(tested.mean(axis=0)[tested.any(axis=0)].mean())
    short: Any = {"folds": folds, "max_epochs": 2, "patience": 1}
    found = scored(target=task(known), **short).guessing
    assert found == pytest.approx({"chance": np.mean(chance), "majority": np.mean(majority)})
    assert found["chance"] == pytest.approx(0.25)
    assert found["majority"] > 0.3
    ranked = scored(target=task(known, "multilabel", "mAP"), **short).guessing
    assert ranked == pytest.approx({"chance": np.mean(share), "majority": np.mean(share)})


def test_chance_is_tested_by_default_where_that_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    _, known = made_up(CLIPS)
    assert scored().provenance["chance"]["permutations"] == 199
    assert scored(permutations=0).p is None
    slow = task(known, evaluation="mAP")
    monkeypatch.setattr(metric_module, "FEW_CELLS", 30 * 4)
    assert scored(target=slow).p is not None
    monkeypatch.setattr(metric_module, "FEW_CELLS", 30 * 4 - 1)
    assert scored(target=slow).p is None
    assert scored().p is not None  # accuracies are quick


def test_the_setting_is_chosen_on_validation() -> None:
    raw = scored(settings=[Setting(1, "normal", 1e-6), Setting(1, "normal", 0.01)]).raw
    assert raw.attrs["chosen_setting"] == 1
    assert raw["validation"].values.argmax() == 1
    curve = raw["learning_curve"]
    assert curve.dims == ("setting", "epoch")
    np.testing.assert_array_equal(curve.max("epoch"), raw["validation"])
    assert raw["learning_rate"].values.tolist() == [1e-6, 0.01]


def test_k_folds_choose_once_and_test_each() -> None:
    score = scored(folds=FIVE, patience=3)
    values = list(score.parts.values())
    assert list(score.parts) == [f"fold{number:02d}" for number in range(5)]
    assert score.value == pytest.approx(np.mean(values))
    place = {name: number for number, name in enumerate(STIMULI)}
    order = [place[name] for name in score.raw["test_stimulus"].values]
    hit = score.raw["logit"].values.argmax(axis=1) == made_up(CLIPS)[1][order].argmax(axis=1)
    of_clips = np.sqrt(sum(standard_error(one * 1.0) ** 2 for one in np.split(hit, 5))) / 5
    assert score.error == pytest.approx(max(of_clips, standard_error(values)))
    assert score.provenance["error_over"] == "sounds and folds"
    assert score.part_errors == {}
    assert score.raw["influence"].shape == (CLIPS, 5)
    assert np.count_nonzero(score.raw["influence"], axis=1).max() == 1
    assert score.raw["metrics"].sel(metric="top1_acc").values.tolist() == values
    assert score.raw["layer_weights"].shape == (5, 3)
    assert score.raw.sizes["fold_epoch"] <= 12
    assert sorted(score.raw["test_stimulus"].values) == sorted(STIMULI)
    chosen = score.raw.attrs["chosen_setting"]
    first = score.raw["fold_learning_curve"].values[0]
    searched = score.raw["learning_curve"].values[chosen]
    length = int(np.isfinite(first).sum())
    np.testing.assert_array_equal(first[:length], searched[:length])


def test_k_folds_take_turns() -> None:
    found = splits(FIVE)
    assert [split.name for split in found] == list(FIVE.names)
    assert found[4].test.tolist() == list(range(96, 120))
    assert found[4].valid.tolist() == list(range(24))
    assert found[4].train.tolist() == list(range(24, 96))
    unnamed = splits(np.asarray(FIVE))
    assert [split.name for split in unnamed] == [split.name for split in found]


def test_named_parts_may_come_in_any_order() -> None:
    numbers = tuple(np.repeat([1, 2, 0], [60, 30, 30]))
    folds = Folds(tuple(STIMULI), numbers, "made up", ("test", "train", "valid"))
    split = splits(folds)[0]
    assert (split.train[0], split.valid[0], split.test[0]) == (0, 60, 90)


def test_multilabel() -> None:
    values, known = made_up(CLIPS, multilabel=True)
    score = scored(values, task(known, "multilabel", "mAP,d_prime"), max_epochs=40)
    assert score.layer == "l1"
    assert score.value > known.mean() + 0.2
    assert score.raw["metric"].values.tolist() == ["mAP", "d_prime"]


def test_last_takes_the_last_layer_only() -> None:
    values, known = made_up(CLIPS)
    score = scored(values, task(known), variant="last")
    alone = scored({"l2": values["l2"]}, task(known))
    assert score.layer == "l2"
    assert score.value == alone.value
    assert score.raw["layer_weights"].values.tolist() == [[1.0]]


@pytest.mark.parametrize("folds", [FIXED, FIVE])
def test_layers_of_different_size_become_the_smallest(folds: Folds) -> None:
    values, known = made_up(CLIPS)
    generator = np.random.default_rng(1)
    values["l2"] = generator.standard_normal((CLIPS, 30)).astype(np.float32)
    values["l3"] = generator.standard_normal((CLIPS, 7)).astype(np.float32)
    score = scored(values, task(known), folds, max_epochs=30)
    assert score.layer == "l1"
    assert score.value > 0.4


def test_the_same_seed_gives_the_same_score() -> None:
    first, second, other = scored(), scored(), scored(seed=1)
    assert first.raw.equals(second.raw)
    assert not first.raw["learning_curve"].equals(other.raw["learning_curve"])


def test_memory_limit_changes_no_result() -> None:
    everything = scored(settings=GRID[:4] + GRID[8:12], max_epochs=3)
    little = scored(settings=GRID[:4] + GRID[8:12], max_epochs=3, max_memory=1.6e5)
    for name in ("learning_curve", "layer_weights", "logit"):
        xr.testing.assert_equal(everything.raw[name], little.raw[name])
    with pytest.raises(DataError, match="allow that much"):
        scored(max_memory=1000)


def test_folds_are_trained_as_many_at_a_time_as_memory_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained = Trainer.train
    sizes: list[tuple[int, int]] = []

    def watched(self: Trainer, networks: Any, progress: Any) -> Any:
        sizes.append((len(networks), len({fold.number for fold, _ in networks})))
        return trained(self, networks, progress)

    monkeypatch.setattr(Trainer, "train", watched)
    everything = scored(folds=FIVE, patience=3)
    assert sizes == [(2, 1), (4, 4)]
    sizes.clear()
    little = scored(folds=FIVE, patience=3, max_memory=140_000)
    assert sizes in ([(2, 1), (3, 3), (1, 1)], [(2, 1), (2, 2), (2, 2)])  # by the chosen depth
    for name in ("fold_learning_curve", "layer_weights", "logit", "influence"):
        xr.testing.assert_equal(everything.raw[name], little.raw[name])


class Counted(Mapping[str, np.ndarray]):
    def __init__(self, layers: dict[str, np.ndarray]) -> None:
        self.layers = layers
        self.taken: list[str] = []

    def __getitem__(self, name: str) -> np.ndarray:
        self.taken.append(name)
        return self.layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)


def test_each_layer_is_read_once() -> None:
    layers = Counted(made_up(CLIPS)[0])
    scored(layers, folds=FIVE, max_epochs=1)
    assert layers.taken == ["l0", "l1", "l2"]
    scored(layers, variant="last", max_epochs=1)
    assert layers.taken[3:] == ["l2"]


def test_a_label_that_is_not_trained_is_warned_of_and_counted() -> None:
    values, known = made_up(CLIPS)
    known[:60, 3], known[:60, 0] = 0, known[:60, 0] | known[:60, 3]
    with pytest.warns(UserWarning, match="1 labels have no training clip.*is d"):
        score = scored(values, task(known))
    assert score.n["label_without_training"] == 1
    known[90:, 3], known[90:, 0] = 0, known[90:, 0] | known[90:, 3]
    with pytest.warns(UserWarning, match="no training clip"):
        score = scored(values, task(known, evaluation="mAP"))
    assert score.n["label_without_test"] == 1


def test_unknown_metrics_are_left_out_unless_first() -> None:
    _, known = made_up(CLIPS)
    with pytest.warns(UserWarning, match="'event_f'.*left out"):
        score = scored(target=task(known, evaluation="top1_acc,event_f"), max_epochs=1)
    assert score.raw["metric"].values.tolist() == ["top1_acc"]
    with pytest.raises(DataError, match="first metric 'event_f' decides"):
        scored(target=task(known, evaluation="event_f,top1_acc"))
    with pytest.raises(DataError, match="names no metric"):
        scored(target=task(known, evaluation=""))
    with pytest.warns(UserWarning, match="chroma_acc"):  # labels are no notes
        scored(target=task(known, evaluation="mAP,chroma_acc"), max_epochs=1)


@pytest.mark.parametrize("size", [1e16, 1e30, 1e100])
def test_layers_that_single_precision_cannot_square_are_refused(size: float) -> None:
    values, _ = made_up(CLIPS)
    values["l1"] = values["l1"].astype(np.float64) * size / np.abs(values["l1"]).max()
    with pytest.raises(DataError, match=re.escape(f"'l1' holds activations up to {size:.0e}")):
        scored(layers=values)
    values["small"] = values["l0"][:, :5]  # so that principal components are taken
    with pytest.raises(DataError, match=r"'l1' holds activations up to .*, too large"):
        scored(layers=values)


def test_large_layers_score_as_others() -> None:
    values, _ = made_up(CLIPS)
    large = {name: layer.astype(np.float64) * 2.0**46 for name, layer in values.items()}
    assert np.abs(large["l1"]).max() > 1e14
    assert scored(layers=large).value == pytest.approx(scored(layers=values).value, abs=0.1)


@pytest.mark.filterwarnings("error")
def test_a_layer_that_is_constant_and_of_another_size_is_no_trouble() -> None:
    values, _ = made_up(CLIPS)
    assert scored(layers=values | {"constant": np.zeros((CLIPS, 5))}).error is not None


@pytest.mark.filterwarnings("error")
def test_one_test_clip_has_a_score_and_no_error() -> None:
    numbers = (*[0] * 80, *[1] * 39, 2)
    score = scored(folds=Folds(tuple(STIMULI), numbers, "made up", ("train", "valid", "test")))
    assert score.value in (0.0, 1.0)
    assert "not defined without some test clips" in score.provenance["error_withheld"]


@pytest.mark.parametrize("name", ["--5", "²", "c sharp"])
def test_labels_that_are_no_notes_have_no_chroma(name: str) -> None:
    _, known = made_up(CLIPS)
    target = task(known, evaluation="chroma_acc")
    target = target.assign_coords(label=["60", "-3", "62", name][: target.sizes["label"]])
    with pytest.raises(DataError, match="first metric 'chroma_acc' decides"):
        scored(target=target)


def test_accuracies_of_mixed_labels_copy_no_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """It took a minute for 40,000 clips of 500 labels."""
    monkeypatch.delattr(Predictions, "reordered")
    assert scored(max_epochs=1).p is not None


def test_bad_tasks_are_refused() -> None:
    _, known = made_up(CLIPS)
    with pytest.raises(DataError, match=r"do not have exactly one label.*clip0 with 4"):
        scored(target=task(np.ones_like(known)))
    with pytest.raises(DataError, match="0 or 1"):
        scored(target=task(known * 2))
    with pytest.raises(DataError, match="prediction_type"):
        scored(target=task(known, "regression"))
    with pytest.raises(DataError, match="dimensions"):
        scored(target=task(known).rename(label="voxel"))


def test_bad_splits_are_refused() -> None:
    numbers = tuple(np.repeat([0, 1], 60))
    two = Folds(tuple(STIMULI), numbers, "made up", ("train", "test"))
    with pytest.raises(DataError, match="no part valid"):
        scored(folds=two)
    with pytest.raises(DataError, match="three are needed"):
        scored(folds=Folds(tuple(STIMULI), numbers, "made up"))


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.arange(119) % 3, "119 stimuli do not fit 120"),
        (np.arange(121) % 3, "121 stimuli do not fit 120"),
        (np.arange(120) % 3 - 1, "whole numbers from 0 on, got -1"),
        (np.arange(120) % 3 / 2, "whole numbers from 0 on, got 0.0"),
        (np.where(np.arange(120) == 7, np.nan, np.arange(120) % 3), "1 of 120 stimuli have no"),
        (np.array(list("abc"))[np.arange(120) % 3], "whole numbers from 0 on, got 'a'"),
    ],
)
def test_folds_that_do_not_fit_are_refused(labels: np.ndarray, told: str) -> None:
    with pytest.raises(DataError, match=told):
        scored(folds=labels)


def test_folds_may_have_gaps() -> None:
    assert [split.name for split in splits([4, 1, 2])] == ["fold01", "fold02", "fold04"]


def test_bad_layers_are_refused() -> None:
    values, _ = made_up(CLIPS)
    values["l1"][5, 3] = np.nan
    with pytest.raises(DataError, match=r"'l1' holds NaN.*clip 5, feature 3"):
        scored(values)
    with pytest.raises(ContractError, match="'l0' must be"):
        scored({"l0": np.zeros((3, 3), dtype=np.float32)})
    with pytest.raises(ContractError, match="at least one layer"):
        scored({})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hidden_units": 8.5}, "hidden_units must be a whole number, at least 1, got 8.5"),
        ({"batch_size": 8.0}, "batch_size must be a whole number, at least 2, got 8.0"),
        ({"max_epochs": True}, "max_epochs must be a whole number"),
        ({"patience": "3"}, "patience must be a whole number"),
        ({"dropout": "no"}, "dropout must be at least 0 and below 1, got 'no'"),
        ({"dropout": np.nan}, "dropout must be at least 0"),
        ({"norm_after_activation": "no"}, "norm_after_activation is True or False, got 'no'"),
        ({"settings": [(1, "uniform", 1e-3)]}, "made by `Setting`, got"),
    ],
)
def test_options_of_the_wrong_kind_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        load(PROBE, **options)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((0, "uniform", 1e-3), "hidden_layers must be a whole number, at least 1, got 0"),
        ((1.0, "uniform", 1e-3), "hidden_layers must be a whole number"),
        ((1, "foo", 1e-3), "initialisation is one of uniform, normal, got 'foo'"),
        ((1, "normal", -1), "learning_rate is a number above 0, got -1"),
        ((1, "normal", np.nan), "learning_rate is a number above 0, got nan"),
        ((1, "normal", "fast"), "learning_rate is a number above 0, got 'fast'"),
    ],
)
def test_settings_that_cannot_be_are_refused(values: tuple[Any, ...], told: str) -> None:
    with pytest.raises(DataError, match=told):
        Setting(*values)


def test_bad_options_are_refused() -> None:
    for options in (
        {"bootstrap": 1},
        {"permutations": 1},
        {"seed": -1},
        {"settings": ()},
        {"batch_size": 1},
        {"dropout": 1.0},
        {"colour": "red"},
    ):
        with pytest.raises(DataError):
            load(PROBE, **options)
    with pytest.raises(DataError, match="variant"):
        Probe(variant="first")


PEAK = """
import resource, sys
import numpy as np, xarray as xr
from collections.abc import Mapping
from brainbench_probe.metric import load
from brainbench_probe.cards import PROBE
from brainbench_audio.assemblies.folds import Folds
clips, memory, epochs = int(sys.argv[1]), int(float(sys.argv[2])), int(sys.argv[3])
class Layers(Mapping):
    def __getitem__(self, name):
        return np.random.default_rng(int(name)).standard_normal((clips, 768), dtype=np.float32)
    def __iter__(self):
        return map(str, range(13))
    def __len__(self):
        return 13
known = np.eye(200, dtype=np.uint8)[np.arange(clips) % 200]
names = [str(i) for i in range(clips)]
target = xr.DataArray(
    known,
    dims=("stimulus", "label"),
    coords={"stimulus": names, "label": names[:200]},
    attrs={"prediction_type": "multilabel", "evaluation": "mAP"},
)
parts = np.repeat([0, 1, 2], [clips - 2 * (clips // 10), clips // 10, clips // 10])
folds = Folds(tuple(names), tuple(parts), "made up", ("train", "valid", "test"))
load(PROBE, max_epochs=epochs, permutations=0, max_memory=memory)(Layers(), target, folds)
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""


def peak(clips: int, memory: float, epochs: int = 1) -> int:
    command = [sys.executable, "-c", PEAK, str(clips), str(memory), str(epochs)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_fifty_thousand_clips_stay_below_four_gigabytes() -> None:
    small, large = peak(3000, 2e9), peak(9000, 2e9)
    slope = (large - small) / 6000
    assert large + 41_000 * max(slope, 0) < 4e9
