"""Families keep their looks whoever else is on the page."""

from __future__ import annotations

from itertools import combinations

import pytest

from brainbench_audio.cards import ModelCard
from brainbench_audio.registry.lookup import registered
from brainbench_audio.report.families import _SPARE, FAMILIES, look_of, looks
from brainbench_audio.report.figures import compared
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.content import gather


def test_a_family_looks_the_same_on_every_page() -> None:
    alone = looks(["beats"])["beats"]
    assert alone == FAMILIES["beats"]
    assert looks(["zebra", "beats", "ast"])["beats"] == alone


def test_no_two_known_families_look_alike() -> None:
    for one, other in combinations(FAMILIES, 2):
        assert FAMILIES[one] != FAMILIES[other], (one, other)


def test_a_stranger_looks_the_same_whoever_else_is_there() -> None:
    alone = looks(["mine"])["mine"]
    assert looks(["a", "b", "mine", "zebra"])["mine"] == alone == look_of("mine")
    # a hash that changes between processes would give another look tomorrow
    assert [look_of(name).marker for name in ("mine", "yours", "theirs")] == ["*", "*", "*"]


def test_strangers_do_not_look_like_a_known_family() -> None:
    assert not set(_SPARE) & set(FAMILIES.values())


def test_strangers_use_all_looks() -> None:
    found = looks([f"mine-{place:02d}" for place in range(200)])
    assert set(found.values()) == set(_SPARE)


def test_every_installed_family_is_in_the_table() -> None:
    cards = [entry.card for entry in registered(ModelCard)]
    assert {card.family for card in cards if not card.scheme} <= FAMILIES.keys()


def test_figures_and_pages_give_a_model_one_look() -> None:
    def result(model: str, family: str = "", **fields: str) -> Result:
        return Result(model=model, label=model, family=family, benchmark="b-c", value=1, **fields)

    results = [
        result("crepe-tiny", "crepe"),
        result("beats-new"),
        result("Mine@untrained"),
        result("file.py:Mine", id="Mine", source="file.py"),
    ]
    content = gather("title", results)
    shown = {row.model: content.looks[row.family] for row in content.rows}
    assert shown == {one.model: compared.look_of(one) for one in results}
    assert shown["beats-new"] == FAMILIES["beats"]
    assert shown["Mine@untrained"] == shown["file.py:Mine"]
    assert shown["crepe-tiny"].colour != FAMILIES["dasheng"].colour


@pytest.mark.parametrize("order", [["b", "a", "c", "a"], ["c", "b", "a"]])
def test_the_order_of_models_does_not_matter(order: list[str]) -> None:
    assert looks(order) == looks(["a", "b", "c"])
