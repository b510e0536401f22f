"""Choosing one provider for every slot under one anchor: lazily, so that the first answers cost only themselves.

A walk goes depth first through the choices of the slots. What cannot be completed is left as early as is cheap to see:
choices that can be part of no subtree are struck out beforehand; a slot of a run of alike slots leaves seats for the
rest of its run; and once many tries have led nowhere, each step is first checked by a matching. What stays hard
(packing unequal amounts is) is cut by `Effort`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ullage.engine.block import NO_KEY
from ullage.engine.effort import CHECKED_FROM, FRUITLESS_AT_ANCHOR_MAX, TROUBLE, VISIT, Effort, found_walking
from ullage.engine.lineage import Lineage, in_one_subtree
from ullage.engine.matching import seats_all
from ullage.engine.rules import Anchor, Assignment, Rules


@dataclass
class _Seat:
    """A slot as the walk sees it."""

    slot: int
    choices: tuple[int, ...]
    is_suffixed: bool
    gives: bool
    """Whether its provider gives resources."""
    wants: tuple[tuple[dict[int, int], int], ...]
    """For each contended class what is left by provider, and the amount wanted of it."""
    subtrees: tuple[int, ...]
    run_left: int = 1
    """How many slots of its run begin here: alike in choices, wants and subtrees, they are interchangeable."""
    continues_run: bool = False


class Walk:
    """All ways to fill the slots under one anchor. A walk is made for one pass and not used again.

    `distinct`: of assignments that only swap the providers of alike slots one is made, and where slots without
    resources can be filled in several ways one way is. `sharing`, if not empty, has the sharing providers of each slot:
    assignments to them alone are left out.
    """

    def __init__(
        self,
        rules: Rules,
        anchor: Anchor,
        lineage: Lineage,
        effort: Effort,
        distinct: bool,
        sharing: Sequence[frozenset[int]] = (),
    ) -> None:
        self._rules = rules
        self._anchor = anchor
        self._lineage = lineage
        self._effort = effort
        self._distinct = distinct
        self._sharing = sharing
        self._room = {class_key: dict(left) for class_key, left in anchor.room.items()}
        effort.spend(sum(len(anchor.choices[slot]) for slots in rules.subtrees for slot in slots))
        self._is_unaffordable = effort.gave_up()
        choices, self._tops = (
            (anchor.choices, [frozenset()] * len(rules.subtrees))
            if self._is_unaffordable
            else _struck_out(rules, anchor, lineage, effort)
        )
        self.is_hopeless = not all(choices)
        """Whether some slot has no choice left, before any was tried."""
        self.is_finished = False
        """Whether everything was tried; otherwise the walk was cut."""
        self.left_out = distinct and not all(demands for demands in rules.demands)
        """Whether a finished walk that is `distinct` may have left out assignments that another would make."""
        self._seats = self._in_order(choices)
        self._width = sum(len(some) for some in choices)
        count = len(self._seats)
        self._depths = sorted(range(count), key=lambda depth: self._seats[depth].slot)
        """By slot, where it is in the order of the walk."""
        self._tries = VISIT + self._width // 2
        self._pause_at = effort.pause_after
        self._try_costs = len(rules.subtrees) // 4
        """What judging a choice by trees counts for, besides the look at it."""
        self._next = [0] * count
        self._stop = [0] * count
        self._found = [0] * count
        self._chosen = [0] * count
        self._used: set[int] = set()
        self._tree_users: dict[int, list[int]] = {}
        self._covered = [0] * (count + 1)
        self._coming_traits = self._traits_from(count)
        self._lowest = [[NO_KEY] * (count + 1) for _ in rules.subtrees]
        self._has_top = [[False] * (count + 1) for _ in rules.subtrees]
        self._coming_tops = [self._choices_from(count, number) for number in range(len(rules.subtrees))]
        self._has_own = [not sharing] * (count + 1)
        self._coming_own = self._own_from(count)
        self._has_tree_rules = bool(
            rules.subtrees or rules.one_provider_per_tree or rules.traits_together or self._sharing
        )

    def assignments(
        self, accept: Callable[[Assignment], bool], refusals_max: int | None = None
    ) -> Iterator[Assignment]:
        """Those assignments that `accept` takes. Gives up after so many refusals in a row, if a number is said."""
        if self._is_unaffordable:
            return
        if self.is_hopeless or (self._width > CHECKED_FROM and not self._can_complete(0)):
            self.is_finished = True
            self._flush()
            return
        last = len(self._seats) - 1
        back = self._last_giving() if self._distinct else last
        refusals = depth = 0
        self._enter(0)
        while not self._is_exhausted():
            if not self._take_next(depth):
                if depth == 0:
                    self.is_finished = True
                    break
                depth -= 1
                self._give_back(depth)
            elif depth < last:
                if self._tries > TROUBLE * self._width and not self._can_complete(depth + 1):
                    self._give_back(depth)
                else:
                    depth += 1
                    self._enter(depth)
            else:
                assignment = self._assignment()
                for taken in range(last, back - 1, -1):
                    self._give_back(taken)
                depth = back
                if accept(assignment):
                    self._tries += found_walking(last + 1)
                    self._flush()
                    refusals = 0
                    yield assignment
                    continue
                self.left_out = True
                self._tries += last + 1
                refusals += 1
                if not self._distinct:
                    self._flush()  # only what was given is refused here, and once
                elif refusals_max is not None and refusals > refusals_max:
                    break
        self._flush()

    # Preparation

    def _in_order(self, choices: Sequence[tuple[int, ...]]) -> list[_Seat]:
        """Slots in the order of the walk: those that give resources first, the fewest choices first, runs together."""
        rules = self._rules
        kinds: dict[object, int] = {}
        ordered = []
        for slot, some in enumerate(choices):
            demands = rules.demands[slot]
            wants = tuple((self._room[key], amount) for key, amount in demands if key in rules.contended)
            subtrees = tuple(number for number, slots in enumerate(rules.subtrees) if slot in slots)
            seat = _Seat(slot, some, rules.is_suffixed[slot], bool(demands), wants, subtrees)
            kind = kinds.setdefault((demands, some, subtrees, seat.is_suffixed), slot)
            ordered.append((not seat.gives, len(some), kind, slot, seat))
        ordered.sort(key=lambda entry: entry[:4])
        seats = [entry[4] for entry in ordered]
        for place in range(len(seats) - 2, -1, -1):
            if ordered[place][2] == ordered[place + 1][2]:
                self.left_out = self.left_out or self._distinct
                seats[place].run_left = seats[place + 1].run_left + 1
                seats[place + 1].continues_run = True
        return seats

    def _last_giving(self) -> int:
        return max(depth for depth, seat in enumerate(self._seats) if seat.gives)

    def _traits_from(self, count: int) -> list[int]:
        """By depth: the bits of `traits_together` that the slots from there on could bring."""
        coming = [0] * (count + 1)
        if self._rules.traits_together:
            for depth in range(count - 1, -1, -1):
                coming[depth] = coming[depth + 1]
                if not self._seats[depth].is_suffixed:
                    for provider in self._seats[depth].choices:
                        coming[depth] |= self._anchor.traits[provider]
        return coming

    def _own_from(self, count: int) -> list[bool]:
        """By depth: whether a slot from there on has a choice that is not shared."""
        coming = [False] * (count + 1)
        if self._sharing:
            for depth in range(count - 1, -1, -1):
                seat = self._seats[depth]
                coming[depth] = coming[depth + 1] or not self._sharing[seat.slot].issuperset(seat.choices)
        return coming

    def _choices_from(self, count: int, number: int) -> list[tuple[frozenset[int], ...]]:
        """By depth: the distinct choices of the slots of a subtree from there on."""
        coming: list[tuple[frozenset[int], ...]] = [()] * (count + 1)
        known: set[tuple[int, ...]] = set()
        for depth in range(count - 1, -1, -1):
            coming[depth] = coming[depth + 1]
            seat = self._seats[depth]
            if number in seat.subtrees and seat.choices not in known:
                known.add(seat.choices)
                coming[depth] = (*coming[depth + 1], frozenset(seat.choices))
        return coming

    # Steps

    def _enter(self, depth: int) -> None:
        """Begin with a slot's choices, where those of its run begin that have not been combined yet."""
        seat = self._seats[depth]
        self._next[depth] = self._next[depth - 1] - 1 if self._distinct and seat.continues_run else 0
        self._stop[depth] = len(seat.choices)
        if self._distinct and seat.run_left > 1 and (seat.wants or (self._rules.isolate and seat.is_suffixed)):
            self._stop[depth] = self._stop_for_run(depth, seat)

    def _stop_for_run(self, depth: int, seat: _Seat) -> int:
        """Beyond which choice a slot must not go, because the rest of its run would not find seats from there on."""
        start = self._next[depth]
        place, found = len(seat.choices), 0
        if seat.continues_run:
            # The seats from the last border on are those that were counted for it, less the one that was taken.
            place = self._stop[depth - 1] - 1
            found = self._found[depth - 1] - (start == place)
            while found - (here := self._seats_at(seat, place)) >= seat.run_left:
                place, found = place + 1, found - here
        else:
            while found < seat.run_left and place > start:
                place -= 1
                found += self._seats_at(seat, place)
        self._found[depth] = found
        return place + 1 if found >= seat.run_left else start

    def _seats_at(self, seat: _Seat, place: int) -> int:
        """How many slots of a kind a choice can take by itself."""
        self._tries += 1
        provider = seat.choices[place]
        seats = min((left[provider] // amount for left, amount in seat.wants), default=1)
        if self._rules.isolate and seat.is_suffixed:
            return min(seats, 0 if provider in self._used else 1)
        return seats

    def _take_next(self, depth: int) -> bool:
        """Take the next choice of a slot that does not contradict what is chosen already."""
        seat, start, stop = self._seats[depth], self._next[depth], self._stop[depth]
        place = start
        while (place := self._first_with_room(seat, place, stop)) < stop:
            provider = seat.choices[place]
            place += 1
            self._tries += self._try_costs
            if not self._has_tree_rules or self._suits_tree(depth, seat, provider):
                self._tries += place - start
                self._next[depth] = place
                self._take(depth, seat, provider)
                return True
        self._tries += stop - start + 1
        return False

    def _first_with_room(self, seat: _Seat, start: int, stop: int) -> int:
        """Where, from some place on, the next choice stands that has room for a slot; `stop` if none has."""
        choices, isolated = seat.choices, self._rules.isolate and seat.is_suffixed
        if len(seat.wants) == 1 and not isolated:  # as it is in wide trees, where nothing is done as often as this
            left, amount = seat.wants[0]
            for place in range(start, stop):
                if left[choices[place]] >= amount:
                    return place
            return stop
        for place in range(start, stop):
            provider = choices[place]
            if isolated and provider in self._used:
                continue
            for left, amount in seat.wants:
                if left[provider] < amount:
                    break
            else:
                return place
        return stop

    def _take(self, depth: int, seat: _Seat, provider: int) -> None:
        self._chosen[depth] = provider
        for left, amount in seat.wants:
            left[provider] -= amount
        if seat.is_suffixed:
            if self._rules.isolate:
                self._used.add(provider)
        elif self._rules.traits_together:
            self._covered[depth + 1] = self._covered[depth] | self._anchor.traits[provider]
        if self._rules.one_provider_per_tree and seat.gives:
            self._tree_users.setdefault(self._anchor.roots[provider], []).append(provider)

    def _give_back(self, depth: int) -> None:
        seat, provider = self._seats[depth], self._chosen[depth]
        for left, amount in seat.wants:
            left[provider] += amount
        if seat.is_suffixed and self._rules.isolate:
            self._used.discard(provider)
        if self._rules.one_provider_per_tree and seat.gives:
            self._tree_users[self._anchor.roots[provider]].pop()

    def _assignment(self) -> Assignment:
        return tuple(map(self._chosen.__getitem__, self._depths))

    # Rules about trees

    def _suits_tree(self, depth: int, seat: _Seat, provider: int) -> bool:
        rules = self._rules
        if self._sharing:
            self._has_own[depth + 1] = self._has_own[depth] or provider not in self._sharing[seat.slot]
            if not (self._has_own[depth + 1] or self._coming_own[depth + 1]):
                return False
        if rules.one_provider_per_tree and seat.gives:
            users = self._tree_users.get(self._anchor.roots[provider])
            if users and users[-1] != provider:
                return False
        if rules.traits_together:
            brings = 0 if seat.is_suffixed else self._anchor.traits[provider]
            self._covered[depth + 1] = self._covered[depth] | brings
            if (self._covered[depth + 1] | self._coming_traits[depth + 1]) != rules.traits_together:
                return False
        return all(self._suits_subtree(number, depth, seat, provider) for number in range(len(rules.subtrees)))

    def _suits_subtree(self, number: int, depth: int, seat: _Seat, provider: int) -> bool:
        """Whether a subtree can still get a chosen provider on top of all that are chosen for it."""
        lowest, has_top = self._lowest[number], self._has_top[number]
        if number not in seat.subtrees:
            lowest[depth + 1], has_top[depth + 1] = lowest[depth], has_top[depth]
            return True
        before = lowest[depth]
        common = provider if before == NO_KEY else self._lineage.common(before, provider)
        if common == NO_KEY:
            return False
        lowest[depth + 1] = common
        has_top[depth + 1] = common == provider or (common == before and has_top[depth])
        if has_top[depth + 1]:
            return True
        coming, tops = self._coming_tops[number][depth + 1], self._tops[number]
        return any(node in tops and any(node in some for some in coming) for node in self._lineage.upwards(common))

    # Bounds

    def _is_exhausted(self) -> bool:
        tries = self._tries + self._lineage.steps // 4
        if tries >= self._pause_at:
            self._pause_at = tries + self._effort.pause_after
            self._effort.make_way()
        return tries > FRUITLESS_AT_ANCHOR_MAX + 10 * self._width or tries > self._effort.left

    def _flush(self) -> None:
        self._effort.spend(self._tries + self._lineage.steps // 4)
        self._tries = self._lineage.steps = 0
        self._pause_at = self._effort.pause_after

    def _can_complete(self, depth: int) -> bool:
        """Whether the slots from a depth on can be filled as far as seats alone go: necessary, not sufficient."""
        coming = self._seats[depth:]
        if self._rules.isolate:
            suffixed = [seat for seat in coming if seat.is_suffixed]
            free = {provider: 1 for seat in suffixed for provider in seat.choices if provider not in self._used}
            if not self._seats_all(suffixed, free):
                return False
        return all(self._has_seats(coming, self._room[class_key]) for class_key in self._rules.contended)

    def _has_seats(self, coming: Sequence[_Seat], room: dict[int, int]) -> bool:
        wanting = {seat.slot: amount for seat in coming for left, amount in seat.wants if left is room}
        if not wanting:
            return True
        some = [seat for seat in coming if seat.slot in wanting]
        providers = frozenset[int]().union(*{seat.choices for seat in some})
        self._tries += len(providers)
        if sum(wanting.values()) > sum(room[provider] for provider in providers):
            return False
        least = min(wanting.values())
        return self._seats_all(some, {provider: room[provider] // least for provider in providers})

    def _seats_all(self, seats: Sequence[_Seat], free: dict[int, int]) -> bool:
        fitting: dict[object, list[int]] = {}
        choices: dict[int, list[int]] = {}
        for seat in seats:
            kind = (seat.choices, self._rules.demands[seat.slot])
            if kind not in fitting:
                self._tries += len(seat.choices)
                fitting[kind] = [key for key in seat.choices if all(left[key] >= some for left, some in seat.wants)]
            choices[seat.slot] = fitting[kind]
        answer, steps = seats_all(free, choices)
        self._tries += steps + 2 * len(seats)
        return answer


def _struck_out(
    rules: Rules, anchor: Anchor, lineage: Lineage, effort: Effort
) -> tuple[tuple[tuple[int, ...], ...], list[frozenset[int]]]:
    """The choices without those that can be part of no subtree they must be in, and the tops of each subtree."""
    choices = list(anchor.choices)
    tops = []
    for slots in rules.subtrees:
        effort.make_way()
        kept, top = in_one_subtree(lineage, [choices[slot] for slot in slots])
        tops.append(top)
        for slot, some in zip(slots, kept, strict=True):
            choices[slot] = some
    return tuple(choices), tops
