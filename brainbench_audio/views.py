"""How objects show themselves: one line of text, and a small HTML view for notebooks.

Names come from plugins, files and scores of others. In the line they have no control characters,
in the view they are escaped, see `markup`. A view has no script and loads nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from brainbench_audio.markup import Markup, tag
from brainbench_audio.names import printable

_WIDTH, _HEIGHT = 240.0, 56.0
_MOST_BARS = 120
_LONGEST = 60  # characters of a fact in a line of text
_STYLE = "border-collapse:collapse;font-size:90%"
_TERM = "text-align:left;font-weight:normal;opacity:.65;padding:0 1em 0 0;vertical-align:top"
_FACT = "text-align:left;padding:0;vertical-align:top"


def line(kind: str, facts: Mapping[str, object]) -> str:
    r"""Return an object as one line of text.

    Examples
    --------
    >>> line("Model", {"id": "my-net", "layers": 3, "note": "a\nb"})
    '<Model id: my-net, layers: 3, note: a\\nb>'
    """
    shown = (f"{name}: {_shortened(printable(str(fact)))}" for name, fact in facts.items())
    return f"<{kind} {', '.join(shown)}>"


def view(kind: str, facts: Mapping[str, object], picture: Markup | None = None) -> str:
    """Return an object as HTML for a notebook: its facts as a table, and a picture below.

    Examples
    --------
    >>> "&lt;script&gt;" in view("Model", {"id": "<script>"})
    True
    """
    rows = [
        tag(
            "tr",
            tag("th", name, scope="row", style=_TERM),
            tag("td", printable(str(fact)), style=_FACT),
        )
        for name, fact in facts.items()
    ]
    return tag("div", tag("b", kind), tag("table", tag("tbody", rows), style=_STYLE), picture)


def bars(values: Mapping[str, float], what: str, best: str | None = None) -> Markup | None:
    """Return a drawing (SVG) of one bar a name, such as the score of each layer.

    Parameters
    ----------
    values : mapping of str to float
        From left to right; NaN leaves its place empty.
    what : str
        What the numbers are, for the title.
    best : str, optional
        The name whose bar stands out.

    Returns
    -------
    Markup or None
        None where there is nothing to compare: fewer than two names, or no number.

    Examples
    --------
    >>> bars({"a": 0.1}, "score") is None
    True
    """
    finite = [value for value in values.values() if math.isfinite(value)]
    if len(values) < 2 or len(values) > _MOST_BARS or not finite:
        return None
    low, high = min(0.0, *finite), max(0.0, *finite)
    scale = (_HEIGHT - 4) / ((high - low) or 1.0)
    step = _WIDTH / len(values)
    drawn = [
        tag(
            "rect",
            tag("title", printable(f"{name}: {value:.4g}")),
            x=f"{place * step:.1f}",
            y=f"{2 + (high - max(value, 0.0)) * scale:.1f}",
            width=f"{0.8 * step:.1f}",
            height=f"{max(abs(value) * scale, 0.5):.1f}",
            fill="#c2410c" if name == best else "#64748b",
        )
        for place, (name, value) in enumerate(values.items())
        if math.isfinite(value)
    ]
    shape = {"viewBox": f"0 0 {_WIDTH:g} {_HEIGHT:g}", "width": f"{_WIDTH:g}"}
    title = f"{what}: {low:.3g} to {high:.3g}"
    return tag("svg", tag("title", title), drawn, role="img", height=f"{_HEIGHT:g}", **shape)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Return some names, and how many more there are.

    Examples
    --------
    >>> listed(["a", "b", "c"], 2)
    'a, b, … (3)'
    """
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])}, … ({len(names)})"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
