"""Sounds that take more memory than there is are refused before they are heard."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio.activations import extraction, fitting
from brainbench_audio.activations.extraction import extracted
from brainbench_audio.activations.footprint import Footprint, _Held
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError, LongSound
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.testing import DummyModel, dummy_stimuli
from brainbench_audio.testing.dummies import dummy_card

RATE = 8000


class Network(torch.nn.Module):
    """Frames of 160 samples; keeps one number a frame, or one for each pair of frames."""

    def __init__(self, *, attention: bool) -> None:
        super().__init__()
        self.attention = attention
        self.out = torch.nn.Linear(160, 4)
        self.heard: list[tuple[int, int]] = []

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        self.heard.append(tuple(waveforms.shape))  # type: ignore[arg-type]
        frames = waveforms.unfold(1, 160, 160)
        if self.attention:
            frames = torch.softmax(frames @ frames.transpose(1, 2), dim=2) @ frames
        output: torch.Tensor = self.out(frames)
        return output


class Full(Network):
    """Runs out of memory as torch does on a CPU, with more than some samples at once."""

    most = 0

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        output = super().forward(waveforms)
        if waveforms.numel() > self.most:
            torch.empty(1 << 60, dtype=torch.uint8)
        return output


def model(network: torch.nn.Module) -> TorchModel:
    card = dummy_card(layers=("out",), dims=(4,), sample_rate=RATE)
    return TorchModel(card, network, {"out": "out"}, fingerprint=1, device="cpu")


def sound(seconds: float) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE))
    return (0.1 * noise).astype(np.float32)


def free(monkeypatch: pytest.MonkeyPatch, size: float) -> None:
    monkeypatch.setattr(fitting, "free_memory", lambda device: int(size))


def test_a_sound_beyond_the_memory_is_refused_before_it_is_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 3000 frames of 20 ms: two matrices of 36 MB at a time, and as much again around them
    free(monkeypatch, 100e6)
    network = Network(attention=True)
    told = (
        r"Sound 1 lasts 60 s; model net-work would need about 0\.1\d GB of memory for it, and "
        r".* GB are free on the cpu\. Leave the sound out, cut it into shorter ones"
    )
    with pytest.raises(LongSound, match=told) as refused:
        model(network).activations([sound(1), sound(60), sound(2)])
    assert refused.value.index == 1
    assert max(length for _, length in network.heard) < 60 * RATE
    free(monkeypatch, 200e6)
    assert model(network).activations([sound(60)])["out"].shape == (1, 4)


def test_without_attention_twice_the_sound_takes_twice_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = Footprint()
    with whole.measured(RATE, network := Network(attention=False)):
        network(torch.zeros(1, RATE * 200))
    need = whole.taken[RATE]
    free(monkeypatch, 1.1 * need)
    assert model(network).activations([sound(200)])["out"].shape == (1, 4)
    free(monkeypatch, 0.9 * need)
    with pytest.raises(LongSound, match="200 s"):
        model(network).activations([sound(200)])


def test_short_sounds_are_heard_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 0)
    network = Network(attention=True)
    model(network).activations([sound(10)])
    assert network.heard == [(1, 10 * RATE)]


def test_beginnings_are_heard_once_for_all_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 200e6)
    hears = model(network := Network(attention=True))
    hears.activations([sound(60)])
    assert len(network.heard) > 1
    network.heard.clear()
    hears.activations([sound(59)])
    assert network.heard == [(1, 59 * RATE)]


def test_measuring_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(attention=True)
    waveform = sound(3)
    with torch.inference_mode():
        expected = network(torch.as_tensor(waveform)[None]).mean(dim=1).numpy()
    hears = model(network)
    for _ in range(2):  # measured, then not
        np.testing.assert_array_equal(hears.activations([waveform])["out"], expected)
    kept = hears.fingerprint
    hears.place("cpu")
    assert hears.fingerprint == kept


class Inside(torch.nn.Module):
    """A layer on frames that are in half precision where a network is."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.frames = torch.nn.Linear(160, 8)
        self.layer = layer
        self.out = torch.nn.Identity()

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        found = self.layer(self.frames(waveforms.unfold(1, 160, 160)))
        found = found[0] if isinstance(found, tuple) else found
        output: torch.Tensor = self.out(found[..., :4])
        return output


class Product(torch.nn.Module):
    """What automatic mixed precision takes apart."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.ones(8, 4))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return torch.einsum("btc,cd->btd", frames, self.weights)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.nn.GRU(8, 4, batch_first=True),
        lambda: torch.nn.LSTM(8, 4, num_layers=2, batch_first=True),
        lambda: torch.nn.RNN(8, 4, batch_first=True),
        lambda: torch.nn.TransformerEncoderLayer(8, 2, 8, batch_first=True),
        Product,
    ],
    ids=["gru", "lstm", "rnn", "transformer", "product"],
)
def test_what_a_clip_takes_is_measured_in_any_precision(
    make: Callable[[], torch.nn.Module], dtype: str
) -> None:
    torch.manual_seed(0)
    card = dummy_card(layers=("out",), dims=(4,), sample_rate=RATE)
    network = Inside(make())
    hears = TorchModel(card, network, {"out": "out"}, fingerprint=1, device="cpu", dtype=dtype)
    clips = [sound(2) * (place + 1) / 8 for place in range(8)]
    alone = hears.activations(clips[-1:])["out"]
    assert not hears._footprint.taken
    np.testing.assert_allclose(hears.activations(clips)["out"][-1:], alone, rtol=0.02, atol=0.01)
    assert 2 * RATE in hears._footprint.taken


def test_what_is_held_is_the_peak_of_all_that_is_there_at_a_time() -> None:
    layer = torch.nn.Linear(10, 10)
    with torch.inference_mode(), _Held(layer) as held:
        first = torch.zeros(1000)  # 4000 bytes
        second = first + 1
        view = second[:10].view(2, 5)
        del first
        third = second * 2
        layer(view.reshape(1, 10))
        del second, third
    assert held.peak == 8000 + 40
    assert held.now == 4000  # the view
    del view
    assert held.now == 0


def test_operations_made_of_others_are_counted_by_these() -> None:
    queries = torch.zeros(1, 1, 1000, 8)
    attention = torch.ops.aten._scaled_dot_product_attention_math
    with torch.inference_mode(), _Held(torch.nn.Identity()) as held:
        attention(queries, queries, queries)  # puts out the 4 MB of its weights, made of its scores
    assert held.peak >= 2 * 4_000_000


@pytest.mark.parametrize(
    "grows",
    [lambda n: 5e6 + 40 * n, lambda n: 1e6 + 10 * n + 1e-3 * n**2, lambda n: 3e7, lambda n: n**2],
)
def test_guesses_follow_what_grows_up_to_quadratically(grows: Callable[[int], float]) -> None:
    footprint = Footprint()
    footprint.taken.update({n: round(grows(n)) for n in (20_000, 40_000, 80_000, 81_000)})
    for samples in (100_000, 160_000, 1_000_000):
        assert footprint.guess(samples) == pytest.approx(grows(samples), rel=1e-3)
        assert footprint.bound(samples) >= footprint.guess(samples)
    assert footprint.guess(30_000) == footprint.bound(30_000) == footprint.taken[40_000]


def test_with_few_measurements_the_guess_is_the_bound() -> None:
    footprint = Footprint()
    assert footprint.bound(1) == np.inf
    footprint.taken[100] = 10
    assert footprint.guess(1000) == footprint.bound(1000) == 1000


def test_memory_that_runs_out_all_the_same_is_one_clear_error() -> None:
    told = r"Sound 0 lasts 20 s; memory ran out while model net-work heard it, and .* GB are free"
    with pytest.raises(LongSound, match=told) as refused:
        model(Full(attention=False)).activations([sound(20)])
    assert isinstance(refused.value.__cause__, RuntimeError)


def test_batches_that_do_not_fit_are_halved() -> None:
    network = Full(attention=False)
    network.most = 3 * RATE
    found = model(network).activations([sound(1)] * 8)["out"]
    np.testing.assert_allclose(found, np.repeat(found[:1], 8, axis=0), rtol=1e-6)
    assert [batch for batch, _ in network.heard] == [8, 4, 2, 2, 2, 2]


class Greedy(DummyModel):
    """Any object with activations, which runs out of memory with more than some sounds."""

    most = 3
    large: Any = None  # what the call before this one held

    def activations(self, waveforms: Any, layers: Any = None) -> Any:
        assert self.large is None or self.large() is None, "what did not fit is still there"
        if len(waveforms) > self.most:
            held = np.zeros(1)
            self.large = weakref.ref(held)
            raise MemoryError
        return super().activations(waveforms, layers)


def test_any_model_goes_on_with_half_of_the_sounds(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path / "sounds", 40)
    with extracted(DummyModel(), stimuli) as expected, extracted(Greedy(), stimuli) as found:
        for layer in expected:
            np.testing.assert_array_equal(found[layer], expected[layer])


def test_any_model_that_cannot_hear_one_sound_names_it(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path / "sounds", 40)
    greedy = Greedy()
    greedy.most = 0
    told = r"Sound sound00 lasts 0\.1 s; memory ran out while model Greedy heard it\. Leave"
    with pytest.raises(ContractError, match=told), extracted(greedy, stimuli):
        pass


def test_a_sound_that_a_model_refuses_as_too_long_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stimuli = dummy_stimuli(tmp_path / "sounds", 40)
    monkeypatch.setattr(fitting, "_HEARD_UNASKED", 0.08)
    free(monkeypatch, 0)
    told = "Sound sound00 lasts 0.1 s; model net-work would need about"
    with (
        pytest.raises(ContractError, match=told),
        extracted(model(Network(attention=True)), stimuli),
    ):
        pass


def test_the_chunk_of_the_largest_file_is_heard_first(tmp_path: Path) -> None:
    files = [tmp_path / f"{index}.wav" for index in range(6)]
    for index, file in enumerate(files):
        file.write_bytes(bytes(9 if index == 3 else 5))
    chunks = [range(2), range(2, 4), range(4, 6)]
    stimuli = StimulusSet("some", tuple("abcdef"), tuple(files))
    assert extraction._largest_first([0, 1, 2], chunks, stimuli) == [1, 0, 2]
    assert extraction._largest_first([0, 2], chunks, stimuli) == [0, 2]
