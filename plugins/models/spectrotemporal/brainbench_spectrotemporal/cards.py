"""What is known about the model before it is loaded."""

from __future__ import annotations

from brainbench_audio.cards import ModelCard

CITATION = """\
@article{chi2005multiresolution,
  title = {Multiresolution spectrotemporal analysis of complex sounds},
  author = {Chi, Taishih and Ru, Powen and Shamma, Shihab A.},
  journal = {The Journal of the Acoustical Society of America},
  volume = {118},
  number = {2},
  pages = {887--906},
  year = {2005},
  doi = {10.1121/1.1945807}
}
@article{tuckute2023many,
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

SPECTROTEMPORAL = ModelCard(
    id="spectrotemporal",
    family="spectrotemporal",
    label="Spectrotemporal",
    parameters=0,
    layers=("avgpool",),
    dims=(111 * 211,),
    sample_rate=20_000,
    licence="MIT",
    citation=CITATION,
    training_data="none",
    source="https://github.com/jenellefeather/cochdnn",
    packages=("brainbench_spectrotemporal",),
    # its level is lost, so of one sample nothing is left
    shortest=2,
    loader="brainbench_spectrotemporal.network:FAMILY",
)

CARDS = [SPECTROTEMPORAL]
