"""What has to be known of a benchmark before a model hears it; remembered while its data stay.

    $BRAINBENCH_HOME/cache/benchmarks/<key>.json

The key covers the benchmark, its options and all code that reads data or decides a score. What is
remembered holds as long as no data file has another size, time or inode.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainbench_audio import revisions, settings
from brainbench_audio.activations.identity import Identity
from brainbench_audio.assemblies.continuous import repetition_time
from brainbench_audio.errors import BrainbenchError, CacheError, DataError
from brainbench_audio.files import atomic_file, explained, hash_json
from brainbench_audio.hashing.sources import package_hash
from brainbench_audio.names import from_home
from brainbench_audio.pipeline.identifying import given_model
from brainbench_audio.pipeline.keys import PairKeys
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.registry.lookup import data_source, find_benchmark, second_of
from brainbench_audio.stimuli.audio import told_length
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.stimuli.stimulus_set import StimulusSet

if TYPE_CHECKING:
    from brainbench_audio.cards import BenchmarkCard
    from brainbench_audio.pipeline.benchmark import ComposedBenchmark

_MEASURED_SOUNDS = 16
# of the core, what reads data and what makes fingerprints of benchmarks; no revision stands for it
SOURCES = (
    "brainbench_audio.archives",
    "brainbench_audio.data_source",
    "brainbench_audio.hdf5_rows",
    "brainbench_audio.matlab",
    "brainbench_audio.names",
    "brainbench_audio.nesting",
    "brainbench_audio.netcdf",
    "brainbench_audio.netcdf_child",
    "brainbench_audio.own_data",
    "brainbench_audio.pipeline.benchmark",
    "brainbench_audio.pipeline.by_name",
    "brainbench_audio.pipeline.categories",
    "brainbench_audio.pipeline.resampling",
    "brainbench_audio.pipeline.second",
    "brainbench_audio.published_folder",
    "brainbench_audio.tables",
)
_SETTLED = 2_000_000_000  # nanoseconds; a later change may fall on the same tick of the clock


@dataclass(frozen=True)
class Target:
    """A benchmark as the plan knows it, once its data have been looked at.

    Attributes
    ----------
    benchmark : Loadable
    id : str
        As on its card.
    fingerprint : mapping or None
        See `ComposedBenchmark.fingerprint`.
    stimuli : str
        Fingerprint of the sounds; benchmarks with the same share activations.
    heard : mapping of str to str
        The same of what models hear: at each sample rate (Hz) that there are recordings of, and
        under an empty name at all others.
    sounds : int
        Number of stimuli.
    duration : float
        Seconds of sound in all, from the length of some.
    rows, columns, bytes : int
        Of the responses or labels: rows, numbers a row, and memory. With a second data set the
        larger number of rows, and numbers and memory of both.
    step : float or None
        Seconds from one row to the next, while continuous sound was heard; None: rows are sounds.
    """

    benchmark: Loadable
    id: str
    fingerprint: Mapping[str, Any] | None
    stimuli: str
    heard: Mapping[str, str]
    sounds: int
    duration: float
    rows: int
    columns: int
    bytes: int
    step: float | None

    def keys(self, identity: Identity) -> PairKeys:
        """Return the keys of a model on the benchmark."""
        return PairKeys(
            identity=identity,
            heard=self.heard.get(str(identity.sample_rate), self.heard[""]),
            benchmark=self.id,
            inputs=self.fingerprint,
        )


def look_at(wanted: Loadable, load: Callable[[], ComposedBenchmark]) -> Target:
    """Return what has to be known of a benchmark; its data are read only if they are new.

    Raises
    ------
    BrainbenchError
        See `load_benchmark`.
    """
    card = find_benchmark(wanted.id, folder="folder" in wanted.options)
    given = given_model(wanted.id)
    file = _file_of(card, wanted, given.identity if given else None)
    if target := _remembered(file, wanted, card):
        return target
    benchmark = load()
    stimuli = benchmark.stimuli
    continuous = isinstance(stimuli, ContinuousStimuli)
    responses = [data.assembly for data in benchmark.data]
    target = Target(
        benchmark=wanted,
        id=benchmark.card.id,
        fingerprint=benchmark.fingerprint,
        stimuli=stimuli.fingerprint,
        heard=heard_at_rates(stimuli),
        sounds=len(stimuli),
        duration=_duration(stimuli),
        rows=max(map(len, responses)),
        columns=sum(int(np.prod(each.shape[1:])) for each in responses),
        bytes=sum(int(each.nbytes) for each in responses),
        step=repetition_time(benchmark.assembly) if continuous else None,
    )
    _remember(file, target, card, [data.stimuli for data in benchmark.data])
    return target


def forget_targets() -> int:
    """Forget what was found, so that all data are looked at again; return how many bytes went.

    Raises
    ------
    CacheError
        They cannot be removed.
    """
    freed = 0
    for file in _folder_of_targets().glob("*.json"):
        with explained(file):
            freed += file.stat().st_size
            file.unlink(missing_ok=True)
    return freed


def _folder_of_targets() -> Path:
    return settings.cache_home() / "benchmarks"


def heard_at_rates(stimuli: StimulusSet) -> dict[str, str]:
    """Return fingerprints of the sounds that models hear, see `Target.heard`."""
    rates = {str(rate): stimuli.at_rate(rate).fingerprint for rate in stimuli.recordings}
    return {**rates, "": stimuli.at_rate(stimuli.sample_rate or 0).fingerprint}


def _duration(stimuli: StimulusSet) -> float:
    """Return the seconds of sound of a set, from the headers of some of its files."""
    if isinstance(stimuli, ContinuousStimuli):
        return stimuli.seconds
    step = max(1, len(stimuli) // _MEASURED_SOUNDS)
    lengths = []
    for file in stimuli.files[::step]:
        with suppress(DataError):  # whoever reads the sound says what is wrong with it
            samples, rate = told_length(file)
            lengths.append(samples / rate)
    return len(stimuli) * float(np.mean(lengths)) if lengths else 0.0


def _file_of(card: BenchmarkCard, wanted: Loadable, given: Identity | None) -> Path | None:
    """Return where a benchmark is remembered; None if its options are no plain data."""
    metric = card.metric
    packages = [package for data in _datasets(card) for package in data.dataset.packages]
    other = [given.record, revisions.ACTIVATIONS] if given else []
    try:
        key = hash_json(
            [
                wanted.key,
                metric.revision or package_hash(metric.packages),
                package_hash([*packages, *SOURCES]),
                [revisions.SCORES, revisions.STIMULI],
                other,
            ]
        )
    except (TypeError, ValueError):
        return None
    return _folder_of_targets() / f"{key}.json"


def _remembered(file: Path | None, wanted: Loadable, card: BenchmarkCard) -> Target | None:
    try:
        content = json.loads(file.read_text(encoding="utf-8")) if file else {}
        # another folder may hold the data by now
        if [str(folder) for folder in _folders(card, wanted)] != content["folders"]:
            return None
        if _marks(content["paths"])[0] != content["marks"]:
            return None
        return Target(**{**content["target"], "benchmark": wanted})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(
    file: Path | None, target: Target, card: BenchmarkCard, heard: Sequence[StimulusSet]
) -> None:
    """Keep what was found out, if it is known which files it was found in."""
    folders = _folders(card, target.benchmark)
    if file is None or None in folders or target.fingerprint is None:
        return
    data = [path for folder in folders if folder for path in _below(folder)]
    # they may lie elsewhere
    sounds = [
        path
        for stimuli in heard
        for files in (stimuli.files, *stimuli.recordings.values())
        for path in files
    ]
    paths = sorted({os.fspath(path) for path in (*data, *sounds)})
    try:
        marks, newest = _marks(paths)
        if time.time_ns() - newest < _SETTLED:
            return
        content = {
            "target": {**asdict(target), "benchmark": None},
            "folders": [str(folder) for folder in folders],
            "paths": paths,
            "marks": marks,
        }
        with atomic_file(file) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")
    except (OSError, CacheError, TypeError, ValueError):  # it only saves time
        return


def _datasets(card: BenchmarkCard) -> list[BenchmarkCard]:
    """Return the benchmark and, where it names a second data set, the same of that one."""
    second = second_of(card)
    return [card] if second is None else [card, second]


def _folders(card: BenchmarkCard, wanted: Loadable) -> list[Path | None]:
    """Return the folders that a benchmark's data are read from; None for one that is not there."""
    own = wanted.options.get("folder")
    found = [_folder(data) for data in _datasets(card)]
    return [from_home(own), *found[1:]] if own else found


def _folder(card: BenchmarkCard) -> Path | None:
    try:
        return data_source(card.dataset).locate(card.dataset, card.subset)
    except (BrainbenchError, OSError):  # whoever loads the data says what is wrong
        return None


def _below(folder: Path) -> Iterable[Path]:
    """Yield a folder with its subfolders, whose times tell of new files, and all files."""
    for parent, _, names in os.walk(folder):
        yield Path(parent)
        yield from (Path(parent, name) for name in names if not name.endswith(".lock"))


def _marks(paths: Iterable[str]) -> tuple[str, int]:
    """Return one hash over size, times and inode of each file, and the latest time.

    Raises
    ------
    OSError
        One is gone.
    """
    rows = []
    newest = 0
    for path in paths:
        status = Path(path).stat()
        newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
        times = status.st_mtime_ns, status.st_ctime_ns
        rows.append([path, status.st_size, *times, status.st_ino, status.st_dev])
    return hash_json(rows), newest
