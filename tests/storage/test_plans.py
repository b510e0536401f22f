"""PostgreSQL keeps one plan for each statement that writes: it goes by an index, even if made on empty tables."""

from __future__ import annotations

import re

import pytest
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import text

from ullage.model.commands import Command, CreateProvider, DeleteProvider, ReleaseConsumer, SetInventories
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
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
                explained = connection.exec_driver_sql(f"EXPLAIN EXECUTE {name}{arguments}".replace("%", "%%"))
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
