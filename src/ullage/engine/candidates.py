"""Candidates one after the other, made when they are asked for.

First come candidates with distinct allocations, over all anchors; then those that differ from an earlier one in
mappings only. A candidate that only sharing providers serve may hang on several anchors; it is given once.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import islice, pairwise

import numpy as np

from ullage.engine.block import Integers, Mask
from ullage.engine.choices import Gatherer
from ullage.engine.combine import Walk
from ullage.engine.effort import DUPLICATES_MAX, FOUND_AT_ONCE, GLANCE, SLOT_AT_ONCE, VISIT, Effort
from ullage.engine.few import FEW_MAX, FewAssignments, are_independent
from ullage.engine.lineage import Lineage
from ullage.engine.rules import Anchor, Assignment
from ullage.engine.snapshot import Snapshot
from ullage.engine.survey import Survey
from ullage.model.request import CandidateRequest, Strategy

Found = Integers | Assignment
"""The keys of some trees of one that are a candidate each, or the assignment of one candidate."""

CHUNK_FIRST, CHUNK_MAX = 16, 1024
"""How many anchors are gathered at a time: few while a small limit may end it, then four times as many each time."""
ROUND_MAX = 1024
"""How many anchors breadth-first goes round at a time: each walk that is begun takes memory until it has ended."""


class Candidates:
    """The candidates of one survey."""

    def __init__(self, snapshot: Snapshot, survey: Survey, request: CandidateRequest, effort: Effort) -> None:
        self._snapshot = snapshot
        self._survey = survey
        self._effort = effort
        self._lineage = Lineage(snapshot)
        self._seed = None if request.seed is None else request.seed % 2**64
        self._gatherer = Gatherer(snapshot, survey, self._seed)
        # A sample of the candidates of one tree is no sample, so chance walks over all anchors.
        self._is_broad = request.strategy is Strategy.BREADTH_FIRST or self._seed is not None
        may_repeat = bool(survey.rules.contended) or not all(survey.rules.demands)
        self._may_repeat = may_repeat
        """Whether several assignments may come to the same allocations."""
        self._is_independent = are_independent(survey.rules)
        self._wants_permutations = may_repeat and request.permutations
        self._given: dict[int, set[Assignment]] = {}
        """By anchor, the assignments of the first pass; kept for the second."""
        self._shared_sets: set[Hashable] = set()
        self._shared_assignments: set[Assignment] = set()
        self._kinds: dict[frozenset[int], int] = {}
        """By the aggregates that sharing providers serve an anchor through: the first such anchor."""
        self._sharing = tuple(slot.sharing.keys for slot in survey.slots)
        self.fitting = 0
        """How many anchors that are no trees of one gave a candidate so far."""

    def __iter__(self) -> Iterator[Found]:
        yield from self._over(self._visits(), self._distinct)
        if self._wants_permutations:
            yield from self._over(self._returns(), self._permuted)

    # The order of anchors

    def _over(
        self, visits: Iterator[Integers | Anchor], walk: Callable[[Anchor], Iterator[Assignment]]
    ) -> Iterator[Found]:
        round_: list[Iterator[Assignment]] = []
        for visit in visits:
            if self._effort.gave_up():
                break
            if not isinstance(visit, Anchor):
                yield visit
            elif not self._is_broad:
                yield from walk(visit)
            else:
                stream = walk(visit)
                for assignment in islice(stream, 1):
                    yield assignment
                    round_.append(stream)
                if len(round_) == ROUND_MAX:
                    yield from _in_rounds(round_)
                    round_ = []
        yield from _in_rounds(round_)

    def _visits(self) -> Iterator[Integers | Anchor]:
        """Trees of one in runs; others one by one, with what could fill their slots."""
        positions, plain = self._survey.positions, self._survey.plain
        if self._seed is not None:
            order = np.random.default_rng(self._seed).permutation(len(positions))
            positions, plain = positions[order], plain[order]
        start, size = 0, CHUNK_FIRST
        while start < len(positions):
            part = slice(start, start + size)
            yield from self._visit(self._snapshot.keys(positions[part]), plain[part])
            start, size = start + size, min(size * 4, CHUNK_MAX)

    def _visit(self, keys: Integers, plain: Mask) -> Iterator[Integers | Anchor]:
        others = self._gatherer.anchors(keys[~plain].tolist())
        borders = [0, *(np.flatnonzero(plain[1:] != plain[:-1]) + 1).tolist(), len(keys)]
        for start, stop in pairwise(borders):
            if plain[start]:
                yield keys[start:stop]
            else:
                yield from islice(others, stop - start)

    def _returns(self) -> Iterator[Integers | Anchor]:
        """The anchors that anything fits under, again."""
        keys = list(self._given)
        for start in range(0, len(keys), CHUNK_FIRST):
            yield from self._gatherer.anchors(keys[start : start + CHUNK_FIRST])

    # The candidates of an anchor

    def _distinct(self, anchor: Anchor) -> Iterator[Assignment]:
        if self._survey.rules.is_hopeless(anchor):
            width = sum(map(len, anchor.choices))
            self._effort.spend(VISIT + GLANCE * len(self._survey.slots) + width // 2)
            return iter(())
        if self._is_independent:
            few = FewAssignments(self._survey.rules, anchor)
            if few.count <= FEW_MAX:
                return self._tried(few)
        return self._walked(anchor)

    def _tried(self, few: FewAssignments) -> Iterator[Assignment]:
        answers = 0
        for assignment in few:
            self.fitting += not answers
            answers += 1
            if not self._is_shared(assignment, giving=True):
                yield assignment
            elif assignment not in self._shared_sets:
                self._shared_sets.add(assignment)
                yield assignment
        slots = len(self._survey.slots)
        self._effort.spend(VISIT + few.count + slots + answers * (FOUND_AT_ONCE + SLOT_AT_ONCE * slots))

    def _walked(self, anchor: Anchor) -> Iterator[Assignment]:
        seen: set[Hashable] = set()
        given: set[Assignment] = set()
        found = 0

        def accept(assignment: Assignment) -> bool:
            nonlocal found
            self.fitting += not found
            found += 1
            allocations: Hashable = self._totals(assignment) if self._may_repeat else assignment
            known = self._shared_sets if self._is_shared(assignment, giving=True) else seen
            if allocations in known:
                return False
            known.add(allocations)
            self._remember(assignment, given)
            return True

        walk = self._walk(anchor, distinct=True)
        for assignment in walk.assignments(accept, DUPLICATES_MAX if self._wants_permutations else None):
            if self._wants_permutations:
                self._given[anchor.key] = given
            yield assignment
        if walk.is_finished and not walk.left_out:
            self._given.pop(anchor.key, None)  # no other assignment is left for the second pass
        elif self._wants_permutations and found:
            self._given[anchor.key] = given
        elif not walk.is_finished:
            self._effort.truncated = True

    def _permuted(self, anchor: Anchor) -> Iterator[Assignment]:
        given = self._given[anchor.key]

        def accept(assignment: Assignment) -> bool:
            if assignment in given or assignment in self._shared_assignments:
                return False
            if self._is_shared(assignment, giving=False):
                self._shared_assignments.add(assignment)
            return True

        walk = self._walk(anchor, distinct=False)
        yield from walk.assignments(accept)
        if not walk.is_finished:
            self._effort.truncated = True

    def _totals(self, assignment: Assignment) -> bytes:
        """The allocations of an assignment in a form that can be compared and is small: many are remembered."""
        totals: dict[tuple[int, int], int] = {}
        for provider, demands in zip(assignment, self._survey.rules.demands, strict=True):
            for class_key, amount in demands:
                totals[provider, class_key] = totals.get((provider, class_key), 0) + amount
        return array("q", [n for key in sorted(totals) for n in (*key, totals[key])]).tobytes()

    def _walk(self, anchor: Anchor, distinct: bool) -> Walk:
        """A walk that leaves out what only sharing providers serve, if an anchor that they serve alike had its own."""
        first = self._kinds.setdefault(anchor.served_by, anchor.key)
        sharing = self._sharing if anchor.served_by and first != anchor.key else ()
        return Walk(self._survey.rules, anchor, self._lineage, self._effort, distinct, sharing)

    def _remember(self, assignment: Assignment, given: set[Assignment]) -> None:
        if self._is_shared(assignment, giving=False):
            self._shared_assignments.add(assignment)
        elif self._wants_permutations:
            given.add(assignment)

    def _is_shared(self, assignment: Assignment, giving: bool) -> bool:
        """Whether only sharing providers take part (`giving`: of those that give resources), so that other anchors may
        come to the same."""
        return all(
            provider in slot.sharing.keys
            for slot, provider in zip(self._survey.slots, assignment, strict=True)
            if slot.demands or not giving
        )


def _in_rounds(streams: Sequence[Iterator[Assignment]]) -> Iterator[Assignment]:
    """One of each, again and again, until all have ended."""
    while streams:
        going_on = []
        for stream in streams:
            for assignment in islice(stream, 1):
                yield assignment
                going_on.append(stream)
        streams = going_on
