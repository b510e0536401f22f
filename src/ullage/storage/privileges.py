"""What the role that a url names may do in its database, and how well the server keeps what it is given. Reads only."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from ullage.model.token import ApiToken
from ullage.storage import check, grants
from ullage.storage.audit import verify
from ullage.storage.dialects import read_url
from ullage.storage.encryption import VERIFY_FULL, Encryption
from ullage.storage.shown_certificate import shown_certificate
from ullage.storage.tokens import every
from ullage.storage.trouble import StorageTrouble, StorageUnavailable
from ullage.storage.unit import Store
from ullage.storage.upgrade import require_current

PASSWORD_LENGTH_MIN = 12


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
    excess: tuple[str, ...] = ()
    """What the role may do with rows and routines and does not need, in words."""
    takes_any_password: bool = False
    """Whether the server lets the role in with a password that is not its own, or with none."""
    is_password_weak: bool = False
    """Whether the password can be guessed: it is short, or the name of the role or database."""
    limits_off: tuple[str, ...] = ()
    """Time limits that the url takes from the connection."""
    connections_max: int | None = None
    """How many the server has for the role; None: as many as are asked for."""


def facts(address: str) -> DatabaseFacts:
    """What can be known of the database at a url. Raises StorageTrouble, also for what is no database at all."""
    url = read_url(address)[1]
    with _looked_at(address) as store:
        found = _facts(store, url)
    if found.host is None:
        return found
    return replace(found, takes_any_password=_takes_any_password(url), is_password_weak=_is_weak(url))


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
    ssl = connection.exec_driver_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").scalar()
    values = connection.exec_driver_sql(
        "SELECT name, setting FROM pg_settings"
        " WHERE name IN ('fsync', 'full_page_writes') AND setting <> 'on'"
        " OR name IN ('zero_damaged_pages', 'ignore_checksum_failure') AND setting <> 'off'"
    )
    limits = connection.exec_driver_sql(
        "SELECT name FROM pg_settings WHERE setting = '0'"
        " AND name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') ORDER BY name"
    )
    free = connection.exec_driver_sql(
        "SELECT least(sum(setting::int * CASE name WHEN 'max_connections' THEN 1 ELSE -1 END),"
        " (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),"
        " (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())) FROM pg_settings"
        " WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
    )
    return {
        "is_encrypted": bool(ssl),
        "weak_settings": {row.name: row.setting for row in values},
        "limits_off": tuple(limits.scalars()),
        "connections_max": int(free.scalar_one()),
        **vars(grants.of_postgresql(connection)),
    }


def _mariadb(connection: Connection) -> dict[str, Any]:
    cipher = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'").one()[1]
    flush = connection.exec_driver_sql("SELECT @@innodb_flush_log_at_trx_commit").scalar_one()
    twice = connection.exec_driver_sql("SELECT @@innodb_doublewrite").scalar_one()
    weak = {} if flush in (1, 3) else {"innodb_flush_log_at_trx_commit": str(flush)}
    weak |= {"innodb_doublewrite": "off"} if str(twice).upper() in ("0", "OFF") else {}
    each, all_users = connection.exec_driver_sql("SELECT @@max_user_connections, @@max_connections").one()
    return {
        "is_encrypted": bool(cipher),
        "weak_settings": weak,
        "connections_max": min(each, all_users) if each > 0 else all_users,
        **vars(grants.of_mariadb(connection)),
    }


def _takes_any_password(url: URL) -> bool:
    """Whether the server, which has let the role in, would with another password or none; over TCP."""
    words = ("sslcert", "ssl_cert", "unix_socket", "host")
    if not url.host or url.host.startswith("/") or any(word in url.query for word in words):
        return False  # who asks may be found out without a password there
    if not url.password and not url.drivername.startswith("postgresql"):
        return True  # there is no file of passwords that could have held one
    wrong = url.set(password=f"not-{secrets.token_hex(16)}").difference_update_query(("password", "passwd"))
    try:
        with _looked_at(wrong.render_as_string(hide_password=False)) as store, store.looking() as connection:
            return bool(connection.exec_driver_sql("SELECT 1").scalar_one())
    except StorageTrouble:
        return False


def _is_weak(url: URL) -> bool:
    password = url.password or ""
    return 0 < len(password) < PASSWORD_LENGTH_MIN or password.lower() in (url.username, url.database)
