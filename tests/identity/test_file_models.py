"""A model file and all that it reads: each changed alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainbench_audio import load_model
from brainbench_audio.errors import PluginLoadError
from brainbench_audio.pipeline.hearing import Workbench
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.many import score_many
from brainbench_audio.pipeline.run import Run

Score = Callable[..., Run]
MODEL = """
from pathlib import Path

import numpy as np
from parent import Parent

HERE = Path(__file__).parent
LATE = HERE / "late_data"


class Net(Parent):
    fingerprint = "mine"

    def __init__(self, weights=None, bands=4):
        given = HERE / "first.npy" if weights is None else Path(weights)
        self.first = np.load(given)
        self.beside = float(given.with_suffix(".txt").read_text())
        self.bands = bands

    def activations(self, waveforms, layers=None):
        from helpers.late import bend

        power = float((LATE / "power.txt").read_text())
        rows = [self.energies(wave, self.bands) for wave in waveforms]
        rows = bend(np.array(rows)) @ self.first[: self.bands] + self.beside
        return {"bands": np.sin(np.abs(rows) ** power).astype(np.float32)}
"""
PARENT = """
import numpy as np


class Parent:
    layers = ("bands",)
    sample_rate = 8000

    def energies(self, wave, bands):
        return [np.log(part.mean()) for part in np.array_split(np.abs(np.fft.rfft(wave)), bands)]
"""
LATE = """
from importlib.resources import files


def bend(x):
    return x * float((files(__package__) / "gain.txt").read_text())
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    for name in ("helpers", "late_data"):
        (folder / name).mkdir(parents=True)
    texts = {
        "model.py": MODEL,
        "parent.py": PARENT,
        "helpers/__init__.py": "",
        "helpers/late.py": LATE,
        "helpers/gain.txt": "1",
        "late_data/power.txt": "1",
        "first.txt": "0",
        "given.txt": "0",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    for name in ("first", "given"):
        np.save(folder / name, np.random.default_rng(1).standard_normal((8, 3)))
    return folder / "model.py"


def other_array(file: Path) -> None:
    np.save(file, np.random.default_rng(2).standard_normal((8, 3)))


def other_text(old: str, new: str) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    return write


CHANGES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "the file": ("model.py", other_text("np.sin", "np.cos")),
    "weights read in __init__": ("first.npy", other_array),
    "data read in __init__ under a name that was made": ("first.txt", other_text("0", "1.5")),
    "a parent class in another file": ("parent.py", other_text("np.log", "np.sqrt")),
    "a module imported late": ("helpers/late.py", other_text("x *", "1.7 * x *")),
    "data of a package": ("helpers/gain.txt", other_text("1", "1.7")),
    "data in a folder, read late": ("late_data/power.txt", other_text("1", "2")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_file_counts(file: Path, tiny_score: Score, differs: Any, what: str) -> None:
    name, change = CHANGES[what]
    target = file.parent / name
    before = target.read_bytes()
    differs(
        lambda: tiny_score(f"{file}:Net"),
        lambda: change(target),
        lambda: target.write_bytes(before),
    )


def asked(file: Path, **options: Any) -> Callable[[], Run]:
    def ask() -> Run:
        (found,) = score_many([Loadable(f"{file}:Net", options)], ["Tiny-match"])
        assert isinstance(found, Run), found
        return found

    return ask


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("name", ["given.npy", "given.txt"])
def test_given_weights_and_what_lies_beside_them(file: Path, differs: Any, name: str) -> None:
    weights = file.with_name("given.npy")
    target = weights.with_name(name)
    before = target.read_bytes()
    differs(
        asked(file, weights=str(weights)),
        lambda: other_array(target) if name == "given.npy" else target.write_text("1.5"),
        lambda: target.write_bytes(before),
    )


@pytest.mark.usefixtures("tiny")
def test_options(file: Path) -> None:
    four, five = asked(file)(), asked(file, bands=5)()
    assert not five.cached
    assert (four.version, four.score.value) != (five.version, five.score.value)
    assert asked(file)().score.value == four.score.value
    assert asked(file, bands=5)().cached


def test_files_that_are_named_count(
    file: Path, tmp_path: Path, tiny_score: Score, differs: Any
) -> None:
    # read late, from elsewhere: only `files` tells
    far = tmp_path / "far.npy"
    np.save(far, np.eye(8)[:, :3])
    source = file.read_text().replace("HERE =", f"FAR = Path({str(far)!r})\nHERE =")
    source = source.replace("self.bands = bands", "self.bands, self.files = bands, [FAR]")
    file.write_text(source.replace("+ self.beside", "@ np.load(FAR)[:3] + self.beside"))
    before = far.read_bytes()
    differs(
        lambda: tiny_score(f"{file}:Net"), lambda: other_array(far), lambda: far.write_bytes(before)
    )


def test_what_an_object_reads_late_has_changed(file: Path, tiny_score: Score) -> None:
    model = load_model(f"{file}:Net")
    first = tiny_score(model)
    target = file.parent / "late_data" / "power.txt"
    target.write_text("2")
    with pytest.raises(PluginLoadError, match=r"power\.txt has changed since it was loaded"):
        tiny_score(model)
    again = tiny_score(load_model(f"{file}:Net"))
    assert not again.cached
    assert again.score.value != first.score.value
    target.write_text("1")
    assert tiny_score(model).cached


def test_an_edited_file_leaves_the_object_in_memory(file: Path, tiny_score: Score) -> None:
    model = load_model(f"{file}:Net")
    other_text("np.sin", "np.cos")(file)
    other_text("x *", "1.7 * x *")(file.parent / "helpers" / "late.py")
    old, new = tiny_score(model), tiny_score(f"{file}:Net")
    assert old.version != new.version
    assert old.score.value != new.score.value
    other_text("np.cos", "np.sin")(file)
    other_text("1.7 * x *", "x *")(file.parent / "helpers" / "late.py")
    again = tiny_score(f"{file}:Net")
    assert again.cached
    assert (again.version, again.score.value) == (old.version, old.score.value)


@pytest.mark.usefixtures("tiny")
def test_data_that_change_while_sounds_are_heard(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Workbench()
    model = bench.model(Loadable(f"{file}:Net"))
    real = model._present().activations

    def hear(*arguments: Any, **options: Any) -> Any:
        (file.parent / "late_data" / "power.txt").write_text("2")
        return real(*arguments, **options)

    model._present().activations = hear  # type: ignore[method-assign]
    with pytest.raises(PluginLoadError, match=r"power\.txt has changed"):
        model.activations([np.ones(800, np.float32)])


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield
