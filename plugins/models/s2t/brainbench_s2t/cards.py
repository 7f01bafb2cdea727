"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{wang2020fairseq,
  title = {fairseq {S2T}: Fast Speech-to-Text Modeling with fairseq},
  author = {Wang, Changhan and Tang, Yun and Ma, Xutai and Wu, Anne and Okhonko, Dmytro and
            Pino, Juan},
  booktitle = {Proceedings of AACL-IJCNLP 2020: System Demonstrations},
  pages = {33--39},
  year = {2020}
}"""

FRAME, HOP = 400, 160
"""Samples of a frame, and from one to the next."""
BLOCKS = 12
WIDTH = 1024

S2T = ModelCard(
    id="s2t",
    family="s2t",
    label="S2T",
    parameters=267_834_368,
    layers=("Embedding", *(f"Encoder_{number}" for number in range(1, BLOCKS + 1))),
    dims=(WIDTH,) * (BLOCKS + 1),
    sample_rate=16_000,
    licence="MIT",
    citation=CITATION,
    training_data="LibriSpeech, 960 h of read English with transcripts",
    source="https://huggingface.co/facebook/s2t-large-librispeech-asr",
    weights=(
        WeightsFile(
            # its commit is not known in full
            url="hf://facebook/s2t-large-librispeech-asr/pytorch_model.bin",
            size=1_070_000_000,  # about: only the rounded size is published
        ),
    ),
    packages=("brainbench_s2t",),
    # two frames: channels are normalised over time, which leaves nothing of a single one
    shortest=FRAME + HOP,
    loader="brainbench_s2t.network:FAMILY",
)

CARDS = [S2T]
