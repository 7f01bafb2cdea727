"""What is known about the metric before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import MetricCard

CITATION = """@article{kriegeskorte2008representational,
  title = {Representational similarity analysis - connecting the branches of systems neuroscience},
  author = {Kriegeskorte, Nikolaus and Mur, Marieke and Bandettini, Peter A.},
  journal = {Frontiers in Systems Neuroscience},
  volume = {2},
  pages = {4},
  year = {2008},
  doi = {10.3389/neuro.06.004.2008}
}"""

RSA = MetricCard(
    id="rsa",
    variants=("cv", "crossnobis"),
    requires={
        None: frozenset({"responses", "multivariate"}),
        "crossnobis": frozenset({"responses", "multivariate", "sessions"}),
    },
    unit="Spearman's rho",
    largest=1.0,
    description=(
        "Representational similarity: Spearman correlation of the stimulus-by-stimulus correlation "
        "distances in the best layer with those in the brain, mean over subjects. `cv` chooses the "
        "layer on held-out stimuli; `crossnobis` takes cross-validated Mahalanobis distances "
        "between sessions for the brain, and Euclidean ones for layers."
    ),
    citation=CITATION,
    licence="MIT",
    packages=("brainbench_rsa",),
    loader="brainbench_rsa.metric:load",
    revision=9,
    neutral=frozenset({"device"}),
    properties=frozenset({"identity", "noise", "permutation", "scale"}),
    variant_properties={"crossnobis": frozenset({"noise", "permutation", "scale"})},
    stores=frozenset({"layer_score"}),
)

CARDS = [RSA]
