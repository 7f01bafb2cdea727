"""Properties of models that may explain their scores: what cards tell, and other scores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import UnknownId
from brainbench_audio.scores.statistics import Array

from .known_models import known
from .results import OVERALL, Result
from .versions import known_card, parsed_model

PROPERTIES = ("parameters", "hours", "sample-rate", "learning", "data")
# a kind of fewer families is one of its family
_FEWEST_FAMILIES = 2


@dataclass(frozen=True)
class Property:
    """What is known of some models: a number each, or a kind.

    Attributes
    ----------
    name : str
    change : str
        What one unit of a number is; empty of kinds.
    values : mapping of str to float or str
        By name of the row; models of which it is not known are not in it.
    """

    name: str
    change: str
    values: Mapping[str, float | str]

    @property
    def is_kind(self) -> bool:
        """Whether these are kinds, not numbers."""
        return not self.change

    def kept(self, models: Sequence[str], families: Mapping[str, str]) -> list[str]:
        """Return those of some models that tell something: their kind is one of two families."""
        known = [model for model in models if model in self.values]
        if not self.is_kind:
            return known
        shared = Counter(kind for kind, _ in {(self.values[m], families[m]) for m in known})
        return [m for m in known if shared[self.values[m]] >= _FEWEST_FAMILIES]

    def columns(self, models: Sequence[str]) -> tuple[list[str], Array]:
        """Return what each column says, and the columns, (model, column).

        Each kind has one but the reference, which most models are of.
        """
        values = [self.values[model] for model in models]
        if not self.is_kind:
            return [self.change], np.array(values, dtype=np.float64)[:, np.newaxis]
        counts = Counter(map(str, values))
        reference, *others = sorted(counts, key=lambda kind: (-counts[kind], kind))
        columns = [[float(value == kind) for value in values] for kind in others]
        told = [f"{kind} less {reference}" for kind in others]
        return told, np.array(columns).T.reshape(len(values), len(others))


def property_of(
    name: str, rows: Mapping[str, Result], scores: Mapping[str, Mapping[str, float]]
) -> Property:
    """Return a property of models.

    Parameters
    ----------
    name : str
        One of `PROPERTIES`, or a benchmark.
    rows : mapping of str to Result
        Any result of each model, by name of its row.
    scores : mapping of str to mapping of str to float
        Of models on benchmarks, by benchmark and name of the row.

    Raises
    ------
    UnknownId
        There is no such property, and no score on such a benchmark.
    """
    if name == "parameters":
        counts = {model: card.parameters for model, card in _cards(rows).items()}
        return Property(name, "per tenfold", _logarithms(counts))
    if name == "sample-rate":
        rates = {model: card.sample_rate / 1000 for model, card in _cards(rows).items()}
        return Property(name, "per kHz", {model: rate for model, rate in rates.items() if rate})
    if name == "hours":
        hours = {model: float(fact) for model, fact in _facts(rows, name).items()}
        return Property(name, "per tenfold", _logarithms(hours))
    if name in PROPERTIES:
        return Property(name, "", _facts(rows, name))
    if name not in scores:
        raise UnknownId(
            f"There is no property {name!r}: choose from {', '.join(PROPERTIES)}, {OVERALL}, or a "
            f"benchmark with scores."
        )
    return Property(name, "per z" if name == OVERALL else "per unit", scores[name])


def _cards(rows: Mapping[str, Result]) -> dict[str, ModelCard]:
    cards = {
        model: known_card(one.id or one.model, one.source, one.provenance)
        for model, one in rows.items()
    }
    return {model: card for model, card in cards.items() if card}


def _facts(rows: Mapping[str, Result], name: str) -> dict[str, str]:
    facts = known(name)
    names = {model: parsed_model(one.id or one.model).name for model, one in rows.items()}
    return {model: facts[plain] for model, plain in names.items() if plain in facts}


def _logarithms(counts: Mapping[str, float]) -> dict[str, float]:
    """Return decimal logarithms; what is not known is 0, as of a card without parameters."""
    return {model: math.log10(count) for model, count in counts.items() if count > 0}
