"""The reference service: its own environment from a hash-locked list, and one process of it on an empty SQLite file.

`python -m differential.reference` builds the environment and does nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from serving import free_port

ROOT = Path(__file__).parent.parent.parent
LOCK = ROOT / "requirements" / "reference.txt"
ENVIRONMENT = ROOT / ".venv-reference"
START_SECONDS = 60.0
SURROUNDINGS = {"PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}
"""Some of its answers hang on the order of hashes."""

CONFIGURATION = """
[api]
auth_strategy = noauth2
[placement_database]
connection = sqlite:///{folder}/placement.db
sync_on_startup = True
sqlite_synchronous = False
[oslo_policy]
enforce_new_defaults = False
{more}
"""
CORS = """
[cors]
allowed_origin = http://valid.example.com
allow_headers = openstack-api-version
"""


def environment() -> Path:
    """The folder of programs of the reference's environment, built anew whenever its lock file has changed."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    stamp = ENVIRONMENT / "lock.sha256"
    if not stamp.is_file() or stamp.read_text() != digest:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--requirement", str(LOCK)], check=True)
        stamp.write_text(digest)
    return ENVIRONMENT / "bin"


class ReferenceServer:
    """The reference behind gunicorn with one worker, on a fresh database in a scratch folder of its own."""

    def __init__(self, *, cors: bool = False, port: int | None = None) -> None:
        self._cors = cors
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> ReferenceServer:
        programs = environment()
        self._folder = tempfile.TemporaryDirectory(prefix="reference-", dir=_memory_folder())
        folder = Path(self._folder.name)
        text = CONFIGURATION.format(folder=folder, more=CORS if self._cors else "")
        (folder / "placement.conf").write_text(text)
        self._log = (folder / "log").open("wb")
        command = [str(programs / "gunicorn"), "--bind", f"127.0.0.1:{self.port}", "--workers", "1"]
        command += [
            "--worker-class",
            "gthread",
            "--threads",
            "1",
            "--keep-alive",
            "60",
            "placement.wsgi.api:application",
        ]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ
            | {"OS_PLACEMENT_CONFIG_DIR": str(folder), "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait_until_it_answers()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
        self._folder.cleanup()

    def empty(self) -> None:
        """Take away everything but the standard classes and traits. The process keeps nothing between requests."""
        with self._database() as database:
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted(set(tables) - {"alembic_version", "resource_classes", "traits", "sqlite_sequence"}):
                database.execute(f"DELETE FROM {table}")
            database.execute("DELETE FROM resource_classes WHERE id >= 10000")
            database.execute("DELETE FROM traits WHERE name LIKE 'CUSTOM!_%' ESCAPE '!'")

    def drop_idle_consumers(self) -> None:
        """Take away consumers that hold nothing."""
        with self._database() as database:
            database.execute("DELETE FROM consumers WHERE uuid NOT IN (SELECT consumer_id FROM allocations)")

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(Path(self._folder.name) / "placement.db", timeout=30)) as database:
            yield database
            database.commit()

    def log(self) -> str:
        """All that the process has printed, for looking into a 500."""
        return (Path(self._folder.name) / "log").read_text(errors="replace")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                httpx.get(self.url).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise RuntimeError(f"the reference did not start:\n{self.log()[-4000:]}")


def _memory_folder() -> str | None:
    """Where files never touch a disk, if the machine has such a folder."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    print(environment())
