"""One model of each kind of front end, with initial weights."""

from __future__ import annotations

from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.testing.standin import loaded

FAMILIES = [
    "ast",
    "beats-iter1",
    "cochcnn9-word",
    "cochresnet50-word",
    "crepe-tiny",
    "dasheng-base",
    "dcase2020",
    "deepspeech2",
    "encodecmae-ec-base",
    "encodecmae-small",
    "encodecmae-spec-base",
    "metricgan",
    "resemblyzer",
    "s2t",
    "sepformer",
    "spectrotemporal",
    "vggish",
    "wav2vec2",
    "zerospeech2020",
]
BIG = frozenset(
    [
        "ast",
        "cochresnet50-word",
        "deepspeech2",
        "encodecmae-ec-base",
        "encodecmae-spec-base",
        "s2t",
        "sepformer",
        "wav2vec2",
    ]
)
"""Those that take seconds to make."""


def untrained(identifier: str) -> TorchModel:
    """Return a model on the CPU, of two blocks where it can be made so shallow."""
    card = find_model(identifier).card
    options: dict[str, Any] = {"weights": "untrained"} if card.parameters else {}
    if card.family == "dasheng":
        options["depth"] = 2
    return loaded(identifier, **options)
