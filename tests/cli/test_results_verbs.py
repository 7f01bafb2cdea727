"""`brainbench correlate`, `compare`, `export` and `import`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brainbench_audio.cli.main import main

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


def keep_subjects(keep: Keep, model: str, shift: float, subjects: int = 8) -> None:
    parts = {f"subject-{place}": 0.4 + shift + place / 1000 for place in range(subjects)}
    value = sum(parts.values()) / subjects
    keep(model, "Brain-x", value, error=0.1, parts=parts, n={"subject": subjects})


def test_compare(keep: Keep, capsys: Told) -> None:
    for model, shift in (("good", 0.2), ("fair", 0.1), ("same", 0.1)):
        keep_subjects(keep, model, shift)
    assert main(["compare", "--model", "good", "fair", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["model"], row["other"], row["n"]) == ("good", "fair", 8)
    assert row["difference"] == pytest.approx(0.1)
    assert row["p"] == row["q"] == pytest.approx(2 / 2**8)
    assert row["significant"]
    assert main(["compare", "--draws", "100"]) == 0
    told = capsys.readouterr().out
    assert "good is better than fair (q = 0.0117)" in told
    assert "fair cannot be told from same (q = 1)" in told
    assert "interval: subjects drawn; p: signs of subjects changed, n = 8" in told
    assert "over 3 pairs" in told
    assert main(["compare", "--model", "good"]) == 1
    assert "no two models" in capsys.readouterr().err


def test_too_few_subjects_are_said(keep: Keep, capsys: Told) -> None:
    for model, shift in (("good", 0.2), ("fair", 0.1)):
        keep_subjects(keep, model, shift, subjects=5)
    assert main(["compare"]) == 0
    told = capsys.readouterr().out
    assert "good cannot be told from fair" in told
    assert "n = 5; so few cannot give a p below 0.062" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "--draws", "1"],
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
    file.write_text("model,benchmark,value\nast,NH2015-ridge,0.4\nnew,Strange-x,0.5\n")
    assert main(["import", str(file), "--source", "Doe 2027"]) == 0
    told = capsys.readouterr().out
    assert "2 published scores kept in" in told
    assert "1 of them take the place of the paper's own" in told
    assert "no installed plugin has the benchmark" in told
    assert "Strange-x" in told
    assert main(["import", str(file)]) == 1
    assert "--replace" in capsys.readouterr().err
    assert main(["import", str(file), "--replace"]) == 0
    file.write_text("model,benchmark\n")
    assert main(["import", str(file), "--replace"]) == 1
    assert "needs model, benchmark, value" in capsys.readouterr().err
    output = tmp_path / "all.csv"
    assert main(["export", "-o", str(output), "--published", "only", "--model", "new"]) == 0
    assert "new,Strange-x,0.5" in output.read_text()
