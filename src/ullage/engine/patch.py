"""What changed since a snapshot, and the snapshot that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ullage.engine.snapshot import Snapshot


class ProviderRecord(NamedTuple):
    """A provider's own columns; keys are the integers that storage knows it by."""

    key: int
    uuid: str
    name: str
    generation: int
    parent_key: int | None
    root_key: int
    updated_us: int


class InventoryRecord(NamedTuple):
    """What one provider offers of one class, with what is used of it."""

    provider_key: int
    class_key: int
    total: int
    reserved: int
    min_unit: int
    max_unit: int
    step_size: int
    allocation_ratio: float
    used: int


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed since a snapshot. Plain tuples in the records' order do as well as the records.

    For every provider in `providers`, the other three sequences hold all that it has now.
    """

    providers: Sequence[ProviderRecord] = ()
    inventories: Sequence[InventoryRecord] = ()
    traits: Sequence[tuple[int, int]] = ()
    """(provider key, trait key)"""
    aggregates: Sequence[tuple[int, int]] = ()
    """(provider key, aggregate key)"""
    deleted_providers: Sequence[int] = ()
    class_names: Mapping[int, str] = field(default_factory=dict)
    trait_names: Mapping[int, str] = field(default_factory=dict)
    aggregate_uuids: Mapping[int, str] = field(default_factory=dict)
    """New or changed names by key; all of them when `complete`."""
    deleted_classes: Sequence[int] = ()
    deleted_traits: Sequence[int] = ()
    complete: bool = False
    """This is everything: start from nothing."""


def patch(snapshot: Snapshot, delta: Delta) -> Snapshot:
    """The snapshot after a change. Never edits its argument; copies the touched blocks only."""
    raise NotImplementedError
