"""Names and shapes of every model are those of its published file."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from brainbench_audio import load_model
from brainbench_audio.activations import family
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.testing.references import read_manifests

MANIFESTS = read_manifests()
IDS = {
    identifier: name
    for name, manifest in MANIFESTS.items()
    for identifier in (name, *manifest["also"])
    if manifest["state_dict"]
}
# Cards count what is heard (encodecmae) or the whole model, networks have more or no head.
PARTLY_USED = ("beats", "deepspeech2", "encodecmae", "s2t", "wav2vec2")


def published_shapes(identifier: str) -> dict[str, list[int]]:
    """Return the shapes in a model's file: those of its manifest, with its own heads."""
    manifest = MANIFESTS[IDS[identifier]]
    heads: dict[str, Any] = manifest.get("heads", {})
    others = heads.get(manifest["model"], ())
    computed = manifest["not_filled"]  # by the model itself; its file may have them
    shared = {
        name: shape
        for name, shape in manifest["state_dict"].items()
        if name not in others and name not in computed
    }
    return shared | heads.get(identifier, {})


@pytest.mark.parametrize("identifier", IDS)
def test_names_and_shapes(identifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading is strict, so one name too many or too few, or another shape, would raise."""
    # tensors without values can be neither hashed nor moved
    monkeypatch.setattr(family, "hash_state", lambda state: "none")
    monkeypatch.setattr(TorchModel, "place", lambda *_: None)
    with torch.device("meta"):
        state = {name: torch.empty(shape) for name, shape in published_shapes(identifier).items()}
        model = load_model(identifier, weights=state)
    assert isinstance(model, TorchModel)
    if model.card.family not in PARTLY_USED:
        parameters = sum(parameter.numel() for parameter in model.network.parameters())
        assert parameters == model.card.parameters


@pytest.mark.parametrize(
    "identifier", [name for name in IDS if "parameters" in MANIFESTS[IDS[name]]]
)
def test_the_number_of_parameters(identifier: str) -> None:
    told = MANIFESTS[IDS[identifier]]["parameters"]
    expected = told[identifier] if isinstance(told, dict) else told
    assert find_model(identifier).card.parameters == expected


@pytest.mark.parametrize("name", [name for name in MANIFESTS if "files" in MANIFESTS[name]])
def test_names_of_files(name: str) -> None:
    urls = [file.url.partition("@")[0] for file in find_model(name).card.weights]
    files = [url.rpartition("/")[2] for url in urls]
    assert files == list(MANIFESTS[name]["files"])
