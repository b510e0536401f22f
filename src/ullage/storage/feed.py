"""What changed since a reader last looked: how every replica's search sees every answered write.

A committer raises the sequence of its own row in `writers` in each transaction and stamps with (writer, sequence) all
that search sees of what it changes. It commits in order. So a reader that sees, in one snapshot, a writer at sequence
9, has in that snapshot everything this writer stamped with 9 or less; if it knew the writer at 7 it lacks exactly the
rows stamped 8 and 9. There is no counter that writers share, and no order between writers is needed: a row carries
its latest stamp only and is always read whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    literal,
    or_,
    select,
    true,
    union_all,
)

from ullage.engine.patch import Delta
from ullage.storage.dialects import Dialect
from ullage.storage.packed import packed_side_by_side, unpacking
from ullage.storage.statements import Statement
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


class Whole(Protocol):
    """What takes in everything, portion by portion: rows as the engine's `SnapshotBuilder` describes them."""

    def add_names(
        self,
        class_names: Mapping[int, str] | None = None,
        trait_names: Mapping[int, str] | None = None,
        aggregate_uuids: Mapping[int, str] | None = None,
    ) -> None: ...

    def add_providers(self, rows: Sequence[Any], /) -> None: ...

    def add_inventories(self, rows: Sequence[Any], /) -> None: ...

    def add_traits(self, rows: Sequence[Any], /) -> None: ...

    def add_aggregates(self, rows: Sequence[Any], /) -> None: ...


AnyWhole = TypeVar("AnyWhole", bound=Whole)


def changes_since(
    connection: Connection, dialect: Dialect, marks: Marks | None, whole: Callable[[], AnyWhole]
) -> tuple[Delta | AnyWhole | None, Marks]:
    """What a reader at `marks` (None: at nothing) lacks, and where it then stands; None when it lacks nothing.

    `connection` must be inside one explicit snapshot (`Store.reading`). When `marks` is None or lies behind the
    horizon, or very much has changed, everything is read into what `whole` makes.
    """
    now = read_marks(connection, dialect)
    if marks is not None and not marks.are_behind_horizon(now):
        advanced = marks.advanced(now)
        if not advanced:
            return None, now
        told = _stamped_later(connection, dialect, advanced)
        if told is not None:
            return told[1], now
    taker = whole()
    _read_everything(connection, taker)
    return taker, now


def changes_of(
    connection: Connection, dialect: Dialect, marks: Marks, lively: Collection[int]
) -> tuple[Delta | None, Marks] | None:
    """The same by a single statement, if only writers in `lively` wrote anything since; None if that is not so.

    `connection` need not be inside a transaction (`Store.looking`).
    """
    if not lively:
        return (None, marks) if read_marks(connection, dialect) == marks else None
    told = _stamped_later(connection, dialect, {writer: marks.sequences[writer] for writer in lively})
    if told is None:
        return None
    now, delta = told
    if marks.are_behind_horizon(now) or not marks.advanced(now).keys() <= set(lively):
        return None
    return (None if now == marks else delta), now


def read_marks(connection: Connection, dialect: Dialect) -> Marks:
    """Where the database stands in this snapshot: one tiny query."""
    return ask_marks(connection, dialect)()


def ask_marks(connection: Connection, dialect: Dialect) -> Callable[[], Marks]:
    """The same, to be called once there was time to answer."""
    answer = _marks(dialect).send(connection)
    return lambda: marks_of(answer.rows())


@cache
def _marks(dialect: Dialect) -> Statement:
    return Statement(MARKS, dialect)


def marks_of(rows: Sequence[Any]) -> Marks:
    if not rows:
        raise HorizonMissing("there is no horizon row; run `ullage db upgrade`")
    return Marks(rows[0][0], {writer: sequence for _, writer, sequence in rows if writer is not None})


MARKS = select(horizon.c.epoch, writers.c.id, writers.c.sequence).select_from(horizon.outerjoin(writers, true()))
_PROVIDERS = select(
    providers.c.id,
    providers.c.uuid,
    providers.c.name,
    providers.c.generation,
    providers.c.parent_id,
    providers.c.root_id,
    providers.c.updated_us,
)
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
_LINKS = _AGGREGATES.add_columns(aggregates.c.uuid).select_from(provider_aggregates.join(aggregates))
"""Rows (provider key, label key, uuid), as they are made of traits, too, with an empty uuid."""
_LABELS = {
    "resource_class": select(literal("resource_class").label("kind"), resource_classes.c.id, resource_classes.c.name),
    "trait": select(literal("trait").label("kind"), traits.c.id, traits.c.name),
    "": select(tombstones.c.kind, tombstones.c.key, literal("").label("name")),
}
"""Rows (kind, key, name) of classes and traits and, with an empty name, of what is gone."""
_UNPACKED = [
    unpacking(rows.selected_columns) for rows in (MARKS, _PROVIDERS, _INVENTORIES, _LINKS, _LABELS["resource_class"])
]

CHANGES_MAX = 50_000
"""Changed providers that are told one by one; for more, everything is read."""

PORTION = 20_000
"""Rows of a whole that are held at a time: a million providers as rows would be many times their columns."""


def _read_everything(connection: Connection, whole: Whole) -> None:
    """In the order in which the database has them: it mostly is that of the keys, and to sort costs the engine less."""
    for names in _portions(connection, select(resource_classes.c.id, resource_classes.c.name)):
        whole.add_names(class_names=dict(names))
    for names in _portions(connection, select(traits.c.id, traits.c.name)):
        whole.add_names(trait_names=dict(names))
    for names in _portions(connection, select(aggregates.c.id, aggregates.c.uuid)):
        whole.add_names(aggregate_uuids=dict(names))
    for statement, add in (
        (_PROVIDERS.order_by(providers.c.id), whole.add_providers),
        (_INVENTORIES, whole.add_inventories),
        (_TRAITS, whole.add_traits),
        (_AGGREGATES, whole.add_aggregates),
    ):
        for rows in _portions(connection, statement):
            add(rows)


def _portions(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Any]]:
    """All rows, a portion at a time; the driver holds no more either."""
    with connection.execute(statement, execution_options={"yield_per": PORTION}) as result:
        yield from result.partitions()


def _stamped_later(connection: Connection, dialect: Dialect, known: Mapping[int, int]) -> tuple[Marks, Delta] | None:
    """Where the database stands, and all that the writers in `known` have stamped beyond the sequence given for each.

    One statement, which is one snapshot: None if that is too much for one.
    """
    parts = _asked(connection, dialect, known, may_cut=True) or _asked(connection, dialect, known, may_cut=False)
    if parts is None or len(parts[1]) > CHANGES_MAX:
        return None
    marks, providers, offered, links, labels = parts
    return marks_of(marks), Delta(
        providers=providers,
        inventories=offered,
        traits=[(provider, trait) for provider, trait, uuid in links if not uuid],
        aggregates=[(provider, aggregate) for provider, aggregate, uuid in links if uuid],
        deleted_providers=_keys_gone(labels, "provider"),
        class_names=_names_now(labels, "resource_class"),
        trait_names=_names_now(labels, "trait"),
        aggregate_uuids={aggregate: uuid for _, aggregate, uuid in links if uuid},
        deleted_classes=_keys_gone(labels, "resource_class"),
        deleted_traits=_keys_gone(labels, "trait"),
    )


def _asked(
    connection: Connection, dialect: Dialect, known: Mapping[int, int], *, may_cut: bool
) -> Sequence[Sequence[Any]] | None:
    """The rows of each part of `_changes`; None if the server cut one of them."""
    texts = _changes(dialect, len(known), may_cut=may_cut).send(connection, mark_parameters(known)).rows()[0]
    parts = [unpacked(*text.split(" ", 1)) for unpacked, text in zip(_UNPACKED, texts, strict=True)]
    whole = [part for part in parts if part is not None]
    return whole if len(whole) == len(parts) else None


@cache
def _changes(dialect: Dialect, writer_count: int, *, may_cut: bool) -> Statement:
    """What `_stamped_later` asks, of so many writers; its parts are in the order of `_UNPACKED`."""
    changed = _PROVIDERS.where(_is_later(providers, writer_count)).limit(CHANGES_MAX + 1).cte("changed")
    named = [
        _LABELS[kind].where(_is_later(table, writer_count))
        for kind, table in (("resource_class", resource_classes), ("trait", traits), ("", tombstones))
    ]
    links = union_all(
        dialect.of_each(_TRAITS.add_columns(literal("").label("uuid")), provider_traits.c.provider_id, changed),
        dialect.of_each(_LINKS, provider_aggregates.c.provider_id, changed),
    )
    offered = dialect.of_each(_INVENTORIES, inventories.c.provider_id, changed)
    parts = (MARKS.subquery(), changed, offered.subquery(), links.subquery(), union_all(*named).subquery())
    return Statement(packed_side_by_side(parts, dialect, may_cut=may_cut), dialect)


def _is_later(table: Table, writer_count: int) -> ColumnElement[bool]:
    """The condition that one of so many writers stamped a row beyond its mark."""
    return is_beyond(table.c.stamp_writer, table.c.stamp_sequence, writer_count)


def is_beyond(writer: Column[Any], sequence: Column[Any], writer_count: int) -> ColumnElement[bool]:
    """The condition that these columns name a transaction beyond the mark of one of so many writers.

    See `mark_parameters`.
    """
    return or_(
        *(
            and_(writer == bindparam(f"writer{number}"), sequence > bindparam(f"sequence{number}"))
            for number in range(writer_count)
        )
    )


def mark_parameters(known: Mapping[int, int]) -> dict[str, int]:
    """The sequence that is known of each writer."""
    parameters: dict[str, int] = {}
    for number, (writer, sequence) in enumerate(known.items()):
        parameters |= {f"writer{number}": writer, f"sequence{number}": sequence}
    return parameters


def _keys_gone(labels: Iterable[Any], wanted: str) -> list[int]:
    return [key for kind, key, name in labels if kind == wanted and not name]


def _names_now(labels: Iterable[Any], wanted: str) -> dict[int, str]:
    return {key: name for kind, key, name in labels if kind == wanted and name}
