"""Weights: fetched, read without running anything they say, loaded to the last name."""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from brainbench_audio import settings
from brainbench_audio.cards import CONTROLS, ModelCard, WeightsFile
from brainbench_audio.download import Remote, fetch, pinned, write_pin
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file
from brainbench_audio.nesting import check_nesting

State = dict[str, torch.Tensor]
_SHOWN = 10
_PICKLES = 5  # in a file as torch wrote them before 1.6
_LARGEST_PICKLE = 1 << 28  # bytes; it holds names and shapes, not the numbers


@dataclass(frozen=True)
class Recipe:
    """How a family makes its network and reads its published file.

    Attributes
    ----------
    build : callable
        Returns the network with fresh initial weights.
    read : callable
        Takes what is in the published file, returns its state dict under the published names, with
        nesting and prefixes taken off. Of a model published as several files it takes a mapping
        of their names to what is in them.
    rename : callable
        Takes a state dict under the published names, returns it under those of the network.
    open : callable, optional
        Takes the path of the published file, returns what is in it; by default `read_checkpoint`.
    """

    build: Callable[[], torch.nn.Module]
    read: Callable[[Any], Mapping[str, Any]]
    rename: Callable[[State], State] = dict
    open: Callable[[Path], Any] | None = None


def load_network(
    card: ModelCard,
    recipe: Recipe,
    weights: str | Path | Mapping[str, Any] | None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Build a network and give it its weights.

    Parameters
    ----------
    card : ModelCard
        Names the published file.
    recipe : Recipe
    weights : None, path, mapping, ``"untrained"`` or ``"permuted"``
        None fetches the published file on first use; a path is a local copy of it, or the folder
        that holds it; a mapping holds published parameter names and arrays. The two words are short
        for ``control``. Of several files, the path of any stands for their folder.
    control : None, ``"untrained"`` or ``"permuted"``
        Fresh initial weights, or the published ones with the values of each tensor shuffled.
    seed : int
        For the control.

    Returns
    -------
    network, fingerprint
        The fingerprint says where the weights come from, for the cache key.

    Raises
    ------
    DataError
        The file is missing or damaged, or has other names or shapes than the network.
    ContractError
        An unknown control, or a card without weights.
    """
    if isinstance(weights, str) and weights in CONTROLS:
        weights, control = None, weights
    if control == "untrained":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return recipe.build(), {"control": "untrained", "seed": seed}
    if control not in (None, "permuted"):
        raise ContractError(f"There is no control {control!r}: choose from {', '.join(CONTROLS)}.")
    if isinstance(weights, Mapping):
        state, where = dict(weights), "the given mapping"
        fingerprint: dict[str, Any] = {"weights": hash_state(state)}
    else:
        paths = _paths(card, weights)
        state, where = dict(_read(recipe, paths)), str(paths[0])
        hashes = {path.name: hash_file(path) for path in paths}
        fingerprint = {"weights": hashes if len(paths) > 1 else hashes[paths[0].name]}
    if control == "permuted":
        state = permuted(state, seed)
        fingerprint |= {"control": "permuted", "seed": seed}
    with torch.random.fork_rng(devices=[]):  # initial weights that are replaced at once
        network = recipe.build()
    load_strictly(network, recipe.rename(_tensors(state)), f"{card.id}: {where}")
    return network, fingerprint


def fetch_weights(card: ModelCard, index: int = 0) -> Path:
    """Return the local copy of one of a card's weights files, fetched on first use.

    Raises
    ------
    ContractError
        The card names no weights.
    DataError
        The file cannot be had; the message says where to put it.
    """
    if not card.weights:
        raise ContractError(f"Model {card.id} has no published weights to fetch.")
    published = card.weights[index]
    folder = settings.data_home() / "weights" / card.family
    try:
        if published.url.startswith("hf://"):
            return _fetch_from_hub(published, folder)
        return fetch(Remote(_name(published), (published.url,), published.sha256), folder)
    except DataError as error:
        what = "FILE" if len(card.weights) == 1 else "FOLDER"
        raise DataError(
            f"{error} Or give a local copy: --weights {what}, "
            f"load_model({card.id!r}, weights={what})."
        ) from error


def read_checkpoint(path: Path) -> Any:
    """Read a safetensors or torch file; nothing in it is executed.

    Raises
    ------
    DataError
        The file is missing or damaged, or holds something else than tensors and plain values.
    """
    if not path.is_file():
        raise DataError(f"Weights file {path} does not exist.")
    try:
        if path.suffix == ".safetensors":
            import safetensors.torch

            return safetensors.torch.load_file(path)
        _check_pickles(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path} holds more than tensors and plain values, or is damaged, and is not loaded, "
            f"because that could run code: {str(error).splitlines()[0]}"
        ) from error
    except Exception as error:  # torch and safetensors raise many kinds on a damaged file
        raise DataError(
            f"{path} is damaged or no weights file: {error!r}. Fetch it again."
        ) from error


def _check_pickles(path: Path) -> None:
    """Refuse tuples in tuples without end, which torch would hash; see `nesting`."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.endswith("data.pkl"):
                    if member.file_size > _LARGEST_PICKLE:
                        raise pickle.UnpicklingError(f"{member.filename} is too large")
                    check_nesting(archive.read(member))
        return
    with path.open("rb") as file, suppress(ValueError):
        for _ in range(_PICKLES):
            check_nesting(file)


def load_strictly(network: torch.nn.Module, state: State, where: str) -> None:
    """Load a state dict whose names and shapes must be exactly those of the network.

    Raises
    ------
    DataError
        Naming the first ten that are missing, unexpected or of another shape.
    """
    own = network.state_dict()
    problems = {
        "missing": [name for name in own if name not in state],
        "unexpected": [name for name in state if name not in own],
        "of another shape": [
            f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
            for name in own
            if name in state and own[name].shape != state[name].shape
        ],
    }
    told = [
        f"{len(names)} {word}: {', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}"
        for word, names in problems.items()
        if names
    ]
    if told:
        raise DataError(f"The weights do not fit the network ({where}). {'; '.join(told)}.")
    network.load_state_dict(state, strict=True)


def permuted(state: Mapping[str, Any], seed: int) -> State:
    """Return a state dict with the values of every tensor shuffled.

    Each floating-point tensor of more than one value gets a permutation of its own, drawn from the
    seed and its name, so its distribution stays and its structure goes, as in Tuckute et al.
    (2023). Counters and other integers stay.
    """
    shuffled = {}
    for name, tensor in _tensors(state).items():
        if tensor.is_floating_point() and tensor.numel() > 1:
            generator = np.random.default_rng([seed, *name.encode()])
            order = torch.from_numpy(generator.permutation(tensor.numel()))
            shuffled[name] = tensor.flatten()[order].reshape(tensor.shape)
        else:
            shuffled[name] = tensor
    return shuffled


def hash_state(state: Mapping[str, Any]) -> str:
    """Return a SHA-256 over names, types, shapes and values of a state dict."""
    digest = hashlib.sha256()
    for name in sorted(state):
        array = np.ascontiguousarray(torch.as_tensor(state[name]).detach().cpu().numpy())
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def without_prefix(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the entries whose name starts with ``prefix``, without it.

    Examples
    --------
    >>> without_prefix({"module.a": 1, "b": 2}, "module.")
    {'a': 1}
    """
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }


def nested(checkpoint: Any, keys: Iterable[str]) -> Mapping[str, Any]:
    """Return ``checkpoint[first key][second key]…``.

    Raises
    ------
    DataError
        A key is not there; the message says what is.
    """
    found = checkpoint
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            there = list(found)[:_SHOWN] if isinstance(found, Mapping) else type(found).__name__
            raise DataError(f"The weights file has no entry {key!r}, only {there}.")
        found = found[key]
    if not isinstance(found, Mapping):
        raise DataError(f"The weights file holds {type(found).__name__}, expected named tensors.")
    return found


def _paths(card: ModelCard, weights: str | Path | None) -> list[Path]:
    """Return the local copies of a model's weights files, or the one file that was given."""
    if weights is None:
        return [fetch_weights(card, index) for index in range(max(1, len(card.weights)))]
    path = Path(weights).expanduser()
    names = [_name(published) for published in card.weights]
    if names and path.is_dir():
        return [path / name for name in names]
    if len(names) > 1 and path.name in names:
        return [path.parent / name for name in names]
    return [path]


def _name(published: WeightsFile) -> str:
    location = published.url
    if location.startswith("hf://"):
        location = location.partition("@")[0]
    return location.rsplit("/", 1)[-1].partition("?")[0]


def _read(recipe: Recipe, paths: list[Path]) -> State:
    try:
        found = {path.name: (recipe.open or read_checkpoint)(path) for path in paths}
        return _tensors(recipe.read(found if len(paths) > 1 else found[paths[0].name]))
    except DataError as error:
        path = paths[0] if len(paths) == 1 else paths[0].parent
        raise DataError(
            f"{path}: {error}" if str(path) not in str(error) else str(error)
        ) from error


def _tensors(state: Mapping[str, Any]) -> State:
    tensors = {}
    for name, value in state.items():
        try:
            tensors[str(name)] = torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError) as error:  # text, a list of lists, None
            raise DataError(
                f"The weights have an entry {name!r} of type {type(value).__name__}, expected "
                f"named tensors."
            ) from error
    return tensors


def _fetch_from_hub(published: WeightsFile, folder: Path) -> Path:
    """Fetch ``hf://owner/name/path[@revision]`` through huggingface_hub."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    location, _, revision = published.url.removeprefix("hf://").partition("@")
    owner, name, file = location.split("/", 2)
    try:
        path = Path(
            huggingface_hub.hf_hub_download(
                f"{owner}/{name}",
                file,
                revision=revision or None,
                cache_dir=folder / "hub",
                local_files_only=settings.offline(),
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise DataError(
            f"Cannot fetch {file} of {owner}/{name} from the Hugging Face hub: {error}"
        ) from error
    # a pin for each revision: another one may well be another file
    pinned_as = "--".join([owner, name, *file.split("/"), revision or "newest"])
    pin = folder / "hub" / f"{pinned_as}.sha256"
    expected, found = published.sha256 or pinned(pin), hash_file(path)
    if expected and found != expected:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise DataError(
            f"{published.url} is not the file it should be: expected SHA-256 {expected}, got "
            f"{found}. The download was removed."
        )
    if not expected:
        write_pin(pin, found)
    return path
