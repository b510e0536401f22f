"""Listing providers: everything is asked of the provider itself."""

from __future__ import annotations

from typing import Any

import pytest
from engine_fleets import Fleet, wanted

from ullage.engine import select as select_module
from ullage.engine.select import select, selected
from ullage.engine.snapshot import Snapshot
from ullage.model.errors import UnknownResourceClass, UnknownTraits
from ullage.model.inventory import Inventory
from ullage.model.provider import Provider
from ullage.model.request import LabelFilter, ProviderFilter


@pytest.fixture
def snapshot() -> Snapshot:
    fleet = Fleet().add("cn", {"VCPU": 4, "DISK_GB": (Inventory(10), 8)}, traits=["T"], aggregates=["a"], key=20000)
    fleet.add("numa", {"VCPU": 2}, parent="cn", traits=["U"], key=3).change("numa", generation=5, updated_us=99)
    fleet.add("other", {"VCPU": 4}, aggregates=["a", "b"], key=4).share("store", {"DISK_GB": 99}, "a")
    for name in ("cn", "numa", "other", "store"):
        fleet.change(name, uuid=f"uuid of {name}")
    return fleet.snapshot()


def names(snapshot: Snapshot, provider_filter: ProviderFilter) -> list[str]:
    return [provider.name for provider in select(snapshot, provider_filter)]


def test_no_filter_gives_everybody_in_the_order_of_keys(snapshot: Snapshot) -> None:
    assert names(snapshot, ProviderFilter()) == ["numa", "other", "cn", "store"]
    assert names(Snapshot.empty(), ProviderFilter()) == []


def test_a_provider_is_told_with_all_it_is(snapshot: Snapshot) -> None:
    assert select(snapshot, ProviderFilter(name="numa")) == (
        Provider("uuid of numa", "numa", 5, "uuid of cn", "uuid of cn", 99),
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (ProviderFilter(uuid="uuid of cn"), ["cn"]),
        (ProviderFilter(uuid="uuid of cn", name="cn"), ["cn"]),
        (ProviderFilter(uuid="uuid of cn", name="other"), []),
        (ProviderFilter(name="nobody"), []),
        (ProviderFilter(uuid="nobody"), []),
        (ProviderFilter(name="nobody", uuid="nobody"), []),
        (ProviderFilter(name="cn", traits=wanted("U")), []),
        (ProviderFilter(resources={"VCPU": 3}), ["other", "cn"]),
        (ProviderFilter(resources={"VCPU": 1, "DISK_GB": 3}), []),
        (ProviderFilter(resources={"DISK_GB": 2}), ["cn", "store"]),
        (ProviderFilter(traits=wanted(("T", "U"), forbidden=["T"])), ["numa"]),
        (ProviderFilter(member_of=wanted("a")), ["other", "cn", "store"]),
        (ProviderFilter(member_of=wanted("a", ("b", "c"))), ["other"]),
        (ProviderFilter(member_of=wanted(forbidden=["b"])), ["numa", "cn", "store"]),
        (ProviderFilter(member_of=wanted("unknown")), []),
        (ProviderFilter(member_of=LabelFilter((frozenset(),))), []),
        (ProviderFilter(in_tree="uuid of numa"), ["numa", "cn"]),
        (ProviderFilter(in_tree="nobody"), []),
    ],
)
def test_filters(snapshot: Snapshot, asked: ProviderFilter, expected: list[str]) -> None:
    assert names(snapshot, asked) == expected


def test_a_selection_knows_its_size_and_its_newest_change(snapshot: Snapshot) -> None:
    some = selected(snapshot, ProviderFilter())
    assert len(some) == len(list(some)) == len(snapshot)
    assert some.updated_us == max(provider.updated_us for provider in some)
    nobody = selected(snapshot, ProviderFilter(name="nobody"))
    assert (len(nobody), list(nobody), nobody.updated_us) == (0, [], 0)


def test_a_selection_makes_a_provider_when_it_is_come_to(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(uuid: str, name: str, *others: Any) -> Provider:
        made.append(name)
        return Provider(uuid, name, *others)

    monkeypatch.setattr(select_module, "Provider", make)
    coming = iter(selected(snapshot, ProviderFilter()))
    next(coming)
    assert made == ["numa"]
    next(coming)
    assert made == ["numa", "other"]


def test_unknown_classes_and_traits_are_errors(snapshot: Snapshot) -> None:
    with pytest.raises(UnknownResourceClass):
        select(snapshot, ProviderFilter(resources={"PONY": 1}))
    with pytest.raises(UnknownTraits):
        select(snapshot, ProviderFilter(traits=wanted(forbidden=["PONY"])))
