"""How much work a search may do without finding anything: the bound that holds when every cleverer one has failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

WORK_MAX = 1_500_000
"""What a search may do, found or not: less than a second at the worst. A unit is a look at one choice, about half a
microsecond; what costs more counts for more."""
FRUITLESS_AT_ANCHOR_MAX = 100_000
"""Tries under one anchor without an answer, so that one hopeless tree does not use up what the others need; and ten
looks at every choice of every slot on top, for trees that are as wide as that."""
TROUBLE = 4
"""After so many looks at every choice of every slot without an answer, each further step is checked by a matching."""
CHECKED_FROM = 48
"""Choices of all slots from which on one matching is tried before the first step."""
VISIT = 8
"""What visiting an anchor counts for, besides half a try for every choice there is under it."""
GLANCE = 3
"""What each slot counts for under an anchor where nothing fits, as can be seen before any is filled."""
FOUND_WALKING, FOUND_AT_ONCE = 26, 10
"""What an answer counts for, besides the tries that led to it and its slots."""
SLOT_WALKING, SLOT_AT_ONCE = 2, 1
"""What each of its slots counts for: it is compared with those of other answers, kept, and written."""
DUPLICATES_MAX = 64
"""After so many assignments in a row that repeat allocations, the rest are left to the walk of permutations."""
ROWS_PER_UNIT = 2048
"""So many providers are judged by one condition in the time of one try, since that is done by columns."""
MEMBERS_PER_UNIT = 512
"""So many members of one trait or aggregate are marked in that time."""
PAUSE_AFTER = 2_000
"""Units between two chances to make way: a millisecond."""
SHARING_PER_UNIT = 2
"""So many sharing providers are listed by an aggregate of theirs in that time."""


def found_walking(slots: int) -> int:
    """What an answer of a walk counts for, besides the tries that led to it."""
    return FOUND_WALKING + SLOT_WALKING * slots


@dataclass
class Effort:
    """The work of one search, counted and not timed, so that it is the same wherever it is done."""

    left: int = WORK_MAX
    """How much may still be done; at none, the search must come to an end."""
    truncated: bool = False
    """Something was given up."""
    done: int = 0
    """All that was done."""
    pause: Callable[[], None] | None = None
    """Called between two steps after every so many units: whoever computes may make way there for somebody else."""
    pause_after: int = PAUSE_AFTER
    _pause_at: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._pause_at = self.pause_after

    @property
    def is_spent(self) -> bool:
        return self.left <= 0

    def spend(self, work: int) -> None:
        """Count work that was done."""
        self.done += work
        self.left -= work
        if self.done >= self._pause_at:
            self.make_way()

    def make_way(self) -> None:
        """Give whoever waits the chance to come between."""
        self._pause_at = self.done + self.pause_after
        if self.pause is not None:
            self.pause()

    def judge(self, providers: int, labels: int, conditions: int) -> None:
        """Count the judging of all providers by some conditions, and by some traits and aggregates."""
        self.spend(providers * conditions // ROWS_PER_UNIT + providers * labels // MEMBERS_PER_UNIT)

    def was_for(self, answers: int, slots: int) -> bool:
        """Whether all of it was spent, and most of it for the answers: they were many, and nothing was in vain."""
        return self.is_spent and 2 * answers * (VISIT + slots + found_walking(slots)) >= self.done

    def gave_up(self) -> bool:
        """Whether nothing may be done any more; if so, something is given up."""
        self.truncated = self.truncated or self.is_spent
        return self.is_spent
