"""Puts all pages together and writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import DataError
from brainbench_audio.provenance import package_version
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.benchmark_page import benchmark_page, list_page
from brainbench_audio.report.site.board import board_page
from brainbench_audio.report.site.clips import SUFFIX, FindClips
from brainbench_audio.report.site.compare_page import compare_page
from brainbench_audio.report.site.content import Content, Row, gather
from brainbench_audio.report.site.correlation_page import correlation_page
from brainbench_audio.report.site.frame import (
    ADD,
    BOARD,
    COMPARE,
    COMPARISONS,
    CORRELATIONS,
    Frame,
)
from brainbench_audio.report.site.model_page import model_page
from brainbench_audio.report.site.output import check_folder, write_folder
from brainbench_audio.report.site.sounds_page import sounds_page, sounds_path
from brainbench_audio.report.site.stored import Stored, profiles_of, read_stored

TITLE = "Brain-likeness of audio models"


@dataclass(frozen=True, kw_only=True)
class Site:
    """What was written.

    Attributes
    ----------
    folder : Path
    pages, clips : int
        How many pages, and sounds beside them.
    size : int
        Bytes of all these.
    """

    folder: Path
    pages: int
    clips: int
    size: int

    @property
    def start(self) -> Path:
        """The page to open first."""
        return self.folder / BOARD


def build_site(
    results: Sequence[Result],
    folder: Path,
    title: str = TITLE,
    declared: Mapping[str, ModelCard] | None = None,
    *,
    live: bool = False,
    clips: FindClips | None = None,
) -> Site:
    """Write a site that shows some results.

    Parameters
    ----------
    results : sequence of Result
        Stored and published ones, see `results.all_results`; those of older versions are on the
        pages of their models only. Layer profiles are read from the files of stored ones, one small
        variable each.
    folder : Path
        Made if it is not there. Pages of an earlier site are replaced or removed.
    title : str
        Of the site.
    declared : mapping of str to ModelCard
        Cards of models that no installed plugin has, by id.
    live : bool
        For a server that says when results change: pages ask it, and load themselves again.
    clips : callable, optional
        Gives the sounds of a score that pages play. By default they play none.

    Raises
    ------
    DataError
        There are no results, or the folder holds other files.
    CacheError
        The folder cannot be written to or is full.
    """
    check_folder(folder)
    if not any(result.current for result in results):
        why = "every model has changed since it was scored" if results else "no score is stored"
        raise DataError(
            f"There is nothing to show: {why}. Score a model with `brainbench score`, or add "
            f"published numbers with --published add."
        )
    content = gather(title, results, declared)
    files = _files(content, Frame(title, _note(content), live), clips)
    size = write_folder(folder, files)
    sounds = sum(name.endswith(SUFFIX) for name in files)
    return Site(folder=folder, pages=len(files) - sounds, clips=sounds, size=size)


def _note(content: Content) -> str:
    """Return version, and day of the newest score: the same scores give the same pages."""
    days = sorted(one.created[:10] for one in (*content.results, *content.older) if one.created)
    newest = f"; newest score of {days[-1]}" if days else ""
    return f"Written by brainbench-audio {package_version()}{newest}."


def _files(content: Content, frame: Frame, find: FindClips | None) -> dict[str, str | bytes]:
    stored = {row.model: _stored(row) for row in content.rows}
    profiles = {model: profiles_of(found) for model, found in stored.items()}
    pages: dict[str, str | bytes] = {
        BOARD: board_page(content, frame),
        COMPARISONS: list_page(content, frame),
        CORRELATIONS: correlation_page(content, frame),
        COMPARE: compare_page(content, profiles, frame),
        ADD: frame.page("add.html", ADD, "Add your model"),
    }
    for benchmark, path in content.comparisons.items():
        of_models = {model: one[benchmark] for model, one in stored.items() if benchmark in one}
        shown = {
            model: sounds_path(content, model) for model, one in of_models.items() if one.sounds
        }
        kinds = {model: one.categories for model, one in of_models.items()}
        pages[path] = benchmark_page(content, benchmark, frame, shown, kinds)
    for row in content.rows:
        sounds = {name: one.sounds for name, one in stored[row.model].items() if one.sounds}
        if sounds:
            clips = (
                {name: find(row.results[name], one.names) for name, one in sounds.items()}
                if find
                else {}
            )
            page = sounds_page(content, row, sounds, frame, clips)
            pages[sounds_path(content, row.model)] = page
            for one in clips.values():
                pages |= {clip.path: clip.content for clip in one.files.values()}
    for model, path in content.models.items():
        more = sounds_path(content, model)
        known = more if more in pages else None
        pages[path] = model_page(content, model, stored.get(model, {}), frame, known)
    return pages


def _stored(row: Row) -> dict[str, Stored]:
    return {
        benchmark: read_stored(result.path)
        for benchmark, result in row.results.items()
        if result.path is not None and not result.published
    }
