"""LeBel2023 on this machine: found, fetched or installed, and loaded."""

from __future__ import annotations

from pathlib import Path

from brainbench_audio.assemblies.continuous import folds_of_runs
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import LoadedDataset
from brainbench_audio.download import Remote
from brainbench_audio.published_folder import PublishedFolder
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_lebel2023.onsets import with_onsets
from brainbench_lebel2023.published import FOLDER, below, chosen, remotes, sound_path
from brainbench_lebel2023.responses import read_responses


class Stories(PublishedFolder):
    """Gets and loads the stories and the responses of the listeners of a subset."""

    folder = FOLDER

    def wanted(self, card: DatasetCard, subset: str | None) -> list[Remote]:
        """Return the sounds, words and responses of a subset."""
        return remotes(*chosen(subset))

    def below(self, folder: Path, path: str) -> Path:
        """Return where a published file lies in a copy of any snapshot."""
        return below(folder, path)

    def load(self, card: DatasetCard, subset: str | None = None) -> LoadedDataset:
        """Load the responses of one listener, or of the eight of the paper.

        Raises
        ------
        DataError
            The files are not here, damaged or not as published, or do not fit into memory.
        UnknownId
            There is no such subset.
        """
        listeners, stories = chosen(subset)
        folder = self.present(card, subset)
        assembly = with_onsets(read_responses(folder, listeners, stories), folder, stories)
        sounds = {story: folder / sound_path(story) for story in stories}
        stimuli = ContinuousStimuli.of_runs(card.id, sounds)
        return LoadedDataset(card, stimuli, assembly, folds_of_runs(assembly))
