"""`Family`: the one loader; a family of models adds only what is its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from brainbench_audio.activations.labels import refuse_sibling
from brainbench_audio.activations.read_outs import Pooling, mean_over_time
from brainbench_audio.activations.requests import checked_seed
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.undrawn import Undrawn
from brainbench_audio.activations.weights import (
    State,
    check_finite,
    check_fit,
    hash_state,
    load_strictly,
    permuted,
    read_checkpoint,
    tensors,
)
from brainbench_audio.activations.weights_files import fetch_weights, local_weights
from brainbench_audio.activations.wrappers import Fit, Unwrapped, collapsed, kind_of, unwrap
from brainbench_audio.cards import CONTROLS, ModelCard
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.hash_cache import hash_files

Weights = str | Path | Mapping[str, Any]


@dataclass(frozen=True)
class Configured:
    """What options, and a file that brings its own sizes, make of a card.

    Attributes
    ----------
    card : ModelCard
        That of the network to be built.
    arguments : mapping
        For `Family.build`, by keyword.
    facts : mapping
        JSON-able, into the fingerprint: what else decides the activations.
    """

    card: ModelCard
    arguments: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """How the networks of a family are made and their published files read.

    An instance is the loader that a card names, ``loader="package.network:FAMILY"``. It is called
    as ``family(card, weights=None, *, control=None, seed=0, **options)``, see `__call__`.

    Attributes
    ----------
    build : callable
        Takes the card, returns the network with fresh initial weights. Where weights are given,
        what ``torch.nn.init`` would draw is 0, as it is replaced.
    read_outs : callable
        Takes the card, returns for each layer the name of the module whose output it is; by default
        modules are named as layers.
    pooling : callable
        Turns a module's output into (batch, feature).
    layer_pooling : mapping of str to callable
        The same for the layers that need another one.
    open : callable
        Takes the path of a published file, returns what is in it.
    read : callable
        Takes what is in the file, checks what it says of itself, and returns it for `unwrap` to
        find the state dict in. Of a model published as several files it takes a mapping of their
        names to what is in them, and joins these.
    entries : tuple of str
        Where the published file has the state dict, if under no usual name such as ``model``.
    unused : str
        Pattern of whole published names that feed no layer, such as those of a classifier: they
        may be there, in whatever shape, and are left aside.
    told_by : callable
        Takes the card, returns the names among them without which a file is not its model's.
    strip : callable
        Takes a state dict under published names, from a file or given as a mapping, returns it
        without the entries that the network computes by itself.
    rename : callable
        Takes a state dict under the published names, returns it under those of the network.
    configure : callable, optional
        Takes the card, what is in the file (the mapping where one was given, None where no weights
        are) and the family's own options by keyword; returns a `Configured`. Its keyword-only
        parameters are the options that the loader takes.
    libraries : tuple of str
        Distributions whose version decides the activations.

    Examples
    --------
    >>> family = Family(build=lambda card: torch.nn.Linear(1, 1))
    >>> list(inspect.signature(family).parameters)
    ['card', 'weights', 'control', 'seed']
    """

    build: Callable[..., torch.nn.Module]
    read_outs: Callable[[ModelCard], Mapping[str, str]] = lambda card: {x: x for x in card.layers}
    pooling: Pooling = mean_over_time
    layer_pooling: Mapping[str, Pooling] = field(default_factory=dict)
    open: Callable[[Path], Any] = read_checkpoint
    read: Callable[[Any], Any] = lambda content: content
    entries: tuple[str, ...] = ()
    unused: str = ""
    told_by: Callable[[ModelCard], Sequence[str]] = lambda _card: ()
    strip: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    rename: Callable[[State], State] = dict
    configure: Callable[..., Configured] | None = None
    libraries: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        loader = inspect.signature(Family.__call__)
        parameters = [one for one in loader.parameters.values() if one.name in _PARAMETERS]
        if self.configure is not None:
            own = inspect.signature(self.configure).parameters.values()
            parameters += [one for one in own if one.kind is one.KEYWORD_ONLY]
        # where `inspect.signature` looks first: options are refused or taken as a function's are
        signature = loader.replace(parameters=parameters)
        object.__setattr__(self, "__signature__", signature)

    def __call__(
        self,
        card: ModelCard,
        weights: Weights | None = None,
        *,
        control: str | None = None,
        seed: int = 0,
        **options: Any,
    ) -> TorchModel:
        """Return a model of the family.

        Parameters
        ----------
        card : ModelCard
        weights : None, path, mapping, ``"untrained"`` or ``"permuted"``
            None fetches the published file on first use, and means initial weights where the card
            names none. A path is a local copy of it, or the folder that holds it; a mapping holds
            published parameter names and arrays. The two words are short for ``control``.
        control : None, ``"untrained"`` or ``"permuted"``
            Fresh initial weights, or the published ones with the values of each tensor shuffled.
            Weights that are given beside ``"untrained"`` must fit, and bring the network's sizes.
        seed : int
            For the control: 0 or more.
        **options
            The keyword-only parameters of `configure`.

        Raises
        ------
        DataError
            The file is missing or damaged, or has other names or shapes than the network.
        ContractError
            An unknown control, a seed that is none, or weights for a fixed transform.
        TypeError
            An option that the family does not have.
        """
        inspect.signature(self).bind(card, weights, control=control, seed=seed, **options)
        seed = checked_seed(seed)
        if isinstance(weights, str) and weights in CONTROLS:
            weights, control = None, weights
        if control not in (None, *CONTROLS):
            raise ContractError(
                f"There is no control {control!r}: choose from {', '.join(CONTROLS)}."
            )
        if not card.parameters and not card.weights:
            _refuse_weights(card, weights, control)
            return self._initial(card, options, {"weights": None}, seed)
        if weights is None and (control == "untrained" or not (control or card.weights)):
            return self._initial(card, options, {"control": "untrained", "seed": seed}, seed)
        return self._loaded(card, weights, control, seed, options)

    def _initial(
        self, card: ModelCard, options: Mapping[str, Any], fingerprint: dict[str, Any], seed: int
    ) -> TorchModel:
        """Return a model with fresh initial weights."""
        configured = self._configured(card, None, options)
        return self._model(configured, self._built(configured, seed), fingerprint, [])

    def _built(self, configured: Configured, seed: int, *, initial: bool = True) -> torch.nn.Module:
        """Return a network with initial weights, or with none where they are replaced at once."""
        with torch.random.fork_rng(devices=[]), nullcontext() if initial else Undrawn():
            torch.manual_seed(seed)
            return self.build(configured.card, **configured.arguments)

    def _loaded(
        self,
        card: ModelCard,
        weights: Weights | None,
        control: str | None,
        seed: int,
        options: Mapping[str, Any],
    ) -> TorchModel:
        """Return a model with the weights of files or of a mapping, or initial ones in their place.

        What a file says of the network, such as its sizes, holds for its untrained control, too.
        """
        source = self._opened(card, weights)
        initial = control == "untrained"
        with _naming(source.paths or []):
            configured = self._configured(card, source.content, options)
            network = self._built(configured, seed, initial=initial)
            names = network.state_dict().keys()
            fit = Fit(names, self.strip, self.rename, self.unused, self.entries)
            unwrapped = unwrap(source.content, fit)
            _refuse_unmarked(card, unwrapped, self.told_by(card))
        state, where = unwrapped.state, f"{card.id}: {source.where}"
        check_finite(state, where)
        drawn = {"control": control, "seed": seed} if control else {}
        if initial:
            check_fit(network, fit.convert(state), where, source.kind)
            if self.configure is None:  # nothing in a file decides the network
                return self._model(configured, network, drawn, [])
        else:
            kept = permuted(state, seed) if control else state
            load_strictly(network, fit.convert(kept), where, source.kind)
        fingerprint = {"weights": source.hashes or hash_state(state), **drawn}
        return self._model(configured, network, fingerprint, source.paths, _told(unwrapped, source))

    def _opened(self, card: ModelCard, weights: Weights | None) -> _Source:
        """Return what is in the files of a model, or in a mapping."""
        if isinstance(weights, Mapping):
            return _Source(tensors(weights), "the given mapping")
        paths = _paths(card, weights)
        told = f"hashing the weights of {card.id}"
        hashes = hash_files(paths, told)
        with _naming(paths):
            content = self.read(_contents(card, {path.name: self.open(path) for path in paths}))
            if not isinstance(content, Mapping):
                kind = type(content).__name__
                raise DataError(f"The weights file holds {kind}, expected named tensors.")
            refuse_sibling(card, content, hashes)
        if hash_files(paths, told) != hashes:
            raise DataError(f"{paths[0]} was replaced while it was read: load {card.id} again.")
        named = dict(zip((path.name for path in paths), hashes, strict=True))
        return _Source(
            content, str(paths[0]), kind_of(content), paths, named if paths[1:] else hashes[0]
        )

    def _configured(self, card: ModelCard, content: Any, options: Mapping[str, Any]) -> Configured:
        return (
            Configured(card) if self.configure is None else self.configure(card, content, **options)
        )

    def _model(
        self,
        configured: Configured,
        network: torch.nn.Module,
        fingerprint: Mapping[str, Any],
        files: Sequence[Path] | None,
        provenance: Mapping[str, Any] | None = None,
    ) -> TorchModel:
        card = configured.card
        versions = {name: metadata.version(name) for name in self.libraries}
        return TorchModel(
            card,
            network,
            self.read_outs(card),
            fingerprint={**fingerprint, **versions, **configured.facts},
            pooling={**dict.fromkeys(card.layers, self.pooling), **self.layer_pooling},
            files=files,
            provenance=provenance,
        )


_PARAMETERS = ("card", "weights", "control", "seed")


@dataclass(frozen=True)
class _Source:
    """What is in the files of a model, or a mapping that was given."""

    content: Any
    where: str
    kind: str = ""
    paths: list[Path] | None = None
    hashes: str | Mapping[str, str] | None = None


def _contents(card: ModelCard, contents: dict[str, Any]) -> Any:
    """Return what is in the file of a model, or by name what is in each of its files."""
    if len(contents) == 1:
        return next(iter(contents.values()))
    if len(card.weights) > 1:
        return contents
    joined: dict[str, Any] = {}  # shards of one file
    for name, shard in contents.items():
        if twice := [entry for entry in shard if entry in joined]:
            raise DataError(f"{name} holds {twice[0]}, and so does another shard.")
        joined |= shard
    return joined


def _refuse_unmarked(card: ModelCard, found: Unwrapped, marks: Sequence[str]) -> None:
    there = {name.removeprefix(found.prefix) for name in found.aside}
    if missing := [name for name in marks if name not in there]:
        raise DataError(
            f"The weights are not those of {card.id}: 1 missing: {missing[0]}. Nothing else tells "
            f"it from its siblings: load it as one of them."
        )


def _told(unwrapped: Unwrapped, source: _Source) -> dict[str, Any]:
    """Return what the provenance says of the weights: their files, and how they were found."""
    files = dict(source.hashes) if isinstance(source.hashes, Mapping) else {}
    if isinstance(source.hashes, str) and source.paths:
        files = {source.paths[0].name: source.hashes}
    facts = {
        "files": files,
        "entry": unwrapped.entry,
        "prefix": unwrapped.prefix,
        "left_aside": collapsed(unwrapped.aside),
    }
    there = {name: fact for name, fact in facts.items() if fact}
    return {"weights": there} if there else {}


def _refuse_weights(card: ModelCard, weights: Weights | None, control: str | None) -> None:
    if control is None and weights in (None, {}):
        return
    given = f"control={control!r}"
    if control is None:
        given = f"weights={weights!r}" if isinstance(weights, str) else type(weights).__name__
    raise ContractError(
        f"Model {card.id} has no weights (a fixed transform), but {given} was given. Leave weights "
        f"out; it has no untrained or permuted control either."
    )


def _paths(card: ModelCard, weights: str | Path | None) -> list[Path]:
    if weights is None:
        return [fetch_weights(card, index) for index in range(max(1, len(card.weights)))]
    return local_weights(card, weights) or []


@contextmanager
def _naming(paths: Sequence[Path]) -> Iterator[None]:
    """Say in an error which file, or which folder of several files, it is about."""
    if not paths:
        yield
        return
    path = paths[0] if len(paths) == 1 else paths[0].parent
    try:
        yield
    except DataError as error:
        told = str(error)
        raise DataError(told if str(path) in told else f"{path}: {told}") from error
