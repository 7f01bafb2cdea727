"""Writes a plugin that works, for its author to change."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Literal

from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import atomic_folder
from brainbench_audio.provenance import DISTRIBUTION as CORE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Kind = Literal["model", "benchmark", "metric"]
CORE_RANGE = f"{CORE}>=0.1,<0.2"
_SUFFIX = ".tmpl"
_HOOKS = {
    "model": ("brainbench_models", "ModelCard"),
    "benchmark": ("brainbench_benchmarks", "DatasetCard"),
    "metric": ("brainbench_metrics", "MetricCard"),
}
_NEEDS = {
    "model": ("numpy", "torch"),
    "benchmark": ("numpy", "xarray"),
    "metric": ("numpy", "xarray"),
}
_STIMULI, _COMPONENTS, _RATE, _SECONDS = 30, 5, 16_000, 0.25
_PARAMETERS = 201 * 32 * 3 + 32 + 32 * 64 * 3 + 64


@dataclass(frozen=True)
class Names:
    """What a new plugin is called.

    Attributes
    ----------
    name : str
        As given.
    distribution, package : str
        For pip, and for Python.
    id : str
        The model, the data set or the metric.
    """

    name: str
    distribution: str
    package: str
    id: str


def names(kind: Kind, name: str) -> Names:
    """Return what a plugin of this name is called.

    Raises
    ------
    ContractError
        The name does not do for an id of this kind.

    Examples
    --------
    >>> names("model", "my-net").package
    'brainbench_my_net'
    """
    plain = name.removeprefix("brainbench-")
    allowed = {
        "model": (r"[a-z][a-z0-9-]*[a-z0-9]", "lower-case letters, digits and hyphens"),
        "benchmark": (r"[A-Za-z][A-Za-z0-9_]+", "letters, digits and underscores"),
        "metric": (r"[a-z][a-z0-9_]+", "lower-case letters, digits and underscores"),
    }
    pattern, words = allowed[kind]
    if not re.fullmatch(pattern, plain):
        raise ContractError(
            f"{name!r} does not do as the id of a {kind}: use {words}, a letter first."
        )
    lower = plain.lower()
    distribution = f"brainbench-{lower.replace('_', '-')}"
    return Names(plain, distribution, f"brainbench_{lower.replace('-', '_')}", plain)


def default_folder(kind: Kind, named: Names, here: Path) -> Path:
    """Return where a plugin goes: into the project's tree, or into a folder of its own."""
    if _is_project(here):
        return here / "plugins" / f"{kind}s" / named.package.removeprefix("brainbench_")
    return here / named.distribution


def write_distribution(
    kind: Kind, named: Names, folder: Path, own_data: Mapping[str, str] | None = None
) -> list[Path]:
    """Write a plugin that can be installed and passes `brainbench check`; return its files.

    A benchmark has made-up data in it, or is about ``own_data``, as `own_data.described` returns
    them, which stay where they are.

    Raises
    ------
    DataError
        The folder exists.
    CacheError
        It cannot be written.
    """
    if folder.exists():
        raise DataError(f"{folder} exists: choose another folder with --output, or remove it.")
    hook, card = _HOOKS[kind]
    values = {
        "name": named.name,
        "id": named.id,
        "distribution": named.distribution,
        "package": named.package,
        "kind": kind,
        "hook": hook,
        "card": card,
        "year": str(datetime.now(UTC).year),
        "dependencies": ", ".join(f'"{need}"' for need in (CORE_RANGE, *_NEEDS[kind])),
        "package_data": '"py.typed"',
        "parameters": str(_PARAMETERS),
        "stimuli": str(_STIMULI),
    }
    with atomic_folder(folder) as temporary:
        if own_data is not None:
            values |= own_data
        elif kind == "benchmark":
            values["checksum"] = _write_data(temporary / named.package / "data", named.id)
            values["package_data"] = '"py.typed", "data/*.csv", "data/sounds/*.wav"'
        part = kind if own_data is None else "own_data"
        for template, relative in (*template_files("common"), *template_files(part)):
            place = temporary / relative.replace("PACKAGE", named.package)
            place.parent.mkdir(parents=True, exist_ok=True)
            text = Template(template.read_text(encoding="utf-8")).substitute(values)
            place.write_text(text, encoding="utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def template_files(part: str) -> Iterator[tuple[Traversable, str]]:
    """Yield each template of a part and the path of the file that it makes."""
    yield from _below(files("brainbench_audio.templates") / part, "")


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[Traversable, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _below(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield entry, f"{prefix}{entry.name.removesuffix(_SUFFIX)}"


def _is_project(folder: Path) -> bool:
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        return False
    return bool(project.get("project", {}).get("name") == CORE)


def _write_data(folder: Path, name: str) -> str:
    """Write made-up sounds and responses to them; return the checksum for the card."""
    import numpy as np

    from brainbench_audio.assemblies.assembly import build, content_hash
    from brainbench_audio.files import hash_json
    from brainbench_audio.stimuli.audio import write_waveform
    from brainbench_audio.stimuli.stimulus_set import StimulusSet

    generator = np.random.default_rng(0)
    (folder / "sounds").mkdir(parents=True)
    stimuli = tuple(f"sound{index:02d}" for index in range(_STIMULI))
    categories = tuple(("tone", "noise", "clicks")[index % 3] for index in range(_STIMULI))
    paths = tuple(folder / "sounds" / f"{stimulus}.wav" for stimulus in stimuli)
    bands = []
    for path, category in zip(paths, categories, strict=True):
        sound = _sound(category, generator)
        write_waveform(path, sound, _RATE)
        power = np.abs(np.fft.rfft(sound)) ** 2
        bands.append([np.log(part.mean() + 1e-3) for part in np.array_split(power, 8)])
    mixed = np.asarray(bands) @ generator.standard_normal((8, _COMPONENTS))
    noisy = mixed + 0.3 * mixed.std(axis=0) * generator.standard_normal(mixed.shape)
    components = [f"component{index}" for index in range(_COMPONENTS)]
    rounded = [[round(float(value), 4) for value in row] for row in noisy]
    with (folder / "responses.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["stimulus", "category", *components])
        for stimulus, category, row in zip(stimuli, categories, rounded, strict=True):
            writer.writerow([stimulus, category, *row])
    assembly = build(rounded, stimuli, "component", {"component": components})
    fingerprint = StimulusSet(name, stimuli, paths, categories).fingerprint
    return hash_json([fingerprint, content_hash(assembly)])


def _sound(category: str, generator: np.random.Generator) -> npt.NDArray[Any]:
    import numpy as np

    samples = round(_SECONDS * _RATE)
    time = np.arange(samples) / _RATE
    noise = generator.standard_normal(samples)
    pitch = generator.uniform(100, 4000)
    if category == "tone":
        return 0.3 * np.sin(2 * np.pi * pitch * time) + 0.01 * noise
    if category == "noise":
        width = int(generator.integers(2, 20))
        return 0.1 * np.convolve(noise, np.ones(width) / np.sqrt(width), "same")
    clicks = np.zeros(samples)
    clicks[:: int(_RATE // (pitch / 20))] = 0.8
    return clicks + 0.005 * noise
