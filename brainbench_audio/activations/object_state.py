"""What a model in memory is made of, attribute by attribute, and what was changed in it since.

A loaded model can be changed behind its id: weights fine-tuned in place, a hook added, an attribute
set. So what `load_model` hands out is sealed, and compared with its seal when it is scored. What
hearing itself changes, such as a counter of calls, is noted and does not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from brainbench_audio.errors import ContractError
from brainbench_audio.files import hash_json
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.hashing import live_data
from brainbench_audio.hashing.live_code import Unhashable, hash_object
from brainbench_audio.hashing.live_tensors import TensorDigests
from brainbench_audio.interfaces import Model
from brainbench_audio.names import one_form

State = dict[str, str]
NO_FINGERPRINT = "it has no fingerprint"
_CLASS = "__class__"
_CONTENT = "content of its base class"
OPAQUE = "opaque"


@dataclass
class Seal:
    """What is remembered of a model in memory.

    Attributes
    ----------
    identity : Any
        `Identity` of the id it was loaded by; None for somebody's own object.
    state : mapping of str to str
        As it was loaded.
    harmless : mapping of (str, str) to str
        Attribute and hash after hearing, to its hash before.
    seen : mapping of str to str
        As it was last looked at.
    tensors : TensorDigests
        Those of the last look.
    """

    identity: Any = None
    state: State = field(default_factory=dict)
    harmless: dict[tuple[str, str], str] = field(default_factory=dict)
    seen: State = field(default_factory=dict)
    tensors: TensorDigests = field(default_factory=TensorDigests)


def sealed(model: Model, identity: Any) -> None:
    """Remember what a model is now, and by which id it was loaded."""
    tensors = TensorDigests()
    _seal(model, identity, _looked_at(model, tensors), tensors)


def _seal(model: Model, identity: Any, state: State, tensors: TensorDigests) -> None:
    with suppress(AttributeError, TypeError):  # no attributes can be added: it has no seal then
        seal = Seal(identity, state, seen=state, tensors=tensors)
        object.__setattr__(model, live_data.SEAL, seal)


def seal_of(model: object) -> Seal | None:
    """Return what is remembered of a model; None if it was never seen."""
    seal = vars(model).get(live_data.SEAL) if hasattr(model, "__dict__") else None
    return seal if isinstance(seal, Seal) else None


def state_of(model: Model) -> State:
    """Return the hash of each attribute and the class as they are now.

    What hearing changed counts as before.

    Attributes that the class names in ``transient`` are left out. One that cannot be hashed is
    ``opaque``.
    """
    tensors = TensorDigests()
    seen = _looked_at(model, tensors)
    seal = seal_of(model)
    if seal is None:
        _seal(model, None, seen, tensors)
        return seen
    seal.seen, seal.tensors = seen, tensors
    return {name: seal.harmless.get((name, value), value) for name, value in seen.items()}


def settle(model: Model) -> None:
    """Note that what has changed since a model was last looked at was changed by hearing.

    Parameters that torch says nobody changed are not read again. If one was changed all the same,
    this is not noted: the model counts as another one when it is looked at next.
    """
    if (seal := seal_of(model)) is None:
        return
    tensors = TensorDigests(seal.tensors)
    now = _looked_at(model, tensors)
    for name, value in now.items():
        before = seal.seen.get(name, value)
        if before != value:
            seal.harmless[name, value] = seal.harmless.get((name, before), before)
    seal.seen, seal.tensors = now, tensors


def opaque_attribute(model: Model) -> str | None:
    """Return why the state of a model cannot be told, None if it can."""
    for name, value in _attributes(model):
        try:
            hash_object(value)
        except Unhashable as error:
            if name == _CLASS:
                return f"its class cannot be hashed: {error}"
            if name == _CONTENT:
                return (
                    f"the {name} cannot be hashed ({error}): hold an object of that class in an "
                    f"attribute, and name it in `transient` if it does not decide the activations"
                )
            return (
                f"its attribute {name} cannot be hashed ({error}): name it in the class attribute "
                f"`transient` if it does not decide the activations"
            )
    return None


def own_fingerprint(model: Model) -> Any:
    """Return a model's own ``fingerprint`` as JSON has it, None if it has none.

    Raises
    ------
    ContractError
        It is no JSON.
    """
    fingerprint = getattr(model, "fingerprint", None)
    try:
        hash_json(fingerprint)
        # keys that are numbers become texts, which sort otherwise: the same hash after it was kept
        return json.loads(json.dumps(fingerprint))
    except (TypeError, ValueError) as error:
        raise ContractError(
            f"Model {name_of(model)} has a fingerprint that is no JSON: {error}."
        ) from error


def files_of(model: Model) -> dict[str, str] | None:
    """Return path and SHA-256 of the files that a model says it was made from; None: it does not.

    Raises
    ------
    ContractError
        One of them does not exist, or they are no paths.
    """
    files = getattr(model, "files", None)
    if files is None:
        return None
    if isinstance(files, str | PathLike):
        files = (files,)
    if not isinstance(files, Sequence) or not all(isinstance(x, str | PathLike) for x in files):
        raise ContractError(
            f"Model {name_of(model)} has files {files!r}, expected a list of the paths of all "
            f"files it was made from: files = [Path(…)], or None where they are not known."
        )
    paths = [Path(file) for file in files]
    for path in paths:
        if not path.is_file():
            raise ContractError(
                f"Model {name_of(model)} names {path} in `files`, which does not exist: name the "
                f"files it was made from."
            )
    return dict(zip(map(str, paths), hash_files(paths), strict=True))


def name_of(model: Model) -> str:
    """Return the id on a model's card, else its ``name``, else the name of its class.

    Messages name a model by it, so a name that is none is no error here, see `checked_name`.
    """
    card = getattr(model, "card", None)
    name = getattr(model, "name", None) if card is None else getattr(card, "id", None)
    return one_form(name.strip()) if isinstance(name, str) else type(model).__name__


def source_of(model: Model) -> str:
    """Return the module in which a model in memory is defined; of a wrapped network, its own."""
    return str(getattr(model, "defined_in", type(model).__module__))


def _looked_at(model: Model, tensors: TensorDigests) -> State:
    found = {}
    for name, value in _attributes(model):
        try:
            found[name] = hash_object(value, tensors=tensors)
        except Unhashable:
            found[name] = OPAQUE
    return found


def _attributes(model: Model) -> Iterator[tuple[str, Any]]:
    """Yield the class of an instance and all that may decide its activations."""
    kind = type(model)
    yield _CLASS, kind
    own, state = getattr(model, "__dict__", {}), live_data.state_of(model)
    for name in sorted(state.keys() - {live_data.SEAL, *live_data.transient_names(kind)}):
        value = state[name]
        if name in live_data.GLOBAL_HOOKS and not value:
            continue
        # hooks come by rank; where there are none, as they lie: stored versions of networks stay
        none = isinstance(value, list) and not value and isinstance(own.get(name), dict)
        yield name, type(own[name])() if none else value
    if live_data.has_hidden_state(kind):
        yield _CONTENT, model
