"""The locks of a batch: consumers first, then providers, each in order of integer key.

Whoever changes anything of a provider holds its row, and whoever changes a tree holds its root's row. A row is found
by a plain look-up, then locked by key alone, and only read in later statements: a joined "lock and read" would wait
for a lock and then return what it had read before the wait. What was found before locking may be old, so `confirm`
looks again under the locks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, select

from ullage.ledger.needs import Needs
from ullage.storage.dialects import Dialect
from ullage.storage.many import is_listed, rows_of
from ullage.storage.tables import allocations, consumers, providers, resource_classes
from ullage.storage.trouble import Outdated


@dataclass(slots=True)
class Locked:
    """Keys of what a batch has locked and, of locked consumers, what they hold: nobody else can change that now."""

    consumers: Collection[int] = ()
    providers: set[int] = field(default_factory=set)
    supplied: set[int] = field(default_factory=set)
    """The providers whose inventories the batch may look at."""
    trees: set[int] = field(default_factory=set)
    """Roots of the trees of which every member was found and locked."""
    holdings: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    """Consumer key -> rows (id, consumer_id, provider_id, resource_class_id, name, used)."""


@dataclass(frozen=True, slots=True)
class _Statements:
    find_consumers: Select[Any]
    lock_consumers: Select[Any] | None
    holdings: Select[Any]
    find_providers: Select[Any]
    lock_providers: Select[Any] | None
    members: Select[Any]


def tree_changing(needs: Needs) -> set[str]:
    """Uuids of the providers whose trees may be changed."""
    return needs.parents | needs.children_of | needs.trees


def named_providers(needs: Needs) -> set[str]:
    """Uuids of all providers that are named for whatever purpose."""
    return needs.providers | needs.traits_of | needs.aggregates_of | tree_changing(needs)


def lock(connection: Connection, dialect: Dialect, needs: Needs) -> Locked:
    """Lock all rows that these needs concern, in the one order that every writer keeps."""
    statements = _statements(dialect)
    locked = Locked()
    found = [key for (key,) in rows_of(connection, statements.find_consumers, needs.consumers)]
    locked.consumers = _locked(connection, statements.lock_consumers, found)
    for row in rows_of(connection, statements.holdings, locked.consumers):
        locked.holdings[row.consumer_id].append(row)
    _lock_providers(connection, statements, needs, locked)
    return locked


def confirm(connection: Connection, dialect: Dialect, locked: Locked, roots: set[int], trees: set[int]) -> None:
    """Raises Outdated if trees were moved while they were being locked.

    `roots` and `trees`: the roots, as read under the locks, of the providers whose trees may be changed, and of those
    whose trees were to be locked whole.
    """
    if not (roots <= locked.providers and trees <= locked.trees):
        raise Outdated("a tree got another root while it was being locked")
    members = {key for (key,) in rows_of(connection, _statements(dialect).members, trees)}
    if not members <= locked.providers:
        raise Outdated("a tree got new members while it was being locked")


def _lock_providers(connection: Connection, statements: _Statements, needs: Needs, locked: Locked) -> None:
    changing = tree_changing(needs)
    locked.supplied = {row.provider_id for held in locked.holdings.values() for row in held}
    roots = set()
    for key, uuid, root_key in rows_of(connection, statements.find_providers, named_providers(needs)):
        locked.supplied.add(key)
        if uuid in changing:
            roots.add(root_key)
        if uuid in needs.trees:
            locked.trees.add(root_key)
    members = {key for (key,) in rows_of(connection, statements.members, locked.trees)}
    locked.providers = set(_locked(connection, statements.lock_providers, locked.supplied | roots | members))
    locked.supplied &= locked.providers


def _locked(connection: Connection, statement: Select[Any] | None, keys: Collection[int]) -> Collection[int]:
    """Those of the keys that are still there once they are locked."""
    if statement is None:
        return keys
    return [key for (key,) in rows_of(connection, statement, keys)]


@cache
def _statements(dialect: Dialect) -> _Statements:
    return _Statements(
        find_consumers=select(consumers.c.id).where(is_listed(consumers.c.uuid, dialect)),
        lock_consumers=_locking(consumers, dialect),
        holdings=select(
            allocations.c.id,
            allocations.c.consumer_id,
            allocations.c.provider_id,
            allocations.c.resource_class_id,
            resource_classes.c.name,
            allocations.c.used,
        )
        .join(resource_classes, resource_classes.c.id == allocations.c.resource_class_id)
        .where(is_listed(allocations.c.consumer_id, dialect)),
        find_providers=select(providers.c.id, providers.c.uuid, providers.c.root_id).where(
            is_listed(providers.c.uuid, dialect)
        ),
        lock_providers=_locking(providers, dialect),
        members=select(providers.c.id).where(is_listed(providers.c.root_id, dialect)),
    )


def _locking(table: Table, dialect: Dialect) -> Select[Any] | None:
    """None where the transaction has locked everything already."""
    plain = select(table.c.id).where(is_listed(table.c.id, dialect)).order_by(table.c.id)
    locking = dialect.for_update(plain)
    return None if locking is plain else locking
