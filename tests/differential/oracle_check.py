"""Holds the oracle of allocation candidates to the reference service: the same worlds and questions, the same answers.

`python -m differential.oracle_check [COUNT] [FIRST]`. A difference is printed as a world and a query.
What the reference is known to answer wrongly is not asked: see `is_answered_right`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx
from engine.oracle import Allocations, Mappings, candidates, summaries
from worlds import World, make_request, make_world, uuid_of

from differential.seeding import SeededReference
from ullage.model.names import SHARING_TRAIT
from ullage.model.request import CandidateRequest, GroupPolicy, LabelFilter, RequestGroup

HEADERS = {"X-Auth-Token": "admin", "Accept": "application/json"}
NEWEST, BEFORE_NESTED = "1.39", "1.28"

Found = set[tuple[Allocations, Mappings]]


def query(request: CandidateRequest) -> str:
    """The question on the wire."""
    parts: list[tuple[str, str]] = []
    for group in request.groups:
        if group.resources:
            asked = ",".join(f"{name}:{amount}" for name, amount in group.resources.items())
            parts.append((f"resources{group.suffix}", asked))
        parts += [(f"required{group.suffix}", value) for value in _trait_values(group.traits)]
        parts += [(f"member_of{group.suffix}", value) for value in _values(group.member_of)]
        if group.in_tree:
            parts.append((f"in_tree{group.suffix}", group.in_tree))
    if request.group_policy:
        parts.append(("group_policy", request.group_policy.value))
    if request.root_traits:
        names = [next(iter(each)) for each in request.root_traits.required]
        parts.append(("root_required", ",".join([*names, *(f"!{name}" for name in request.root_traits.forbidden)])))
    parts += [("same_subtree", ",".join(sorted(suffixes))) for suffixes in request.same_subtrees]
    return urlencode(parts)


def _values(labels: LabelFilter) -> list[str]:
    """One value for each condition."""
    required = [next(iter(each)) if len(each) == 1 else f"in:{','.join(sorted(each))}" for each in labels.required]
    return [*required, *(f"!{name}" for name in sorted(labels.forbidden))]


def _trait_values(labels: LabelFilter) -> list[str]:
    """All plain names in one value: of several, old versions hear the last one only."""
    values = _values(labels)
    plain = ",".join(value for value in values if not value.startswith("in:"))
    return [*([plain] if plain else []), *(value for value in values if value.startswith("in:"))]


def is_answered_right(request: CandidateRequest) -> bool:
    """Whether the reference has no known fault with a question of this kind.

    It adds up wrongly what several groups ask of one class unless group_policy is none; and of a group without
    resources it forgets the tree, and finds nothing unless that group requires something.
    """
    classes = Counter(name for group in request.groups for name in group.resources)
    if request.group_policy is not GroupPolicy.NONE and max(classes.values()) > 1:
        return False
    resourceless = [group for group in request.groups if not group.resources]
    return all(not group.in_tree and bool(group.traits.required or group.member_of.required) for group in resourceless)


def for_old_askers(request: CandidateRequest) -> CandidateRequest:
    """What is left of a question before trees were known: numbered groups with resources, and plain filters."""
    groups = []
    for group in request.groups:
        if group.resources:
            traits = LabelFilter(
                tuple(each for each in group.traits.required if len(each) == 1), group.traits.forbidden
            )
            suffix = str(ord(group.suffix[1]) - ord("A") + 1) if group.suffix else ""
            groups.append(RequestGroup(suffix, group.resources, traits, LabelFilter(group.member_of.required)))
    return CandidateRequest(tuple(groups), group_policy=request.group_policy, nested=False, permutations=False)


def answer(client: httpx.Client, request: CandidateRequest) -> tuple[Found, Mapping[str, Any]]:
    """The reference's candidates and summaries."""
    version = NEWEST if request.nested else BEFORE_NESTED
    reply = client.get(
        f"/allocation_candidates?{query(request)}", headers={**HEADERS, "OpenStack-API-Version": f"placement {version}"}
    )
    reply.raise_for_status()
    body = reply.json()
    found = {(_allocations(each), _mappings(each)) for each in body["allocation_requests"]}
    return found, body["provider_summaries"]


def _allocations(body: Mapping[str, Any]) -> Allocations:
    return frozenset(
        (uuid, name, amount) for uuid, each in body["allocations"].items() for name, amount in each["resources"].items()
    )


def _mappings(body: Mapping[str, Any]) -> Mappings:
    return frozenset((suffix, frozenset(uuids)) for suffix, uuids in body.get("mappings", {}).items())


def is_lost(world: World, request: CandidateRequest, found: tuple[Allocations, Mappings]) -> bool:
    """Whether the reference is known to lose this candidate.

    What the unsuffixed group takes from sharing providers alone it keeps for one anchor only, so that the other groups
    cannot be met beside it under the others.
    """
    if not any(group.suffix for group in request.groups):
        return False
    group = request.groups[0]
    sharing = {uuid_of(place.name) for place in world.places if SHARING_TRAIT in place.traits}
    amounts = {(name, amount): uuid for uuid, name, amount in found[0] if uuid in sharing}
    takes = (any(name == each and amount >= n for name, amount in amounts) for each, n in group.resources.items())
    return not group.suffix and all(takes)


def compare(client: httpx.Client, world: World, request: CandidateRequest) -> None:
    """Raises AssertionError with both answers if they differ."""
    theirs, their_summaries = answer(client, request)
    ours = candidates(world, request)
    if not request.nested:
        ours = {(allocations, frozenset()) for allocations, _ in ours}
    lost = {found for found in ours - theirs if is_lost(world, request, found)}
    if ours - lost != theirs:
        raise AssertionError(f"{world!r}\n{query(request)}\nthe oracle alone: {ours - theirs}\nnot it: {theirs - ours}")
    our_summaries = summaries(world, theirs, whole_trees=request.nested)
    if our_summaries != {uuid: _summary(body) for uuid, body in their_summaries.items()}:
        raise AssertionError(f"{world!r}\n{query(request)}\nsummaries: {our_summaries}\nnot {their_summaries}")


def _summary(body: Mapping[str, Any]) -> tuple[dict[str, tuple[int, int]], frozenset[str]]:
    stocks = {name: (each["capacity"], each["used"]) for name, each in body["resources"].items()}
    return stocks, frozenset(body["traits"])


def main(count: int = 300, first: int = 0) -> None:
    """Compare that many worlds with one question each, numbered from `first`."""
    reference = SeededReference()
    answers: Counter[str] = Counter()
    with reference, httpx.Client(base_url=reference.url) as client:
        for number in range(first, first + count):
            choose = Random(number).choice
            world = make_world(choose, nested_sharing=False)
            request = replace(make_request(choose, world), limit=None, permutations=True)
            if not request.nested:
                request = for_old_askers(request)
            if not request.groups or not is_answered_right(request):
                answers["not asked"] += 1
                continue
            reference.seed(world)
            compare(client, world, request)
            answers["some" if candidates(world, request) else "none"] += 1
    sys.stdout.write(f"no difference; candidates were found: {dict(answers)}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
