"""How ids with a scheme are found, listed and given on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brainbench_hub import brainbench_models
from brainbench_hub.cards import CARDS, HF, TORCHAUDIO

from brainbench_audio import list_ids
from brainbench_audio.cli.main import main
from brainbench_audio.errors import UnknownId
from brainbench_audio.pipeline import loading_models, many, run
from brainbench_audio.registry import lookup
from brainbench_audio.registry.discovery import Plugin
from brainbench_audio.registry.globs import expand
from brainbench_audio.registry.lookup import find_model


def test_the_hook_hands_over_the_schemes() -> None:
    assert brainbench_models() == CARDS
    assert [card.scheme for card in CARDS] == ["hf:", "torchaudio:"]


def test_cards_are_light() -> None:
    code = (
        "import sys, brainbench_hub as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'torchaudio', 'transformers', 'huggingface_hub', 'numpy'}"
        " & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("identifier", "card"),
    [
        ("hf:facebook/hubert-base-ls960", HF),
        ("hf:owner/name@1.0", HF),
        ("hf:/some/folder:with-colon", HF),
        ("torchaudio:HUBERT_BASE", TORCHAUDIO),
    ],
)
def test_an_id_of_a_scheme(identifier: str, card: Any) -> None:
    found = find_model(identifier)
    assert (found.card.id, found.card.loader) == (identifier, card.loader)
    assert found.distribution == "brainbench-hub"
    assert find_model(f"brainbench-hub:{identifier}").card.id == identifier


@pytest.mark.parametrize("identifier", ["hf:", "hff:a/b", "nobody:hf:a/b", "HF:a/b"])
def test_an_id_of_no_scheme(identifier: str) -> None:
    with pytest.raises(UnknownId):
        find_model(identifier)


def test_schemes_are_no_ids() -> None:
    pytest.importorskip("brainbench_spectrotemporal", reason="only here is a model with an id")
    assert not [name for name in list_ids("model") if ":" in name]
    assert expand(["hf:owner/name", "torchaudio:X"], "model") == ["hf:owner/name", "torchaudio:X"]
    with pytest.raises(UnknownId):
        expand(["hf:*"], "model")
    assert not [name for name in expand(["*"], "model") if ":" in name]


def test_two_plugins_with_one_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    both = tuple(Plugin(name, "1.0.0", "module", (HF,)) for name in ("one", "two"))
    monkeypatch.setattr(lookup, "plugins", lambda: both)
    with pytest.raises(UnknownId, match="one:hf:a/b or two:hf:a/b"):
        find_model("hf:a/b")
    assert find_model("two:hf:a/b").distribution == "two"


def test_the_list_notes_the_schemes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "models", "--family", "hub"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["hf:*", "torchaudio:*"]
    assert main(["list", "models"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == lines
    assert main(["list", "models", "--json"]) == 0
    listed = [row["model"] for row in json.loads(capsys.readouterr().out)]
    assert listed == list_ids("model")


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "hf:owner/name", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["model"], facts["layers"]) == ("hf:owner/name", [])
    assert facts["parameters"] == facts["sample_rate"] == "known once it is loaded"
    assert main(["info", "torchaudio:HUBERT_BASE"]) == 0
    assert "hwang2023torchaudio" in capsys.readouterr().out


def test_options_are_passed_only_when_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for plugin in ("brainbench_simcortex", "brainbench_rsa"):
        pytest.importorskip(plugin, reason="the benchmark comes with other plugins")
    asked: list[tuple[str, dict[str, Any]]] = []

    def score_pairs(pairs: list[Any], **_: Any) -> list[Any]:
        asked.extend((model.id, dict(model.options)) for model, _ in pairs)
        return []

    monkeypatch.setattr(many, "score_pairs", score_pairs)
    pair = ["score", "-m", "hf:owner/name", "-b", "SimCortex-rsa"]
    main(pair)
    main([*pair, "--dtype", "bfloat16", "--trust-remote-code"])
    assert asked == [
        ("hf:owner/name", {}),
        ("hf:owner/name", {"dtype": "bfloat16", "trust_remote_code": True}),
    ]


@pytest.mark.slow
def test_a_stored_score(folder: Callable[[str], Path]) -> None:
    """A result is stored under an id that has slashes, and found again."""
    pytest.importorskip("brainbench_simcortex")
    pytest.importorskip("brainbench_rsa")
    model = loading_models.load_model(f"hf:{folder('hubert')}", device="cpu")
    first, second = (run.run(model, "SimCortex-rsa") for _ in range(2))
    assert (first.cached, second.cached) == (False, True)
    assert first.model == f"hf:{folder('hubert')}"
    assert first.score.value == second.score.value
    assert str(first.score.layer).startswith("hidden_state_")
