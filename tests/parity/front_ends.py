"""What networks compute besides layers that references have: front ends and probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from brainbench_audio.activations.torch_model import TorchModel

Compute = Callable[[Any, Tensor], Tensor]


class Output(NamedTuple):
    """How to get an output from network and waveforms (batch, sample), and its tolerance."""

    compute: Compute
    atol: float | None  # None: as the manifest says


def _coch(network: Any, waveforms: Tensor) -> Tensor:
    from brainbench_spectrotemporal.cochleagram import normalise_waveform

    image: Tensor = network.cochleagram(normalise_waveform(waveforms))
    return image


def _wav2vec2(network: Any, waveforms: Tensor) -> Tensor:
    from brainbench_wav2vec2.network import normalised

    frames: Tensor = network.wav2vec2.feature_extractor(normalised(waveforms))
    return frames.mean(dim=2)


# As far apart as two correct float32 images are; a wrong window is off by 0.05 and more. Where a
# band is almost empty, its logarithm shows the rounding of spectra: dasheng (in dB), dcase2020.
FRONT_ENDS: Mapping[str, Output] = {
    "ast": Output(lambda network, x: network.image(x)[:, :198], 1e-4),
    "beats": Output(lambda network, x: network.image(x), 1e-4),
    "cochcnn9": Output(_coch, None),
    "cochresnet50": Output(_coch, None),
    "dasheng": Output(lambda network, x: network.log_mel(x), 5e-3),
    "dcase2020": Output(lambda network, x: network.log_mel(x), 5e-4),
    "deepspeech2": Output(lambda network, x: network.spectrogram(x), 2e-5),
    "encodecmae": Output(lambda network, x: network.wav_encoder.encoder(x), None),
    "metricgan": Output(lambda network, x: network.spectrogram(x), 1e-5),
    "s2t": Output(lambda network, x: network.image(x), None),
    "spectrotemporal": Output(_coch, None),
    # computed in float64, then rounded
    "vggish": Output(lambda network, x: network.patches(x).unsqueeze(2), 1e-6),
    "zerospeech2020": Output(lambda network, x: network.log_mel(x), None),
}
PARTS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "frontend": lambda image: image,
    "frontend_crop": lambda image: image[::10],
    "frontend_first80": lambda image: image[:80],
}


def further_output(
    model: TorchModel, name: str, waveforms: Tensor, tolerance: Mapping[str, Any]
) -> tuple[Tensor, Mapping[str, Any]]:
    """Return an output that is no layer, of the first waveform, and its tolerance."""
    if name == "probabilities":
        found: Tensor = model.network(waveforms)[0]
        return found, tolerance
    if model.card.family == "wav2vec2":  # means over time, as its layers
        return _wav2vec2(model.network, waveforms)[0], tolerance
    compute, atol = FRONT_ENDS[model.card.family]
    limit = {"atol": tolerance["frontend_atol"] if atol is None else atol}
    return PARTS[name](compute(model.network, waveforms)[0]), limit
