"""`brainbench score --retry-failed`: what it refuses, and what it says of what it leaves out."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path

import pytest

from brainbench_audio.cli import score
from brainbench_audio.cli.failed_pairs import OF_PAIRS
from brainbench_audio.cli.main import main
from brainbench_audio.pipeline.plan import failed_file, failed_pairs

pytestmark = pytest.mark.usefixtures("tiny")


def test_commands_for_what_is_left_out_score_the_same(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the options of each pair, whatever sign is in a name."""
    pytest.importorskip("brainbench_hear")
    pytest.importorskip("brainbench_ridge")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own nets.py").write_text("class Own:\n    def __init__(self):\n        1 / 0\n")
    Path("weights").write_text("x")
    model = ["-m", "./own nets.py:Own"]
    runs: list[list[str]] = [
        [*model, "-b", "Tiny-match", "Tiny-ridge", "--permutations", "0"],
        [*model, "--layers", "block 1", "b", "-b", "Tiny-match", "Tiny.a-match"],
        [*model, "--hear-task", "a folder", "b", "-b", "Tiny-match", "--seed", "1"],
        [*model, "-b", "Tiny-ridge", "--weights", "weights", "--device", "cpu"],
        [*model, "-b", "Tiny-ridge", "--dtype", "bfloat16", "--trust-remote-code"],
        [*model, "-b", "Tiny-ridge", "--metric-device", "cpu", "--max-memory", "1GB"],
        [*model, "-b", "Tiny-ridge", "--bootstrap", "30", "--control", "permuted"],
        [*model, "-b", "Tiny-ridge-unique", "Tiny.a-ridge-unique", "--given", "own nets.py:Own"],
    ]
    for asked in runs:
        capsys.readouterr()
        assert main(["score", *asked]) == 1
        _, before = failed_pairs()
        assert main(["score", "--retry-failed"]) == 1
        told = capsys.readouterr().err
        (command,) = [line for line in told.splitlines() if line.startswith("    brainbench ")]
        assert main(shlex.split(command)[1:]) == 1
        assert sorted(failed_pairs()[1], key=str) == sorted(before, key=str)
    assert len(before) == 2


def test_pairs_with_other_options_have_other_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [
        {
            "model": {"id": "a.py:A", "layers": layers},
            "benchmark": {"id": identifier, "options": options},
        }
        for layers in (None, ["one"])
        for identifier, options in (("X-rsa", {}), ("Y-rsa", {}), ("X-rsa", {"seed": 1}))
    ]
    failed_file().parent.mkdir(parents=True)
    failed_file().write_text(json.dumps({"pairs": rows}))
    assert main(["score", "--retry-failed"]) == 1
    commands = [line.split()[2:] for line in capsys.readouterr().err.splitlines()[1:]]
    first = ["--model", "a.py:A", "--benchmark"]
    assert commands == [
        [*first, "X-rsa", "Y-rsa"],
        [*first, "X-rsa", "--seed", "1"],
        [*first, "X-rsa", "Y-rsa", "--layers", "one"],
        [*first, "X-rsa", "--layers", "one", "--seed", "1"],
    ]


@pytest.mark.parametrize(
    "option",
    [
        *("--model=x", "--benchmark=x", "--given=x", "--hear-task=x", "--control=permuted"),
        *("--layers=x", "--weights=x", "--weights-dir=x", "--device=cpu", "--dtype=tf32"),
        *("--trust-remote-code", "--permutations=0", "--bootstrap=0", "--seed=0"),
        *("--max-memory=4GB", "--metric-device=cpu"),
    ],
)
def test_pairs_that_failed_have_their_options(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["score", "--retry-failed", option])
    assert stopped.value.code == 2
    assert f"leave {option.partition('=')[0]} out" in capsys.readouterr().err


def test_every_option_of_score_is_taken_or_refused_with_failed_pairs() -> None:
    parser = argparse.ArgumentParser()
    score.add(parser.add_subparsers())
    taken = {
        *("recompute", "json", "output", "dry_run", "retry_failed", "workers", "scheduler"),
        *("tls_ca", "tls_cert", "tls_key", "isolate", "quiet", "verbose", "log", "run", "misused"),
    }
    options = vars(parser.parse_args(["score"]))
    assert {*options} == taken | {*OF_PAIRS}
