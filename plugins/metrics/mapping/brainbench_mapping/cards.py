"""What is known about the metrics before they are loaded."""

from __future__ import annotations

from brainbench_audio.cards import MetricCard

CITATION = """\
@article{schrimpf2018brain,
  title = {{Brain-Score}: Which Artificial Neural Network for Object Recognition is most
           Brain-Like?},
  author = {Schrimpf, Martin and Kubilius, Jonas and Hong, Ha and Majaj, Najib J. and others},
  journal = {bioRxiv},
  year = {2018},
  doi = {10.1101/407007}
}

@article{schonemann1966generalized,
  title = {A Generalized Solution of the Orthogonal {Procrustes} Problem},
  author = {Sch{\\"o}nemann, Peter H.},
  journal = {Psychometrika},
  volume = {31},
  pages = {1--10},
  year = {1966},
  doi = {10.1007/BF02289451}
}"""

_BEHIND = (
    "squared correlation of predictions and responses of held-out stimuli, layers chosen on the "
    "others, median over a subject's voxels and mean over subjects, or mean over components."
)
_COMMON = {
    "requires": {None: frozenset({"responses", "multivariate"})},
    "unit": "R²",
    "largest": 1.0,
    "citation": CITATION,
    "licence": "MIT",
    "packages": ("brainbench_mapping", "brainbench_ridge"),
    "loader": "brainbench_mapping.metric:load",
    "revision": 4,
    "properties": frozenset({"identity", "noise", "permutation", "scale"}),
    "stores": frozenset({"layer_score", "profile", "r2", "measured", "prediction", "chosen_layer"}),
}

PLS = MetricCard(
    id="pls",
    description=f"Partial least squares of all responses on the best layer: {_BEHIND}",
    **_COMMON,  # type: ignore[arg-type]
)
PROCRUSTES = MetricCard(
    id="procrustes",
    description=f"The best layer, turned to lie on all responses, not stretched: {_BEHIND}",
    **_COMMON,  # type: ignore[arg-type]
)

CARDS = [PLS, PROCRUSTES]
