"""Properties of models beside scores: fits with groups, published scores, error rates."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api
from statsmodels.regression.mixed_linear_model import MixedLM

from brainbench_audio import explain as table
from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.report.explanation import Effect, explain
from brainbench_audio.report.known_models import known
from brainbench_audio.report.mixed_model import fit_groups
from brainbench_audio.report.results import OVERALL, Result, published_results
from brainbench_audio.scores.comparison import false_discovery

PAPER = (10, 4, 4, 4, 4, *[1] * 10)


def drawn(sizes: tuple[int, ...] = PAPER) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return scores, ones and numbers of families, models and both, and the families."""
    generator = np.random.default_rng(0)
    which = np.repeat(np.arange(len(sizes)), sizes)
    shared = generator.standard_normal((3, len(sizes)))[:, which]
    own = generator.standard_normal((3, len(which)))
    x = np.column_stack([np.ones(len(which)), shared[0], own[0], shared[1] + own[1] / 2])
    return x @ [0.0, 0.5, 0, 0] + 2 * shared[2] + own[2], x, [f"family {one}" for one in which]


def test_likeliest_ratio_is_that_of_statsmodels() -> None:
    y, x, groups = drawn()
    fit = fit_groups(y, x, groups)
    theirs = MixedLM(y, x, groups=groups).fit(reml=True)
    assert fit.ratio == pytest.approx(theirs.cov_re.item() / theirs.scale, rel=1e-3)
    assert fit.estimates == pytest.approx(theirs.fe_params, rel=1e-4)
    # where theirs is highest, too: the restricted likelihood itself
    for near in (fit.ratio * 0.98, fit.ratio * 1.02):
        assert likelihood(y, x, groups, near) < likelihood(y, x, groups, fit.ratio)


def covariance(groups: list[str], ratio: float) -> np.ndarray:
    return np.eye(len(groups)) + ratio * np.equal.outer(groups, groups)


def likelihood(y: np.ndarray, x: np.ndarray, groups: list[str], ratio: float) -> float:
    v = covariance(groups, ratio)
    weighed = x.T @ np.linalg.inv(v)
    residual = y - x @ np.linalg.solve(weighed @ x, weighed @ y)
    freedom = len(y) - x.shape[1]
    squares = residual @ np.linalg.solve(v, residual)
    determinants = np.linalg.slogdet(v)[1] + np.linalg.slogdet(weighed @ x)[1]
    return float(-(freedom * np.log(squares) + determinants) / 2)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 20.0])
def test_estimates_and_mean_squared_errors_are_those_of_generalised_least_squares(
    ratio: float,
) -> None:
    y, x, groups = drawn()
    v = covariance(groups, ratio)
    weighed = x.T @ np.linalg.inv(v)
    inverse = np.linalg.inv(weighed @ x)
    assert fit_groups(y, x, groups, ratio).estimates == pytest.approx(inverse @ weighed @ y)
    # squared errors are quadratic in y, so their mean is the sum over roots of the covariance
    roots = np.linalg.cholesky(v).T
    squares = sum(fit_groups(root, x, groups, ratio).errors ** 2 for root in roots)
    assert squares == pytest.approx(np.diag(inverse))
    # and neither unit nor zero of a column nor the order of rows matters
    same = fit_groups(y, x, groups, ratio)
    unit = np.array([1, 1, 1000, 1])
    for zero, first in ((0, 0), (1e6, 1)):  # the intercept is at zero
        moved = x[::-1] * unit + [0, zero, 0, 0]
        turned = fit_groups(y[::-1], moved, groups[::-1], ratio)
        assert (turned.errors * unit)[first:] == pytest.approx(same.errors[first:])
        assert turned.freedom[first:] == pytest.approx(same.freedom[first:])


def test_families_of_one_size_are_their_means_and_families_of_one_have_hc2() -> None:
    y, x, groups = drawn((3,) * 8)
    x = x[:, :2]
    fit = fit_groups(y, x, groups)
    means = [each.reshape(8, 3, -1).mean(axis=1).squeeze() for each in (y, x)]
    alone = fit_groups(*means, groups[::3])
    theirs = statsmodels.api.OLS(*means).fit(cov_type="HC2")
    for ours in (fit, alone):
        assert ours.estimates == pytest.approx(theirs.params)
        assert ours.errors == pytest.approx(theirs.bse)
    assert fit.freedom == pytest.approx(alone.freedom)
    assert (alone.ratio, alone.share) == (None, None)
    assert fit.share == pytest.approx(fit.ratio / (1 + fit.ratio))
    # less variance between families than chance makes: least squares
    y = y - 0.9 * np.repeat(y.reshape(8, 3).mean(axis=1), 3)
    assert fit_groups(y, x, groups).ratio == 0


def test_what_cannot_be_fitted_is_refused() -> None:
    y, x, groups = drawn()
    for columns, told in (
        (x[:, [0, 1, 1]], "follow from each other"),
        (np.column_stack([x, y]), "leave nothing"),
        (np.column_stack([x[:, 0], np.arange(36) == 3]), "one family alone"),
    ):
        with pytest.raises(DataError, match=told):
            fit_groups(y, columns, groups)


def by(effects: tuple[Effect, ...]) -> dict[tuple[str, str], Effect]:
    return {(one.property, one.change): one for one in effects}


def test_published_scores_by_hand() -> None:
    results = published_results()
    found = explain(results, ["NH2015-ridge", OVERALL])
    scores = {one.model: one.value for one in results if one.benchmark == "NH2015-ridge"}
    cards = {model: find_model(model).card for model in sorted(scores)}
    trained = [card for card in cards.values() if card.parameters]
    assert [card.id for card in cards.values() if not card.parameters] == ["spectrotemporal"]
    y = np.array([scores[card.id] for card in trained])
    x = np.column_stack([np.ones(35), np.log10([card.parameters for card in trained])])
    fit = fit_groups(y, x, [card.family for card in trained])
    size = by(found.effects[: len(found.effects) // 2])["parameters", "per tenfold"]
    assert (size.estimate, size.p) == (pytest.approx(fit.estimates[1]), pytest.approx(fit.p[1]))
    assert size.interval == pytest.approx(fit.intervals()[1])
    assert (size.models, size.families, size.missing, size.given) == (35, 14, 1, ())
    assert size.share == pytest.approx(fit.share)
    q = false_discovery([one.p for one in found.effects])
    assert [one.q for one in found.effects] == pytest.approx(q)
    assert found.skipped["NH2015-ridge", "hours"] == (
        "It takes 10 models of 6 families, here are 7 of 4."
    )
    # kinds of one family, such as everyday sounds, do not count
    kinds = [one for one in found.effects if (one.benchmark, one.property) == (OVERALL, "data")]
    assert [one.change for one in kinds] == [
        "noisy speech less everything",
        "speech less everything",
    ]
    assert {one.missing for one in kinds} == {3}


def test_together_holds_the_others_fixed() -> None:
    results = published_results()
    names = [OVERALL, "sample-rate", "hours"]
    found = explain(results[::-1], ["NH2015-ridge"], names, together=True)
    values: dict[str, list[float]] = {}
    for benchmark in ("NH2015-ridge", OVERALL):
        values[benchmark] = [one.value for one in results if one.benchmark == benchmark]
    models = [one.model for one in results if one.benchmark == OVERALL]
    cards = [find_model(model).card for model in models]
    rates = [card.sample_rate / 1000 for card in cards]
    x = np.column_stack([np.ones(36), values[OVERALL], rates])
    fit = fit_groups(np.array(values["NH2015-ridge"]), x, [card.family for card in cards])
    assert [one.estimate for one in found.effects] == pytest.approx(fit.estimates[1:])
    assert [one.p for one in found.effects] == pytest.approx(fit.p[1:])
    assert [one.given for one in found.effects] == [("sample-rate",), (OVERALL,)]
    assert list(found.skipped) == [("NH2015-ridge", "hours")]
    same = explain(results, [OVERALL], [OVERALL])
    assert same.skipped == {(OVERALL, OVERALL): "It is the benchmark itself."}


def test_models_that_do_not_differ_or_are_too_few_are_no_explanation() -> None:
    results = [one for one in published_results() if one.benchmark == "B2021-rsa"]

    def why(chosen: list[Result], name: str) -> str:
        found = explain(chosen, ["B2021-rsa"], [name])
        assert not found.effects
        return found.skipped["B2021-rsa", name]

    supervised = [one for one in results if known("learning")[one.model] == "supervised"]
    assert "the same of all 15 models" in why(supervised, "learning")
    assert "of 6 families, here are 10 of 1" in why(
        [one for one in results if one.family == "encodecmae"], "parameters"
    )
    alike = [replace(one, value=0.1) for one in results]
    assert "leave nothing" in why(alike, "parameters")


def test_facts_are_those_of_cards() -> None:
    """Hours and sounds stand in the cards; every kind is one of few."""
    for model, hours in known("hours").items():
        assert f"{int(hours):,}" in find_model(model).card.training_data, model
    words = {
        "speech": ("speech", "Libri"),
        "noisy speech": ("speech", "English"),
        "music": ("music", "FMA"),
        "everyday sounds": ("everyday sounds",),
        "everything": ("AudioSet", "YouTube-8M", "iteration"),
    }
    for model, kind in known("data").items():
        told = find_model(model).card.training_data
        assert any(word in told for word in words[kind]), (model, told)


def test_command_and_table_tell_the_same(
    keep: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep("beats-iter1", "NH2015-ridge", 0.9)  # in place of the published one
    assert main(["explain", "-b", "NH2015-ridge", "--published", "--property", "parameters"]) == 0
    told = capsys.readouterr().out
    command = ["explain", "-b", "NH2015-ridge", "--property", "parameters", "--json"]
    assert main([*command, "--published"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    frame = table(benchmark="NH2015-ridge", properties="parameters", published="add").iloc[0]
    assert [frame["low"], frame["high"]] == row.pop("interval")
    assert frame[["estimate", "p", "share"]].tolist() == [
        row[n] for n in ("estimate", "p", "share")
    ]
    (only,) = table(benchmark="NH2015-ridge", properties="parameters", published="only")["estimate"]
    assert only != row["estimate"]
    for word in ("per tenfold", f"{row['estimate']:.3f}", f"{row['freedom']:.1f}", "over families"):
        assert word in told
    # an imported number of each model is a property, too
    models = sorted(known("label"))[::2]
    years = "".join(f"\n{model},year,{2015 + n % 7}" for n, model in enumerate(models))
    (tmp_path / "years.csv").write_text(f"model,benchmark,value{years}")
    assert main(["import", str(tmp_path / "years.csv")]) == 0
    capsys.readouterr()
    (row,) = table(benchmark="NH2015-ridge", properties="year", published="add").to_dict("records")
    assert (row["change"], row["models"], row["missing"]) == ("per unit", 18, 18)
    assert main(command) == 1
    assert "It takes 10 models of 6 families, here are 1 of 1" in capsys.readouterr().err
    assert main(["explain", "--published", "--property", "sise"]) == 2
    assert "There is no property 'sise': choose from parameters" in capsys.readouterr().err
