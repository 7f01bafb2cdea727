"""Layers against hidden states taken from transformers by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_hub.padding import over_time

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.behaviour import assert_shortest

from .conftest import MAKERS, Waveform, make, noise

Folder = Callable[[str], Path]
# (10 - 1) + (8 - 1) * 20 + 1 samples of two convolutions; 400 of a frame, 560 of two, because
# features are normalised over time; one where clips are padded to a fixed length
SHORTEST = {
    **dict.fromkeys(("wav2vec2", "wav2vec2-ctc", "hubert", "wavlm"), 150),
    **dict.fromkeys(("whisper", "clap", "clap-fused"), 1),
    **dict.fromkeys(("s2t", "wav2vec2-bert"), 560),
    "ast": 400,
}
LENGTHS = {
    "ast": 8000,
    "clap": 168_000,
    "clap-fused": 168_000,
    "whisper": 32_000,
    "wav2vec2-bert": 8160,
}
each_model = pytest.mark.parametrize("name", MAKERS)


def hidden_states(name: str, waveform: Waveform) -> list[torch.Tensor]:
    """Return what transformers gives, with all its padding."""
    model, extractor = make(name)
    inputs = extractor(waveform, sampling_rate=extractor.sampling_rate, return_tensors="pt")
    encoders = {
        "whisper": lambda: model.encoder,
        "s2t": lambda: model.encoder,
        "clap": lambda: model.audio_model,
        "clap-fused": lambda: model.audio_model,
        "wav2vec2-ctc": lambda: model.wav2vec2,
    }
    encoder = encoders.get(name, lambda: model)()
    with torch.inference_mode():
        return list(encoder(**inputs, output_hidden_states=True).hidden_states)


def expected(name: str, waveform: Waveform) -> list[np.ndarray[Any, Any]]:
    """Return the mean over the sound, step by step as the architectures lay steps out."""
    means = []
    for state in hidden_states(name, waveform):
        if name == "whisper":  # 1500 steps of 20 ms in 30 s
            kept = state[0, : -(-len(waveform) // 320)]
        elif name == "ast":  # two tokens, then 5 rows of 9 columns; a column begins every 10 frames
            frames = 1 + (len(waveform) - 400) // 160
            kept = torch.stack(
                [state[0, 2 + 9 * row + t] for row in range(5) for t in range(9) if 10 * t < frames]
            )
        elif name.startswith(
            "clap"
        ):  # four folds, above each other; the clip as often as it fits in 10 s
            _, height, width = state[0].shape
            sound = 480_000 // len(waveform) * len(waveform) / 480_000
            kept = torch.stack(
                [
                    state[0, :, h, w]
                    for h in range(height)
                    for w in range(width)
                    if h // (height // 4) * width + w < sound * 4 * width
                ]
            )
        elif name == "wav2vec2-bert":  # pairs of frames; the last of an odd number is left over
            kept = state[0, : (1 + (len(waveform) - 400) // 160) // 2]
        else:
            kept = state[0]
        means.append(kept.mean(dim=0).numpy())
    return means


@each_model
def test_layers_are_the_hidden_states_of_transformers(name: str, folder: Folder) -> None:
    model = load_model(f"hf:{folder(name)}", device="cpu")
    waveform = noise(LENGTHS.get(name, 16_000))
    found = model.activations([waveform])
    states = expected(name, waveform)
    assert list(found) == [f"hidden_state_{index}" for index in range(len(states))]
    for values, state in zip(found.values(), states, strict=True):
        np.testing.assert_allclose(values[0], state, atol=1e-5, rtol=1e-5)


@each_model
def test_padding_does_not_count(name: str, folder: Folder) -> None:
    """Where there is padding, the mean over everything is another one."""
    waveform = noise(LENGTHS.get(name, 16_000))
    states = hidden_states(name, waveform)
    axes = (2, 3) if name.startswith("clap") else 1
    everything = [state.mean(dim=axes)[0].numpy() for state in states]
    same = [
        np.allclose(whole, sound, atol=1e-5)
        for whole, sound in zip(everything, expected(name, waveform), strict=True)
    ]
    assert not any(same) if name in LENGTHS else all(same)


@each_model
def test_the_card_is_filled_in(name: str, folder: Folder) -> None:
    identifier = f"hf:{folder(name)}"
    card = load_model(identifier, device="cpu").card  # type: ignore[attr-defined]
    assert (card.id, card.label, card.family) == (identifier, name, "hub")
    assert card.scheme is None
    assert card.dims == tuple(len(state) for state in expected(name, noise(16_000)))
    assert card.sample_rate == (48_000 if name.startswith("clap") else 16_000)
    assert 1000 < card.parameters < 100_000


@each_model
def test_a_sound_does_not_depend_on_its_batch(name: str, folder: Folder) -> None:
    model = load_model(f"hf:{folder(name)}", device="cpu")
    long = LENGTHS.get(name, 16_000)
    sounds = [noise(long, 1), 10 * noise(long, 2), noise(long // 2, 3), noise(long, 4)]
    together = model.activations(sounds)
    for index, sound in enumerate(sounds):
        alone = model.activations([sound])
        for layer, values in alone.items():
            np.testing.assert_allclose(together[layer][index], values[0], atol=1e-5)


@pytest.mark.parametrize("name", ["wav2vec2", "hubert", "wavlm", "whisper", "ast", "clap"])
def test_silence_is_finite(name: str, folder: Folder) -> None:
    model = load_model(f"hf:{folder(name)}", device="cpu")
    found = model.activations([np.zeros(8000, np.float32)])
    assert all(np.isfinite(values).all() for values in found.values())


def test_a_longer_sound_is_heard_in_pieces(folder: Folder) -> None:
    model = load_model(f"hf:{folder('ast')}", device="cpu")
    size = 400 + 99 * 160 + 159  # the most samples that make 100 frames
    sound = noise(40_000)
    pieces = [sound[:size], sound[size : 2 * size], sound[-size:]]
    found, parts = model.activations([sound]), model.activations(pieces)
    for layer, values in found.items():
        np.testing.assert_allclose(values[0], parts[layer].mean(axis=0), atol=1e-5)


@each_model
def test_the_shortest_sound(name: str, folder: Folder) -> None:
    model = load_model(f"hf:{folder(name)}", device="cpu")
    assert isinstance(model, TorchModel)
    assert model.card.shortest == SHORTEST[name]
    assert_shortest(model)


def test_a_model_that_does_not_hear_is_refused(tmp_path: Path) -> None:
    deaf, extractor = make("hubert")
    for parameter in deaf.parameters():
        parameter.data.zero_()
    deaf.save_pretrained(tmp_path)
    extractor.save_pretrained(tmp_path)
    with pytest.raises(ContractError, match="same activations for noises of 16000 samples"):
        load_model(f"hf:{tmp_path}", device="cpu")


def test_an_error_of_the_library_names_the_length(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(f"hf:{folder('s2t')}", device="cpu")

    def fails(input_features: Any, **kwargs: Any) -> None:
        raise IndexError("no such position")

    monkeypatch.setattr(model.network.encoder, "forward", fails)  # type: ignore[attr-defined]
    with pytest.raises(
        ContractError, match=r"a sound of 4000 samples at 16000 Hz: IndexError\('no"
    ):
        model.activations([noise(4000)])


def test_where_time_is_in_claps_image() -> None:
    """Change late frames of the image, and only late steps of the first hidden state change."""
    model, extractor = make("clap")
    inputs = extractor(noise(480_000), sampling_rate=48_000, return_tensors="pt")
    changed = {**inputs, "input_features": inputs["input_features"].clone()}
    frames = changed["input_features"].shape[2]
    changed["input_features"][:, :, 700:] += 3
    with torch.inference_mode():
        before, after = (
            model.audio_model(**given, output_hidden_states=True).hidden_states[0]
            for given in (inputs, changed)
        )
    moved = over_time(after - before, model.config.audio_config)[0].abs().amax(dim=1) > 1e-4
    first = int(moved.nonzero()[0])
    assert abs(first - 700 / frames * len(moved)) <= 2
    assert moved[first:].all()


def test_where_time_is_among_patches() -> None:
    model, extractor = make("ast")
    image = extractor(noise(16_000), sampling_rate=16_000, return_tensors="pt")["input_values"]
    changed = image.clone()
    changed[:, 66:] += 3
    with torch.inference_mode():
        before, after = (
            model(given, output_hidden_states=True).hidden_states[0] for given in (image, changed)
        )
    moved = over_time(after - before, model.config)[0].abs().amax(dim=1) > 1e-4
    assert moved.tolist() == [10 * column + 16 > 66 for column in range(9)]


def test_a_folder_is_found_in_either_unicode_form(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "mode\u0300le").symlink_to(folder("ast"))
    assert load_model(f"hf:{tmp_path}/mod\u00e8le", device="cpu").layers
