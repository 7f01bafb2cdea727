"""Waveform to layers: clips of 2 s, cochleagram, convolutional network."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from brainbench_spectrotemporal.cochleagram import Cochleagram, normalise_waveform
from brainbench_spectrotemporal.network import cut
from torch import Tensor, nn

from brainbench_audio.activations.family import Family
from brainbench_audio.cards import ModelCard

from .checkpoint import open_checkpoint, rename
from .cochcnn9 import CochCNN9
from .cochresnet50 import CochResNet50
from .heads import ALL_HEADS, WORDS, Heads

BODIES: dict[str, type[CochCNN9 | CochResNet50]] = {
    "cochcnn9": CochCNN9,
    "cochresnet50": CochResNet50,
}


class CochNetwork(nn.Module):
    """A convolutional network on cochleagrams; layers are averaged over time.

    Sounds are cut into clips of 2 s as by `brainbench_spectrotemporal.network.cut`; a clip's mean
    is removed, its RMS set to 0.1 and its peaks clipped; the layers of a sound are the mean over
    its clips.

    Parameters
    ----------
    body : CochCNN9 or CochResNet50
    layers : iterable of str
        What ``body.stages`` yields.
    oversampling : float or None
        Of the `Cochleagram`.
    """

    def __init__(
        self,
        body: CochCNN9 | CochResNet50,
        layers: Iterable[str],
        oversampling: float | None = 50.0,
    ) -> None:
        super().__init__()
        self.cochleagram = Cochleagram(oversampling)
        self.body = body
        self.read_outs = nn.ModuleDict({layer: nn.Identity() for layer in layers})

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the last layer (batch, feature) of waveforms (batch, sample)."""
        clips = torch.stack([cut(waveform) for waveform in waveforms])
        images = self.cochleagram(normalise_waveform(clips.flatten(0, 1)))
        for layer, output in self.body.stages(images.unsqueeze(1)):
            exact = output.float()
            features = exact.mean(-1) if exact.dim() == 4 else exact
            clip_means = features.reshape(*clips.shape[:2], -1)
            mean: Tensor = self.read_outs[layer](clip_means.mean(1))
        return mean


def build(card: ModelCard) -> CochNetwork:
    """Return a card's network with fresh initial weights."""
    heads: Heads = WORDS if card.id.endswith("-word") else ALL_HEADS
    return CochNetwork(BODIES[card.family](heads), card.layers)


FAMILY = Family(
    build=build,
    read_outs=lambda card: {layer: f"read_outs.{layer}" for layer in card.layers},
    open=open_checkpoint,
    rename=rename,
)
