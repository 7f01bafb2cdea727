"""From ids and files to loaded models, and which networks these are."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from brainbench_audio.activations.identity import (
    Identity,
    checked_model,
    described,
    is_model,
    is_network,
)
from brainbench_audio.activations.object_state import NO_FINGERPRINT, own_fingerprint, sealed
from brainbench_audio.activations.projection import projected
from brainbench_audio.cards import CONTROLS
from brainbench_audio.errors import (
    BrainbenchError,
    ContractError,
    DataError,
    PluginLoadError,
    UnknownId,
)
from brainbench_audio.hashing.sources import imported, load_tree
from brainbench_audio.interfaces import Model
from brainbench_audio.names import as_on_disk, from_home
from brainbench_audio.pipeline.fingerprint import fingerprinted
from brainbench_audio.pipeline.loaders import call_loader, invoke
from brainbench_audio.progress import stage
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.scores.identities import tags_of

_PLACEMENT = ("device", "dtype")


def load_model(identifier: str, **options: Any) -> Model:
    """Load a model by id, or from a file as ``"./my_model.py:MyModel"``.

    Parameters
    ----------
    identifier : str
        Id, ``distribution:id`` or file and class; behind an id, ``@untrained``, ``@permuted`` or
        ``@project=100`` for a control of the model, ``@step=1000`` for a checkpoint given as
        ``weights``.
    **options
        ``device`` and ``dtype`` place the model, see `TorchModel`; the others go to the plugin's
        loader, e.g. ``weights``.

    Returns
    -------
    Model
        Scored as what its id means, as long as nothing in it is changed.

    Raises
    ------
    UnknownId
        No plugin provides it, or it is another version now.
    PluginLoadError
        Its loader cannot be imported, or its source was changed since it was.
    ContractError
        An option the model does not take, or something that is no model.
    """
    model, identity = load_identified(identifier, options)
    sealed(model, identity)
    return model


def load_identified(identifier: str, options: Mapping[str, Any]) -> tuple[Model, Identity]:
    """Load a model, and tell which network it is; see `load_model`."""
    wanted, options = model_asked_for(identifier, options)
    load = _load_plugins if wanted.file is None else _load_file
    with stage("load", wanted.label):
        model, identity = load(replace(wanted, project=None), options)
        if wanted.project is not None:
            model, identity = projected(model, identity, wanted.project, wanted.label)
    check_version(wanted, identity)
    return model, identity


def model_asked_for(identifier: str, options: Mapping[str, Any]) -> tuple[ModelId, dict[str, Any]]:
    """Return an id and options in which a control stands in the id, however it was asked for.

    Raises
    ------
    UnknownId
        Another word behind an ``@`` than a step and those of controls.
    ContractError
        A step without its checkpoint, or two controls at once.
    """
    wanted, rest = ModelId.parse(identifier).absolute(), dict(options)
    weights = rest.get("weights")
    asked = [rest.pop("control", None), wanted.control]
    if isinstance(weights, str) and weights in CONTROLS:
        asked.append(rest.pop("weights"))
    elif isinstance(weights, str | Path):
        file = as_on_disk(from_home(weights))
        if file.exists():  # else a name that the loader knows, or an address
            rest["weights"] = type(weights)(file)
    controls = {control for control in asked if control}
    if wanted.project is not None:
        controls |= {wanted.variant} if controls else set()
    if len(controls) > 1 or (controls and wanted.step is not None):
        raise ContractError(f"{identifier} is to be {' and '.join(sorted(controls))}: choose one.")
    if wanted.step is not None and rest.get("weights") is None:
        raise ContractError(
            f"{identifier} is one checkpoint of a training: give its file, --weights FILE or "
            f"load_model({identifier!r}, weights=FILE)."
        )
    return replace(wanted, control=next(iter(controls), None)), rest


def check_version(wanted: ModelId, identity: Identity) -> None:
    """Refuse an id whose version, or the version of whose tag, is not what the id means now.

    Raises
    ------
    UnknownId
        Naming the version that it is now.
    """
    if not wanted.version:
        return
    tagged = tags_of(identity.id, identity.source).get(wanted.version)
    if identity.version != tagged and (tagged or not identity.digest.startswith(wanted.version)):
        raise UnknownId(
            f"{identity.id} is version {identity.version} now. What is stored of version "
            f"{wanted.version} is shown by `brainbench results list --model {wanted}`; to score "
            f"it again, bring its weights and source back."
        )


def _load_plugins(wanted: ModelId, options: Mapping[str, Any]) -> tuple[Model, Identity]:
    entry = find_model(wanted)
    card = entry.card
    given = {name: value for name, value in options.items() if name not in _PLACEMENT}
    if wanted.control:
        given["control"] = wanted.control
    placement = {name: str(options[name]) for name in _PLACEMENT if name in options}

    def load() -> Model:
        model = checked_model(call_loader(card.loader, f"model {card.id}", card, **given), card.id)
        if placement:
            _place(model, card.id, placement)
        return model

    model, source = imported(card.packages, load)
    if wanted.variant:
        # a control is scored, cached and reported like a model of its own
        own_card = replace(getattr(model, "card", card), id=wanted.label)
        model.card = own_card  # type: ignore[attr-defined]
    identity = described(model, wanted.label, entry.distribution)
    if (own := own_fingerprint(model)) is None:
        return model, replace(identity, unkept=NO_FINGERPRINT)
    code = {"packages": list(card.packages), "hash": source}
    return model, fingerprinted(identity, model, {"given": own, "source": source}, code, options)


def _place(model: Any, identifier: str, placement: Mapping[str, str]) -> None:
    """Put a model on a device, at a precision; a `TorchModel` can do that."""
    if not hasattr(model, "place"):
        raise ContractError(
            f"Model {identifier} does not support --device and --dtype: leave them out."
        )
    model.place(**placement)


def _load_file(wanted: ModelId, options: Mapping[str, Any]) -> tuple[Model, Identity]:
    file = Path(wanted.file or "")
    if not file.is_file():
        raise DataError(f"Model file {file} does not exist: give it as PATH.py:ClassName.")
    try:
        module, tree = load_tree(file)
    except BrainbenchError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginLoadError(f"{file} cannot be imported: {error!r}.") from error
    if not hasattr(module, wanted.name):
        raise PluginLoadError(_no_model(file, module, wanted.name))
    given = {**options, "control": wanted.control} if wanted.control else dict(options)
    model = _made(getattr(module, wanted.name), wanted, given)
    identity = described(model, wanted.label, str(file))
    if (own := own_fingerprint(model)) is None:
        return model, replace(identity, unkept=NO_FINGERPRINT)
    fingerprint = {"given": own, "class": wanted.name, "tree": tree}
    code = {"tree": str(file), "hash": tree}
    return model, fingerprinted(identity, model, fingerprint, code, options)


def _made(maker: Any, wanted: ModelId, options: Mapping[str, Any]) -> Model:
    """Return the model that something in a file is or makes, with all that was asked for."""
    # networks can be called, too, with a sound
    ready = is_model(maker) or is_network(maker) or not callable(maker)
    taken = {} if ready else inspect.signature(maker).parameters
    if "control" in options and "control" not in taken:
        raise ContractError(
            f"{wanted} has no control: a class or function of a file has those that its argument "
            f"`control` makes. Score what is not trained under a name of its own."
        )
    # what makes a model may see to its place
    takes_any = any(one.kind is one.VAR_KEYWORD for one in taken.values())
    sees_to = _PLACEMENT if takes_any else [*taken]
    placed = [name for name in _PLACEMENT if name in options and name not in sees_to]
    given = {name: value for name, value in options.items() if name not in placed}
    if ready and given:
        raise ContractError(
            f"{wanted} is a model already, so it takes no {', '.join(given)}: name the class or "
            f"the function that makes it."
        )
    made = maker if ready else invoke(maker, f"model {wanted}", (), given)
    model = checked_model(_wrapped(made, wanted), str(wanted))
    if placed:
        _place(model, str(wanted), {name: str(options[name]) for name in placed})
    return model


def _wrapped(made: Any, wanted: ModelId) -> Any:
    """Return a network as a model; what is a model already as it is."""
    if not is_network(made):
        return made
    from brainbench_audio.activations.own_modules import wrap

    return wrap(made, name=wanted.name)


def _no_model(file: Path, module: Any, name: str) -> str:
    """Say which models a file has in place of one that it does not have."""
    public = {other: value for other, value in vars(module).items() if not other.startswith("_")}
    own = [
        other
        for other, value in public.items()
        if getattr(value, "__module__", "") == module.__name__
    ]
    models = [
        other
        for other, value in public.items()
        if hasattr(value, "activations")
        and (other in own or not isinstance(value, type | ModuleType))
    ]
    models = models or own  # that make one
    return (
        f"{file} has no model {name!r}, only {', '.join(models) or 'none'}: give it as "
        f"{file}:{models[-1] if models else 'ClassName'}."
    )
