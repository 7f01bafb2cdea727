"""`brainbench new`: a plugin that works, or a repository of results, to start from."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from brainbench_audio.names import from_home


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "new",
        help="write a plugin, or a repository of results, to start from",
        description="Write a model, a benchmark or a metric that can be installed, passes "
        "`brainbench check` and scores: change it until it is yours. Inside the project's tree it "
        "goes to plugins/, anywhere else into a folder of its own. results: a repository that "
        "`brainbench results submit` adds to, with a workflow that validates and shows them.",
    )
    parser.add_argument("kind", choices=("model", "benchmark", "metric", "results"))
    parser.add_argument(
        "name", help="id of the model, the data set or the metric; name of the repository"
    )
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where to write it")
    parser.add_argument(
        "--from",
        dest="data",
        type=Path,
        metavar="FOLDER",
        help="of a benchmark: sounds and responses that you have; they stay there",
    )
    parser.add_argument(
        "--silence",
        metavar="STIMULUS",
        help="with --from: responses become percent signal change against this stimulus",
    )
    parser.add_argument(
        "--select",
        action="store_true",
        help="with --from: keep only voxels that respond to sound (p < .001) and repeat (r > .3)",
    )
    parser.set_defaults(run=run, misused=parser.error)


def run(options: argparse.Namespace) -> int:
    """Write the plugin, and say what comes next."""
    if options.data is None and (options.silence is not None or options.select):
        options.misused("--silence and --select are about data of your own: add --from FOLDER")
    if options.data is not None and options.kind != "benchmark":
        options.misused(f"--from is for a benchmark, not for {options.kind}: leave it out")
    if options.kind == "results":
        return _new_results(options.name, options.output or Path(options.name))
    from brainbench_audio.cards import DatasetCard, MetricCard, ModelCard
    from brainbench_audio.registry.lookup import registered
    from brainbench_audio.templates.distribution import default_folder, names, write_distribution

    named = names(options.kind, options.name)
    folder = options.output or default_folder(options.kind, named, Path.cwd())
    own_data = None
    if options.data is not None:
        from brainbench_audio.templates.own_data import described

        data = from_home(options.data)
        own_data = described(named.id, data, options.silence, options.select)
    written = write_distribution(options.kind, named, folder, own_data)
    sounds = [path for path in written if path.suffix == ".wav"]
    for path in written:
        if path not in sounds:
            print(path)
    if sounds:
        print(f"{sounds[0].parent}/ ({len(sounds)} sounds)")
    example = {
        "model": f"--model {named.id} --benchmark NH2015comp-ridge",
        "benchmark": f"--model spectrotemporal --benchmark {named.id}-ridge",
        "metric": f"--model spectrotemporal --benchmark SimCortex-{named.id}",
    }[options.kind]
    print("\nNow:")
    print(f"    pip install -e {shlex.quote(str(folder))}")
    if own_data is not None:
        print(f"    brainbench data get {named.id} --from {shlex.quote(str(options.data))}")
    print(f"    brainbench check {named.distribution}")
    print(f"    brainbench score {example}")
    kind = {"model": ModelCard, "benchmark": DatasetCard, "metric": MetricCard}[options.kind]
    if named.id in {entry.card.id for entry in registered(kind)}:
        print(f"\nAnother plugin has the id {named.id}: choose another before you publish yours.")
    return 0


def _new_results(name: str, folder: Path) -> int:
    from brainbench_audio.templates.results_folder import write_results_folder

    for path in write_results_folder(name, folder):
        print(path)
    place = shlex.quote(str(folder))
    print("\nNow:")
    print(f"    git init --initial-branch main {place}")
    print(f'    brainbench results submit --to {place} --by "Your Name"')
    return 0
