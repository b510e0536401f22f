"""The differences that are meant: each is a row of docs/reference/differences.md under the same name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from differential.asks import Answer, Ask
from differential.candidates import (
    amounts_are_right,
    distinct,
    has_group_that_only_excludes,
    requests_of,
    shares_class_with_suffixed,
)


@dataclass(frozen=True, slots=True)
class Known:
    """A listed difference and how it is recognised.

    `parts_ways`: if the request was a write, the two services no longer hold the same. `mends`: the reference kept
    something that it should not have; once that is taken away it answers the same request as Ullage did.
    """

    slug: str
    matches: Callable[[Ask, Answer, Answer], bool]
    parts_ways: bool = False
    mends: bool = False


def recognise(ask: Ask, theirs: Answer, ours: Answer) -> Known | None:
    """The listed difference that a pair of answers shows, None if it is not listed."""
    return next((known for known in KNOWN if known.matches(ask, theirs, ours)), None)


def _is_refused_here(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    return theirs.status == 500 and 400 <= ours.status < 500


def _met_a_leaked_consumer(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    return "consumer generation conflict - expected 0 but got" in theirs.detail and theirs.detail != ours.detail


def _names_a_provider_in_capitals(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    segments = ask.path.split("/")
    return theirs.status == 404 != ours.status and len(segments) > 2 and segments[2] != segments[2].lower()


def _changes_a_provider(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """Everything but the time is the same."""
    is_update = ask.method == "PUT" and re.fullmatch(r"/resource_providers/[^/]+", ask.path) is not None
    return is_update and theirs.status == ours.status == 200 and theirs.json() == ours.json()


def _reserves_more_than_there_is(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    is_writing = ask.path == "/reshaper" or "/inventories" in ask.path
    return is_writing and theirs.status < 300 and ours.status == 400 and "reserved value is" in ours.detail


def _only_excludes(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    found = requests_of(theirs), requests_of(ours)
    return found[0] == [] and bool(found[1]) and has_group_that_only_excludes(ask)


def _repeats_candidates(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    their_requests, our_requests = requests_of(theirs), requests_of(ours)
    if their_requests is None or our_requests is None or ask.minor is None or ask.minor >= 34 or "limit=" in ask.query:
        return False
    return len(our_requests) == len(distinct(our_requests)) and distinct(their_requests) == distinct(our_requests)


def _adds_up_wrongly(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """All of ours are right, and the reference has none that is right and not among ours."""
    their_requests, our_requests = requests_of(theirs), requests_of(ours)
    if their_requests is None or our_requests is None or not shares_class_with_suffixed(ask):
        return False
    right = [request for request in their_requests if amounts_are_right(ask, request)]
    is_complete = "limit=" in ask.query or distinct(right) <= distinct(our_requests)
    return is_complete and all(amounts_are_right(ask, request) for request in our_requests)


def _is_a_loose_number(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    text = unquote(ask.query)
    return theirs.status < 300 and ours.status == 400 and re.search(r":\s*(\+|\d+_|[^\x00-\x7f])", text) is not None


def _is_a_loose_consumer_type(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    is_asked = ask.path == "/usages" and re.search(r"consumer_type=(all|unknown)[^&]", ask.query) is not None
    return is_asked and theirs.status == 200 and ours.status == 400


def _has_wildcards(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    found = re.search(r"name=startswith:([^&]*)", unquote(ask.query))
    if ask.path != "/traits" or found is None or theirs.status != 200:
        return False
    prefix = found[1]
    return _traits(ours) == [name for name in _traits(theirs) if name.startswith(prefix)]


def _traits(answer: Answer) -> list[str]:
    document: Any = answer.json()
    return sorted(document["traits"]) if isinstance(document, dict) and "traits" in document else []


KNOWN: tuple[Known, ...] = (
    Known("leaked-consumers", _met_a_leaked_consumer, mends=True),
    Known("server-errors", _is_refused_here, parts_ways=True),
    Known("uuids-in-capitals", _names_a_provider_in_capitals, parts_ways=True),
    Known("time-of-a-changed-provider", _changes_a_provider),
    Known("reserved-over-total", _reserves_more_than_there_is, parts_ways=True),
    Known("groups-that-only-exclude", _only_excludes),
    Known("wrong-amounts", _adds_up_wrongly),
    Known("repeated-candidates", _repeats_candidates),
    Known("loose-numbers", _is_a_loose_number),
    Known("loose-consumer-types", _is_a_loose_consumer_type),
    Known("wildcards-in-prefixes", _has_wildcards),
)
