"""`brainbench doctor`: which plugins are installed, which are broken and why."""

from __future__ import annotations

import argparse
import os
import textwrap
from collections import defaultdict
from typing import Any

from brainbench_audio.cli.table import print_json, print_table


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("doctor", help="show installed plugins, broken ones with the reason")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print all plugins; the status is 1 if one is broken or an id is taken twice."""
    from brainbench_audio.registry.discovery import plugins

    found = plugins()
    duplicates = duplicate_ids()
    if options.json:
        rows = [
            {
                "distribution": plugin.distribution,
                "version": plugin.version,
                "module": plugin.module,
                "provides": [card.id for card in plugin.cards],
                "failure": plugin.failure,
            }
            for plugin in found
        ]
        print_json({"plugins": rows, "duplicates": duplicates})
    else:
        _print(duplicates)
    return 1 if duplicates or any(plugin.failure for plugin in found) else 0


def duplicate_ids() -> dict[str, list[str]]:
    """Return ids that more than one distribution provides, as ``kind id`` to the distributions."""
    from brainbench_audio.cards import DatasetCard, MetricCard, ModelCard
    from brainbench_audio.registry.lookup import registered

    owners: dict[str, list[str]] = defaultdict(list)
    words: dict[str, Any] = {"model": ModelCard, "data set": DatasetCard, "metric": MetricCard}
    for word, kind in words.items():
        for entry in registered(kind):
            owners[f"{word} {entry.card.id}"].append(entry.distribution)
    return {name: sorted(found) for name, found in owners.items() if len(found) > 1}


def _print(duplicates: dict[str, list[str]]) -> None:
    from brainbench_audio import settings
    from brainbench_audio.registry.discovery import plugins

    rows = [
        (
            plugin.distribution,
            plugin.version,
            "BROKEN" if plugin.failure else "ok",
            textwrap.shorten(", ".join(card.id for card in plugin.cards), 90, placeholder=" …"),
        )
        for plugin in plugins()
    ]
    if rows:
        print_table(("distribution", "version", "state", "provides"), rows)
    else:
        print("no plugin is installed")
    for plugin in plugins():
        if plugin.failure:
            print(f"\n{plugin.distribution} {plugin.version} ({plugin.module}) cannot be loaded:")
            print(plugin.failure.rstrip())
    for name, distributions in duplicates.items():
        choices = ", ".join(f"{owner}:{name.split()[-1]}" for owner in distributions)
        print(f"\n{name} is provided by {' and '.join(distributions)}: say {choices}.")
    print()
    for variable in (
        "BRAINBENCH_HOME",
        "BRAINBENCH_DATA",
        "BRAINBENCH_OFFLINE",
        "BRAINBENCH_STRICT",
    ):
        print(f"{variable.ljust(18)}  {os.environ.get(variable, '(not set)')}")
    print(f"cache               {settings.cache_home()}")
    print(f"data                {settings.data_home()}")
    print(f"results             {settings.results_home()}")
