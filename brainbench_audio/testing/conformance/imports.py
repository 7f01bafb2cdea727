"""Importing a plugin is quick, and neither that nor loading leaves a trace in the process."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from brainbench_audio.cards import DatasetCard
from brainbench_audio.children import last_lines, run_python
from brainbench_audio.provenance import source_folder
from brainbench_audio.registry.discovery import Card
from brainbench_audio.testing.conformance.check import Failed, require

HEAVY = (
    "torch",
    "transformers",
    "scipy",
    "sklearn",
    "xarray",
    "pandas",
    "matplotlib",
    "tensorflow",
    "jax",
    "dask",
)
# threadpoolctl sets it when scipy.io or scikit-learn first imports it
_OF_LIBRARIES = ("KMP_DUPLICATE_LIB_OK",)
_FILTERS = "warning filters"
# What is compared before and after; runs in a process of its own.
_PROBE = """
import json, logging, os, random, signal, sys, threading, warnings
from importlib.metadata import distribution
import brainbench_audio.registry.discovery as discovery
written, EVENTS = [], ("os.putenv", "os.unsetenv")
# not what os.environ holds: whoever started this process may have imported the plugin already
sys.addaudithook(lambda event, _: written.append(event) if event in EVENTS else None)

def state():
    return {
        "environment variables": len(written),
        "warning filters": len(warnings.filters),
        "threads": threading.active_count(),
        "random state": hash(random.getstate()),
        "working directory": os.getcwd(),
        "log handlers": len(logging.getLogger().handlers),
        "signal handlers": str(signal.getsignal(signal.SIGINT)),
        "recursion limit": sys.getrecursionlimit(),
    }
name, heavy = sys.argv[1], sys.argv[2].split(",")
before = state()
for point in distribution(name).entry_points:
    if point.group == discovery.GROUP:
        discovery.register(point, discovery.plugin_manager())
after = state()
print(json.dumps({
    "changed": [key for key in before if before[key] != after[key]],
    "heavy": [module for module in heavy if module in sys.modules],
}))
"""

# Forks a process that has what most modules import, so that it is imported once for all of them.
_FORKS = """
import json, os, sys
import torch, xarray
import brainbench_audio.activations.torch_model
for name in sys.argv[1:]:
    if os.fork():
        os.wait()
        continue
    __import__(name)
    print(json.dumps([name, sorted(sys.modules)]), flush=True)
    os._exit(0)
"""


class Imports:
    """What importing modules imports.

    Parameters
    ----------
    modules : collection of str
        Those that will be asked about, if there are many: one process then imports for all what
        they have in common, which takes most of the time. Others take a process each.
    """

    def __init__(self, modules: Collection[str] = ()) -> None:
        self._modules = modules

    def of(self, module: str, own: str) -> set[str]:
        """Return the plugin packages that importing a module imports, and ``own`` if it does."""
        loaded = self._together.get(module) or _alone(module)
        roots = {name.partition(".")[0] for name in loaded}
        return {name for name in roots if name.startswith("brainbench_") or name == own}

    @cached_property
    def _together(self) -> dict[str, list[str]]:
        if len(self._modules) < 2 or not hasattr(os, "fork"):
            return {}
        done = run_python(["-c", _FORKS, *self._modules], timeout=30 * len(self._modules))
        found = {}
        for line in done.stdout.splitlines():
            # what a module prints; one that fails is asked about again, alone, and says why
            with suppress(ValueError, TypeError):
                module, loaded = json.loads(line)
                found[module] = loaded
        return found


def import_is_light(name: str) -> None:
    """Fail if handing over the cards imports something heavy or changes the process."""
    done = run_python(["-c", _PROBE, name, ",".join(HEAVY)], timeout=120)
    require(done.returncode == 0, f"Importing it fails: {last_lines(done.stderr)}.")
    told = json.loads(done.stdout.splitlines()[-1])
    require(
        not told["heavy"],
        f"Importing it imports {', '.join(told['heavy'])}: hand over cards only, and import the "
        f"rest in the module that the card's `loader` or `data` names.",
    )
    require(
        not told["changed"],
        f"Importing it changes {', '.join(told['changed'])}: do that where it is used, and undo "
        f"it.",
    )


def key_covers_sources(cards: tuple[Card, ...], package: str, imports: Imports) -> None:
    """Fail if what a loader imports could change without changing the cache key."""
    own = package.partition(".")[0]
    for module in sorted(set(map(module_of, cards))):
        sharing = [card for card in cards if module_of(card) == module]
        used = imports.of(module, own)
        for card in sharing:
            missing = sorted(used - {"brainbench_audio"} - _roots(card))
            require(
                not missing,
                f"{card.id}: its loader imports {', '.join(missing)}, which `packages` does not "
                f"name: add it, so that a change of its source makes scores anew.",
            )
    for name in {name for card in cards for name in card.packages}:
        _has_sources(name)


def unchanged(function: Callable[[], Any]) -> Any:
    """Return what the function returns; `Failed` if it changes the state of the process."""
    with _shaken():
        before = _state()
        result = function()
        after = _state()
    changed = {name for name in before if before[name] != after[name]}
    if _FILTERS in changed and not _filters(function):
        changed.remove(_FILTERS)
    if changed:
        raise Failed(
            f"It changes {', '.join(sorted(changed))} of the process: use a generator, a context "
            f"manager or an argument instead."
        )
    return result


def _filters(function: Callable[[], Any]) -> bool:
    """Return whether warning filters remain that a second call set, other than a library's own.

    scipy and requests set theirs when first imported, xarray each time it opens a file.
    """
    own: list[Any] = []

    def watched(change: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **options: Any) -> None:
            known = list(warnings.filters)
            change(*args, **options)
            caller = str(sys._getframe(1).f_globals.get("__name__"))
            if caller.partition(".")[0] not in HEAVY:
                own.extend(entry for entry in warnings.filters if entry not in known)

        return call

    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("ignore", lineno=1)  # unlike any that the function may set
        with (
            patch.object(warnings, "filterwarnings", watched(warnings.filterwarnings)),
            patch.object(warnings, "simplefilter", watched(warnings.simplefilter)),
        ):
            function()
        return any(entry in warnings.filters for entry in own)


@contextmanager
def offline() -> Iterator[None]:
    """Keep the network closed: a check never downloads gigabytes."""
    before = os.environ.get("BRAINBENCH_OFFLINE")
    os.environ["BRAINBENCH_OFFLINE"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["BRAINBENCH_OFFLINE"]
        else:
            os.environ["BRAINBENCH_OFFLINE"] = before


@contextmanager
def _shaken() -> Iterator[None]:
    """Put random states where no seed brings them, and back: seeding twice is seen only so."""
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    random.seed()
    np.random.seed()  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about seeds that are too alike
        torch.default_generator.seed()
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
        torch.set_rng_state(kept[2])


def _state() -> dict[str, Any]:
    legacy = np.random.get_state(legacy=False)  # noqa: NPY002  # the global one is what is watched
    return {
        "environment variables": {
            name: value for name, value in os.environ.items() if name not in _OF_LIBRARIES
        },
        _FILTERS: list(warnings.filters),
        "Python's random state": random.getstate(),
        "numpy's random state": repr(legacy),
        "torch's random state": torch.get_rng_state().numpy().tobytes(),
        "torch's thread count": torch.get_num_threads(),
        "torch's default type": torch.get_default_dtype(),
        "torch's gradient mode": torch.is_grad_enabled(),
        "numpy's error handling": np.geterr(),
        "the working directory": str(Path.cwd()),
        "the module search path": list(sys.path),
        "threads that are not daemons": sum(not thread.daemon for thread in threading.enumerate()),
    }


def _alone(module: str) -> list[str]:
    code = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    done = run_python(["-c", code], timeout=300)
    require(done.returncode == 0, f"{module} cannot be imported: {last_lines(done.stderr, 3)}")
    return list(json.loads(done.stdout.splitlines()[-1]))


def module_of(card: Card) -> str:
    """Return the module that is imported when the card's thing is loaded."""
    path = card.data if isinstance(card, DatasetCard) else card.loader
    return path.partition(":")[0]


def _roots(card: Card) -> set[str]:
    return {name.partition(".")[0] for name in card.packages}


def _has_sources(package: str) -> None:
    folder = source_folder(package)
    found = [folder] if folder.suffix == ".py" else list(folder.rglob("*.py"))
    compiled = [] if folder.is_file() else [*folder.rglob("*.so"), *folder.rglob("*.pyd")]
    require(found, f"Package {package} has no Python source, so a change of it is not seen.")
    require(
        not compiled,
        f"Package {package} holds {', '.join(file.name for file in compiled[:3])}: only Python "
        f"sources are hashed, so a change there is not seen. Put it into a distribution of its "
        f"own, with a version.",
    )
