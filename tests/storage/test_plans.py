"""Plans of PostgreSQL: what writes goes by an index, even if planned on empty tables; what reads compares no lists."""

from __future__ import annotations

import re
from typing import Any

import pytest
from feed_reader import FeedReader
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import text

from ullage.model.commands import Command, CreateProvider, DeleteProvider, ReleaseConsumer, SetInventories
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage import statements
from ullage.storage.committer import Committer
from ullage.storage.unit import Store

A, B = uuid_of("a"), uuid_of("b")
OFFERED = {"VCPU": Inventory(10), "DISK_GB": Inventory(10)}
TRAITS, AGGREGATES = frozenset({"HW_CPU_X86_AVX2"}), frozenset({uuid_of("agg")})

EVERYTHING: list[Command] = [
    CreateProvider(A, "a", None, OFFERED, TRAITS, AGGREGATES),
    CreateProvider(B, "b", A),
    replace(claim("x", {"a": {"VCPU": 1}}, generation=None)),
    replace(claim("x", {"a": {"VCPU": 2}}, generation=1)),
    ReleaseConsumer(uuid_of("x")),
    SetInventories(A, 2, {"VCPU": Inventory(7)}),
    DeleteProvider(B),
]


def plans(store: Store) -> dict[str, str]:
    """The plan that each statement keeps which the committer's connection has prepared, for any parameters."""
    found = {}
    with store.writing() as connection:
        prepared = connection.execute(
            text("SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements")
        ).all()
        for name, statement, count in prepared:
            if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")) and "pg_prepared" not in statement:
                arguments = f"({', '.join(['NULL'] * count)})" if count else ""
                explained = connection.exec_driver_sql(f"EXPLAIN EXECUTE {name}{arguments}")
                found[statement] = "\n".join(explained.scalars())
    return found


@pytest.mark.databases("postgresql")
def test_no_statement_that_writes_scans_a_table(store: Store, committer: Committer) -> None:
    for command in EVERYTHING:
        assert not isinstance(committer.run_all([command])[0], Refusal)
    found = plans(store)
    assert len(found) > 15
    for statement, plan in found.items():
        assert not re.search(r"Seq Scan|Hash|Merge", plan), f"{statement}\n{plan}"


@pytest.mark.databases("postgresql")
def test_a_refresh_goes_to_the_changed_providers_by_an_index(
    store: Store, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left free, it scanned 30,000 inventories for 16 keys, or compared each of them with up to 10,000 keys."""
    reader = FeedReader(store)
    reader.catch_up()
    committer.run_all(
        [CreateProvider(uuid_of(f"p{number}"), f"p{number}", None, OFFERED, TRAITS) for number in range(300)]
    )
    sent: list[tuple[str, Any]] = []
    execute = statements.execute

    def noting(connection: Any, cursor: Any, statement: str, parameters: Any, *, many: bool) -> None:
        sent.append((statement, parameters))
        execute(connection, cursor, statement, parameters, many=many)

    monkeypatch.setattr(statements, "execute", noting)
    reader.catch_up()
    assert len(reader.providers) == 300
    asked = [(statement, parameters) for statement, parameters in sent if "inventories" in statement]
    assert len(asked) == 1
    with store.reading() as connection:
        for statement, parameters in asked:
            cursor = store.dialect.cursor(connection)
            cursor.execute(f"EXPLAIN {statement}", parameters)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert not re.search(r"Filter:.*ANY|Seq Scan on (inventories|provider_)", plan), plan
