"""Runs a model in its plugin's own virtual environment, which leaves activations in the store.

So models whose dependencies contradict each other can be compared: install their plugins beside
each other with ``pip install --no-deps`` (looking a model up reads its card only), and let each
one's dependencies be installed into an environment that no other model sees.

    $BRAINBENCH_HOME/cache/environments/<distribution>-<version>-<hash>/

The hash covers requirements, where plugin and core were installed from, and the Python version.
The other process is told what to do in a JSON file and answers with one; activations go through the
store, under the key they would have here, which is checked.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from brainbench_audio import errors, settings
from brainbench_audio.activations.extraction import activation_fields, plan_extraction
from brainbench_audio.activations.identity import Identity
from brainbench_audio.children import HUB_SECRETS, child_environment, last_lines, run_python
from brainbench_audio.errors import BrainbenchError, ContractError, PluginLoadError
from brainbench_audio.files import atomic_file, hash_json, locked
from brainbench_audio.hashing.sources import package_hash
from brainbench_audio.pipeline.hearing import Heard, Hearing, Workbench, hear, heard_by
from brainbench_audio.pipeline.identifying import identified
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.run import Failure, described
from brainbench_audio.pipeline.targets import Target
from brainbench_audio.provenance import DISTRIBUTION, source_folder
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.stimuli.stimulus_set import StimulusSet

_log = logging.getLogger(__name__)
_READY = "ready.json"
_LAST_LINES = 6


def hear_where_asked(bench: Workbench, hearing: Hearing) -> Heard | Failure:
    """Take the first step of a pair here, or in an environment of the plugin's own.

    Errors come back as a `Failure`, see `pipeline.hearing.hear`.
    """
    return hear(bench, hearing, hear_isolated if hearing.isolate else None)


def hear_isolated(hearing: Hearing, stimuli: StimulusSet) -> Heard:
    """Put a model's activations into the store from an environment of its own.

    Raises
    ------
    ContractError
        The model is no plugin's, or has no fingerprint, or its source there is not the one here.
    PluginLoadError
        The environment cannot be made, or its process dies.
    BrainbenchError
        Whatever the model raises there.
    """
    if ModelId.parse(hearing.model.id).file is not None:
        raise ContractError(
            f"{hearing.model.id} belongs to no plugin, so nothing says what it needs: leave out "
            f"--isolate."
        )
    found = find_model(hearing.model.id)
    python = environment_python(found.distribution, found.card.packages, hearing.isolate or "full")
    answer = _asked(python, {"hearing": asdict(hearing), "stimuli": _as_json(stimuli)})
    identity = Identity.from_json(answer["identity"])
    if not identity.kept or identity.card is None:
        reason = identity.unkept or "it has no card"
        raise ContractError(
            f"The activations of model {hearing.model.id} cannot be handed over from its own "
            f"environment ({reason}): leave out --isolate."
        )
    fields = activation_fields(identity, hearing.targets[0].keys(identity).heard)
    differing = [name for name, value in answer["fields"].items() if fields[name] != value]
    if identity.code.get("hash") != package_hash(found.card.packages):
        differing.append("source")
    if differing:
        raise ContractError(
            f"Model {hearing.model.id} is not the same in its own environment and here: "
            f"{', '.join(differing)} differ. Install the same {found.distribution} and "
            f"{DISTRIBUTION} for both, or delete {python.parents[1]}."
        )
    return Heard(hearing.model, identity, hearing.isolate, answer["seconds"])


def environment_python(name: str, packages: Sequence[str], mode: str) -> Path:
    """Return the Python of a distribution's own environment, which is made on first use.

    Parameters
    ----------
    name : str
        Distribution, installed here at least without its dependencies.
    packages : sequence of str
        Import packages of the model.
    mode : str
        ``full``: everything is installed anew. ``shared``: what is installed here is seen there
        too, and only what has to be another version is installed; several GB smaller.

    Raises
    ------
    PluginLoadError
        pip fails.
    """
    plugin, core = distribution(name), distribution(DISTRIBUTION)
    identity = {
        "mode": mode,
        "python": sys.version,
        "requires": sorted(plugin.requires or ()),
        "plugin": _requirement(plugin),
        "core": _requirement(core),
        # an editable install follows its source, any other one is a copy of it
        "source": None if _editable(plugin) else package_hash(packages),
        "core_source": None if _editable(core) else package_hash(["brainbench_audio"]),
        "shared": str(_site_packages()) if mode == "shared" else None,
    }
    folder = settings.cache_home() / "environments"
    folder /= f"{plugin.name}-{plugin.version}-{hash_json(identity)[:12]}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with locked(folder):
        if not (folder / _READY).is_file():
            shutil.rmtree(folder, ignore_errors=True)  # left by a killed process
            _log.warning("making the environment %s: this may take minutes", folder)
            _make(folder, python, [] if mode == "shared" else _requirement(core), plugin)
            with atomic_file(folder / _READY) as temporary:
                temporary.write_text(json.dumps(identity, indent=1), encoding="utf-8")
    return python


def _make(folder: Path, python: Path, core: Sequence[str], plugin: Distribution) -> None:
    # not venv's --system-site-packages: that shows packages of the base Python, not of a venv;
    # and without the pip and setuptools of its own, which may be older than what torch wants
    pip, interpreter, bare = ["-m", "pip", "--python", str(python)], None, ["--without-pip"]
    if importlib.util.find_spec("pip") is None:
        pip, interpreter, bare = ["-m", "pip"], python, []
    _run(["-m", "venv", *bare, str(folder)], plugin.name)
    if not core:
        _share(folder)
    offline = ["--no-index"] if settings.offline() else []
    command = [*pip, "install", "--disable-pip-version-check", *offline]
    # an index or a repository of one's own may want a password
    secrets = [name for name in os.environ if name.startswith("PIP_") or name == "SSH_AUTH_SOCK"]
    _run([*command, *core, *_requirement(plugin)], plugin.name, interpreter, secrets)


def _share(folder: Path) -> None:
    """Let an environment see ours behind its own, with the editable installs that are in it."""
    (own,) = (
        folder.glob("lib/python*/site-packages")
        if os.name != "nt"
        else [folder / "Lib/site-packages"]
    )
    lines = [
        f"import site; site.addsitedir({str(_site_packages())!r})",
        str(source_folder("brainbench_audio").parent),
    ]
    (own / "shared.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _site_packages() -> Path:
    return Path(sysconfig.get_path("purelib"))


def _requirement(found: Distribution) -> list[str]:
    """Return what pip has to be told to install a distribution from where it came from."""
    origin = _origin(found)
    url = origin.get("url", "")
    if "dir_info" in origin:
        folder = url2pathname(urlparse(url).path)
        return ["-e", folder] if _editable(found) else [folder]
    if "vcs_info" in origin:
        version = origin["vcs_info"]
        return [f"{found.name} @ {version['vcs']}+{url}@{version['commit_id']}"]
    return [f"{found.name} @ {url}"] if url else [f"{found.name}=={found.version}"]


def _editable(found: Distribution) -> bool:
    return bool(_origin(found).get("dir_info", {}).get("editable"))


def _origin(found: Distribution) -> dict[str, Any]:
    return dict(json.loads(found.read_text("direct_url.json") or "{}"))


def _asked(python: Path, question: Mapping[str, Any]) -> dict[str, Any]:
    """Let the other process do the work, and return its answer."""
    with tempfile.TemporaryDirectory(prefix="brainbench-") as folder:
        asked, answered = Path(folder) / "question.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(question, default=os.fspath), encoding="utf-8")
        arguments = ["-m", __name__, str(asked), str(answered)]
        _run(arguments, question["hearing"]["model"]["id"], python, HUB_SECRETS)
        answer = dict(json.loads(answered.read_text(encoding="utf-8")))
    if "error" in answer:
        kind = getattr(errors, answer["error"], BrainbenchError)
        raise kind(answer["message"])
    return answer


def _run(
    arguments: Sequence[str], name: str, python: Path | None = None, secrets: Sequence[str] = ()
) -> None:
    environment = child_environment(keep=secrets, other=True)
    done = run_python(arguments, python=python, environment=environment)
    if done.returncode:
        command = " ".join([str(python or sys.executable), *arguments])
        raise PluginLoadError(
            f"The environment of {name} failed: `{command}` ended with "
            f"{done.returncode}: {last_lines(done.stderr or done.stdout, _LAST_LINES)}"
        )


def _as_json(stimuli: StimulusSet) -> dict[str, Any]:
    files = [file.absolute() for file in stimuli.files]
    recordings = {
        rate: [file.absolute() for file in recorded]
        for rate, recorded in stimuli.recordings.items()
    }
    given = {field.name: getattr(stimuli, field.name) for field in fields(stimuli)}
    return {**given, "files": files, "recordings": recordings}


def _stimuli(content: Mapping[str, Any]) -> StimulusSet:
    recordings = {
        int(rate): tuple(map(Path, files)) for rate, files in content["recordings"].items()
    }
    given: dict[str, Any] = {
        **{name: tuple(each) if isinstance(each, list) else each for name, each in content.items()},
        "files": tuple(map(Path, content["files"])),
        "recordings": recordings,
    }
    return (ContinuousStimuli if "stride" in given else StimulusSet)(**given)


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Do what the other process asks for; errors are told, not raised."""
    given = dict(question["hearing"])
    model = Loadable(**given["model"])
    targets = tuple(
        Target(**{**target, "benchmark": Loadable(**target["benchmark"])})
        for target in given["targets"]
    )
    hearing = Hearing(model, targets, given["recompute"])
    stimuli = _stimuli(question["stimuli"])
    try:
        heard = heard_by(identified(model), hearing, lambda: stimuli)
    except Exception as error:
        return {"error": type(error).__name__, "message": described(error)}
    identity = heard.identity.as_json()
    fields = plan_extraction(heard.identity, stimuli).fields if heard.identity.kept else {}
    return {"identity": identity, "fields": fields, "seconds": heard.seconds}


if __name__ == "__main__":
    asked, answered = map(Path, sys.argv[1:3])
    told = answer(json.loads(asked.read_text(encoding="utf-8")))
    answered.write_text(json.dumps(told), encoding="utf-8")
