"""What is known about the two schemes before a model is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard

TRANSFORMERS_CITATION = """\
@inproceedings{wolf2020transformers,
  title = {Transformers: State-of-the-Art Natural Language Processing},
  author = {Wolf, Thomas and Debut, Lysandre and Sanh, Victor and Chaumond, Julien and
            Delangue, Clement and Moi, Anthony and Cistac, Pierric and Rault, Tim and
            Louf, R{\\'e}mi and Funtowicz, Morgan and others},
  booktitle = {Proceedings of the 2020 Conference on Empirical Methods in Natural Language
               Processing: System Demonstrations},
  pages = {38--45},
  year = {2020},
  doi = {10.18653/v1/2020.emnlp-demos.6}
}"""
TORCHAUDIO_CITATION = """\
@inproceedings{hwang2023torchaudio,
  title = {{TorchAudio} 2.1: Advancing Speech Recognition, Self-Supervised Learning, and Audio
           Processing Components for {PyTorch}},
  author = {Hwang, Jeff and Hira, Moto and Chen, Caroline and Zhang, Xiaohui and Ni, Zhaoheng and
            Sun, Guangzhi and others},
  booktitle = {2023 IEEE Automatic Speech Recognition and Understanding Workshop},
  pages = {1--9},
  year = {2023}
}"""


def _scheme(name: str, label: str, *, citation: str, source: str, loader: str) -> ModelCard:
    return ModelCard(
        id=f"{name}:*",
        family="hub",
        label=label,
        parameters=0,
        layers=(),
        dims=(),
        sample_rate=0,
        licence="as the model's page says",
        citation=citation,
        training_data="as the model's page says",
        source=source,
        packages=("brainbench_hub",),
        loader=loader,
    )


HF = _scheme(
    "hf",
    "any audio encoder that transformers loads: hf:owner/name, hf:owner/name@revision, hf:/folder",
    citation=TRANSFORMERS_CITATION,
    source="https://huggingface.co/models",
    loader="brainbench_hub.hugging_face:load",
)
TORCHAUDIO = _scheme(
    "torchaudio",
    "any bundle of torchaudio.pipelines that extracts features, e.g. torchaudio:HUBERT_BASE",
    citation=TORCHAUDIO_CITATION,
    source="https://docs.pytorch.org/audio/stable/pipelines.html",
    loader="brainbench_hub.bundles:load",
)

CARDS = [HF, TORCHAUDIO]
