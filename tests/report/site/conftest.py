"""A site of made-up results, written once for all tests of pages, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.report.results import Result, published_results
from brainbench_audio.report.site.build import build_site
from brainbench_audio.scores.score import Score

from .browsing import ARGUMENTS, CHROMIUM, Visit

EVIL = "<img src=x onerror=alert(1)>"
SUBJECTS = [f"subject-{place}" for place in range(5)]
SOUNDS = [f"sound {place}" for place in range(11)] + [EVIL]
LAYERS = [f"block {place}" for place in range(6)]
BENCHMARKS = ("Left-ridge", "Right-rsa", "Whole.part-ridge", "HEAR.esc50-probe")
MODELS = {
    "alpha-one": ("Alpha One", "alpha"),
    "alpha-two": ("Alpha Two", "alpha"),
    "beta-one": ("Beta One", "beta"),
    "beta-two": ("Beta Two", "beta"),
    "hub:owner/name": ("hub:owner/name", ""),
    EVIL: (EVIL, EVIL),
}


WITH_SOUNDS = ("alpha-one", EVIL)


def sounds_of(benchmark: str) -> dict[str, Any]:
    """Return what is stored of each sound: distances with `rsa`, predictions with `part-ridge`."""
    random = np.random.default_rng(0)
    category = ("stimulus", ["Music", "Nature", "EngSpeech"] * 4)
    if benchmark.endswith("rsa"):
        pairs = len(SOUNDS) * (len(SOUNDS) - 1) // 2
        return {
            "category": category,
            "rdm": ("pair", random.random(pairs), {"distance": "1 − r"}),
            "target_rdm": ("pair", 1 + random.random(pairs), {"distance": "1 − r"}),
        }
    if not benchmark.startswith("Whole.part"):
        return {}
    measured = random.random((len(SOUNDS), 2))
    predicted = 2 * measured + 0.1 * random.random(measured.shape)
    predicted[5, 1] += 3
    return {
        "category": category,
        "measured": (("stimulus", "component"), measured),
        "prediction": (("stimulus", "component"), predicted),
        "r2": ("component", [0.9, 0.5]),
        "component": ["low", "high"],
    }


def parts_of(model: int, benchmark: int) -> np.ndarray:
    """Return a score for each layer and subject: higher for later models, best in the middle."""
    noise = np.random.default_rng([model, benchmark]).normal(0, 0.005, (len(LAYERS), len(SUBJECTS)))
    shape = np.sin(np.linspace(0.4, 2.6, len(LAYERS)))[:, np.newaxis]
    return (0.2 + 0.05 * ((model + benchmark) % len(MODELS))) * shape + noise


def measured(folder: Path, model: int, benchmark: int) -> Result:
    identifier, (label, family) = list(MODELS.items())[model]
    name = BENCHMARKS[benchmark]
    task = name.startswith("HEAR")
    values = parts_of(model, benchmark)
    best = int(values.mean(axis=1).argmax())
    parts = dict(zip(SUBJECTS, values[best].tolist(), strict=True))
    value, error = float(values[best].mean()), float(values[best].std() / 2)
    raw = xr.Dataset(
        {"layer_score": (("layer", "subject"), values)}, {"layer": LAYERS, "subject": SUBJECTS}
    )
    if identifier in WITH_SOUNDS:
        raw = raw.assign(sounds_of(name)).assign_coords(stimulus=SOUNDS)
    if benchmark == 0:
        spread = np.linspace(0.2, 1.8, len(SOUNDS))[:, np.newaxis]
        dims = ("stimulus", "predicted_part")
        errors = {"sound_error": (dims, spread / 4), "sound_spread": (dims, spread)}
        kinds = ("stimulus", ["Music"] * 6 + [EVIL] * 6)
        raw = raw.assign(errors).assign_coords(category=kinds, stimulus=SOUNDS)
    path = folder / f"{model}-{benchmark}.nc"
    Score(value=value, raw=xr.Dataset() if task else raw).to_netcdf(path)
    return Result(
        model=identifier,
        label=label,
        family=family,
        benchmark=name,
        value=value,
        error=error,
        interval=(value - 2 * error, value + 2 * error),
        ceiling=None if task else 0.8,
        normalised=None if task else value / 0.8,
        parts={} if task else parts,
        layer=None if task else LAYERS[best],
        n={"stimulus": 165} if task else {"stimulus": 165, "subject": len(SUBJECTS)},
        created="2026-01-01T00:00:00+00:00",
        path=path,
        provenance={
            "model": identifier,
            "key": "0123456789abcdef" * 4,
            "weights": {
                "files": {"one.pt": "ab" * 32, "two.pt": "cd" * 32},
                "unverified": ["two.pt"],
            },
            "versions": {"numpy": "2.0", "evil": EVIL},
            "citations": {"model": "@misc{made-up, title = {</pre><script>alert(1)</script>}}"},
        },
    )


def published(model: str, benchmark: str, value: float) -> Result:
    label, family = MODELS.get(model, (model, ""))
    return Result(
        model=model,
        label=label,
        family=family,
        benchmark=benchmark,
        value=value,
        published=True,
        approximate=benchmark == "Right-rsa",
        provenance={"source": f"somebody & {EVIL}"},
    )


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    """Return six measured models on four benchmarks, two of them published, too."""
    folder = tmp_path_factory.mktemp("scores")
    own = [
        measured(folder, model, benchmark)
        for model in range(len(MODELS))
        for benchmark in range(len(BENCHMARKS))
    ]
    others = [
        published(model, benchmark, value)
        for model, value in (("alpha-one", 0.33), ("gamma-one", 0.11))
        for benchmark in BENCHMARKS[:2]
    ]
    return own + others


@pytest.fixture(scope="session")
def paper_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a site of the published scores that come with the package."""
    folder = tmp_path_factory.mktemp("paper") / "site"
    build_site(published_results(), folder)
    return folder


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory, results: list[Result]) -> Iterator[Path]:
    """Return the folder of a site of the results."""
    folder = tmp_path_factory.mktemp("written") / "made up"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINBENCH_HOME", str(folder.parent / "home"))
        build_site(results, folder, "Made up & tested")
        yield folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start Chromium with a new profile, or skip."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")),
            executable_path=CHROMIUM,
            args=ARGUMENTS,
            viewport={"width": 1280, "height": 900},
        )
        yield context
        context.close()


@pytest.fixture(scope="session")
def tab(browser: Any) -> Any:
    page = browser.new_page()
    page.set_default_timeout(10_000)
    return page


@pytest.fixture
def visit(tab: Any, pages: Path) -> Iterator[Visit]:
    """Watch one tab; a console message, a failed script or a request to a network is a failure."""
    found = Visit(tab, pages)
    watched = {
        "console": found.complain,
        "pageerror": found.complain,
        "request": found.request,
        "dialog": found.answer,
    }
    tab.set_viewport_size({"width": 1280, "height": 900})
    tab.emulate_media(color_scheme="light")
    for event, action in watched.items():
        tab.on(event, action)
    yield found
    for event, action in watched.items():
        tab.remove_listener(event, action)
    assert found.complaints == []
    assert [url for url in found.requests if not url.startswith(("file://", "about:"))] == []
    # every page is one file
    assert not [
        url for url in found.requests if not url.endswith((".html", "blank")) and "#" not in url
    ]
