"""A second data set that layer and penalty are chosen on: named, heard, kept and told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from brainbench_audio import load_benchmark, load_metric, load_model, score, settings
from brainbench_audio.cli.main import main
from brainbench_audio.errors import ContractError, UnknownId
from brainbench_audio.interfaces import SecondData
from brainbench_audio.pipeline.agreement import parts_of
from brainbench_audio.pipeline.forecast import NEEDS_DATA, without_data
from brainbench_audio.pipeline.hearing import Hearing, Workbench
from brainbench_audio.pipeline.identifying import identified
from brainbench_audio.pipeline.isolation import hear_where_asked
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.many import score_many
from brainbench_audio.pipeline.plan import plan_work
from brainbench_audio.pipeline.run import Run, run
from brainbench_audio.pipeline.targets import look_at
from brainbench_audio.registry.globs import expand
from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.registry.lookup import find_benchmark, needs_named

pytest.importorskip("brainbench_ridge")
pytestmark = pytest.mark.usefixtures("two")
Told = pytest.CaptureFixture[str]
FROM = "Tiny-ridge-from"

OTHER = """

class OtherSource(TinySource):
    # 40 sounds, the first ten of which are the last of Tiny's, under other names

    def load(self, card, subset=None):
        folder = settings.data_home() / "other-sounds"
        (settings.data_home() / "other").mkdir(parents=True, exist_ok=True)
        whole = dummy_dataset(replace(card, stimuli=70), folder)
        old = whole.stimuli.names[30:]
        named = {name: f"other-{number}" for number, name in enumerate(old)}
        stimuli = replace(
            whole.stimuli, names=tuple(named.values()), files=whole.stimuli.files[30:],
            categories=whole.stimuli.categories[30:],
        )
        rows = align(whole.assembly, old).assign_coords(stimulus=list(named.values()))
        folds = Folds(stimuli.names, tuple(number % 4 for number in range(40)), "made up")
        return replace(whole, stimuli=stimuli, assembly=rows, folds=folds)

    def locate(self, card, subset=None):
        folder = settings.data_home() / "other"  # sounds lie elsewhere
        return folder if folder.is_dir() else None
"""
CARD = """
DATASETS.append(
    replace(DATASETS[0], id="Other", subsets=(), data="brainbench_tiny.things:OtherSource")
)
"""


@pytest.fixture
def two(tiny: Path) -> Path:
    """Install the tiny plugin with a data set more."""
    things, cards = tiny / "things.py", tiny / "cards.py"
    source = things.read_text().replace(
        "from brainbench_audio.assemblies.assembly import select",
        "from brainbench_audio.assemblies.assembly import align, select\n"
        "from brainbench_audio.assemblies.folds import Folds",
    )
    things.write_text(source + OTHER)
    cards.write_text(cards.read_text() + CARD)
    return tiny


def rows(capsys: Told, *arguments: str) -> list[dict[str, Any]]:
    assert main(["score", *arguments, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_both_data_sets_are_part_of_id_key_and_provenance(
    capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = rows(capsys, "-m", "tiny-plain", "-b", f"{FROM}=Other")
    assert row["benchmark"] == f"{FROM}=Other"
    assert (row["n"]["stimulus"], row["n"]["second_stimulus"]) == (40, 40)
    again = run("tiny-plain", f"{FROM}=Other")
    assert again.cached
    provenance = again.score.provenance
    assert provenance["second"]["data"] == "Other"
    assert provenance["inputs"]["second"] == provenance["second"]
    assert set(provenance["choice"]) == {"layers", "penalties", "scores", "stimuli"}
    assert set(provenance["citations"]) == {"model", "second", "data", "metric"}
    benchmark = load_benchmark(f"{FROM}=Other")
    second = benchmark.second
    assert second is not None
    # ten sounds are files of the same bytes, whatever their names
    names = list(benchmark.stimuli.names)
    same = second.seen({}, benchmark.stimuli, names).same
    assert np.argwhere(same).tolist() == [[place, 30 + place] for place in range(10)]
    # a name is enough, too; so one may be the same as two, or a file be there under two names
    named = replace(benchmark.stimuli, names=("other-1", *names[1:]))
    both = second.seen({}, named, ["other-1", *names[1:]]).same
    assert np.flatnonzero(both[1]).tolist() == [0, 31]
    files = (*benchmark.stimuli.files[:39], benchmark.stimuli.files[30])
    both = second.seen({}, replace(benchmark.stimuli, files=files), names).same
    assert np.flatnonzero(both[0]).tolist() == [30, 39]
    held_out = np.bincount(np.asarray(benchmark.folds)[30:], minlength=3)
    assert provenance["choice"]["stimuli"] == (40 - held_out).tolist()
    metric: Any = load_metric("ridge-from")
    by_hand = metric(
        _layers(benchmark.stimuli),
        benchmark.assembly,
        benchmark.folds,
        second=SecondData(_layers(second.stimuli), second.assembly, second.folds, same),
    )
    assert by_hand.value == pytest.approx(row["score"], abs=1e-6)
    assert benchmark(load_model("tiny-plain")).value == pytest.approx(row["score"], abs=1e-9)
    assert "second data: Other" in repr(benchmark)
    (one,) = rows(capsys, "-m", "tiny-plain", "-b", f"{FROM}=Other[tone,noise]")
    assert one["n"]["second_stimulus"] == 27
    some = score("tiny-plain", one["benchmark"])
    assert some.provenance["second"]["data"] == "Other[tone,noise]"
    # what is named behind = is no pattern, but a part of each benchmark that the front matches
    listed = expand(["Tin?-ridge-fr*=Other[tone]", "Tiny[a,b]-ridge-from=Other[c]"], "benchmark")
    assert listed == [f"{FROM}=Other[tone]", "Tiny[a,b]-ridge-from=Other[c]"]
    # other responses of the second data set are another score
    before = benchmark.fingerprint
    benchmark.second = replace(second, assembly=second.assembly * 2)
    assert benchmark.fingerprint != before
    # so are other sounds that are held out
    benchmark.second = second
    assert benchmark.fingerprint == before
    monkeypatch.setattr("brainbench_audio.pipeline.second.SAME", "bytes alone")
    assert benchmark.fingerprint != before
    with pytest.raises(ContractError, match="sounds of Other, too"):
        benchmark.compare(_layers(benchmark.stimuli))


def _layers(stimuli: Any) -> Any:
    model = load_model("tiny-plain")
    return model.activations(stimuli.waveforms(range(len(stimuli)), model.sample_rate))


def test_the_model_hears_both_before_scoring_and_once(
    counted: Callable[..., list[str]], heard: Callable[[], list[tuple[str, int, int]]]
) -> None:
    (model,) = counted(1)
    ids = [f"{FROM}=Other", "Tiny-match", "Tiny.a-ridge-from=Other"]
    targets = [look_at(Loadable(one), lambda one=one: load_benchmark(one)) for one in ids]  # type: ignore[misc]
    hear_where_asked(Workbench(), Hearing(Loadable(model), tuple(targets)))
    before = len(heard())
    assert before == 2 * (3 + 1)  # both sets in chunks of 16, and a sound of each again
    found = list(score_many([model], ids))
    assert all(isinstance(each, Run) for each in found)
    assert len(heard()) == before
    run(model, f"{FROM}=Other", recompute=True)
    assert len(heard()) == 2 * before


def test_another_process_hears_both(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, Any]] = []

    def hear(hearing: Hearing, stimuli: Any) -> Any:
        asked.append((hearing, stimuli))
        return SimpleNamespace(identity=identified(hearing.model).identity)

    monkeypatch.setattr(
        "brainbench_audio.pipeline.isolation.hear_isolated",
        hear,
    )
    identifier = f"{FROM}=Other"
    target = look_at(Loadable(identifier), lambda: load_benchmark(identifier))
    hear_where_asked(Workbench(), Hearing(Loadable("tiny-plain"), (target,), isolate="full"))
    assert [hearing.targets[0].stimuli for hearing, _ in asked] == [
        stimuli.fingerprint for _, stimuli in asked
    ]
    assert len({stimuli.fingerprint for _, stimuli in asked}) == 2


def test_what_is_not_named_or_does_not_fit_is_told(capsys: Told) -> None:
    plain = find_benchmark(FROM)
    assert plain.takes_second
    assert needs_named(plain) is not None
    with pytest.raises(UnknownId, match=f"name that one, {FROM}=DATASET"):
        load_benchmark(FROM)
    for named in (FROM, "Tiny.a-ridge-from", "Other-ridge-from", "SimCortex-ridge-from"):
        error = needs_named(find_benchmark(named))
        proposed = str(error).removesuffix(".").rpartition("such as ")[2]
        assert find_benchmark(f"{named}={proposed}").second == proposed
    for second, told in {
        "Tiny": "cannot take over from itself",
        "Tiny.a": "cannot take over from itself",
        "Othre": "Did you mean Other-ridge-from",
        "Other.x": "There is no benchmark",
        "Other-ridge-from=Tiny": "There is no benchmark",
        "HEAR.esc50": "needs responses, which",
    }.items():
        with pytest.raises(UnknownId, match=told):
            find_benchmark(f"{FROM}={second}")
    with pytest.raises(UnknownId, match="Leave =Other out"):
        find_benchmark("Tiny-ridge=Other")
    with pytest.raises(UnknownId, match="no category 'speech'"):
        load_benchmark(f"{FROM}=Other[speech]")
    one = BenchmarkId.parse("dist:Tiny.a[b]-ridge-from=dist:Other.x")
    assert (one.second, one.given, str(one)) == (
        "dist:Other.x",
        None,
        "dist:Tiny.a[b]-ridge-from=dist:Other.x",
    )
    assert main(["score", "-m", "tiny-plain", "-b", FROM]) == 2
    assert "name that one" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["score", "-m", "tiny-plain", "-b", f"{FROM}=Other", "--given", "tiny-wide"])
    # a glob leaves out what lacks a name
    found = rows(capsys, "-m", "tiny-plain", "-b", "Tiny-ridge-[sf]*", "--permutations", "0")
    assert [row["benchmark"] for row in found] == ["Tiny-ridge-scaled"]


def test_what_is_known_and_needed_of_both(capsys: Told) -> None:
    assert main(["info", f"{FROM}=Other", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["second_data"] == "Other"
    assert main(["list", "benchmarks", "--json"]) == 0
    assert FROM in capsys.readouterr().out
    pair = Loadable("tiny-plain"), Loadable(f"{FROM}=Nowhere")
    assert [each.state for each in without_data([pair])[1]] == [NEEDS_DATA]
    work = plan_work(Workbench(), [(Loadable("tiny-plain"), Loadable(f"{FROM}=Other"))])
    ids = [part.card.id for part in parts_of(work)]
    assert ids == ["tiny-plain", "Tiny", "Other", "ridge"]


@pytest.mark.parametrize("other", ["Other", "brainbench-tiny:Other", "brainbench-tiny:Other[a]"])
def test_citations_are_those_of_both(other: str, capsys: Told) -> None:
    assert main(["cite", f"{FROM}={other}", "--json"]) == 0
    ids = [name.partition(" ")[2] for name in json.loads(capsys.readouterr().out)]
    assert ids == ["", "data", "metric", "second"]


def test_a_change_of_either_data_set_is_noticed(monkeypatch: pytest.MonkeyPatch, two: Path) -> None:
    monkeypatch.setattr("brainbench_audio.pipeline.targets._SETTLED", 0)
    wanted = Loadable(f"{FROM}=Other")
    second = load_benchmark(wanted.id).second
    assert second is not None

    def never() -> Any:
        raise AssertionError("read again")

    first = look_at(wanted, lambda: load_benchmark(wanted.id))
    assert first.columns == 2 * 3
    for file in (settings.data_home() / "other" / "more.txt", second.stimuli.files[-1]):
        assert look_at(wanted, never) == first
        file.touch()
        with pytest.raises(AssertionError, match="read again"):
            look_at(wanted, never)
        look_at(wanted, lambda: load_benchmark(wanted.id))
    # of some sounds to be scored, all of the second data set are decomposed
    few = Loadable("Tiny[tone,noise]-ridge-from=Other")
    assert look_at(few, lambda: load_benchmark(few.id)).rows == 40
