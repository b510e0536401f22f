"""What claims used is told to searches in any process, and shows exactly as if the rows had been read."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from ledger.scenes import claim, replace, uuid_of
from simulation.auditor import Auditor
from simulation.workload import Workload
from snapshots import contents
from sqlalchemy import Connection, delete, func, select, update
from statements import counting, recorded

from ullage.engine.snapshot import Snapshot
from ullage.engine.uses import Uses
from ullage.ledger.book import Book
from ullage.model.commands import (
    Command,
    CreateProvider,
    EnsureTrait,
    ReleaseConsumer,
    SetInventories,
    SetProviderTraits,
)
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.operations.mirror import Mirror
from ullage.storage import feed
from ullage.storage import uses as module
from ullage.storage.book import Keys
from ullage.storage.committer import Committer
from ullage.storage.postgresql_ahead import Ahead
from ullage.storage.tables import providers, uses, writers
from ullage.storage.trouble import CommitUnknown
from ullage.storage.unit import Store
from ullage.storage.writers import retire
from ullage.storage.writes.uses import uses_of

A, B = uuid_of("a"), uuid_of("b")
TEN = {"VCPU": Inventory(10), "DISK_GB": Inventory(10)}


def do(committer: Committer, *commands: Command) -> None:
    for outcome in committer.run_all(commands):
        if isinstance(outcome, Refusal):
            raise outcome


def take(consumer: str, provider: str = "a") -> Command:
    return replace(claim(consumer, {provider: {"VCPU": 1, "DISK_GB": 2}}, generation=None))


@pytest.fixture
def mirror(store: Store, committer: Committer) -> Mirror:
    """A mirror that knows two providers, and who wrote lately."""
    do(committer, CreateProvider(A, "a"), CreateProvider(B, "b"), EnsureTrait("CUSTOM_FAST"))
    mirror = Mirror(store)
    mirror.fresh()
    do(committer, SetInventories(A, 0, TEN), SetInventories(B, 0, TEN))
    mirror.fresh()
    return mirror


def anew(store: Store) -> Snapshot:
    """All that is in the database."""
    return Mirror(store).fresh()


def asked(store: Store, mirror: Mirror) -> list[str]:
    """What a fresh snapshot, which is as one made anew, was taken from: "told", or the rows that say so as well."""
    with recorded(store) as statements:
        snapshot = mirror.fresh()
    assert contents(snapshot) == contents(anew(store))
    return ["told" if "uses" in each else "rows" for each in statements if each.startswith(("SELECT", "WITH"))]


def test_claims_are_heard_by_one_small_question(store: Store, mirror: Mirror, committer: Committer) -> None:
    for commands in (
        [take("x")],
        [take("y"), take("z", "b")],
        [ReleaseConsumer(uuid_of("x"))],
        [take(f"c{number}", "ab"[number % 2]) for number in range(4)],
        [ReleaseConsumer(uuid_of("y")), take("x", "b")],
    ):
        do(committer, *commands)
        assert asked(store, mirror) == ["told"]
    assert asked(store, mirror) == ["told"]


@pytest.mark.parametrize(
    "command",
    [
        CreateProvider(uuid_of("c"), "c"),
        CreateProvider(uuid_of("c"), "c", A),
        SetInventories(A, 1, {"VCPU": Inventory(11)}),
        SetProviderTraits(A, 1, frozenset({"CUSTOM_FAST"})),
        EnsureTrait("CUSTOM_NEW"),
    ],
)
def test_whatever_else_is_written_is_read(store: Store, mirror: Mirror, committer: Committer, command: Command) -> None:
    do(committer, command)
    assert "rows" in asked(store, mirror)
    do(committer, take("x", "b"))
    assert asked(store, mirror) == ["told"]
    do(committer, ReleaseConsumer(uuid_of("x")), EnsureTrait("CUSTOM_LAST"))
    assert "rows" in asked(store, mirror)


def test_what_several_tell_is_heard_unless_it_is_of_one_provider(
    store: Store, mirror: Mirror, committer: Committer, new_committer: Callable[[], Committer]
) -> None:
    """Who of them came last is not told."""
    other = new_committer()
    do(other, take("w"))
    assert "rows" in asked(store, mirror)  # nobody knew that it writes
    do(committer, take("x"))
    do(other, take("y", "b"))
    assert asked(store, mirror) == ["told"]
    do(committer, take("c"))
    do(other, take("z"))
    do(committer, ReleaseConsumer(uuid_of("x")))
    assert "rows" in asked(store, mirror)


def test_a_reader_whom_too_much_passed_by_reads_it(store: Store, mirror: Mirror, committer: Committer) -> None:
    do(committer, SetInventories(A, 1, {"VCPU": Inventory(100), "DISK_GB": Inventory(100)}))
    mirror.fresh()
    for number in range(module.SLOTS):
        do(committer, take(f"c{number}"))
    assert asked(store, mirror) == ["told"]
    for number in range(module.SLOTS + 1):
        do(committer, ReleaseConsumer(uuid_of(f"c{number}")) if number < module.SLOTS else take("x"))
    assert "rows" in asked(store, mirror)


def test_a_reader_behind_the_horizon_reads_all(store: Store, mirror: Mirror, committer: Committer) -> None:
    do(committer, take("x"))
    retire(store, 0, tombstones_min=0, writers_min=0)
    assert "rows" in asked(store, mirror)


def test_who_is_another_writer_in_a_restored_database_is_read(
    store: Store, mirror: Mirror, committer: Committer
) -> None:
    """Its row went with the restoring, its key was given anew, and the other comes to sequences that are noted here."""
    do(committer, take("x"))
    do(committer, take("y"))
    mirror.fresh()
    with store.writing() as connection:
        key = connection.scalars(select(func.max(writers.c.id))).one()
        its_row = update(writers).where(writers.c.id == key)
        connection.execute(its_row.values(host="another", sequence=2))
        connection.execute(update(uses).where(uses.c.writer == key, uses.c.sequence > 2).values(sequence=0))
    mirror.fresh()
    for sequence in (3, 4):
        stamped = {"generation": providers.c.generation + 5, "stamp_sequence": sequence}
        with store.writing() as connection:
            connection.execute(update(providers).where(providers.c.uuid == B).values(stamped))
            connection.execute(its_row.values(sequence=sequence))
        assert contents(mirror.fresh()) == contents(anew(store))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_committers_do_a_mirror_is_as_one_made_anew(
    store: Store, committer: Committer, new_committer: Callable[[], Committer], seed: int
) -> None:
    random = Random(seed)
    workload, auditor = Workload(random), Auditor()
    mirror, committers = Mirror(store), [committer, committer, new_committer()]
    with recorded(store) as statements:
        for _ in range(120):
            commands = [workload.command(auditor.state) for _ in range(random.choice((1, 1, 1, 2, 9)))]
            answers = random.choice(committers).run_all(commands)
            for command, answer in zip(commands, answers, strict=True):
                auditor.witness(command, answer)
            if random.random() < 0.7:
                assert contents(mirror.fresh()) == contents(anew(store))
    assert [each for each in statements if each.startswith("SELECT") and "uses" in each]


def test_an_attempt_that_was_not_committed_does_not_show(
    store: Store, mirror: Mirror, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It told under a sequence that another transaction has in the end."""
    original, breaks = Store._commit, [True]

    def commit(self: Store, connection: Connection) -> None:
        if breaks:
            breaks.pop()
            raise CommitUnknown("the connection broke before the commit")
        original(self, connection)

    monkeypatch.setattr(Store, "_commit", commit)
    do(committer, take("x"))
    assert asked(store, mirror) == ["told"]


def test_a_large_transaction_is_read(
    store: Store, mirror: Mirror, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VALUES_MAX", 3)
    do(committer, take("x"))
    assert asked(store, mirror) == ["told"]
    do(committer, *(take(f"c{number}", "ab"[number]) for number in range(2)))
    assert "rows" in asked(store, mirror)


def test_a_reader_that_lacks_more_than_is_told_at_once_reads_it(
    store: Store, mirror: Mirror, committer: Committer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(module._told.cache_clear)
    monkeypatch.setattr(module, "TOLD_MAX", 2)
    module._told.cache_clear()
    for name in "xy":
        do(committer, take(name))
    assert asked(store, mirror) == ["told"]
    for name in "zvw":
        do(committer, take(name, "b"))
    assert "rows" in asked(store, mirror)


@pytest.mark.databases("postgresql")
def test_to_hear_is_to_wait_once(mirror: Mirror, committer: Committer, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[str] = []
    for name in ("_flush", "end"):
        monkeypatch.setattr(Ahead, name, counting(getattr(Ahead, name), waits))
    mirror.fresh()
    assert waits == ["end"]
    do(committer, take("x"))
    waits.clear()
    mirror.fresh()
    assert waits == ["end"]


@pytest.mark.databases("mariadb")
def test_to_hear_takes_mariadb_no_table_on_disk(store: Store, mirror: Mirror, committer: Committer) -> None:
    def on_disk() -> int:
        with store.hearing() as connection:  # the only one that reads
            return int(connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Created_tmp_disk_tables'").one()[1])

    before = on_disk()
    do(committer, take("x"))
    mirror.fresh()
    do(committer, EnsureTrait("CUSTOM_NEW"), CreateProvider(uuid_of("c"), "c"))
    mirror.fresh()
    assert on_disk() == before
    with store.hearing() as connection:
        feed._asked(connection, store.dialect, {1: 0}, may_cut=False)
    assert on_disk() > before


def test_a_writer_that_came_before_there_were_slots_is_read(store: Store, mirror: Mirror, committer: Committer) -> None:
    with store.writing() as connection:
        connection.execute(delete(uses))
    for name in "xy":
        do(committer, take(name))
        assert "rows" in asked(store, mirror)


def test_what_nobody_told_is_read(store: Store, mirror: Mirror, committer: Committer) -> None:
    for text in ("", "[]", "[1,[[1,2]],[[1,2]]]", '[1,[["a",2]],[]]'):
        do(committer, take(f"x{len(text)}"))
        with store.writing() as connection:
            connection.execute(update(uses).values(entries=text))
        assert "rows" in asked(store, mirror)
        mirror.fresh()


def test_a_writers_slots_go_with_it(store: Store, committer: Committer) -> None:
    do(committer, CreateProvider(A, "a"))
    retire(store, 10**18, writers_min=1)
    with store.looking() as connection:
        assert connection.scalars(select(func.count()).select_from(uses)).one() == 0
    do(committer, CreateProvider(B, "b"))


def test_a_book_that_stamps_providers_beyond_its_changes_is_read() -> None:
    book = Book()
    assert uses_of(book, Keys(), 1, (), ()) == Uses()
    book.stamped.add(A)
    assert uses_of(book, Keys(), 1, (), ()) is None
