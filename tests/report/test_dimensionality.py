"""Scores beside the effective dimensionality of their best layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report.dimensionality import partial, read_dimensions
from brainbench_audio.report.results import stored_results
from brainbench_audio.scores.correlation import partial_pearson

Keep = Callable[..., Path]


def test_scores_that_do_not_tell_their_dimensions_are_left_out(keep: Keep) -> None:
    effective, features = [np.nan, 4.0, 9.0, 30.0, 11.0], [10, 20, 90, 400, 50]
    values = [0.9, 0.1, 0.2, 0.5, 0.4]
    keep("older", "B-ridge", 0.7, layer="mid")
    with pytest.raises(DataError, match=r"Score it again: .* --model older .* --recompute"):
        read_dimensions(stored_results())
    for place, (one, count, value) in enumerate(zip(effective, features, values, strict=True)):
        raw = {"dimensionality": ("layer", [1.0, one]), "feature_count": ("layer", [5, count])}
        known = xr.Dataset(raw, {"layer": ["first", "mid"]})
        keep(f"m{place}", "B-ridge", value, layer="mid", raw=known)
    found = read_dimensions(stored_results())
    assert [one.score.model for one in found] == ["m1", "m2", "m3", "m4"]
    assert [one.effective for one in found] == effective[1:]
    given = partial(found)
    plain = partial_pearson(values[1:], np.log10(effective[1:]), np.log10(features[1:]))
    assert given is not None
    assert (given.r, given.p, given.n) == pytest.approx((plain.r, plain.p, 4))
    # three leave no degree of freedom
    assert partial(found[1:]) is None
