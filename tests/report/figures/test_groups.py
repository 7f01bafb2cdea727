"""Groups of models beside the bars: what they hold, what is missing, and what is drawn."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.report.figures import bars, groups, style
from brainbench_audio.report.results import published_results

Told = pytest.CaptureFixture[str]
NAME = "NH2015-ridge"


def test_the_papers_groups_are_of_its_models_and_drawn_in_their_order() -> None:
    results = published_results()
    found, missing = groups.groups_of(results, NAME, groups.paper_groups())
    assert [group.heading for group in found] == ["Pretraining data", "Fine-tuning", "Iterations"]
    assert missing == []
    panel = bars.Panel(NAME, "R²", (), None, None, groups=found)
    with style.look():
        _, axes = bars.plot([panel]).axes
    expected = [one for group in found for part in group.series for one in part]
    labels = axes.get_yticklabels()
    assert [label.get_text() for label in labels] == [one.label for one in expected]
    assert [bar.get_width() for bar in axes.patches] == [one.value for one in expected]
    # no bar or heading stands on another, and all are inside the axes
    middles = [bar.get_y() + bar.get_height() / 2 for bar in axes.patches]
    headings = [text.get_position()[1] for text in axes.texts]
    places = sorted([*middles, *headings])
    assert min(high - low for low, high in pairwise(places)) > 0.99
    low, high = axes.get_ylim()
    assert low <= places[0] - 0.5
    assert places[-1] + 0.5 <= high
    # and beside many models, bars are not much thicker than theirs
    many = bars.Panel(NAME, "R²", tuple(results[:80]), None, None, groups=found)
    with style.look():
        figure = bars.plot([many])
    left, right = (axes.get_ylim() for axes in figure.axes)
    assert figure.get_figheight() * 25.4 <= 240.01  # one page of print
    assert (left[1] - left[0]) / (right[1] - right[0]) == pytest.approx(1.8, abs=0.05)


def test_groups_of_ones_own_and_what_they_lack(tmp_path: Path, capsys: Told) -> None:
    draw = ["figure", "bars", "-b", NAME, "--published", "only", "-m", "ast"]
    draw += ["-o", str(tmp_path / "a.svg")]
    own = ["Size=encodecmae-small,encodecmae-large", "Size=dasheng-base,dasheng-0*"]
    assert main([*draw, "--group", *own, "--json"]) == 0
    (panel,) = json.loads(capsys.readouterr().out)
    assert [bar["model"] for bar in panel["bars"]] == ["ast"]
    (group,) = panel["groups"]
    assert group["heading"] == "Size"
    assert [[one["model"] for one in series] for series in group["series"]] == [
        ["encodecmae-small", "encodecmae-large"],
        ["dasheng-base", "dasheng-06b"],
    ]
    assert main([*draw, "--group", "Size="]) == 1
    assert "'Size=' is no group: write a heading and models" in capsys.readouterr().err


def test_a_series_takes_two_scores() -> None:
    results = [one for one in published_results() if one.model in ("beats-iter1", "beats-iter3")]
    (group,), missing = groups.groups_of(results, NAME, groups.paper_groups())
    assert group.heading == "Iterations"
    assert [one.model for one in group.series[0]] == ["beats-iter1", "beats-iter3"]
    assert {"beats-iter2", "encodecmae-base"} <= set(missing)
    with pytest.raises(DataError, match=r"No two models of a series have a score of NH2015-ridge"):
        groups.groups_of(results[:1], NAME, groups.paper_groups())
