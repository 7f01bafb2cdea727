"""What is known about the models before they are loaded.

The four share one architecture; the fourth adds a classifier that no layer depends on.
"""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@inproceedings{chen2023beats,
  title = {{BEATs}: Audio Pre-Training with Acoustic Tokenizers},
  author = {Chen, Sanyuan and Wu, Yu and Wang, Chengyi and Liu, Shujie and Tompkins, Daniel and
            Chen, Zhuo and Che, Wanxiang and Yu, Xiangzhan and Wei, Furu},
  booktitle = {Proceedings of the 40th International Conference on Machine Learning},
  volume = {202},
  pages = {5178--5193},
  year = {2023},
  eprint = {2212.09058},
  archivePrefix = {arXiv}
}"""

LAYERS = ("input", *(f"encoder_{number}" for number in range(1, 13)))
WIDTH = 768
FRAME, HOP = 400, 160
"""Samples of a frame, and from one to the next."""
PATCH = 16
"""Frames of a patch, and its bands."""

_FOLDER = "hf://lpepino/beats_ckpts"
_REVISION = "5b53b0404df452a3a607d7e67687227730e5bad1"


def _card(
    model_id: str, name: str, *, parameters: int, training: str, file: WeightsFile
) -> ModelCard:
    return ModelCard(
        id=model_id,
        family="beats",
        label=name,
        parameters=parameters,
        layers=LAYERS,
        dims=(WIDTH,) * len(LAYERS),
        sample_rate=16_000,
        licence="MIT",
        citation=CITATION,
        training_data=training,
        source="https://github.com/microsoft/unilm/tree/master/beats",
        weights=(file,),
        packages=("brainbench_beats",),
        # one row of patches
        shortest=FRAME + (PATCH - 1) * HOP,
        loader="brainbench_beats.network:FAMILY",
    )


def _file(name: str, size: int, sha256: str) -> WeightsFile:
    return WeightsFile(url=f"{_FOLDER}/{name}.pt@{_REVISION}", size=size, sha256=sha256)


def _pretrained(iteration: int, tokens: str, sha256: str) -> ModelCard:
    name = f"BEATs_iter{iteration}"
    return _card(
        f"beats-iter{iteration}",
        f"BEATs iter{iteration}",
        parameters=90_311_792,
        training=f"AudioSet without labels: masked prediction of {tokens}",
        file=_file(name, 361_499_833, sha256),
    )


ITER1 = _pretrained(
    1,
    "a random-projection tokenizer's codes",
    "b5f4cc10bcbff63a437c695f33389e6411513b3f7d5cdae8fb62b5005f4a1fcd",
)
ITER2 = _pretrained(
    2,
    "the codes of a tokenizer distilled from iteration 1",
    "81a23e00aa4878d7e8627ded87ea697fb347c8ceffed21223e0398ed0fa34ad8",
)
ITER3 = _pretrained(
    3,
    "the codes of a tokenizer distilled from iteration 2",
    "8d1b234032a9ccff353612dc6c20982346dc2968b205b79d97303eb5e77bfb34",
)
ITER3_AS2M = _card(
    "beats-iter3-as2m",
    "BEATs iter3 AS2M",
    parameters=90_717_055,
    training="as iteration 3, then AudioSet with labels (AS-2M, 527 classes)",
    file=_file(
        "BEATs_iter3_finetuned_on_AS2M_cpt1",
        363_145_291,
        "379369a41d0b3749f746cdcea8036de506cb3aedecce84de7db0a75fda2a4fe7",
    ),
)

CARDS = [ITER1, ITER2, ITER3, ITER3_AS2M]
