"""`brainbench correlate`, `compare`, `export` and `import`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.stats import ttest_rel

from brainbench_audio.cli.main import main
from brainbench_audio.report.results import stored_results
from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.uncertainty import uncertainty

Told = pytest.CaptureFixture[str]
Keep = Callable[..., Path]


def test_table_1_from_published_scores(capsys: Told) -> None:
    assert main(["correlate", "--published", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 10 * 7 * 2
    recomputed = [row for row in rows if row["r"] is not None]
    assert len(recomputed) == 20
    for row in rows:
        assert list(row)[:7] == ["benchmark", "with", "subset", "r", "p", "interval", "n"]
        assert row["printed"].keys() == row["notebook"].keys() == {"r", "p"}
        assert (row["r"] is None) == (row["with"] != "overall") == bool(row["not_recomputed"])
    for row in recomputed:
        assert row["r"] == pytest.approx(row["notebook"]["r"], abs=0.006)
        assert row["r"] == pytest.approx(row["printed"]["r"], abs=0.08)
        assert row["interval"][0] < row["r"] < row["interval"][1]
        assert row["p"] < 0.05
        assert row["n"] == {"all": 36, "sub": 32}[row["subset"]]


def test_table_1_for_people(capsys: Told) -> None:
    assert main(["correlate", "--published", "--benchmark", "B2021-ridge"]) == 0
    lines = capsys.readouterr().out.splitlines()
    printed, notebook, recomputed = (
        next(place for place, line in enumerate(lines) if line.startswith(start))
        for start in ("Table 1 as printed", "Values of the notebook", "Recomputed from")
    )
    assert "-0.75" in lines[printed]
    assert lines[printed + 1].split()[2:] == [
        *("nsynth_pitch", "gtzan", "speech_commands", "crema_d", "fsd50k", "esc50", "overall")
    ]
    assert lines[printed + 3].split()[1:] == [
        *("all", "0.672**", "0.747**", "0.567**", "0.657**", "0.858**", "0.776**", "0.907**")
    ]
    assert lines[notebook + 4].split()[1:] == [
        *("sub", "0.362*", "0.468**", "0.223", "0.405*", "0.662**", "0.676**", "0.703**")
    ]
    assert lines[recomputed + 3].split()[:5] == [
        "B2021-ridge",
        "overall",
        "all",
        "0.895",
        "1.9e-13",
    ]
    assert lines[recomputed + 3].split()[-2:] == ["0.907", "0.895"]
    text = "\n".join(lines)
    assert "0.000 " not in text
    assert "recomputed: 2 of these 14 published correlations; scores of single listening" in text
    assert "largest difference from printed: 0.0174 (B2021-ridge with overall, sub)" in text
    assert "largest difference from notebook: 0.0004 (B2021-ridge with overall, sub)" in text


def test_a_column_that_cannot_be_recomputed(capsys: Told) -> None:
    arguments = ["correlate", "--published", "-b", "NH2015-rsa", "--with", "HEAR.gtzan-probe"]
    assert main([*arguments, "--subset", "sub"]) == 0
    told = capsys.readouterr().out
    assert "0.506**" in told
    assert "0.503**" in told
    assert "Recomputed from" not in told
    assert "recomputed: 0 of these 1 published correlations" in told


def test_correlations_for_people(capsys: Told) -> None:
    assert main(["correlate", "--published", "--benchmark", "NH2015-*", "--subset", "sub"]) == 0
    told = capsys.readouterr().out
    assert "NH2015-ridge  overall  sub" in told
    assert "B2021" not in told
    assert "not in sub (overall z not above -1): dcase2020, deepspeech2, metricgan" in told
    assert "z-scores of 36 models" in told


def test_another_rule_and_another_partner(capsys: Told) -> None:
    arguments = ["correlate", "--published", "--benchmark", "NH2015-ridge", "--with", "B2021-ridge"]
    assert main([*arguments, "--least-z", "-0.75", "--bootstrap", "100", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["with"], row["n"]) for row in rows] == [("B2021-ridge", 36), ("B2021-ridge", 31)]


def test_measured_scores(keep: Keep, capsys: Told) -> None:
    for model, value in (("a", 0.1), ("b", 0.2), ("c", 0.4), ("d@permuted", 0.9)):
        keep(model, "Brain-x", value)
        keep(model, "HEAR.gtzan-probe", value**2)
    assert main(["correlate", "--json", "--subset", "all"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["with"], row["n"]) for row in rows] == [("HEAR.gtzan-probe", 3), ("overall", 3)]
    expected = np.corrcoef([0.1, 0.2, 0.4], [0.01, 0.04, 0.16])[0, 1]
    assert rows[0]["r"] == pytest.approx(expected)
    assert main(["correlate", "--json", "--subset", "all", "--controls"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["n"] == 4


@pytest.mark.parametrize("verb", ["correlate", "explain"])
def test_one_network_under_two_names_is_told(verb: str, keep: Keep, capsys: Told) -> None:
    for model, value in {"a": 0.1, "b": 0.2, "c": 0.4, "copy-of-b": 0.2}.items():
        keep(model, "Brain-x", value)
        keep(model, "HEAR.gtzan-probe", value**2)
    main([verb])
    told = capsys.readouterr().err
    assert "b and copy-of-b score the same on all 2 benchmarks that both have: are they" in told
    assert told.count("score the same") == 1


def test_too_few_models(keep: Keep, capsys: Told) -> None:
    keep("a", "Brain-x", 0.1)
    assert main(["correlate"]) == 1
    told = capsys.readouterr().err
    assert "nothing to correlate" in told
    assert "needs 3 models at least, here are 0" in told
    assert "--published" in told


@pytest.mark.parametrize("verb", ["correlate", "compare", "export -o x.csv"])
def test_an_empty_store(verb: str, capsys: Told) -> None:
    assert main(verb.split()) == 1
    assert "There are no scores yet. This makes some" in capsys.readouterr().err


def test_unknown_ids(keep: Keep, tiny: Path, capsys: Told) -> None:
    keep("mine", "Brain-x", 0.1)
    assert main(["correlate", "--published", "--benchmark", "NH2015-rigde"]) == 2
    assert "Did you mean NH2015-ridge" in capsys.readouterr().err
    assert main(["correlate", "--published", "--with", "overal"]) == 2
    assert "Did you mean overall" in capsys.readouterr().err
    assert main(["compare", "--model", "min"]) == 2
    assert "Did you mean mine" in capsys.readouterr().err
    assert main(["compare", "--benchmark", "Tiny-match"]) == 1
    assert "no score for the benchmark Tiny-match" in capsys.readouterr().err
    assert main(["export", "-o", "x.csv", "--model", "tiny-plain@permuted"]) == 1
    told = capsys.readouterr().err
    assert "brainbench score --model tiny-plain@permuted --benchmark ID" in told


def keep_subjects(keep: Keep, model: str, shift: float, noise: float = 0.01) -> None:
    generator = np.random.default_rng([*map(ord, model)])
    shared = np.random.default_rng(0).normal(0.4, 0.1, 8)
    values = shared + shift + noise * generator.standard_normal(8)
    parts = {f"subject-{place}": float(value) for place, value in enumerate(values)}
    keep(model, "Brain-x", float(values.mean()), error=0.1, parts=parts, n={"subject": 8})


def test_compare(keep: Keep, capsys: Told) -> None:
    for model, shift in (("good", 0.2), ("fair", 0.1), ("same", 0.1)):
        keep_subjects(keep, model, shift)
    assert main(["compare", "--model", "good", "fair", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert list(row) == [
        *("benchmark", "model", "other", "difference", "error", "interval", "p", "q", "over"),
        *("freedom", "significant"),
    ]
    assert (row["model"], row["other"], row["freedom"]) == ("good", "fair", 7)
    parts = {result.model: list(result.parts.values()) for result in stored_results()}
    plain = ttest_rel(parts["good"], parts["fair"])
    assert row["p"] == row["q"] == pytest.approx(plain.pvalue)
    assert row["interval"] == pytest.approx(list(plain.confidence_interval()))
    assert (row["over"], row["significant"]) == ("listeners", True)
    assert main(["compare"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"good is better than fair \(q = \d(\.\d)?e-\d\d\)", told)
    assert re.search(r"(fair|same) cannot be told from (same|fair) \(q = 0\.\d+\)", told)
    assert "interval and p: over listeners\n" in told
    assert "over 3 pairs" in told
    assert main(["compare", "--model", "good"]) == 1
    assert "no two models" in capsys.readouterr().err


def keep_components(keep: Keep, model: str, value: float, **provenance: str) -> Influence:
    """Keep a score of the six components, with what it owes to 40 sounds."""
    names = ["lf", "hf", "broadband", "pitch", "speech", "music"]
    generator = np.random.default_rng([*map(ord, model)])
    influence = Influence.of_left_out(
        value + np.arange(6) / 100, generator.standard_normal((40, 6)) / 1000
    )
    unsure = uncertainty(influence, names)
    keep(
        model,
        "NH2015comp-ridge",
        float(influence.parts.mean()),
        parts=dict(zip(names, influence.parts.tolist(), strict=True)),
        n={"stimulus": 40, "component": 6},
        raw=xr.Dataset().assign(unsure.raw),
        provenance=provenance,
        **unsure.fields,
    )
    return influence


def test_compare_on_a_part_of_a_whole(keep: Keep, capsys: Told) -> None:
    good, bad = (keep_components(keep, *one) for one in (("good", 0.5), ("bad", 0.49)))
    part = "NH2015comp.pitch-ridge"
    assert main(["compare", "--benchmark", part, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    expected = (good.part(3) - bad.part(3)).estimate()
    assert (row["benchmark"], row["over"]) == (part, "sounds")
    assert row["difference"] == pytest.approx(0.01)
    assert row["p"] == pytest.approx(expected.p)
    # without a benchmark, wholes alone: each part is in there already
    assert main(["compare", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["benchmark"] == "NH2015comp-ridge"
    assert row["p"] == pytest.approx((good - bad).estimate().p)
    assert main(["compare", "--benchmark", "NH2015comp*", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len({row["benchmark"] for row in rows}) == len(rows) == 7


def test_what_compare_refuses(keep: Keep, capsys: Told) -> None:
    keep_components(keep, "one", 0.5, stimuli="these")
    keep_components(keep, "two", 0.5, stimuli="those")
    assert main(["compare"]) == 1
    assert "scored on other sounds or listeners of NH2015comp-ridge" in capsys.readouterr().err
    for model in ("one", "two"):
        keep(model, "Brain-old", 0.5)
    assert main(["compare", "--benchmark", "Brain-old"]) == 1
    told = capsys.readouterr().err
    assert "does not say what it owes to single sounds" in told
    assert "brainbench score --model" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "--draws", "100"],
        ["compare", "--seed", "1"],
        ["correlate", "--bootstrap", "1"],
        ["export", "-o", "all.xlsx"],
        ["export"],
        ["import"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: Told) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("published", ["none", "add", "only"])
def test_export(published: str, keep: Keep, tmp_path: Path, capsys: Told) -> None:
    keep("ast", "NH2015-ridge", 0.3)
    output = tmp_path / "all.json"
    chosen = ["--model", "ast", "--benchmark", "NH2015-*"]
    assert main(["export", "-o", str(output), *chosen, "--published", published]) == 0
    rows = json.loads(output.read_text())
    expected = {"none": [0.3], "add": [0.3, 0.35, 0.469], "only": [0.35, 0.469]}[published]
    assert [row["value"] for row in rows] == expected
    assert f"{output}: {len(expected)} results" in capsys.readouterr().out


def test_import(tmp_path: Path, capsys: Told) -> None:
    file = tmp_path / "lab.csv"
    file.write_text(
        "model,benchmark,value\nast,NH2015-ridge,0.4\nnew,Strange-x,0.5\n"
        'new,"NH2015[speech,music]-rsa",0.5\nnew,NH2015-ridge-from=B2021,0.5\n'
    )
    assert main(["import", str(file), "--source", "Doe 2027"]) == 0
    told = capsys.readouterr().out
    assert "4 published scores kept in" in told
    assert "1 of them replace the paper's own" in told
    assert "no installed plugin has the benchmark Strange-x: check the spelling" in told
    assert main(["import", str(file)]) == 1
    assert "--replace" in capsys.readouterr().err
    assert main(["import", str(file), "--replace"]) == 0
    file.write_text("model,benchmark\n")
    assert main(["import", str(file), "--replace"]) == 1
    assert "needs model, benchmark, value" in capsys.readouterr().err
    output = tmp_path / "all.csv"
    assert main(["export", "-o", str(output), "--published", "only", "--model", "new"]) == 0
    assert "new,Strange-x,0.5" in output.read_text()


@pytest.mark.parametrize(
    ("benchmark", "value", "told"),
    [
        ("NH2015-ridge", 57.5, "57.5 of new on NH2015-ridge cannot be: its scores (R²) are 1 at"),
        ("HEAR.gtzan-probe", 85.2, "(metric of the task) are 1 at most. Divide percentages"),
        ("NH2015-rsa", -1.1, "(Spearman's rho) are 1 at most"),
        ("NH2015-ridge-corrected", 1.1, None),
        ("NH2015-ridge", 1.0, None),
        ("overall", -2.5, None),
        ("Strange-x", 99, None),
    ],
)
def test_scores_that_cannot_be_are_not_imported(
    tmp_path: Path, capsys: Told, benchmark: str, value: float, told: str | None
) -> None:
    file = tmp_path / "lab.csv"
    file.write_text(f"model,benchmark,value\nnew,{benchmark},{value}\n")
    assert main(["import", str(file)]) == (0 if told is None else 1)
    error = capsys.readouterr().err
    assert error == "" if told is None else told in error
