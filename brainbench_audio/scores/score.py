"""The result of scoring one model on one benchmark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.errors import CacheError, ContractError, DataError
from brainbench_audio.files import atomic_file

_ATTRIBUTE = "brainbench_score"
_FORMAT = 1


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
        Standard error, over subjects where there are subjects, else over stimuli by bootstrap.
    interval : (float, float) or None
        95 % interval of ``value``.
    ceiling : float or None
        What a perfect model could reach given the noise, in the unit of ``value``; None: not known.
    parts : mapping of str to float
        One value for each component, subject or fold.
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
    layer: str | None = None
    n: Mapping[str, int] = field(default_factory=dict)
    # not compared: `==` of two data sets is a data set, whose truth says nothing about equality
    raw: xr.Dataset = field(default_factory=_no_raw, compare=False)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise ContractError(f"A score must be a finite number, this one is {self.value}.")

    @property
    def normalised(self) -> float | None:
        """``value / ceiling``, not clipped; None where the ceiling is not known or not positive."""
        if self.ceiling is None or not self.ceiling > 0:
            return None
        return self.value / self.ceiling

    def with_provenance(self, provenance: Mapping[str, Any]) -> Score:
        """Return the same score with another provenance."""
        return replace(self, provenance=provenance)

    def to_netcdf(self, path: str | Path) -> None:
        """Write the score to one netCDF file, whole or not at all.

        The variables are those of ``raw``; the rest is JSON in the attribute ``brainbench_score``.

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
            "layer": self.layer,
            "n": dict(self.n),
            "provenance": dict(self.provenance),
        }
        data = self.raw.assign_attrs({_ATTRIBUTE: json.dumps(summary, default=_plain)})
        checked = {
            name: {"fletcher32": True, "zlib": variable.size > 1000, "complevel": 1}
            for name, variable in data.variables.items()
            if variable.dtype.kind in "fiu" and variable.ndim and variable.size
        }
        try:
            with atomic_file(Path(path)) as temporary:
                data.to_netcdf(temporary, engine="netcdf4", encoding=checked)
        except RuntimeError as error:  # what netCDF4 makes of a full disk
            raise CacheError(
                f"Cannot write {path}: {error}. Free some space or choose another folder with "
                f"BRAINBENCH_HOME."
            ) from error
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
        try:
            with xr.open_dataset(path, engine="netcdf4") as data:
                raw = data.load()
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(f"{path} is damaged: {error}. Score the pair again.") from error
        del raw.attrs[_ATTRIBUTE]
        return cls(
            value=summary["value"],
            error=summary["error"],
            interval=tuple(summary["interval"]) if summary["interval"] else None,
            ceiling=summary["ceiling"],
            parts=summary["parts"],
            layer=summary["layer"],
            n=summary["n"],
            raw=raw,
            provenance=summary["provenance"],
        )


def read_summary(path: str | Path) -> dict[str, Any]:
    """Return the JSON part of a stored score, without reading its arrays.

    Raises
    ------
    DataError
        The file is missing, damaged or not a score.
    """
    import netCDF4

    if not Path(path).is_file():
        raise DataError(f"{path} does not exist.")
    try:
        with netCDF4.Dataset(path) as data:
            summary = json.loads(data.getncattr(_ATTRIBUTE))
    except (OSError, RuntimeError, AttributeError, ValueError) as error:
        raise DataError(f"{path} is damaged or not a stored score: {error}.") from error
    if summary.get("format") != _FORMAT:
        raise DataError(
            f"{path} has format {summary.get('format')}, this version reads {_FORMAT}: score the "
            f"pair again, or install the version that wrote it ({summary.get('provenance')})."
        )
    return dict(summary)


def _plain(value: Any) -> Any:
    """Turn numpy scalars and arrays into what JSON knows."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"cannot store {type(value).__name__} with a score")
