"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{wan2018generalized,
  title = {Generalized End-to-End Loss for Speaker Verification},
  author = {Wan, Li and Wang, Quan and Papir, Alan and Moreno, Ignacio Lopez},
  booktitle = {2018 IEEE International Conference on Acoustics, Speech and Signal Processing},
  pages = {4879--4883},
  year = {2018},
  doi = {10.1109/ICASSP.2018.8462665}
}"""

_DIMS = {"lstm1": 256, "lstm2": 256, "lstm3": 256, "linear": 256}

RESEMBLYZER = ModelCard(
    id="resemblyzer",
    family="resemblyzer",
    label="Resemblyzer",
    parameters=1_423_616,
    layers=tuple(_DIMS),
    dims=tuple(_DIMS.values()),
    sample_rate=16_000,
    licence="Apache-2.0",
    citation=CITATION,
    training_data="English speech of known speakers: LibriSpeech-other, VoxCeleb1, VoxCeleb2",
    source="https://github.com/resemble-ai/Resemblyzer",
    weights=(
        WeightsFile(
            url="https://raw.githubusercontent.com/resemble-ai/Resemblyzer/"
            "15d828edebe06bc72b9cabc8ef8ca5ab2cb457ce/resemblyzer/pretrained.pt",
            size=17_090_379,
            sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
            installed="Resemblyzer:resemblyzer/pretrained.pt",
        ),
    ),
    packages=("brainbench_resemblyzer",),
    # more than half a frame, which is mirrored at each end
    shortest=201,
    loader="brainbench_resemblyzer.network:FAMILY",
)

CARDS = [RESEMBLYZER]
