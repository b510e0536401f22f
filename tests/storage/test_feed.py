"""The feed: what a reader lacks, told completely, whatever the order of commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from feed_reader import Everything, FeedReader
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import delete, update
from statements import once_before, recorded, rows_counted

from ullage.model.allocation import NOT_SAID
from ullage.model.commands import (
    Command,
    CreateProvider,
    CreateResourceClass,
    DeleteProvider,
    DeleteResourceClass,
    DeleteTrait,
    EnsureTrait,
    ReleaseConsumer,
    RenameResourceClass,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    UpdateProvider,
)
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage import feed, tables
from ullage.storage.batch import Batch
from ullage.storage.committer import Committer
from ullage.storage.feed import HorizonMissing, Marks, changes_since
from ullage.storage.unit import Store
from ullage.storage.waiting import Waiter
from ullage.storage.writers import Writer, retire

A, B, C = (uuid_of(name) for name in "abc")
TEN = {"VCPU": Inventory(10)}
AGGREGATE = uuid_of("agg")
NewCommitter = Callable[..., Committer]
LATER_US = 10**18
TOLD = "WITH changed"
"""How the statement begins that tells what changed."""


def do(committer: Committer, *commands: Command) -> None:
    for outcome in committer.run_all(commands):
        if isinstance(outcome, Refusal):
            raise outcome


def uuids(reader: FeedReader) -> set[str]:
    return {row[1] for row in reader.providers.values()}


@pytest.fixture(params=[False, True], ids=["in-a-transaction", "at-once"])
def reader(store: Store, request: pytest.FixtureRequest) -> FeedReader:
    """A reader that knows the empty database."""
    reader = FeedReader(store, at_once=request.param)
    reader.catch_up()
    return reader


# What a delta holds


def test_a_reader_that_knows_nothing_is_told_everything(store: Store, committer: Committer) -> None:
    do(committer, CreateProvider(A, "a"), CreateProvider(B, "b", A), SetInventories(B, 0, TEN))
    do(committer, SetProviderAggregates(B, NOT_SAID, frozenset({AGGREGATE})), EnsureTrait("CUSTOM_FAST"))
    do(committer, SetProviderTraits(B, 1, frozenset({"CUSTOM_FAST"})), replace(claim("x", {"b": {"VCPU": 3}})))
    delta = FeedReader(store).catch_up()
    assert delta is not None
    assert delta.complete
    (root, *_), (child, *_) = sorted(delta.providers)
    assert [tuple(row)[:6] for row in delta.providers] == [
        (root, A, "a", 0, None, root),
        (child, B, "b", 3, root, root),
    ]
    [inventory] = delta.inventories
    assert inventory[0] == child
    assert delta.class_names[inventory[1]] == "VCPU"
    assert tuple(inventory)[2:] == (10, 0, 1, 2**31 - 1, 1, 1.0, 3)
    assert [(provider, delta.trait_names[trait]) for provider, trait in delta.traits] == [(child, "CUSTOM_FAST")]
    assert [(provider, delta.aggregate_uuids[key]) for provider, key in delta.aggregates] == [(child, AGGREGATE)]


def test_a_reader_that_lacks_nothing_is_told_so_by_one_tiny_query(
    store: Store, committer: Committer, reader: FeedReader
) -> None:
    committer.run(CreateProvider(A, "a"))
    reader.catch_up()
    with recorded(store) as statements:
        assert reader.catch_up() is None
    assert len([statement for statement in statements if "SELECT" in statement]) == 1


def test_a_reader_is_told_of_changed_providers_alone_but_of_all_that_they_have(
    committer: Committer, new_committer: NewCommitter, reader: FeedReader
) -> None:
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    do(committer, SetProviderTraits(A, 1, frozenset({"HW_CPU_X86_AVX"})))
    for generation in range(3):
        do(committer, SetProviderAggregates(A, 2 + generation, frozenset({AGGREGATE})))
    other = new_committer()
    do(other, CreateProvider(B, "b"), SetInventories(B, 0, TEN))
    do(other, CreateProvider(C, "c"))
    reader.catch_up()
    for provider, used, trait_count in (("b", 3, 0), ("a", 4, 1)):
        do(other, replace(claim(f"x{provider}", {provider: {"VCPU": used}})))
        delta = reader.catch_up()
        assert delta is not None
        assert not delta.complete
        assert [row[1] for row in delta.providers] == [uuid_of(provider)]
        assert [row[8] for row in delta.inventories] == [used]
        assert len(delta.traits) == trait_count
        assert not delta.class_names
        assert not delta.trait_names
        assert reader.differences() == []


def test_what_a_refresh_reads_after_a_claim_does_not_grow_with_the_fleet(
    store: Store, committer: Committer, reader: FeedReader
) -> None:
    traits, aggregates = frozenset({"HW_CPU_X86_AVX", "STORAGE_DISK_SSD"}), frozenset({AGGREGATE, uuid_of("other")})
    committer.run(CreateProvider(A, "a"))
    reader.catch_up()  # it knows the committer now
    read = []
    for number, fleet in enumerate((range(10), range(10, 1_000))):
        names = [f"h{each}" for each in fleet]
        do(committer, *(CreateProvider(uuid_of(name), name, None, TEN, traits, aggregates) for name in names))
        reader.catch_up()
        do(committer, replace(claim(f"x{number}", {names[0]: {"VCPU": 1}})))
        with recorded(store) as statements, rows_counted() as rows:
            delta = reader.catch_up()
        assert len([each for each in statements if "SELECT" in each]) == len(rows) == (1 if reader.at_once else 2)
        assert delta is not None
        read.append([len(each) for each in (delta.providers, delta.inventories, delta.traits, delta.aggregates)])
    assert read == [[1, 1, 2, 2]] * 2


def test_a_whole_is_read_in_portions(store: Store, committer: Committer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PORTION", 3)
    do(committer, *(CreateProvider(uuid_of(f"h{each}"), f"h{each}", None, TEN) for each in range(10)))
    with store.reading() as connection:
        everything, _ = changes_since(connection, store.dialect, None, Everything)
    assert isinstance(everything, Everything)
    assert everything.portion_max == 3
    assert [row[2] for row in everything.rows["providers"]] == [f"h{each}" for each in range(10)]
    assert len(everything.rows["inventories"]) == 10


CHANGES: dict[str, Command] = {
    "rename": UpdateProvider(A, "renamed"),
    "move": UpdateProvider(A, "a", C),
    "delete": DeleteProvider(C),
    "claim": replace(claim("y", {"b": {"VCPU": 3}})),
    "release": ReleaseConsumer(uuid_of("x")),
    "inventories": SetInventories(A, 3, {"DISK_GB": Inventory(7)}),
    "no inventories": SetInventories(C, 0, {}),
    "no traits": SetProviderTraits(A, 3, frozenset()),
    "no aggregates": SetProviderAggregates(A, NOT_SAID, frozenset()),
    "new class": CreateResourceClass("CUSTOM_NEW"),
    "renamed class": RenameResourceClass("CUSTOM_GOLD", "CUSTOM_SILVER"),
    "deleted class": DeleteResourceClass("CUSTOM_GOLD"),
    "new trait": EnsureTrait("CUSTOM_NEW"),
    "deleted trait": DeleteTrait("CUSTOM_IDLE"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_every_kind_of_change_is_told(committer: Committer, reader: FeedReader, case: str) -> None:
    do(
        committer,
        CreateResourceClass("CUSTOM_GOLD"),
        EnsureTrait("CUSTOM_IDLE"),
        CreateProvider(A, "a"),
        CreateProvider(B, "b", A),
        CreateProvider(C, "c"),
        SetInventories(A, 0, TEN),
        SetInventories(B, 0, TEN),
        SetProviderTraits(A, 1, frozenset({"HW_CPU_X86_AVX"})),
        SetProviderAggregates(A, NOT_SAID, frozenset({AGGREGATE})),
        replace(claim("x", {"b": {"VCPU": 3}})),
        replace(claim("z", {"a": {"VCPU": 1}})),
    )
    if case == "inventories":
        do(committer, ReleaseConsumer(uuid_of("z")))
    reader.catch_up()
    before = [dict(picture) for picture in reader.pictures()]
    do(committer, CHANGES[case])
    delta = reader.catch_up()
    assert delta is not None
    assert not delta.complete
    assert reader.differences() == []
    assert reader.pictures() != before


def test_what_came_and_went_between_two_looks_is_harmless(committer: Committer, reader: FeedReader) -> None:
    do(committer, CreateProvider(A, "a"), CreateResourceClass("CUSTOM_GOLD"))
    do(committer, DeleteProvider(A), DeleteResourceClass("CUSTOM_GOLD"))
    reader.catch_up()
    assert reader.differences() == []
    assert uuids(reader) == set()


# The order of commits


class OpenTransaction:
    """A writer's transaction that is stamped and written, and not yet committed."""

    def __init__(self, store: Store, command: Command) -> None:
        with store.writing() as connection:
            self.writer = Writer.register(connection, 1)
        self._transaction = store.writing()
        connection = self._transaction.__enter__()
        Batch(store.dialect, [Waiter(command, 60)]).execute(connection, self.writer, 1)

    def commit(self) -> None:
        self._transaction.__exit__(None, None, None)


def test_nothing_of_an_open_transaction_is_seen_and_all_of_a_committed_one(store: Store, reader: FeedReader) -> None:
    transaction = OpenTransaction(store, CreateProvider(A, "a"))
    reader.catch_up()
    assert uuids(reader) == set()
    transaction.commit()
    reader.catch_up()
    assert uuids(reader) == {A}


@pytest.mark.databases("postgresql", "mariadb")  # SQLite has one writer at a time
def test_a_commit_that_comes_late_is_not_missed(
    store: Store, committer: Committer, reader: FeedReader, database_name: str
) -> None:
    """A feed by the highest number seen would miss it: the later transaction takes higher numbers and ends first."""
    early = OpenTransaction(store, CreateProvider(A, "a"))
    do(committer, CreateProvider(B, "b"))
    do(committer, CreateProvider(C, "c"))
    reader.catch_up()
    assert uuids(reader) == {B, C}
    keys = {row[1]: key for key, row in reader.providers.items()}
    early.commit()
    reader.catch_up()
    assert uuids(reader) == {A, B, C}
    keys |= {row[1]: key for key, row in reader.providers.items()}
    assert keys[A] < keys[B]  # numbered before what was seen before it
    assert reader.differences() == []


@pytest.mark.databases("postgresql", "mariadb")
def test_a_catch_up_reads_everything_in_one_snapshot(
    store: Store, committer: Committer, new_committer: NewCommitter
) -> None:
    """A write that is committed between two statements of a catch-up is in none of them, and in the next catch-up."""
    do(committer, CreateProvider(A, "a"), SetInventories(A, 0, TEN))
    reader, other = FeedReader(store), new_committer()
    reader.catch_up()
    do(committer, SetProviderAggregates(A, NOT_SAID, frozenset({AGGREGATE})))

    def picture() -> tuple[int, int]:
        [provider], [[inventory]] = reader.providers.values(), reader.inventories.values()
        return provider[3], inventory[8]

    with once_before(store, TOLD, lambda: do(other, replace(claim("x", {"a": {"VCPU": 3}})))):
        reader.catch_up()
    generation, used = picture()
    assert used == 0
    reader.catch_up()
    assert picture() == (generation + 1, 3)


# The horizon


def test_old_tombstones_and_silent_writers_are_removed_when_there_are_many(
    store: Store, committer: Committer, reader: FeedReader
) -> None:
    do(committer, CreateProvider(A, "a"), CreateProvider(B, "b"))
    reader.catch_up()
    do(committer, DeleteProvider(A))
    assert not retire(store, LATER_US)
    assert not retire(store, 0, tombstones_min=1, writers_min=1)
    assert retire(store, LATER_US, tombstones_min=1)
    delta = reader.catch_up()
    assert delta is not None
    assert delta.complete  # the tombstone of a is gone, so a reader that had a cannot be told by itself
    assert uuids(reader) == {B}
    do(committer, CreateProvider(C, "c"))  # by a writer whose row was removed
    delta = reader.catch_up()
    assert delta is not None
    assert not delta.complete
    assert reader.differences() == []


def test_a_reader_that_missed_a_removed_tombstone_rebuilds(store: Store, reader: FeedReader) -> None:
    times = iter([100] * 20 + [5_000] * 100)
    committer = Committer(store, clock=lambda: next(times))
    do(committer, CreateProvider(A, "a"), CreateProvider(B, "b"))
    reader.catch_up()
    do(committer, DeleteProvider(A))
    while next(times) == 100:
        pass
    do(committer, CreateProvider(C, "c"))
    assert retire(store, 1_000, tombstones_min=1)  # the writer's row is younger and stays
    reader.catch_up()
    assert uuids(reader) == {B, C}
    committer.stop()


def test_only_what_is_older_is_removed(store: Store) -> None:
    clock = iter(range(100, 10_000, 100))
    old, young = Committer(store, clock=lambda: 50), Committer(store, clock=lambda: next(clock) + 5_000)
    for committer, uuid in ((old, A), (young, B)):
        do(committer, CreateProvider(uuid, uuid))
        do(committer, DeleteProvider(uuid))
    assert retire(store, 1_000, tombstones_min=1)
    with store.reading() as connection:
        assert [row.created_us > 5_000 for row in connection.execute(tables.tombstones.select())] == [True]
        names = {row.seen_us for row in connection.execute(tables.writers.select())}
        assert 50 not in names
    old.stop()
    young.stop()


@pytest.mark.parametrize(
    "statement",
    [
        update(tables.writers).values(sequence=0),
        delete(tables.writers),
        update(tables.horizon).values(epoch=tables.horizon.c.epoch + 1),
    ],
    ids=["a sequence that went back", "a writer that vanished", "a new epoch"],
)
def test_a_reader_that_cannot_know_what_it_lacks_rebuilds(
    store: Store, committer: Committer, reader: FeedReader, statement: Any
) -> None:
    do(committer, CreateProvider(A, "a"))
    reader.catch_up()
    with store.writing() as connection:
        connection.execute(statement)
        connection.execute(update(tables.providers).values(name="restored"))  # unstamped, as a restore is
    delta = reader.catch_up()
    assert delta is not None
    assert delta.complete
    assert [row[2] for row in delta.providers] == ["restored"]


def test_marks_are_compared_writer_by_writer() -> None:
    marks = Marks(1, {1: 5, 2: 7})
    assert marks.advanced(Marks(1, {1: 5, 2: 7})) == {}
    assert marks.advanced(Marks(1, {1: 6, 2: 7, 3: 2, 4: 0})) == {1: 5, 3: 0}
    assert not marks.are_behind_horizon(Marks(1, {1: 6, 2: 7, 3: 2}))
    assert marks.are_behind_horizon(Marks(2, {1: 5, 2: 7}))
    assert marks.are_behind_horizon(Marks(1, {1: 5, 2: 6}))
    assert marks.are_behind_horizon(Marks(1, {1: 5}))


def test_a_database_without_a_horizon_is_named_as_such(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(delete(tables.horizon))
    with pytest.raises(HorizonMissing, match="ullage db upgrade"):
        FeedReader(store).catch_up()
