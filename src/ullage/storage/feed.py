"""What changed since a reader last looked: how every replica's search sees every answered write.

A committer raises the sequence of its own row in `writers` in each transaction and stamps with (writer, sequence) all
that search sees of what it changes. It commits in order. So a reader that sees, in one snapshot, a writer at sequence
9, has in that snapshot everything this writer stamped with 9 or less; if it knew the writer at 7 it lacks exactly the
rows stamped 8 and 9. There is no counter that writers share, and no order between writers is needed: a row carries
its latest stamp only and is always read whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, literal, or_, select, true, union_all

from ullage.engine.patch import Delta
from ullage.storage.tables import (
    aggregates,
    horizon,
    inventories,
    provider_aggregates,
    provider_traits,
    providers,
    resource_classes,
    tombstones,
    traits,
    writers,
)


@dataclass(frozen=True, slots=True)
class Marks:
    """How far a reader has read: the last sequence seen of each writer, and the epoch of the horizon then."""

    epoch: int
    sequences: Mapping[int, int]

    def are_behind_horizon(self, now: Marks) -> bool:
        """Whether the way from here to `now` cannot be told: things were forgotten, or the database was restored."""
        if self.epoch != now.epoch:
            return True
        return any(now.sequences.get(writer, -1) < sequence for writer, sequence in self.sequences.items())

    def advanced(self, now: Marks) -> dict[int, int]:
        """The writers that went on since, each with the last sequence that is known of it."""
        known = self.sequences
        return {
            writer: known.get(writer, 0)
            for writer, sequence in now.sequences.items()
            if sequence > known.get(writer, 0)
        }


class HorizonMissing(RuntimeError):
    """The database has no horizon row: its schema was never brought up."""


def changes_since(connection: Connection, marks: Marks | None) -> tuple[Delta | None, Marks]:
    """What a reader at `marks` (None: at nothing) lacks, and where it then stands; None when it lacks nothing.

    `connection` must be inside one explicit snapshot (`Store.reading`). The delta is complete when `marks` is None or
    lies behind the horizon.
    """
    now = read_marks(connection)
    if marks is None or marks.are_behind_horizon(now):
        return _everything(connection), now
    advanced = marks.advanced(now)
    if not advanced:
        return None, now
    return _stamped_later(connection, advanced), now


def read_marks(connection: Connection) -> Marks:
    """Where the database stands in this snapshot: one tiny query."""
    rows = connection.execute(_MARKS).all()
    if not rows:
        raise HorizonMissing("there is no horizon row; run `ullage db upgrade`")
    return Marks(rows[0].epoch, {row.id: row.sequence for row in rows if row.id is not None})


_MARKS = select(horizon.c.epoch, writers.c.id, writers.c.sequence).select_from(horizon.outerjoin(writers, true()))

_PROVIDERS = select(
    providers.c.id,
    providers.c.uuid,
    providers.c.name,
    providers.c.generation,
    providers.c.parent_id,
    providers.c.root_id,
    providers.c.updated_us,
).order_by(providers.c.id)

_INVENTORIES = select(
    inventories.c.provider_id,
    inventories.c.resource_class_id,
    inventories.c.total,
    inventories.c.reserved,
    inventories.c.min_unit,
    inventories.c.max_unit,
    inventories.c.step_size,
    inventories.c.allocation_ratio,
    inventories.c.used,
)
_TRAITS = select(provider_traits.c.provider_id, provider_traits.c.trait_id)
_AGGREGATES = select(provider_aggregates.c.provider_id, provider_aggregates.c.aggregate_id)
_CLASS_NAMES = select(resource_classes.c.id, resource_classes.c.name)
_TRAIT_NAMES = select(traits.c.id, traits.c.name)
_AGGREGATE_UUIDS = select(aggregates.c.id, aggregates.c.uuid)


def _everything(connection: Connection) -> Delta:
    return Delta(
        providers=_tuples(connection, _PROVIDERS),
        inventories=_tuples(connection, _INVENTORIES),
        traits=_tuples(connection, _TRAITS),
        aggregates=_tuples(connection, _AGGREGATES),
        deleted_providers=(),
        class_names=dict(_tuples(connection, _CLASS_NAMES)),
        trait_names=dict(_tuples(connection, _TRAIT_NAMES)),
        aggregate_uuids=dict(_tuples(connection, _AGGREGATE_UUIDS)),
        deleted_classes=(),
        deleted_traits=(),
        complete=True,
    )


def _stamped_later(connection: Connection, known: Mapping[int, int]) -> Delta:
    """All that the writers in `known` have stamped beyond the sequence given for each."""
    changed = select(providers.c.id).where(_is_later(providers, known))
    links = _tuples(
        connection,
        _AGGREGATES.join(aggregates).add_columns(aggregates.c.uuid).where(_is_of(provider_aggregates, changed)),
    )
    labels = _tuples(connection, _changed_labels(known))
    return Delta(
        providers=_tuples(connection, _PROVIDERS.where(_is_later(providers, known))),
        inventories=_tuples(connection, _INVENTORIES.where(_is_of(inventories, changed))),
        traits=_tuples(connection, _TRAITS.where(_is_of(provider_traits, changed))),
        aggregates=[(provider, aggregate) for provider, aggregate, _ in links],
        deleted_providers=_keys(labels, "provider"),
        class_names=_names(labels, "resource_class"),
        trait_names=_names(labels, "trait"),
        aggregate_uuids={aggregate: uuid for _, aggregate, uuid in links},
        deleted_classes=_keys(labels, "resource_class"),
        deleted_traits=_keys(labels, "trait"),
    )


def _changed_labels(known: Mapping[int, int]) -> Any:
    """Rows (kind, key, name) of classes and traits that were made or renamed and, with an empty name, of tombstones."""
    named = [
        select(literal(kind).label("kind"), table.c.id, table.c.name).where(_is_later(table, known))
        for kind, table in (("resource_class", resource_classes), ("trait", traits))
    ]
    gone = select(tombstones.c.kind, tombstones.c.key, literal("").label("name")).where(_is_later(tombstones, known))
    return union_all(*named, gone)


def _keys(labels: Iterable[tuple[str, int, str]], wanted: str) -> list[int]:
    return [key for kind, key, name in labels if kind == wanted and not name]


def _names(labels: Iterable[tuple[str, int, str]], wanted: str) -> dict[int, str]:
    return {key: name for kind, key, name in labels if kind == wanted and name}


def _is_later(table: Table, known: Mapping[int, int]) -> ColumnElement[bool]:
    return or_(
        *(
            and_(table.c.stamp_writer == writer, table.c.stamp_sequence > sequence)
            for writer, sequence in sorted(known.items())
        )
    )


def _is_of(table: Table, changed: Select[int]) -> ColumnElement[bool]:
    return table.c.provider_id.in_(changed)


def _tuples(connection: Connection, statement: Any) -> Sequence[Any]:
    return [tuple(row) for row in connection.execute(statement)]
