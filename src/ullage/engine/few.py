"""The assignments of an anchor whose slots do not concern each other, and which has few: all combinations.

It is so for most of a fleet with sharing providers: each of ten thousand hosts has one choice for every slot. What a
`Walk` prepares would cost ten times as much as the combinations, which are the same, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

from ullage.engine.rules import Anchor, Assignment, Rules

FEW_MAX = 16
"""Up to so many combinations are simply tried."""


def are_independent(rules: Rules) -> bool:
    """Whether what is chosen for one slot restricts no other, but for what all choices have to bring between them."""
    return not (
        rules.contended or rules.isolate or rules.subtrees or rules.one_provider_per_tree or not all(rules.demands)
    )


class FewAssignments:
    """The assignments of one anchor of a request whose slots are independent."""

    def __init__(self, rules: Rules, anchor: Anchor) -> None:
        self._wanted = rules.traits_together
        self._is_suffixed = rules.is_suffixed
        self._anchor = anchor
        self.count = prod(map(len, anchor.choices))
        """How many combinations there are, fitting or not."""

    def __iter__(self) -> Iterator[Assignment]:
        order = _in_order(self._anchor.choices)
        back = sorted(range(len(order)), key=order.__getitem__)
        for chosen in product(*(self._anchor.choices[slot] for slot in order)):
            assignment = tuple(chosen[place] for place in back)
            if self._brings_traits(assignment):
                yield assignment

    def _brings_traits(self, assignment: Assignment) -> bool:
        brought = 0
        if self._wanted:
            for provider, is_suffixed in zip(assignment, self._is_suffixed, strict=True):
                if not is_suffixed:
                    brought |= self._anchor.traits[provider]
        return brought == self._wanted


def _in_order(choices: Sequence[tuple[int, ...]]) -> list[int]:
    """The slots as a walk goes through them: the fewest choices first."""
    return sorted(range(len(choices)), key=lambda slot: len(choices[slot]))
