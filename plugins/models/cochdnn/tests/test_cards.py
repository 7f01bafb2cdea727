from __future__ import annotations

from brainbench_cochdnn.cards import CARDS
from brainbench_cochdnn.checkpoint import member


def test_each_model_has_a_checkpoint_of_its_own() -> None:
    assert len({member(card.id) for card in CARDS}) == len(CARDS)
    assert {len(member(card.id).parts) for card in CARDS} == {4}
