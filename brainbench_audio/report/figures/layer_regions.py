"""Which layers predict which regions: where they lie in the model, and how many voxels each has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from brainbench_audio.report.figures import style
from brainbench_audio.report.layer_regions import region_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# letters that fit below a panel of half a page, and those of a count of voxels
_LETTERS, _COUNT = 52, 10


def draw_layer_regions(found: xr.Dataset, title: str, path: Path) -> None:
    """Draw what `layer_regions` returns, see `plot`.

    Parameters
    ----------
    found : xr.Dataset
    title : str
    path : Path
        ``.png``, ``.svg`` or ``.pdf``; replaced if it is there.

    Raises
    ------
    DataError
        Another format.
    BrainbenchError
        matplotlib is not installed.
    """
    style.draw(path, plot, found, title)


def numbers(found: xr.Dataset) -> list[dict[str, Any]]:
    """Return what is drawn, for JSON: a row a region, with each subject and the share of layers."""
    rows = []
    for row in region_rows(found):
        one = found.sel(region=row["region"])
        positions = _named(one["median_position"], "subject")
        rows.append(row | {"positions": positions, "shares": _named(one["mean_share"], "layer")})
    return rows


def _named(values: xr.DataArray, dimension: str) -> dict[str, float | None]:
    names = map(str, values[dimension].values)
    each = (value if np.isfinite(value) else None for value in values.values.tolist())
    return dict(zip(names, each, strict=True))


def plot(found: xr.Dataset, title: str) -> Figure:
    """Return the figure.

    Left: relative position of the best layer in each region, a dot a subject, and mean and standard
    error over subjects. Right: the share of voxels that each layer predicts best.
    """
    layers = found.sizes["layer"]
    regions = found["region"].values.tolist()
    room = 1.3 * max(map(len, regions)) if _turned(regions) else 0.0
    figure = style.new_figure(style.PAGE, max(70.0, 18 + 3.2 * layers) + room)
    positions, shares = figure.subplots(1, 2, width_ratios=(1, 1.3))
    draw_positions(positions, found)
    image = draw_shares(shares, found)
    figure.colorbar(image, ax=shares, label=f"share of {found.attrs['target']}s")
    figure.suptitle(title)
    return figure


def draw_positions(axes: Any, found: xr.Dataset) -> None:
    """Draw the left panel."""
    regions = found["region"].values.tolist()
    places = np.arange(len(regions))
    each = found["median_position"].values
    shift = np.linspace(-0.15, 0.15, len(each)) if len(each) > 1 else np.zeros(1)
    x = np.broadcast_to(places + shift[:, np.newaxis], each.shape)
    dots = {"color": style.SERIES[0], "alpha": 0.5, "markersize": 3}
    axes.plot(x.ravel(), each.ravel(), "o", label="subject", **dots)
    axes.errorbar(
        places,
        found["mean_position"],
        yerr=np.nan_to_num(found["position_error"].values),
        fmt="D",
        color=style.INK,
        capsize=3,
        label="mean ± standard error",
    )
    counts = found["voxels"].sum("subject").values.tolist()
    many = f"{found.attrs['target']}s"
    turned = _turned(regions)
    names = [
        f"{name} ({count})" if turned else f"{name}\n{count} {many}"
        for name, count in zip(regions, counts, strict=True)
    ]
    axes.set_xticks(places, names, rotation=turned)
    if turned:
        axes.set_xlabel(f"region ({many})")
    axes.set_xlim(-0.5, len(regions) - 0.5)
    axes.set_ylim(-0.05, 1.05)
    axes.set_ylabel("relative position of best layer")
    style.legend(axes.figure, style.entries_of([axes]), loc="outside lower left", ncols=2)


def _turned(regions: Sequence[str]) -> float:
    """Return by how many degrees names are turned: upright where they have no room side by side."""
    letters = max(*map(len, regions), _COUNT)
    return 90.0 if letters * len(regions) > _LETTERS else 0.0


def draw_shares(axes: Any, found: xr.Dataset) -> Any:
    """Draw the right panel; return the image."""
    shares = found["mean_share"].transpose("layer", "region").values
    image = axes.imshow(shares, cmap=style.SHADES, aspect="auto", vmin=0, origin="lower")
    regions = found["region"].values.tolist()
    axes.set_xticks(np.arange(len(regions)), regions, rotation=_turned(regions))
    axes.set_yticks(np.arange(found.sizes["layer"]), found["layer"].values.tolist())
    axes.set_ylabel("layer, from sound to output")
    return image
