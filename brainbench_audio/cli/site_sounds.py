"""Sounds for the pages of `--sounds`: of data that are here, where their licence allows it."""

from __future__ import annotations

import io
import logging
import re
from functools import cache

import soundfile

from brainbench_audio.errors import BrainbenchError
from brainbench_audio.report.site.clips import Clips, FindClips

# who shows the site publishes the sounds, changed: cut, mono, at another sample rate
_ALLOW = re.compile(r"(CC0|CC-BY|CC-BY-SA|PDDL|ODC-By)-\d\.\d")
_RATE, _SECONDS = 16_000, 10
_log = logging.getLogger(__name__)


def find_clips() -> FindClips:
    """Return what gives the sounds of a benchmark, or says why they are not played.

    Nothing is downloaded. Of continuous sound the windows are clips.
    """
    known = cache(_clips)  # other benchmarks and models have the same sounds

    def find(benchmark: str) -> Clips:
        from brainbench_audio.registry.lookup import find_benchmark

        try:
            card = find_benchmark(benchmark)
        except BrainbenchError:
            return Clips("Sounds are not played: no installed plugin has them.")
        return known(f"{card.dataset.id}.{card.subset}" if card.subset else card.dataset.id)

    return find


def _clips(name: str) -> Clips:
    from brainbench_audio.pipeline.loading import load_dataset
    from brainbench_audio.registry.ids import split_data
    from brainbench_audio.registry.lookup import data_source, find_dataset

    plain, subset = split_data(name)
    card = find_dataset(plain).card
    if not _ALLOW.fullmatch(card.licence):
        return Clips(f"Sounds are not played, as their licence does not allow it: {card.licence}.")
    try:
        if card.downloaded and data_source(card).locate(card, subset) is None:
            return Clips(f"Sounds are not played: {name} was not on the machine of these pages.")
        stimuli = load_dataset(name).stimuli
        waveforms = stimuli.in_turn(range(len(stimuli)), _RATE)
        files = {
            sound: _flac(one[: _SECONDS * _RATE])
            for sound, one in zip(stimuli.names, waveforms, strict=True)
        }
    except BrainbenchError as error:
        # the message may name folders of this machine
        _log.warning("Sounds of %s are not played: %s", name, error)
        return Clips(f"Sounds are not played: those of {name} could not be read.")
    return Clips(
        f"Click to hear a sound. Licence of the sounds: {card.licence} ({card.source}).", files
    )


def _flac(waveform: object) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, waveform, _RATE, "PCM_16", format="FLAC")
    return content.getvalue()
