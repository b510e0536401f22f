"""Bringing a database up to this code: schema by Alembic, then the standard names."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from ullage.storage import catalogue
from ullage.storage.audit.chain import Detail
from ullage.storage.trouble import NotAllowed, SchemaMissing, SchemaTooNew
from ullage.storage.unit import Store, again

ATTEMPTS = 10

_one_at_a_time = Lock()  # Alembic keeps the step that is running in a global of its own


def upgrade(store: Store, now_us: int) -> None:
    """See `Store.upgrade`."""
    try:
        again(store.dialect, lambda: _upgrade(store, now_us), ATTEMPTS)
    except NotAllowed as error:
        raise NotAllowed(
            "The database is not up to date, or this role may not read it, and this role may not change that; "
            "run `ullage db upgrade` as the role that owns the tables, then grant them anew"
        ) from error


def require_current(connection: Connection) -> None:
    """Raise SchemaMissing or SchemaTooNew unless the database has exactly the schema of this code."""
    if not _has_schema(connection, ScriptDirectory.from_config(_config())):
        raise SchemaMissing("The database holds no ledger, or one of an older Ullage; `ullage db upgrade` sees to that")


def _upgrade(store: Store, now_us: int) -> None:
    script = ScriptDirectory.from_config(_config())
    store.prepare()
    with store.looking() as connection:  # MariaDB shows no table in a snapshot that is older than it
        has_schema = _has_schema(connection, script)
        has_names = has_schema and catalogue.is_complete(connection)
    if not has_schema:
        with store.upgrading() as connection:
            _run_steps(connection, script)
    if not has_names:
        with store.writing() as connection:
            written = catalogue.complete(connection, store.dialect, now_us)
        if written is not None:
            written.tell(Detail.HEAD)  # hundreds of names, which every database has


def _has_schema(connection: Connection, script: ScriptDirectory) -> bool:
    """Whether all steps have been run on this database."""
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {step.revision for step in script.walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaTooNew(
            f"The database was upgraded by a newer Ullage (schema step {revision}; "
            f"this one knows steps up to {script.get_current_head()})"
        )
    return revision == script.get_current_head()


def _run_steps(connection: Connection, script: ScriptDirectory) -> None:
    if not _has_schema(connection, script):  # somebody else may have run them while we waited for the lock
        config = _config()
        config.attributes["connection"] = connection
        with _one_at_a_time:
            command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
