"""Every row of the audit trail is told to the log stream, whoever wrote it: a chain's head must be known elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import select

from ullage.model.commands import CreateProvider
from ullage.model.inventory import Inventory
from ullage.model.origin import Origin
from ullage.model.token import digest
from ullage.storage import tokens
from ullage.storage.audit.chain import Detail
from ullage.storage.audit.entries import decoded
from ullage.storage.audit.verify import faults
from ullage.storage.committer import Committer
from ullage.storage.tables import audit
from ullage.storage.unit import Store

ROOT = Origin("root", remote="ullage token on host1")
ROLES = frozenset({"admin"})
A = uuid_of("a")


@pytest.fixture
def blank_store(blank_database_url: str) -> Iterator[Store]:
    store = Store.open(blank_database_url)
    yield store
    store.close()


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines of the audit trail, read back."""
    return [json.loads(each.getMessage()) for each in caplog.records if each.name == "ullage.audit"]


def heads(rows: list[Any]) -> list[tuple[int, int, str]]:
    return [(each["writer"], each["sequence"], each["hash"]) for each in rows]


def stored(store: Store) -> list[Any]:
    with store.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.writer, audit.c.sequence))
        return [row._mapping for row in rows]


def test_the_log_has_the_head_of_every_row(blank_store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ullage.audit")
    blank_store.upgrade()
    tokens.create_first(blank_store, ROOT, "admin", ROLES, 17)
    made, _ = tokens.create(blank_store, ROOT, "alice", "blue", ROLES, 17)
    committer = Committer(blank_store)
    committer.run(CreateProvider(A, "a", None, {"VCPU": Inventory(10)}, frozenset(), frozenset()))
    committer.run(replace(claim("x", {"a": {"VCPU": 2}})))
    committer.stop()
    tokens.revoke(blank_store, ROOT, made.id)
    rows = stored(blank_store)
    assert sorted(heads(told(caplog))) == heads(rows)
    assert len(rows) == 2 + 2 + 2 + 3 + 2
    with blank_store.reading() as connection:
        assert faults(connection, heads(told(caplog))) == []


def test_what_was_done_to_tokens_is_told_without_values_or_secrets(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ullage.audit")
    made, text = tokens.create(store, ROOT, "alice", "blue", ROLES, 17)
    tokens.revoke(store, ROOT, made.id)
    entries = [each for line in told(caplog) for each in line.get("entries", ())]
    told_of = {"changes": [{"kind": "token", "name": str(made.id)}], "user": "root", "remote": ROOT.remote}
    assert entries == [{"command": each, **told_of} for each in ("CreateToken", "RevokeToken")]
    assert text not in caplog.text
    assert digest(text) not in caplog.text


def test_values_of_tokens_are_told_where_they_are_asked_for(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ullage.audit")
    tokens.create_first(store, ROOT, "admin", ROLES, 17, Detail.VALUES)
    made, text = tokens.create(store, ROOT, "alice", "blue", ROLES, 17, Detail.VALUES)
    tokens.revoke(store, ROOT, made.id, Detail.VALUES)
    lines = [line for line in told(caplog) if "entries" in line]
    rows = [row for row in stored(store) if "Token" in row["entries"]]
    assert [line["entries"] for line in lines] == [decoded(row["entries"]) for row in rows]
    assert len(lines) == 3
    assert text not in caplog.text
    assert digest(text) not in caplog.text


def test_a_token_that_was_not_made_or_is_not_there_is_not_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    tokens.create_first(store, ROOT, "admin", ROLES, 17)
    caplog.set_level("INFO", "ullage.audit")
    caplog.clear()
    assert tokens.create_first(store, ROOT, "admin", ROLES, 17) is None
    assert tokens.revoke(store, ROOT, 999) is None
    assert told(caplog) == []
