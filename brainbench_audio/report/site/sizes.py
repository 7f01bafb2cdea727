"""How large models are, as if that were one more score: to be drawn and correlated like one."""

from __future__ import annotations

import math

from brainbench_audio.report.results import Result
from brainbench_audio.report.site.content import Content

PARAMETERS = "parameters"


def sizes(content: Content) -> dict[str, Result]:
    """Return the decimal logarithm of the parameters of each model whose card tells them.

    Empty where a benchmark is called `PARAMETERS`.
    """
    if PARAMETERS in content.benchmarks:
        return {}
    counts = {model: card.parameters for model, card in content.model_cards.items()}
    return {
        row.model: next(iter(row.results.values())).derived(PARAMETERS, math.log10(number))
        for row in content.rows
        if not row.control and (number := counts.get(row.model))
    }
