"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{gong2021ast,
  title = {{AST}: Audio Spectrogram Transformer},
  author = {Gong, Yuan and Chung, Yu-An and Glass, James},
  booktitle = {Proceedings of Interspeech 2021},
  pages = {571--575},
  year = {2021},
  doi = {10.21437/Interspeech.2021-698}
}"""

FRAME, HOP = 400, 160
"""Samples of a frame, and from one to the next."""
BLOCKS = 12
WIDTH = 768
CLASSES = 527

AST = ModelCard(
    id="ast",
    family="ast",
    label="AST",
    parameters=86_594_063,
    layers=("embedding", *(f"encoder_{number}" for number in range(1, BLOCKS + 1)), "final"),
    dims=(*(WIDTH,) * (BLOCKS + 1), CLASSES),
    sample_rate=16_000,
    licence="BSD-3-Clause",
    citation=CITATION,
    training_data="ImageNet with labels, then AudioSet with labels (527 classes)",
    source="https://github.com/YuanGongND/ast",
    weights=(
        WeightsFile(
            url="hf://MIT/ast-finetuned-audioset-10-10-0.4593/model.safetensors"
            "@f826b80d28226b62986cc218e5cec390b1096902",
            size=346_404_948,
            sha256="ae0c1e2ad4e1381d851fa9bf298ba13ebc9c5a914cdee2dbe427a6583869924d",
        ),
    ),
    packages=("brainbench_ast",),
    shortest=FRAME,
    loader="brainbench_ast.network:FAMILY",
)

CARDS = [AST]
