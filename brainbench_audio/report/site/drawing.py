"""Small drawings inside the pages: a layer profile, how models are spread, one dot."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from brainbench_audio.markup import Markup, tag
from brainbench_audio.report.families import Look
from brainbench_audio.report.site.profiles import LayerProfile

# The same shapes as in shared.js.
_SHAPES = {
    "o": "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0",
    "s": "M-4.5,-4.5h9v9h-9z",
    "^": "M0,-5.5L5.3,4.2H-5.3z",
    "v": "M0,5.5L5.3,-4.2H-5.3z",
    "<": "M-5.5,0L4.2,-5.3V5.3z",
    ">": "M5.5,0L-4.2,-5.3V5.3z",
    "D": "M0,-6L6,0L0,6L-6,0z",
    "P": "M-1.8,-5.4h3.6v3.6h3.6v3.6h-3.6v3.6h-3.6v-3.6h-3.6v-3.6h3.6z",
    "X": "M-5.2,-2.9L-2.9,-5.2L0,-2.3L2.9,-5.2L5.2,-2.9L2.3,0L5.2,2.9L2.9,5.2L0,2.3L-2.9,5.2"
    "L-5.2,2.9L-2.3,0z",
    "*": "M0.0,-6.8L1.8,-2.4L6.5,-2.1L2.9,0.9L4.0,5.5L0.0,3.0L-4.0,5"
    ".5L-2.9,0.9L-6.5,-2.1L-1.8,-2.4z",
    "p": "M0.0,-5.8L5.5,-1.8L3.4,4.7L-3.4,4.7L-5.5,-1.8z",
    "d": "M0,-6.2L3.6,0L0,6.2L-3.6,0z",
}
_WIDTH, _HEIGHT, _EDGE = 280.0, 22.0, 12.0
_LONGEST = 18


@dataclass(frozen=True)
class Figure:
    """A drawing with what stands below it."""

    drawing: Markup
    caption: str


def number(value: float | None, digits: int = 3) -> str:
    """Return a number as it is printed; a dash for None and NaN.

    Examples
    --------
    >>> number(-0.12345)
    '−0.123'
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def marker(
    look: Look,
    x: float,
    y: float,
    scale: float = 1.0,
    title: str | None = None,
    *,
    hollow: bool = False,
) -> Markup:
    """Return the marker of a family at a place."""
    place = f"translate({x:.1f} {y:.1f}) scale({scale:g})"
    shape = {"d": _SHAPES[look.marker], "fill": look.colour, "class": "edge", "transform": place}
    if hollow:
        shape |= {"fill": "none", "stroke": look.colour, "class": "hollow"}
    return tag("path", None if title is None else tag("title", title), **shape)


def icon(look: Look) -> Markup:
    """Return the marker of a family to stand within text."""
    return tag("svg", marker(look, 0, 0), class_="icon", viewBox="-7 -7 14 14", aria_hidden="true")


def ticks(lowest: float, highest: float, count: int = 5) -> list[float]:
    """Return round numbers within a range.

    Examples
    --------
    >>> ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    step = _step(lowest, highest, count)
    first = math.ceil(lowest / step - 1e-9)
    return [
        round(place * step, 10) for place in range(first, math.floor(highest / step + 1e-9) + 1)
    ]


def digits_between(lowest: float, highest: float, count: int = 5) -> int:
    """Return how many digits behind the point tell the numbers of `ticks` apart.

    Examples
    --------
    >>> digits_between(0, 1), digits_between(0, 0.0155, 4)
    (1, 3)
    """
    return max(0, -math.floor(math.log10(_step(lowest, highest, count)) + 1e-9))


def _step(lowest: float, highest: float, count: int) -> float:
    raw = (highest - lowest) / count or 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    return next(one * power for one in (1, 2, 5, 10) if one * power >= raw * 0.999)


def layer_profile(
    profile: LayerProfile,
    best: str | None,
    name: str,
    ends: tuple[float, float] | None = None,
) -> Markup:
    """Draw the score of each layer: thin a part, thick their mean, a dot the best layer.

    ``ends`` are those of the axis, where several drawings share one.
    """
    width, height, left, bottom, top = 320.0, 170.0, 40.0, 26.0, 8.0
    mean = profile.mean
    lowest, highest = profile.range if ends is None else ends
    highest = max(highest, lowest + 1e-3)
    last = len(profile.layers) - 1

    def across(layer: float) -> float:
        return left + 6 + (width - left - 16) * layer / last

    def up(value: float) -> float:
        return height - bottom - (height - bottom - top) * (value - lowest) / (highest - lowest)

    parts: list[Markup] = []
    for one in ticks(lowest, highest, 4):
        y = f"{up(one):.1f}"
        parts.append(tag("line", x1=left, x2=width - 4, y1=y, y2=y, class_="grid"))
        label = number(one, digits_between(lowest, highest, 4))
        parts.append(tag("text", label, x=left - 6, y=f"{up(one) + 4:.1f}", text_anchor="end"))
    if len(profile.values) > 1:
        pairs = zip(profile.values, profile.parts, strict=True)
        parts += [_curve(row, across, up, "thin", part) for row, part in pairs]
    parts.append(_curve(mean, across, up, "thick"))
    if best in profile.layers and np.isfinite(mean[place := profile.layers.index(best)]):
        x, y = f"{across(place):.1f}", f"{up(float(mean[place])):.1f}"
        parts.append(tag("circle", cx=x, cy=y, r=4.5, class_="best"))
    # the strip above each layer tells its name and mean
    step = across(1) - across(0)
    for place, (layer, value) in enumerate(zip(profile.layers, mean.tolist(), strict=True)):
        title = tag("title", f"{layer}: {number(value)}")
        x = f"{across(place - 0.5):.1f}"
        strip = {"x": x, "y": top, "width": f"{step:.1f}", "height": height - bottom - top}
        parts.append(tag("rect", title, **strip, class_="hit"))
    base = height - 8
    parts.append(tag("text", _cut(profile.layers[0]), x=f"{across(0):.1f}", y=base))
    end = {"x": f"{across(last):.1f}", "y": base, "text_anchor": "end"}
    parts.append(tag("text", _cut(profile.layers[-1]), **end))
    return tag("svg", parts, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=name)


def _cut(layer: str) -> str:
    return layer if len(layer) <= _LONGEST else f"{layer[:_LONGEST]}…"


def _curve(
    values: Iterable[float],
    across: Callable[[float], float],
    up: Callable[[float], float],
    kind: str,
    name: str | None = None,
) -> Markup:
    """Draw one line, broken where a value is missing."""
    path, pen = [], "M"
    for place, value in enumerate(values):
        if not math.isfinite(value):
            pen = "M"
            continue
        path.append(f"{pen}{across(place):.1f},{up(float(value)):.1f}")
        pen = "L"
    return tag("path", None if name is None else tag("title", name), d="".join(path), class_=kind)


@dataclass(frozen=True)
class Axis:
    """An axis that all rows of a dot plot share.

    Attributes
    ----------
    low, high : float
        Ends.
    ceiling : (float, float) or None
        From the lowest to the highest that is known.
    baseline : float or None
        Value of the model that others are held against.
    name : str
        Tells it from the others of its page: rows take their lines from the heading by it.
    """

    low: float
    high: float
    ceiling: tuple[float, float] | None = None
    baseline: float | None = None
    name: str = "axis"

    @classmethod
    def around(
        cls,
        values: Iterable[float],
        ceiling: tuple[float, float] | None = None,
        baseline: float | None = None,
        name: str = "axis",
    ) -> Axis:
        """Return one that holds 0 and all of these."""
        every = [0.0, *values, *(ceiling or ())]
        low, high = min(every), max(*every, 1e-3)
        room = 0.03 * (high - low)
        return cls(low - room if low < 0 else 0.0, high + room, ceiling, baseline, name)

    def place(self, value: float) -> float:
        """Return where a value stands across the drawing."""
        return _EDGE + (_WIDTH - 2 * _EDGE) * (value - self.low) / (self.high - self.low)

    def heading(self) -> Markup:
        """Draw the axis with its numbers, to stand above the rows, and what lies behind these."""
        digits = digits_between(self.low, self.high, 4)
        shown = ticks(self.low, self.high, 4)
        behind = [_upright(self.place(one), "grid") for one in shown]
        if self.ceiling is not None:
            left, right = (self.place(one) for one in self.ceiling)
            known = {"x": f"{left - 1:.1f}", "width": f"{right - left + 2:.1f}"}
            behind.append(tag("rect", **known, y=0, height=_HEIGHT, class_="ceiling"))
        if self.baseline is not None:
            behind.append(_upright(self.place(self.baseline), "baseline"))
        numbers = [
            tag("text", number(one, digits), x=f"{self.place(one):.1f}", y=14, text_anchor="middle")
            for one in shown
        ]
        # once, not in each row: a site has thousands of rows
        drawn_by_rows = tag("defs", tag("g", behind, id=self.name))
        return self._svg([drawn_by_rows, *numbers], aria_hidden="true")

    def row(
        self,
        value: float,
        look: Look,
        title: str,
        bounds: tuple[float, float] | None = None,
        *,
        published: bool = False,
    ) -> Markup:
        """Draw one value: its marker, hollow if it is published, and its interval as a line."""
        parts = [tag("use", href=f"#{self.name}")]
        middle = _HEIGHT / 2
        if bounds is not None:
            ends = {"x1": f"{self.place(bounds[0]):.1f}", "x2": f"{self.place(bounds[1]):.1f}"}
            kind = "error read" if published else "error"
            parts.append(tag("line", **ends, y1=middle, y2=middle, class_=kind))
        parts.append(marker(look, self.place(value), middle, 1.0, title, hollow=published))
        return self._svg(parts, role="img", aria_label=title)

    def _svg(self, parts: list[Markup], **attributes: str) -> Markup:
        return tag("svg", parts, viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}", class_="dots", **attributes)


def _upright(x: float, kind: str) -> Markup:
    return tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=0, y2=_HEIGHT, class_=kind)
