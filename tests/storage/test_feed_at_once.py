"""What changed, told by one statement outside of any transaction; and that what the database packs is what it has."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from feed_reader import FeedReader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger.scenes import uuid_of
from ledger_rows import Rows
from statements import recorded

from ullage.engine.patch import Delta
from ullage.model.commands import CreateProvider, DeleteProvider
from ullage.model.names import PROVIDER_NAME_LENGTH_MAX
from ullage.storage import feed
from ullage.storage.committer import Committer
from ullage.storage.feed import Marks, changes_of
from ullage.storage.unit import Store
from ullage.storage.writers import retire

A, B, C = (uuid_of(name) for name in "abc")
NewCommitter = Callable[..., Committer]
LATER_US = 10**18
TOLD = "WITH changed"
"""How the statement begins that tells what changed."""


@pytest.fixture
def known(store: Store, committer: Committer) -> Marks:
    """The marks after the committer's first write."""
    committer.run(CreateProvider(A, "a"))
    with store.looking() as connection:
        return feed.read_marks(connection, store.dialect)


def told_at_once(store: Store, marks: Marks) -> tuple[Delta | None, Marks] | None:
    with store.looking() as connection:
        return changes_of(connection, store.dialect, marks, marks.sequences.keys())


def test_what_known_writers_wrote_is_told_by_one_statement(store: Store, committer: Committer, known: Marks) -> None:
    committer.run(CreateProvider(B, "b"))
    with recorded(store) as statements:
        told = told_at_once(store, known)
    assert told is not None
    delta, now = told
    assert delta is not None
    assert [row[1] for row in delta.providers] == [B]
    assert [each[: len(TOLD)] for each in statements] == [TOLD]
    assert told_at_once(store, now) == (None, now)


def test_the_longest_names_are_told_at_once(store: Store, committer: Committer, known: Marks) -> None:
    name = "\x01" * PROVIDER_NAME_LENGTH_MAX  # as JSON, six times as long
    committer.run(CreateProvider(B, "b"))
    committer.run(CreateProvider(C, name))
    told = told_at_once(store, known)
    assert told is not None
    delta, _ = told
    assert delta is not None
    assert sorted(row[1:3] for row in delta.providers) == [(B, "b"), (C, name)]


@pytest.mark.databases("mariadb")
def test_what_mariadb_cut_is_asked_for_once_more(store: Store, committer: Committer, known: Marks) -> None:
    def is_asked_twice() -> bool:
        with recorded(store) as statements:
            assert told_at_once(store, known) is not None
        return [each[: len(TOLD)] for each in statements] == [TOLD] * 2

    committer.run(CreateProvider(B, "b" * PROVIDER_NAME_LENGTH_MAX))
    assert not is_asked_twice()
    committer.run(CreateProvider(C, "\x01" * PROVIDER_NAME_LENGTH_MAX))
    assert is_asked_twice()


def test_what_others_wrote_is_not_told_at_once(
    store: Store, committer: Committer, new_committer: NewCommitter, known: Marks
) -> None:
    committer.run(CreateProvider(B, "b"))
    new_committer().run(CreateProvider(C, "c"))
    assert told_at_once(store, known) is None


def test_a_reader_behind_the_horizon_is_told_nothing_at_once(store: Store, committer: Committer, known: Marks) -> None:
    committer.run(DeleteProvider(A))
    assert retire(store, LATER_US, tombstones_min=1)
    assert told_at_once(store, known) is None


@pytest.mark.parametrize("at_once", [False, True])
def test_very_many_changes_are_read_as_a_whole(
    store: Store, committer: Committer, monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    reader = FeedReader(store, at_once=at_once)
    reader.catch_up()
    monkeypatch.setattr(feed, "CHANGES_MAX", 3)
    feed._changes.cache_clear()  # the statement holds the number
    for count in (3, 4):
        names = [f"h{count}{each}" for each in range(count)]
        committer.run_all([CreateProvider(uuid_of(name), name) for name in names])
        delta = reader.catch_up()
        assert delta is not None
        assert delta.complete == (count > 3)
        assert reader.differences() == []
    feed._changes.cache_clear()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ratio=st.floats(min_value=1e-300, max_value=1e300),
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40),
)
def test_any_number_and_any_name_are_told_as_they_are(store: Store, ratio: float, name: str) -> None:
    with store.writing() as connection:
        rows = Rows(connection)
        key = rows.provider(name=f"{uuid4()}{name}")
        rows.inventory(key, "VCPU", allocation_ratio=ratio)
    reader = FeedReader(store)
    reader.catch_up()
    with store.looking() as connection:
        told = feed._stamped_later(connection, store.dialect, {1: 0})
    assert told is not None
    assert [tuple(row) for row in told[1].providers if row[0] == key] == [reader.providers[key]]
    assert {tuple(row) for row in told[1].inventories if row[0] == key} == reader.inventories[key]
