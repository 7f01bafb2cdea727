"""Objects in memory: networks of one's own, and what `load_model` handed out, changed behind it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.pipeline.current import current_version
from brainbench_audio.pipeline.run import Run
from brainbench_audio.testing import DummyModel
from brainbench_audio.testing.dummies import dummy_card

Score = Callable[..., Run]
POWER = 1.0
CARD = dummy_card(id="mine", dims=(6,))


class Trained(torch.nn.Module):
    """Is another one in training mode, and not by chance, which is refused."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values.square() if self.training else values


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = torch.nn.Linear(8, 6)
        with torch.no_grad():
            for parameter in self.first.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        self.out = torch.nn.Sequential(torch.nn.ReLU(), Trained())

    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.out(self.first(100 * waves.reshape(len(waves), 100, 8)))
        return output


class Sine(Net):
    def forward(self, waves: torch.Tensor) -> torch.Tensor:
        return self.out(super().forward(waves).sin())  # type: ignore[no-any-return]


def model(network: torch.nn.Module | None = None, **options: Any) -> TorchModel:
    """Make a model as the tutorial does, with a fingerprint that never changes."""
    options = {"fingerprint": "weights", "device": "cpu", **options}
    read_outs = options.pop("read_outs", {"out": "out"})
    return TorchModel(CARD, network or Net(), read_outs, **options)


def by_global(output: torch.Tensor) -> torch.Tensor:
    return (output.mean(dim=1) ** POWER).detach()


def by_default(output: torch.Tensor, power: float = 1.0) -> torch.Tensor:
    return (output.mean(dim=1) ** power).detach()


def by_closure(power: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda output: output.mean(dim=1) ** power


class Pool:
    def __init__(self, power: float) -> None:
        self.power = power

    def pool(self, output: torch.Tensor) -> torch.Tensor:
        return output.mean(dim=1) ** self.power


LAMBDAS = [lambda x: x.mean(dim=1), lambda x: x.mean(dim=1) ** 3]


def _global(power: float) -> Callable[[torch.Tensor], torch.Tensor]:
    globals()["POWER"] = power
    return by_global


def _default(power: float) -> Callable[[torch.Tensor], torch.Tensor]:
    by_default.__defaults__ = (power,)
    return by_default


POOLINGS: dict[str, Callable[[float], Any]] = {
    "a global": _global,
    "a default": _default,
    "a closure": by_closure,
    "lambdas of one line": lambda power: LAMBDAS[int(power > 1)],
    "a bound method": lambda power: Pool(power).pool,
    "one a layer": lambda power: {"out": by_closure(power)},
}


@pytest.mark.parametrize("kind", POOLINGS)
def test_pooling(tiny_score: Score, differs: Any, kind: str) -> None:
    power = [1.0]
    differs(
        lambda: tiny_score(model(pooling=POOLINGS[kind](power[0]))),
        lambda: power.__setitem__(0, 3.0),
        lambda: power.__setitem__(0, 1.0),
    )


def test_read_outs(tiny_score: Score, differs: Any) -> None:
    place = {"out": "out"}
    differs(
        lambda: tiny_score(model(read_outs=place)),
        lambda: place.update(out="first"),
        lambda: place.update(out="out"),
    )


def test_read_outs_changed_later(tiny_score: Score, differs: Any) -> None:
    made = model()
    differs(
        lambda: tiny_score(made),
        lambda: made.read_outs.update(out="first"),
        lambda: made.read_outs.update(out="out"),
    )


def test_classes_of_the_network(tiny_score: Score, differs: Any) -> None:
    kinds = [Net]
    differs(
        lambda: tiny_score(model(kinds[0](), read_outs={"out": ""})),
        lambda: kinds.__setitem__(0, Sine),
        lambda: kinds.__setitem__(0, Net),
    )


@pytest.mark.parametrize("base", [Net, Sine])
def test_a_method_that_is_replaced(
    tiny_score: Score, differs: Any, base: type[Net], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the class of the network, and of its parent class."""
    real = Net.forward

    def forward(self: Net, waves: torch.Tensor) -> torch.Tensor:
        return self.out(real(self, waves) ** 2 - 1)  # type: ignore[no-any-return]

    network = base()
    differs(
        lambda: tiny_score(model(network, read_outs={"out": ""})),
        lambda: monkeypatch.setattr(Net, "forward", forward),
        lambda: monkeypatch.setattr(Net, "forward", real),
    )


def test_precision(tiny_score: Score, differs: Any) -> None:
    made = model()
    differs(
        lambda: tiny_score(made),
        lambda: made.place("cpu", "bfloat16"),
        lambda: made.place("cpu", "float32"),
    )


def hooked(made: Any) -> Callable[[], None]:
    handle = made.network.first.register_forward_hook(lambda m, i, output: output.sin())
    return handle.remove  # type: ignore[no-any-return]


def weights(made: Any) -> Any:
    return made.network.first.weight


def in_place(made: Any) -> Callable[[], None]:
    before = weights(made).detach().clone()
    with torch.no_grad():
        weights(made).mul_(-1)
    return lambda: weights(made).data.copy_(before)


def data(made: Any) -> Callable[[], None]:
    before = weights(made).data
    weights(made).data = -before
    return lambda: setattr(weights(made), "data", before)


def shared(made: Any) -> Callable[[], None]:
    array = weights(made).detach().numpy()
    before = array.copy()
    array *= -1
    return lambda: array.__setitem__(slice(None), before)


def trained(made: Any) -> Callable[[], None]:
    made.network.train()
    return made.network.eval  # type: ignore[no-any-return]


def exchanged(made: Any) -> Callable[[], None]:
    before, made.network.out[0] = made.network.out[0], torch.nn.Tanh()
    return lambda: made.network.out.__setitem__(0, before)


def pooled(made: Any) -> Callable[[], None]:
    before, made._pooling = made._pooling, by_closure(3)
    return lambda: setattr(made, "_pooling", before)


class Doubled(TorchModel):
    def activations(self, waveforms: Any, layers: Any = None) -> Any:
        return {n: np.sin(9 * x) for n, x in super().activations(waveforms, layers).items()}


def reclassed(made: Any) -> Callable[[], None]:
    made.__class__ = Doubled
    return lambda: setattr(made, "__class__", TorchModel)


def undone(changes: list[Callable[[], None]]) -> None:
    changes.pop()()


CHANGES = [in_place, data, shared, trained, hooked, pooled, reclassed]


@pytest.mark.parametrize("change", [*CHANGES, exchanged])
def test_an_object_of_ones_own(tiny_score: Score, differs: Any, change: Any) -> None:
    made, back = model(), []
    differs(lambda: tiny_score(made), lambda: back.append(change(made)), lambda: undone(back))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.usefixtures("net")
def test_what_load_model_handed_out(tiny_score: Score, differs: Any, change: Any) -> None:
    made, back = load_model("net"), []
    differs(lambda: tiny_score(made), lambda: back.append(change(made)), lambda: undone(back))
    published = tiny_score(made).version
    undo = change(made)
    assert tiny_score(made).cached
    # what its id means is another one, and stays what it was
    found = tiny_score("net")
    assert found.cached
    assert found.version == current_version("net", "brainbench-net") == published
    assert tiny_score(made).version != found.version
    assert tiny_score(copy.deepcopy(made)).version != found.version
    undo()


def test_an_attribute_and_a_closure_of_a_model_without_torch(
    tiny_score: Score, differs: Any
) -> None:
    class Mine(DummyModel):
        power = 1

        def activations(self, waveforms: Any, layers: Any = None) -> Any:
            found = super().activations(waveforms, layers)
            return {name: np.sin(x * self.power * factor) for name, x in found.items()}

    made, factor = Mine(), 1
    differs(
        lambda: tiny_score(made),
        lambda: setattr(made, "power", 3),
        lambda: delattr(made, "power"),
    )

    def change(value: int) -> None:
        nonlocal factor
        factor = value

    assert tiny_score(made).cached
    change(5)
    assert not tiny_score(made).cached
    change(1)
    assert tiny_score(made).cached


class Overridden(DummyModel):
    def activations(self, waveforms: Any, layers: Any = None) -> Any:
        return {n: x[:, ::-1] ** 2 for n, x in super().activations(waveforms, layers).items()}


def test_a_subclass_that_overrides_a_method(tiny_score: Score) -> None:
    plain, other = tiny_score(DummyModel()), tiny_score(Overridden())
    assert not other.cached
    assert other.version != plain.version
    kind = type("DummyModel", (Overridden,), {})
    assert not tiny_score(kind()).cached


CELL = """
from brainbench_audio.testing import DummyModel

class Cell(DummyModel):
    fingerprint = "never changes"

    def activations(self, waveforms, layers=None):
        return {name: x ** POWER for name, x in super().activations(waveforms, layers).items()}
"""


def test_a_class_from_a_notebook(tiny_score: Score, differs: Any, monkeypatch: Any) -> None:
    import __main__

    def ran(text: str) -> None:
        exec(text, vars(__main__))

    def ask() -> Run:
        return tiny_score(vars(__main__)["Cell"]())

    before = dict(vars(__main__))
    try:
        ran(f"POWER = 1{CELL}")
        differs(ask, lambda: ran("POWER = -0.1"), lambda: ran("POWER = 1"))
        assert ask().cached
        ran(CELL.replace("x ** POWER", "abs(x - 1) ** POWER"))
        assert not ask().cached
        ran(CELL.replace("x ** POWER", "eval('x')"))
        assert "uses eval, so the code that it runs is not known" in ask().unkept
    finally:
        vars(__main__).clear()
        vars(__main__).update(before)


def test_what_cannot_be_told_is_not_kept(tiny_score: Score, tmp_path: Path) -> None:
    made = DummyModel()
    with (tmp_path / "log").open("w") as made.log:  # type: ignore[attr-defined]
        found = tiny_score(made)
        assert not found.cached
        assert "attribute log cannot be hashed" in found.unkept
        assert not tiny_score(made).cached
    none = model(fingerprint=None)
    assert tiny_score(none).unkept == "it has no fingerprint"


@pytest.mark.usefixtures("net")
def test_a_handed_out_model_with_a_part_that_cannot_be_told(
    tiny_score: Score, tmp_path: Path
) -> None:
    made: Any = load_model("net")
    with (tmp_path / "log").open("w") as made.log:
        assert "attribute log cannot be hashed" in tiny_score(made).unkept
    del made.log
    assert not tiny_score(made).unkept


def test_the_rate_and_the_layers_of_the_card(tiny_score: Score) -> None:
    made = model(Net())
    first = tiny_score(made)
    made.card = replace(CARD, layers=("out", "first"), dims=(6, 6))
    made.read_outs["first"] = "first"
    assert not tiny_score(made).cached
    made.card = CARD
    del made.read_outs["first"]
    again = tiny_score(made)
    assert again.cached
    assert again.score.value == first.score.value
