"""What every model keeps to, on those that are quick to make; plugins test what is their own."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.registry.lookup import registered
from brainbench_audio.testing.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    assert_repeatable,
    noise,
    silence,
)
from brainbench_audio.testing.standin import loaded, standin_model

CARDS = [entry.card for entry in registered(ModelCard) if not getattr(entry.card, "scheme", None)]
TRAINED = [card.id for card in CARDS if card.parameters]
FIRST_OF_FAMILY = list(
    {card.family: card.id for card in reversed(CARDS) if card.parameters}.values()
)
# Their loaders make a network of a few blocks.
SHALLOW = {card.id: {"depth": 1} for card in CARDS if card.family == "dasheng"}


class Quick(NamedTuple):
    """A model that is made in a second, or a shallow copy of one.

    ``atol`` limits the difference between a sound alone and in a batch, in standard deviations of a
    layer where ``relative``. ``short`` is the length of most sounds. ``slow`` are those that take
    long over half a minute of sound.
    """

    id: str
    atol: float
    relative: bool = False
    short: int = 8000
    slow: bool = False


QUICK = [
    Quick("crepe-tiny", 0.0, short=1600, slow=True),
    Quick("dasheng-base", 1e-5, relative=True),
    Quick("dcase2020", 1e-5, relative=True, slow=True),
    Quick("metricgan", 1e-5),
    Quick("resemblyzer", 0.0),
    Quick("sepformer", 1e-5, short=800, slow=True),
    Quick("spectrotemporal", 0.0),
    Quick("zerospeech2020", 1e-5, relative=True),
]


def only(chosen: list[Quick], slow: bool = False) -> pytest.MarkDecorator:
    marks = {quick.id: [pytest.mark.slow] if slow and quick.slow else [] for quick in chosen}
    given = [pytest.param(quick, id=quick.id, marks=marks[quick.id]) for quick in chosen]
    return pytest.mark.parametrize("quick", given, indirect=True)


@pytest.fixture(scope="module", params=QUICK, ids=[quick.id for quick in QUICK])
def quick(request: pytest.FixtureRequest) -> tuple[Quick, TorchModel]:
    chosen: Quick = request.param
    if chosen.id in ("crepe-tiny", "resemblyzer"):
        return chosen, loaded(chosen.id)
    if chosen.id == "dasheng-base":
        return chosen, loaded(chosen.id, weights="untrained", depth=2)
    return chosen, standin_model(chosen.id)


def test_a_sound_does_not_depend_on_its_batch(quick: tuple[Quick, TorchModel]) -> None:
    facts, model = quick
    half = facts.short // 2
    # A range of more than 120 dB in the first, the loudest: a maximum over the batch would show.
    loud = np.concatenate([20 * noise(half), silence(facts.short - half)])
    faint, other = np.float32(1e-6) * noise(facts.short, 2), noise(facts.short, 4)
    sounds = [loud, noise(facts.short + 1000, 3), faint, other, silence(facts.short)]
    assert_independent_of_batch(
        model,
        sounds,
        lambda values: facts.atol * (max(1e-2, float(values.std())) if facts.relative else 1.0),
    )
    activations = model.activations(sounds[:1])
    assert tuple(values.shape[1] for values in activations.values()) == model.card.dims


def test_the_same_sound_gives_the_same_numbers(quick: tuple[Quick, TorchModel]) -> None:
    facts, model = quick
    assert_repeatable(model, noise(facts.short))


@pytest.mark.parametrize("gain", [0, 1])
def test_every_length_is_finite(quick: tuple[Quick, TorchModel], gain: int) -> None:
    facts, model = quick
    for samples in (model.card.shortest, 1600, 2500, facts.short + 1):
        assert_finite(model, gain * noise(samples))


@only(QUICK, slow=True)
def test_half_a_minute(quick: tuple[Quick, TorchModel]) -> None:
    _, model = quick
    assert_finite(model, noise(30 * model.sample_rate))


def test_layers_by_name(quick: tuple[Quick, TorchModel]) -> None:
    facts, model = quick
    chosen = list(reversed(model.layers))[:2]
    assert list(model.activations([noise(facts.short)], layers=chosen)) == chosen
    with pytest.raises(ContractError, match="no layer 'other'"):
        model.activations([noise(facts.short)], layers=["other"])


@pytest.mark.parametrize("identifier", dict.fromkeys([*FIRST_OF_FAMILY, *SHALLOW]))
def test_untrained_weights_are_those_of_the_seed(identifier: str) -> None:
    options = SHALLOW.get(identifier, {})
    first, same, other = (
        loaded(identifier, weights="untrained", seed=seed, **options) for seed in (3, 3, 4)
    )
    given = first.fingerprint["given"]
    assert (given["control"], given["seed"]) == ("untrained", 3)
    assert first.fingerprint == same.fingerprint != other.fingerprint
    ours, theirs, others = (model.network.state_dict() for model in (first, same, other))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not all(torch.equal(ours[name], others[name]) for name in ours)


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched"),))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("identifier", TRAINED)
def test_a_pickle_with_code_is_refused(
    identifier: str, zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pt"
    content = {"cfg": {}, "model": Malicious(), "state_dict": Malicious(), "weight": Malicious()}
    if zipped:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    # DeepSpeech 2 has a reader of its own, to which unknown objects are nothing at all
    told = None if identifier == "deepspeech2" else "could run code"
    with pytest.raises(DataError, match=told):
        load_model(identifier, weights=path)
    assert not Path("touched").exists()
