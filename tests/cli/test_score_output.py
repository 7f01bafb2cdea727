"""What is printed after the table of scores."""

from __future__ import annotations

import pytest

from brainbench_audio.cli.score_output import as_json, print_runs
from brainbench_audio.pipeline.run import Run
from brainbench_audio.provenance import DISTRIBUTION
from brainbench_audio.scores.score import WITHHELD, Score


@pytest.mark.parametrize("reason", ["The ceiling is uncertain.", None])
def test_a_normalised_score_that_is_withheld_is_explained(
    reason: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    provenance = {"versions": {DISTRIBUTION: "1"}} | ({WITHHELD: reason} if reason else {})
    score = Score(value=0.2, ceiling=0.4, provenance=provenance)
    run = Run("mine", "Brain-ridge", score, cached=True, seconds=0.0)
    assert as_json(run)["normalised"] == (None if reason else 0.5)
    print_runs([run])
    told = capsys.readouterr().out
    assert ("mine on Brain-ridge: not normalised. The ceiling is uncertain.\n" in told) == bool(
        reason
    )
    assert ("0.500" in told) == (reason is None)
