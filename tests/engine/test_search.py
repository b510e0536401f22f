"""What a search answers: which providers may serve which group."""

from __future__ import annotations

import pytest
from engine_fleets import Fleet, allocations, givers, mapped, wanted

from ullage.engine.search import search
from ullage.engine.snapshot import Snapshot
from ullage.model.errors import UnknownResourceClass, UnknownTraits
from ullage.model.inventory import Inventory
from ullage.model.request import CandidateRequest, GroupPolicy, LabelFilter, RequestGroup

CPU, DISK, VF = {"VCPU": 1}, {"DISK_GB": 10}, {"VF": 1}
BOTH = {"VCPU": 1, "DISK_GB": 10}


def ask(*groups: RequestGroup, isolate: bool = False, **rest: object) -> CandidateRequest:
    policy = GroupPolicy.ISOLATE if isolate else GroupPolicy.NONE
    return CandidateRequest(groups, policy, **rest)  # type: ignore[arg-type]  # fields of the request


def found(fleet: Fleet, *groups: RequestGroup, **rest: object) -> list[str]:
    """Who gives resources, candidate by candidate, sorted."""
    return sorted(givers(search(fleet.snapshot(), ask(*groups, **rest))))  # type: ignore[arg-type]  # as for `ask`


@pytest.fixture
def numa() -> Fleet:
    """A compute node with disk and two NUMA nodes, each above a network card."""
    fleet = Fleet().add("cn", {"DISK_GB": 100}, traits=["ROOT"], aggregates=["rack"])
    for number in ("0", "1"):
        fleet.add(f"numa{number}", {"VCPU": 4, "MEMORY_MB": 64}, parent="cn", traits=[f"NUMA{number}"])
        fleet.add(f"pf{number}", {"VF": 2}, parent=f"numa{number}", traits=["NIC"], aggregates=[f"net{number}"])
    return fleet


@pytest.fixture
def shared() -> Fleet:
    """Two compute nodes, one without a disk of its own, and a disk that both may use; and one beyond its reach."""
    fleet = Fleet().add("cn1", {"VCPU": 4}, aggregates=["a"]).add("cn2", {"VCPU": 4, "DISK_GB": 100}, aggregates=["a"])
    return fleet.add("far", {"VCPU": 4}, aggregates=["b"]).share("store", {"DISK_GB": 1000}, "a")


# The unsuffixed group


def test_classes_may_come_from_several_providers_of_a_tree_but_one_class_from_one_only(numa: Fleet) -> None:
    assert found(numa, RequestGroup("", {"VCPU": 4, "MEMORY_MB": 8})) == [
        "numa0",
        "numa0+numa1",
        "numa0+numa1",
        "numa1",
    ]
    assert found(numa, RequestGroup("", {"VCPU": 4, "DISK_GB": 10})) == ["cn+numa0", "cn+numa1"]
    assert found(numa, RequestGroup("", {"VCPU": 5})) == []


def test_trees_are_not_mixed(numa: Fleet) -> None:
    numa.add("other", {"VF": 9})
    assert found(numa, RequestGroup("", {"VCPU": 1, "VF": 9})) == []


def test_required_traits_are_looked_for_on_all_who_give_together(numa: Fleet) -> None:
    both = {"VCPU": 1, "VF": 1}
    assert found(numa, RequestGroup("", both, wanted("NUMA0", "NIC"))) == ["numa0+pf0", "numa0+pf1"]
    assert found(numa, RequestGroup("", both, wanted(("NUMA0", "ROOT"), "NIC"))) == ["numa0+pf0", "numa0+pf1"]
    assert found(numa, RequestGroup("", both, wanted("ROOT"))) == [], "the root gives nothing, so its trait is idle"


def test_nobody_who_gives_may_have_a_forbidden_trait(numa: Fleet) -> None:
    asked = wanted(forbidden=["NUMA0", "ROOT"])
    assert found(numa, RequestGroup("", {"VCPU": 1, "VF": 1}, asked)) == ["numa1+pf0", "numa1+pf1"]
    assert found(numa, RequestGroup("", {"VCPU": 1, "DISK_GB": 1}, asked)) == []


def test_the_roots_aggregates_span_its_tree(numa: Fleet) -> None:
    assert found(numa, RequestGroup("", CPU, member_of=wanted("rack"))) == ["numa0", "numa1"]
    assert found(numa, RequestGroup("", VF, member_of=wanted("net0"))) == ["pf0"]
    assert found(numa, RequestGroup("", VF, member_of=wanted(("net0", "rack")))) == ["pf0", "pf1"]
    assert found(numa, RequestGroup("", VF, member_of=wanted(forbidden=["net0"]))) == ["pf1"]
    assert found(numa, RequestGroup("", VF, member_of=wanted(forbidden=["rack"]))) == []
    assert found(numa, RequestGroup("", VF, member_of=wanted("net0", forbidden=["net1", "unknown"]))) == ["pf0"]
    assert found(numa, RequestGroup("", VF, member_of=wanted("unknown"))) == []


def test_in_tree_names_a_tree_by_any_member(numa: Fleet) -> None:
    numa.add("other", {"VCPU": 4})
    assert found(numa, RequestGroup("", CPU)) == ["numa0", "numa1", "other"]
    assert found(numa, RequestGroup("", CPU, in_tree="pf1")) == ["numa0", "numa1"]
    assert found(numa, RequestGroup("", CPU, in_tree="other")) == ["other"]
    assert found(numa, RequestGroup("", CPU, in_tree="nobody")) == []


# Sharing


def test_a_sharing_provider_serves_the_trees_of_its_aggregates_and_stands_for_itself(shared: Fleet) -> None:
    assert found(shared, RequestGroup("", BOTH)) == ["cn1+store", "cn2", "cn2+store"]
    assert found(shared, RequestGroup("", DISK)) == ["cn2", "store"]
    assert found(shared, RequestGroup("_1", CPU), RequestGroup("_2", DISK)) == ["cn1+store", "cn2", "cn2+store"]


def test_any_member_of_a_tree_brings_it_into_an_aggregate(numa: Fleet) -> None:
    numa.share("store", {"GPU": 1}, "net1")
    assert found(numa, RequestGroup("", {"VCPU": 1, "GPU": 1})) == ["numa0+store", "numa1+store"]


def test_sharing_needs_the_trait_and_a_common_aggregate(shared: Fleet) -> None:
    shared.change("store", traits=frozenset())
    assert found(shared, RequestGroup("", BOTH)) == ["cn2"]
    shared.share("lonely", {"DISK_GB": 1000})
    assert found(shared, RequestGroup("", BOTH)) == ["cn2"]
    assert found(shared, RequestGroup("", DISK)) == ["cn2", "lonely", "store"]


def test_a_sharing_provider_need_not_be_a_root(shared: Fleet) -> None:
    shared.add("array").change("store", parent="array")
    assert found(shared, RequestGroup("", BOTH)) == ["cn1+store", "cn2", "cn2+store"]


def test_what_several_anchors_come_to_is_given_once(shared: Fleet) -> None:
    shared.share("store2", {"DISK_GB": 1000, "IPS": 4}, "a")
    assert found(shared, RequestGroup("", {"DISK_GB": 200, "IPS": 1})) == ["store+store2", "store2"]
    assert found(shared, RequestGroup("_1", {"DISK_GB": 200}), RequestGroup("_2", {"IPS": 1})) == [
        "store+store2",
        "store2",
    ]


def test_a_sharing_provider_must_be_in_the_asked_aggregate_itself(shared: Fleet) -> None:
    shared.change("cn1", aggregates=frozenset({"a", "rack"}))
    assert found(shared, RequestGroup("", BOTH, member_of=wanted("rack"))) == []
    shared.change("store", aggregates=frozenset({"a", "rack"}))
    assert found(shared, RequestGroup("", BOTH, member_of=wanted("rack"))) == ["cn1+store"]


def test_a_forbidden_aggregate_of_the_root_keeps_sharing_providers_away_too(shared: Fleet) -> None:
    shared.change("cn1", aggregates=frozenset({"a", "bad"}))
    shared.add("pf1", {"VF": 1}, parent="cn1")
    asked = wanted(forbidden=["bad"])
    assert found(shared, RequestGroup("", DISK, member_of=asked), RequestGroup("_1", VF)) == []
    assert found(shared, RequestGroup("", DISK), RequestGroup("_1", VF)) == ["pf1+store"]


def test_in_tree_leaves_sharing_providers_out_of_its_own_group_only(shared: Fleet) -> None:
    assert found(shared, RequestGroup("", BOTH, in_tree="cn2")) == ["cn2"]
    assert found(shared, RequestGroup("", BOTH, in_tree="cn1")) == []
    tied = RequestGroup("_1", CPU, in_tree="cn1")
    assert found(shared, tied, RequestGroup("_2", DISK)) == ["cn1+store"]
    assert found(shared, RequestGroup("_1", CPU), RequestGroup("_2", DISK, in_tree="store")) == [
        "cn1+store",
        "cn2+store",
    ]


def test_required_traits_may_be_those_of_a_sharing_provider(shared: Fleet) -> None:
    shared.change("store", traits=shared.members["store"].traits | {"SSD"})
    assert found(shared, RequestGroup("", BOTH, wanted("SSD"))) == ["cn1+store", "cn2+store"]
    assert found(shared, RequestGroup("", BOTH, wanted(forbidden=["SSD"]))) == ["cn2"]


# Suffixed groups


def test_a_suffixed_group_comes_from_one_provider(numa: Fleet) -> None:
    assert found(numa, RequestGroup("_1", {"VCPU": 1, "MEMORY_MB": 1})) == ["numa0", "numa1"]
    assert found(numa, RequestGroup("_1", {"VCPU": 1, "DISK_GB": 1})) == []


def test_everything_a_suffixed_group_asks_is_asked_of_its_provider(numa: Fleet) -> None:
    assert found(numa, RequestGroup("_1", VF, wanted("NIC"), wanted("net1"))) == ["pf1"]
    assert found(numa, RequestGroup("_1", VF, wanted("NUMA1"))) == []
    assert found(numa, RequestGroup("_1", VF, member_of=wanted("rack"))) == []
    assert found(numa, RequestGroup("_1", VF, member_of=wanted(forbidden=["rack", "net0"]))) == ["pf1"]


def test_groups_are_isolated_from_each_other_but_not_from_the_unsuffixed_one(numa: Fleet) -> None:
    groups = RequestGroup("", {"MEMORY_MB": 1}), RequestGroup("_1", CPU), RequestGroup("_2", VF)
    assert len(found(numa, *groups, isolate=True)) == 8
    one = RequestGroup("_1", {"VCPU": 1}), RequestGroup("_2", {"MEMORY_MB": 1})
    assert found(numa, *one) == ["numa0", "numa0+numa1", "numa0+numa1", "numa1"]
    assert found(numa, *one, isolate=True) == ["numa0+numa1", "numa0+numa1"]
    assert found(Fleet().add("flat", {"VCPU": 4, "MEMORY_MB": 4}), *one, isolate=True) == []


def test_what_groups_take_of_one_provider_is_added_up() -> None:
    fleet = Fleet().add("cn", {"VCPU": (Inventory(8, max_unit=5), 3)})
    ones = [RequestGroup(suffix, CPU) for suffix in ("", "_1", "_2", "_3", "_4")]
    (candidate,) = search(fleet.snapshot(), ask(*ones)).candidates
    assert candidate.allocations == {"cn": {"VCPU": 5}}
    assert found(fleet, *ones, RequestGroup("_5", CPU)) == [], "more than what is left"
    fleet.change("cn", offers={"VCPU": Inventory(8, max_unit=4)})
    assert found(fleet, *ones) == [], "more than max_unit"
    assert found(fleet, *ones[:-1]) == ["cn"]


def test_a_sum_need_not_be_a_step_nor_reach_the_least_unit() -> None:
    fleet = Fleet().add("cn").add("a", {"VF": Inventory(9, step_size=2)}, parent="cn")
    assert found(fleet, RequestGroup("_1", {"VF": 4}), RequestGroup("_2", {"VF": 2})) == ["a"]
    assert found(fleet, RequestGroup("_1", {"VF": 3})) == []


def test_amounts_are_right_where_the_unsuffixed_group_wants_the_same_class() -> None:
    fleet = Fleet().add("cn").add("a", CPU, parent="cn").add("b", CPU, parent="cn")
    answer = search(fleet.snapshot(), CandidateRequest((RequestGroup("", CPU), RequestGroup("1", CPU))))
    assert allocations(answer) == [{"a": {"VCPU": 1}, "b": {"VCPU": 1}}] * 2
    assert mapped(answer) == [{"": "a", "1": "b"}, {"": "b", "1": "a"}]


def test_the_unsuffixed_group_maps_to_all_its_providers_in_order(numa: Fleet) -> None:
    answer = search(numa.snapshot(), ask(RequestGroup("", {"VF": 1, "VCPU": 1}), RequestGroup("_d", DISK), limit=1))
    assert mapped(answer) == [{"": "numa0+pf0", "_d": "cn"}]


def test_equal_allocations_are_written_alike_whoever_they_are_for() -> None:
    fleet = Fleet().add("cn").add("a", {"VCPU": 2, "VF": 2}, parent="cn").add("b", {"VCPU": 1}, parent="cn")
    asked = RequestGroup("", {"VCPU": 1, "VF": 1}), RequestGroup("_1", {"VCPU": 1}, wanted(forbidden=["A"]))
    fleet.traits["A"] = 9
    written = [str(sorted(one.items())) for one in allocations(search(fleet.snapshot(), ask(*asked)))]
    assert len(written) == 3
    assert len(set(written)) == 2


# Groups without resources, and subtrees


def test_a_group_without_resources_is_mapped_and_gives_nothing(numa: Fleet) -> None:
    card = RequestGroup("_nic", {}, wanted("NUMA1"))
    answer = search(numa.snapshot(), ask(RequestGroup("_1", VF), card, same_subtrees=(frozenset({"_1", "_nic"}),)))
    assert allocations(answer) == [{"pf1": VF}]
    assert mapped(answer) == [{"_1": "pf1", "_nic": "numa1"}]


@pytest.mark.parametrize(
    "nothing_but",
    [
        RequestGroup("_x", {}, wanted(forbidden=["NUMA0", "NIC", "ROOT"])),
        RequestGroup("_x", {}, LabelFilter(), wanted(forbidden=["rack", "net0", "net1", "nothing"])),
        RequestGroup("_x", {}, in_tree="cn"),
    ],
    ids=["forbidden traits", "forbidden aggregates", "a tree"],
)
def test_a_group_without_resources_may_ask_for_nothing_positive(numa: Fleet, nothing_but: RequestGroup) -> None:
    pair = (frozenset({"_1", "_x"}),)
    answer = search(
        numa.snapshot(), ask(RequestGroup("_1", VF, wanted("NIC"), wanted("net1")), nothing_but, same_subtrees=pair)
    )
    assert {"_1": "pf1", "_x": "numa1"} in mapped(answer)


def test_groups_without_resources_are_isolated_too(numa: Fleet) -> None:
    asked = RequestGroup("_1", VF), RequestGroup("_x", {}, wanted("NIC"))
    pair = (frozenset({"_1", "_x"}),)
    assert found(numa, *asked, same_subtrees=pair) == ["pf0", "pf1"]
    assert found(numa, *asked, same_subtrees=pair, isolate=True) == []


def test_a_subtree_has_one_of_its_own_providers_on_top(numa: Fleet) -> None:
    cpu, card, disk = RequestGroup("_c", CPU), RequestGroup("_v", VF), RequestGroup("_d", DISK)
    assert len(found(numa, cpu, card, disk)) == 4
    assert found(numa, cpu, card, disk, same_subtrees=(frozenset({"_c", "_v"}),)) == ["cn+numa0+pf0", "cn+numa1+pf1"]
    assert len(found(numa, cpu, card, disk, same_subtrees=(frozenset({"_c", "_v", "_d"}),))) == 4
    assert len(found(numa, cpu, card, disk, same_subtrees=(frozenset({"_v", "_d"}),))) == 4, "holes do not matter"
    numbered = RequestGroup("_c", CPU, wanted("NUMA0")), RequestGroup("_o", CPU, wanted("NUMA1"))
    assert found(numa, *numbered, same_subtrees=(frozenset({"_c", "_o"}),)) == [], "the root is not chosen"


def test_several_subtrees_are_judged_one_by_one(numa: Fleet) -> None:
    groups = RequestGroup("_c", CPU), RequestGroup("_v", VF), RequestGroup("_d", DISK)
    several = frozenset({"_c", "_v"}), frozenset({"_d", "_v"}), frozenset({"_d"})
    assert found(numa, *groups, same_subtrees=several) == ["cn+numa0+pf0", "cn+numa1+pf1"]


def test_a_sharing_provider_of_another_tree_is_in_no_subtree(shared: Fleet) -> None:
    pair = (frozenset({"_1", "_2"}),)
    assert found(shared, RequestGroup("_1", CPU), RequestGroup("_2", DISK), same_subtrees=pair) == ["cn2"]


# The whole request


def test_the_anchors_root_must_have_and_lack_traits(numa: Fleet, shared: Fleet) -> None:
    numa.add("other", {"VCPU": 4}, traits=["NUMA0"])
    assert found(numa, RequestGroup("", CPU), root_traits=wanted("ROOT")) == ["numa0", "numa1"]
    assert found(numa, RequestGroup("", CPU), root_traits=wanted(forbidden=["ROOT"])) == ["other"]
    shared.change("cn1", traits=frozenset({"GOOD"}))
    assert found(shared, RequestGroup("", BOTH), root_traits=wanted("GOOD")) == ["cn1+store"]
    assert found(shared, RequestGroup("", DISK), root_traits=wanted("GOOD")) == ["store"], "under an accepted anchor"


def test_before_trees_were_known_one_provider_of_a_tree_was_enough(numa: Fleet, shared: Fleet) -> None:
    assert found(numa, RequestGroup("", {"VCPU": 4, "MEMORY_MB": 8}), nested=False) == ["numa0", "numa1"]
    assert found(numa, RequestGroup("", {"VCPU": 4, "DISK_GB": 10}), nested=False) == []
    assert found(shared, RequestGroup("", BOTH), nested=False) == ["cn1+store", "cn2", "cn2+store"]
    shared.add("slow", {"DISK_GB": 50}, parent="cn2")
    assert found(shared, RequestGroup("", BOTH), nested=False) == ["cn1+store", "cn2", "cn2+store"]


def test_unknown_names_are_errors_if_they_are_traits_or_classes(numa: Fleet) -> None:
    snapshot = numa.snapshot()
    with pytest.raises(UnknownResourceClass) as of_class:
        search(snapshot, ask(RequestGroup("", CPU), RequestGroup("_1", {"PONY": 1})))
    assert of_class.value.name == "PONY"
    with pytest.raises(UnknownTraits) as of_trait:
        search(snapshot, ask(RequestGroup("", CPU, wanted(("NIC", "Z"), forbidden=["A"]))))
    assert of_trait.value.names == ("A", "Z")
    with pytest.raises(UnknownTraits):
        search(snapshot, ask(RequestGroup("", CPU), root_traits=wanted("Z")))


def test_an_empty_world_and_an_empty_question_have_no_answer(numa: Fleet) -> None:
    snapshot = numa.snapshot()
    assert search(snapshot, CandidateRequest(())).candidates == ()
    assert search(snapshot, ask(RequestGroup("_1", {}, wanted("NIC")))).candidates == ()
    with pytest.raises(UnknownResourceClass):
        search(Snapshot.empty(), ask(RequestGroup("", CPU)))
