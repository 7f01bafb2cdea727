from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_beats.cards import ITER1, ITER3_AS2M
from brainbench_beats.checkpoint import ARCHITECTURE, read
from brainbench_beats.network import FAMILY

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file
from brainbench_audio.testing.behaviour import noise

pytestmark = pytest.mark.standin("beats-iter1")
TRAINING = {"dropout": 0.1, "encoder_layerdrop": 0.05, "layer_wise_gradient_decay_ratio": 1.0}
CFG = {**ARCHITECTURE, **TRAINING}


def test_a_published_file(
    standin: TorchModel, standin_weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "BEATs_iter1.pt"
    torch.save({"cfg": CFG, "model": standin_weights}, path)
    loaded = FAMILY(ITER1, path)
    ours, expected = (model.activations([noise(4000)]) for model in (loaded, standin))
    assert all(np.array_equal(ours[layer], expected[layer]) for layer in expected)
    assert loaded.fingerprint["given"] == {"weights": hash_file(path)}
    with pytest.raises(DataError, match=r"not those of beats-iter3-as2m: .* predictor\.weight"):
        FAMILY(ITER3_AS2M, path)


@pytest.mark.parametrize("card", [ITER1, ITER3_AS2M], ids=lambda card: card.id)
def test_a_classifier_of_other_classes_is_left_aside(
    card: ModelCard, standin: TorchModel, standin_weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    head = {"predictor.weight": torch.zeros(50, 768), "predictor.bias": torch.full((50,), np.nan)}
    torch.save({"cfg": CFG, "model": {**standin_weights, **head}}, tmp_path / "tuned.pt")
    loaded = FAMILY(card, tmp_path / "tuned.pt")
    told = loaded.provenance["weights"]
    assert (told["entry"], told["left_aside"]) == ("model", list(head))
    ours, expected = (model.network.state_dict() for model in (loaded, standin))
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize(("field", "value"), [("max_distance", 1280), ("deep_norm", False)])
def test_another_architecture(field: str, value: Any) -> None:
    with pytest.raises(DataError, match=rf"has {field} {value!r} instead of"):
        read({"cfg": {**CFG, field: value}, "model": {}})


@pytest.mark.parametrize("checkpoint", [{"model": {}}, {"cfg": CFG}, [1, 2]])
def test_another_nesting(checkpoint: Any, tmp_path: Path) -> None:
    torch.save(checkpoint, tmp_path / "other.pt")
    with pytest.raises(DataError, match=r"other\.pt: .*expected (those of|named tensors)"):
        FAMILY(ITER1, tmp_path / "other.pt")
