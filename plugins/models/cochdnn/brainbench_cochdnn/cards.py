"""What is known about the models before they are loaded.

Two architectures, each trained on four tasks. Three of the four networks of an architecture have
all heads; no layer depends on a head.
"""

from __future__ import annotations

from dataclasses import replace

from brainbench_audio.cards import ModelCard, WeightsFile

CITATION = """\
@article{tuckute2023many,
  title = {Many but not all deep neural network audio models capture brain responses and exhibit
           correspondence between model stages and brain regions},
  author = {Tuckute, Greta and Feather, Jenelle and Boebinger, Dana and McDermott, Josh H.},
  journal = {PLOS Biology},
  volume = {21},
  number = {12},
  pages = {e3002366},
  year = {2023},
  doi = {10.1371/journal.pbio.3002366}
}"""

_ARCHIVE = WeightsFile(
    url="https://mcdermottlab.mit.edu/cochdnn/cochdnn_model_checkpoints.tar",
    size=14_000_000_000,  # about: only the rounded size is published
    folder="cochdnn",
)
"""One archive for all models."""
_RUNS = {
    "cochcnn9-word": "kell2018_decay_lr/2b411fd2-56f2-46c1-ad45-1355d4ffadde",
    "cochcnn9-speaker": "kell2018_speaker_decay_lr/46ed16b7-4097-4d99-b457-3cd1011b55cc",
    "cochcnn9-audioset": "kell2018_audioset_decay_lr/1629f285-0a2c-4764-beaf-0b9fe11ba2e7",
    "cochcnn9-multitask": (
        "kell2018_word_audioset_speaker_decay_lr/5728d456-ddc2-4fc2-bf07-a41e658f36d4"
    ),
    "cochresnet50-word": "standard_training_word_decay_lr/a10c97f7-3f2b-4219-8e72-bc625c94fd08",
    "cochresnet50-speaker": (
        "standard_training_speaker_decay_lr/0d84f6d5-8994-43ad-b5f1-650300b875ff"
    ),
    "cochresnet50-audioset": (
        "standard_training_audioset_decay_lr/9442ee31-7775-4e4a-9ff8-12cb54cf32e1"
    ),
    "cochresnet50-multitask": (
        "standard_training_word_and_audioset_and_speaker_decay_lr/"
        "542752d7-9849-49ff-b84a-6758a81585b4"
    ),
}
_MEMBER = "model_checkpoints/audio_rep_training_cochleagram_1/{}/5_checkpoint.pt"

COCHCNN9_DIMS = {
    "relu0": 96 * 71,
    "maxpool0": 96 * 36,
    "relu1": 256 * 18,
    "maxpool1": 256 * 9,
    "relu2": 512 * 9,
    "relu3": 1024 * 9,
    "relu4": 512 * 9,
    "avgpool": 512 * 5,
    "relufc": 4096,
}
COCHRESNET50_DIMS = {
    "conv1_relu1": 64 * 106,
    "maxpool1": 64 * 53,
    "layer1": 256 * 53,
    "layer2": 512 * 27,
    "layer3": 1024 * 14,
    "layer4": 2048 * 7,
    "avgpool": 2048,
}

_TASKS = {
    "word": ("Word", "words"),
    "speaker": ("Speaker", "speakers"),
    "audioset": ("AudioSet", "the AudioSet labels of the background"),
    "multitask": ("MultiTask", "words, speakers and the AudioSet labels of the background"),
}


def _cards(name: str, dims: dict[str, int], word_parameters: int, others: int) -> list[ModelCard]:
    return [
        ModelCard(
            id=f"{name.lower()}-{task}",
            family=name.lower(),
            label=f"{name} {label}",
            parameters=word_parameters if task == "word" else others,
            layers=tuple(dims),
            dims=tuple(dims.values()),
            sample_rate=20_000,
            licence="MIT (code; the weights come without a statement)",
            citation=CITATION,
            training_data=f"speech in AudioSet backgrounds (Word-Speaker-Noise), with {target}",
            source="https://github.com/jenellefeather/cochdnn",
            weights=(replace(_ARCHIVE, member=_MEMBER.format(_RUNS[f"{name.lower()}-{task}"])),),
            packages=("brainbench_cochdnn", "brainbench_spectrotemporal"),
            # its level is lost, so of one sample nothing is left
            shortest=2,
            loader="brainbench_cochdnn.network:FAMILY",
        )
        for task, (label, target) in _TASKS.items()
    ]


CARDS = [
    *_cards("CochCNN9", COCHCNN9_DIMS, 110_221_980, 114_114_130),
    *_cards("CochResNet50", COCHRESNET50_DIMS, 25_128_666, 27_075_216),
]
