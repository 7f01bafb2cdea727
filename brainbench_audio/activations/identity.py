"""Which network it is: one record for every kind of model.

An `Identity` says what decides a model's activations. It is worked out once, handed down, and
stored with every score.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from numbers import Real
from typing import Any

from brainbench_audio.cards import RATES, ModelCard, WeightsFile
from brainbench_audio.errors import ContractError
from brainbench_audio.files import hash_json, json_ready
from brainbench_audio.interfaces import Model, ModelWithCard
from brainbench_audio.names import one_form

VERSION_DIGITS = 8
UNKNOWN = "unknown"
_SIGNS = re.compile(r"[@#:*?\[\]\x00-\x1f\x7f]")  # of ids, and what tables cannot show


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


def checked_model(model: Any, label: str) -> Model:
    """Return what is a model.

    Raises
    ------
    ContractError
        It lacks something, or is a class.
    """
    if isinstance(model, type):
        raise ContractError(f"{model.__name__} is a class: give a model, {model.__name__}(…).")
    if lacking := _lacking(model):
        raise ContractError(
            f"{label} is no model: it has no {', '.join(lacking)}. See "
            f"brainbench_audio/interfaces.py for what a model has."
        )
    checked: Model = model
    return checked


def is_model(model: Any) -> bool:
    """Return whether something is an object with all that `interfaces.Model` has."""
    return not isinstance(model, type) and not _lacking(model)


def is_network(model: Any) -> bool:
    """Return whether something is a `torch.nn.Module` that `wrap` makes a model of."""
    torch = sys.modules.get("torch")  # whoever has a network has imported it
    return torch is not None and isinstance(model, torch.nn.Module) and bool(_lacking(model))


def _lacking(model: Any) -> list[str]:
    return [name for name in ("layers", "sample_rate", "activations") if not hasattr(model, name)]


def described(model: Model, label: str, source: str) -> Identity:
    """Return what a loaded model says of itself, without a fingerprint.

    Raises
    ------
    ContractError
        Its layers have no names, or two of them the same; its sample rate is none; or its card,
        `transient` or provenance is something else than these are.
    """
    card = checked_card(model, label) if isinstance(model, ModelWithCard) else None
    layers: Any = model.layers
    ordered = isinstance(layers, Iterable) and not isinstance(layers, str | set | frozenset)
    names = tuple(layers) if ordered else ()
    named = all(isinstance(name, str) and name for name in names)
    if not names or not named or len(set(names)) < len(names):
        raise ContractError(
            f"Model {label} has layers {layers!r}, expected names, no two alike: "
            f'layers = ("conv1", "conv2"), and of a single layer layers = ("conv1",).'
        )
    dims = tuple(card.dims) if card else ()
    if dims and len(dims) != len(names):
        raise ContractError(
            f"Model {label} has {len(names)} layers, and its card has `dims` of {len(dims)}: give "
            f"each layer its number of features, or leave them out, dims=()."
        )
    _refuse_transient(model, label)
    return Identity(
        id=label,
        source=source,
        layers=tuple(map(str, names)),
        dims=dims,
        sample_rate=hertz(label, model.sample_rate),
        fingerprint=None,
        card=card,
        provenance=_provenance(model, label),
    )


def checked_card(model: Any, label: str = "") -> ModelCard | None:
    """Return a model's card, None if it has none.

    Raises
    ------
    ContractError
        It is no card.
    """
    card = getattr(model, "card", None)
    if card is not None and not isinstance(card, ModelCard):
        raise ContractError(
            f"Model {label or type(model).__name__} has card {card!r}, expected a ModelCard: make "
            f"one, or give the model a `name` in its place."
        )
    return card


def checked_name(name: Any) -> str:
    """Return the name of somebody's own model in the form in which names are compared.

    Raises
    ------
    ContractError
        It would be read as another id, or tables cannot show it.
    """
    if not isinstance(name, str) or not name.strip() or _SIGNS.search(name):
        raise ContractError(
            f"A model cannot be named {name!r}: expected a text such as 'my-network', without "
            f"line breaks and @ # : * ? [ ], which stand for controls, versions, places and globs."
        )
    return one_form(name.strip())


def _refuse_transient(model: Model, label: str) -> None:
    for kind in type(model).__mro__:
        named = vars(kind).get("transient", ())
        if not isinstance(named, Collection) or not all(isinstance(name, str) for name in named):
            raise ContractError(
                f"Model {label} has transient {named!r}, expected names of attributes that do not "
                f'decide its activations: transient = ("cache", "device").'
            )


def _provenance(model: Model, label: str) -> dict[str, Any]:
    """Return what a model adds to the provenance of its scores, as JSON can say it."""
    provenance = getattr(model, "provenance", None)
    if provenance is None:
        return {}
    try:
        ready: dict[str, Any] = json_ready(dict(provenance))
        json.dumps(ready)
    except (TypeError, ValueError, RecursionError) as error:
        raise ContractError(
            f"Model {label} has provenance {provenance!r}, expected names with what JSON can say "
            f'of each: provenance = {{"learning rate": 0.1}}.'
        ) from error
    return ready


def hertz(label: str, rate: Any) -> int:
    """Return a model's sample rate (Hz) as an integer.

    Raises
    ------
    ContractError
        It is no whole number that a sound is sampled at.
    """
    least, most = RATES
    real = isinstance(rate, Real)
    if not (real and least <= rate <= most and float(rate).is_integer()):
        raise ContractError(
            f"Model {label} has sample rate {rate!r}, expected a whole number of Hz, {least:,} "
            f"to {most:,}: say what it was made for, by an attribute or argument "
            f"sample_rate=16000."
        )
    return int(rate)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _card(content: Mapping[str, Any]) -> ModelCard:
    fields = {name: _tuple(value) for name, value in content.items()}
    files = tuple(WeightsFile(**file) for file in content["weights"])
    return replace(ModelCard(**fields), weights=files)
