"""Published files of all families: found where they are, read to the last name, else refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from brainbench_audio import load_model
from brainbench_audio.activations import family
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights_files import local_weights
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file
from brainbench_audio.registry.lookup import find_model, registered
from brainbench_audio.testing.published import put_in_place
from brainbench_audio.testing.references import read_manifests
from brainbench_audio.testing.standin import loaded

CARDS = [
    entry.card for entry in registered(ModelCard) if entry.card.weights and entry.card.parameters
]
# the others come with a package or in an archive of several models; their plugins test that
ALONE = [card for card in CARDS if not card.weights[0].installed and not card.weights[0].member]
FIRST_OF_FAMILY = list({card.family: card.id for card in reversed(CARDS)}.values())
MANIFESTS = {name: found for name, found in read_manifests().items() if found["state_dict"]}
# their published file is a state dict and nothing else
BARE = ["ast", "dcase2020", "metricgan", "s2t", "vggish", "wav2vec2"]
# their networks have the tensors of their files, so shuffling can be seen
SHUFFLED = {"dcase2020": False, "metricgan": False, "beats-iter1": True, "wav2vec2": True}

State = dict[str, torch.Tensor]


def standins(names: dict[str, bool]) -> pytest.MarkDecorator:
    """Run a test with the stand-in weights of each model; drawing those of the slow takes long."""
    marked = [
        pytest.param(name, marks=[pytest.mark.standin(name), *[pytest.mark.slow] * slow])
        for name, slow in names.items()
    ]
    return pytest.mark.parametrize("name", marked)


def assert_same_weights(ours: TorchModel, expected: TorchModel) -> None:
    found, wanted = (model.network.state_dict() for model in (ours, expected))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


@pytest.mark.parametrize("card", ALONE, ids=lambda card: card.id)
def test_files_are_found_where_a_download_leaves_them(card: ModelCard, tmp_path: Path) -> None:
    card = replace(card, weights=tuple(replace(file, sha256=None) for file in card.weights))
    assert local_weights(card) is None
    (tmp_path / "file").write_bytes(b"weights")
    places = []
    for index in range(len(card.weights)):
        assert local_weights(card) is None
        places.append(put_in_place(card, tmp_path / "file", index))
    assert local_weights(card) == places


@pytest.mark.parametrize("card", [c for c in ALONE if c.weights[0].sha256], ids=lambda c: c.id)
def test_another_file_in_its_place_is_not_taken(card: ModelCard, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"something else")
    place = put_in_place(card, tmp_path / "file")
    assert local_weights(card) is None
    with pytest.raises(DataError, match=rf"(?s)forbids downloads.*another file: {place}"):
        load_model(card.id)
    assert place.exists(), "somebody's file is not ours to remove"


@pytest.mark.parametrize("name", MANIFESTS)
def test_other_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # tensors without values cannot be hashed
    monkeypatch.setattr(family, "hash_state", lambda state: "none")
    manifest = MANIFESTS[name]
    used, computed = manifest.get("used_prefix", ""), manifest["not_filled"]
    shapes = {key: shape for key, shape in manifest["state_dict"].items() if key not in computed}
    with torch.device("meta"):
        state = {key: torch.empty(shape) for key, shape in shapes.items() if key.startswith(used)}
        middle = list(state)[len(state) // 2]
        with pytest.raises(DataError, match=rf"^The weights .*\({name}: the given.* \d missing: "):
            load_model(name, weights={key: x for key, x in state.items() if key != middle})
        with pytest.raises(DataError, match=r"\. 1 unexpected: \S*surplus\.bias\.$"):
            load_model(name, weights=state | {"surplus.bias": torch.empty(3)})
        with pytest.raises(DataError, match=r"\d of another shape: \S+ \(.* instead of \("):
            load_model(name, weights=state | {middle: torch.empty(3, 1, 4, 1, 5)})


@pytest.mark.parametrize(
    "content", [{"epoch": 3}, {"model": [1]}, [1], {0: "text"}, torch.zeros(3)], ids=str
)
@pytest.mark.parametrize("name", FIRST_OF_FAMILY)
def test_another_nesting(name: str, content: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    with pytest.raises(DataError, match=re.escape(str(path))), torch.device("meta"):
        load_model(name, weights=path)


@standins({name: name in ("ast", "s2t", "wav2vec2") for name in BARE})
def test_a_bare_file(
    name: str, standin: TorchModel, standin_weights: State, tmp_path: Path
) -> None:
    card = find_model(name).card
    path = tmp_path / card.weights[0].url.rpartition("/")[2].partition("@")[0]
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(standin_weights, path)
    else:
        torch.save(standin_weights, path)
    assert local_weights(card, path) == local_weights(card, str(tmp_path)) == [path]
    model = loaded(name, weights=path)
    assert_same_weights(model, standin)
    assert model.fingerprint["given"]["weights"] == hash_file(path)
    assert model.files == (path,)
    if card.weights[0].sha256 is None:
        place = put_in_place(card, path)
        model = loaded(name)
        assert_same_weights(model, standin)
        assert model.files == (place,)


@standins(SHUFFLED)
def test_permuted_weights_keep_their_values(
    name: str, standin: TorchModel, standin_weights: State
) -> None:
    permuted = loaded(name, weights=standin_weights, control="permuted", seed=1)
    given = permuted.fingerprint["given"]
    assert (given["control"], given["seed"]) == ("permuted", 1)
    assert given["weights"] == standin.fingerprint["given"]["weights"]
    assert permuted.files is standin.files is None
    ours, published = (model.network.state_dict() for model in (permuted, standin))
    differ = []
    for key, tensor in published.items():
        assert torch.equal(ours[key].flatten().sort()[0], tensor.flatten().sort()[0]), key
        differ.append(not torch.equal(ours[key], tensor))
    assert sum(differ) > 0.5 * len(differ)


@pytest.mark.parametrize("name", FIRST_OF_FAMILY)
def test_another_control_and_another_option(name: str) -> None:
    with pytest.raises(ContractError, match="no control 'shuffled': choose from untrained"):
        load_model(name, weights={}, control="shuffled")
    with pytest.raises(ContractError, match=r"does not take these options: .*'breadth'"):
        load_model(name, weights={}, breadth=3)


def test_a_fixed_transform_has_no_files() -> None:
    assert loaded("spectrotemporal").files == ()
    assert local_weights(find_model("spectrotemporal").card) == []
    assert loaded("metricgan", weights="untrained").files == ()
