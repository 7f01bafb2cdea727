"""Ids, globs, duplicates and what is suggested instead of an unknown id."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from brainbench_audio import list_ids
from brainbench_audio.cards import MetricCard
from brainbench_audio.errors import ContractError, PluginLoadError, UnknownId
from brainbench_audio.registry.globs import expand
from brainbench_audio.registry.ids import unknown
from brainbench_audio.registry.lookup import (
    data_source,
    find_benchmark,
    find_dataset,
    find_metric,
    find_model,
    load_attribute,
    registered,
)

pytestmark = pytest.mark.usefixtures("tiny")
TINY_BENCHMARKS = ["Tiny-match", "Tiny-match-many", "Tiny.a-match", "Tiny.b-match"]


@pytest.fixture
def copy(tiny: Path, install: Callable[..., Path]) -> None:
    """Install the tiny plugin a second time, under another name."""
    shutil.copytree(tiny, tiny.with_name("brainbench_tiny_copy"))
    install("brainbench-tiny-copy", "brainbench_tiny_copy")


def test_benchmarks_are_every_data_set_with_every_metric_that_fits() -> None:
    assert [
        name for name in list_ids("benchmark") if name.startswith("Tiny") and "match" in name
    ] == (TINY_BENCHMARKS)
    assert "Nowhere-match" in list_ids("benchmark")
    assert "Nowhere-match-many" not in list_ids("benchmark")


def test_ids_are_sorted_and_unique() -> None:
    for kind in ("model", "benchmark", "metric"):
        ids = list_ids(kind)
        assert ids == sorted(set(ids))


def test_every_listed_id_can_be_looked_up() -> None:
    for name in list_ids("model"):
        assert find_model(name).card.id == name
    for name in list_ids("benchmark"):
        assert find_benchmark(name).id == name
    for name in list_ids("metric"):
        entry, variant = find_metric(name)
        assert (f"{entry.card.id}-{variant}" if variant else entry.card.id) == name


def test_a_benchmark_card_has_its_parts() -> None:
    card = find_benchmark("Tiny.b-match")
    assert (card.dataset.id, card.subset, card.metric.id, card.variant) == (
        "Tiny",
        "b",
        "match",
        None,
    )
    assert (card.data_id, card.metric_id) == ("Tiny.b", "match")
    assert find_benchmark("Tiny-match-many").variant == "many"


@pytest.mark.parametrize(
    "identifier",
    [
        "Tiny",
        "Tiny-",
        "Tiny-matc",
        "Tiny.c-match",
        "Tiny.-",
        "-match",
        "Tin-match",
        "Tiny-match-few",
        "",
    ],
)
def test_unknown_benchmarks(identifier: str) -> None:
    with pytest.raises(UnknownId, match=f"There is no benchmark '{identifier}'"):
        find_benchmark(identifier)


def test_a_metric_that_lacks_something_says_what() -> None:
    with pytest.raises(
        UnknownId, match=r"match-many needs multivariate.*Tiny\.a .*Metrics that fit: .*match"
    ):
        find_benchmark("Tiny.a-match-many")


@pytest.mark.parametrize(
    ("given", "suggested"),
    [("tiny-plein", "tiny-plain"), ("TINY-WIDE", "tiny-wide"), ("tinywide", "tiny-wide")],
)
def test_did_you_mean(given: str, suggested: str) -> None:
    with pytest.raises(UnknownId, match=f"no model '{given}'.*Did you mean .*{suggested}"):
        find_model(given)


def test_nothing_near() -> None:
    with pytest.raises(UnknownId, match="`brainbench list models` shows them"):
        find_model("xyzzy")
    assert "brainbench doctor" in str(unknown("x", "model", []))


def test_globs_keep_the_order_of_patterns_and_name_each_id_once() -> None:
    assert expand(["tiny-w*", "tiny-plain", "tiny-[pw]*"], "model") == ["tiny-wide", "tiny-plain"]
    assert expand(["Tiny*-match*"], "benchmark") == TINY_BENCHMARKS
    assert expand(["not-there"], "model") == ["not-there"]
    with pytest.raises(UnknownId, match=r"'xyzzy\*'"):
        expand(["tiny-plain", "xyzzy*"], "model")


def test_a_glob_keeps_the_distribution_and_the_version() -> None:
    place = "brainbench-tiny:"
    both = [f"{place}tiny-plain@permuted#1a2b3c4d", f"{place}tiny-wide@permuted#1a2b3c4d"]
    assert expand([f"{place}tiny-[pw]*@permuted#1a2b3c4d"], "model") == both
    assert expand(["tiny-w*#old"], "model") == ["tiny-wide#old"]
    assert expand([f"{place}Tiny.?-match"], "benchmark") == [
        *(f"{place}Tiny.a-match", f"{place}Tiny.b-match")
    ]
    assert expand([f"{place}Tiny*[a,b]-match-many"], "benchmark") == [
        f"{place}Tiny[a,b]-match-many"
    ]
    for pattern, kind in (("nosuch:tiny-*", "model"), ("nosuch:Tiny-*", "benchmark")):
        with pytest.raises(UnknownId, match=pattern.replace("*", r"\*")):
            expand([pattern], kind)  # type: ignore[arg-type]


@pytest.mark.usefixtures("copy")
def test_a_glob_of_two_plugins_takes_one() -> None:
    assert expand(["brainbench-tiny-copy:tiny-w*"], "model") == ["brainbench-tiny-copy:tiny-wide"]
    with pytest.raises(UnknownId, match="Two plugins provide"):
        find_model(expand(["tiny-w*"], "model")[0])


@pytest.mark.usefixtures("copy")
def test_two_plugins_with_one_id() -> None:
    choices = "brainbench-tiny:{0} or brainbench-tiny-copy:{0}"
    for find, identifier, named in (
        (find_model, "tiny-plain", "tiny-plain"),
        (find_dataset, "Tiny", "Tiny"),
        (find_metric, "match-many", "match"),
        (find_benchmark, "Tiny-match", "match"),
    ):
        with pytest.raises(UnknownId, match=choices.format(named)):
            find(identifier)


@pytest.mark.usefixtures("copy")
def test_a_distribution_picks_one() -> None:
    for distribution in ("brainbench-tiny", "brainbench-tiny-copy"):
        assert find_model(f"{distribution}:tiny-plain").distribution == distribution
        assert find_dataset(f"{distribution}:Tiny").distribution == distribution
        entry, variant = find_metric(f"{distribution}:match-many")
        assert (entry.distribution, variant) == (distribution, "many")
    with pytest.raises(UnknownId):
        find_model("brainbench-other:tiny-plain")


def test_a_distribution_picks_the_data_of_a_benchmark(
    tiny: Path, install: Callable[..., Path]
) -> None:
    from brainbench_audio.pipeline.loading import load_benchmark
    from brainbench_audio.pipeline.loading_models import load_model

    source = (tiny / "cards.py").read_text().replace("METRICS = [", "METRICS = []\nOLD = [")
    shutil.copytree(tiny, tiny.with_name("brainbench_tiny_copy"))
    source = source.replace("brainbench_tiny", "brainbench_tiny_copy").replace(
        "stimuli=40", "stimuli=9"
    )
    (tiny.with_name("brainbench_tiny_copy") / "cards.py").write_text(source)
    install("brainbench-tiny-copy", "brainbench_tiny_copy")
    with pytest.raises(UnknownId, match="Two plugins"):
        load_benchmark("Tiny-match")
    assert len(load_benchmark("brainbench-tiny-copy:Tiny-match").stimuli) == 9
    assert len(load_benchmark("brainbench-tiny:Tiny.a-match").stimuli) == 40
    model = load_model("brainbench-tiny-copy:tiny-wide")
    assert type(model).__module__ == "brainbench_tiny_copy.things"


def test_a_list_of_an_unknown_kind() -> None:
    with pytest.raises(UnknownId, match="choose from model, benchmark, metric"):
        list_ids("brain")  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["nowhere_at_all:f", "brainbench_audio.files:nothing", "math"])
def test_a_loader_that_cannot_be_imported(path: str) -> None:
    with pytest.raises(PluginLoadError, match=f"The loader {path} cannot be imported"):
        load_attribute(path)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("brainbench_tiny.nowhere:Source", "cannot be imported"),
        ("brainbench_tiny.things:load_metric", "is no DataSource: it has no load, fetch, locate"),
        ("brainbench_tiny.things:Match", "cannot be made without arguments"),
        ("brainbench_audio.data_source:BaseSource", "cannot be made without arguments: .*load"),
    ],
)
def test_what_is_no_source_of_data(data: str, told: str) -> None:
    card = find_dataset("Tiny").card
    assert data_source(card).locate(card) is None
    with pytest.raises(PluginLoadError, match=rf"{data} .*{told}"):
        data_source(replace(card, data=data))


def test_a_source_says_what_it_does_not_have(tmp_path: Path) -> None:
    card = find_dataset("Nowhere").card
    source = data_source(card)
    assert source.sizes(card) == {}
    with pytest.raises(ContractError, match=r"Nowhere has nothing to download.*downloaded=False"):
        source.fetch(card)
    with pytest.raises(ContractError, match="Nowhere takes no folder of your own: leave"):
        source.read_folder(card, tmp_path)


def test_variants_may_ask_for_more_than_the_plain_metric() -> None:
    card = next(entry.card for entry in registered(MetricCard) if entry.card.id == "match")
    assert card.required(None) == {"responses"}
    assert card.required("many") == {"multivariate"}
    assert card.required("unnamed") == {"responses"}
