"""What a process's own committer wrote shows in its searches without being read, and exactly as if it had been."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import pytest
from ledger.scenes import claim, replace, uuid_of
from simulation.auditor import Auditor
from simulation.workload import Workload
from snapshots import contents
from sqlalchemy import Connection, func, select, update
from statements import recorded

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
from ullage.storage import own_writes as module
from ullage.storage.book import Keys
from ullage.storage.committer import Committer
from ullage.storage.feed import Marks
from ullage.storage.own_writes import OwnWrites
from ullage.storage.tables import providers, writers
from ullage.storage.trouble import CommitUnknown
from ullage.storage.unit import Store
from ullage.storage.writers import Stamp, retire
from ullage.storage.writes.uses import uses_of

A, B = uuid_of("a"), uuid_of("b")
TEN = {"VCPU": Inventory(10), "DISK_GB": Inventory(10)}
MARKS = "SELECT horizon.epoch"


def do(committer: Committer, *commands: Command) -> None:
    for outcome in committer.run_all(commands):
        if isinstance(outcome, Refusal):
            raise outcome


def take(consumer: str, provider: str = "a") -> Command:
    return replace(claim(consumer, {provider: {"VCPU": 1, "DISK_GB": 2}}, generation=None))


@pytest.fixture
def mirror(store: Store, committer: Committer) -> Mirror:
    """A mirror in the committer's process, that knows two providers."""
    do(committer, CreateProvider(A, "a"), CreateProvider(B, "b"), EnsureTrait("CUSTOM_FAST"))
    do(committer, SetInventories(A, 0, TEN), SetInventories(B, 0, TEN))
    mirror = Mirror(store, committer.own_writes)
    mirror.fresh()
    return mirror


def anew(store: Store) -> Snapshot:
    """All that is in the database."""
    return Mirror(store).fresh()


def asked(store: Store, mirror: Mirror) -> list[str]:
    """How the statements begin that a fresh snapshot took, which is as one made anew."""
    with recorded(store) as statements:
        snapshot = mirror.fresh()
    assert contents(snapshot) == contents(anew(store))
    return [each[: len(MARKS)] for each in statements if not each.startswith(("BEGIN", "START", "SET"))]


def test_own_claims_are_heard_by_one_tiny_question(store: Store, mirror: Mirror, committer: Committer) -> None:
    for commands in (
        [take("x")],
        [take("y"), take("z", "b")],
        [ReleaseConsumer(uuid_of("x"))],
        [take(f"c{number}", "ab"[number % 2]) for number in range(4)],
        [ReleaseConsumer(uuid_of("y")), take("x", "b")],
    ):
        do(committer, *commands)
        assert asked(store, mirror) == [MARKS]
    assert asked(store, mirror) == [MARKS]


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
    assert len(asked(store, mirror)) > 1
    do(committer, take("x", "b"))
    assert asked(store, mirror) == [MARKS]
    do(committer, ReleaseConsumer(uuid_of("x")), EnsureTrait("CUSTOM_LAST"))
    assert len(asked(store, mirror)) > 1


def test_what_others_write_is_read(
    store: Store, mirror: Mirror, committer: Committer, new_committer: Callable[[], Committer]
) -> None:
    other = new_committer()
    do(committer, take("x"))
    assert asked(store, mirror) == [MARKS]
    do(other, take("y"))
    do(committer, take("z"))
    assert len(asked(store, mirror)) > 1
    for number in range(2):
        do(committer, take(f"c{number}", "b"))
        mirror.fresh()
    do(committer, take("late", "b"))
    assert asked(store, mirror) == [MARKS]


def test_a_reader_whom_too_much_passed_by_reads_it(store: Store, mirror: Mirror, committer: Committer) -> None:
    for number in range(module.TRANSACTIONS_MAX + 1):
        do(committer, take(f"c{number}", "ab"[number % 2]) if number < 8 else EnsureTrait(f"CUSTOM_{number}"))
    assert len(asked(store, mirror)) > 1


def test_a_reader_behind_the_horizon_reads_all(store: Store, mirror: Mirror, committer: Committer) -> None:
    do(committer, take("x"))
    retire(store, 0, tombstones_min=0, writers_min=0)
    assert len(asked(store, mirror)) > 1


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
    mirror.fresh()
    for sequence in (3, 4):
        stamped = {"generation": providers.c.generation + 5, "stamp_sequence": sequence}
        with store.writing() as connection:
            connection.execute(update(providers).where(providers.c.uuid == B).values(stamped))
            connection.execute(its_row.values(sequence=sequence))
        assert contents(mirror.fresh()) == contents(anew(store))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_committer_does_its_mirror_is_as_one_made_anew(
    store: Store, committer: Committer, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = []
    original = OwnWrites.between

    def between(self: OwnWrites, marks: Marks, now: Marks) -> Uses | None:
        known.append(original(self, marks, now))
        return known[-1]

    monkeypatch.setattr(OwnWrites, "between", between)
    random = Random(seed)
    workload, auditor = Workload(random), Auditor()
    mirror = Mirror(store, committer.own_writes)
    for _ in range(120):
        commands = [workload.command(auditor.state) for _ in range(random.choice((1, 1, 1, 2, 9)))]
        for command, answer in zip(commands, committer.run_all(commands), strict=True):
            auditor.witness(command, answer)
        if random.random() < 0.7:
            assert contents(mirror.fresh()) == contents(anew(store))
    assert any(known)


def test_an_attempt_that_was_not_committed_does_not_show(
    store: Store, mirror: Mirror, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was noted under a sequence that another transaction has in the end."""
    original, breaks = Store._commit, [True]

    seen: list[dict[str, object]] = []

    def commit(self: Store, connection: Connection) -> None:
        if breaks:
            breaks.pop()
            seen.append(contents(mirror.fresh()))
            raise CommitUnknown("the connection broke before the commit")
        original(self, connection)

    before = contents(mirror.fresh())
    monkeypatch.setattr(Store, "_commit", commit)
    do(committer, take("x"))
    assert seen == [before]
    assert asked(store, mirror) == [MARKS]


def test_a_forked_process_knows_nothing_of_its_parents_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    writes = OwnWrites()
    writes.note(Stamp(7, 3), Uses({1: (1, 1)}))
    marks, now = Marks(0, {7: 2}), Marks(0, {7: 3})
    assert writes.between(marks, now) == Uses({1: (1, 1)})
    own = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: own + 1)
    assert writes.between(marks, now) is None


def test_only_what_is_wholly_known_is_given() -> None:
    writes = OwnWrites()
    for sequence in range(1, 100):
        writes.note(Stamp(7, sequence), Uses({sequence: (sequence, 1)}, {(5, 1): sequence}))
    last = module.TRANSACTIONS_MAX
    assert writes.between(Marks(0, {7: 99 - last}), Marks(0, {7: 99})) == Uses(
        {sequence: (sequence, 1) for sequence in range(100 - last, 100)}, {(5, 1): 99}
    )
    for marks, now in (
        (Marks(0, {7: 98 - last}), Marks(0, {7: 99})),  # the first of them was forgotten
        (Marks(0, {7: 98}), Marks(0, {7: 100})),  # the last of them is not there
        (Marks(0, {7: 98}), Marks(1, {7: 99})),  # things were forgotten
        (Marks(0, {7: 98, 8: 4}), Marks(0, {7: 99, 8: 5})),  # somebody else wrote
        (Marks(0, {7: 98}), Marks(0, {7: 99, 8: 1})),  # somebody new wrote
        (Marks(0, {7: 98, 8: 4}), Marks(0, {7: 99})),  # somebody's row is gone
        (Marks(0, {7: 98}), Marks(0, {7: 97})),  # an older database
        (Marks(0, {8: 4}), Marks(0, {8: 5})),
    ):
        assert writes.between(marks, now) is None
    writes.note(Stamp(7, 100), None)
    assert writes.between(Marks(0, {7: 99}), Marks(0, {7: 100})) is None
    large = Uses(used={(key, 1): 1 for key in range(module.VALUES_MAX + 1)})
    writes.note(Stamp(7, 101), large)
    assert writes.between(Marks(0, {7: 100}), Marks(0, {7: 101})) is None
    writes.note(Stamp(8, 1), Uses({1: (1, 1)}))
    assert writes.between(Marks(0, {7: 98}), Marks(0, {7: 99})) is None


def test_a_book_that_stamps_providers_beyond_its_changes_is_read() -> None:
    book = Book()
    assert uses_of(book, Keys(), 1, (), ()) == Uses()
    book.stamped.add(A)
    assert uses_of(book, Keys(), 1, (), ()) is None
