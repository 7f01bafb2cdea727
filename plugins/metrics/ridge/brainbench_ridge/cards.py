"""What is known about the metric before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import MetricCard

CITATION = """@article{hoerl1970ridge,
  title = {Ridge Regression: Biased Estimation for Nonorthogonal Problems},
  author = {Hoerl, Arthur E. and Kennard, Robert W.},
  journal = {Technometrics},
  volume = {12},
  number = {1},
  pages = {55--67},
  year = {1970},
  doi = {10.1080/00401706.1970.10488634}
}"""

PROPERTIES = frozenset({"identity", "noise", "permutation"})

RIDGE = MetricCard(
    id="ridge",
    variants=("zscored", "zscored-all", "scaled", "corrected", "unique", "from"),
    given=frozenset({"unique"}),
    second=frozenset({"from"}),
    requires={
        None: frozenset({"responses"}),
        "corrected": frozenset({"responses", "sessions"}),
    },
    unit="R²",
    largest=1.0,
    variant_largest={"corrected": None},
    description=(
        "Nested cross-validated ridge regression of each response on the best layer: squared "
        "correlation of predictions and responses, median over a subject's voxels and mean over "
        "subjects, or mean over components. `zscored` gives all features the same variance in "
        "each training part, `zscored-all` over all stimuli; `scaled` gives each layer the same "
        "size, so that its unit does not matter; `corrected` corrects for the noise of the "
        "responses; `unique` is what a model explains beyond a given one; `from` takes layer and "
        "penalty, the same for all responses, from a second data set."
    ),
    citation=CITATION,
    licence="MIT",
    packages=("brainbench_ridge",),
    loader="brainbench_ridge.loader:load",
    revision=14,
    neutral=frozenset({"device"}),
    properties=PROPERTIES,
    variant_properties={
        **dict.fromkeys(("zscored", "zscored-all", "scaled", "from"), PROPERTIES | {"scale"}),
        "unique": frozenset({"noise", "permutation", "scale"}),
    },
    stores=frozenset(
        {"layer_score", "profile", "r2", "measured", "prediction", "chosen_layer", "penalty"}
    ),
)

CARDS = [RIDGE]
