"""What is seen of databases that are really badly set up: roles, passwords, limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pymysql
import pytest
import servers
from database_roles import PASSWORD, Roles, two_roles

from ullage.storage.privileges import DatabaseFacts, facts

EXCESS = {
    "postgresql": [
        ("GRANT INSERT ON tokens TO {serve}", "INSERT on tokens"),
        ("GRANT UPDATE (hash) ON audit TO {serve}", "UPDATE on audit"),
        ("GRANT TRUNCATE ON traits TO {serve}", "TRUNCATE on traits"),
        ("GRANT SELECT ON traits TO {serve} WITH GRANT OPTION", "GRANT OPTION on traits"),
        ("GRANT SELECT ON traits TO PUBLIC", "as everybody on the server SELECT on traits"),
        ("CREATE TABLE wages (sum INTEGER); GRANT SELECT ON wages TO {serve}", "SELECT on wages"),
        (
            "CREATE FUNCTION wipe() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM audit'",
            "the routine wipe as ullage",
        ),
    ],
    "mariadb": [
        ("GRANT INSERT ON {name}.tokens TO {serve}", "INSERT on tokens"),
        ("GRANT UPDATE (sequence, hash) ON {name}.audit TO {serve}", "UPDATE on audit"),
        ("GRANT INSERT ON {name}.* TO {serve}", "INSERT on tokens"),
        ("GRANT SELECT ON {name}.traits TO {serve} WITH GRANT OPTION", "GRANT OPTION"),
        ("GRANT SELECT ON {name}.traits TO PUBLIC", "as everybody on the server SELECT on traits"),
        (
            "CREATE PROCEDURE {name}.wipe() DELETE FROM audit; GRANT EXECUTE ON PROCEDURE {name}.wipe TO {serve}",
            "the routine wipe",
        ),
    ],
}
POWERS = {
    "postgresql": [
        ("GRANT pg_read_all_data TO {serve}", "pg_read_all_data"),
        ("GRANT pg_write_server_files TO {serve}", "pg_write_server_files"),
        ("ALTER ROLE {serve} REPLICATION", "REPLICATION"),
        ("CREATE ROLE {more} CREATEROLE; GRANT {more} TO {serve}; ALTER ROLE {serve} NOINHERIT", "CREATEROLE"),
    ],
    "mariadb": [
        ("GRANT FILE ON *.* TO {serve}", "FILE"),
        ("CREATE ROLE {more}; GRANT PROCESS ON *.* TO {more}; GRANT {more} TO {serve}", "PROCESS"),
        ("GRANT PROXY ON root TO {serve}", "PROXY of root"),
        ("GRANT SELECT ON mysql.* TO {serve}", "rows of other databases"),
    ],
}
SUPERUSERS = {
    "postgresql": "CREATE ROLE {more} SUPERUSER; GRANT {more} TO {serve}",
    "mariadb": "GRANT INSERT ON mysql.* TO {serve}",
}


@dataclass(frozen=True)
class Bad:
    """A role that serves, and a way to spoil it."""

    server: servers.Server
    roles: Roles

    def with_(self, statements: str) -> DatabaseFacts:
        """What is seen of it after these statements of the superuser."""
        self.do(statements)
        return facts(self.roles.serve_url)

    def do(self, statements: str) -> None:
        """Let the superuser do this."""
        name = self.roles.superuser_url.rpartition("/")[2]
        filled = statements.format(name=name, serve=f"{name}_serve", more=f"{name}_more")
        port = int(self.roles.superuser_url.rpartition(":")[2].partition("/")[0])
        for statement in filled.split("; "):
            if self.server.name == "postgresql":
                with psycopg.connect(self.roles.superuser_url, autocommit=True) as connection:
                    connection.execute(statement.encode())
            else:
                with pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True) as mariadb:
                    mariadb.cursor().execute(statement)


@pytest.fixture
def bad(database_server: servers.Server) -> Iterator[Bad]:
    with two_roles(database_server) as roles:
        made = Bad(database_server, roles)
        yield made
        made.do("DROP ROLE IF EXISTS {more}")


@pytest.mark.databases("postgresql", "mariadb")
def test_what_a_role_has_and_does_not_need_is_seen(bad: Bad, database_name: str) -> None:
    assert facts(bad.roles.serve_url).excess == ()
    for statements, seen in EXCESS[database_name]:
        assert seen in bad.with_(statements).excess
    if database_name == "mariadb":  # it would outlive the database
        bad.do("REVOKE SELECT ON {name}.traits FROM PUBLIC")
    found = facts(bad.roles.serve_url)
    assert (found.may_rewrite_audit, found.may_change_schema, found.is_superuser) == (True, False, False)


@pytest.mark.databases("postgresql", "mariadb")
def test_what_reaches_beyond_the_database_is_seen_also_by_way_of_roles(bad: Bad, database_name: str) -> None:
    for statements, seen in POWERS[database_name]:
        assert seen in bad.with_(statements).powers
    assert not facts(bad.roles.serve_url).is_superuser
    bad.do("DROP ROLE IF EXISTS {more}")
    assert bad.with_(SUPERUSERS[database_name]).is_superuser


@pytest.mark.databases("postgresql")
def test_a_role_that_may_become_the_owner_may_change_the_schema(bad: Bad) -> None:
    assert bad.with_("GRANT {name}_upgrade TO {serve}; ALTER ROLE {serve} NOINHERIT").may_change_schema


@pytest.mark.databases("postgresql")
def test_a_server_that_trusts_everybody_is_seen(bad: Bad) -> None:
    assert facts(bad.roles.serve_url).takes_any_password


@pytest.mark.databases("mariadb")
def test_a_password_that_is_none_or_can_be_guessed_is_seen(bad: Bad) -> None:
    found = facts(bad.roles.serve_url)
    assert (found.takes_any_password, found.is_password_weak) == (False, False)
    bad.do("ALTER USER {serve} IDENTIFIED BY 'short'")
    short = facts(bad.roles.serve_url.replace(PASSWORD, "short"))
    assert (short.takes_any_password, short.is_password_weak) == (False, True)
    assert facts(bad.roles.superuser_url).takes_any_password  # root has none


@pytest.mark.databases("postgresql")
def test_limits_that_the_address_turns_off_are_seen(bad: Bad) -> None:
    assert facts(bad.roles.serve_url).limits_off == ()
    off = facts(f"{bad.roles.serve_url}?options=-c%20statement_timeout%3D0%20-c%20lock_timeout%3D0")
    assert {"lock_timeout", "statement_timeout"} <= set(off.limits_off)


@pytest.mark.databases("postgresql", "mariadb")
def test_the_connections_that_a_role_has_are_seen(bad: Bad, database_name: str) -> None:
    assert 100 < (facts(bad.roles.serve_url).connections_max or 0) <= 200
    few = {
        "postgresql": "ALTER ROLE {serve} CONNECTION LIMIT 7",
        "mariadb": "GRANT USAGE ON *.* TO {serve} WITH MAX_USER_CONNECTIONS 7",
    }
    assert bad.with_(few[database_name]).connections_max == 7
