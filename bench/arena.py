"""One world in one database, loaded into both services, which are started when a row first asks for them."""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from servers import Server
from sqlalchemy import func, select

from bench import databases, filling, processes, worlds
from bench.processes import Service
from ullage.cli import fleet
from ullage.cli.expand import expand
from ullage.storage import tables
from ullage.storage.unit import Store

READY_SECONDS = 300.0
SETTLE_SECONDS = 4.0


class Place:
    """Where a run happens: a folder on a disk, the database servers, the static answers, and the arena of the row."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._servers: dict[str, Server] = {}
        self._arena: Arena | None = None

    def __enter__(self) -> Place:
        self._stack = ExitStack()
        folder = tempfile.TemporaryDirectory(prefix="ullage-bench-", dir=self._parent)
        self.folder = Path(self._stack.enter_context(folder))
        self.folder.chmod(0o711)  # the database servers run as users of their own
        self._numbers = itertools.count(1)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.leave()
        finally:
            self._stack.close()

    def new_folder(self, what: str) -> Path:
        """An empty folder of its own."""
        made = self.folder / f"{what}-{next(self._numbers)}"
        made.mkdir()
        return made

    def server(self, name: str) -> Server:
        """The running database server of this name."""
        if name not in self._servers:
            self._servers[name] = self._stack.enter_context(databases.running(name, self.folder))
        return self._servers[name]

    def arena(self, world: str, database: str) -> Arena:
        """The arena of this world; one is kept, so that neighbouring rows share it."""
        if self._arena is None or (self._arena.world, self._arena.database) != (world, database):
            self.leave()
            self._arena = Arena(self, world, database)
        return self._arena

    def leave(self) -> None:
        """End the services of the arena and drop its databases."""
        arena, self._arena = self._arena, None
        if arena is not None:
            arena.close()

    @cached_property
    def static(self) -> Service:
        """The service of static answers; a file in `static_folder` is one."""
        return self._stack.enter_context(processes.static(self.static_folder))

    @cached_property
    def static_folder(self) -> Path:
        return self.new_folder("static")

    @cached_property
    def pgbench(self) -> str:
        """The url of a database of PostgreSQL that is not Ullage's."""
        return self.server("postgresql").new_database()

    def fleet_file(self, world: str) -> Path:
        """The file of a world's fleet."""
        path = self.folder / f"{world}.json"
        if not path.exists():
            path.write_text(json.dumps(worlds.fleet(world)))
        return path


class Loaded(NamedTuple):
    url: str
    seconds: float
    """What it took to bring the world in; the schema was there."""


class Running(NamedTuple):
    form: tuple[int, int]
    """How many hosts, and how many workers each has."""
    services: tuple[Service, ...]
    stack: ExitStack


class Arena:
    """A world in a database of each service's own, on the same server."""

    def __init__(self, place: Place, world: str, database: str) -> None:
        self.place = place
        self.world = world
        self.database = database
        self._urls: dict[str, str] = {}
        self._running: dict[str, Running] = {}

    @cached_property
    def loaded(self) -> Loaded:
        """Ullage's database with the world in it; the start and the end of `ullage load` are in its seconds."""
        url = self._urls["ullage"] = self.place.server(self.database).new_ledger_database()
        file = self.place.fleet_file(self.world)
        began = time.monotonic()
        command = [sys.executable, "-m", "ullage", "load", str(file), "--database", url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
        if done.returncode:
            raise RuntimeError(f"the fleet was not loaded: {done.stderr[-1000:]}")
        there, wanted = _count_of_providers(url), worlds.provider_count(self.world)
        if there != wanted:
            raise RuntimeError(f"Ullage has {there} providers instead of {wanted}")
        return Loaded(url, seconds)

    @cached_property
    def filled(self) -> Loaded:
        """The reference's database with the same world in it."""
        url = self._urls["reference"] = self.place.server(self.database).new_database()
        with processes.reference(url, self.place.new_folder("reference"), is_new=True):
            pass
        plan = expand(fleet.from_data(worlds.fleet(self.world)))
        began = time.monotonic()
        filling.fill(url, plan)
        return Loaded(url, time.monotonic() - began)

    def ullage(self, workers: int = 1) -> Service:
        """Ullage with so many workers, with its snapshots made: it has answered one search."""
        return self.hosts(1, workers)[0]

    def hosts(self, count: int, workers: int = 1) -> tuple[Service, ...]:
        """So many `ullage serve` over the one database, each with so many workers, with their snapshots made."""
        running = self._running.get("ullage")
        if running is not None and running.form == (count, workers):
            return running.services
        self.stop("ullage")
        return self._keep("ullage", (count, workers), [self._ullage(workers) for _ in range(count)])

    def reference(self) -> Service:
        """The reference with the world in its tables."""
        running = self._running.get("reference")
        return (running.services if running else self._keep("reference", (1, 0), [self._reference()]))[0]

    def stop(self, name: str) -> None:
        """End a service; what it was doing is forgotten."""
        running = self._running.pop(name, None)
        if running is not None:
            running.stack.close()

    def stop_reference(self) -> None:
        """End the reference in the middle of an answer, and what the database does for it."""
        self.stop("reference")
        if "reference" in self._urls:
            databases.cut(self._urls["reference"])

    def settle_reference(self) -> None:
        """Wait until the reference has done with requests whose askers are gone; end it if that takes long."""
        running = self._running.get("reference")
        if running is not None and not running.services[0].is_idle_within(SETTLE_SECONDS):
            self.stop_reference()

    def close(self) -> None:
        """End both services and drop their databases."""
        for name in tuple(self._running):
            self.stop(name)
        urls = tuple(self._urls.values())
        self._urls.clear()
        for url in urls:
            databases.cut(url)
            self.place.server(self.database).drop_database(url)

    def check(self) -> str | None:
        """What `ullage check` has to complain of; None if the laws hold."""
        command = [sys.executable, "-m", "ullage", "check", "--database", self.loaded.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if done.returncode == 0 else (done.stdout + done.stderr)[-500:]

    def hosts_file(self, count: int | None = None, *, but: str = "") -> Path:
        """A file with the uuids of the first `count` hosts (of all), one a line; one of them may be left out."""
        count = count or worlds.provider_count(self.world)
        path = self.place.folder / f"{count}-but-{but}.uuids"
        if not path.exists():
            path.write_text("".join(f"{uuid}\n" for uuid in worlds.host_uuids(count) if uuid != but))
        return path

    @contextmanager
    def _ullage(self, workers: int) -> Iterator[Service]:
        url = self.loaded.url
        with processes.ullage(url, self.place.new_folder("ullage"), workers) as service:
            for _ in range(4 * workers):  # a connection may come to any of them
                processes.wait_until_answered(service, "/allocation_candidates?resources=VCPU:1&limit=1", READY_SECONDS)
            yield service

    @contextmanager
    def _reference(self) -> Iterator[Service]:
        with processes.reference(self.filled.url, self.place.new_folder("reference")) as service:
            yield service

    def _keep(
        self, name: str, form: tuple[int, int], starting: Sequence[contextlib.AbstractContextManager[Service]]
    ) -> tuple[Service, ...]:
        with ExitStack() as stack:  # what is started already ends if the next one does not start
            services = tuple(stack.enter_context(each) for each in starting)
            self._running[name] = Running(form, services, stack.pop_all())
        return services


def new_run() -> str:
    """Eight digits for the uuids of a load that no other has."""
    return secrets.token_hex(4)


def _count_of_providers(url: str) -> int:
    store = Store.open(url)
    try:
        with store.reading() as connection:
            return connection.scalar(select(func.count()).select_from(tables.providers)) or 0
    finally:
        store.close()
