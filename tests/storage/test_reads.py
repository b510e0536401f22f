"""What is read is what is stored, as the model says it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from ledger_rows import NOW_US, Rows, new_uuid
from sqlalchemy import Connection
from statements import recorded

from ullage.model.allocation import NOT_SAID, ConsumerHeld, NotSaid, ProviderHeld, TypeUsage
from ullage.model.errors import ProviderMissing, ResourceClassMissing, TraitMissing
from ullage.model.inventory import Inventory
from ullage.model.provider import Label, Provider, Stock
from ullage.storage import reads, tables
from ullage.storage.unit import Store

ROOT, CHILD, GRANDCHILD = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")
FIRST, SECOND, THIRD = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "def")
AGGREGATES = sorted((new_uuid(), new_uuid()))


@pytest.fixture
def world(store: Store) -> None:
    """A tree of three; three consumers hold of the child."""
    with store.writing() as connection:
        rows = Rows(connection)
        root = rows.provider(ROOT, "root", generation=3)
        child = rows.provider(CHILD, "child 🦆", root, generation=4)
        rows.provider(GRANDCHILD, "grandchild", child)
        rows.custom(tables.resource_classes, "CUSTOM_B")
        rows.custom(tables.resource_classes, "CUSTOM_A")
        rows.inventory(child, "VCPU", 8, used=6, reserved=1, max_unit=4, step_size=2, allocation_ratio=1.1)
        rows.now_us = NOW_US + 1
        rows.inventory(child, "CUSTOM_A", used=1)
        rows.trait_of(child, "HW_CPU_X86_AVX2")
        rows.trait_of(child, "HW_CPU_X86_AVX")
        for aggregate in reversed(AGGREGATES):
            rows.aggregate_of(child, aggregate)
        rows.inventory(root, "DISK_GB", used=50)
        rows.now_us = NOW_US + 2
        first = rows.consumer(FIRST, "p", "u", "INSTANCE", generation=7)
        second = rows.consumer(SECOND, "p", "u", "INSTANCE")
        third = rows.consumer(THIRD, "p", "v", generation=2)
        rows.allocation(first, child, "VCPU", 2)
        rows.allocation(first, root, "DISK_GB", 50)
        rows.allocation(second, child, "VCPU", 4)
        rows.allocation(third, child, "CUSTOM_A", 1)


@pytest.fixture
def connection(store: Store, world: None) -> Iterator[Connection]:
    with store.reading() as connection:
        yield connection


def test_a_provider_knows_its_parent_and_root(connection: Connection) -> None:
    assert reads.provider(connection, ROOT) == Provider(ROOT, "root", 3, None, ROOT, NOW_US)
    assert reads.provider(connection, CHILD) == Provider(CHILD, "child 🦆", 4, ROOT, ROOT, NOW_US)
    assert reads.provider(connection, GRANDCHILD) == Provider(GRANDCHILD, "grandchild", 0, CHILD, ROOT, NOW_US)


def test_inventories_come_with_what_is_used_sorted_by_class(connection: Connection) -> None:
    found = reads.provider_inventories(connection, CHILD)
    assert found.provider.generation == 4
    assert list(found.stocks.items()) == [
        ("CUSTOM_A", Stock(Inventory(100, 0, 1, 100, 1, 1.0), 1, NOW_US + 1)),
        ("VCPU", Stock(Inventory(8, 1, 1, 4, 2, 1.1), 6, NOW_US)),
    ]
    assert reads.provider_inventories(connection, GRANDCHILD).stocks == {}


def test_traits_and_aggregates_are_sorted(connection: Connection) -> None:
    traits = reads.provider_traits(connection, CHILD)
    assert (traits.traits, traits.updated_us) == (("HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"), NOW_US + 1)
    aggregates = reads.provider_aggregates(connection, CHILD)
    assert (aggregates.aggregates, aggregates.updated_us) == (tuple(AGGREGATES), NOW_US + 1)
    assert (reads.provider_traits(connection, ROOT).traits, reads.provider_traits(connection, ROOT).updated_us) == (
        (),
        0,
    )
    assert reads.provider_aggregates(connection, ROOT).aggregates == ()


def test_what_is_held_on_a_provider_is_told_by_consumer(connection: Connection) -> None:
    found = reads.provider_allocations(connection, CHILD)
    assert (found.generation, found.updated_us) == (4, NOW_US + 2)
    assert list(found.allocations.items()) == [
        (FIRST, ConsumerHeld(7, {"VCPU": 2})),
        (SECOND, ConsumerHeld(1, {"VCPU": 4})),
        (THIRD, ConsumerHeld(2, {"CUSTOM_A": 1})),
    ]
    assert reads.provider_allocations(connection, GRANDCHILD).allocations == {}


def test_what_a_consumer_holds_is_told_by_provider(connection: Connection) -> None:
    found = reads.consumer_allocations(connection, FIRST)
    assert found is not None
    owner = (found.consumer.project, found.consumer.user, found.consumer.consumer_type, found.consumer.generation)
    assert owner == ("p", "u", "INSTANCE", 7)
    assert found.allocations == {ROOT: ProviderHeld(3, {"DISK_GB": 50}), CHILD: ProviderHeld(4, {"VCPU": 2})}
    assert found.updated_us == NOW_US + 2
    typeless = reads.consumer_allocations(connection, THIRD)
    assert typeless is not None
    assert typeless.consumer.consumer_type is None


@pytest.mark.parametrize(
    "uuid", ["0e0e0e0e-0000-4000-8000-000000000000", FIRST.upper(), "", "no uuid", "\0", "\ud7ff", FIRST + " "]
)
def test_a_consumer_that_holds_nothing_is_none(connection: Connection, uuid: str) -> None:
    assert reads.consumer_allocations(connection, uuid) is None


@pytest.mark.parametrize(
    "read",
    [
        reads.provider,
        reads.provider_inventories,
        reads.provider_traits,
        reads.provider_aggregates,
        reads.provider_allocations,
    ],
)
@pytest.mark.parametrize("uuid", ["0e0e0e0e-0000-4000-8000-000000000000", ROOT.upper(), "a\0b"])
def test_a_missing_provider_is_named(
    connection: Connection, read: Callable[[Connection, str], object], uuid: str
) -> None:
    with pytest.raises(ProviderMissing) as caught:
        read(connection, uuid)
    assert caught.value.uuid == uuid


def test_custom_classes_follow_the_standard_ones_in_order_of_making(connection: Connection) -> None:
    found = reads.resource_classes(connection)
    assert [label.name for label in found][-3:] == [found[-3].name, "CUSTOM_B", "CUSTOM_A"]
    assert [label.standard for label in found] == [True] * (len(found) - 2) + [False, False]
    assert reads.resource_class(connection, "CUSTOM_A") == Label("CUSTOM_A", False, NOW_US)
    assert reads.resource_class(connection, "VCPU").standard


@pytest.mark.parametrize("name", ["CUSTOM_C", "vcpu", "VCPU ", "", "\0", "%"])
def test_missing_names_are_named(connection: Connection, name: str) -> None:
    with pytest.raises(ResourceClassMissing) as missing_class:
        reads.resource_class(connection, name)
    with pytest.raises(TraitMissing) as missing_trait:
        reads.trait(connection, name)
    assert (missing_class.value.name, missing_trait.value.name) == (name, name)


def test_traits_can_be_asked_for_by_name_beginning_and_use(connection: Connection) -> None:
    def names(**wanted: object) -> list[str]:
        question = {"names": None, "prefix": None, "associated": None, **wanted}
        return [label.name for label in reads.traits(connection, **question)]  # type: ignore[arg-type] # by keyword

    everything = names()
    assert everything == sorted(everything)
    assert names(names=frozenset(("HW_CPU_X86_AVX", "NONE_SUCH", "\0"))) == ["HW_CPU_X86_AVX"]
    assert names(names=frozenset()) == []
    assert names(prefix="HW_CPU_X86_AVX") == [name for name in everything if name.startswith("HW_CPU_X86_AVX")]
    assert names(prefix="hw_") == names(prefix="%") == names(prefix="\0") == []
    assert names(prefix="HW_CPU_X86_AVX_") == []
    assert names(prefix="") == everything
    assert names(associated=True) == ["HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"]
    assert names(associated=False) == [name for name in everything if name not in names(associated=True)]
    assert names(names=frozenset(everything), prefix="HW_CPU_X86_AVX", associated=True) == names(associated=True)
    many = frozenset(f"CUSTOM_{number}" for number in range(reads.NAMES_MAX))
    assert names(names=many | {"HW_CPU_X86_AVX"}) == ["HW_CPU_X86_AVX"]
    assert reads.trait(connection, "HW_CPU_X86_AVX").standard


@pytest.mark.parametrize(
    ("project", "user", "consumer_type", "expected"),
    [
        (
            "p",
            None,
            NOT_SAID,
            [TypeUsage("INSTANCE", 2, {"VCPU": 6, "DISK_GB": 50}), TypeUsage(None, 1, {"CUSTOM_A": 1})],
        ),
        ("p", None, "INSTANCE", [TypeUsage("INSTANCE", 2, {"VCPU": 6, "DISK_GB": 50})]),
        ("p", None, None, [TypeUsage(None, 1, {"CUSTOM_A": 1})]),
        ("p", "v", NOT_SAID, [TypeUsage(None, 1, {"CUSTOM_A": 1})]),
        ("p", "v", "INSTANCE", []),
        ("P", None, NOT_SAID, []),
        ("p", "U", NOT_SAID, []),
        ("p", "\0", NOT_SAID, []),
    ],
)
def test_usages_are_summed_by_type_of_consumer(
    connection: Connection,
    project: str,
    user: str | None,
    consumer_type: str | NotSaid | None,
    expected: list[TypeUsage],
) -> None:
    found = reads.usages(connection, project, user, consumer_type)
    assert list(found) == expected
    assert all(type(amount) is int for usage in found for amount in usage.resources.values())


def test_what_several_providers_have_is_read_at_once(store: Store, connection: Connection) -> None:
    asked = [ROOT, CHILD, GRANDCHILD, new_uuid()]
    with recorded(store) as statements:
        assert reads.inventories_of(connection, asked) == {
            uuid: {name: stock.inventory for name, stock in reads.provider_inventories(connection, uuid).stocks.items()}
            for uuid in (ROOT, CHILD)
        }
        assert reads.traits_of(connection, asked) == {CHILD: frozenset({"HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"})}
        assert reads.aggregates_of(connection, asked) == {CHILD: frozenset(AGGREGATES)}
    assert len(statements) == 3 + 2 * READS["inventories"][1]
    assert reads.traits_of(connection, []) == {}


def test_whose_several_consumers_are_is_read_at_once(connection: Connection) -> None:
    found = reads.owners_of(connection, [FIRST, THIRD, new_uuid(), ROOT])
    assert found == {FIRST: ("p", "u"), THIRD: ("p", "v")}
    assert reads.owners_of(connection, []) == {}


READS: dict[str, tuple[Callable[[Connection], object], int]] = {
    "provider": (lambda connection: reads.provider(connection, CHILD), 1),
    "inventories": (lambda connection: reads.provider_inventories(connection, CHILD), 2),
    "traits": (lambda connection: reads.provider_traits(connection, CHILD), 2),
    "aggregates": (lambda connection: reads.provider_aggregates(connection, CHILD), 2),
    "allocations of a provider": (lambda connection: reads.provider_allocations(connection, CHILD), 2),
    "allocations of a consumer": (lambda connection: reads.consumer_allocations(connection, FIRST), 2),
    "owners": (lambda connection: reads.owners_of(connection, [FIRST, *(new_uuid() for _ in range(1000))]), 1),
    "no consumer": (lambda connection: reads.consumer_allocations(connection, ROOT), 1),
    "usages": (lambda connection: reads.usages(connection, "p", "u", NOT_SAID), 2),
    "resource classes": (reads.resource_classes, 1),
    "trait": (lambda connection: reads.trait(connection, "HW_CPU_X86_AVX"), 1),
}


@pytest.mark.parametrize("read", READS)
def test_a_read_takes_few_statements(store: Store, connection: Connection, read: str) -> None:
    action, count = READS[read]
    with recorded(store) as statements:
        action(connection)
    assert len(statements) == count
