"""Names beside points, where they touch neither points nor lines nor one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
# Directions in the order in which they are tried; farther off, a thin line leads to the point.
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_NEAR, _FAR = 4.0, (9.0, 15.0, 22.0, 30.0)
_COLUMN_GAP, _LEADING = 12.0, 1.25  # points; heights of a letter
_POINT = 2.6  # half the size of what is kept free around a point
_SIZE = 7.0
_LEADER = "#8A8A8A"


@dataclass
class _Paper:
    """What is taken already, in pixels; boxes are (left, bottom, right, top)."""

    area: Array
    points: Array
    half: float
    names: list[Array] = field(default_factory=list)
    lines: list[Array] = field(default_factory=list)
    leaders: list[Array] = field(default_factory=list)

    def is_free(self, box: Array) -> bool:
        """Whether a name can stand here."""
        inside = (box[:2] >= self.area[:2]).all() and (box[2:] <= self.area[2:]).all()
        return bool(
            inside
            and not _within(self.points, box, self.half).any()
            and not any(_overlap(box, other) for other in self.names)
            and not any(_within(line, box, 0).any() for line in (*self.lines, *self.leaders))
        )

    def is_open(self, line: Array, own: int) -> bool:
        """Whether a line to the point ``own`` crosses no name, no other point and no line."""
        others = np.delete(self.points, own, axis=0)
        if any(_within(line, name, 1.0).any() for name in self.names):
            return False
        if others.size and np.abs(line[:, None] - others).max(axis=2).min() < self.half:
            return False
        return all(np.hypot(*(line[:, None] - old).T).min() > 2.0 for old in self.leaders)


def place(
    axes: Any,
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    lines: Sequence[Sequence[tuple[float, float]]] = (),
    *,
    column: bool = False,
) -> list[Any]:
    """Write names beside points of axes that are laid out already; return the annotations.

    Each name goes to the first of some places where it covers no point, no line, no other name and
    does not leave the axes; lonely points come first, which have theirs close by. A name that finds
    no place is left out, or goes to a column on the right of the axes.

    Parameters
    ----------
    axes : matplotlib axes
    points : sequence of (x, y)
        In data coordinates.
    names : sequence of str
    lines : sequence of ((x, y), (x, y))
        Ends of straight lines to keep clear of.
    column : bool
        Whether there is room for a column on the right, see `column_width`.
    """
    renderer = axes.figure.canvas.get_renderer()
    scale = axes.figure.dpi / 72
    centres = axes.transData.transform(np.array(points, dtype=np.float64).reshape(-1, 2))
    box = axes.get_window_extent(renderer)
    paper = _Paper(np.array([box.x0, box.y0, box.x1, box.y1]), centres, _POINT * scale)
    paper.lines += [_sampled(*axes.transData.transform(ends)) for ends in lines]
    sizes = [_size(axes, renderer, name) for name in names]
    crowd = [-np.sort(np.hypot(*(centres - centre).T))[:4].sum() for centre in centres]
    waiting, placed = np.argsort(crowd, kind="stable").tolist(), []
    for distances in ((_NEAR,), _FAR):
        left = []
        for index in waiting:
            shift = _free_place(paper, index, sizes[index], scale, distances)
            if shift is None:
                left.append(index)
                continue
            far = distances == _FAR
            placed.append(_write(axes, points[index], names[index], shift, far))
        waiting = left
    if column and waiting:
        placed += _write_column(axes, centres, {index: names[index] for index in waiting}, points)
    return placed


def column_width(axes: Any, names: Sequence[str]) -> float:
    """Return the room in pixels that a column of names takes on the right of axes."""
    renderer = axes.figure.canvas.get_renderer()
    widest = max((_size(axes, renderer, name)[0] for name in names), default=0.0)
    gap: float = _COLUMN_GAP * axes.figure.dpi / 72
    return float(widest) + gap


def _write_column(
    axes: Any, centres: Array, names: dict[int, str], points: Sequence[tuple[float, float]]
) -> list[Any]:
    """Write names below each other on the right, in the order of their points, lines between."""
    renderer = axes.figure.canvas.get_renderer()
    area = axes.get_window_extent(renderer)
    line = _SIZE * _LEADING * axes.figure.dpi / 72
    order = sorted(names, key=lambda index: (centres[index][1], centres[index][0]))
    order = order[: int(area.height // line)]
    wanted = [float(centres[index][1] - area.y0) for index in order]
    heights = np.maximum(spread(wanted, line, area.height), np.arange(len(order)) * line)
    right = area.width + _COLUMN_GAP / 2 * axes.figure.dpi / 72
    written = []
    for index, height in zip(order, heights.tolist(), strict=True):
        written.append(
            axes.annotate(
                names[index],
                points[index],
                (right / area.width, height / area.height),
                textcoords="axes fraction",
                ha="left",
                va="center",
                fontsize=_SIZE,
                annotation_clip=False,
                arrowprops={
                    "arrowstyle": "-",
                    "relpos": (0.0, 0.5),
                    "color": _LEADER,
                    "linewidth": 0.4,
                    "shrinkA": 0,
                    "shrinkB": 0,
                    "zorder": 1.5,
                },
            )
        )
    return written


def spread(places: npt.ArrayLike, gap: float, end: float) -> Array:
    """Return rising places moved as little as need be to stand ``gap`` apart and before ``end``.

    Examples
    --------
    >>> spread([0.0, 1.0, 10.0], 4.0, 12.0).tolist()
    [0.0, 4.0, 10.0]
    >>> spread([0.0, 9.0, 10.0], 4.0, 10.0).tolist()
    [0.0, 6.0, 10.0]
    """
    found = np.array(places, dtype=np.float64)
    for place in range(1, len(found)):
        found[place] = max(found[place], found[place - 1] + gap)
    found[-1] = min(found[-1], end)
    for place in range(len(found) - 2, -1, -1):
        found[place] = min(found[place], found[place + 1] - gap)
    return found


def _free_place(
    paper: _Paper, index: int, size: Array, scale: float, distances: Sequence[float]
) -> tuple[float, float] | None:
    """Take the first free place of a name; return its shift from the point, in points."""
    centre = paper.points[index]
    for distance in distances:
        for side in _SIDES:
            reach = (0.7 if all(side) else 1.0) * distance * scale
            middle = centre + np.array(side) * (reach + size / 2)
            box = np.concatenate([middle - size / 2, middle + size / 2])
            if not paper.is_free(box):
                continue
            if distance > _NEAR:
                leader = _sampled(np.clip(centre, box[:2], box[2:]), centre)
                if not paper.is_open(leader, index):
                    continue
                paper.leaders.append(leader)
            paper.names.append(box)
            x, y = ((middle - centre) / scale).tolist()
            return x, y
    return None


def _write(
    axes: Any, point: tuple[float, float], name: str, shift: tuple[float, float], far: bool
) -> Any:
    written = axes.annotate(
        name,
        point,
        shift,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=_SIZE,
        annotation_clip=False,
    )
    if far:
        renderer = axes.figure.canvas.get_renderer()
        box = written.get_window_extent(renderer)
        centre = axes.transData.transform(point)
        start = np.clip(centre, (box.x0, box.y0), (box.x1, box.y1))
        ends = axes.transData.inverted().transform([start, centre])
        axes.plot(*ends.T, color=_LEADER, linewidth=0.4, zorder=1.5)
    return written


def _size(axes: Any, renderer: Any, name: str) -> Array:
    text = axes.text(0, 0, name, fontsize=_SIZE)
    extent = text.get_window_extent(renderer)
    text.remove()
    return np.array([extent.width, extent.height])


def _sampled(start: Array, end: Array) -> Array:
    """Return points along a line, a few pixels apart."""
    count = max(int(np.hypot(*(end - start)) / 3), 2)
    return start + np.linspace(0, 1, count)[:, None] * (end - start)


def _within(points: Array, box: Array, margin: float) -> npt.NDArray[np.bool_]:
    above, below = points > box[:2] - margin, points < box[2:] + margin
    return np.asarray((above & below).all(axis=1))


def _overlap(one: Array, other: Array) -> bool:
    return bool((one[:2] < other[2:]).all() and (other[:2] < one[2:]).all())
