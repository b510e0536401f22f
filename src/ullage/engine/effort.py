"""How much work a search may do without finding anything: the bound that holds when every cleverer one has failed."""

from __future__ import annotations

from dataclasses import dataclass

FRUITLESS_MAX = 2_000_000
"""Tries of a choice in a whole search that led to no answer: about a second or two."""
TRIES_MAX = 20_000_000
"""All tries of a search, fruitful or not: some ten seconds for the largest answers from the widest trees."""
FRUITLESS_AT_ANCHOR_MAX = 100_000
"""The same under one anchor, so that one hopeless tree does not use up what the others need; and ten looks at every
choice of every slot on top, for trees that are as wide as that."""
FREE_PER_PROVIDER = 16
"""Tries that an answer may cost for every provider that it names before they count as fruitless."""
TROUBLE = 4
"""After so many looks at every choice of every slot without an answer, each further step is checked by a matching."""
CHECKED_FROM = 48
"""Choices of all slots from which on one matching is tried before the first step."""
VISIT = 8
"""What visiting an anchor counts for, besides a quarter of a try for every choice there is under it."""
DUPLICATES_MAX = 64
"""After so many assignments in a row that repeat allocations, the rest are left to the walk of permutations."""


@dataclass
class Effort:
    """The work of one search. `truncated` says that something was given up."""

    fruitless_left: int = FRUITLESS_MAX
    truncated: bool = False
    tries: int = 0
    """All tries, for whoever wants to count the work of a search."""

    @property
    def left(self) -> int:
        """How many tries may still be spent; at none, the search must come to an end."""
        return min(self.fruitless_left, TRIES_MAX - self.tries)

    def spend(self, tries: int, free: int = 0) -> None:
        """Count tries, all but the free ones as fruitless."""
        self.tries += tries
        self.fruitless_left -= max(0, tries - free)
