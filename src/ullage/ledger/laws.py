"""The laws of the ledger, looked at once more before a decision takes effect.

No request can break one: a breach is a programmer's error in a decision, and it must not reach the database.
"""

from __future__ import annotations

from collections import defaultdict

from ullage.ledger.book import Draft, ProviderRow


class LawBroken(RuntimeError):
    """A decision would have broken a law; nothing of it took effect."""


def check(draft: Draft) -> None:
    """Raises LawBroken if what a command wrote breaks a law that its rows can show."""
    _never_overcommitted(draft)
    _sums_agree(draft)
    _generations_only_grow(draft)
    _consumers_hold_something(draft)
    _trees_are_whole(draft)


def _never_overcommitted(draft: Draft) -> None:
    """Law 1: the use of an inventory is within its capacity, or not above what it was."""
    for uuid, before, after in draft.inventories.written():
        for name, offer in (after or {}).items():
            was = before[name].used if before and name in before else 0
            if offer.used < 0 or not offer.inventory.admits_total(was, offer.used):
                raise LawBroken(f"law 1: use of {name} on {uuid} would go from {was} to {offer.used}")


def _sums_agree(draft: Draft) -> None:
    """Law 4: use changes by exactly what holdings change, and what is held is offered."""
    changes: dict[tuple[str, str], int] = defaultdict(int)
    for _, held_before, held_after in draft.holdings.written():
        for place, amount in (held_after or {}).items():
            changes[place] += amount
        for place, amount in (held_before or {}).items():
            changes[place] -= amount
    for uuid, before, after in draft.inventories.written():
        for name, offer in (before or {}).items():
            changes[uuid, name] += offer.used
        for name, offer in (after or {}).items():
            changes[uuid, name] -= offer.used
    wrong = [place for place, difference in changes.items() if difference]
    if wrong:
        raise LawBroken(f"law 4: use and holdings would differ at {wrong}")


def _generations_only_grow(draft: Draft) -> None:
    """Law 5: a provider starts at 0, a consumer at 1, and neither ever goes back."""
    for uuid, before, after in draft.providers.written():
        if after and (after.generation < before.generation if before else after.generation != 0):
            raise LawBroken(f"law 5: provider {uuid} would get generation {after.generation}")
    for uuid, was, shall in draft.consumers.written():
        if shall and shall.generation != (was.generation if was else 0) + 1:
            raise LawBroken(f"law 5: consumer {uuid} would get generation {shall.generation}")


def _consumers_hold_something(draft: Draft) -> None:
    """Law 3: there is a consumer exactly while it holds something."""
    written = [*draft.consumers.written(), *draft.holdings.written()]
    for uuid in {uuid for uuid, _, _ in written}:
        if (draft.consumers.get(uuid) is None) != (not draft.holdings.get(uuid)):
            raise LawBroken(f"law 3: consumer {uuid} would be left without holdings, or its holdings without it")


def _trees_are_whole(draft: Draft) -> None:
    """A root is its own root; any other provider has the root of its parent."""
    for uuid, _, row in draft.providers.written():
        if row is not None and row.root_uuid != _root_by_parent(draft, row):
            raise LawBroken(f"provider {uuid} would have the root {row.root_uuid}")


def _root_by_parent(draft: Draft, row: ProviderRow) -> str:
    """The root that the parent tells; the row's own word if the parent was not read (it does not change then)."""
    if row.parent_uuid is None:
        return row.uuid
    if not draft.book.providers.has_read(row.parent_uuid):
        return row.root_uuid
    parent = draft.providers.get(row.parent_uuid)
    if parent is None:
        raise LawBroken(f"provider {row.uuid} would have a parent that is gone")
    return parent.root_uuid
