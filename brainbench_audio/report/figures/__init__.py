"""Figures of stored scores: one file a kind, one look for all, readable for the colour-blind.

Each kind has a ``plot`` function, from numbers to a figure, and where the numbers do not come as
they are stored, a function that gathers them first. `style.draw` writes what ``plot`` returns.
"""

from __future__ import annotations

from brainbench_audio.report.figures.layer_regions import draw_layer_regions
from brainbench_audio.report.figures.style import FORMATS, check_format, draw

__all__ = ["FORMATS", "check_format", "draw", "draw_layer_regions"]
