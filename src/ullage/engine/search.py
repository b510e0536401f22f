"""Allocation candidates: masks over the whole fleet first, then only as many candidates as are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ullage.engine.block import NO_ENTRIES, Integers
from ullage.engine.candidates import Candidates
from ullage.engine.effort import Effort
from ullage.engine.forms import CandidateWriter
from ullage.engine.rules import Assignment
from ullage.engine.snapshot import Snapshot
from ullage.engine.summaries import summaries
from ullage.engine.survey import survey
from ullage.model.candidate import Answer, CandidateRun, Findings, Step
from ullage.model.request import CandidateRequest

CANDIDATES_MAX = 100_000
PROVIDERS_PER_CANDIDATE = 8
"""What a candidate of the ceiling is reckoned to name; one that names more counts for more."""


def search(
    snapshot: Snapshot, request: CandidateRequest, candidates_max: int = CANDIDATES_MAX, effort: Effort | None = None
) -> Answer:
    """The candidates for a request, as `find` finds them, all written down."""
    return find(snapshot, request, candidates_max, effort).written()


def find(
    snapshot: Snapshot, request: CandidateRequest, candidates_max: int = CANDIDATES_MAX, effort: Effort | None = None
) -> Findings:
    """The candidates for a request. Raises UnknownResourceClass and UnknownTraits.

    A pure function: the same snapshot and request give the same answer. Anchors come in the order of provider keys; a
    seed shuffles them and what is chosen under each, and goes round all anchors whatever the strategy. `truncated`
    says that a ceiling (`candidates_max`, or the work that `effort` allows) may have kept candidates back; a `limit`
    that is reached is no ceiling.

    All candidates are found before it returns, as the keys of their providers: some tens of bytes each.
    """
    effort = effort or Effort()
    trail: list[Step] = []
    surveyed = survey(snapshot, request, trail, effort)
    made = Candidates(snapshot, surveyed, request, effort)
    found = _Found()
    is_cut = found.gather(made, request.limit, _ceiling(candidates_max, len(surveyed.slots)))
    if not trail or trail[-1].remaining:
        trail.append(Step(None, "fits_together", made.fitting + found.trees_of_one))
    writer = CandidateWriter(snapshot, surveyed.slots)
    giving = [slot for slot, demands in enumerate(surveyed.rules.demands) if demands]
    is_cut = is_cut or (request.limit is None and effort.was_for(found.count, len(surveyed.slots)))
    # A few trees that are too hard to pack say nothing against what was found elsewhere.
    gave_up = effort.truncated and not is_cut and found.count != request.limit and (effort.is_spent or not found.count)
    return Findings(
        found.count,
        lambda: found.candidates(writer),
        lambda: summaries(snapshot, found.providers(giving), request.nested),
        tuple(trail),
        is_cut or effort.truncated,
        gave_up,
    )


def _ceiling(candidates_max: int, slots: int) -> int:
    """How many candidates may be given, so that the memory of an answer has a bound however wide each is."""
    return min(candidates_max, max(1, candidates_max * PROVIDERS_PER_CANDIDATE // max(1, slots)))


@dataclass
class _Found:
    """The candidates of one search in keys."""

    parts: list[Integers | list[Assignment]] = field(default_factory=list)
    """Trees of one that are a candidate each, and assignments, in the order of the candidates."""
    count: int = 0
    trees_of_one: int = 0

    def gather(self, made: Candidates, limit: int | None, ceiling: int) -> bool:
        """Take what is wanted; whether the ceiling kept candidates back."""
        wanted = ceiling if limit is None else min(limit, ceiling)
        for found in made:
            left = wanted - self.count
            if left == 0:
                return True
            if isinstance(found, tuple):
                self._add(found)
            else:
                self.parts.append(found[:left])
                self.trees_of_one += min(left, len(found))
                self.count += min(left, len(found))
                if len(found) > left:
                    return limit is None or limit > ceiling
            if self.count == limit:
                return False
        return False

    def _add(self, assignment: Assignment) -> None:
        last = self.parts[-1] if self.parts else None
        if isinstance(last, list):
            last.append(assignment)
        else:
            self.parts.append([assignment])
        self.count += 1

    def candidates(self, writer: CandidateWriter) -> Iterator[CandidateRun]:
        for part in self.parts:
            yield from writer.assigned(part) if isinstance(part, list) else writer.plain(part)

    def providers(self, giving: Sequence[int]) -> Integers:
        """The sorted keys of the providers of some slots, each once."""
        keys = [np.unique(np.array(part)[:, giving]) if isinstance(part, list) else part for part in self.parts]
        return np.unique(np.concatenate([NO_ENTRIES, *keys]))
