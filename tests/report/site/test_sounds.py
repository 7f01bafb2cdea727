"""What pages say of single sounds: which are alike, and which a model gets wrong."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import xarray as xr
from scipy.spatial.distance import squareform

from brainbench_audio.markup import inline_data
from brainbench_audio.report.category_errors import category_errors
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.build import build_site
from brainbench_audio.report.site.clips import Clip, Clips
from brainbench_audio.report.site.sounds import sounds_in
from brainbench_audio.report.site.stored import read_stored
from brainbench_audio.scores.predictions import errors_of
from brainbench_audio.scores.score import Score

from .browsing import Visit, shoot
from .conftest import EVIL, SOUNDS, WITH_SOUNDS, sounds_of

NAMES = ["a", "b", "c", "d"]


def raw_of(**variables: object) -> xr.Dataset:
    known = {"category": ("stimulus", ["Music", "other", "EngSpeech", "Music"])}
    return xr.Dataset({**known, **variables}, {"stimulus": NAMES})


def test_sounds_are_sorted_by_category_with_all_that_is_known_of_them() -> None:
    square = np.array([[0, 1, 2, 3], [1, 0, 4, 5], [2, 4, 0, 6], [3, 5, 6, 0]], dtype=float)
    distances = ("pair", squareform(square), {"distance": "1 − r"})
    predictions = (("stimulus", "component"), np.arange(8.0).reshape(4, 2))
    found = sounds_in(
        raw_of(
            rdm=distances,
            target_rdm=distances,
            measured=predictions,
            prediction=predictions,
            influence=(("left_out", "part"), [[0.1, 0.3], [0.0, 0.0], [-0.2, 0.0], [0.0, -0.2]]),
        )
    )
    order = [2, 0, 3, 1]
    assert found.names == ("c", "a", "d", "b")
    assert found.categories == ("EngSpeech", "Music", "Music", "other")
    for matrix in found.matrices:
        np.testing.assert_array_equal(squareform(matrix.triangle), square[np.ix_(order, order)])
    np.testing.assert_array_equal(found.predictions.measured[:, 0], [4, 0, 6, 2])
    # without "a" the score is higher
    assert found.owed.tolist() == [0.1, -0.2, 0.1, 0.0]


def test_matrices_share_a_scale_where_they_are_the_same_distance() -> None:
    layer, brain = np.linspace(0, 1, 6), np.linspace(1, 2, 6)
    told = {}
    for distance in ("1 − r", "Euclidean"):
        raw = raw_of(
            rdm=("pair", layer, {"distance": distance}),
            target_rdm=("pair", brain, {"distance": "1 − r"}),
        )
        told[distance] = sounds_in(raw).data()["matrices"]
    assert [(one["low"], one["high"]) for one in told["1 − r"]] == [(0, 2), (0, 2)]
    assert [(one["low"], one["high"]) for one in told["Euclidean"]] == [(0, 1), (1, 2)]
    shades = np.frombuffer(base64.b64decode(told["1 − r"][0]["shades"]), np.uint8)
    # categories are in another order than the sounds
    np.testing.assert_allclose(np.sort(shades) / 255 * 2, layer, atol=1 / 255)


def test_numbers_of_any_size_keep_their_digits_and_gaps_are_gaps() -> None:
    values = np.array([[1.23456e-7], [2.0], [np.nan], [-np.inf]])
    pair = (("stimulus", "component"), values)
    data = sounds_in(raw_of(measured=pair, prediction=pair)).data()
    text = inline_data("x", data["measured"])
    # sorted by category: c a d b
    assert text.partition(">")[2].startswith("[[null,1.235e-07,null,2.0]]")


@pytest.mark.parametrize(
    "raw",
    [
        raw_of(),
        raw_of(rdm=("pair", np.ones(6))),
        raw_of(rdm=("pair", np.ones(3)), target_rdm=("pair", np.ones(3))),
        raw_of(influence=(("left_out", "part"), np.ones((3, 1)))),
        raw_of(influence=(("left_out", "part"), np.ones((4, 1)))).assign_coords(stimulus=["a"] * 4),
        xr.Dataset({"influence": (("left_out", "part"), np.ones((4, 1)))}),
        xr.Dataset(
            {"influence": (("left_out", "part"), np.ones((501, 1)))}, {"stimulus": np.arange(501)}
        ),
    ],
    ids=["nothing", "no brain", "other pairs", "other sounds", "one name", "no names", "many"],
)
def test_nothing_is_said_where_nothing_is_known(raw: xr.Dataset) -> None:
    assert sounds_in(raw) is None


def test_predictions_of_many_targets_are_not_read(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for targets, read in ((3, True), (65, False)):
        sides = {
            name: (("stimulus", "voxel"), generator.random((4, targets)))
            for name in ("measured", "prediction")
        }
        owed = (("left_out", "part"), np.ones((4, 1)))
        raw = raw_of(**sides, influence=owed, r2=("voxel", np.ones(targets)))
        raw = raw.set_coords("category")
        Score(value=0.1, raw=raw).to_netcdf(tmp_path / "score.nc")
        found = read_stored(tmp_path / "score.nc")
        assert (found.sounds.predictions is not None) == read
        assert found.sounds.categories[0] == "EngSpeech"
        # a score from before errors of sounds were stored has them from its predictions
        assert list(found.categories) == (category_errors(errors_of(raw)) if read else [])


def test_errors_that_nobody_can_draw_are_left_out(tmp_path: Path) -> None:
    for last, drawn in ((1.0, True), (np.nan, False), (np.inf, False)):
        errors = [[0.5], [0.5], [0.5], [last]]
        sides = {"sound_error": errors, "sound_spread": np.ones((4, 1))}
        dims = ("stimulus", "predicted_part")
        raw = raw_of(**{name: (dims, one) for name, one in sides.items()}).set_coords("category")
        Score(value=0.1, raw=raw).to_netcdf(tmp_path / "score.nc")
        assert bool(read_stored(tmp_path / "score.nc").categories) == drawn


def test_a_cross_names_both_sounds(visit: Visit) -> None:
    tab = visit.open("models/alpha-one.html")
    tab.get_by_role("link", name="Which sounds are alike").click()
    assert tab.locator("h1").inner_text() == "Alpha One: sounds"
    known = sounds_of("Right-rsa")
    order = sorted(range(12), key=lambda row: ["EngSpeech", "Music", "Nature"].index(KINDS[row]))
    squares = [squareform(known[name][1]) for name in ("rdm", "target_rdm")]
    side = tab.locator("#brain-matrix").bounding_box()
    row, column = 1, 6
    step = side["width"] / 12
    tab.mouse.move(side["x"] + (column + 0.5) * step, side["y"] + (row + 0.5) * step)
    told = tab.locator("#told").inner_text()
    first, second = (SOUNDS[order[place]] for place in (row, column))
    assert told.startswith(f"{first} (EngSpeech) and {second} (Music): model ")
    numbers = [float(text) for text in told.partition(": model ")[2].split(", brain ")]
    expected = [square[order[row], order[column]] for square in squares]
    assert numbers == pytest.approx(expected, abs=2 / 255 + 0.005)
    # both matrices have the same shades for the same number
    pixel = """(id) => [...document.getElementById(id).getContext("2d")
        .getImageData(6, 1, 1, 1).data.slice(0, 3)]"""
    light, dark = (sum(tab.evaluate(pixel, f"{one}-matrix")) for one in ("model", "brain"))
    assert light > dark
    tab.locator("#matrices").focus()
    tab.keyboard.press("ArrowDown")
    assert tab.locator("#told").inner_text().startswith(SOUNDS[order[row + 1]])
    assert tab.locator("#model-cross rect").first.get_attribute("y") == str(row + 1)
    shoot(tab, "sounds-alike")


def tone(place: int) -> bytes:
    content = io.BytesIO()
    wave = 0.1 * np.sin(np.arange(3200) * (0.05 + place / 100))
    soundfile.write(content, wave, 16_000, format="FLAC")
    return content.getvalue()


def test_a_click_plays_a_sound(visit: Visit, results: list[Result], tmp_path: Path) -> None:
    files = {name: Clip(tone(place)) for place, name in enumerate(SOUNDS)}

    def find(result: Result, names: tuple[str, ...]) -> Clips:
        assert sorted(names) == sorted(SOUNDS)
        allowed = result.benchmark == "Whole.part-ridge"
        return Clips("CC0-1.0", files) if allowed else Clips("Not played: no licence.")

    site = build_site(
        [one for one in results if one.model == WITH_SOUNDS[0]], tmp_path / "site", clips=find
    )
    assert site.clips == len(SOUNDS)
    # a name decides no file
    written = {path.name for path in (tmp_path / "site" / "sounds" / "clips").iterdir()}
    assert all(re.fullmatch(r"[0-9a-f]{32}\.flac", name) for name in written)
    found = Visit(visit.tab, tmp_path / "site")
    tab = found.open("sounds/alpha-one.html", "#b=Whole.part-ridge&t=high")
    assert "CC0-1.0" in tab.locator("#licence").inner_text()
    assert ".flac" not in "".join(visit.requests), "nothing is loaded before a click"
    sound = tab.locator("#wrong-table tbody tr").first
    assert sound.locator("th").inner_text().startswith("sound 5")
    sound.get_by_role("button", name="Play sound 5").click()
    ended = """(player) => new Promise((done) => {
        const told = () => done([player.currentTime, player.duration, player.src]);
        if (player.ended) told();
        player.addEventListener("ended", told);
        player.addEventListener("error", told);
    })"""
    at, duration, address = tab.locator("#player").evaluate(ended)
    assert at == duration == pytest.approx(0.2, abs=0.01)
    expected = hashlib.sha256(files["sound 5"].content).hexdigest()[:32]
    assert address == (tmp_path / "site" / "sounds" / "clips" / f"{expected}.flac").as_uri()
    tab.locator("#player").evaluate("(player) => { player.loop = true; }")
    sound.get_by_role("button", name="Play sound 5").click()
    assert not tab.locator("#player").evaluate("(player) => player.paused")
    tab.get_by_label("Benchmark").select_option("Right-rsa")
    assert tab.locator("#player").evaluate("(player) => player.paused"), "it has no controls now"
    assert tab.locator("#licence").inner_text() == "Not played: no licence."
    assert tab.locator("#told button").count() == 0
    assert tab.locator("#player").is_hidden()
    visit.requests[:] = [one for one in visit.requests if not one.endswith(f"{expected}.flac")]


def test_the_sounds_that_a_model_gets_wrong_come_first(visit: Visit) -> None:
    tab = visit.open("benchmarks/whole.part*")
    # the scores of other models say nothing of sounds
    assert tab.get_by_role("link", name="Sounds of").count() == len(WITH_SOUNDS)
    tab.get_by_role("link", name="Sounds of Alpha One").click()
    assert tab.get_by_label("Benchmark").input_value() == "Whole.part-ridge"
    assert tab.locator("#alike").is_hidden()
    tab.get_by_label("Target").select_option("high")
    link = tab.url
    rows = tab.locator("#wrong-table tbody tr")
    assert rows.first.locator("th").inner_text() == "sound 5"
    known = sounds_of("Whole.part-ridge")
    x, y = (known[name][1][:, 1] for name in ("prediction", "measured"))
    slope, height = np.polyfit(x, y, 1)
    off = np.abs(y - slope * x - height) / y.std()
    shown = [
        abs(float(text.replace("−", "-")))
        for text in rows.locator("td:nth-child(3)").all_inner_texts()
    ]
    assert shown == pytest.approx(np.sort(off)[::-1], abs=0.006)
    r = np.corrcoef(x, y)[0, 1]
    assert f"r² = {r * r:.3f}" in tab.locator("#fitted").inner_text()
    cells = tab.locator("#category-table tbody tr").all_inner_texts()
    means = {
        category: [side[np.array(KINDS) == category].mean() for side in (y, x)]
        for category in ("EngSpeech", "Music", "Nature")
    }
    assert [cell.split()[0] for cell in cells] == sorted(means, key=lambda one: -means[one][0])
    for cell in cells:
        category, measured, predicted, count = cell.split()
        assert [float(measured), float(predicted)] == pytest.approx(means[category], abs=6e-3)
        assert count == "4"
    rows.first.hover()
    tip = tab.locator("#tip").inner_text()
    assert tip.startswith("sound 5")
    assert tab.locator("#dots .point.marked").count() == 1
    shoot(tab, "sounds-wrong")
    visit.open("index.html")
    tab.goto(link)
    assert tab.get_by_label("Target").evaluate("one => one.selectedOptions[0].text") == "high"
    assert tab.locator("#wrong-table img").count() == 0
    assert EVIL in tab.locator("#wrong-table").inner_text()


def test_predictions_that_run_the_wrong_way_explain_nothing(visit: Visit, tmp_path: Path) -> None:
    """As in the score: the square of a negative correlation is no share that is explained."""
    random = np.random.default_rng(0)
    measured = random.random((len(SOUNDS), 2))
    predicted = np.stack([-measured[:, 0], measured[:, 1]], axis=1)
    dims = ("stimulus", "component")
    names = {"stimulus": SOUNDS, "component": ["against", "along"]}
    given = {
        "measured": (dims, measured),
        "prediction": (dims, predicted),
        "r2": ("component", [0.0, 1.0]),
    }
    raw = xr.Dataset(given, names).assign_coords(category=("stimulus", ["Music"] * 12))
    Score(value=0.5, raw=raw).to_netcdf(tmp_path / "score.nc")
    one = Result(
        model="m", label="m", family="f", benchmark="B-ridge", value=0.5, path=tmp_path / "score.nc"
    )
    build_site([one], tmp_path / "site")
    visit.folder = tmp_path / "site"
    tab = visit.open("sounds/m.html", "#t=against")
    told = tab.locator("#fitted").inner_text()
    assert told.startswith("against: r² = 0.000, 12 sounds; predictions run the wrong way")
    ends = re.findall(r",([\d.]+)", tab.locator("#dots .fit").get_attribute("d"))
    assert len(set(ends)) == 1
    off = np.abs(measured[:, 0] - measured[:, 0].mean()) / measured[:, 0].std()
    shown = tab.locator("#wrong-table tbody tr td:nth-child(3)").all_inner_texts()
    assert [abs(float(text.replace("−", "-"))) for text in shown] == pytest.approx(
        np.sort(off)[::-1], abs=0.006
    )
    shoot(tab, "sounds-against")
    visit.open("sounds/m.html", "#t=along")
    assert tab.locator("#fitted").inner_text() == "along: r² = 1.000, 12 sounds"


KINDS = sounds_of("Right-rsa")["category"][1]
