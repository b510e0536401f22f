"""Providers and what is read of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ullage.model.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Provider:
    """A thing that offers inventory: one node of one tree. Uuids are lower-case and dashed."""

    uuid: str
    name: str
    generation: int
    parent_uuid: str | None
    root_uuid: str
    updated_us: int = 0
    """When its row last changed, in microseconds since 1970 (UTC)."""


@dataclass(frozen=True, slots=True)
class Stock:
    """An inventory with what is used of it."""

    inventory: Inventory
    used: int
    updated_us: int = 0


@dataclass(frozen=True, slots=True)
class ProviderInventories:
    """A provider with all its inventories by resource class name, in order of name."""

    provider: Provider
    stocks: Mapping[str, Stock]


@dataclass(frozen=True, slots=True)
class ProviderTraits:
    """A provider with its trait names, sorted."""

    provider: Provider
    traits: tuple[str, ...]
    updated_us: int = 0


@dataclass(frozen=True, slots=True)
class ProviderAggregates:
    """A provider with its aggregates' uuids, sorted."""

    provider: Provider
    aggregates: tuple[str, ...]
    updated_us: int = 0


@dataclass(frozen=True, slots=True)
class Label:
    """A resource class or a trait."""

    name: str
    standard: bool
    updated_us: int = 0
