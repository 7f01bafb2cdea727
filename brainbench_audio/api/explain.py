"""Whether properties of models explain their scores, as a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from brainbench_audio.cli.explain import explained
from brainbench_audio.cli.selection import Names, listed

if TYPE_CHECKING:
    import pandas as pd

    from brainbench_audio.report.results import Published


def explain(
    model: Names = (),
    benchmark: Names = (),
    *,
    properties: Names = (),
    together: bool = False,
    published: Published = "none",
) -> pd.DataFrame:
    """Test whether properties of models explain their scores; families are a random effect.

    Parameters
    ----------
    model, benchmark : str or sequence of str
        By default all models, and all benchmarks but listening tasks.
    properties : str or sequence of str
        ``parameters``, ``hours``, ``sample-rate``, ``learning``, ``data`` (by default all of
        these), ``overall`` or another benchmark.
    together : bool
        One fit, each property with the others held fixed.
    published : str
        ``add`` published scores, or ``only`` these.

    Returns
    -------
    pandas.DataFrame
        A row a property, or a row a kind: the attributes of `report.explanation.Effect`,
        ``interval`` as ``low`` and ``high``.

    Raises
    ------
    UnknownId
        There is no such model, benchmark or property.
    DataError
        There are too few models, or they do not differ.
    """
    import pandas as pd

    found = explained(
        model=listed(model),
        benchmark=listed(benchmark),
        properties=listed(properties),
        together=together,
        published=published,
    )
    rows = []
    for one in found.effects:
        plain = asdict(one)
        low, high = plain.pop("interval")
        rows.append({**plain, "low": low, "high": high})
    return pd.DataFrame(rows)
