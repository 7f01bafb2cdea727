"""Stand-ins that are good enough to find mistakes with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from brainbench_audio.assemblies.assembly import validate
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import LoadedDataset
from brainbench_audio.testing.dummies import DummyModel, dummy_dataset, dummy_stimuli


def dataset_of(folder: Path, stimuli: int) -> LoadedDataset:
    about = dict.fromkeys(("description", "licence", "citation", "source", "size"), "none")
    card = DatasetCard(
        id="Dummy",
        provides=frozenset({"responses"}),
        stimuli=stimuli,
        packages=(),
        data="module:Class",
        **about,
    )
    return dummy_dataset(card, folder)


def test_sounds_differ_and_are_the_same_each_time(tmp_path: Path) -> None:
    one = dummy_stimuli(tmp_path / "one", number=7, seconds=0.05)
    other = dummy_stimuli(tmp_path / "other", number=7, seconds=0.05)
    sounds = [soundfile.read(path)[0] for path in one.files]
    assert {len(sound) for sound in sounds} == {400}
    assert len({sound.tobytes() for sound in sounds}) == 7
    assert one.fingerprint == other.fingerprint
    before = [path.stat().st_ino for path in one.files]
    one.files[2].write_bytes(one.files[2].read_bytes()[:-1])
    assert dummy_stimuli(tmp_path / "one", number=7, seconds=0.05).fingerprint == other.fingerprint
    again = [path.stat().st_ino for path in one.files]
    assert before[:2] + before[3:] == again[:2] + again[3:], "what is whole is not written again"
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [
        path.name for path in one.files
    ]


def test_a_sound_has_the_same_activations_alone_and_among_others() -> None:
    generator = np.random.default_rng(0)
    sounds = [generator.standard_normal(size).astype(np.float32) for size in (800, 700, 900)]
    model = DummyModel(bands=4)
    together = model.activations(sounds)
    assert list(together) == list(model.layers)
    for place, sound in enumerate(sounds):
        alone = model.activations([sound])
        for layer in model.layers:
            assert together[layer].shape == (3, 4)
            np.testing.assert_array_equal(alone[layer][0], together[layer][place])
    assert model.heard == 6


def test_only_the_layers_that_are_asked_for() -> None:
    sound = np.ones(100, dtype=np.float32)
    assert list(DummyModel().activations([sound], ["log_bands"])) == ["log_bands"]
    with pytest.raises(KeyError):
        DummyModel().activations([sound], ["none"])


def test_fingerprints_tell_models_apart() -> None:
    assert DummyModel(3).fingerprint != DummyModel(4).fingerprint
    assert DummyModel(3).fingerprint == DummyModel(3).fingerprint


def test_responses_are_in_another_order_than_the_sounds(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, 15)
    validate(dataset.assembly)
    names = dataset.assembly["stimulus"].values.tolist()
    assert names != list(dataset.stimuli.names)
    assert sorted(names) == sorted(dataset.stimuli.names)


def test_the_right_model_explains_the_responses_when_aligned(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, 30)
    sounds = dataset.stimuli.waveforms(range(30), DummyModel.sample_rate)
    features = DummyModel().activations(sounds)["log_bands"]

    def explained(responses: np.ndarray) -> float:
        design = np.c_[features, np.ones(len(features))]
        rest = np.linalg.lstsq(design, responses, rcond=None)[1].sum()
        return float(1 - rest / ((responses - responses.mean(axis=0)) ** 2).sum())

    aligned = dataset.assembly.sel(stimulus=list(dataset.stimuli.names)).values
    assert explained(aligned) > 0.95
    assert explained(dataset.assembly.values) < 0.6
