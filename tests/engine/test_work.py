"""How much a search does for what it answers: counted, not timed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from engine_fleets import Fleet, wanted

from ullage.engine import candidates, choices, groups
from ullage.engine.combine import Walk
from ullage.engine.effort import FOUND_AT_ONCE, FOUND_WALKING, FRUITLESS_AT_ANCHOR_MAX, SLOT_WALKING, Effort
from ullage.engine.patch import Delta, patch
from ullage.engine.rules import Anchor
from ullage.engine.search import search
from ullage.engine.snapshot import Snapshot
from ullage.model.candidate import Answer
from ullage.model.inventory import Inventory
from ullage.model.request import CandidateRequest, GroupPolicy, RequestGroup, Strategy

GPU = {"VGPU": 1}


def wide(children: int, units: int = 1, traits: int = 0, trees: int = 1) -> Snapshot:
    """Roots above children that are all alike, with `traits` traits each."""
    width = children + 1
    roots = {key: 1 + (key - 1) // width * width for key in range(1, trees * width + 1)}
    names = {10 + number: f"T{number}" for number in range(traits)}
    return patch(
        Snapshot.empty(),
        Delta(
            [(key, f"p{key}", f"p{key}", 0, None if key == root else root, root, 0) for key, root in roots.items()],
            [(key, 1, units, 0, 1, units, 1, 1.0, 0) for key, root in roots.items() if key != root],
            [(key, trait) for key in roots for trait in names],
            class_names={1: "VGPU"},
            trait_names=names,
            complete=True,
        ),
    )


def alike(count: int, amount: int = 1) -> tuple[RequestGroup, ...]:
    return tuple(RequestGroup(f"_{number}", {"VGPU": amount}) for number in range(count))


def unlike(count: int) -> tuple[RequestGroup, ...]:
    return tuple(RequestGroup(f"_{number}", GPU, wanted(f"T{number}")) for number in range(count))


def work(snapshot: Snapshot, request: CandidateRequest) -> tuple[Answer, int]:
    effort = Effort()
    return search(snapshot, request, effort=effort), effort.done


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[Walk]:
    """All walks that are begun."""
    begun: list[Walk] = []
    begin = Walk.assignments

    def counted(walk: Walk, *arguments: Any, **named: Any) -> Iterator[tuple[int, ...]]:
        begun.append(walk)
        return begin(walk, *arguments, **named)

    monkeypatch.setattr(Walk, "assignments", counted)
    return begun


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The keys of all anchors of which it was found out what could fill their slots."""
    found: list[int] = []
    gather = choices.Gatherer.anchors

    def counted(gatherer: choices.Gatherer, keys: Sequence[int]) -> Iterator[Anchor]:
        found.extend(keys)
        return gather(gatherer, keys)

    monkeypatch.setattr(choices.Gatherer, "anchors", counted)
    return found


# The first answers cost only themselves


@pytest.mark.parametrize("groups_", [alike(6), unlike(6)], ids=["alike", "unlike"])
def test_eight_children_and_six_groups(groups_: tuple[RequestGroup, ...]) -> None:
    snapshot = wide(8, traits=6)
    for limit, tries_max in ((1, 100), (10, 500)):
        answer, tries = work(snapshot, CandidateRequest(groups_, GroupPolicy.NONE, limit=limit))
        assert len(answer.candidates) == limit
        assert tries < tries_max
    assert len(search(snapshot, CandidateRequest(groups_, GroupPolicy.NONE)).candidates) == 20_160


@pytest.mark.parametrize("groups_", [alike(64), unlike(64)], ids=["alike", "unlike"])
def test_sixty_four_children_and_groups(groups_: tuple[RequestGroup, ...]) -> None:
    answer, tries = work(wide(64, traits=64), CandidateRequest(groups_, GroupPolicy.NONE, limit=1000))
    assert len(answer.candidates) == 1000
    assert not answer.truncated
    assert tries < 1000 * (200 + 64 * SLOT_WALKING)


def test_permutations_are_made_as_they_are_asked_for() -> None:
    snapshot = wide(30)
    few = work(snapshot, CandidateRequest(alike(30), GroupPolicy.ISOLATE, limit=10))[1]
    more = work(snapshot, CandidateRequest(alike(30), GroupPolicy.ISOLATE, limit=20))[1]
    assert more - few < 10 * 30 * (4 + SLOT_WALKING)


def test_a_limit_visits_only_the_anchors_it_needs(walks: list[Walk]) -> None:
    snapshot = wide(4, trees=200)
    for strategy, visited in ((Strategy.DEPTH_FIRST, 2), (Strategy.BREADTH_FIRST, 10)):
        walks.clear()
        search(snapshot, CandidateRequest(alike(2), GroupPolicy.ISOLATE, limit=10, strategy=strategy))
        assert len(walks) == visited


def test_a_limit_gathers_hardly_more_anchors_than_it_needs(gathered: list[int]) -> None:
    search(wide(4, trees=200), CandidateRequest(alike(2), GroupPolicy.ISOLATE, limit=10))
    assert len(gathered) == candidates.CHUNK_FIRST < 20


def test_breadth_first_keeps_so_many_walks_going_and_no_more(
    walks: list[Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "ROUND_MAX", 3)
    asked = CandidateRequest(alike(1), strategy=Strategy.BREADTH_FIRST)
    answer = search(wide(2, trees=7), asked)
    roots = [(int(uuid[1:]) - 1) // 3 for one in answer.candidates for uuid in one.allocations]
    assert roots == [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 6]


@pytest.mark.parametrize(
    ("policy", "groups_"),
    [
        (GroupPolicy.ISOLATE, alike(9)),
        (GroupPolicy.ISOLATE, (*alike(5), *(RequestGroup(f"_two{number}", {"VGPU": 2}) for number in range(4)))),
        (GroupPolicy.NONE, alike(9, 2)),
    ],
    ids=["more groups than providers", "of two kinds", "more units than there are"],
)
def test_a_tree_that_is_too_small_is_seen_at_a_glance(
    policy: GroupPolicy, groups_: tuple[RequestGroup, ...], walks: list[Walk]
) -> None:
    trees = 500
    answer, tries = work(wide(8, units=2, trees=trees), CandidateRequest(groups_, policy, limit=10))
    assert not answer.candidates
    assert not answer.truncated
    assert not walks
    assert tries < trees * 120
    assert work(wide(9, units=2, trees=trees), CandidateRequest(groups_, policy, limit=10))[0].candidates


def test_groups_of_which_two_want_what_only_one_has_are_seen_at_a_glance(walks: list[Walk]) -> None:
    fleet = Fleet().add("root", {})
    for number in range(4):
        fleet.add(f"port{number}", {"SRIOV_NET_VF": 8}, parent="root", traits=["T"] if number == 0 else [])
    some = (RequestGroup("_1", {"SRIOV_NET_VF": 1}, wanted("T")), RequestGroup("_2", {"SRIOV_NET_VF": 1}, wanted("T")))
    asked = CandidateRequest((*some, RequestGroup("_3", {"SRIOV_NET_VF": 1})), GroupPolicy.ISOLATE)
    assert not search(fleet.snapshot(), asked).candidates
    assert not walks


def test_what_others_share_is_room_and_a_seat() -> None:
    fleet = Fleet().share("s", {"SRIOV_NET_VF": 8}, "x").add("cn", {"VCPU": 4}, aggregates=["x"])
    fleet.add("port", {"SRIOV_NET_VF": 1}, parent="cn")
    two = tuple(RequestGroup(f"_{number}", {"SRIOV_NET_VF": 1}) for number in range(2))
    asked = CandidateRequest((RequestGroup("", {"VCPU": 1}), *two), GroupPolicy.ISOLATE)
    assert search(fleet.snapshot(), asked).candidates


def test_few_ways_to_fill_slots_that_do_not_concern_each_other_need_no_walk(walks: list[Walk]) -> None:
    fleet = Fleet().share("s1", {"DISK_GB": 9}, "x").share("s2", {"DISK_GB": 9}, "x")
    for number in range(50):
        fleet.add(f"cn{number}", {"VCPU": 2}, aggregates=["x"])
    answer, tries = work(fleet.snapshot(), CandidateRequest((RequestGroup("", {"VCPU": 1, "DISK_GB": 1}),)))
    assert len(answer.candidates) == 100
    assert tries - FOUND_AT_ONCE * 100 < 50 * 20
    assert not walks


def test_trees_of_one_need_no_walk_and_no_choices(walks: list[Walk], monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet()
    for number in range(50):
        fleet.add(f"cn{number}", {"VCPU": 2, "DISK_GB": 5})
    monkeypatch.setattr(choices, "room_left", None)
    monkeypatch.setattr(groups, "PackedMask", None)
    asked = (RequestGroup("", {"VCPU": 1, "DISK_GB": 1}), RequestGroup("_1", {"VCPU": 1}))
    assert len(search(fleet.snapshot(), CandidateRequest(asked)).candidates) == 50
    assert not walks


def test_anchors_that_only_the_same_sharing_providers_serve_are_visited_once(
    gathered: list[int],
) -> None:
    fleet = Fleet().share("s", {"DISK_GB": 9}, "a").share("t", {"DISK_GB": 9}, "b")
    for number in range(90):
        fleet.add(f"cn{number}", aggregates=[("a",), ("b",), ("a", "b")][number % 3])
    answer = search(fleet.snapshot(), CandidateRequest((RequestGroup("", {"DISK_GB": 1}),)))
    assert len(answer.candidates) == 2
    assert len(gathered) == 3, "one anchor of each kind"


def test_what_sharing_providers_do_alone_is_tried_under_one_anchor_of_a_kind() -> None:
    fleet = Fleet()
    for number in range(30):
        fleet.share(f"s{number}", {"DISK_GB": 9}, "a")
    for number in range(40):
        fleet.add(f"cn{number}", {"DISK_GB": 9}, aggregates=["a"])
    asked = tuple(RequestGroup(f"_{number}", {"DISK_GB": 1 + number}) for number in range(2))
    snapshot = fleet.snapshot()
    answer, tries = work(snapshot, CandidateRequest(asked, GroupPolicy.ISOLATE))
    assert len(answer.candidates) == 30 * 29 + 40 * 2 * 30
    tries -= FOUND_WALKING * len(answer.candidates)
    assert tries < 3 * (30 * 29 + 40 * (2 * 30 + 31 * 31))


def test_a_search_ends_when_all_its_tries_are_spent() -> None:
    effort = Effort(1000)
    answer = search(wide(8), CandidateRequest(alike(8), GroupPolicy.NONE), effort=effort)
    assert 0 < len(answer.candidates) < 1000
    assert answer.truncated


# What has no answer is left early


@pytest.mark.parametrize("policy", GroupPolicy)
@pytest.mark.parametrize(("children", "count"), [(8, 9), (63, 64)])
@pytest.mark.parametrize("make", [alike, unlike])
def test_more_groups_than_children(policy: GroupPolicy, children: int, count: int, make: Any) -> None:
    answer, tries = work(wide(children, traits=count), CandidateRequest(make(count), policy))
    assert answer.candidates == ()
    assert not answer.truncated
    assert tries < 4 * children * count


def test_a_crowd_that_only_fits_a_few_of_the_providers() -> None:
    """Twelve groups want the same four providers and others do not care: seats are counted before they are tried."""
    fleet = Fleet().add("cn")
    for number in range(24):
        fleet.add(f"c{number}", {"VGPU": 3}, parent="cn", traits=["T"] if number < 4 else [])
    picky = tuple(RequestGroup(f"_p{number}", GPU, wanted("T")) for number in range(5))
    answer, tries = work(fleet.snapshot(), CandidateRequest((*alike(12), *picky), GroupPolicy.ISOLATE))
    assert answer.candidates == ()
    assert not answer.truncated
    assert tries < 1000


def test_a_subtree_that_cannot_be() -> None:
    groups_ = alike(10)
    together = (frozenset(group.suffix for group in groups_),)
    asked = CandidateRequest(groups_, GroupPolicy.ISOLATE, same_subtrees=together)
    answer, tries = work(wide(40, units=9), asked)
    assert answer.candidates == ()
    assert not answer.truncated
    assert tries < 5000


def test_uneven_amounts_that_cannot_be_packed_are_given_up_within_bounds() -> None:
    """Packing is hard in general; here every bound but the last one is met."""
    fleet = Fleet().add("cn")
    for number in range(12):
        fleet.add(f"c{number}", {"VGPU": Inventory(100, max_unit=100)}, parent="cn")
    asked = [RequestGroup(f"_{number}", {"VGPU": 27 + number % 7 * 3 // 2 + number}) for number in range(24)]
    total = sum(group.resources["VGPU"] for group in asked)
    assert total < 1200
    answer, tries = work(fleet.snapshot(), CandidateRequest(tuple(asked), GroupPolicy.NONE))
    assert answer.truncated or answer.candidates
    assert tries < 2 * FRUITLESS_AT_ANCHOR_MAX


def test_duplicates_without_permutations_are_given_up_within_bounds() -> None:
    """Each group may use three of the children: one allocation set, and very many ways to come to it."""
    count = 40
    fleet = Fleet().add("cn")
    for number in range(count):
        fleet.add(f"c{number}", GPU, parent="cn", traits=[f"T{(number + step) % count}" for step in range(3)])
    asked = CandidateRequest(unlike(count), GroupPolicy.NONE, permutations=False)
    answer, tries = work(fleet.snapshot(), asked)
    assert len(answer.candidates) == 1
    assert answer.truncated
    assert tries < 2 * FRUITLESS_AT_ANCHOR_MAX
