"""Providers: names, trees, moves and deletion."""

from __future__ import annotations

from ledger.memory import MemoryWorld
from ledger.scenes import add_host, claim, generation, refusal, replace, uuid_of, world_with
from ullage.ledger.book import InventoryRow
from ullage.model.commands import (
    ClearInventories,
    CreateProvider,
    DeleteProvider,
    EnsureTrait,
    ReleaseConsumer,
    SetProviderAggregates,
    SetProviderTraits,
    UpdateProvider,
)
from ullage.model.errors import (
    ProviderExists,
    ProviderHasAllocations,
    ProviderHasChildren,
    ProviderLoop,
    ProviderMissing,
    ProviderOwnParent,
    ReparentingNotAllowed,
    UnknownParent,
)
from ullage.model.inventory import Inventory
from ullage.model.provider import Provider

A, B, C, D, E, F = (uuid_of(name) for name in "abcdef")


def forest() -> MemoryWorld:
    """The trees a > b > c > d and e > f."""
    world = world_with(a={})
    for name, parent in (("b", "a"), ("c", "b"), ("d", "c"), ("e", None), ("f", "e")):
        add_host(world, name, {}, parent)
    return world


def roots(world: MemoryWorld) -> str:
    """The root of each provider, in order of name."""
    return "".join(
        world.providers[row.root_uuid].name for row in sorted(world.providers.values(), key=lambda row: row.name)
    )


def test_a_new_provider_starts_at_generation_0_as_its_own_root() -> None:
    world = MemoryWorld()
    assert world.do(CreateProvider(A, "a")) == Provider(A, "a", 0, None, A)


def test_a_new_provider_may_come_with_all_that_it_has() -> None:
    world = world_with(a={})
    world.do(EnsureTrait("CUSTOM_T"))
    aggregate = uuid_of("agg")
    inventories, traits = {"VCPU": Inventory(8)}, frozenset({"CUSTOM_T"})
    command = CreateProvider(B, "b", A, inventories, traits, frozenset({aggregate}))
    assert world.do(command) == Provider(B, "b", 0, A, A)
    assert world.inventories[B] == {"VCPU": InventoryRow(Inventory(8), 0)}
    assert world.provider_traits[B] == traits
    assert world.provider_aggregates[B] == {aggregate}


def test_a_new_child_has_the_root_of_its_parent_and_stamps_it() -> None:
    world = forest()
    assert world.do(CreateProvider(uuid_of("g"), "g", D)) == Provider(uuid_of("g"), "g", 0, D, A)
    assert A in world.stamped


def test_a_parent_must_be_there_and_another() -> None:
    world = MemoryWorld()
    assert isinstance(world.ask(CreateProvider(A, "a", B)), UnknownParent)
    assert isinstance(world.ask(CreateProvider(A, "a", A)), ProviderOwnParent)


def test_uuid_and_name_must_be_free() -> None:
    world = forest()
    by_uuid = refusal(world.ask(CreateProvider(A, "new")))
    by_name = refusal(world.ask(CreateProvider(uuid_of("z"), "a")))
    assert isinstance(by_uuid, ProviderExists)
    assert (by_uuid.field, by_uuid.value) == ("uuid", A)
    assert isinstance(by_name, ProviderExists)
    assert (by_name.field, by_name.value) == ("name", "a")


def test_a_rename_raises_no_generation_and_frees_the_old_name() -> None:
    world = forest()
    assert world.do(UpdateProvider(A, "new")) == Provider(A, "new", 1, None, A)
    world.do(CreateProvider(uuid_of("z"), "a"))


def test_a_rename_to_a_taken_name_is_refused_and_to_its_own_is_not() -> None:
    world = forest()
    no = refusal(world.ask(UpdateProvider(A, "b")))
    assert isinstance(no, ProviderExists)
    assert (no.field, no.value) == ("name", "b")
    world.do(UpdateProvider(A, "a"))


def test_a_freed_name_can_be_taken_in_the_same_batch() -> None:
    world = forest()
    answers = world.run(
        UpdateProvider(A, "new"), CreateProvider(uuid_of("z"), "a"), CreateProvider(uuid_of("y"), "new")
    )
    assert isinstance(answers[1], Provider)
    assert isinstance(answers[2], ProviderExists)


def test_leaving_the_parent_unsaid_keeps_it() -> None:
    world = forest()
    assert world.do(UpdateProvider(B, "b2")) == Provider(B, "b2", 1, A, A)


def test_a_move_rewrites_the_roots_of_all_descendants_without_raising_generations() -> None:
    world = forest()
    assert world.do(UpdateProvider(B, "b", E)) == Provider(B, "b", 1, E, E)
    assert roots(world) == "aeeeee"
    assert [generation(world, name) for name in "abcdef"] == [1] * 6
    assert world.stamped >= {A, B, C, D, E}


def test_a_provider_can_become_a_root() -> None:
    world = forest()
    assert world.do(UpdateProvider(C, "c", None)) == Provider(C, "c", 1, None, C)
    assert roots(world) == "aaccee"
    assert world.stamped >= {A, C, D}


def test_a_root_can_move_under_another_tree() -> None:
    world = forest()
    world.do(UpdateProvider(A, "a", F))
    assert roots(world) == "eeeeee"


def test_a_move_inside_a_tree_stamps_whatever_changed_its_depth() -> None:
    world = forest()
    world.do(UpdateProvider(C, "c", A))
    assert roots(world) == "aaaaee"
    assert world.stamped >= {A, C, D}
    assert B not in world.stamped


def test_a_provider_cannot_move_below_itself() -> None:
    world = forest()
    for parent in (A, B, D):
        assert isinstance(world.ask(UpdateProvider(A, "a", parent)), ProviderLoop)
    assert roots(world) == "aaaaee"


def test_a_loop_made_by_two_moves_of_one_batch_is_refused() -> None:
    world = world_with(a={}, b={})
    first, second = world.run(UpdateProvider(A, "a", B), UpdateProvider(B, "b", A))
    assert isinstance(first, Provider)
    assert isinstance(second, ProviderLoop)


def test_moves_of_one_batch_follow_one_another() -> None:
    world = forest()
    world.run(UpdateProvider(C, "c", E), UpdateProvider(E, "e", B), CreateProvider(uuid_of("g"), "g", D))
    assert roots(world) == "aaaaaaa"


def test_without_reparenting_only_a_root_may_get_a_parent() -> None:
    world = forest()
    world.do(UpdateProvider(E, "e", D, may_reparent=False))
    assert roots(world) == "aaaaaa"
    other = refusal(world.ask(UpdateProvider(B, "b", C, may_reparent=False)))
    none = refusal(world.ask(UpdateProvider(B, "b", None, may_reparent=False)))
    assert isinstance(other, ReparentingNotAllowed)
    assert "re-parenting a provider is not currently allowed" in other.message
    assert isinstance(none, ReparentingNotAllowed)
    assert "un-parenting a provider is not currently allowed" in none.message
    world.do(UpdateProvider(B, "b", A, may_reparent=False))
    world.do(UpdateProvider(A, "a", None, may_reparent=False))


def test_a_move_needs_a_parent_that_is_there() -> None:
    assert isinstance(forest().ask(UpdateProvider(A, "a", uuid_of("z"))), UnknownParent)


def test_a_provider_with_allocations_can_move() -> None:
    world = world_with(a={"VCPU": 4}, b={})
    world.do(replace(claim("c", {"a": {"VCPU": 1}})))
    world.do(UpdateProvider(A, "a", B))
    assert world.providers[A].root_uuid == B
    world.do(ReleaseConsumer(uuid_of("c")))


def test_a_deleted_provider_takes_everything_of_its_own_with_it() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(
        EnsureTrait("CUSTOM_GOLD"),
        SetProviderTraits(A, 1, frozenset({"CUSTOM_GOLD"})),
        SetProviderAggregates(A, 2, frozenset({B})),
        DeleteProvider(A),
    )
    assert not world.providers
    assert not world.inventories
    assert not world.provider_traits
    assert not world.provider_aggregates
    assert world.do(CreateProvider(A, "a")) == Provider(A, "a", 0, None, A)


def test_deleting_a_child_stamps_its_root() -> None:
    world = forest()
    world.do(DeleteProvider(D))
    assert A in world.stamped


def test_a_provider_with_children_or_allocations_stays() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 1}})))
    assert isinstance(world.ask(DeleteProvider(A)), ProviderHasAllocations)
    world.do(CreateProvider(B, "b", A))
    assert isinstance(world.ask(DeleteProvider(A)), ProviderHasChildren)
    world.do(ReleaseConsumer(uuid_of("c")), DeleteProvider(B), ClearInventories(A), DeleteProvider(A))


def test_a_child_made_in_the_same_batch_holds_its_parent() -> None:
    world = world_with(a={})
    answers = world.run(CreateProvider(B, "b", A), DeleteProvider(A), DeleteProvider(B), DeleteProvider(A))
    assert [type(answer) for answer in answers] == [Provider, ProviderHasChildren, type(None), type(None)]


def test_a_parent_deleted_in_the_same_batch_is_unknown() -> None:
    world = world_with(a={})
    answers = world.run(DeleteProvider(A), CreateProvider(B, "b", A), CreateProvider(A, "a"))
    assert [type(answer) for answer in answers] == [type(None), UnknownParent, Provider]
    assert generation(world, "a") == 0


def test_a_provider_that_is_not_there_can_be_neither_updated_nor_deleted() -> None:
    world = MemoryWorld()
    assert isinstance(world.ask(UpdateProvider(A, "a")), ProviderMissing)
    no = refusal(world.ask(DeleteProvider(A)))
    assert no.message == f"No resource provider with uuid {A} found for delete"
