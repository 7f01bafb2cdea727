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

BOEBINGER_2021 = """\
@article{Boebinger2021,
  title = {Music-selective neural populations arise without musical training},
  author = {Boebinger, Dana and Norman-Haignere, Sam V. and McDermott, Josh H. and
            Kanwisher, Nancy},
  journal = {Journal of Neurophysiology},
  volume = {125},
  number = {6},
  pages = {2237--2263},
  year = {2021},
  doi = {10.1152/jn.00588.2020}
}"""

TUCKUTE_2023 = """\
@article{Tuckute2023,
  title = {Many but not all deep neural network audio models capture brain responses and exhibit
           correspondence between model stages and brain regions},
  author = {Tuckute, Greta and Feather, Jenelle and Boebinger, Dana and McDermott, Josh H.},
  journal = {PLOS Biology},
  volume = {21},
  number = {12},
  pages = {e3002366},
  year = {2023},
  doi = {10.1371/journal.pbio.3002366}
}"""

REGIONS = ("primary", "lateral", "anterior", "posterior")
UNLICENSED = "no licence stated by the authors; published for research with the paper"


def voxel_card(dataset: str, description: str, citation: str) -> DatasetCard:
    """Describe one of the two sets of voxel responses that were published together."""
    return DatasetCard(
        id=dataset,
        subsets=REGIONS,
        provides=frozenset({"responses", "multivariate", "sessions", "subjects"}),
        stimuli=165,
        description=description,
        licence=UNLICENSED,
        citation=f"{citation}\n\n{TUCKUTE_2023}",
        source="https://github.com/gretatuckute/auditory_brain_dnn",
        size="180 MB, for NH2015 and B2021 together",
        packages=("brainbench_natsound165",),
        data="brainbench_natsound165.installed:Voxels",
    )


CARDS = [
    DatasetCard(
        id="NH2015comp",
        subsets=("lf", "hf", "broadband", "pitch", "speech", "music"),
        provides=frozenset({"responses", "multivariate"}),
        subset_provides=frozenset({"responses"}),
        stimuli=165,
        description="six response components of human auditory cortex (fMRI, 10 listeners)",
        licence=UNLICENSED,
        citation=NORMAN_HAIGNERE_2015,
        source="https://github.com/snormanhaignere/natsound165-neuron2015",
        size="30 MB",
        packages=("brainbench_natsound165",),
        data="brainbench_natsound165.components:Components",
    ),
    voxel_card(
        "NH2015",
        "7,694 voxels of human auditory cortex (fMRI, 8 listeners, 3 sessions)",
        NORMAN_HAIGNERE_2015,
    ),
    voxel_card(
        "B2021",
        "26,792 voxels of human auditory cortex (fMRI, 20 listeners, 3 repetitions)",
        BOEBINGER_2021,
    ),
]
