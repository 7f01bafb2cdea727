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


@dataclass(frozen=True)
class _Name:
    """Where a name stands: its box, the shift from its point in points, and the line to that."""

    box: Array
    shift: tuple[float, float]
    leader: Array | None


@dataclass
class _Paper:
    """What is taken already, in pixels; boxes are (left, bottom, right, top).

    ``names`` are by point, ``column`` are the lines to names in the column.
    """

    area: Array
    points: Array
    sizes: list[Array]
    scale: float
    lines: list[Array]
    names: dict[int, _Name] = field(default_factory=dict)
    column: list[Array] = field(default_factory=list)

    @property
    def half(self) -> float:
        """Half the side of what is kept free around a point."""
        return _POINT * self.scale

    @property
    def leaders(self) -> list[Array]:
        """All lines to names."""
        beside = (name.leader for name in self.names.values())
        return [*self.column, *(line for line in beside if line is not None)]

    def is_free(self, box: Array) -> bool:
        """Whether a name can stand here."""
        inside = (box[:2] >= self.area[:2]).all() and (box[2:] <= self.area[2:]).all()
        return bool(
            inside
            and not _within(self.points, box, self.half).any()
            and not any(_overlap(box, other.box) for other in self.names.values())
            and not any(_within(line, box, 0).any() for line in (*self.lines, *self.leaders))
        )

    def is_open(self, line: Array, own: int) -> bool:
        """Whether a line to the point ``own`` crosses no name, no other point and no line."""
        others = np.delete(self.points, own, axis=0)
        if any(_within(line, name.box, 1.0).any() for name in self.names.values()):
            return False
        if others.size and np.abs(line[:, None] - others).max(axis=2).min() < self.half:
            return False
        return all(np.hypot(*(line[:, None] - old).T).min() > 2.0 for old in self.leaders)

    def crossed(self) -> list[int]:
        """Return the points whose names a line to the column runs through."""
        return [
            index
            for index, name in self.names.items()
            if any(_within(line, name.box, 1.0).any() for line in self.column)
        ]


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
    centres = axes.transData.transform(np.array(points, dtype=np.float64).reshape(-1, 2))
    box = axes.get_window_extent(renderer)
    paper = _Paper(
        area=np.array([box.x0, box.y0, box.x1, box.y1]),
        points=centres,
        sizes=[_size(axes, renderer, name) for name in names],
        scale=axes.figure.dpi / 72,
        lines=[_sampled(*axes.transData.transform(ends)) for ends in lines],
    )
    crowd = [-np.sort(np.hypot(*(centres - centre).T))[:4].sum() for centre in centres]
    waiting = _place_beside(paper, np.argsort(crowd, kind="stable").tolist())
    places = _place_in_column(paper, waiting) if column and waiting else {}
    written = [
        _write(axes, points[index], names[index], placed.shift, placed.leader is not None)
        for index, placed in paper.names.items()
    ]
    return written + [
        _write_in_column(axes, points[index], names[index], place)
        for index, place in places.items()
    ]


def _place_beside(paper: _Paper, order: Sequence[int]) -> list[int]:
    """Give names a place beside their points, the near places first; return those without."""
    waiting = list(order)
    for distances in ((_NEAR,), _FAR):
        waiting = [index for index in waiting if not _find_place(paper, index, distances)]
    return waiting


def _place_in_column(paper: _Paper, names: Sequence[int]) -> dict[int, tuple[float, float]]:
    """Return places on the right of the axes, in widths and heights of these.

    A name beside a point that a line to the column runs through gets another place, or goes to the
    column itself as long as there is room.
    """
    left, bottom, right, top = paper.area
    height = _SIZE * _LEADING * paper.scale
    count = int((top - bottom) // height)
    ends = np.empty((count, 2))
    ends[:, 0] = right + _COLUMN_GAP / 2 * paper.scale
    ends[:, 1] = bottom + height * (np.arange(count) + 0.5)
    waiting, kept = list(names), set[int]()
    while True:
        slots = _nearest(paper.points[waiting], ends)
        paper.column = [_sampled(paper.points[waiting[row]], ends[slot]) for row, slot in slots]
        crossed = [index for index in paper.crossed() if index not in kept]
        if not crossed:
            break
        # lines stay as they are unless one name more has to go to the column
        for index in crossed:
            before = paper.names.pop(index)
            if not _place_beside(paper, [index]):
                continue
            if len(waiting) < count:
                waiting.append(index)
            else:
                paper.names[index] = before
                kept.add(index)
    size = np.array([right - left, top - bottom])
    return {
        waiting[row]: tuple(((ends[slot] - paper.area[:2]) / size).tolist()) for row, slot in slots
    }


def _nearest(points: Array, ends: Array) -> list[tuple[int, int]]:
    """Pair points with ends so that the lines between them are as short as can be in all.

    Then no two lines cross. Without an end for each point some points have none.

    Examples
    --------
    >>> _nearest(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 2.0]]))
    [(0, 1), (1, 0)]
    """
    from scipy.optimize import linear_sum_assignment

    lengths = np.hypot(*(points[:, None] - ends).transpose(2, 0, 1))
    rows, columns = linear_sum_assignment(lengths)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def column_width(axes: Any, names: Sequence[str]) -> float:
    """Return the room in pixels that a column of names takes on the right of axes."""
    renderer = axes.figure.canvas.get_renderer()
    widest = max((_size(axes, renderer, name)[0] for name in names), default=0.0)
    gap: float = _COLUMN_GAP * axes.figure.dpi / 72
    return float(widest) + gap


def _write_in_column(
    axes: Any, point: tuple[float, float], name: str, place: tuple[float, float]
) -> Any:
    return axes.annotate(
        name,
        point,
        place,
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


def _find_place(paper: _Paper, index: int, distances: Sequence[float]) -> bool:
    """Give a name the first free place at these distances; False where there is none."""
    centre, size = paper.points[index], paper.sizes[index]
    for distance in distances:
        for side in _SIDES:
            reach = (0.7 if all(side) else 1.0) * distance * paper.scale
            middle = centre + np.array(side) * (reach + size / 2)
            box = np.concatenate([middle - size / 2, middle + size / 2])
            if not paper.is_free(box):
                continue
            leader = None
            if distance > _NEAR:
                leader = _sampled(np.clip(centre, box[:2], box[2:]), centre)
                if not paper.is_open(leader, index):
                    continue
            x, y = ((middle - centre) / paper.scale).tolist()
            paper.names[index] = _Name(box, (x, y), leader)
            return True
    return False


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
        axes.plot(*ends.T, color=_LEADER, linewidth=0.4, zorder=1.5, label="_leader")
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
