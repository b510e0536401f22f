"""Allocation candidates."""

from __future__ import annotations

from ullage.api import candidate_replies, queries
from ullage.api.handlers.questions import in_resources
from ullage.api.http import Call, Response
from ullage.operations import candidates


def find(call: Call) -> Response:
    """GET /allocation_candidates"""
    request = queries.candidates(call.query, call.version)
    arrival = call.service.mirror.arrive()
    with call.service.searching.taken():
        with in_resources():
            findings = candidates.find(call.service, request, arrival)
        return candidate_replies.candidates(call, request, findings)
