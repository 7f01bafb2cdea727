"""What every model does, on sounds that are made on the spot."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainbench_audio.activations.lazy import knows_time
from brainbench_audio.activations.lengths import find_shortest, works_with
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import BrainbenchError, PluginLoadError
from brainbench_audio.interfaces import Model
from brainbench_audio.pipeline.loading_models import load_model
from brainbench_audio.registry.lookup import load_attribute
from brainbench_audio.stimuli.stimulus_set import Moment
from brainbench_audio.testing.conformance.cards import subject
from brainbench_audio.testing.conformance.check import (
    Check,
    Failed,
    NotChecked,
    require,
)
from brainbench_audio.testing.conformance.imports import offline, unchanged

Waveform = npt.NDArray[np.float32]
LARGE = 500_000_000
# of a layer's standard deviation: sums in another order, never a neighbour's sound
_ATOL = 1e-4
_LENGTH = re.compile(r"second|sample|short|long|length|frame", re.IGNORECASE)


def model_checks(card: ModelCard, weights: Path | None) -> Iterator[Check]:
    """Yield the checks of a model's behaviour; without ``weights``, with untrained ones."""
    name = subject(card)

    @cache
    def model() -> Model:
        return load_for_check(card, weights)

    def one(title: str, function: Callable[[Model], None]) -> Check:
        def body() -> None:
            # what it needs may be missing, and a check that went wrong says so itself
            function(model())

        return Check(name, title, body)

    yield Check(name, "loads and leaves no trace", lambda: _loads(card, weights))
    yield one("layers and dimensions as on the card", lambda found: _declared(found, card))
    yield one("the same twice", _repeatable)
    yield one("the same alone and in a batch", _independent)
    yield one("windows of continuous sound", lambda found: _windows(found, card))
    yield one("one layer as among all", _one_layer)
    yield one("fingerprint for the cache", lambda found: _fingerprint(found, card, weights))
    yield one("a control is another model", lambda found: _control(found, card, weights))
    for title, make in _SOUNDS.items():
        yield one(f"finite on {title}", lambda found, make=make: _finite(found, card, make))  # type: ignore[misc]
    yield one("the shortest sound", lambda found: _shortest(found, card))
    yield one("stereo refused", _stereo)
    yield one("unknown layer refused", _unknown_layer)


def load_for_check(card: ModelCard, weights: Path | None, **asked: Any) -> Model:
    """Load a model as the checks want it: small, offline, untrained unless weights are given."""
    taken = _loader_takes(card)
    options: dict[str, Any] = {}
    if weights is not None:
        options["weights"] = weights
    elif "control" in taken and card.parameters:
        options["control"] = "untrained"
    if card.parameters > LARGE and "depth" in taken:
        options["depth"] = 1
    with offline():
        return load_model(card.id, **options | asked)


def _loader_takes(card: ModelCard) -> Collection[str]:
    try:
        return inspect.signature(load_attribute(card.loader)).parameters
    except PluginLoadError as error:
        raise NotChecked(str(error)) from error


def _loads(card: ModelCard, weights: Path | None) -> None:
    def load_and_hear() -> None:
        model = load_for_check(card, weights)
        with offline():
            model.activations([_noise(model.sample_rate)])

    load_for_check(card, weights)  # what libraries do when they are imported is theirs
    unchanged(load_and_hear)


def _declared(model: Model, card: ModelCard) -> None:
    sound = _noise(2 * model.sample_rate)
    found = model.activations([sound, sound])
    require(
        model.sample_rate == card.sample_rate,
        f"It takes {model.sample_rate} Hz, its card says {card.sample_rate}.",
    )
    own = getattr(model, "card", card)  # of a shallow copy, the card names fewer layers
    require(
        list(model.layers) == list(own.layers) == list(found),
        f"Its layers are {list(model.layers)}, its card says {list(own.layers)} and activations() "
        f"returns {list(found)}: name the same in the same order.",
    )
    if own.layers == card.layers:
        require(own.dims == card.dims, f"The model's card has dims {own.dims}, not {card.dims}.")
    for layer, dim in zip(own.layers, own.dims, strict=True):
        values = np.asarray(found[layer])
        require(
            values.shape == (2, dim) and values.dtype == np.float32,
            f"Layer {layer} of two sounds is {values.dtype} {values.shape}, the card promises "
            f"float32 (2, {dim}): average over time, and correct `dims`.",
        )


def _repeatable(model: Model) -> None:
    sound = _noise(model.sample_rate)
    first, second = (model.activations([sound]) for _ in range(2))
    differ = [layer for layer in first if not np.array_equal(first[layer], second[layer])]
    require(
        not differ,
        f"Layers {', '.join(differ)} differ when the same sound is heard again: put the network "
        f"into eval mode, and seed what is random.",
    )


def _independent(model: Model) -> None:
    rate = model.sample_rate
    sounds = [_noise(rate), 3 * _clicks(rate), _noise(rate, 1), _noise(3 * rate // 2, 2)]
    _same_alone(model.activations, sounds, "sound")


def _windows(model: Model, card: ModelCard) -> None:
    if not knows_time(model):
        raise NotChecked("it knows no time: it hears the clip at the end of each window")
    samples = max(2 * model.sample_rate, 2 * getattr(model, "card", card).shortest)
    seconds = samples / model.sample_rate
    moment = Moment(frames=(seconds - 0.1, seconds), clip=(seconds / 2, seconds))
    windows = [_noise(samples, seed) for seed in range(3)]
    hear: Any = model.activations_over_time  # type: ignore[attr-defined]
    _same_alone(lambda some: hear(some, moment), windows, "window")
    changed = windows[0].copy()
    changed[samples // 2 :] = windows[1][samples // 2 :]
    before, after = hear([windows[0]], moment), hear([changed], moment)
    deaf = [layer for layer in before if np.array_equal(before[layer], after[layer])]
    require(
        not deaf,
        f"Layers {', '.join(deaf)} of a window are the same whatever is heard at its end: return "
        f"what belongs to the frames or the clip of the moment.",
    )


def _same_alone(
    hear: Callable[[list[Waveform]], Mapping[str, Any]], sounds: list[Waveform], what: str
) -> None:
    """Fail unless each sound gives the same alone as among the others."""
    together = hear(sounds)
    for index, sound in enumerate(sounds):
        for layer, values in hear([sound]).items():
            spread = max(float(np.asarray(values).std()), 1e-6)
            off = float(np.abs(together[layer][index] - values[0]).max())
            require(
                off <= _ATOL * spread + 1e-6,
                f"Layer {layer} of a {what} is off by {off / spread:.1e} of its spread when other "
                f"{what}s are in the batch: batch only clips of one length (TorchModel does), and "
                f"normalise each clip by itself.",
            )


def _one_layer(model: Model) -> None:
    sound = _noise(model.sample_rate)
    everything = model.activations([sound])
    last = list(model.layers)[-1]
    found = model.activations([sound], layers=[last])
    require(list(found) == [last], f"Asked for {last} alone, it returns {list(found)}.")
    require(
        np.array_equal(found[last], everything[last]),
        f"Layer {last} differs when it is asked for alone.",
    )


def _fingerprint(model: Model, card: ModelCard, weights: Path | None) -> None:
    own = getattr(model, "fingerprint", None)
    require(
        own is not None,
        "It has no `fingerprint`: its activations are computed anew each time. Return a value that "
        "changes whenever they could (the hash of the weights and the options).",
    )
    try:
        json.dumps(own)
    except (TypeError, ValueError) as error:
        raise Failed(f"Its fingerprint cannot be written as JSON: {error}.") from error
    again = getattr(load_for_check(card, weights), "fingerprint", None)
    require(own == again, "Its fingerprint differs when the model is loaded again.")


def _control(model: Model, card: ModelCard, weights: Path | None) -> None:
    taken = _loader_takes(card)
    needed = ("control",) if weights else ("control", "seed")
    if not card.parameters or any(name not in taken for name in needed):
        raise NotChecked(f"its loader takes no {' and '.join(needed)}, or it learns nothing")
    asked = {"control": "permuted"} if weights else {"seed": 1}
    other = load_for_check(card, weights, **asked)
    what = "permuted weights" if weights else "initial weights of another seed"
    sound = _noise(model.sample_rate)
    first, second = (one.activations([sound]) for one in (model, other))
    require(
        any(not np.array_equal(first[layer], second[layer]) for layer in first),
        f"With {what} it hears the same: have the loader pass `control` and `seed` on.",
    )
    prints = [getattr(one, "fingerprint", None) for one in (model, other)]
    require(
        prints[0] != prints[1] or prints[0] is None,
        f"With {what} its fingerprint is the same: have it count the control and the seed.",
    )


def _finite(model: Model, card: ModelCard, make: Callable[[int], Waveform]) -> None:
    sound = make(model.sample_rate)
    shortest = getattr(model, "card", card).shortest
    if len(sound) < shortest:
        raise NotChecked(f"its card says that it takes sounds of {shortest} samples and more")
    try:
        found = model.activations([sound])
    except BrainbenchError as error:
        require(
            _LENGTH.search(str(error)),
            f"It refuses {len(sound)} samples without saying which length it takes: {error}",
        )
        raise NotChecked(f"refused: {error}") from error
    bad = [layer for layer, values in found.items() if not np.isfinite(values).all()]
    require(
        not bad, f"Layers {', '.join(bad)} are NaN or infinite: guard logarithms and divisions."
    )


def _shortest(model: Model, card: ModelCard) -> None:
    shortest = getattr(model, "card", card).shortest

    def hear(noises: Any) -> list[Any]:
        found = model.activations(list(noises.numpy()))
        return [torch.as_tensor(values) for values in found.values()]

    if not works_with(hear, max(1, shortest)):
        actual = find_shortest(hear, card.id, start=max(1, shortest), longest=model.sample_rate)
        raise Failed(
            f"Its card says that {shortest} samples are enough, but it tells noises apart from "
            f"{actual} on: set `shortest`, which follows from window, hop and strides."
        )
    if shortest > 1:
        try:
            model.activations([_noise(shortest - 1)])
        except BrainbenchError:
            return
        raise Failed(f"It takes {shortest - 1} samples, fewer than the {shortest} of its card.")


def _stereo(model: Model) -> None:
    sound = np.stack([_noise(model.sample_rate), _noise(model.sample_rate, 1)])
    what = f"sound of shape {sound.shape}"
    _refused(
        lambda: model.activations([sound]),
        f"It takes a {what}: raise ContractError, models take mono.",
        f"A {what} raises {{}}: raise ContractError and say that models take mono.",
    )


def _unknown_layer(model: Model) -> None:
    _refused(
        lambda: model.activations([_noise(model.sample_rate)], layers=["no such layer"]),
        "An unknown layer is ignored: raise ContractError.",
        "An unknown layer raises {}: raise ContractError.",
    )


def _refused(function: Callable[[], object], taken: str, ended: str) -> None:
    try:
        function()
    except BrainbenchError:
        return
    except Exception as error:
        raise Failed(ended.format(repr(error))) from error
    raise Failed(taken)


def _noise(samples: int, seed: int = 0) -> Waveform:
    values = 0.1 * np.random.default_rng(seed).standard_normal(samples)
    return values.astype(np.float32)


def _clicks(samples: int) -> Waveform:
    sound = np.zeros(samples, np.float32)
    sound[:: max(samples // 10, 1)] = 0.3
    return sound


_SOUNDS: dict[str, Callable[[int], Waveform]] = {
    "silence": lambda rate: np.zeros(rate, np.float32),
    "clicks": _clicks,
    "0.1 s": lambda rate: _noise(rate // 10),
    "30 s": lambda rate: _noise(30 * rate),
}
