"""API tokens as they are kept: their text nowhere, each change in the audit trail."""

from __future__ import annotations

import httpx
import pytest
from database_roles import two_roles
from servers import Server
from serving import HEADERS, UllageServer
from sqlalchemy import select
from stored import row_counts

from ullage.model.origin import Origin
from ullage.model.token import digest, fingerprint, has_form, misfit
from ullage.storage import tables, tokens
from ullage.storage.audit.entries import decoded
from ullage.storage.audit.verify import faults
from ullage.storage.feed import read_marks
from ullage.storage.trouble import NotAllowed
from ullage.storage.unit import Store

ROOT = Origin("root", remote="ullage token")
ROLES = frozenset({"admin", "reader"})


def test_a_token_is_found_by_its_digest_until_it_is_revoked(store: Store) -> None:
    made, text = tokens.create(store, ROOT, "alice", "blue", ROLES, 17)
    other, _ = tokens.create(store, ROOT, "bob", None, frozenset(), 18)
    assert has_form(text)
    assert (made.user, made.project, made.roles, made.expires_us) == ("alice", "blue", ROLES, 17)
    with store.reading() as connection:
        assert tokens.find(connection, digest(text)) == made
        assert tokens.find(connection, digest(text + "x")) is None
        assert tokens.every(connection) == [made, other]
    assert tokens.revoke(store, ROOT, made.id) == made
    assert tokens.revoke(store, ROOT, made.id) is None
    with store.reading() as connection:
        assert tokens.find(connection, digest(text)) is None
        assert tokens.every(connection) == [other]


def test_no_number_is_given_twice(store: Store) -> None:
    made, _ = tokens.create(store, ROOT, "a", None, frozenset(), 1)
    tokens.revoke(store, ROOT, made.id)
    again, _ = tokens.create(store, ROOT, "a", None, frozenset(), 1)
    assert again.id > made.id


def test_a_first_token_is_made_only_where_there_is_none(store: Store) -> None:
    text = tokens.create_first(store, ROOT, "admin", ROLES, 17)
    assert text is not None
    assert tokens.create_first(store, ROOT, "admin", ROLES, 17) is None
    with store.reading() as connection:
        (made,) = tokens.every(connection)
        assert tokens.find(connection, digest(text)) == made
        assert (made.user, made.project, made.roles, made.expires_us) == ("admin", None, ROLES, 17)
        assert faults(connection) == []


def test_the_text_of_a_token_is_nowhere_in_the_database(store: Store) -> None:
    _, text = tokens.create(store, ROOT, "alice", None, ROLES, 17)
    with store.reading() as connection:
        for table in tables.metadata.sorted_tables:
            for row in connection.execute(select(table)):
                assert text not in str(row)
                assert text.removeprefix("ullage_") not in str(row)
        assert row_counts(store)["tokens"] == 1


def test_both_changes_are_in_a_whole_audit_trail(store: Store) -> None:
    made, text = tokens.create(store, ROOT, "alice", "blue", ROLES, 17)
    tokens.revoke(store, ROOT, made.id)
    with store.reading() as connection:
        assert faults(connection) == []
        rows = connection.execute(select(tables.audit).order_by(tables.audit.c.writer, tables.audit.c.sequence)).all()
        told = [each for row in rows for each in decoded(row.entries) if each["command"].endswith("Token")]
    was = {"user": "alice", "project": "blue", "roles": ["admin", "reader"], "expires_us": 17}
    was["fingerprint"] = fingerprint(digest(text))
    assert [(each["command"], each["user"], each["remote"]) for each in told] == [
        ("CreateToken", "root", "ullage token"),
        ("RevokeToken", "root", "ullage token"),
    ]
    name = str(made.id)
    assert told[0]["changes"] == [{"kind": "token", "name": name, "before": None, "after": was}]
    assert told[1]["changes"] == [{"kind": "token", "name": name, "before": was, "after": None}]
    assert digest(text) not in str(rows)


def test_running_searches_see_that_somebody_wrote(store: Store) -> None:
    with store.reading() as connection:
        before = read_marks(connection, store.dialect)
    tokens.create(store, ROOT, "alice", None, frozenset(), 17)
    with store.reading() as connection:
        assert read_marks(connection, store.dialect) != before


@pytest.mark.databases("postgresql", "mariadb")
def test_the_role_of_the_service_reads_tokens_and_makes_none(database_server: Server) -> None:
    with two_roles(database_server) as roles:
        owner, server = Store.open(roles.upgrade_url), Store.open(roles.serve_url)
        made, text = tokens.create(owner, ROOT, "alice", None, frozenset(), 17)
        with server.looking() as connection:
            assert tokens.find(connection, digest(text)) == made
        with pytest.raises(NotAllowed, match="owns the tables"):
            tokens.create(server, ROOT, "mallory", None, ROLES, 17)
        with pytest.raises(NotAllowed, match="owns the tables"):
            tokens.revoke(server, ROOT, made.id)
        owner.close()
        server.close()


@pytest.mark.databases("postgresql", "mariadb")
def test_a_closed_service_that_may_make_no_token_says_so_and_lets_nobody_in(database_server: Server) -> None:
    with two_roles(database_server) as roles, UllageServer(roles.serve_url, auth="") as service:
        assert httpx.get(f"{service.url}/resource_providers", headers=HEADERS).status_code == 401
    assert "this role may make none; see `ullage token create`" in service.finished_log


@pytest.mark.parametrize(
    ("user", "project", "roles", "said"),
    [
        ("", None, (), "option user: ''"),
        ("a" * 256, None, (), "option user"),
        ("a\nb", None, (), "option user: 'a\\\\nb'"),
        ("a", "", (), "option project: ''"),
        ("a", "p\0", (), "option project"),
        ("a", None, ("a,b",), "option role: 'a,b'"),
        ("a", None, ("",), "option role: ''"),
        ("a", None, ("r" * 65,), "option role"),
        ("a", None, [f"r{number}" for number in range(16)], "16 roles are too many"),
    ],
)
def test_what_no_token_can_be_of_is_named(user: str, project: str | None, roles: tuple[str, ...], said: str) -> None:
    wrong = misfit(user, project, frozenset(roles))
    assert wrong is not None
    assert said.replace("\\\\", "\\") in wrong
    assert misfit("é" * 255, "p" * 255, frozenset({"a_b:c.d-1", *map(str, range(14))})) is None
