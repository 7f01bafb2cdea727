"""What can be done with stored scores: tables, comparisons, correlations, figures, files, a site.

Models and benchmarks are chosen as on the command line: ids, globs, ``MODEL#VERSION``; one or a
list. Without a choice, all with a score are taken, each in its current version.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from brainbench_audio.cli.drawings import GATHER
from brainbench_audio.cli.selection import Names, chosen_results, listed, read_results
from brainbench_audio.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from brainbench_audio.report.category_errors import By as Errors
    from brainbench_audio.report.figures.drawing import Drawing
    from brainbench_audio.report.frames import ResultTable
    from brainbench_audio.report.layer_tables import By
    from brainbench_audio.report.results import Published, Result


@overload
def results(
    model: Names = (),
    benchmark: Names = (),
    *,
    form: Literal["long"] = "long",
    published: Published = "none",
) -> ResultTable: ...


@overload
def results(
    model: Names = (),
    benchmark: Names = (),
    *,
    form: Literal["wide"],
    published: Published = "none",
) -> pd.DataFrame: ...


@overload
def results(
    model: Names = (),
    benchmark: Names = (),
    *,
    form: Literal["xarray"],
    published: Published = "none",
) -> xr.Dataset: ...


def results(
    model: Names = (),
    benchmark: Names = (),
    *,
    form: Literal["long", "wide", "xarray"] = "long",
    published: Published = "none",
) -> Any:
    """Return stored scores as a table.

    Parameters
    ----------
    model, benchmark : str or sequence of str
        By default all that have a score.
    form : str
        ``long``: a row a score, see `ResultTable`, which has ``wide()`` and ``layers()``.
        ``wide``: values, models x benchmarks. ``xarray``: a Dataset of value, error, interval,
        ceiling and normalised value, each (model, benchmark).
    published : str
        ``add`` published scores, or ``only`` these.

    Returns
    -------
    ResultTable, pandas.DataFrame or xr.Dataset

    Raises
    ------
    UnknownId
        There is no such model or benchmark.
    DataError
        It has no stored score.

    Examples
    --------
    >>> results(form="wide", published="only").shape[0] > 30
    True
    """
    from brainbench_audio.report.export import dataset_of
    from brainbench_audio.report.frames import table_of

    if form not in ("long", "wide", "xarray"):
        raise DataError(f"form={form!r} is none of long, wide, xarray.")
    found = _chosen(model, benchmark, published)
    if form == "xarray":
        return dataset_of(found)
    table = table_of(found)
    return table if form == "long" else table.wide()


def compare(model: Names = (), benchmark: Names = ()) -> pd.DataFrame:
    """Compare every two models that were scored on the same benchmark.

    Parameters
    ----------
    model, benchmark : str or sequence of str

    Returns
    -------
    pandas.DataFrame
        A row a pair, the better model first: ``benchmark``, ``model``, ``other``, ``difference``,
        ``error``, ``low``, ``high`` (95 % interval), ``p``, ``q`` (p after control of false
        discoveries over all rows), ``over`` (what these generalise over), ``freedom``
        (degrees of freedom), ``significant``.

    Raises
    ------
    UnknownId
        There is no such model or benchmark.
    DataError
        There are no two scores of the same sounds and listeners to compare.
    """
    import pandas as pd

    from brainbench_audio.cli.compare import compared

    rows = []
    for one in compared(listed(model), listed(benchmark)):
        plain = asdict(one)
        plain["low"], plain["high"] = plain.pop("interval")
        rows.append({**plain, "significant": one.significant})
    first = ["benchmark", "model", "other", "difference", "error", "low", "high", "p", "q"]
    return pd.DataFrame(rows, columns=[*first, "over", "freedom", "significant"])


def correlate(
    model: Names = (),
    benchmark: Names = (),
    *,
    compared: Names = (),
    subset: Literal["all", "sub"] | None = None,
    least_z: float = -1.0,
    published: bool = False,
    controls: bool = False,
    bootstrap: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Correlate benchmarks over models.

    Parameters
    ----------
    model, benchmark : str or sequence of str
        By default all models, and all benchmarks but listening tasks.
    compared : str or sequence of str
        Benchmarks to correlate with, or ``overall``; by default listening tasks and ``overall``.
    subset : str, optional
        ``all`` models, or ``sub``: those whose overall z-score exceeds ``least_z``; default: both.
    least_z : float
    published : bool
        The paper's table 1, and what published scores give, without scores measured here.
    controls : bool
        Count controls and training steps as models.
    bootstrap, seed : int
        Draws of models for intervals; 0: Fisher's z.

    Returns
    -------
    pandas.DataFrame
        A row a correlation, with the names of ``brainbench correlate --json``.

    Raises
    ------
    UnknownId
        There is no such model or benchmark.
    DataError
        There is nothing to correlate.
    """
    import pandas as pd

    from brainbench_audio.cli.correlate import correlated, rows_of

    found = correlated(
        model=listed(model),
        benchmark=listed(benchmark),
        compared=listed(compared),
        subset=subset,
        least_z=least_z,
        published=published,
        controls=controls,
        bootstrap=bootstrap,
        seed=seed,
    )
    return pd.DataFrame(rows_of(*found))


def figure(kind: str, *, output: str | Path | None = None, **options: Any) -> Drawing:
    """Draw a figure of stored scores; a notebook shows what comes back.

    Parameters
    ----------
    kind : str
        ``bars``, ``components``, ``scatter``, ``dimensionality``, ``agreement``,
        ``layer-choice``, ``rdm``, ``categories``, ``layers``, ``layer-weights``,
        ``learning-curves``, ``layer-regions``, ``trajectory`` or ``explain``.
    output : str or Path, optional
        ``.png``, ``.svg`` or ``.pdf``: written, too.
    **options
        Those of ``brainbench figure KIND``: ``model``, ``benchmark``, ``published``, ``labels``,
        ``group``, ``against`` (``--with``), ``layer``, ``input``, ``layers``, ``overlay``, ``log``,
        ``properties`` (``--property``), ``together``.

    Returns
    -------
    Drawing
        With ``figure()`` (matplotlib), ``save(path)`` and ``numbers``.

    Raises
    ------
    DataError
        There is no such figure or option, or a score that it shows is not stored.
    UnknownId
        There is no such model or benchmark.
    """
    if kind not in GATHER:
        raise DataError(f"There is no figure {kind!r}: choose from {', '.join(GATHER)}.")
    try:
        inspect.signature(GATHER[kind]).bind(**options)
    except TypeError as error:
        raise DataError(f"Figure {kind} does not take these options: {error}.") from error
    drawing = GATHER[kind](**options)
    if output is not None:
        drawing.save(output)
    return drawing


def export(
    path: str | Path,
    model: Names = (),
    benchmark: Names = (),
    *,
    published: Published = "none",
    layers: By | None = None,
    errors: Errors | None = None,
    surface: str | None = None,
    mesh: Sequence[str | Path] = (),
    group: bool = False,
    within: float | None = None,
) -> Path:
    """Write stored scores to a file for others, or what they say of voxels onto the cortex.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.json``, ``.nc`` or ``.tex`` (a LaTeX table); of layers, all but ``.nc``.
    model, benchmark : str or sequence of str
    published : str
        ``add`` published scores, or ``only`` these.
    layers : str, optional
        In place of scores, tables of layers: ``part`` (x component or subject) or ``region``.
    errors : str, optional
        In place of scores, errors of predictions by ``category`` of sounds, or of each ``sound``;
        ``.csv`` or ``.json``.
    surface : str, optional
        In place of scores, maps of best layers and of scores of voxels on a template of FreeSurfer,
        such as ``fsaverage``; ``path`` is then a folder of GIfTI files, see
        docs/how-to/surface.md.
    mesh : (path, path), optional
        The left and the right surface on which voxels lie.
    group : bool
        Maps of the mean over listeners in place of each.
    within : float, optional
        How far a voxel may be from the nearest vertex, in mm; by default 5.

    Returns
    -------
    Path
        The file, or the folder.

    Raises
    ------
    UnknownId
        There is no such model or benchmark.
    DataError
        Another ending, nothing to write, two of ``layers``, ``errors`` and ``surface``, or voxels
        that do not lie on the surface.
    """
    from brainbench_audio.cli.sound_errors import of_results
    from brainbench_audio.report.export import export as write
    from brainbench_audio.report.export import export_errors, export_layers

    if sum(map(bool, (layers, errors, surface))) > 1:
        raise DataError("Choose one: layers, errors or surface.")
    found = _chosen(model, benchmark, published)
    if surface:
        from brainbench_audio.report.gifti import export_surfaces
        from brainbench_audio.report.surfaces import space_of

        space = space_of(surface, [Path(file) for file in mesh], within)
        export_surfaces(found, Path(path), space, group=group)
    elif layers:
        export_layers(found, Path(path), layers)
    elif errors:
        export_errors(of_results(found), Path(path), errors)
    else:
        write(found, Path(path))
    return Path(path)


def write_report(
    folder: str | Path,
    *,
    published: Published = "add",
    title: str | None = None,
    sounds: bool = False,
) -> Path:
    """Write a site with all stored scores, which opens from disk.

    Parameters
    ----------
    folder : str or Path
    published : str
        ``add`` published scores (the default), ``none``, or ``only`` these.
    title : str, optional
    sounds : bool
        Whether pages play the sounds, where these are here and their licence allows it.

    Returns
    -------
    Path
        The page to open first.

    Raises
    ------
    DataError
        The folder holds other files.
    """
    from brainbench_audio.cli.report import build

    site = build(argparse.Namespace(published=published, title=title, sounds=sounds), Path(folder))
    return Path(site.start)


def _chosen(model: Names, benchmark: Names, published: Published) -> Sequence[Result]:
    return chosen_results(read_results(published), listed(model), listed(benchmark))
