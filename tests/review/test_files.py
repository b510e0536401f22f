"""What is seen of files that are really there."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from ullage.review.files import filesystem, of_deployment
from ullage.settings import Settings
from ullage.storage.unit import Store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ullage.db"
    store = Store.open(f"sqlite:///{path}")
    store.upgrade()
    store.close()
    return path


def modes(file: Path, config: Path | None = None) -> dict[str, tuple[str, int]]:
    """Name -> kind and mode, of files with secrets."""
    found = of_deployment(Settings(database=f"sqlite:///{file}"), config)
    return {Path(each.path).name: (each.kind, each.mode) for each in found if each.is_secret}


def test_what_lies_beside_the_database_is_looked_at(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 1")  # so that there is something in it
    Path(f"{file}-wal").chmod(0o604)
    found = modes(file)
    connection.close()
    assert found["ullage.db"] == ("database", 0o600)
    assert found["ullage.db-wal"] == ("database", 0o604)
    assert found["ullage.db-shm"][1] == 0o600


def test_a_file_that_this_user_may_not_look_at_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, stat = file.with_name("key.pem"), Path.stat

    def refused(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path == key:
            raise PermissionError
        return stat(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", refused)  # root may look at everything
    found = of_deployment(Settings(tls_key=str(key), tls_certificate=str(key)), None)
    assert [(each.kind, each.is_seen) for each in found if each.path == str(key)] == [
        ("key", False),
        ("tls_certificate", False),
    ]


def test_copies_of_secrets_are_looked_at_and_encrypted_ones_are_not(file: Path) -> None:
    config = file.with_name("ullage.toml")
    config.write_text('database = "postgresql://u:p@host/name"\n')
    for name in (
        "ullage.db.gz",
        "ullage-monday.dump",
        "saved",
        "ullage.toml~",
        ".ullage.toml.swp",
        "ullage.db.age",
        "other",
    ):
        file.with_name(name).write_bytes(file.read_bytes() if name == "saved" else b"")
    assert set(modes(file, config)) >= {
        "ullage.db.gz",
        "ullage-monday.dump",
        "saved",
        "ullage.toml~",
        ".ullage.toml.swp",
    }
    assert not {"ullage.db.age", "other"} & set(modes(file, config))


@pytest.mark.parametrize(
    ("text", "is_secret"),
    [
        ('database = "postgresql://u:p@host/name"', True),
        ('keystone_password = "p"', True),
        ("no TOML", True),
        ('database = "postgresql://u@host/name"\nport = 8778\ndatabase_file = "/etc/address"', False),
    ],
)
def test_a_configuration_without_secrets_may_be_read(file: Path, text: str, is_secret: bool) -> None:
    config = file.with_name("service.toml")
    config.write_text(text)
    assert ("service.toml" in modes(file, config)) is is_secret


def test_a_folder_above_that_everybody_may_write_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "open" / "closed"
    folder.mkdir(parents=True)
    key, link = folder / "key.pem", tmp_path / "key.pem"
    key.touch(0o600)
    link.symlink_to(key)
    settings = Settings(tls_key=str(link), tls_certificate=str(link))
    folder.parent.chmod(0o777)
    assert {each.open_folders for each in of_deployment(settings, None) if each.kind == "key"} == {
        (str(folder.parent),)
    }
    folder.parent.chmod(0o1777)
    assert {each.open_folders for each in of_deployment(settings, None)} == {()}


def test_the_file_system_of_a_database_is_seen(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nhost:/x {tmp_path}/shared\\040one nfs4 rw 0 0\n")
    shared = tmp_path / "shared one"
    assert filesystem(f"sqlite:///{shared}/ullage.db", mounts) == "nfs4"
    assert filesystem(f"sqlite:///{tmp_path}/ullage.db", mounts) == "ext4"
    assert filesystem("postgresql://host/name", mounts) == ""
    assert filesystem("sqlite:////dev/shm/ullage.db") == "tmpfs"
