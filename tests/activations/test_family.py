"""The loader of all families, on a network of two layers."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio import settings
from brainbench_audio.activations.family import Configured, Family
from brainbench_audio.activations.lazy import as_lazy
from brainbench_audio.activations.read_outs import mean_over_time
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file
from brainbench_audio.testing.dummies import dummy_card

CARD = dummy_card(
    layers=("0",), weights=(WeightsFile(url="https://example.org/net.pt?download=1"),)
)


def build(_card: ModelCard, width: int = 2) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.BatchNorm1d(width))


NET = Family(
    build=build,
    rename=lambda state: {name.replace("layer", "0"): value for name, value in state.items()},
)


@pytest.fixture
def published() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    state = build(CARD).state_dict()
    return {name.replace("0.", "layer."): value for name, value in state.items()}


@pytest.fixture
def file(tmp_path: Path, published: dict[str, torch.Tensor]) -> Path:
    path = tmp_path / "net.pt"
    named = {f"net.{name}": value for name, value in published.items()}
    torch.save({"model": named, "epoch": 3}, path)
    return path


def weight(model: TorchModel) -> torch.Tensor:
    tensor: torch.Tensor = model.network.state_dict()["0.weight"].cpu()
    return tensor


def given(model: TorchModel) -> dict[str, Any]:
    found: dict[str, Any] = model.fingerprint["given"]
    return found


def test_a_file_and_a_mapping_give_the_same_network(
    file: Path, published: dict[str, torch.Tensor]
) -> None:
    from_file = NET(CARD, file)
    from_mapping = NET(CARD, {name: value.numpy() for name, value in published.items()})
    torch.testing.assert_close(weight(from_file), published["layer.weight"])
    torch.testing.assert_close(weight(from_mapping), published["layer.weight"])
    assert given(from_file) == {"weights": hash_file(file)}
    assert list(given(from_mapping)) == ["weights"]
    assert (from_file.files, from_mapping.files) == ((file,), None)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_mapping_in_half_precision_is_read(
    dtype: torch.dtype, published: dict[str, torch.Tensor]
) -> None:
    half = {name: x.to(dtype) if x.is_floating_point() else x for name, x in published.items()}
    exact = {name: x.to(published[name].dtype) for name, x in half.items()}
    for control in (None, "permuted"):
        model = NET(CARD, half, control=control)
        assert torch.equal(weight(model), weight(NET(CARD, exact, control=control)))


DRAWN = {
    "linear": lambda: torch.nn.Linear(3, 2),
    "lstm": lambda: torch.nn.LSTM(3, 2),
    "embedding": lambda: torch.nn.Embedding(3, 2, padding_idx=0),
    "convolution": lambda: torch.nn.Conv1d(3, 2, 1),
    "attention": lambda: torch.nn.MultiheadAttention(2, 1),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_weights_that_are_replaced_are_not_drawn(kind: str) -> None:
    first = []

    def build(_card: ModelCard) -> torch.nn.Module:
        network = torch.nn.Sequential(DRAWN[kind]())
        # between bounds without 0: drawn again until they are
        bounded = torch.nn.init.trunc_normal_(torch.empty(4), mean=2.0, a=1.0, b=3.0)
        network.register_buffer("bounded", bounded)
        first.append({name: values.clone() for name, values in network.state_dict().items()})
        return network

    family = Family(build=build)
    given = {name: 2 * values for name, values in build(CARD).state_dict().items()}
    model, untrained = family(CARD, given), family(CARD, "untrained")
    for state in first:
        assert bool((state.pop("bounded") >= 1).all())
    assert [any(bool(x.any()) for x in one.values()) for one in first] == [True, False, True]
    for name, values in model.network.state_dict().items():
        assert torch.equal(values, given[name])
    assert untrained.network.state_dict().keys() == given.keys()


def test_published_weights_are_looked_for_at_home(file: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)BRAINBENCH_OFFLINE.*--weights net-work=FILE"):
        NET(CARD)
    home = settings.data_home() / "weights" / "net-work"
    home.mkdir(parents=True, exist_ok=True)
    (home / "net.pt").write_bytes(file.read_bytes())
    model = NET(CARD)
    assert model.files == (home / "net.pt",)
    torch.testing.assert_close(weight(model), weight(NET(CARD, file)))


def test_untrained_follows_its_seed_and_no_other() -> None:
    state = torch.random.get_rng_state()
    first, again = NET(CARD, "untrained"), NET(CARD, control="untrained")
    other = NET(CARD, "untrained", seed=1)
    torch.testing.assert_close(weight(first), weight(again))
    assert not torch.equal(weight(first), weight(other))
    assert given(first) == {"control": "untrained", "seed": 0} != given(other)
    assert first.files == ()
    assert torch.equal(torch.random.get_rng_state(), state)


def test_permuted_keeps_values_and_loses_order(file: Path) -> None:
    plain, shuffled = NET(CARD, file), NET(CARD, file, control="permuted")
    again = NET(CARD, file, control="permuted")
    one, two = weight(plain).flatten(), weight(shuffled).flatten()
    torch.testing.assert_close(one.sort().values, two.sort().values)
    assert not torch.equal(one, two)
    torch.testing.assert_close(weight(again), weight(shuffled))
    assert given(shuffled) == {**given(plain), "control": "permuted", "seed": 0}
    assert shuffled.files == plain.files


def test_an_unknown_control(file: Path) -> None:
    with pytest.raises(ContractError, match="no control 'shuffled': choose from untrained"):
        NET(CARD, file, control="shuffled")


@pytest.mark.parametrize("seed", [-1, 1.5, None, "1", 1 << 63, 1 << 70, True])
def test_a_seed_that_is_none(seed: Any, file: Path) -> None:
    for control in ("untrained", "permuted", None):
        with pytest.raises(ContractError, match=r"^The seed of a control is .*such as seed=1\.$"):
            NET(CARD, file, control=control, seed=seed)


@pytest.mark.parametrize("control", ["untrained", "permuted"])
def test_seeds_of_other_types_and_large_ones(control: str, file: Path) -> None:
    plain, same = (NET(CARD, file, control=control, seed=seed) for seed in (3, np.int64(3)))
    assert json.dumps(given(plain)) == json.dumps(given(same))
    assert torch.equal(weight(plain), weight(same))
    assert given(NET(CARD, file, control=control, seed=(1 << 63) - 1))["seed"] == (1 << 63) - 1


def test_without_published_weights_initial_ones_are_the_model() -> None:
    card = replace(CARD, weights=())
    assert given(NET(card)) == given(NET(card, "untrained"))
    with pytest.raises(ContractError, match="no published weights"):
        NET(card, "permuted")


@pytest.mark.parametrize(
    ("options", "told"),
    [({"weights": "untrained"}, "control='untrained'"), ({"weights": "a.pt"}, "weights='a.pt'")],
)
def test_a_fixed_transform_takes_no_weights(options: dict[str, Any], told: str) -> None:
    card = replace(CARD, weights=(), parameters=0)
    assert NET(card).files == NET(card, {}).files == ()
    assert given(NET(card)) == {"weights": None}
    with pytest.raises(ContractError, match=rf"net-work has no weights.*but {told} was given"):
        NET(card, **options)


def test_names_and_shapes_must_fit(published: dict[str, torch.Tensor]) -> None:
    published["layer.weight"] = torch.zeros(2, 4)
    published["layer.extra"] = published.pop("layer.bias")
    told = r"1 missing: 0\.bias; 1 unexpected: 0\.extra; .*0\.weight \(2, 4\) instead of \(2, 3\)"
    with pytest.raises(DataError, match=f"net-work: the given mapping.*{told}"):
        NET(CARD, published)
    with pytest.raises(DataError, match="entry 'layer' of type str, expected named tensors"):
        NET(CARD, {"layer": "text"})


def test_missing_files_and_entries(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.pt does not exist"):
        NET(CARD, tmp_path / "nowhere.pt")
    torch.save({"state": {}}, tmp_path / "other.pt")
    with pytest.raises(DataError, match=r"other\.pt: .*no named tensors.* it holds state\."):
        NET(CARD, tmp_path / "other.pt")


def configure(card: ModelCard, content: Any, *, width: int | None = None) -> Configured:
    """Take the width from an option, else from the file, else from the card."""
    chosen = width or (content or {}).get("width") or card.dims[0]
    if chosen > 5:
        raise DataError(f"A width of {chosen} is too much.")
    return Configured(
        replace(card, dims=(chosen,)), arguments={"width": chosen}, facts={"width": chosen}
    )


WIDE = replace(NET, configure=configure)


def test_options_and_files_decide_the_network(tmp_path: Path) -> None:
    for options, content, width in (({}, {}, 2), ({"width": 3}, {}, 3), ({}, {"width": 4}, 4)):
        state = {f"net.{name}": x for name, x in build(CARD, width).state_dict().items()}
        torch.save({"model": state, **content}, tmp_path / "net.pt")
        model = WIDE(CARD, tmp_path / "net.pt", **options)
        assert model.card.dims == (width,)
        assert weight(model).shape == (width, 3)
        assert given(model)["width"] == width
    assert WIDE(CARD, "untrained", width=5).card.dims == (5,)
    torch.save({"model": state, "width": 7}, tmp_path / "net.pt")
    with pytest.raises(DataError, match=r"net\.pt: A width of 7"):
        WIDE(CARD, tmp_path / "net.pt")


def test_a_file_decides_its_untrained_control_too(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save({"model": build(CARD, 4).state_dict(), "width": 4}, path)
    plain, control = (WIDE(CARD, path, control=control) for control in (None, "untrained"))
    assert control.card == plain.card
    assert given(control) == {**given(plain), "control": "untrained", "seed": 0}
    assert (control.files, control.provenance) == (plain.files, plain.provenance)
    assert torch.equal(weight(control), weight(WIDE(CARD, "untrained", width=4)))
    assert not torch.equal(weight(control), weight(plain))


def test_weights_beside_an_untrained_control_must_fit(
    file: Path, published: dict[str, torch.Tensor]
) -> None:
    plain = NET(CARD, "untrained", seed=1)
    for weights in (file, published):  # of a family that takes nothing else from them
        control = NET(CARD, weights, control="untrained", seed=1)
        assert torch.equal(weight(control), weight(plain))
        assert as_lazy(control).identity.digest == as_lazy(plain).identity.digest
    with pytest.raises(DataError, match=r"nowhere\.pt does not exist"):
        NET(CARD, file.with_name("nowhere.pt"), control="untrained")
    with pytest.raises(DataError, match=r"net-work: the given mapping.*missing: 0\.weight"):
        NET(CARD, {"a": 1}, control="untrained")
    published["layer.weight"] = torch.zeros(2, 4)
    with pytest.raises(DataError, match=r"\(2, 4\) instead of \(2, 3\)"):
        NET(CARD, published, control="untrained")


def test_options_are_those_of_the_family() -> None:
    assert list(inspect.signature(NET).parameters) == ["card", "weights", "control", "seed"]
    assert list(inspect.signature(WIDE).parameters)[-1] == "width"
    with pytest.raises(TypeError, match="'depth'"):
        WIDE(CARD, "untrained", depth=3)
    with pytest.raises(TypeError, match="'width'"):
        NET(CARD, "untrained", width=3)


def test_what_is_stripped_counts_neither_in_files_nor_in_mappings(
    published: dict[str, torch.Tensor],
) -> None:
    def without_table(state: Any) -> dict[str, Any]:
        return {name: value for name, value in state.items() if name != "table"}

    strict = replace(NET, strip=without_table)
    models = [strict(CARD, weights) for weights in (published, {**published, "table": [1.0]})]
    assert models[0].fingerprint == models[1].fingerprint
    with pytest.raises(DataError, match="1 unexpected: table"):
        NET(CARD, {**published, "table": [1.0]})


def test_several_files_are_read_together(tmp_path: Path) -> None:
    state = build(CARD).state_dict()
    card = replace(
        CARD,
        weights=tuple(WeightsFile(url=f"hf://owner/net/{name}.pt") for name in ("linear", "norm")),
    )
    parts = {"linear.pt": "0.", "norm.pt": "1."}
    for name, prefix in parts.items():
        torch.save({key: x for key, x in state.items() if key.startswith(prefix)}, tmp_path / name)
    two = Family(build=build, read=lambda contents: contents["linear.pt"] | contents["norm.pt"])
    for path in (tmp_path, tmp_path / "norm.pt"):
        model = two(card, path)
        assert model.files == (tmp_path / "linear.pt", tmp_path / "norm.pt")
        assert given(model) == {"weights": {name: hash_file(tmp_path / name) for name in parts}}
    (tmp_path / "norm.pt").unlink()
    with pytest.raises(DataError, match=r"norm\.pt does not exist"):
        two(card, tmp_path)


def test_pooling_and_versions_are_part_of_the_identity() -> None:
    def first(output: torch.Tensor) -> torch.Tensor:
        return output[:, 0]

    def fingerprint(**changes: Any) -> Any:
        return as_lazy(replace(NET, **changes)(CARD, "untrained")).identity.fingerprint

    plain, other = fingerprint(), fingerprint(layer_pooling={"0": first})
    assert plain["given"] == other["given"]
    assert plain["state"] != other["state"]
    assert fingerprint(pooling=mean_over_time) == plain
    versioned = replace(NET, libraries=("numpy",))(CARD, "untrained")
    assert "numpy" in given(versioned)
    json.dumps(versioned.fingerprint)
