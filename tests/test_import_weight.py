"""What only looks at cards imports no heavy library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEAVY = (
    "torch",
    "torchaudio",
    "transformers",
    "xarray",
    "scipy",
    "netCDF4",
    "nibabel",
    "numpy",
    "pandas",
    "dask",
    "jinja2",
)
RUN = """
import sys
{work}
print("imported:", *sorted({heavy} & set(sys.modules)))
"""
VERBS = [
    ["--help"],
    ["--version"],
    ["score", "--help"],
    ["trajectory", "--help"],
    ["list", "models"],
    ["list", "benchmarks", "--json"],
    ["list", "metrics"],
    ["info", "tiny-plain"],
    ["info", "Tiny-match"],
    ["doctor"],
    ["cite", "Tiny-match"],
    ["score", "-m", "tiny-plane", "-b", "Tiny-match"],
]


def imported(python: Callable[..., Any], work: str) -> str:
    told = python(RUN.format(work=work, heavy=set(HEAVY)))
    assert told.returncode == 0, told.stderr
    return str(told.stdout).splitlines()[-1]


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("arguments", VERBS, ids=" ".join)
def test_light_verbs(arguments: list[str], python: Callable[..., Any]) -> None:
    work = f"""
from brainbench_audio.cli.main import main
try:
    status = main({arguments})
except SystemExit as stop:
    status = stop.code
print("status:", status)
"""
    told = python(RUN.format(work=work, heavy=set(HEAVY)))
    assert told.returncode == 0, told.stderr
    status, heavy = told.stdout.splitlines()[-2:]
    assert status == f"status: {2 if 'tiny-plane' in arguments else 0}"
    assert heavy == "imported:"


@pytest.mark.usefixtures("tiny")
def test_the_check_would_notice(python: Callable[..., Any], tiny: Path) -> None:
    (tiny / "cards.py").write_text("import numpy\n" + (tiny / "cards.py").read_text())
    work = "from brainbench_audio import list_ids\nlist_ids('model')"
    assert "numpy" in imported(python, work).split()


def test_the_public_interface(python: Callable[..., Any]) -> None:
    assert imported(python, "import brainbench_audio") == "imported:"
    listing = "from brainbench_audio import list_ids\nlist_ids('benchmark')"
    assert not {"torch", "transformers", "xarray"} & set(imported(python, listing).split())


def test_errors_and_intervals_take_no_half_second(python: Callable[..., Any]) -> None:
    work = """
import sys
from brainbench_audio.scores.estimate import Estimate
from brainbench_audio.scores.statistics import standard_error
estimate = Estimate(0.5, standard_error([0.25, 0.75]), 3.0, "sounds")
print(round(estimate.p, 3), *map(round, estimate.interval()), "scipy.stats" in sys.modules)
"""
    told = python(work)
    assert told.returncode == 0, told.stderr
    assert told.stdout.split() == ["0.139", "0", "1", "False"]
