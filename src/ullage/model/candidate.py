"""What a search tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

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


@dataclass(frozen=True, slots=True, eq=False)
class CandidateForm:
    """What candidates have in common that differ only in who their providers are.

    A provider is an index into the row of uuids that makes a candidate of the form.
    """

    allocations: Mapping[int, Mapping[str, int]]
    mappings: Mapping[str, tuple[int, ...]]
    width: int
    """How many uuids make a row."""

    def filled(self, uuids: Sequence[str]) -> Candidate:
        """The candidate of a row of uuids."""
        return Candidate(
            {uuids[place]: amounts for place, amounts in self.allocations.items()},
            {suffix: tuple(uuids[place] for place in places) for suffix, places in self.mappings.items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class SummaryForm:
    """What summaries have in common that differ only in uuids and numbers.

    The row that makes a summary of the form: uuid, root's uuid, parent's uuid (the root's own, if `is_root`), then
    capacity and use of each class.
    """

    classes: tuple[str, ...]
    traits: tuple[str, ...]
    is_root: bool

    numbers_from: ClassVar[int] = 3
    """Where the numbers begin in a row."""

    @property
    def width(self) -> int:
        """How many elements make a row."""
        return self.numbers_from + 2 * len(self.classes)

    def filled(self, row: Sequence[Any]) -> ProviderSummary:
        """The summary of a row."""
        uuid, root_uuid, parent_uuid, *numbers = row
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        resources = {name: ResourceSummary(*pair) for name, pair in zip(self.classes, pairs, strict=True)}
        return ProviderSummary(uuid, None if self.is_root else parent_uuid, root_uuid, resources, self.traits)


CandidateRun = tuple[CandidateForm, Sequence[Sequence[str]]]
"""Candidates of one form, one after the other: a row of uuids for each."""
SummaryRun = tuple[SummaryForm, Sequence[Sequence[Any]]]
"""Summaries of one form, one after the other."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a search found, and the writing of it: a large answer is never there as a whole.

    `candidates` and `summaries` begin anew with each call; their runs are short enough to be held.
    """

    count: int
    """How many candidates there are."""
    candidates: Callable[[], Iterator[CandidateRun]]
    summaries: Callable[[], Iterator[SummaryRun]]
    """The providers concerned."""
    trail: tuple[Step, ...]
    truncated: bool = False
    """A ceiling cut it short."""
    gave_up: bool = False
    """That ceiling was the work of a search, and less was found than was wanted, or nothing: what was found says little
    about what there is."""

    def written(self) -> Answer:
        """All of it at once."""
        candidates = (form.filled(row) for form, rows in self.candidates() for row in rows)
        summaries = (form.filled(row) for form, rows in self.summaries() for row in rows)
        by_uuid = {summary.uuid: summary for summary in summaries}
        return Answer(tuple(candidates), by_uuid, self.trail, self.truncated)
