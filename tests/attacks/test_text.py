"""Names that would be formulas, terminal commands, JSON or markup where others read them."""

from __future__ import annotations

import csv
import io
import json
import threading
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from brainbench_audio import progress
from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.cli.main import main
from brainbench_audio.report.export import escape
from brainbench_audio.report.published_files import import_scores, read_scores
from brainbench_audio.scores.store import keep_score
from brainbench_audio.settings import results_home
from brainbench_audio.tables import csv_text, without_quote

FORMULAS = ("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1", '=HYPERLINK("x")')
# colour, title of the window, 8-bit CSI, right to left, bell, delete
HOSTILE = "net\x1b[31m\x1b]0;title\x07\x9b31m\u202e\x7f\r"
Told = pytest.CaptureFixture[str]


def is_clean(text: str) -> bool:
    return not any(unicodedata.category(sign) in ("Cc", "Cf") for sign in text if sign != "\n")


@pytest.mark.parametrize("name", FORMULAS)
def test_a_name_is_no_formula_in_a_spreadsheet(name: str) -> None:
    ((told, number),) = csv.reader(io.StringIO(csv_text([[name, -0.5]])))
    assert told == f"'{name}" or told[0] == "\\"
    assert number == "-0.5"


@pytest.mark.parametrize("name", ["-", "'-", "''=1", "'a", "'", "a'-"])
def test_quotes_of_a_name_are_kept(name: str) -> None:
    ((cell,),) = csv.reader(io.StringIO(csv_text([[name]])))
    assert without_quote(cell) == name
    assert cell[0] not in "=-"


@pytest.mark.parametrize("name", FORMULAS[:4])
def test_exports_and_scores_that_are_imported(
    keep: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    keep("net", "Brain-x", -0.5, layer=name)
    given = tmp_path / "mine.csv"
    given.write_text(f'model,benchmark,value\n"{name}",Brain-x,-0.25\n')
    kept = import_scores(given)
    target = tmp_path / "all.csv"
    assert main(["export", "--published", "add", "-o", str(target)]) == 0
    for file in (kept, target):
        rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
        found = next(row for row in rows if row["model"].endswith(name))
        assert found["model"] == f"'{name}"
        assert float(found["value"]) == -0.25
    assert [score.model for score in read_scores(kept)] == [name], "read as it was"


def test_no_name_writes_to_the_terminal(keep: Callable[..., Path], capsys: Told) -> None:
    keep(HOSTILE, HOSTILE + "-x", 0.5, parts={HOSTILE: 0.5}, layer=HOSTILE)
    folder = activations_folder() / f"a{HOSTILE.replace('/', '')}"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"fields": {"model": HOSTILE}}))
    for arguments in (
        ["list", "results"],
        ["results", "list", "--all"],
        ["results", "list", "--json"],
        ["results", "rm", "--model", "*"],
        ["cache", "info"],
        ["cache", "info", "--json"],
        ["info", HOSTILE],
        ["score", "-m", HOSTILE, "-b", HOSTILE],
        ["compare", HOSTILE, HOSTILE],
        ["export", "-o", f"/nowhere/{HOSTILE}.csv"],
        ["import", HOSTILE],
        ["correlate"],
    ):
        with suppress(SystemExit):  # of argparse
            main(arguments)
        told = capsys.readouterr()
        assert is_clean(told.out), arguments
        assert is_clean(told.err), arguments
        if "--json" in arguments:
            assert json.loads(told.out)[0]["model"] in (HOSTILE, "?")


def test_a_progress_bar_shows_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(progress, "tqdm", lambda desc, **_: shown.append(desc))
    progress.progress_bar(1, HOSTILE, "sound")
    assert is_clean(shown[0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_json_is_json(
    keep: Callable[..., Path], tmp_path: Path, capsys: Told, value: float
) -> None:
    def refuse(name: str) -> None:
        raise ValueError(name)

    keep("net", "Brain-x", 0.5, error=value, parts={"a": value}, provenance={"odd": [value]})
    assert main(["results", "list", "--json"]) == 0
    json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert main(["export", "-o", str(tmp_path / "all.json")]) == 0
    json.loads((tmp_path / "all.json").read_text(), parse_constant=refuse)


def test_latex_holds() -> None:
    text = escape("\\input{/etc/passwd}%\n\n\x1b$")
    assert "\\input" not in text
    assert is_clean(text)
    assert "\n" not in text


@pytest.mark.slow
def test_reading_while_others_write(
    keep: Callable[..., Path], tmp_path: Path, capsys: Told
) -> None:
    """Scores come and go, activations grow; no verb stumbles."""
    from brainbench_audio.scores.score import Score

    first = keep("net", "Brain-x", 0.5)
    stem = first.with_name(first.stem.rpartition("-")[0])
    folder = activations_folder() / "key"
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            keep_score(stem, Score(value=number % 100 / 100, provenance={"model": "net"}))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "manifest.json").write_text("{" * (number % 2))
            (folder / ".part-x.nc").write_bytes(b"x")
            (folder / ".part-x.nc").unlink()
            if not number % 5:
                (folder / "manifest.json").unlink()
                folder.rmdir()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(15):
            for arguments in (
                ["results", "list", "--all", "--json"],
                ["export", "-o", str(tmp_path / "all.csv")],
                ["cache", "info"],
                ["list", "results"],
            ):
                assert main(arguments) == 0, arguments
            told = capsys.readouterr()
            assert "damaged" not in told.err
    finally:
        ended.set()
        thread.join()
    assert len(list(results_home().rglob("*-*.nc"))) == 1
