"""A file that says which model it is of is not taken for a sibling's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from brainbench_audio.activations import labels
from brainbench_audio.activations.labels import refuse_sibling
from brainbench_audio.cards import WeightsFile
from brainbench_audio.errors import DataError
from brainbench_audio.registry.lookup import Registered
from brainbench_audio.testing.dummies import dummy_card

ONE, TWO = (
    replace(
        dummy_card(weights=(WeightsFile(url=f"hf://o/n/{name}.pt@v1", sha256=digit * 64),)),
        id=f"net-{name}",
        label=f"Net {name}",
    )
    for name, digit in (("one", "1"), ("two", "2"))
)


@pytest.fixture(autouse=True)
def siblings(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Registered(card, "test", "1") for card in (ONE, TWO)]
    monkeypatch.setattr(labels, "registered", lambda _kind: found)


@pytest.mark.parametrize("text", ["net-two", "Net two", "NET_TWO", "two"])
@pytest.mark.parametrize("above", [False, True])
def test_a_label_of_a_sibling(text: str, above: bool) -> None:
    content: dict[str, Any] = {"model_name": text}
    content = {"cfg": content} if above else content
    with pytest.raises(DataError, match=r"says that it is of net-two \(model_name: .* net-one"):
        refuse_sibling(ONE, content, [])
    refuse_sibling(TWO, content, [])


@pytest.mark.parametrize("content", [{"name": "net"}, {"remark": "net-two"}, {"name": 2}, {2: {}}])
def test_texts_that_are_no_labels(content: dict[Any, Any]) -> None:
    refuse_sibling(ONE, content, ["3" * 64])


def test_the_published_file_of_a_sibling() -> None:
    with pytest.raises(DataError, match="is the published file of net-two, not of net-one"):
        refuse_sibling(ONE, {}, ["2" * 64])
    refuse_sibling(TWO, {}, ["2" * 64])


def test_a_file_name_that_siblings_share_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [
        replace(card, weights=(WeightsFile(url=f"hf://o/{card.id}/model.pt"),))
        for card in (ONE, TWO)
    ]
    found = [Registered(card, "test", "1") for card in cards]
    monkeypatch.setattr(labels, "registered", lambda _kind: found)
    refuse_sibling(cards[0], {"name": "model"}, [])
