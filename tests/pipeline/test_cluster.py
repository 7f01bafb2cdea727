"""Many pairs on a real scheduler with real workers: equal to a serial run, whatever is killed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import settings
from brainbench_audio.activations.extraction import activations_folder, plan_extraction
from brainbench_audio.activations.store import StoredActivations, stored_sets
from brainbench_audio.cli.main import ENVIRONMENT, WAITING, main
from brainbench_audio.errors import BrainbenchError
from brainbench_audio.pipeline import agreement, cluster, connection
from brainbench_audio.pipeline.hearing import Workbench
from brainbench_audio.pipeline.identifying import identified
from brainbench_audio.pipeline.loading import Loadable, load_benchmark
from brainbench_audio.pipeline.many import score_many
from brainbench_audio.pipeline.plan import failed_file, plan_work
from brainbench_audio.pipeline.run import Failure, Run
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.testing.waiting import wait_until

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.usefixtures("tiny"),
    # sockets and processes of Dask that end a moment after the test that used them
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
BENCHMARKS = ["Tiny-match", "Tiny-match-many", "Tiny.a-match", "Tiny.b-match"]
# the tiny data set has 40 sounds, which models hear in pieces of 16, 16 and 8
Heard = Callable[[], list[tuple[str, int, int]]]


def values(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return everything that a store says, but for when and how long."""
    found = {}
    for entry in stored_scores():
        assert folder in entry.path.parents
        score = Score.from_netcdf(entry.path)
        kept = {"value": score.value, "error": score.error, "interval": score.interval}
        kept |= {"parts": dict(score.parts), "layer": score.layer, "n": dict(score.n)}
        kept |= {"key": score.provenance["key"]}
        kept |= {name: array.values.tobytes() for name, array in score.raw.items()}
        found[entry.model, entry.benchmark] = kept
    return found


def scored(
    models: Sequence[str], benchmarks: Sequence[str], **how: Any
) -> tuple[list[Run], list[Failure]]:
    found = list(score_many(models, benchmarks, **how))
    runs = [each for each in found if isinstance(each, Run)]
    return runs, [each for each in found if isinstance(each, Failure)]


def test_equal_to_a_serial_run_whatever_is_killed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    real_cluster: Any,
    counted: Callable[..., list[str]],
    heard: Heard,
) -> None:
    """One cluster for the whole story: starting its processes takes longer than their work."""
    models = ["tiny-plain", "tiny-wide", *counted(4)]
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "serial"))
    runs, failures = scored(models, BENCHMARKS)
    assert (len(runs), failures) == (24, [])
    serial = values(tmp_path / "serial")
    assert set(calls_of(heard()).values()) == {3 + 1}, "each model hears the sounds once, one again"

    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "spread"))
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "3")
    with real_cluster(2, PYTHONPATH=os.environ["PYTHONPATH"]) as running:
        runs, failures = scored(models, BENCHMARKS, scheduler=running.address)
        assert (len(runs), failures) == (24, [])
        assert not any(run.cached for run in runs)
        assert values(tmp_path / "spread") == serial
        assert set(calls_of(heard()).values()) == {2 * (3 + 1)}
        processes = {process for _, _, process in heard()}
        assert processes == {os.getpid(), *(worker.pid for worker in running.workers)}
        assert runs[0].score.raw.sizes == {}, "arrays stay in the store"
        assert runs[0].whole().raw["layer_score"].dims == ("layer", "component")
        again, failures = scored(models, BENCHMARKS, scheduler=running.address)
        assert (len(again), failures, all(run.cached for run in again)) == (24, [], True)

        loses_a_worker(running, counted(6, "Robust", seconds=0.2), heard)
        loses_the_scheduler(running, counted(6, "Resumed", seconds=0.2), heard)
    assert "Traceback" not in capfd.readouterr().err


def loses_a_worker(running: Any, models: list[str], heard: Heard) -> None:
    found = []
    for result in score_many(models, BENCHMARKS, scheduler=running.address):
        if not found:
            running.kill(running.workers[0])
        found.append(result)
    assert len(found) == 24
    assert all(isinstance(result, Run) for result in found)
    # what was stored is not heard again; one piece was lost with the process, maybe a first one,
    # of which a sound is heard twice
    assert 6 * (3 + 1) <= calls_of(heard(), "Robust").total() <= 6 * (3 + 1) + 2
    assert not list(settings.cache_home().rglob("*.corrupt"))


def loses_the_scheduler(running: Any, models: list[str], heard: Heard) -> None:
    found = []
    for result in score_many(models, BENCHMARKS, scheduler=running.address):
        found.append(result)
        if len(found) == 4:
            running.kill(running.scheduler)
    for worker in running.workers:
        running.kill(worker)
    failures = [result for result in found if isinstance(result, Failure)]
    assert len(found) == 24
    assert {failure.message for failure in failures} == {
        "the scheduler went away before this was done: score it again"
    }
    done = {(entry.model, entry.benchmark) for entry in stored_scores()}
    before = calls_of(heard(), "Resumed")
    pieces, begun = (
        sum(len(list(folder.glob(some))) for folder in sets_of("Resumed"))
        for some in ("chunk-*", "chunk-00000-*")
    )
    runs, left = scored(models, BENCHMARKS)
    assert left == []
    assert {(run.model, run.benchmark) for run in runs if run.cached} == {
        pair for pair in done if pair[0].startswith("Resumed")
    }
    assert 4 <= sum(run.cached for run in runs) < 24
    assert (calls_of(heard(), "Resumed") - before).total() == 6 * (3 + 1) - pieces - begun


def calls_of(told: list[tuple[str, int, int]], prefix: str = "Counted") -> Counter[str]:
    return Counter(name for name, _, _ in told if name.startswith(prefix))


def sets_of(prefix: str) -> list[Path]:
    return [
        Path(entry["folder"])
        for entry in stored_sets(activations_folder())
        if entry["fields"]["model"].startswith(prefix)
    ]


def test_processes_of_this_machine(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    counted: Callable[..., list[str]],
    heard: Heard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("cryptography")
    monkeypatch.setattr(connection, "_DEATHS", 1)  # after each one Dask starts another process
    for name, value in (ENVIRONMENT | WAITING).items():  # those that the command itself sets
        monkeypatch.setenv(name, value)
    dead = tmp_path / "dead.py"
    dead.write_text(
        "import os\nfrom brainbench_audio.testing import DummyModel\n"
        "class Dead(DummyModel):\n"
        "    def activations(self, waveforms, layers=None):\n        os._exit(9)\n"
    )
    before = dict(os.environ)
    models = ["tiny-broken", f"{dead}:Dead", *counted(3), "tiny-plain"]
    arguments = ["score", "-m", *models, "-b", "Tiny-match", "Nowhere-match", "Tiny.a-match"]
    assert main([*arguments, "--workers", "2", "--json"]) == 1
    assert dict(os.environ) == before, "what Dask puts into the environment is gone again"
    told = capsys.readouterr()
    names = ["Counted0", "Counted1", "Counted2", "tiny-plain"]
    rows = [(row["model"], row["benchmark"]) for row in json.loads(told.out)]
    assert rows == [(name, each) for name in names for each in BENCHMARKS[::2]], told.err
    assert calls_of(heard()) == {f"Counted{index}": 3 + 1 for index in range(3)}
    assert os.getpid() not in {process for _, _, process in heard()}
    assert (
        "tiny-broken failed: unexpected RuntimeError('the weights are full of holes')" in told.err
    )
    assert "Dead x Tiny-match failed: the process that worked on it was killed, each" in told.err
    assert "Nowhere-match failed: Nowhere cannot be found anywhere." in told.err
    assert "10 of 18 pairs failed" in told.err
    assert "Traceback" not in told.err
    assert len(json.loads(failed_file().read_text())["pairs"]) == 10


def test_nobody_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_CONNECT_SECONDS", 1)
    arguments = ["score", "-m", "tiny-plain", "-b", "Tiny-match"]
    assert main([*arguments, "--scheduler", "tcp://127.0.0.1:9"]) == 1
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in capsys.readouterr().err
    assert main([*arguments, "--scheduler", "nonsense"]) == 1
    assert "'nonsense' is no address of a Dask scheduler" in capsys.readouterr().err


def test_without_dask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["score", "-m", "tiny-plain", "-b", "Tiny-match", "--workers", "2"]) == 1
    assert "pip install 'brainbench-audio[cluster]'" in capsys.readouterr().err


def context(run: str, **packages: str) -> agreement.Context:
    return agreement.Context(run, agreement.settings(), agreement.sources(packages))


def test_settings_are_those_of_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINBENCH_DATA", "somewhere")
    monkeypatch.setenv("BRAINBENCH_STRICT", "1")
    given = agreement.settings()
    assert given["BRAINBENCH_DATA"] == str(Path("somewhere").absolute())
    asked = context("1", brainbench_audio="brainbench-audio")
    monkeypatch.delenv("BRAINBENCH_DATA")
    monkeypatch.setenv("BRAINBENCH_HOME", "/elsewhere")
    with agreement.applied(asked) as bench:
        assert agreement.settings() == given
        assert str(settings.results_home()) == given["BRAINBENCH_HOME"] + "/results"
    with agreement.applied(asked) as same:
        assert same is bench
    assert os.environ["BRAINBENCH_HOME"] == "/elsewhere"
    assert "BRAINBENCH_DATA" not in os.environ


def test_a_worker_that_comes_later_with_another_plugin_is_refused(tiny: Path) -> None:
    asked = context("2", brainbench_tiny="brainbench-tiny")
    assert str(asked.sources["brainbench_tiny"]).startswith("brainbench-tiny 1.5 (source ")
    (tiny / "cards.py").write_text((tiny / "cards.py").read_text() + "\n# edited\n")
    refused = pytest.raises(BrainbenchError, match=r"came later has brainbench-tiny 1\.5")
    with refused, agreement.applied(asked):
        pass


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("source", r"has brainbench-tiny 1\.5 \(source \w{8}\), this machine .* 1\.5"),
        pytest.param("version", r"has brainbench-tiny 1\.6 \(source", marks=pytest.mark.slow),
        pytest.param("missing", "has no brainbench-tiny, this machine", marks=pytest.mark.slow),
    ],
)
def test_other_versions_are_found_before_work_is_handed_out(
    change: str, told: str, tiny: Path, tmp_path: Path, real_cluster: Any
) -> None:
    there = tmp_path / "there"
    shutil.copytree(tiny.parent, there)
    if change == "source":
        (there / "brainbench_tiny" / "cards.py").write_text("CARDS = []\n")
    elif change == "version":
        metadata = there / "brainbench_tiny-1.5.dist-info" / "METADATA"
        metadata.write_text(metadata.read_text().replace("1.5", "1.6"))
    else:
        shutil.rmtree(there)
    path = os.environ["PYTHONPATH"].replace(str(tiny.parent), str(there))
    with (
        real_cluster(1, PYTHONPATH=path) as running,
        pytest.raises(BrainbenchError, match=f"Worker tcp://[0-9.:]+ {told}"),
    ):
        list(score_many(["tiny-plain"], ["Tiny-match"], scheduler=running.address))
    assert not list(stored_scores())
    assert not activations_folder().exists()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("tiny-plain", False),  # its weights are not on the hub
        ("hf:owner/name", True),
        ("beats-iter1", True),
    ],
)
def test_workers_get_the_token_of_the_hub_where_they_may_need_it(
    model: str, expected: bool
) -> None:
    pytest.importorskip("brainbench_hub")
    pytest.importorskip("brainbench_beats")
    work = plan_work(Workbench(), [(Loadable(model), Loadable("Tiny-match"))])
    assert cluster._from_hub(work) is expected


class Recorder:
    """A client that only writes down what it is asked to do."""

    def __init__(self, **resources: int) -> None:
        self.workers: dict[str, dict[str, Any]] = {
            "a": {"resources": {}, "memory_limit": 8},
            "b": {"resources": resources},
        }
        self.workers["b"]["memory_limit"] = 16
        self.asked: list[tuple[str, Any]] = []

    def scheduler_info(self, n_workers: int) -> dict[str, Any]:
        return {"workers": self.workers}

    def submit(self, function: Any, *_: Any, resources: Any = None, **__: Any) -> object:
        self.asked.append((function.__name__, resources))
        return object()


@pytest.mark.parametrize(
    ("there", "options", "expected"),
    [
        ({"GPU": 1}, {}, {"GPU": 1}),
        ({"GPU": 1}, {"device": "cuda"}, {"GPU": 1}),
        ({"GPU": 1}, {"device": "cpu"}, None),
        ({}, {"device": "cuda"}, None),
    ],
)
def test_models_run_where_workers_declare_a_gpu(
    there: dict[str, int], options: dict[str, str], expected: Any
) -> None:
    model = Loadable("tiny-plain", options)
    work = plan_work(Workbench(), [(model, Loadable(name)) for name in BENCHMARKS])
    client = Recorder(**there)
    futures = cluster._Job(client, context("3"))._submitted(work.hearings(), alone=False)  # type: ignore[arg-type]
    assert len(futures) == 4
    assert client.asked == [("hear_task", expected), *[("score_task", None)] * 4]


@pytest.mark.parametrize(
    ("hours", "options", "how", "shares"),
    [
        (3.9, {}, {}, 0),
        (4.1, {}, {}, 2),
        (1000, {}, {}, 2),
        (1000, {"device": "cuda"}, {}, 0),  # of two workers one has a GPU
        (1000, {"device": "cpu"}, {}, 2),
        (1000, {}, {"recompute": True}, 0),
        (1000, {}, {"isolate": "full"}, 0),
    ],
)
def test_many_hours_of_sound_are_shared(
    hours: float, options: dict[str, str], how: dict[str, Any], shares: int
) -> None:
    model = Loadable("tiny-plain", options)
    work = plan_work(Workbench(), [(model, Loadable("Tiny-match"))])
    (hearing,) = work.hearings(**{"recompute": False, "isolate": None} | how)
    (target,) = hearing.targets
    hearing = replace(hearing, targets=(replace(target, duration=3600 * hours),))
    client = Recorder(**({"GPU": 1} if "device" in options else {}))
    job = cluster._Job(client, context("3"))  # type: ignore[arg-type]
    job._submitted([hearing], alone=False)
    named = [name for name, _ in client.asked]
    assert named == ["share_task"] * shares + ["hear_task", "score_task"]
    client.asked.clear()
    job._submitted([hearing], alone=True)
    assert [name for name, _ in client.asked] == ["hear_task", "score_task"]


@pytest.mark.slow
def test_a_set_is_shared_by_workers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    real_cluster: Any,
    counted: Callable[..., list[str]],
    heard: Heard,
) -> None:
    """Four workers are 3.5 times as fast as one with a model that only waits; one is killed."""
    monkeypatch.setattr(cluster, "SHARE_SECONDS", 0.01)
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "serial"))
    (plain,) = counted(1, "Plain")
    _in_chunks(plain, of=1)
    (alone,), failures = scored([plain], ["Tiny-match"])
    assert failures == []
    (serial,) = sets_of("Plain")

    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "spread"))
    with real_cluster(4, PYTHONPATH=os.environ["PYTHONPATH"]) as running:
        scored(counted(1, "Warm"), ["Tiny-match"], scheduler=running.address)  # all are started
        (waiting,) = counted(1, "Waiting", seconds=1)
        _in_chunks(waiting, of=1)
        (run,), failures = scored([waiting], ["Tiny-match"], scheduler=running.address)
        assert (failures, run.score.value) == ([], alone.score.value)
        (spread,) = sets_of("Waiting")
        # their names end with a hash of what is in them
        chunks = sorted(file.name for file in spread.glob("chunk-*"))
        assert chunks == sorted(file.name for file in serial.glob("chunk-*"))
        assert len(chunks) == 40
        assert len({process for name, _, process in heard() if name == "Waiting0"}) == 4
        written = [file.stat().st_mtime for file in spread.glob("chunk-*")]
        # a second each, and one sound is heard again: eleven seconds with four workers
        assert 41 / (1 + max(written) - min(written)) >= 3.5

        (robust,) = counted(1, "Robust", seconds=0.3)
        _in_chunks(robust, of=2)
        found = ThreadPoolExecutor().submit(
            scored, [robust], ["Tiny-match"], scheduler=running.address
        )
        wait_until(lambda: calls_of(heard(), "Robust").total() >= 6)
        running.kill(running.workers[0])
        (run,), failures = found.result(timeout=60)
        assert (failures, run.score.value) == ([], alone.score.value)
        # the chunk that it heard, and the one that it wrote
        assert 21 <= calls_of(heard(), "Robust").total() <= 23 + 1


def _in_chunks(model: str, of: int) -> None:
    """Begin the folder of a model's activations with chunks of a few sounds, which all keep to."""
    stimuli = load_benchmark("Tiny-match").stimuli
    plan = replace(plan_extraction(identified(Loadable(model)).identity, stimuli), chunk=of)
    StoredActivations.open(activations_folder(), plan)


def test_the_largest_worker_decides_what_fits() -> None:
    client = Recorder()
    assert connection.largest_worker(client) == 16  # type: ignore[arg-type]
    client.workers["a"]["memory_limit"] = 0  # no limit
    assert connection.largest_worker(client) > 10**15  # type: ignore[arg-type]
