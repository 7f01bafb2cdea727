"""Families keep their looks whoever else is on the page."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from brainbench_audio.report.families import _SPARE, FAMILIES, looks


def test_a_family_looks_the_same_on_every_page() -> None:
    alone = looks(["beats"])["beats"]
    assert alone == FAMILIES["beats"]
    assert looks(["zebra", "beats", "ast"])["beats"] == alone


def test_no_two_known_families_look_alike() -> None:
    for one, other in combinations(FAMILIES, 2):
        assert FAMILIES[one] != FAMILIES[other], (one, other)


def test_strangers_differ_in_colour_and_shape_from_their_neighbours() -> None:
    found = looks([f"mine-{place:02d}" for place in range(15)])
    assert len(set(found.values())) == 15
    placed = list(found.values())
    for one, other in pairwise(placed):
        assert one.colour != other.colour
        assert one.marker != other.marker


def test_strangers_do_not_look_like_a_known_family() -> None:
    assert not set(_SPARE) & set(FAMILIES.values())


def test_more_strangers_than_looks_share_them() -> None:
    found = looks([f"mine-{place:02d}" for place in range(40)])
    assert len(found) == 40
    assert set(found.values()) == set(_SPARE)


@pytest.mark.parametrize("order", [["b", "a", "c", "a"], ["c", "b", "a"]])
def test_the_order_of_models_does_not_matter(order: list[str]) -> None:
    assert looks(order) == looks(["a", "b", "c"])
