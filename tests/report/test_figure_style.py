"""The look of figures: colours that can be told apart, type that can be read, nothing global."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import numpy.typing as npt
import pytest

from brainbench_audio.report.families import _SPARE, FAMILIES, family_of
from brainbench_audio.report.figures import compared, style
from brainbench_audio.report.known_models import paper_labels
from brainbench_audio.report.results import Result

Run = Callable[..., CompletedProcess[str]]
Colour = npt.NDArray[np.float64]
# Machado, Oliveira and Fernandes 2009: what is left of linear red, green and blue
# for people without red cones, and without green ones.
BLIND = {
    "none": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def linear(colour: str) -> Colour:
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast_to_white(colour: str) -> float:
    """Return the contrast of WCAG 2."""
    luminance = float(linear(colour) @ [0.2126, 0.7152, 0.0722])
    return 1.05 / (luminance + 0.05)


def lab(rgb: Colour) -> Colour:
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x, y, z = np.cbrt(np.clip(to_xyz @ rgb / [0.9505, 1.0, 1.089], 0.0089, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def difference(one: str, other: str, blindness: str) -> float:
    """Return the distance in CIELAB, as somebody with this blindness sees it."""
    seen = (lab(np.clip(BLIND[blindness] @ linear(colour), 0, 1)) for colour in (one, other))
    return float(np.linalg.norm(np.subtract(*seen)))


@pytest.mark.parametrize(
    "colour", [*style.SERIES, *(look.colour for look in (*FAMILIES.values(), *_SPARE))]
)
def test_colours_stand_out_from_white(colour: str) -> None:
    assert contrast_to_white(colour) >= 3


@pytest.mark.parametrize("blindness", BLIND)
def test_families_differ_in_colour_or_marker(blindness: str) -> None:
    for one, other in combinations([*FAMILIES.values(), *_SPARE], 2):
        if one.marker == other.marker:
            assert difference(one.colour, other.colour, blindness) > 15, (one, other)


@pytest.mark.parametrize("blindness", BLIND)
def test_lines_differ_in_colour_and_marker(blindness: str) -> None:
    assert len(set(style.SERIES_MARKERS)) == len(style.SERIES)
    for one, other in combinations(style.SERIES, 2):
        assert difference(one, other, blindness) > 15, (one, other)


def test_published_is_lighter_and_hatched_beside_measured() -> None:
    look = FAMILIES["beats"]
    assert "hatch" not in compared.bar_look(look, published=True, beside=False)
    beside = compared.bar_look(look, published=True, beside=True)
    assert beside["hatch"]
    assert contrast_to_white(beside["facecolor"]) < contrast_to_white(look.colour)
    hollow = compared.point_look(look, published=True, beside=True)
    assert hollow["markerfacecolor"] == "white"


def result(model: str, label: str, family: str = "") -> Result:
    return Result(model=model, label=label, family=family, benchmark="X", value=0.0)


def test_names_of_models_and_families() -> None:
    beats = [result("beats-iter1", "BEATs_iter1"), result("beats-iter2", "BEATs_iter2")]
    mine = result("mine", "mine")
    assert [family_of(each) for each in (*beats, mine)] == ["beats", "beats", "mine"]
    assert compared.family_names([mine, *beats]) == {"beats": "BEATs", "mine": "mine"}
    # labels of the paper have nothing in common, those of cards do
    paper = [result(f"encodecmae-{name}", f"{name}→EC") for name in ("base", "ec-base")]
    assert compared.family_names(paper) == {"encodecmae": "EnCodecMAE"}


def test_type_is_readable_in_print() -> None:
    pytest.importorskip("matplotlib")
    with style.look():
        figure = style.new_figure(style.COLUMN, 50)
        axes = figure.subplots()
        axes.set_title("title")
        axes.set_xlabel("label")
        axes.legend([axes.plot([0, 1])[0]], ["line"])
    assert figure.get_size_inches() * 25.4 == pytest.approx((90, 50))
    texts = [axes.title, axes.xaxis.label, *axes.get_xticklabels(), *axes.get_legend().get_texts()]
    assert all(7 <= text.get_fontsize() <= 9 for text in texts)


def test_the_font_is_ours_and_text_stays_text(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib import font_manager

    for _ in range(2):
        with style.look():
            found = Path(font_manager.findfont(font_manager.FontProperties()))
    assert found.parent == Path(style.__file__).parent / "fonts"
    assert (found.parent / "OFL.txt").read_text().startswith("Copyright")
    ours = [font for font in font_manager.fontManager.ttflist if font.fname == str(found)]
    assert len(ours) == 1
    known = font_manager.get_font(str(found)).get_charmap()
    written = "".join(paper_labels().values()) + "R²ρ−Ünïcødeжω≤≥±"
    assert [sign for sign in written if ord(sign) not in known] == []

    with style.look():
        figure = style.new_figure(style.COLUMN, 30)
        figure.text(0.1, 0.5, "Mel256→EC")
        for kind in ("svg", "pdf"):
            style.save(figure, tmp_path / f"a.{kind}")
    svg, pdf = ((tmp_path / f"a.{kind}").read_bytes() for kind in ("svg", "pdf"))
    assert ">Mel256→EC</text>".encode() in svg
    # on a machine without Arimo, a font whose letters are as wide comes next
    assert b"font-family: 'Arimo', 'Arial', 'Helvetica', 'Liberation Sans'" in svg
    assert set(re.findall(rb"/BaseFont /[A-Z]+\+(\S+)", pdf)) == {b"Arimo-Regular"}
    assert b"/Subtype /CIDFontType2" in pdf  # its outlines, embedded, and no pictures of letters


def test_nothing_global_changes(python: Run) -> None:
    pytest.importorskip("matplotlib")
    code = """
import sys, matplotlib, pathlib
from brainbench_audio.report.figures import bars, style
from brainbench_audio.report.results import all_results
before = matplotlib.rcParams.copy()
panel = bars.Panel.of(all_results("only"), "NH2015-rsa")
style.draw(pathlib.Path("a.svg"), bars.plot, [panel])
print(before == matplotlib.rcParams.copy(), "matplotlib.pyplot" in sys.modules)
"""
    told = python(code)
    assert told.stdout.strip() == "True False", told.stderr


def test_settings_of_the_current_folder_do_not_count(python: Run, tmp_path: Path) -> None:
    """A downloaded folder may hold a matplotlibrc, which can have LaTeX read and run files."""
    draw = (
        "import sys, pathlib, matplotlib.figure\n"
        "from brainbench_audio.report.figures.style import look, save\n"
        "with look():\n"
        "    figure = matplotlib.figure.Figure()\n"
        "    figure.suptitle('title')\n"
        "    save(figure, pathlib.Path(sys.argv[1]))\n"
        "print(matplotlib.rcParams['text.usetex'])\n"
    )
    assert python(draw, "plain.png").stdout == "False\n"
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfigure.facecolor: red\n")
    assert python(draw, "hostile.png").stdout == "True\n"
    assert (tmp_path / "hostile.png").read_bytes() == (tmp_path / "plain.png").read_bytes()
