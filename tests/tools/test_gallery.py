"""The gallery shows every kind of figure, in pictures small enough for the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from brainbench_audio.cli.drawings import GATHER
from tools.pages import commands

image = pytest.importorskip("PIL.Image")

from tools.gallery import LARGEST, PAGE, PICTURES, make, pictures_of, shrink  # noqa: E402

ALL = 800_000  # bytes


def test_every_kind_is_shown_and_every_picture_once() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert {one[1] for one in commands(text) if one[0] == "figure"} == set(GATHER)
    shown = re.findall(r"^!\[[^\]]+\]\(gallery/(\S+)\.png\)$", text, re.MULTILINE)
    assert shown == pictures_of()
    assert len(set(shown)) == len(shown)
    sizes = {file.name: file.stat().st_size for file in PICTURES.iterdir()}
    assert sorted(sizes) == sorted(f"{name}.png" for name in shown)
    assert max(sizes.values()) < LARGEST
    assert sum(sizes.values()) < ALL


def test_a_picture_is_made_by_the_command_of_the_page(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    make(["bars"], tmp_path / "pictures")
    (drawn,) = (tmp_path / "pictures").iterdir()
    assert drawn.name == "bars.png"
    with image.open(drawn) as picture:
        assert 500 < picture.width < 600
        ground = picture.convert("RGB").getpixel((1, 1))
    assert ground == (255, 255, 255)


def test_a_picture_that_is_not_drawn_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"gallery.md draws no pie, only bars, "):
        make(["pie"], tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: why -->\n```console\n$ brainbench figure x --output x.png\n```\n"
    )
    with pytest.raises(RuntimeError, match=r"page.md did not draw x: run its block"):
        make(["x"], tmp_path, page)


def test_colours_survive(tmp_path: Path) -> None:
    """Of a hundred greys and a small spot of colour, the colour is kept."""
    picture = image.linear_gradient("L").convert("RGB")
    picture.paste((213, 94, 0), (10, 10, 18, 18))
    picture.save(tmp_path / "large.png")
    shrink(tmp_path / "large.png", tmp_path / "small.png")
    with image.open(tmp_path / "small.png") as small:
        red, _green, blue = small.convert("RGB").getpixel((7, 7))
    assert red - blue > 180


@pytest.mark.slow
def test_the_whole_page_runs(tmp_path: Path) -> None:
    pytest.importorskip("brainbench_hear")
    pictures = tmp_path / "pictures"  # beside the home of the test
    make(pictures_of(), pictures)
    assert {file.stem for file in pictures.iterdir()} == set(pictures_of())
