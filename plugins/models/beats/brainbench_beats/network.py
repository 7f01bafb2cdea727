"""The network: waveform to log-mel image to 16 x 16 patches to 12 transformer layers."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.kaldi import LogMel
from brainbench_audio.activations.precision import in_float32
from brainbench_audio.cards import ModelCard

from .attention import BUCKETS, GatedAttention, position_bias
from .cards import FRAME, HOP, ITER3_AS2M, PATCH
from .checkpoint import read

SAMPLE_RATE = 16_000
DEPTH = 12
HEADS = 12
WIDTH = 768

_BANDS = 128
_PATCH_WIDTH = 512
_FEED_FORWARD_WIDTH = 3072
_TAPS = 128
_GROUPS = 16
_SCALE = 2.0**15
_MEAN, _DEVIATION = 15.41663, 6.55582
# the classifier of a fine-tuned network, of however many classes
_UNUSED = r"predictor\.(weight|bias)"
# what its file has and those that it could be taken for have not
_MARKS = {ITER3_AS2M.id: ("predictor.weight",)}


class BeatsNetwork(nn.Module):
    """BEATs without a classifier, with parameters named as in the published files."""

    def __init__(self) -> None:
        super().__init__()
        self.filter_bank = LogMel(SAMPLE_RATE, _BANDS, FRAME, HOP)
        self.patch_embedding = nn.Conv2d(1, _PATCH_WIDTH, PATCH, stride=PATCH, bias=False)
        self.layer_norm = nn.LayerNorm(_PATCH_WIDTH)
        self.post_extract_proj = nn.Linear(_PATCH_WIDTH, WIDTH)
        self.encoder = Encoder()

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the last layer (batch, position, 768).

        Parameters
        ----------
        waveforms : Tensor
            (batch, sample), 16 kHz, in [-1, 1].
        """
        patches = self.patch_embedding(self.image(waveforms).unsqueeze(1))
        # Position = 8 x time + frequency; a last incomplete patch in time is dropped.
        sequence = self.layer_norm(patches.flatten(2).transpose(1, 2))
        return cast(Tensor, self.encoder(self.post_extract_proj(sequence)))

    @in_float32
    def image(self, waveforms: Tensor) -> Tensor:
        """Return the normalised log-mel image (batch, frame, 128); see `forward`."""
        return cast(Tensor, (self.filter_bank(waveforms * _SCALE) - _MEAN) / (2 * _DEVIATION))


class Encoder(nn.Module):
    """Convolutional positions and the transformer layers.

    The output of ``layer_norm`` is the input of the first layer; nothing follows the last.
    """

    def __init__(self) -> None:
        super().__init__()
        table = nn.Embedding(BUCKETS, HEADS)
        self.pos_conv = nn.Sequential(PositionConvolution(), nn.GELU())
        self.layer_norm = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(TransformerLayer(table) for _ in range(DEPTH))

    def forward(self, sequence: Tensor) -> Tensor:
        """Return (batch, position, 768) for a sequence of that shape."""
        convolved = self.pos_conv(sequence.transpose(1, 2)).transpose(1, 2)
        sequence = self.layer_norm(sequence + convolved)
        table = cast(TransformerLayer, self.layers[0]).self_attn.relative_attention_bias
        bias = position_bias(table, sequence.shape[1])
        for layer in self.layers:
            sequence = layer(sequence, bias)
        return sequence


class PositionConvolution(nn.Module):
    """Grouped convolution over positions with weights ``g_k v_k / |v_k|`` for each tap k.

    torch's own weight norm would either warn or rename the parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        initial = nn.Conv1d(WIDTH, WIDTH, _TAPS, groups=_GROUPS)
        self.bias = nn.Parameter(torch.zeros(WIDTH))
        self.weight_v = nn.Parameter(initial.weight.detach())
        self.weight_g = nn.Parameter(self._norms().detach())

    def forward(self, sequence: Tensor) -> Tensor:
        """Return (batch, 768, position) for a sequence of that shape."""
        weight = self.weight_g * self.weight_v / self._norms()
        padded = functional.conv1d(sequence, weight, self.bias, padding=_TAPS // 2, groups=_GROUPS)
        return padded[..., :-1]  # an even number of taps gives one position too many

    def _norms(self) -> Tensor:
        return self.weight_v.square().sum(dim=(0, 1), keepdim=True).sqrt()


class TransformerLayer(nn.Module):
    """Post-norm layer ``x <- norm(alpha x + f(x))``, f attention, then feed-forward.

    ``alpha = (2 depth)**0.25``, the residual weight of DeepNorm.
    """

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.alpha = (2 * DEPTH) ** 0.25
        self.self_attn = GatedAttention(WIDTH, HEADS, table)
        self.self_attn_layer_norm = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, _FEED_FORWARD_WIDTH)
        self.fc2 = nn.Linear(_FEED_FORWARD_WIDTH, WIDTH)
        self.final_layer_norm = nn.LayerNorm(WIDTH)

    def forward(self, sequence: Tensor, bias: Tensor) -> Tensor:
        """Return (batch, position, 768) for a sequence of that shape and its position bias."""
        attended = self.self_attn(sequence, bias)
        sequence = self.self_attn_layer_norm(self.alpha * sequence + attended)
        fed = self.fc2(functional.gelu(self.fc1(sequence)))
        return cast(Tensor, self.final_layer_norm(self.alpha * sequence + fed))


def read_outs(card: ModelCard) -> dict[str, str]:
    """Return the module whose output is a layer: what enters the first layer, then each layer."""
    first, *others = card.layers
    modules = {layer: f"encoder.layers.{index}" for index, layer in enumerate(others)}
    return {first: "encoder.layer_norm", **modules}


# a layer is the mean over all patches
FAMILY = Family(
    build=lambda _card: BeatsNetwork(),
    read_outs=read_outs,
    read=read,
    unused=_UNUSED,
    told_by=lambda card: _MARKS.get(card.id, ()),
)
