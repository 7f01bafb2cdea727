"""Calls what makes the models and metrics of plugins and files."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from brainbench_audio.errors import ContractError, PluginLoadError
from brainbench_audio.registry.lookup import load_attribute


def call_loader(path: str, word: str, *arguments: Any, **options: Any) -> Any:
    """Call the loader that a card names, see `invoke`."""
    return invoke(load_attribute(path), word, arguments, options)


def invoke(function: Any, word: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call what makes a model or a metric, such as a class.

    Parameters
    ----------
    function : callable
    word : str
        What it makes, for messages, as ``model ast``.
    arguments, options
        That it is called with.

    Raises
    ------
    ContractError
        An option that it does not take: the user's mistake, not a crash.
    PluginLoadError
        It is no function, or called ``sys.exit()``.
    """
    if not callable(function):
        raise PluginLoadError(
            f"The {word} has {function!r} for its loader, which is no function: correct its card."
        )
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        free = [*signature.parameters.values()][len(arguments) :]
        named = [
            one.name for one in free if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
        ]
        raise ContractError(
            f"The {word} does not take these options: {error}. It takes "
            f"{', '.join(named) or 'none'}; leave the others out."
        ) from error
    try:
        return function(*arguments, **options)
    except SystemExit as error:  # one model must not end the run of all
        raise PluginLoadError(f"The {word} called sys.exit() while it was loaded.") from error
