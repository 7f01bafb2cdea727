"""Options that all metrics share: what they may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from brainbench_audio.errors import DataError

# fewer permutations can give no p below 0.05
LEAST = 19
# say how sure a score is and where it is computed; with others it measures something else
SAME_SCORE = frozenset({"bootstrap", "device", "max_memory", "permutations", "seed"})
MOST = 1_000_000  # permutations, or draws: all are made at once


def check_options(
    *, permutations: Any = None, bootstrap: Any = None, seed: Any = 0, max_memory: Any = None
) -> None:
    """Refuse what options of a metric cannot be.

    Parameters
    ----------
    permutations : int or None
        0: no test against chance; None: the metric's own number.
    bootstrap : int or None
        Draws of the score that are kept; 0 and None: none.
    seed : int
        Of permutations and draws, 0 or more: it is stored with the score.
    max_memory : float or None
        Bytes.

    Raises
    ------
    DataError
        One of them is another number, or none.
    """
    if permutations is not None and not _whole(permutations, (0, 0), (LEAST, MOST)):
        raise DataError(
            f"A test against chance needs at least {LEAST} permutations (0 for no test), and "
            f"{MOST:,} at most, got {permutations!r}."
        )
    if bootstrap is not None and not _whole(bootstrap, (0, 0), (2, MOST)):
        raise DataError(
            f"Give at least 2 draws (0 for none), and {MOST:,} at most, got {bootstrap!r}."
        )
    if not _whole(seed, (0, math.inf)):
        raise DataError(f"A seed is a whole number, 0 or more, got {seed!r}.")
    if max_memory is not None and not (_is(max_memory, Real) and 0 < max_memory < math.inf):
        raise DataError(f"max_memory is a number of bytes above 0, got {max_memory!r}.")


def other_options(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options by which a score measures something else than its benchmark's id says."""
    inputs = provenance.get("inputs")
    options = inputs.get("options") if isinstance(inputs, Mapping) else None
    if not isinstance(options, Mapping):
        return {}
    return {name: value for name, value in options.items() if name not in SAME_SCORE}


def _whole(value: Any, *ranges: tuple[float, float]) -> bool:
    return _is(value, Integral) and any(low <= value <= high for low, high in ranges)


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
