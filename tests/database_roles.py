"""The two roles of the page on databases, made by the very statements that stand there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pymysql
import servers

from ullage.storage.unit import Store

PAGE = Path(__file__).parent.parent / "docs" / "operating" / "databases.md"
PASSWORD = "entirely-private"
HEADINGS = {"postgresql": "### PostgreSQL", "mariadb": "### MariaDB"}


@dataclass(frozen=True)
class Roles:
    """Urls of one database: as its role for upgrades, as its role for serving, as the server's own superuser."""

    upgrade_url: str
    serve_url: str
    superuser_url: str


def blocks(database_name: str) -> list[str]:
    """The statements of the page's two blocks for a database: before the first upgrade, and after each."""
    section = PAGE.read_text().partition("\n## Two roles")[2].partition("\n## ")[0]
    part = section.partition(HEADINGS[database_name])[2].partition("\n### ")[0]
    return re.findall(r"```sql\n(.*?)```", part, flags=re.DOTALL)


def granted_tables(database_name: str) -> dict[str, frozenset[str]]:
    """Table -> what the page lets the running service do with it."""
    found: dict[str, frozenset[str]] = {}
    after = blocks(database_name)[1]
    for privileges, tables in re.findall(r"GRANT ([A-Z, ]+?) ON\s+([a-z_.,\s]+?)\s+TO ullage_serve;", after):
        for table in tables.split(","):
            found[table.strip().removeprefix("ullage.")] = frozenset(privileges.split(", "))
    return found


@contextlib.contextmanager
def two_roles(server: servers.Server, *, granted: bool = True) -> Iterator[Roles]:
    """A new database with both roles, upgraded and granted (unless `granted` is off) as the page says."""
    scratch = server.new_database()  # its name and place are free now
    server.drop_database(scratch)
    name = scratch.rpartition("/")[2]
    before, after = (block.replace("ullage", name).replace("...", PASSWORD) for block in blocks(server.name))
    base = scratch.partition("@")[2]
    scheme = scratch.partition("://")[0]
    upgrade_url, serve_url = (f"{scheme}://{name}_{role}:{PASSWORD}@{base}" for role in ("upgrade", "serve"))
    roles = Roles(upgrade_url, serve_url, superuser_url=scratch)
    _execute(server, scratch, before, in_database=False)
    try:
        if granted:
            store = Store.open(roles.upgrade_url)
            store.upgrade()
            store.close()
            _execute(server, scratch, after, in_database=True)
        elif server.name == "mariadb":  # where a database opens only to those who may do something in it
            _execute(server, scratch, f"GRANT SELECT ON {name}.* TO {name}_serve", in_database=False)
        yield roles
    finally:
        server.drop_database(scratch)
        drop = "ROLE" if server.name == "postgresql" else "USER"
        _execute(server, scratch, f"DROP {drop} {name}_serve; DROP {drop} {name}_upgrade;", in_database=False)


def revoke(server: servers.Server, roles: Roles, privilege: str, table: str) -> None:
    """Take one privilege on a table from the role that serves."""
    _change(server, roles, f"REVOKE {privilege} ON", table, "FROM")


def grant(server: servers.Server, roles: Roles, privilege: str, table: str) -> None:
    """Give it back."""
    _change(server, roles, f"GRANT {privilege} ON", table, "TO")


def _change(server: servers.Server, roles: Roles, begin: str, table: str, end: str) -> None:
    name = roles.superuser_url.rpartition("/")[2]
    place = table if server.name == "postgresql" else f"{name}.{table}"
    _execute(server, roles.superuser_url, f"{begin} {place} {end} {name}_serve", in_database=True)


def _execute(server: servers.Server, url: str, statements: str, *, in_database: bool) -> None:
    base, _, name = url.rpartition("/")
    for statement in filter(None, (each.strip() for each in statements.split(";"))):
        if server.name == "postgresql":
            with psycopg.connect(f"{base}/{name if in_database else 'postgres'}", autocommit=True) as connection:
                connection.execute(statement.encode())
        else:
            port = int(base.rpartition(":")[2])
            with pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True) as mariadb:
                mariadb.cursor().execute(statement)
