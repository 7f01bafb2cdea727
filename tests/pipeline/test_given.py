"""What a model explains beyond a given one: how that one is named, heard, kept and told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import load_benchmark, load_metric, load_model, score
from brainbench_audio.cli.main import main
from brainbench_audio.cli.selection import named_benchmarks
from brainbench_audio.errors import ContractError, UnknownId
from brainbench_audio.pipeline import forecast
from brainbench_audio.pipeline.forecast import NEEDS_DATA, UNKNOWN, without_data
from brainbench_audio.pipeline.hearing import Hearing, Workbench
from brainbench_audio.pipeline.isolation import hear_where_asked
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.many import score_many
from brainbench_audio.pipeline.plan import is_retried
from brainbench_audio.pipeline.run import Failure, Run, run
from brainbench_audio.pipeline.targets import look_at
from brainbench_audio.registry.globs import expand
from brainbench_audio.registry.lookup import find_benchmark

pytest.importorskip("brainbench_ridge")
pytestmark = pytest.mark.usefixtures("tiny")
UNIQUE = "Tiny-ridge-unique"
Told = pytest.CaptureFixture[str]


def rows(capsys: Told, *arguments: str) -> list[dict[str, Any]]:
    assert main(["score", *arguments, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_the_given_model_is_part_of_id_key_and_provenance(capsys: Told) -> None:
    pair = ["-m", "tiny-plain", "-b", UNIQUE, "--given"]
    (wide,) = rows(capsys, *pair, "tiny-wide")
    (itself,) = rows(capsys, *pair, "tiny-plain")
    assert [row["benchmark"] for row in (wide, itself)] == [
        f"{UNIQUE}=tiny-wide",
        f"{UNIQUE}=tiny-plain",
    ]
    assert abs(itself["score"]) < 0.02
    assert itself["score"] != wide["score"]
    # the same by its id, by API, and with an object
    assert rows(capsys, "-m", "tiny-plain", "-b", f"{UNIQUE}=tiny-wide")[0]["cached"]
    one = run("tiny-plain", f"{UNIQUE}=tiny-wide")
    assert one.cached
    given = load_model("tiny-wide")
    benchmark = load_benchmark(UNIQUE, given=given)
    assert benchmark.card.id == f"{UNIQUE}=tiny-wide"
    assert score("tiny-plain", benchmark).value == one.score.value == wide["score"]
    assert one.score.provenance["given"]["id"] == "tiny-wide"
    assert set(one.score.provenance["citations"]) == {"model", "given", "data", "metric"}
    by_hand = load_metric("ridge-unique")(
        layers=_layers("tiny-plain", benchmark),
        target=benchmark.assembly,
        folds=benchmark.folds,
        given=_layers("tiny-wide", benchmark),
    )
    assert by_hand.value == pytest.approx(wide["score"], abs=1e-6)


@pytest.mark.parametrize(
    "given", ["tiny-wide", "brainbench-tiny:tiny-wide@permuted", "./a/m.py:Net", "/a/m.py:Net#1a2b"]
)
def test_info_on_a_benchmark_with_a_given_model(given: str, capsys: Told) -> None:
    for plain in (UNIQUE, f"brainbench-tiny:{UNIQUE}", "Tiny[a,b]-ridge-unique"):
        assert main(["info", f"{plain}={given}", "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert (facts["data_set"], facts["metric"]) == ("Tiny", "ridge")
        assert facts["given"].endswith(given.removeprefix("."))


def _layers(model: str, benchmark: Any) -> Any:
    loaded = load_model(model)
    waveforms = benchmark.stimuli.waveforms(range(len(benchmark.stimuli)), loaded.sample_rate)
    return loaded.activations(waveforms)


def test_a_given_model_that_changed_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "given.py"
    source = "from brainbench_audio.testing import DummyModel\nclass Given(DummyModel):\n    pass\n"
    file.write_text(source)
    identifier = f"{UNIQUE}={file}:Given"
    (first,) = score_many(["tiny-plain"], [identifier])
    (again,) = score_many(["tiny-plain"], [identifier])
    assert isinstance(first, Run)
    assert isinstance(again, Run)
    assert (first.cached, again.cached) == (False, True)
    file.write_text(source.replace("pass", "louder = True"))
    (other,) = score_many(["tiny-plain"], [identifier])
    assert isinstance(other, Run)
    assert not other.cached
    assert not is_retried(Loadable("tiny-plain"), Loadable(identifier))
    assert is_retried(Loadable("tiny-plain"), Loadable(f"{UNIQUE}=tiny-wide"))


def test_a_given_file_is_the_same_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    source = "from brainbench_audio.testing import DummyModel\nclass Given(DummyModel):\n    pass\n"
    for folder in (tmp_path, tmp_path / "other"):
        folder.mkdir(exist_ok=True)
        (folder / "given.py").write_text(source)
    whole = f"{UNIQUE}={tmp_path}/given.py:Given"
    monkeypatch.chdir(tmp_path)
    pair = ["-m", "tiny-plain", "-b"]
    (first,) = rows(capsys, *pair, f"{UNIQUE}=./given.py:Given")
    assert (first["benchmark"], first["cached"]) == (whole, False)
    assert load_benchmark(UNIQUE, given="given.py:Given").card.id == whole
    (named,) = rows(capsys, *pair, UNIQUE, "--given", "./given.py:Given")
    monkeypatch.chdir(tmp_path / "other")
    (again,) = rows(capsys, *pair, f"{UNIQUE}=../given.py:Given")
    assert {row["benchmark"] for row in (named, again)} == {whole}
    assert named["cached"]
    assert again["cached"]
    (other,) = rows(capsys, *pair, f"{UNIQUE}=./given.py:Given")
    assert other["benchmark"] == f"{UNIQUE}={tmp_path}/other/given.py:Given"
    assert main(["results", "list", "--benchmark", f"{UNIQUE}=../given.py:Given", "--json"]) == 0
    (kept,) = json.loads(capsys.readouterr().out)
    assert kept["benchmark"] == whole
    assert named_benchmarks([f"{UNIQUE}=../given.py:Given", "overall"], []) == [whole, "overall"]


def test_it_hears_before_scoring_and_once(
    counted: Callable[..., list[str]], heard: Callable[[], list[tuple[str, int, int]]]
) -> None:
    model, given = counted(2)
    targets = [
        look_at(Loadable(each), lambda each=each: load_benchmark(each))
        for each in (  # type: ignore[misc]
            f"{UNIQUE}={given}",
            "Tiny-match",
            f"Tiny.a-ridge-unique={given}",
        )
    ]
    bench = Workbench()
    hear_where_asked(bench, Hearing(Loadable(model), tuple(targets)))
    before = [name for name, _, _ in heard()]
    assert before.count("Counted1") == before.count("Counted0") == 3 + 1
    found = list(score_many([model], [target.id for target in targets]))
    assert all(isinstance(each, Run) for each in found)
    assert len(heard()) == len(before)


def test_a_given_model_that_fails_stops_no_other_benchmark(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(
        "from brainbench_audio.testing import DummyModel\nclass Bad(DummyModel):\n"
        "    def activations(self, waveforms, layers=None):\n        raise ValueError('tired')\n"
    )
    failed, scored = score_many(["tiny-plain"], [f"{UNIQUE}={file}:Bad", "Tiny-match"])
    assert isinstance(failed, Failure)
    assert "tired" in failed.message
    assert isinstance(scored, Run)


def test_what_is_not_named_or_not_taken_is_told(capsys: Told) -> None:
    assert find_benchmark(UNIQUE).takes_given
    with pytest.raises(UnknownId, match=f"--given MODEL or {UNIQUE}=MODEL"):
        load_benchmark(UNIQUE)
    with pytest.raises(UnknownId, match="Leave =tiny-wide out"):
        find_benchmark("Tiny-ridge=tiny-wide")
    with pytest.raises(UnknownId, match="There is no benchmark"):
        find_benchmark(f"{UNIQUE}=")
    with pytest.raises(ContractError, match="compares with no other model"):
        load_benchmark("Tiny-match", given="tiny-wide")
    score_tiny = ["score", "-m", "tiny-plain", "-b"]
    assert main([*score_tiny, UNIQUE]) == 2
    assert "name that one" in capsys.readouterr().err
    assert main([*score_tiny, UNIQUE, "--given", "tiny-wid"]) == 2
    assert "tiny-wide" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main([*score_tiny, "Tiny-match", "--given", "tiny-wide"])
    assert stopped.value.code == 2


def test_a_glob_takes_in_what_a_given_model_allows(capsys: Told) -> None:
    without = rows(capsys, "-m", "tiny-plain", "-b", "Tiny-ridge-[su]*", "--permutations", "0")
    assert [row["benchmark"] for row in without] == ["Tiny-ridge-scaled"]
    found = rows(capsys, "-m", "tiny-plain", "-b", "Tiny-ridge-[su]*", "--given", "tiny-wide")
    assert [row["benchmark"] for row in found] == ["Tiny-ridge-scaled", f"{UNIQUE}=tiny-wide"]


def test_every_glob_leaves_out_what_nobody_names(capsys: Told) -> None:
    plain = ["Tiny-ridge-scaled"]
    assert expand(["Tiny-ridge-[fsu]*"], "benchmark") == plain
    assert expand(["Tiny[a,b]-ridge-[su]*"], "benchmark") == ["Tiny[a,b]-ridge-scaled"]
    named = f"{UNIQUE}=tiny-wide"
    assert expand(["Tiny-ridge-[fsu]*"], "benchmark", given="tiny-wide") == [*plain, named]
    assert expand(["Tiny[a,b]-ridge-u*"], "benchmark", given="x") == ["Tiny[a,b]-ridge-unique=x"]
    assert expand([UNIQUE, "Tiny-ridge-u*=tiny-wide"], "benchmark") == [UNIQUE, named]
    assert expand([UNIQUE, named], "benchmark", given="tiny-plain") == [
        *(f"{UNIQUE}=tiny-plain", named)
    ]
    table = score(["tiny-plain"], ["Tiny-ridge-[su]*"])
    assert table["benchmark"].tolist() == ["Tiny-ridge-scaled"]
    for glob in ("Tiny-ridge-u*", "Tiny-ridge-f*"):
        with pytest.raises(UnknownId, match="name that one"):
            expand([glob], "benchmark")
        assert main(["score", "-m", "tiny-plain", "-b", glob]) == 2
        assert "name that one" in capsys.readouterr().err


def test_a_dry_run_loads_no_given_model(
    counted: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (given,) = counted(1)
    pair = Loadable("tiny-plain"), Loadable(f"{UNIQUE}={given}")
    there, (told,) = without_data([pair])
    assert not there
    assert (told.state, told.benchmark) == (UNKNOWN, pair[1].id)
    # once it is known which network that is, the data are asked for, which the tiny plugin lacks
    monkeypatch.setattr(forecast, "known_identity", lambda wanted: wanted)
    assert [each.state for each in without_data([pair])[1]] == [NEEDS_DATA]
