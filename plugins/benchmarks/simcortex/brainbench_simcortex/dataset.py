"""SimCortex as a data set of the core: stimuli, responses, folds."""

from __future__ import annotations

from pathlib import Path

from brainbench_audio.assemblies.assembly import select, validate
from brainbench_audio.assemblies.folds import stratified
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import BaseSource, LoadedDataset, refuse_subset
from brainbench_audio.stimuli.stimulus_set import StimulusSet

from .storage import DATA_VERSION, default_folder, ensure, read_responses, sound_file
from .synthesis import SAMPLE_RATE

FOLDS = 5


class SimCortex(BaseSource):
    """Makes the 165 sounds and the responses of the simulated cortex, or of one region of it."""

    def load(self, card: DatasetCard, subset: str | None = None) -> LoadedDataset:
        """Return the data set, generated first where it is not in the data home yet.

        Parameters
        ----------
        card : DatasetCard
            The plugin's card.
        subset : str, optional
            A region in lower case (``primary lateral anterior posterior``); all voxels by default.

        Returns
        -------
        LoadedDataset
            `assembly` is (165 stimulus, voxel, 3 session) with the voxel coordinates ``subject``,
            ``region``, ``reliability`` and ``planted_layer``; `folds` are 5, stratified by
            category.

        Raises
        ------
        UnknownId
            There is no such subset.
        DataError, CacheError
            The data cannot be written or read.
        """
        refuse_subset(card, subset)
        folder = ensure()
        responses = read_responses(folder)["responses"]
        names = tuple(responses["stimulus"].values.tolist())
        categories = tuple(responses["category"].values.tolist())
        if subset is not None:
            responses = select(responses, "region", subset)
        responses.attrs["source"] = f"SimCortex {DATA_VERSION}"
        files = tuple(sound_file(folder, name) for name in names)
        return LoadedDataset(
            card,
            StimulusSet(card.id, names, files, categories, SAMPLE_RATE),
            validate(responses),
            stratified(names, categories, FOLDS),
        )

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return the folder of the data, or None where they have not been generated yet."""
        folder = default_folder()
        return folder if folder.is_dir() else None
