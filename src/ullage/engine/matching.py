"""Whether some slots can be seated all at once: a bound that ends hopeless walks early."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Seating:
    """Slots seated on providers, each of which has a number of seats. Grown slot by slot along augmenting paths.

    A provider that is full stays full, whoever is moved; so slots that share a list of choices (the same object) look
    through it for free seats once between them.
    """

    seats: dict[int, int]
    """Provider key -> seats that are still free. Providers that are missing have none."""
    steps: int = 0
    """How many choices were looked at."""
    _place: dict[int, int] = field(default_factory=dict)
    _seated: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    _looked_through: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    def seat(self, slot: int, choices: Mapping[int, Sequence[int]]) -> bool:
        """Seat one more slot, moving others if need be; False if that cannot be, whatever is moved."""
        reached_from: dict[int, int] = {}
        waiting = [slot]
        while waiting:
            mover = waiting.pop()
            provider = self._with_free_seat(choices[mover])
            if provider is not None:
                reached_from[provider] = mover
                self.seats[provider] -= 1
                self._move(provider, reached_from)
                return True
            self.steps += len(choices[mover])
            for provider in choices[mover]:
                if provider not in reached_from and self._seated[provider]:
                    reached_from[provider] = mover
                    waiting.extend(self._seated[provider])
        return False

    def _with_free_seat(self, some: Sequence[int]) -> int | None:
        at = self._looked_through[id(some)]
        while at < len(some) and self.seats.get(some[at], 0) <= 0:
            at += 1
        self.steps += at + 1 - self._looked_through[id(some)]
        self._looked_through[id(some)] = at
        return some[at] if at < len(some) else None

    def _move(self, provider: int, reached_from: Mapping[int, int]) -> None:
        """Seat who came for a provider there, then who came for the seat that this one left, and so on."""
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
