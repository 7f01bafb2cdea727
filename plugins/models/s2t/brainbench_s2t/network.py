"""The encoder of S2T on Kaldi's filter bank, each clip normalised by itself."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from torch import Tensor, nn

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.kaldi import LogMel
from brainbench_audio.activations.precision import in_float32
from brainbench_audio.activations.transformers_library import import_transformers
from brainbench_audio.activations.weights import State

from .cards import BLOCKS, FRAME, HOP, WIDTH

SAMPLE_RATE = 16_000
CHANNELS = 80

# the encoder alone is not among the names that the library exports
_MODULE = "transformers.models.speech_to_text.modeling_speech_to_text"
_16_BIT = 2.0**15
# a band without any variation, as in silence, would give NaN
_SMALLEST_DEVIATION = 1e-5
# the decoder and its output matrix, and position tables, which are computed
_UNUSED = re.compile(r"model\.decoder\..+|lm_head\.weight|model\.encoder\.embed_positions\.weights")


class S2tNetwork(nn.Module):
    """The encoder; the decoder takes no part in any layer and is left out.

    ``layers[0]`` puts out what enters the first block: the scaled frames with positions added;
    ``layers[n]`` the output of block n, the last one after the final normalisation. Each is
    (batch, step, 1024), four filter-bank frames a step.
    """

    def __init__(self) -> None:
        super().__init__()
        import_transformers()
        self.filter_bank = LogMel(SAMPLE_RATE, CHANNELS, FRAME, HOP)
        self.encoder = import_module(_MODULE).Speech2TextEncoder(configuration())
        self.layers = nn.ModuleList(nn.Identity() for _ in range(BLOCKS + 1))

    def forward(self, waveforms: Tensor) -> None:
        """Put sounds (batch, sample) at 16 kHz, in [-1, 1], through all layers."""
        outputs = self.encoder(self.image(waveforms), output_hidden_states=True)
        for layer, hidden in zip(self.layers, outputs.hidden_states, strict=True):
            layer(hidden)

    @in_float32
    def image(self, waveforms: Tensor) -> Tensor:
        """Return the log-mel image (batch, frame, 80), each channel of each clip z-scored."""
        image = self.filter_bank(_16_BIT * waveforms)
        centred = image - image.mean(dim=1, keepdim=True)
        deviation = centred.square().mean(dim=1, keepdim=True).sqrt()
        normalised: Tensor = centred / deviation.clamp(min=_SMALLEST_DEVIATION)
        return normalised


def configuration() -> Any:
    """Return the published architecture; the library's defaults are those of a smaller one."""
    return import_transformers().Speech2TextConfig(
        vocab_size=10_000,
        d_model=WIDTH,
        encoder_layers=BLOCKS,
        encoder_ffn_dim=4 * WIDTH,
        encoder_attention_heads=16,
        encoder_layerdrop=0.0,
        decoder_layers=6,
        decoder_ffn_dim=4 * WIDTH,
        decoder_attention_heads=16,
        decoder_layerdrop=0.0,
        activation_function="relu",
        init_std=0.02,
        decoder_start_token_id=2,
        scale_embedding=True,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        max_source_positions=6000,
        max_target_positions=1024,
        num_conv_layers=2,
        conv_kernel_sizes=(5, 5),
        conv_channels=1024,
        input_feat_per_channel=CHANNELS,
        input_channels=1,
    )


def rename(state: State) -> State:
    """Return the encoder's part of the published state dict under the names of the network."""
    return {
        name.removeprefix("model."): tensor
        for name, tensor in state.items()
        if not _UNUSED.fullmatch(name)
    }


FAMILY = Family(
    build=lambda _card: S2tNetwork(),
    read_outs=lambda card: {layer: f"layers.{index}" for index, layer in enumerate(card.layers)},
    rename=rename,
    libraries=("transformers",),
)
