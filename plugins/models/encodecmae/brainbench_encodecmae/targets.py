"""What pretraining predicts: codes of frames, by EnCodec or by a stand-in that needs no file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from brainbench_audio import settings
from brainbench_audio.activations.weights import load_strictly, read_checkpoint
from brainbench_audio.download import Remote, fetch
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

from .encodec import CODES
from .objective import WEIGHTS, Batch
from .pretraining import Tokenizer

ENCODEC = Remote(
    "encodec_24khz-d7cc33bc.th",
    ("https://dl.fbaipublicfiles.com/encodec/v0/encodec_24khz-d7cc33bc.th",),
    "d7cc33bcf1aad7f2dad9836f36431530744abeace3ca033005e3290ed4fa47bf",
)
CODEBOOKS = len(WEIGHTS)
_PROJECTED = 16
_LEAST_DEVIATION = 0.1  # a band that hardly moves is not blown up


class Targets(Protocol):
    """Makes the codes that pretraining predicts; whatever does may take the place of EnCodec.

    Attributes
    ----------
    name : str
        Kept with the run; a run is only resumed with targets of the same name.
    codebooks : int
        Codes of a frame.
    """

    name: str
    codebooks: int

    def __call__(self, batch: Batch) -> Tensor:
        """Return the codes int64 (codebook, clip, frame), from 0 to 1023, of a batch.

        Frames more or fewer than those of the batch are allowed at its end.
        """
        ...

    def to(self, device: torch.device) -> Any:
        """Move to a device."""
        ...


class EncodecTargets(nn.Module):
    """The paper's targets: codes of the first eight quantizers of EnCodec at 24 kHz.

    They are those of the padded waveforms. The codec is frozen, its codebooks too.

    Parameters
    ----------
    file : Path, optional
        A copy of the published file; fetched on first use where None is given.

    Raises
    ------
    DataError
        The file cannot be had, is damaged, or has other names or shapes than the codec. Nothing in
        it is executed.

    Notes
    -----
    Défossez et al. (2022). The published training may have let the codebooks drift, which its
    library does in training mode; here they never do.
    """

    def __init__(self, file: Path | None = None) -> None:
        super().__init__()
        self.codebooks = CODEBOOKS
        path = file or fetch(ENCODEC, settings.data_home() / "weights" / "encodec")
        content = read_checkpoint(path)
        self.name = f"encodec {hash_file(path)}"
        with torch.random.fork_rng(devices=[]):  # initial weights that are replaced at once
            self.tokenizer = Tokenizer(own_encoder=True)
        load_strictly(self.tokenizer, _renamed(content, path), f"EnCodec: {path}")
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> EncodecTargets:
        """Stay as it is: the codec does not learn."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, batch: Batch) -> Tensor:
        """Return the codes; see `Targets`."""
        codes: Tensor = self.tokenizer(batch.waveforms, self.codebooks)
        return codes


class RandomProjectionTargets(nn.Module):
    """A stand-in, not the paper's targets: which of 1024 random directions a frame points to.

    ``argmax_c <e_c, P z>``, ``z = (x - mean) / (deviation + 0.1)`` for a frame x of the front end,
    mean and deviation of each band over the clip's frames, a random matrix P (16, band) and random
    unit vectors ``e_c``, both fixed for good. Eight pairs of them give eight codes, which are all
    equally fine, where EnCodec's go from coarse to fine. Without z most frames would share the few
    codes of their loudness. Padding has code 0.

    Parameters
    ----------
    bands : int
        Of the front end.
    seed : int
        Of the projections.

    Notes
    -----
    After BEST-RQ: Chiu et al. (2022), Self-supervised learning with random-projection quantizer for
    speech recognition.
    """

    projections: Tensor
    directions: Tensor

    def __init__(self, bands: int = 256, seed: int = 0) -> None:
        super().__init__()
        self.codebooks = CODEBOOKS
        self.name = f"random-projection of {bands} bands, seed {seed}"
        random = torch.Generator().manual_seed(seed)
        projections = torch.randn(CODEBOOKS, bands, _PROJECTED, generator=random)
        directions = torch.randn(CODEBOOKS, _PROJECTED, CODES, generator=random)
        self.register_buffer("projections", projections / bands**0.5)
        self.register_buffer("directions", normalize(directions, dim=1))

    @torch.no_grad()
    def forward(self, batch: Batch) -> Tensor:
        """Return the codes; see `Targets`."""
        frames = _standardised(batch)
        projected = frames.flatten(0, 1) @ self.projections
        codes = (projected @ self.directions).argmax(-1)
        return codes.view(self.codebooks, *frames.shape[:2])


def _standardised(batch: Batch) -> Tensor:
    """Return frames whose bands have mean 0 and about deviation 1 in each clip, 0 in padding."""
    heard = torch.arange(batch.frames.shape[1], device=batch.frames.device) < (
        batch.lengths.unsqueeze(1)
    )
    own = heard.unsqueeze(-1)
    count = batch.lengths.view(-1, 1, 1)
    mean = (batch.frames * own).sum(1, keepdim=True) / count
    centred = (batch.frames - mean) * own
    deviation = (centred.square().sum(1, keepdim=True) / count).sqrt()
    return centred / (deviation + _LEAST_DEVIATION)


def _renamed(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the encoder and quantizer of a published codec, under the names of `Tokenizer`."""
    if not isinstance(content, Mapping) or not all(
        isinstance(value, Tensor) for value in content.values()
    ):
        raise DataError(f"{path} holds {type(content).__name__}, expected EnCodec's named tensors.")
    parts = {"encoder.": "encodec_encoder.", "quantizer.": "model."}
    renamed: dict[str, Tensor] = {}
    for name, value in content.items():
        part = f"{name.partition('.')[0]}."
        if part != "decoder.":  # it would turn codes back into sound
            renamed[parts.get(part, part) + name.removeprefix(part)] = value
    return renamed
