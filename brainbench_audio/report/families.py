"""One colour and one marker for each family of models, the same in figures and on the page.

Colours come from the palettes of Okabe and Ito and of Tol, darkened or lightened until each has a
contrast of at least 3 to white and to near-black. Seventeen hues cannot all be told apart by
everybody, so that no two families share both a marker and a similar colour. A family that is not in
the table has the look that a hash of its name gives, whoever else is drawn. Nothing here imports a
drawing library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from brainbench_audio.registry.ids import split_family

from .versions import parsed_model

if TYPE_CHECKING:
    from .results import Result

Marker = Literal["o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "d"]


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


# the model that others are held against, as in the paper
BASELINE = "spectrotemporal"
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
    "crepe": Look("#AD6A00", ">"),
    "resemblyzer": Look("#3A86A8", "<"),
    "lowlevel": Look("#7B7B7B", "X"),
}
# of strangers: markers that no family of the table has
_SPARE = tuple(
    Look(colour, marker)
    for marker in ("*", "p", "d")
    for colour in ("#AD6A00", "#0072B2", "#B04A2F", "#3A86A8", "#CC6677")
)


def look_of(family: str) -> Look:
    """Return the look of a family, the same in every figure and on every page.

    Strangers share fifteen looks, so two of them may look alike.

    Examples
    --------
    >>> look_of("beats").colour
    '#0072B2'
    >>> look_of("mine") == look_of("mine") != look_of("dasheng")
    True
    """
    if family in FAMILIES:
        return FAMILIES[family]
    digest = hashlib.sha256(family.encode()).digest()
    return _SPARE[digest[0] % len(_SPARE)]


def family_of(result: Result) -> str:
    """Return whose look a model has: its family's; where no card names it, that of the table.

    A model without either is a family of its own, with its controls and versions.
    """
    name = parsed_model(result.id or result.name).name
    start, _ = split_family(name)
    return result.family or (start if start in FAMILIES else name)


def looks(families: Iterable[str]) -> dict[str, Look]:
    """Return the look of each family, by name."""
    return {name: look_of(name) for name in sorted(set(families))}
