"""Whether some slots can be seated all at once: a bound that ends hopeless walks early."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Seating:
    """Slots seated on providers, each of which has a number of seats. Grown slot by slot along augmenting paths."""

    seats: dict[int, int]
    """Provider key -> seats that are still free. Providers that are missing have none."""
    _place: dict[int, int] = field(default_factory=dict)
    _seated: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    steps: int = 0
    """How many choices were looked at."""

    def seat(self, slot: int, choices: Mapping[int, Sequence[int]]) -> bool:
        """Seat one more slot, moving others if need be; False if that cannot be, whatever is moved."""
        reached_from: dict[int, int] = {}
        waiting = [slot]
        while waiting:
            mover = waiting.pop()
            for provider in choices[mover]:
                self.steps += 1
                if provider in reached_from or provider not in self.seats:
                    continue
                reached_from[provider] = mover
                if self.seats[provider] > 0:
                    self.seats[provider] -= 1
                    self._move(provider, reached_from)
                    return True
                waiting.extend(self._seated[provider])
        return False

    def _move(self, provider: int, reached_from: Mapping[int, int]) -> None:
        while True:
            mover = reached_from[provider]
            before = self._place.get(mover)
            self._place[mover] = provider
            self._seated[provider].add(mover)
            if before is None:
                return
            self._seated[before].discard(mover)
            provider = before


def seats_all(seats: dict[int, int], choices: Mapping[int, Sequence[int]]) -> tuple[bool, int]:
    """Whether every slot (a key of `choices`) can have a seat at one of its choices, and the work of finding out."""
    seating = Seating(seats)
    answer = all(seating.seat(slot, choices) for slot in choices)
    return answer, seating.steps
