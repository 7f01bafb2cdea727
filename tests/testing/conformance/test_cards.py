"""Each mistake on a card is found, and the message says what to change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from brainbench_audio.cards import MetricCard, ModelCard, WeightsFile
from brainbench_audio.testing.conformance.cards import card_checks, subject

PACKAGE = "brainbench_audio"
ENTRY = "@article{key, title = {A {B}}, year = {2025}}"
MODEL = ModelCard(
    id="tiny-net",
    family="tiny",
    label="Tiny",
    parameters=10,
    layers=("a", "b"),
    dims=(3, 4),
    sample_rate=8000,
    licence="MIT",
    citation=ENTRY,
    training_data="none",
    source="https://example.org",
    packages=(PACKAGE,),
    loader="brainbench_audio.testing.dummies:DummyModel",
    weights=(WeightsFile(url="https://example.org/a", sha256="0" * 64),),
)
METRIC = MetricCard(
    id="near",
    description="d",
    unit="R²",
    licence="MIT",
    citation=ENTRY,
    packages=(PACKAGE,),
    loader="brainbench_audio.testing.dummies:DummyModel",
    variants=("far",),
    requires={None: frozenset({"responses"}), "far": frozenset({"sessions"})},
    properties=frozenset({"identity"}),
    variant_properties={"far": frozenset({"noise"})},
)


def complaints(card: ModelCard | MetricCard, package: str = PACKAGE) -> list[tuple[str, str]]:
    outcomes = [check.outcome() for check in card_checks(card, package)]
    return [(each.state, each.message) for each in outcomes if each.state != "ok"]


@pytest.mark.parametrize("card", [MODEL, METRIC])
def test_a_good_card_passes(card: ModelCard | MetricCard) -> None:
    assert complaints(card) == []
    assert len(list(card_checks(card, PACKAGE))) == 4


def test_a_scheme_needs_no_layers() -> None:
    scheme = replace(MODEL, id="hf:*", layers=(), dims=(), sample_rate=0, weights=())
    assert complaints(scheme) == []
    ((_, message),) = complaints(replace(scheme, weights=MODEL.weights))
    assert "leave them out" in message


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": "Tiny"}, "other signs mean something else"),
        ({"id": "tiny@x"}, "other signs mean something else"),
        ({"licence": "  "}, "`licence` is empty"),
        ({"training_data": "TODO"}, "still says 'TODO'"),
        ({"citation": "Somebody 2025"}, "no BibTeX entry"),
        ({"citation": ENTRY[:-1]}, "no BibTeX entry"),
        ({"citation": ENTRY.replace("year", "date")}, "no year"),
        ({"packages": ("numpy",)}, "has to name 'brainbench_audio'"),
        ({"loader": "brainbench_audio.testing.dummies"}, "not of the form"),
        ({"loader": "brainbench_audio.nowhere:f"}, "no module brainbench_audio.nowhere"),
        ({"loader": "brainbench_audio.testing.dummies:SAMPLE_RATE"}, "is no function"),
        ({"layers": (), "dims": ()}, "`layers` is empty"),
        ({"layers": ("a", "a")}, "names one twice"),
        ({"dims": (3,)}, "1 numbers for 2 layers"),
        ({"dims": (3, 0)}, "above 0"),
        ({"sample_rate": 0}, "not above 0"),
        ({"weights": (WeightsFile(url="ftp://a", sha256="0" * 64),)}, "only https"),
        ({"weights": (WeightsFile(url="https://a", sha256="0" * 63),)}, "64 hex digits"),
    ],
)
def test_a_mistake_on_a_model_card(change: dict[str, Any], told: str) -> None:
    ((state, message),) = complaints(replace(MODEL, **change))
    assert state == "failed"
    assert told in message


def test_miscellanea_need_no_year() -> None:
    assert complaints(replace(MODEL, citation="@misc{key, url = {https://example.org}}")) == []


def test_what_is_only_doubtful_is_a_warning() -> None:
    unpinned = replace(MODEL, weights=(*MODEL.weights, WeightsFile(url="https://b")))
    missing = replace(MODEL, loader="brainbench_audio.testing.dummies:absent")
    ((state, message),) = complaints(unpinned)
    assert (state, "1 weights files have no sha256" in message) == ("warning", True)
    ((state, message),) = complaints(missing)
    assert (state, "absent" in message) == ("warning", True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"properties": frozenset({"beauty"})}, "names ['beauty']"),
        ({"variant_properties": {"far": frozenset({"beauty"})}}, "names ['beauty']"),
        ({"variant_properties": {"near": frozenset()}}, "key that is no variant"),
        ({"requires": {None: frozenset(), "near": frozenset()}}, "key that is no variant"),
        ({"requires": {"far": frozenset()}}, "lacks None"),
        ({"second": frozenset({"far"})}, "`second` may hold 'from'"),
        ({"variants": ("far", "from"), "given": frozenset({"from"})}, "`given` may not"),
        ({"id": "near-far"}, "other signs mean something else"),
    ],
)
def test_a_mistake_on_a_metric_card(change: dict[str, Any], told: str) -> None:
    ((state, message),) = complaints(replace(METRIC, **change))
    assert state == "failed"
    assert told in message


def test_subjects() -> None:
    assert (subject(MODEL), subject(METRIC)) == ("model tiny-net", "metric near")
