"""NH2015comp: the six response components."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from brainbench_audio import settings
from brainbench_audio.assemblies.assembly import build, select
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import BaseSource, LoadedDataset, refuse_checksum
from brainbench_audio.download import fetch_all, fetch_folder, find_folder
from brainbench_audio.errors import DataError
from brainbench_audio.matlab import field, load_mat, strings
from brainbench_natsound165.files import COMPONENTS, DESCRIPTION, FOLDER, SHA256, install, remotes
from brainbench_natsound165.stimuli import published_folds, stimulus_set

# what the file calls them -> what the paper and our ids call them
PAPER_NAMES = {
    "lowfreq": "lf",
    "highfreq": "hf",
    "envsounds": "broadband",
    "pitch": "pitch",
    "speech": "speech",
    "music": "music",
}


class Components(BaseSource):
    """Gets and loads the six components and the sounds."""

    def load(self, card: DatasetCard, subset: str | None = None) -> LoadedDataset:
        """Load the components, or one of them; the files are downloaded if need be.

        Raises
        ------
        DataError
            The files are not there, damaged or not as published.
        """
        folder = fetch_folder(FOLDER, remotes(), DESCRIPTION)
        assembly = read_components(folder / COMPONENTS)
        if subset is not None:
            assembly = select(assembly, "component", subset)
        return LoadedDataset(card, stimulus_set(folder), assembly, published_folds())

    def fetch(
        self,
        card: DatasetCard,
        subset: str | None = None,
        source: Path | None = None,
        sha256: str | None = None,
    ) -> Path:
        """Install the files below the data home, from the web, a folder or an archive."""
        refuse_checksum(card, sha256)
        if source is not None:
            return install(source, remotes())
        target = settings.data_home() / FOLDER
        fetch_all(remotes(), target, DESCRIPTION)
        return target

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return the folder that holds all files, the user's own first; None if there is none."""
        return find_folder(FOLDER, remotes())


def read_components(file: Path) -> xr.DataArray:
    """Read ``R`` of ``components.mat``: stimulus (in the file's own order) x component.

    Raises
    ------
    DataError
        Naming the file and the field that is not as published.
    """
    content = load_mat(file, SHA256[COMPONENTS])
    responses = field(content, "R", file)
    stimuli = strings(content, "stim_names", file)
    components = strings(content, "component_names", file)
    if responses.shape != (len(stimuli), len(components)) or responses.dtype.kind != "f":
        raise DataError(
            f"{file}: R is {responses.dtype} {responses.shape}, expected floating-point numbers "
            f"({len(stimuli)} stim_names, {len(components)} component_names)."
        )
    unknown = [name for name in components if name not in PAPER_NAMES]
    if unknown:
        raise DataError(
            f"{file}: component_names has {unknown[0]!r}, expected {list(PAPER_NAMES)}."
        )
    names = [PAPER_NAMES[name] for name in components]
    return build(responses, stimuli, "component", {"component": names})
