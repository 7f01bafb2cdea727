from __future__ import annotations

from brainbench_cochdnn.cards import CARDS


def test_each_model_has_a_checkpoint_of_its_own() -> None:
    members = {card.weights[0].member for card in CARDS}
    assert len(members) == len(CARDS)
    assert {len(member.split("/")) for member in members} == {5}
    assert len({card.weights[0].folder for card in CARDS}) == 1
