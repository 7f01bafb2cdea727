"""Three updates of the published training, with the same made-up weights, sounds and targets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_encodecmae.configuration import PRETRAINING
from brainbench_encodecmae.corpus import make_batch
from brainbench_encodecmae.masking import TimeGapMask
from brainbench_encodecmae.network import EncodecMAE
from brainbench_encodecmae.objective import Batch, Loss, loss, predict
from brainbench_encodecmae.pretraining import Tokenizer
from brainbench_encodecmae.training import make_optimizer

from brainbench_audio.testing.references import read_manifest, references_folder
from brainbench_audio.testing.sounds import parity_sounds
from brainbench_audio.testing.standin import standin_state_dict

NAME = "encodecmae-pretraining"
SYNTHETIC = references_folder() / "synthetic"
MADE_UP = ("glide", "bursts", "vowels")
CODES = torch.from_numpy(np.random.RandomState(7).randint(0, 1024, (8, 2, 300)))
SIZES = ["tiny", pytest.param("base", marks=pytest.mark.slow)]


@pytest.fixture(
    params=[MADE_UP, pytest.param(None, marks=[pytest.mark.data, pytest.mark.slow])],
    ids=["made-up", "natural"],
)
def references(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Any, Batch]:
    """Return manifest, arrays and the batch they were made with."""
    if request.param:
        folder: Path = SYNTHETIC
        sounds = parity_sounds(24_000)
    else:
        folder = request.getfixturevalue("parity_folder")
        sounds = dict(np.load(folder / "waveforms_24000.npz"))
    # glide and bursts, vowels and glide; of the recordings the first two, the third and the first
    first, second, third = MADE_UP if request.param else sorted(sounds)
    crops = [
        np.concatenate([sounds[first], sounds[second]]),
        np.concatenate([sounds[third], sounds[first]])[:72_000],
    ]
    manifest = json.loads((folder / f"{NAME}.json").read_text())
    front_end = EncodecMAE(PRETRAINING["tiny"]).wav_encoder.encoder
    return manifest, np.load(folder / f"{NAME}.npz"), make_batch(crops, front_end)


def network_of(manifest: Mapping[str, Any], size: str) -> EncodecMAE:
    drawn = standin_state_dict({**manifest, **manifest[size]})
    network = EncodecMAE(PRETRAINING[size])
    network.load_state_dict({name: torch.tensor(x) for name, x in drawn.items()}, strict=True)
    return network


def assert_losses(found: Loss, expected: Mapping[str, float], tolerance: float) -> None:
    ours = {"loss": found.total, "masked_loss": found.masked, "unmasked_loss": found.unmasked}
    for q in range(8):
        ours[f"masked_loss_q{q}"] = found.masked_parts[q]
        ours[f"unmasked_loss_q{q}"] = found.unmasked_parts[q]
    assert {name: value.item() for name, value in ours.items()} == pytest.approx(
        expected, rel=tolerance
    )


@pytest.mark.parametrize("size", SIZES)
def test_three_updates(size: str, references: tuple[dict[str, Any], Any, Batch]) -> None:
    manifest, arrays, batch = references
    assert batch.lengths.tolist() == manifest["batch"]["features_len"]
    network = network_of(manifest, size)
    optimizer = make_optimizer(network)
    mask = TimeGapMask(1234)([300, 225])
    for step, expected in enumerate(manifest[size]["losses_per_step"]):
        found = predict(network, batch, mask)
        losses = loss(found.logits, CODES, mask)
        assert_losses(losses, expected, manifest["tolerance"]["rel_loss"][step])
        optimizer.zero_grad()
        losses.total.backward()
        if step == 0:
            compare_outputs(size, arrays, found)
            compare_gradients(manifest, size, network)
        optimizer.step()


def compare_outputs(size: str, arrays: Any, found: Any) -> None:
    outputs = {
        "logits_clip0_frames0_150_299": found.logits[0, [0, 150, 299]],
        "decoder_out_mean": found.decoded.mean(1),
        "decoder_in_clip1_frame10to20": found.decoder_input[1, 10:20],
    }
    for name, ours in outputs.items():
        expected = arrays[f"{size}/{name}"]
        np.testing.assert_allclose(ours.detach().numpy(), expected, atol=1e-3, err_msg=name)


def compare_gradients(manifest: Mapping[str, Any], size: str, network: EncodecMAE) -> None:
    norms = {
        name: p.grad.norm().item() for name, p in network.named_parameters() if p.grad is not None
    }
    for name, expected in manifest[size]["grad_norms_step0"].items():
        assert norms[name] == pytest.approx(expected, rel=manifest["tolerance"]["rel_grad_norm"])
    lacking = {name for name, _ in network.named_parameters()} - set(norms)
    assert not lacking


def test_codes_of_the_codec() -> None:
    manifest = read_manifest("encodecmae-base")
    prefix = "target_encoder."
    used = re.compile(rf"{prefix}(encodec_encoder\..*|model\.vq\.layers\.[0-7]\._codebook\.embed)")
    own = {name: shape for name, shape in manifest["state_dict"].items() if used.fullmatch(name)}
    drawn = standin_state_dict({**manifest, "state_dict": own})
    tokenizer = Tokenizer(own_encoder=True).eval()
    state = {name.removeprefix(prefix): torch.tensor(value) for name, value in drawn.items()}
    tokenizer.load_state_dict(tokenizer.state_dict() | state, strict=True)
    limit = json.loads((SYNTHETIC / f"{NAME}.json").read_text())["tolerance"]["codes_agreement"]
    with np.load(SYNTHETIC / f"{NAME}.npz") as arrays, torch.inference_mode():
        for name, sound in parity_sounds(24_000).items():
            ours = tokenizer(torch.from_numpy(sound)[None], 8)[:, 0].numpy()
            assert ours.shape == (8, 150)
            assert (ours == arrays[f"codes/{name}"]).mean() >= limit
            assert len(np.unique(ours)) > 50
