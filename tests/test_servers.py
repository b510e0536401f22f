"""The servers that tests run on: they come when asked for, survive a crash, and never outlive a run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import servers
from ledger_rows import Rows
from sqlalchemy import func, select

from ullage.storage.tables import providers
from ullage.storage.unit import Store

DAEMONS = [name for name in servers.chosen_names() if name != "sqlite"]


def test_the_environment_says_which_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASES", raising=False)
    assert servers.chosen_names() == ("sqlite", "postgresql", "mariadb")
    monkeypatch.setenv("DATABASES", "mariadb, sqlite")
    assert servers.chosen_names() == ("mariadb", "sqlite")
    for wrong in ("oracle", "", "sqlite,postgres"):
        monkeypatch.setenv("DATABASES", wrong)
        with pytest.raises(ValueError, match="it may name sqlite, postgresql, mariadb"):
            servers.chosen_names()


def test_a_run_for_one_database_leaves_the_others_out() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/storage/test_unit.py",
    ]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, env={**os.environ, "DATABASES": "sqlite"}, capture_output=True, text=True)
    assert done.returncode == 0
    assert "[sqlite]" in done.stdout
    assert "[mariadb]" not in done.stdout
    assert "deselected" in done.stdout


def test_a_server_that_is_not_installed_is_named_with_its_package(tmp_path: Path) -> None:
    with pytest.raises(servers.ServerMissing, match=r"MariaDB is not installed.*apt-get install mariadb-server"):
        servers.need(tmp_path / "mariadbd", "MariaDB", "mariadb-server")


@pytest.mark.parametrize("name", DAEMONS)
def test_a_durable_server_keeps_what_was_committed_through_a_crash(name: str) -> None:
    with servers.running(name, durable=True) as server:
        assert isinstance(server, servers.Daemon)
        store = Store.open(server.new_ledger_database())
        with store.writing() as connection:
            Rows(connection).provider()
        server.crash()
        server.start()
        with store.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(providers)) == 1
        store.close()


@pytest.mark.parametrize("name", [name for name in DAEMONS if name == "mariadb"])
def test_a_server_keeps_its_temporary_tables_to_itself(name: str) -> None:
    with servers.running(name) as server:
        assert isinstance(server, servers.Daemon)
        with (
            contextlib.closing(Store.open(server.new_database())) as store,
            store.engine.connect() as connection,
        ):
            assert Path(connection.exec_driver_sql("SELECT @@tmpdir").scalar_one()) == server.folder


@pytest.mark.parametrize("name", [name for name in DAEMONS if name == "mariadb"])
def test_a_server_that_is_made_clears_no_other_s_temporary_tables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        others = Path(folder) / "#sql-temptable-1-1-1.MAD"
        others.touch()
        monkeypatch.setenv("TMPDIR", folder)
        with servers.running(name):
            assert others.exists()


@pytest.mark.parametrize("name", DAEMONS)
def test_a_server_ends_with_a_run_that_was_killed(name: str) -> None:
    program = f"import servers, time\nwith servers.{name}() as s: print(s.port, s.folder, flush=True); time.sleep(60)"
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        stdout=subprocess.PIPE,
    )
    assert run.stdout is not None
    folder = Path(run.stdout.readline().decode().split()[1])
    pid = int((folder / "pid" if name == "mariadb" else folder / "data" / "postmaster.pid").read_text().split()[0])
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    servers.remove_left_folders(folder.parent)
    assert not folder.exists()
