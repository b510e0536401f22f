"""What a request says about its slots together, and what is there for them under one anchor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

Assignment = tuple[int, ...]
"""A provider key per slot, in the order of the request's slots."""


@dataclass(frozen=True)
class Rules:
    """What a request says about its slots together. Slots are named by their index."""

    is_suffixed: tuple[bool, ...]
    demands: tuple[tuple[tuple[int, int], ...], ...]
    """Per slot its (class key, amount) pairs."""
    contended: frozenset[int] = frozenset()
    """The classes that several slots want, so that what they take of one provider must be added up."""
    isolate: bool = False
    subtrees: tuple[tuple[int, ...], ...] = ()
    one_provider_per_tree: bool = False
    traits_together: int = 0
    """A bit for every set of traits of which the unsuffixed slots' providers must have one between them."""

    @cached_property
    def totals(self) -> Mapping[int, int]:
        """By contended class, what all slots want together."""
        wanted = Counter[int]()
        for class_key, amount in chain(*self.demands):
            wanted[class_key] += amount
        return {class_key: wanted[class_key] for class_key in self.contended}

    def is_hopeless(self, anchor: Anchor) -> bool:
        """Whether a glance at an anchor shows that nothing fits: a slot without choices, or too little room for all."""
        return not all(anchor.choices) or any(
            wanted > sum(anchor.room[class_key].values()) for class_key, wanted in self.totals.items()
        )


@dataclass(frozen=True)
class Anchor:
    """One root with what could fill each slot under it, and what is known of those providers."""

    key: int
    choices: tuple[tuple[int, ...], ...]
    served_by: frozenset[int] = frozenset()
    """The aggregates in which others share with this tree."""
    room: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    """Class key -> provider key -> the most that all slots together may take; for contended classes."""
    roots: Mapping[int, int] = field(default_factory=dict)
    """Provider key -> root key; if no two providers of a tree may be used."""
    traits: Mapping[int, int] = field(default_factory=dict)
    """Provider key -> the bits of `traits_together` that it brings, if any are wanted."""
