"""Kill workers, whole services and databases while clients claim; `make faults`.

    python -m faults.run [--databases NAME,...] [--kills N] [--seed S]

Each database is tried with `ullage serve` of two workers, eight clients and a few providers that are nearly full.
About every second something is killed outright (SIGKILL): a worker, the service with all its workers, or the database
server; what does not come back by itself is started again. In the end the database must hold exactly what clients were
answered. Ends with `FAULTS kills=K acknowledged=N lost=0 overcommitted=0`; exit code 1 if anything was lost, sold twice
or otherwise wrong.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import servers
from ledger.scenes import uuid_of
from serving import UllageServer

from faults.clients import Client
from faults.judging import Verdict, judge, stored_holdings
from ullage.model.commands import CreateProvider
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage.committer import Committer
from ullage.storage.unit import Store

CLIENTS = 8
PROVIDERS = [uuid_of(f"host{number}") for number in range(6)]
CAPACITY = 12
PAUSE_SECONDS = 1.0
CALM_SECONDS_MAX = 20.0
"""Workers that were killed together are replaced after some seconds, and a database reads its log first."""
"""At the end without a kill: the service must serve again."""


def main() -> int:
    """Run as the command line says; the exit code."""
    parser = argparse.ArgumentParser(description="Kills under load.")
    parser.add_argument("--databases", default=",".join(servers.chosen_names()))
    parser.add_argument("--kills", type=int, default=60, help="for each database")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    total, kills = Verdict(), 0
    for name in options.databases.split(","):
        begun = time.monotonic()
        verdict = Trial(name, Random(options.seed)).run(options.kills)
        kills += options.kills
        total.add(verdict)
        print(
            f"{name}: {options.kills} kills, {verdict.acknowledged} acknowledged, {len(verdict.lost)} lost, "
            f"{len(verdict.overcommitted)} overcommitted, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
    for sentence in [*total.lost, *total.overcommitted, *total.trouble][:50]:
        print(f"  {sentence}")
    print(
        f"FAULTS kills={kills} acknowledged={total.acknowledged} lost={len(total.lost)} "
        f"overcommitted={len(total.overcommitted)}"
    )
    return 1 if total.lost or total.overcommitted or total.trouble else 0


class Trial:
    """One database, one service, its clients, and what kills."""

    def __init__(self, name: str, random: Random) -> None:
        self._name = name
        self._random = random
        self._server: servers.Server
        self._service: UllageServer

    def run(self, kills: int) -> Verdict:
        """Kill so often, then judge."""
        with servers.running(self._name, durable=True) as self._server:
            url = self._server.new_database()
            furnish(url)
            self._service = UllageServer(url, auth="noauth2", workers=2, log_level="warning")
            self._service.__enter__()
            try:
                clients = self._under_load(kills)
            finally:
                self._kill_service()
                self._service.__exit__()
            holdings, breaches = stored_holdings(url)
            verdict = judge([client.memory for client in clients], holdings, CAPACITY)
            verdict.trouble += breaches
            return verdict

    def _under_load(self, kills: int) -> list[Client]:
        stop = threading.Event()
        clients = [Client(self._service.url, PROVIDERS, self._random.randrange(10**9), stop) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        victims: list[Callable[[], None]] = [self._kill_worker, self._kill_worker, self._kill_service_and_restart]
        if isinstance(self._server, servers.Daemon):
            victims += [self._kill_database, self._kill_database]
        for _ in range(kills):
            time.sleep(self._random.uniform(0.3, 1.7) * PAUSE_SECONDS)
            self._random.choice(victims)()
        answered = sum(client.memory.answered for client in clients)
        calm_until = time.monotonic() + CALM_SECONDS_MAX
        is_serving = False
        while not is_serving and time.monotonic() < calm_until:
            time.sleep(1)
            is_serving = sum(client.memory.answered for client in clients) > answered
        stop.set()
        for client in clients:
            client.join()
        if not is_serving:
            clients[0].memory.wrong.append(f"the service did not come back:\n{self._service.log()[-2000:]}")
        return clients

    def _kill_worker(self) -> None:
        workers = children_of(self._service.process.pid)
        if workers:
            kill(self._random.choice(workers))

    def _kill_service(self) -> None:
        main = self._service.process
        for process in [main.pid, *children_of(main.pid)]:
            kill(process)
        main.wait()

    def _kill_service_and_restart(self) -> None:
        self._kill_service()
        self._service.__exit__()
        self._service.__enter__()

    def _kill_database(self) -> None:
        if isinstance(self._server, servers.Daemon):
            self._server.crash()
            self._server.start()


def furnish(url: str) -> None:
    """The schema and a few small providers."""
    store = Store.open(url)
    store.upgrade()
    committer = Committer(store)
    offered = {"VCPU": Inventory(CAPACITY)}
    for outcome in committer.run_all([CreateProvider(each, each, None, offered) for each in PROVIDERS]):
        if isinstance(outcome, Refusal):
            raise outcome
    committer.stop()
    store.close()


def children_of(parent: int) -> list[int]:
    """The processes that a process has started and that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            rest = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        if int(rest[1]) == parent and rest[0] != "Z":
            found.append(int(path.parent.name))
    return found


def kill(process: int) -> None:
    """End a process as a crash would."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main())
