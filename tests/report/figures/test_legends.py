"""Legends name everything, whatever a name starts with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from brainbench_audio.report import figures
from brainbench_audio.report.families import BASELINE
from brainbench_audio.report.figures import (
    agreement,
    bars,
    components,
    layer_weights,
    layers,
    learning_curves,
    scatter,
    style,
)
from brainbench_audio.report.results import Result

NAMES = ("_first", "second", "__third", "$fourth$")


def result(model: str, benchmark: str, value: float, **fields: Any) -> Result:
    fields = {"label": model, "family": model, "benchmark": benchmark, **fields}
    return Result(model=model, value=value, **fields)


def results(*benchmarks: str) -> list[Result]:
    return [
        result(name, benchmark, (place + 1) ** (shift + 1) / 70)
        for place, name in enumerate(NAMES)
        for shift, benchmark in enumerate(benchmarks)
    ]


def profile(**coordinates: Any) -> xr.DataArray:
    (name,) = coordinates
    values = np.arange(3.0 * len(NAMES)).reshape(3, len(NAMES))
    return xr.DataArray(values, {"layer": ["a", "b", "c"], **coordinates}, ("layer", name))


def curves() -> xr.DataArray:
    settings = {"rate": ("setting", [1, 2])}
    return xr.DataArray(
        np.ones((2, 4)),
        settings,
        ("setting", "epoch"),
        attrs={"chosen": 1, "metric": "accuracy"},
    )


def weights() -> dict[str, xr.DataArray]:
    shares = xr.DataArray(np.full((2, 3), 1 / 3), {"layer": ["a", "b", "c"]}, ("fold", "layer"))
    return dict.fromkeys(NAMES, shares)


def baseline() -> list[Result]:
    parts = dict.fromkeys(components.COMPONENTS, 0.5)
    base = {"label": "_base", "parts": parts}
    return [
        result("mine", "NH2015comp-ridge", 0.4, parts=parts),
        result(BASELINE, "NH2015comp-ridge", 0.1, **base),
    ]


FIGURES: dict[str, tuple[Callable[[], Any], set[str]]] = {
    "bars": (
        lambda: bars.plot([bars.Panel.of(baseline(), "NH2015comp-ridge")]),
        {"_base"},
    ),
    "components": (lambda: components.plot(components.rows_of(baseline())), {"_base"}),
    "layers": (
        lambda: layers.plot({"X": profile(component=list(NAMES))}, {}, ""),
        {*NAMES, "mean"},
    ),
    "layer weights": (lambda: layer_weights.plot(weights(), ""), {*NAMES, "all equal"}),
    "learning curves": (
        lambda: learning_curves.plot({"X": curves()}, ""),
        {"other settings", "rate 2"},
    ),
    "scatter": (
        lambda: scatter.plot([scatter.Panel.of(results("X-ridge", "Y-rsa"), "X-ridge", "Y-rsa")]),
        set(NAMES),
    ),
    "agreement": (
        lambda: agreement.plot(
            agreement.Agreement.of(results("X-ridge", "Y-rsa"), ["X-ridge", "Y-rsa"])
        ),
        set(NAMES),
    ),
}


def legend_of(figure: Any) -> set[str]:
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    return {text.get_text() for legend in legends for text in legend.get_texts()}


@pytest.mark.parametrize("kind", FIGURES)
def test_names_that_start_with_an_underscore_are_in_the_legend(kind: str, tmp_path: Path) -> None:
    plot, expected = FIGURES[kind]
    with style.look():
        figure = plot()
        style.save(figure, tmp_path / "figure.png")
    assert legend_of(figure) == expected


def test_every_figure_draws_its_legend_in_one_way() -> None:
    folder = Path(str(figures.__file__)).parent
    for file in set(folder.glob("*.py")) - {folder / "style.py"}:
        text = file.read_text(encoding="utf-8")
        for own in ("axes.legend(", "figure.legend(", "get_legend_handles_labels"):
            assert own not in text, f"{file.name}: use style.legend and style.entries_of"
