"""From waveforms through Kaldi's filter bank and a vision transformer to 527 logits."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.kaldi import LogMel
from brainbench_audio.activations.precision import in_float32
from brainbench_audio.activations.transformers_library import import_transformers
from brainbench_audio.cards import ModelCard

from .cards import BLOCKS, CLASSES, FRAME, HOP, WIDTH
from .names import rename

SAMPLE_RATE = 16_000
CHANNELS = 128
FRAMES = 1024
"""Frames of the one image size that the positions are learned for: 10.26 s."""

_MEAN, _DEVIATION = -4.2677393, 4.5689974
_EPS, _HEAD_EPS = 1e-6, 1e-5
_HEADS = 12
_BODY = "transformer.audio_spectrogram_transformer"


class AstNetwork(nn.Module):
    """The transformer on images of 1024 frames.

    Sounds are in [-1, 1], not scaled to the range of 16 bits.

    Parameters
    ----------
    blocks : int
        Fewer make a smaller network of the same kind.
    """

    def __init__(self, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.filter_bank = LogMel(SAMPLE_RATE, CHANNELS, FRAME, HOP, "hanning")
        classifier = import_transformers().ASTForAudioClassification
        self.transformer = classifier(configuration(blocks))
        # the checkpoint's config has neither of the two; they are those it was trained with
        self.transformer.classifier.layernorm.eps = _HEAD_EPS

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the logits (batch, 527) of sounds (batch, sample) at 16 kHz."""
        logits: Tensor = self.transformer(self.image(waveforms)).logits
        return logits

    @in_float32
    def image(self, waveforms: Tensor) -> Tensor:
        """Return the normalised log-mel image (batch, 1024, 128).

        A shorter image is padded with zeros before it is normalised, as in training: the padding is
        louder than silence. A longer one is cut.
        """
        image = self.filter_bank(waveforms)[:, :FRAMES]
        padded = nn.functional.pad(image, (0, 0, 0, FRAMES - image.shape[1]))
        normalised: Tensor = (padded - _MEAN) / (2 * _DEVIATION)
        return normalised


def configuration(blocks: int = BLOCKS) -> Any:
    """Return the published architecture, or fewer blocks of it."""
    return import_transformers().ASTConfig(
        hidden_size=WIDTH,
        num_hidden_layers=blocks,
        num_attention_heads=_HEADS,
        intermediate_size=4 * WIDTH,
        hidden_act="gelu",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        layer_norm_eps=_EPS,
        patch_size=16,
        frequency_stride=10,
        time_stride=10,
        max_length=FRAMES,
        num_mel_bins=CHANNELS,
        qkv_bias=True,
        num_labels=CLASSES,
    )


def mean_over_image(output: Tensor) -> Tensor:
    """Return the mean over both axes of (batch, feature, frequency, time)."""
    return output.mean(dim=(2, 3))


def read_outs(card: ModelCard) -> dict[str, str]:
    """Return the module whose output is a layer.

    A block's layer is what its second linear layer puts out, before the residual is added: the
    paper speaks of the block's output, the released code takes this.
    """
    embedding, *blocks, final = card.layers
    modules = {layer: f"{_BODY}.layers.{index}.mlp.fc2" for index, layer in enumerate(blocks)}
    patches = f"{_BODY}.embeddings.patch_embeddings.projection"
    return {embedding: patches, **modules, final: "transformer.classifier.dense"}


# other layers are means over all patches, those of the padding too
FAMILY = Family(
    build=lambda _card: AstNetwork(),
    read_outs=read_outs,
    layer_pooling={"embedding": mean_over_image},
    rename=rename,
    libraries=("transformers",),
)
