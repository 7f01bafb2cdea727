"""Makes the pictures of docs/gallery.md: runs the commands of the page, and shrinks what they draw.

    python tools/gallery.py                      # all of them: some minutes
    python tools/gallery.py bars components      # these; commands behind the last one are not run

Scores go to a home that is removed afterwards, so stored ones are neither read nor changed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from PIL import Image

from brainbench_audio.cli.drawings import GATHER
from brainbench_audio.cli.main import main as brainbench

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for tools/

from tools.pages import run_page  # noqa: E402

PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "gallery"
# figures have 300 dots an inch for print, and few colours
SCALE, COLOURS = 2, 32


class _Done(Exception):
    """All pictures that were asked for are there."""


def make(names: Collection[str], pictures: Path = PICTURES) -> None:
    """Run the page, and keep the pictures of these figures.

    Raises
    ------
    RuntimeError
        A command of the page fails.
    """
    left = set(names)

    def run(arguments: list[str]) -> None:
        figure = arguments[1] if arguments[0] == "figure" else None
        if figure and figure not in left:
            return
        if status := brainbench(arguments):
            raise RuntimeError(f"brainbench {' '.join(arguments)}: exit status {status}")
        if figure:
            drawn = Path(arguments[arguments.index("--output") + 1])
            shrink(drawn, pictures / drawn.name)
            left.discard(figure)
        if not left:
            raise _Done

    pictures.mkdir(parents=True, exist_ok=True)
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            run_page(PAGE, Path(folder), run)
        except _Done:
            pass
        finally:
            os.chdir(before)


def shrink(drawn: Path, kept: Path) -> None:
    """Write a picture small enough for the repository, with a white ground in dark pages too."""
    with Image.open(drawn) as picture:
        smaller = picture.convert("RGB").reduce(SCALE)
    # the default, MEDIANCUT, gives its colours to the grey edges of letters
    few = smaller.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(kept, optimize=True)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"{', '.join(GATHER)}")
    options = parser.parse_args()
    if unknown := set(options.figures) - set(GATHER):
        parser.error(f"no figure is called {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as home:
        os.environ["BRAINBENCH_HOME"] = home
        make(options.figures or list(GATHER))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
