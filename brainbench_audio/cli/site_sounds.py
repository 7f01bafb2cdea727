"""Sounds for the pages of `--sounds`: of data that are here, where their licence allows it."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import soundfile

from brainbench_audio.errors import BrainbenchError
from brainbench_audio.report.site.clips import Clip, Clips

if TYPE_CHECKING:
    from brainbench_audio.cards import DatasetCard
    from brainbench_audio.report.results import Result
    from brainbench_audio.stimuli.stimulus_set import StimulusSet

# who shows the site publishes the sounds, changed: cut, mono, at another sample rate
ALLOWING = re.compile(r"(CC0|CC-BY|CC-BY-SA|PDDL|ODC-By)-\d\.\d")
_RATE, _SECONDS = 16_000, 10
_log = logging.getLogger(__name__)
Encoded = dict[frozenset[str], dict[str, Clip]]
"""Sounds as FLAC, by their names, of sets by the fingerprints of their recordings."""


class SoundFinder:
    """Gives the sounds of a score, or says why they are not played; nothing is downloaded.

    Parameters
    ----------
    encoded : dict
        Sounds that an earlier one has encoded, to which this one adds its own.
    """

    def __init__(self, encoded: Encoded) -> None:
        # scores of other models, and by other metrics, have the same sounds
        self._known: dict[str, _Playable | str] = {}
        self._encoded = encoded

    def __call__(self, result: Result, names: Sequence[str]) -> Clips:
        """Return some sounds, by their names."""
        from brainbench_audio.registry.lookup import find_benchmark

        try:
            card = find_benchmark(result.benchmark)
        except BrainbenchError:
            return _refused("no installed plugin has them")
        data, subset = card.dataset, card.subset
        name = f"{data.id}.{subset}" if subset else data.id
        if name not in self._known:
            self._known[name] = _look(data, subset, name)
        found = self._known[name]
        if isinstance(found, str):
            return _refused(found)
        # whatever a score of somebody else has there, or has not
        if str(result.provenance.get("stimuli")) not in found.fingerprints:
            return _refused(
                f"those of {name} on this machine are not those that were scored, by all that the "
                f"score says"
            )
        try:
            files = found.files(names, self._encoded.setdefault(found.fingerprints, {}))
        except BrainbenchError as error:
            return _refused(_unreadable(name, error))
        return Clips(found.words, files) if files else _refused("the score does not name them")


@dataclass(frozen=True)
class _Playable:
    """Sounds of a data set, and the licence that allows to play them."""

    stimuli: StimulusSet
    fingerprints: frozenset[str]
    words: str

    def files(self, names: Sequence[str], made: dict[str, Clip]) -> dict[str, Clip]:
        """Return some sounds, by their names; what is not made yet is added."""
        places = {name: place for place, name in enumerate(self.stimuli.names)}
        lacking = [name for name in names if name in places and name not in made]
        waveforms = self.stimuli.in_turn([places[name] for name in lacking], _RATE)
        for name, waveform in zip(lacking, waveforms, strict=True):
            content = io.BytesIO()
            cut = waveform[: _SECONDS * _RATE]
            soundfile.write(content, cut, _RATE, "PCM_16", format="FLAC")
            made[name] = Clip(content.getvalue())
        return {name: made[name] for name in names if name in made}


def _look(card: DatasetCard, subset: str | None, name: str) -> _Playable | str:
    """Return what there is to play, or why nothing is played."""
    from brainbench_audio.pipeline.loading import load_dataset
    from brainbench_audio.pipeline.targets import heard_at_rates
    from brainbench_audio.registry.lookup import data_source

    if not ALLOWING.fullmatch(card.licence):
        return f"their licence does not allow it ({card.licence})"
    try:
        if card.downloaded and data_source(card).locate(card, subset) is None:
            return f"{name} was not on the machine of these pages"
        stimuli = load_dataset(name).stimuli
        if not stimuli.whole_files:  # windows, whose ends are what counts
            return f"those of {name} are continuous"
        known = frozenset(heard_at_rates(stimuli).values())
    except BrainbenchError as error:
        return _unreadable(name, error)
    # a licence may ask to say what was changed
    changed = f"here its first {_SECONDS} s, mono, {_RATE // 1000} kHz"
    words = f"Click to hear a sound, {changed}. Licence: {card.licence} ({card.source})."
    return _Playable(stimuli, known, words)


def _unreadable(name: str, error: BrainbenchError) -> str:
    # the message may name folders of this machine
    _log.warning("Sounds of %s are not played: %s", name, error)
    return f"those of {name} could not be read"


def _refused(why: str) -> Clips:
    return Clips(f"Sounds are not played: {why}.")
