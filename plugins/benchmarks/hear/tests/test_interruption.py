"""Extraction of a task: killed half way it goes on, and memory does not grow with the clips."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from brainbench_hear.testing import Maker

from brainbench_audio.testing.waiting import wait_until

MODEL = '''
import os, time
import numpy as np

class Listener:
    """Logs which sounds it hears, by their energy; hangs after a number of calls."""

    layers = ("energy", "spectrum")
    sample_rate = 16000
    fingerprint = {"version": 1}
    calls = 0

    def activations(self, waveforms, layers=None):
        self.calls += 1
        if self.calls > int(os.environ.get("CALLS", 1000)):
            print("ready", flush=True)
            time.sleep(60)
        energy = np.array([[np.square(wave.astype(float)).sum()] for wave in waveforms])
        spectrum = np.array([np.abs(np.fft.rfft(wave, 512))[:9] for wave in waveforms])
        with open(os.environ["HEARD"], "a") as log:
            log.writelines(f"{value!r}\\n" for value in energy[:, 0].tolist())
        found = {"energy": energy.astype(np.float32), "spectrum": spectrum.astype(np.float32)}
        return {layer: found[layer] for layer in layers or self.layers}
'''
EXTRACT = """
import sys
from brainbench_audio.activations.extraction import extracted
from brainbench_audio.pipeline.loading import load_dataset
from brainbench_audio.pipeline.loading_models import load_model
with extracted(load_model(sys.argv[1]), load_dataset("HEAR", folder=sys.argv[2]).stimuli):
    pass
"""


def start(tmp_path: Path, home: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    (tmp_path / "listener.py").write_text(MODEL)
    places = {"BRAINBENCH_HOME": str(tmp_path / home), "HEARD": str(tmp_path / f"{home}.log")}
    return subprocess.Popen(
        [sys.executable, "-c", EXTRACT, f"{tmp_path / 'listener.py'}:Listener", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **places, **environment},
    )


def store(home: Path) -> dict[str, bytes]:
    """Return the stored files; the names of chunks carry the digest of their contents."""
    folder = home / "cache" / "activations"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in {".nc", ".json"}
    }


def test_a_killed_extraction_goes_on_and_gives_the_same_store(tmp_path: Path) -> None:
    folder = Maker(clips=30, seconds=0.05).write(tmp_path / "given")
    process = start(tmp_path, "killed", folder, CALLS="4")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    # the third chunk is still being written
    wait_until(lambda: len(list(tmp_path.glob("killed/cache/activations/*/chunk-*"))) == 3)
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=20) == -signal.SIGKILL
    process.stdout.close()
    heard_before = (tmp_path / "killed.log").read_text().splitlines()
    assert len(heard_before) == 3 * 16 + 1
    half = store(tmp_path / "killed")
    for home in ("killed", "whole"):
        again = start(tmp_path, home, folder)
        assert again.communicate(timeout=60)[0] == ""
        assert again.returncode == 0
    heard = (tmp_path / "killed.log").read_text().splitlines()
    whole = (tmp_path / "whole.log").read_text().splitlines()
    # one of them again, alone
    assert (len(set(whole)), len(whole)) == (90, 90 + 1)
    assert heard == whole, "each sound was heard once, finished ones not again"
    resumed = store(tmp_path / "killed")
    assert half.items() <= resumed.items()
    assert resumed == store(tmp_path / "whole")


WIDE = """
import numpy as np

class Wide:
    layers = tuple(f"layer_{index}" for index in range(13))
    sample_rate = 16000
    fingerprint = {}

    def activations(self, waveforms, layers=None):
        rows = np.array([np.abs(np.fft.rfft(wave[:1534])) for wave in waveforms], np.float32)
        return {layer: rows for layer in layers or self.layers}
"""
PEAK = """
import resource, sys
from brainbench_audio.activations.extraction import extracted
from brainbench_audio.pipeline.loading import load_dataset
from brainbench_audio.pipeline.loading_models import load_model
with extracted(load_model(sys.argv[1]), load_dataset("HEAR", folder=sys.argv[2]).stimuli):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(tmp_path: Path, folder: Path) -> int:
    """Return the largest resident memory, in kB, of a process that extracts a task."""
    (tmp_path / "wide.py").write_text(WIDE)
    told = subprocess.run(
        [sys.executable, "-c", PEAK, f"{tmp_path / 'wide.py'}:Wide", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BRAINBENCH_HOME": str(tmp_path / "home")},
    )
    assert told.returncode == 0, told.stderr
    return int(told.stdout)


@pytest.mark.slow
def test_memory_is_flat_in_the_number_of_clips(tmp_path: Path) -> None:
    peaks = {}
    for clips in (300, 2400):
        folder = Maker(clips=clips, seconds=0.2, mode=str(clips)).write(tmp_path / "given")
        peaks[3 * clips] = peak(tmp_path, folder)
    slope = (peaks[7200] - peaks[900]) / 6300
    print(f"{peaks} kB, {slope:.2f} kB a clip")
    # 13 x 768 float32 are 40 kB a clip: what is kept are names, paths, labels and hashes
    assert slope < 4


@pytest.mark.slow
def test_memory_is_flat_in_the_length_of_clips(tmp_path: Path) -> None:
    """Sounds of 30 s at 48 kHz take 5.8 MB each: 48 of them in a chunk would take 280 MB."""
    peaks = {}
    for seconds in (1.0, 30.0):
        maker = Maker(clips=16, seconds=seconds, rates=(48000,), mode=f"{seconds:.0f}s")
        peaks[seconds] = peak(tmp_path, maker.write(tmp_path / "given"))
    print(f"{peaks} kB")
    assert peaks[30.0] - peaks[1.0] < 150_000


@pytest.mark.slow
def test_a_stored_task_is_not_read_again(tmp_path: Path) -> None:
    """Hashes are remembered: the second look at a task does not read its sounds."""
    folder = Maker(clips=300, seconds=2, rates=(48000,)).write(tmp_path / "given")
    time.sleep(2.1)  # until the files are old enough to be relied on
    code = (
        "import sys, time; from brainbench_audio.pipeline.loading import load_dataset;"
        "data = load_dataset('HEAR', folder=sys.argv[1]); started = time.perf_counter();"
        "data.stimuli.fingerprint; print(time.perf_counter() - started);"
        "print(*[line.split()[1] for line in open('/proc/self/io') if line[:6] == 'rchar:'])"
    )
    read = []
    for _ in range(2):
        told = subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
        )
        read.append([float(line) for line in told.stdout.split()])
    print(f"seconds and bytes read, first and second: {read}")
    sounds = 900 * 2 * 48000 * 2
    assert np.diff([bytes_read for _, bytes_read in read])[0] < -0.9 * sounds
