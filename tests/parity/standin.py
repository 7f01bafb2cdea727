"""Models with stand-in weights, as their references were made with."""

from __future__ import annotations

from typing import Any

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel

from .comparison import read_manifest
from .weights import standin_state_dict


def standin_weights(name: str) -> dict[str, Any]:
    """Return the stand-in weights of a model, under their published names.

    Where a model uses only a part of its file, only that part: drawing takes seconds.
    """
    manifest = read_manifest(name)
    used = manifest.get("used_prefix", "")
    shapes = {key: shape for key, shape in manifest["state_dict"].items() if key.startswith(used)}
    return standin_state_dict({**manifest, "state_dict": shapes})


def standin_model(name: str, weights: dict[str, Any] | None = None) -> TorchModel:
    """Return a model on the CPU, as deep as its references are, with stand-in weights.

    Parameters
    ----------
    name : str
        Of its manifest.
    weights : dict, optional
        What `standin_weights` returned.
    """
    reduced = read_manifest(name).get("reduced") or {}
    options = {"depth": reduced["depth"]} if "depth" in reduced else {}
    drawn = standin_weights(name) if weights is None else weights
    model = load_model(name, weights=drawn, device="cpu", **options)
    assert isinstance(model, TorchModel)
    return model
