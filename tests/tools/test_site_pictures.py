"""The pictures of pages in the documentation are those that the script makes, and small."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

image = pytest.importorskip("PIL.Image")

from brainbench_audio.report.results import published_results  # noqa: E402
from brainbench_audio.report.site import build_site  # noqa: E402
from tools.site_pictures import PICTURES, VIEWS, shoot  # noqa: E402

LARGEST = 200_000  # bytes


def test_every_picture_is_shown_once() -> None:
    text = (PICTURES.parent / "site.md").read_text(encoding="utf-8")
    assert re.findall(r"^!\[[^\]]+\]\(site/(\S+)\.png\)$", text, re.MULTILINE) == list(VIEWS)
    sizes = {file.stem: file.stat().st_size for file in PICTURES.iterdir()}
    assert set(sizes) == set(VIEWS)
    assert max(sizes.values()) < LARGEST


@pytest.mark.slow
def test_a_picture_shows_what_it_should(tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api")
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    build_site(published_results(), tmp_path / "site")
    # in a thread of its own, as a browser of other tests may hold this one's event loop
    with ThreadPoolExecutor(1) as thread:
        thread.submit(
            shoot, tmp_path / "site", ["benchmark", "size"], tmp_path, tmp_path / "pictures"
        ).result()
    assert sorted(file.stem for file in (tmp_path / "pictures").iterdir()) == ["benchmark", "size"]
    with image.open(tmp_path / "pictures" / "size.png") as picture:
        assert picture.width == 1000
        colours = picture.convert("RGB").getcolors(1000)
    # dots of several families on a paper of its own colour, and a band whose grey is a grey
    assert len(colours) > 100
    ordered = [colour for _, colour in sorted(colours, reverse=True)]
    assert ordered[0] == (252, 252, 250)
    assert max(ordered[1]) - min(ordered[1]) < 8
