"""What the tests of writing share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from statements import watch

from ullage.storage.committer import Committer
from ullage.storage.unit import Store

NewCommitter = Callable[..., Committer]


@pytest.fixture
def new_committer(database_url: str) -> Iterator[NewCommitter]:
    """Makes committers, each with a store of its own, as processes have them."""
    made: list[tuple[Store, Committer]] = []

    def make(**options: Any) -> Committer:
        store = Store.open(database_url)
        watch(store)
        made.append((store, Committer(store, **options)))
        return made[-1][1]

    yield make
    for store, committer in made:
        committer.stop()
        store.close()


@pytest.fixture
def committer(store: Store) -> Iterator[Committer]:
    """A committer on `store`."""
    watch(store)
    committer = Committer(store)
    yield committer
    committer.stop()
