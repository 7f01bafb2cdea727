"""From a folder of sounds and responses to a plugin that passes and scores."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

import brainbench_audio
from brainbench_audio import settings
from brainbench_audio.archives import pack
from brainbench_audio.cards import DatasetCard
from brainbench_audio.cli.main import main
from brainbench_audio.data_source import checksum
from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.own_data import source
from brainbench_audio.own_data.source import read_own_data
from brainbench_audio.pipeline.loading import load_dataset
from brainbench_audio.registry.discovery import plugins
from brainbench_audio.tables import Table, read_table
from brainbench_audio.templates.distribution import names, write_distribution
from brainbench_audio.templates.own_data import described
from brainbench_audio.testing.conformance import checks
from brainbench_audio.testing.dummies import DummyModel

from .test_atlas import LABELS, PARCELS, annotations
from .writing import write_table

CARD = DatasetCard(
    id="Mine",
    provides=frozenset({"responses"}),
    stimuli=30,
    **dict.fromkeys(("description", "licence", "citation", "source", "size"), "made up"),
    packages=("brainbench_mine",),
)
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
REGIONS = ["Primary", "Primary", "Lateral", "Lateral", "rest of it"]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make 30 sounds, and responses that follow them, as a new benchmark has them."""
    folder = tmp_path_factory.mktemp("example") / "plugin"
    named = names("benchmark", "Example")
    write_distribution("benchmark", named, folder)
    return folder / named.package / "data"


@pytest.fixture
def folder(sounds: Path, tmp_path: Path) -> Path:
    """Two listeners, three sessions each, in the scanner's units, and trials of silence."""
    made = tmp_path / "measured"
    shutil.copytree(sounds / "sounds", made / "sounds")
    table = read_table(sounds / "responses.csv")
    stimuli, components = table.text("stimulus"), [f"component{number}" for number in range(5)]
    signal = table.numbers(components)
    signal = 1 + (signal - signal.mean(axis=0)) / (4 * signal.std(axis=0))
    generator = np.random.default_rng(0)
    for subject in ("a", "b"):
        values = signal[:, :, None] + 0.1 * generator.standard_normal((30, 5, 3))
        useless = generator.standard_normal((30, 2, 3))
        values = np.concatenate([values, useless], axis=1)
        rest = 0.1 * generator.standard_normal((4, 7, 3))
        raw = 500 * (1 + np.concatenate([values, rest]) / 100)
        np.save(made / f"sub-{subject}_responses.npy", raw)
    trials = [[f"{name}.wav"] for name in stimuli] + [["silence"]] * 4
    write_table(made / "events.tsv", ["stim_file"], trials)
    labels = zip(reversed(stimuli), reversed(table.text("category")), strict=True)
    write_table(made / "stimuli.csv", ["stimulus", "category"], [*labels])
    rows = [[f"v{number}", name] for number, name in enumerate((*REGIONS, "", ""))]
    write_table(made / "voxels.csv", ["voxel", "region"], rows)
    return made


@pytest.fixture
def installed(site: Path) -> Iterator[Callable[[Path], str]]:
    """Return a function that puts a written plugin among the installed ones."""
    packages: list[str] = []

    def install(written: Path) -> str:
        (package,) = (path for path in written.glob("brainbench_*") if path.is_dir())
        shutil.copytree(package, site / package.name)
        info = site / f"{package.name}-0.1.0.dist-info"
        info.mkdir()
        name = package.name.replace("_", "-")
        project = tomllib.loads((written / "pyproject.toml").read_text())["project"]
        needs = "".join(f"Requires-Dist: {need}\n" for need in project["dependencies"])
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n{needs}"
        )
        (info / "entry_points.txt").write_text(f"[brainbench_audio]\nmine = {package.name}\n")
        importlib.invalidate_caches()
        plugins.cache_clear()
        packages.append(package.name)
        return name

    yield install
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]


def test_a_folder_becomes_a_benchmark(
    folder: Path,
    installed: Callable[[Path], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.delenv("BRAINBENCH_DATA", raising=False)
    chosen = ["--silence", "silence", "--select"]
    assert main(["new", "benchmark", "Mine", "--from", "measured", *chosen]) == 0
    assert "brainbench data get Mine --from measured" in capsys.readouterr().out
    written = folder.parent / "brainbench-mine"
    assert not [path for path in written.rglob("*") if path.suffix in (".wav", ".npy")]
    # outside of the project its package is none of ruff's first party
    for check in (["check", "--ignore", "I001"], ["format", "--check"]):
        given = ["--no-cache", "--config", str(PROJECT)]
        command = [sys.executable, "-m", "ruff", *check, *given, str(written)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    distribution = installed(written)

    def states(title: str = "") -> dict[str, str]:
        found = [check.outcome() for check in checks(distribution) if title in check.name]
        return {one.message: one.state for one in found if one.state in ("failed", "warning")}

    assert any("brainbench data get Mine" in told for told in states("loads"))
    assert main(["data", "get", "Mine"]) == 1
    assert "is not published" in capsys.readouterr().err
    assert main(["data", "get", "Mine", "--from", "measured"]) == 0
    found = states()
    assert "failed" not in found.values(), found
    (told,) = found
    assert "licence of the data is 'unknown'" in told

    data = load_dataset("Mine")
    assert data.assembly.shape == (30, 10, 3)
    assert data.card.provides == {"responses", "multivariate", "sessions", "subjects"}
    assert data.card.subsets == ("lateral", "primary")
    assert load_dataset("Mine.lateral").assembly["voxel_id"].values.tolist() == ["v2", "v3"] * 2
    assert data.stimuli.names == tuple(sorted(data.stimuli.names, reverse=True))
    with pytest.raises(UnknownId, match="no subset 'rest', only lateral, primary"):
        load_dataset("Mine.rest")


def test_data_come_from_the_users_own_folder_first_and_are_held_to_the_card(
    folder: Path, installed: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert main(["new", "benchmark", "Mine", "--from", "measured", "--silence", "silence"]) == 0
    installed(folder.parent / "brainbench-mine")
    archive = folder.parent / "measured.tar"
    files = {path.relative_to(folder.parent): path for path in folder.rglob("*.*")}
    pack(archive, files)  # type: ignore[arg-type]
    assert main(["data", "get", "Mine", "--from", str(archive)]) == 0
    place = settings.data_home() / "Mine"
    assert sorted(path.name for path in place.iterdir()) == sorted(
        path.name for path in folder.iterdir()
    )
    (folder / "voxels.csv").unlink()
    assert main(["data", "get", "Mine", "--from", str(folder)]) == 1
    assert (place / "voxels.csv").exists()
    assert load_dataset("Mine").assembly.sizes["voxel"] == 14
    folder.rename(folder.with_name("Mine"))
    monkeypatch.setenv("BRAINBENCH_DATA", str(folder.parent))
    assert "region" not in load_dataset("Mine").assembly.coords


def test_an_atlas_gives_subsets_and_its_plugin_needs_nibabel(folder: Path) -> None:
    assert "[nifti]" not in described("Mine", folder, "silence", False)["dependencies"]
    annotations(folder)
    wanted = ["A1", "LBelt", "TA2", "TA2", "MBelt", "MBelt", "MBelt"]
    vertices = [LABELS["rh"].tolist().index(PARCELS.index(name)) for name in wanted]
    rows = [[f"v{number}", "rh", vertex] for number, vertex in enumerate(vertices)]
    write_table(folder / "voxels.csv", ["voxel", "hemisphere", "vertex"], rows)
    told = described("Mine", folder, "silence", False)
    assert "[nifti]" in told["dependencies"]
    assert told["subsets"] == '("anterior", "primary")'
    data = read_own_data(folder, CARD, "primary", silence="silence")
    assert data.assembly["parcel"].values.tolist() == ["A1", "LBelt"] * 2


def test_it_scores(sounds: Path, installed: Callable[[Path], str], tmp_path: Path) -> None:
    """The responses of the example, read as voxels, score as the example does."""
    written = tmp_path / "plugin"
    assert main(["new", "benchmark", "Mine", "--from", str(sounds), "--output", str(written)]) == 0
    installed(written)
    assert main(["data", "get", "Mine", "--from", str(sounds)]) == 0
    score = brainbench_audio.score(DummyModel(), "Mine-rsa")
    assert 0.2 < score.value < 1
    assert score.n["stimulus"] == 30


def test_scores_of_voxels_are_put_on_the_cortex(
    sounds: Path, installed: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From coordinates in a table, through a stored score, to a file that others open."""
    data = tmp_path / "Mine"
    shutil.copytree(sounds, data)
    rows = [[f"component{number}", "rh", 10 * number] for number in range(5)]
    write_table(data / "voxels.csv", ["voxel", "hemisphere", "vertex"], rows)
    written = tmp_path / "plugin"
    assert main(["new", "benchmark", "Mine", "--from", str(data), "--output", str(written)]) == 0
    installed(written)
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path))
    score = brainbench_audio.score(DummyModel(), "Mine-ridge")
    maps = brainbench_audio.export(tmp_path / "maps", surface="fsaverage3")
    (path,) = maps.iterdir()
    found = {one.meta["Name"]: one.data for one in nibabel.load(path).darrays}
    assert np.flatnonzero(np.isfinite(found["R²"])).tolist() == [0, 10, 20, 30, 40]
    np.testing.assert_allclose(found["R²"][:50:10], score.raw["r2"], rtol=1e-6)
    best = score.raw["layer_score"].values.argmax(axis=0)
    assert found["best layer"][:50:10].tolist() == best.tolist()


def _renamed(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / old).rename(folder / new)

    return change


def _table(text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "stimuli.csv"
        path.write_text(path.read_text() + text)

    return change


REFUSED = {
    "no sounds": (_renamed("sounds", "audio"), "sounds is missing: put the sounds there"),
    "no sound": (_renamed("sounds/sound03.wav", "else.wav"), "has no sound for 'sound03'"),
    "another sound": (
        lambda folder: shutil.copy(folder / "sounds/sound03.wav", folder / "sounds/more.wav"),
        "more.wav has no responses (1 such): name it as the stimulus is named",
    ),
    "two sounds": (
        lambda folder: shutil.copy(folder / "sounds/sound03.wav", folder / "sounds/sound03.flac"),
        "are both the sound of 'sound03': keep one",
    ),
    "no responses": (_table("thunder,noise\n"), "has 'thunder' (1 such), which has no responses"),
    "two categories": (_table("sound03,birds\n"), "row 31: the category of 'sound03' is 'birds'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str, folder: Path) -> None:
    change, message = REFUSED[case]
    change(folder)
    with pytest.raises(DataError, match=re.escape(message)):
        read_own_data(folder, CARD, silence="silence")


def _relabelled(folder: Path, name: str, *, change: int | None = None) -> list[str]:
    """Move the labels of `stimuli.csv` to another table, with folds; return the stimuli."""
    trials = read_table(folder / "events.tsv").text("stim_file")
    category = dict(
        zip(*map(read_table(folder / "stimuli.csv").text, ("stimulus", "category")), strict=True)
    )
    rows = []
    for number, trial in enumerate(trials):
        stimulus = trial.removesuffix(".wav")
        # silence is in each fold, and of no category
        fold = 7 if number == change else number % 3
        rows.append([trial, fold, category.get(stimulus, "")])
    write_table(folder / name, ["stim_file", "fold", "category"], rows)
    return [trial.removesuffix(".wav") for trial in trials[:30]]


@pytest.mark.parametrize(
    "name", ["events.tsv", "sub-a_events.tsv", "sub-a_stimuli.tsv"], ids=["all", "one", "stimuli"]
)
def test_tables_of_rows_give_folds_and_categories(name: str, folder: Path) -> None:
    """As `stimuli.csv` does; they were dropped, and folds made at random in their place."""
    usual = read_own_data(folder, CARD, silence="silence").stimuli
    known = dict(zip(usual.names, usual.categories, strict=True))
    stimuli = _relabelled(folder, name)
    (folder / "stimuli.csv").unlink()
    if name == "sub-a_stimuli.tsv":  # it names the rows of one subject, events those of the other
        (folder / "events.tsv").rename(folder / "sub-b_events.tsv")
    data = read_own_data(folder, CARD, silence="silence")
    assert data.stimuli.names == tuple(stimuli)
    assert data.stimuli.categories == tuple(known[name] for name in stimuli)
    assert data.folds.assignment == tuple(number % 3 for number in range(30))
    assert data.folds.source == f"given in {name}"


def test_labels_of_two_tables_agree(folder: Path) -> None:
    stimuli = _relabelled(folder, "sub-a_events.tsv")
    assert len(set(read_own_data(folder, CARD, silence="silence").folds.assignment)) == 3
    _relabelled(folder, "sub-b_events.tsv", change=4)
    told = rf"sub-b_events\.tsv: the fold of '{stimuli[4]}' is 7, in .*sub-a_events\.tsv it is 1"
    with pytest.raises(DataError, match=told):
        read_own_data(folder, CARD, silence="silence")
    (folder / "sub-b_events.tsv").unlink()
    path = folder / "stimuli.csv"
    path.write_text(path.read_text().replace(f"{stimuli[2]},", f"{stimuli[2]},other "))
    with pytest.raises(
        DataError, match=rf"the category of '{stimuli[2]}' is .*, in .*stimuli\.csv"
    ):
        read_own_data(folder, CARD, silence="silence")


def test_labels_are_of_all_stimuli(sounds: Path, tmp_path: Path) -> None:
    """A table beside one that names its rows itself may say less than that."""
    shutil.copytree(sounds, tmp_path / "data")
    write_table(tmp_path / "data/events.csv", ["stimulus", "fold"], [["sound00", 0]])
    with pytest.raises(DataError, match=r"events\.csv gives no fold to 'sound01' \(29 such\)"):
        read_own_data(tmp_path / "data", CARD)


def test_folds_may_be_given(folder: Path) -> None:
    path = folder / "stimuli.csv"
    head, *rows = path.read_text().splitlines()
    lines = [f"{row},{number % 3}" for number, row in enumerate(rows)]
    path.write_text("\n".join([f"{head},fold", *lines]))
    data = read_own_data(folder, CARD, silence="silence")
    assert data.folds.assignment == tuple(number % 3 for number in range(30))
    assert len(checksum(data)) == 64
    path.write_text("\n".join([f"{head},fold", *lines[:-1], lines[-1][:-1] + "first"]))
    with pytest.raises(DataError, match=r"row 30 below the head: fold is 'first'"):
        read_own_data(folder, CARD, silence="silence")


@pytest.mark.parametrize(
    "arguments", [["benchmark", "Mine", "--select"], ["metric", "mine", "--from", "."]]
)
def test_options_that_say_nothing_are_wrong_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["new", *arguments])
    assert stop.value.code == 2


def test_time_grows_with_the_stimuli_not_with_their_square() -> None:
    """8,000 stimuli took 12 s: 64 times as long for 8 times as many."""

    def once(number: int) -> float:
        stimuli = [f"sound{place}" for place in range(number)]
        table = Table("stimuli.csv", ("stimulus",), tuple({"stimulus": name} for name in stimuli))
        started = time.process_time()
        assert source._same_names(table, stimuli[::-1]) == stimuli
        return time.process_time() - started

    assert min(once(8000) for _ in range(3)) < 30 * min(once(1000) for _ in range(3))
