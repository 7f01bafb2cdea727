"""Makes the metric of a variant."""

from __future__ import annotations

from typing import Any

from brainbench_audio.cards import MetricCard
from brainbench_audio.scores.options import check_options

from .metric import Ridge
from .transfer import RidgeFrom
from .unique import UniqueRidge


def load(
    card: MetricCard,
    variant: str | None = None,
    *,
    permutations: int | None = None,
    bootstrap: int | None = None,
    seed: int = 0,
    max_memory: int | None = None,
    device: str = "cpu",
) -> Ridge | RidgeFrom | UniqueRidge:
    """Return the metric.

    Parameters
    ----------
    card : MetricCard
        The metric's card; nothing of it is needed here.
    variant : str or None
        See `Ridge`; ``"unique"`` is `UniqueRidge`, whose p takes no permutations, ``"from"``
        `RidgeFrom`.
    permutations, bootstrap, seed, max_memory, device
        See `Ridge`.
    """
    options: dict[str, Any] = {
        "bootstrap": bootstrap,
        "seed": seed,
        "max_memory": max_memory,
        "device": device,
    }
    if variant == "unique":
        check_options(permutations=permutations)
        return UniqueRidge(**options)
    if variant == "from":
        return RidgeFrom(Ridge(variant="scaled", permutations=permutations, **options))
    return Ridge(variant=variant, permutations=permutations, **options)
