"""What is known about the model before it is loaded."""

from __future__ import annotations

from math import prod

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{baevski2020wav2vec,
  title = {wav2vec 2.0: A Framework for Self-Supervised Learning of Speech Representations},
  author = {Baevski, Alexei and Zhou, Yuhao and Mohamed, Abdelrahman and Auli, Michael},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {33},
  pages = {12449--12460},
  year = {2020}
}"""

KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
"""Of the convolutions, in frames of the one before."""
SHORTEST = 1 + sum((kernel - 1) * prod(STRIDES[:layer]) for layer, kernel in enumerate(KERNELS))
"""Samples that one frame of the convolutions sees: 25 ms."""
BLOCKS = 12
WIDTH = 768

WAV2VEC2 = ModelCard(
    id="wav2vec2",
    family="wav2vec2",
    label="Wav2vec 2.0",
    parameters=94_395_552,
    layers=("Embedding", *(f"Encoder_{number}" for number in range(1, BLOCKS + 1))),
    dims=(WIDTH,) * (BLOCKS + 1),
    sample_rate=16_000,
    licence="Apache-2.0",
    citation=CITATION,
    training_data="LibriSpeech, 960 h of read English: first without, then with transcripts",
    source="https://huggingface.co/facebook/wav2vec2-base-960h",
    weights=(
        WeightsFile(
            url="hf://facebook/wav2vec2-base-960h/model.safetensors"
            "@22aad52d435eb6dbaf354bdad9b0da84ce7d6156",
            size=378_000_000,  # about: only the rounded size is published
        ),
    ),
    packages=("brainbench_wav2vec2",),
    shortest=SHORTEST,
    loader="brainbench_wav2vec2.network:FAMILY",
)

CARDS = [WAV2VEC2]
