"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard

CITATION = """\
@article{deheer2017hierarchical,
  title = {The Hierarchical Cortical Organization of Human Speech Processing},
  author = {de Heer, Wendy A. and Huth, Alexander G. and Griffiths, Thomas L. and
            Gallant, Jack L. and Theunissen, Fr{\\'e}d{\\'e}ric E.},
  journal = {Journal of Neuroscience},
  volume = {37},
  number = {27},
  pages = {6539--6557},
  year = {2017},
  doi = {10.1523/JNEUROSCI.3267-16.2017}
}
@inproceedings{boersma1993accurate,
  title = {Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
           ratio of a sampled sound},
  author = {Boersma, Paul},
  booktitle = {Proceedings of the Institute of Phonetic Sciences},
  volume = {17},
  pages = {97--110},
  year = {1993}
}"""

LOWLEVEL = ModelCard(
    id="lowlevel",
    family="lowlevel",
    label="Low-level features",
    parameters=0,
    layers=("envelope", "spectrum", "pitch"),
    dims=(1, 32, 2),
    sample_rate=16_000,
    licence="MIT",
    citation=CITATION,
    training_data="none",
    source="https://doi.org/10.1523/JNEUROSCI.3267-16.2017",
    packages=("brainbench_lowlevel",),
    # a frame of 25 ms
    shortest=400,
    loader="brainbench_lowlevel.model:LowLevel",
)

CARDS = [LOWLEVEL]
