"""What the role of a connection may do, also by way of other roles, and what of that the running service needs not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from ullage.storage import tables

ROWS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
NEEDED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(tables.metadata.tables, ROWS),
    "audit": frozenset({"SELECT", "INSERT"}),
    "tokens": frozenset({"SELECT"}),
    "alembic_version": frozenset({"SELECT"}),
}
"""Table -> what the running service does with it."""
REWRITES = frozenset({"UPDATE", "DELETE", "TRUNCATE", "DROP", "TRIGGER", "ALL PRIVILEGES"})
SCHEMA_PRIVILEGES = frozenset(
    {"CREATE", "DROP", "ALTER", "INDEX", "REFERENCES", "TRIGGER", "ALL PRIVILEGES", "DELETE HISTORY", "EVENT"}
    | {"CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE"}
)
HARMLESS_PRIVILEGES = frozenset({"USAGE", "CREATE TEMPORARY TABLES", "SHOW VIEW"})


@dataclass(frozen=True)
class Grants:
    """What a role may do. Everything is counted that it can take on: it is a member of roles that it need not use."""

    role: str
    is_superuser: bool
    powers: tuple[str, ...]
    """What reaches beyond its database."""
    may_change_schema: bool
    may_rewrite_audit: bool
    excess: tuple[str, ...]
    """What it may do with rows and routines and does not need, in words."""


_SUPERUSER = text("SELECT bool_or(rolsuper) FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')")
_POWERS = text(
    "WITH mine AS (SELECT * FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER'))"
    " SELECT rolname FROM mine WHERE rolname ~ '^pg_' AND rolname <> 'pg_database_owner'"
    " UNION SELECT 'CREATEDB' FROM mine WHERE rolcreatedb UNION SELECT 'CREATEROLE' FROM mine WHERE rolcreaterole"
    " UNION SELECT 'REPLICATION' FROM mine WHERE rolreplication"
    " UNION SELECT 'BYPASSRLS' FROM mine WHERE rolbypassrls ORDER BY 1"
)
_SCHEMA = text(
    "SELECT bool_or(coalesce(has_schema_privilege(oid, current_schema(), 'CREATE'), false)"
    " OR has_database_privilege(oid, current_database(), 'CREATE')"
    " OR EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tableowner = rolname))"
    " FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')"
)
_TABLES = text(
    "WITH mine AS (SELECT oid FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER'))"
    " SELECT DISTINCT c.relname, p FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p"
    " CROSS JOIN mine m WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')"
    " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND (has_table_privilege(m.oid, c.oid, p)"
    " OR p IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege(m.oid, c.oid, p)) ORDER BY 1, 2"
)
_FURTHER = text(
    "WITH mine AS (SELECT oid FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')),"
    " own AS (SELECT oid FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')"
    " SELECT 'GRANT OPTION on ' || c.relname FROM pg_class c CROSS JOIN aclexplode(c.relacl) a"
    " WHERE c.relnamespace IN (SELECT oid FROM own) AND a.is_grantable AND a.grantee <> c.relowner"
    " AND a.grantee IN (SELECT oid FROM mine)"
    " UNION SELECT 'ADMIN OPTION of ' || roleid::regrole FROM pg_auth_members"
    " WHERE admin_option AND member IN (SELECT oid FROM mine)"
    " UNION SELECT 'as everybody on the server ' || a.privilege_type || ' on ' || c.relname"
    " FROM pg_class c CROSS JOIN aclexplode(c.relacl) a"
    " WHERE c.relnamespace IN (SELECT oid FROM own) AND a.grantee = 0"
    " UNION SELECT 'the routine ' || p.proname || ' as ' || p.proowner::regrole FROM pg_proc p WHERE p.prosecdef"
    " AND p.pronamespace IN (SELECT oid FROM own) AND p.proowner NOT IN (SELECT oid FROM mine)"
    " AND EXISTS (SELECT 1 FROM mine m WHERE has_function_privilege(m.oid, p.oid, 'EXECUTE')) ORDER BY 1"
)


def of_postgresql(connection: Connection) -> Grants:
    """What a role of PostgreSQL may do."""
    role = connection.execute(text("SELECT current_user")).scalar_one()
    if connection.execute(_SUPERUSER).scalar_one():
        return Grants(role, is_superuser=True, powers=(), may_change_schema=True, may_rewrite_audit=True, excess=())
    schema = bool(connection.execute(_SCHEMA).scalar_one())
    has = [(name, privilege) for name, privilege in connection.execute(_TABLES)]
    excess = [f"{privilege} on {name}" for name, privilege in has if privilege not in NEEDED.get(name, ())]
    return Grants(
        role,
        is_superuser=False,
        powers=tuple(connection.execute(_POWERS).scalars()),
        may_change_schema=schema,
        may_rewrite_audit=schema or any(name == "audit" and each in REWRITES for name, each in has),
        excess=(*excess, *connection.execute(_FURTHER).scalars()),
    )


_GRANT = re.compile(
    r"GRANT (?P<privileges>.+?) ON (?P<routine>(?:PROCEDURE|FUNCTION|PACKAGE|PACKAGE BODY) )?"
    r"(?P<database>`(?:[^`]|``)*`|\*)[.@](?P<table>`(?:[^`]|``)*`|\*) TO (?P<rest>.*)"
)
_ROLE = re.compile(r"GRANT `(?P<role>(?:[^`]|``)*)` TO (?P<rest>.*)")


def of_mariadb(connection: Connection) -> Grants:
    """What a user of MariaDB may do."""
    role = connection.exec_driver_sql("SELECT CURRENT_USER()").scalar_one()
    database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
    tally = _Tally(database)
    for line in _lines(connection):
        tally.add(line)
    return tally.sum(role)


def _lines(connection: Connection) -> Iterator[str]:
    """Each grant to the user, and to the roles that it may take on; the session is left without any."""
    yield from connection.exec_driver_sql("SHOW GRANTS").scalars()
    roles = connection.exec_driver_sql("SELECT DISTINCT ROLE_NAME FROM information_schema.APPLICABLE_ROLES")
    for name in list(roles.scalars()):
        connection.exec_driver_sql("SET ROLE %s", (name,))
        yield from connection.exec_driver_sql("SHOW GRANTS").scalars()
        connection.exec_driver_sql("SET ROLE NONE")


class _Tally:
    """Sums up what `SHOW GRANTS` tells."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._everywhere: set[str] = set()
        self._here: set[str] = set()
        self._trail: set[str] = set()
        self._elsewhere: set[str] = set()
        self._excess: set[str] = set()
        self._of_server = False

    def add(self, line: str) -> None:
        """One grant."""
        member = _ROLE.match(line)
        if member is not None and "WITH ADMIN OPTION" in member["rest"]:
            self._excess.add(f"ADMIN OPTION of {member['role']}")
        match = _GRANT.match(line)
        if match is None:
            return
        listed = re.split(r",\s*(?![^(]*\))", match["privileges"])  # UPDATE (`id`, `hash`) is one
        privileges = {each.partition("(")[0].strip() for each in listed} - HARMLESS_PRIVILEGES
        database, table = (match[each].strip("`").replace("\\", "") for each in ("database", "table"))
        if privileges and "WITH GRANT OPTION" in match["rest"]:
            self._excess.add("GRANT OPTION")
        if privileges and match["rest"].startswith("PUBLIC"):
            self._excess.add(f"as everybody on the server {', '.join(sorted(privileges))} on {table}")
        if "PROXY" in privileges:
            self._elsewhere.add(f"PROXY of {database}")
        elif database == "*":
            self._everywhere |= privileges
        elif database != self._database:
            self._of_server |= database == "mysql" and bool(privileges - {"SELECT"})
            self._elsewhere |= {"rows of other databases"} if privileges else set()
        elif match["routine"]:
            self._excess.add(f"the routine {table}")
        else:
            self._add_here(privileges, table)

    def _add_here(self, privileges: set[str], table: str) -> None:
        self._here |= privileges
        concerned = NEEDED if table == "*" else (table,)
        for name in concerned:
            more = privileges - NEEDED.get(name, frozenset()) - (SCHEMA_PRIVILEGES if table == "*" else set())
            self._excess |= {f"{each} on {name}" for each in more}
        self._trail |= privileges if "audit" in concerned else set()

    def sum(self, role: str) -> Grants:
        """All of them."""
        return Grants(
            role,
            is_superuser=self._of_server or bool(self._everywhere & {"ALL PRIVILEGES", "SUPER"}),
            powers=(*sorted(self._everywhere), *sorted(self._elsewhere)),
            may_change_schema=bool((self._here | self._everywhere) & SCHEMA_PRIVILEGES),
            may_rewrite_audit=bool((self._trail | self._everywhere) & REWRITES),
            excess=tuple(sorted(self._excess)),
        )
