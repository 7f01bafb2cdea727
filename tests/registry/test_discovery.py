"""Broken plugins are told about and harm nobody else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import list_ids
from brainbench_audio.cli.main import main
from brainbench_audio.errors import PluginLoadError
from brainbench_audio.registry.discovery import HOOKS, load_plugin, plugin_manager, plugins

HEAD = """
from brainbench_audio.cards import ModelCard
from brainbench_audio.registry import hookimpl
CARD = ModelCard(
    id="{id}", family="f", label="l", parameters=0, layers=("a",), dims=(1,), sample_rate=8000,
    licence="MIT", citation="c", training_data="t", source="s", packages=(), loader="m:f",
)
"""
GOOD = HEAD + "@hookimpl\ndef brainbench_models():\n    return [CARD]\n"
BROKEN = {
    "import": ("import a_package_that_nobody_has", "a_package_that_nobody_has"),
    "exit": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "syntax": ("def broken(:", "SyntaxError"),
    "no_hook": ("def brainbench_models():\n    return []\n", "implements none of the hooks"),
    "misspelt": (
        "from brainbench_audio.registry import hookimpl\n"
        "@hookimpl\ndef brainbench_model():\n    return []\n",
        "brainbench_model",
    ),
    "strings": (GOOD.replace("[CARD]", "['tiny']"), "returned 'tiny', it returns a list of Model"),
    "one_card": (GOOD.replace("[CARD]", "CARD"), "not iterable"),
    "nothing": (GOOD.replace("return [CARD]", "pass"), "returned None"),
    "raises": (GOOD.replace("return [CARD]", "raise KeyError('secret')"), "KeyError: 'secret'"),
    "argument": (
        GOOD.replace("brainbench_models()", "brainbench_models(config)"),
        "can not be found in the hookspec",
    ),
    "wrong_kind": (
        GOOD.replace("brainbench_models", "brainbench_metrics"),
        "returns a list of MetricCard",
    ),
}
FORMER = """
from brainbench_audio.cards import DatasetCard
from brainbench_audio.registry import hookimpl
@hookimpl
def brainbench_benchmarks():
    return [DatasetCard(
        id="Old", provides=frozenset({"responses"}), stimuli=1, description="d", licence="MIT",
        citation="c", source="s", size="s", packages=(), loader="m:load", locator="m:locate",
    )]
"""
Install = Callable[..., Path]


def good(identifier: str) -> str:
    return GOOD.replace("{id}", identifier)


def broken(name: str) -> str:
    return BROKEN[name][0].replace("{id}", "never")


def test_a_data_set_of_an_earlier_version_is_told_the_new_field(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("brainbench-former", "plugin_former", FORMER)
    told = r"DatasetCard has no loader, locator any more: write `data=\"module:Class\"`"
    assert main(["doctor"]) == 1
    assert re.search(told, capsys.readouterr().out)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_keeps_its_traceback(install: Install, name: str) -> None:
    install("brainbench-broken", "plugin_broken", broken(name))
    install("zz-good", "plugin_good", good("good-model"))
    found = {plugin.distribution: plugin for plugin in plugins()}
    assert found["brainbench-broken"].cards == ()
    assert BROKEN[name][1] in str(found["brainbench-broken"].failure)
    assert found["brainbench-broken"].version == "1.5"
    assert found["zz-good"].failure is None
    assert "good-model" in list_ids("model")
    assert "never" not in list_ids("model")


@pytest.mark.parametrize("name", ["import", "exit", "no_hook"])
def test_strict_raises(install: Install, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    install("brainbench-broken", "plugin_broken", broken(name))
    monkeypatch.setenv("BRAINBENCH_STRICT", "1")
    with pytest.raises(PluginLoadError, match=r"brainbench-broken 1\.5.*BRAINBENCH_STRICT"):
        plugins()


def test_ctrl_c_during_an_import_is_no_broken_plugin(install: Install) -> None:
    install("brainbench-broken", "plugin_broken", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugins()


def test_every_entry_point_is_found_again(tiny: Path) -> None:
    points = entry_points(group="brainbench_audio")
    assert len(plugins()) == len(points)
    assert {plugin.module for plugin in plugins()} >= {"brainbench_tiny"}


def test_all_plugins_are_in_one_manager_but_for_broken_ones(install: Install) -> None:
    for name in BROKEN:
        install(f"brainbench-broken-{name}", f"plugin_{name}", broken(name))
    install("zz-one", "plugin_one", good("one"))
    install("zz-two", "plugin_two", good("two"))
    manager = plugin_manager()
    found = [load_plugin(point, manager) for point in entry_points(group="brainbench_audio")]
    well = {f"{plugin.distribution}:{plugin.module}" for plugin in found if not plugin.failure}
    assert well >= {"zz-one:plugin_one", "zz-two:plugin_two"}
    assert {name for name, _ in manager.list_name_plugin()} == well
    called = [
        card.id for hook in HOOKS for handed in getattr(manager.hook, hook)() for card in handed
    ]
    assert sorted(called) == sorted(card.id for plugin in found for card in plugin.cards)


def test_two_distributions_may_choose_one_name_for_their_entry_points(install: Install) -> None:
    for number in ("one", "two"):
        info = install(number, f"plugin_{number}", good(f"model-{number}"))
        (info / "entry_points.txt").write_text(f"[brainbench_audio]\nmine = plugin_{number}\n")
    plugins.cache_clear()
    assert {"model-one", "model-two"} <= set(list_ids("model"))


def test_a_module_of_two_distributions_is_taken_once(install: Install) -> None:
    install("aa-new", "plugin_moved", good("moved"))
    install("zz-old", "plugin_moved")
    found = {plugin.distribution: plugin for plugin in plugins()}
    assert [card.id for card in found["aa-new"].cards] == ["moved"]
    assert "installed twice, also as aa-new:plugin_moved" in str(found["zz-old"].failure)
    assert list_ids("model").count("moved") == 1


def test_a_function_of_another_name_hands_over_its_own_cards(install: Install) -> None:
    named = GOOD.replace("@hookimpl", "@hookimpl(specname='brainbench_models')")
    named = named.replace("def brainbench_models", "def cards").replace("{id}", "named")
    install("aa-named", "plugin_named", named)
    install("zz-good", "plugin_good", good("good-model"))
    found = {plugin.distribution: [card.id for card in plugin.cards] for plugin in plugins()}
    assert (found["aa-named"], found["zz-good"]) == (["named"], ["good-model"])


def test_a_wrapper_of_one_plugin_does_not_change_another(install: Install) -> None:
    wrapper = (
        "from brainbench_audio.registry import hookimpl\n"
        "@hookimpl(wrapper=True)\ndef brainbench_models():\n    yield\n    return []\n"
    )
    install("aa-wrapper", "plugin_wrapper", wrapper)
    install("zz-good", "plugin_good", good("good-model"))
    assert "good-model" in list_ids("model")


def test_a_repaired_plugin_is_found_when_looked_for_again(install: Install) -> None:
    info = install("brainbench-broken", "plugin_broken", broken("import"))
    assert "mended" not in list_ids("model")
    (info.parent / "plugin_broken.py").write_text(good("mended") + "# of another size\n")
    assert "mended" not in list_ids("model")
    plugins.cache_clear()
    assert "mended" in list_ids("model")


def test_plugins_are_found_once_a_process(install: Install) -> None:
    install("zz-good", "plugin_good", good("good-model"))
    assert plugins() is plugins()


def test_doctor_in_a_process_of_its_own(
    install: Install, tiny: Path, brainbench: Callable[..., Any]
) -> None:
    for name in BROKEN:
        install(f"brainbench-broken-{name}", f"plugin_{name}", broken(name))
    install("one", "plugin_one", good("twice"))
    install("two", "plugin_two", good("twice"))
    told = brainbench("doctor", "--json")
    assert told.returncode == 1, told.stderr
    content = json.loads(told.stdout)
    failures = {plugin["distribution"]: plugin["failure"] for plugin in content["plugins"]}
    for name, (_, expected) in BROKEN.items():
        assert expected in failures[f"brainbench-broken-{name}"]
        assert "Traceback" in failures[f"brainbench-broken-{name}"]
    assert failures["brainbench-tiny"] is None
    assert content["duplicates"] == {"model twice": ["one", "two"]}
    text = brainbench("doctor")
    assert text.returncode == 1
    assert "one:twice, two:twice" in text.stdout
    assert "brainbench-broken-exit 1.5 (plugin_exit) cannot be loaded" in text.stdout


def test_the_other_plugins_still_score(
    install: Install, tiny: Path, brainbench: Callable[..., Any]
) -> None:
    install("brainbench-broken", "plugin_broken", broken("exit"))
    arguments = ("score", "-m", "tiny-plain", "-b", "Tiny-match", "--json")
    assert brainbench(*arguments).returncode == 0
    strict = brainbench(*arguments, BRAINBENCH_STRICT="1")
    assert strict.returncode == 1
    assert "brainbench-broken 1.5" in strict.stderr
    assert "Traceback" not in strict.stderr
