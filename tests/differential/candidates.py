"""Reading the question and the answer of `GET /allocation_candidates`, as far as judging a difference needs it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

from differential.asks import Answer, Ask
from differential.vocabulary import SHARING

PATH = "/allocation_candidates"


def requests_of(answer: Answer) -> list[Any] | None:
    """The allocation requests of a good answer; None if it is no such answer."""
    document = answer.json()
    if answer.status != 200 or not isinstance(document, dict):
        return None
    requests: list[Any] | None = document.get("allocation_requests")
    return requests


def distinct(requests: list[Any]) -> set[str]:
    """The different allocations among allocation requests, whatever their mappings."""
    return {json.dumps(_held(request), sort_keys=True) for request in requests}


def groups_share_a_class(ask: Ask) -> bool:
    """Whether two groups ask for the same class, and group_policy is not "none"."""
    query = _query(ask)
    classes = Counter(
        name for key, values in query.items() if key.startswith("resources") for name in _resources(values[-1])
    )
    return max(classes.values(), default=0) > 1 and query.get("group_policy", [""])[0] != "none"


def has_unsuffixed_and_suffixed(ask: Ask) -> bool:
    """Whether the unsuffixed group and a suffixed one ask for something."""
    keys = {key for key in _query(ask) if key.startswith("resources")}
    return "resources" in keys and len(keys) > 1


def rests_on_sharing(request: Any, summaries: dict[str, Any]) -> bool:
    """Whether the unsuffixed group of a candidate is served by sharing providers alone (or any, if it is not told)."""
    sharing = {uuid for uuid, summary in summaries.items() if SHARING in summary.get("traits", ())}
    if "mappings" in request:
        return set(request["mappings"].get("", ())) <= sharing
    return bool(_held(request).keys() & sharing)


def amounts_are_right(ask: Ask, request: Any) -> bool:
    """Whether a candidate holds of each class what all groups together ask for."""
    asked: Counter[str] = Counter()
    for key, values in _query(ask).items():
        if key.startswith("resources"):
            asked.update(_resources(values[-1]))
    held: Counter[str] = Counter()
    for resources in _held(request).values():
        held.update(resources)
    return held == asked


def has_group_that_only_excludes(ask: Ask) -> bool:
    """Whether a group without resources asks only for what a provider shall not be, or only for its tree."""
    query = _query(ask)
    constraints = ("required", "member_of", "in_tree")
    suffixes = {key[len(name) :] for key in query for name in constraints if key.startswith(name)} - {""}
    return any(f"resources{suffix}" not in query and not _wants_something(query, suffix) for suffix in suffixes)


def has_tree_of_a_group_without_resources(ask: Ask) -> bool:
    """Whether a group without resources names its tree."""
    query = _query(ask)
    suffixes = {key.removeprefix("in_tree") for key in query if key.startswith("in_tree")} - {""}
    return any(f"resources{suffix}" not in query for suffix in suffixes)


def _wants_something(query: dict[str, list[str]], suffix: str) -> bool:
    """Whether a group asks for a trait or an aggregate that a provider shall have."""
    traits = [name for value in query.get(f"required{suffix}", []) for name in value.split(",")]
    return not all(value.startswith("!") for value in traits + query.get(f"member_of{suffix}", []))


def _query(ask: Ask) -> dict[str, list[str]]:
    return parse_qs(ask.query, keep_blank_values=True) if ask.path == PATH else {}


def _resources(text: str) -> dict[str, int]:
    """What a `resources` value asks for; nothing if it cannot be read."""
    try:
        return {name: int(amount) for name, _, amount in (part.partition(":") for part in text.split(","))}
    except ValueError:
        return {}


def _held(request: Any) -> dict[str, dict[str, int]]:
    """Provider -> class -> amount of an allocation request, in either of its forms."""
    allocations = request["allocations"]
    if isinstance(allocations, dict):
        return {uuid: entry["resources"] for uuid, entry in allocations.items()}
    return {entry["resource_provider"]["uuid"]: entry["resources"] for entry in allocations}
