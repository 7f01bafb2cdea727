"""Processes of this machine are for whoever started them; a remote scheduler is told what it is."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.errors import BrainbenchError
from brainbench_audio.pipeline import connection
from brainbench_audio.pipeline.connection import Certificates, at, on_this_machine
from brainbench_audio.testing.waiting import wait_until

distributed = pytest.importorskip("distributed")
pytestmark = [
    # sockets and processes of Dask that end a moment after the test that used them
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


@pytest.fixture(autouse=True)
def found_by_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers import this module, whose functions they are to call."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def surroundings(_: int) -> tuple[dict[str, str], list[str], str, list[int]]:
    """Return environment, module path, parent's environment and threads, as a worker has them."""
    parents = Path(f"/proc/{os.getppid()}/environ").read_text(errors="replace")
    return dict(os.environ), sys.path, parents, [os.getpid(), os.getppid()]


def modes(_: int) -> dict[str, int]:
    """Return who may use the folder of the certificates, and each file in it."""
    folder = Path(distributed.get_worker().local_directory)
    while not (folder / "tls-key.pem").exists():
        folder = folder.parent
    return {file.name: file.stat().st_mode & 0o777 for file in (folder, *folder.glob("*.pem"))}


def speak(_: int) -> None:
    print("a word on stdout", flush=True)
    logging.getLogger("brainbench_audio").warning("a word of warning")


def local_addresses(processes: list[int]) -> set[str]:
    """Return the addresses, in the kernel's hexadecimal, at which some processes listen."""
    inodes = set()
    for process in processes:
        for link in Path(f"/proc/{process}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                inodes.add(str(link.readlink()))
    found = set()
    for table in "tcp", "tcp6":
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(fields[1].partition(":")[0])
    return found


@pytest.mark.slow  # strangers that connect to a busy machine can make it wait for minutes
def test_workers_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One start for the whole story: it takes seconds."""
    pytest.importorskip("cryptography")
    monkeypatch.chdir(tmp_path)
    for name in ("multiprocessing", "distributed", "dask", "json", "runpy", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\nraise SystemExit(3)\n"
        )
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    before = dict(os.environ)
    with on_this_machine(1, 1 << 30, ["HF_TOKEN"]) as client:
        assert dict(os.environ) == before, "ours is left alone"
        variables, path, parents, processes = client.submit(surroundings, 0).result(timeout=60)
        assert variables["HF_TOKEN"] == "hf_secret"
        assert "GITHUB_TOKEN" not in variables
        assert "GITHUB_TOKEN=" not in parents
        assert not {"", str(tmp_path)} & set(path)
        address = client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        assert local_addresses([*processes, os.getpid()]) == {"0100007F"}
        for worker, about in client.scheduler_info(n_workers=-1)["workers"].items():
            for each in worker, about["nanny"]:
                assert each.startswith("tls://127.0.0.1:")
                strangers(each, port(each))
        strangers(address, port(address))
        nothing_is_shown(client)
        found = client.submit(modes, 0).result(timeout=60)
        assert len(found) == 4
        assert not any(mode & 0o077 for mode in found.values()), "for the owner alone"
        client.submit(speak, 0).result(timeout=60)
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "a word on stdout\na word of warning\n")
    assert not (tmp_path / "ran").exists()
    for process in processes:
        assert not Path(f"/proc/{process}").exists(), "workers end with the run"


def meet(folder: Path, others: int) -> str:
    """Wait until as many tasks run at a time as there are to be; return the GPU that is seen."""
    (folder / str(os.getpid())).touch()
    wait_until(lambda: len(list(folder.iterdir())) >= others)
    return os.environ["CUDA_VISIBLE_DEVICES"]


@pytest.mark.parametrize(
    ("workers", "gpus", "seen"),
    [
        (2, (), [("2", None, False)]),
        (2, ("0", "1"), [("1", "0", True), ("1", "1", True)]),
        (1, ("3", "5"), [("1", "3", True)]),
        (4, ("GPU-8f", "1"), [("1", "GPU-8f", True), ("1", "1", True), ("2", "", False)]),
    ],
)
def test_each_gpu_belongs_to_one_worker(
    workers: int, gpus: tuple[str, ...], seen: list[tuple[str, str | None, bool]]
) -> None:
    assert [
        (options[1], variables.get("CUDA_VISIBLE_DEVICES"), options[2:] == ["--resources", "GPU=1"])
        for options, variables in connection._parties(workers, gpus)
    ] == seen


@pytest.mark.slow  # starts three processes
def test_models_run_on_both_of_two_gpus_that_this_machine_is_said_to_have(tmp_path: Path) -> None:
    """They are names alone: what runs there is a task that asks which one it sees."""
    pytest.importorskip("cryptography")
    with on_this_machine(3, 3 << 30, gpus=["0", "7"]) as client:
        asked = {"resources": {"GPU": 1}, "pure": False}
        both = [client.submit(meet, tmp_path, 2, **asked) for _ in range(2)]
        assert sorted(future.result(timeout=60) for future in both) == ["0", "7"]
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        assert [worker["resources"] for worker in workers].count({}) == 1


def port(address: str) -> int:
    return int(address.rpartition(":")[2])


def strangers(address: str, number: int) -> None:
    """Try to talk to a process as another user of the machine would, who has no certificate."""
    with pytest.raises((OSError, TimeoutError, distributed.comm.core.CommClosedError)):
        distributed.Client(address.replace("tls:", "tcp:"), timeout=1, set_as_default=False)
    own = distributed.Security.temporary()  # well made, but not of this cluster

    async def identity() -> Any:
        async with distributed.rpc(
            address, connection_args=own.get_connection_args("client")
        ) as it:
            return await asyncio.wait_for(it.identity(), 5)

    with pytest.raises((OSError, TimeoutError, distributed.comm.core.CommClosedError)):
        asyncio.run(identity())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", number), timeout=5)
    with plain, suppress(ssl.SSLError, ConnectionError), context.wrap_socket(plain) as talk:
        talk.sendall(b"x")
        assert not talk.recv(1), "an answer to nobody"


def nothing_is_shown(client: Any) -> None:
    """The pages of Dask that need no certificate are gone."""
    dashboard = client.cluster.scheduler.http_server.port
    for page in "status", "health", "json/counts.json", "info/main/workers.html", "api/v1/version":
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"http://127.0.0.1:{dashboard}/{page}", timeout=5)


def test_workers_that_do_not_start(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cryptography")
    monkeypatch.setattr(connection, "_worker_arguments", lambda *_: ["-c", "print(1 / 0)"])
    refused = pytest.raises(BrainbenchError, match="1 worker processes could not be started")
    with refused, on_this_machine(1, 1 << 30):
        pass
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_without_what_makes_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError("no cryptography")

    monkeypatch.setattr(distributed.Security, "temporary", missing)
    refused = pytest.raises(BrainbenchError, match=r"no cryptography.*brainbench-audio\[cluster\]")
    with refused, on_this_machine(1, 1 << 30):
        pass


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("tcp://10.1.2.3:8786", True),
        ("head.cluster.example:8786", True),
        ("ws://10.1.2.3:8786", True),
        ("tcp://[2001:db8::1]:8786", True),
        ("tcp://127.0.0.1:9", False),
        ("tcp://localhost:9", False),
        ("tcp://[::1]:9", False),
        ("tls://10.1.2.3:8786", False),
    ],
)
def test_a_plain_scheduler_elsewhere_is_warned_of(
    address: str, warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def nobody(*_: Any, **__: Any) -> None:
        raise OSError("nobody there")

    monkeypatch.setattr(distributed, "Client", nobody)
    with caplog.at_level(logging.WARNING), pytest.raises(BrainbenchError), at(address, None):
        pass
    assert ("neither encrypted nor protected" in caplog.text) is warned


@pytest.mark.parametrize(
    "address",
    [
        *("foo", "", "tcp://foo", "tls://", "foo:", "foo:abc", ":8786", "foo:0", "foo:99999"),
        *("::1", "2001:db8::1:8786", "tcp://foo:8786/", "foo:-1", "http://foo:8787"),
    ],
)
def test_an_address_without_host_or_port_is_not_looked_for(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(distributed, "Client", None)
    refused = pytest.raises(BrainbenchError, match="is no address of a Dask scheduler: give its")
    with refused, at(address, None):
        pass
    assert not caplog.text


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    pytest.importorskip("cryptography")
    made = distributed.Security.temporary()
    files = Certificates(tmp_path / "ca.pem", tmp_path / "cert.pem", tmp_path / "key.pem")
    files.ca.write_text(made.tls_ca_file)
    files.cert.write_text(made.tls_client_cert)
    files.key.write_text(made.tls_client_key)
    return files


def test_a_scheduler_with_certificates(certificates: Certificates, tmp_path: Path) -> None:
    both = (str(certificates.cert), str(certificates.key))
    security = distributed.Security(
        tls_ca_file=str(certificates.ca),
        **dict(zip(("tls_scheduler_cert", "tls_scheduler_key"), both, strict=True)),
        **dict(zip(("tls_worker_cert", "tls_worker_key"), both, strict=True)),
        **dict(zip(("tls_client_cert", "tls_client_key"), both, strict=True)),
        require_encryption=True,
    )
    with distributed.LocalCluster(
        dashboard_address="127.0.0.1:0",
        n_workers=1,
        processes=False,
        protocol="tls",
        host="127.0.0.1",
        security=security,
        threads_per_worker=1,
    ) as cluster:
        with at(cluster.scheduler_address, certificates) as client:
            assert client.submit(sum, [1, 2]).result() == 3
        refused = pytest.raises(BrainbenchError, match="No Dask scheduler answers")
        with refused, at(cluster.scheduler_address.replace("tls:", "tcp:"), None):
            pass


def test_certificates_that_cannot_be_used(certificates: Certificates, tmp_path: Path) -> None:
    lacking = Certificates(certificates.ca, certificates.cert, tmp_path / "none.pem")
    refused = pytest.raises(BrainbenchError, match=r"none\.pem, of .*--tls-key, does not exist")
    with refused, at("tls://127.0.0.1:9", lacking):
        pass
    certificates.key.write_text("no key")
    refused = pytest.raises(BrainbenchError, match="cannot be used")
    with refused, at("tls://127.0.0.1:9", certificates):
        pass


@pytest.mark.parametrize(
    "arguments",
    [
        ["--tls-ca", "a.pem"],
        ["--tls-ca", "a.pem", "--tls-cert", "b.pem", "--tls-key", "c.pem"],
        ["--scheduler", "tcp://h:1", "--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c"],
        ["--workers", "1", "--tls-ca", "a", "--tls-cert", "b", "--tls-key", "c"],
        ["--scheduler", "tls://h:1", "--tls-ca", "a", "--tls-cert", "b"],
    ],
)
@pytest.mark.usefixtures("tiny")
def test_files_without_use(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["score", "-m", "tiny-plain", "-b", "Tiny-match", *arguments])
    assert stopped.value.code == 2
    assert "--tls-" in capsys.readouterr().err
