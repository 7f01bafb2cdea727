"""What no module may do: run what comes from outside, reach the network, unpack by itself."""

from __future__ import annotations

import ast
import functools
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = "brainbench_audio"
# file (or plugin folder) -> why it may
NETWORK = {
    "brainbench_audio/download.py": {"pooch"},
    "brainbench_audio/transfer.py": {"requests", "urllib3"},
    "brainbench_audio/hub.py": {"huggingface_hub"},
    "brainbench_audio/cli/site_server.py": {"http"},  # a site, to this machine only
    "brainbench_audio/pipeline/agreement.py": {"distributed"},  # a type
    "brainbench_audio/pipeline/cluster.py": {"distributed"},
    "brainbench_audio/pipeline/connection.py": {"dask", "distributed"},
    # "file:" addresses of installed packages; neither opens anything
    "brainbench_audio/pipeline/isolation.py": {"urllib.request"},
}
# unpicklers that look up every name in a table of their own
UNPICKLERS = {
    "brainbench_audio/activations/snapshots.py",
    "plugins/benchmarks/natsound165/brainbench_natsound165/safe_pickle.py",
}
WRITES_ARCHIVES = {
    "plugins/benchmarks/natsound165/brainbench_natsound165/testing.py",
    "plugins/benchmarks/hear/brainbench_hear/testing.py",
}
READS_ZIP = {
    "brainbench_audio/activations/snapshots.py",
    "brainbench_audio/activations/weights.py",
    # the names in a wheel that was built a moment ago
    "brainbench_audio/testing/conformance/built.py",
}
COMPILES = {
    "brainbench_audio/hashing/imported_code.py",  # to compare with what was imported; never run
    "brainbench_audio/hashing/tree_import.py",  # a file of the user's own, named on purpose
}
NETWORK_MODULES = {
    *("aiohttp", "dask", "distributed", "ftplib", "http", "httpx", "huggingface_hub", "imaplib"),
    *("pooch", "requests", "smtplib", "socket", "socketserver", "ssl", "telnetlib", "urllib3"),
    *("urllib.request", "websockets", "xmlrpc", "zmq"),
}
TEMPLATING = {"jinja2", "mako", "markupsafe", "django", "chameleon"}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "os.system", "os.popen", "os.execv", "os.execvp", "os.spawnl"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "dill.load", "dill.loads"),
    *("joblib.load", "cloudpickle.load", "cloudpickle.loads", "marshal.load", "marshal.loads"),
    *("shelve.open", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "pandas.read_pickle"),
    *("pd.read_pickle", "shutil.unpack_archive", "torch.hub.load", "torch.jit.load"),
}


def sources() -> list[Path]:
    """Return all modules that are installed: those of the core and of the plugins."""
    found = list((ROOT / CORE).rglob("*.py"))
    found += [path for path in (ROOT / "plugins").rglob("*.py") if "tests" not in path.parts]
    return sorted(path for path in found if "build" not in path.parts)


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


@functools.cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Return file, function as it is written and the call."""
    return [
        (short(path), dotted(node.func), node)
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
    ]


@functools.cache
def imports() -> list[tuple[str, str]]:
    """Return file and full name of all that is imported, wherever in a file."""
    found: list[tuple[str, str]] = []
    for path in sources():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                found += ((short(path), name.name) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found += ((short(path), f"{node.module}.{name.name}") for name in node.names)
    return found


def keyword(call: ast.Call, name: str) -> object:
    for given in call.keywords:
        if given.arg == name and isinstance(given.value, ast.Constant):
            return given.value.value
    return None


def test_there_is_something_to_look_at() -> None:
    assert len(sources()) > 150
    assert any(name == "torch.load" for _, name, _ in calls())
    assert any(name == "np.load" for _, name, _ in calls())


def test_nothing_from_outside_is_run() -> None:
    found = {(file, name) for file, name, _ in calls() if name in FORBIDDEN_CALLS}
    assert found == {(file, "compile") for file in COMPILES}


def test_names_that_would_hide_such_a_call() -> None:
    """``from pickle import loads`` is the same call under a shorter name."""
    hidden = {name for name in FORBIDDEN_CALLS if "." in name}
    assert [(file, name) for file, name in imports() if name in hidden] == []


def test_unpicklers_are_our_own() -> None:
    loaders = {"_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    assert [(file, name) for file, name in imports() if name.split(".")[0] in loaders] == []
    using = set()
    for path in sources():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and "pickle.Unpickler" in map(dotted, node.bases):
                using.add(short(path))
                assert "find_class" in {getattr(part, "name", None) for part in node.body}
    assert using == UNPICKLERS


def test_torch_reads_weights_only() -> None:
    for file, name, call in calls():
        if name == "torch.load":
            assert keyword(call, "weights_only") is True, file


def test_numpy_reads_no_pickles() -> None:
    for file, name, call in calls():
        if name in ("np.load", "numpy.load"):
            assert keyword(call, "allow_pickle") is False, file
        assert keyword(call, "allow_pickle") is not True, file


def test_no_shell_and_few_processes() -> None:
    assert [file for file, _, call in calls() if keyword(call, "shell")] == []
    starters = {"subprocess", "multiprocessing", "pty", "concurrent.futures.ProcessPoolExecutor"}
    using = {
        (file, name)
        for file, name in imports()
        if starters & {name, name.partition(".")[0]} and name != "subprocess.TimeoutExpired"
    }
    assert using == {("brainbench_audio/children.py", "subprocess")}


def test_archives_are_unpacked_in_one_place() -> None:
    assert [file for file, name, _ in calls() if name.endswith((".extractall", ".extract"))] == []
    opening = {file for file, name, _ in calls() if name == "tarfile.open"}
    assert opening <= {f"{CORE}/archives.py", *WRITES_ARCHIVES}
    assert {file for file, name, _ in calls() if name == "zipfile.ZipFile"} <= READS_ZIP


def test_markup_is_made_in_one_place() -> None:
    """Drawings make theirs with `tag`; a template escapes all else."""
    made = {file for file, name, _ in calls() if name.rpartition(".")[2] == "Markup"}
    assert made == {f"{CORE}/markup.py"}
    environments = {file for file, name in imports() if name.split(".")[0] in TEMPLATING}
    assert environments == {f"{CORE}/report/site/templating.py"}
    has_markup = {
        (file, getattr(node, "name", ""))
        for file in map(short, sources())
        for node in ast.walk(tree(ROOT / file))
        if isinstance(node, ast.FunctionDef) and node.name in ("__html__", "__html_format__")
    }
    assert has_markup == {(f"{CORE}/markup.py", "__html__")}


def test_the_network_is_reached_from_few_places() -> None:
    for file, name in imports():
        parts = name.split(".")
        names = {parts[0], ".".join(parts[:2])}
        if names & NETWORK_MODULES:
            allowed = NETWORK.get(file, set())
            assert allowed & names, (
                f"{file} imports {name}: downloads belong to download.py and hub.py"
            )


def test_certificates_are_checked() -> None:
    assert [file for file, _, call in calls() if keyword(call, "verify") is False] == []
    for path in sources():
        assert "_create_unverified_context" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", ["py", "csv", "toml"])
def test_addresses_are_encrypted(suffix: str) -> None:
    """The scheme alone is a prefix to compare with; ``serve`` tells where this machine listens."""
    files = [*(ROOT / CORE).rglob(f"*.{suffix}"), *(ROOT / "plugins").rglob(f"*.{suffix}")]
    for path in files:
        if "tests" in path.parts or short(path) == f"{CORE}/cli/serve.py":
            continue
        for part in path.read_text(encoding="utf-8").split("http://")[1:]:
            assert part[:1] in "\"'", f"{short(path)}: http://{part[:40]}"


def test_what_downloads_is_pinned_on_every_card() -> None:
    """A published file has a checksum, or is held to the first download: it is never just taken."""
    for file, name, call in calls():
        if name.endswith("hf_hub_download") or name.endswith("snapshot_download"):
            assert any(given.arg == "revision" for given in call.keywords), file
        if name == "pooch.retrieve":
            assert file == f"{CORE}/download.py"
            assert dotted(call.args[1]) == "expected"


def test_dependencies_come_from_the_index_alone() -> None:
    """No package is taken from an address, which nothing would pin."""
    for file in (ROOT / "pyproject.toml", *(ROOT / "plugins").glob("*/*/pyproject.toml")):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        groups = [
            project.get("dependencies", []),
            *project.get("optional-dependencies", {}).values(),
        ]
        assert [one for group in groups for one in group if "@" in one or "://" in one] == [], file
