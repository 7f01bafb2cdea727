"""Revisions of the core's code that decides numbers; part of the keys of activations and scores.

A release of the core must not make people hear 200 hours of sound again, so keys hold a number
instead of a hash of the core's source. Whoever changes code that these numbers stand for raises the
number if results change, or confirms in ``tests/revisions.json`` that they do not: a test compares
the source with the hash that is kept there.
"""

from __future__ import annotations

# from the waveforms of a model to its stored activations
ACTIVATIONS = 1
# from a sound file to a waveform
STIMULI = 1
# assemblies, folds, ceilings and statistics, which every metric builds upon
SCORES = 12

# what each number stands for: import packages or modules
STANDS_FOR = {
    "activations": (ACTIVATIONS, ("brainbench_audio.activations",)),
    "stimuli": (STIMULI, ("brainbench_audio.stimuli",)),
    "scores": (SCORES, ("brainbench_audio.assemblies", "brainbench_audio.scores")),
}
