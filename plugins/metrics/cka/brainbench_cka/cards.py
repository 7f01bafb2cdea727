"""What is known about the metric before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import MetricCard

CITATION = """\
@inproceedings{kornblith2019similarity,
  title = {Similarity of Neural Network Representations Revisited},
  author = {Kornblith, Simon and Norouzi, Mohammad and Lee, Honglak and Hinton, Geoffrey},
  booktitle = {International Conference on Machine Learning},
  series = {Proceedings of Machine Learning Research},
  volume = {97},
  pages = {3519--3529},
  year = {2019}
}

@article{song2012feature,
  title = {Feature Selection via Dependence Maximization},
  author = {Song, Le and Smola, Alex and Gretton, Arthur and Bedo, Justin and Borgwardt, Karsten},
  journal = {Journal of Machine Learning Research},
  volume = {13},
  pages = {1393--1434},
  year = {2012}
}

@inproceedings{nguyen2021wide,
  title = {Do Wide and Deep Networks Learn the Same Things? Uncovering How Neural Network
           Representations Vary with Width and Depth},
  author = {Nguyen, Thao and Raghu, Maithra and Kornblith, Simon},
  booktitle = {International Conference on Learning Representations},
  year = {2021}
}"""

INVARIANT = frozenset({"identity", "permutation", "scale", "rotation"})

CKA = MetricCard(
    id="cka",
    variants=("biased",),
    requires={None: frozenset({"responses", "multivariate"})},
    unit="CKA",
    largest=1.0,
    description=(
        "Linear centred kernel alignment of the best layer with the responses, mean over subjects, "
        "by the unbiased estimator; `biased` is the plain one, which grows with the number of "
        "features whatever they are."
    ),
    citation=CITATION,
    licence="MIT",
    packages=("brainbench_cka",),
    loader="brainbench_cka.metric:load",
    revision=8,
    neutral=frozenset({"device"}),
    properties=INVARIANT | {"noise"},
    variant_properties={"biased": INVARIANT},
    reference="brainbench_cka.reference:score",
    stores=frozenset({"layer_score"}),
)

CARDS = [CKA]
