"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{fu2021metricgan,
  title = {{MetricGAN+}: An Improved Version of {MetricGAN} for Speech Enhancement},
  author = {Fu, Szu-Wei and Yu, Cheng and Hsieh, Tsun-An and Plantinga, Peter and
            Ravanelli, Mirco and Lu, Xugang and Tsao, Yu},
  booktitle = {Proceedings of Interspeech 2021},
  pages = {201--205},
  year = {2021},
  doi = {10.21437/Interspeech.2021-599}
}"""

METRICGAN = ModelCard(
    id="metricgan",
    family="metricgan",
    label="MetricGAN+",
    parameters=1_895_514,
    layers=("lstm1_cell", "lstm2_cell", "linear1", "linear2"),
    dims=(400, 400, 300, 257),
    sample_rate=16_000,
    licence="Apache-2.0",
    citation=CITATION,
    training_data="VoiceBank-DEMAND: noisy read English, trained for the speech quality score PESQ",
    source="https://huggingface.co/speechbrain/metricgan-plus-voicebank",
    weights=(
        WeightsFile(
            # a commit that others have pinned; whether it is the newest is not known
            url="hf://speechbrain/metricgan-plus-voicebank/enhance_model.ckpt"
            "@a196ce26b3bdace6fa1d819017584bdbcce462a8",
        ),
    ),
    packages=("brainbench_metricgan",),
    loader="brainbench_metricgan.network:FAMILY",
)

CARDS = [METRICGAN]
