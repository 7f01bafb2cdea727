"""Files of published scores: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.report.published_files import (
    PublishedScore,
    import_scores,
    imported_folder,
    imported_scores,
    parse_scores,
    read_scores,
    shipped_scores,
    topline_errors,
    toplines,
)

HEAD = "model,benchmark,value"


def test_all_columns() -> None:
    text = (
        "# a comment\n\nvalue, model ,benchmark,source,error,reading_error,approximate\n"
        '-0.5,m,B-x,"Doe, 2027",0.1,0.2,1\n'
    )
    assert parse_scores(text, "file") == [
        PublishedScore(
            model="m",
            benchmark="B-x",
            value=-0.5,
            error=0.1,
            reading_error=0.2,
            approximate=True,
            source="Doe, 2027",
        )
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "columns none"),
        (HEAD, "has no rows"),
        ("model,value\nm,1\n", "needs model, benchmark, value"),
        (f"{HEAD},eror\nm,B-x,1,2\n", "columns model, benchmark, value, eror"),
        (f"{HEAD},value\nm,B-x,1,1\n", "each once"),
        (f"{HEAD}\nm,B-x\n", "row 1 below the head: not as many cells"),
        (f"{HEAD}\nm,B-x,1,2\n", "not as many cells"),
        (f"{HEAD}\n ,B-x,1\n", "model or benchmark is empty"),
        (f"{HEAD}\nm,B-x,\n", "value is empty"),
        (f"{HEAD}\nm,B-x,high\n", "value is 'high', which is no number"),
        (f"{HEAD}\nm,B-x,nan\n", "value is 'nan', which is no number"),
        (f"{HEAD},error\nm,B-x,1,-1\n", "error is -1, it must be finite and not below 0"),
        (f"{HEAD},approximate\nm,B-x,1,yes\n", "approximate is 'yes'"),
        (
            f"{HEAD}\nm,B-x,1\nn,B-x,1\nm,B-x,2\n",
            "row 3 below the head: a second score of m on B-x",
        ),
        (f'{HEAD}\nm,"B-x,1\n', "not comma-separated"),
    ],
)
def test_what_is_refused(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told) as refused:
        parse_scores(text, "file.csv")
    assert "file.csv" in str(refused.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_scores(tmp_path / "none.csv")
    (tmp_path / "image.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DataError, match="cannot be read"):
        read_scores(tmp_path / "image.csv")


def test_import_keeps_a_copy(tmp_path: Path) -> None:
    file = tmp_path / "lab scores.csv"
    # as spreadsheets write it
    file.write_bytes(
        b"\xef\xbb\xbf" + f"{HEAD},source\r\nm,B-x,0.1,a paper\r\nn,B-x,1e-3,\r\n".encode()
    )
    kept = import_scores(file, "the lab")
    assert kept == imported_folder() / "lab_scores.csv"
    file.unlink()
    first, second = imported_scores()
    assert (first.value, first.source, first.path) == (0.1, "a paper", kept)
    assert (second.value, second.source) == (0.001, "the lab")


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    file = tmp_path / "lab.csv"
    file.write_text(f"{HEAD}\nm,B-x,0.1\n")
    kept = import_scores(file)
    assert imported_scores()[0].source == "lab.csv"
    file.write_text(f"{HEAD}\nm,B-x,0.2\n")
    before = kept.read_bytes()
    with pytest.raises(DataError, match="--replace"):
        import_scores(file)
    other = tmp_path / "other.csv"
    other.write_text(f"{HEAD}\nn,B-x,0.2\nm,B-x,0.3\n")
    with pytest.raises(DataError, match=r"a score of m on B-x, and so has .*lab\.csv"):
        import_scores(other)
    assert [path.name for path in imported_folder().iterdir()] == ["lab.csv"]
    assert kept.read_bytes() == before
    import_scores(file, replace=True)
    assert imported_scores()[0].value == 0.2


def test_what_comes_with_the_package() -> None:
    assert all(score.source and score.reading_error for score in shipped_scores())
    assert toplines() == {"NH2015-rsa": 0.759, "B2021-rsa": 0.753}
    assert topline_errors() == {"NH2015-rsa": 0.012, "B2021-rsa": 0.022}


def test_a_spreadsheet_with_semicolons_and_decimal_commas() -> None:
    plain = parse_scores(f"{HEAD},error\nm,B-x,0.25,0.5\n", "file")
    assert (
        parse_scores(f"{HEAD},error\nm,B-x,0.25,0.5\n".translate({44: ";", 46: ","}), "f") == plain
    )
    assert parse_scores(f"{HEAD},error\nm,B-x,0.25,0.5\n".replace(",", "\t"), "f") == plain
    with pytest.raises(DataError, match=r"value is '1\.234,5', which is no number"):
        parse_scores("model;benchmark;value\nm;B-x;1.234,5\n", "f")
