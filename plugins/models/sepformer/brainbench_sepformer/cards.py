"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{subakan2021attention,
  title = {Attention Is All You Need in Speech Separation},
  author = {Subakan, Cem and Ravanelli, Mirco and Cornell, Samuele and Bronzi, Mirko and
            Zhong, Jianyuan},
  booktitle = {ICASSP 2021 - 2021 IEEE International Conference on Acoustics, Speech and Signal
               Processing},
  pages = {21--25},
  year = {2021},
  doi = {10.1109/ICASSP39728.2021.9413901}
}"""

WIDTH = 256
KERNEL, STRIDE = 16, 8
"""Samples of a filter of the encoder, and from one frame to the next."""
TRANSFORMER_LAYERS = 32
FILES = ("encoder.ckpt", "masknet.ckpt", "decoder.ckpt")

_FOLDER = "hf://speechbrain/sepformer-whamr"
# that others have pinned; whether it is the newest is not known
_COMMIT = "9950fd8055b38679d2af5bef2366b5dba600ec66"

SEPFORMER = ModelCard(
    id="sepformer",
    family="sepformer",
    label="SepFormer",
    parameters=25_679_361,
    layers=("encoder", *(f"transformer{number}" for number in range(1, TRANSFORMER_LAYERS + 1))),
    dims=(WIDTH,) * (TRANSFORMER_LAYERS + 1),
    sample_rate=8_000,
    licence="Apache-2.0 as the other models of its authors; not checked for this one",
    citation=CITATION,
    training_data="WHAMR!: mixtures of two talkers reading English, with noise and reverberation",
    source="https://huggingface.co/speechbrain/sepformer-whamr",
    weights=tuple(WeightsFile(url=f"{_FOLDER}/{name}@{_COMMIT}") for name in FILES),
    packages=("brainbench_sepformer",),
    shortest=KERNEL,
    loader="brainbench_sepformer.network:FAMILY",
)

CARDS = [SEPFORMER]
