"""The settings among which validation chooses, and what they have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from numbers import Integral, Real
from typing import Any, Literal, get_args

from brainbench_audio.errors import DataError

Initialisation = Literal["uniform", "normal"]


def _check_whole(name: str, value: Any, low: int) -> None:
    if not (_is(value, Integral) and value >= low):
        raise DataError(f"{name} must be a whole number, at least {low}, got {value!r}.")


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


@dataclass(frozen=True)
class Setting:
    """One way to train the network.

    Attributes
    ----------
    hidden_layers : int
        At least 1.
    initialisation : str
        Of the weight matrices, both after Glorot and Bengio: ``"uniform"`` or ``"normal"``.
    learning_rate : float
        Of Adam, above 0.

    Raises
    ------
    DataError
        One of them is not possible.
    """

    hidden_layers: int
    initialisation: Initialisation
    learning_rate: float

    def __post_init__(self) -> None:
        _check_whole("hidden_layers", self.hidden_layers, 1)
        if self.initialisation not in get_args(Initialisation):
            raise DataError(
                f"initialisation is one of {', '.join(get_args(Initialisation))}, got "
                f"{self.initialisation!r}."
            )
        rate = self.learning_rate
        if not (_is(rate, Real) and 0 < rate < math.inf):
            raise DataError(f"learning_rate is a number above 0, got {rate!r}.")


LEARNING_RATES = (3.2e-3, 1e-3, 3.2e-4, 1e-4)
INITIALISATIONS: tuple[Initialisation, ...] = ("uniform", "normal")

# In this order the first of equally good ones is taken.
GRID = tuple(Setting(*values) for values in product((1, 2), INITIALISATIONS, LEARNING_RATES))


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What all settings have in common; the defaults are those of the paper.

    Attributes
    ----------
    hidden_units : int
        Units of each hidden layer.
    batch_size : int
        Clips of a training step.
    max_epochs : int
        Passes over the training clips.
    patience : int
        Training stops after this many epochs in a row without a better validation score.
    dropout : float
        Probability with which a unit is silenced in training.
    norm_after_activation : bool
        Whether batch normalisation follows dropout and ReLU instead of going before them.

    Raises
    ------
    DataError
        A number is not possible.
    """

    hidden_units: int = 1024
    batch_size: int = 1024
    max_epochs: int = 200
    patience: int = 20
    dropout: float = 0.1
    norm_after_activation: bool = False

    def __post_init__(self) -> None:
        least = {"hidden_units": 1, "batch_size": 2, "max_epochs": 1, "patience": 1}
        for name, low in least.items():
            _check_whole(name, getattr(self, name), low)
        if not (_is(self.dropout, Real) and 0 <= self.dropout < 1):
            raise DataError(f"dropout must be at least 0 and below 1, got {self.dropout!r}.")
        if not isinstance(self.norm_after_activation, bool):
            raise DataError(
                f"norm_after_activation is True or False, got {self.norm_after_activation!r}."
            )
