"""What objects show of themselves: short, true, escaped."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from brainbench_audio import load_benchmark, score
from brainbench_audio.activations.lazy import LazyModel, identify_object
from brainbench_audio.activations.object_state import sealed
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.scores.score import Score
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.testing.dummies import dummy_card
from brainbench_audio.views import bars

SHORT = 500


class Elements(HTMLParser):
    """Collects the elements of a page, and fails on what is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(name.startswith("on") for name, _ in attrs)
        self.names.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def elements(thing: object) -> Elements:
    found = Elements(thing._repr_html_())  # type: ignore[attr-defined]
    assert not {"script", "style", "img", "link", "iframe"} & set(found.names)
    return found


@pytest.mark.usefixtures("tiny")
def test_a_score_names_model_version_value_and_layer() -> None:
    found = score("tiny-plain", "Tiny-match")
    text = repr(found)
    assert len(text) < SHORT
    assert "\n" not in text
    version = found.provenance["identity"]["version"]
    low, high = found.interval or (0, 0)
    for fact in (
        f"tiny-plain#{version}",
        "Tiny-match",
        f"{found.value:.3f} ± {found.error:.3f} [{low:.3f}, {high:.3f}]",
        f"ceiling: 0.800 ({found.value / 0.8:.0%} of it reached)",
        f"best layer: {found.layer}",
        "stimulus 40, component 3",
    ):
        assert fact in text
    page = elements(found)
    assert page.names.count("rect") == len(found.raw["layer"])
    assert f"tiny-plain#{version}" in page.texts


@pytest.mark.usefixtures("tiny")
def test_models_benchmarks_and_stimuli() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(4, 2))
    model = TorchModel(dummy_card(), network, {"out": "0"}, fingerprint="dummy", device="cpu")
    assert "version" not in repr(model)
    identity = identify_object(model)
    sealed(model, identity)
    benchmark = load_benchmark("Tiny-match")
    for thing, facts in (
        (model, ("net-work", f"loaded as version: {identity.version}", "1: out", "8000 Hz")),
        (benchmark, ("Tiny-match", "40 stimulus x 3 component", "best single feature (R²)")),
        (benchmark.stimuli, ("40: ", "sounds")),
    ):
        text, page = repr(thing), " ".join(elements(thing).texts)
        assert len(text) < SHORT
        assert "\n" not in text
        for fact in facts:
            assert fact in text
            assert fact.rpartition(": ")[2] in page
    assert repr(LazyModel(identity)) == (
        f"<Model id: net-work#{identity.version}, layers: 1, sample rate: 8000 Hz>"
    )


def test_names_of_others_are_text_and_nothing_else() -> None:
    odd = "<script>alert(1)</script>\x1b[31m\u202e"
    raw = xr.Dataset({"profile": ("layer", [0.1, 0.2])}, {"layer": [odd, 'b" onload="x']})
    one = Score(value=0.2, layer=odd, raw=raw, provenance={"model": odd, "benchmark": "B"})
    page = elements(one)
    assert page.names.count("rect") == 2
    for text in (repr(one), one._repr_html_()):
        assert "\x1b" not in text
        assert "\u202e" not in text
    stimuli = StimulusSet(odd, (odd,), (Path(__file__),), (odd,))
    assert "\x1b" not in repr(stimuli)
    elements(stimuli)


def test_a_score_of_nothing_else_shows_its_value() -> None:
    assert repr(Score(value=0.25)) == "<Score value: 0.250>"
    assert "svg" not in elements(Score(value=0.25)).names


def test_bars_stay_inside_the_picture() -> None:
    values = {"a": -0.2, "b": float("nan"), "c": 0.4, "d": 0.0}
    drawn = bars(values, "score", "c")
    assert drawn is not None
    rows = [
        {name: float(value) for name, value in attributes if name in ("y", "height")}
        for attributes in _rectangles(drawn)
    ]
    assert len(rows) == 3
    assert all(row["y"] >= 0 and row["y"] + row["height"] <= 56 for row in rows)
    assert rows[1]["y"] + rows[1]["height"] == pytest.approx(rows[0]["y"], abs=0.11)
    assert bars({"a": np.nan, "b": np.nan}, "score") is None


def _rectangles(drawn: str) -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "rect":
                found.append([(name, value or "") for name, value in attrs])

    Reader().feed(drawn)
    return found
