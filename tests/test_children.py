"""Child processes find nothing in the current folder and inherit no secrets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from brainbench_audio.children import HUB_SECRETS, child_environment, last_lines, run_python

SECRETS = {
    "HF_TOKEN": "hf_x",
    "GITHUB_TOKEN": "x",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AZURE_CLIENT_ID": "x",
    "WANDB_API_KEY": "x",
    "MY_SERVICE_SECRET": "x",
    "PGPASSWORD": "x",
    "SLURM_JWT": "x",
    "SMTP_PASS": "x",
    "GITHUB_PAT": "x",
    "DB_PWD": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/me/key.json",
    "SSH_AUTH_SOCK": "/tmp/agent",
    "database_url": "postgresql://me:secret@host/db",
    "PIP_INDEX_URL": "https://me:secret@host/simple",
}
PLAIN = {
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "KEYBOARD": "de",
    "OLDPWD": "/home/me",
    "XAUTHORITY": "/home/me/.Xauthority",
    "BRAINBENCH_HOME": "/home/me/brain",
    "HTTPS_PROXY": "http://me:secret@proxy:3128",
    "CUDA_VISIBLE_DEVICES": "0",
    "LINK": "https://host/a@b",
}
TELL = "import json, os, sys; print(json.dumps([dict(os.environ), sys.path, sys.flags.safe_path]))"


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SECRETS | PLAIN).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("surroundings")
def test_secrets_stay_with_the_parent() -> None:
    variables, _, safe = json.loads(run_python(["-c", TELL]).stdout)
    assert variables.keys() & SECRETS.keys() == set()
    assert {name: variables[name] for name in PLAIN} == PLAIN
    assert safe is True


@pytest.mark.usefixtures("surroundings")
def test_a_child_gets_the_secrets_that_it_needs() -> None:
    kept = child_environment({"TQDM_DISABLE": "1"}, keep=HUB_SECRETS)
    assert kept.keys() & SECRETS.keys() == {"HF_TOKEN"}
    assert kept["TQDM_DISABLE"] == "1"


def test_the_current_folder_is_no_place_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = [os.environ.get("PYTHONPATH", ""), "", "relative"]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(wanted))
    _, path, _ = json.loads(run_python(["-c", TELL]).stdout)
    assert str(tmp_path) not in path
    assert "" not in path
    assert str(tmp_path / "relative") in path
    (tmp_path / "json.py").write_text("raise SystemExit('ran')")
    # its own children, too
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import json'])"
    assert b"ran" not in run_python(["-c", code]).stderr


@pytest.mark.usefixtures("surroundings")
def test_another_environment_sees_no_packages_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PYTHONHOME", "/somewhere")
    kept = child_environment(other=True)
    assert kept.keys() & {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"} == set()
    assert (kept["PYTHONNOUSERSITE"], kept["PYTHONSAFEPATH"]) == ("1", "1")


def test_an_end_is_told() -> None:
    done = run_python(["-c", "import sys; print('one\\ntwo', file=sys.stderr); sys.exit(3)"])
    assert (done.returncode, last_lines(done.stderr), last_lines(done.stderr, 2)) == (
        3,
        "two",
        "one / two",
    )
    with pytest.raises(TimeoutExpired):
        run_python(["-c", "import time; time.sleep(60)"], timeout=0.5)
