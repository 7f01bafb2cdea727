"""Figures of stored scores, in colours that colour-blind readers can tell apart.

The only module that imports matplotlib, and only when a figure is drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
_DOTS, _MEAN = "#0072B2", "#000000"  # blue and black of Okabe and Ito's palette
_SHADES = "cividis"
# Nothing of the day or the version in the file: the same result gives the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def draw_layer_regions(found: xr.Dataset, title: str, path: Path) -> None:
    """Draw what `layer_regions` returns.

    Left: relative position of the best layer in each region, a dot a subject, and mean and standard
    error over subjects. Right: the share of voxels that each layer predicts best.

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
    check_format(path)
    figure = _new_figure()
    positions, shares = figure.subplots(1, 2, width_ratios=(1, 1.3))
    _draw_positions(positions, found)
    image = _draw_shares(shares, found)
    figure.colorbar(image, ax=shares, label="share of voxels")
    figure.suptitle(title)
    save(figure, path)


def check_format(path: Path) -> None:
    """Raise DataError if a figure cannot be written under this name."""
    if path.suffix.lower() not in FORMATS:
        raise DataError(f"{path} is no figure: its name has to end in {', '.join(FORMATS)}.")


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all."""
    import matplotlib

    suffix = path.suffix.lower()
    # a salt of its own would give every svg other ids
    with atomic_file(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "brainbench"}):
        figure.savefig(temporary, format=suffix[1:], dpi=200, metadata=_METADATA[suffix])


def _new_figure() -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BrainbenchError(
            f"Figures need matplotlib ({error}): pip install 'brainbench-audio[report]'."
        ) from error
    return Figure(figsize=(10, 4.2), layout="constrained")


def _draw_positions(axes: Any, found: xr.Dataset) -> None:
    regions = found["region"].values.tolist()
    places = np.arange(len(regions))
    each = found["median_position"].values
    shift = np.linspace(-0.15, 0.15, len(each)) if len(each) > 1 else np.zeros(1)
    x = np.broadcast_to(places + shift[:, np.newaxis], each.shape)
    axes.plot(x.ravel(), each.ravel(), "o", color=_DOTS, alpha=0.5, markersize=4, label="subject")
    axes.errorbar(
        places,
        found["mean_position"],
        yerr=np.nan_to_num(found["position_error"].values),
        fmt="D",
        color=_MEAN,
        capsize=4,
        markersize=6,
        label="mean ± standard error",
    )
    counts = found["voxels"].sum("subject").values.tolist()
    names = [f"{name}\n{count} voxels" for name, count in zip(regions, counts, strict=True)]
    axes.set_xticks(places, names)
    axes.set_xlim(-0.5, len(regions) - 0.5)
    axes.set_ylim(-0.05, 1.05)
    axes.set_ylabel("relative position of best layer")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small")


def _draw_shares(axes: Any, found: xr.Dataset) -> Any:
    shares = found["mean_share"].transpose("layer", "region").values
    image = axes.imshow(shares, cmap=_SHADES, aspect="auto", vmin=0, origin="lower")
    axes.set_xticks(np.arange(found.sizes["region"]), found["region"].values.tolist())
    axes.set_yticks(np.arange(found.sizes["layer"]), found["layer"].values.tolist())
    axes.tick_params(axis="y", labelsize="small" if found.sizes["layer"] < 20 else "xx-small")
    axes.set_ylabel("layer, from sound to output")
    return image
