"""What is known about the metric before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import MetricCard

CITATION = """@inproceedings{turian2022hear,
  title = {{HEAR}: Holistic Evaluation of Audio Representations},
  author = {Turian, Joseph and Shier, Jordie and Khan, Humair Raj and others},
  booktitle = {Proceedings of the NeurIPS 2021 Competitions and Demonstrations Track},
  series = {Proceedings of Machine Learning Research},
  volume = {176},
  pages = {125--145},
  year = {2022}
}"""

PROBE = MetricCard(
    id="probe",
    variants=("last",),
    requires={None: frozenset({"task"})},
    unit="metric of the task",
    largest=1.0,
    description=(
        "A network with one or two hidden layers is trained on a learned mean of all layers, in 16 "
        "settings of which validation chooses one, and tested once: accuracy, mean average "
        "precision or whatever metric the task names first. `last` uses the last layer only."
    ),
    citation=CITATION,
    licence="MIT",
    packages=("brainbench_probe",),
    loader="brainbench_probe.metric:load",
    revision=4,
    stores=frozenset({"layer_weights", "learning_curve"}),
)

CARDS = [PROBE]
