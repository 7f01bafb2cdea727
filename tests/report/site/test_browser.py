"""The pages in a real browser: what people click, type, hover over and see."""

from __future__ import annotations

import csv
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainbench_audio.cards import ModelCard
from brainbench_audio.registry.lookup import registered
from brainbench_audio.report.comparison import compare
from brainbench_audio.report.known_models import learning
from brainbench_audio.report.results import Result, published_results
from brainbench_audio.report.site.build import build_site

from .browsing import Visit, shoot
from .conftest import BENCHMARKS, EVIL

FIRST, SECOND, _, TASK = BENCHMARKS
MODEL = 2  # column
PAGES = (
    "index.html",
    "benchmarks.html",
    "correlations.html",
    "compare.html",
    "add.html",
    "models/alpha-one.html",
    "sounds/alpha-one.html",
    "benchmarks/*",
)
# Contrast of each text with what is painted behind it, as WCAG 2 counts it.
CONTRAST = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  function channels(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  }
  function luminance([r, g, b]) {
    const linear = [r, g, b].map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  }
  function behind(element) {
    for (let one = element; one; one = one.parentElement) {
      const colour = channels(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return channels("Canvas");
  }
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.matches("script, style, title, noscript, option")) continue;
    const style = getComputedStyle(element);
    const ink = channels(element instanceof SVGElement ? style.fill : style.color);
    const [low, high] = [luminance(ink), luminance(behind(element))].sort((a, b) => a - b);
    found.push([(high + 0.05) / (low + 0.05), walker.currentNode.data.trim().slice(0, 30)]);
  }
  return found;
}
"""


def head(tab: Any, name: str) -> Any:
    return tab.locator("#board thead tr:last-child th").filter(has_text=name)


def button(tab: Any, identifier: str) -> Any:
    return tab.locator(f'#board thead button[data-sort="{identifier}"]')


def test_sorting(visit: Visit) -> None:
    tab = visit.open("index.html", "#sort=Left-ridge+descending")
    assert head(tab, "ridge").first.get_attribute("aria-sort") == "descending"
    place = visit.place(FIRST)
    falling = visit.values(place)
    assert falling == sorted(falling, reverse=True)
    assert len(falling) == 7
    button(tab, FIRST).click()
    assert tab.locator("th[aria-sort=ascending] button").get_attribute("data-sort") == FIRST
    assert visit.values(place) == sorted(falling)
    # with the keyboard, and what has no score comes last in either direction
    button(tab, TASK).focus()
    place = visit.place(TASK)
    for direction in ("descending", "ascending"):
        tab.keyboard.press("Enter")
        assert tab.locator(f"th[aria-sort={direction}] button").get_attribute("data-sort") == TASK
        values = visit.values(place)
        assert values == sorted(values, reverse=direction == "descending")
        assert visit.column(place)[-1] == "–"
    assert tab.locator("[aria-sort]").count() == 1
    # the button is a new one after sorting, and still has the focus
    assert tab.evaluate("document.activeElement.dataset.sort") == TASK
    button(tab, "model").click()
    assert visit.column(MODEL)[1:4] == ["Alpha One", "Alpha Two", "Beta One"]
    assert "ranks by mean" in tab.locator("#count").inner_text()


def test_a_column_that_is_hidden_sorts_no_longer(visit: Visit) -> None:
    tab = visit.open("index.html", "#sort=Left-ridge+ascending")
    tab.locator("#menu-show summary").click()
    tab.get_by_label(FIRST, exact=True).uncheck()
    assert tab.locator("[aria-sort] button").get_attribute("data-sort") == "mean"
    assert "sort" not in tab.url
    tab.get_by_role("button", name="none").click()
    assert tab.locator("[aria-sort] button").get_attribute("data-sort") == "model"
    tab.keyboard.press("Escape")
    assert visit.column(MODEL)[1] == "Alpha One"


def test_ranks_and_error_bars(visit: Visit) -> None:
    tab = visit.open("index.html", "#sort=Left-ridge+descending")
    assert visit.column(1)[0].split()[0] == "1"
    cells = tab.locator("#board tbody td[title]")
    own = cells.filter(visible=True).and_(tab.locator("[title*=measured][title*=interval]")).first
    assert own.locator("svg.whisker line.error").count() == 1
    other = tab.locator("#board tbody td[title*=published]").first
    assert "printed" in other.get_attribute("class")
    assert other.locator("svg.whisker line.error").count() == 0


def test_filter_search_and_published(visit: Visit) -> None:
    tab = visit.open("index.html", f"#show={FIRST}")
    tab.get_by_label("Search models").fill("ALPHA-one")
    assert visit.column(MODEL) == ["Alpha One"]
    place = visit.place(FIRST)
    measured = visit.values(place)
    # without measured scores the published one of the same benchmark is seen
    tab.get_by_label("measured").uncheck()
    assert visit.values(place) == [0.33] != measured
    assert visit.column(1) == ["–"]
    tab.get_by_label("published").uncheck()
    assert visit.column(1) == ["No model fits."]
    tab.get_by_label("measured").check()
    tab.get_by_label("Search models").fill("")
    assert tab.locator("#count").inner_text().startswith("6 of 7 models")
    tab.get_by_label("published").check()
    tab.locator("#menu-filter summary").click()
    tab.get_by_role("button", name="none").first.click()
    tab.get_by_label("beta").check()
    assert sorted(visit.column(MODEL)) == ["Beta One", "Beta Two"]
    tab.get_by_label("Training data").fill("nothing like it")
    assert visit.column(1) == ["No model fits."]
    tab.keyboard.press("Escape")
    assert not tab.locator("#menu-filter").evaluate("one => one.open")
    assert tab.evaluate("document.activeElement.textContent") == "Filter"


def test_filters_go_by_what_cards_say(visit: Visit, paper_pages: Path) -> None:
    found = Visit(visit.tab, paper_pages)
    tab = found.open("index.html", "#learning=supervised&size=0-1e7")
    cards = {one.card.id: one.card for one in registered(ModelCard)}
    known = learning()
    expected = {
        cards[one.model].label
        for one in published_results()
        if "supervised" in known[one.model].replace("then ", "").split(", ")
        and cards[one.model].parameters < 1e7
    }
    assert set(found.column(MODEL)) == expected == {"DCASE2020", "MetricGAN+"}
    tab.locator("#menu-filter summary").click()
    tab.get_by_label("Licence").select_option("Apache-2.0")
    assert found.column(MODEL) == ["MetricGAN+"]
    found.open("index.html", "#data=acav100m")
    assert len(found.column(MODEL)) == 4


def test_head_and_names_stay_in_sight(visit: Visit, paper_pages: Path) -> None:
    visit.tab.set_viewport_size({"width": 600, "height": 500})
    found = Visit(visit.tab, paper_pages)
    tab = found.open("index.html")
    box = tab.locator(".box.tall")
    box.evaluate("one => one.scrollTo(300, 700)")
    frame, button_box = box.bounding_box(), button(tab, "model").bounding_box()
    assert frame["y"] <= button_box["y"] < frame["y"] + 120
    name = tab.locator("#board tbody th").nth(25).bounding_box()
    assert name["x"] == pytest.approx(frame["x"], abs=2)
    # the best is shaded most, the worst not at all, and a figure's digits are all that is printed
    shades = tab.locator("#board tbody td:nth-child(3)").evaluate_all(
        "all => all.map((one) => one.className.match(/heat-(\\d)/)[1])"
    )
    assert (max(shades), min(shades)) == ("8", "0")
    # overall means were read to ± 0.01 or worse
    texts = found.column(found.place("overall"))
    assert {len(text.partition(".")[2]) for text in texts} == {2}


def test_benchmarks_are_chosen_and_the_view_can_be_shared(visit: Visit) -> None:
    tab = visit.open("index.html")
    assert "#" not in tab.url
    tab.locator("#menu-show summary").click()
    tab.get_by_label("Whole.part-ridge").check()
    tab.get_by_label(SECOND).uncheck()
    tab.keyboard.press("Escape")
    button(tab, "Whole.part-ridge").click()
    tab.get_by_label("normalised").check()
    heads = tab.locator("#board thead th").all_inner_texts()
    rows = visit.column(MODEL)
    link = tab.url
    for other in ("index.html", "benchmarks.html"):
        visit.open(other)
    tab.goto(link)
    assert tab.locator("#board thead th").all_inner_texts() == heads
    assert visit.column(MODEL) == rows
    assert tab.get_by_label("normalised").is_checked()
    tab.locator("#menu-show summary").click()
    tab.get_by_role("button", name="usual").click()
    assert button(tab, SECOND).count() == 1


def test_raw_and_normalised(visit: Visit, results: list[Result]) -> None:
    tab = visit.open("index.html", "#sort=Left-ridge+descending")
    place = visit.place(FIRST)
    raw = visit.values(place)
    tab.get_by_label("normalised").check()
    normalised = visit.values(place)
    expected = [one.normalised for one in results if one.benchmark == FIRST and one.normalised]
    assert normalised == pytest.approx(sorted(expected, reverse=True), abs=6e-4)
    assert len(raw) == len(normalised) + 1  # the one that is only published has no ceiling
    # the mean over tasks has none either
    assert set(visit.column(visit.place("overall"))) == {"–"}
    tab.get_by_label("raw").check()
    assert visit.values(place) == raw


def test_the_view_is_saved(visit: Visit, results: list[Result]) -> None:
    tab = visit.open("index.html", f"#show={FIRST}&q=alpha")
    tab.locator("#menu-save summary").click()
    shoot(tab, "save")
    saved = {}
    for name in ("CSV", "JSON", "BibTeX"):
        with tab.expect_download() as download:
            tab.get_by_role("button", name=name, exact=True).click()
        path = Path(download.value.path())
        saved[download.value.suggested_filename] = path.read_text(encoding="utf-8")
    rows = list(csv.DictReader(saved["brainbench.csv"].splitlines()))
    expected = {
        one.model: one.value
        for one in results
        if one.benchmark == FIRST and not one.published and one.model.startswith("alpha")
    }
    assert {row["model"]: float(row["value"]) for row in rows} == pytest.approx(expected, abs=1e-5)
    told = json.loads(saved["brainbench.json"])
    assert told["view"] == tab.url
    assert {one["benchmark"] for one in told["scores"]} == {FIRST}
    assert tab.url in saved["brainbench.bib"]
    assert "Made up" in tab.locator("#cite").inner_text()


def test_saved_names_are_no_formulas(visit: Visit) -> None:
    tab = visit.open("index.html")
    made = tab.evaluate("[...'=+-@'].map((sign) => `${sign}1`).map(csvCell)")
    assert made == ["'=1", "'+1", "'-1", "'@1"]
    assert tab.evaluate("csvCell('a\"b,c')") == '"a""b,c"'


def test_from_the_board_to_a_model_and_back(visit: Visit) -> None:
    tab = visit.open("index.html")
    tab.get_by_role("link", name="Beta One", exact=True).click()
    assert tab.locator("h1").inner_text() == "Beta One"
    assert tab.locator("figure svg").count() == 3
    shoot(tab, "model")
    tab.get_by_role("link", name="Left-ridge").click()
    assert tab.locator("h1").inner_text() == "Left-ridge"
    assert tab.locator("svg.dots path.edge").count() == 6
    assert tab.locator("svg.dots path.hollow").count() == 2
    # grid and ceiling are drawn by the heading, and shown again behind each row
    assert tab.locator("svg.dots rect.ceiling").count() == 1
    behind = tab.locator("tbody svg.dots use")
    assert behind.count() == 8
    assert all(behind.nth(row).bounding_box()["height"] > 20 for row in range(8))
    tab.get_by_role("link", name="Leaderboard").click()
    assert len(visit.column(MODEL)) == 7


def test_scatter_with_the_mouse_and_the_keyboard(visit: Visit) -> None:
    tab = visit.open("correlations.html")
    points, tip = tab.locator(".point"), tab.locator("#tip")
    assert points.count() == 6
    assert tip.is_hidden()
    points.first.hover()
    assert "Left-ridge 0." in tip.inner_text()
    tab.mouse.move(1, 1)
    assert tip.is_hidden()
    tab.locator("#subset").focus()
    tab.keyboard.press("Tab")
    first = tip.inner_text()
    tab.keyboard.press("ArrowRight")
    assert tip.is_visible()
    assert tip.inner_text() != first
    tab.keyboard.press("End")
    assert points.last.evaluate("one => one === document.activeElement")
    assert tip.inner_text().split("\n")[0] in points.last.get_attribute("aria-label")
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    shoot(tab, "scatter-focus")
    tab.keyboard.press("Escape")
    assert tip.is_hidden()
    name = points.last.get_attribute("aria-label").split(":")[0]
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/models/**")
    assert tab.locator("h1").inner_text() == name


def test_a_cell_leads_to_its_dots_with_their_line(visit: Visit, results: list[Result]) -> None:
    tab = visit.open("correlations.html")
    cell = tab.locator("table.heat tbody tr").filter(has_text=SECOND).first.locator("td a").first
    r = cell.inner_text().replace("−", "-")
    cell.click()
    # the browser tells of a new fragment once it has followed the link
    tab.wait_for_function("axis => document.getElementById('axis-x').value === axis", arg=SECOND)
    assert tab.get_by_label("Horizontal axis").input_value() == SECOND
    assert tab.get_by_label("Vertical axis").input_value() == TASK
    told = tab.locator("#relation").inner_text().replace("−", "-")
    assert round(float(re.search(r"r = (-?[0-9.]+)", told)[1]), 2) == float(r)
    shown = {one.pair: one.value for one in reversed(results)}
    models = sorted({model for model, name in shown if name == TASK})
    x, y = ([shown[model, name] for model in models] for name in (SECOND, TASK))
    slope, start = np.polyfit(x, y, 1)
    # the drawn line goes through the heights of least squares, as the dots lie
    centres = tab.locator(".point .ring").evaluate_all(
        "all => all.map((one) => [+one.getAttribute('cx'), +one.getAttribute('cy')])"
    )
    (to_x, from_x), (to_y, from_y) = (
        np.polyfit(sorted(values), sorted(ends), 1)
        for values, ends in ((x, [c[0] for c in centres]), (-np.array(y), [c[1] for c in centres]))
    )
    course = tab.locator("path.fit").get_attribute("d")[1:].split("L")
    for point in (course[10], course[30]):
        across, up = map(float, point.split(","))
        height = slope * (across - from_x) / to_x + start
        assert up == pytest.approx(from_y - to_y * height, abs=0.3)
    assert tab.locator("path.band").count() == 1
    assert tab.locator("#plot line.error").count() == 2 * len(models)


def test_axes_are_chosen(visit: Visit) -> None:
    tab = visit.open("correlations.html")
    assert tab.locator("#relation").inner_text().startswith("Pearson r = ")
    tab.get_by_label("Vertical axis").select_option(SECOND)
    # of two that were published only, one more model
    assert tab.locator(".point").count() == 7
    # the one that was published only is hollow
    assert tab.locator(".point .hollow").count() == 1
    told = tab.locator("#relation").inner_text()
    assert told.endswith("7 models")
    link = tab.url
    visit.open("index.html")
    tab.goto(link)
    assert tab.locator("#relation").inner_text() == told
    assert tab.get_by_label("Vertical axis").input_value() == SECOND
    tab.get_by_label("Horizontal axis").select_option(SECOND)
    tab.locator(".point").first.click()
    assert tab.locator("h1").count() == 1
    assert "/models/" in tab.url


def test_scores_against_size_and_training_data(visit: Visit, paper_pages: Path) -> None:
    found = Visit(visit.tab, paper_pages)
    tab = found.open("models/vggish.html")
    tab.get_by_role("link", name="size and scores of all models").click()
    assert tab.get_by_label("Horizontal axis").input_value() == "parameters"
    tab.get_by_label("Vertical axis").select_option("NH2015-rsa")
    cards = {entry.card.id: entry.card for entry in registered(ModelCard)}
    known = [
        (cards[one.model].parameters, one.value, one.model)
        for one in published_results()
        if one.benchmark == "NH2015-rsa" and cards[one.model].parameters
    ]
    r = np.corrcoef(np.log10([size for size, *_ in known]), [value for _, value, _ in known])[0, 1]
    told = tab.locator("#relation").inner_text()
    assert told.startswith(f"Pearson r = {r:.3f} ")
    assert told.endswith(f"{len(known)} models")
    assert {"10 M", "100 M", "1 G"} <= set(tab.locator("#plot svg text").all_text_contents())
    tab.locator(".point").last.hover()
    largest = max(known)
    assert f"{largest[0] / 1e9:.2f} G parameters" in tab.locator("#tip").inner_text()
    # what they were trained on, the highest mean first
    rows = tab.locator("#learned-table tbody tr")
    values = {one.model: one.value for one in published_results() if one.benchmark == "NH2015-rsa"}
    by_data: dict[str, list[float]] = {}
    for model, value in values.items():
        by_data.setdefault(cards[model].training_data, []).append(value)
    means = sorted(((np.mean(group), len(group)) for group in by_data.values()), reverse=True)
    shown = [
        [float(one) for one in text.split()] for text in rows.locator("td.number").all_inner_texts()
    ]
    assert [one for (one,) in shown[::2]] == pytest.approx([mean for mean, _ in means], abs=6e-4)
    assert [one for (one,) in shown[1::2]] == [count for _, count in means]
    assert rows.first.locator("path").count() == means[0][1]
    tab.get_by_label("Vertical axis").select_option("B2021-rsa")
    assert tab.locator("#learned-score").inner_text() == "B2021-rsa"


def test_models_are_compared_in_pairs(visit: Visit, results: list[Result]) -> None:
    tab = visit.open("compare.html", "#m=beta-two&m=alpha-one")
    cells = tab.locator("#compared tbody tr").filter(has_text=FIRST).locator("td").all_inner_texts()
    pair = {one.model: one for one in results if one.benchmark == FIRST and not one.published}
    first, other = pair["beta-two"], pair["alpha-one"]
    (expected,) = compare([first, other])
    sign = 1 if expected.model == "alpha-one" else -1
    numbers = [float(text) for text in re.findall(r"-?\d+\.\d+", " ".join(cells).replace("−", "-"))]
    low, high = sorted(sign * bound for bound in expected.interval)
    wanted = [first.value, other.value, sign * expected.difference, low, high]
    assert numbers[:5] == pytest.approx(wanted, abs=6e-4)
    p = cells[3]
    assert p == "< 0.001" if expected.p < 0.001 else float(p) == pytest.approx(expected.p, abs=6e-4)
    # a published score has no pairs
    assert tab.locator("#layers figure").count() == 3
    assert tab.locator("#layers path.course").count() == 6
    titles = tab.locator("#layers title").all_text_contents()
    assert any(title.startswith("Alpha One, block 3: ") for title in titles)
    tab.get_by_label("Model 3").select_option("gamma-one")
    row = tab.locator("#compared tbody tr").filter(has_text=FIRST).locator("td")
    assert row.all_inner_texts()[-2:] == ["–", "–"]
    link = tab.url
    visit.open("index.html")
    tab.goto(link)
    assert tab.get_by_label("Model 3").input_value() == "gamma-one"
    shoot(tab, "compare")
    tab.get_by_label("Model 3").select_option(EVIL)
    assert tab.locator("#compared img").count() == 0


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(visit: Visit, scheme: str, name: str) -> None:
    visit.tab.emulate_media(color_scheme=scheme)
    tab = visit.open(name)
    if name == "index.html":
        tab.locator("#menu-show summary").click()
    found = tab.evaluate(CONTRAST)
    assert len(found) > 20
    assert [one for one in found if one[0] < 4.5] == []
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    assert dark == (scheme == "dark")
    shoot(tab, f"{Path(name).stem.replace('*', 'benchmark')}-{scheme}")


@pytest.mark.parametrize("name", PAGES)
def test_on_a_phone(visit: Visit, name: str) -> None:
    visit.tab.set_viewport_size({"width": 360, "height": 740})
    tab = visit.open(name)
    too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not tab.evaluate(too_wide)
    if name == "index.html":
        for menu in ("#menu-filter", "#menu-show", "#menu-save"):
            tab.locator(f"{menu} summary").click()
            assert not tab.evaluate(too_wide)
            shoot(tab, f"{menu[1:]}-phone")
            tab.keyboard.press("Escape")
        box = tab.locator(".box")
        assert box.evaluate("one => one.scrollWidth > one.clientWidth")
        # name and first score are seen without scrolling sideways
        for cell in ("th", "td:nth-child(3)"):
            place = tab.locator(f"#board tbody tr:first-child {cell}").first.bounding_box()
            assert place["x"] >= 0
            assert place["x"] + place["width"] <= 360
    shoot(tab, f"{Path(name).stem.replace('*', 'benchmark')}-phone")


@pytest.mark.parametrize("width", [768, 1440])
def test_menus_stay_inside_the_window(visit: Visit, width: int) -> None:
    visit.tab.set_viewport_size({"width": width, "height": 740})
    tab = visit.open("index.html")
    fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    for menu in ("#menu-filter", "#menu-show", "#menu-save"):
        tab.locator(f"{menu} summary").click()
        tab.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)))")
        assert tab.evaluate(fits)
        panel = tab.locator(f"{menu} > div").bounding_box()
        assert panel["x"] >= 0
        assert panel["x"] + panel["width"] <= width
        tab.keyboard.press("Escape")


def test_text_of_results_does_nothing(visit: Visit) -> None:
    tab = visit.open("index.html")
    tab.get_by_role("link", name=EVIL).click()
    assert tab.locator("h1").inner_text() == EVIL
    visit.open("index.html", f"#q={EVIL}&sort={EVIL}&family={EVIL}&show={EVIL}")
    assert tab.get_by_label("Search models").input_value() == EVIL
    visit.open("correlations.html", f"#x={EVIL}&y={EVIL}")
    for point in range(6):
        tab.locator(".point").nth(point).dispatch_event("mouseenter")
    assert tab.locator("img").count() == 0


def test_a_benchmark_may_be_called_like_a_method(
    visit: Visit, tmp_path: Path, results: list[Result]
) -> None:
    odd = [replace(one, benchmark="toString") for one in results[:1]]
    build_site([*results, *odd], tmp_path)
    found = Visit(visit.tab, tmp_path)
    tab = found.open("correlations.html", f"#x=toString&y={FIRST}")
    assert tab.locator(".point").count() == 1
    found.open("index.html", "#show=toString&sort=toString+descending")
    assert found.column(3).count("–") == 6
    assert "NaN" not in tab.locator("#board").inner_text()


def test_the_policy_holds(visit: Visit) -> None:
    tab = visit.open("index.html")
    ran = tab.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
          return window.ran === true;
        }"""
    )
    assert not ran
    assert "Content Security Policy" in visit.complaints.pop()
    assert visit.complaints == []


def test_the_keyboard_goes_everywhere(visit: Visit) -> None:
    tab = visit.open("index.html")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to content"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    seen, unseen = set(), []
    while (
        here := tab.evaluate(
            """() => {
              const one = document.activeElement;
              if (one === document.body) return null;
              return [getComputedStyle(one).outlineStyle, one.id || one.textContent || one.name];
            }"""
        )
    ) is not None:
        seen.add(here[1])
        if here[0] == "none":
            unseen.append(here[1])
        tab.keyboard.press("Tab")
    assert unseen == []
    assert {"Correlations", "q", "Filter", "Columns", "ridge", "Beta One"} <= seen


def test_without_scripts_there_is_a_table(browser: Any, pages: Path) -> None:
    # a context of its own cannot be had beside a persistent one, so scripts are taken out instead
    tab = browser.new_page()
    text = (pages / "index.html").read_text(encoding="utf-8")
    plain = "".join(itertools.chain.from_iterable(text.split("<script>")[:1]))
    tab.set_content(plain)
    assert tab.locator("#board tbody tr").count() == 7
    assert tab.locator("#controls").is_hidden()
    tab.close()
