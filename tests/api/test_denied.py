"""A database whose role may not do what a request needs."""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import servers
from database_roles import grant, revoke, two_roles
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from api.stand import ADMIN, JSON, ask, error, header
from ullage.api.app import App
from ullage.api.http import Response
from ullage.api.routes import ROUTES
from ullage.model.commands import CreateProvider, EnsureTrait
from ullage.settings import Settings
from ullage.storage.dialects import DIALECTS, Sqlite
from ullage.storage.trouble import NotAllowed
from ullage.storage.unit import Store
from ullage.wiring import build_service

UUID = "0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"
on_servers = pytest.mark.databases("postgresql", "mariadb")
Change = Callable[[str, str], None]
Crippled = tuple[App, Change, Change]


@pytest.fixture(params=["noauth2"])
def crippled(database_server: servers.Server, request: pytest.FixtureRequest) -> Iterator[Crippled]:
    """An application, what takes a privilege on a table from its role, and what gives it back."""
    with two_roles(database_server) as roles:
        settings = Settings(database=roles.serve_url, auth=request.param)
        service = build_service(settings)
        try:
            app = App(service, settings, ROUTES)
            yield app, partial(revoke, database_server, roles), partial(grant, database_server, roles)
        finally:
            service.committer.stop()
            service.store.close()


@on_servers
@pytest.mark.parametrize(
    ("privilege", "table", "method", "target", "body"),
    [
        ("INSERT", "traits", "PUT", "/traits/CUSTOM_A", b""),
        ("INSERT", "audit", "POST", "/resource_providers", b'{"name":"host"}'),
        ("UPDATE", "writers", "PUT", "/traits/CUSTOM_A", b""),
        ("SELECT", "consumers", "GET", f"/allocations/{UUID}", b""),
        ("SELECT", "inventories", "GET", "/allocation_candidates?resources=VCPU:1", b""),
        ("SELECT", "providers", "GET", "/resource_providers", b""),
    ],
)
def test_an_asker_is_told_to_come_back_and_the_operator_which_table(
    crippled: Crippled,
    privilege: str,
    table: str,
    method: str,
    target: str,
    body: bytes,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("ullage"), "propagate", True)
    app, take, _ = crippled
    take(privilege, table)
    response = ask(app, method, target, {**ADMIN, **JSON} if body else ADMIN, body, "1.39")
    _is_refused_well(response, table)
    told = [line for line in caplog.messages if "not served: Cannot use" in line]
    assert [line.rpartition(" with the table ")[2] for line in told] == [table]
    assert not [word for word in ("SELECT ", "INSERT ", "UPDATE ", "Traceback") if word in caplog.text]
    assert not [record for record in caplog.records if record.exc_info]
    assert ask(app, "GET", "/").status == 200


def _is_refused_well(response: Response, table: str) -> None:
    assert response.status == 503
    assert header(response, "retry-after") == "1"
    detail = error(response)["detail"]
    assert "The database does not let this be done at the moment." in detail
    assert not [word for word in (table, "127.0.0.1", "_serve", "permission", "denied") if word in detail]


@on_servers
@pytest.mark.parametrize("crippled", ["tokens"], indirect=True)
def test_tokens_that_may_not_be_read_are_told_too(
    crippled: Crippled, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("ullage"), "propagate", True)
    app, take, _ = crippled
    take("SELECT", "tokens")
    token = f"ullage_{'a' * 43}"
    response = ask(app, "GET", "/resource_providers", {"x-auth-token": token}, version="1.39")
    _is_refused_well(response, "tokens")
    assert any(line.endswith("with the table tokens") for line in caplog.messages)
    assert token not in caplog.text


@on_servers
def test_who_shares_a_commit_with_such_a_command_is_served(crippled: Crippled) -> None:
    app, take, give = crippled
    take("INSERT", "traits")
    new = CreateProvider(str(uuid.uuid4()), "host")
    outcomes = app.service.committer.run_all([EnsureTrait("CUSTOM_A"), new, EnsureTrait("CUSTOM_B")])
    assert [isinstance(each, NotAllowed) for each in outcomes] == [True, False, True]
    assert b"host" in ask(app, "GET", "/resource_providers", ADMIN).body
    give("INSERT", "traits")
    assert ask(app, "PUT", "/traits/CUSTOM_A", ADMIN, version="1.39").status == 201


def test_a_database_file_that_may_only_be_read_is_told(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/u.db")
    store.upgrade()
    store.close()
    event.listen(store.writing_engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    with pytest.raises(NotAllowed, match="it may only be read"), store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM traits")
    store.close()
    assert Sqlite().forbidden == {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_what_the_database_says_in_other_words_is_not_repeated(name: str) -> None:
    said = DBAPIError("SELECT secret", None, Exception("keine Berechtigung für Tabelle geheim"))
    assert DIALECTS[name].denied(said) == "its role may not do that"
