"""How somebody adds a model: four commands, and what comes of them."""

from __future__ import annotations

from typing import Any

from brainbench_audio.markup import Markup, tag
from brainbench_audio.report.site.frame import ADD, Frame, code

_STEPS: tuple[tuple[str, str, str], ...] = (
    (
        "Install",
        "Python 3.11 or later. torch is needed for models that need it.",
        "pip install brainbench-audio",
    ),
    (
        "Wrap your model",
        "Any object with these three will do; waveforms are mono float32 arrays. "
        "brainbench_audio.activations.torch_model.TorchModel wraps a torch network, and a model of "
        "the Hugging Face hub needs nothing: its id is hf:owner/name.",
        'class MyModel:\n    layers = ("conv1", "conv2")\n    sample_rate = 16_000\n\n'
        "    def activations(self, waveforms, layers=None):\n"
        '        """Return {layer: array (sound, feature)}."""',
    ),
    (
        "Try it",
        "SimCortex is a simulated cortex with a known ceiling; it needs no download.",
        "brainbench score --model ./my_model.py:MyModel --benchmark SimCortex-ridge",
    ),
    (
        "Score it on brains and tasks",
        "Sizes of downloads are told first. Activations are kept, so a second benchmark with the "
        "same sounds is quick.",
        "brainbench data get NH2015comp\n"
        "brainbench score --model ./my_model.py:MyModel --benchmark 'NH2015comp-*'",
    ),
    (
        "See it here",
        "Your model stands among the published ones.",
        "brainbench report --output site/",
    ),
)


def add_page(frame: Frame) -> str:
    """Return the page."""
    body: list[Any] = [
        tag("h1", "Add your model"),
        tag("p", "From a class in a file to a row of the leaderboard.", class_="lead"),
        tag("ol", [tag("li", _step(*step)) for step in _STEPS], class_="steps"),
    ]
    return frame.page(ADD, "Add your model", body)


def _step(name: str, text: str, example: str) -> list[Markup]:
    return [tag("h2", name), tag("p", text), code(example, name)]
