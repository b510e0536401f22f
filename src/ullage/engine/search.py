"""Allocation candidates."""

from __future__ import annotations

from ullage.engine.snapshot import Snapshot
from ullage.model.candidate import Answer
from ullage.model.request import CandidateRequest

CANDIDATES_MAX = 100_000


def search(snapshot: Snapshot, request: CandidateRequest, candidates_max: int = CANDIDATES_MAX) -> Answer:
    """The candidates for a request. Raises UnknownResourceClass and UnknownTraits."""
    raise NotImplementedError
