"""What holds of every decision, whatever the command."""

from __future__ import annotations

from dataclasses import replace as replace_fields
from random import Random
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation.auditor import Auditor
from simulation.workload import Workload

from ledger.memory import MemoryWorld
from ledger.scenes import claim, replace, uuid_of, world_with
from ullage.ledger.book import Book, Draft, InventoryRow, NotRead, ProviderRow
from ullage.ledger.decide import DECISIONS, decide, needs
from ullage.ledger.laws import LawBroken, check
from ullage.ledger.needs import Needs
from ullage.model.allocation import Consumer
from ullage.model.commands import Command, CreateProvider, ReleaseConsumer
from ullage.model.errors import Refusal
from ullage.model.inventory import Inventory

A, C = uuid_of("a"), uuid_of("c")


def test_every_command_has_its_decision() -> None:
    assert set(DECISIONS) == set(get_args(Command))


def contents(book: Book) -> list[object]:
    """Everything that a Book holds, copied."""
    return [
        *({**dict(table.items()), "changes": table.changes()} for table in book.tables()),
        set(book.stamped),
        dict(book.renamed_classes),
    ]


@given(st.randoms(use_true_random=False), st.integers(0, 12), st.integers(1, 6))
@settings(max_examples=150, deadline=None)
def test_a_refused_command_leaves_the_book_exactly_as_it_was(random: Random, before: int, size: int) -> None:
    workload, world, auditor = Workload(random), MemoryWorld(), Auditor()
    for _ in range(before):
        command = workload.command(auditor.state)
        auditor.witness(command, world.ask(command))
    batch = [workload.command(auditor.state) for _ in range(size)]
    wanted = Needs()
    for command in batch:
        wanted.add(needs(command))
    book = world.book(wanted)
    for command in batch:
        was = contents(book)
        if isinstance(decide(book, command), Refusal):
            assert contents(book) == was


@given(st.randoms(use_true_random=False), st.integers(1, 25))
@settings(max_examples=150, deadline=None)
def test_any_history_keeps_the_laws(random: Random, length: int) -> None:
    workload, world, auditor = Workload(random), MemoryWorld(), Auditor()
    for _ in range(length):
        command = workload.command(auditor.state)
        auditor.witness(command, world.ask(command))


def test_a_decision_that_looks_further_than_its_needs_is_found_out() -> None:
    world = world_with(a={"VCPU": 1})
    with pytest.raises(NotRead, match="was not read"):
        decide(world.book(Needs()), replace(claim("c", {"a": {"VCPU": 1}})))


def test_deciding_changes_nothing_that_was_read() -> None:
    world = world_with(a={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 1}})))
    command = replace(claim("c", {"a": {"VCPU": 2}}))
    offers, held = dict(world.inventories[A]), dict(world.holdings[C])
    decide(world.book(needs(command)), command)
    assert (world.inventories[A], world.holdings[C]) == (offers, held)


def test_changes_tell_what_was_read_and_what_came_out() -> None:
    world = world_with(a={"VCPU": 4})
    commands: list[Command] = [
        replace(claim("c", {"a": {"VCPU": 1}})),
        replace(claim("d", {"a": {"VCPU": 2}})),
        ReleaseConsumer(C),
    ]
    wanted = Needs()
    for command in commands:
        wanted.add(needs(command))
    book = world.book(wanted)
    for command in commands:
        decide(book, command)
    assert [(change.key, change.before, change.after) for change in book.consumers.changes()] == [
        (uuid_of("d"), None, Consumer(uuid_of("d"), "project", "user", None, 1))
    ]
    (offers,) = book.inventories.changes()
    assert offers.before == {"VCPU": InventoryRow(Inventory(4), 0)}
    assert offers.after == {"VCPU": InventoryRow(Inventory(4), 2)}
    (provider,) = book.providers.changes()
    assert (provider.before, provider.after) == (
        ProviderRow(A, "a", 1, None, A),
        ProviderRow(A, "a", 3, None, A),
    )


# The guards: each law is broken on purpose once


def draft_of(command: Command) -> Draft:
    """A draft over what one command reads, in a world where c holds 1 of 4 on a."""
    world = world_with(a={"VCPU": 4})
    world.do(replace(claim("c", {"a": {"VCPU": 1}})))
    return Draft(world.book(needs(command)))


CLAIM = replace(claim("c", {"a": {"VCPU": 1}}))


def test_a_decision_that_breaks_a_law_takes_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_with(a={"VCPU": 4})

    def oversell(draft: Draft, _: Command) -> None:
        draft.inventories.put(A, {"VCPU": InventoryRow(Inventory(4), 5)})

    broken = replace_fields(DECISIONS[type(CLAIM)], decide=oversell)
    monkeypatch.setattr("ullage.ledger.decide.DECISIONS", {**DECISIONS, type(CLAIM): broken})
    book = world.book(needs(CLAIM))
    was = contents(book)
    with pytest.raises(LawBroken, match="law 1"):
        decide(book, CLAIM)
    assert contents(book) == was


def test_a_refusal_that_is_not_in_the_list_is_a_fault_of_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    unlisted = replace_fields(DECISIONS[type(CLAIM)], refusals=())
    monkeypatch.setattr("ullage.ledger.decide.DECISIONS", {**DECISIONS, type(CLAIM): unlisted})
    with pytest.raises(LawBroken, match="UnknownProvider is not in the list of ReplaceAllocations"):
        decide(world_with().book(needs(CLAIM)), CLAIM)


def test_law_1_is_guarded() -> None:
    draft = draft_of(CLAIM)
    draft.inventories.put(A, {"VCPU": InventoryRow(Inventory(4), 5)})
    draft.holdings.put(C, {(A, "VCPU"): 5})
    with pytest.raises(LawBroken, match="law 1"):
        check(draft)


@pytest.mark.parametrize("held", [{}, {(A, "VCPU"): 2}, {(A, "VCPU"): 3, (A, "DISK_GB"): 1}])
def test_law_4_is_guarded(held: dict[tuple[str, str], int]) -> None:
    draft = draft_of(CLAIM)
    draft.inventories.put(A, {"VCPU": InventoryRow(Inventory(4), 3)})
    draft.holdings.put(C, held)
    with pytest.raises(LawBroken, match="law 4"):
        check(draft)


def test_law_4_forbids_an_inventory_to_go_while_it_is_used() -> None:
    draft = draft_of(CLAIM)
    draft.inventories.put(A, {})
    with pytest.raises(LawBroken, match="law 4"):
        check(draft)


@pytest.mark.parametrize("generation", [1, -1])
def test_law_5_is_guarded_for_providers(generation: int) -> None:
    draft = draft_of(CLAIM)
    draft.providers.put(A, ProviderRow(A, "a", generation, None, A))
    with pytest.raises(LawBroken, match="law 5"):
        check(draft)


@pytest.mark.parametrize("generation", [0, 1, 3])
def test_law_5_is_guarded_for_consumers(generation: int) -> None:
    draft = draft_of(CLAIM)
    draft.consumers.put(C, Consumer(C, "project", "user", None, generation))
    with pytest.raises(LawBroken, match="law 5"):
        check(draft)


def test_law_3_is_guarded() -> None:
    without_holdings, without_consumer = draft_of(CLAIM), draft_of(CLAIM)
    without_holdings.holdings.drop(C)
    without_holdings.inventories.put(A, {"VCPU": InventoryRow(Inventory(4), 0)})
    without_consumer.consumers.drop(C)
    for draft in (without_holdings, without_consumer):
        with pytest.raises(LawBroken, match="law 3"):
            check(draft)


def test_trees_are_guarded() -> None:
    child = CreateProvider(uuid_of("b"), "b", A)
    wrong_root, no_parent = draft_of(child), draft_of(child)
    wrong_root.providers.put(uuid_of("b"), ProviderRow(uuid_of("b"), "b", 0, A, uuid_of("b")))
    with pytest.raises(LawBroken, match="root"):
        check(wrong_root)
    no_parent.providers.drop(A)
    no_parent.providers.put(uuid_of("b"), ProviderRow(uuid_of("b"), "b", 0, A, A))
    with pytest.raises(LawBroken, match="parent"):
        check(no_parent)
