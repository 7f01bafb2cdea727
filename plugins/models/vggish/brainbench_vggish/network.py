"""VGGish: six convolutions and three fully connected layers on log-mel patches."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from brainbench_audio.activations.family import Family

from .patches import LogMelPatches

EMBEDDING = 128


class VggishNetwork(nn.Module):
    """Waveform to the activations of all layers, each averaged over a sound's patches.

    A ReLU follows every convolution and linear layer, the last one too, and a 2 x 2 max-pool each
    of four blocks. Parameters have the published names; the PCA that follows in the published code
    is left out.

    Parameters
    ----------
    layers : iterable of str
        Names of the ReLUs and pools in the order in which sound passes through them.
    width : int
        Channels of the first convolution, of which all other sizes are multiples: 64 when
        published.
    """

    def __init__(self, layers: Iterable[str], width: int = 64) -> None:
        super().__init__()
        self.patches = LogMelPatches()
        self.features = _features(width)
        hidden = 64 * width
        self.embeddings = nn.Sequential(
            nn.Linear(8 * width * 6 * 4, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, EMBEDDING),
            nn.ReLU(),
        )
        self.read_outs = nn.ModuleDict({layer: nn.Identity() for layer in layers})

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return embeddings (batch, 128) of waveforms (batch, sample)."""
        patches = self.patches(waveforms)
        sounds = len(patches)
        read_outs = iter(self.read_outs.values())
        x = patches.flatten(0, 1).unsqueeze(1)
        for part in self.features:
            x = part(x)
            if not isinstance(part, nn.Conv2d):
                next(read_outs)(_per_sound(x.float().mean(2), sounds))
        # (channel, time, band) becomes (time, band, channel), as in TensorFlow
        x = x.permute(0, 2, 3, 1).flatten(1)
        for part in self.embeddings:
            x = part(x)
            if not isinstance(part, nn.Linear):
                next(read_outs)(_per_sound(x, sounds))
        return _per_sound(x, sounds)


def _features(width: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    channels = 1
    for factors in ((1,), (2,), (4, 4), (8, 8)):
        for factor in factors:
            parts += [nn.Conv2d(channels, factor * width, 3, padding=1), nn.ReLU()]
            channels = factor * width
        parts.append(nn.MaxPool2d(2))
    return nn.Sequential(*parts)


def _per_sound(values: Tensor, sounds: int) -> Tensor:
    """Return the mean over the patches of each sound, (sound, feature)."""
    return values.float().reshape(sounds, -1, values[0].numel()).mean(1)


FAMILY = Family(
    build=lambda card: VggishNetwork(card.layers),
    read_outs=lambda card: {layer: f"read_outs.{layer}" for layer in card.layers},
    # the PCA, which torch.hub's model has beside the network
    unused=r"pproc\..+",
)
