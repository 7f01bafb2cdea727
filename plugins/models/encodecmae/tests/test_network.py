"""Parts of the network beside plain versions of themselves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from brainbench_encodecmae.configuration import SHORTEST, Configuration, FrontEnd
from brainbench_encodecmae.encodec import CausalConvolution, EncodecEncoder
from brainbench_encodecmae.front_end import MelFrontEnd, SpectrogramFrontEnd
from brainbench_encodecmae.network import WINDOW, EncodecMAE, spans
from brainbench_encodecmae.transformer import Attention, PositionalEncoding, Transformer
from torch import Tensor

from brainbench_audio.errors import ContractError

TINY = Configuration(blocks=3, width=96, attention_width=96, hidden=192, tokenizer=False)


@pytest.fixture(scope="module")
def tiny() -> EncodecMAE:
    torch.manual_seed(0)
    return EncodecMAE(TINY).eval()


def plain_attention(attention: Attention, frames: Tensor, heard: list[bool]) -> Tensor:
    """One head after the other, from the definition."""
    queries, keys, values = (w(frames) for w in (attention.wq, attention.wk, attention.wv))
    mixed = torch.zeros_like(queries)
    for head in range(attention.heads):
        own = range(head, queries.shape[1], attention.heads)
        scores = queries[:, own] @ keys[:, own].T / math.sqrt(len(own))
        scores[:, [not frame for frame in heard]] = -math.inf
        mixed[:, own] = scores.softmax(1) @ values[:, own]
    result: Tensor = attention.wo(mixed)
    return result


@pytest.mark.parametrize("heard", [[True] * 5, [True, True, False, True, False]])
def test_attention_is_the_plain_one(heard: list[bool]) -> None:
    torch.manual_seed(0)
    attention, frames = Attention(16, 15, 3), torch.randn(5, 16)
    ours = attention(frames[None], None if all(heard) else torch.tensor([heard]))[0]
    torch.testing.assert_close(ours, plain_attention(attention, frames, heard))


def test_positions() -> None:
    encoding = PositionalEncoding()
    encoding.scale.data.fill_(2.0)
    placed = encoding(torch.zeros(1, 7, 10))[0].detach().numpy()
    for t, row in enumerate(placed):
        for i in range(5):
            angle = t * 10_000 ** (-2 * i / 10)
            assert row[2 * i] == pytest.approx(2 * math.sin(angle), abs=1e-5)
            assert row[2 * i + 1] == pytest.approx(2 * math.cos(angle), abs=1e-5)


def test_blocks_share_their_linear_maps() -> None:
    transformer = Transformer(3, 8, 8, 2, 16)
    maps = {id(block.ff_layer) for block in transformer.encoder_layers}
    assert len(maps) == 1
    names = [name for name in transformer.state_dict() if name.endswith("ff_layer.0.weight")]
    assert len(names) == 3


def plain_frames(waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power spectra and energies in float64, frame by frame."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(637) / 636)
    power, energy = [], []
    for start in range(0, len(waveform) - 636, 318):
        frame = waveform[start : start + 637].astype(float)
        frame = frame - frame.mean()
        energy.append((frame**2).sum())
        emphasised = frame - 0.97 * np.append(frame[0], frame[:-1])
        power.append(np.abs(np.fft.rfft(emphasised * window, 1024)) ** 2)
    return np.array(power), np.array(energy)


def plain_mel_weights() -> np.ndarray:
    """Triangles, bin by bin."""
    weights = np.zeros((256, 513))
    low, high = (1127 * math.log(1 + f / 700) for f in (20, 12_000))
    step = (high - low) / 257
    for band in range(256):
        left = low + band * step
        for index in range(512):
            mel = 1127 * math.log(1 + index * 24_000 / 1024 / 700)
            distance = abs(mel - left - step)
            weights[band, index] = max(0.0, 1 - distance / step)
    return weights


def test_mel_front_end_is_the_plain_one(noise: Tensor) -> None:
    power, _ = plain_frames(noise.numpy())
    mel = np.log(np.maximum(power @ plain_mel_weights().T, 2.0**-23))
    ours = MelFrontEnd(FrontEnd())(noise[None])[0].numpy()
    assert ours.shape == (1 + (len(noise) - 637) // 318, 256)
    np.testing.assert_allclose(ours, (mel + 6.12) / 4.82, atol=2e-4)


def test_spectrogram_front_end_is_the_plain_one(noise: Tensor) -> None:
    power, energy = plain_frames(noise.numpy())
    expected = np.log(np.maximum(power, 2.0**-23))
    expected[:, 0] = np.maximum(np.log(energy), 0)
    settings = FrontEnd("spectrogram", mean=1.0, deviation=2.0)
    loud = SpectrogramFrontEnd(settings)(noise[None])[0].numpy()
    np.testing.assert_allclose(loud, (expected - 1) / 2, atol=1e-3)
    quiet = SpectrogramFrontEnd(settings)(0.01 * noise[None])[0].numpy()
    assert (quiet[:, 0] == -0.5).all()


def test_an_unknown_window() -> None:
    with pytest.raises(ContractError, match="'kaiser'"):
        MelFrontEnd(FrontEnd(window="kaiser"))


@pytest.mark.parametrize(("samples", "kernel", "stride"), [(23, 7, 1), (23, 4, 2), (24, 16, 8)])
def test_causal_convolution_is_the_plain_one(samples: int, kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    convolution, signal = CausalConvolution(2, 3, kernel, stride), torch.randn(1, 2, samples)
    weight, bias = convolution.conv["conv"]()
    past = kernel - stride
    ours = convolution(signal)[0]
    assert ours.shape[1] == -(-samples // stride)
    known = [*range(past, 0, -1), *range(samples), *range(samples - 2, samples - 20, -1)]
    for frame in range(ours.shape[1]):
        inputs = signal[0][:, known[frame * stride : frame * stride + kernel]]
        expected = (weight * inputs).sum((1, 2)) + bias
        torch.testing.assert_close(ours[:, frame], expected)


def test_encodec_hears_the_past_only() -> None:
    # but for the reflected start, which reaches six frames into the future
    torch.manual_seed(0)
    encoder = EncodecEncoder()
    sound = torch.randn(1, 320 * 20)
    changed = sound.clone()
    changed[:, 320 * 12 :] = 0
    with torch.inference_mode():
        first, second = encoder(sound), encoder(changed)
        assert encoder(sound[:, :SHORTEST]).shape == (1, 7, 128)
    assert torch.equal(first[:, :12], second[:, :12])
    assert not torch.equal(first[:, 12:], second[:, 12:])


@pytest.mark.parametrize("samples", [SHORTEST, WINDOW, WINDOW + SHORTEST, 3 * WINDOW + 5])
def test_windows_follow_each_other(samples: int) -> None:
    found = spans(samples)
    assert found[0].start == 0
    assert all(a.stop == b.start for a, b in itertools.pairwise(found))
    assert all(SHORTEST <= span.stop - span.start <= WINDOW for span in found)
    assert samples - SHORTEST < found[-1].stop <= samples


def test_a_sound_without_a_window() -> None:
    assert spans(2048) == []


def test_windows_are_averaged_by_their_frames(tiny: EncodecMAE) -> None:
    torch.manual_seed(1)
    sound = 0.1 * torch.randn(2, WINDOW + 12_000)
    with torch.inference_mode():
        outputs = [tiny.encode(sound[:, :WINDOW])[-1], tiny.encode(sound[:, WINDOW:])[-1]]
        expected = torch.cat(outputs, dim=1).mean(1)
        torch.testing.assert_close(tiny(sound), expected)
        torch.testing.assert_close(tiny(sound[:, : WINDOW + 2048]), outputs[0].mean(1))


def test_a_frame_that_is_not_full_is_not_attended_to() -> None:
    """95999 samples give 300 frames, 299 of them whole: the others do not know the last."""
    torch.manual_seed(1)
    network = EncodecMAE(TINY).eval()
    sound = 0.1 * torch.randn(1, WINDOW - 1)
    changed = sound.clone()
    changed[:, 95_410:] = 0
    whole = torch.cat([changed, torch.zeros(1, 1)], dim=1)
    with torch.inference_mode():
        frames = [network.wav_encoder(one) for one in (sound, changed)]
        assert torch.equal(frames[0][:, :299], frames[1][:, :299])
        assert not torch.equal(frames[0][:, 299], frames[1][:, 299])
        first, second = (network.encode(one)[-1] for one in (sound, changed))
        assert torch.equal(first[:, :299], second[:, :299])
        assert not torch.allclose(network.encode(whole)[-1][:, :299], second[:, :299], atol=1e-6)
