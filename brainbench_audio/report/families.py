"""One colour and one marker for each family of models, the same in figures and on the page.

Colours come from the palettes of Okabe and Ito and of Tol, darkened or lightened until each has a
contrast of at least 3 to white and to near-black. Fifteen hues cannot all be told apart by
everybody, so that no two families share both a marker and a similar colour. Nothing here imports a
drawing library.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Marker = Literal["o", "s", "^", "D", "v", "P", "X", "<", ">"]


@dataclass(frozen=True)
class Look:
    """How a family is drawn.

    Attributes
    ----------
    colour : str
        ``#rrggbb``.
    marker : str
        In matplotlib's letters.
    """

    colour: str
    marker: Marker


OTHER = Look("#7B7B7B", "o")
FAMILIES: dict[str, Look] = {
    "beats": Look("#0072B2", "o"),
    "encodecmae": Look("#D55E00", "s"),
    "dasheng": Look("#009E73", "^"),
    "cochcnn9": Look("#AA4499", "D"),
    "cochresnet50": Look("#CC6677", "v"),
    "ast": Look("#5C6BC0", "P"),
    "vggish": Look("#8C6D31", "X"),
    "wav2vec2": Look("#00838F", "s"),
    "s2t": Look("#5B7F00", "D"),
    "deepspeech2": Look("#C0504D", "<"),
    "zerospeech2020": Look("#B8860B", "P"),
    "sepformer": Look("#BC5090", ">"),
    "metricgan": Look("#5B7F00", "v"),
    "dcase2020": Look("#0072B2", "X"),
    "spectrotemporal": Look("#7B7B7B", "D"),
}
_SPARE_COLOURS = ("#AD6A00", "#009E73", "#AA4499", "#0072B2", "#CC6677")
_SPARE_MARKERS: tuple[Marker, ...] = ("<", ">", "P")
# neighbours differ in both
_SPARE = tuple(
    Look(_SPARE_COLOURS[place % 5], _SPARE_MARKERS[place % 3])
    for place in range(len(_SPARE_COLOURS) * len(_SPARE_MARKERS))
)


def looks(families: Iterable[str]) -> dict[str, Look]:
    """Return the look of each family; families that are not in the table share what is spare.

    Examples
    --------
    >>> looks(["beats", "mine"])["beats"].colour
    '#0072B2'
    """
    names = sorted(set(families))
    strangers = [name for name in names if name not in FAMILIES]
    spare = {name: _SPARE[place % len(_SPARE)] for place, name in enumerate(strangers)}
    return {name: FAMILIES.get(name) or spare[name] for name in names}
