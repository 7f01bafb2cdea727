"""Sizes and front ends of the ten models, as far as they can be told without their files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SAMPLE_RATE = 24_000
SHORTEST = 2_049
"""Samples of the shortest sound, or rest of a sound, that is heard."""


@dataclass(frozen=True)
class FrontEnd:
    """What turns a waveform into the frames that are projected into the encoder.

    Attributes
    ----------
    kind : str
        ``mel`` or ``spectrogram``: logarithms of power, as Kaldi computes them. ``encodec``: the
        encoder of the EnCodec codec, learned; the other attributes do not concern it.
    frame_length, frame_shift : float
        Milliseconds.
    window : str
        ``hanning`` or ``povey``.
    mel_bands : int
    mean, deviation : float
        Subtracted from the logarithms; what they are then divided by.
    """

    kind: Literal["mel", "spectrogram", "encodec"] = "mel"
    frame_length: float = 26.56
    frame_shift: float = 13.28
    window: str = "hanning"
    mel_bands: int = 256
    mean: float = -6.12
    deviation: float = 4.82


@dataclass(frozen=True)
class Configuration:
    """Sizes of a network.

    Attributes
    ----------
    front_end : FrontEnd
    blocks, decoder_blocks : int
        Transformer blocks of the encoder and of the decoder.
    width : int
        Features of a frame in both.
    heads : int
        Attention heads.
    attention_width : int
        Channels of queries, keys and values, all heads together.
    hidden : int
        Units between the two linear maps of a block.
    codebooks : int
        Codes predicted for each frame in pretraining.
    tokenizer : bool
        Whether the module that makes these codes is part of the model; self-trained models have
        got theirs from files.
    """

    front_end: FrontEnd = field(default_factory=FrontEnd)
    blocks: int = 10
    decoder_blocks: int = 2
    width: int = 768
    heads: int = 12
    attention_width: int = 768
    hidden: int = 4096
    codebooks: int = 8
    tokenizer: bool = True


# The published code leaves out all settings of the spectrogram but its kind. Framing is assumed to
# be that of the mel front end; mean and deviation are placeholders of the right order.
ASSUMED_SPECTROGRAM = FrontEnd("spectrogram", mean=-10.0, deviation=3.0)

_BASE = Configuration()
# 1020 = 12 x 85: only the width was raised to 1024, so the heads do not fill it.
_LARGE = Configuration(blocks=20, width=1024, attention_width=1020)

CONFIGURATIONS = {
    "encodecmae-base": _BASE,
    "encodecmae-base-as": _BASE,
    "encodecmae-base-ll": _BASE,
    "encodecmae-base-fma": _BASE,
    "encodecmae-small": Configuration(blocks=5),
    "encodecmae-large": _LARGE,
    "encodecmae-ec-base": Configuration(front_end=FrontEnd("encodec")),
    "encodecmae-spec-base": Configuration(front_end=ASSUMED_SPECTROGRAM),
    "encodecmae-base-st": Configuration(codebooks=1, tokenizer=False),
    "encodecmae-large-st": Configuration(
        blocks=20, width=1024, attention_width=1020, codebooks=1, tokenizer=False
    ),
}

DTYPES = ("float32", "bfloat16")
"""What products of a network are computed in while it learns."""
PRETRAINING = {
    "tiny": Configuration(blocks=3, width=96, attention_width=96, hidden=192, tokenizer=False),
    "small": Configuration(blocks=5, tokenizer=False),
    "base": Configuration(tokenizer=False),
}
"""What can be trained by oneself. The tokenizer is frozen, so it is not part of a checkpoint."""
