"""Which network it is: one record for every kind of model, and a model that loads when it must.

An `Identity` says what decides a model's activations. It is worked out once, handed down, and
stored with every score. A `LazyModel` stands for a model whose identity is known, and loads its
network only when a sound must be heard.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.activations.object_state import (
    NO_FINGERPRINT,
    OPAQUE,
    files_of,
    name_of,
    opaque_attribute,
    own_fingerprint,
    seal_of,
    settle,
    source_of,
    state_of,
)
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.errors import CacheError, ContractError, PluginLoadError
from brainbench_audio.files import hash_file, hash_json
from brainbench_audio.hashing.own_code import is_installed
from brainbench_audio.hashing.sources import check_imported, check_unchanged, package_hash
from brainbench_audio.interfaces import Model, ModelWithCard
from brainbench_audio.views import line

VERSION_DIGITS = 8
UNKNOWN = "unknown"
# libraries whose versions are in the provenance, and part of no key
_VERSIONED = ("torch", "numpy", "brainbench_audio")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a model is, without its network.

    Attributes
    ----------
    id : str
        As people write it, without its place: ``beats-iter1@permuted``; the class of a model from a
        file, or of an object.
    source : str
        Where it comes from: a distribution, the absolute path of a file, the module of a class.
    layers : tuple of str
    dims : tuple of int
        Features of each layer; empty where only hearing tells.
    whole : tuple of str
        All layers of the model, where only some are asked for, see `of_layers`; else empty.
    sample_rate : int
        Hz.
    fingerprint : JSON-able
        All that decides the activations, but for the sounds and the core's revision: the model's
        own fingerprint, source, options, state. None: not known, so nothing is kept.
    unkept : str
        Why nothing is kept.
    code : mapping
        What part of the fingerprint stands for source, and can be told again without loading:
        ``packages`` or ``tree``, and its ``hash``.
    files : mapping of str to str, or None
        Path and SHA-256 of the files that the model says it was made from; None: it does not say.
    card : ModelCard or None
        None for a model without one.
    provenance : mapping
        What the model adds to the provenance of its scores.
    """

    id: str
    source: str
    layers: tuple[str, ...]
    sample_rate: int
    fingerprint: Any
    dims: tuple[int, ...] = ()
    whole: tuple[str, ...] = ()
    unkept: str = ""
    code: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] | None = None
    card: ModelCard | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether activations and scores can be kept."""
        return self.fingerprint is not None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the fingerprint; ``unknown`` without one."""
        return hash_json(self.fingerprint) if self.kept else UNKNOWN

    @property
    def version(self) -> str:
        """First 8 hex digits of the digest: the name of the version for people."""
        return self.digest[:VERSION_DIGITS]

    @property
    def record(self) -> dict[str, str]:
        """What a score's provenance says of it."""
        return {
            "id": self.id,
            "source": self.source,
            "version": self.version,
            "fingerprint": self.digest,
        }

    def of_layers(self, layers: Sequence[str] | None) -> Identity:
        """Return the same network with only some of its layers, in its own order; None: all.

        Raises
        ------
        ContractError
            It has no such layer, or none is asked for.
        """
        if layers is None:
            return self
        unknown = [layer for layer in layers if layer not in self.layers]
        if unknown or not layers:
            raise ContractError(
                f"Model {self.id} has no layer {repr(unknown[0]) if unknown else 'at all'}, only "
                f"{', '.join(self.layers)}."
            )
        chosen = [place for place, layer in enumerate(self.layers) if layer in layers]
        return replace(
            self,
            layers=tuple(self.layers[place] for place in chosen),
            dims=tuple(self.dims[place] for place in chosen if self.dims),
            whole=self.whole or (self.layers if len(chosen) < len(self.layers) else ()),
        )

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data, for other processes."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Identity:
        """Return what `as_json` wrote.

        Raises
        ------
        TypeError, KeyError, ValueError
            The content is something else.
        """
        fields = {name: _tuple(value) for name, value in content.items()}
        card = content["card"]
        return cls(**{**fields, "card": None if card is None else _card(card)})


class LazyModel:
    """A model whose identity is known, loaded when its activations are wanted.

    Parameters
    ----------
    identity : Identity
    load : callable, optional
        Returns the model and its identity as loaded; None where it cannot be loaded here.
    model : Model, optional
        If it is loaded already.
    """

    def __init__(
        self,
        identity: Identity,
        load: Callable[[], tuple[Model, Identity]] | None = None,
        model: Model | None = None,
    ) -> None:
        self.identity = identity
        self._load = load
        self._model = model

    def __repr__(self) -> str:
        name = f"{self.identity.id}#{self.identity.version}"
        facts = {"id": name, "layers": len(self.layers), "sample rate": f"{self.sample_rate} Hz"}
        return line("Model", facts)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers."""
        return self.identity.layers

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms."""
        return self.identity.sample_rate

    @property
    def fingerprint(self) -> Any:
        """That of its identity."""
        return self.identity.fingerprint

    @property
    def loaded(self) -> bool:
        """Whether the network is in memory."""
        return self._model is not None

    @property
    def computed_in(self) -> str:
        """Device and precision of the loaded network; empty where it does not say."""
        return str(getattr(self._model, "computed_in", ""))

    def activations(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return the activations of the model itself, see `interfaces.Model.activations`.

        Raises
        ------
        CacheError
            The model cannot be loaded here, or is another one by now.
        PluginLoadError
            A part of its source that it needed only now has changed since it was loaded.
        """
        return self.begin(waveforms, layers)()

    @property
    def runs_ahead(self) -> bool:
        """Whether the loaded model computes on while somebody waits for sounds before."""
        return _begins(self._model) and bool(getattr(self._model, "runs_ahead", False))

    def begin(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> Callable[[], Mapping[str, npt.NDArray[np.float32]]]:
        """Have a model that `runs_ahead` hear sounds; return what waits for their `activations`.

        Any other model hears them when it is waited for.
        """
        model: Any = self._present()
        hear = partial(model.activations, waveforms, layers=layers)
        coming = model.begin(waveforms, layers) if self.runs_ahead else hear

        def wait() -> Mapping[str, npt.NDArray[np.float32]]:
            activations: Mapping[str, npt.NDArray[np.float32]] = coming()
            check_unchanged(self.identity.code)
            return activations

        return wait

    def of_layers(self, layers: Sequence[str] | None) -> LazyModel:
        """Return the model with only some of its layers, see `Identity.of_layers`."""
        return LazyModel(self.identity.of_layers(layers), self._load, self._model)

    def settle(self) -> None:
        """Note what hearing itself changed in the model, a counter or a cache: it is no change."""
        if self._model is not None:
            settle(self._model)

    def release(self) -> None:
        """Let the network go, if it can be loaded again."""
        if self._load is not None:
            self._model = None

    def _present(self) -> Model:
        if self._model is None:
            if self._load is None:
                raise CacheError(
                    f"Stored activations of {self.identity.id} were deleted or damaged while they "
                    f"were being scored: run it again."
                )
            model, now = self._load()
            if now.digest != self.identity.digest:
                raise CacheError(
                    f"{self.identity.id} was changed while it was being scored (version "
                    f"{self.identity.version}, now {now.version}): run it again."
                )
            self._model = model
        return self._model


def _begins(model: object) -> bool:
    """Return whether a class has `begin` for its own `activations`, not for those of a base."""
    owner = next((base for base in type(model).__mro__ if "activations" in vars(base)), object)
    return "begin" in vars(owner) and "activations" not in getattr(model, "__dict__", ())


def as_lazy(model: Model) -> LazyModel:
    """Return a model with its identity; see `identify_object`."""
    if isinstance(model, LazyModel):
        return model
    return LazyModel(identify_object(model), model=model)


def identify_object(model: Model) -> Identity:
    """Return the identity of an object as it is now.

    One that `load_model` made is what its id means, as long as nothing in it was changed: weights,
    mode, hooks, attributes, class. Any other object is told by its class, its attributes, its
    files and its own ``fingerprint``; without one, nothing is kept.

    Raises
    ------
    ContractError
        Its fingerprint is no JSON, or it names a file that does not exist.
    PluginLoadError
        Data that it may read have changed since it was loaded.
    """
    if isinstance(model, LazyModel):
        return model.identity
    seal = seal_of(model)
    state = state_of(model)
    opaque = OPAQUE in state.values()
    if seal is not None and seal.identity is not None and state == seal.state and not opaque:
        identity: Identity = seal.identity
        check_unchanged(identity.code, data_only=True)
        return identity
    source = source_of(model) if seal is None or seal.identity is None else seal.identity.source
    identity = described(model, name_of(model), source)
    given = own_fingerprint(model)
    if given is None:
        return replace(identity, unkept=NO_FINGERPRINT)
    if opaque:
        return replace(identity, unkept=opaque_attribute(model) or "")
    fingerprint = {"given": given, "class": _class_files(type(model)), "state": state}
    if (files := files_of(model)) is not None:
        fingerprint["files"] = list(files.values())
    code: dict[str, Any] = {}
    if identity.card is not None and (packages := identity.card.packages):
        try:
            check_imported(packages)
        except PluginLoadError as error:
            return replace(identity, unkept=str(error))
        fingerprint["packages"] = package_hash(packages)
        code = {"packages": list(packages), "hash": fingerprint["packages"]}
    return replace(identity, fingerprint=fingerprint, code=code, files=files)


def is_as_called(model: object, identity: Identity) -> bool:
    """Return whether an object is what its id means: it was not changed after it was loaded."""
    seal = seal_of(model)
    return seal is None or seal.identity is None or seal.identity is identity


def described(model: Model, label: str, source: str) -> Identity:
    """Return what a loaded model says of itself, without a fingerprint."""
    card = model.card if isinstance(model, ModelWithCard) else None
    return Identity(
        id=label,
        source=source,
        layers=tuple(model.layers),
        dims=tuple(card.dims) if card else (),
        sample_rate=int(model.sample_rate),
        fingerprint=None,
        card=card,
        provenance=dict(getattr(model, "provenance", {})),
    )


def _class_files(kind: type) -> list[str]:
    """Return the hashes of the files that define a class and its bases, where they are installed.

    A hash of the class itself has installed code by name only.
    """
    files = []
    for base in kind.__mro__:
        module = sys.modules.get(base.__module__)
        file = getattr(module, "__file__", None)
        if file and is_installed(file) and base.__module__.partition(".")[0] not in _VERSIONED:
            files.append(hash_file(Path(file)))
    return files


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _card(content: Mapping[str, Any]) -> ModelCard:
    fields = {name: _tuple(value) for name, value in content.items()}
    files = tuple(WeightsFile(**file) for file in content["weights"])
    return replace(ModelCard(**fields), weights=files)
