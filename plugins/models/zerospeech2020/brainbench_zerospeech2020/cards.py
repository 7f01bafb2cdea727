"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{vanniekerk2020vector,
  title = {Vector-Quantized Neural Networks for Acoustic Unit Discovery in the {ZeroSpeech} 2020
           Challenge},
  author = {van Niekerk, Benjamin and Nortje, Leanne and Kamper, Herman},
  booktitle = {Proceedings of Interspeech 2020},
  pages = {4836--4840},
  year = {2020},
  doi = {10.21437/Interspeech.2020-1693}
}"""

BLOCKS = 5
CHANNELS = 768
TRANSFORM, WINDOW, HOP = 2048, 400, 160
"""Samples of a Fourier transform, of its window, and from one frame to the next."""
RELEASE = "https://github.com/bshall/ZeroSpeech/releases/tag/v0.1"
FILE = "model.ckpt-500000.pt"

ZEROSPEECH2020 = ModelCard(
    id="zerospeech2020",
    family="zerospeech2020",
    label="ZeroSpeech2020",
    parameters=7_908_928,
    layers=tuple(f"relu{number}" for number in range(BLOCKS)),
    dims=(CHANNELS,) * BLOCKS,
    sample_rate=16_000,
    licence="none given",
    citation=CITATION,
    training_data="English speech of the ZeroSpeech 2019 challenge, without labels",
    source="https://github.com/bshall/ZeroSpeech",
    weights=(
        WeightsFile(
            url=f"{RELEASE}#/{FILE}",
            by_hand=f"Download the English model (2019english) of {RELEASE}, take {FILE} out of it",
        ),
    ),
    packages=("brainbench_zerospeech2020",),
    # half a transform is mirrored at each end
    shortest=TRANSFORM // 2 + 1,
    loader="brainbench_zerospeech2020.network:FAMILY",
)

CARDS = [ZEROSPEECH2020]
