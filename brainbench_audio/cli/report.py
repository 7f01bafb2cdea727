"""`brainbench report`: results as a site that opens from disk."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.selection import read_results
from brainbench_audio.cli.table import print_json
from brainbench_audio.files import size_in_words

if TYPE_CHECKING:
    from brainbench_audio.cli.site_sounds import Encoded

CHOICES = ("add", "none", "only")


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "report",
        help="write a site with all results",
        description="Write a leaderboard, a page for each model and benchmark, and correlations. "
        "The site opens from disk, without a server and without a network.",
    )
    parser.add_argument("--output", "-o", required=True, type=Path, metavar="FOLDER")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FOLDER",
        help="show the results of this folder, see `results submit`, not those stored here",
    )
    add_content(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def add_content(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a site shows."""
    parser.add_argument(
        "--published",
        choices=CHOICES,
        default="add",
        help="published numbers: beside the stored ones (the default), not at all, or alone",
    )
    parser.add_argument(
        "--sounds",
        action="store_true",
        help="pages about sounds play those that are here, where their licence allows it",
    )
    parser.add_argument("--title", metavar="TEXT", help="of the site")


def run(options: argparse.Namespace) -> int:
    """Write the site."""
    site = build(options, options.output, options.results)
    if options.json:
        told = {"pages": site.pages, "clips": site.clips, "bytes": site.size}
        print_json({"start": str(site.start), **told})
    else:
        clips = f"{site.clips} sounds, " if site.clips else ""
        print(f"{site.start}  ({site.pages} pages, {clips}{size_in_words(site.size)})")
    return 0


def build(
    options: argparse.Namespace,
    folder: Path,
    given: Path | None = None,
    *,
    live: bool = False,
    encoded: Encoded | None = None,
) -> Any:
    """Write the site that the options describe to a folder, of the store or of given results.

    ``encoded`` are sounds of its pages that an earlier call has encoded; it adds its own.
    """
    from brainbench_audio.cli.site_sounds import SoundFinder
    from brainbench_audio.report.folder_results import folder_results
    from brainbench_audio.report.results import published_results
    from brainbench_audio.report.site.build import TITLE, build_site
    from brainbench_audio.report.site.output import check_folder

    check_folder(folder)
    title = options.title or TITLE
    clips = SoundFinder({} if encoded is None else encoded) if options.sounds else None
    if given is None:
        results = read_results(options.published)
        return build_site(results, folder, title, live=live, clips=clips)
    results, declared = folder_results(given) if options.published != "only" else ([], {})
    published = [] if options.published == "none" else published_results()
    return build_site([*results, *published], folder, title, declared, clips=clips)
