"""Pages are sound HTML, lead to each other only, and say what the results say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report.families import FAMILIES, OTHER, looks
from brainbench_audio.report.results import Result, published_results
from brainbench_audio.report.site import build_site
from brainbench_audio.report.site.content import gather
from brainbench_audio.report.site.profiles import read_profile
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
        self.tags: list[str] = []
        self.labelled_by: list[str] = []
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
    # three, six models and one that is only published, five benchmarks with the overall mean
    assert len(written) == 3 + 7 + 5
    for path in written:
        page = Checked(path)
        assert len(page.ids) == len(set(page.ids)), path
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
                assert link[1:] in page.ids
                continue
            target = (path.parent / unquote(link)).resolve()
            assert target.is_file(), (path, link)
            assert folder.resolve() in target.parents


def test_links_lead_to_pages_of_the_site_or_the_web(pages: Path) -> None:
    check_links(pages)


def test_a_policy_forbids_all_but_our_own(pages: Path) -> None:
    for path in every(pages):
        text = path.read_text(encoding="utf-8")
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
        assert policy
        assert "default-src &#x27;none&#x27;" in policy[1]
        assert "unsafe" not in policy[1]
        # before anything that it could forbid
        assert policy.end() < min(text.index("<style"), text.index("<title"))


def test_text_of_results_is_only_text(pages: Path) -> None:
    for path in every(pages):
        text = path.read_text(encoding="utf-8")
        assert "<img" not in text
        assert "<script>alert" not in text
    (page,) = (path for path in every(pages) if path.name.startswith("_img"))
    assert "&lt;img src=x onerror=alert(1)&gt;" in page.read_text(encoding="utf-8")


def test_the_board_has_every_result(pages: Path, results: list[Result]) -> None:
    data = board(pages)
    assert isinstance(data["rows"], list)
    rows = {(row["model"], row["published"]): row for row in data["rows"]}
    assert len(rows) == 6 + 2
    for result in results:
        scores = rows[result.model, result.published]["scores"][result.benchmark]
        value, low, high, error, normalised, ceiling, approximate, rank = scores
        expected = (result.value, result.error, result.normalised, result.ceiling)
        for given, wanted in zip((value, error, normalised, ceiling), expected, strict=True):
            assert given == (None if wanted is None else pytest.approx(wanted, abs=1e-5))
        assert approximate == result.approximate
        if result.published:
            assert (low, high) == (None, None)
            assert rank.isdigit()
        else:
            assert low < value < high
            assert re.fullmatch(r"\d+( \(\d+–\d+\))?", rank)


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
    assert "0.330" in text
    assert "published" in text
    assert "somebody &amp; &lt;img" in text
    text = (pages / "benchmarks.html").read_text(encoding="utf-8")
    assert text.count('scope="row"') == 5
    text = next((pages / "benchmarks").glob("left-ridge*.html")).read_text(encoding="utf-8")
    assert "ceiling 0.800" in text
    # a dot each, and one in the table and in the legend
    assert text.count("<title>Alpha One (published): 0.330</title>") == 1


def test_table_1(tmp_path: Path) -> None:
    site = build_site(published_results(), tmp_path / "site")
    text = (tmp_path / "site" / "correlations.html").read_text(encoding="utf-8")
    rows = re.findall(
        r'NH2015-ridge</a></th><td>(\w+)</td>((?:<td class="number">[^<]*</td>)+)', text
    )
    found = {name: re.findall(r">([^<]+)</td>", cells)[-1] for name, cells in rows}
    assert float(found["all"]) == pytest.approx(0.902, abs=0.01)
    assert float(found["subset"]) == pytest.approx(0.713, abs=0.01)
    assert site.pages > 36 + 10
    assert site.size == sum(path.stat().st_size for path in every(tmp_path / "site"))


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


class TestProfiles:
    def stored(self, path: Path, raw: xr.Dataset) -> Path:
        Score(value=0.1, raw=raw).to_netcdf(path)
        return path

    def test_the_finest_small_one_is_read(self, tmp_path: Path) -> None:
        layers = {"layer": ["in", "out"]}
        many = (("layer", "voxel"), np.ones((2, 500)))
        raw = xr.Dataset({"layer_score": many, "profile": ("layer", [0.1, 0.2])}, layers)
        profile = read_profile(self.stored(tmp_path / "voxels.nc", raw))
        assert profile is not None
        assert profile.layers == ("in", "out")
        assert profile.values.tolist() == [[0.1, 0.2]]
        raw = xr.Dataset({"layer_score": many}, layers)
        profile = read_profile(self.stored(tmp_path / "voxels only.nc", raw))
        assert profile is not None
        assert profile.parts == ()
        assert profile.values.tolist() == [[1.0, 1.0]]
        few = (("layer", "component"), [[0.1, np.nan, 0.3], [0.4, 0.5, 0.6]])
        raw = xr.Dataset({"layer_score": few}, layers | {"component": ["a", "b", "c"]})
        profile = read_profile(self.stored(tmp_path / "components.nc", raw))
        assert profile is not None
        assert profile.parts == ("a", "b", "c")
        np.testing.assert_array_equal(profile.values, np.array(few[1]).T)

    def test_learned_weights(self, tmp_path: Path) -> None:
        weights = (("fold", "layer"), [[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]])
        raw = xr.Dataset({"layer_weights": weights}, {"layer": ["in", "out"]})
        profile = read_profile(self.stored(tmp_path / "weights.nc", raw))
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
        assert read_profile(self.stored(tmp_path / "x.nc", raw)) is None

    def test_a_damaged_file_costs_its_profile_only(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "x.nc").write_bytes(b"nothing")
        assert read_profile(tmp_path / "x.nc") is None
        assert "no layer profile that can be read" in caplog.text


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_families_can_be_told_apart() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    table = looks([*FAMILIES, *(f"new-{place}" for place in range(15))])
    assert len(set(table.values())) == len(table)
    for look in [*table.values(), OTHER]:
        assert contrast(look.colour, PAPER_COLOUR) >= 3
        assert contrast(look.colour, DARK_COLOUR) >= 3
