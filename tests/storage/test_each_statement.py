"""Law 3 at every statement of every kind of write: whatever breaks off there, nothing of the write is left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from typing import get_args

import pytest
from feed_reader import FeedReader
from ledger.scenes import claim, replace, uuid_of
from statements import before_each
from stored import row_counts, stored_state

from ullage.model.allocation import NOT_SAID
from ullage.model.commands import (
    AddInventory,
    ClearInventories,
    ClearProviderTraits,
    Command,
    CreateProvider,
    CreateResourceClass,
    DeleteInventory,
    DeleteProvider,
    DeleteResourceClass,
    DeleteTrait,
    EnsureResourceClass,
    EnsureTrait,
    NewInventories,
    ReleaseConsumer,
    RenameResourceClass,
    Reshape,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    UpdateInventory,
    UpdateProvider,
)
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage.committer import Committer
from ullage.storage.unit import Store

A, B, C, D = (uuid_of(name) for name in "abcd")
TEN = {"VCPU": Inventory(10)}


class Crash(BaseException):
    """Not an error that anybody handles: the process is as good as gone."""


def crash(store: Store) -> BaseException:
    return Crash()


def error_of_the_driver(store: Store) -> BaseException:
    return store.dialect.driver_error("the disk is on fire")


WRITES: dict[str, Command] = {
    "first claim": replace(claim("new", {"a": {"VCPU": 1}, "c": {"VCPU": 1}}, project="new", consumer_type="NEW")),
    "claim again": replace(claim("x", {"a": {"VCPU": 1}, "c": {"VCPU": 3}})),
    "release": ReleaseConsumer(uuid_of("x")),
    "reshape": Reshape(
        {A: NewInventories(3, {"DISK_GB": Inventory(9)}), B: NewInventories(0, TEN)},
        (claim("x", {"b": {"VCPU": 2}, "a": {"DISK_GB": 1}}), claim("y", {})),
    ),
    "create a child": CreateProvider(D, "d", B),
    "move a subtree": UpdateProvider(A, "a", C),
    "delete": DeleteProvider(B),
    "aggregates": SetProviderAggregates(A, 3, frozenset({uuid_of("agg2")})),
    "traits": SetProviderTraits(A, 3, frozenset({"HW_CPU_X86_AVX"})),
    "rename a class": RenameResourceClass("CUSTOM_GOLD", "CUSTOM_SILVER"),
    "delete a trait": DeleteTrait("CUSTOM_IDLE"),
    "create a whole provider": CreateProvider(
        D, "d", None, TEN, frozenset({"CUSTOM_FAST"}), frozenset({uuid_of("new")})
    ),
    "inventories": SetInventories(A, 3, TEN | {"DISK_GB": Inventory(7)}),
    "add an inventory": AddInventory(B, "VCPU", Inventory(3)),
    "update an inventory": UpdateInventory(A, "VCPU", 3, Inventory(20)),
    "delete an inventory": DeleteInventory(C, "VCPU"),
    "clear inventories": ClearInventories(C),
    "clear traits": ClearProviderTraits(A),
    "create a class": CreateResourceClass("CUSTOM_IRON"),
    "ensure a class": EnsureResourceClass("CUSTOM_IRON"),
    "delete a class": DeleteResourceClass("CUSTOM_GOLD"),
    "ensure a trait": EnsureTrait("CUSTOM_NEW"),
}


def do(committer: Committer, *commands: Command) -> None:
    for outcome in committer.run_all(commands):
        if isinstance(outcome, Refusal):
            raise outcome


@pytest.fixture
def world(committer: Committer) -> None:
    do(
        committer,
        CreateResourceClass("CUSTOM_GOLD"),
        EnsureTrait("CUSTOM_FAST"),
        EnsureTrait("CUSTOM_IDLE"),
        *(CreateProvider(uuid, name, parent) for uuid, name, parent in ((A, "a", None), (B, "b", A), (C, "c", None))),
        SetInventories(A, 0, TEN),
        SetInventories(C, 0, TEN),
        SetProviderTraits(A, 1, frozenset({"CUSTOM_FAST"})),
        SetProviderAggregates(A, NOT_SAID, frozenset({uuid_of("agg")})),
        replace(claim("x", {"a": {"VCPU": 2}}), claim("y", {"a": {"VCPU": 1}})),
    )


def test_no_kind_of_write_is_left_out() -> None:
    assert {type(command) for command in WRITES.values()} == set(get_args(Command))


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("trouble", [crash, error_of_the_driver])
@pytest.mark.parametrize("case", WRITES)
def test_a_write_that_breaks_off_at_any_statement_leaves_nothing(
    store: Store, committer: Committer, case: str, trouble: Callable[[Store], BaseException]
) -> None:
    reader = FeedReader(store)
    reader.catch_up()
    before = stored_state(store), row_counts(store)
    for place in count():
        if _runs_through(store, committer, WRITES[case], place, trouble(store)):
            break
        assert (stored_state(store), row_counts(store)) == before
        assert reader.catch_up() is None
    assert place > 3
    assert stored_state(store) != before[0]
    reader.catch_up()
    assert reader.differences() == []


def _runs_through(store: Store, committer: Committer, command: Command, place: int, trouble: BaseException) -> bool:
    """Run a command that breaks off before the statement at this place; False if it did."""
    places = count()
    broken = []

    def step(_: str) -> None:
        if threading.current_thread().name == "committer" and next(places) == place:
            broken.append(place)
            raise trouble

    with before_each(store, step):
        try:
            committer.run(command)
        except Exception:
            if not broken:
                raise
            return False
    return True
