"""Figures: files that can be opened, of the numbers that they show."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.report import figures
from brainbench_audio.report.figures import layer_regions as layer_regions_figure
from brainbench_audio.report.figures import style
from brainbench_audio.report.layer_regions import layer_regions

STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


def found(regions: tuple[str, ...] = ("Primary", "Lateral")) -> xr.Dataset:
    generator = np.random.default_rng(0)
    coordinates = {
        "layer": [f"block{number}" for number in range(13)],
        "subject": ("voxel", np.repeat(["a", "b", "c"], 20)),
        "region": ("voxel", generator.choice(regions, 60)),
    }
    values = generator.random((13, 60))
    values[:, np.array(coordinates["region"][1]) == "Dead"] = 0.0
    return layer_regions(xr.Dataset({"layer_score": (("layer", "voxel"), values)}, coordinates))


@pytest.mark.parametrize("kind", STARTS)
def test_the_same_numbers_give_the_same_file(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("matplotlib")
    paths = [tmp_path / f"{number}.{kind}" for number in range(2)]
    for path in paths:
        figures.draw_layer_regions(found(), "one on another", path)
    first, second = (path.read_bytes() for path in paths)
    assert first.startswith(STARTS[kind])
    assert first == second


def test_regions_that_nothing_predicts_are_drawn_empty(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figures.draw_layer_regions(found(("Primary", "Dead")), "", tmp_path / "dead.svg")
    assert (tmp_path / "dead.svg").read_text().startswith("<?xml")


def test_the_panels_show_the_numbers() -> None:
    pytest.importorskip("matplotlib")
    numbers = found()
    with style.look():
        figure = layer_regions_figure.plot(numbers, "one on another")
    axes = figure.axes
    dots = axes[0].lines[0].get_ydata()
    np.testing.assert_array_equal(dots, numbers["median_position"].values.ravel())
    assert [label.get_text().split("\n")[0] for label in axes[0].get_xticklabels()] == list(
        numbers["region"].values
    )
    image = axes[1].images[0]
    shares = numbers["mean_share"].transpose("layer", "region")
    np.testing.assert_allclose(image.get_array(), shares)


@pytest.mark.parametrize("count", [2, 4, 12])
def test_names_of_regions_do_not_overlap(count: int) -> None:
    pytest.importorskip("matplotlib")
    names = ("Primary", "Lateral", "Anterior", "Posterior")
    many = tuple(f"ctx_transversetemporal_{place}" for place in range(count))
    with style.look():
        figure = layer_regions_figure.plot(found(names[:count] if count < 5 else many), "title")
        figure.draw_without_rendering()
        renderer = figure.canvas.get_renderer()
        for axes in figure.axes[:2]:
            boxes = [text.get_window_extent(renderer) for text in axes.get_xticklabels()]
            for one, other in pairwise(boxes):
                assert not one.overlaps(other)
            for box in boxes:
                assert box.x0 >= 0
                assert box.y0 >= 0
                assert box.x1 <= figure.bbox.width


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"map\.gif is no figure"):
        figures.draw_layer_regions(found(), "", tmp_path / "map.gif")


def test_without_matplotlib_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(BrainbenchError, match=r"pip install 'brainbench-audio\[report\]'"):
        figures.draw_layer_regions(found(), "", tmp_path / "map.png")
