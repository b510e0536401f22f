"""What a search tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ullage.model.allocation import Held


@dataclass(frozen=True, slots=True)
class Step:
    """How many providers (or anchors) were left after a constraint: one line of the answer to "why no room?"."""

    group: str | None
    """The suffix of the group it was applied for; None for a constraint of the whole request."""
    constraint: str
    remaining: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One set of allocations that would satisfy the request, and which providers satisfy which group."""

    allocations: Held
    mappings: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ResourceSummary:
    """Capacity and use of one resource class on one provider."""

    capacity: int
    used: int


@dataclass(frozen=True, slots=True)
class ProviderSummary:
    """The background of a candidate: one provider as the snapshot has it. `traits` are sorted."""

    uuid: str
    parent_uuid: str | None
    root_uuid: str
    resources: Mapping[str, ResourceSummary]
    traits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Candidates, the providers they concern, and the trail of counts. `truncated`: a ceiling cut it short."""

    candidates: tuple[Candidate, ...]
    summaries: Mapping[str, ProviderSummary]
    trail: tuple[Step, ...]
    truncated: bool = False
