"""Reads sounds for another process. Run by `reading` with ``-m``, never imported.

A line of JSON on standard input names some files; the answer is a line with the number of samples
of each sound, up to the first that cannot be read, and then the samples. Whoever asked finds out
why it cannot.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from brainbench_audio.errors import DataError
from brainbench_audio.stimuli.audio import Waveform, read_waveform

READY = b"ready\n"


def main() -> None:
    """Answer one request after the other until there are no more."""
    source, target = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    target.write(READY)
    target.flush()
    while line := source.readline():
        files, sample_rate, native_rate, silence = json.loads(line)
        waveforms: list[Waveform] = []
        with suppress(DataError):
            for file in files:
                waveforms.append(
                    read_waveform(Path(file), sample_rate, native_rate=native_rate, silence=silence)
                )
        target.write(json.dumps([len(waveform) for waveform in waveforms]).encode() + b"\n")
        for waveform in waveforms:
            target.write(np.ascontiguousarray(waveform).data)
        target.flush()


if __name__ == "__main__":
    main()
