"""Checks the published files: ``{"cfg": hyper-parameters, "model": state dict}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brainbench_audio.errors import DataError

ARCHITECTURE: Mapping[str, Any] = {
    "input_patch_size": 16,
    "embed_dim": 512,
    "conv_bias": False,
    "encoder_layers": 12,
    "encoder_embed_dim": 768,
    "encoder_ffn_embed_dim": 3072,
    "encoder_attention_heads": 12,
    "activation_fn": "gelu",
    "layer_norm_first": False,
    "deep_norm": True,
    "conv_pos": 128,
    "conv_pos_groups": 16,
    "relative_position_embedding": True,
    "num_buckets": 320,
    "max_distance": 800,
    "gru_rel_pos": True,
}
"""Hyper-parameters of the network that is built here; most leave no trace in names and shapes."""


def read(checkpoint: Any) -> Any:
    """Return what is in a file, if its ``cfg`` says that its architecture is the one built here.

    A file without ``cfg``, such as one of safetensors, is told by names and shapes alone.

    Raises
    ------
    DataError
        It is of a network of another architecture.
    """
    found = checkpoint.get("cfg") if isinstance(checkpoint, Mapping) else None
    if not isinstance(found, Mapping):
        return checkpoint
    different = [
        f"{name} {found.get(name)!r} instead of {expected!r}"
        for name, expected in ARCHITECTURE.items()
        if found.get(name) != expected
    ]
    if different:
        raise DataError(
            f"The weights file is of another architecture than BEATs iteration 1 to 3: its cfg "
            f"has {', '.join(different)}. Give one of the published files."
        )
    return checkpoint
