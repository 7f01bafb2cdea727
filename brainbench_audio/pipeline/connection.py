"""Connects to a Dask scheduler: one of our own with workers on this machine, or a running one.

Whoever reaches a scheduler runs code on its workers, so our own one speaks TLS with certificates
that are made for one run: another user of the machine is turned away.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from brainbench_audio.children import Child, child_environment, started_python
from brainbench_audio.errors import BrainbenchError

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

_DEATHS = 2  # how often a task may lose its worker before it counts as failed
_CONNECT_SECONDS = 20
_START_SECONDS = 120  # importing Dask from a slow disk takes a while
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LOGGERS = ("distributed", "distributed.client", "distributed.core", "distributed.utils")
_SCHEMES = ("", "tcp", "tls", "ws", "wss")
_PORTLESS = ("inproc", "ucx")  # schemes whose addresses Dask reads in ways of their own
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Certificates:
    """Files in PEM format by which a scheduler and its clients know each other.

    Attributes
    ----------
    ca : Path
        Certificate of whoever signed those of scheduler, workers and clients.
    cert, key : Path
        Our own certificate and its private key.
    """

    ca: Path
    cert: Path
    key: Path


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Dask from logging tracebacks of lost connections: what was lost is told at the end."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def on_this_machine(
    workers: int, memory: int, secrets: Sequence[str] = (), gpus: Sequence[str] = ()
) -> Iterator[Client]:
    """Start worker processes with their share of cores and memory, and stop them at the end.

    Each GPU belongs to one worker, which sees no other and declares it to Dask; workers for which
    there is none left see none.

    Parameters
    ----------
    workers : int
    memory : int
        Bytes for all of them.
    secrets : sequence of str
        Environment variables that workers get in spite of what their names say.
    gpus : sequence of str
        As ``CUDA_VISIBLE_DEVICES`` names them.

    Raises
    ------
    BrainbenchError
        ``cryptography`` is missing, or the processes do not start.
    """
    import dask
    from distributed import Client, LocalCluster

    chosen = {
        "distributed.scheduler.allowed-failures": _DEATHS,
        # its pages would be open to everybody on this machine
        "distributed.scheduler.http.routes": [],
    }
    security = _temporary_security()
    with (
        TemporaryDirectory(prefix="brainbench-") as folder,
        dask.config.set(chosen),
        LocalCluster(
            n_workers=0,
            host="127.0.0.1",
            protocol="tls",
            security=security,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs="ERROR",
        ) as cluster,
        Client(cluster) as client,
        ExitStack() as stack,
    ):
        arguments = _worker_arguments(cluster.scheduler_address, Path(folder), security)
        arguments += ["--memory-limit", str(memory // workers)]
        environment = _worker_environment(workers, secrets)
        processes = [
            stack.enter_context(started_python([*arguments, *options], environment | variables))
            for options, variables in _parties(workers, gpus)
        ]
        _wait_for(client, workers, processes)
        yield client


def _parties(workers: int, gpus: Sequence[str]) -> list[tuple[list[str], dict[str, str]]]:
    """Return the options and variables of workers that see the same: one a GPU, then the others."""
    own = gpus[:workers]
    parties = [
        (["--nworkers", "1", "--resources", "GPU=1"], {"CUDA_VISIBLE_DEVICES": gpu}) for gpu in own
    ]
    if rest := workers - len(own):
        parties.append((["--nworkers", str(rest)], {"CUDA_VISIBLE_DEVICES": ""} if own else {}))
    return parties


def _temporary_security() -> Security:
    from distributed.security import Security

    try:
        security: Security = Security.temporary()
    except ImportError as error:
        raise BrainbenchError(
            f"Processes of one machine talk through certificates, and what makes them is not "
            f"installed ({error}): pip install 'brainbench-audio[cluster]'."
        ) from error
    return security


def _worker_arguments(address: str, folder: Path, security: Any) -> list[str]:
    """Return how to start workers that connect to a scheduler; the files are ours alone to read."""
    options = {"--tls-ca-file": security.tls_ca_file}
    options |= {"--tls-cert": security.tls_worker_cert, "--tls-key": security.tls_worker_key}
    arguments = ["-m", "distributed.cli.dask_worker", address]
    for option, content in options.items():
        file = folder / f"{option[2:]}.pem"
        file.touch(mode=0o600)
        file.write_text(content, encoding="ascii")
        arguments += [option, str(file)]
    arguments += ["--host", "127.0.0.1", "--protocol", "tls", "--no-dashboard"]
    # by default its server listens on every network of the machine, even without a dashboard
    arguments += ["--dashboard-address", "127.0.0.1:0"]
    return [*arguments, "--nthreads", "1", "--local-directory", str(folder)]


def _worker_environment(workers: int, secrets: Sequence[str]) -> dict[str, str]:
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    settings = {
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true",
        "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
        "DASK_LOGGING__DISTRIBUTED": "critical",  # see `quiet`
        "TQDM_DISABLE": "1",  # one bar is enough, that of the client
        **{name: os.environ.get(name, threads) for name in _THREADS},
    }
    return child_environment(settings, keep=secrets)


def _wait_for(client: Client, workers: int, processes: Sequence[Child]) -> None:
    """Wait until all workers are there, as long as the processes that start them live."""
    deadline = time.monotonic() + _START_SECONDS
    while len(client.scheduler_info(n_workers=-1)["workers"]) < workers:
        ended = any(process.poll() is not None for process in processes)
        if ended or time.monotonic() > deadline:
            state = "could not be started" if ended else "are not there yet"
            raise BrainbenchError(
                f"The {workers} worker processes {state} after {_START_SECONDS} s at most; what "
                f"they said stands above. Score without --workers to see whether that works."
            )
        time.sleep(0.05)


@contextmanager
def at(scheduler: str, certificates: Certificates | None) -> Iterator[Client]:
    """Connect to a running scheduler.

    Raises
    ------
    BrainbenchError
        Its address lacks a host or a port, it does not answer or has no workers, or a file of the
        certificates cannot be read.
    """
    from distributed import Client

    if not _is_address(scheduler):  # Dask would look for it for a long time
        raise BrainbenchError(
            f"{scheduler!r} is no address of a Dask scheduler: give its host and port, such as "
            f"tls://host:8786."
        )
    if not scheduler.startswith("tls://") and not _is_loopback(scheduler):
        _log.warning(
            "the scheduler at %s is neither encrypted nor protected: anyone who reaches its port "
            "can run code on its workers, and anyone who listens can read along. Use tls:// with "
            "--tls-ca, --tls-cert and --tls-key.",
            scheduler,
        )
    try:
        client = Client(
            scheduler,
            timeout=_CONNECT_SECONDS,
            set_as_default=False,
            security=_security(certificates) if certificates else None,
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise BrainbenchError(
            f"No Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`, "
            f"or use --workers N for processes of this machine."
        ) from error
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise BrainbenchError(
                f"The scheduler at {scheduler} has no workers: start some with `dask worker "
                f"{scheduler} --nthreads 1`."
            )
        yield client


def _security(certificates: Certificates) -> Security:
    from distributed.security import Security

    for file in vars(certificates).values():
        if not file.is_file():
            raise BrainbenchError(
                f"File {file}, of --tls-ca, --tls-cert or --tls-key, does not exist: give one in "
                f"PEM format."
            )
    security = Security(
        tls_ca_file=str(certificates.ca),
        tls_client_cert=str(certificates.cert),
        tls_client_key=str(certificates.key),
        require_encryption=True,
    )
    try:
        security.get_connection_args("client")
    except OSError as error:  # ssl's errors are some
        raise BrainbenchError(
            f"The files of --tls-ca, --tls-cert and --tls-key cannot be used ({error}): give a "
            f"certificate, the key that belongs to it, and the authority's certificate, all in "
            f"PEM format."
        ) from error
    return security


def _is_address(scheduler: str) -> bool:
    """Return whether an address has a host and a port, and before them a scheme of Dask or none."""
    scheme, _, place = scheduler.rpartition("://")
    if scheme in _PORTLESS:
        return bool(place)
    # IPv6 needs brackets
    parts = re.fullmatch(r"(?:\[[^]/]+\]|[^:/[\]]+):([0-9]{1,5})", place)
    return scheme in _SCHEMES and parts is not None and 0 < int(parts[1]) < 1 << 16


def _is_loopback(scheduler: str) -> bool:
    """Return whether an address is of this machine; of a name, whether it says so."""
    _, _, place = scheduler.rpartition("://")
    host = place.rpartition(":")[0].strip("[]") or place
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def largest_worker(client: Client) -> int:
    """Return the memory limit of the largest worker, in bytes."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [int(worker["memory_limit"] or 0) for worker in workers]
    return max(limits) if all(limits) else 1 << 62  # 0: that worker has no limit
