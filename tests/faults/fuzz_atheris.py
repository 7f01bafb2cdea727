"""Coverage-guided fuzzing of the readers, by hand or through `test_atheris.py`.

``python tests/faults/fuzz_atheris.py task -runs=100000`` (needs ``pip install atheris``); the first
word names a reader, the rest goes to libFuzzer.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["brainbench_audio", "brainbench_hear"]):
    from brainbench_hear.task import read_task

    from brainbench_audio.errors import BrainbenchError
    from brainbench_audio.report.published_files import read_scores
    from brainbench_audio.stimuli.audio import read_waveform

METADATA = (
    b'{"task_name": "t", "prediction_type": "multiclass", "split_mode": "trainvaltest", '
    b'"evaluation": ["top1_acc"]}'
)


def task(folder: Path, content: bytes) -> None:
    names = ("labelvocabulary.csv", "train.json", "task_metadata.json")
    for name in ("train.json", "valid.json", "test.json"):
        (folder / name).write_bytes(b'{"a.wav": ["x"]}')
    (folder / "labelvocabulary.csv").write_bytes(b"idx,label\n0,x\n1,y\n")
    (folder / "task_metadata.json").write_bytes(METADATA)
    (folder / names[content[0] % 3 if content else 0]).write_bytes(content[1:])
    read_task(folder)


def sound(folder: Path, content: bytes) -> None:
    (folder / "sound.wav").write_bytes(content)
    read_waveform(folder / "sound.wav", 16000)


def scores(folder: Path, content: bytes) -> None:
    (folder / "scores.csv").write_bytes(content)
    read_scores(folder / "scores.csv")


READERS: dict[str, Callable[[Path, bytes], None]] = {"task": task, "sound": sound, "scores": scores}


def main() -> None:
    read = READERS[sys.argv.pop(1)]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))

    def once(content: bytes) -> None:
        with suppress(BrainbenchError):  # said on purpose
            read(folder, content)

    atheris.Setup(sys.argv, once)
    try:
        atheris.Fuzz()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
