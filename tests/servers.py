"""Private database servers for the tests: on loopback, on a free port, in a folder of their own.

    with servers.postgresql() as server:
        url = server.new_database()          # no tables
        url = server.new_ledger_database()   # Ullage's schema and the standard names, nothing else
        server.drop_database(url)

Servers are children of this process and end with it, whatever ends it. As root they run as the user that their package
made. Unless `durable` is asked for they skip every fsync. Their default collations are linguistic on purpose: text
has to compare by code point in spite of them.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import planted
import psycopg
import pymysql
from pymysql.constants import CLIENT

from ullage.storage.unit import Store

NAMES = ("sqlite", "postgresql", "mariadb")
START_SECONDS_MAX = 60
START_ATTEMPTS = 4
FOLDER = "ullage-tests"
MEMORY_BYTES_MIN = 4 * 2**30


class ServerMissing(Exception):
    """The server's programs are not installed; the message says how to get them."""


def chosen_names() -> tuple[str, ...]:
    """The databases to test on: all of them, or those named in the environment, such as DATABASES=sqlite,mariadb."""
    names = tuple(name.strip() for name in os.environ.get("DATABASES", ",".join(NAMES)).split(",") if name.strip())
    unknown = sorted(set(names) - set(NAMES))
    if unknown or not names:
        raise ValueError(f"DATABASES names {', '.join(unknown) or 'nothing'}; it may name {', '.join(NAMES)}")
    return names


class Server(ABC):
    """A place to make databases in."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)

    @abstractmethod
    def new_database(self) -> str:
        """The url of a new database without any table."""

    @abstractmethod
    def new_ledger_database(self) -> str:
        """The url of a new database with Ullage's schema and the standard names."""

    @abstractmethod
    def drop_database(self, url: str) -> None:
        """Remove a database that this server made; connections to it are cut."""

    def _new_name(self) -> str:
        return f"ullage_{next(self._numbers)}"


class Sqlite(Server):
    """Files in a folder."""

    name = "sqlite"

    def new_database(self) -> str:
        return f"sqlite:///{self.folder / self._new_name()}.db"

    def new_ledger_database(self) -> str:
        url = self.new_database()
        shutil.copy(_file(self._template), _file(url))
        return url

    def drop_database(self, url: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{_file(url)}{suffix}").unlink(missing_ok=True)

    @functools.cached_property
    def _template(self) -> str:
        return _upgraded(self.new_database())


class Daemon(Server):
    """A server process. `start`, `stop` and `crash` may follow each other in any order; the data stay."""

    user: str
    end_signal: signal.Signals

    def __init__(self, folder: Path, *, durable: bool) -> None:
        super().__init__(folder)
        self.durable = durable
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def initialise(self) -> None:
        """Make the data folder."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command that runs the server in the foreground on `self.port`."""

    @abstractmethod
    def is_answering(self) -> bool:
        """Whether it accepts a connection."""

    def start(self) -> None:
        """Start on a free port (after a stop or crash: on the same one) and wait until it answers."""
        is_fixed = self.port != 0
        for attempt in range(START_ATTEMPTS):
            time.sleep(attempt)  # after a crash the old processes may need a moment to go
            self.port = self.port if is_fixed else _free_port()
            if self._is_started():
                return
        raise RuntimeError(f"{self.name} did not start:\n{self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it in good order."""
        self._end(self.end_signal)

    def crash(self) -> None:
        """End it as a crash would (its remaining processes notice and end too)."""
        self._end(signal.SIGKILL)

    def give_folder(self) -> None:
        """Let the server's user own its folder."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)

    def run(self, command: list[str]) -> None:
        """Run a program as the server's user and wait for it."""
        done = subprocess.run(self._as_user(command), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _as_user(self, command: list[str]) -> list[str]:
        user = ["--reuid", self.user, "--regid", self.user, "--init-groups"] if os.geteuid() == 0 else []
        return ["setpriv", *user, "--pdeathsig", self.end_signal.name.removeprefix("SIG"), "--", *command]

    def _is_started(self) -> bool:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._as_user(self.command()), stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self._process.poll() is None:
            if self.is_answering():
                return True
            time.sleep(0.05)
        self.crash()
        return False

    def _end(self, signal_number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal_number)
            self._process.wait()
        self._process = None


class Postgresql(Daemon):
    """The newest PostgreSQL installed, trusting every local connection; its superuser is `ullage`."""

    name = "postgresql"
    user = "postgres"
    end_signal = signal.SIGINT

    def initialise(self) -> None:
        collation = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en")
        data = f"--pgdata={self.folder}/data"
        self.run([f"{self._programs}/initdb", data, "--auth=trust", "--username=ullage", "--no-sync", *collation])

    def command(self) -> list[str]:
        settings = {"port": self.port, "unix_socket_directories": "", "listen_addresses": "127.0.0.1"}
        settings |= {"max_connections": 200, "shared_buffers": "64MB", "timezone": "UTC"}
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = itertools.chain.from_iterable(("-c", f"{name}={value}") for name, value in settings.items())
        return [f"{self._programs}/postgres", "-D", f"{self.folder}/data", *options]

    def is_answering(self) -> bool:
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def new_database(self) -> str:
        name = self._new_name()
        self._execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def new_ledger_database(self) -> str:
        name = self._new_name()
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_name(self._template)}")
        return self._url(name)

    def drop_database(self, url: str) -> None:
        self._execute(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    @functools.cached_property
    def _template(self) -> str:
        return _upgraded(self.new_database())

    @functools.cached_property
    def _programs(self) -> Path:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        return need(found[-1] if found else None, "PostgreSQL", "postgresql").parent

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement.encode())

    def _url(self, database: str) -> str:
        return f"postgresql://ullage:{planted.PASSWORD}@127.0.0.1:{self.port}/{database}"


class Mariadb(Daemon):
    """MariaDB 10.11; superuser `root`, no password; a tmpdir of its own, since each server that starts clears its."""

    name = "mariadb"
    user = "mysql"
    end_signal = signal.SIGTERM

    def initialise(self) -> None:
        install = need(Path("/usr/bin/mariadb-install-db"), "MariaDB", "mariadb-server")
        options = ("--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal")
        self.run([str(install), *options, f"--datadir={self.folder}/data", f"--tmpdir={self.folder}"])

    def command(self) -> list[str]:
        options = [f"--datadir={self.folder}/data", f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid"]
        options += ["--bind-address=127.0.0.1", f"--port={self.port}", "--skip-name-resolve", "--max-connections=200"]
        options += ["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--performance-schema=OFF"]
        options += [f"--tmpdir={self.folder}"]
        if not self.durable:
            options += ["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync"]
            options += ["--skip-innodb-doublewrite"]
        return [str(need(Path("/usr/sbin/mariadbd"), "MariaDB", "mariadb-server")), "--no-defaults", *options]

    def is_answering(self) -> bool:
        try:
            self._execute("SELECT 1")
        except pymysql.OperationalError:
            return False
        return True

    def new_database(self) -> str:
        name = self._new_name()
        self._execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def new_ledger_database(self) -> str:
        url = self.new_database()
        self._execute(f"USE {_name(url)}", "SET foreign_key_checks = 0", *self._template)
        return url

    def drop_database(self, url: str) -> None:
        self._execute(f"DROP DATABASE {_name(url)}")

    @functools.cached_property
    def _template(self) -> list[str]:
        """Statements that make a copy of an upgraded database: the quickest way to a new one here."""
        name = _name(_upgraded(self.new_database()))
        tables = [row[0] for row in self._execute(f"SHOW TABLES FROM {name}")]
        statements = [self._execute(f"SHOW CREATE TABLE {name}.{table}")[0][1] for table in tables]
        filled = [table for table in tables if self._execute(f"SELECT 1 FROM {name}.{table} LIMIT 1")]
        return statements + [f"INSERT INTO {table} SELECT * FROM {name}.{table}" for table in filled]

    def _execute(self, *statements: str) -> list[tuple[str, ...]]:
        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", autocommit=True, client_flag=CLIENT.MULTI_STATEMENTS
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(";".join(statements))
            rows = list(cursor.fetchall())
            while cursor.nextset():
                pass
            return rows

    def _url(self, database: str) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/{database}"


AnyDaemon = TypeVar("AnyDaemon", bound=Daemon)


@contextlib.contextmanager
def sqlite() -> Iterator[Sqlite]:
    """A folder for SQLite files, removed at the end."""
    with _folder(None) as folder:
        yield Sqlite(folder)


def postgresql(*, durable: bool = False) -> contextlib.AbstractContextManager[Postgresql]:
    """A running PostgreSQL, ended and removed at the end."""
    return _running(lambda folder: Postgresql(folder, durable=durable), durable=durable)


def mariadb(*, durable: bool = False) -> contextlib.AbstractContextManager[Mariadb]:
    """A running MariaDB, ended and removed at the end."""
    return _running(lambda folder: Mariadb(folder, durable=durable), durable=durable)


def running(name: str, *, durable: bool = False) -> contextlib.AbstractContextManager[Server]:
    """The server of this name, one of NAMES. SQLite is always durable: it has nothing to gain here."""
    if name == "sqlite":
        return sqlite()
    return {"postgresql": postgresql, "mariadb": mariadb}[name](durable=durable)


@contextlib.contextmanager
def _running(make: Callable[[Path], AnyDaemon], *, durable: bool) -> Iterator[AnyDaemon]:
    with _folder(None if durable else _memory()) as folder, tended(make(folder)) as server:
        yield server


@contextlib.contextmanager
def tended(server: AnyDaemon) -> Iterator[AnyDaemon]:
    """A server in a folder that is there and empty, running until the end."""
    server.give_folder()
    server.initialise()
    with contextlib.ExitStack() as ending:
        ending.callback(server.stop)
        server.start()
        yield server


@contextlib.contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}-{os.getpid()}-", dir=parent) as folder:
        yield Path(folder)


def _memory() -> Path | None:
    """A file system in memory, if there is one with plenty of room."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < MEMORY_BYTES_MIN:
        return None
    remove_left_folders(memory)
    return memory


def remove_left_folders(parent: Path) -> None:
    """Remove what runs that were killed have left behind."""
    for left in parent.glob(f"{FOLDER}-*"):
        if not Path(f"/proc/{left.name.split('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)


def need(program: Path | None, product: str, package: str) -> Path:
    """The program, or ServerMissing."""
    if program is None or not program.exists():
        raise ServerMissing(
            f"{product} is not installed. Get it with `apt-get install {package}`, "
            "or name the databases to test on, such as DATABASES=sqlite."
        )
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _upgraded(url: str) -> str:
    store = Store.open(url)
    store.upgrade()
    store.close()
    return url


def _name(url: str) -> str:
    return url.rpartition("/")[2]


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
