"""Makes the pictures of docs/site.md: the pages that `brainbench report` writes, in a browser.

Published scores, and one model scored on simulated data; nothing is downloaded. Needs playwright,
Pillow and Chromium. Run it after the pages look different:

    python tools/site_pictures.py [NAME ...]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parents[1] / "docs" / "site"
SCALE, COLOURS = 2, 256  # dots a pixel of the browser; of the picture
_SIZE = {"width": 1000, "height": 640}
_SCORED = ("--benchmark", "SimCortex-rsa", "--benchmark", "SimCortex.*-rsa")


@dataclass(frozen=True)
class View:
    """What a picture shows.

    Attributes
    ----------
    page : str
        Pattern of its file, below the site's folder.
    chosen : str
        What stands behind the # of the address.
    first : str
        Selector of what stands at the top of the picture.
    """

    page: str
    chosen: str = ""
    first: str = "body"


VIEWS = {
    "leaderboard": View("index.html"),
    "benchmark": View("benchmarks/nh2015-rsa*", first="main"),
    "correlations": View("correlations.html", first="#axes"),
    "size": View("correlations.html", "x=parameters&y=NH2015-rsa", "#axes"),
    "regions": View("models/spectrotemporal.html", first="h2:has-text('Regions')"),
    "sounds": View("sounds/spectrotemporal.html", "b=SimCortex-rsa", "#alike"),
}


def make(names: Collection[str], pictures: Path = PICTURES) -> None:
    """Write the site, and keep the pictures of these names."""
    with tempfile.TemporaryDirectory() as folder:
        write_site(Path(folder))
        shoot(Path(folder) / "site", names, Path(folder), pictures)


def write_site(folder: Path) -> None:
    """Score the model, and write the site below a folder.

    Raises
    ------
    RuntimeError
        A command fails.
    """
    os.environ["BRAINBENCH_HOME"] = str(folder / "home")
    from brainbench_audio.cli.main import main as brainbench

    for command in (
        ["score", "--model", "spectrotemporal", *_SCORED],
        ["report", "--output", str(folder / "site")],
    ):
        if status := brainbench(command):
            raise RuntimeError(f"brainbench {' '.join(command)}: exit status {status}")


def shoot(site: Path, names: Collection[str], folder: Path, pictures: Path) -> None:
    """Look at pages of a site, and keep pictures of them."""
    from playwright.sync_api import sync_playwright

    pictures.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page(viewport=_SIZE, device_scale_factor=SCALE, color_scheme="light")
        for name in names:
            view = VIEWS[name]
            (path,) = site.glob(view.page)
            tab.goto("about:blank")
            tab.goto(f"{path.as_uri()}#{view.chosen}")
            tab.locator(view.first).first.evaluate(
                "one => { one.scrollIntoView(); scrollBy(0, -16); }"
            )
            tab.screenshot(path=folder / f"{name}.png")
            _keep(folder / f"{name}.png", pictures / f"{name}.png")
        browser.close()


def _keep(drawn: Path, kept: Path) -> None:
    """Write a picture small enough for the repository, whose greys stay grey."""
    with Image.open(drawn) as picture:
        smaller = picture.convert("RGB").reduce(SCALE)
    few = smaller.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(kept, optimize=True)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(VIEWS))
    options = parser.parse_args()
    if unknown := set(options.names) - set(VIEWS):
        parser.error(f"no picture is called {', '.join(sorted(unknown))}")
    make(options.names or VIEWS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
