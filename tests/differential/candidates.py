"""Reading the question and the answer of `GET /allocation_candidates`, as far as judging a difference needs it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

from differential.asks import Answer, Ask

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


def shares_class_with_suffixed(ask: Ask) -> bool:
    """Whether the unsuffixed and a suffixed group ask for the same class and may not meet on purpose."""
    query = _query(ask)
    classes = {key: _resources(values[-1]).keys() for key, values in query.items() if key.startswith("resources")}
    unsuffixed = set(classes.pop("resources", ()))
    suffixed = set().union(*classes.values()) if classes else set()
    return bool(unsuffixed & suffixed) and query.get("group_policy", [""])[-1] != "none"


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
