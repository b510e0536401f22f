"""Allocation candidates."""

from __future__ import annotations

from ullage.api import candidate_replies, queries
from ullage.api.handlers.questions import in_resources
from ullage.api.http import Call, InTurn, Response
from ullage.model.errors import BadInput
from ullage.model.request import CandidateRequest
from ullage.operations import candidates


def find(call: Call) -> InTurn:
    """GET /allocation_candidates"""
    request = queries.candidates(call.query, call.version)
    arrival = call.service.mirror.arrive()

    def search() -> Response:
        with in_resources():
            findings = candidates.find(call.service, request, arrival)
        if findings.gave_up:
            raise too_much_work(request)
        return candidate_replies.candidates(call, request, findings, call.service.searching.make_way)

    return InTurn(search)


def too_much_work(request: CandidateRequest) -> BadInput:
    """The refusal of a search that gave up: clients of this API take an answer for all there is."""
    advice = []
    if request.limit is None:
        advice.append("give a `limit`")
    if len(request.groups) > 1:
        advice.append(f"ask for fewer request groups at once than {len(request.groups)}")
    if request.same_subtrees:
        advice.append("tie fewer of them by `same_subtree`")
    if not any(group.in_tree or group.member_of for group in request.groups):
        advice.append("narrow it by `member_of` or `in_tree`")
    return BadInput(
        "The search was ended before it had found what was wanted: it takes more work than one search may. "
        f"To have an answer, {', or '.join(advice or ['ask for less'])}."
    )
