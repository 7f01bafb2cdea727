"""Pages are sound HTML, lead to each other only, and say what the results say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report.category_errors import CategoryError
from brainbench_audio.report.families import FAMILIES, OTHER, looks
from brainbench_audio.report.results import Result, published_results
from brainbench_audio.report.site import build_site
from brainbench_audio.report.site.board_data import board_data, column_groups
from brainbench_audio.report.site.categories import category_tables
from brainbench_audio.report.site.content import gather
from brainbench_audio.report.site.precision import error_text, printed
from brainbench_audio.report.site.stored import Stored, read_stored
from brainbench_audio.report.table1 import published_tables
from brainbench_audio.scores.score import Score

VOID = {"meta", "link", "input", "br", "hr", "img"}
PAPER_COLOUR, DARK_COLOUR = "#fcfcfa", "#14171b"


class Checked(HTMLParser):
    """Walks through a page; every element has to be closed in turn."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.values: list[str] = []
        self.tags: list[str] = []
        self.regions: list[str] = []
        self.texts: dict[str, str] = {}
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice"
        assert not [name for name in names if name.startswith("on") or name in ("style", "srcdoc")]
        found = dict(attrs)
        # a name on what has no role is not read out
        assert "aria-label" not in found or "role" in found or tag in ("section", "nav", "a"), tag
        if tag == "section" and "aria-label" in found:
            self.regions.append(str(found["aria-label"]))
        if tag == "option":
            self.values.append(str(found.get("value")))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        for name in ("href", "src", "action", "srcset", "data"):
            if name in found:
                self.links.append(str(found[name]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a start"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data


def every(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.html"))


def board(folder: Path) -> dict[str, object]:
    text = (folder / "index.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="board-data">(.*?)</script>', text)
    assert found
    return dict(json.loads(found[1]))


def test_pages_are_sound(pages: Path) -> None:
    written = list(every(pages))
    # five, six models and one that is only published, five benchmarks with the overall mean, and
    # the sounds of two models
    assert len(written) == 5 + 7 + 5 + 2
    for path in written:
        page = Checked(path)
        assert len(page.ids) == len(set(page.ids)), path
        assert len(page.regions) == len(set(page.regions)), path
        # nothing is sent anywhere
        assert "form" not in page.tags
        assert page.tags.count("main") == page.tags.count("h1") == page.tags.count("html") == 1
        assert page.tags.count("nav") == page.tags.count("header") == page.tags.count("footer") == 1
        assert "img" not in page.tags
        assert page.texts["title"].strip()


def check_links(folder: Path) -> None:
    for path in every(folder):
        page = Checked(path)
        assert page.links
        for link in page.links:
            if link.startswith("https://"):
                continue
            if link.startswith("#"):
                # a place on the page, or what its axes show
                view = dict(parse_qsl(link[1:]))
                assert link[1:] in page.ids or {view["x"], view["y"]} <= set(page.values)
                continue
            address, _, view = link.partition("#")
            target = (path.parent / unquote(address)).resolve()
            assert target.is_file(), (path, link)
            # what it shows is there to choose
            assert set(dict(parse_qsl(view)).values()) <= set(
                Checked(target).values if view else ()
            )
            assert folder.resolve() in target.parents


def test_links_lead_to_pages_of_the_site_or_the_web(pages: Path) -> None:
    check_links(pages)


def test_a_policy_forbids_all_but_our_own(pages: Path) -> None:
    for path in every(pages):
        text = path.read_text(encoding="utf-8")
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
        assert policy
        assert "default-src &#39;none&#39;" in policy[1]
        assert "unsafe" not in policy[1]
        # before anything that it could forbid
        assert policy.end() < min(text.index("<style"), text.index("<title"))


def test_text_of_results_is_only_text(pages: Path) -> None:
    for path in every(pages):
        text = path.read_text(encoding="utf-8")
        assert "<img" not in text
        assert "<script>alert" not in text
    page = next((pages / "models").glob("_img*"))
    assert "&lt;img src=x onerror=alert(1)&gt;" in page.read_text(encoding="utf-8")


def test_the_board_has_every_result(pages: Path, results: list[Result]) -> None:
    data = board(pages)
    assert isinstance(data["rows"], list)
    assert isinstance(data["columns"], list)
    rows = {row["model"]: row for row in data["rows"]}
    places = [column["id"] for column in data["columns"]]
    # a model that is measured and published is one row
    assert len(rows) == len(data["rows"]) == 6 + 1
    for result in results:
        cell = rows[result.model]["scores"][places.index(result.benchmark)]
        known = [one for one in results if one.pair == result.pair]
        assert len(cell) == len(known)
        # the measured one first
        numbers = cell[-1] if result.published else cell[0]
        value, low, high, error, normalised, ceiling, _, published, _, place, *_ = numbers
        expected = (result.value, result.error, result.normalised, result.ceiling)
        for given, wanted in zip((value, error, normalised, ceiling), expected, strict=True):
            assert given == (None if wanted is None else pytest.approx(wanted, abs=1e-5))
        assert published == result.published
        if result.published:
            assert (low, high) == (None, None)
        else:
            assert low < value < high
        assert (place is None) == (result.published and len(known) == 2)


def test_each_model_has_one_place_in_a_column(pages: Path) -> None:
    data = board(pages)
    assert isinstance(data["rows"], list)
    assert isinstance(data["columns"], list)
    for column in range(len(data["columns"])):
        cells = [row["scores"][column] for row in data["rows"]]
        places = [cell[0][9] for cell in cells if cell]
        assert sorted(places) == list(range(1, len(places) + 1))


def test_pages_say_what_the_results_say(pages: Path, results: list[Result]) -> None:
    one = results[0]
    text = (pages / "models" / "alpha-one.html").read_text(encoding="utf-8")
    for said in (
        f"{one.value:.3f}",
        f"{one.normalised:.3f}",
        "0.800",
        "0123456789ab",
        f"best {one.layer}",
        f"that two.pt (SHA-256 {'cd' * 32}) is the file of this model",
    ):
        assert said in text
    assert "that one.pt" not in text, "it was verified"
    assert text.count("<figure>") == 3  # the task has no layers
    # subsets stand folded below whole data sets
    whole, _, folded = text.partition("Subsets and variants: 1 more")
    assert "left-ridge" in whole
    assert 'scope="row"><a href="../benchmarks/whole.part-ridge' in folded
    _, _, kinds = text.partition("Category by category")
    music, _, other = kinds.partition('scope="row">Music')[2].partition('scope="row">')
    assert re.findall(r'"number">([^<]*)<', music) == ["0.750", "0.750 to 0.750", "0.211", "6"]
    assert other.startswith("&lt;img")
    assert 'class="grid"' not in "".join(re.findall(r"<tbody>.*?</tbody>", kinds, re.DOTALL))
    assert "0.330" in text
    assert "published" in text
    assert "somebody &amp; &lt;img" in text
    text = (pages / "benchmarks.html").read_text(encoding="utf-8")
    assert text.count('scope="row"') == 5
    text = next((pages / "benchmarks").glob("left-ridge*.html")).read_text(encoding="utf-8")
    assert "Band: ceiling, 0.800." in text
    # a dot each, the best on top; the published one of a model that was measured, too
    dots = re.findall(r"<title>([^<]+): ([−0-9.]+)</title>", text)
    values = [float(value.replace("−", "-")) for name, value in dots if "published" not in name]
    assert values == sorted(values, reverse=True)
    assert len(dots) == 6 + 2
    assert ("Alpha One (published)", "0.330") in dots
    # categories of each model, the published one apart; errors are a quarter of the spread
    kinds = text.partition("Category by category")[2].partition("<h2>")[0]
    heads = re.findall(r'scope="col">([^<]*)<', kinds)
    assert heads[:2] == ["Model", "all sounds"]
    assert sorted(heads[2:]) == sorted(["Music", "&lt;img src=x onerror=alert(1)&gt;"])
    assert kinds.count('scope="row"') == 6
    assert re.findall(r'class="number heat-6" title="6 sounds, [^"]*">([^<]*)<', kinds) == (
        ["0.75"] * 12
    )
    other = next((pages / "benchmarks").glob("right-rsa*.html")).read_text(encoding="utf-8")
    assert "Category by category" not in other


def test_table_1(paper_pages: Path) -> None:
    text = (paper_pages / "correlations.html").read_text(encoding="utf-8")
    found = dict(
        re.findall(
            r'<a href="#x=NH2015-ridge&amp;y=overall(|&amp;subset=1)">([0-9.]+)</a>',
            text,
        )
    )
    assert float(found[""]) == pytest.approx(0.902, abs=0.01)
    assert float(found["&amp;subset=1"]) == pytest.approx(0.713, abs=0.01)
    # and what it says of single tasks, which nothing here could compute
    printed = text.partition("Table 1 of the paper")[2]
    cells = re.findall(r'class="number \w+-\d [\w-]+" title="p [^"]*">([−0-9.]+)</td>', printed)
    assert len(cells) == sum(len(table.cells) for table in published_tables()[:1])


def test_what_was_written_is_told(tmp_path: Path) -> None:
    site = build_site([own("m", "b-c", 0.5), own("n", "b-c", 0.1)], tmp_path)
    assert site.pages == len(list(every(tmp_path))) == 5 + 2 + 1
    assert site.size == sum(path.stat().st_size for path in every(tmp_path))


def test_two_runs_write_the_same(tmp_path: Path, results: list[Result], pages: Path) -> None:
    build_site(list(reversed(results)), tmp_path / "again", "Made up & tested")
    for path in every(pages):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(pages)).read_bytes()


def test_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to show"):
        build_site([], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_one_result_without_anything_else(tmp_path: Path) -> None:
    build_site([Result(model="m", label="m", family="", benchmark="b", value=0.5)], tmp_path)
    for path in every(tmp_path):
        Checked(path)


def test_ids_that_file_systems_confuse(tmp_path: Path) -> None:
    names = ["a/b", "a_b", "A_B", "..", ".hidden", "é", "x" * 300, "CON", ""]
    results = [
        Result(model=name, label=name, family="f", benchmark="b-c", value=0.1) for name in names
    ]
    files = gather("title", results).models
    assert sorted(files) == sorted(names)
    assert len({path.lower() for path in files.values()}) == len(names)
    build_site(results, tmp_path)
    assert len(list((tmp_path / "models").glob("*.html"))) == len(names)
    check_links(tmp_path)


def test_computed_means_take_the_place_of_published_ones(results: list[Result]) -> None:
    one = results[0]
    tasks = [
        replace(one, model=f"m{model}", benchmark=task, value=0.1 * model * model)
        for model in range(4)
        for task in ("HEAR.gtzan-probe", "HEAR.esc50-probe")
    ]
    given = replace(one, benchmark="overall", value=9.0, published=True)
    content = gather("title", [*tasks, given])
    shown = [row.results["overall"].value for row in content.rows if "overall" in row.results]
    assert len(shown) == 4
    assert max(shown) < 9
    assert np.mean(shown) == pytest.approx(0)


def own(model: str, benchmark: str, value: float, **fields: Any) -> Result:
    fields = {"label": model, "family": "", **fields}
    return Result(model=model, benchmark=benchmark, value=value, **fields)


def test_controls_are_no_models(tmp_path: Path) -> None:
    tasks = ("NH2015-ridge", "HEAR.gtzan-probe")
    values = {"a": 0.1, "b": 0.2, "c": 0.25, "a@untrained": 0.9, "b@permuted": 0.01}
    results = [own(name, task, value) for name, value in values.items() for task in tasks]
    content = gather("title", results)
    assert {row.model: row.control for row in content.rows} == {
        name: "@" in name for name in values
    }
    assert set(content.overall.values) == {"a", "b", "c"}
    for row in content.rows:
        assert bool(row.ranks) == (not row.control)
    assert [row.ranks["NH2015-ridge"].place for row in content.rows if not row.control] == [3, 2, 1]
    build_site(results, tmp_path)
    text = (tmp_path / "correlations.html").read_text(encoding="utf-8")
    data = json.loads(re.findall(r'id="scatter-data">(.*?)</script>', text)[0])
    assert [row["label"] for row in data["rows"]] == ["a", "b", "c"]
    assert {n for _, _, subset, *_, n in data["relations"] if not subset} == {3}


def test_the_first_columns_are_those_that_most_models_share() -> None:
    own_scores = [own(f"m{place}", "SimCortex-ridge", 0.1 * place) for place in range(7)]
    own_scores += [own("m0", "NH2015comp-ridge", 0.5, parts={"lf": 0.5})]
    shared = [own(f"m{place}", "NH2015comp.lf-ridge", 0.2) for place in range(7)]
    content = gather("title", [*own_scores, *shared, *published_results()])
    most = {name for name in content.benchmarks if name.startswith("NH2015comp.lf")}
    assert content.first in most
    assert most <= set(content.chosen)
    # with published scores alone, whole data sets that all share
    assert gather("title", published_results()).chosen == (
        "B2021-ridge",
        "B2021-rsa",
        "NH2015-ridge",
        "NH2015-rsa",
        "overall",
    )


def test_published_scores_are_normalised_where_a_topline_is_published() -> None:
    found = {one.pair: one for one in published_results()}
    one = found["vggish", "NH2015-rsa"]
    assert one.ceiling == 0.759
    assert one.normalised == pytest.approx(one.value / 0.759)
    assert found["vggish", "NH2015-ridge"].normalised is None


def test_the_mean_is_over_what_most_models_share() -> None:
    shared = {"NH2015-ridge": 0.2, "NH2015-rsa": 0.6}
    results = [
        own(f"m{n}", name, value + n / 10) for n in range(3) for name, value in shared.items()
    ]
    results += [own("m2", "B2021-ridge", 0.9), own("part", "NH2015-rsa", 0.9)]
    results += [own("part", "NH2015-ridge", 0.1, published=True, normalised=0.5, ceiling=0.2)]
    results += [own("less", "NH2015-rsa", 0.95)]
    # only one benchmark is shared by all five
    assert [group.title for group in column_groups(gather("title", results))] == ["NH2015", "B2021"]
    groups = column_groups(gather("title", results[:-1]))
    (mean,) = groups[0].columns
    expected = {"m0": 0.4, "m1": 0.5, "m2": 0.6, "part": 0.5}
    assert {name: one.value for name, one in mean.results.items()} == pytest.approx(expected)
    assert {name for name, one in mean.results.items() if one.published} == {"part"}
    assert mean.ranks["m2"].place == 1
    assert "R², Spearman's rho" in groups[0].sentence
    named_so = own("m0", "mean", 0.1)
    assert column_groups(gather("title", [*results[:-1], named_so]))[0].title != "Brain"


def test_a_mean_with_a_published_part_is_as_unsure_as_that() -> None:
    read = {"published": True, "provenance": {"reading_error": 0.03}}
    results = [
        own(f"m{n}", name, 0.2 + n / 10, **(read if name == "NH2015-rsa" and n else {}))
        for n in range(2)
        for name in ("NH2015-ridge", "NH2015-rsa")
    ]
    content = gather("title", results)
    groups = column_groups(content)
    rows = board_data(content, groups, "")["rows"]
    means = {row["model"]: row["scores"][0][0] for row in rows}
    assert {name: (one[6], one[7], one[8]) for name, one in means.items()} == {
        "m0": (None, 0, 3),
        "m1": (0.03, 1, 2),
    }


def test_a_task_of_ones_own_goes_with_brain_data(tmp_path: Path) -> None:
    results = [
        own(f"m{place}", benchmark, value * place * place)
        for place in range(7)
        for benchmark, value in (("SimCortex-ridge", 0.01), ("HEAR.fsdd-probe", 0.02))
    ]
    build_site(results, tmp_path)
    text = (tmp_path / "correlations.html").read_text(encoding="utf-8")
    assert "No three models" not in text
    assert "HEAR.fsdd-probe" in text
    page = next((tmp_path / "benchmarks").glob("hear.fsdd*")).read_text(encoding="utf-8")
    # what is true of the six tasks together is not said of another one
    assert "211,186" not in page
    assert "zenodo" not in page


def test_pages_of_tasks_count_their_own_sounds(tmp_path: Path) -> None:
    raw = xr.Dataset(
        {"learning_curve": (("setting", "epoch"), [[0.1, 0.2]])}, {"metric": ["top1_acc"]}
    )
    path = tmp_path / "score.nc"
    Score(value=0.1, raw=raw).to_netcdf(path)
    n = {"train": 3, "valid": 2, "test": 1}
    tasks = ("HEAR.gtzan-probe", "HEAR.fsdd-probe")
    told = gather("title", [own("m", task, 0.1, path=path, n=n) for task in tasks]).about
    assert (told[tasks[0]].stimuli, told[tasks[0]].unit) == (1000, "top1_acc")
    assert (told[tasks[1]].stimuli, told[tasks[1]].unit) == (6, "top1_acc")


def test_continuous_sound_is_counted_in_runs() -> None:
    """Its rows are volumes, which are many and are no sounds."""
    content = gather("title", [own("m", "Songs-heard", 0.1, n={"stimulus": 9000, "run": 7})])
    assert content.about["Songs-heard"].stimuli == 7
    assert "; 7 runs" in column_groups(content)[0].sentence


def test_a_second_data_set_is_named_and_cited() -> None:
    from brainbench_audio.report.site.about import about

    told, alone = about("NH2015comp-ridge-from=SimCortex", []), about("SimCortex-rsa", [])
    assert told.variant == "from=SimCortex"
    assert alone.citations[0] in told.citations
    assert len(told.citations) == 3


def test_what_scores_were_told_describes_what_no_plugin_does(tmp_path: Path) -> None:
    cards = {
        "model": {"label": "My Model", "family": "mine", "licence": "MIT", "parameters": 12},
        "data": {"description": "songs of birds", "licence": "CC0", "source": "https://x.org"},
        "metric": {"description": "counts", "unit": "songs"},
    }
    result = own("file.py:M", "Birds-count", 0.5, provenance={"cards": cards})
    odd = own("odd", "Odd-count", 0.5, provenance={"cards": {"model": 3, "data": [], "metric": {}}})
    content = gather("title", [result, odd])
    card, told = content.model_cards["file.py:M"], content.about["Birds-count"]
    assert (card.licence, card.parameters, card.training_data) == ("MIT", 12, "")
    assert (told.data, told.unit, told.licence) == ("songs of birds", "songs", "CC0")
    assert content.about["Odd-count"].data == ""
    build_site([result, odd], tmp_path)
    text = next((tmp_path / "benchmarks").glob("birds*")).read_text(encoding="utf-8")
    assert "Songs of birds." in text


def test_published_numbers_have_the_digits_that_reading_allows(tmp_path: Path) -> None:
    one = own("m", "b-c", 0.45678, published=True, provenance={"reading_error": 0.03})
    assert (printed(one), error_text(one)) == ("0.46", "reading ± 0.03")
    assert printed(replace(one, provenance={"reading_error": 0.002})) == "0.457"
    assert printed(replace(one, approximate=True)) == "≈ 0.46"
    measured = replace(one, published=False, error=0.01)
    assert (printed(measured), error_text(measured)) == ("0.457", "0.010")
    build_site([one, own("n", "b-c", 0.5)], tmp_path)
    for name in ("index.html", "models/m.html", "benchmarks/b-c.html"):
        text = (tmp_path / name).read_text(encoding="utf-8").partition('id="board-data"')[0]
        assert "0.46" in text
        assert "0.457" not in text


class TestProfiles:
    def stored(self, path: Path, raw: xr.Dataset) -> Path:
        Score(value=0.1, raw=raw).to_netcdf(path)
        return path

    def test_the_finest_small_one_is_read(self, tmp_path: Path) -> None:
        layers = {"layer": ["in", "out"]}
        many = (("layer", "voxel"), np.ones((2, 500)))
        raw = xr.Dataset({"layer_score": many, "profile": ("layer", [0.1, 0.2])}, layers)
        profile = read_stored(self.stored(tmp_path / "voxels.nc", raw)).profile
        assert profile is not None
        assert profile.layers == ("in", "out")
        assert profile.values.tolist() == [[0.1, 0.2]]
        raw = xr.Dataset({"layer_score": many}, layers)
        profile = read_stored(self.stored(tmp_path / "voxels only.nc", raw)).profile
        assert profile is not None
        assert profile.parts == ()
        assert profile.values.tolist() == [[1.0, 1.0]]
        few = (("layer", "component"), [[0.1, np.nan, 0.3], [0.4, 0.5, 0.6]])
        raw = xr.Dataset({"layer_score": few}, layers | {"component": ["a", "b", "c"]})
        profile = read_stored(self.stored(tmp_path / "components.nc", raw)).profile
        assert profile is not None
        assert profile.parts == ("a", "b", "c")
        np.testing.assert_array_equal(profile.values, np.array(few[1]).T)

    def test_learned_weights(self, tmp_path: Path) -> None:
        weights = (("fold", "layer"), [[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
        raw = xr.Dataset({"layer_weights": weights}, {"layer": ["in", "out"]})
        profile = read_stored(self.stored(tmp_path / "weights.nc", raw)).profile
        assert profile is not None
        assert profile.what == "learned weight"
        assert profile.parts == ("fold 0", "fold 1", "fold 2")
        assert profile.values.tolist() == weights[1]

    @pytest.mark.parametrize(
        "raw",
        [
            xr.Dataset(),
            xr.Dataset({"profile": ("layer", [0.1])}, {"layer": ["one"]}),
            xr.Dataset({"layer_score": ("layer", [0.1, 0.2])}, {"layer": ["a", "b"]}),
        ],
        ids=["no layers", "one layer", "another shape"],
    )
    def test_none(self, tmp_path: Path, raw: xr.Dataset) -> None:
        assert read_stored(self.stored(tmp_path / "x.nc", raw)).profile is None

    def test_a_damaged_file_costs_its_profile_only(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "x.nc").write_bytes(b"nothing")
        assert read_stored(tmp_path / "x.nc").profile is None
        assert "no layers or sounds that can be read" in caplog.text


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_families_can_be_told_apart() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    table = looks([*FAMILIES, *(f"new-{place}" for place in range(99))])
    for look in [*table.values(), OTHER]:
        assert contrast(look.colour, PAPER_COLOUR) >= 3
        assert contrast(look.colour, DARK_COLOUR) >= 3


def test_categories_of_sounds_are_seen_on_both_papers() -> None:
    script = resources.files("brainbench_audio.report.site") / "static" / "sounds_wrong.js"
    listed = re.search(r"COLOURS = \[([^]]*)\]", script.read_text(encoding="utf-8"))
    assert listed
    colours = re.findall(r"#[0-9A-F]{6}", listed[1])
    assert len(set(colours)) == len(colours) > 5
    for colour in colours:
        assert contrast(colour, PAPER_COLOUR) >= 3
        assert contrast(colour, DARK_COLOUR) >= 3


def test_rows_of_categories_take_their_lines_from_their_own_heading() -> None:
    known = CategoryError(
        category="Music", sounds=6, explained=0.5, interval=(0.4, 0.6), over="sounds", share=0.1
    )
    stored = {name: Stored(categories=(known, known)) for name in ("Left-ridge", "Right-ridge")}
    tables = category_tables(stored, stored, OTHER)
    drawn = [[one.axis, *(dot for _, dot in one.lines)] for one in tables]
    ids = [re.findall(r'id="([^"]*)"', "".join(one)) for one in drawn]
    assert [len(one) for one in ids] == [1, 1]
    assert ids[0] != ids[1]
    taken = [re.findall(r'href="#([^"]*)"', "".join(one)) for one in drawn]
    assert taken == [2 * one for one in ids]
