"""Results as pandas tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from brainbench_audio.errors import DataError
from brainbench_audio.report.layer_tables import By, layer_tables
from brainbench_audio.scores.score import CHANCE

if TYPE_CHECKING:
    from brainbench_audio.report.results import Result

COLUMNS = (
    *("model", "version", "benchmark", "value", "error", "low", "high", "ceiling", "normalised"),
    *("p", "layer", "n", "published", "created", "file"),
)
_FIRST = ("model", "benchmark", "value", "error", "ceiling", "layer")


class ResultTable(pd.DataFrame):  # type: ignore[misc]  # pandas comes without types
    """A pandas DataFrame with a row a score.

    Columns: ``model``, ``version`` (of the model), ``benchmark``, ``value``, ``error`` (standard
    error), ``low`` and ``high`` (95 % interval), ``ceiling``, ``normalised``, ``p`` (of a score as
    high by chance), ``layer`` (the best), ``n`` (stimuli), ``published``, ``created``, ``file``.
    A selection of its rows is such a table, too.
    """

    @property
    def _constructor(self) -> type[ResultTable]:
        return ResultTable

    def __repr__(self) -> str:
        """Return the columns that a reader looks at first, as many as a terminal is wide."""
        shown = [name for name in (*_FIRST, *self.columns[len(COLUMNS) :]) if name in self.columns]
        plain = pd.DataFrame(self)
        return str(plain[shown] if len(self.columns) > len(shown) >= len(_FIRST) else plain)

    def wide(self, values: str = "value") -> pd.DataFrame:
        """Return one column as a table, models x benchmarks; NaN where there is no score.

        Parameters
        ----------
        values : str
            A column with numbers. Where a pair was measured and published, the measured one counts.

        Raises
        ------
        DataError
            There is no such column.
        """
        if values not in self.columns:
            raise DataError(f"There is no column {values!r}, only {', '.join(self.columns)}.")
        measured = pd.DataFrame(self).sort_values("published", kind="stable")
        once = measured.drop_duplicates(["model", "benchmark"])
        return once.pivot(index="model", columns="benchmark", values=values)

    def layers(self, by: By = "part") -> pd.DataFrame:
        """Return the score of each layer alone, of all stored scores in the table.

        Parameters
        ----------
        by : str
            What is side by side: ``part`` (components, subjects, labels, or folds) or ``region``,
            see `report.layer_tables.layer_tables`.

        Returns
        -------
        pandas.DataFrame
            A row for each model, benchmark and layer, in the order of layers; a column a part. Of
            a metric that mixes all layers, what it learned: the share of each.

        Raises
        ------
        DataError
            No score here has anything for each layer.
        """
        rows = zip(self["model"], self["benchmark"], self["file"], strict=True)
        files = [(model, benchmark, Path(file)) for model, benchmark, file in rows if file]
        frames = {
            (one.model, one.benchmark): pd.DataFrame(
                one.values.values, pd.Index(one.layers, name="layer"), one.parts
            )
            for one in layer_tables(files, by)
        }
        return pd.concat(frames, names=["model", "benchmark", "layer"])


def row(
    model: str,
    benchmark: str,
    value: float,
    *,
    interval: tuple[float, float] | None = None,
    n: Mapping[str, int] | None = None,
    file: Path | None = None,
    **known: Any,
) -> dict[str, Any]:
    """Return a row of a `ResultTable`; what is not known is NaN, an empty text or False."""
    low, high = interval or (None, None)
    texts = {"version": "", "layer": "", "created": "", "published": False}
    numbers = {"low": low, "high": high, "n": (n or {}).get("stimulus"), **known}
    found = {"model": model, "benchmark": benchmark, "value": value, **numbers}
    found["file"] = "" if file is None else str(file)
    return {name: _filled(found.get(name), texts.get(name, float("nan"))) for name in COLUMNS}


def table_of(results: Iterable[Result]) -> ResultTable:
    """Return results as a table, in their order."""
    rows = [
        row(
            model=one.model,
            benchmark=one.benchmark,
            value=one.value,
            error=one.error,
            interval=one.interval,
            ceiling=one.ceiling,
            normalised=one.normalised,
            p=(one.provenance.get(CHANCE) or {}).get("p"),
            layer=one.layer,
            n=one.n,
            version=one.version,
            published=one.published,
            created=one.created,
            file=None if one.published else one.path,
        )
        for one in results
    ]
    return ResultTable(rows, columns=list(COLUMNS))


def _filled(value: Any, default: Any) -> Any:
    return default if value is None else value
