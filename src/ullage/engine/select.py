"""Providers that satisfy a filter."""

from __future__ import annotations

import numpy as np

from ullage.engine.asked import AskedGroup, asked_aggregates, asked_demands, asked_traits, asked_tree
from ullage.engine.block import Mask
from ullage.engine.constraints import PER_PROVIDER, narrow
from ullage.engine.snapshot import Snapshot
from ullage.model.candidate import Step
from ullage.model.provider import Provider
from ullage.model.request import ProviderFilter


def select(snapshot: Snapshot, provider_filter: ProviderFilter) -> tuple[Provider, ...]:
    """The providers that satisfy a filter, each by itself, in order of key.

    Raises UnknownResourceClass and UnknownTraits; an unknown name, uuid, aggregate or tree is nobody's.
    """
    asked = AskedGroup(
        demands=asked_demands(snapshot, provider_filter.resources),
        traits=asked_traits(snapshot, provider_filter.traits),
        member_of=asked_aggregates(snapshot, provider_filter.member_of),
        in_tree=asked_tree(snapshot, provider_filter.in_tree),
    )
    trail: list[Step] = []
    mask = narrow(PER_PROVIDER, snapshot, asked, _named(snapshot, provider_filter), None, trail)
    return tuple(snapshot.provider(key) for key in snapshot.keys(np.flatnonzero(mask)).tolist())


def _named(snapshot: Snapshot, provider_filter: ProviderFilter) -> Mask:
    """The one provider that uuid and name say, everybody if neither is said."""
    said = ((snapshot.provider_keys, provider_filter.uuid), (snapshot.named_keys, provider_filter.name))
    keys = {known.get(value) for known, value in said if value is not None}
    if not keys:
        return snapshot.everybody()
    mask = snapshot.nobody()
    for key in keys if len(keys) == 1 else ():
        position = None if key is None else snapshot.position(key)
        if position is not None:
            mask.reshape(-1)[position] = True
    return mask
