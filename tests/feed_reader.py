"""A reader of the feed that is as plain as can be: it keeps rows in dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ullage.engine.patch import Delta
from ullage.storage.feed import Marks, changes_of, changes_since
from ullage.storage.unit import Store


class Everything:
    """Keeps every row of a whole, and how many came at a time."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {"providers": [], "inventories": [], "traits": [], "aggregates": []}
        self.names: dict[str, Any] = {"class_names": {}, "trait_names": {}, "aggregate_uuids": {}}
        self.portion_max = 0

    def add_names(
        self,
        class_names: Mapping[int, str] | None = None,
        trait_names: Mapping[int, str] | None = None,
        aggregate_uuids: Mapping[int, str] | None = None,
    ) -> None:
        given = {"class_names": class_names, "trait_names": trait_names, "aggregate_uuids": aggregate_uuids}
        for kind, some in given.items():
            self.names[kind].update(some or {})

    def add_providers(self, rows: Sequence[Any]) -> None:
        self._add("providers", rows)

    def add_inventories(self, rows: Sequence[Any]) -> None:
        self._add("inventories", rows)

    def add_traits(self, rows: Sequence[Any]) -> None:
        self._add("traits", rows)

    def add_aggregates(self, rows: Sequence[Any]) -> None:
        self._add("aggregates", rows)

    def _add(self, kind: str, rows: Sequence[Any]) -> None:
        self.rows[kind] += rows
        self.portion_max = max(self.portion_max, len(rows))

    def delta(self) -> Delta:
        """All of it as one change."""
        return Delta(complete=True, **self.rows, **self.names)


@dataclass
class FeedReader:
    """Everything that search sees, by integer key, as the deltas told it."""

    store: Store
    marks: Marks | None = None
    at_once: bool = False
    """Whether it first asks every writer that it knows by one statement, outside of any transaction."""
    providers: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    inventories: dict[int, set[tuple[Any, ...]]] = field(default_factory=dict)
    traits: dict[int, set[int]] = field(default_factory=dict)
    aggregates: dict[int, set[int]] = field(default_factory=dict)
    class_names: dict[int, str] = field(default_factory=dict)
    trait_names: dict[int, str] = field(default_factory=dict)
    aggregate_uuids: dict[int, str] = field(default_factory=dict)

    def catch_up(self) -> Delta | None:
        """Read what changed, and keep it."""
        told = self._told_at_once()
        if told is None:
            with self.store.reading() as connection:
                change, self.marks = changes_since(connection, self.store.dialect, self.marks, Everything)
            delta = change.delta() if isinstance(change, Everything) else change
        else:
            delta, self.marks = told
        if delta is not None:
            self._take(delta)
        return delta

    def _told_at_once(self) -> tuple[Delta | None, Marks] | None:
        if self.marks is None or not self.at_once:
            return None
        with self.store.looking() as connection:
            return changes_of(connection, self.store.dialect, self.marks, self.marks.sequences.keys())

    def _take(self, delta: Delta) -> None:
        if delta.complete:
            for kept in self.pictures():
                kept.clear()
        for key in delta.deleted_providers:
            for kept in (self.providers, self.inventories, self.traits, self.aggregates):
                kept.pop(key, None)
        for row in delta.providers:
            self.providers[row[0]] = tuple(row)
            self.inventories[row[0]], self.traits[row[0]], self.aggregates[row[0]] = set(), set(), set()
        for inventory in delta.inventories:
            self.inventories[inventory[0]].add(tuple(inventory))
        for provider, trait in delta.traits:
            self.traits[provider].add(trait)
        for provider, aggregate in delta.aggregates:
            self.aggregates[provider].add(aggregate)
        for known, gone, named in (
            (self.class_names, delta.deleted_classes, delta.class_names),
            (self.trait_names, delta.deleted_traits, delta.trait_names),
            (self.aggregate_uuids, (), delta.aggregate_uuids),
        ):
            for key in gone:
                known.pop(key, None)
            known.update(named)

    def pictures(self) -> list[dict[int, Any]]:
        """All that it knows; two readers that agree have equal ones."""
        return [
            self.providers,
            self.inventories,
            self.traits,
            self.aggregates,
            self.class_names,
            self.trait_names,
            self.aggregate_uuids,
        ]

    def differences(self) -> list[str]:
        """Where it is not what a new reader would see, a sentence each."""
        other = FeedReader(self.store)
        other.catch_up()
        names = ("providers", "inventories", "traits", "aggregates", "class_names", "trait_names", "aggregate_uuids")
        found = []
        for name, mine, theirs in zip(names, self.pictures(), other.pictures(), strict=True):
            if mine != theirs and name != "aggregate_uuids":
                found.append(f"{name}: {_items(mine) - _items(theirs)} instead of {_items(theirs) - _items(mine)}")
        lacking = {key for keys in self.aggregates.values() for key in keys} - self.aggregate_uuids.keys()
        if lacking:
            found.append(f"aggregates {lacking} have no uuid")
        return found


def _items(picture: dict[int, Any]) -> set[str]:
    return {f"{key}: {value}" for key, value in picture.items()}
