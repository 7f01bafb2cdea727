"""SimStory as a data set of the core: windows of sound, volumes, folds."""

from __future__ import annotations

from pathlib import Path

from brainbench_audio.assemblies.assembly import select
from brainbench_audio.assemblies.continuous import build_in_time, folds_of_runs
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import BaseSource, LoadedDataset, refuse_subset
from brainbench_audio.stimuli.continuous import ContinuousStimuli

from .listeners import REPETITION_TIME, RUNS
from .sounds import SAMPLE_RATE
from .storage import DATA_VERSION, default_folder, ensure, read_responses, sound_file

CONTEXT = 4.0  # s: shorter than for real stories, so that a laptop hears all in minutes
_VOXELS = ("subject", "region", "planted_layer", "lag", "reliability")


class SimStory(BaseSource):
    """Makes the runs and the responses of the simulated listeners, or those of one region."""

    def load(self, card: DatasetCard, subset: str | None = None) -> LoadedDataset:
        """Return the data set, generated first where it is not in the data home yet.

        Parameters
        ----------
        card : DatasetCard
            The plugin's card.
        subset : str, optional
            A region in lower case (``primary lateral anterior``); all voxels by default.

        Returns
        -------
        LoadedDataset
            `stimuli` are windows of 4 s, one a volume; `assembly` is (560 volumes, voxel) with the
            voxel coordinates ``subject``, ``region``, ``planted_layer``, ``lag`` and
            ``reliability``; `folds` hold out one run each.

        Raises
        ------
        UnknownId
            There is no such subset.
        DataError, CacheError
            The data cannot be written or read.
        """
        refuse_subset(card, subset)
        folder = ensure()
        data = read_responses(folder)
        assembly = build_in_time(
            data["responses"].values,
            data["run"].values.tolist(),
            data["time"].values,
            "voxel",
            {name: data[name].values for name in _VOXELS},
            repeat=data["repeat"].values,
            attributes={"source": f"SimStory {DATA_VERSION}"},
        )
        if subset is not None:
            assembly = select(assembly, "region", subset)
        stimuli = ContinuousStimuli.of_runs(
            card.id,
            {run: sound_file(folder, run) for run in RUNS},
            context=CONTEXT,
            stride=REPETITION_TIME,
            sample_rate=SAMPLE_RATE,
        )
        return LoadedDataset(card, stimuli, assembly, folds_of_runs(assembly))

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return the folder of the data, or None where they have not been generated yet."""
        folder = default_folder()
        return folder if folder.is_dir() else None
