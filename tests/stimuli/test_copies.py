"""Sounds that are there twice."""

from __future__ import annotations

from brainbench_audio.stimuli.copies import copied_sounds


def test_copies_are_counted_and_the_first_is_named() -> None:
    assert copied_sounds("abcd", "1234", [0, 0, 1, 1]) == ""
    assert copied_sounds("abcd", "1213", [0, 1, 0, 1]) == (
        "1 of 4 sounds are copies of others, the first is c, the same file as a; each counts as a "
        "sound of its own: leave copies out if the data are yours"
    )
    told = copied_sounds("abcd", "1121", [0, 0, 1, 1])
    assert told.startswith("2 of 4 sounds are copies of others, the first is b, the same file as a")
    assert "and 1 lie in another fold, so what is fitted is tested on what it knows" in told
