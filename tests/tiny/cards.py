"""Cards of the tiny plugin."""

from dataclasses import replace

from brainbench_audio.cards import DatasetCard, MetricCard, ModelCard, WeightsFile

CITATION = "@misc{tiny-%s, title = {Tiny %s}}"
PLAIN = ModelCard(
    id="tiny-plain",
    family="tiny",
    label="Tiny",
    parameters=0,
    layers=("bands", "log_bands"),
    dims=(6, 6),
    sample_rate=8000,
    licence="MIT",
    citation=CITATION % ("model", "model"),
    training_data="none",
    source="https://example.org/tiny",
    packages=("brainbench_tiny",),
    loader="brainbench_tiny.things:load_model",
    weights=(WeightsFile(url="https://example.org/tiny.pt", size=12),),
)
MODELS = [
    PLAIN,
    replace(PLAIN, id="tiny-wide", dims=(9, 9)),
    replace(PLAIN, id="tiny-broken", loader="brainbench_tiny.things:load_broken_model"),
    replace(PLAIN, id="tiny-lost", loader="brainbench_tiny.nowhere:load"),
]
DATASETS = [
    DatasetCard(
        id="Tiny",
        subsets=("a", "b"),
        provides=frozenset({"responses", "multivariate"}),
        subset_provides=frozenset({"responses"}),
        stimuli=40,
        description="made-up responses to made-up sounds",
        licence="CC0-1.0",
        citation=CITATION % ("data", "data"),
        source="made on the spot",
        size="1 kB",
        packages=("brainbench_tiny",),
        data="brainbench_tiny.things:TinySource",
    ),
    DatasetCard(
        id="Nowhere",
        provides=frozenset({"responses"}),
        stimuli=1,
        description="data that nobody has",
        licence="CC0-1.0",
        citation=CITATION % ("nowhere", "nowhere"),
        source="nowhere",
        size="nothing",
        packages=("brainbench_tiny",),
        data="brainbench_tiny.things:MissingSource",
        downloaded=False,
    ),
]
METRICS = [
    MetricCard(
        id="match",
        variants=("many",),
        requires={None: frozenset({"responses"}), "many": frozenset({"multivariate"})},
        unit="R²",
        description="best single feature",
        licence="MIT",
        citation=CITATION % ("metric", "metric"),
        packages=("brainbench_tiny",),
        loader="brainbench_tiny.things:load_metric",
    )
]
