"""What figures of one model show, gathered from what is stored, see `drawings`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brainbench_audio.cli import selection
from brainbench_audio.cli.selection import Names, listed, named_benchmarks
from brainbench_audio.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

    from brainbench_audio.report.figures.drawing import Drawing
    from brainbench_audio.scores.score import Score


def rdm(*, benchmark: str, model: Names = (), layer: str | None = None) -> Drawing:
    """Gather the RDMs of some models and of the responses."""
    from brainbench_audio.cli.rdms import gather_rdms
    from brainbench_audio.report.figures import rdm
    from brainbench_audio.report.figures.drawing import Drawing

    stored = selection.read_results()
    models = [name for text in listed(model) for name in selection.named_models(text, stored)]
    matrices = gather_rdms(models, benchmark, layer, stored)
    rows = [(one.name, len(one.stimuli), len(set(one.categories))) for one in matrices]
    numbers = [one.numbers() for one in matrices]
    return Drawing("rdm", rdm.plot, [matrices], numbers, ("matrix", "sounds", "categories"), rows)


def layers(*, model: str, benchmark: Names) -> Drawing:
    """Gather layer profiles."""
    from brainbench_audio.report.figures import compared, layers
    from brainbench_audio.report.figures.drawing import Drawing

    name, profiles = _of_scores(model, benchmark, layers.layer_profile)
    units = {one: compared.unit_of(one) for one in profiles}
    head = ("benchmark", "layer", "mean", "error")
    return Drawing("layers", layers.plot, [profiles, units, name], layers.numbers(profiles), head)


def layer_weights(*, model: str, benchmark: Names) -> Drawing:
    """Gather the weights of layers that probes learned."""
    from brainbench_audio.report.figures import layer_weights
    from brainbench_audio.report.figures.drawing import Drawing

    read = layer_weights.layer_weights
    name, weights = _of_scores(model, benchmark, lambda score: read(score.raw))
    head = ("benchmark", "layer", "weight", "error")
    numbers = layer_weights.numbers(weights)
    return Drawing("layer-weights", layer_weights.plot, [weights, name], numbers, head)


def learning_curves(*, model: str, benchmark: Names) -> Drawing:
    """Gather the learning curves of probes."""
    from brainbench_audio.report.figures import learning_curves
    from brainbench_audio.report.figures.drawing import Drawing

    read = learning_curves.learning_curves
    name, curves = _of_scores(model, benchmark, lambda score: read(score.raw))
    numbers = learning_curves.numbers(curves)
    rows = [
        (one["benchmark"], one["setting"], len(one["values"]), _highest(one["values"]))
        for one in numbers
        if one["chosen"]
    ]
    head = ("benchmark", "chosen setting", "epochs", "best")
    return Drawing("learning-curves", learning_curves.plot, [curves, name], numbers, head, rows)


def _highest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def layer_regions(*, model: str, benchmark: str) -> Drawing:
    """Gather where in a model the layers lie that predict each region best."""
    from brainbench_audio.report.figures import layer_regions as figure
    from brainbench_audio.report.figures.drawing import Drawing
    from brainbench_audio.report.layer_regions import layer_regions, region_rows
    from brainbench_audio.report.results import read_score

    stored = selection.read_results()
    name = selection.one_model(model, stored)
    found = layer_regions(read_score(stored, name, benchmark).raw)
    regions = region_rows(found)
    head = tuple(word.replace("_", " ") for word in regions[0])
    rows = [tuple(one.values()) for one in regions]
    left_out, target = (found.attrs[word] for word in ("without_region", "target"))
    note = f"{left_out} {target}s belong to no region and are left out" if left_out else ""
    arguments = [found, f"{name} on {benchmark}"]
    numbers = figure.numbers(found)
    return Drawing("layer-regions", figure.plot, arguments, numbers, head, rows, note=note)


def trajectory(
    *,
    model: str | None = None,
    benchmark: Names | None = None,
    input: Path | None = None,
    layers: Names = (),
    overlay: bool = False,
    log: bool = False,
) -> Drawing:
    """Gather the scores of a training's checkpoints, from a file or from the store."""
    from brainbench_audio.report.figures import compared, courses, trajectory
    from brainbench_audio.report.figures.drawing import Drawing
    from brainbench_audio.training.trajectory import label_scores

    names = listed(benchmark or ())
    if input:
        data, title = trajectory.read_trajectory(Path(input)), model or Path(input).stem
    elif model and names:
        steps = selection.steps_of(model, selection.read_results())
        data, title = label_scores(trajectory.stored_steps(model, names, steps)), model
    else:
        raise DataError("Give --input FILE.nc, or --model ID and --benchmark ID.")
    panels = trajectory.panels_of(data)
    if input and names:
        panels = trajectory.chosen_panels(panels, names)
    if layers:
        panels = trajectory.chosen_layers(panels, listed(layers))
    units = {compared.unit_of(name) for name in panels}
    unit = units.pop() if len(units) == 1 else "score"
    numbers = trajectory.numbers(panels)
    rows = [
        (one["benchmark"], one["layer"], len(one["steps"]), one["values"][0], one["values"][-1])
        for one in numbers
    ]
    head = ("benchmark", "layer", "steps", "first", "last")
    plot = courses.plot_overlaid if overlay else courses.plot
    arguments, options = [panels, title, unit], {"logarithmic": log}
    return Drawing("trajectory", plot, arguments, numbers, head, rows, options)


def _of_scores(
    model: str, benchmarks: Names, read: Callable[[Score], xr.DataArray]
) -> tuple[str, dict[str, xr.DataArray]]:
    """Return the model's name, and what a function reads from its score on each benchmark."""
    from brainbench_audio.report.results import read_score

    stored = selection.read_results()
    name = selection.one_model(model, stored)
    scored = [one for one in stored if one.model == name and one.path]
    names = named_benchmarks(benchmarks, scored)
    return name, {one: read(read_score(scored, name, one)) for one in names}
