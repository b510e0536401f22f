"""The engine finds what the brute-force oracle finds, in an order that follows laws, and says why it finds nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import World, make_provider_filter, make_request, make_world, requests, uuid_of, world, worlds

from engine.oracle import Allocations, Mappings, candidates, providers, summaries
from ullage.engine.patch import Delta, patch
from ullage.engine.search import search
from ullage.engine.select import select
from ullage.engine.snapshot import Snapshot
from ullage.model.candidate import Answer, Candidate
from ullage.model.names import SHARING_TRAIT
from ullage.model.request import CandidateRequest, GroupPolicy, LabelFilter, RequestGroup, Strategy

Found = set[tuple[Allocations, Mappings]]
EXAMPLES = settings(max_examples=200, deadline=None)


def snapshot_of(world: World) -> Snapshot:
    """The world as the engine sees it."""
    return patch(Snapshot.empty(), world.delta())


def as_found(candidate: Candidate) -> tuple[Allocations, Mappings]:
    """A candidate in the oracle's form."""
    return (
        frozenset(
            (uuid, name, amount)
            for uuid, resources in candidate.allocations.items()
            for name, amount in resources.items()
        ),
        frozenset((suffix, frozenset(uuids)) for suffix, uuids in candidate.mappings.items()),
    )


def allocations_of(found: Iterable[tuple[Allocations, Mappings]]) -> set[Allocations]:
    """The distinct sets of allocations."""
    return {allocations for allocations, _ in found}


def unlimited(request: CandidateRequest) -> CandidateRequest:
    return replace(request, limit=None)


def check_summaries(world: World, request: CandidateRequest, answer: Answer) -> None:
    """The summaries must be those of the providers of the candidates that are given."""
    expected = summaries(world, {as_found(each) for each in answer.candidates}, request.nested)
    assert {
        uuid: (
            {name: (each.capacity, each.used) for name, each in summary.resources.items()},
            frozenset(summary.traits),
        )
        for uuid, summary in answer.summaries.items()
    } == expected
    for place in world.places:
        if uuid_of(place.name) in answer.summaries:
            summary = answer.summaries[uuid_of(place.name)]
            assert summary.uuid == uuid_of(place.name)
            assert summary.parent_uuid == (None if place.parent is None else uuid_of(place.parent))
            assert summary.root_uuid == uuid_of(world.root(place.name))
            assert len(set(summary.traits)) == len(summary.traits)


@st.composite
def questions(draw: st.DrawFn) -> tuple[World, CandidateRequest]:
    """A world and a question to it."""
    world = draw(worlds())
    return world, draw(requests(world))


@EXAMPLES
@given(questions())
def test_the_engine_finds_exactly_what_the_oracle_finds(question: tuple[World, CandidateRequest]) -> None:
    check_answer(*question)


@pytest.mark.parametrize("part", range(8))
def test_the_engine_finds_what_the_oracle_finds_in_very_many_worlds(part: int) -> None:
    for number in range(part * 1000, part * 1000 + 1000):
        choose = Random(number).choice
        world = make_world(choose)
        check_answer(world, make_request(choose, world))


@pytest.mark.parametrize("part", range(2))
def test_the_engine_selects_the_providers_that_the_oracle_selects(part: int) -> None:
    for number in range(part * 500, part * 500 + 500):
        choose = Random(number).choice
        world = make_world(choose)
        snapshot = snapshot_of(world)
        for _ in range(3):
            asked = make_provider_filter(choose, world)
            assert [each.uuid for each in select(snapshot, asked)] == providers(world, asked)


def check_answer(world: World, request: CandidateRequest) -> None:
    """All candidates and no others, each once; and the summaries that belong to them."""
    request = unlimited(request)
    expected = candidates(world, request)
    answer = search(snapshot_of(world), request)
    found = [as_found(candidate) for candidate in answer.candidates]
    if request.permutations:
        assert set(found) == expected
        assert len(found) == len(expected)
    else:
        assert allocations_of(found) == allocations_of(expected)
        assert len(found) == len(allocations_of(expected))
        assert set(found) <= expected
    assert not answer.truncated
    check_summaries(world, request, answer)


@EXAMPLES
@given(questions(), st.integers(1, 4))
def test_a_limit_gives_the_first_of_all_candidates(question: tuple[World, CandidateRequest], limit: int) -> None:
    world, request = question
    snapshot = snapshot_of(world)
    everything = search(snapshot, unlimited(request)).candidates
    answer = search(snapshot, replace(request, limit=limit))
    assert answer.candidates == everything[:limit]
    assert not answer.truncated
    check_summaries(world, request, answer)


@EXAMPLES
@given(questions())
def test_distinct_allocations_come_before_permutations(question: tuple[World, CandidateRequest]) -> None:
    world, request = question[0], replace(question[1], limit=None, permutations=True)
    found = [as_found(candidate)[0] for candidate in search(snapshot_of(world), request).candidates]
    distinct = len(set(found))
    assert len(set(found[:distinct])) == distinct


@EXAMPLES
@given(questions())
def test_the_trail_ends_at_0_exactly_when_there_is_no_candidate(question: tuple[World, CandidateRequest]) -> None:
    world, request = question
    answer = search(snapshot_of(world), request)
    assert answer.trail
    assert (answer.trail[-1].remaining == 0) == (not answer.candidates)
    for step in answer.trail:
        assert step.remaining >= 0
        assert step.group is None or step.group in {group.suffix for group in request.groups}


@EXAMPLES
@given(questions(), st.data())
def test_the_answer_does_not_depend_on_how_the_snapshot_came_about(
    question: tuple[World, CandidateRequest], data: st.DataObject
) -> None:
    world, request = question
    order = data.draw(st.permutations(world.places))
    whole = world.delta()
    keys = {place.name: key for key, place in enumerate(world.places, 1)}
    grown = patch(Snapshot.empty(), part_of(whole, set()))
    for place in sorted(order, key=lambda place: len(world.lineage(place.name))):
        grown = patch(grown, part_of(whole, {keys[place.name]}))
    assert search(grown, request) == search(snapshot_of(world), request)


def part_of(whole: Delta, keys: set[int]) -> Delta:
    """The same change, for some of its providers only; with none of them, the names."""
    return Delta(
        providers=[row for row in whole.providers if row[0] in keys],
        inventories=[row for row in whole.inventories if row[0] in keys],
        traits=[row for row in whole.traits if row[0] in keys],
        aggregates=[row for row in whole.aggregates if row[0] in keys],
        class_names={} if keys else whole.class_names,
        trait_names={} if keys else whole.trait_names,
        aggregate_uuids={} if keys else whole.aggregate_uuids,
    )


@EXAMPLES
@given(questions(), st.integers(0, 2**32))
def test_a_seed_shuffles_reproducibly_and_loses_nothing(question: tuple[World, CandidateRequest], seed: int) -> None:
    world, request = question[0], replace(unlimited(question[1]), seed=seed)
    snapshot = snapshot_of(world)
    shuffled = search(snapshot, request)
    assert shuffled == search(snapshot, request)
    expected = search(snapshot, replace(request, seed=None))
    key = str if request.permutations else lambda candidate: str(sorted(candidate.allocations.items()))
    assert sorted(map(key, shuffled.candidates)) == sorted(map(key, expected.candidates))


@EXAMPLES
@given(questions())
def test_depth_first_ends_one_root_before_the_next_and_breadth_first_goes_round(
    question: tuple[World, CandidateRequest],
) -> None:
    places = tuple(replace(place, traits=place.traits - {SHARING_TRAIT}) for place in question[0].places)
    world, request = World(places), replace(unlimited(question[1]), permutations=False)
    roots = {uuid_of(place.name): places.index(world.place(world.root(place.name))) for place in places}
    for strategy in Strategy:
        found = search(snapshot_of(world), replace(request, strategy=strategy)).candidates
        order = [roots[next(iter(candidate.allocations))] for candidate in found]
        rounds = [order[:position].count(root) for position, root in enumerate(order)]
        depth_first = strategy is Strategy.DEPTH_FIRST
        assert order == (
            sorted(order) if depth_first else [root for _, root in sorted(zip(rounds, order, strict=True))]
        )


TWO_HOSTS = world(
    """
    cn1      VCPU=8 +CUSTOM_RED
      numa1  MEMORY_MB=4 DISK_GB=2
    cn2      VCPU=8
      numa2  MEMORY_MB=4 DISK_GB=2
    """
)


@pytest.mark.parametrize(
    ("strategy", "order"),
    [(Strategy.DEPTH_FIRST, ["cn1", "cn1", "cn2", "cn2"]), (Strategy.BREADTH_FIRST, ["cn1", "cn2"] * 2)],
)
def test_the_strategy_says_in_which_order_roots_are_gone_through(strategy: Strategy, order: list[str]) -> None:
    twins = world(
        """
        cn1
          n1 VCPU=1
          n2 VCPU=1
        cn2
          n3 VCPU=1
          n4 VCPU=1
        """
    )
    request = CandidateRequest((RequestGroup("", {"VCPU": 1}),), strategy=strategy)
    names = {uuid_of(place.name): twins.root(place.name) for place in twins.places}
    answer = search(snapshot_of(twins), request)
    assert [names[uuid] for candidate in answer.candidates for uuid in candidate.allocations] == order


def test_the_oracle_knows_the_rules_by_heart() -> None:
    """Where everything is easily counted by hand, so that oracle and engine cannot err together."""
    spread = CandidateRequest((RequestGroup("", {"VCPU": 1, "MEMORY_MB": 1}),))
    assert len(candidates(TWO_HOSTS, spread)) == 2
    alone = CandidateRequest((RequestGroup("_A", {"VCPU": 1, "MEMORY_MB": 1}),))
    assert not candidates(TWO_HOSTS, alone)
    red = LabelFilter((frozenset({"CUSTOM_RED"}),))
    assert len(candidates(TWO_HOSTS, CandidateRequest((RequestGroup("", {"VCPU": 1}, red),)))) == 1
    assert not candidates(TWO_HOSTS, CandidateRequest((RequestGroup("", {"DISK_GB": 1}, red),)))
    assert len(candidates(TWO_HOSTS, CandidateRequest((RequestGroup("", {"DISK_GB": 1}),), root_traits=red))) == 1
    pair = (RequestGroup("_A", {"DISK_GB": 1}), RequestGroup("_B", {"DISK_GB": 1}))
    assert len(candidates(TWO_HOSTS, CandidateRequest(pair, GroupPolicy.NONE))) == 2
    assert not candidates(TWO_HOSTS, CandidateRequest(pair, GroupPolicy.ISOLATE))
