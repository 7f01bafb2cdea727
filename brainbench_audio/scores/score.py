"""The result of scoring one model on one benchmark."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import atomic_file
from brainbench_audio.netcdf import read_attributes, read_dataset, write_dataset
from brainbench_audio.scores.identities import version_of
from brainbench_audio.scores.profiles import mean_profile, names_along
from brainbench_audio.views import bars, line, view

_ATTRIBUTE = "brainbench_score"
_CHECKSUM = "brainbench_score_sha256"
_FORMAT = 1
_LARGEST_COUNT = 1 << 63
# of provenance: a sentence, why a metric gives no normalised score though there is a ceiling
WITHHELD = "normalised_withheld"
# of provenance: share of the ceiling that weights learned from noisy responses let a perfect model
# reach, where the metric knows it
REACHABLE = "reachable_share"
# what the error generalises over, in words; or a sentence, why there is no error
OVER, ERROR_WITHHELD = "error_over", "error_withheld"
# who measured it, of a score that came with a bundle or from a results repository
MEASURED_BY = "measured_by"
# p of the score where features and responses of stimuli are matched at random: `Score.p`
CHANCE = "chance"
# in it, what a permutation is where it is something else than this
HOW, MATCHED = "how", "sounds matched at random"
# the layers that were asked for, where these are not all that the model has
ONLY_LAYERS = "only_layers"
# what guesses score that hear nothing, where labels are predicted: `Score.guessing`
GUESSING = "guessing"


def _no_raw() -> xr.Dataset:
    return xr.Dataset()


@dataclass(frozen=True, kw_only=True)
class Score:
    """A value with its uncertainty, its ceiling and everything it was made from.

    Attributes
    ----------
    value : float
        The raw score.
    error : float or None
        Standard error; ``provenance["error_over"]`` says what it generalises over.
    interval : (float, float) or None
        95 % interval of ``value``.
    ceiling : float or None
        What a perfect model could reach given the noise, in the unit of ``value``; None: not known.
    parts : mapping of str to float
        One value for each component, subject or fold.
    part_errors : mapping of str to float
        Standard errors of parts, over stimuli, where they are known.
    part_intervals : mapping of str to (float, float)
        95 % intervals of parts.
    layer : str or None
        The best layer.
    n : mapping of str to int
        What was counted: ``stimulus``, ``voxel``, ``subject``, ``dropped``, …
    raw : xr.Dataset
        Everything finer.
    provenance : mapping
        Model, benchmark, versions, hashes, seeds, machine, citations; filled in by the pipeline.

    Examples
    --------
    >>> Score(value=0.2, ceiling=0.4).normalised
    0.5
    """

    value: float
    error: float | None = None
    interval: tuple[float, float] | None = None
    ceiling: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    part_errors: Mapping[str, float] = field(default_factory=dict)
    part_intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    layer: str | None = None
    n: Mapping[str, int] = field(default_factory=dict)
    # not compared: `==` of two data sets is a data set, whose truth says nothing about equality
    raw: xr.Dataset = field(default_factory=_no_raw, compare=False)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (isinstance(self.value, Real) and math.isfinite(self.value)):
            raise ContractError(f"A score must be a finite number, this one is {self.value!r}.")

    @property
    def normalised(self) -> float | None:
        """``value / ceiling``, not clipped; None where the ceiling is not known or not positive.

        The ceiling counts by ``provenance["reachable_share"]``, if the metric gives one: what is
        left of it for weights learned from noisy responses. None, too, where the metric says in
        ``provenance["normalised_withheld"]`` why it would be biased.
        """
        return normalised(self.value, self.ceiling, self.provenance)

    @property
    def p(self) -> float | None:
        """P of a score as high by chance, see ``provenance["chance"]``; None: not tested."""
        chance = self.provenance.get(CHANCE)
        return float(chance["p"]) if chance else None

    @property
    def guessing(self) -> dict[str, float]:
        """Scores of guesses that hear nothing; empty where no labels are predicted.

        ``chance``: any label, each as often. ``majority``: always the most frequent one in
        training.
        """
        return dict(self.provenance.get(GUESSING) or {})

    def __repr__(self) -> str:
        return line("Score", self._facts())

    def _repr_html_(self) -> str:
        """Return a view for notebooks, with the score of each layer where the metric keeps it."""
        profile = mean_profile(self.raw)
        picture = None
        if profile is not None:
            names = names_along(profile, "layer")
            means = dict(zip(names, profile.values.tolist(), strict=True))
            picture = bars(means, "Score of each layer", self.layer)
        return view("Score", self._facts(), picture)

    def _facts(self) -> dict[str, str]:
        """Return what a reader asks first, in words; what is not known is left out."""
        low, high = self.interval or (None, None)
        error = "" if self.error is None else f" ± {self.error:.3f}"
        interval = "" if low is None else f" [{low:.3f}, {high:.3f}]"
        ceiling = "" if self.ceiling is None else f"{self.ceiling:.3f}"
        share = "" if self.normalised is None else f" ({self.normalised:.0%} of it reached)"
        made = version_of(self.provenance, str(self.provenance.get("model", "")))
        facts = {
            "model": f"{made.id}#{made.version}" if made.id else "",
            "benchmark": str(self.provenance.get("benchmark", "")),
            "value": f"{self.value:.3f}{error}{interval}",
            "p": "" if self.p is None else f"{self.p:.2g}",
            "ceiling": ceiling + share,
            "best layer": self.layer or "",
            "of layers": ", ".join(map(str, self.provenance.get(ONLY_LAYERS, ()))),
            "n": ", ".join(f"{name} {number}" for name, number in self.n.items() if number),
        }
        return {name: fact for name, fact in facts.items() if fact}

    def with_provenance(self, provenance: Mapping[str, Any]) -> Score:
        """Return the same score with another provenance."""
        return replace(self, provenance=provenance)

    def to_netcdf(self, path: str | Path) -> None:
        """Write the score to one netCDF file, whole or not at all.

        The variables are those of ``raw``; the rest is JSON in the attribute ``brainbench_score``,
        with a checksum of its own: HDF5 checks small attributes only.

        Raises
        ------
        CacheError
            The file cannot be written.
        ContractError
            NetCDF cannot hold what is in ``raw``.
        """
        summary = {
            "format": _FORMAT,
            "value": float(self.value),
            "error": self.error,
            "interval": self.interval,
            "ceiling": self.ceiling,
            "parts": dict(self.parts),
            "part_errors": dict(self.part_errors),
            "part_intervals": {name: list(one) for name, one in self.part_intervals.items()},
            "layer": self.layer,
            "n": dict(self.n),
            "provenance": dict(self.provenance),
        }
        text = json.dumps(summary, default=_plain)
        data = self.raw.assign_attrs({_ATTRIBUTE: text, _CHECKSUM: _digest(text)})
        checked = {
            name: {"fletcher32": True, "zlib": variable.size > 1000, "complevel": 1}
            for name, variable in data.variables.items()
            if variable.dtype.kind in "fiub" and variable.ndim and variable.size
        }
        try:
            with atomic_file(Path(path)) as temporary:
                write_dataset(data, temporary, checked)
        except (TypeError, ValueError) as error:
            raise ContractError(f"NetCDF cannot hold the raw part of a score: {error}.") from error

    @classmethod
    def from_netcdf(cls, path: str | Path) -> Score:
        """Read what `to_netcdf` wrote.

        Raises
        ------
        DataError
            The file is missing, damaged or not a score.
        """
        summary = read_summary(path)
        raw = read_dataset(Path(path), checked=True)
        for name in (_ATTRIBUTE, _CHECKSUM):
            raw.attrs.pop(name, None)
        return cls.from_summary(summary, raw)

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any], raw: xr.Dataset | None = None) -> Score:
        """Return the score that `read_summary` read, without its raw part or with it."""
        fields = {name: summary[name] for name in _FIELDS}
        interval = fields["interval"]
        fields["interval"] = tuple(interval) if interval else None
        # not in files of earlier versions
        fields["part_errors"] = summary.get("part_errors", {})
        intervals = summary.get("part_intervals", {})
        fields["part_intervals"] = {name: tuple(one) for name, one in intervals.items()}
        return cls(**fields, raw=_no_raw() if raw is None else raw)


def normalised(value: float, ceiling: float | None, provenance: Mapping[str, Any]) -> float | None:
    """Return `Score.normalised` of a score with these fields."""
    if ceiling is None or not ceiling > 0 or provenance.get(WITHHELD):
        return None
    return value / (ceiling * float(provenance.get(REACHABLE, 1.0)))


def read_summary(path: str | Path) -> dict[str, Any]:
    """Return the JSON part of a stored score, without reading its arrays.

    Raises
    ------
    DataError
        The file is missing, damaged or not a score.
    """
    if not Path(path).is_file():
        raise DataError(f"{path} does not exist.")
    attributes = read_attributes(Path(path))
    text = attributes.get(_ATTRIBUTE)
    # a file without one is still held to its fields
    expected = attributes.get(_CHECKSUM)
    if not isinstance(text, str):
        raise DataError(f"{path} is not a stored score.")
    if expected is not None and expected != _digest(text):
        raise DataError(f"{path} is damaged: its numbers do not give their checksum.")
    return parse_summary(text, str(path))


def parse_summary(text: str, path: str) -> dict[str, Any]:
    """Return the JSON part of a score, held to its fields; errors call it ``path``.

    Raises
    ------
    DataError
        It is no such text.
    """
    try:
        summary = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged or not a stored score: {error}.") from error
    if not isinstance(summary, dict):
        raise DataError(f"{path} is not a stored score.")
    if summary.get("format") != _FORMAT:
        raise DataError(
            f"{path} has format {summary.get('format')}, this version reads {_FORMAT}: score the "
            f"pair again, or install the version that wrote it ({summary.get('provenance')})."
        )
    wrong = [name for name, fits in _FIELDS.items() if not fits(summary.get(name, ...))]
    wrong += [name for name, fits in _OPTIONAL.items() if not fits(summary.get(name, {}))]
    if wrong:
        raise DataError(f"{path} is not a stored score: its {wrong[0]} is missing or of no use.")
    return summary


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _is_number(value: Any) -> bool:
    # JSON has whole numbers that no float can be
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < _LARGEST_COUNT)


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_interval(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
    )


def _are_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_number_or_none, value.values()))


def _is_chance(value: Any) -> bool:
    return not value or (isinstance(value, dict) and _is_number(value.get("p")))


# what a reader may rely on; a file that somebody else wrote is held to the same
_FIELDS: dict[str, Callable[[Any], bool]] = {
    "value": lambda value: _is_number(value) and bool(np.isfinite(value)),
    "error": _is_number_or_none,
    "interval": _is_interval,
    "ceiling": _is_number_or_none,
    "parts": _are_numbers,
    "layer": lambda value: value is None or isinstance(value, str),
    "n": _are_numbers,
    "provenance": lambda value: (
        isinstance(value, dict)
        and _is_chance(value.get(CHANCE))
        and _are_numbers(value.get(GUESSING) or {})
    ),
}


_OPTIONAL: dict[str, Callable[[Any], bool]] = {
    "part_errors": _are_numbers,
    "part_intervals": lambda value: (
        isinstance(value, dict)
        and all(one is not None and _is_interval(one) for one in value.values())
    ),
}


def _plain(value: Any) -> Any:
    """Turn numpy scalars and arrays into what JSON knows."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"cannot store {type(value).__name__} with a score")
