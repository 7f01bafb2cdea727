"""Takes a state dict out of what programs put around it, if all its names then fit a network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from brainbench_audio.activations.weights import SHOWN, State, tensors
from brainbench_audio.errors import DataError

ENTRIES = ("model", "state_dict", "module", "model_state_dict", "net", "network", "weights")
"""Under which programs save a state dict, in the order in which they are tried."""
# averages over training are another network than the one that a card names
_AVERAGED = re.compile(r"(?:^|_)ema(?:_|$)|^averaged(?:_|$)", re.IGNORECASE)
_WRAPPERS = ("module.", "_orig_mod.")
_DEEPEST = 4  # module.model.1.encoder.
_NESTED = 2  # an entry in an entry
_FEWEST = 1 / 3  # share of names that a wrapper's prefix is before; others are parts of networks
_SPELLINGS = {
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}
# the norms of transformers, when they were named as in TensorFlow
_OLD_NORMS = {"gamma": "weight", "beta": "bias"}
_KINDS = (
    (r"(?:^|\.)lora_[AB]\.", "an adapter (LoRA), which needs the network that it adapts"),
    (r"(?:^|\.)(?:exp_avg|momentum_buffer)", "the state of an optimiser"),
    (r"^n_averaged$", "an average over training (EMA or SWA), not the network itself"),
    (r"\.(?:qweight|qzeros|SCB|_packed_params)(?:\.|$)", "a quantised network"),
)


@dataclass(frozen=True)
class Unwrapped:
    """A state dict out of its wrapping.

    Attributes
    ----------
    state : mapping of str to Tensor
        Under published names.
    entry, prefix : str
        Where it was, and what was before each of its names; empty: nothing.
    aside : tuple of str
        Names beside it that feed no layer.
    """

    state: State
    entry: str = ""
    prefix: str = ""
    aside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fit:
    """What makes a state dict that of a network.

    Attributes
    ----------
    names : collection of str
        Those of the network.
    strip, rename : callable
        As those of a `Family`.
    unused : str
        Pattern of published names that feed no layer.
    entries : sequence of str
        Where published files have the state dict, tried before `ENTRIES`.
    """

    names: Collection[str]
    strip: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    rename: Callable[[State], State] = dict
    unused: str = ""
    entries: Sequence[str] = ()

    def convert(self, state: State) -> State:
        """Return a state dict under the names of the network, in its spelling of weight norm."""
        return respelled(self.rename(state), self.names)

    def misfits(self, state: State) -> int:
        """Return how many names are missing or too many."""
        return len(set(self.names) ^ set(self.convert(state)))

    def feeds_no_layer(self, name: str) -> bool:
        """Return whether a published name is one that may be left out."""
        return bool(self.unused and re.fullmatch(self.unused, name)) or averaged(name)


def averaged(name: str) -> bool:
    """Return whether a name begins with what stands for an average over training.

    Examples
    --------
    >>> averaged("model_ema.conv.weight"), averaged("ema"), averaged("codebook.ema_count")
    (True, True, False)
    """
    return bool(_AVERAGED.search(name.partition(".")[0]))


def unwrap(content: Mapping[Any, Any], fit: Fit) -> Unwrapped:
    """Return the state dict in what a file holds, however it is wrapped.

    Tried are the entries of the file and, in each, common prefixes (``module.`` of DDP,
    ``_orig_mod.`` of compile, ``model.`` of Lightning). The first under which all names fit is
    taken. If none does, the one with the fewest misfits is, for loading to say what they are.

    Raises
    ------
    DataError
        There are no named tensors, or two networks that both fit.
    """
    closest: tuple[int, Unwrapped] | None = None
    first_error: DataError | None = None
    fitting: Unwrapped | None = None
    for candidate in _candidates(content, fit):
        if fitting is not None and _is_published(fitting, fit):
            break
        if isinstance(candidate, DataError):  # such as a computed table of another network
            first_error = first_error or candidate
            continue
        misfits, unwrapped = candidate
        if misfits == 0:
            _refuse_second(fitting, unwrapped)
            fitting = fitting or unwrapped
        elif closest is None or misfits < closest[0]:
            closest = misfits, unwrapped
    if fitting is not None:
        # what the conversion drops feeds no layer, either; most tensors come through as they are
        kept = {id(tensor) for tensor in fit.convert(fitting.state).values()}
        others = {name: tensor for name, tensor in fitting.state.items() if id(tensor) not in kept}
        dropped = [name for name, tensor in others.items() if not fit.convert({name: tensor})]
        return replace(fitting, aside=(*fitting.aside, *dropped))
    if first_error is not None:
        raise first_error
    if closest is None:
        raise DataError(
            f"The weights file has no named tensors, expected those of a network: it holds "
            f"{_shown(content)}. Give a state_dict()."
        )
    return closest[1]


def bare(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first state dict in a file, without what wrappers put before all its names.

    For one of several files, whose names are not all that the network has.

    Examples
    --------
    >>> bare({"state_dict": {"module.conv.weight": torch.ones(1)}, "epoch": 3})
    {'conv.weight': tensor([1.])}
    """
    _, state = next(_states(content, ()), ("", content))
    plain = {str(name): value for name, value in state.items()}
    for _ in range(_DEEPEST):
        for prefix in _WRAPPERS:
            if plain and all(name.startswith(prefix) for name in plain):
                plain = {name.removeprefix(prefix): value for name, value in plain.items()}
    return plain


def respelled(state: State, names: Collection[str]) -> State:
    """Return a state dict in which both spellings of weight norm are those of the network.

    Examples
    --------
    >>> respelled({"conv.weight_g": torch.ones(1)}, ["conv.parametrizations.weight.original0"])
    {'conv.parametrizations.weight.original0': tensor([1.])}
    """
    pairs = [*_SPELLINGS.items(), *((new, old) for old, new in _SPELLINGS.items())]
    found = dict(state)
    for name in state:
        if name in names:
            continue
        for spelling, other in pairs:
            stem = name.removesuffix(spelling)
            if stem != name and stem + other in names and stem + other not in state:
                found[stem + other] = found.pop(name)
    return found


def with_new_norms(state: State) -> State:
    """Return a state dict in which norms have ``weight`` and ``bias`` for ``gamma`` and ``beta``.

    Examples
    --------
    >>> list(with_new_norms({"LayerNorm.gamma": torch.ones(1), "LayerNorm.beta": torch.ones(1)}))
    ['LayerNorm.weight', 'LayerNorm.bias']
    """
    renamed = {}
    for name, tensor in state.items():
        stem, _, leaf = name.rpartition(".")
        new = f"{stem}.{_OLD_NORMS[leaf]}" if stem and leaf in _OLD_NORMS else name
        renamed[name if new in state else new] = tensor
    return renamed


def kind_of(content: Mapping[Any, Any]) -> str:
    """Return in words what the content of a file looks like, for an error."""
    names = list(_all_names(content))
    if names and all(map(averaged, names)):
        return "an average over training (EMA or SWA), not the network itself"
    for pattern, kind in _KINDS:
        if any(re.search(pattern, name) for name in names):
            return kind
    if "pytorch-lightning_version" in content:
        wrapping = "a checkpoint of Lightning"
    elif "model" in content and ("args" in content or "cfg" in content):
        wrapping = "a checkpoint of fairseq"
    else:
        wrapping = "a state dict" if names and names[0] in content else "a checkpoint"
    return f"{wrapping} with {len(names)} tensors ({_shown(names)})"


def collapsed(names: Sequence[str]) -> list[str]:
    """Return names for people: each where they are few, else the modules that they are of.

    Examples
    --------
    >>> collapsed(["head.weight", "head.bias"])
    ['head.weight', 'head.bias']
    >>> collapsed([f"model.decoder.{block}.weight" for block in range(99)])
    ['model.decoder.* (99)']
    """
    if len(names) <= 2 * SHOWN:
        return list(names)
    counted = Counter(".".join(name.split(".")[:-1][:2]) or name for name in names)
    return [f"{module}.* ({count})" for module, count in counted.items()]


def _states(
    content: Mapping[Any, Any], entries: Sequence[str], above: str = ""
) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Yield the mappings with tensors in a file, and where they are."""
    for entry in dict.fromkeys((*entries, *ENTRIES)):
        inside = content.get(entry)
        if isinstance(inside, Mapping) and above.count(".") < _NESTED:
            yield from _states(inside, entries, f"{above}{entry}.")
    if any(isinstance(value, torch.Tensor) for value in content.values()):
        yield above.removesuffix("."), content


def _prefixes(state: Mapping[Any, Any]) -> list[str]:
    """Return what may be a wrapper's prefix, the shortest first."""
    counted: Counter[str] = Counter()
    for name in state:
        parts = str(name).split(".")[:-1]
        counted.update(".".join(parts[: depth + 1]) + "." for depth in range(len(parts[:_DEEPEST])))
    enough = _FEWEST * len(state)
    common = [
        one
        for one, count in counted.items()
        if count >= enough and not any(map(averaged, one.split(".")))
    ]
    return sorted(common, key=len)


def _candidates(
    content: Mapping[Any, Any], fit: Fit
) -> Iterator[tuple[int, Unwrapped] | DataError]:
    """Yield each way to unwrap a file with its number of misfits, or why it is none.

    Of one entry, nothing is tried after a way that fits.
    """
    for entry, state in _states(content, fit.entries):
        for prefix in ("", *_prefixes(state)):
            try:
                candidate = _taken(state, entry, prefix, fit)
                if candidate is None:
                    continue
                misfits = fit.misfits(candidate.state)
                if misfits and any(name.endswith(tuple(_OLD_NORMS)) for name in candidate.state):
                    new = replace(candidate, state=with_new_norms(candidate.state))
                    if (fewer := fit.misfits(new.state)) < misfits:
                        candidate, misfits = new, fewer
            except DataError as error:
                if not prefix:  # other names are a guess, and so is what is wrong with them
                    yield error
                continue
            yield misfits, candidate
            if misfits == 0:
                break


def _taken(state: Mapping[Any, Any], entry: str, prefix: str, fit: Fit) -> Unwrapped | None:
    """Return a state dict without a prefix, None if two names are then the same."""
    kept: dict[str, Any] = {}
    aside: list[str] = []
    for key, value in state.items():
        name = str(key)
        plain = name.removeprefix(prefix)
        if not isinstance(value, torch.Tensor) or fit.feeds_no_layer(plain):
            aside.append(name)
        elif plain in kept:
            return None
        else:
            kept[plain] = value
    return Unwrapped(tensors(fit.strip(kept)), entry, prefix, tuple(aside))


def _is_published(found: Unwrapped, fit: Fit) -> bool:
    return found.entry.partition(".")[0] in fit.entries


def _refuse_second(first: Unwrapped | None, second: Unwrapped) -> None:
    if first is None:
        return
    if first.state.keys() != second.state.keys() or not all(
        torch.equal(tensor, second.state[name]) for name, tensor in first.state.items()
    ):
        raise DataError(
            f"The weights file holds two networks that fit, {first.entry!r} and "
            f"{second.entry or 'the rest'!r}: save the one that is meant alone."
        )


def _all_names(content: Mapping[Any, Any]) -> Iterator[str]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from (str(key) for key, inside in value.items() if hasattr(inside, "dtype"))
        elif isinstance(value, torch.Tensor):
            yield str(name)


def _shown(names: Collection[Any]) -> str:
    shown = ", ".join(map(str, list(names)[:SHOWN]))
    return f"{shown}, …" if len(names) > SHOWN else shown or "nothing"
