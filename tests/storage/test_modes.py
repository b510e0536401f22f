"""Who may read the files of a SQLite database."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.running import Service, ullage

from ullage.storage.unit import Store

FLEET = Path(__file__).parent.parent.parent / "examples" / "fleet.yaml"


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    former = os.umask(0o022)
    yield
    os.umask(former)


ALL = ("", "-wal", "-shm", "-turn", "-next")
"""What is added to a database's name: by SQLite, and for turns."""


def modes(folder: Path) -> dict[str, int]:
    """Permission bits of the database and of what is kept beside it."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_what_the_service_makes_is_its_owners_alone(tmp_path: Path) -> None:
    with Service(f"sqlite:///{tmp_path}/new.db"):
        assert modes(tmp_path) == {f"new.db{end}": 0o600 for end in ALL}


@pytest.mark.parametrize("command", [("load", str(FLEET)), ("db", "upgrade"), ("token", "create", "--user", "u")])
def test_what_a_command_makes_is_its_owners_alone(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert ullage(*command, "--database", f"sqlite:///{tmp_path}/new.db").returncode == 0
    assert modes(tmp_path)["new.db"] == 0o600


def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "old.db").touch(0o640)
    store = Store.open(f"sqlite:///{tmp_path}/old.db")
    store.upgrade()
    with store.reading():
        assert modes(tmp_path) == {f"old.db{end}": 0o640 for end in ALL}
    store.close()


def test_a_file_is_made_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "link.db").symlink_to("place/real.db")
    store = Store.open(f"sqlite:///{tmp_path}/link.db")
    store.upgrade()
    store.close()
    assert modes(tmp_path / "place") == {"real.db": 0o600}
