"""How a search answers: order, limits, permutations, chance, ceilings, the trail and the background."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_fleets import Fleet, allocations, givers, mapped, wanted

from ullage.engine.block import BLOCK_SIZE
from ullage.engine.effort import Effort
from ullage.engine.search import find, search
from ullage.model.candidate import Answer, ProviderSummary, ResourceSummary, Step
from ullage.model.inventory import RATIO_MAX, Inventory
from ullage.model.request import CandidateRequest, GroupPolicy, RequestGroup, Strategy

CPU, GPU = {"VCPU": 1}, {"VGPU": 1}


def flat(count: int) -> Fleet:
    fleet = Fleet()
    for number in range(1, count + 1):
        fleet.add(f"cn{number:02}", {"VCPU": 4})
    return fleet


def trees(count: int, children: int) -> Fleet:
    """Roots above one-unit children, with their keys among each other."""
    fleet = Fleet()
    for tree in range(count):
        fleet.add(f"r{tree}", {"VCPU": 4})
    for child in range(children):
        for tree in range(count):
            fleet.add(f"r{tree}c{child}", GPU, parent=f"r{tree}")
    return fleet


def groups(count: int) -> tuple[RequestGroup, ...]:
    return tuple(RequestGroup(f"_{number}", GPU) for number in range(count))


def under(answer: Answer) -> list[str]:
    """The anchor of each candidate."""
    return [one[:2] for one in givers(answer)]


# Order


def test_anchors_come_in_the_order_of_keys() -> None:
    fleet = Fleet().add("late", {"VCPU": 1}, key=3 * BLOCK_SIZE).add("early", {"VCPU": 1}, key=2)
    fleet.add("tree", key=5).add("leaf", {"VCPU": 1}, parent="tree", key=1).add("middle", {"VCPU": 1}, key=BLOCK_SIZE)
    answer = search(fleet.snapshot(), CandidateRequest((RequestGroup("", CPU),)))
    assert givers(answer) == ["early", "leaf", "middle", "late"]
    assert list(answer.summaries) == ["leaf", "early", "tree", "middle", "late"]


def test_depth_first_finishes_an_anchor_and_breadth_first_goes_round() -> None:
    snapshot = trees(3, 2).add("x1", {"VGPU": 1}).snapshot()
    asked = CandidateRequest(groups(1))
    assert under(search(snapshot, asked)) == ["r0", "r0", "r1", "r1", "r2", "r2", "x1"]
    broad = replace(asked, strategy=Strategy.BREADTH_FIRST)
    assert under(search(snapshot, broad)) == ["r0", "r1", "r2", "x1", "r0", "r1", "r2"]


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("seed", [None, 5])
def test_a_limit_cuts_the_same_list(strategy: Strategy, seed: int | None) -> None:
    snapshot = trees(3, 3).snapshot()
    asked = CandidateRequest(groups(2), GroupPolicy.ISOLATE, strategy=strategy, seed=seed)
    everything = search(snapshot, asked).candidates
    assert len(everything) == 18
    for limit in (1, 4, 9, 10, 17, 18, 19):
        answer = search(snapshot, replace(asked, limit=limit))
        assert answer.candidates == everything[:limit]
        assert not answer.truncated


def test_a_seed_shuffles_the_same_way_again_and_another_one_otherwise() -> None:
    snapshot = flat(40).snapshot()
    asked = CandidateRequest((RequestGroup("", CPU),))
    orders = {seed: givers(search(snapshot, replace(asked, seed=seed))) for seed in (None, 1, 2, -1, 2**70)}
    assert all(sorted(order) == orders[None] for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) == 5
    assert orders[1] == givers(search(snapshot, replace(asked, seed=1)))


def test_a_seed_also_shuffles_what_is_chosen_under_an_anchor() -> None:
    snapshot = trees(1, 8).snapshot()
    first = {givers(search(snapshot, CandidateRequest(groups(1), limit=1, seed=seed)))[0] for seed in range(20)}
    assert len(first) > 3


def test_a_shuffled_sample_is_of_all_anchors() -> None:
    snapshot = trees(6, 5).snapshot()
    sample = search(snapshot, CandidateRequest(groups(1), limit=6, seed=3))
    assert sorted(under(sample)) == ["r0", "r1", "r2", "r3", "r4", "r5"]


# Permutations


def test_distinct_allocations_come_before_permutations_of_any_anchor() -> None:
    answer = search(trees(2, 3).snapshot(), CandidateRequest(groups(2), GroupPolicy.ISOLATE))
    seen = givers(answer)
    assert len(seen) == 12
    assert len(set(seen[:6])) == 6
    assert sorted(seen[6:]) == sorted(seen[:6])
    assert len({tuple(one.items()) for one in mapped(answer)}) == 12


def test_without_permutations_each_allocation_set_is_given_once() -> None:
    asked = CandidateRequest(groups(2), GroupPolicy.ISOLATE, permutations=False)
    assert len(search(trees(2, 3).snapshot(), asked).candidates) == 6


def test_alike_allocations_of_unlike_groups_are_found_alike() -> None:
    """Three takers of two classes: one for both here and two there is the same as the other way round."""
    fleet = Fleet().add("cn").add("a", {"A": 1, "B": 1}, parent="cn").add("b", {"A": 1, "B": 1}, parent="cn")
    asked = CandidateRequest(
        (RequestGroup("_a", {"A": 1}), RequestGroup("_b", {"B": 1}), RequestGroup("_ab", {"A": 1, "B": 1})),
        GroupPolicy.NONE,
    )
    assert len(search(fleet.snapshot(), asked).candidates) == 2
    assert len(search(fleet.snapshot(), replace(asked, permutations=False)).candidates) == 1


def test_a_group_without_resources_makes_permutations_only() -> None:
    fleet = Fleet().add("cn", {"VCPU": 1}, traits=["T"]).add("a", traits=["T"], parent="cn")
    asked = CandidateRequest(
        (RequestGroup("_1", CPU), RequestGroup("_x", {}, wanted("T"))),
        GroupPolicy.NONE,
        same_subtrees=(frozenset({"_1", "_x"}),),
    )
    assert mapped(search(fleet.snapshot(), asked)) == [{"_1": "cn", "_x": "cn"}, {"_1": "cn", "_x": "a"}]
    assert len(search(fleet.snapshot(), replace(asked, permutations=False)).candidates) == 1


def test_sharing_providers_alone_with_another_mapping_are_another_answer() -> None:
    fleet = Fleet().share("s", {"DISK_GB": 9}, "a").add("cn1", aggregates=["a"], traits=["T"])
    fleet.add("cn2", aggregates=["a"], traits=["T"])
    asked = CandidateRequest(
        (RequestGroup("_d", {"DISK_GB": 1}), RequestGroup("_x", {}, wanted("T"))), GroupPolicy.NONE
    )
    assert mapped(search(fleet.snapshot(), asked)) == [{"_d": "s", "_x": "cn1"}, {"_d": "s", "_x": "cn2"}]
    assert len(search(fleet.snapshot(), replace(asked, permutations=False)).candidates) == 1


# Ceilings


def test_a_ceiling_that_keeps_something_back_is_told() -> None:
    snapshot = flat(5).snapshot()
    asked = CandidateRequest((RequestGroup("", CPU),))
    for ceiling, truncated in ((4, True), (5, False), (6, False)):
        answer = search(snapshot, asked, candidates_max=ceiling)
        assert len(answer.candidates) == min(ceiling, 5)
        assert answer.truncated == truncated
    assert not search(snapshot, replace(asked, limit=3), candidates_max=3).truncated


def test_wide_candidates_count_for_more() -> None:
    snapshot = trees(1, 16).snapshot()
    answer = search(snapshot, CandidateRequest(groups(16), GroupPolicy.NONE), candidates_max=50)
    assert len(answer.candidates) == 25
    assert answer.truncated


def test_work_that_runs_out_is_told() -> None:
    fleet = trees(4, 3)
    asked = CandidateRequest(groups(4), GroupPolicy.ISOLATE)
    found = find(fleet.snapshot(), asked, effort=Effort(20))
    assert found.count == 0
    assert found.truncated
    assert found.gave_up


def test_a_search_whose_limit_is_reached_did_not_give_up() -> None:
    snapshot = trees(4, 3).snapshot()
    asked = CandidateRequest(groups(2), GroupPolicy.ISOLATE)
    effort = Effort()
    everything = find(snapshot, asked, effort=effort)
    assert (everything.truncated, everything.gave_up) == (False, False)
    cut = find(snapshot, asked, effort=Effort(effort.done // 2))
    assert 0 < cut.count < everything.count
    assert (cut.truncated, cut.gave_up) == (True, False)  # what was spent brought answers, and is a ceiling
    limited = find(snapshot, replace(asked, limit=everything.count), effort=Effort(effort.done // 2))
    assert (limited.truncated, limited.gave_up) == (True, True)
    assert not find(snapshot, replace(asked, limit=cut.count), effort=Effort(effort.done // 2)).gave_up
    ceiling = find(snapshot, asked, candidates_max=2, effort=Effort(effort.done // 2))
    assert (ceiling.truncated, ceiling.gave_up) == (True, False)


# The trail


def test_the_trail_tells_how_many_were_left_after_each_constraint_of_each_group() -> None:
    fleet = Fleet().add("a", {"VCPU": 4}, traits=["T"]).add("b", {"VCPU": 1}, traits=["T"]).add("c", {"DISK_GB": 9})
    fleet.add("c1", {"VCPU": 4}, parent="c", traits=["T"])
    asked = CandidateRequest(
        (RequestGroup("", {"VCPU": 2}), RequestGroup("_1", {"DISK_GB": 1}, wanted(forbidden=["T"]))), GroupPolicy.NONE
    )
    assert search(fleet.snapshot(), asked).trail == (
        Step("", "has_room VCPU:2", 2),
        Step("", "tree_offers VCPU:2", 2),
        Step("_1", "lacks_traits T", 1),
        Step("_1", "has_room DISK_GB:1", 1),
        Step("_1", "tree_offers DISK_GB:1", 1),
        Step(None, "fits_together", 1),
    )


def test_the_trail_tells_what_groups_together_leave_of_trees_of_one() -> None:
    fleet = Fleet().add("a", {"VCPU": 4}).add("b", {"VCPU": 2})
    twice = RequestGroup("_1", {"VCPU": 2}), RequestGroup("_2", {"VCPU": 2})
    together = search(fleet.snapshot(), CandidateRequest(twice, GroupPolicy.NONE))
    assert together.trail[-2:] == (Step(None, "has_room_for_all VCPU:4", 1), Step(None, "fits_together", 1))
    apart = search(fleet.snapshot(), CandidateRequest(twice, GroupPolicy.ISOLATE))
    assert apart.trail[-2:] == (Step(None, "isolates", 0), Step(None, "has_room_for_all VCPU:4", 0))


@pytest.mark.parametrize(
    ("asked", "last"),
    [
        (CandidateRequest((RequestGroup("", {"VCPU": 9}),)), Step("", "has_room VCPU:9", 0)),
        (CandidateRequest((RequestGroup("_1", CPU, wanted(("T", "U"))),)), Step("_1", "has_trait T,U", 0)),
        (CandidateRequest((RequestGroup("_1", CPU, member_of=wanted("x")),)), Step("_1", "member_of x", 0)),
        (CandidateRequest((RequestGroup("_1", CPU, in_tree="nobody"),)), Step("_1", "in_tree nobody", 0)),
        (CandidateRequest((RequestGroup("_1", CPU),), root_traits=wanted("T")), Step(None, "root_has_trait T", 0)),
        (CandidateRequest((RequestGroup("", GPU, wanted("T")),)), Step("", "has_trait T", 0)),
        (CandidateRequest(groups(4), GroupPolicy.ISOLATE), Step(None, "fits_together", 0)),
    ],
)
def test_an_empty_answer_ends_its_trail_with_what_emptied_it(asked: CandidateRequest, last: Step) -> None:
    fleet = trees(2, 3)
    fleet.traits |= {"T": 8, "U": 9}
    answer = search(fleet.snapshot(), asked)
    assert answer.candidates == ()
    emptied = [step for step in answer.trail if step.remaining == 0]
    assert emptied[0] == last


# The background


def test_summaries_are_of_whole_trees_or_of_the_givers_of_the_candidates_that_are_given() -> None:
    fleet = Fleet().add("cn", {"VCPU": (Inventory(8, 1, allocation_ratio=1.5), 3)}, traits=["Z", "A"])
    fleet.add("nic", parent="cn").add("other", {"VCPU": 8})
    asked = CandidateRequest((RequestGroup("", CPU),), limit=1)
    answer = search(fleet.snapshot(), asked)
    root = ProviderSummary("cn", None, "cn", {"VCPU": ResourceSummary(10, 3)}, ("A", "Z"))
    assert answer.summaries == {"cn": root, "nic": ProviderSummary("nic", "cn", "cn", {}, ())}
    assert search(fleet.snapshot(), replace(asked, nested=False)).summaries == {"cn": root}
    assert search(fleet.snapshot(), CandidateRequest((RequestGroup("", {"VCPU": 9}),))).summaries == {}


def test_the_tree_of_a_sharing_provider_is_told_of_and_that_of_a_mapped_one_is_not() -> None:
    fleet = Fleet().add("array").add("s", {"DISK_GB": 9}, parent="array", traits=["MISC_SHARES_VIA_AGGREGATE"])
    fleet.change("s", aggregates=frozenset({"a"})).add("cn", aggregates=["a"], traits=["T"])
    asked = CandidateRequest(
        (RequestGroup("_d", {"DISK_GB": 1}), RequestGroup("_x", {}, wanted("T"))), GroupPolicy.NONE
    )
    assert set(search(fleet.snapshot(), asked).summaries) == {"array", "s"}


def test_capacities_beyond_64_bits_are_told_exactly() -> None:
    huge = Inventory(2**31 - 1, allocation_ratio=RATIO_MAX)
    answer = search(Fleet().add("cn", {"VCPU": huge}).snapshot(), CandidateRequest((RequestGroup("", CPU),)))
    assert answer.summaries["cn"].resources == {"VCPU": ResourceSummary(huge.capacity, 0)}
    assert allocations(answer) == [{"cn": CPU}]
