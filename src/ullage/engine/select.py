"""Providers that satisfy a filter."""

from __future__ import annotations

from ullage.engine.snapshot import Snapshot
from ullage.model.provider import Provider
from ullage.model.request import ProviderFilter


def select(snapshot: Snapshot, provider_filter: ProviderFilter) -> tuple[Provider, ...]:
    """The providers that satisfy a filter, in order of key. Raises UnknownResourceClass and UnknownTraits."""
    raise NotImplementedError
