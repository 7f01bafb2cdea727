"""A row is one version of one model, whatever its name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brainbench_audio import settings
from brainbench_audio.report.correlations import correlations
from brainbench_audio.report.export import export
from brainbench_audio.report.matrix import matrix
from brainbench_audio.report.overall import TASKS, overall
from brainbench_audio.report.results import (
    Result,
    all_results,
    newest_scores,
    not_shown,
    stored_files,
    stored_results,
)
from brainbench_audio.report.site import build_site
from brainbench_audio.scores.identities import ModelVersion, add_tag, record_version
from brainbench_audio.scores.store import find_score

Keep = Callable[..., Path]
FILE = "/home/me/a/model.py"
OLD, NEW = "1a2b3c4d", "5e6f7a8b"
VERSIONS = (OLD, NEW)
OLDER_STORE = Path(__file__).parent / "older_store"


def rows(results: list[Result]) -> dict[tuple[str, str], float]:
    """Return the value of each row and benchmark; there must be one only."""
    found = {one.pair: one.value for one in results}
    assert len(found) == len(results)
    return found


def record(source: str, version: str, model: str = "Net") -> None:
    record_version({"id": model, "source": source, "version": version})


def test_two_weights_of_one_class_share_no_row(keep_version: Keep) -> None:
    keep_version("Net", FILE, OLD, "A-x", 0.1, created="2026-01-01")
    keep_version("Net", FILE, NEW, "B-x", 0.2, created="2026-02-01")
    assert rows(stored_results()) == {("Net", "B-x"): 0.2}
    assert rows(stored_results(older=True)) == {
        ("Net", "B-x"): 0.2,
        (f"Net#{OLD}", "A-x"): 0.1,
    }
    found = matrix(stored_results(older=True))
    assert found["model"].values.tolist() == ["Net", f"Net#{OLD}"]
    assert found["version"].values.tolist() == [NEW, OLD]
    np.testing.assert_array_equal(found, [[np.nan, 0.2], [0.1, np.nan]])


def test_after_a_revert_the_older_version_is_current_again(keep_version: Keep) -> None:
    keep_version("Net", FILE, OLD, "A-x", 0.1, created="2026-01-01")
    keep_version("Net", FILE, NEW, "A-x", 0.2, created="2026-02-01")
    record(FILE, NEW)
    assert rows(stored_results()) == {("Net", "A-x"): 0.2}
    record(FILE, OLD)
    assert rows(stored_results()) == {("Net", "A-x"): 0.1}
    assert rows(stored_results(older=True))[f"Net#{NEW}", "A-x"] == 0.2


@pytest.mark.parametrize(
    ("now", "shown"),
    [(OLD, 0.1), (NEW, 0.2), ("", 0.2), (None, None), ("0" * 8, None)],
    ids=["old", "new", "nobody knows: the last", "changed since", "not scored yet"],
)
def test_what_is_current_is_told_from_outside(
    keep_version: Keep, now: str | None, shown: float | None
) -> None:
    keep_version("Net", FILE, OLD, "A-x", 0.1, created="2026-01-01")
    keep_version("Net", FILE, NEW, "A-x", 0.2, created="2026-02-01")
    asked = []

    def current(identifier: str, source: str) -> str | None:
        asked.append((identifier, source))
        return now

    found = [one.value for one in stored_results(current)]
    assert found == ([] if shown is None else [shown])
    assert asked == [("Net", FILE)]
    every = all_results("none", current, older=True)
    assert len(rows(every)) == 2
    assert {one.name for one in every} == {"Net"}


def test_names_are_as_short_as_they_can_be(keep_version: Keep) -> None:
    for source in (FILE, "/home/me/b/model.py", "/home/you/b/model.py", "lab.models"):
        keep_version("Net", source, OLD, "A-x", 0.1)
    keep_version("Net@step=5", FILE, OLD, "A-x", 0.1)
    keep_version("Own", "/home/me/own.py", OLD, "A-x", 0.1)
    for source in ("brainbench-one", "brainbench-two"):
        keep_version("deep@permuted", source, OLD, "A-x", 0.1)
    keep_version("hf:owner/name", "brainbench-hub", OLD, "A-x", 0.1)
    assert sorted(model for model, _ in rows(stored_results())) == [
        "Own",
        "a/model.py:Net",
        "a/model.py:Net@step=5",
        "brainbench-one:deep@permuted",
        "brainbench-two:deep@permuted",
        "hf:owner/name",
        "lab.models:Net",
        "me/b/model.py:Net",
        "you/b/model.py:Net",
    ]
    controls = {one.model for one in stored_results() if one.is_control}
    assert controls == {
        "a/model.py:Net@step=5",
        "brainbench-one:deep@permuted",
        "brainbench-two:deep@permuted",
    }


def test_an_at_sign_in_a_path_makes_no_control(keep_version: Keep) -> None:
    for source in ("/mnt/a@b/model.py", "/mnt/c/model.py"):
        keep_version("Net", source, OLD, "A-x", 0.1)
    found = {one.model: one.is_control for one in stored_results()}
    assert found == {"a@b/model.py:Net": False, "c/model.py:Net": False}


def test_a_hash_in_a_path_makes_no_version(keep_version: Keep) -> None:
    for source in ("/home/me/run#7/m.py", "/home/me/run#8/m.py"):
        keep_version("Net", source, OLD, "A-x", 0.1, created="2026-01-01")
        keep_version("Net", source, NEW, "A-x", 0.2, created="2026-02-01")
    found = stored_results(older=True)
    assert {one.name for one in found} == {"run#7/m.py:Net", "run#8/m.py:Net"}
    assert {one.model.removeprefix(one.name) for one in found} == {"", f"#{OLD}"}
    assert {one.label for one in found} >= {"run#7/m.py:Net", f"run#7/m.py:Net#{OLD}"}


def test_labels_say_what_names_say(keep_version: Keep, tiny: Path) -> None:
    for version in (OLD, NEW):
        keep_version("tiny-plain@permuted", "brainbench-tiny", version, "Tiny-match", 0.1)
    record("brainbench-tiny", NEW, "tiny-plain@permuted")
    keep_version("tiny-plain", FILE, OLD, "Tiny-match", 0.1)
    found = {one.model: (one.label, one.family) for one in stored_results(older=True)}
    place = "brainbench-tiny"
    assert found == {
        f"{place}:tiny-plain@permuted": (f"Tiny (permuted, {place})", "tiny"),
        f"{place}:tiny-plain@permuted#{OLD}": (f"Tiny (permuted, {place}, #{OLD})", "tiny"),
        # a class of one's own has no card, whatever it is called
        "model.py:tiny-plain": ("model.py:tiny-plain", ""),
    }


def test_tags_stand_in_for_versions(keep_version: Keep) -> None:
    for version in (OLD, NEW):
        keep_version("Net", FILE, version, "A-x", 0.1)
        add_tag(ModelVersion("Net", FILE, version), f"tag-of-{version}", VERSIONS)
    record(FILE, NEW)
    assert {one.model for one in stored_results(older=True)} == {"Net", f"Net#tag-of-{OLD}"}


def test_parts_of_a_whole_are_of_its_version(keep_version: Keep, tiny: Path) -> None:
    parts = {"a": 0.2, "b": 0.4}
    keep_version("Net", FILE, OLD, "Tiny.a-match", 0.9, created="2026-01-01")
    keep_version("Net", FILE, NEW, "Tiny-match", 0.3, parts=parts, created="2026-02-01")
    keep_version("Net", FILE, NEW, "Tiny.b-match", 0.5, created="2026-02-01")
    assert rows(all_results()) == {
        ("Net", "Tiny-match"): 0.3,
        ("Net", "Tiny.a-match"): 0.2,
        ("Net", "Tiny.b-match"): 0.5,
    }
    part = next(one for one in all_results() if one.benchmark == "Tiny.a-match")
    assert (part.id, part.source, part.version) == ("Net", FILE, NEW)
    assert rows(all_results(older=True))[f"Net#{OLD}", "Tiny.a-match"] == 0.9


def test_of_other_options_the_newest_of_one_key_the_one_that_is_found(keep_version: Keep) -> None:
    keep_version("Net", FILE, NEW, "A-x", 0.1, created="2026-01-01", key="a")
    first = keep_version("Net", FILE, NEW, "A-x", 0.2, created="2026-01-02", key="b")
    stem = first.with_name(first.stem.rpartition("-")[0])
    set_aside = first.with_name("aside")
    for value in (0.3, 0.4, 0.5):
        os.replace(first, set_aside)
        other = keep_version("Net", FILE, NEW, "A-x", value, created="2026-01-03", key="b")
        os.replace(set_aside, first)  # as a killed `score --recompute` leaves it
        taken = find_score(stem)
        assert taken is not None
        assert rows(stored_results()) == {("Net", "A-x"): taken.value}
        assert len(stored_files()) == 2
        last = max(first, other)
        last.unlink()
        first = min(first, other)
    assert len(newest_scores()) == 1


def test_of_two_files_of_one_key_a_damaged_one_does_not_count(keep_version: Keep) -> None:
    one = keep_version("Net", FILE, NEW, "A-x", 0.1, key="b")
    aside = one.with_name("aside")
    os.replace(one, aside)
    other = keep_version("Net", FILE, NEW, "A-x", 0.2, key="b")
    os.replace(aside, one)
    damaged, sound = sorted([one, other])
    damaged.write_bytes(damaged.read_bytes() + b"x")
    (found,) = stored_results()
    assert found.path == sound


def test_z_scores_and_correlations_take_versions_for_models(keep_version: Keep) -> None:
    benchmarks = (*TASKS[:2], "Brain-x")
    for place, version in enumerate((OLD, NEW, "0" * 8)):
        for benchmark in benchmarks[place == 0 :]:
            keep_version("Net", FILE, version, benchmark, 0.1 * place**2)
    results = stored_results(older=True)
    means = overall(results)
    assert len(means.values) == 2
    assert means.left_out == {f"Net#{OLD}": (TASKS[0],)}
    table = correlations(results, ["Brain-x"], [TASKS[0], TASKS[1]], subsets=["all"])
    assert [row.n for row in table.rows] == [3]
    assert table.rows[0].compared == TASKS[1]


def test_an_export_keeps_versions_apart(keep_version: Keep, tmp_path: Path) -> None:
    import csv

    import xarray as xr

    for source in (FILE, "/home/me/b/model.py"):
        for version in (OLD, NEW):
            keep_version("Net", source, version, "A-x", 0.1)
        record(source, NEW)
    every = stored_results(older=True)
    export(every, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len({row["model"] for row in found}) == 4
    assert {(row["id"], row["model_source"], row["version"]) for row in found} == {
        ("Net", source, version)
        for source in (FILE, "/home/me/b/model.py")
        for version in (OLD, NEW)
    }
    export(every, tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc") as data:
        assert data["value"].shape == (4, 1)
        assert not data["value"].isnull().any()
    export(every, tmp_path / "x.tex")
    text = (tmp_path / "x.tex").read_text()
    assert text.count(r" \\") == 5
    assert rf"a/model.py:Net\#{OLD}" in text


def test_what_is_left_out_is_counted(keep_version: Keep) -> None:
    keep_version("Net", FILE, NEW, "A-x", 0.1, created="2026-02-01")
    assert not_shown(one for one in stored_results() if not one.current) is None
    keep_version("Net", FILE, OLD, "A-x", 0.1)
    end = "not shown: `brainbench results list --all`"
    found = [one for one in stored_results(older=True) if not one.current]
    assert not_shown(found) == f"1 score of 1 older version is {end}"
    keep_version("Net", FILE, OLD, "B-x", 0.1)
    keep_version("Net", FILE, "0" * 8, "A-x", 0.1)
    found = [one for one in stored_results(older=True) if not one.current]
    assert not_shown(found) == f"3 scores of 2 older versions are {end}"


def test_the_page_of_a_model_shows_versions_apart(keep_version: Keep, tmp_path: Path) -> None:
    keep_version("Net", FILE, OLD, "A-x", 0.123, created="2026-01-01")
    keep_version("Net", FILE, NEW, "B-x", 0.456, created="2026-02-01")
    keep_version("Gone", FILE, OLD, "A-x", 0.789)
    record(FILE, "0" * 8, "Gone")
    build_site(all_results("none", older=True), tmp_path / "site")
    pages = {path.name: path.read_text() for path in (tmp_path / "site").rglob("*.html")}
    page = next(text for name, text in pages.items() if name.startswith("net-"))
    current, _, older = page.partition("<h2>Older versions</h2>")
    assert f"version {NEW}" in current.replace("<code>", "")
    assert "0.456" in current
    assert "0.123" not in current
    assert f"Net#{OLD}" in older.partition("<h2>")[0]
    assert "0.123" in older.partition("<h2>")[0]
    board = pages["index.html"]
    assert "1 models on 1 benchmarks" in board
    assert "0.123" not in board
    assert "0.789" not in board
    gone = next(text for name, text in pages.items() if name.startswith("gone-"))
    assert "The model has changed since it was scored" in gone
    assert "0.789" in gone
    assert not any("0.123" in text for name, text in pages.items() if not name.startswith("net-"))


class TestOlderStore:
    """Three scores of two versions of one class, as release 0.1.0 stored them."""

    @pytest.fixture(autouse=True)
    def store(self) -> None:
        shutil.copytree(OLDER_STORE, settings.results_home())

    def test_versions_are_told_apart_by_their_activations(self) -> None:
        found = stored_results(older=True)
        assert {(one.id, one.source) for one in found} == {("Net", "")}
        versions = {one.version for one in found}
        assert len(versions) == 2
        assert all(len(version) == 8 for version in versions)
        first = next(one for one in found if one.benchmark == "Tiny.a-match")
        alike = [one for one in found if one.version == first.version]
        assert {one.benchmark for one in alike} == {"Tiny-match", "Tiny.a-match"}

    def test_the_one_scored_last_is_current(self) -> None:
        (found,) = stored_results()
        assert (found.model, found.benchmark) == ("Net", "Tiny-match")
        assert found.value == pytest.approx(0.217, abs=0.001)
        newest = max(one.created for one in stored_results(older=True))
        assert found.created == newest

    def test_beside_scores_of_a_known_source_none_is_current(self, keep_version: Keep) -> None:
        keep_version("Net", FILE, NEW, "A-x", 0.5, created="2020-01-01")
        assert rows(stored_results()) == {("Net", "A-x"): 0.5}
        every = stored_results(older=True)
        assert len(rows(every)) == 4
        assert {one.name for one in every} == {"Net"}


def test_names_stay_apart_whatever_is_tagged(keep: Keep, keep_version: Keep) -> None:
    """Scores of a known and of an unknown source may bear the same tag."""
    keep("Net", "A-x", 0.1)
    add_tag(ModelVersion("Net", "", "unknown"), "same", VERSIONS)
    for version in (OLD, NEW):
        keep_version("Net", FILE, version, "A-x", 0.2)
    add_tag(ModelVersion("Net", FILE, OLD), "same", VERSIONS)
    record(FILE, NEW)
    names = sorted(one.model for one in stored_results(older=True))
    assert names == ["Net", "Net#same", "Net#unknown"]
