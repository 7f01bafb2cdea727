"""Notebooks of the documentation run from top to bottom, and hold no results of somebody's."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.usefixtures("simcortex")
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_and_shows_what_it_says(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "home"))
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [output for cell in cells for output in cell.outputs if "data" in output]
    kinds = {kind for output in shown for kind in output["data"]}
    assert {"text/html", "image/png"} <= kinds
    pages = [output["data"].get("text/html", "") for output in shown]
    assert any("<svg" in page and "my-net#" in page for page in pages)
    written = {path.name for path in tmp_path.iterdir()}
    assert {"layers.png", "scores.csv", "layers.tex", "site"} <= written
