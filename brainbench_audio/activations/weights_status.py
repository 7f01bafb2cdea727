"""What is known of the weights files of a model: where they are, and who vouches for them."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from brainbench_audio.activations import weights_places as places
from brainbench_audio.activations.weights_files import is_known, local_file, unpack_member
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.download import read_pin, write_pin
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, explained, hash_file, locked
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.registry.lookup import registered

ABSENT, PRESENT, VERIFIED, CHANGED = "absent", "present", "verified", "changed"
KNOWN, PINNED, CONFIRMED, UNKNOWN = "known", "pinned", "confirmed", "unknown"


@dataclass(frozen=True)
class Status:
    """A weights file of a model on this machine.

    Attributes
    ----------
    card : ModelCard
    published : WeightsFile
    path : Path or None
        Where it is.
    sha256 : str or None
        What it should have.
    vouched : str
        Who says so: `KNOWN`, it is published; `PINNED`, the first download had it; `CONFIRMED`, the
        same, and another source has it, too; `UNKNOWN`.
    state : str
        `ABSENT`; `PRESENT`, here and nobody vouches for it; `VERIFIED`, by a published or confirmed
        hash; `CHANGED`, another file than it should be.
    """

    card: ModelCard
    published: WeightsFile
    path: Path | None
    sha256: str | None
    vouched: str
    state: str


def status_of(card: ModelCard, published: WeightsFile, *, anew: bool = False) -> Status:
    """Return what is known of a file.

    Parameters
    ----------
    card : ModelCard
    published : WeightsFile
        One of the card's.
    anew : bool
        Read the file, even if it looks as when it was read last.
    """
    pin = places.pin_of(card, published)
    if is_known(published):
        sha256, vouched = published.sha256, KNOWN
    elif pin is None or not places.is_current(pin, published):
        sha256, vouched = None, UNKNOWN
    else:
        sha256, vouched = pin.sha256, CONFIRMED if pin.confirmed else PINNED
    try:
        path = local_file(card, published)
    except DataError:  # an installed file that is another
        return Status(card, published, None, sha256, vouched, CHANGED)
    if path is None:
        path = next(places.candidates(card, published), None)
        state = ABSENT if path is None else CHANGED
    elif anew and sha256 not in (None, hash_file(path)):
        state = CHANGED
    else:
        state = VERIFIED if vouched in (KNOWN, CONFIRMED) else PRESENT
    return Status(card, published, path, sha256, vouched, state)


def unverified(card: ModelCard, files: Mapping[str, str]) -> list[str]:
    """Return the names of files that nobody vouches for.

    Parameters
    ----------
    card : ModelCard
        Without published weights there is nothing to hold files to, and none is returned.
    files : mapping of str to str
        Names and SHA-256.
    """
    vouched = {file.sha256 for file in card.weights if is_known(file)}
    pins = [read_pin(places.pin_file(card, file)) for file in card.weights]
    vouched |= {pin.sha256 for pin in pins if pin and pin.confirmed}
    return [name for name, sha256 in files.items() if card.weights and sha256 not in vouched]


def confirm(card: ModelCard, sha256: str) -> Status:
    """Compare a hash of another source with that of the file here, and keep that they agree.

    Raises
    ------
    DataError
        No file of the model here has it.
    """
    found: dict[str, str] = {}
    for published in card.weights:
        path = local_file(card, published) or next(places.candidates(card, published), None)
        if path is None:
            continue
        found[path.name] = hash_file(path)
        if found[path.name] == sha256:
            pin = places.pin_of(card, published)
            if not is_known(published):
                source = pin.source if pin and pin.sha256 == sha256 else ""
                write_pin(places.pin_file(card, published), sha256, source, confirmed=True)
            return status_of(card, published)
    if not found:
        raise DataError(
            f"No weights of {card.id} are here to be compared with SHA-256 {sha256}. Fetch them "
            f"first: brainbench weights get {card.id}"
        )
    told = ", ".join(f"{name} has {got}" for name, got in found.items())
    raise DataError(
        f"No file of {card.id} has SHA-256 {sha256}: {told}. One of the two is not the published "
        f"file: fetch it again from its source, or ask there."
    )


def sources(card: ModelCard, given: Sequence[Path]) -> list[tuple[WeightsFile, Path]]:
    """Return which given file is which of a model's.

    Parameters
    ----------
    card : ModelCard
    given : sequence of Path
        Files, or a folder that holds them; of one file, whatever its name.

    Raises
    ------
    DataError
        Some file is lacking or is none of the model's.
    """
    files = [path for path in given if not path.is_dir()]
    folders = [path for path in given if path.is_dir()]
    pairs = []
    for published in card.weights:
        names = {places.own_name(published), places.file_name(published)}
        found = [path for path in files if path.name in names or len(card.weights) == 1]
        for folder in folders:
            if published.member:
                found.append(places.below(folder, places.member_of(published), card))
            found += [folder / name for name in sorted(names) if (folder / name).is_file()]
        if not found or not found[0].is_file():
            raise DataError(
                f"{', '.join(map(str, given))} holds no {places.own_name(published)}, which "
                f"{card.id} needs. Give the files, or the folder that holds them."
            )
        pairs.append((published, found[0]))
    return pairs


def refuse_other(card: ModelCard, published: WeightsFile, sha256: str, path: Path) -> None:
    """Refuse a file whose hash says that it is another one than it is given for.

    Raises
    ------
    DataError
        The hash that is published is another, or it is the published file of another model.
    """
    for other in (entry.card for entry in registered(ModelCard)):
        if other.id != card.id and any(file.sha256 == sha256 for file in other.weights):
            if any(file.sha256 == sha256 for file in card.weights):
                continue  # they share an archive
            raise DataError(
                f"{path} is the published file of {other.id}, not of {card.id} (SHA-256 {sha256}). "
                f"Install it as that: brainbench weights add {other.id} {path}"
            )
    if is_known(published) and sha256 != published.sha256:
        raise DataError(
            f"{path} is not the published {places.own_name(published)} of {card.id}: expected "
            f"SHA-256 {published.sha256}, got {sha256}. Fetch it again; a checkpoint of your own "
            f"is given with --weights {card.id}={path}"
        )


def install(
    card: ModelCard, published: WeightsFile, path: Path, sha256: str, *, confirmed: bool
) -> Path:
    """Copy a file to where a model's weights belong, and hold later ones to it.

    Parameters
    ----------
    card : ModelCard
    published : WeightsFile
    path : Path
        Of an archive, the model's own file is taken out.
    sha256 : str
        Of the file at ``path``.
    confirmed : bool
        Whether another source has the same.

    Raises
    ------
    DataError
        The file changed while it was copied.
    """
    target = places.place_of(card, published)
    if published.member and tarfile.is_tarfile(path):
        target = unpack_member(card, published, path)
        sha256 = hash_files([target])[0]
    elif not (target.exists() and target.samefile(path)):
        with locked(target), atomic_file(target) as temporary, explained(target):
            shutil.copyfile(path, temporary)
            if (got := hash_file(temporary)) != sha256:
                raise DataError(
                    f"{path} changed while it was copied: expected SHA-256 {sha256}, got {got}. "
                    f"Nothing was installed; run the command again."
                )
    if not is_known(published):
        write_pin(places.pin_file(card, published), sha256, confirmed=confirmed)
    return target
