"""Models that load when they must, and which network an object in memory is.

A `LazyModel` stands for a model whose identity is known, and loads its network only when a sound
must be heard.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.activations.identity import (
    Identity,
    checked_card,
    checked_model,
    checked_name,
    described,
)
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
from brainbench_audio.errors import CacheError, PluginLoadError
from brainbench_audio.files import hash_file
from brainbench_audio.hashing.own_code import is_installed
from brainbench_audio.hashing.sources import check_imported, check_unchanged, package_hash
from brainbench_audio.interfaces import Model
from brainbench_audio.stimuli.stimulus_set import Moment, clips
from brainbench_audio.views import line

# libraries whose versions are in the provenance, and part of no key
_VERSIONED = ("torch", "numpy", "brainbench_audio")

# what rounds more than float32; not from `precision`, which imports torch
_ROUNDED = ("tf32", "float16", "bfloat16")


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

    @property
    def precision(self) -> str:
        """What the loaded network computes in, as far as it says: one of `PRECISIONS`."""
        named = str(getattr(self._model, "dtype", "")).removeprefix("torch.")
        return named if named in _ROUNDED else "float32"

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
        return runs_ahead(self._model)

    def begin(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
        moment: Moment | None = None,
    ) -> Callable[[], Mapping[str, npt.NDArray[np.float32]]]:
        """Have a model that `runs_ahead` hear sounds; return what waits for their `activations`.

        Any other model hears them when it is waited for. With a ``moment``, these are activations
        over time; a model that knows no time hears the clip of each window.
        """
        coming = begin(self._present(), waveforms, layers, moment)

        def wait() -> Mapping[str, npt.NDArray[np.float32]]:
            activations = coming()
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


def _has(model: object, method: str) -> bool:
    """Return whether a class has a method for its own `activations`, not for those of a base."""
    kinds = type(model).__mro__
    owner = next((place for place, base in enumerate(kinds) if "activations" in vars(base)), -1)
    there = any(method in vars(base) for base in kinds[: owner + 1])
    return there and "activations" not in getattr(model, "__dict__", ())


def knows_time(model: object) -> bool:
    """Whether a model hears windows of continuous sound by itself, and not the clip of each."""
    return _has(model, "activations_over_time")


def runs_ahead(model: object) -> bool:
    """Whether a model computes on while somebody waits for sounds before."""
    return _has(model, "begin") and bool(getattr(model, "runs_ahead", False))


def begin(
    model: Any,
    waveforms: Sequence[npt.NDArray[np.float32]],
    layers: Sequence[str] | None,
    moment: Moment | None,
) -> Callable[[], Mapping[str, npt.NDArray[np.float32]]]:
    """Have any model hear sounds, see `LazyModel.begin`; return what waits for its activations."""
    if moment is not None and not knows_time(model):
        waveforms, moment = clips(waveforms, moment, model.sample_rate), None
    in_time = [] if moment is None else [moment]
    if runs_ahead(model):
        begun: Callable[[], Any] = model.begin(waveforms, layers, *in_time)
        return begun
    hear = model.activations_over_time if in_time else model.activations
    return partial(hear, waveforms, *in_time, layers=layers)


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
        It is no model or has no name, its fingerprint is no JSON, or it names a file that does not
        exist.
    PluginLoadError
        Data that it may read have changed since it was loaded.
    """
    if isinstance(model, LazyModel):
        return model.identity
    model = checked_model(model, name_of(model))
    if checked_card(model) is None and (name := getattr(model, "name", None)) is not None:
        checked_name(name)
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
