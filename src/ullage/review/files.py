"""What is known of the files of a deployment: who may read and change them, what lies beside them, on which disk."""

from __future__ import annotations

import grp
import pwd
import stat
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import ullage
from ullage.review import certificates
from ullage.review.deployment import FileFacts
from ullage.settings import OPTIONS, Settings, masked

TRUSTED = ("policy_file", "certificates_file", "tls_certificate", *certificates.AUTHORITY_FILES)
"""Settings that name files which anybody may read."""
SECRET = (("database_file", "database_file"), ("tls_key", "key"), ("tls_key_password_file", "password of the key"))
"""Settings that name files which nobody else may read -> what they are."""
COPY_ENDINGS = (".bak", ".backup", ".old", ".orig", ".save", ".dump", ".sql", ".gz", ".xz", ".zst", ".tar", ".copy")
ENCRYPTED_ENDINGS = (".age", ".gpg", ".asc", ".enc")
DATABASE_HEAD = b"SQLite format 3\0"
BESIDE_MAX = 500
"""So many files of a folder are looked at."""


def of_deployment(settings: Settings, config: Path | None) -> list[FileFacts]:
    """All that are there."""
    database = sqlite_file(settings.database)
    secret = [] if database is None else [("database", database)]
    secret += [(kind, Path(getattr(settings, name))) for name, kind in SECRET if getattr(settings, name)]
    named = [(name, Path(getattr(settings, name))) for name in TRUSTED if getattr(settings, name)]
    named += [("program", Path(ullage.__file__)), ("program", Path(sys.executable))]
    if config is not None:
        (secret if _holds_secret(config) else named).append(("configuration", config))
    found = [each for kind, path in secret for each in _seen(kind, path, is_secret=True)]
    for kind, path in secret:
        for each in _copies(path):
            is_part = kind == "database" and each.name.startswith(f"{path.name}-")
            found += _seen(kind if is_part else f"copy of the {kind}", each, is_secret=True)
    return found + [each for kind, path in named for each in _seen(kind, path, is_secret=False)]


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database."""
    return Path(url.removeprefix("sqlite:///").partition("?")[0]) if url.startswith("sqlite:///") else None


def filesystem(url: str, mounts: Path = Path("/proc/self/mounts")) -> str:
    """The kind of file system that a SQLite database is on; empty if there is none, or it cannot be told."""
    file = sqlite_file(url)
    try:
        lines = [] if file is None else mounts.read_text().splitlines()
    except OSError:
        return ""
    found = ("", "")
    for _, place, kind, *_ in (line.split(" ") for line in lines):
        point = place.replace("\\040", " ")
        if file is not None and file.resolve().is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]


def _copies(file: Path) -> Iterator[Path]:
    """Files beside one that hold the same, as far as their names and first bytes tell."""
    try:
        beside = [each for each in islice(file.parent.iterdir(), BESIDE_MAX) if each.is_file()]
    except OSError:
        return  # there is no such folder, or this user may not look into it
    for each in beside:
        if each.name == file.name or each.name.endswith(ENCRYPTED_ENDINGS):
            continue
        is_named_so = each.name.lstrip(".").startswith(file.name)
        is_named_so |= each.name.startswith(file.stem) and each.name.endswith(COPY_ENDINGS)
        if is_named_so or _is_database(each):
            yield each


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(DATABASE_HEAD)) == DATABASE_HEAD
    except OSError:
        return False


def _holds_secret(config: Path) -> bool:
    try:
        values = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return any(
        masked(str(value)) != value if name == "database" else bool(value)
        for name, value in values.items()
        if name in OPTIONS and OPTIONS[name].is_secret
    )


def _seen(kind: str, path: Path, *, is_secret: bool) -> list[FileFacts]:
    """What is known of a file; nothing if it is not there."""
    try:
        return [_facts(kind, path, is_secret=is_secret)] if path.is_file() else []
    except PermissionError:
        return [FileFacts(kind, str(path), 0, 0, is_secret=is_secret, is_seen=False)]


def _facts(kind: str, path: Path, *, is_secret: bool) -> FileFacts:
    status, folder = path.stat(), path.absolute().parent
    above = {*path.absolute().parents, *path.resolve().parents}
    return FileFacts(
        kind,
        str(path),
        _bits(path),
        _bits(folder),
        is_secret=is_secret,
        owner=_name(status.st_uid),
        open_folders=tuple(str(each) for each in sorted(above) if _bits(each) & 0o1002 == 0o002),
    )


def _bits(path: Path) -> int:
    """The permission bits; without those of a group that is its owner's alone."""
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    return mode & ~0o070 if _is_private(status.st_gid, status.st_uid) else mode


@cache
def _is_private(group_id: int, user_id: int) -> bool:
    """Whether a user is the only one in its group."""
    try:
        members = set(grp.getgrgid(group_id).gr_mem) | {
            each.pw_name for each in pwd.getpwall() if each.pw_gid == group_id
        }
        return members <= {pwd.getpwuid(user_id).pw_name}
    except KeyError:
        return False


def _name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)
