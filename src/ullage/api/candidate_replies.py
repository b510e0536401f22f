"""The reply of GET /allocation_candidates, which may have many thousand rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from ullage.api.http import Call, Response
from ullage.api.replies import with_body
from ullage.api.versions import Feature, Since
from ullage.model.candidate import Answer, Candidate, ProviderSummary
from ullage.model.request import CandidateRequest

TRUNCATED_HEADER = ("ullage-truncated", "true")
"""The answer is not all there is: a ceiling cut the search short."""


class Resources(Struct, gc=False):
    """Amounts by class."""

    resources: Any


class CandidateBody(Struct, gc=False):
    """A candidate on the wire; but for the mappings it is the body of a claim."""

    allocations: Any
    mappings: Any = UNSET


class SummaryBody(Struct, gc=False):
    """A provider summary on the wire."""

    resources: Any
    traits: Any = UNSET
    parent_provider_uuid: str | UnsetType | None = UNSET
    root_provider_uuid: str | UnsetType = UNSET


def _listed(candidate: Candidate) -> CandidateBody:
    return CandidateBody(
        [{"resource_provider": {"uuid": uuid}, "resources": amounts} for uuid, amounts in candidate.allocations.items()]
    )


def _keyed(candidate: Candidate) -> CandidateBody:
    return CandidateBody({uuid: Resources(amounts) for uuid, amounts in candidate.allocations.items()})


def _mapped(candidate: Candidate) -> CandidateBody:
    allocations = {uuid: Resources(amounts) for uuid, amounts in candidate.allocations.items()}
    return CandidateBody(allocations, candidate.mappings)


_CANDIDATE: Since[Callable[[Candidate], CandidateBody]] = Since(
    _listed, {Feature.KEYED_ALLOCATIONS: _keyed, Feature.MAPPINGS: _mapped}
)

Summariser = Callable[[ProviderSummary, frozenset[str]], SummaryBody]


@lru_cache(maxsize=4096)
def _standard_first(traits: tuple[str, ...]) -> tuple[str, ...]:
    """The order in which clients know the traits of a summary; most providers of a fleet share a few sets."""
    return tuple(sorted(traits, key=lambda name: (name.startswith("CUSTOM_"), name)))


def _requested(summary: ProviderSummary, classes: frozenset[str]) -> dict[str, object]:
    return {name: resource for name, resource in summary.resources.items() if name in classes}


def _bare(summary: ProviderSummary, classes: frozenset[str]) -> SummaryBody:
    return SummaryBody(_requested(summary, classes))


def _with_traits(summary: ProviderSummary, classes: frozenset[str]) -> SummaryBody:
    return SummaryBody(_requested(summary, classes), _standard_first(summary.traits))


def _whole(summary: ProviderSummary, classes: frozenset[str]) -> SummaryBody:
    return SummaryBody(summary.resources, _standard_first(summary.traits))


def _in_its_tree(summary: ProviderSummary, classes: frozenset[str]) -> SummaryBody:
    return SummaryBody(summary.resources, _standard_first(summary.traits), summary.parent_uuid, summary.root_uuid)


_SUMMARY: Since[Summariser] = Since(
    _bare,
    {
        Feature.CANDIDATES_REQUIRED: _with_traits,
        Feature.ALL_CLASSES_IN_SUMMARIES: _whole,
        Feature.NESTED_CANDIDATES: _in_its_tree,
    },
)


def candidates(call: Call, request: CandidateRequest, answer: Answer) -> Response:
    """Candidates with the summaries of their providers. Its time is now: it tells what could be had at this moment."""
    shape, summarise = _CANDIDATE.at(call.version), _SUMMARY.at(call.version)
    if shape is None or summarise is None:
        raise LookupError(f"no candidates at {call.version}")  # both tables begin at the beginning
    classes = frozenset(name for group in request.groups for name in group.resources)
    body = {
        "allocation_requests": list(map(shape, answer.candidates)),
        "provider_summaries": {uuid: summarise(summary, classes) for uuid, summary in answer.summaries.items()},
    }
    response = with_body(call, body)
    if answer.truncated:
        response.headers.append(TRUNCATED_HEADER)
    return response
