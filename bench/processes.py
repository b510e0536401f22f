"""The services as processes of their own on loopback ports; each ends with its block, whatever ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from differential.reference import environment
from serving import free_port

from bench import ROOT
from bench.client import Client

START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 15.0
IDLE_SECONDS = 0.5
IDLE_TICKS_MAX = 2
REFERENCE_PROCESSES, REFERENCE_THREADS = 2, 4
CONFIGURATION = """
[api]
auth_strategy = noauth2
[placement_database]
connection = {url}
sync_on_startup = {sync}
[oslo_policy]
enforce_new_defaults = False
"""


@dataclass(frozen=True)
class Service:
    """A service that answers at `url`."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def workers(self) -> list[int]:
        """The ids of the processes below the main one."""
        return descendants(self.process.pid)

    def is_idle_within(self, seconds: float) -> bool:
        """Wait until its workers compute nothing; false if they still do after so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            before = self._processor_ticks()
            time.sleep(IDLE_SECONDS)
            if self._processor_ticks() - before <= IDLE_TICKS_MAX:
                return True
        return False

    def _processor_ticks(self) -> int:
        ticks = 0
        for pid in self.workers():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])  # user and system time: fields 14 and 15 of the whole line
        return ticks


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(text), *descendants(int(text))]
    return found


@contextmanager
def started(command: Sequence[str], port: int, folder: Path, environment: Mapping[str, str]) -> Iterator[Service]:
    """A process, as soon as it is started; whoever needs its answers waits for them."""
    log = folder / "log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", *command],  # it ends with this process, whatever ends that
            cwd=folder,
            env=os.environ | environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Service(f"http://127.0.0.1:{port}", process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except BaseException as error:  # the time of the row may end here: nothing must go on running
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its own group: it leads a session
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise


@contextmanager
def ullage(database: str, folder: Path, workers: int = 1, *, wait: bool = True) -> Iterator[Service]:
    """`ullage serve` with its defaults, but for the number of workers and who asks, which it believes."""
    port = free_port()
    given = {"ULLAGE_DATABASE": database, "ULLAGE_PORT": str(port), "ULLAGE_WORKERS": str(workers)}
    given["ULLAGE_AUTH"] = "noauth2"
    with started([sys.executable, "-m", "ullage", "serve"], port, folder, given) as service:
        if wait:
            wait_until_answered(service, "/")
        yield service


@contextmanager
def reference(database: str, folder: Path, *, is_new: bool = False) -> Iterator[Service]:
    """The reference under gunicorn. On a new database one process alone makes the tables: two would race."""
    url = database.replace("mysql://", "mysql+pymysql://").replace("postgresql://", "postgresql+psycopg2://")
    (folder / "placement.conf").write_text(CONFIGURATION.format(url=url, sync=is_new))
    port = free_port()
    processes = 1 if is_new else REFERENCE_PROCESSES
    command = [str(environment() / "gunicorn"), "--bind", f"127.0.0.1:{port}", "--workers", str(processes)]
    command += ["--worker-class", "gthread", "--threads", str(REFERENCE_THREADS), "--keep-alive", "60"]
    command += ["--graceful-timeout", "1", "placement.wsgi.api:application"]
    given = {"OS_PLACEMENT_CONFIG_DIR": str(folder), "PYTHONWARNINGS": "ignore"}
    with started(command, port, folder, given) as service:
        wait_until_answered(service, "/")
        yield service


@contextmanager
def static(folder: Path) -> Iterator[Service]:
    """The static answers in a folder."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "rsgi", "--port", str(port), "--http", "1", "--no-ws"]
    command += ["--backpressure", "4096", "--loop", "asyncio", "bench.static:application"]
    given = {"BENCH_STATIC": str(folder), "PYTHONPATH": str(ROOT)}
    with started(command, port, folder, given) as service:
        wait_until_answered(service, "/log")
        yield service


def wait_until_answered(service: Service, path: str, seconds: float = START_SECONDS_MAX, pause: float = 0.02) -> None:
    """Ask until there is an answer of 200; raises RuntimeError with the end of the log."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and service.process.poll() is None:
        with contextlib.suppress(OSError), Client(service.url, seconds) as client:
            if client.ask("GET", path).status == 200:
                return
        time.sleep(pause)
    raise RuntimeError(f"no answer from {path}:\n{service.log.read_text(errors='replace')[-2000:]}")
