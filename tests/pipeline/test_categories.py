"""Benchmarks whose id names categories of sounds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from brainbench_audio import export, load_benchmark
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.pipeline import loading
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.categories import sound_categories
from brainbench_audio.pipeline.many import score_many
from brainbench_audio.pipeline.run import Run, run
from brainbench_audio.registry.globs import expand
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.registry.lookup import find_benchmark
from brainbench_audio.report.category_errors import category_errors
from brainbench_audio.scores import profiles
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import keep_score, score_stem

pytestmark = pytest.mark.usefixtures("tiny")
NAMES = ("EngSpeech", "Music", "ForSpeech", "Nature", "Music")


@pytest.fixture
def categories(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Give the tiny sounds categories; return them."""
    read = loading._read
    found = np.array([NAMES[place % 5] for place in range(40)])

    def with_categories(card, subset):  # type: ignore[no-untyped-def]
        dataset = read(card, subset)
        stimuli = replace(dataset.stimuli, categories=tuple(found.tolist()))
        return replace(dataset, stimuli=stimuli)

    monkeypatch.setattr(loading, "_read", with_categories)
    return found


def test_only_sounds_of_these_categories_count(categories: np.ndarray) -> None:
    whole = load_benchmark("Tiny-match")
    some = load_benchmark("Tiny[speech,music]-match")
    assert isinstance(whole, ComposedBenchmark)
    assert isinstance(some, ComposedBenchmark)
    kept = np.flatnonzero(categories != "Nature")
    np.testing.assert_array_equal(some.assembly.values, whole.assembly.values[kept])
    assert some.assembly["stimulus"].values.tolist() == list(np.array(whole.stimuli.names)[kept])
    assert np.asarray(some.folds).tolist() == np.asarray(whole.folds)[kept].tolist()
    assert some.fingerprint != whole.fingerprint
    assert some.card.id == "Tiny[speech,music]-match"

    rows = np.random.default_rng(0).standard_normal((40, 7))
    found = some.compare({"one": rows})
    assert found.n["stimulus"] == kept.size
    by_hand = some._metric({"one": rows[kept]}, some.assembly, some.folds)
    assert found.value == by_hand.value != whole.compare({"one": rows}).value
    # other categories are stored with scores, so these have another key
    before = whole.fingerprint
    whole.stimuli = replace(whole.stimuli, categories=tuple(categories[::-1]))
    assert whole.fingerprint != before
    names = whole.stimuli.names[1:]
    decomposed = replace(whole.stimuli, names=("u\u0308", *names))
    composed = whole.assembly.assign_coords(stimulus=["\u00fc", *names])
    assert sound_categories(decomposed, composed) == tuple(categories[::-1])
    music = load_benchmark("Tiny[MUSIC]-match")
    assert isinstance(music, ComposedBenchmark)
    assert len(music.assembly) == 16


def test_raw_of_pairs_of_sounds_says_which_these_are(
    categories: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = load_benchmark("Tiny[speech]-match")
    assert isinstance(some, ComposedBenchmark)
    layers = {"one": np.zeros((40, 2))}
    of_pairs = xr.Dataset({"rdm": ("pair", np.arange(120.0))})
    of_others = xr.Dataset({"rdm": ("pair", [1.0]), "measured": ("stimulus", [1.0, 2.0])})
    others = (of_others, of_others[["rdm"]], of_others[["measured"]], xr.Dataset())
    for raw, known in ((of_pairs, True), *((raw, False) for raw in others)):
        monkeypatch.setattr(some, "_metric", lambda *_, raw=raw: Score(value=0.5, raw=raw))
        found = some.compare(layers).raw
        assert set(found.data_vars) == set(raw.data_vars)
        if not known:
            assert profiles.sounds(found) is None
            continue
        names, groups = profiles.sounds(found)
        assert names == some.assembly["stimulus"].values.tolist()
        assert groups == [name for name in categories if name.endswith("Speech")]


def test_activations_are_those_of_all_sounds(categories: np.ndarray) -> None:
    first, second = score_many(["tiny-plain"], ["Tiny-match", "Tiny[speech]-match"])
    assert isinstance(first, Run)
    assert isinstance(second, Run)
    keys = [each.score.provenance["activations"]["key"] for each in (first, second)]
    assert keys[0] == keys[1]
    assert second.score.n["stimulus"] == 16
    assert run("tiny-plain", "Tiny[speech]-match").cached


def test_predictions_are_stored_with_categories(
    categories: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = load_benchmark("Tiny-match")
    assert isinstance(whole, ComposedBenchmark)
    names = whole.assembly["stimulus"].values
    rows = np.random.default_rng(0).standard_normal((40, 2))
    made = {"measured": rows, "prediction": rows + rows[::-1]}
    raw = xr.Dataset({name: (("stimulus", "target"), each) for name, each in made.items()})
    # in an order of its own
    raw = raw.assign_coords(stimulus=names)[{"stimulus": np.arange(40)[::-1]}]
    whole._metric = lambda *_: Score(value=0.5, raw=raw)
    score = whole.compare({"one": rows})
    assert score.raw["category"].values.tolist() == categories[::-1].tolist()
    explained = {one.category: one.explained for one in category_errors(score.raw)}

    # one stored without them gets those of the data
    score = replace(score, raw=raw, provenance={"model": "net", "benchmark": "Tiny-match"})
    keep_score(score_stem("Tiny-match", "net", "k" * 24), score)
    file = tmp_path / "errors.json"
    assert main(["export", "--errors", "--output", str(file)]) == 0
    again = export(tmp_path / "again.json", errors="category")
    assert again.read_bytes() == file.read_bytes()
    found = {one["category"]: one["explained"] for one in json.loads(file.read_text())}
    assert found == pytest.approx(explained)
    assert set(found) == {*NAMES, "all sounds"}


def test_ids_and_globs() -> None:
    one = BenchmarkId.parse("dist:NH2015.primary[a-b,c]-ridge-unique=hf:o/n")
    assert (one.data, one.categories, one.given) == ("NH2015.primary", ("a-b", "c"), "hf:o/n")
    assert str(one) == "dist:NH2015.primary[a-b,c]-ridge-unique=hf:o/n"
    assert find_benchmark("Tiny[x,y]-match").id == "Tiny[x,y]-match"
    assert expand(["Tiny[x]-match"], "benchmark") == ["Tiny[x]-match"]
    assert expand(["Tiny[x]-matc?"], "benchmark") == ["Tiny[x]-match"]
    # a class of signs where that fits
    assert expand(["Tin[xy]-match"], "benchmark") == ["Tiny-match"]
    with pytest.raises(UnknownId, match="Tinyy"):
        expand(["Tinyy[x]-m*"], "benchmark")
    for text in ("Tiny[]-match", "Tiny[x-match", "Tiny[x]"):
        with pytest.raises(UnknownId):
            find_benchmark(text)


def test_what_is_not_there_is_told(categories: np.ndarray) -> None:
    with pytest.raises(UnknownId, match="no category 'noise': choose from EngSpeech, ForSpeech"):
        load_benchmark("Tiny[music,noise]-match")
    with pytest.raises(DataError, match="in one fold"):
        Folds(("a", "b", "c"), (0, 0, 1), "made up").restricted(["a", "b"])
    left = Folds(("a", "b", "c"), (2, 0, 1), "made up").restricted(["c", "a"])
    assert (left.stimuli, left.assignment) == (("c", "a"), (0, 1))


def test_sounds_without_categories_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    read = loading._read

    def without(card, subset):  # type: ignore[no-untyped-def]
        dataset = read(card, subset)
        return replace(
            dataset,
            stimuli=replace(dataset.stimuli, categories=()),
            assembly=dataset.assembly.drop_vars("category", errors="ignore"),
        )

    monkeypatch.setattr(loading, "_read", without)
    with pytest.raises(UnknownId, match="have no categories"):
        load_benchmark("Tiny[music]-match")
