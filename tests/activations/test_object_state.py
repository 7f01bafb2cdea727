"""What a model in memory is made of: all of it counts, and nothing that differs by chance."""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from brainbench_audio.activations.footprint import Footprint
from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.lazy import identify_object
from brainbench_audio.activations.object_state import files_of, sealed, state_of
from brainbench_audio.activations.projection import Projected
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError
from brainbench_audio.files import hash_file
from brainbench_audio.hashing.live_code import hash_object
from brainbench_audio.testing.dummies import DummyModel, dummy_card


class Model:
    """A model but for what it holds."""

    __slots__ = ()
    layers = ("bands",)
    sample_rate = 8000
    fingerprint = "never changes"

    def activations(self, waveforms: Any, layers: Any = None) -> Any:
        raise NotImplementedError


class Slotted(Model):
    __slots__ = ("__gain",)

    def __init__(self, gain: float) -> None:
        self.__gain = gain


class Pair(NamedTuple):
    gain: float
    layers = ("bands",)
    sample_rate = 8000
    fingerprint = "never changes"
    activations = Model.activations


class Listed(Model, list[Any]):
    pass


class Mapped(Model, dict[str, Any]):
    pass


class Number(Model, float):
    pass


class Text(Model, str):
    pass


@pytest.mark.parametrize(
    ("one", "again", "other"),
    [
        (Slotted(1.0), Slotted(1.0), Slotted(2.0)),
        (Pair(1.0), Pair(1.0), Pair(2.0)),
        (Listed([1.0]), Listed([1.0]), Listed([2.0])),
        (Mapped(gain=1.0), Mapped(gain=1.0), Mapped(gain=2.0)),
        (Number(1), Number(1), Number(2)),
        (Text("a"), Text("a"), Text("b")),
    ],
)
def test_what_is_held_elsewhere_than_in_attributes_counts(one: Any, again: Any, other: Any) -> None:
    versions = [identify_object(model).version for model in (one, again, other, one)]
    assert versions[0] == versions[1] == versions[3] != versions[2]


def test_what_a_base_class_holds_and_nobody_can_read_is_not_kept() -> None:
    class View(Model, io.BytesIO):
        pass

    unkept = identify_object(View()).unkept
    assert "the content of its base class cannot be hashed" in unkept


def test_a_slot_may_be_transient() -> None:
    class Cached(Slotted):
        transient = ("__noted",)
        __slots__ = ("__noted",)

        def __init__(self, gain: float, noted: int) -> None:
            super().__init__(gain)
            self.__noted = noted

    versions = [identify_object(Cached(*args)).version for args in ((1, 1), (1, 2), (2, 1))]
    assert versions[0] == versions[1] != versions[2]


def test_one_transient_name_is_a_name_and_not_its_letters() -> None:
    class Cached(Model):
        transient = "cache"  # as of ("cache"), where a comma is missing

        def __init__(self, c: int, cache: int) -> None:
            self.c, self.cache = c, cache

    versions = [identify_object(Cached(*args)).version for args in ((1, 1), (1, 2), (2, 1))]
    assert versions[0] == versions[1] != versions[2]


def network(seed: int = 0) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Unflatten(1, (1, -1)), torch.nn.Conv1d(1, 4, 100, 50))


def torch_model(seed: int = 0, fingerprint: Any = "weights") -> TorchModel:
    card = dummy_card(layers=("1",), dims=(4,))
    return TorchModel(
        card,
        network(seed),
        {"1": "1"},
        fingerprint=fingerprint,
        pooling=lambda output: output.mean(dim=2),
        device="cpu",
    )


class Holder(Model):
    def __init__(self, base: Any) -> None:
        self.base = base


def test_a_model_that_is_held_counts_by_what_decides_its_activations() -> None:
    loaded, plain = torch_model(), torch_model()
    sealed(loaded, None)  # as `load_model` does
    first = identify_object(Holder(loaded)).version
    assert identify_object(Holder(plain)).version == first
    plain._footprint = object()  # type: ignore[assignment]
    assert identify_object(Holder(plain)).version == first
    state_of(loaded)
    assert identify_object(Holder(loaded)).version == first
    others = [torch_model(seed=1), torch_model(fingerprint="other")]
    assert first not in [identify_object(Holder(other)).version for other in others]
    loaded.network.train()
    assert identify_object(Holder(loaded)).version != first


def test_what_a_held_model_notes_down_when_it_hears_is_no_change() -> None:
    held = torch_model()
    made = Projected(held, 3)
    before = identify_object(made).version
    made.activations([np.full(11 * 8000, 0.1, np.float32)])  # so long that what fits is measured
    assert vars(held._footprint) != vars(Footprint())
    assert identify_object(made).version == before != "unknown"


def test_a_held_model_that_cannot_say_what_it_is_is_not_kept() -> None:
    class Broken(Model):
        transient = ("cache",)

        @property
        def fingerprint(self) -> Any:  # type: ignore[override]
            raise OSError("gone")

    unkept = identify_object(Holder(Broken())).unkept
    assert (
        "attribute base cannot be hashed (`it` has a fingerprint that cannot be read: OSE" in unkept
    )


class Hooked(torch.nn.Module):
    layers = ("bands",)
    sample_rate = 8000
    fingerprint = "never changes"

    def __init__(self, hooks: int = 1) -> None:
        super().__init__()
        self.network = network()
        for _ in range(hooks):
            self.register_forward_hook(self.keep)

    def keep(self, module: Any, inputs: Any, output: Any) -> None:
        pass

    def activations(self, waveforms: Any, layers: Any = None) -> Any:
        raise NotImplementedError


def test_a_network_that_is_a_model_has_its_hooks_by_rank() -> None:
    first, again = Hooked(), Hooked()
    versions = [identify_object(model).version for model in (first, again, Hooked(0), Hooked(2))]
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3


def test_a_network_without_hooks_has_the_version_that_it_had() -> None:
    state = state_of(Hooked(0))  # type: ignore[arg-type]
    assert state["_forward_hooks"] == hash_object(OrderedDict())
    assert not [name for name in state if "global" in name]


@pytest.mark.parametrize("give", [Path, str, lambda path: [path], lambda path: (str(path),)])
def test_files_are_one_path_or_several(tmp_path: Path, give: Callable[[Path], Any]) -> None:
    file = tmp_path / "weights.npy"
    file.write_bytes(b"one")
    model: Any = DummyModel()
    model.files = give(file)
    assert files_of(model) == {str(file): hash_file(file)}


@pytest.mark.parametrize("files", [3, {"a.npy"}, {"a.npy": 1}, [b"a.npy"], [None], b"a.npy"])
def test_what_are_no_paths_of_files_is_refused(files: Any) -> None:
    model: Any = DummyModel()
    model.files = files
    with pytest.raises(ContractError, match=r"DummyModel has files .* a list of the paths of all"):
        files_of(model)


def test_a_fingerprint_has_one_hash_before_and_after_it_was_kept() -> None:
    """As numbers, 9 is before 10; as texts behind it."""

    class Kernels(Model):
        def __init__(self) -> None:
            self.fingerprint = {"kernels": {9: 3, 10: (5, None)}}  # type: ignore[assignment]

    identity = identify_object(Kernels())
    kept = Identity.from_json(json.loads(json.dumps(identity.as_json())))
    assert kept.digest == identity.digest


@pytest.mark.parametrize("name", ["", " ", "net@permuted", "net#1a2b3c4d", "two\nlines", 3])
def test_a_name_is_no_other_id(name: Any) -> None:
    model: Any = DummyModel()
    model.name = name
    with pytest.raises(ContractError, match="A model cannot be named"):
        identify_object(model)


@pytest.mark.parametrize(("name", "identifier"), [(None, "DummyModel"), (" mine ", "mine")])
def test_a_model_without_a_name_has_that_of_its_class(name: Any, identifier: str) -> None:
    model: Any = DummyModel()
    model.name = name
    assert identify_object(model).id == identifier
