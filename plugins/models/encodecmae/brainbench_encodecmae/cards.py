"""What is known about the ten models before they are loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard, WeightsFile

from .configuration import CONFIGURATIONS, SAMPLE_RATE, SHORTEST

CITATION = """\
@article{pepino2023encodecmae,
  title = {{EnCodecMAE}: leveraging neural codecs for universal audio representation learning},
  author = {Pepino, Leonardo and Riera, Pablo and Ferrer, Luciana},
  journal = {arXiv preprint arXiv:2309.07391},
  year = {2023},
  doi = {10.48550/arXiv.2309.07391}
}
@article{defossez2022high,
  title = {High Fidelity Neural Audio Compression},
  author = {D{\\'e}fossez, Alexandre and Copet, Jade and Synnaeve, Gabriel and Adi, Yossi},
  journal = {arXiv preprint arXiv:2210.13438},
  year = {2022},
  doi = {10.48550/arXiv.2210.13438}
}"""

_LICENCE = (
    "MIT by the authors' earlier model repositories; the code repository states none; EnCodec: MIT"
)
_AUDIOSET = "AudioSet (unbalanced train)"
_LIBRILIGHT = "Libri-Light medium (6,000 h)"
_FMA = "FMA-large"
_MIXTURE = f"{_AUDIOSET}, {_FMA}, {_LIBRILIGHT}"


def _card(variant: str, label: str, published: str, parameters: int, data: str) -> ModelCard:
    identifier = f"encodecmae-{variant}"
    configuration = CONFIGURATIONS[identifier]
    layers = layer_names(configuration.blocks)
    return ModelCard(
        id=identifier,
        family="encodecmae",
        label=f"EnCodecMAE {label}",
        parameters=parameters,
        layers=layers,
        dims=(configuration.width,) * len(layers),
        sample_rate=SAMPLE_RATE,
        licence=_LICENCE,
        citation=CITATION,
        training_data=data,
        source="https://github.com/habla-liaa/encodecmae",
        # no commit of the repository is known
        weights=(WeightsFile(url=f"hf://lpepino/encodecmae-v2/{published}.pt"),),
        packages=("brainbench_encodecmae",),
        shortest=SHORTEST,
        loader="brainbench_encodecmae.network:FAMILY",
    )


def layer_names(blocks: int) -> tuple[str, ...]:
    """Return the names of the blocks that are read: of twenty, every other one and the last."""
    read = range(blocks) if blocks < 20 else [*range(0, blocks, 2), blocks - 1]
    return tuple(f"layer_{block}" for block in read)


# `parameters` counts what activations pass through, shared ones once: front end, projection,
# positions and encoder.
CARDS = [
    _card("base", "Base", "mel256-ec-base", 30_118_913, _MIXTURE),
    _card("base-as", "Base AS", "mel256-ec-base-as", 30_118_913, _AUDIOSET),
    _card("base-ll", "Base LL", "mel256-ec-base-ll", 30_118_913, _LIBRILIGHT),
    _card("base-fma", "Base FMA", "mel256-ec-base-fma", 30_118_913, _FMA),
    _card("small", "Small", "mel256-ec-small", 18_307_073, _MIXTURE),
    _card("large", "Large", "mel256-ec-large", 92_299_265, _MIXTURE),
    _card("ec-base", "EC Base", "ec-ec-base", 37_446_401, _MIXTURE),
    _card("spec-base", "Spec Base", "spec-ec-base", 30_316_289, _MIXTURE),
    _card("base-st", "Base ST", "mel256-ec-base_st-nopn", 30_118_913, _MIXTURE),
    _card("large-st", "Large ST", "mel256-ec-large_st-nopn", 92_299_265, _MIXTURE),
]
