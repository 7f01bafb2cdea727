"""wav2vec 2.0 on waveforms, each normalised by itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.transformers_library import import_transformers

from .cards import BLOCKS, KERNELS, STRIDES, WIDTH

_EPS = 1e-7
# heads for letters, for classes and of pretraining, and what stands for masked frames
_UNUSED = (
    r"(lm_head|projector|classifier|quantizer|project_hid|project_q)\..+"
    r"|wav2vec2\.masked_spec_embed"
)


class Wav2Vec2Network(nn.Module):
    """The transformer, without the head of the published file.

    ``layers[0]`` puts out what enters the first block: the projected frames with positions added
    and normalised; ``layers[n]`` the output of block n. Each is (batch, frame, 768).
    """

    def __init__(self) -> None:
        super().__init__()
        self.wav2vec2 = import_transformers().Wav2Vec2Model(configuration())
        self.layers = nn.ModuleList(nn.Identity() for _ in range(BLOCKS + 1))

    def forward(self, waveforms: Tensor) -> None:
        """Put sounds (batch, sample) at 16 kHz through all layers."""
        outputs = self.wav2vec2(normalised(waveforms), output_hidden_states=True)
        for layer, hidden in zip(self.layers, outputs.hidden_states, strict=True):
            layer(hidden)


def normalised(waveforms: Tensor) -> Tensor:
    """Return ``(x - mean x) / sqrt(var x + 1e-7)`` of each sound (batch, sample).

    Examples
    --------
    >>> normalised(torch.tensor([[1.0, 3.0], [5.0, 5.0]]))
    tensor([[-1.,  1.],
            [ 0.,  0.]])
    """
    variance, mean = torch.var_mean(waveforms, dim=-1, correction=0, keepdim=True)
    return (waveforms - mean) / torch.sqrt(variance + _EPS)


def configuration() -> Any:
    """Return the published architecture, without what acts in training only."""
    return import_transformers().Wav2Vec2Config(
        hidden_size=WIDTH,
        num_hidden_layers=BLOCKS,
        num_attention_heads=12,
        intermediate_size=4 * WIDTH,
        hidden_act="gelu",
        layer_norm_eps=1e-5,
        feat_extract_norm="group",
        feat_extract_activation="gelu",
        conv_dim=(512,) * 7,
        conv_stride=STRIDES,
        conv_kernel=KERNELS,
        conv_bias=False,
        num_conv_pos_embeddings=128,
        num_conv_pos_embedding_groups=16,
        do_stable_layer_norm=False,
        # with masking on, the network has a parameter that the published file lacks
        apply_spec_augment=False,
        mask_time_prob=0.0,
        mask_feature_prob=0.0,
        layerdrop=0.0,
    )


FAMILY = Family(
    build=lambda _card: Wav2Vec2Network(),
    read_outs=lambda card: {layer: f"layers.{index}" for index, layer in enumerate(card.layers)},
    unused=_UNUSED,
    libraries=("transformers",),
)
