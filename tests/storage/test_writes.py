"""What is written of a Book: rows, stamps, tombstones and times; and that nothing is written over what others wrote."""

from __future__ import annotations

from typing import Any

import pytest
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import Table, delete, select, update
from sqlalchemy.exc import DBAPIError
from stored import row_counts, stored_state

from ullage.ledger.decide import decide, needs
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
    EnsureTrait,
    NewInventories,
    ReleaseConsumer,
    RenameResourceClass,
    Reshape,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    UpdateProvider,
)
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage import tables
from ullage.storage.batch import Batch
from ullage.storage.book import read_book
from ullage.storage.committer import Committer
from ullage.storage.trouble import Outdated
from ullage.storage.unit import Store
from ullage.storage.waiting import Waiter
from ullage.storage.writers import Writer
from ullage.storage.writes import apply
from ullage.storage.writes.transaction import Transaction

A, B, C, D = (uuid_of(name) for name in "abcd")
TEN = {"VCPU": Inventory(10)}
AGGREGATE = uuid_of("agg")
FAST = "CUSTOM_FAST"


def do(committer: Committer, *commands: Command) -> None:
    for outcome in committer.run_all(commands):
        if isinstance(outcome, Refusal):
            raise outcome


def rows(store: Store, table: Table) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(select(table)).all())


def row(store: Store, table: Table, **key: object) -> Any:
    [found] = [each for each in rows(store, table) if all(getattr(each, name) == value for name, value in key.items())]
    return found


def execute_together(store: Store, *commands: Command) -> list[object]:
    """Decide and write commands in one transaction, whatever a committer would make of them."""
    with store.writing() as connection:
        writer = Writer.register(connection, 1)
    with store.writing() as connection:
        return list(Batch(store.dialect, [Waiter(each, 9) for each in commands]).execute(connection, writer, 7))


# Stamps


STAMPING: dict[str, tuple[Command, set[str]]] = {
    "rename": (UpdateProvider(C, "renamed"), {C}),
    "set inventories": (SetInventories(A, 3, TEN), {A}),
    "add inventory": (AddInventory(A, "DISK_GB", Inventory(5)), {A}),
    "delete inventory": (DeleteInventory(C, "VCPU"), {C}),
    "clear inventories": (ClearInventories(C), {C}),
    "claim": (replace(claim("y", {"a": {"VCPU": 1}})), {A}),
    "move a claim away": (replace(claim("x", {"c": {"VCPU": 1}})), {A, C}),
    "release": (ReleaseConsumer(uuid_of("x")), {A}),
    "set traits": (SetProviderTraits(A, 3, frozenset()), {A}),
    "clear traits": (ClearProviderTraits(A), {A}),
    "set aggregates, old way": (SetProviderAggregates(A, NOT_SAID, frozenset()), {A}),
    "set aggregates": (SetProviderAggregates(A, 3, frozenset({AGGREGATE})), {A}),
    "move a subtree": (UpdateProvider(A, "a", C), {A, B, C}),
    "make a root": (UpdateProvider(B, "b", None), {A, B}),
    "create a child": (CreateProvider(D, "d", B), {A, D}),
    "create a root": (CreateProvider(D, "d"), {D}),
    "delete a child": (DeleteProvider(B), {A}),
    "reshape": (Reshape({C: NewInventories(1, {"DISK_GB": Inventory(4)})}, ()), {C}),
}


@pytest.fixture
def world(committer: Committer) -> None:
    """a > b with a claim, a trait and an aggregate on a; and c by itself."""
    do(
        committer,
        EnsureTrait(FAST),
        CreateProvider(A, "a"),
        CreateProvider(B, "b", A),
        CreateProvider(C, "c"),
        SetInventories(A, 0, TEN),
        SetInventories(C, 0, TEN),
        SetProviderTraits(A, 1, frozenset({FAST})),
        SetProviderAggregates(A, NOT_SAID, frozenset({AGGREGATE})),
        replace(claim("x", {"a": {"VCPU": 2}})),
    )


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("case", STAMPING)
def test_whatever_changes_of_a_provider_stamps_it(store: Store, committer: Committer, case: str) -> None:
    command, expected = STAMPING[case]
    before = {each.uuid: (each.stamp_writer, each.stamp_sequence) for each in rows(store, tables.providers)}
    do(committer, command)
    now = rows(store, tables.providers)
    stamped = {each.uuid for each in now if (each.stamp_writer, each.stamp_sequence) != before.get(each.uuid)}
    assert stamped == expected
    latest = max((each.seen_us, each.id, each.sequence) for each in rows(store, tables.writers))
    assert {(each.stamp_writer, each.stamp_sequence) for each in now if each.uuid in stamped} == {latest[1:]}


@pytest.mark.usefixtures("world")
def test_a_move_within_a_tree_stamps_those_whose_depth_alone_changes(store: Store, committer: Committer) -> None:
    do(committer, CreateProvider(D, "d", B), CreateProvider(uuid_of("e"), "e", D))
    do(committer, UpdateProvider(D, "d", A))
    sequence = max(each.stamp_sequence for each in rows(store, tables.providers))
    stamped = {each.uuid for each in rows(store, tables.providers) if each.stamp_sequence == sequence}
    assert stamped == {A, D, uuid_of("e")}


def test_custom_names_are_stamped_when_made_or_renamed_and_buried_when_deleted(
    store: Store, committer: Committer
) -> None:
    do(committer, CreateResourceClass("CUSTOM_GOLD"), EnsureTrait(FAST))
    made = row(store, tables.resource_classes, name="CUSTOM_GOLD")
    trait = row(store, tables.traits, name=FAST)
    assert made.stamp_sequence == trait.stamp_sequence > 0
    do(committer, RenameResourceClass("CUSTOM_GOLD", "CUSTOM_SILVER"))
    renamed = row(store, tables.resource_classes, name="CUSTOM_SILVER")
    assert renamed.id == made.id
    assert renamed.stamp_sequence == made.stamp_sequence + 1
    do(committer, DeleteResourceClass("CUSTOM_SILVER"), DeleteTrait(FAST))
    buried = {(each.kind, each.key): each.stamp_sequence for each in rows(store, tables.tombstones)}
    assert buried == {
        ("resource_class", made.id): renamed.stamp_sequence + 1,
        ("trait", trait.id): renamed.stamp_sequence + 2,
    }


def test_a_renamed_class_keeps_its_inventories_and_what_is_held_of_them(store: Store, committer: Committer) -> None:
    do(
        committer,
        CreateResourceClass("CUSTOM_GOLD"),
        CreateProvider(A, "a"),
        SetInventories(A, 0, {"CUSTOM_GOLD": Inventory(5)}),
        replace(claim("x", {"a": {"CUSTOM_GOLD": 2}})),
        RenameResourceClass("CUSTOM_GOLD", "CUSTOM_SILVER"),
    )
    state = stored_state(store)
    assert state.used == {(A, "CUSTOM_SILVER"): 2}
    assert state.held == {uuid_of("x"): {(A, "CUSTOM_SILVER"): 2}}
    do(committer, CreateResourceClass("CUSTOM_GOLD"), ReleaseConsumer(uuid_of("x")))
    assert stored_state(store).used == {(A, "CUSTOM_SILVER"): 0}


# Trees and keys


def test_a_whole_tree_can_be_made_and_taken_down_by_one_transaction(store: Store) -> None:
    made = execute_together(
        store, CreateProvider(B, "b"), CreateProvider(A, "a", B), CreateProvider(D, "d", A), CreateProvider(C, "c", D)
    )
    assert not any(isinstance(each, Refusal) for each in made)
    keys = {each.uuid: each.id for each in rows(store, tables.providers)}
    assert {each.uuid: each.root_id for each in rows(store, tables.providers)} == dict.fromkeys(keys, keys[B])
    assert keys[B] < keys[A] < keys[D] < keys[C]
    gone = execute_together(store, *(DeleteProvider(each) for each in (C, D, A, B)))
    assert not any(gone)
    assert rows(store, tables.providers) == []
    assert {(each.kind, each.key) for each in rows(store, tables.tombstones)} == {
        ("provider", key) for key in keys.values()
    }


def test_a_provider_that_is_made_again_is_a_new_one(store: Store, committer: Committer) -> None:
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    before = row(store, tables.providers, uuid=A)
    do(committer, DeleteProvider(A), CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    after = row(store, tables.providers, uuid=A)
    assert after.id > before.id
    assert after.generation == 1
    assert [each.key for each in rows(store, tables.tombstones)] == [before.id]


def test_a_consumer_that_comes_back_starts_again(store: Store, committer: Committer) -> None:
    take = claim("x", {"a": {"VCPU": 1}}, generation=None)
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN), replace(take))
    before = row(store, tables.consumers, uuid=uuid_of("x"))
    release = claim("x", {}, generation=1)
    do(committer, replace(release), replace(take), ReleaseConsumer(uuid_of("x")), replace(take))
    after = row(store, tables.consumers, uuid=uuid_of("x"))
    assert after.id > before.id
    assert after.generation == 1


def test_names_may_change_hands_among_waiting_commands(store: Store, committer: Committer) -> None:
    do(committer, CreateProvider(A, "a"), CreateProvider(B, "b"))
    do(
        committer,
        UpdateProvider(A, "meanwhile"),
        UpdateProvider(B, "a"),
        UpdateProvider(A, "b"),
        CreateProvider(C, "meanwhile"),
        DeleteProvider(C),
        CreateProvider(D, "meanwhile"),
    )
    assert {uuid: each[0] for uuid, each in stored_state(store).providers.items()} == {A: "b", B: "a", D: "meanwhile"}


# Owners and times


def test_owners_and_aggregates_are_made_when_first_named_and_then_found(store: Store, committer: Committer) -> None:
    do(
        committer,
        CreateProvider(A, "a"),
        SetInventories(A, 0, TEN),
        SetProviderAggregates(A, 1, frozenset({AGGREGATE})),
        replace(claim("x", {"a": {"VCPU": 1}}, project="p", user="u", consumer_type="VM")),
    )
    before = row_counts(store)
    do(
        committer,
        CreateProvider(B, "b"),
        SetProviderAggregates(B, 0, frozenset({AGGREGATE})),
        replace(claim("y", {"a": {"VCPU": 1}}, project="p", user="u", consumer_type="VM")),
        replace(claim("z", {"a": {"VCPU": 1}}, project="u", user="p")),
    )
    after = row_counts(store)
    assert {name: after[name] - before[name] for name in ("aggregates", "projects", "users", "consumer_types")} == {
        "aggregates": 0,
        "projects": 1,
        "users": 1,
        "consumer_types": 0,
    }
    assert stored_state(store).consumers == {
        uuid_of("x"): (1, "p", "u", "VM"),
        uuid_of("y"): (1, "p", "u", "VM"),
        uuid_of("z"): (1, "u", "p", None),
    }


def test_a_refused_command_leaves_no_row_behind(store: Store, committer: Committer) -> None:
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    before = row_counts(store)
    refused = committer.run_all(
        [
            replace(claim("x", {"a": {"VCPU": 11}}, project="new", user="new", consumer_type="NEW")),
            replace(claim("x", {"b": {"VCPU": 1}}, project="new", user="new", consumer_type="NEW")),
            SetProviderAggregates(A, 9, frozenset({AGGREGATE})),
            CreateProvider(B, "a"),
        ]
    )
    assert all(isinstance(each, Refusal) for each in refused)
    assert row_counts(store) == before


def test_rows_carry_when_they_were_made_and_last_changed(store: Store) -> None:
    clock = iter(range(1_000, 10_000))
    committer = Committer(store, clock=lambda: next(clock))
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN), replace(claim("x", {"a": {"VCPU": 1}})))
    made = {table: row(store, table) for table in (tables.providers, tables.consumers, tables.allocations)}
    assert all(each.created_us == each.updated_us >= 1_000 for each in made.values())
    do(committer, replace(claim("x", {"a": {"VCPU": 2}})))
    for table, before in made.items():
        after = row(store, table)
        assert after.id == before.id
        assert after.created_us == before.created_us
        assert after.updated_us > before.updated_us
    committer.stop()


def test_an_inventory_was_not_changed_by_what_is_taken_of_it(store: Store) -> None:
    clock = iter(range(1_000, 10_000))
    committer = Committer(store, clock=lambda: next(clock))
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    made = row(store, tables.inventories)
    do(committer, replace(claim("x", {"a": {"VCPU": 1}})))
    taken = row(store, tables.inventories)
    do(committer, SetInventories(A, 2, {"VCPU": Inventory(11)}))
    changed = row(store, tables.inventories)
    committer.stop()
    assert taken.used == 1
    assert made.updated_us == taken.updated_us < changed.updated_us


# Nothing is written over what others wrote


OVERTAKEN: dict[str, tuple[Command, Any]] = {
    "used": (replace(claim("y", {"a": {"VCPU": 1}})), update(tables.inventories).values(used=3)),
    "used, when the inventory changes too": (
        SetInventories(A, 3, {"VCPU": Inventory(20)}),
        update(tables.inventories).values(used=3),
    ),
    "used, when the inventory goes": (DeleteInventory(C, "VCPU"), update(tables.inventories).values(used=3)),
    "provider generation": (SetInventories(A, 3, TEN), update(tables.providers).values(generation=7)),
    "provider generation, when it moves": (UpdateProvider(A, "a", C), update(tables.providers).values(generation=7)),
    "consumer generation": (
        replace(claim("x", {"a": {"VCPU": 1}})),
        update(tables.consumers).values(generation=7),
    ),
    "amount held": (replace(claim("x", {"a": {"VCPU": 1}})), update(tables.allocations).values(used=5)),
    "amount held, when it goes": (ReleaseConsumer(uuid_of("x")), delete(tables.allocations)),
    "provider": (
        SetProviderAggregates(B, NOT_SAID, frozenset({AGGREGATE})),
        delete(tables.providers).where(tables.providers.c.uuid == B),
    ),
    "class name": (
        RenameResourceClass("CUSTOM_GOLD", "CUSTOM_SILVER"),
        update(tables.resource_classes).where(tables.resource_classes.c.name == "CUSTOM_GOLD").values(name="CUSTOM_X"),
    ),
    "trait": (DeleteTrait("CUSTOM_LOUD"), delete(tables.traits).where(tables.traits.c.name == "CUSTOM_LOUD")),
}


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("case", OVERTAKEN)
def test_a_row_that_is_not_as_it_was_read_is_not_written_over(store: Store, committer: Committer, case: str) -> None:
    """As if a database had let somebody else in: the locks keep all others out."""
    do(committer, CreateResourceClass("CUSTOM_GOLD"), EnsureTrait("CUSTOM_LOUD"))
    command, overtaking = OVERTAKEN[case]
    with store.writing() as connection:
        book, keys = read_book(connection, store.dialect, needs(command))
        assert not isinstance(decide(book, command), Refusal)
        connection.execute(overtaking)
        with pytest.raises((Outdated, DBAPIError)) as caught:
            confirm(apply(connection, store.dialect, book, keys, 1, 1, 1))
    assert isinstance(caught.value, Outdated) or store.dialect.is_constraint_violation(caught.value)


def confirm(written: Transaction | None) -> None:
    assert written is not None
    written.confirm()
