"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@misc{drossos2020dcase,
  title = {Baseline system of automated audio captioning, {DCASE} 2020 challenge, task 6},
  author = {Drossos, Konstantinos and Lipping, Samuel and Virtanen, Tuomas},
  publisher = {Zenodo},
  year = {2020},
  doi = {10.5281/zenodo.3697687}
}
@inproceedings{drossos2020clotho,
  title = {Clotho: an Audio Captioning Dataset},
  author = {Drossos, Konstantinos and Lipping, Samuel and Virtanen, Tuomas},
  booktitle = {ICASSP 2020 - IEEE International Conference on Acoustics, Speech and Signal
               Processing},
  pages = {736--740},
  year = {2020},
  doi = {10.1109/ICASSP40776.2020.9052990}
}"""

WIDTH = 256
WORDS = 4367
WINDOW, HOP = 1024, 512
"""Samples of a frame, and from one to the next."""

# The copy that the first study of this network used, at one commit.
_FOLDER = (
    "https://raw.githubusercontent.com/gretatuckute/dcase-2020-baseline/"
    "35e3bec90464404abccb015f4f2089152ec47373/models"
)

# The record of the authors, which a later version would have another number of.
_RECORD = "https://zenodo.org/records/3697687/files"
_FILE = "dcase_model_baseline_pre_trained.pt"

DCASE2020 = ModelCard(
    id="dcase2020",
    family="dcase2020",
    label="DCASE2020",
    parameters=4_573_711,
    layers=("gru1", "gru2", "gru3", "decoder_gru", "classifier"),
    dims=(2 * WIDTH, 2 * WIDTH, 2 * WIDTH, WIDTH, WORDS),
    sample_rate=44_100,
    licence="Tampere University: experimental and non-commercial use only, with attribution",
    citation=CITATION,
    training_data="Clotho: everyday sounds with captions",
    source="https://github.com/audio-captioning/dcase-2020-baseline",
    weights=(WeightsFile(url=f"{_FOLDER}/{_FILE}", mirrors=(f"{_RECORD}/{_FILE}",)),),
    packages=("brainbench_dcase2020",),
    # half a window is mirrored at each end
    shortest=WINDOW // 2 + 1,
    loader="brainbench_dcase2020.network:FAMILY",
)

CARDS = [DCASE2020]
