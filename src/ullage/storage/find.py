"""The keys of all that a batch names, by one look-up before anything is locked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, literal, select, union_all

from ullage.ledger.needs import Needs
from ullage.model.commands import Command, ReplaceAllocations, Reshape
from ullage.storage.dialects import Dialect
from ullage.storage.many import chunks, is_listed
from ullage.storage.statements import Statement
from ullage.storage.tables import consumer_types, consumers, projects, providers, users

Names = Mapping[str, Collection[str]]
"""Public names by the name of their table."""

Owners = dict[tuple[str, str], int]
"""Keys of projects, users and consumer types, by the name of their table and their own."""

OWNERS = {
    table.name: (table, column)
    for table, column in ((projects, "external_id"), (users, "external_id"), (consumer_types, "name"))
}
_NAMED = {"consumers": (consumers, "uuid"), "providers": (providers, "uuid"), **OWNERS}


@dataclass(slots=True)
class Found:
    """What is there of all that was named; unlocked, so it may change until it is locked."""

    consumers: list[int] = field(default_factory=list)
    providers: dict[str, tuple[int, int]] = field(default_factory=dict)
    """uuid -> (key, root's key)"""
    owners: Owners = field(default_factory=dict)


def find(connection: Connection, dialect: Dialect, names: Names) -> Callable[[], Found]:
    """The keys of what is there; nothing is asked of tables of which nothing is named."""
    wanted = {kind: list(chunks(sorted(listed))) for kind, listed in names.items() if listed}
    statement = _find(dialect, tuple(wanted)) if wanted else None
    answers = []
    for parts in zip_longest(*wanted.values(), fillvalue=()):
        parameters = {kind: dialect.list_parameter(part) for kind, part in zip(wanted, parts, strict=True)}
        if statement is not None:
            answers.append(statement.send(connection, parameters))

    def found() -> Found:
        return _sorted_out(row for answer in answers for row in answer.rows())

    return found


def _sorted_out(rows: Iterable[Any]) -> Found:
    found = Found()
    for kind, key, name, root_key in rows:
        if kind == "consumers":
            found.consumers.append(key)
        elif kind == "providers":
            found.providers[name] = key, root_key
        else:
            found.owners[kind, name] = key
    return found


def named_by(needs: Needs, owners: Names) -> Names:
    """All that is to be found for these needs."""
    return {"consumers": needs.consumers, "providers": named_providers(needs), **owners}


def tree_changing(needs: Needs) -> set[str]:
    """Uuids of the providers whose trees may be changed."""
    return needs.parents | needs.children_of | needs.trees


def named_providers(needs: Needs) -> set[str]:
    """Uuids of all providers that are named for whatever purpose."""
    return needs.providers | needs.traits_of | needs.aggregates_of | tree_changing(needs)


def owners_of(commands: Iterable[Command]) -> Names:
    """Whom consumers will belong to after these commands."""
    names: dict[str, set[str]] = {kind: set() for kind in OWNERS}
    for command in commands:
        for claim in command.claims if isinstance(command, ReplaceAllocations | Reshape) else ():
            names["projects"].add(claim.project)
            names["users"].add(claim.user)
            if isinstance(claim.consumer_type, str):
                names["consumer_types"].add(claim.consumer_type)
    return names


@cache
def _find(dialect: Dialect, kinds: tuple[str, ...]) -> Statement:
    return Statement(union_all(*(_find_one(dialect, kind) for kind in kinds)), dialect)


def _find_one(dialect: Dialect, kind: str) -> Any:
    table, column = _NAMED[kind]
    root_key = providers.c.root_id if table is providers else literal(0)
    return select(
        literal(kind).label("kind"), table.c.id, table.c[column].label("name"), root_key.label("root_id")
    ).where(is_listed(table.c[column], dialect, kind))
