"""Cards of the data sets."""

from __future__ import annotations

from brainbench_audio.cards import DatasetCard

NORMAN_HAIGNERE_2015 = """\
@article{NormanHaignere2015,
  title = {Distinct Cortical Pathways for Music and Speech Revealed by Hypothesis-Free Voxel
           Decomposition},
  author = {Norman-Haignere, Sam and Kanwisher, Nancy G. and McDermott, Josh H.},
  journal = {Neuron},
  volume = {88},
  number = {6},
  pages = {1281--1296},
  year = {2015},
  doi = {10.1016/j.neuron.2015.11.035}
}"""

CARDS = [
    DatasetCard(
        id="NH2015comp",
        subsets=("lf", "hf", "broadband", "pitch", "speech", "music"),
        provides=frozenset({"responses", "multivariate"}),
        subset_provides=frozenset({"responses"}),
        stimuli=165,
        description="six response components of human auditory cortex (fMRI, 10 listeners)",
        licence="no licence stated by the authors; published for research with the paper",
        citation=NORMAN_HAIGNERE_2015,
        source="https://github.com/snormanhaignere/natsound165-neuron2015",
        size="30 MB",
        packages=("brainbench_natsound165",),
        loader="brainbench_natsound165.components:load",
        downloader="brainbench_natsound165.files:download",
        locator="brainbench_natsound165.files:locate",
    )
]
