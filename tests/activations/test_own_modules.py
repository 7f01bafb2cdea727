"""`wrap`: layers that are proposed, time that is found, identity by content."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio.activations.lazy import identify_object
from brainbench_audio.activations.own_modules import wrap
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError

RATE = 8000


class Block(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mixed = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Dropout())

    def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor, None]:
        return hidden + self.mixed(hidden), None


class Encoder(torch.nn.Module):
    """(batch, sample) to frames, blocks of a list, one module that runs twice, one that never."""

    sample_rate = RATE

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.front = torch.nn.Sequential(
            torch.nn.Unflatten(1, (1, -1)),
            torch.nn.Conv1d(1, 6, 40, 20),
            torch.nn.ReLU(inplace=True),
            torch.nn.Dropout(),
        )
        self.blocks = torch.nn.ModuleList([Block(), Block()])
        self.encoder = torch.nn.ModuleDict({"layers": self.blocks})
        self.shared = torch.nn.Linear(6, 6)
        self.head = torch.nn.Linear(6, 3)
        self.unused = torch.nn.Linear(2, 2)

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        hidden = self.front(waveforms).transpose(1, 2)
        for block in self.blocks:
            hidden, _ = block(hidden)
        hidden = self.shared(self.shared(hidden))
        output: torch.Tensor = self.head(hidden.mean(dim=1))
        return output


LAYERS = ("front.1", "front.2", "blocks.0", "blocks.1", "head")


def sounds() -> list[np.ndarray]:
    generator = np.random.default_rng(1)
    return [generator.standard_normal(length).astype(np.float32) for length in (2000, 3000, 2000)]


def digest(model: TorchModel) -> str:
    identity = identify_object(model)
    assert identity.kept, identity.unkept
    return identity.digest


def test_blocks_are_proposed_and_time_is_averaged_out() -> None:
    network = Encoder()
    model = wrap(network, device="cpu")
    assert model.layers == LAYERS
    assert model.card.dims == (6, 6, 6, 6, 3)
    found = model.activations(sounds())
    with torch.inference_mode():
        for place, waveform in enumerate(sounds()):
            wave = torch.from_numpy(waveform)[None]
            convolved = network.front[1](network.front[0](wave))
            expected = {
                "front.1": convolved.mean(dim=2),
                "front.2": convolved.relu().mean(dim=2),
                "head": network(wave),
            }
            for layer, values in expected.items():
                np.testing.assert_allclose(found[layer][place], values[0], rtol=1e-4, atol=1e-6)


def test_layers_by_name_and_the_second_run_of_a_module() -> None:
    model = wrap(Encoder(), {"late": "shared#2", "early": "front.1"}, device="cpu", name="mine")
    assert (model.card.id, model.layers) == ("mine", ("late", "early"))
    assert model.activations(sounds(), ["late"])["late"].shape == (3, 6)


def test_a_pooling_of_ones_own_is_taken_as_it_is() -> None:
    model = wrap(Encoder(), ["head", ""], pooling=lambda output: output * 2, device="cpu")
    found = model.activations(sounds())
    np.testing.assert_allclose(found["head"], found[""])


@pytest.mark.parametrize(
    "change",
    [
        lambda network: network.head.weight.data.add_(1e-3),
        lambda network: network.register_forward_hook(lambda *_: None),
        lambda network: setattr(network, "head", torch.nn.Linear(6, 3)),
    ],
    ids=["weight", "hook", "module"],
)
def test_its_identity_is_its_content(change: Callable[[Any], Any]) -> None:
    network = Encoder()
    first = digest(wrap(network, device="cpu"))
    assert digest(wrap(copy.deepcopy(network), device="cpu")) == first
    change(network)
    assert digest(wrap(network, device="cpu")) != first


def test_read_outs_pooling_and_place_of_definition_count() -> None:
    network = Encoder()
    every = [
        wrap(network, ["front.1"], device="cpu"),
        wrap(network, ["front.2"], device="cpu"),
        wrap(network, ["front.1"], pooling=torch.nn.Flatten(), device="cpu"),
    ]
    assert len({digest(model) for model in every}) == len(every)
    assert {identify_object(model).source for model in every} == {Encoder.__module__}


def test_axes_of_time_are_part_of_the_identity() -> None:
    network = torch.nn.Sequential(torch.nn.Unflatten(1, (1, -1)), torch.nn.Conv1d(1, 4, 40, 20))
    model = wrap(network, ["1"], sample_rate=RATE, device="cpu")
    first = digest(model)
    model._pooling["1"].keywords["axes"] = (1,)  # type: ignore[index, union-attr]
    assert digest(model) != first


@pytest.mark.parametrize(
    ("network", "options", "told"),
    [
        (torch.nn.Linear(3, 3), {"sample_rate": RATE}, "cannot hear a waveform of shape (1, 8000)"),
        (torch.nn.Identity(), {}, "has sample rate None, expected a whole number of Hz"),
        *(
            (Encoder(), {"sample_rate": RATE, "name": name}, f"cannot be named {name!r}")
            for name in ("a@permuted", "a#1a2b", "hf:a", "*", "", " ", "a\nb", "a[b]", 3)
        ),
        (torch.nn.Identity(), {"sample_rate": RATE}, "No layers can be proposed for Identity"),
        (Encoder(), {"layers": [3]}, "must be names of modules"),
        (Encoder, {}, "Encoder is no torch.nn.Module that could be wrapped: make one, Encoder(…)."),
        ("head", {}, "str is no torch.nn.Module that could be wrapped."),
        (Encoder(), {"layers": ["nowhere"]}, "no module 'nowhere' to read out, only front,"),
        (Encoder(), {"layers": []}, "no module 'at all'"),
        (Encoder(), {"layers": "head"}, 'must be "auto" or a list'),
        (Encoder(), {"layers": ["shared"]}, "name one output, shared#1"),
        (Encoder(), {"layers": ["unused"]}, "'unused' puts out no tensor"),
    ],
)
def test_refusals(network: torch.nn.Module, options: dict[str, Any], told: str) -> None:
    with pytest.raises(ContractError) as error:
        wrap(network, **options)
    assert told in str(error.value)


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_modules_that_torch_compiled_are_no_layers() -> None:
    frames = torch.nn.Conv1d(1, 4, 40, 20)
    compiled = torch.jit.trace(frames, torch.zeros(1, 1, RATE))
    network = torch.nn.Sequential(torch.nn.Unflatten(1, (1, -1)), compiled, torch.nn.ReLU())
    assert wrap(network, sample_rate=RATE).layers == ("2",)
    with pytest.raises(ContractError, match=r"Module '1' of model Sequential is compiled"):
        wrap(network, ["1", "2"], sample_rate=RATE)
    with pytest.raises(ContractError, match=r"is compiled by torch\.jit, which hides"):
        wrap(compiled, sample_rate=RATE)


def test_what_torch_compiled_is_the_network_in_it() -> None:
    network = Encoder()
    models = [wrap(torch.compile(network, backend="eager")) for _ in range(2)]  # type: ignore[arg-type]
    versions = {identify_object(model).version for model in (*models, wrap(network))}
    assert len(versions) == 1
    assert models[0].card.id == "Encoder"
    assert models[0].layers == LAYERS


def test_a_name_may_have_any_other_sign() -> None:
    names = [" my net (2) ", "run/3", "ρ-net", "a.b", "a=b"]
    found = [wrap(Encoder(), sample_rate=RATE, name=name).card.id for name in names]
    assert found == [name.strip() for name in names]
