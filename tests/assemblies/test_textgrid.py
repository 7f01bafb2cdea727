"""TextGrids: both formats, encodings, and what is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.assemblies import textgrid
from brainbench_audio.assemblies.textgrid import Tier, read_textgrid
from brainbench_audio.errors import DataError

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words 1"
        xmin = 0
        xmax = 2.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.75
            text = ""
        intervals [2]:
            xmin = 0.75
            xmax = 1.5e0
            text = "né 7 ""so"" = [1]: <exists>"
        intervals [3]:
            xmin = 1.5
            xmax = 2.5
            text = "two
lines"
    item [2]:
        class = "TextTier"
        name = "beeps"
        xmin = 0
        xmax = 2.5
        points: size = 1
        points [1]:
            number = 1.25
            mark = "beep"
"""
SHORT = """File type = "ooTextFile short"
"TextGrid"

0
2.5
<exists>
2
"IntervalTier"
"words 1"
0
2.5
3
0
0.75
""
0.75
1.5
"né 7 ""so"" = [1]: <exists>"
1.5
2.5
"two
lines"
"TextTier"
"beeps"
0
2.5
1
1.25
"beep"
"""
TIERS = (
    Tier(
        "words 1",
        (
            (0.0, 0.75, ""),
            (0.75, 1.5, 'né 7 "so" = [1]: <exists>'),
            (1.5, 2.5, "two\nlines"),
        ),
    ),
    Tier("beeps", ((1.25, 1.25, "beep"),)),
)


@pytest.mark.parametrize("text", [LONG, SHORT], ids=["long", "short"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_both_formats_in_all_encodings(text: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "a.TextGrid"
    file.write_bytes(text.encode(encoding))
    assert read_textgrid(file) == TIERS


def test_without_tiers(tmp_path: Path) -> None:
    file = tmp_path / "a.TextGrid"
    file.write_text('File type = "ooTextFile"\n"TextGrid"\n0 1 <absent>\n')
    assert read_textgrid(file) == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("ooTextFile", "ooBinaryFile", "'ooBinaryFile' where ooTextFile or ooTextFile short is"),
        ('"TextGrid"', '"Pitch 1"', "'Pitch 1' where TextGrid is expected"),
        ('"IntervalTier"', '"Tier"', "'Tier' where IntervalTier or TextTier is expected"),
        ("size = 3", "size = 4", 'has "TextTier" where a start is expected'),
        ("size = 3", "size = -3", "-3 entries of tier 'words 1' are expected"),
        ("size = 3", "size = 1.5", "1.5 entries"),
        ("size = 3", "size = 1e400", "is infinite"),
        ("xmax = 0.75", "xmax = -1", "ends at -1 s, before it starts at 0 s"),
        ("xmin = 1.5", "xmin = 0.1", "goes back in time, from 0.75 to 0.1 s"),
        ("number = 1.25", 'number = "late"', 'has "late" where a time is expected'),
        ('mark = "beep"', 'mark = "beep', 'has " where a label'),
        ('mark = "beep"', "", "ends where a label of tier 'beeps' is expected"),
        ("tiers? <exists>", "tiers? 1", "has 1 where a flag is expected"),
    ],
)
def test_what_is_refused(old: str, new: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "a.TextGrid"
    assert old in LONG
    file.write_text(LONG.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match="is no whole TextGrid") as refused:
        read_textgrid(file)
    assert told in str(refused.value)
    assert str(refused.value).count("\n") == 0


def test_a_long_text_that_does_not_end_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "a.TextGrid"
    for text in ('"' * 2_000_001, '"' + "a" * 2_000_000, "1" * 2_000_000 + "a"):
        file.write_text(text)
        with pytest.raises(DataError, match="is no whole TextGrid"):
            read_textgrid(file)


def test_what_is_too_large_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.TextGrid"
    with pytest.raises(DataError, match="cannot be read"):
        read_textgrid(file)
    monkeypatch.setattr(textgrid, "_LARGEST", 10)
    file.write_text(LONG, encoding="utf-8")
    with pytest.raises(DataError, match="expected 10 at most"):
        read_textgrid(file)


@given(place=st.integers(0, len(SHORT)), length=st.integers(0, 20), new=st.binary(max_size=9))
def test_whatever_is_damaged_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, length: int, new: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged.TextGrid"
    whole = SHORT.encode()
    file.write_bytes(whole[:place] + new + whole[place + length :])
    try:
        tiers = read_textgrid(file)
    except DataError:
        return
    assert all(isinstance(tier.name, str) for tier in tiers)
