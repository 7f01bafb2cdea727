"""`brainbench figure`: figures of stored scores."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.table import print_json, print_table
from brainbench_audio.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

    from brainbench_audio.scores.score import Score


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("figure", help="draw figures of stored scores")
    figures = parser.add_subparsers(metavar="FIGURE", required=True)
    regions = figures.add_parser(
        "layer-regions",
        help="which layers predict which regions best",
        description="Draw where in the model the layers lie that predict the voxels of each "
        "region best, and print the numbers. Reads the stored score only.",
    )
    regions.add_argument("--model", "-m", required=True, metavar="ID")
    regions.add_argument("--benchmark", "-b", required=True, metavar="ID")
    regions.add_argument(
        "--output", "-o", required=True, type=_file, metavar="FILE", help=".png, .svg or .pdf"
    )
    regions.add_argument("--json", action="store_true", help="print the numbers as JSON")
    regions.set_defaults(run=draw_layer_regions)


def draw_layer_regions(options: argparse.Namespace) -> int:
    """Draw the newest stored score of the pair."""
    from brainbench_audio.report import figures
    from brainbench_audio.report.layer_regions import layer_regions

    score = newest_score(options.model, options.benchmark)
    found = layer_regions(score.raw)
    title = f"{options.model} on {options.benchmark}"
    figures.draw_layer_regions(found, title, options.output)
    _print(found, options.json)
    return 0


def newest_score(model: str, benchmark: str) -> Score:
    """Return the newest stored score of a pair.

    Raises
    ------
    DataError
        None is stored.
    """
    from brainbench_audio.scores.score import Score
    from brainbench_audio.scores.store import StoredScore, stored_scores

    def created(entry: StoredScore) -> str:
        return str(entry.summary["provenance"].get("created", ""))

    pair = (model, benchmark)
    found = [entry for entry in stored_scores() if (entry.model, entry.benchmark) == pair]
    if found:
        # two of the same second are told apart by their files
        newest = max(found, key=lambda entry: (created(entry), entry.path.stat().st_mtime_ns))
        return Score.from_netcdf(newest.path)
    raise DataError(
        f"There is no stored score of {model} on {benchmark}. This makes it: "
        f"brainbench score --model {model} --benchmark {benchmark}"
    )


def _print(found: xr.Dataset, as_json: bool) -> None:
    rows = []
    for region in found["region"].values.tolist():
        one = found.sel(region=region)
        mean, error = (_number(one[name].item()) for name in ("mean_position", "position_error"))
        place = int(one["mean_share"].values.argmax())
        favourite = None if mean is None else str(found["layer"].values[place])
        counted = (one[name].sum().item() for name in ("voxels", "unpredicted"))
        rows.append((region, mean, error, favourite, one["subjects"].item(), *counted))
    head = ("region", "position", "error", "most frequent layer", "subjects", "voxels")
    names = (*head, "unpredicted")
    if as_json:
        keys = [name.replace(" ", "_") for name in names]
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    print_table(names, rows)
    if left_out := found.attrs["without_region"]:
        print(f"{left_out} voxels belong to no region and are left out")


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _file(text: str) -> Path:
    from brainbench_audio.report.figures import check_format

    try:
        check_format(Path(text))
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return Path(text)
