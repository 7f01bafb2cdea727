"""Parameter names: of the original file, of the file on the hub, and of the network."""

from __future__ import annotations

import re

import torch

from brainbench_audio.activations.weights import State

_NETWORK = "transformer."
_BODY = "audio_spectrogram_transformer"
# what DataParallel puts before every name of the original file
_WRAPPER = "module."
# classifiers of ImageNet, left in the original file
_UNUSED = re.compile(r"v\.head(_dist)?\.(weight|bias)")

_ORIGINAL = {
    "v.cls_token": f"{_BODY}.embeddings.cls_token",
    "v.dist_token": f"{_BODY}.embeddings.distillation_token",
    "v.pos_embed": f"{_BODY}.embeddings.position_embeddings",
    "v.patch_embed.proj": f"{_BODY}.embeddings.patch_embeddings.projection",
    "v.norm": f"{_BODY}.layernorm",
    "mlp_head.0": "classifier.layernorm",
    "mlp_head.1": "classifier.dense",
}
_ORIGINAL_BLOCK = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.o_proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
_HUB_BLOCK = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
    "layernorm_before": "layernorm_before",
    "layernorm_after": "layernorm_after",
}
_BLOCKS = (
    (re.compile(r"v\.blocks\.(\d+)\.(.+)\.(weight|bias)"), _ORIGINAL_BLOCK),
    (re.compile(rf"{_BODY}\.encoder\.layer\.(\d+)\.(.+)\.(weight|bias)"), _HUB_BLOCK),
)
_FUSED = re.compile(r"v\.blocks\.(\d+)\.attn\.qkv\.(weight|bias)")


def rename(state: State) -> State:
    """Return a state dict under the names of the network.

    Takes the names of the original file (``module.v.blocks.0.attn.qkv.weight``) and those of the
    file on the hub (``audio_spectrogram_transformer.encoder.layer.0…``). A name that is neither
    stays, so that loading can say it is unexpected.
    """
    renamed = {}
    for name, tensor in state.items():
        plain = name.removeprefix(_WRAPPER)
        if _UNUSED.fullmatch(plain):
            continue
        renamed.update(_queries_keys_values(plain, tensor) or {_translated(plain): tensor})
    return {_NETWORK + name: tensor for name, tensor in renamed.items()}


def _translated(name: str) -> str:
    for pattern, parts in _BLOCKS:
        found = pattern.fullmatch(name)
        if found and found[2] in parts:
            return f"{_BODY}.layers.{found[1]}.{parts[found[2]]}.{found[3]}"
    part, _, leaf = name.rpartition(".")
    if part in _ORIGINAL and leaf in {"weight", "bias"}:
        return f"{_ORIGINAL[part]}.{leaf}"
    return _ORIGINAL.get(name, name)


def _queries_keys_values(name: str, tensor: torch.Tensor) -> State:
    """Return the three parts of a fused projection, nothing for another parameter."""
    found = _FUSED.fullmatch(name)
    if not found or len(tensor) % 3:
        return {}
    return {
        f"{_BODY}.layers.{found[1]}.attention.{part}_proj.{found[2]}": values
        for part, values in zip("qkv", tensor.chunk(3), strict=True)
    }
