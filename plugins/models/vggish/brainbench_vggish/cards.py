"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{hershey2017cnn,
  title = {{CNN} Architectures for Large-Scale Audio Classification},
  author = {Hershey, Shawn and Chaudhuri, Sourish and Ellis, Daniel P. W. and Gemmeke, Jort F. and
            Jansen, Aren and Moore, R. Channing and Plakal, Manoj and Platt, Devin and
            Saurous, Rif A. and Seybold, Bryan and Slaney, Malcolm and Weiss, Ron J. and
            Wilson, Kevin},
  booktitle = {2017 IEEE International Conference on Acoustics, Speech and Signal Processing},
  pages = {131--135},
  year = {2017},
  doi = {10.1109/ICASSP.2017.7952132}
}"""

_DIMS = {
    "relu0": 64 * 64,
    "maxpool0": 64 * 32,
    "relu1": 128 * 32,
    "maxpool1": 128 * 16,
    "relu2": 256 * 16,
    "relu3": 256 * 16,
    "maxpool2": 256 * 8,
    "relu4": 512 * 8,
    "relu5": 512 * 8,
    "maxpool3": 512 * 4,
    "relu6": 4096,
    "relu7": 4096,
    "relu8": 128,
}

VGGISH = ModelCard(
    id="vggish",
    family="vggish",
    label="VGGish",
    parameters=72_141_184,
    layers=tuple(_DIMS),
    dims=tuple(_DIMS.values()),
    sample_rate=16_000,
    licence="Apache-2.0",
    citation=CITATION,
    training_data="YouTube-8M with labels of the videos (a preliminary version)",
    source="https://github.com/harritaylor/torchvggish",
    weights=(
        WeightsFile(
            url="https://github.com/harritaylor/torchvggish/releases/download/v0.1/"
            "vggish-10086976.pth",
            size=4 * 72_141_184,
        ),
    ),
    packages=("brainbench_vggish",),
    # the window is zero at the first sample
    shortest=2,
    loader="brainbench_vggish.network:FAMILY",
)

CARDS = [VGGISH]
