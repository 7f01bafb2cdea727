"""The card of the data set."""

from __future__ import annotations

from brainbench_audio.cards import DatasetCard
from brainbench_lebel2023.published import SUBSETS

LEBEL_2023 = """\
@article{LeBel2023,
  title = {A natural language {fMRI} dataset for voxelwise encoding models},
  author = {LeBel, Amanda and Wagner, Lauren and Jain, Shailee and Adhikari-Desai, Aneesh and
            Gupta, Bhavin and Morgenthal, Allyson and Tang, Jerry and Xu, Lixiang and
            Huth, Alexander G.},
  journal = {Scientific Data},
  volume = {10},
  pages = {555},
  year = {2023},
  doi = {10.1038/s41597-023-02437-z}
}"""

CARDS = [
    DatasetCard(
        id="LeBel2023",
        subsets=SUBSETS,
        provides=frozenset({"continuous", "multivariate", "subjects", "words"}),
        stimuli=27,
        subset_stimuli={
            "uts01_all": 84,
            "uts02_all": 84,
            "uts03_all": 84,
            "uts09_all": 54,
        },
        description=(
            "27 stories, 5.6 hours, and the whole cortex of 8 listeners (fMRI); a subset is one "
            "of these or a ninth, `_all` has every story that he or she heard, up to 84"
        ),
        licence="CC0-1.0",
        citation=LEBEL_2023,
        source="https://openneuro.org/datasets/ds003020/versions/3.1.0",
        size="12 to 13 GB a listener, 33 GB for `uts03_all`, 75 GB together",
        packages=("brainbench_lebel2023",),
        data="brainbench_lebel2023.dataset:Stories",
    )
]
