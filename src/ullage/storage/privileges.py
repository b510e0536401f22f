"""What the role that a url names may do in its database, and how well the server keeps what it is given. Reads only."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from ullage.model.token import ApiToken
from ullage.storage import check
from ullage.storage.audit import verify
from ullage.storage.dialects import read_url
from ullage.storage.encryption import VERIFY_FULL, Encryption
from ullage.storage.shown_certificate import shown_certificate
from ullage.storage.tokens import every
from ullage.storage.trouble import StorageTrouble, StorageUnavailable
from ullage.storage.unit import Store
from ullage.storage.upgrade import require_current

SCHEMA_PRIVILEGES = frozenset({"CREATE", "DROP", "ALTER", "INDEX", "REFERENCES", "TRIGGER", "ALL PRIVILEGES"})
HARMLESS_PRIVILEGES = frozenset({"USAGE"})


@dataclass(frozen=True)
class DatabaseFacts:
    """One database as its role sees it. Holds no password."""

    kind: str
    version: str
    host: str | None = None
    """None: a file."""
    role: str = ""
    is_superuser: bool = False
    powers: tuple[str, ...] = ()
    """What the role may do to the whole server, or with other databases."""
    may_change_schema: bool = False
    is_encrypted: bool = False
    """Whether this very connection is."""
    verifies_server: bool = False
    """Whether the url asks for the certificate and the name of the server to be checked."""
    certificate: bytes | None = None
    """The one that the server shows (DER), if the connection is encrypted and it can be seen."""
    weak_settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of the server by which a crash loses what was answered -> their values."""
    schema_problem: str = ""
    breaches: int = 0
    audit_faults: int = 0
    may_rewrite_audit: bool = False
    """Whether the role may change or delete what stands in the audit trail."""


def facts(address: str) -> DatabaseFacts:
    """What can be known of the database at a url. Raises StorageTrouble, also for what is no database at all."""
    with _looked_at(address) as store:
        return _facts(store, read_url(address)[1])


def tokens(address: str) -> list[ApiToken]:
    """The API tokens there, expired ones too. Raises StorageTrouble, also for what is no ledger."""
    with _looked_at(address) as store, store.looking() as connection:
        return every(connection)


@contextmanager
def _looked_at(address: str) -> Iterator[Store]:
    store = Store.open(address, pool_size=1)
    try:
        yield store
    except DBAPIError as error:
        raise StorageUnavailable("The database cannot be read") from error
    finally:
        store.close()


def _facts(store: Store, url: URL) -> DatabaseFacts:
    kind = store.dialect.name
    with store.reading() as connection:
        problem, count, audit_count = _ledger(store, connection)
        version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
        common: dict[str, Any] = {"version": version or sqlite3.sqlite_version}
        common |= {"schema_problem": problem, "breaches": count, "audit_faults": audit_count}
        if kind == "sqlite":
            return DatabaseFacts(kind, **common)
        more = _postgresql(connection) if kind == "postgresql" else _mariadb(connection)
        more["certificate"] = shown_certificate(connection) if more["is_encrypted"] else None
        said = (url.query.get("sslmode"), "verify-full" if url.query.get("ssl_verify_identity") == "true" else "")
        verifies = VERIFY_FULL in (Encryption.of(url).mode, *said)
        return DatabaseFacts(kind, host=url.host or "", verifies_server=verifies, **common, **more)


def _ledger(store: Store, connection: Connection) -> tuple[str, int, int]:
    """What is wrong with the schema, with the sums, with the audit trail."""
    try:
        require_current(connection)
        return "", len(check.breaches(connection)), len(verify.faults(connection))
    except StorageTrouble as trouble:
        return str(trouble), 0, 0
    except DBAPIError as error:
        if not store.dialect.is_forbidden(error):
            raise
        return "The role may not read the ledger", 0, 0


def _postgresql(connection: Connection) -> dict[str, Any]:
    row = connection.exec_driver_sql(
        "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,"
        " pg_has_role(current_user, 'pg_execute_server_program', 'MEMBER'),"
        " pg_has_role(current_user, 'pg_read_server_files', 'MEMBER'),"
        " pg_has_role(current_user, 'pg_write_server_files', 'MEMBER')"
        " FROM pg_roles WHERE rolname = current_user"
    ).one()
    names = ("CREATEDB", "CREATEROLE", "REPLICATION", "BYPASSRLS")
    roles = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")
    changes = connection.exec_driver_sql(
        "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) OR EXISTS (SELECT 1 FROM pg_tables"
        " WHERE schemaname = current_schema() AND pg_has_role(current_user, tableowner, 'MEMBER'))"
    ).scalar_one()
    ssl = connection.exec_driver_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").scalar()
    rewrites = connection.exec_driver_sql(
        "SELECT coalesce(has_table_privilege(to_regclass('audit'), 'UPDATE, DELETE, TRUNCATE'), false)"
    ).scalar_one()
    values = connection.exec_driver_sql(
        "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting <> 'on'"
    )
    return {
        "role": row[0],
        "is_superuser": row[1],
        "powers": tuple(name for name, has in zip(names + roles, row[2:], strict=True) if has),
        "may_change_schema": changes,
        "may_rewrite_audit": rewrites,
        "is_encrypted": bool(ssl),
        "weak_settings": {row.name: row.setting for row in values},
    }


def _mariadb(connection: Connection) -> dict[str, Any]:
    database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
    everywhere: set[str] = set()
    here: set[str] = set()
    trail: set[str] = set()
    elsewhere = False
    for (grant,) in connection.exec_driver_sql("SHOW GRANTS"):
        match = re.match(r"GRANT (?P<privileges>.+?) ON (?P<scope>\S+) TO ", grant)
        if match is None:
            continue
        privileges = {each.strip() for each in match["privileges"].split(",")} - HARMLESS_PRIVILEGES
        scope = match["scope"].replace("`", "").replace("\\", "")
        if scope == "*.*":
            everywhere |= privileges
        elif scope.partition(".")[0] == database:
            here |= privileges
            trail |= privileges if scope.partition(".")[2] in ("*", "audit") else set()
        else:
            elsewhere = elsewhere or bool(privileges)
    cipher = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'").one()[1]
    flush = connection.exec_driver_sql("SELECT @@innodb_flush_log_at_trx_commit").scalar_one()
    return {
        "role": connection.exec_driver_sql("SELECT CURRENT_USER()").scalar_one(),
        "is_superuser": bool(everywhere & {"ALL PRIVILEGES", "SUPER"}),
        "powers": (*sorted(everywhere), *(["rows of other databases"] if elsewhere else [])),
        "may_rewrite_audit": bool((trail | everywhere) & {"UPDATE", "DELETE", "DROP", "ALL PRIVILEGES"}),
        "may_change_schema": bool((here | everywhere) & SCHEMA_PRIVILEGES),
        "is_encrypted": bool(cipher),
        "weak_settings": {} if flush in (1, 3) else {"innodb_flush_log_at_trx_commit": str(flush)},
    }
