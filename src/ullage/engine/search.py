"""Allocation candidates: masks over the whole fleet first, then only as many candidates as are wanted."""

from __future__ import annotations

from ullage.engine.candidates import Candidates
from ullage.engine.effort import Effort
from ullage.engine.snapshot import Snapshot
from ullage.engine.summaries import summaries
from ullage.engine.survey import survey
from ullage.model.candidate import Answer, Candidate, Step
from ullage.model.request import CandidateRequest

CANDIDATES_MAX = 100_000
PROVIDERS_PER_CANDIDATE = 8
"""What a candidate of the ceiling is reckoned to name; one that names more counts for more."""


def search(
    snapshot: Snapshot, request: CandidateRequest, candidates_max: int = CANDIDATES_MAX, effort: Effort | None = None
) -> Answer:
    """The candidates for a request. Raises UnknownResourceClass and UnknownTraits.

    A pure function: the same snapshot and request give the same answer. Anchors come in the order of provider keys; a
    seed shuffles them and what is chosen under each, and goes round all anchors whatever the strategy. `truncated`
    says that a ceiling (`candidates_max`, or the work that `effort` allows) may have kept candidates back; a `limit`
    that is reached is no ceiling.
    """
    effort = effort or Effort()
    trail: list[Step] = []
    found = survey(snapshot, request, trail)
    made = Candidates(snapshot, found, request, effort)
    most = _ceiling(candidates_max, len(found.slots))
    candidates: list[Candidate] = []
    giving: set[int] = set()
    for candidate, providers in made:
        if len(candidates) == most:
            effort.truncated = True
            break
        candidates.append(candidate)
        giving.update(providers)
        if len(candidates) == request.limit:
            break
    if not trail or trail[-1].remaining:
        trail.append(Step(None, "fits_together", made.fitting))
    return Answer(
        tuple(candidates), summaries(snapshot, giving, whole_trees=request.nested), tuple(trail), effort.truncated
    )


def _ceiling(candidates_max: int, slots: int) -> int:
    """How many candidates may be given, so that the memory of an answer has a bound however wide each is."""
    return min(candidates_max, max(1, candidates_max * PROVIDERS_PER_CANDIDATE // max(1, slots)))
