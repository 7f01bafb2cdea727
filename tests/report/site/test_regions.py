"""Pictures of the four regions of the auditory cortex."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import xarray as xr

from brainbench_audio.report.results import Result
from brainbench_audio.report.site import build_site
from brainbench_audio.report.site.cortex import cortex, regions_of
from brainbench_audio.scores.score import Score

from .browsing import Visit, shoot

REGIONS = ("primary", "lateral", "anterior", "posterior")
LAYERS = ["first", "second", "a name that is quite long"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a site of two models: one measured in all regions, one in a single one."""
    folder = tmp_path_factory.mktemp("regions")
    raw = xr.Dataset({"profile": ("layer", [0.1, 0.2, 0.3])}, {"layer": LAYERS})
    Score(value=0.2, raw=raw).to_netcdf(folder / "score.nc")
    results = [
        Result(
            model="m",
            label="m",
            family="",
            benchmark=f"NH2015.{region}-rsa",
            value=0.2 * (place + 1),
            layer=LAYERS[place % 3],
            path=folder / "score.nc",
        )
        for place, region in enumerate(REGIONS)
    ]
    results += [
        Result(model="n", label="n", family="", benchmark=name, value=1.6)
        for name in ("NH2015.primary-rsa", "NH2015-rsa", "NH2015.primary-ridge")
    ]
    build_site(results, folder / "site")
    return folder / "site"


def shades(text: str) -> dict[str, tuple[str, str]]:
    """Return the opacity and the text of each region."""
    shown = re.findall(r'class="region" fill-opacity="([0-9.]+)"><title>(\w+): ([^<]*)<', text)
    return {region: (opacity, told) for opacity, region, told in shown}


def test_regions_belong_to_the_same_metric_and_sounds() -> None:
    names = [f"NH2015.{region}-{metric}" for region in REGIONS for metric in ("rsa", "rsa-cv")]
    others = ["B2021.primary-rsa", "NH2015[music].primary-rsa", "NH2015-rsa", "NH2015.lf-rsa"]
    found = regions_of("NH2015-rsa", [*names, *others])
    assert found == {region: f"NH2015.{region}-rsa" for region in REGIONS}


def test_scores_and_best_layers_of_a_model(folder: Path) -> None:
    text = (folder / "models" / "m.html").read_text(encoding="utf-8")
    score, layer = (shades(one) for one in text.split("<figure>")[1:3])
    # as a share of the highest score of any model in any of them, 1.6
    expected = {region: 0.45 * 0.2 * (place + 1) / 1.6 for place, region in enumerate(REGIONS)}
    assert {region: float(one) for region, (one, _) in score.items()} == pytest.approx(
        expected, abs=6e-4
    )
    assert score["posterior"][1] == "0.800"
    depths = {"primary": 0, "lateral": 0.5, "anterior": 1, "posterior": 0}
    assert {region: float(one) / 0.45 for region, (one, _) in layer.items()} == depths
    assert layer["anterior"][1] == "a name th…"
    assert "A schematic drawing of the left hemisphere, front to the left, not a map" in text
    # one region alone is no picture
    assert "Regions" not in (folder / "models" / "n.html").read_text(encoding="utf-8")


def test_benchmarks_show_their_region_or_the_mean_over_models(folder: Path) -> None:
    def page(start: str) -> str:
        return next((folder / "benchmarks").glob(f"{start}*")).read_text(encoding="utf-8")

    assert list(shades(page("nh2015.lateral-rsa"))) == ["lateral"]
    found = shades(page("nh2015-rsa"))
    assert {region: told for region, (_, told) in found.items()} == {
        region: f"{0.2 * (place + 1):.3f}" for place, region in enumerate(REGIONS)
    }
    assert "mean over the 1 models that have" in page("nh2015-rsa")


def test_a_region_without_a_score_is_empty() -> None:
    drawn = str(cortex("some", {"primary": (2.0, "<b>")}))
    assert shades(drawn) == {"primary": ("0.450", "&lt;b&gt;")}
    assert drawn.count("region absent") == 3


def test_shades_are_told_as_both_schemes_show_them(folder: Path) -> None:
    """What is dark on a light page is light on a dark one."""
    for page in folder.rglob("*.html"):
        text = re.sub(r"<(style|script).*?</\1>", "", page.read_text("utf-8"), flags=re.DOTALL)
        assert not re.search("dark(er|est)|light(er|est)", text), page.name
    assert "The stronger the shade" in (folder / "index.html").read_text("utf-8")


def test_texts_stay_inside_the_drawing(visit: Visit, folder: Path) -> None:
    found = Visit(visit.tab, folder)
    tab = found.open("models/m.html")
    drawing = tab.locator("figure svg").first.bounding_box()
    texts = [one.bounding_box() for one in tab.locator("figure svg").first.locator("text").all()]
    for one in texts:
        assert drawing["x"] <= one["x"]
        assert one["x"] + one["width"] <= drawing["x"] + drawing["width"]
    for place, one in enumerate(texts):
        for other in texts[place + 1 :]:
            apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            below = abs(one["y"] - other["y"]) >= min(one["height"], other["height"]) * 0.7
            assert apart or below
    shoot(tab, "regions")
