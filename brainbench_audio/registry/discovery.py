"""Finds plugins through their entry point and keeps what goes wrong with each.

Not pluggy's own loader: that one stops at the first plugin that cannot be imported and skips a
second one of the same name without a word.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any

import pluggy
from packaging.requirements import Requirement

from brainbench_audio import settings
from brainbench_audio.cards import DatasetCard, MetricCard, ModelCard
from brainbench_audio.errors import PluginLoadError
from brainbench_audio.provenance import DISTRIBUTION as CORE
from brainbench_audio.registry import hookspecs

GROUP = "brainbench_audio"
Card = ModelCard | DatasetCard | MetricCard
HOOKS: dict[str, type[Any]] = {
    "brainbench_models": ModelCard,
    "brainbench_benchmarks": DatasetCard,
    "brainbench_metrics": MetricCard,
}


@dataclass(frozen=True)
class Plugin:
    """One installed plugin and what it handed over.

    Attributes
    ----------
    distribution, version, module : str
        What pip installed, and what the entry point names.
    cards : tuple
        Its cards; empty if it is broken.
    failure : str or None
        The traceback of a broken plugin.
    """

    distribution: str
    version: str
    module: str
    cards: tuple[Card, ...] = ()
    failure: str | None = None


@cache
def plugins() -> tuple[Plugin, ...]:
    """Return all installed plugins, broken ones with their traceback, ordered by distribution.

    Found once a process; `plugins.cache_clear()` looks again.

    Raises
    ------
    PluginLoadError
        A plugin is broken and ``BRAINBENCH_STRICT`` is set.
    """
    found = sorted(entry_points(group=GROUP), key=lambda point: (_distribution(point), point.name))
    return tuple(_load(point) for point in found)


def _load(point: EntryPoint) -> Plugin:
    distribution = _distribution(point)
    version = point.dist.version if point.dist else "?"
    try:
        _check_api(point)
        cards = _cards(point.load(), point)
    except BaseException as error:  # a plugin may even call sys.exit() while it is imported
        if isinstance(error, KeyboardInterrupt):
            raise
        if settings.strict():
            raise PluginLoadError(
                f"Plugin {distribution} {version} ({point.value}) is broken: {error!r}. Repair or "
                f"uninstall it, or unset BRAINBENCH_STRICT to go on without it."
            ) from error
        return Plugin(distribution, version, point.value, failure=traceback.format_exc())
    return Plugin(distribution, version, point.value, cards)


def _check_api(point: EntryPoint) -> None:
    """Raise PluginLoadError if the plugin was made for another version of the core."""
    for line in (point.dist.requires if point.dist else None) or ():
        # parsing takes time, and most lines are about other distributions
        if not line.startswith(CORE):
            continue
        requirement, own = Requirement(line), version(CORE)
        if requirement.name == CORE and not requirement.specifier.contains(own, prereleases=True):
            raise PluginLoadError(
                f"{_distribution(point)} works with {line}, and {CORE} {own} is installed: upgrade "
                f"the one that is behind, e.g. pip install --upgrade {_distribution(point)}."
            )


def _cards(module: Any, point: EntryPoint) -> tuple[Card, ...]:
    """Ask one plugin for its cards, through hooks that pluggy has checked."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name=point.name)
    manager.check_pending()
    if not manager.get_hookcallers(module):
        raise PluginLoadError(
            f"{point.value} implements none of the hooks {', '.join(HOOKS)}: mark a function of "
            f"that name with brainbench_audio.registry.hookimpl."
        )
    cards: list[Card] = []
    for hook, kind in HOOKS.items():
        caller = getattr(manager.hook, hook)
        returned = caller()
        if len(returned) < len(caller.get_hookimpls()):  # pluggy leaves None out
            raise PluginLoadError(f"{hook} returned None, it returns a list of {kind.__name__}.")
        for handed in returned:
            cards += _checked(handed, hook, kind)
    return tuple(cards)


def _checked(handed: Sequence[Any], hook: str, kind: type[Any]) -> list[Card]:
    for card in handed:
        if not isinstance(card, kind):
            raise PluginLoadError(
                f"{hook} returned {card!r}, it returns a list of {kind.__name__}."
            )
    return list(handed)


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "?"
