"""SELECTs that MariaDB answers with one JSON text: the rows are those of the plain SELECT."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_rows import STAMP, Rows
from sqlalchemy import Double, Select, String, bindparam, insert, literal, select
from statements import recorded

from ullage.model.names import NAME_LENGTH_MAX
from ullage.storage.book import _inventory_rows
from ullage.storage.mariadb_packed import ROW_CHARACTERS_MAX, PackedStatement
from ullage.storage.statements import Statement
from ullage.storage.tables import inventories, providers, resource_classes
from ullage.storage.unit import Store

pytestmark = pytest.mark.databases("mariadb")

KEY_DIGITS_MAX = 19


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


def test_no_row_of_an_inventory_is_too_long(store: Store) -> None:
    """What is cut is asked for again each time, so nothing that a client may send is."""
    most, name = 2**31 - 1, "CUSTOM_".ljust(NAME_LENGTH_MAX, "X")
    amounts = {"reserved": most, "min_unit": most, "step_size": most, "allocation_ratio": 1.2345678901234567e-300}
    with store.writing() as connection:
        values = {"name": name, "standard": False, "created_us": 1, "updated_us": 1, **STAMP}
        connection.execute(insert(resource_classes).values(values))
        written = Rows(connection)
        written.inventory(written.provider(), name, most, 2**63 - 1, **amounts)
    with recorded(store) as statements:
        (row,) = rows(store, _inventory_rows(), packed=True)
    assert len([each for each in statements if "inventories" in each]) == 1
    keys = row[:3]
    longer_keys = sum(KEY_DIGITS_MAX - len(str(key)) for key in keys)
    assert len(json.dumps(row)) + longer_keys <= ROW_CHARACTERS_MAX


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.floats(min_value=1e-300, max_value=1e300), name=st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_number_and_any_text_come_as_they_are(store: Store, number: float, name: str) -> None:
    clause = select(bindparam("number", type_=Double).label("a"), bindparam("name", type_=String).label("b"))
    found = rows(store, clause, packed=True, number=number, name=name)
    assert found == rows(store, clause, packed=False, number=number, name=name) == [(number, name)]
