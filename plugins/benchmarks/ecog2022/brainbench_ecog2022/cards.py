"""What is known about the data before they are loaded."""

from __future__ import annotations

from brainbench_natsound165.cards import NORMAN_HAIGNERE_2015

from brainbench_audio.cards import DatasetCard

CITATION = """\
@article{NormanHaignere2022,
  title = {A neural population selective for song in human auditory cortex},
  author = {Norman-Haignere, Sam V. and Feather, Jenelle and Boebinger, Dana and Brunner, Peter and
            Ritaccio, Anthony and McDermott, Josh H. and Schalk, Gerwin and Kanwisher, Nancy},
  journal = {Current Biology},
  volume = {32},
  number = {7},
  pages = {1470--1484},
  year = {2022},
  doi = {10.1016/j.cub.2022.01.069}
}

"""
CITATION += NORMAN_HAIGNERE_2015

CARDS = [
    DatasetCard(
        id="ecog2022",
        subsets=("song", "time", "causal", "centred"),
        provides=frozenset({"responses", "multivariate"}),
        subset_provides={
            "song": frozenset({"responses"}),
            "causal": frozenset({"continuous", "multivariate"}),
            "centred": frozenset({"continuous", "multivariate"}),
        },
        stimuli=165,
        description=(
            "15 response components of human auditory cortex (ECoG), mean over 3 s; `song` is the "
            "song-selective one, `time` has every 40 ms; in `causal` and `centred`, models hear a "
            "window of 2 s for each 40 ms"
        ),
        licence="no licence stated by the authors; published for research with the paper",
        citation=CITATION,
        source="https://github.com/snormanhaignere/song-ecog-current-biology",
        size="1 MB, and 30 MB of sounds",
        packages=("brainbench_ecog2022", "brainbench_natsound165"),
        data="brainbench_ecog2022.components:Components",
    )
]
