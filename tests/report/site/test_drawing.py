"""Small drawings: whole numbers of what is there, and nothing that is not."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.report.families import _SPARE, FAMILIES, OTHER, Look
from brainbench_audio.report.site.drawing import Axis, icon, layer_profile, marker, number, ticks
from brainbench_audio.report.site.profiles import LayerProfile


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (None, 3, "–"),
        (math.nan, 3, "–"),
        (math.inf, 3, "–"),
        (-0.5, 1, "−0.5"),
        (0.0005, 3, "0.001"),
        (12, 0, "12"),
    ],
)
def test_numbers(value: float | None, digits: int, expected: str) -> None:
    assert number(value, digits) == expected


@given(
    st.floats(-1e3, 1e3),
    st.floats(1e-4, 1e3),
    st.integers(3, 8),  # of two, the only round number may lie outside
)
def test_ticks_are_round_and_within(lowest: float, size: float, count: int) -> None:
    highest = lowest + size
    found = ticks(lowest, highest, count)
    assert 0 < len(found) <= count + 1
    slack = 1e-6 * size + 1e-9
    assert lowest - slack <= found[0] <= found[-1] <= highest + slack
    steps = np.diff(found)
    if len(steps):
        assert np.ptp(steps) < 1e-6 * steps[0] + 1e-9
        assert f"{steps[0]:.1e}"[:3] in {"1.0", "2.0", "5.0"}


@given(st.floats(1e-3, 100))
def test_numbers_on_axes_are_the_ticks_and_differ(highest: float) -> None:
    axis = Axis.around([highest])
    flat = profile([[0.0, highest]])
    for svg in (ElementTree.fromstring(axis.heading()), drawn(flat)):
        texts = [one.text for one in svg.iter("text") if one.get("class") is None]
        values = [
            float(text.replace("−", "-")) for text in texts if re.fullmatch(r"−?[\d.]+", text)
        ]
        assert len(values) == len(set(values)) > 1
        steps = np.diff(values)
        assert steps == pytest.approx(np.full(len(steps), steps[0]))


def test_small_scores_have_numbers_of_their_own() -> None:
    svg = ElementTree.fromstring(Axis.around([0.002, 0.015]).heading())
    assert [text.text for text in svg.iter("text")] == ["0.000", "0.005", "0.010", "0.015"]


def test_an_empty_range_has_a_tick() -> None:
    assert ticks(0, 0) == [0.0]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_marker(family: str) -> None:
    path = ElementTree.fromstring(marker(FAMILIES[family], 3, 4, title="a < b"))
    assert path.get("fill") == FAMILIES[family].colour
    assert path.findtext("title") == "a < b"
    svg = ElementTree.fromstring(icon(FAMILIES[family]))
    assert svg.get("aria-hidden") == "true"


def test_the_shapes_are_those_of_the_script() -> None:
    from importlib.resources import files

    script = (files("brainbench_audio.report.site") / "static" / "shared.js").read_text("utf-8")
    joined = re.sub(r'"\s*\+\s*"', "", script)
    for shape in {look.marker for look in (*FAMILIES.values(), *_SPARE)}:
        drawn = ElementTree.fromstring(marker(Look("#000000", shape), 0, 0)).get("d")
        assert f'"{drawn}"' in joined, shape


def profile(values: list[list[float]], parts: tuple[str, ...] = ()) -> LayerProfile:
    layers = tuple(f"layer{place}" for place in range(len(values[0])))
    return LayerProfile("score", layers, parts, np.array(values))


def drawn(of: LayerProfile, best: str | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(layer_profile(of, best, "a & b"))


def test_a_profile_has_a_curve_a_part_their_mean_and_the_best_layer() -> None:
    svg = drawn(profile([[0.1, 0.5, 0.3], [0.3, 0.7, 0.1]], ("one", "two")), "layer1")
    assert svg.get("aria-label") == "a & b"
    classes = [element.get("class") for element in svg.iter()]
    assert (classes.count("thin"), classes.count("thick"), classes.count("best")) == (2, 1, 1)
    titles = [strip.findtext("title") for strip in svg.iter("rect")]
    assert titles == ["layer0: 0.200", "layer1: 0.600", "layer2: 0.200"]
    texts = [text.text for text in svg.iter("text")]
    assert texts[-2:] == ["layer0", "layer2"]


def test_profiles_may_share_an_axis() -> None:
    def height(ends: tuple[float, float] | None) -> str:
        svg = ElementTree.fromstring(layer_profile(profile([[0.1, 0.5]]), "layer1", "name", ends))
        (circle,) = svg.iter("circle")
        return str(circle.get("cy"))

    assert height(None) == height((0.0, 0.5)) != height((0.0, 1.0))


def test_the_best_layer_is_left_out_where_it_has_no_score() -> None:
    assert not list(drawn(profile([[0.1, math.nan, 0.3]]), "layer1").iter("circle"))
    assert not list(drawn(profile([[0.1, 0.2, 0.3]]), "unknown").iter("circle"))
    assert not list(drawn(profile([[0.1, 0.2, 0.3]])).iter("circle"))


@pytest.mark.parametrize(
    "values", [[[math.nan] * 3], [[0.0, 0.0, 0.0]], [[-0.5, -0.1, -0.2]], [[1e-5, 2e-5, 3e-5]]]
)
def test_nothing_is_drawn_outside(values: list[list[float]]) -> None:
    text = layer_profile(profile(values), None, "name")
    assert "nan" not in text
    assert "inf" not in text
    svg = ElementTree.fromstring(text)
    _, _, width, height = map(float, str(svg.get("viewBox")).split())
    for line in svg.iter("line"):
        assert 0 <= float(str(line.get("y1"))) <= height
        assert float(str(line.get("x2"))) <= width


def test_a_dot_stands_where_its_value_is() -> None:
    axis = Axis.around([0.2, 0.6], ceiling=(0.7, 0.8), baseline=0.3)
    assert axis.low == 0
    assert axis.high > 0.8
    assert Axis.around([-0.5]).low < -0.5
    left, right = axis.place(axis.low), axis.place(axis.high)
    assert axis.place(axis.high / 2) == pytest.approx((left + right) / 2)
    drawn = axis.row(0.2, OTHER, "a <b>: 0.2", (0.1, 0.4))
    assert f"translate({axis.place(0.2):.1f} 11.0)" in drawn
    assert f'x1="{axis.place(0.1):.1f}" x2="{axis.place(0.4):.1f}"' in drawn
    # what lies behind all rows is drawn once
    behind = axis.heading()
    assert f'width="{axis.place(0.8) - axis.place(0.7) + 2:.1f}"' in behind
    assert behind.count('class="baseline"') == 1
    assert f'<use href="#{axis.name}">' in drawn
    assert f'id="{axis.name}"' in behind
    assert "a &lt;b&gt;: 0.2" in drawn
    hollow = axis.row(0.2, OTHER, "a", published=True)
    assert 'class="hollow"' in hollow
    assert 'class="error' not in hollow
