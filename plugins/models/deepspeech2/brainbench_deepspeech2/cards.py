"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{amodei2016deep,
  title = {{Deep Speech} 2: End-to-End Speech Recognition in {English} and {Mandarin}},
  author = {Amodei, Dario and Ananthanarayanan, Sundaram and Anubhai, Rishita and others},
  booktitle = {Proceedings of the 33rd International Conference on Machine Learning},
  volume = {48},
  pages = {173--182},
  year = {2016}
}
@misc{naren2021deepspeech,
  title = {deepspeech.pytorch},
  author = {Naren, Sean},
  howpublished = {https://github.com/SeanNaren/deepspeech.pytorch},
  note = {Version 3.0},
  year = {2021}
}"""

WIDTH = 1024
DEPTH = 5
WINDOW, HOP = 320, 160
"""Samples of a frame, and from one to the next."""
# channels x frequencies after the first and the second convolution
CONVOLUTIONS = (32 * 81, 32 * 41)

DEEPSPEECH2 = ModelCard(
    id="deepspeech2",
    family="deepspeech2",
    label="DeepSpeech2",
    parameters=86_618_400,
    layers=("hardtanh0", "hardtanh1", *(f"lstm{number}" for number in range(DEPTH))),
    dims=(*CONVOLUTIONS, *(2 * WIDTH,) * DEPTH),
    sample_rate=16_000,
    licence="MIT",
    citation=CITATION,
    training_data="LibriSpeech, read English speech with transcripts",
    source="https://github.com/SeanNaren/deepspeech.pytorch",
    weights=(
        WeightsFile(
            url="https://github.com/SeanNaren/deepspeech.pytorch/releases/download/V3.0/"
            "librispeech_pretrained_v3.ckpt",
        ),
    ),
    packages=("brainbench_deepspeech2",),
    # half a window is mirrored at each end
    shortest=WINDOW // 2 + 1,
    loader="brainbench_deepspeech2.network:FAMILY",
)

CARDS = [DEEPSPEECH2]
