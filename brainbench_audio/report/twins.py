"""Models that score the same everywhere: most likely one network under two names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

from brainbench_audio.report.results import Result

_ENDS = (0.0, 1.0)  # what networks that differ may well score, too


def twins(results: Iterable[Result]) -> list[tuple[str, str, int]]:
    """Return pairs of models whose measured scores are equal, and on how many benchmarks.

    Scores of other networks differ in some digit. A file of weights under the name of another one
    does it, and a model of one's own that is a copy; both count as one model more.

    Parameters
    ----------
    results : iterable of Result
        Of one version a row; published scores, which have few digits, are not looked at.
    """
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for result in results:
        if not result.published:
            scores[result.model][result.benchmark] = result.value
    found = []
    for one, other in combinations(scores, 2):
        common = scores[one].keys() & scores[other].keys()
        same = all(scores[one][name] == scores[other][name] for name in common)
        if same and any(scores[one][name] not in _ENDS for name in common):
            found.append((one, other, len(common)))
    return found
