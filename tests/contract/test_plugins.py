"""What every installed plugin keeps to; a failure names the plugin and what is wrong."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from brainbench_audio.cards import DatasetCard, MetricCard, ModelCard
from brainbench_audio.registry.discovery import HOOKS, Plugin, plugins
from brainbench_audio.registry.lookup import data_source, list_ids, load_attribute, registered

PLUGINS = plugins()
CARDS = [(plugin, card) for plugin in PLUGINS for card in plugin.cards]
# what is scored, one of them, and what is known about it
TARGETS = {"responses", "continuous", "task"}
FLAGS = TARGETS | {"multivariate", "sessions", "subjects", "words"}
HEAVY = {"torch", "torchaudio", "torchcrepe", "transformers", "xarray", "numpy", "scipy"}
MAY_BE_EMPTY = {
    ModelCard: {"weights", "parameters"},
    DatasetCard: {
        "provides",
        "subset_stimuli",
        "subsets",
        "subset_provides",
        "downloaded",
        "checksum",
    },
    MetricCard: {
        "given",
        "neutral",
        "memory",
        "variants",
        "properties",
        "variant_properties",
        "variant_units",
        "largest",
        "variant_largest",
        "reference",
        "second",
        "check_options",
    },
}
LOADED_LATER = {"layers", "dims", "sample_rate"}  # of a scheme such as hf:*
each_plugin = pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.distribution)
each_card = pytest.mark.parametrize(
    ("plugin", "card"), CARDS, ids=[f"{plugin.distribution}:{card.id}" for plugin, card in CARDS]
)


def cards(kind: type[Any]) -> Any:
    chosen = [
        card for _, card in CARDS if isinstance(card, kind) and not getattr(card, "scheme", None)
    ]
    return pytest.mark.parametrize("card", chosen, ids=[card.id for card in chosen])


def test_some_plugin_is_installed() -> None:
    assert PLUGINS
    assert len(HOOKS) == 3


@each_plugin
def test_it_can_be_imported(plugin: Plugin) -> None:
    assert plugin.failure is None, plugin.failure
    assert plugin.cards, f"{plugin.distribution} hands over nothing"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", plugin.version)


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """Return what heavy modules each plugin is the first to import, in one process for all."""
    code = f"""
import json, sys
from importlib.metadata import entry_points
from brainbench_audio.registry.discovery import load_plugin, plugin_manager
manager, told, before = plugin_manager(), {{}}, set()
for point in entry_points(group="brainbench_audio"):
    assert load_plugin(point, manager).failure is None, point
    told[point.value] = sorted({HEAVY} & set(sys.modules) - before)
    before |= set(told[point.value])
print(json.dumps(told))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@each_plugin
def test_its_cards_import_nothing_heavy(plugin: Plugin, imported: dict[str, list[str]]) -> None:
    assert imported[plugin.module] == []


@each_card
def test_no_field_is_empty(plugin: Plugin, card: Any) -> None:
    may = MAY_BE_EMPTY[type(card)] | (LOADED_LATER if getattr(card, "scheme", None) else set())
    empty = [
        field.name
        for field in dataclasses.fields(card)
        if not getattr(card, field.name) and field.name not in may
    ]
    assert not empty, f"{plugin.distribution}: card {card.id} leaves {empty} empty"


@each_card
def test_the_citation_is_bibtex(plugin: Plugin, card: Any) -> None:
    entries = re.findall(r"@(\w+)\s*\{\s*([^,\s]+)\s*,", card.citation)
    assert entries, card.citation
    assert card.citation.count("{") == card.citation.count("}")
    for field in ("title", "year"):
        assert re.search(rf"\b{field}\s*=", card.citation), f"no {field} in {card.citation}"


@each_card
def test_its_packages_are_installed(plugin: Plugin, card: Any) -> None:
    for package in card.packages:
        assert importlib.util.find_spec(package), f"{card.id} names {package}"
    assert plugin.module.partition(".")[0] in {name.partition(".")[0] for name in card.packages}


@each_card
def test_its_functions_can_be_imported(plugin: Plugin, card: Any) -> None:
    if isinstance(card, DatasetCard):
        assert data_source(card)
    else:
        assert callable(load_attribute(card.loader)), card.loader


@cards(ModelCard)
def test_model_cards(card: ModelCard) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", card.id), "lower case, family-variant"
    assert card.id == card.family or card.id.startswith(f"{card.family}-")
    assert len(card.layers) == len(card.dims)
    assert len(set(card.layers)) == len(card.layers)
    assert all(isinstance(dim, int) and dim > 0 for dim in card.dims)
    assert 8000 <= card.sample_rate <= 48000
    assert card.parameters >= 0
    assert card.source.startswith("https://")
    assert bool(card.weights) == (card.parameters > 0)
    for file in card.weights:
        assert file.url.startswith(("https://", "hf://"))
        assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)


@cards(DatasetCard)
def test_dataset_cards(card: DatasetCard) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]+", card.id)
    assert all(re.fullmatch(r"[a-z0-9_]+", subset) for subset in card.subsets)
    assert len(set(card.subsets)) == len(card.subsets)
    assert card.provides <= FLAGS
    assert card.provided(None) or card.subsets, "neither the whole nor a subset can be scored"
    for provided in [card.provided(None), *map(card.provided, card.subsets)]:
        assert not provided or len(provided & TARGETS) == 1
    for subset in card.subsets:
        # a subset may have the same responses as they come in time
        given = card.provided(subset) - {"continuous"}
        assert given <= card.provides or not card.provides
    assert set(card.subset_stimuli) <= set(card.subsets)
    assert card.stimuli > 0


@cards(MetricCard)
def test_metric_cards(card: MetricCard) -> None:
    assert re.fullmatch(r"[a-z0-9_]+", card.id)
    assert all(re.fullmatch(r"[a-z0-9_]+(-[a-z0-9_]+)*", variant) for variant in card.variants)
    assert None in card.requires
    assert set(card.requires) <= {None, *card.variants}
    assert frozenset().union(*card.requires.values()) <= FLAGS


@pytest.mark.parametrize("kind", [ModelCard, DatasetCard, MetricCard])
def test_no_id_is_taken_twice(kind: type[Any]) -> None:
    counts = Counter(entry.card.id for entry in registered(kind))
    assert [name for name, count in counts.items() if count > 1] == []


def test_every_data_set_has_a_metric_once_metrics_are_installed() -> None:
    if not list_ids("metric"):
        pytest.skip("no metric is installed")
    used = {name.partition("-")[0].partition(".")[0] for name in list_ids("benchmark")}
    brain = {
        entry.card.id
        for entry in registered(DatasetCard)
        if entry.card.provides & {"responses", "continuous"}
    }
    assert brain <= used
