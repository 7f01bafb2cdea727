"""From archive, folder or web to one netCDF file, and what is left when that fails."""

from __future__ import annotations

import hashlib
import io
import json
import resource
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import xarray as xr
from brainbench_natsound165 import files, installed
from brainbench_natsound165.cards import CARDS
from brainbench_natsound165.components import Components, read_components
from brainbench_natsound165.testing import full_archive
from brainbench_natsound165.voxels import RESPONSES, TABLE, VOXELS

from brainbench_audio import settings
from brainbench_audio.archives import unpack
from brainbench_audio.assemblies.assembly import align
from brainbench_audio.errors import CacheError, DataError
from brainbench_audio.files import hash_file
from brainbench_audio.interfaces import Dataset

COMPONENTS, NH2015, B2021 = CARDS
SOUNDS_SOURCE, VOXELS_SOURCE = Components(), installed.Voxels()
NAMES = [name for name, _, _ in files.registry()]
BOTH = pytest.mark.parametrize("card", [NH2015, B2021], ids=lambda card: card.id)


@pytest.fixture
def sounds(isolated: None) -> Path:
    """Put files of the right names where downloaded sounds are: nothing here listens to them."""
    folder = settings.data_home() / files.FOLDER
    (folder / "wav").mkdir(parents=True)
    for name, _, _ in files.registry():
        (folder / "wav" / f"{name}.wav").touch()
    labels = [f"{name},Music" for name, _, _ in files.registry()]
    (folder / files.LABELS).write_text("\n".join(labels))
    return folder


def left() -> set[str]:
    """Return what lies in the data home besides the sounds and locks."""
    return {
        str(path.relative_to(settings.data_home()))
        for path in settings.data_home().rglob("*")
        if path.is_file() and path.suffix != ".lock" and files.FOLDER not in path.parts
    }


def repacked(given: Path, target: Path, drop: str = "", *extra: tarfile.TarInfo) -> Path:
    """Copy an archive without some members, and with others."""
    with tarfile.open(given) as old, tarfile.open(target, "w") as new:
        for info in extra:
            new.addfile(info, io.BytesIO(b"x" * info.size))
        for member in old:
            if not drop or not member.name.endswith(drop):
                new.addfile(member, old.extractfile(member) if member.isreg() else None)
    return target


@BOTH
def test_an_archive_becomes_one_file(
    small: Any, sounds: Path, small_archive: Path, make: Callable[..., Any], card: Any
) -> None:
    folder = VOXELS_SOURCE.fetch(card, source=small_archive)
    assert folder == VOXELS_SOURCE.locate(card)
    assert left() == {f"{card.id}/{card.id}.nc"}
    dataset: Dataset = VOXELS_SOURCE.load(card, None)
    maker = make(card.id)
    expected = maker.arrays[RESPONSES][:165, maker.arrays["kept"]]
    np.testing.assert_array_equal(dataset.assembly.values, expected)
    assert dataset.assembly.dtype == np.float64
    attributes = dataset.assembly.attrs
    assert json.loads(attributes["sha256"]) == {"data.tar": hash_file(small_archive)}
    assert attributes["source"] == str(small_archive)
    assert "order of the 165 sounds" in attributes["checks"]
    assert dataset.stimuli.names == tuple(dataset.assembly["stimulus"].values)
    assert len(np.asarray(dataset.folds)) == 165


@BOTH
def test_what_was_read_is_what_is_loaded(
    small: Any,
    sounds: Path,
    small_archive: Path,
    make: Callable[..., Any],
    tmp_path: Path,
    card: Any,
) -> None:
    maker = make(card.id)
    read = maker.read(maker.write(tmp_path))
    VOXELS_SOURCE.fetch(card, source=small_archive)
    loaded = VOXELS_SOURCE.load(card, None).assembly
    xr.testing.assert_identical(loaded.drop_attrs(), read.rename(loaded.name).drop_attrs())


@BOTH
@pytest.mark.parametrize("subset", ["primary", "lateral", "anterior", "posterior"])
def test_a_subset_is_one_region(
    small: Any, sounds: Path, small_archive: Path, card: Any, subset: str
) -> None:
    VOXELS_SOURCE.fetch(card, source=small_archive)
    whole, part = VOXELS_SOURCE.load(card, None).assembly, VOXELS_SOURCE.load(card, subset).assembly
    chosen = whole["region"].values == subset.capitalize()
    assert 0 < part.sizes["voxel"] == chosen.sum() < whole.sizes["voxel"]
    np.testing.assert_array_equal(part.values, whole.values[:, chosen])


@BOTH
def test_missing_values_survive(
    small: Any, sounds: Path, make: Callable[..., Any], tmp_path: Path, card: Any
) -> None:
    maker = make(card.id)
    first, second = maker.arrays["kept"][:2]
    maker.arrays[RESPONSES][:, first] = np.nan
    maker.arrays[RESPONSES][:, second, 2] = np.nan
    VOXELS_SOURCE.fetch(card, source=maker.write(tmp_path))
    missing = np.isnan(VOXELS_SOURCE.load(card, None).assembly.values)
    assert missing[:, 0].all()
    assert missing[:, 1].sum(axis=0).tolist() == [0, 0, 165]
    assert not missing[:, 2:].any()


@BOTH
@pytest.mark.parametrize("inside", ["", "data", "data/neural/{}"])
def test_a_folder_is_taken_at_any_level(
    small: Any, sounds: Path, make: Callable[..., Any], tmp_path: Path, card: Any, inside: str
) -> None:
    make(card.id).write(tmp_path)
    VOXELS_SOURCE.fetch(card, source=tmp_path / inside.format(card.id))
    assert set(json.loads(VOXELS_SOURCE.load(card, None).assembly.attrs["sha256"])) == {
        RESPONSES,
        VOXELS,
        TABLE,
        installed.READERS[card.id][1].sounds,
    }


@pytest.mark.parametrize("above", ["", "data"])
def test_brought_data_are_converted_once_and_never_mixed(
    small: Any,
    sounds: Path,
    make: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    above: str,
) -> None:
    brought = tmp_path / "brought"
    data = make("NH2015", seed=1).write(brought)
    monkeypatch.setenv("BRAINBENCH_DATA", str(data if above == "" else brought))
    assert VOXELS_SOURCE.locate(NH2015) == data / "neural" / "NH2015"
    first = VOXELS_SOURCE.load(NH2015, None).assembly
    (converted,) = left()
    stamp = (settings.data_home() / converted).stat().st_mtime_ns
    VOXELS_SOURCE.load(NH2015, "primary")
    assert (settings.data_home() / converted).stat().st_mtime_ns == stamp

    shutil.rmtree(data)
    make("NH2015", seed=2).write(brought)
    assert not np.array_equal(VOXELS_SOURCE.load(NH2015, None).assembly.values, first.values)
    assert len(left()) == 2
    assert first.attrs["source"] == str(data / "neural" / "NH2015")


def test_an_incomplete_brought_folder_is_named(
    small: Any, make: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make("B2021").write(tmp_path)
    (data / "neural" / "B2021" / TABLE).unlink()
    monkeypatch.setenv("BRAINBENCH_DATA", str(data))
    with pytest.raises(DataError, match=r"B2021/df_roi_meta\.pkl is missing"):
        VOXELS_SOURCE.load(B2021, None)


def test_offline_and_absent_says_what_to_do() -> None:
    assert VOXELS_SOURCE.locate(NH2015) is None
    with pytest.raises(DataError, match="BRAINBENCH_OFFLINE"):
        VOXELS_SOURCE.load(NH2015, None)


def test_published_counts_are_demanded_of_users(sounds: Path, small_archive: Path) -> None:
    with pytest.raises(DataError, match=r"expected float32 or float64 \(165, 11065, 3\)"):
        VOXELS_SOURCE.fetch(NH2015, source=small_archive)
    with pytest.raises(DataError, match=r"expected float32 or float64 \(192, 26792, 3\)"):
        VOXELS_SOURCE.fetch(B2021, source=small_archive)
    assert left() == set()


@BOTH
@pytest.mark.parametrize("name", [RESPONSES, VOXELS, TABLE, "sounds"])
def test_an_archive_without_a_member_is_refused(
    small: Any, sounds: Path, small_archive: Path, tmp_path: Path, card: Any, name: str
) -> None:
    name = installed.READERS[card.id][1].sounds if name == "sounds" else name
    given = repacked(small_archive, tmp_path / "given.tar", f"{card.id}/{name}")
    with pytest.raises(DataError, match=rf"given\.tar has no neural/{card.id}/{name}"):
        VOXELS_SOURCE.fetch(card, source=given)
    assert left() == set()
    assert VOXELS_SOURCE.locate(card) is None


def test_a_hostile_archive_leaves_nothing(
    small: Any, sounds: Path, small_archive: Path, tmp_path: Path
) -> None:
    outside = tarfile.TarInfo("../../escaped")
    outside.size = 4
    link = tarfile.TarInfo(f"data/neural/NH2015/{TABLE}")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for extra, drop in ((outside, ""), (link, TABLE)):
        given = repacked(small_archive, tmp_path / "given.tar", drop, extra)
        with pytest.raises(DataError, match=r"outside the folder|a symbolic link"):
            VOXELS_SOURCE.fetch(NH2015, source=given)
        assert left() == set()
    assert not list(tmp_path.rglob("escaped"))


def test_a_hostile_table_is_not_run(
    small: Any, sounds: Path, make: Callable[..., Any], tmp_path: Path
) -> None:
    data = make("NH2015").write(tmp_path)
    witness = tmp_path / "witness"
    command = f"touch {witness}".encode()
    table = data / "neural" / "NH2015" / TABLE
    table.write_bytes(b"cos\nsystem\nX" + len(command).to_bytes(4, "little") + command + b"\x85R.")
    with pytest.raises(DataError, match=r"df_roi_meta\.pkl asks for os\.system"):
        VOXELS_SOURCE.fetch(NH2015, source=data)
    assert not witness.exists()
    assert left() == set()


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.6, 0.95])
def test_a_cut_archive_leaves_nothing(
    small: Any, sounds: Path, small_archive: Path, tmp_path: Path, part: float
) -> None:
    whole = small_archive.read_bytes()
    given = tmp_path / "given.tar"
    given.write_bytes(whole[: int(part * len(whole))])
    for card in (NH2015, B2021):
        try:
            VOXELS_SOURCE.fetch(card, source=given)
        except DataError as error:
            assert "cut off" in str(error)  # noqa: PT017
            assert VOXELS_SOURCE.locate(card) is None
    assert len(left()) < 2


def test_a_wrong_source_is_named(small: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        VOXELS_SOURCE.fetch(NH2015, source=tmp_path / "nowhere")
    with pytest.raises(DataError, match="has no folder neural/NH2015"):
        VOXELS_SOURCE.fetch(NH2015, source=tmp_path)
    page = tmp_path / "page.html"
    page.write_text("<html>404</html>")
    with pytest.raises(DataError, match="no tar archive"):
        VOXELS_SOURCE.fetch(NH2015, source=page)


def test_a_demanded_checksum_holds_for_a_given_archive(
    small: Any, sounds: Path, small_archive: Path
) -> None:
    with pytest.raises(DataError, match=f"expected {'0' * 64}"):
        VOXELS_SOURCE.fetch(NH2015, source=small_archive, sha256="0" * 64)
    with pytest.raises(DataError, match="is a folder: --sha256 is for archives"):
        VOXELS_SOURCE.fetch(NH2015, source=small_archive.parent, sha256="0" * 64)
    assert left() == set()
    VOXELS_SOURCE.fetch(NH2015, source=small_archive, sha256=hash_file(small_archive))


@pytest.mark.parametrize("limit", [100_000, 180_000])
@pytest.mark.parametrize("unpacked", [True, False], ids=["archive", "folder"])
def test_a_failing_write_leaves_nothing(
    small: Any, sounds: Path, small_archive: Path, limit: int, unpacked: bool
) -> None:
    source = small_archive if unpacked else small_archive.parent
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(CacheError, match="Cannot write"):
            VOXELS_SOURCE.fetch(B2021, source=source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert left() == set()
    VOXELS_SOURCE.fetch(B2021, source=source)
    assert left() == {"B2021/B2021.nc"}


FILL = """
import sys
from pathlib import Path
from brainbench_natsound165 import installed
from brainbench_natsound165.cards import CARDS
from brainbench_natsound165.voxels import Published, READERS, NH2015
READERS["NH2015"] = (READERS["NH2015"][0], Published(NH2015.sounds, 165, 60, 48, 3, (10, 20)))
installed.Voxels().fetch(CARDS[1], source=Path(sys.argv[1]))
"""


@pytest.mark.parametrize("size", [200, 400], ids=["unpacking", "converting"])
def test_a_full_disk_leaves_nothing(
    small_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """In a process of its own: a library that fails at exit would fail the tests."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs to be root")
    monkeypatch.setenv("BRAINBENCH_HOME", str(disk))
    command = [sys.executable, "-c", FILL, str(small_archive)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("brainbench_audio.errors.CacheError: ")
        assert left() == set()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_damaged_or_foreign_installed_file_is_named(
    small: Any, sounds: Path, small_archive: Path
) -> None:
    file = VOXELS_SOURCE.fetch(NH2015, source=small_archive) / "NH2015.nc"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"NH2015\.nc is damaged"):
        VOXELS_SOURCE.load(NH2015, None)
    file.unlink()
    xr.DataArray(np.zeros(3), name="responses").to_netcdf(file)
    with pytest.raises(DataError, match="another version"):
        VOXELS_SOURCE.load(NH2015, None)


def test_what_a_killed_process_left_is_no_obstacle(
    small: Any, sounds: Path, small_archive: Path
) -> None:
    leftover = settings.data_home() / ".part-of-a-killed-process" / "data"
    leftover.mkdir(parents=True)
    VOXELS_SOURCE.fetch(NH2015, source=small_archive)
    assert not leftover.exists()


def test_sounds_come_with_the_archive_only_if_unchanged(
    small: Any, small_archive: Path, tmp_path: Path
) -> None:
    foreign = tarfile.TarInfo("data/stimuli/stim5_alarm_clock.wav")
    foreign.size = 99
    given = repacked(small_archive, tmp_path / "given.tar", "", foreign)
    with pytest.raises(DataError, match="responses are installed, but"):
        VOXELS_SOURCE.fetch(NH2015, source=given)
    assert files.find_sounds() is None
    assert left() == {"NH2015/NH2015.nc"}


@pytest.fixture
def with_sounds(small_archive: Path, tmp_path: Path, data_folder: Path) -> Path:
    """Return an archive that has the real sounds and components too."""
    given = tmp_path / "given.tar"
    shutil.copy(small_archive, given)
    with tarfile.open(given, "a") as tar:
        tar.add(data_folder / "natsound165" / "wav", "data/stimuli/165_natural_sounds")
        tar.add(
            data_folder / "natsound165" / files.COMPONENTS,
            f"data/neural/NH2015comp/{files.COMPONENTS}",
        )
    return given


@pytest.mark.data
@pytest.mark.parametrize("card", CARDS[:2], ids=lambda card: card.id)
def test_an_archive_with_sounds_needs_no_network(
    small: Any, with_sounds: Path, monkeypatch: pytest.MonkeyPatch, card: Any
) -> None:
    monkeypatch.delenv("BRAINBENCH_DATA")
    source = SOUNDS_SOURCE if card is COMPONENTS else VOXELS_SOURCE
    source.fetch(card, source=with_sounds)
    sounds = files.find_sounds()
    assert sounds == settings.data_home() / files.FOLDER
    assert hash_file(sounds / files.LABELS) == files.SHA256[files.LABELS]
    assert SOUNDS_SOURCE.locate(card) == (sounds if card is COMPONENTS else None)
    assert not list(settings.data_home().glob("*.unpacked"))


@pytest.mark.data
def test_components_come_from_a_folder_like_the_archives(
    with_sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BRAINBENCH_DATA")
    unpack(with_sounds, tmp_path / "unpacked", largest=10**9)
    SOUNDS_SOURCE.fetch(COMPONENTS, source=tmp_path / "unpacked" / "data")
    assert SOUNDS_SOURCE.locate(COMPONENTS) is not None


@pytest.fixture
def site(small_archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Serve the archive from this machine; ``cut`` bytes only, the first time."""
    state: dict[str, Any] = {"content": small_archive.read_bytes(), "cut": None, "asked": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content, wanted = state["content"], self.headers.get("Range")
            state["asked"].append(wanted)
            start = int(wanted.removeprefix("bytes=")[:-1]) if wanted else 0
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
            if start:
                whole = len(content)
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            cut, state["cut"] = state["cut"], None
            self.wfile.write(content[start:][:cut])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(installed, "URL", f"http://127.0.0.1:{server.server_port}/data.tar")
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def test_one_download_serves_both_data_sets(small: Any, sounds: Path, site: dict[str, Any]) -> None:
    for card in (NH2015, B2021):
        assert VOXELS_SOURCE.load(card, None).assembly.attrs["source"] == installed.URL
    assert site["asked"] == [None]
    assert {"NH2015/NH2015.nc", "B2021/B2021.nc", "tuckute2023/data.tar"} <= left()


def test_an_interrupted_download_goes_on(small: Any, sounds: Path, site: dict[str, Any]) -> None:
    site["cut"] = 400_000
    VOXELS_SOURCE.fetch(NH2015)
    first, second = site["asked"]
    assert first is None
    assert 0 < int(second.removeprefix("bytes=")[:-1]) <= 400_000
    assert VOXELS_SOURCE.load(NH2015, None).assembly.sizes["voxel"] == 48


def test_another_archive_than_the_first_is_refused(
    small: Any, sounds: Path, site: dict[str, Any], make: Callable[..., Any], tmp_path: Path
) -> None:
    VOXELS_SOURCE.fetch(NH2015)
    archive = settings.data_home() / installed.ARCHIVE_FOLDER / installed.ARCHIVE
    first = hash_file(archive)
    archive.unlink()
    site["content"] += b"changed"
    with pytest.raises(DataError, match=f"expected SHA-256 {first}, got"):
        VOXELS_SOURCE.fetch(B2021)
    assert VOXELS_SOURCE.locate(B2021) is None


def test_a_demanded_checksum_holds_for_a_download(
    small: Any, sounds: Path, site: dict[str, Any]
) -> None:
    with pytest.raises(DataError, match=f"expected SHA-256 {'0' * 64}, got"):
        VOXELS_SOURCE.fetch(NH2015, sha256="0" * 64)
    assert left() == set()
    VOXELS_SOURCE.fetch(NH2015, sha256=hashlib.sha256(site["content"]).hexdigest())
    assert VOXELS_SOURCE.locate(NH2015) is not None


@pytest.mark.parametrize("card", CARDS[1:], ids=lambda card: card.id)
def test_cards_name_what_the_data_offer(card: Any) -> None:
    assert card.provides == {"responses", "multivariate", "sessions", "subjects"}
    assert card.subsets == ("primary", "lateral", "anterior", "posterior")
    assert card.stimuli == 165
    assert card.citation.count("@article") == 2


def between_subjects(assembly: xr.DataArray) -> float:
    """Return the mean correlation of the subjects' dissimilarities of all pairs of stimuli."""
    means, subjects = assembly.values.mean(axis=-1), assembly["subject"].values
    pairs = np.triu_indices(165, 1)
    rows = [1 - np.corrcoef(means[:, subjects == name])[pairs] for name in np.unique(subjects)]
    return float(np.corrcoef(rows)[np.triu_indices(len(rows), 1)].mean())


@pytest.mark.slow
def test_the_published_sizes(tmp_path: Path, sounds: Path) -> None:
    archive = full_archive(tmp_path)
    for card, voxels, subjects in ((NH2015, 7694, 8), (B2021, 26792, 20)):
        VOXELS_SOURCE.fetch(card, source=archive)
        assembly = VOXELS_SOURCE.load(card, None).assembly
        assert assembly.shape == (165, voxels, 3)
        assert len(set(assembly["subject"].values)) == subjects
        assert not np.isnan(assembly.values).any()
        assert between_subjects(assembly) > 0.6  # voxels made of six shared components
    assert left() == {"NH2015/NH2015.nc", "B2021/B2021.nc"}


@pytest.mark.slow
@pytest.mark.data
def test_responses_made_of_components_follow_them_by_name(
    tmp_path: Path, sounds: Path, data_folder: Path
) -> None:
    VOXELS_SOURCE.fetch(NH2015, source=full_archive(tmp_path))
    assembly = installed.read_installed(settings.data_home() / "NH2015" / "NH2015.nc")
    content = scipy.io.loadmat(data_folder / "natsound165" / files.COMPONENTS)
    components = align(read_components(data_folder / "natsound165" / files.COMPONENTS), NAMES)
    signal = components.values @ content["W"][:, assembly["voxel_id"].values - 100]
    means = assembly.values.mean(axis=-1)
    scaled = [(part - part.mean(axis=0)) / part.std(axis=0) for part in (signal, means)]
    shared = np.median((scaled[0] * scaled[1]).mean(axis=0)) ** 2
    assert 0.75 < shared < 0.85
