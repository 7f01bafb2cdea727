"""Many pairs in one process: the plan, what is shared, what failed, what does not fit."""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainbench_audio import list_ids
from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.cli.main import main
from brainbench_audio.errors import BrainbenchError, CacheError, DataError
from brainbench_audio.files import set_aside
from brainbench_audio.interfaces import Model
from brainbench_audio.pipeline import hearing, identifying, loading, loading_models, many
from brainbench_audio.pipeline.forecast import Forecast, forecast, workers_that_fit
from brainbench_audio.pipeline.hearing import Workbench
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.many import score_many
from brainbench_audio.pipeline.plan import failed_file, failed_pairs, plan_work
from brainbench_audio.pipeline.run import Failure, Run, run

pytestmark = pytest.mark.usefixtures("tiny")
BENCHMARKS = ["Tiny-match", "Tiny.a-match"]
Heard = Callable[[], list[tuple[str, int, int]]]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is loaded."""
    counter: Counter[str] = Counter()

    def counting(load: Callable[..., Any]) -> Callable[..., Any]:
        def counted(identifier: str, *rest: Any, **options: Any) -> Any:
            counter[identifier.rpartition(":")[2]] += 1
            return load(identifier, *rest, **options)

        return counted

    monkeypatch.setattr(identifying, "load_identified", counting(loading_models.load_identified))
    monkeypatch.setattr(hearing, "load_benchmark", counting(loading.load_benchmark))
    return counter


def forecasts(models: list[str], benchmarks: list[str], **options: Any) -> list[Forecast]:
    pairs = [(Loadable(model, options), Loadable(each)) for model in models for each in benchmarks]
    return forecast(plan_work(Workbench(), pairs))


def test_everything_is_loaded_and_heard_once(
    loaded: Counter[str], counted: Callable[..., list[str]], heard: Heard
) -> None:
    found = list(score_many(["tiny-wide", *counted(2)], BENCHMARKS))
    assert all(isinstance(each, Run) for each in found)
    assert loaded == dict.fromkeys(["tiny-wide", "Counted0", "Counted1", *BENCHMARKS], 1)
    assert Counter(name for name, _, _ in heard()) == {"Counted0": 3 + 1, "Counted1": 3 + 1}


def test_the_same_as_one_pair_at_a_time() -> None:
    (found,) = score_many(["tiny-plain"], ["Tiny-match"])
    assert isinstance(found, Run)
    alone = run("tiny-plain", "Tiny-match", recompute=True)
    assert found.whole().value == alone.score.value
    assert found.whole().raw.identical(alone.score.raw)
    assert found.score.raw.sizes == {}
    assert run("tiny-plain", "Tiny-match").cached


def test_a_model_without_fingerprint_is_scored_too(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "from brainbench_audio.testing import DummyModel\n"
        "class Own(DummyModel):\n    fingerprint = None\n"
    )
    found = [each for each in score_many([f"{own}:Own"], BENCHMARKS) if isinstance(each, Run)]
    assert [(each.model, each.cached, each.stem) for each in found] == [("Own", False, None)] * 2
    assert found[0].whole().raw["layer_score"].dims == ("layer", "component")


def test_activations_that_vanish_are_computed_again(
    monkeypatch: pytest.MonkeyPatch, counted: Callable[..., list[str]], heard: Heard
) -> None:
    score = hearing.score_heard

    def after_a_loss(*arguments: Any, **options: Any) -> Any:
        for folder in activations_folder().iterdir():
            if folder.is_dir() and not folder.name.endswith(".corrupt"):
                set_aside(folder)
        return score(*arguments, **options)

    monkeypatch.setattr(many, "score_heard", after_a_loss)
    (found,) = score_many([*counted(1), "tiny-plain"][:1], ["Tiny-match"])
    assert isinstance(found, Run)
    assert len(heard()) == 2 * (3 + 1)
    assert found.score.value == run(counted(1)[0], "Tiny-match").score.value


def test_a_model_that_changes_meanwhile_is_refused(counted: Callable[..., list[str]]) -> None:
    bench = Workbench()
    work = plan_work(bench, [(Loadable("tiny-plain", {"weights": "a"}), Loadable("Tiny-match"))])
    found = hearing.hear(bench, work.hearings()[0])
    assert isinstance(found, hearing.Heard)
    assert found.lazily().activations([np.ones(99, np.float32)])["bands"].shape == (1, 6)
    other = replace(found, model=Loadable("tiny-plain", {"weights": "b"}))
    with pytest.raises(CacheError, match="was changed while it was being scored"):
        other.lazily().activations([np.ones(99, np.float32)])
    with pytest.raises(CacheError, match="deleted or damaged while they were being scored: run"):
        replace(found, isolate="full").lazily().activations([np.ones(99, np.float32)])


def test_damaged_scores_are_made_again(loaded: Counter[str]) -> None:
    (first,) = score_many(["tiny-plain"], ["Tiny-match"])
    assert isinstance(first, Run)
    assert first.stem is not None
    (path,) = first.stem.parent.glob("*.nc")
    path.write_bytes(path.read_bytes()[:500])
    (second,) = score_many(["tiny-plain"], ["Tiny-match"])
    assert isinstance(second, Run)
    assert (second.cached, second.score.value) == (False, first.score.value)


def test_a_dry_run_computes_nothing(
    capsys: pytest.CaptureFixture[str], counted: Callable[..., list[str]], heard: Heard
) -> None:
    list(score_many(["tiny-plain"], ["Tiny-match"]))
    models = ["tiny-plain", "tiny-wide", *counted(1)]
    arguments = ["score", "--dry-run", "-m", *models, "-b", *BENCHMARKS]
    assert main([*arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in rows] == [
        "stored",
        "activations stored",
        "extract",
        "extract",
        "unknown until loaded",
        "unknown until loaded",
    ]
    # 40 sounds, 2 layers of 9 features, 4 bytes; told once for both benchmarks
    assert [row["disk"] for row in rows] == [0, 0, 40 * 2 * 9 * 4, 0, 0, 0]
    assert all(row["memory"] > row["least"] > 0 for row in rows[1:4])
    assert heard() == []
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "6 pairs: 1 stored, 1 activations stored, 2 extract, 2 unknown until loaded" in told
    assert "off by a factor" in told
    assert main([*arguments, "-b", "Nowhere-match"]) == 1
    assert not failed_file().exists()


def test_what_is_recomputed_is_forecast_as_if_nothing_were_stored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["score", "--dry-run", "--json", "-m", "tiny-plain", "-b", *BENCHMARKS]
    for each in BENCHMARKS:
        loading.load_benchmark(each)
    assert main(arguments) == 0
    new = json.loads(capsys.readouterr().out)
    list(score_many(["tiny-plain"], ["Tiny-match"]))
    assert main([*arguments, "--recompute"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert [row["state"] for row in again] == ["extract", "extract"]
    # activations are replaced, so they take no more of the disk
    assert again == [{**row, "disk": 0} for row in new]


def test_memory_for_what_is_recomputed_is_looked_at_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    list(score_many(["tiny-plain"], ["Tiny-match"]))
    monkeypatch.setattr(many, "available_memory", lambda: 1000)
    assert main(["score", "-m", "tiny-plain", "-b", "Tiny-match"]) == 0
    assert main(["score", "-m", "tiny-plain", "-b", "Tiny-match", "--recompute"]) == 1
    assert "tiny-plain x Tiny-match takes 0.0 GB of memory at least" in capsys.readouterr().err


def test_what_is_stored_depends_on_data_source_and_options(tiny: Path) -> None:
    list(score_many(["tiny-plain"], ["Tiny-match"]))
    (before,) = forecasts(["tiny-plain"], ["Tiny-match"])
    (weights,) = forecasts(["tiny-plain"], ["Tiny-match"], weights="mine.pt")
    (placed,) = forecasts(["tiny-plain"], ["Tiny-match"], device="cpu")
    (control,) = forecasts(["tiny-plain@permuted"], ["Tiny-match"])
    assert [before.state, weights.state, placed.state, control.state] == [
        "stored",
        "unknown until loaded",
        "stored",
        "extract",
    ]
    with (tiny / "things.py").open("a") as source:
        source.write("# another model, metric and data set\n")
    for name in [name for name in sys.modules if name.startswith("brainbench_tiny")]:
        del sys.modules[name]
    assert forecasts(["tiny-plain"], ["Tiny-match"])[0].state == "extract"


def test_only_what_failed_is_tried_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["score", "-m", "tiny-broken", "tiny-plain", "-b", "Tiny-match", "Tiny.a-match"]
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert "2 of 4 pairs failed; `brainbench score --retry-failed` tries only these" in told.err
    again, left_out = failed_pairs()
    assert [(pair[0].id, pair[1].id) for pair in again] == [
        ("tiny-broken", "Tiny-match"),
        ("tiny-broken", "Tiny.a-match"),
    ]
    assert left_out == []
    from brainbench_tiny import things  # type: ignore[import-not-found]

    monkeypatch.setattr(things, "load_broken_model", things.load_model)
    assert main(["score", "--retry-failed", "--json"]) == 0
    told = capsys.readouterr()
    assert [row["model"] for row in json.loads(told.out)] == ["tiny-broken", "tiny-broken"]
    assert not failed_file().exists()
    assert main(["score", "--retry-failed", "--json"]) == 0
    assert "nothing failed in the last run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("{marker}.py:Evil", {}),
        ("{marker}.py:Evil@step=3", {}),
        ("brainbench-tiny:{marker}.py:Evil", {}),
        ("{marker}.py:Evil#1a2b3c4d", {"weights": "x"}),
        ("hf:owner/name", {"trust_remote_code": True}),
        ("hf:owner/name", {}),
        ("tiny-plain", {"trust_remote_code": True}),
        ("tiny-plain", {"loader": "os:system"}),
        ("tiny-plain@nonsense", {}),
    ],
)
def test_a_list_that_others_wrote_runs_no_code(
    model: str,
    options: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marker = tmp_path / "it's mine"
    Path(f"{marker}.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: ...\n")
    monkeypatch.setattr("brainbench_audio.registry.ids.installed_schemes", lambda: ["hf:"])
    model = model.format(marker=marker)
    row = {"cause": "model", "message": "\x1b[31m", "benchmark": {"id": "Tiny-match"}}
    rows = [{**row, "model": {"id": model, "options": options}}]
    plain = {**row, "model": {"id": "tiny-plain"}}
    failed_file().parent.mkdir(parents=True)
    failed_file().write_text(json.dumps({"pairs": rows}))
    assert main(["score", "--retry-failed", "--json"]) == 1
    told = capsys.readouterr()
    assert "1 pairs are left out" in told.err
    command = f"brainbench score --model {shlex.quote(model)} --benchmark Tiny-match"
    if "loader" in options:
        command = "# tiny-plain on Tiny-match has options that brainbench score does not have: load"
    assert command in told.err
    assert failed_file().exists()
    failed_file().write_text(json.dumps({"pairs": [*rows, plain]}))
    assert main(["score", "--retry-failed", "--json"]) == 1, "not all was done"
    assert [row["model"] for row in json.loads(capsys.readouterr().out)] == ["tiny-plain"]
    assert not marker.exists()


def test_models_of_ones_own_are_not_said_to_be_tried_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text("class Own:\n    def __init__(self):\n        1 / 0\n")
    model = f"{tmp_path}/own.py:Own"
    assert main(["score", "-m", model, "-b", "Tiny-match"]) == 1
    assert "1 of 1 pairs failed\n" in capsys.readouterr().err
    assert main(["score", "-m", model, "tiny-broken", "-b", "Tiny-match"]) == 1
    assert "2 of 2 pairs failed; `brainbench score --retry-failed` tries only 1 of these again" in (
        capsys.readouterr().err
    )
    assert main(["score", "--retry-failed"]) == 1
    assert f"--model {model} --benchmark Tiny-match" in capsys.readouterr().err


def test_a_damaged_list_of_failures(capsys: pytest.CaptureFixture[str]) -> None:
    failed_file().parent.mkdir(parents=True)
    failed_file().write_text("{")
    with pytest.raises(DataError, match="is damaged"):
        failed_pairs()
    assert main(["score", "--retry-failed"]) == 1
    assert "delete it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--retry-failed", "-m", "tiny-plain"],
        ["-m", "tiny-plain"],
        ["-b", "Tiny-match"],
        ["-m", "tiny-plain", "-b", "Tiny-match", "--workers", "0"],
        ["-m", "x", "-b", "y", "--workers", "2", "--scheduler", "tcp://x:1"],
        ["-m", "x", "-b", "y", "--isolate", "somehow"],
    ],
)
def test_options_that_exclude_each_other(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["score", *arguments])
    assert stopped.value.code == 2


def test_a_plan_that_cannot_fit_is_refused_before_it_starts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "available_memory", lambda: 1000)
    assert main(["score", "-m", "tiny-plain", "-b", "Tiny-match"]) == 1
    told = capsys.readouterr().err
    assert "tiny-plain x Tiny-match takes 0.0 GB of memory at least" in told
    assert "nothing was started" in told
    assert not activations_folder().exists()


def test_fewer_at_a_time_where_not_all_fit() -> None:
    def pairs(least: int, memory: int, disk: int = 0) -> list[Forecast]:
        each = Forecast("m", "b", "extract", least=least, memory=memory, disk=disk)
        return [each, each, Forecast("m", "b", "stored", least=10**15, memory=10**15)]

    gigabyte = 10**9
    assert workers_that_fit(pairs(gigabyte, 4 * gigabyte), 2, 8 * gigabyte) == 2
    assert workers_that_fit(pairs(gigabyte, 4 * gigabyte), 2, 7 * gigabyte) == 1
    # a rough guess is no reason to refuse, what is needed for certain is
    assert workers_that_fit(pairs(gigabyte, 4 * gigabyte), 2, 2 * gigabyte) == 1
    with pytest.raises(BrainbenchError, match=r"takes 3\.0 GB of memory at least, and 2\.0 GB is"):
        workers_that_fit(pairs(3 * gigabyte, 4 * gigabyte), 2, 2 * gigabyte)
    with pytest.raises(BrainbenchError, match=r"activations take 2000000\.0 GB, and .* of disk"):
        workers_that_fit(pairs(1, 1, 10**15), 1, gigabyte)
    assert workers_that_fit([], 3, 0) == 3


def test_responses_to_continuous_sound_are_scored_in_blocks_of_voxels() -> None:
    """Measured were 1.1 GB in all, of 4,200 volumes x 20,000 voxels and 128 features."""
    if "encoding" not in list_ids("metric"):
        pytest.skip("the plugin encoding is not installed")
    work = plan_work(Workbench(), [(Loadable("tiny-plain"), Loadable("Tiny-match"))])
    ((model, target),) = work.pairs
    size: dict[str, Any] = {"rows": 4200, "columns": 20_000, "bytes": 4 * 4200 * 20_000}
    size |= {"step": 2.0, "id": "Tiny-encoding"}
    (found,) = forecast(replace(work, pairs=[(model, replace(target, **size))]))
    assert 0.4e9 < found.memory - found.least < 2.2e9
    wide = size | {"columns": 40_000, "bytes": 2 * size["bytes"]}
    (more,) = forecast(replace(work, pairs=[(model, replace(target, **wide))]))
    # predictions of all voxels are kept beside their responses
    assert size["bytes"] < more.memory - found.memory < 1.3 * size["bytes"]
    # of some categories of sounds, fewer rows than sounds: less than of all
    (whole,) = forecast(work)
    fewer = replace(target, rows=target.rows // 2, bytes=target.bytes // 2)
    (part,) = forecast(replace(work, pairs=[(model, fewer)]))
    assert whole.memory - part.memory > 0
    assert part.least == whole.least - target.bytes // 2


def test_a_large_model_in_a_small_container() -> None:
    """The largest of the paper, by its card: 1.2 billion numbers of 4 bytes."""
    if "dasheng-12b" not in loading_ids():
        pytest.skip("the plugin dasheng is not installed")
    found = forecasts(["dasheng-12b"], ["Tiny-match"])
    assert 4.5e9 < found[0].least < 6e9
    with pytest.raises(BrainbenchError, match=r"dasheng-12b x Tiny-match takes [45]\.\d GB"):
        workers_that_fit(found, 1, 4 << 30)


def loading_ids() -> list[str]:
    return list_ids("model")


def test_benchmarks_make_room_for_each_other(
    monkeypatch: pytest.MonkeyPatch, loaded: Counter[str]
) -> None:
    monkeypatch.setattr(hearing, "_SHELF_BYTES", 0)
    bench = Workbench()
    for name in ("Tiny-match", "Tiny-match", "Tiny.a-match", "Tiny-match"):
        assert bench.benchmark(Loadable(name)).card.id == name
    assert loaded == {"Tiny-match": 2, "Tiny.a-match": 1}


def test_a_failure_knows_what_failed() -> None:
    found = list(score_many(["tiny-lost", "tiny-plain"], ["Nowhere-match", "Tiny-match"]))
    failures = [each for each in found if isinstance(each, Failure)]
    assert [(each.model.id, each.benchmark.id, each.cause) for each in failures] == [
        ("tiny-lost", "Nowhere-match", "benchmark"),
        ("tiny-plain", "Nowhere-match", "benchmark"),
        ("tiny-lost", "Tiny-match", "model"),
    ]
    assert "Traceback" in failures[-1].trace


def test_a_stand_in_is_a_model() -> None:
    bench = Workbench()
    work = plan_work(bench, [(Loadable("tiny-plain"), Loadable("Tiny-match"))])
    found = hearing.hear(bench, work.hearings()[0])
    assert isinstance(found, hearing.Heard)
    model = found.lazily()
    assert isinstance(model, Model)
    bench.release_model()
