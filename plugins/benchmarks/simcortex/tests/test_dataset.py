from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from brainbench_simcortex import brainbench_benchmarks, storage
from brainbench_simcortex.cards import CARDS
from brainbench_simcortex.cortex import REGIONS, SUBJECTS, VOXELS
from brainbench_simcortex.dataset import SimCortex
from brainbench_simcortex.generated import MANIFEST
from brainbench_simcortex.recipes import RECIPES, exemplars, synthesise
from brainbench_simcortex.storage import (
    PLANTED,
    RESPONSES,
    damage,
    ensure,
    read_planted,
    read_responses,
)
from brainbench_simcortex.synthesis import FULL_SCALE, SAMPLE_RATE

from brainbench_audio.assemblies.assembly import validate
from brainbench_audio.data_source import LoadedDataset
from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.files import hash_file


def test_the_whole_data_set(dataset: LoadedDataset) -> None:
    assert brainbench_benchmarks() == CARDS
    assert dataset.card is CARDS[0]
    assembly = validate(dataset.assembly)
    assert dict(assembly.sizes) == {"stimulus": 165, "voxel": SUBJECTS * VOXELS, "session": 3}
    assert np.isfinite(assembly.values).all()
    assert tuple(assembly["stimulus"].values) == dataset.stimuli.names == dataset.folds.stimuli
    counts = {category: count for category, (count, _) in RECIPES.items()}
    assert Counter(dataset.stimuli.categories) == counts
    subjects = Counter(assembly["subject"].values.tolist())
    assert subjects == {f"subject-{number}": VOXELS for number in range(SUBJECTS)}
    for subject in subjects:
        chosen = assembly["subject"].values == subject
        assert set(assembly["region"].values[chosen]) == set(REGIONS)


def test_sounds_differ_and_can_be_read(dataset: LoadedDataset) -> None:
    assert len(set(dataset.stimuli.hashes)) == 165
    waveforms = dataset.stimuli.waveforms(range(165), SAMPLE_RATE)
    assert {len(waveform) for waveform in waveforms} == {2 * SAMPLE_RATE}
    assert max(np.abs(waveform).max() for waveform in waveforms) < 1


def test_folds_are_balanced_over_categories(dataset: LoadedDataset) -> None:
    folds = np.asarray(dataset.folds)
    assert Counter(folds.tolist()) == dict.fromkeys(range(5), 33)
    music = folds[np.asarray(dataset.stimuli.categories) == "Music"]
    assert set(Counter(music.tolist()).values()) <= {4, 5}


@pytest.mark.parametrize("region", REGIONS)
def test_a_subset_is_a_region(dataset: LoadedDataset, region: str) -> None:
    part = SimCortex().load(CARDS[0], region.lower())
    assert set(part.assembly["region"].values) == {region}
    assert set(part.assembly["planted_layer"].values) == set(REGIONS[region])
    whole = dataset.assembly.isel(voxel=dataset.assembly["region"].values == region)
    assert np.array_equal(part.assembly.values, whole.values)
    assert region.lower() in CARDS[0].subsets


def test_an_unknown_subset_is_named(in_home: Path) -> None:
    with pytest.raises(UnknownId, match=r"'temporal'.*anterior"):
        SimCortex().load(CARDS[0], "temporal")


def test_the_folder_holds_what_is_generated(folder: Path) -> None:
    for exemplar in exemplars()[::40]:
        stored = soundfile.read(storage.sound_file(folder, exemplar.name), dtype="int16")
        assert np.array_equal(stored[0], synthesise(exemplar))
    assert folder.name == f"simcortex-{storage.DATA_VERSION}"


def test_a_changed_generator_needs_a_new_version(folder: Path) -> None:
    """Coarse numbers of version 1: where they change, raise DATA_VERSION and pin the new ones."""
    data = read_responses(folder)
    layers = read_planted(folder).layers
    sounds = [synthesise(exemplar).astype(float) / FULL_SCALE for exemplar in exemplars()[:5]]
    found = {
        "sounds": np.mean([np.abs(sound).mean() for sound in sounds]),
        "layers": np.mean([np.abs(values).mean() for values in layers.values()]),
        "responses": np.abs(data["responses"].values).mean(),
    }
    pinned = {"sounds": 0.034499, "layers": 0.70445, "responses": 1.31493}
    assert storage.DATA_VERSION == "1"
    assert found == pytest.approx(pinned, rel=1e-3)


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make generation quick: three sounds a category."""
    chosen = [exemplar for exemplar in exemplars() if exemplar.number < 3]
    monkeypatch.setattr(storage, "exemplars", lambda seed: tuple(chosen))


def test_generation_is_the_same_to_the_byte(
    tmp_path: Path, small_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    first, second = small_folder, ensure(tmp_path / "again")
    names = sorted(file.relative_to(first) for file in first.rglob("*.wav"))
    assert len(names) == 33
    assert [hash_file(first / name) for name in names] == [
        hash_file(second / name) for name in names
    ]
    assert read_responses(first).identical(read_responses(second))


@pytest.fixture(scope="module")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as monkeypatch:
        small(monkeypatch)
        return ensure(tmp_path_factory.mktemp("small") / "data")


@pytest.mark.parametrize("victim", [RESPONSES, PLANTED, MANIFEST, "sound"])
@pytest.mark.parametrize("harm", ["cut", "flip", "delete"])
def test_damage_is_noticed_and_repaired(
    tmp_path: Path,
    small_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    victim: str,
    harm: str,
) -> None:
    def generate(path: Path) -> None:
        shutil.copytree(small_folder, path)

    monkeypatch.setattr(storage, "generate", generate)
    folder = ensure(tmp_path / "data")
    file = next(folder.rglob("*.wav")) if victim == "sound" else folder / victim
    before = hash_file(file)
    content = bytearray(file.read_bytes())
    if harm == "delete":
        file.unlink()
    elif harm == "cut":
        file.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(content)
    assert damage(folder) is not None
    assert ensure(folder) == folder
    assert damage(folder) is None
    assert (tmp_path / "data.0.corrupt").is_dir()
    assert hash_file(file) == before


def test_an_untouched_folder_is_not_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "generate", pytest.fail)
    started = time.perf_counter()
    assert ensure(folder) == folder
    assert time.perf_counter() - started < 5


def test_a_killed_generation_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    small(monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr(storage, "_write_responses", stop)
        with pytest.raises(KeyboardInterrupt):
            ensure(tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    assert damage(ensure(tmp_path / "data")) is None


def test_files_damaged_after_the_check_are_named(tmp_path: Path) -> None:
    (tmp_path / RESPONSES).write_bytes(b"not netCDF")
    (tmp_path / PLANTED).write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(DataError, match=RESPONSES):
        read_responses(tmp_path)
    whole = tmp_path / "lacks arrays"
    whole.mkdir()
    np.savez(whole / PLANTED, axes=np.ones(2))
    for place in (tmp_path, whole):
        with pytest.raises(DataError, match=rf"{PLANTED} cannot be read: .* to make it anew"):
            read_planted(place)


def test_two_processes_may_generate_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from brainbench_simcortex import storage as s;"
        "every = s.exemplars(); s.exemplars = lambda seed: tuple(e for e in every if e.number < 3);"
        "made = []; generate = s.generate;"
        "s.generate = lambda folder: (made.append(1), generate(folder));"
        "s.ensure(Path(sys.argv[1])); print(len(made))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    made = [int(process.communicate(timeout=120)[0]) for process in running]
    assert sorted(made) == [0, 1]
    assert damage(tmp_path / "data") is None


def test_the_card_is_light() -> None:
    code = (
        "import sys, brainbench_simcortex as plugin; plugin.brainbench_benchmarks();"
        "heavy = {'torch', 'scipy', 'xarray', 'sklearn', 'numpy'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
