"""What a plugin brings: a `Model`, a `DataSource` or a `Metric`. The page to read first.

    stimuli -> model -> activations (on disk) -> metric -> score -> result store -> report
                            benchmark = data set (stimuli, responses, folds) + metric

A model sees waveforms and a sample rate, never a brain. A metric sees labelled arrays and folds,
never a model. A `DataSource` loads a `Dataset`; the core makes a `Benchmark` of it and a metric.
These are protocols: any object with these attributes will do, no base class is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import xarray as xr

    from brainbench_audio.assemblies.folds import Folds
    from brainbench_audio.cards import BenchmarkCard, DatasetCard, ModelCard
    from brainbench_audio.scores.score import Score
    from brainbench_audio.stimuli.stimulus_set import StimulusSet


@runtime_checkable
class Model(Protocol):
    """Turns waveforms into the activations of its layers.

    A model may also have

    - ``card``, a `ModelCard`; without one, its ``name`` is its id, else the name of its class;
    - ``fingerprint``, a JSON-able value that changes whenever its activations could. Without
      one, activations are computed again each time. Its class and its attributes count, too;
    - ``transient``, on its class: names of attributes that do not decide the activations, such as
      a cache or a device;
    - ``activations_over_time(waveforms, moment, layers=None)``, which returns the same as
      `activations` for windows of continuous sound: each row is about the part of its window that
      `stimuli.stimulus_set.Moment` names, and depends on that window alone. Of a model without it,
      the clip of each window is heard by itself;
    - ``files``, paths of all files that it was made from, weights above all: their content counts.
      Then its identity is known next time without loading it.
    """

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers, no two alike, in the order in which sound passes through them."""

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms that `activations` takes, a whole number of 1,000 to 1,000,000."""

    def activations(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return the activations of some sounds.

        Parameters
        ----------
        waveforms : sequence of float32 arrays
            Mono, each (sample,), at `sample_rate`, in [-1, 1]; lengths may differ.
        layers : sequence of str, optional
            Only these; all by default.

        Returns
        -------
        mapping of str to float32 array
            Layer to (stimulus, feature), time already averaged out. A sound's row depends on
            nothing else: not on the other sounds, on those before them, or on chance.
        """


@runtime_checkable
class ModelWithCard(Model, Protocol):
    """A model as plugins hand it over."""

    @property
    def card(self) -> ModelCard:
        """What is known about the model."""

    @property
    def fingerprint(self) -> Any:
        """Everything besides the plugin's source that decides the activations."""


class Dataset(Protocol):
    """Stimuli with what was measured while people heard them, or with their labels."""

    @property
    def card(self) -> DatasetCard:
        """What is known about the data."""

    @property
    def stimuli(self) -> StimulusSet:
        """The sounds; a `ContinuousStimuli` where people heard runs of minutes."""

    @property
    def assembly(self) -> xr.DataArray:
        """Targets: ``stimulus`` x (``voxel`` | ``component`` | ``label``) [x ``session``].

        Of continuous sound, each row is a volume, named ``run@seconds``, with coordinates ``run``,
        ``time`` and ``repeat``: see `assemblies.continuous.build_in_time`. Layers are resampled to
        these times before a metric sees them.
        """

    @property
    def folds(self) -> Folds:
        """Which stimuli, or volumes, are held out together: all of a run, where there are runs."""


class DataSource(Protocol):
    """Gets and loads the data of one card, or of several; `data_source.BaseSource` has defaults.

    A card's ``data`` names the class, which is made without arguments. ``subset`` is one of the
    card's, or None for the whole.
    """

    def load(self, card: DatasetCard, subset: str | None = None) -> Dataset:
        """Return the data set, or raise DataError where its files are missing or damaged."""

    def fetch(
        self,
        card: DatasetCard,
        subset: str | None = None,
        source: Path | None = None,
        sha256: str | None = None,
    ) -> Path:
        """Install the data and return the folder that then holds them.

        Parameters
        ----------
        source : Path, optional
            A folder or archive that the user has already; by default the published place.
        sha256 : str, optional
            What the archive must have; DataError where it has another, or the data have no archive.
        """

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return the folder that holds the data now, the user's own first; None if none does."""

    def sizes(self, card: DatasetCard, subset: str | None = None) -> dict[str, int | None]:
        """Return the bytes of each file that `fetch` would still download, None where unknown.

        The user is asked before much is downloaded; leave out what is small.
        """

    def read_folder(self, card: DatasetCard, folder: Path) -> tuple[str, Dataset]:
        """Load a folder of the user's own, in the data's format, as one more subset.

        Returns
        -------
        tuple of str and Dataset
            Its name as a subset (letters, digits and ``_``), and the data.
        """


@dataclass(frozen=True)
class SecondData:
    """What a metric sees of a second data set, see `Metric`.

    Attributes
    ----------
    layers : mapping of str to array
        Of the same model, layer to (stimulus, feature), for the sounds of this data set.
    target : xr.DataArray
        Responses, as a metric's ``target``, rows in the same order.
    folds : Folds or int array (stimulus,)
    same : bool array (stimulus, scored stimulus)
        Where it is the same sound as one of the data that are to be scored.
    """

    layers: Mapping[str, npt.NDArray[np.floating[Any]]]
    target: xr.DataArray
    folds: Folds | npt.ArrayLike
    same: npt.NDArray[np.bool_]


class Metric(Protocol):
    """Compares the layers of a model with targets.

    One that compares two models says so on its card (`MetricCard.given`). It is then called with
    one argument more, ``given``: the layers of the second model, as ``layers`` has those of the
    first. One that takes something over from another data set (`MetricCard.second`) is called with
    ``second``, a `SecondData`.
    """

    def __call__(
        self,
        layers: Mapping[str, npt.NDArray[np.floating[Any]]],
        target: xr.DataArray,
        folds: Folds | npt.ArrayLike,
    ) -> Score:
        """Return the score of some layers for some targets.

        Parameters
        ----------
        layers : mapping of str to array
            Layer to (stimulus, feature); rows in the order of ``target``, so with time where that
            has it: a run that was presented twice has its rows twice. Reading an item may read
            a file, so take each once.
        target : xr.DataArray
            ``stimulus`` x target [x ``session``], as `assemblies.assembly.validate` demands.
        folds : Folds or int array (stimulus,)
            In the order of ``target``.
        """


@runtime_checkable
class Benchmark(Protocol):
    """Scores a model."""

    @property
    def card(self) -> BenchmarkCard:
        """What is known about the benchmark."""

    @property
    def stimuli(self) -> StimulusSet:
        """The sounds the model hears."""

    @property
    def assembly(self) -> xr.DataArray:
        """What the model's layers are compared with."""

    def __call__(self, model: Model) -> Score:
        """Return the model's score."""
