"""SELECTs that MariaDB answers with one JSON text: the rows are those of the plain SELECT."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_rows import Rows
from sqlalchemy import Double, Select, String, bindparam, literal, select
from statements import recorded

from ullage.storage.mariadb_packed import ROW_CHARACTERS_MAX, PackedStatement
from ullage.storage.statements import Statement
from ullage.storage.tables import inventories, providers, resource_classes
from ullage.storage.unit import Store

pytestmark = pytest.mark.databases("mariadb")


def rows(store: Store, clause: Select[Any], *, packed: bool, before: str = "", **parameters: Any) -> list[Any]:
    statement = (PackedStatement if packed else Statement)(clause, store.dialect)
    with store.writing() as connection:
        if before:
            connection.exec_driver_sql(before)
        found = statement.send(connection, parameters).rows()
        if before:
            connection.detach()  # the setting ends with it
        return sorted(map(tuple, found))


OFFERED = select(inventories, resource_classes.c.name, resource_classes.c.standard).outerjoin(resource_classes)


def fill(store: Store, count: int = 3) -> None:
    with store.writing() as connection:
        written = Rows(connection)
        for number in range(count):
            provider = written.provider(name=f'ünï " \\ \n {number}')
            written.inventory(provider, "VCPU", allocation_ratio=16.0)
            written.inventory(provider, "DISK_GB", total=2**31 - 1, allocation_ratio=0.1 + number)


@pytest.mark.parametrize("clause", [OFFERED, OFFERED.where(inventories.c.total == 7), select(providers)])
def test_rows_and_types_are_those_of_the_plain_select(store: Store, clause: Select[Any]) -> None:
    fill(store)
    plain = rows(store, clause, packed=False)
    assert rows(store, clause, packed=True) == plain
    assert [list(map(type, row)) for row in rows(store, clause, packed=True)] == [list(map(type, row)) for row in plain]


def test_a_text_that_the_server_cut_is_asked_for_plainly(store: Store) -> None:
    fill(store)
    cut = "SET SESSION group_concat_max_len = 100"
    assert rows(store, OFFERED, packed=True, before=cut) == rows(store, OFFERED, packed=False)


@pytest.mark.parametrize("length", [480, 600])
def test_a_row_that_the_server_cut_is_asked_for_plainly(store: Store, length: int) -> None:
    clause = select(literal("x" * length), literal(1.5)).union_all(select(literal("short"), literal(2.5))).subquery()
    with recorded(store) as statements:
        found = rows(store, select(clause), packed=True)
    assert found == [("short", 2.5), ("x" * length, 1.5)]
    assert len([each for each in statements if "UNION" in each]) == (1 if length < ROW_CHARACTERS_MAX else 2)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.floats(min_value=1e-300, max_value=1e300), name=st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_number_and_any_text_come_as_they_are(store: Store, number: float, name: str) -> None:
    clause = select(bindparam("number", type_=Double).label("a"), bindparam("name", type_=String).label("b"))
    found = rows(store, clause, packed=True, number=number, name=name)
    assert found == rows(store, clause, packed=False, number=number, name=name) == [(number, name)]
