"""What is known about the models before they are loaded.

Layers are named after the blocks whose outputs they are, counted from 0. Of the larger networks the
paper takes every third or fourth block and the last. Its text gives the 0.6B network 1024 features;
the published one has 1280.
"""

from __future__ import annotations

from collections.abc import Iterable

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{dinkel2024dasheng,
  title = {Scaling up masked audio encoder learning for general audio classification},
  author = {Dinkel, Heinrich and Yan, Zhiyong and Wang, Yongqing and Zhang, Junbo and
            Wang, Yujun and Wang, Bin},
  booktitle = {Interspeech 2024},
  year = {2024},
  eprint = {2406.06992},
  archivePrefix = {arXiv}
}"""

HOP = 160
"""Samples from one frame to the next: 10 ms."""
FRAMES = 4
"""Frames of a token, which spans all mel channels."""
_PRETRAINING = (
    "272,356 hours of AudioSet, VGGSound, ACAV100M and MTG-Jamendo without labels: "
    "reconstruction of masked log-mel frames"
)


def _card(
    model_id: str,
    label: str,
    *,
    blocks: Iterable[int],
    width: int,
    parameters: int,
    url: str,
    size: int = 0,
    training: str = _PRETRAINING,
) -> ModelCard:
    layers = tuple(f"blocks.{block}" for block in blocks)
    return ModelCard(
        id=model_id,
        family="dasheng",
        label=label,
        parameters=parameters,
        layers=layers,
        dims=(width,) * len(layers),
        sample_rate=16_000,
        licence="Apache-2.0",
        citation=CITATION,
        training_data=training,
        source="https://github.com/XiaoMi/dasheng",
        weights=(WeightsFile(url=url, size=size),),
        packages=("brainbench_dasheng",),
        # one token; a frame stands on the first sample and on each hop
        shortest=(FRAMES - 1) * HOP,
        loader="brainbench_dasheng.network:FAMILY",
    )


# no commits of these repositories are known
BASE = _card(
    "dasheng-base",
    "Dasheng Base",
    blocks=range(12),
    width=768,
    parameters=85_447_808,
    url="hf://mispeech/dasheng-base/model.safetensors",
    size=342_000_000,  # about: only the rounded size is published
)
LARGE = _card(
    "dasheng-06b",
    "Dasheng 0.6B",
    blocks=(*range(0, 32, 3), 31),
    width=1280,
    parameters=630_333_568,
    url="hf://mispeech/dasheng-0.6B/model.safetensors",
)
LARGEST = _card(
    "dasheng-12b",
    "Dasheng 1.2B",
    blocks=(*range(0, 40, 4), 39),
    width=1536,
    parameters=1_134_047_360,
    url="hf://mispeech/dasheng-1.2B/model.safetensors",
)
BASE_AS = _card(
    "dasheng-base-as",
    "Dasheng Base AS",
    blocks=range(12),
    width=768,
    parameters=85_447_808,
    url="https://zenodo.org/records/13315686/files/dasheng_audioset_mAP497.pt?download=1",
    training=f"{_PRETRAINING}; then AudioSet with labels (527 classes)",
)

CARDS = [BASE, LARGE, LARGEST, BASE_AS]
