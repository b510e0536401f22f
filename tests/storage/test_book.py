"""What a Book holds once it is read, and that it is as new as its locks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ledger.scenes import claim, replace, uuid_of
from sqlalchemy import update
from statements import once_before, recorded

from ullage.ledger.book import Book, NotRead
from ullage.ledger.needs import Needs
from ullage.model.allocation import Consumer
from ullage.model.commands import (
    Command,
    CreateProvider,
    CreateResourceClass,
    EnsureTrait,
    RenameResourceClass,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    UpdateProvider,
)
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage import many, tables
from ullage.storage.book import Keys, read_book
from ullage.storage.committer import Committer
from ullage.storage.trouble import Outdated
from ullage.storage.unit import Store

ROOT, CHILD, GRANDCHILD, OTHER, ABSENT = (uuid_of(name) for name in ("root", "child", "grand", "other", "absent"))
FIVE = {"VCPU": Inventory(5)}


LOCKING_PROVIDERS = (
    "SELECT providers.id, providers.uuid, providers.name, providers.generation, providers.parent_id, providers.root_id "
    "FROM providers WHERE providers.id "
)
"""Of one table: what is joined to a row that is waited for would be as old as the beginning of the wait."""


def do(committer: Committer, *commands: Command) -> None:
    for outcome in committer.run_all(commands):
        if isinstance(outcome, Refusal):
            raise outcome


@pytest.fixture
def trees(committer: Committer) -> None:
    """root > child > grandchild, and another root."""
    do(
        committer,
        CreateProvider(ROOT, "root"),
        CreateProvider(CHILD, "child", ROOT),
        CreateProvider(GRANDCHILD, "grand", CHILD),
        CreateProvider(OTHER, "other"),
        SetInventories(CHILD, 0, {"VCPU": Inventory(8, reserved=1, allocation_ratio=1 / 3), "DISK_GB": Inventory(10)}),
        SetInventories(OTHER, 0, FIVE),
    )


def read(store: Store, **needs: set[str]) -> tuple[Book, Keys]:
    with store.writing() as connection:
        return read_book(connection, store.dialect, Needs(**needs))  # type: ignore[arg-type] # no test is alone


def locking(statements: list[str]) -> list[str]:
    return [statement for statement in statements if statement.endswith("FOR UPDATE")]


@pytest.mark.usefixtures("trees")
def test_a_provider_comes_with_its_row_its_root_and_all_its_inventories(store: Store) -> None:
    book, keys = read(store, providers={CHILD})
    row = book.providers.get(CHILD)
    assert row is not None
    assert (row.name, row.generation, row.parent_uuid, row.root_uuid) == ("child", 1, ROOT, ROOT)
    root = book.providers.get(ROOT)
    assert root is not None
    assert (root.name, root.generation, root.parent_uuid, root.root_uuid) == ("root", 0, None, ROOT)
    offers = book.inventories.get(CHILD)
    assert offers is not None
    assert offers["VCPU"].inventory == Inventory(8, reserved=1, allocation_ratio=1 / 3)
    assert {name: offer.used for name, offer in offers.items()} == {"VCPU": 0, "DISK_GB": 0}
    assert keys.providers.keys() == {CHILD, ROOT}
    with pytest.raises(NotRead):
        book.providers.get(GRANDCHILD)


@pytest.mark.usefixtures("trees")
def test_what_does_not_exist_is_known_to_be_absent(store: Store) -> None:
    book, _ = read(
        store,
        providers={ABSENT},
        provider_names={"nobody", "root"},
        traits_of={ABSENT},
        aggregates_of={ABSENT},
        consumers={ABSENT},
        resource_classes={"CUSTOM_NONE", "VCPU"},
        traits={"CUSTOM_NONE"},
    )
    assert book.providers.get(ABSENT) is None
    assert book.inventories.get(ABSENT) is None
    assert book.provider_names.get("nobody") is None
    assert book.provider_names.get("root") == ROOT
    assert book.provider_traits.get(ABSENT) is None
    assert book.provider_aggregates.get(ABSENT) is None
    assert book.consumers.get(ABSENT) is None
    assert book.holdings.get(ABSENT) is None
    assert book.resource_classes.get("CUSTOM_NONE") is None
    assert book.traits.get("CUSTOM_NONE") is None
    label = book.resource_classes.get("VCPU")
    assert label is not None
    assert label.standard


@pytest.mark.usefixtures("trees")
def test_a_consumer_comes_with_what_it_holds_and_the_providers_it_holds_on(store: Store, committer: Committer) -> None:
    do(committer, replace(claim("c", {"child": {"VCPU": 1}, "other": {"VCPU": 2}}, consumer_type="VM")))
    book, _ = read(store, consumers={uuid_of("c")})
    assert book.consumers.get(uuid_of("c")) == Consumer(uuid_of("c"), "project", "user", "VM", 1)
    assert book.holdings.get(uuid_of("c")) == {(CHILD, "VCPU"): 1, (OTHER, "VCPU"): 2}
    offers = book.inventories.get(OTHER)
    assert offers is not None
    assert offers["VCPU"].used == 2
    assert book.providers.get(CHILD) is not None


@pytest.mark.usefixtures("trees")
def test_children_and_whole_trees_are_read_when_asked_for(store: Store) -> None:
    children, _ = read(store, children_of={ROOT})
    assert {uuid for uuid, _ in children.providers.items()} == {ROOT, CHILD}
    tree, _ = read(store, trees={GRANDCHILD})
    assert {uuid for uuid, _ in tree.providers.items()} == {ROOT, CHILD, GRANDCHILD}


@pytest.mark.usefixtures("trees")
def test_labels_of_providers_and_the_use_of_names_are_read_when_asked_for(store: Store, committer: Committer) -> None:
    aggregate = uuid_of("agg")
    do(
        committer,
        EnsureTrait("CUSTOM_FAST"),
        EnsureTrait("CUSTOM_IDLE"),
        CreateResourceClass("CUSTOM_IDLE"),
        SetProviderTraits(ROOT, 0, frozenset({"CUSTOM_FAST"})),
        SetProviderAggregates(ROOT, 1, frozenset({aggregate})),
    )
    names = {"CUSTOM_FAST", "CUSTOM_IDLE"}
    book, _ = read(
        store,
        traits_of={ROOT, OTHER},
        aggregates_of={ROOT, OTHER},
        use_of_traits=names,
        use_of_classes={"VCPU", "CUSTOM_IDLE"},
    )
    assert book.provider_traits.get(ROOT) == frozenset({"CUSTOM_FAST"})
    assert book.provider_traits.get(OTHER) == frozenset()
    assert book.provider_aggregates.get(ROOT) == frozenset({aggregate})
    assert book.provider_aggregates.get(OTHER) == frozenset()
    assert book.traits_in_use == {"CUSTOM_FAST"}
    assert book.classes_in_use == {"VCPU"}


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.usefixtures("trees")
def test_consumers_are_locked_before_providers_by_key_alone_and_read_later(
    store: Store, committer: Committer, database_name: str
) -> None:
    do(committer, replace(claim("c", {"other": {"VCPU": 2}})))
    with recorded(store) as statements:
        read(store, consumers={uuid_of("c")}, providers={CHILD}, parents={CHILD})
    first, second = locking(statements)
    assert first.startswith("SELECT consumers.id FROM consumers WHERE consumers.id ")
    assert second.startswith(LOCKING_PROVIDERS)
    for statement, table in ((first, "consumers"), (second, "providers")):
        assert statement.endswith(f"ORDER BY {table}.id FOR UPDATE")
    between = statements[statements.index(first) + 1 : statements.index(second)]
    assert any("consumers.generation" in statement for statement in between)
    after = statements[statements.index(second) + 1 :]
    assert any("inventories.used" in statement for statement in after)
    before = statements[: statements.index(first)]
    assert not any("generation" in statement or "inventories" in statement for statement in before + between[:1])


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.usefixtures("trees")
def test_tree_changes_lock_the_roots_and_every_member_that_may_move(store: Store, database_name: str) -> None:
    for needs, locked in (
        ({"parents": {GRANDCHILD}}, {ROOT, GRANDCHILD}),
        ({"children_of": {CHILD}}, {ROOT, CHILD}),
        ({"trees": {CHILD}}, {ROOT, CHILD, GRANDCHILD}),
        ({"providers": {GRANDCHILD}}, {GRANDCHILD}),
    ):
        with store.writing() as connection:
            _, keys = read_book(connection, store.dialect, Needs(**needs))  # type: ignore[arg-type] # no test is alone
            free = {uuid for uuid in (ROOT, CHILD, GRANDCHILD, OTHER) if _can_be_locked(store, uuid)}
        assert {ROOT, CHILD, GRANDCHILD, OTHER} - free == locked
        assert locked <= keys.providers.keys()


def _can_be_locked(store: Store, uuid: str) -> bool:
    statement = tables.providers.select().where(tables.providers.c.uuid == uuid).with_for_update(skip_locked=True)
    with store.writing() as connection:
        return bool(connection.execute(statement).all())


def test_what_is_read_is_as_new_as_the_lock(store: Store, committer: Committer) -> None:
    """The oversell that was tried: whoever waits for the lock must then read what the one before it has written."""
    do(committer, CreateProvider(OTHER, "other"), SetInventories(OTHER, 0, FIVE))
    found: list[int] = []
    is_reading = threading.Event()

    def wait_and_read() -> None:
        is_reading.set()
        offers = read(store, providers={OTHER})[0].inventories.get(OTHER)
        found.append(offers["VCPU"].used if offers else -1)

    with ThreadPoolExecutor() as pool:
        with store.writing() as connection:
            read_book(connection, store.dialect, Needs(providers={OTHER}))
            connection.execute(update(tables.inventories).values(used=4))
            waiting = pool.submit(wait_and_read)
            is_reading.wait()
            assert not _ends(waiting.result)
        waiting.result()
    assert found == [4]


def _ends(result: Callable[..., Any]) -> bool:
    try:
        result(timeout=0.3)
    except TimeoutError:
        return False
    return True


@pytest.mark.databases("postgresql", "mariadb")  # SQLite's transactions are alone from their beginning
@pytest.mark.parametrize("needs", [{"parents": {GRANDCHILD}}, {"trees": {GRANDCHILD}}, {"children_of": {GRANDCHILD}}])
@pytest.mark.usefixtures("trees")
def test_a_tree_that_is_moved_while_it_is_being_locked_is_noticed(
    store: Store, new_committer: Callable[[], Committer], needs: dict[str, set[str]], database_name: str
) -> None:
    elsewhere = new_committer()

    def move() -> None:
        elsewhere.run(UpdateProvider(CHILD, "child", OTHER))

    with once_before(store, LOCKING_PROVIDERS, move), pytest.raises(Outdated):
        read(store, **needs)
    book, _ = read(store, **needs)
    row = book.providers.get(GRANDCHILD)
    assert row is not None
    assert row.root_uuid == OTHER


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.usefixtures("trees")
def test_a_member_that_joins_a_tree_while_it_is_being_locked_is_noticed(
    store: Store, new_committer: Callable[[], Committer], database_name: str
) -> None:
    elsewhere = new_committer()

    def join() -> None:
        elsewhere.run(CreateProvider(uuid_of("new"), "new", GRANDCHILD))

    with once_before(store, LOCKING_PROVIDERS, join), pytest.raises(Outdated):
        read(store, trees={CHILD})


@pytest.mark.databases("postgresql", "mariadb")
@pytest.mark.usefixtures("trees")
def test_a_class_that_is_renamed_while_a_book_is_read_is_noticed(
    store: Store, committer: Committer, new_committer: Callable[[], Committer], database_name: str
) -> None:
    do(
        committer,
        CreateResourceClass("CUSTOM_OLD"),
        SetInventories(ROOT, 0, {"CUSTOM_OLD": Inventory(5)}),
        replace(claim("c", {"root": {"CUSTOM_OLD": 1}})),
    )
    elsewhere = new_committer()

    def rename() -> None:
        elsewhere.run(RenameResourceClass("CUSTOM_OLD", "CUSTOM_NEW"))

    with once_before(store, "SELECT providers.id, providers.uuid", rename), pytest.raises(Outdated):
        read(store, consumers={uuid_of("c")})


@pytest.mark.usefixtures("trees")
def test_long_lists_are_read_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "CHUNK", 2)
    book, _ = read(store, providers={ROOT, CHILD, GRANDCHILD, OTHER, ABSENT})
    assert {uuid for uuid, _ in book.providers.items()} == {ROOT, CHILD, GRANDCHILD, OTHER}
