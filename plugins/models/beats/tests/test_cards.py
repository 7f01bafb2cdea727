from __future__ import annotations

import pytest
from brainbench_beats.cards import CARDS

from brainbench_audio.cards import ModelCard


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_weights_are_pinned(card: ModelCard) -> None:
    (file,) = card.weights
    assert file.sha256 is not None
    assert len(file.sha256) == 64
    # four bytes a parameter, twelve names for one table of 320 x 12, and the container
    shown = 4 * (card.parameters + 11 * 320 * 12)
    assert 0 < file.size - shown < 500_000
