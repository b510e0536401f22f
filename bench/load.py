"""Many clients at once: wrk with a script of ours, and pgbench for the floor."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.databases import port

SCRIPTS = Path(__file__).parent / "lua"
ANSWER_SECONDS_MAX = 60
ENDLESS_SECONDS = 3600
PGBENCH_SCALE = 50
PGBENCH_THREADS = 2


@dataclass(frozen=True, slots=True)
class Load:
    """What a load gave: good answers a second, milliseconds of all answers, and how many were no good."""

    rate: float
    median: float
    p99: float
    answered: int
    refused: int
    """Answers that were not 2xx."""
    broken: int
    """Connections that broke, and answers that did not come within ANSWER_SECONDS_MAX."""

    def figures(self, each: int = 1) -> dict[str, Any]:
        """As a result keeps it; `each` is how many things one answer stands for."""
        found = {"value": self.rate * each, "median": self.median, "p99": self.p99, "samples": self.answered}
        return found | {"refused": self.refused} | ({"broken": self.broken} if self.broken else {})


def wrk(
    url: str,
    script: str,
    clients: int,
    seconds: int,
    arguments: Sequence[str],
    threads: int = 1,
    others: Sequence[str] = (),
) -> Load:
    """Load a service for so many seconds with a script of lua/; with `others`, as many of the clients ask each."""
    hosts = [url, *others]
    command = _command(url, script, clients, seconds, arguments, max(threads, len(hosts)))
    ports = {"BENCH_PORTS": ",".join(str(urlsplit(each).port) for each in hosts)} if others else {}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | ports)
    return _said(done.stdout, done.stderr)


class Background:
    """A load that goes on until it is ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def end(self) -> Load:
        """End it; what it gave until now."""
        self._process.send_signal(signal.SIGINT)
        return _said(*self._process.communicate())


@contextmanager
def background(
    url: str, script: str, clients: int, arguments: Sequence[str], user: str = "admin"
) -> Iterator[Background]:
    """Load a service beside what the block does, at the longest until it ends; `user` is who asks."""
    command = _command(url, script, clients, ENDLESS_SECONDS, arguments, 1)
    asker = os.environ | {"BENCH_USER": user}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=asker) as process:
        try:
            yield Background(process)
        finally:
            process.terminate()


def _said(output: str, errors: str) -> Load:
    found = re.search(r"^RESULT (.*)$", output, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk said nothing of use: {output[-500:]} {errors[-500:]}")
    said = json.loads(found[1])
    good = said["answers"] - said["refused"]
    rate = good / (said["microseconds"] / 1e6)
    return Load(rate, said["median_us"] / 1000, said["p99_us"] / 1000, said["answers"], said["refused"], said["broken"])


def _command(url: str, script: str, clients: int, seconds: int, arguments: Sequence[str], threads: int) -> list[str]:
    command = ["wrk", f"-t{threads}", f"-c{clients}", f"-d{seconds}s", "--timeout", f"{ANSWER_SECONDS_MAX}s"]
    return [*command, "-s", str(SCRIPTS / f"{script}.lua"), url, "--", *arguments]


def fill_pgbench(url: str, programs: Path) -> None:
    """The tables of TPC-B in a database of PostgreSQL."""
    _pgbench(url, programs, "-i", "-q", "-s", str(PGBENCH_SCALE))


def pgbench(url: str, programs: Path, clients: int, seconds: int) -> float:
    """Transactions a second of TPC-B with so many clients."""
    threads = min(PGBENCH_THREADS, clients)
    said = _pgbench(url, programs, "-j", str(threads), "-c", str(clients), "-T", str(seconds))
    found = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pgbench said nothing of use: {said[-500:]}")
    return float(found[1])


def _pgbench(url: str, programs: Path, *options: str) -> str:
    where = ["-h", "127.0.0.1", "-p", port(url), "-U", "ullage"]
    command = [str(programs / "pgbench"), *where, *options, url.rpartition("/")[2]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"pgbench failed: {done.stderr[-500:]}")
    return done.stdout
