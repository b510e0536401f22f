"""A patched snapshot is the one that would be made from nothing, and shares with the old what did not change."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from engine_fleets import Fleet, Member
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshots import contents

from ullage.engine.block import BLOCK_SIZE, Block
from ullage.engine.patch import Delta, patch
from ullage.engine.persistent import ShardedMap
from ullage.engine.search import search
from ullage.engine.snapshot import Snapshot
from ullage.model.inventory import Inventory
from ullage.model.request import CandidateRequest, GroupPolicy, RequestGroup

CLASSES, TRAITS, AGGREGATES = ("A", "B", "C"), ("T", "U"), ("x", "y")
KEYS = (*range(1, 7), *range(BLOCK_SIZE - 3, BLOCK_SIZE + 4), 5 * BLOCK_SIZE + 1)
"""Keys in several blocks, with a gap between them."""


OFFERS = st.dictionaries(
    st.sampled_from(CLASSES),
    st.tuples(st.builds(Inventory, st.integers(1, 9), max_unit=st.sampled_from((2, 9))), st.integers(0, 3)),
)


class Story:
    """A fleet that things happen to, and the snapshot that follows by patches alone."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self.draw = draw
        self.fleet = Fleet(
            classes={name: key for key, name in enumerate(CLASSES, 1)},
            traits={name: key for key, name in enumerate((*TRAITS, "MISC_SHARES_VIA_AGGREGATE"), 1)},
            aggregates={name: key for key, name in enumerate(AGGREGATES, 1)},
        )
        self.snapshot = patch(Snapshot.empty(), self.fleet.delta())
        self.free = list(draw(st.permutations(KEYS)))

    def happen(self) -> None:
        names = sorted(self.fleet.members)
        events = [self.create, *([self.change, self.rename, self.move, self.delete, self.relabel] if names else [])]
        changed, deleted = self.draw(st.sampled_from(events))(names)
        self.snapshot = patch(self.snapshot, self.fleet.delta(*changed, deleted=deleted))

    def create(self, names: list[str]) -> tuple[list[str], list[int]]:
        if not self.free:
            return [], [KEYS[-1] + 1]  # an unknown key is no error
        key = self.free.pop()
        made = self.member(key, f"p{key}", self.draw(st.sampled_from((None, *names))))
        while made.uuid in {member.uuid for member in self.fleet.members.values()}:  # swapped away, and still in use
            made = replace(made, uuid=f"{made.uuid} again")
        self.fleet.set(made)
        return [f"p{key}"], []

    def change(self, names: list[str]) -> tuple[list[str], list[int]]:
        some = self.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        for name in some:
            old = self.fleet.members[name]
            new = self.member(old.key, name, old.parent)
            self.fleet.set(replace(new, uuid=old.uuid, generation=old.generation + 1))
        return some, []

    def rename(self, names: list[str]) -> tuple[list[str], list[int]]:
        """Two providers swap their uuids, which nobody does in life, and which a look-up must survive."""
        one, other = self.draw(st.sampled_from(names)), self.draw(st.sampled_from(names))
        uuids = self.fleet.members[one].uuid, self.fleet.members[other].uuid
        self.fleet.change(one, uuid=uuids[1])
        self.fleet.change(other, uuid=uuids[0])
        return [one, other] if one != other else [one], []

    def move(self, names: list[str]) -> tuple[list[str], list[int]]:
        name = self.draw(st.sampled_from(names))
        below = self.fleet.below(name)
        self.fleet.change(name, parent=self.draw(st.sampled_from((None, *(set(names) - set(below))))))
        return below, []

    def delete(self, names: list[str]) -> tuple[list[str], list[int]]:
        below = self.fleet.below(self.draw(st.sampled_from(names)))
        return [], [self.fleet.members.pop(name).key for name in below]

    def relabel(self, names: list[str]) -> tuple[list[str], list[int]]:
        """Two classes swap their names."""
        one, other = self.draw(st.sampled_from(CLASSES)), self.draw(st.sampled_from(CLASSES))
        classes = self.fleet.classes
        classes[one], classes[other] = classes[other], classes[one]
        offering = [name for name, member in self.fleet.members.items() if member.offers]
        return offering or [sorted(self.fleet.members)[0]], []

    def member(self, key: int, name: str, parent: str | None) -> Member:
        traits = self.draw(st.frozensets(st.sampled_from((*TRAITS, "MISC_SHARES_VIA_AGGREGATE"))))
        aggregates = self.draw(st.frozensets(st.sampled_from(AGGREGATES)))
        return Member(key, name, parent, self.draw(OFFERS), traits, aggregates, f"uuid of {name}")


QUESTIONS = (
    CandidateRequest((RequestGroup("", {"A": 1, "B": 2}),)),
    CandidateRequest((RequestGroup("_1", {"A": 1}), RequestGroup("_2", {"C": 1})), GroupPolicy.NONE),
)


@given(st.data(), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_patched_is_as_made_from_nothing_whatever_happens(data: st.DataObject, events: int) -> None:
    story = Story(data.draw)
    before = story.snapshot
    for _ in range(events):
        before, told = story.snapshot, contents(story.snapshot)
        story.happen()
        assert contents(before) == told, "a patch edited its argument"
    rebuilt = story.fleet.snapshot()
    assert contents(story.snapshot) == contents(rebuilt)
    for question in QUESTIONS:
        assert search(story.snapshot, question) == search(rebuilt, question)


def wide_fleet(count: int) -> Fleet:
    fleet = Fleet()
    for number in range(1, count + 1):
        fleet.members[f"p{number}"] = Member(
            number, f"p{number}", None, {"VCPU": 4}, frozenset({"T"}), frozenset({"x"}), f"p{number}"
        )
    fleet.classes["VCPU"], fleet.traits["T"], fleet.aggregates["x"] = 1, 2, 1
    return fleet


def arrays(block: Block) -> dict[str, np.ndarray[Any, Any]]:
    parts = {one.name: getattr(block, one.name) for one in fields(block)}
    parts |= {one.name: getattr(block.stock, one.name) for one in fields(block.stock)}
    return {name: value for name, value in parts.items() if isinstance(value, np.ndarray)}


def test_a_claim_copies_the_columns_it_changes_of_one_block_only() -> None:
    fleet = wide_fleet(3 * BLOCK_SIZE)
    before = fleet.snapshot()
    name = f"p{BLOCK_SIZE + 9}"
    fleet.change(name, offers={"VCPU": (Inventory(4), 1)}, generation=1, updated_us=7)
    after = patch(before, fleet.delta(name))
    assert [one is other for one, other in zip(before.blocks, after.blocks, strict=True)] == [True, False, True, True]
    old, new = arrays(before.blocks[1]), arrays(after.blocks[1])
    copied = {key for key in new if new[key] is not old[key]}
    assert copied == {"generations", "updated_us", "used"}
    assert sum(new[key].nbytes for key in copied) == 3 * 8 * BLOCK_SIZE


MANY = 100_000
USED_ETC = 3 * 8
"""Bytes that a claim changes of a provider with one inventory: its generation, its time, the use of the inventory."""


def many_rows(keys: Iterable[int], used: int) -> Delta:
    some = list(keys)
    return Delta(
        [(key, f"u{key}", f"n{key}", used, None, key, used) for key in some],
        [(key, 1, 8, 0, 1, 8, 1, 1.0, used) for key in some],
        [(key, 1) for key in some],
        [(key, 1 + key % 7) for key in some],
    )


def bytes_of(snapshot: Snapshot) -> dict[int, int]:
    """What a snapshot holds, by identity: columns, what is derived from them, and the parts of its look-ups."""
    held: dict[int, int] = {}
    for block in snapshot.blocks:
        for part in (block, block.stock):
            held |= {id(value): value.nbytes for value in vars(part).values() if isinstance(value, np.ndarray)}
    for look_up in vars(snapshot).values():
        if isinstance(look_up, ShardedMap):
            held |= {id(shard): sys.getsizeof(shard) for shard in look_up._shards}
    return held


@pytest.mark.parametrize(
    ("keys", "blocks"),
    [([5_000], 1), (range(5_000, 5_100), 1), (range(500, MANY, MANY // 100), 7)],
    ids=["one", "a hundred together", "a hundred everywhere"],
)
def test_claims_copy_what_they_change_of_the_blocks_they_touch(keys: Sequence[int], blocks: int) -> None:
    question = CandidateRequest((RequestGroup("", {"VCPU": 1}),), limit=10)
    names = Delta(class_names={1: "VCPU"})
    before = patch(patch(Snapshot.empty(), names), many_rows(range(1, MANY + 1), used=0))
    search(before, question)
    old = bytes_of(before)
    after = patch(before, many_rows(keys, used=1))
    copied = sum(size for identity, size in bytes_of(after).items() if identity not in old)
    assert 0 < copied <= blocks * BLOCK_SIZE * USED_ETC
    search(after, question)
    made = sum(size for identity, size in bytes_of(after).items() if identity not in old)
    assert made - copied <= blocks * BLOCK_SIZE * 8, "a search after a claim makes anew what depends on the use alone"


def test_what_is_derived_from_columns_that_stay_is_kept() -> None:
    fleet = wide_fleet(10)
    before = fleet.snapshot()
    search(before, CandidateRequest((RequestGroup("", {"VCPU": 1}),)))
    fleet.change("p3", offers={"VCPU": (Inventory(4), 1)})
    old, new = before.blocks[0], patch(before, fleet.delta("p3")).blocks[0]
    assert new.present is old.present
    assert new.descendant_places is old.descendant_places
    assert new.stock.span(1) is old.stock.span(1)
    assert new.stock.free.tolist() != old.stock.free.tolist()


def test_keys_may_become_known_in_any_order() -> None:
    """Transactions commit in another order than they took their keys in; a child may be older than its root."""
    fleet = Fleet().add("late", {"A": 4}, key=7).add("early", {"A": 4}, key=2, parent="late")
    snapshot = patch(Snapshot.empty(), fleet.delta("early"))
    snapshot = patch(snapshot, fleet.delta("late"))
    assert contents(snapshot) == contents(fleet.snapshot())
    assert snapshot.tree(7) == (2, 7)


def test_a_complete_change_forgets_what_was() -> None:
    old = Fleet().add("old", {"A": 1}, traits=["T"]).snapshot()
    new = Fleet().add("new", {"B": 1}, aggregates=["x"])
    assert contents(patch(old, new.delta())) == contents(new.snapshot())


def test_plain_rows_do_as_well_as_records() -> None:
    fleet = Fleet().add("cn", {"A": (Inventory(4, 1, allocation_ratio=2.0), 1)}, traits=["T"], aggregates=["x"])
    delta = fleet.delta()
    plain = replace(
        delta,
        providers=[tuple(row) for row in delta.providers],  # type: ignore[misc]  # the very point
        inventories=[tuple(row) for row in delta.inventories],  # type: ignore[misc]  # the very point
    )
    assert contents(patch(Snapshot.empty(), plain)) == contents(fleet.snapshot())


def test_names_of_classes_and_traits_come_change_and_go() -> None:
    snapshot = patch(Snapshot.empty(), Delta(class_names={1: "A", 2: "B"}, trait_names={1: "T", 2: "U"}))
    snapshot = patch(snapshot, Delta(class_names={1: "B", 2: "A"}))
    assert snapshot.class_keys.get("A") == 2
    assert snapshot.class_keys.get("B") == 1
    snapshot = patch(snapshot, Delta(deleted_classes=[1], deleted_traits=[2], class_names={3: "B"}))
    assert dict(snapshot.class_keys.items()) == {"A": 2, "B": 3}
    assert dict(snapshot.class_names.items()) == {2: "A", 3: "B"}
    assert dict(snapshot.trait_keys.items()) == {"T": 1}


def test_a_name_that_was_given_up_can_be_taken_in_the_same_change() -> None:
    fleet = Fleet().add("a", key=1).add("b", key=2)
    snapshot = fleet.snapshot()
    fleet.members.pop("a")
    fleet.members["c"] = Member(3, "a", None, {}, frozenset(), frozenset(), "a")
    snapshot = patch(snapshot, fleet.delta("c", deleted=[1]))
    assert snapshot.provider_keys.get("a") == 3
    assert snapshot.named_keys.get("a") == 3
    assert len(snapshot) == 2


def test_thousands_of_classes_on_one_provider_each_cost_what_they_hold() -> None:
    fleet = Fleet()
    for number in range(1, 3001):
        fleet.members[f"p{number}"] = Member(
            number, f"p{number}", None, {f"CUSTOM_{number}": 1}, frozenset({f"T{number}"}), frozenset(), f"p{number}"
        )
        fleet.classes[f"CUSTOM_{number}"] = fleet.traits[f"T{number}"] = number
    snapshot = fleet.snapshot()
    assert sum(array.nbytes for block in snapshot.blocks for array in arrays(block).values()) < 3000 * 150
    (found,) = search(snapshot, CandidateRequest((RequestGroup("", {"CUSTOM_77": 1}),))).candidates
    assert dict(found.allocations) == {"p77": {"CUSTOM_77": 1}}
