"""Published files without a network: put where a download would have left them."""

from __future__ import annotations

from pathlib import Path

from brainbench_audio import settings
from brainbench_audio.cards import ModelCard
from brainbench_audio.hub import SCHEME, HubPath

NEWEST = "0" * 40
"""The commit that the newest revision of a repository on the hub is taken to be."""


def put_in_place(card: ModelCard, file: Path, index: int = 0) -> Path:
    """Link a file to where an earlier download of a card's weights would have left it.

    Parameters
    ----------
    card : ModelCard
    file : Path
        Stands for the published one; not checked.
    index : int
        Of the card's weights files.

    Returns
    -------
    Path
        The link.
    """
    published = card.weights[index]
    folder = settings.data_home() / "weights" / (published.folder or card.family)
    if published.url.startswith(SCHEME):
        remote = HubPath.parse(published.url)
        cache = folder / "hub" / f"models--{remote.repository.replace('/', '--')}"
        if not remote.revision:
            (cache / "refs").mkdir(parents=True, exist_ok=True)
            (cache / "refs" / "main").write_text(NEWEST, encoding="utf-8")
        place = cache / "snapshots" / (remote.revision or NEWEST) / remote.path
    else:
        place = folder / published.url.rpartition("/")[2].partition("?")[0]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(file)
    return place
