"""From the card to the metric, or one of its variants."""

from __future__ import annotations

from typing import Any

from brainbench_audio.cards import MetricCard

from .metric import Encoding
from .unique import UniqueEncoding


def load(
    card: MetricCard,
    variant: str | None = None,
    *,
    delays: tuple[int, ...] | None = None,
    components: int | None = None,
    block: float = 20.0,
    permutations: int | None = None,
    bootstrap: int | None = None,
    seed: int = 0,
    max_memory: int | None = None,
) -> Encoding:
    """Return the metric, see `Encoding`, and for its variants `UniqueEncoding`.

    Their p takes no permutations.
    """
    del card
    options: dict[str, Any] = {
        "delays": delays,
        "components": components,
        "block": block,
        "permutations": permutations,
        "bootstrap": bootstrap,
        "seed": seed,
        "max_memory": max_memory,
    }
    if variant is None:
        return Encoding(**options)
    return UniqueEncoding(**options, words=variant == "unique-words")
