"""Written plugins pass as written; each spoilt one fails the check that is there for it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.registry.discovery import plugins
from brainbench_audio.templates.distribution import Kind, names, write_distribution
from brainbench_audio.testing.conformance import Outcome, checks

NAMES: dict[Kind, str] = {"model": "toy", "benchmark": "Toy", "metric": "toyed"}
Outcomes = dict[str, Outcome]
Written = Callable[..., tuple[str, Path]]


@pytest.fixture
def written(site: Path) -> Any:
    """Return a function that writes a plugin and puts it among the installed ones."""
    made: list[str] = []

    def write(kind: Kind, changes: dict[str, tuple[str, str]] | None = None) -> tuple[str, Path]:
        named = names(kind, NAMES[kind])
        folder = site / "source"
        write_distribution(kind, named, folder)
        package = site / named.package
        (folder / named.package).rename(package)
        for file, (old, new) in (changes or {}).items():
            text = (package / file).read_text()
            assert old in text
            (package / file).write_text(text.replace(old, new))
        info = site / f"{named.package}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {named.distribution}\nVersion: 0.1.0\n"
            f"Requires-Dist: brainbench-audio<0.2,>=0.1\n"
        )
        (info / "entry_points.txt").write_text(f"[brainbench_audio]\ntoy = {named.package}\n")
        importlib.invalidate_caches()
        plugins.cache_clear()
        made.append(named.package)
        return named.distribution, package

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in made]:
        del sys.modules[name]


def outcomes(distribution: str, title: str = "") -> Outcomes:
    return {str(check): check.outcome() for check in checks(distribution) if title in check.name}


def failures(found: Outcomes) -> dict[str, str]:
    return {name: one.message for name, one in found.items() if one.state == "failed"}


@pytest.mark.parametrize("kind", NAMES)
def test_a_plugin_passes_as_written(written: Written, kind: Kind) -> None:
    found = outcomes(written(kind)[0])
    assert failures(found) == {}
    states = [one.state for one in found.values()]
    assert states.count("ok") >= 10
    assert states.count("warning") == 0


SPOILT_MODELS = {
    "incomplete": (("cards.py", 'licence="MIT"', 'licence=""'), "card is complete", "`licence`"),
    "unfinished": (("cards.py", '"none: seeded', '"TODO: seeded'), "card is complete", "TODO"),
    "citation": (("cards.py", "@misc{", "misc{"), "citation is BibTeX", "@article"),
    "sources": (
        ("cards.py", 'packages=("brainbench_toy"', 'packages=("numpy"'),
        "loader and sources",
        "name",
    ),
    "hash": (
        (
            "cards.py",
            "        packages=",
            '        weights=(__import__("brainbench_audio.cards", '
            'fromlist=["x"]).WeightsFile(url="ftp://x"),),\n        packages=',
        ),
        "layers and weights on the card",
        "https://",
    ),
    "heavy": (
        ("__init__.py", "from typing", "import torch\nfrom typing"),
        "import is light",
        "torch",
    ),
    "trace": (
        ("__init__.py", "from typing", 'import os\nos.environ["TOY"] = "1"\nfrom typing'),
        "import is light",
        "environment variables",
    ),
    "seeds": (
        (
            "network.py",
            "        values: torch.Tensor =",
            "        torch.manual_seed(1)\n        values: torch.Tensor =",
        ),
        "leaves no trace",
        "torch's random state",
    ),
    "dims": (
        ("cards.py", "dims=(201, 32, 64)", "dims=(201, 32, 65)"),
        "layers and dimensions",
        "`dims`",
    ),
    "random": (
        ("network.py", "torch.relu(", "torch.rand(()) + torch.relu("),
        "the same twice",
        "eval mode",
    ),
    "batch": (
        ("network.py", "(waveforms)))", "(waveforms / waveforms.std())))"),
        "alone and in a batch",
        "normalise each clip",
    ),
    "silence": (("network.py", " + 1e-5)", ")"), "finite on silence", "guard logarithms"),
    "short": (
        (
            "network.py",
            "        spectrum =",
            "        if waveforms.shape[1] < 4000:\n            raise ValueError('no')\n"
            "        spectrum =",
        ),
        "finite on 0.1 s",
        "raised ValueError",
    ),
    "shortest": (
        ("network.py", 'pad_mode="constant"', 'pad_mode="reflect"'),
        "the shortest sound",
        "apart from 201 on: set `shortest`",
    ),
    "stereo": (
        (
            "network.py",
            "FAMILY = Family(",
            "class Lenient(Family):\n"
            "    def __call__(self, *given, **options):\n"
            "        model = super().__call__(*given, **options)\n"
            "        hear = model.activations\n"
            "        model.activations = lambda sounds, layers=None: (\n"
            "            hear([sound.reshape(-1) for sound in sounds], layers)\n"
            "        )\n"
            "        return model\n\n\n"
            "FAMILY = Lenient(",
        ),
        "stereo refused",
        "mono",
    ),
    "windows": (
        (
            "network.py",
            "FAMILY = Family(",
            "class Leaking(Family):\n"
            "    def __call__(self, *given, **options):\n"
            "        model = super().__call__(*given, **options)\n"
            "        hear = model.activations_over_time\n"
            "        model.activations_over_time = lambda windows, moment, layers=None: {\n"
            "            layer: values + values.max() for layer, values in\n"
            "            hear(windows, moment, layers).items()\n"
            "        }\n"
            "        return model\n\n\n"
            "FAMILY = Leaking(",
        ),
        "windows of continuous sound",
        "when other windows are in the batch",
    ),
    "no_key": (
        (
            "network.py",
            "FAMILY = Family(",
            "class Keyless(Family):\n"
            "    def __call__(self, *given, **options):\n"
            "        model = super().__call__(*given, **options)\n"
            "        model._given = None\n"
            "        return model\n\n\n"
            "FAMILY = Keyless(",
        ),
        "fingerprint for",
        "fingerprint",
    ),
    "no_control": (
        (
            "network.py",
            "FAMILY = Family(",
            "class Trained(Family):\n"
            "    def __call__(self, card, weights=None, *, control=None, seed=0, **options):\n"
            "        return super().__call__(card, control='untrained', **options)\n\n\n"
            "FAMILY = Trained(",
        ),
        "a control is another model",
        "pass `control` and `seed` on",
    ),
    "control_without_key": (
        (
            "network.py",
            "FAMILY = Family(",
            "class Unnamed(Family):\n"
            "    def __call__(self, card, weights=None, *, control=None, seed=0, **options):\n"
            "        asked = {'control': control, 'seed': seed, **options}\n"
            "        model = super().__call__(card, weights, **asked)\n"
            "        model._given = 'the weights'\n"
            "        return model\n\n\n"
            "FAMILY = Unnamed(",
        ),
        "a control is another model",
        "count the control and the seed",
    ),
}


@pytest.mark.parametrize("name", SPOILT_MODELS)
def test_a_spoilt_model_fails(written: Written, name: str) -> None:
    (file, old, new), title, message = SPOILT_MODELS[name]
    found = failures(outcomes(written("model", {file: (old, new)})[0], title))
    assert any(message in text for text in found.values()), found


def test_windows_that_are_never_heard_are_not_checked(written: Written) -> None:
    """Of a model with `activations` of its own, those over time of its base are not asked for."""
    (file, old, new), _, _ = SPOILT_MODELS["stereo"]
    distribution = written("model", {file: (old, new)})[0]
    (found,) = outcomes(distribution, "windows of continuous sound").values()
    assert found.state == "not checked"
    assert "hears the clip" in found.message


SPOILT_DATA = {
    "responses": (("data.py", "build(values,", "build(values + 1,"), "data are checked", "damaged"),
    "flags": (("cards.py", '"multivariate"})', '"sessions"})'), "provides what", "sessions"),
    "silent": (
        ("cards.py", '"responses", "multivariate"', '"responses"'),
        "provides what",
        "multi",
    ),
    "count": (("cards.py", "stimuli=30", "stimuli=31"), "provides what", "31"),
    "order": (
        ("data.py", "build(values, names,", "build(values[::-1], names,"),
        "data are checked",
        "give",
    ),
    "shuffled": (
        (
            "data.py",
            "build(values, names,",
            "build(__import__('numpy').random.default_rng(1).permutation(values), names,",
        ),
        "responses follow the sounds",
        "in one order",
    ),
    "random": (
        (
            "data.py",
            "build(values,",
            "build(values + __import__('numpy').random.default_rng().random((30, 1)),",
        ),
        "the same when loaded again",
        "seed",
    ),
    "missing": (("data.py", '"sounds"', '"noises"'), "sounds can be read", "noises"),
    "damaged": (
        ("data.py", '"responses.csv"', '"answers.csv"'),
        "loads",
        "are here, but cannot be read",
    ),
    "filters": (
        (
            "data.py",
            "        path = DATA",
            "        __import__('warnings').simplefilter('ignore')\n        path = DATA",
        ),
        "loads",
        "changes warning filters",
    ),
    "subset": (
        (
            "cards.py",
            "        stimuli=30,",
            """        stimuli=30, subsets=("a",),
        subset_provides={"a": frozenset({"responses", "sessions"})},""",
        ),
        "subset a",
        "says sessions",
    ),
}


@pytest.mark.parametrize("name", SPOILT_DATA)
def test_a_spoilt_data_set_fails(written: Written, name: str) -> None:
    (file, old, new), title, message = SPOILT_DATA[name]
    distribution, package = written("benchmark", {file: (old, new)})
    if name == "subset":
        text = (package / "data.py").read_text()
        (package / "data.py").write_text(text.replace("if subset is not None:", "if False:"))
    found = failures(outcomes(distribution, title))
    assert any(message in text for text in found.values()), found


def test_data_without_a_checksum_are_told_theirs(written: Written) -> None:
    distribution, package = written("benchmark")
    text = (package / "cards.py").read_text()
    own = text.partition('checksum="')[2].partition('"')[0]
    (package / "cards.py").write_text(text.replace(f'        checksum="{own}",\n', ""))
    plugins.cache_clear()
    (message,) = failures(outcomes(distribution)).values()
    assert f"checksum='{own}'" in message


SPOILT_METRICS = {
    "reference": (
        ("metric.py", "float(shares[best].mean())\n", "0.9\n"),
        "plain reference",
        "gives",
    ),
    "too large": (
        ("metric.py", "float(shares[best].mean())\n", "1.5\n"),
        "well-formed",
        "The score 1.5 is larger than the card says any is, 1.0",
    ),
    "random": (
        (
            "metric.py",
            "value = float(shares",
            "value = np.random.default_rng().random() + float(shares",
        ),
        "the same twice",
        "seed",
    ),
    "writes": (
        ("metric.py", "        del folds", "        del folds\n        target[0] = 0"),
        "well-formed",
        "changes the targets",
    ),
    "reads": (
        (
            "metric.py",
            "features = np.asarray(layers[layer]",
            "layers[layer]; features = np.asarray(layers[layer]",
        ),
        "well-formed",
        "more than once",
    ),
    "noise": (
        ("metric.py", "(common - chance) / (1 - chance)", "common + 0.5"),
        "random features score about 0",
        "expected about 0",
    ),
    "no error": (
        ("metric.py", "**unsure.fields", "**{}"),
        "how far it may be off",
        "without an error",
    ),
    "many features": (
        ("metric.py", "float(shares[best].mean())\n", "features.shape[1] / 300\n"),
        "random features score about 0",
        "200 random features score 0.667",
    ),
    "uncounted": (
        ("metric.py", 'n={"target": int(whole.sum()), "dropped": int((~whole).sum())},', "n={},"),
        "NaN among targets",
        "dropped",
    ),
    "sessions": (
        (
            "metric.py",
            "        del folds",
            """        if target.ndim > 2:
            raise DataError("Three dimensions.")
        del folds""",
        ),
        "subjects and sessions",
        "Three dimensions",
    ),
    "variant": (
        (
            "cards.py",
            "        reference=",
            """        variant_properties={"x": frozenset()},
        reference=""",
        ),
        "properties are known",
        "no variant",
    ),
    "reference of a variant": (
        (
            "cards.py",
            '        reference="brainbench_toyed.reference:score"',
            """        variants=("x",),
        reference="brainbench_toyed.metric:plain\"""",
        ),
        "plain reference",
        "its plain reference 0.9",
    ),
    "property": (("cards.py", '"rotation"', '"spin"'), "properties are known", "spin"),
    "schema": (
        ("metric.py", '{"profile": ("layer", profile)}', '{"profile": ("level", profile)}'),
        "what the schema says",
        "`profile` is (level), not (layer).",
    ),
    "promise": (
        ("metric.py", '{"profile": ("layer", profile)}', '{"share": ("layer", profile)}'),
        "what the schema says",
        "promises ['profile'] in `raw`",
    ),
    "promise of nothing known": (
        ("cards.py", 'frozenset({"profile"})', 'frozenset({"share"})'),
        "what the schema says",
        "`stores` names ['share']",
    ),
    "schema with subjects": (
        (
            "metric.py",
            '{"profile": ("layer", profile)}',
            '{"profile": ("layer", profile)} if "subject" not in target.coords else {}',
        ),
        "subjects and sessions",
        "promises ['profile'] in `raw`",
    ),
    "rotation": (
        (
            "metric.py",
            "dtype=np.float64)",
            "dtype=np.float64) * np.arange(1, 1 + layers[layer].shape[1])",
        ),
        "rotation does not matter",
        "rotated",
    ),
}


@pytest.mark.parametrize("name", SPOILT_METRICS)
def test_a_spoilt_metric_fails(written: Written, name: str) -> None:
    (file, old, new), title, message = SPOILT_METRICS[name]
    distribution, package = written("metric", {file: (old, new)})
    with (package / "metric.py").open("a") as source:
        source.write("\n\ndef plain(layers, target, folds, variant):\n    return 0.9\n")
    found = failures(outcomes(distribution, title))
    assert any(message in text for text in found.values()), found


def test_the_command_tells_and_fails(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    distribution, _ = written("benchmark", {"cards.py": ("stimuli=30", "stimuli=31")})
    assert main(["check", distribution]) == 1
    told = capsys.readouterr().out
    assert "provides what the card says" in told
    assert "The card says 31 stimuli, there are 30." in told
    assert "1 failed" in told


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("brainbench-nowhere", "pip install brainbench-nowhere"),
        ("pytest", "is no plugin"),
        ("./my_model.py:MyModel", "is held to the contract when it is scored"),
        ("my_model.py", "makes a plugin of it"),
    ],
)
def test_what_is_no_plugin(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        checks(name)


def test_a_folder_that_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pyproject"):
        checks(str(tmp_path))
    write_distribution("metric", names("metric", "toyed"), tmp_path / "here")
    with pytest.raises(DataError, match=r"pip install -e .*here"):
        checks(str(tmp_path / "here"))
