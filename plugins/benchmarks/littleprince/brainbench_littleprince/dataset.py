"""LittlePrince on this machine: found, fetched or installed, and loaded."""

from __future__ import annotations

from brainbench_audio.assemblies.continuous import folds_of_runs
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import LoadedDataset
from brainbench_audio.download import Remote
from brainbench_audio.published_folder import PublishedFolder
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_littleprince.published import FOLDER, chosen, remotes, sound_paths
from brainbench_littleprince.responses import read_responses


class Audiobook(PublishedFolder):
    """Gets and loads the sections of the book and the responses of the listeners of a subset."""

    folder = FOLDER

    def wanted(self, card: DatasetCard, subset: str | None) -> list[Remote]:
        """Return the sounds and the files of responses of a subset."""
        return remotes(*chosen(subset))

    def load(self, card: DatasetCard, subset: str | None = None) -> LoadedDataset:
        """Load the responses of one listener, or of all of a language.

        Raises
        ------
        DataError
            The files are not here, damaged or not as published, or do not fit into memory.
        UnknownId
            There is no such subset.
        """
        language, listeners = chosen(subset)
        folder = self.present(card, subset)
        sounds = {name: folder / path for name, path in sound_paths(language).items()}
        assembly = read_responses(folder, sounds, language, listeners)
        stimuli = ContinuousStimuli.of_runs(card.id, sounds)
        return LoadedDataset(card, stimuli, assembly, folds_of_runs(assembly))
