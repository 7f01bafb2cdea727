"""`wrap`: a `torch.nn.Module` of one's own as a model, without a card and without a plugin.

What its layers are, which axis of each is time and how many features it has is told by listening:
the network hears noise of two lengths.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count
from typing import Any, Literal

import torch
from torch.utils.hooks import RemovableHandle

from brainbench_audio.activations.identity import checked_name, hertz
from brainbench_audio.activations.read_outs import Pooling
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError

_SECONDS = (1.0, 1.5)  # of the sounds that tell which axis is time
_LOUDNESS = 0.1  # standard deviation of the noise
_CONTAINERS = (torch.nn.Sequential, torch.nn.ModuleList, torch.nn.ModuleDict)
_SHOWN = 8  # names of modules in a message


class WrappedModule(TorchModel):
    """What `wrap` returns: a `TorchModel` of somebody's own network."""

    @property
    def defined_in(self) -> str:
        """Module of the network's class: where the model comes from."""
        return type(self.network).__module__


def wrap(
    module: torch.nn.Module,
    layers: Literal["auto"] | Sequence[str] | Mapping[str, str] = "auto",
    *,
    sample_rate: int | None = None,
    name: str | None = None,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
    device: str = "auto",
) -> TorchModel:
    """Return a network of one's own as a model that can be scored.

    Parameters
    ----------
    module : torch.nn.Module
        Takes float32 waveforms (batch, sample) at ``sample_rate``. It is put into eval mode and
        moved to the device. What ``torch.compile`` made is heard as the network in it. For a
        network that wants a channel axis, wrap
        ``torch.nn.Sequential(torch.nn.Unflatten(1, (1, -1)), module)``.
    layers : str, sequence of str or mapping of str to str
        Names of modules whose outputs are the layers, as ``module.named_modules()`` has them,
        ``name#2`` for the second output of one that runs several times; or a mapping of layer to
        such a name. ``"auto"``: the blocks of the network, in the order in which they run: its
        children, and those of every ``Sequential``, ``ModuleList`` and ``ModuleDict`` and of
        whatever holds a ``ModuleList``. Left out is what does not run exactly once a sound, what
        returns no row of numbers a sound, and what hands on its input (dropout, reshaping).
    sample_rate : int, optional
        Hz; by default the attribute ``sample_rate`` of the module.
    name : str, optional
        Id of the model; by default the name of the module's class.
    pooling : callable or mapping of str to callable, optional
        Turns a module's output into (batch, feature), one for all layers or one a layer. By
        default, each layer is averaged over the axes that get longer with the sound.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Returns
    -------
    TorchModel
        Scores are kept under a hash of the network: code, structure and every weight.

    Raises
    ------
    ContractError
        It is no network, there is no sample rate, no such module, the network cannot hear a
        waveform, or its name would be read as another id.

    Examples
    --------
    >>> network = torch.nn.Sequential(
    ...     torch.nn.Unflatten(1, (1, -1)), torch.nn.Conv1d(1, 8, 400, 160), torch.nn.ReLU()
    ... )
    >>> wrap(network, sample_rate=16_000, name="tiny-conv", device="cpu").layers
    ('1', '2')
    """
    if not isinstance(module, torch.nn.Module):
        kind = module.__name__ if isinstance(module, type) else type(module).__name__
        hint = f": make one, {kind}(…)" if isinstance(module, type) else ""
        raise ContractError(f"{kind} is no torch.nn.Module that could be wrapped{hint}.")
    module = unwrapped(module)
    identifier = checked_name(type(module).__name__ if name is None else name)
    rate = getattr(module, "sample_rate", None) if sample_rate is None else sample_rate
    rate = hertz(identifier, rate)
    _refuse_compiled(module, f"Model {identifier}")
    module.eval()
    if layers == "auto":
        read_outs = {layer: layer for layer in _proposed(module, rate)}
    elif isinstance(layers, str):
        raise ContractError(f'Model {identifier}: layers={layers!r} must be "auto" or a list.')
    else:
        read_outs = dict(layers) if isinstance(layers, Mapping) else {one: one for one in layers}
    _check_names(module, identifier, read_outs)
    dims: tuple[int, ...] = ()
    given = pooling
    if given is None:
        found = _heard(module, rate, read_outs)
        for heard in found.values():
            heard.check(identifier)
        dims = tuple(heard.features for heard in found.values())
        given = {
            layer: partial(mean_over_axes, axes=heard.time_axes) for layer, heard in found.items()
        }
    card = ModelCard(
        id=identifier,
        family=identifier,
        label=identifier,
        parameters=sum(one.numel() for one in module.parameters()),
        layers=tuple(read_outs),
        dims=dims,
        sample_rate=rate,
        licence="not told",
        citation="",
        training_data="not told",
        source="",
        packages=(),
        loader="",
    )
    # a constant: code, structure and weights count by themselves, see docs/how-to/identity.md
    return WrappedModule(card, module, read_outs, fingerprint="wrap", pooling=given, device=device)


def unwrapped(network: torch.nn.Module) -> torch.nn.Module:
    """Return the network inside ``torch.compile`` and ``DistributedDataParallel``."""
    while True:
        inner = getattr(network, "_orig_mod", None)
        if isinstance(network, torch.nn.parallel.DistributedDataParallel):
            inner = network.module
        if not isinstance(inner, torch.nn.Module):
            return network
        network = inner


def mean_over_axes(output: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    """Return (batch, feature): the mean over some axes, the others side by side."""
    return (output.mean(dim=axes) if axes else output).flatten(1)


@dataclass
class _Heard:
    """What a module put out: for each sound the shapes of its outputs, one a run."""

    name: str
    place: int = -1
    shapes: list[list[tuple[int, ...]]] = field(default_factory=list)
    unfit: bool = False
    handed_on: bool = False

    @property
    def is_layer(self) -> bool:
        """Whether what it put out is a layer: once a sound, a row of numbers each."""
        number = self.name.partition("#")[2]
        runs = [int(number) <= len(each) if number else len(each) == 1 for each in self.shapes]
        if self.unfit or not all(runs):
            return False
        first, second = self.outputs
        return len(first) == len(second) > 1 and first[0] == second[0] == 1

    @property
    def outputs(self) -> list[tuple[int, ...]]:
        """Shape of the output that is read out, for each sound."""
        number = self.name.partition("#")[2]
        return [each[int(number or 1) - 1] for each in self.shapes]

    @property
    def time_axes(self) -> tuple[int, ...]:
        """Axes that get longer with the sound."""
        first, second = self.outputs
        return tuple(axis for axis in range(1, len(first)) if first[axis] != second[axis])

    @property
    def features(self) -> int:
        """Numbers a sound, without the axes of time."""
        kept = set(range(1, len(self.outputs[0]))) - set(self.time_axes)
        return math.prod(self.outputs[0][axis] for axis in kept)

    def check(self, identifier: str) -> None:
        """Refuse what is no layer."""
        if not any(self.shapes):
            raise ContractError(
                f"Model {identifier}: module {self.name!r} puts out no tensor when the network "
                f"hears a waveform: name another one."
            )
        if not self.is_layer:
            seconds = " and ".join(f"{one:g}" for one in _SECONDS)
            raise ContractError(
                f"Model {identifier}: {self.name!r} is no layer by itself. Its outputs for sounds "
                f"of {seconds} s have shapes {self.shapes}, expected one of (1, …) for each. Of a "
                f"module that runs several times, name one output, {self.name}#1; else give "
                f"`pooling`."
            )


def _heard(
    module: torch.nn.Module, sample_rate: int, read_outs: Mapping[str, str]
) -> dict[str, _Heard]:
    """Let the network hear noise, and note what the modules put out, by layer."""
    found = {layer: _Heard(name) for layer, name in read_outs.items()}
    places = count()
    handles: list[RemovableHandle] = []
    for heard in found.values():
        handles += _noted(module.get_submodule(heard.name.partition("#")[0]), heard, places)
    generator = torch.Generator().manual_seed(0)
    first = next(chain(module.parameters(), module.buffers()), torch.empty(0))
    try:
        with torch.inference_mode():
            for seconds in _SECONDS:
                for heard in found.values():
                    heard.shapes.append([])
                noise = torch.randn(1, round(seconds * sample_rate), generator=generator)
                module((_LOUDNESS * noise).to(first.device))
    except Exception as error:
        raise ContractError(
            f"{type(module).__name__} cannot hear a waveform of shape (1, {sample_rate}), (batch, "
            f"sample): {error}. For a channel axis, wrap torch.nn.Sequential(torch.nn.Unflatten(1, "
            f"(1, -1)), module); for a spectrogram, put its computation in front likewise."
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    return found


def _noted(module: torch.nn.Module, heard: _Heard, places: Iterator[int]) -> list[RemovableHandle]:
    """Add the hooks that note what a module puts out."""
    given: list[torch.Tensor] = []

    def before(_module: torch.nn.Module, inputs: Any) -> None:
        # a copy, because the module may work in place
        given[:] = [one.clone() for one in inputs[:1] if isinstance(one, torch.Tensor)]

    def after(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        value = output[0] if isinstance(output, tuple) and output else output
        heard.place = next(places) if heard.place < 0 else heard.place
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            heard.unfit = True
            return
        heard.shapes[-1].append(tuple(value.shape))
        heard.handed_on |= any(
            one.numel() == value.numel() and torch.equal(one.flatten(), value.flatten())
            for one in given
        )

    return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]


def _proposed(module: torch.nn.Module, sample_rate: int) -> list[str]:
    """Return the names of the modules that are worth a layer, in the order in which they run."""
    once = dict(module.named_modules())  # a module under two names has the first
    names = [name for name in _blocks(module, "") if name in once and not _hides(once[name])]
    heard = _heard(module, sample_rate, {name: name for name in names})
    found = [one for one in heard.values() if one.is_layer and not one.handed_on]
    if not found:
        raise ContractError(
            f"No layers can be proposed for {type(module).__name__}: name the modules to read out, "
            f'wrap(module, layers=["…"]), as module.named_modules() has them.'
        )
    return [one.name for one in sorted(found, key=lambda one: one.place)]


def _blocks(module: torch.nn.Module, prefix: str) -> Iterator[str]:
    """Yield the names of the blocks below a module."""
    for name, child in module.named_children():
        whole = f"{prefix}{name}"
        expanded = isinstance(child, _CONTAINERS) or any(
            isinstance(below, torch.nn.ModuleList) for below in child.modules()
        )
        if expanded and any(True for _ in child.children()):
            yield from _blocks(child, f"{whole}.")
        else:
            yield whole


def _hides(module: torch.nn.Module) -> bool:
    """Return whether torch.jit compiled a module: nobody can look into it then."""
    return isinstance(module, torch.jit.ScriptModule)


def _refuse_compiled(module: torch.nn.Module, name: str) -> None:
    if _hides(module):
        raise ContractError(
            f"{name} is compiled by torch.jit, which hides what a module puts out: give the "
            f"network that was compiled."
        )


def _check_names(module: torch.nn.Module, identifier: str, read_outs: Mapping[str, str]) -> None:
    texts = [*read_outs, *read_outs.values()]
    if not all(isinstance(text, str) for text in texts):
        raise ContractError(
            f"Model {identifier}: layers {list(read_outs)} must be names of modules, or a mapping "
            f"of names of layers to these."
        )
    known = dict(module.named_modules(remove_duplicate=False))
    unknown = [name for name in read_outs.values() if name.partition("#")[0] not in known]
    if unknown or not read_outs:
        shown = [name for name in known if name]
        more = ", …" if len(shown) > _SHOWN else ""
        raise ContractError(
            f"Model {identifier} has no module {(unknown or ['at all'])[0]!r} to read out, only "
            f"{', '.join(shown[:_SHOWN])}{more}: module.named_modules() lists them."
        )
    for name in read_outs.values():
        _refuse_compiled(known[name.partition("#")[0]], f"Module {name!r} of model {identifier}")
