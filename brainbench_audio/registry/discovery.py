"""Finds plugins through their entry point, registers them, and keeps what goes wrong with each.

All are registered in one `pluggy.PluginManager`. The loop over entry points is not pluggy's: that
one stops at the first plugin that cannot be imported and skips a second one of the same name
without a word.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, PackageMetadata, entry_points, version
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
    points = sorted(entry_points(group=GROUP), key=lambda point: (_distribution(point), point.name))
    manager = plugin_manager()
    return tuple(load_plugin(point, manager) for point in points)


def plugin_manager() -> pluggy.PluginManager:
    """Return a manager that knows the hooks, and no plugin yet."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def load_plugin(point: EntryPoint, manager: pluggy.PluginManager) -> Plugin:
    """Register the plugin of an entry point and return its cards, or why it is broken.

    Raises
    ------
    PluginLoadError
        The plugin is broken and ``BRAINBENCH_STRICT`` is set.
    """
    distribution = _distribution(point)
    version = _metadata(point.dist)["Version"] if point.dist else "?"
    try:
        cards = register(point, manager)
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


def register(point: EntryPoint, manager: pluggy.PluginManager) -> tuple[Card, ...]:
    """Register the plugin of an entry point and ask it for its cards.

    A plugin that raises is not left in the manager.
    """
    _check_api(point)
    module = point.load()
    if manager.is_registered(module):
        raise PluginLoadError(
            f"{point.value} is installed twice, also as {manager.get_name(module)}: uninstall one "
            f"of the two distributions."
        )
    # two distributions may choose the same name for their entry points
    name = f"{_distribution(point)}:{point.value}"
    try:
        manager.register(module, name)
        return _cards(module, point, manager)
    except BaseException:
        manager.unregister(name=name)
        raise


def _check_api(point: EntryPoint) -> None:
    """Raise PluginLoadError if the plugin was made for another version of the core."""
    for line in (point.dist.requires if point.dist else None) or ():
        # parsing takes time, and most lines are about other distributions
        if not line.startswith(CORE):
            continue
        requirement, own = Requirement(line), _core_version()
        if requirement.name == CORE and not requirement.specifier.contains(own, prereleases=True):
            raise PluginLoadError(
                f"{_distribution(point)} works with {line}, and {CORE} {own} is installed: upgrade "
                f"the one that is behind, e.g. pip install --upgrade {_distribution(point)}."
            )


def _cards(module: Any, point: EntryPoint, manager: pluggy.PluginManager) -> tuple[Card, ...]:
    """Call the hooks of one registered plugin, so that what it raises is known to be its own."""
    manager.check_pending()
    if not manager.get_hookcallers(module):
        raise PluginLoadError(
            f"{point.value} implements none of the hooks {', '.join(HOOKS)}: mark a function of "
            f"that name with brainbench_audio.registry.hookimpl."
        )
    others = manager.get_plugins() - {module}
    cards: list[Card] = []
    for hook, kind in HOOKS.items():
        caller = manager.subset_hook_caller(hook, others)
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
    return str(_metadata(point.dist)["Name"]) if point.dist else "?"


@cache
def _core_version() -> str:
    return version(CORE)


@cache
def _metadata(distribution: Distribution) -> PackageMetadata:
    """Return a distribution's metadata, which Python would parse again each time it is asked."""
    return distribution.metadata
