"""Whether layers deepen from the primary region to others, as a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from brainbench_audio.cli.selection import Names, chosen_results, listed, read_results

if TYPE_CHECKING:
    import pandas as pd


def hierarchy(
    model: Names = (), benchmark: Names = (), *, primary: str = "Primary"
) -> pd.DataFrame:
    """Test whether deeper layers predict regions beyond the primary one.

    Parameters
    ----------
    model, benchmark : str or sequence of str
        By default all that have a score.
    primary : str
        The region that others are compared with.

    Returns
    -------
    pandas.DataFrame
        A row a score and, of three steps of a training or more, a row a training: the attributes of
        `report.hierarchy.Deepening`, ``interval`` as ``low`` and ``high``.

    Raises
    ------
    UnknownId
        There is no such model or benchmark.
    DataError
        No score says which layer predicts which region.
    """
    import pandas as pd

    from brainbench_audio.report.hierarchy import hierarchy as deepening

    rows = []
    for one in deepening(chosen_results(read_results(), listed(model), listed(benchmark)), primary):
        plain = asdict(one)
        low, high = plain.pop("interval") or (None, None)
        rows.append({**plain, "low": low, "high": high})
    return pd.DataFrame(rows)
