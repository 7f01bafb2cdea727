"""All checks of one distribution."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from brainbench_audio.cards import DatasetCard, MetricCard, ModelCard
from brainbench_audio.errors import DataError, PluginLoadError
from brainbench_audio.provenance import DISTRIBUTION as CORE
from brainbench_audio.registry.discovery import Plugin, plugins
from brainbench_audio.testing.conformance.built import built_is_whole
from brainbench_audio.testing.conformance.cards import card_checks
from brainbench_audio.testing.conformance.check import Check, Doubtful, Failed
from brainbench_audio.testing.conformance.datasets import dataset_checks
from brainbench_audio.testing.conformance.imports import (
    Imports,
    import_is_light,
    key_covers_sources,
    module_of,
)
from brainbench_audio.testing.conformance.metrics import metric_checks
from brainbench_audio.testing.conformance.models import model_checks


def checks(
    *names: str,
    every_model: bool = False,
    weights: str | Path | None = None,
    build: bool = False,
) -> list[Check]:
    """Return the checks of installed distributions, none of them run yet.

    Parameters
    ----------
    *names : str
        Of distributions, as pip has them, or the paths of their folders, see `distribution_of`.
        Several at once share what is slow to import.
    every_model : bool
        The behaviour of all their models; by default of the smallest. Cards are all checked anyway.
    weights : path, optional
        A local checkpoint for their models. By default they have untrained weights, so that nothing
        is downloaded.
    build : bool
        Also what is built from their folders, which takes some seconds.

    Raises
    ------
    DataError
        One is not installed, or no plugin.

    Examples
    --------
    In a plugin's own tests::

        @pytest.mark.parametrize("check", checks("brainbench-mymodel"), ids=str)
        def test_conformance(check):
            outcome = check.outcome()
            assert outcome.state != "failed", outcome.message
    """
    found = {name: _plugins_of(name) for name in map(distribution_of, names)}
    cards = [card for each in found.values() for plugin in each for card in plugin.cards]
    imports = Imports(sorted(set(map(module_of, cards))))
    return [
        check
        for name, each in found.items()
        for check in _checks(
            name, each, imports, every_model=every_model, weights=weights, build=build
        )
    ]


def _plugins_of(name: str) -> list[Plugin]:
    found = [plugin for plugin in plugins() if canonicalize_name(plugin.distribution) == name]
    if not found:
        raise DataError(
            f"{name} is installed, but is no plugin: its pyproject.toml has no "
            f"[project.entry-points.brainbench_audio]."
        )
    return found


def _checks(
    name: str,
    found: list[Plugin],
    imports: Imports,
    *,
    every_model: bool,
    weights: str | Path | None,
    build: bool,
) -> list[Check]:
    listed: list[Check] = []
    for plugin in found:
        listed.append(Check(f"plugin {name}", "can be imported", lambda p=plugin: _imports(p)))  # type: ignore[misc]
        if plugin.failure:
            continue
        listed.append(Check(f"plugin {name}", "import is light", lambda: import_is_light(name)))
        listed.append(
            Check(
                f"plugin {name}",
                "caches see its sources",
                lambda p=plugin: key_covers_sources(p.cards, p.module, imports),  # type: ignore[misc]
            )
        )
        listed.append(Check(f"plugin {name}", "says what it works with", lambda: _range(name)))
        if build:
            package = plugin.module.partition(":")[0].partition(".")[0]
            listed.append(
                Check(
                    f"plugin {name}",
                    "its wheel is whole",
                    lambda package=package: built_is_whole(name, package),  # type: ignore[misc]
                )
            )
        listed += _of_cards(plugin, every_model, Path(weights) if weights else None)
    return listed


def distribution_of(name: str) -> str:
    """Return the normalised name of an installed distribution, given its name or its folder.

    Raises
    ------
    DataError
        It is not installed, or the folder has no ``pyproject.toml``.
    """
    folder = Path(name)
    if folder.is_dir():
        project = folder / "pyproject.toml"
        if not project.is_file():
            raise DataError(f"{folder} has no pyproject.toml: give the folder of a plugin.")
        try:
            wanted = str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["name"])
        except (tomllib.TOMLDecodeError, KeyError) as error:
            raise DataError(f"{project} names no project: {error!r}.") from error
        hint = f"pip install -e {folder}"
    elif folder.suffix.partition(":")[0] == ".py":
        raise DataError(
            f"{name} is no plugin. A model of a file is held to the contract when it is scored; "
            f"`brainbench new model` makes a plugin of it."
        )
    else:
        wanted, hint = name, f"pip install {name}"
    try:
        return canonicalize_name(distribution(wanted).metadata["Name"])
    except (PackageNotFoundError, ValueError) as error:
        raise DataError(f"{wanted} is not installed here: {hint}") from error


def _of_cards(plugin: Plugin, every_model: bool, weights: Path | None) -> list[Check]:
    listed: list[Check] = []
    package = plugin.module.partition(":")[0].partition(".")[0]
    for card in plugin.cards:
        listed += card_checks(card, package)
    models = [card for card in plugin.cards if isinstance(card, ModelCard) and not card.scheme]
    if models and not every_model:
        models = [min(models, key=lambda card: card.parameters)]
    for card in models:
        listed += model_checks(card, weights)
    for card in plugin.cards:
        if isinstance(card, DatasetCard):
            listed += dataset_checks(card)
        elif isinstance(card, MetricCard):
            listed += metric_checks(card)
    return listed


def _imports(plugin: Plugin) -> None:
    if plugin.failure:
        raise Failed(plugin.failure.strip().splitlines()[-1])
    if not plugin.cards:
        raise PluginLoadError("It hands over no card.")


def _range(name: str) -> None:
    requirements = [Requirement(line) for line in distribution(name).requires or ()]
    own = [one for one in requirements if canonicalize_name(one.name) == CORE]
    if not own:
        raise Failed(f'It does not depend on {CORE}: add "{CORE}>=0.1,<0.2" to `dependencies`.')
    if not any(clause.operator in ("<", "<=", "~=", "==") for clause in own[0].specifier):
        raise Doubtful(
            f'It takes any {CORE}: write "{CORE}>=0.1,<0.2", so that a later version that changed '
            f"says so instead of failing; then install it again."
        )
