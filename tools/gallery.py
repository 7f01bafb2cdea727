"""Makes the pictures of docs/gallery.md: runs the commands of the page, and shrinks what they draw.

    python tools/gallery.py                      # all of them: some minutes
    python tools/gallery.py bars components      # these, by the names of their files; commands
                                                 # behind the last one are not run

Scores go to a home that is removed afterwards, so stored ones are neither read nor changed.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from PIL import Image

from brainbench_audio.cli.main import main as brainbench

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for tools/

from tools.pages import commands, run_page  # noqa: E402

PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "gallery"
# figures have 300 dots an inch for print, and few colours; fewer where the file would be too large
SCALE, COLOURS, LARGEST = 2, (64, 32), 60_000


class _Done(Exception):
    """All pictures that were asked for are there."""


def pictures_of(page: Path = PAGE) -> list[str]:
    """Return the names of the pictures that a page draws, without ``.png``."""
    every = map(_picture, commands(page.read_text(encoding="utf-8")))
    return [drawn.stem for drawn in every if drawn]


def make(names: Collection[str], pictures: Path = PICTURES, page: Path = PAGE) -> None:
    """Run the page, and keep the pictures of these names.

    Raises
    ------
    RuntimeError
        A command of the page fails, or none draws one of the pictures.
    """
    left = set(names)
    if unknown := left - set(pictures_of(page)):
        raise RuntimeError(
            f"{page.name} draws no {', '.join(sorted(unknown))}, only "
            f"{', '.join(pictures_of(page))}: name one of these, or add the command to the page."
        )

    def run(arguments: list[str]) -> None:
        drawn = _picture(arguments)
        if drawn and drawn.stem not in left:
            return
        if status := brainbench(arguments):
            raise RuntimeError(f"brainbench {' '.join(arguments)}: exit status {status}")
        if drawn:
            shrink(drawn, pictures / drawn.name)
            left.discard(drawn.stem)
        if not left:
            raise _Done

    pictures.mkdir(parents=True, exist_ok=True)
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            run_page(page, Path(folder), run)
        except _Done:
            return
        finally:
            os.chdir(before)
    # a command in a block that is not run
    raise RuntimeError(f"{page.name} did not draw {', '.join(sorted(left))}: run its block.")


def _picture(arguments: list[str]) -> Path | None:
    """Return the file that a command draws; None for commands that draw none."""
    if arguments[0] != "figure":
        return None
    return Path(arguments[arguments.index("--output") + 1])


def shrink(drawn: Path, kept: Path) -> None:
    """Write a picture small enough for the repository, with a white ground in dark pages too."""
    with Image.open(drawn) as picture:
        smaller = picture.convert("RGB").reduce(SCALE)
    for colours in COLOURS:
        content = io.BytesIO()
        # the default, MEDIANCUT, gives its colours to the grey edges of letters
        few = smaller.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(content, format="png", optimize=True)
        if len(content.getvalue()) < LARGEST:
            break
    kept.write_bytes(content.getvalue())


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = pictures_of()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    options = parser.parse_args()
    if unknown := set(options.names) - set(known):
        parser.error(f"no picture is called {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as home:
        os.environ["BRAINBENCH_HOME"] = home
        make(options.names or known)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
