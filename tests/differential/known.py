"""The differences that are meant: each is a row of docs/reference/differences.md under the same name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from differential.asks import Answer, Ask
from differential.candidates import (
    amounts_are_right,
    distinct,
    groups_share_a_class,
    has_group_that_only_excludes,
    has_tree_of_a_group_without_resources,
    has_unsuffixed_and_suffixed,
    requests_of,
    rests_on_sharing,
)
from differential.comparing import normalised

SPELLED = re.compile(r'"(?:urn:uuid:)?\{?([0-9a-f]{32})\}?"')


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


def _fails_there(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    return theirs.status == 500 and ours.status < 500


def _met_a_leaked_consumer(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    is_told = b"consumer generation conflict - expected 0 but got" in theirs.body and theirs.detail != ours.detail
    return is_told or (theirs.status >= 400 and _is_new_here(ours))


def _used_a_leaked_consumer(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    return theirs.status == 204 and _is_new_here(ours)


def _is_new_here(ours: Answer) -> bool:
    return b"consumer generation conflict - expected null but got 0" in ours.body


def _names_something_in_capitals(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """The reference does not find the provider or the consumer, on SQLite."""
    segments = ask.path.split("/")
    is_in_capitals = len(segments) > 2 and segments[2] != segments[2].lower()
    is_unfound = "No resource provider with uuid" in theirs.detail or "No allocations for consumer" in theirs.detail
    is_unfound |= theirs.json() == {"allocations": {}}
    return is_in_capitals and is_unfound and theirs.body != ours.body


def _spells_a_uuid_otherwise(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """The reference keeps a uuid as it was written; but for its spelling both say the same."""
    documents = [normalised(answer.json()) for answer in (theirs, ours)]
    if not theirs.status == ours.status == 200 or documents[0] == documents[1]:
        return False
    texts = [json.dumps(document).replace("-", "").lower() for document in documents]
    plain = [normalised(json.loads(SPELLED.sub(r'"\1"', text))) for text in texts]
    return bool(plain[0] == plain[1])


def _changes_a_provider(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """Everything but the time is the same."""
    is_update = ask.method == "PUT" and re.fullmatch(r"/resource_providers/[^/]+", ask.path) is not None
    return is_update and theirs.status == ours.status == 200 and theirs.json() == ours.json()


def _sets_traits(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """Everything but the time is the same."""
    is_about_traits = re.fullmatch(r"/resource_providers/[^/]+/traits", ask.path) is not None
    is_same = normalised(theirs.json()) == normalised(ours.json())
    return is_about_traits and theirs.status == ours.status == 200 and is_same


def _is_empty_before_it_is_judged(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    is_empty = requests_of(theirs) == [] or theirs.json() == {"resource_providers": []}
    return is_empty and ours.status == 400 and re.search(r"No such (trait|resource class)", ours.detail) is not None


def _shows_an_inventory(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """Everything but the time is the same."""
    is_shown = re.fullmatch(r"/resource_providers/[^/]+/inventories(/[^/]+)?", ask.path) is not None
    return is_shown and ask.method == "GET" and theirs.status == ours.status == 200 and theirs.json() == ours.json()


def _has_unknown_operator(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    is_asked = ask.path == "/traits" and re.search(r"name=(?!in:|startswith:)[^&]*:", unquote(ask.query)) is not None
    return is_asked and theirs.status == 200 and ours.status == 400


def _repeats_a_key(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    keys = [pair.partition("=")[0] for pair in ask.query.split("&")]
    is_judged = ours.status == 400 and "Invalid query string parameters" in ours.detail
    return is_judged and theirs.status == 200 and len(keys) > len(set(keys))


def _reserves_more_than_there_is(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """In a reshape, where the reference does not look at all, it may find something else to refuse."""
    is_known = ask.path == "/reshaper" or ("/inventories" in ask.path and theirs.status < 300)
    return is_known and ours.status == 400 and "reserved value is" in ours.detail


def _maps_to_what_is_none(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    return ours.status == 400 and "['mappings']" in ours.detail


def _only_excludes(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    found = requests_of(theirs), requests_of(ours)
    return found[0] == [] and bool(found[1]) and has_group_that_only_excludes(ask)


def _adds_up_wrongly(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """All of ours are right, and the reference has none that is right and not among ours."""
    their_requests, our_requests = requests_of(theirs), requests_of(ours)
    if their_requests is None or our_requests is None or not groups_share_a_class(ask):
        return False
    right = [request for request in their_requests if amounts_are_right(ask, request)]
    is_complete = "limit=" in ask.query or distinct(right) <= distinct(our_requests)
    return is_complete and all(amounts_are_right(ask, request) for request in our_requests)


def _loses_anchors(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """Ours are all of the reference's and more, each of which rests on sharing providers."""
    their_requests, our_requests = requests_of(theirs), requests_of(ours)
    if their_requests is None or our_requests is None or not has_unsuffixed_and_suffixed(ask):
        return False
    summaries = ours.json()["provider_summaries"]
    if "limit=" in ask.query:
        return len(our_requests) >= len(their_requests) and any(
            rests_on_sharing(each, summaries) for each in our_requests
        )
    known = [normalised(each) for each in their_requests]
    more = [each for each in our_requests if normalised(each) not in known]
    return len(more) == len(our_requests) - len(known) > 0 and all(rests_on_sharing(each, summaries) for each in more)


def _forgets_a_tree(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    """The reference has all of ours and more."""
    their_requests, our_requests = requests_of(theirs), requests_of(ours)
    if their_requests is None or our_requests is None or not has_tree_of_a_group_without_resources(ask):
        return False
    return "limit=" in ask.query or distinct(our_requests) <= distinct(their_requests)


def _holds_a_nul(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    is_there = "%00" in ask.target or b"\\u0000" in (ask.body or b"")
    return is_there and ours.status == 400 and ("NUL" in ours.detail or "x00" in ours.detail)


def _is_beyond_64_bits(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    sentence = r"than the (maximum|minimum) of -?92233720368547758"
    return ours.status == 400 and re.search(sentence, ours.detail) is not None


def _is_no_text(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    return ours.status == 400 and "is not UTF-8" in ours.detail and "%" in ask.query


def _has_a_name_of_two_lines(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    return b"\\n" in (ask.body or b"") and ours.status == 400


def _has_a_line_feed(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    return ask.path.endswith("%0A") and 400 <= ours.status < 500


def _has_no_name(ask: Ask, theirs: Answer, ours: Answer) -> bool:
    is_update = ask.method == "PUT" and re.fullmatch(r"/resource_providers/[^/]+", ask.path) is not None
    return is_update and ours.status == 400 and "'' should be non-empty" in ours.detail


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
    Known("leaked-consumers", _used_a_leaked_consumer, parts_ways=True),
    Known("server-errors", _fails_there, parts_ways=True),
    Known("spellings-of-uuids", _names_something_in_capitals, parts_ways=True),
    Known("spellings-of-uuids", _spells_a_uuid_otherwise, parts_ways=True),
    Known("time-of-a-changed-provider", _changes_a_provider),
    Known("time-of-a-providers-traits", _sets_traits),
    Known("time-of-an-inventory", _shows_an_inventory),
    Known("unknown-operators", _has_unknown_operator),
    Known("repeated-keys", _repeats_a_key),
    Known("unknown-names", _is_empty_before_it_is_judged),
    Known("reserved-over-total", _reserves_more_than_there_is, parts_ways=True),
    Known("groups-that-only-exclude", _only_excludes),
    Known("trees-of-groups-without-resources", _forgets_a_tree),
    Known("lost-anchors", _loses_anchors),
    Known("wrong-amounts", _adds_up_wrongly),
    Known("loose-mappings", _maps_to_what_is_none, parts_ways=True),
    Known("queries-that-are-no-text", _is_no_text, parts_ways=True),
    Known("loose-names", _has_a_name_of_two_lines, parts_ways=True),
    Known("nul-characters", _holds_a_nul, parts_ways=True),
    Known("numbers-beyond-64-bits", _is_beyond_64_bits, parts_ways=True),
    Known("line-feeds-in-paths", _has_a_line_feed, parts_ways=True),
    Known("empty-names", _has_no_name, parts_ways=True),
    Known("loose-numbers", _is_a_loose_number),
    Known("loose-consumer-types", _is_a_loose_consumer_type),
    Known("wildcards-in-prefixes", _has_wildcards),
)
