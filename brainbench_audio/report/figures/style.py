"""What all figures share: size, type, colours, and files that are the same for the same numbers.

matplotlib is imported when something is drawn, not before, and never its pyplot: nothing global
changes, and no figure stays in memory.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
# Widths of one and of two columns of a printed page, in mm.
COLUMN, PAGE = 90.0, 180.0
_LONGEST = 240.0  # mm, what a page of print has room for
_ROW, _LOWEST_ROW, _FRAME = 3.3, 2.6, 30.0  # mm a row; mm for axes, title and legend
DOTS_PER_INCH = 300
INK, FAINT, BAND = "#1A1A1A", "#8A8A8A", "#D9D9D9"
# distances are light where two sounds are alike, as in the paper
SHADES, DISTANCES, ORDER = "cividis", "cividis_r", "viridis"
# Lines on white that are no families: of Okabe and Ito and of Tol, 3 : 1 against white or more.
SERIES = ("#0072B2", "#D55E00", "#008F68", "#882255", "#117733", "#332288", "#000000")
SERIES_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_PUBLISHED_SHARE = 0.45
_UNSEEN = "\u200b"  # a space without width
_MM = 25.4
_FONT = Path(__file__).parent / "fonts" / "Arimo-Regular.ttf"
# Nothing of the day or the version in the file: the same numbers give the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_SETTINGS: Any = {
    # comes with us, so it is the same everywhere; who opens an SVG may not have it, but perhaps one
    # whose letters are as wide
    "font.family": ["Arimo", "sans-serif"],
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.2,
    "figure.titlesize": 8,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "lines.markersize": 4,
    "hatch.linewidth": 0.5,
    # text as text, that a journal's software can edit and readers can find
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "brainbench",  # one of its own would give every svg other ids
    "text.parse_math": False,  # a $ in a name is a dollar
    "figure.dpi": DOTS_PER_INCH,
    "savefig.dpi": DOTS_PER_INCH,
}


def check_format(path: Path) -> None:
    """Raise DataError if a figure cannot be written under this name."""
    if path.suffix.lower() not in FORMATS:
        raise DataError(f"{path} is no figure: its name has to end in {', '.join(FORMATS)}.")


def draw(path: Path, plot: Callable[..., Figure], *numbers: Any, **options: Any) -> None:
    """Write ``plot(*numbers, **options)`` in the look of all figures, whole or not at all.

    Parameters
    ----------
    path : Path
        ``.png``, ``.svg`` or ``.pdf``; replaced if it is there.
    plot : function
        One of the ``plot`` functions of this package.

    Raises
    ------
    DataError
        Another format, or numbers that cannot be drawn.
    BrainbenchError
        matplotlib is not installed.
    """
    check_format(path)
    with look():
        save(plot(*numbers, **options), path)


@contextmanager
def look() -> Iterator[None]:
    """Draw in the look of all figures within the block.

    Raises
    ------
    BrainbenchError
        matplotlib is not installed.
    """
    try:
        import matplotlib
        import matplotlib.figure
    except ImportError as error:
        raise BrainbenchError(
            f"Figures need matplotlib ({error}): pip install 'brainbench-audio[report]'."
        ) from error
    _add_font()
    with matplotlib.rc_context():
        # matplotlib reads a matplotlibrc of the current folder, which may have LaTeX run
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def _add_font() -> None:
    """Make our font known to matplotlib, before one of the same name that is installed.

    It stays known, as a figure may be drawn again outside of `look`.
    """
    from matplotlib.font_manager import fontManager

    fonts = fontManager.ttflist
    if any(font.fname == str(_FONT) for font in fonts):
        return
    count = len(fonts)
    fontManager.addfont(_FONT)
    fonts[:0] = [fonts.pop() for _ in fonts[count:]]


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all."""
    suffix = path.suffix.lower()
    content = io.BytesIO()  # drawn in memory: Pillow does not say why a disk refuses it
    figure.savefig(content, format=suffix[1:], metadata=_METADATA[suffix])
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.getvalue())


def new_figure(width: float, height: float, layout: str = "constrained") -> Figure:
    """Return an empty figure of this size in mm; the layout is one of matplotlib's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (width / _MM, height / _MM)
    figure = Figure(figsize=size, layout=layout)  # type: ignore[arg-type,unused-ignore]
    FigureCanvasAgg(figure)  # which can measure text
    return figure


def height_of(rows: float, panels: int = 1) -> float:
    """Return the height in mm of panels with so many rows of names below each other.

    Rows are closer together where the figure would not fit on a page, as far as names allow.

    Examples
    --------
    >>> height_of(20), round(height_of(70))
    (96.0, 240)
    """
    room = (_LONGEST / panels - _FRAME) / max(rows, 1)
    return panels * (_FRAME + max(_LOWEST_ROW, min(_ROW, room)) * rows)


def lighter(colour: str, share: float = _PUBLISHED_SHARE) -> str:
    """Mix a colour ``#rrggbb`` with white; ``share`` is what is left of it.

    Examples
    --------
    >>> lighter("#000000", 0.5)
    '#808080'
    """
    channels = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    mixed = (round(channel * share + 255 * (1 - share)) for channel in channels)
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def series(number: int) -> dict[str, Any]:
    """Return colour and marker of a line that is no family's."""
    place = number % len(SERIES)
    return {"color": SERIES[place], "marker": SERIES_MARKERS[place]}


def shown(name: str) -> str:
    """Return a name as the label of a legend entry: matplotlib leaves out those that start with _.

    `legend` takes off again what hides the underscore.
    """
    return f"{_UNSEEN}{name}" if name.startswith("_") else name


def legend(place: Any, entries: Sequence[Any], *, ncols: int = 1, **options: Any) -> None:
    """Draw the legend of a figure or of axes, with these entries in this order.

    ``ncols``: of a figure at most; fewer where names are too long to stand side by side.
    """
    for columns in range(ncols, 0, -1):
        drawn = place.legend(handles=entries, ncols=columns, **options)
        for text in drawn.get_texts():
            text.set_text(text.get_text().removeprefix(_UNSEEN))
        canvas = getattr(place, "canvas", None)
        if canvas is None or columns == 1:
            return
        if drawn.get_window_extent(canvas.get_renderer()).width <= place.bbox.width:
            return
        drawn.remove()


def entries_of(every: Iterable[Any]) -> list[Any]:
    """Return the legend entries of some axes, each label once."""
    found: dict[str, Any] = {}
    for axes in every:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values())


def shades(count: int) -> list[Any]:
    """Return that many colours from dark to light, for things in an order such as layers."""
    from matplotlib import colormaps

    # the lightest fifth is too pale for lines on white
    return [colormaps[ORDER](0.8 * place / max(count - 1, 1)) for place in range(count)]
