"""The card of the data set."""

from __future__ import annotations

from brainbench_audio.cards import DatasetCard
from brainbench_littleprince.published import SECTIONS, SUBSETS

LI_2022 = """\
@article{Li2022,
  title = {{Le Petit Prince} multilingual naturalistic {fMRI} corpus},
  author = {Li, Jixing and Bhattasali, Shohini and Zhang, Shulin and Franzluebbers, Berta and
            Luh, Wen-Ming and Spreng, R. Nathan and Brennan, Jonathan R. and Yang, Yiming and
            Pallier, Christophe and Hale, John},
  journal = {Scientific Data},
  volume = {9},
  pages = {530},
  year = {2022},
  doi = {10.1038/s41597-022-01625-7}
}"""

CARDS = [
    DatasetCard(
        id="LittlePrince",
        subsets=SUBSETS,
        provides=frozenset({"continuous", "multivariate", "subjects"}),
        stimuli=SECTIONS,
        description=(
            "an audiobook in nine runs, 1.5 hours, and the whole brain of 49 English listeners "
            "(fMRI); a subset is one of these, one of 28 French ones, or all of the latter (`fr`)"
        ),
        licence="CC0-1.0",
        citation=LI_2022,
        source="https://openneuro.org/datasets/ds003643/versions/2.0.7",
        size="1.1 to 1.3 GB a listener, 32 GB for the English ones, 21 GB for the French ones",
        packages=("brainbench_littleprince", "nibabel"),
        data="brainbench_littleprince.dataset:Audiobook",
    )
]
