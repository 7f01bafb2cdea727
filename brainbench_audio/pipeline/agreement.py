"""What the workers of a cluster have to agree on with the process that hands out the work.

Another version of a plugin would make another score under the key of ours, so versions and source
are compared with every worker before it gets work, and again by each worker that comes later.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from brainbench_audio.errors import BrainbenchError, PluginLoadError, UnknownId
from brainbench_audio.hashing.sources import check_imported, package_hash
from brainbench_audio.names import from_home
from brainbench_audio.pipeline.hearing import Workbench
from brainbench_audio.pipeline.plan import Workload
from brainbench_audio.provenance import DISTRIBUTION
from brainbench_audio.registry.ids import BenchmarkId, ModelId, split_data
from brainbench_audio.registry.lookup import Registered, find_dataset, find_metric, find_model

if TYPE_CHECKING:
    from distributed import Client

_PREFIX = "BRAINBENCH_"
_PATHS = ("BRAINBENCH_HOME", "BRAINBENCH_DATA")
# netCDF4 is not safe in threads, and settings are those of a process: one task at a time in each
_one_task = threading.Lock()
# what a worker keeps loaded, for one run
_benches: dict[str, Workbench] = {}


class Source(NamedTuple):
    """Which distribution a package came with, and what it holds.

    Attributes
    ----------
    distribution, version : str
        The version is empty where it is not installed.
    hash : str
        Of the package's files; empty where it is not there, or this process imported other files.
    """

    distribution: str
    version: str
    hash: str

    def __str__(self) -> str:
        if not self.version and not self.hash:
            return f"no {self.distribution}"
        return f"{self.distribution} {self.version} (source {self.hash[:8] or 'changed meanwhile'})"


@dataclass(frozen=True)
class Context:
    """What a worker has to agree on with the process that hands out the work.

    Attributes
    ----------
    run : str
        A name for this run; what a worker keeps loaded is for one run.
    settings : mapping of str to str
        All environment variables ``BRAINBENCH_…``.
    sources : mapping of str to Source
        Of the core's package and those of every plugin that has a part in the work.
    """

    run: str
    settings: Mapping[str, str]
    sources: Mapping[str, Source]


def agreed(client: Client, work: Workload) -> Context:
    """Return what to send along with a workload, once all workers have the source that we have.

    Raises
    ------
    BrainbenchError
        Naming the worker and the distribution that differs.
    """
    places = {"brainbench_audio": DISTRIBUTION}
    for part in parts_of(work):
        for package in part.card.packages:
            places.setdefault(package, _distribution(package, part.distribution))
    context = Context(uuid4().hex, settings(), sources(places))
    for worker, there in client.run(sources, places, on_error="return").items():
        if isinstance(there, BaseException):
            raise BrainbenchError(
                f"Worker {worker} cannot say which versions it has ({there!r}): install "
                f"{DISTRIBUTION} {context.sources['brainbench_audio'].version} there, as here."
            )
        _check(context.sources, there, f"Worker {worker}")
    return context


def parts_of(work: Workload) -> Iterator[Registered[Any]]:
    """Yield the models, data sets and metrics of plugins that have a part in a workload."""
    names = dict.fromkeys(model.id for model, _ in work.pairs)
    names |= dict.fromkeys(
        given for _, target in work.pairs if (given := BenchmarkId.parse(target.benchmark.id).given)
    )
    for model in map(ModelId.parse, names):
        if model.file is None:
            with suppress(UnknownId):  # its pairs will say so
                yield find_model(model)
    for identifier in {target.benchmark.id: None for _, target in work.pairs}:
        wanted = BenchmarkId.parse(identifier)
        place = f"{wanted.distribution}:" if wanted.distribution else ""
        yield find_dataset(f"{place}{wanted.dataset}")
        if wanted.second:
            yield find_dataset(split_data(wanted.second)[0])
        yield find_metric(wanted.measure)[0]


def sources(places: Mapping[str, str]) -> dict[str, Source]:
    """Return what this process has of some packages, given the distributions they come with."""
    return {package: _source(package, name) for package, name in places.items()}


def settings() -> dict[str, str]:
    """Return our environment variables, folders made absolute."""
    found = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    for name in _PATHS:
        if found.get(name):
            found[name] = str(from_home(found[name]).absolute())
    return found


@contextmanager
def applied(context: Context) -> Iterator[Workbench]:
    """Work under somebody's settings, one task at a time in a process.

    Raises
    ------
    BrainbenchError
        This process has another version of the core or of a plugin.
    """
    with _one_task:
        before = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
        _replace_settings(context.settings)
        try:
            yield _bench(context)
        finally:
            _replace_settings(before)


def _replace_settings(wanted: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith(_PREFIX)]:
        if name not in wanted:
            del os.environ[name]
    os.environ.update(wanted)


def _bench(context: Context) -> Workbench:
    if context.run not in _benches:
        places = {package: source.distribution for package, source in context.sources.items()}
        _check(context.sources, sources(places), "A worker that came later")
        _benches.clear()
        _benches[context.run] = Workbench()
    return _benches[context.run]


def _check(here: Mapping[str, Source], there: Mapping[str, Source], worker: str) -> None:
    for package, source in here.items():
        if there.get(package) != source:
            raise BrainbenchError(
                f"{worker} has {there.get(package)}, this machine {source}: install the same "
                f"everywhere and start the workers again."
            )


def _source(package: str, distribution: str) -> Source:
    try:
        installed = version(distribution)
    except PackageNotFoundError:
        installed = ""
    try:
        check_imported([package])
        return Source(distribution, installed, package_hash([package]))
    except PluginLoadError:
        return Source(distribution, installed, "")


def _distribution(package: str, named_by: str) -> str:
    """Return where a package comes from; a card may name one that its plugin is built upon."""
    own = package.partition(".")[0].replace("_", "-")
    try:
        version(own)
    except PackageNotFoundError:
        return named_by
    return own
