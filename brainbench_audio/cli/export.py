"""`brainbench export`: results as a file, or maps of the cortex as files in a folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.selection import add_selection, chosen_results, read_results
from brainbench_audio.cli.table import tell
from brainbench_audio.errors import DataError

if TYPE_CHECKING:
    from brainbench_audio.report.results import Result


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "export",
        help="write results to CSV, JSON, netCDF or a LaTeX table, or onto the cortex",
        description="Writes the newest score of each model on each benchmark; of models that have "
        "changed, those of the current version.",
    )
    parser.add_argument(
        "--output",
        "-o",
        required=True,
        type=Path,
        metavar="FILE",
        help=".csv, .json, .nc or .tex; with --surface a folder",
    )
    add_selection(parser, ("model", "benchmark"))
    parser.add_argument(
        "--published",
        choices=("none", "add", "only"),
        default="none",
        help="published scores, too, or alone (default: %(default)s)",
    )
    contents = parser.add_mutually_exclusive_group()
    contents.add_argument(
        "--layers",
        nargs="?",
        const="part",
        choices=("part", "region"),
        help="in place of scores, that of each layer alone, for each component or subject (part), "
        "or each region",
    )
    contents.add_argument(
        "--errors",
        nargs="?",
        const="category",
        choices=("category", "sound"),
        help="in place of scores, errors of predictions for each category of sounds, or each sound",
    )
    contents.add_argument(
        "--surface",
        choices=("fsaverage", "fsaverage6", "fsaverage5", "fsaverage4", "fsaverage3"),
        help="in place of scores, best layer and score of voxels on this surface of FreeSurfer: "
        "GIfTI, a file for each listener and hemisphere",
    )
    surfaces = parser.add_argument_group("with --surface")
    surfaces.add_argument(
        "--mesh",
        nargs=2,
        type=Path,
        metavar=("LEFT", "RIGHT"),
        help="surfaces of the template on which voxels lie, of FreeSurfer or GIfTI (default: "
        "lh.white and rh.white below $SUBJECTS_DIR, for voxels with x, y and z)",
    )
    surfaces.add_argument("--group", action="store_true", help="the mean over listeners")
    surfaces.add_argument(
        "--within",
        type=_length,
        metavar="MM",
        help="how far a voxel may be from the nearest vertex (default: 5)",
    )
    parser.set_defaults(run=run, misused=parser.error)


def run(options: argparse.Namespace) -> int:
    """Write the file, or the files."""
    from brainbench_audio.cli.sound_errors import of_results
    from brainbench_audio.report.export import export, export_errors, export_layers

    _check(options)
    results = read_results(options.published)
    results = chosen_results(results, options.model, options.benchmark)
    if options.surface:
        return _surfaces(options, results)
    if options.layers:
        tables = export_layers(results, options.output, options.layers)
        print(f"{options.output}: layers of {tables} scores")
        return 0
    if options.errors:
        scores = export_errors(of_results(results), options.output, options.errors)
        print(f"{options.output}: errors of the predictions of {scores} scores")
        return 0
    export(results, options.output)
    print(f"{options.output}: {len(results)} results")
    return 0


def _surfaces(options: argparse.Namespace, results: list[Result]) -> int:
    from brainbench_audio.report.gifti import export_surfaces
    from brainbench_audio.report.surfaces import space_of

    space = space_of(options.surface, options.mesh or (), options.within)
    for one in export_surfaces(results, options.output, space, group=options.group):
        if not one.files:
            tell(
                f"brainbench: {one.model} on {one.benchmark} is left out: it keeps no score of "
                f"voxels with coordinates"
            )
            continue
        lost = f"; {one.lost} voxels without a place left out" if one.lost else ""
        print(
            f"{options.output}: {one.model} on {one.benchmark}, {len(one.files)} files; "
            f"{one.placed} voxels, {one.median:.1f} mm (median) to {one.farthest:.1f} mm from "
            f"their vertex{lost}"
        )
    return 0


def _check(options: argparse.Namespace) -> None:
    from brainbench_audio.report.export import check_format

    if options.surface:
        if options.output.is_file():
            options.misused(f"--surface writes files into a folder, and {options.output} is a file")
        return
    if options.mesh or options.group or options.within is not None:
        options.misused("--mesh, --group and --within go with --surface")
    try:
        check_format(options.output)
    except DataError as error:
        options.misused(f"argument --output/-o: {error}")


def _length(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no length in mm: a number above 0")
    return number
