"""What cards work out from their fields."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from brainbench_audio.cards import BenchmarkCard, DatasetCard, MetricCard, WeightsFile
from brainbench_audio.testing.dummies import dummy_card

MODEL = dummy_card()
DATASET = DatasetCard(
    id="Data",
    provides=frozenset({"responses"}),
    stimuli=40,
    description="d",
    licence="MIT",
    citation="c",
    source="s",
    size="none",
    packages=(),
    data="m:C",
    subsets=("left", "right"),
)
METRIC = MetricCard(
    id="near",
    description="d",
    unit="R²",
    licence="MIT",
    citation="c",
    packages=(),
    loader="m:f",
    variants=("far", "very-far"),
)


@pytest.mark.parametrize(
    ("identifier", "scheme"), [("hf:*", "hf:"), ("tiny", None), ("hf:a/b", None), ("tiny*", None)]
)
def test_only_a_star_behind_a_colon_is_a_scheme(identifier: str, scheme: str | None) -> None:
    assert replace(MODEL, id=identifier).scheme == scheme


def test_a_subset_counts_its_own_stimuli_where_it_says_so() -> None:
    card = replace(DATASET, subset_stimuli={"left": 12})
    assert [card.counted(subset) for subset in (None, "left", "right")] == [40, 12, 40]


def test_a_subset_provides_as_the_whole_unless_told() -> None:
    own, whole = frozenset({"subjects"}), DATASET.provides
    assert DATASET.provided("left") == whole
    for all_subsets in (own, frozenset[str]()):
        card = replace(DATASET, subset_provides=all_subsets)
        assert [card.provided(name) for name in (None, "left")] == [whole, all_subsets]
    named = replace(DATASET, subset_provides={"left": own})
    assert [named.provided(name) for name in (None, "left", "right")] == [whole, own, whole]


def test_a_variant_requires_and_promises_as_the_plain_metric_unless_told() -> None:
    few, many = frozenset({"responses"}), frozenset({"responses", "sessions"})
    card = replace(
        METRIC,
        requires={None: few, "far": many},
        properties=frozenset({"identity", "noise"}),
        variant_properties={"far": frozenset()},
        variant_units={"far": "m"},
        largest=1.0,
        variant_largest={"far": None},
    )
    variants = (None, "far", "very-far")
    assert [card.required(variant) for variant in variants] == [few, many, few]
    assert [len(card.promised(variant)) for variant in variants] == [2, 0, 2]
    assert [card.unit_of(variant) for variant in variants] == [card.unit, "m", card.unit]
    far = BenchmarkCard(dataset=DATASET, subset=None, metric=card, variant="far")
    assert [card.largest_of(variant) for variant in variants] == [1.0, None, 1.0]
    assert (far.unit, far.largest, METRIC.largest) == ("m", None, None)


def test_a_metric_needs_responses_by_default() -> None:
    assert METRIC.required("far") == {"responses"}


@pytest.mark.parametrize(
    ("subset", "variant", "expected"),
    [
        (None, None, "Data-near"),
        ("left", None, "Data.left-near"),
        (None, "far", "Data-near-far"),
        ("left", "very-far", "Data.left-near-very-far"),
    ],
)
def test_ids_of_benchmarks(subset: str | None, variant: str | None, expected: str) -> None:
    card = BenchmarkCard(dataset=DATASET, subset=subset, metric=METRIC, variant=variant)
    assert card.id == expected
    assert card.id == f"{card.data_id}-{card.metric_id}"


def test_cards_are_frozen_and_take_names_only() -> None:
    with pytest.raises(FrozenInstanceError):
        MODEL.id = "other"  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        WeightsFile("https://a")  # type: ignore
