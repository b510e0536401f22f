"""The locks of a batch: consumers first, then providers, each in order of integer key.

Whoever changes anything of a provider holds its row, and whoever changes a tree holds its root's row. A row is found
by a plain look-up, then locked by key alone; what hangs on it is only read in later statements: a joined "lock and
read" would wait for a lock and then return what it had read before the wait. What was found before locking may be old,
so `confirm` looks again under the locks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, select

from ullage.ledger.needs import Needs
from ullage.storage.dialects import Dialect
from ullage.storage.find import Found, tree_changing
from ullage.storage.many import Answers, ask, is_listed, rows_of
from ullage.storage.statements import Statement
from ullage.storage.tables import allocations, consumer_types, consumers, projects, providers, resource_classes, users
from ullage.storage.trouble import Outdated


@dataclass(slots=True)
class Locked:
    """What a batch has locked, and of locked consumers what they hold: nobody else can change that now."""

    consumers: Collection[Any] = ()
    """Rows (id, uuid, project, user, type, generation)."""
    holdings: dict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    """Consumer key -> rows (id, consumer_id, provider_id, resource_class_id, name, used)."""
    supplied: set[int] = field(default_factory=set)
    """The providers whose inventories the batch may look at."""
    trees: set[int] = field(default_factory=set)
    """Roots of the trees of which every member was found and locked."""
    providers: Answers = field(default_factory=lambda: Answers(()))
    """Rows (id, uuid, name, generation, parent_id, root_id), as they were when they were locked."""


def lock(connection: Connection, dialect: Dialect, needs: Needs, found: Found) -> Locked:
    """Lock all rows that these needs concern, in the one order that every writer keeps."""
    locked = Locked()
    statements = _statements(dialect)
    if found.consumers:
        _lock_consumers(connection, dialect, statements, found, locked)
    changing = tree_changing(needs)
    roots = {root_key for uuid, (_, root_key) in found.providers.items() if uuid in changing}
    locked.trees = {root_key for uuid, (_, root_key) in found.providers.items() if uuid in needs.trees}
    locked.supplied.update(key for key, _ in found.providers.values())
    members = {key for (key,) in rows_of(connection, dialect, statements.members, locked.trees)}
    locked.providers = ask(connection, dialect, statements.lock_providers, locked.supplied | roots | members)
    return locked


def confirm(
    connection: Connection, dialect: Dialect, locked: Locked, held: Collection[int], roots: set[int], trees: set[int]
) -> None:
    """Raises Outdated if trees were moved while they were being locked.

    `held`: the providers whose locks are held. `roots` and `trees`: the roots, as read under the locks, of the
    providers whose trees may be changed, and of those whose trees were to be locked whole.
    """
    if not (roots <= set(held) and trees <= locked.trees):
        raise Outdated("a tree got another root while it was being locked")
    members = {key for (key,) in rows_of(connection, dialect, _statements(dialect).members, trees)}
    if not members <= set(held):
        raise Outdated("a tree got new members while it was being locked")


def _lock_consumers(
    connection: Connection, dialect: Dialect, statements: _Statements, found: Found, locked: Locked
) -> None:
    if statements.lock_consumers is not None:
        ask(connection, dialect, statements.lock_consumers, found.consumers)
    holdings = ask(connection, dialect, statements.holdings, found.consumers)
    rows = ask(connection, dialect, statements.consumers, found.consumers)
    for row in holdings.rows():
        locked.holdings[row[1]].append(row)
        locked.supplied.add(row[2])
    locked.consumers = list(rows.rows())


@dataclass(frozen=True, slots=True)
class _Statements:
    lock_consumers: Statement | None
    """None where the transaction has locked everything already."""
    holdings: Statement
    consumers: Statement
    lock_providers: Statement
    members: Statement


@cache
def _statements(dialect: Dialect) -> _Statements:
    consumer_keys = select(consumers.c.id).where(is_listed(consumers.c.id, dialect)).order_by(consumers.c.id)
    locking = dialect.for_update(consumer_keys)
    return _Statements(
        lock_consumers=None if locking is consumer_keys else Statement(locking, dialect),
        holdings=Statement(_holdings().where(is_listed(allocations.c.consumer_id, dialect)), dialect),
        consumers=Statement(_consumers().where(is_listed(consumers.c.id, dialect)), dialect),
        lock_providers=Statement(
            dialect.for_update(provider_rows().where(is_listed(providers.c.id, dialect)).order_by(providers.c.id)),
            dialect,
        ),
        members=Statement(select(providers.c.id).where(is_listed(providers.c.root_id, dialect)), dialect),
    )


def provider_rows() -> Select[Any]:
    """Rows (id, uuid, name, generation, parent_id, root_id)."""
    return select(
        providers.c.id,
        providers.c.uuid,
        providers.c.name,
        providers.c.generation,
        providers.c.parent_id,
        providers.c.root_id,
    )


def _holdings() -> Select[Any]:
    """By an outer join, as in `book`."""
    return select(
        allocations.c.id,
        allocations.c.consumer_id,
        allocations.c.provider_id,
        allocations.c.resource_class_id,
        resource_classes.c.name,
        allocations.c.used,
    ).outerjoin(resource_classes, resource_classes.c.id == allocations.c.resource_class_id)


def _consumers() -> Select[Any]:
    """Read for themselves once they are locked, since the names are of other tables; by outer joins, as in `book`."""
    return select(
        consumers.c.id,
        consumers.c.uuid,
        projects.c.external_id,
        users.c.external_id.label("user_name"),
        consumer_types.c.name,
        consumers.c.generation,
    ).select_from(consumers.outerjoin(projects).outerjoin(users).outerjoin(consumer_types))
