"""Stories and responses in miniature: what is read, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import netCDF4
import numpy as np
import pytest
from brainbench_lebel2023 import published
from brainbench_lebel2023.cards import CARDS
from brainbench_lebel2023.dataset import Stories
from brainbench_lebel2023.published import (
    LISTENERS,
    LONG,
    PAPER,
    SHARED,
    SUBSETS,
    TEST,
    TEXTGRIDS,
    chosen,
    heard,
    registry,
    remotes,
    response_path,
)
from brainbench_lebel2023.responses import CUT, read_responses
from brainbench_lebel2023.testing import write_folder, write_responses, write_sound

from brainbench_audio import load_metric, settings
from brainbench_audio.assemblies.textgrid import read_textgrid
from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.files import hash_file

CARD, SOURCE = CARDS[0], Stories()
UTS03, UTS04 = "derivative/preprocessed_data/UTS03", "derivative/preprocessed_data/UTS04"


def stored(folder: Path, listener: str, story: str, array: str = "data") -> np.ndarray:
    with netCDF4.Dataset(folder / published.response_path(listener, story)) as data:
        return np.asarray(data[array][:])


def test_a_listener(small: Path) -> None:
    data = SOURCE.load(CARD, "uts03")
    rows = data.assembly
    assert rows.dims == ("stimulus", "voxel")
    assert rows.dtype == np.float32
    # stories in their order, then ten presentations of the test story
    assert rows.shape == (10 + 10 + 10 * 10, 6)
    assert rows["run"].values[::10].tolist() == ["souls", "life", *[TEST] * 10]
    assert rows["repeat"].values[::10].tolist() == [0, 0, *range(10)]
    # 41 s of sound: what is kept begins at 10 s, a volume takes 2 s, its middle counts
    np.testing.assert_array_equal(rows["time"].values[10:20], np.arange(11.0, 31.0, 2.0))
    assert rows["stimulus"].values[[0, 19, 20, 119]].tolist() == [
        "souls@11.000",
        "life@29.000",
        f"{TEST}@11.000",
        f"{TEST}@29.000#9",
    ]
    assert set(rows["subject"].values) == {"UTS03"}
    np.testing.assert_array_equal(rows.values[10:20], np.float32(stored(small, "UTS03", "life")))
    repeats = np.float32(stored(small, "UTS03", TEST, "individual_repeats"))
    np.testing.assert_array_equal(rows.values[20:], repeats.reshape(100, 6))
    assert np.bincount(np.asarray(data.folds)).tolist() == [10, 10, 100]
    assert list(data.stimuli.windows) == ["souls", "life", TEST]
    assert data.stimuli.files[0] == small / "stimuli" / "souls.wav"


def test_onsets_of_words_and_phones(small: Path) -> None:
    grid = small / TEXTGRIDS / "life.TextGrid"
    _, words = read_textgrid(grid)
    spoken = np.array([start for start, _, label in words.intervals if label in ("yes", "NO")])
    assert 0.5 < spoken.size / len(words.intervals) < 1
    rows = SOURCE.load(CARD, "uts03").assembly
    of_story = rows[rows["run"].values == "life"]
    late = (of_story["time"].values[:, np.newaxis] - spoken) / 2.0
    expected = np.where(np.abs(late) < 3, np.sinc(late) * np.sinc(late / 3), 0).sum(axis=1)
    np.testing.assert_allclose(of_story["words"], expected)
    # two phones a word, half a second apart
    shifted = late - 0.25
    halves = np.where(np.abs(shifted) < 3, np.sinc(shifted) * np.sinc(shifted / 3), 0).sum(axis=1)
    np.testing.assert_allclose(of_story["phones"], expected + halves)
    assert of_story["words"].mean() == pytest.approx(2 * spoken.size / 41, rel=0.2)
    relabelled(grid, "<exists>\n2", "<exists>\n3")
    with grid.open("a") as file:
        file.write('"TextTier"\n"notes"\n0\n41\n1\n7\n"a note"\n')
    assert SOURCE.load(CARD, "uts03").assembly.equals(rows)
    tests = rows["words"].values[rows["run"].values == TEST].reshape(10, 10)
    np.testing.assert_array_equal(tests, np.tile(tests[:1], (10, 1)))


def test_a_metric_finds_what_leads_the_responses(small: Path) -> None:
    pytest.importorskip("brainbench_encoding", reason="the metric encoding is a plugin of its own")
    shutil.rmtree(small)
    write_folder(small, ["UTS03"], published.SHARED, seconds=121.0)
    data = SOURCE.load(CARD, "uts03")
    noise = np.random.default_rng(0).standard_normal(data.assembly.shape).astype(np.float32)
    runs = data.assembly["run"].values
    leading = np.empty_like(noise)
    for run in dict.fromkeys(runs):
        presentations = data.assembly.values[runs == run].reshape(-1, 50, noise.shape[1])
        soon = np.roll(presentations.mean(axis=0), -2, axis=0)
        leading[runs == run] = np.tile(soon, (len(presentations), 1))
    layers = {"noise": noise, "leading": leading}
    metric = load_metric("encoding-unique-words")
    beyond = metric(layers, data.assembly, data.folds, given={"noise": noise})
    assert beyond.parts["UTS03"] > 0.8
    assert beyond.n["given_layer"] == 3
    score = load_metric("encoding", permutations=0)(layers, data.assembly, data.folds)
    assert score.layer == "leading"
    assert score.parts["UTS03"] > 0.9
    assert score.n["run_predicted"] == 1


def test_all_listeners(small: Path) -> None:
    """What one of them was not presented with is missing for all of his or her voxels."""
    rows = SOURCE.load(CARD).assembly
    assert rows.shape == (120, 12)
    assert rows["subject"].values.tolist() == ["UTS03"] * 6 + ["UTS04"] * 6
    assert rows["voxel_id"].values.tolist() == [*range(6), *range(6)]
    missing = np.isnan(rows.values)
    assert not missing[:, :6].any()
    # UTS04: no `life`, five presentations
    expected = (rows["run"].values == "life") | (rows["repeat"].values > 4)
    np.testing.assert_array_equal(missing[:, 6:], np.repeat(expected[:, None], 6, axis=1))
    one = SOURCE.load(CARD, "uts04")
    assert "life" not in one.assembly["run"]
    assert not one.assembly.isnull().any()
    # models hear the same for every listener, once
    assert one.stimuli.fingerprint == SOURCE.load(CARD, "uts03").stimuli.fingerprint
    with pytest.raises(UnknownId, match=r"no subset 'uts10', only uts01, .*uts09_all"):
        SOURCE.load(CARD, "uts10")


def test_a_voxel_without_data_stays_as_published(small: Path) -> None:
    values = stored(small, "UTS03", "souls")
    values[:, 2] = np.nan
    values[4, 3] = np.nan
    write_responses(small / UTS03 / "souls.hf5", {"data": values})
    rows = SOURCE.load(CARD, "uts03").assembly.values
    assert np.isnan(rows[:10, 2]).all()
    assert np.isnan(rows).sum() == 11


def test_a_new_clone_has_another_folder(small: Path) -> None:
    before = SOURCE.load(CARD, "uts04")
    (small / "derivative").rename(small / "derivatives")
    assert SOURCE.locate(CARD, "uts04") == small
    assert SOURCE.load(CARD, "uts04").assembly.identical(before.assembly)


def test_a_sound_at_another_rate_is_the_same_story(small: Path) -> None:
    before = SOURCE.load(CARD, "uts04")
    write_sound(small, "souls", 41.0, 44_100)
    after = SOURCE.load(CARD, "uts04")
    assert after.assembly.identical(before.assembly)
    assert after.stimuli.time == before.stimuli.time


def changed(folder: Path, story: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    values = change(stored(folder, "UTS03", story))
    write_responses(folder / UTS03 / f"{story}.hf5", {"data": values})


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-300])


def without_volume(values: np.ndarray) -> np.ndarray:
    values[3] = np.nan
    return values


def with_infinity(values: np.ndarray) -> np.ndarray:
    values[3, 1] = np.inf
    return values


def relabelled(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))


ODD = [
    (
        lambda folder: (folder / UTS03 / "life.hf5").unlink(),
        r"lacks 1 of 9 files of LeBel2023.uts03, the first is .*life.hf5: complete the",
    ),
    (
        lambda folder: (folder / "stimuli" / "life.wav").unlink(),
        r"lacks 1 of 9 files .*stimuli/life.wav",
    ),
    (
        lambda folder: changed(folder, "life", lambda values: values[1:]),
        r"life.hf5 has 9 volumes, expected 10: .*life.wav lasts 41.0 s",
    ),
    (
        lambda folder: write_sound(folder, "souls", 38.0),
        r"souls.hf5 has 10 volumes, expected 9: .*souls.wav lasts 38.0 s",
    ),
    (
        lambda folder: changed(folder, "life", lambda values: values[:, 1:]),
        r"life.hf5 has 5 voxels, expected 6 as souls.hf5 has",
    ),
    (
        lambda folder: changed(folder, TEST, lambda values: values),
        rf"{TEST}.hf5 holds data, expected individual_repeats",
    ),
    (
        lambda folder: changed(folder, "life", lambda values: values[0]),
        r"life.hf5: data is float64 \(6,\), expected .*\(volumes, voxels\)",
    ),
    (lambda folder: cut(folder / UTS03 / f"{TEST}.hf5"), rf"{TEST}.hf5 is damaged"),
    (
        lambda folder: changed(folder, "souls", without_volume),
        r"souls.hf5 has no response of any voxel in volume 3",
    ),
    (
        lambda folder: changed(folder, "souls", with_infinity),
        r"souls.hf5 has an infinite response, of voxel 1 in volume 3",
    ),
    (
        lambda folder: (folder / TEXTGRIDS / "souls.TextGrid").write_text("no grid"),
        r"souls.TextGrid is no whole TextGrid: it ends where ooTextFile is expected",
    ),
    (
        lambda folder: relabelled(
            folder / TEXTGRIDS / "souls.TextGrid", "<exists>\n2", "<exists>\n1"
        ),
        r"souls.TextGrid has 1 of 2 tiers, expected a tier of phones and then one of words",
    ),
    (
        lambda folder: relabelled(folder / TEXTGRIDS / "souls.TextGrid", "AH0", "sp"),
        r"souls.TextGrid has 0 phones and \d+ words",
    ),
    (
        lambda folder: (folder / "stimuli" / "souls.wav").write_text("no sound"),
        r"souls.wav cannot be read: it is none of WAV",
    ),
]


@pytest.mark.parametrize(("change", "told"), ODD)
def test_odd_files_are_refused(small: Path, change: Callable[[Path], None], told: str) -> None:
    change(small)
    with pytest.raises(DataError, match=told) as refused:
        SOURCE.load(CARD, "uts03")
    assert "\n" not in str(refused.value)


def test_what_does_not_fit_into_memory(small: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"2 listeners \(120 volumes x 12 voxels\) take 0.0 GB .*score `LeBel2023.uts03`",
    ):
        read_responses(small, PAPER[2:4], published.SHARED, most=5759)
    read_responses(small, PAPER[2:4], published.SHARED, most=5760)


def test_what_is_published() -> None:
    assert len(registry()) == 2 * 84 + 3 * 84 + 26 + 4 * 27 + 54
    assert chosen(None) == (PAPER, SHARED)
    assert len(SHARED) == len(set(SHARED)) == 27
    assert {subset: len(chosen(subset)[1]) for subset in SUBSETS} == {
        subset: CARD.counted(subset) for subset in SUBSETS
    }
    assert all(chosen(subset)[1][-1] == TEST for subset in SUBSETS)
    assert set(SHARED) - set(heard("UTS04", SHARED)) == {"life"}
    one = registry()[f"{UTS03}/{TEST}.hf5"]
    assert one.urls[0].startswith("https://s3.amazonaws.com/openneuro.org/ds003020/derivative/")
    assert all("?versionId=" in each.urls[0] for each in registry().values())
    # 291 volumes of 95,556 voxels as doubles: ten presentations, and their mean
    assert 0 < one.size - 8 * 11 * 291 * 95_556 < 10_000
    assert {each.name for each in remotes(["UTS04"], ["life", TEST])} == {
        "stimuli/life.wav",
        f"stimuli/{TEST}.wav",
        "derivative/TextGrids/life.TextGrid",
        f"derivative/TextGrids/{TEST}.TextGrid",
        f"{UTS04}/{TEST}.hf5",
    }


def test_the_registry_is_as_it_was_compared() -> None:
    """Held to tag 3.1.0 of the git-annex repository: sizes and MD5 to keys, versions to its log."""
    file = Path(published.__file__).with_name("registry.csv")
    pinned = "aecf21b868afa6d4d157985b93f21f933f0682cf7f4fe5e22439126c9c8a1970"
    assert hash_file(file) == pinned


def test_numbers_of_the_page_follow_from_sizes() -> None:
    """A file is a little more than its doubles, so sizes tell voxels, volumes, hours and memory."""
    presented = {listener: 10 if listener <= "UTS03" else 5 for listener in LISTENERS}
    voxels = {
        listener: registry()[response_path(listener, TEST)].size // (8 * 291 * (number + 1))
        for listener, number in presented.items()
    }
    rows: dict[str, int] = {TEST: 291}
    for listener in LISTENERS:
        for path, file in registry().items():
            story = path.rpartition("/")[2].removesuffix(".hf5")
            if path == response_path(listener, story) and story != TEST:
                count, rest = divmod(file.size, 8 * voxels[listener])
                assert rest < 10_000, path
                assert rows.setdefault(story, count) == count, path

    def gigabytes(subsets: Sequence[str | None]) -> str:
        return span([sum(each.size for each in remotes(*chosen(one))) for one in subsets])

    def memory(listeners: Sequence[str], stories: Sequence[str], digits: int = 0) -> str:
        volumes = {
            one: sum(rows[story] for story in heard(one, stories)) + 291 * (presented[one] - 1)
            for one in listeners
        }
        return span([4 * volumes[one] * voxels[one] for one in listeners], digits)

    def hours(stories: Iterable[str]) -> str:
        return f"{len(list(stories))}, {sum(2 * (rows[one] + CUT) for one in stories) / 3600:.2g}"

    short, longest = [one.lower() for one in LISTENERS], ["uts01_all", "uts02_all", "uts03_all"]
    whole = 4 * sum(rows[story] for story in SHARED) + 4 * 9 * 291
    told = [
        f"| {hours(SHARED)} hours | {gigabytes([None])} |",
        f"the same {len(SHARED)} | {gigabytes(short)} |",
        f"| {hours(rows)} hours | {gigabytes(longest)} |",
        f"| {len(chosen('uts09_all')[1])} | {gigabytes(['uts09_all'])} |",
        f"{min(voxels.values()):,} to {max(voxels.values()):,} a listener",
        f"27 stories take {memory(LISTENERS, SHARED, 1)}",
        f"to {len(rows)} stories {memory(LONG[:3], list(rows))}",
        f"all eight {span([whole * sum(voxels[one] for one in PAPER)])}",
    ]
    page = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    assert [one for one in told if one not in " ".join(page.split())] == []
    size = f"{gigabytes(short)} a listener, {gigabytes(['uts03_all'])} for `uts03_all`, "
    assert CARD.size == f"{size}{gigabytes([None])} together"


def span(numbers: Sequence[int], digits: int = 0) -> str:
    """Return the least and the greatest number of bytes, in GB."""
    ends = dict.fromkeys(f"{one / 1e9:.{digits}f}" for one in (min(numbers), max(numbers)))
    return f"{' to '.join(ends)} GB"


def test_installed_from_a_folder(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BRAINBENCH_DATA")
    with pytest.raises(DataError, match=r"LeBel2023.uts04 is not here: .*--from FOLDER"):
        SOURCE.load(CARD, "uts04")
    with pytest.raises(DataError, match=r"has not the MD5 .* of the published file"):
        SOURCE.fetch(CARD, "uts04", small)
    assert SOURCE.locate(CARD, "uts04") is None
    own = {
        name: replace(each, md5=hash_file(small / name, "md5"))
        for name, each in registry().items()
        if (small / name).is_file()
    }
    monkeypatch.setattr(published, "registry", lambda: own)
    assert SOURCE.sizes(CARD, "uts04") == {
        "stimuli, 3 files": sum(own[f"stimuli/{story}.wav"].size for story in published.SHARED),
        f"{TEXTGRIDS}, 3 files": sum(
            own[published.textgrid_path(story)].size for story in published.SHARED
        ),
        f"{UTS04}, 2 files": sum(own[f"{UTS04}/{story}.hf5"].size for story in ("souls", TEST)),
    }
    target = SOURCE.fetch(CARD, "uts04", small.parent)
    assert target == settings.data_home() / "ds003020" == SOURCE.locate(CARD, "uts04")
    assert SOURCE.sizes(CARD, "uts04") == {}
    assert list(SOURCE.sizes(CARD, "uts03")) == [f"{UTS03}, 3 files"]
    damaged = target / "stimuli" / "souls.wav"
    damaged.write_text("damaged")
    SOURCE.fetch(CARD, "uts04", small.parent)
    assert damaged.read_bytes() == (small / "stimuli" / "souls.wav").read_bytes()
    before = {file: file.stat().st_ino for file in target.rglob("*")}
    SOURCE.fetch(CARD, "uts04", target)  # from itself: nothing is copied
    assert {file: file.stat().st_ino for file in target.rglob("*")} == before
    shutil.rmtree(small / "stimuli")
    with pytest.raises(DataError, match=r"lacks 3 of 8 files, the first is stimuli/souls\.wav"):
        SOURCE.fetch(CARD, "uts04", small)
