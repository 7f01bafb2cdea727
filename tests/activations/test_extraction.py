"""Extraction: cached by content, resumable, and strict about what models return."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio.activations import extraction
from brainbench_audio.activations.extraction import (
    activations_folder,
    extracted,
    plan_extraction,
)
from brainbench_audio.activations.lazy import LazyModel, as_lazy
from brainbench_audio.activations.object_state import name_of
from brainbench_audio.activations.precision import PRECISIONS
from brainbench_audio.activations.projection import Projected
from brainbench_audio.activations.store import StoredActivations
from brainbench_audio.errors import CacheError, ContractError, DataError
from brainbench_audio.pipeline.loading_models import load_model
from brainbench_audio.stimuli.reading import read_ahead
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.testing import DummyModel, dummy_stimuli
from brainbench_audio.testing.waiting import wait_until


@pytest.fixture
def stimuli(tmp_path: Path) -> StimulusSet:
    return dummy_stimuli(tmp_path / "sounds", 40)


def again(stimuli: StimulusSet) -> StimulusSet:
    """Return the same set without its cached hashes, as the next process would see it."""
    return replace(stimuli)


def stored_files() -> list[Path]:
    return [path for path in activations_folder().rglob("*") if path.is_file()]


def hear(model: Any, stimuli: StimulusSet, layers: Sequence[str] | None = None) -> dict[str, Any]:
    plan = plan_extraction(as_lazy(model).identity, stimuli, layers)
    with extracted(model, stimuli, plan) as activations:
        return {layer: activations[layer] for layer in activations}


def test_rows_are_what_the_model_says_alone(stimuli: StimulusSet) -> None:
    found = hear(DummyModel(), stimuli)
    assert list(found) == ["bands", "log_bands"]
    for index in (0, 15, 16, 39):
        alone = DummyModel().activations(stimuli.waveforms([index], 8000))
        for layer, values in found.items():
            np.testing.assert_array_equal(values[index], alone[layer][0])


def test_sounds_are_heard_once(stimuli: StimulusSet) -> None:
    model = DummyModel()
    first = hear(model, stimuli)
    assert model.heard == 40 + 1  # one of them again, alone
    second = hear(model, again(stimuli))
    assert model.heard == 40 + 1
    for layer in first:
        np.testing.assert_array_equal(first[layer], second[layer])


def test_long_sounds_are_heard_in_pieces(
    stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = hear(DummyModel(), stimuli)
    calls: list[int] = []

    class Counting(DummyModel):
        def activations(self, waveforms: Any, layers: Any = None) -> Any:
            calls.append(len(waveforms))
            return super().activations(waveforms, layers)

    # 800 samples each: five sounds at once
    monkeypatch.setattr("brainbench_audio.activations.extraction._PIECE_BYTES", 5 * 800 * 4)
    found = hear(Counting(), stimuli)
    # the second call hears one of the first again
    assert calls == [5, 1, 5, 5, 1, 5, 5, 5, 1, 5, 3]
    for layer, values in expected.items():
        np.testing.assert_array_equal(found[layer], values)
    monkeypatch.setattr("brainbench_audio.activations.extraction._PIECE_BYTES", 1)
    calls.clear()
    hear(Counting(bands=5), stimuli)
    assert calls == [1] * (40 + 1)


def test_pieces_that_do_not_fit_together(
    stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainbench_audio.activations.extraction._PIECE_BYTES", 5 * 800 * 4)
    widths = iter([1, 1, 2])
    with pytest.raises(ContractError, match=r"layer 'bands' has 2 .* sound05 to sound09, and 1"):
        hear(Faulty(lambda values: values[:, : next(widths)]), stimuli)
    assert not [file for file in stored_files() if file.name.startswith("chunk")]


class Odd(DummyModel):
    """Has something that its activations should not depend on."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.random = how, np.random.default_rng(0)

    def activations(self, waveforms: Any, layers: Any = None) -> Any:
        found = super().activations(waveforms, layers)
        bands = found["bands"]
        if self.how == "dropout":
            bands = bands * self.random.integers(2, size=bands.shape)
        if self.how == "batch":
            bands = bands - bands.mean(axis=0)
        if self.how == "state":
            bands = bands * self.heard
        if self.how == "width":
            bands = bands[:, : 1 + (len(waveforms) > 1)]
        if self.how == "silence":
            bands = bands * (self.heard > 16)  # the first chunk
        if self.how == "rounding":
            bands = bands * (1 + 1e-6 * self.random.standard_normal(bands.shape))
        return {**found, "bands": bands.astype(np.float32)}


@pytest.mark.parametrize("how", ["dropout", "batch", "state", "width"])
def test_what_depends_on_more_than_the_sound_is_refused(stimuli: StimulusSet, how: str) -> None:
    """Activations of chance, of other sounds, or of what was heard before."""
    told = (
        "has 1 features when sound sound00 is heard alone, and 2 among others"
        if how == "width"
        else r"sound sound00 has other activations of layer 'bands' when .* again alone, by [0-9]+%"
    )
    with pytest.raises(ContractError, match=f"{told}.*None of its activations are kept"):
        hear(Odd(how), stimuli)
    assert not [file for file in stored_files() if file.name.startswith("chunk")]


def test_nothing_that_becomes_something_is_refused(stimuli: StimulusSet) -> None:
    with pytest.raises(ContractError, match=r"heard again alone, where all had 0\. Seed what is"):
        hear(Odd("silence"), stimuli)


@pytest.mark.parametrize("dtype", ["float32", np.float32, torch.float32, np.dtype("float32")])
def test_a_model_of_float32_says_so_in_any_way(stimuli: StimulusSet, dtype: Any) -> None:
    chance = Odd("dropout")
    chance.dtype = dtype  # type: ignore[attr-defined]
    with pytest.raises(ContractError, match="other activations of layer 'bands'"):
        hear(chance, stimuli)


def test_all_that_rounds_more_than_float32_is_known() -> None:
    class Rounding(DummyModel):
        dtype: Any = None

    model = Rounding()
    rounds = set()
    for model.dtype in (*PRECISIONS, torch.float16, torch.bfloat16, torch.float64, None):
        if LazyModel(as_lazy(model).identity, model=model).precision != "float32":
            rounds.add(model.dtype)
    assert rounds == {*PRECISIONS, torch.float16, torch.bfloat16} - {"float32"}


@pytest.mark.parametrize("trouble", [OSError, KeyboardInterrupt])
def test_what_hearing_changed_before_it_failed_is_no_change(
    stimuli: StimulusSet, trouble: type[BaseException]
) -> None:
    class Counter(DummyModel):
        fingerprint = "never changes"
        fails = True
        transient = frozenset({"fails"})

        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def activations(self, waveforms: Any, layers: Any = None) -> Any:
            self.calls += 1
            if self.fails and self.calls > 2:
                raise trouble("gone")
            return super().activations(waveforms, layers)

    model = Counter()
    before = as_lazy(model).identity.version
    with pytest.raises((ContractError, KeyboardInterrupt)):
        hear(model, stimuli)
    model.fails = False
    assert as_lazy(model).identity.version == before


def test_rounding_is_no_other_sound(stimuli: StimulusSet) -> None:
    assert hear(Odd("rounding"), stimuli)["bands"].shape == (40, 6)
    # and lower precision may round by more
    half = Odd("batch")
    half.dtype = "bfloat16"  # type: ignore[attr-defined]
    hear(half, stimuli)


def test_some_layers(stimuli: StimulusSet) -> None:
    assert list(hear(DummyModel(), stimuli, ["log_bands"])) == ["log_bands"]
    with pytest.raises(ContractError, match=r"DummyModel has no layer 'conv'.*bands, log_bands"):
        hear(DummyModel(), stimuli, ["conv"])
    with pytest.raises(ContractError, match="DummyModel has no layer at all; it has bands"):
        hear(DummyModel(), stimuli, [])


HANGING = """
import os, time
from brainbench_audio.testing import DummyModel

class Hanging(DummyModel):
    calls = 0

    def activations(self, waveforms, layers=None):
        self.calls += 1
        if self.calls == 3 and "HANG" in os.environ:
            print("ready", flush=True)
            for _ in range(6000):  # a signal just as a sleep starts does not end it
                time.sleep(0.01)
        return super().activations(waveforms, layers)
"""
EXTRACT = """
import sys
from pathlib import Path
from plugin_hanging import Hanging
from brainbench_audio.activations.extraction import extracted
from brainbench_audio.testing import dummy_stimuli
with extracted(Hanging(), dummy_stimuli(Path(sys.argv[1]), 40)):
    pass
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_extraction_goes_on_where_it_stopped(
    tmp_path: Path, site: Path, stimuli: StimulusSet, how: signal.Signals
) -> None:
    (site / "plugin_hanging.py").write_text(HANGING)
    with subprocess.Popen(
        [sys.executable, "-c", EXTRACT, str(tmp_path / "sounds")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "HANG": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            # no thread writes on after this signal; after the other one it does
            if how is signal.SIGKILL:
                wait_until(lambda: list(activations_folder().glob("*/chunk-00000-*")))
            process.send_signal(how)
            assert process.wait(timeout=10) == -how
        finally:
            process.kill()
    from plugin_hanging import Hanging  # type: ignore[import-not-found]

    model = Hanging()
    resumed = hear(model, stimuli)
    assert model.heard == 24
    for layer, expected in hear(DummyModel(), stimuli).items():
        np.testing.assert_array_equal(resumed[layer], expected)
    assert not [path for path in stored_files() if path.name.startswith(".part-")]


def test_a_damaged_chunk_is_computed_again_and_told(
    stimuli: StimulusSet, caplog: pytest.LogCaptureFixture
) -> None:
    model = DummyModel()
    first = hear(model, stimuli)
    chunk = next(path for path in stored_files() if path.name.startswith("chunk-00001"))
    damaged = bytearray(chunk.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    chunk.write_bytes(damaged)
    with caplog.at_level(logging.WARNING):
        second = hear(model, stimuli)
    assert model.heard == 40 + 1 + 16
    assert "damaged: set aside" in caplog.text
    for layer in first:
        np.testing.assert_array_equal(first[layer], second[layer])


def test_without_a_fingerprint_nothing_stays(
    tmp_path: Path, stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unknown(DummyModel):
        fingerprint = None  # type: ignore[assignment]

    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    model = Unknown()
    assert plan_extraction(as_lazy(model).identity, stimuli).fields == {}
    with extracted(model, stimuli) as activations:
        assert activations.folder.is_relative_to(tmp_path / "temporary")
        assert activations["bands"].shape == (40, 6)
    assert list((tmp_path / "temporary").iterdir()) == []
    hear(model, stimuli)
    assert model.heard == 2 * (40 + 1)
    with pytest.raises(ZeroDivisionError), extracted(model, stimuli):
        raise ZeroDivisionError
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not activations_folder().exists()


def key(model: Any, stimuli: StimulusSet, layers: Sequence[str] | None = None) -> str:
    plan = plan_extraction(as_lazy(model).identity, again(stimuli), layers)
    assert plan.fields
    return plan.key


def test_the_key_changes_with_what_decides_the_activations(
    tiny: Path, tmp_path: Path, stimuli: StimulusSet
) -> None:
    model = load_model("tiny-plain")
    keys = [key(model, stimuli)]
    keys.append(key(model, stimuli, ["bands"]))
    keys.append(key(model, stimuli, ["log_bands", "bands"]))
    keys.append(key(load_model("tiny-plain", weights="other"), stimuli))
    keys.append(key(load_model("tiny-wide"), stimuli))
    keys.append(key(DummyModel(), stimuli))
    keys.append(key(DummyModel(bands=5), stimuli))
    renamed = replace(stimuli, names=tuple(f"x{name}" for name in stimuli.names))
    keys.append(key(model, renamed))
    assert len(set(keys)) == len(keys)

    with (tiny / "things.py").open("a") as source:
        source.write("# changed\n")
    # what is in memory is not what the file says now
    assert key(model, stimuli) == keys[0]
    for name in [name for name in sys.modules if name.startswith("brainbench_tiny")]:
        del sys.modules[name]
    keys.append(key(load_model("tiny-plain"), stimuli))
    content = bytearray(stimuli.files[3].read_bytes())
    content[-1] ^= 1
    stimuli.files[3].write_bytes(content)
    keys.append(key(model, stimuli))
    assert len(set(keys)) == len(keys)


def test_the_key_does_not_change_with_a_place_or_a_name(
    tiny: Path, tmp_path: Path, stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model("tiny-plain")
    first = key(model, stimuli)
    shutil.move(tmp_path / "sounds", tmp_path / "moved")
    files = tuple(tmp_path / "moved" / file.name for file in stimuli.files)
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "other home"))
    assert key(load_model("tiny-plain"), replace(stimuli, name="x", files=files)) == first


def test_a_moved_plugin_keeps_its_key(
    tiny: Path, site: Path, tmp_path: Path, stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = key(load_model("tiny-plain"), stimuli)
    shutil.move(site, tmp_path / "elsewhere")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    for name in [name for name in sys.modules if name.startswith("brainbench_tiny")]:
        del sys.modules[name]
    assert key(load_model("tiny-plain"), stimuli) == first


def test_a_fingerprint_that_is_no_json(stimuli: StimulusSet) -> None:
    class Bytes(DummyModel):
        fingerprint = b"weights"  # type: ignore[assignment]

    with pytest.raises(ContractError, match=r"Bytes.*fingerprint.*JSON"):
        hear(Bytes(), stimuli)


def test_the_name_of_a_model(tiny: Path) -> None:
    assert name_of(load_model("tiny-wide")) == "tiny-wide"
    assert name_of(DummyModel()) == "DummyModel"

    class WithCard(DummyModel):
        card = load_model("tiny-wide").card  # type: ignore[attr-defined]

    assert name_of(WithCard()) == "tiny-wide"


class Faulty(DummyModel):
    """A model whose first layer is whatever a test wants."""

    def __init__(self, change: Any) -> None:
        super().__init__()
        self.change = change

    def activations(self, waveforms: Any, layers: Any = None) -> Any:
        found = super().activations(waveforms, layers)
        return {**found, "bands": self.change(found["bands"])}


def with_nan(values: np.ndarray) -> np.ndarray:
    values[5, 2] = np.nan
    return values


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda values: 1 / 0, r"raised ZeroDivisionError"),
        (with_nan, r"layer 'bands' is NaN or infinite for 1 sounds, the first is sound05"),
        (lambda values: values * np.inf, r"NaN or infinite for 16 sounds, the first is sound00"),
        (lambda values: values[:-1], r"shape \(15, 6\), expected \(16, n\)"),
        (lambda values: values.T, r"shape \(6, 16\)"),
        (lambda values: values[:, 0], r"shape \(16,\)"),
        (lambda values: values[:, :, None], r"shape \(16, 6, 1\).*Average over time"),
        (lambda values: values[:, :0], r"shape \(16, 0\)"),
        (lambda values: None, r"layer 'bands'"),
        (lambda values: "loud", r"layer 'bands' is no array of numbers"),
        (lambda values: [[1.0], [2.0, 3.0]] * 8, r"layer 'bands' is no array of numbers"),
        (lambda values: {"a": 1}, r"layer 'bands' is no array of numbers"),
        (lambda values: values + 1j, r"layer 'bands' is no array of numbers: .*complex64"),
        (lambda values: values.astype(str), r"layer 'bands' is no array of numbers: .*<U"),
        (lambda values: values.astype(str).astype(object), r"bands' is no array .*object"),
        (lambda values: (values * 100).astype("M8[D]"), r"bands' is no array .*datetime64"),
        (lambda values: np.ma.masked_greater(values, values.mean()), r"masked in part\.$"),
    ],
)
def test_faulty_models_are_named(stimuli: StimulusSet, change: Any, told: str) -> None:
    with pytest.raises(ContractError, match=f"Model Faulty, sounds sound00 to sound15: .*{told}"):
        hear(Faulty(change), stimuli)
    assert not [path for path in stored_files() if path.suffix == ".nc"]


def test_a_tensor_that_needs_gradients(stimuli: StimulusSet) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ContractError, match=r"layer 'bands' is no array of numbers.*detach"):
        hear(Faulty(lambda values: torch.as_tensor(values).requires_grad_()), stimuli)


def test_other_returns(stimuli: StimulusSet) -> None:
    class Less(DummyModel):
        def activations(self, waveforms: Any, layers: Any = None) -> Any:
            return super().activations(waveforms, ["bands"])

    class Array(DummyModel):
        def activations(self, waveforms: Any, layers: Any = None) -> Any:
            return np.zeros((len(waveforms), 3))

    with pytest.raises(ContractError, match=r"'log_bands' is missing; returned were \['bands'\]"):
        hear(Less(), stimuli)
    with pytest.raises(ContractError, match="returned ndarray, no mapping"):
        hear(Array(), stimuli)


@pytest.mark.parametrize("kind", [np.int16, np.float64, np.bool_, list])
def test_other_numbers_are_stored_as_float32(stimuli: StimulusSet, kind: Any) -> None:
    def change(values: np.ndarray) -> Any:
        counts = np.arange(values.size).reshape(values.shape) % 100
        return counts.tolist() if kind is list else counts.astype(kind)

    found = hear(Faulty(change), stimuli)["bands"]
    assert found.dtype == np.float32
    expected = np.arange(16 * 6).reshape(16, 6) % 100
    np.testing.assert_array_equal(found[:16], expected > 0 if kind is np.bool_ else expected)


def test_a_bad_sound_is_named_and_what_came_before_is_kept(stimuli: StimulusSet) -> None:
    stimuli.files[20].write_bytes(b"no sound")
    model = DummyModel()
    with pytest.raises(DataError, match=r"sound20\.wav"):
        hear(model, stimuli)
    assert model.heard == 16 + 1


def test_a_full_disk(
    small_disk: Path, stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINBENCH_HOME", str(small_disk))
    wide = Faulty(lambda values: np.random.default_rng(0).standard_normal((len(values), 4000)))
    with pytest.raises(CacheError, match=r"Cannot write .*BRAINBENCH_HOME"):
        hear(wide, stimuli)
    assert not [path for path in stored_files() if path.suffix == ".nc"]


def test_a_home_that_is_a_file(
    tmp_path: Path, stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "file"))
    with pytest.raises(CacheError, match="BRAINBENCH_HOME"):
        hear(DummyModel(), stimuli)


def test_a_layer_has_as_many_features_as_its_card_says(stimuli: StimulusSet) -> None:
    model = DummyModel()
    bands = model.activations(stimuli.waveforms([0], 8000))["bands"].shape[1]
    lazy = as_lazy(model)
    wrong = replace(lazy.identity, dims=(bands, 99), unkept="")
    with pytest.raises(ContractError, match=rf"'log_bands' has shape \(40, {bands}\).* says 99"):
        hear(LazyModel(wrong, lambda: (model, wrong), model), stimuli)


def chunks() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in activations_folder().glob("*/chunk-*")}


def test_who_reads_and_who_runs_ahead_change_no_byte(
    stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that read, and a model that begins with the next sounds before the last are out."""
    order: list[str] = []

    class Ahead(DummyModel):
        runs_ahead = True
        transient = frozenset({"runs_ahead"})

        def begin(self, waveforms: Any, layers: Any = None) -> Any:
            order.append("begun")
            found = super().activations(waveforms, layers)

            def wait() -> Any:
                order.append("out")
                return found

            return wait

        def activations(self, waveforms: Any, layers: Any = None) -> Any:
            return self.begin(waveforms, layers)()

    expected = hear(DummyModel(), stimuli)
    found = hear(Ahead(), stimuli)
    # between the second and the third chunk a sound of the first is heard again
    in_turn = ["begun", "begun", "out", "begun", "out", "begun", "out", "out"]
    assert order == in_turn
    assert all(np.array_equal(found[layer], expected[layer]) for layer in expected)
    before = chunks()
    shutil.rmtree(activations_folder())
    monkeypatch.setattr(extraction, "read_ahead", partial(read_ahead, workers=2))
    hear(Ahead(), stimuli)
    hear(DummyModel(), stimuli)
    assert chunks() == before

    class Overridden(Ahead):
        def activations(self, waveforms: Any, layers: Any = None) -> Any:
            return {layer: -values for layer, values in super().activations(waveforms).items()}

    np.testing.assert_array_equal(hear(Overridden(), stimuli)["bands"], -expected["bands"])
    # a control runs ahead as its model does
    order.clear()
    few, plain = (hear(Projected(model, 3), stimuli) for model in (Ahead(), DummyModel()))
    assert order == in_turn
    np.testing.assert_array_equal(few["bands"], plain["bands"])


@pytest.mark.parametrize("ahead", [True, False])
def test_what_was_heard_before_an_error_is_written_by_the_thread(
    stimuli: StimulusSet, monkeypatch: pytest.MonkeyPatch, ahead: bool
) -> None:
    class Stopping(DummyModel):
        runs_ahead = ahead
        stop: BaseException = KeyboardInterrupt()

        def begin(self, waveforms: Any, layers: Any = None) -> Any:
            found = self.activations(waveforms, layers)
            return lambda: found

        def activations(self, waveforms: Any, layers: Any = None) -> Any:
            if self.heard == 32 + 1:
                raise self.stop
            return super().activations(waveforms, layers)

    write = StoredActivations.write

    def slowly(*arguments: Any) -> None:
        time.sleep(0.1)
        write(*arguments)

    monkeypatch.setattr(StoredActivations, "write", slowly)
    model = Stopping()
    with pytest.raises(KeyboardInterrupt):
        hear(model, stimuli)
    # what a device still computes when somebody stops it is lost
    assert len(chunks()) == (1 if ahead else 2)
    shutil.rmtree(activations_folder())
    model.heard, model.stop = 0, ValueError("no")
    with pytest.raises(ContractError, match=r"sound32 to sound39: activations\(\) raised"):
        hear(model, stimuli)
    assert len(chunks()) == 2

    def failing(*arguments: Any) -> None:
        raise CacheError("the disk is full")

    monkeypatch.setattr(StoredActivations, "write", failing)
    other = DummyModel(bands=5)
    with pytest.raises(CacheError, match="the disk is full"):
        hear(other, stimuli)
    assert other.heard < 40 + 1
    assert not [thread for thread in threading.enumerate() if "ing_" in thread.name]
