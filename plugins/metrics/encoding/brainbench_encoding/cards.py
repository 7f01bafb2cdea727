"""What is known about the metric before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import MetricCard

CITATION = """@article{huth2016natural,
  title = {Natural Speech Reveals the Semantic Maps That Tile Human Cerebral Cortex},
  author = {Huth, Alexander G. and de Heer, Wendy A. and Griffiths, Thomas L. and
            Theunissen, Fr{\\'e}d{\\'e}ric E. and Gallant, Jack L.},
  journal = {Nature},
  volume = {532},
  pages = {453--458},
  year = {2016},
  doi = {10.1038/nature17637}
}

@inproceedings{antonello2023scaling,
  title = {Scaling Laws for Language Encoding Models in {fMRI}},
  author = {Antonello, Richard and Vaidya, Aditya and Huth, Alexander G.},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {36},
  year = {2023}
}"""

ENCODING = MetricCard(
    id="encoding",
    variants=("unique", "unique-words"),
    given=frozenset({"unique", "unique-words"}),
    requires={
        None: frozenset({"continuous"}),
        "unique-words": frozenset({"continuous", "words"}),
    },
    unit="r",
    largest=1.0,
    variant_units=dict.fromkeys(("unique", "unique-words"), "r²"),
    description=(
        "Ridge regression of responses to continuous sound on the best layer, delayed by 1 to 4 "
        "volumes (or 0 to 0.4 s): correlation of predicted and measured responses to runs that "
        "were not learned from, averaged over repeated presentations; mean over a subject's voxels "
        "and over "
        "subjects. `unique` is what a model explains beyond a given one, `unique-words` beyond a "
        "given one and the onsets of words."
    ),
    citation=CITATION,
    licence="MIT",
    packages=("brainbench_encoding",),
    loader="brainbench_encoding.loading:load",
    memory="brainbench_encoding.memory:needed",
    revision=2,
    properties=frozenset({"noise", "scale"}),
    reference="brainbench_encoding.reference:score",
    stores=frozenset({"layer_score", "profile", "chosen_layer", "penalty", "r2"}),
)

CARDS = [ENCODING]
