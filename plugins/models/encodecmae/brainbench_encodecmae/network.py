"""EnCodecMAE: front end, positions and encoder, and the modules that pretraining adds."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor, nn

from brainbench_audio.activations.family import Configured, Family
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError

from .cards import layer_names
from .configuration import CONFIGURATIONS, SHORTEST, Configuration
from .encodec import HOP
from .front_end import WaveformEncoder
from .pretraining import Decoder, Head, Tokenizer
from .published import STATE, PublishedFile
from .transformer import PositionalEncoding, Transformer

_log = logging.getLogger(__name__)

WINDOW = 96_000
"""Samples heard at a time: 4 s."""


class Masker(nn.Module):
    """Gives frames their positions; in pretraining it is also where frames are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.positional_encoder = PositionalEncoding()

    def forward(self, frames: Tensor) -> Tensor:
        """Return (batch, frame, width), as given."""
        placed: Tensor = self.positional_encoder(frames)
        return placed


class VisibleEncoder(Transformer):
    """The encoder, and the linear map from it to the decoder."""

    def __init__(self, blocks: int, width: int, inner: int, heads: int, hidden: int) -> None:
        super().__init__(blocks, width, inner, heads, hidden)
        self.post_net = nn.Linear(width, width)


class EncodecMAE(nn.Module):
    """A masked autoencoder of sound that predicts the codes of a neural codec.

    Sounds are heard in windows of 4 s that know nothing of each other. Nothing is masked here.
    Modules are nested as the published parameter names demand; those named ``target_encoder``,
    ``head`` and ``decoder`` take no part in activations.

    Parameters
    ----------
    configuration : Configuration

    Notes
    -----
    Pepino, Riera and Ferrer (2023). Read-outs: ``read_outs.<block>`` is the mean over all frames of
    all windows, (batch, width), of what `Transformer.forward` returns for a block.
    """

    def __init__(self, configuration: Configuration) -> None:
        super().__init__()
        sizes = (
            configuration.width,
            configuration.attention_width,
            configuration.heads,
            configuration.hidden,
        )
        encodec_input = configuration.front_end.kind == "encodec"
        self.wav_encoder = WaveformEncoder(configuration.front_end, configuration.width)
        if configuration.tokenizer:
            self.target_encoder = Tokenizer(own_encoder=not encodec_input)
        self.masker = Masker()
        self.visible_encoder = VisibleEncoder(configuration.blocks, *sizes)
        self.head = Head(configuration.width, configuration.codebooks)
        self.decoder = Decoder(configuration.decoder_blocks, *sizes)
        self.read_outs = nn.ModuleList(nn.Identity() for _ in range(configuration.blocks))
        self.apply(_initialise)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the last block's mean over time (batch, width) of waveforms (batch, sample)."""
        frames = 0
        sums: list[Tensor] = []
        for span in spans(waveforms.shape[1]):
            outputs = self.encode(waveforms[:, span])
            frames += outputs[0].shape[1]
            sums.append(torch.stack([output.sum(1) for output in outputs]))
        means = torch.stack(sums).sum(0) / frames
        for read_out, mean in zip(self.read_outs, means, strict=True):
            read_out(mean)
        return means[-1]

    def encode(self, window: Tensor) -> list[Tensor]:
        """Return each block's output (batch, frame, width) to sounds (batch, sample) of up to 4 s.

        A frame that begins after the last whole 320 samples is not attended to. That is at most the
        last one, where the length is no multiple of 320; its own output is returned all the same.
        """
        frames = self.wav_encoder(window)
        whole = window.shape[1] // HOP
        heard = None
        if frames.shape[1] > whole:
            heard = (torch.arange(frames.shape[1], device=window.device) < whole).unsqueeze(0)
        blocks: list[Tensor] = self.visible_encoder(self.masker(frames), heard)
        return blocks


def spans(samples: int) -> list[slice]:
    """Return where the windows of a sound are.

    They follow each other without a gap or padding. A rest of up to 2048 samples is not heard.

    Examples
    --------
    >>> spans(98_048), spans(98_049)
    ([slice(0, 96000, None)], [slice(0, 96000, None), slice(96000, 98049, None)])
    """
    starts = range(0, samples - SHORTEST + 1, WINDOW)
    return [slice(start, min(start + WINDOW, samples)) for start in starts]


def heard_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that activations pass through, shared ones once."""
    return [
        parameter
        for name, parameter in network.named_parameters()
        if name.startswith(("wav_encoder.", "masker.", "visible_encoder."))
        and not name.startswith("visible_encoder.post_net.")
    ]


def _initialise(module: nn.Module) -> None:
    """Give a linear map the initial weights of the published training."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def configure(
    card: ModelCard, content: Any, *, normalisation: tuple[float, float] | None = None
) -> Configured:
    """Return what a model's file, or else its id, says of the network.

    A checkpoint of one's own pretraining brings its sizes; the model's card then has the layers and
    dims of that network in place of those of the published one.

    Parameters
    ----------
    card : ModelCard
    content : object
        What is in the file, or a mapping of weights, or None.
    normalisation : (float, float), optional
        Mean and deviation of the front end's logarithms, in place of those in the file. Only
        ``encodecmae-spec-base`` may need it: where its file does not say, placeholders are used and
        a warning is logged.

    Raises
    ------
    DataError
        The file contradicts itself, or is of another kind of model.
    ContractError
        ``normalisation`` for a model that has none.
    """
    published = PublishedFile(card.id, CONFIGURATIONS[card.id])
    if content is not None and STATE in content:
        published.read(content)
    configuration = _normalised(published.configuration, normalisation)
    if published.own:
        card = _own_card(card, configuration)
    if not published.normalised and normalisation is None:
        front_end = configuration.front_end
        _log.warning(
            "%s: no weights say how its input was normalised. Mean %g and deviation %g are "
            "placeholders, so it does not hear what the published model hears; give the true ones "
            "as load_model(%r, normalisation=(mean, deviation)).",
            card.id,
            front_end.mean,
            front_end.deviation,
            card.id,
        )
    facts = {"configuration": asdict(configuration)}
    return Configured(card, arguments={"configuration": configuration}, facts=facts)


def _own_card(card: ModelCard, configuration: Configuration) -> ModelCard:
    """Return what is known about a network of one's own pretraining."""
    layers = layer_names(configuration.blocks)
    with torch.device("meta"):
        heard = heard_parameters(EncodecMAE(configuration))
    return replace(
        card,
        label=f"EnCodecMAE {configuration.blocks} x {configuration.width}, your own training",
        parameters=sum(parameter.numel() for parameter in heard),
        layers=layers,
        dims=(configuration.width,) * len(layers),
        training_data="a pretraining run of one's own",
        weights=(),
    )


def _normalised(
    configuration: Configuration, normalisation: tuple[float, float] | None
) -> Configuration:
    if normalisation is None:
        return configuration
    mean, deviation = normalisation
    if configuration.front_end.kind == "encodec" or not deviation > 0:
        raise ContractError(
            f"normalisation={normalisation} does not fit: expected mean and a deviation above 0, "
            f"for a model whose input is a spectrum."
        )
    front_end = replace(configuration.front_end, mean=float(mean), deviation=float(deviation))
    return replace(configuration, front_end=front_end)


FAMILY = Family(
    build=lambda _card, configuration: EncodecMAE(configuration),
    read_outs=lambda card: {
        layer: f"read_outs.{layer.removeprefix('layer_')}" for layer in card.layers
    },
    configure=configure,
)
