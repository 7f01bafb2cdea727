"""An audiobook and responses in miniature: what is read, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from brainbench_littleprince import published
from brainbench_littleprince.cards import CARDS
from brainbench_littleprince.dataset import Audiobook
from brainbench_littleprince.published import (
    LANGUAGES,
    SUBSETS,
    chosen,
    registry,
    remotes,
    runs,
    sound_paths,
    speaking,
)

from brainbench_audio import machine
from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.files import hash_file
from brainbench_audio.stimuli.audio import write_waveform

CARD, SOURCE = CARDS[0], Audiobook()
FIRST = runs()["EN058"][0]


def stored(file: Path) -> np.ndarray:
    return np.asarray(nibabel.load(file).dataobj)


def plain(values: np.ndarray, volume: int, i: int, j: int, k: int) -> float:
    """Return the mean over a block of voxels, one by one."""
    cells = [
        values[2 * i + a, 2 * j + b, 2 * k + c, volume]
        for a in (0, 1)
        for b in (0, 1)
        for c in (0, 1)
    ]
    return sum(map(float, cells)) / 8


def test_a_listener(small: Path) -> None:
    data = SOURCE.load(CARD, "en058")
    rows = data.assembly
    # 7 x 6 x 4 voxels are 3 x 3 x 2 blocks, of which the first 3 x 2 lie outside of the brain
    assert rows.shape == (9 * 8, 12)
    assert rows.dtype == np.float32
    assert rows["run"].values[::8].tolist() == [f"EN-{number}" for number in range(1, 10)]
    # the files begin with the sound, and the middle of a volume counts
    np.testing.assert_array_equal(rows["time"].values[8:16], np.arange(1.0, 17.0, 2.0))
    assert set(rows["subject"].values) == {"EN058"}
    assert rows["voxel_id"].values[[0, 11]].tolist() == ["1-0-0", "2-2-1"]
    # block 1-0-0 is the mean over voxels 2 and 3, 0 and 1, 0 and 1
    assert [float(rows[axis][0]) for axis in "xyz"] == [6 - 2 * 2.5, -8 + 2 * 0.5, 10 + 2 * 0.5]
    for section, path in enumerate(runs()["EN058"]):
        values = stored(small / path)
        expected = [
            [plain(values, volume, *map(int, name.split("-"))) for name in rows["voxel_id"].values]
            for volume in range(8)
        ]
        np.testing.assert_allclose(rows[8 * section : 8 * section + 8], expected, rtol=1e-6)
    assert np.bincount(np.asarray(data.folds)).tolist() == [8] * 9
    assert data.stimuli.files[0] == small / "stimuli" / "task-lppEN_section-1.wav"


def test_languages_have_their_own_sounds(small: Path) -> None:
    whole, french = SOURCE.load(CARD), SOURCE.load(CARD, "fr")
    subjects = whole.assembly["subject"].values
    # of the first, 3 x 3 x 2 blocks but for 3 x 2 outside of the brain; of the second, twice these
    assert subjects.tolist() == 12 * ["EN058"] + 6 * ["EN059"]
    for listener in ("en058", "en059"):
        alone = SOURCE.load(CARD, listener).assembly
        assert alone.equals(whole.assembly[:, subjects == listener.upper()])
    assert set(french.assembly["subject"].values) == {"FR001"}
    assert french.assembly.equals(SOURCE.load(CARD, "fr001").assembly)
    assert french.stimuli.fingerprint != whole.stimuli.fingerprint
    with pytest.raises(UnknownId, match=r"no subset 'cn001', only en057, .*, fr"):
        SOURCE.load(CARD, "cn001")


def test_what_is_published() -> None:
    assert {name: len(paths) for name, paths in runs().items()} == dict.fromkeys(runs(), 9)
    assert (len(chosen(None)[1]), len(chosen("fr")[1])) == (49, 28)
    assert len(SUBSETS) == 49 + 28 + 1
    assert {len(each.volumes) for each in LANGUAGES.values()} == {9}
    for remote in registry().values():
        assert remote.size > 1_000_000
        assert remote.md5 is not None
        assert remote.urls[0].startswith("https://s3.amazonaws.com/openneuro.org/ds003643/")
    # renamed after it was stored
    assert "sub-EN058_task-lppEN_run-08_bold.nii.gz?versionId=" in registry()[FIRST].urls[0]
    for language, (fewest, most) in {"EN": (4, 5), "FR": (2, 3)}.items():
        volumes = np.array(LANGUAGES[language].volumes)
        # as the lengths that the README tells: one channel of 16 bits at 44.1 kHz
        sizes = [registry()[path].size - 44 for path in sound_paths(language).values()]
        after = volumes - [int(size / 88200 / 2 + 0.5) for size in sizes]
        assert (after.min(), after.max()) == (fewest, most)
        # a section takes as much room as it has volumes, so runs are in the order of sections
        for listener in speaking(language):
            room = [registry()[path].size for path in runs()[listener]]
            assert np.corrcoef(room, volumes)[0, 1] > 0.98, listener
    wanted = remotes(*chosen("en058"))
    assert len(wanted) == 18
    assert SOURCE.sizes(CARD, "en058") == {
        "stimuli, 9 files": sum(each.size for each in wanted[:9]),
        "derivatives/sub-EN058/func, 9 files": sum(each.size for each in wanted[9:]),
    }


def test_the_registry_is_as_it_was_compared() -> None:
    """Held to tag 2.0.7 of the git-annex repository: sizes and MD5 to keys, versions to its log."""
    file = Path(published.__file__).with_name("registry.csv")
    assert hash_file(file) == "aa8c90ee3cd8c754754e3b44837cbbfacca378b7787e4d08b4e955853340c938"


def test_sizes_of_the_page_are_those_of_the_files() -> None:
    def told(*subsets: str | None) -> str:
        sizes = [sum(each.size for each in remotes(*chosen(one))) / 1e9 for one in subsets]
        return (
            " to ".join(dict.fromkeys(f"{size:.2g}" for size in (min(sizes), max(sizes)))) + " GB"
        )

    one, english, french = told(*SUBSETS[:-1]), told(None), told("fr")
    assert (
        CARD.size
        == f"{one} a listener, {english} for the English ones, {french} for the French ones"
    )
    page = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    assert [size for size in (one, english, french) if f"| {size} |" not in page] == []


def changed(
    file: Path, change: Callable[[np.ndarray], np.ndarray] = np.array, shift: float = 0.0
) -> None:
    image = nibabel.load(file)
    values = change(np.asarray(image.dataobj).copy())
    affine = image.affine.copy()
    affine[0, 3] += shift
    nibabel.Nifti1Image(values, affine).to_filename(file)


def with_nan(values: np.ndarray) -> np.ndarray:
    values[3, 3, 3, 2] = np.nan
    return values


ODD = [
    (lambda file: file.unlink(), r"lacks 1 of 18 files of LittlePrince.en058, the first is .*run"),
    (
        lambda file: changed(file, lambda values: values[..., 1:]),
        r"run-08.* has 11 volumes, expected 12",
    ),
    (
        lambda file: changed(file, lambda values: values[:-1]),
        r"run-09.* is on another grid .* EN058: \(7, 6, 4\) and \(6, 6, 4\)",
    ),
    (lambda file: changed(file, shift=1.0), r"run-09.* is on another grid than the first section"),
    (lambda file: changed(file, with_nan), r"run-08.* has NaN or infinite responses"),
    (lambda file: changed(file, np.zeros_like), r"No voxel of EN058 varies in all sections"),
    (
        lambda file: file.write_bytes(file.read_bytes()[:-900]),
        r"run-08.* is damaged or cut off",
    ),
    (lambda file: file.write_text("no image"), r"run-08.* cannot be read as NIfTI"),
    (
        lambda file: changed(file, lambda values: values[..., 0]),
        r"run-08.* has the shape \(7, 6, 4\), expected volumes in a fourth dimension",
    ),
]


@pytest.mark.parametrize(("change", "told"), ODD)
def test_odd_files_are_refused(small: Path, change: Callable[[Path], None], told: str) -> None:
    change(small / FIRST)
    with pytest.raises(DataError, match=told):
        SOURCE.load(CARD, "en058")


def test_a_sound_that_is_too_long_is_refused(small: Path) -> None:
    sound = small / "stimuli" / "task-lppEN_section-1.wav"
    write_waveform(sound, np.full(8000 * 30, 0.1), 8000)
    with pytest.raises(DataError, match=r"section-1.wav lasts 30.0 s, more than its 12 volumes"):
        SOURCE.load(CARD, "en058")


def test_what_does_not_fit_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "available_memory", lambda: 2 * 6000)
    with pytest.raises(DataError, match=r"responses of 1 listeners take about 0.0 GB"):
        SOURCE.load(CARD, "en058")
    needed = 2 * 72 * 12 * 4
    monkeypatch.setattr(machine, "available_memory", lambda: 2 * needed)
    SOURCE.load(CARD, "en058")
    # as if all had as many voxels as the first; the second has half of them
    monkeypatch.setattr(machine, "available_memory", lambda: 3 * needed)
    with pytest.raises(DataError, match=r"2 listeners .*: score one of them, `LittlePrince.en058`"):
        SOURCE.load(CARD)
    monkeypatch.setattr(machine, "available_memory", lambda: 4 * needed)
    SOURCE.load(CARD)
    # refused before the second section is read
    (small / runs()["EN058"][1]).write_text("no image")
    monkeypatch.setattr(machine, "available_memory", lambda: 3 * needed)
    with pytest.raises(DataError, match=r"2 listeners take about"):
        SOURCE.load(CARD)
