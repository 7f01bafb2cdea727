"""Names of the three files: the original, the one on the hub, and what transformers saves today."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_ast.names import rename
from brainbench_ast.network import AstNetwork

from brainbench_audio.testing.references import read_manifest

BODY = "audio_spectrogram_transformer"
UNUSED = "module.v.head"


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    """Return the shapes of the original file."""
    shapes = read_manifest("ast")["state_dict"]
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def network() -> AstNetwork:
    with torch.device("meta"):
        return AstNetwork()


def shapes(state: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def hub_name(name: str) -> str:
    """Return the name in the file on the hub, which transformers 4 wrote."""
    old = {
        "attention.q_proj": "attention.attention.query",
        "attention.k_proj": "attention.attention.key",
        "attention.v_proj": "attention.attention.value",
        "attention.o_proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }
    name = name.replace(f"{BODY}.layers.", f"{BODY}.encoder.layer.")
    for new, part in old.items():
        name = name.replace(new, part)
    return name


def test_names_and_shapes_are_the_published_ones(
    published: dict[str, torch.Tensor], network: AstNetwork
) -> None:
    assert shapes(rename(published)) == shapes(network.state_dict())


def test_parameters(published: dict[str, torch.Tensor], network: AstNetwork) -> None:
    counted = sum(parameter.numel() for parameter in network.parameters())
    unused = sum(tensor.numel() for name, tensor in published.items() if name.startswith(UNUSED))
    assert counted == 86_594_063
    assert counted + unused == sum(tensor.numel() for tensor in published.values()) == 88_132_063


def test_unused_heads_may_be_missing(
    published: dict[str, torch.Tensor], network: AstNetwork
) -> None:
    used = {name: tensor for name, tensor in published.items() if not name.startswith(UNUSED)}
    assert shapes(rename(used)) == shapes(network.state_dict())


def test_names_on_the_hub(network: AstNetwork) -> None:
    own = {
        name.removeprefix("transformer."): tensor for name, tensor in network.state_dict().items()
    }
    hub = {hub_name(name): tensor for name, tensor in own.items()}
    assert f"{BODY}.encoder.layer.11.attention.attention.query.weight" in hub
    assert f"{BODY}.encoder.layer.0.output.dense.bias" in hub
    assert not [name for name in hub if re.search(r"layers\.|_proj|mlp", name)]
    for state in (own, hub):
        assert shapes(rename(state)) == shapes(network.state_dict())


def test_queries_keys_and_values_come_in_this_order() -> None:
    fused = torch.from_numpy(np.arange(6.0).reshape(6, 1))
    parts = rename({"module.v.blocks.3.attn.qkv.weight": fused})
    found = {name.split(".")[-2]: values.flatten().tolist() for name, values in parts.items()}
    assert found == {"q_proj": [0, 1], "k_proj": [2, 3], "v_proj": [4, 5]}


@pytest.mark.parametrize(
    "name",
    ["module.v.blocks.0.ls1.gamma", "module.v.other", "classifier.weight", "mlp_head.2.bias"],
)
def test_another_name_stays(name: str) -> None:
    assert list(rename({name: torch.zeros(3)})) == [f"transformer.{name.removeprefix('module.')}"]
