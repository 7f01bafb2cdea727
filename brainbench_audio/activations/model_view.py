"""How models show themselves in a terminal and in a notebook."""

from __future__ import annotations

from typing import Any

from brainbench_audio.activations.object_state import seal_of
from brainbench_audio.cards import ModelCard
from brainbench_audio.views import bars, line, listed, view


class ModelView:
    """Base of models with a card: one line for `repr`, a small view for notebooks.

    Nothing is hashed here, since a debugger may ask at any time. So the version is the one that
    `load_model` gave; what was changed in the model since then is seen when it is scored.
    """

    card: ModelCard
    device: Any = None

    def __repr__(self) -> str:
        return line("Model", self._facts())

    def _repr_html_(self) -> str:
        """Return a view for notebooks, with the number of features of each layer."""
        card = self.card
        widths = dict(zip(card.layers, map(float, card.dims), strict=False))
        facts = {**self._facts(), "licence": card.licence, "training data": card.training_data}
        return view("Model", facts, bars(widths, "Features of each layer"))

    def _facts(self) -> dict[str, str]:
        card = self.card
        seal = seal_of(self)
        loaded = seal.identity if seal is not None else None
        facts = {
            "id": card.id,
            "loaded as version": loaded.version if loaded is not None else "",
            "layers": f"{len(card.layers)}: {listed(card.layers)}",
            "parameters": f"{card.parameters:,}",
            "sample rate": f"{card.sample_rate} Hz",
            "device": "" if self.device is None else str(self.device),
        }
        return {name: fact for name, fact in facts.items() if fact}
