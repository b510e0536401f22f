"""Whether the trail is whole, and what it says. Read on a connection of `Store.reading`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from ullage.storage.audit.chain import hash_of
from ullage.storage.audit.cuts_told import CutsTold
from ullage.storage.audit.entries import Head, decoded
from ullage.storage.audit.tokens_told import TokensTold
from ullage.storage.tables import audit, writers

ROWS_AT_ONCE = 500


def faults(connection: Connection, heads: Iterable[Head] = (), unaudited: Collection[int] = ()) -> list[str]:
    """Everything that shows that the trail is not whole, or that tokens are not as it tells; each is a sentence.

    `heads`: rows that must be there, as the log stream told. `unaudited`: writers that are known to have kept none.
    """
    return judged(connection, heads, unaudited)[0]


def judged(
    connection: Connection, heads: Iterable[Head] = (), unaudited: Collection[int] = ()
) -> tuple[list[str], list[str]]:
    """The faults, and what is for the operator to compare with the log: the rows that tell of cuts."""
    trail = _Trail(set(heads))
    found = list(_chains(connection, trail))
    found += trail.cuts.faults(connection)
    found += _missing(connection, trail)
    ends = trail.ends
    for writer, sequence, host in connection.execute(select(writers.c.id, writers.c.sequence, writers.c.host)):
        if writer not in ends and sequence and writer not in unaudited:
            found.append(f"Writer {writer} ({host}) made {sequence} transactions of which the trail has nothing.")
        elif writer in ends and ends[writer] != sequence:
            found.append(f"Writer {writer} is at sequence {sequence}, but its trail ends at {ends[writer]}.")
    return [*found, *trail.tokens.faults(connection)], trail.cuts.notes


@dataclass
class _Trail:
    """What is gathered while chains are read."""

    heads: set[Head]
    """Rows that must be there: as was told by the log, or by other rows."""
    ends: dict[int, int] = field(default_factory=dict)
    """Writer -> the sequence of its last row."""
    tokens: TokensTold = field(default_factory=TokensTold)
    cuts: CutsTold = field(default_factory=CutsTold)

    def note(self, row: Row[Any]) -> None:
        """Raises ValueError, TypeError, KeyError or AttributeError for entries that Ullage has not made."""
        for each in decoded(row.entries):
            self.heads.update((*map(int, head[:2]), head[2]) for head in each.get("heads", ()))
            self.tokens.note(row.recorded_us, each)
            self.cuts.note(row, each)


def rows(connection: Connection, since_us: int = 0, until_us: int | None = None) -> Iterator[Row[Any]]:
    """The rows of the trail by time (microseconds since 1970, UTC); a writer's own are in its order."""
    statement = select(audit).where(audit.c.recorded_us >= since_us)
    if until_us is not None:
        statement = statement.where(audit.c.recorded_us < until_us)
    return _streamed(connection, statement.order_by(audit.c.recorded_us, audit.c.writer, audit.c.sequence))


def _streamed(connection: Connection, statement: Any) -> Iterator[Row[Any]]:
    yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)


def _chains(connection: Connection, trail: _Trail) -> Iterator[str]:
    """What is wrong inside each chain."""
    ends = trail.ends
    previous: str | None = None
    for row in _streamed(connection, select(audit).order_by(audit.c.writer, audit.c.sequence)):
        place = f"{row.writer}:{row.sequence}"
        expected = ends.get(row.writer, -1) + 1
        if row.writer not in ends:
            previous = trail.cuts.begin(row)
        elif row.sequence != expected:
            yield f"Row {row.writer}:{expected} is missing; {place} comes next."
            previous = None
        made = (
            None
            if previous is None
            else hash_of(previous, row.writer, row.sequence, row.recorded_us, row.entries.encode())
        )
        if made not in (None, row.hash):
            yield f"Row {place} is not what was written after the row before it: its hash does not fit."
        ends[row.writer], previous = row.sequence, row.hash
        trail.heads.discard((row.writer, row.sequence, row.hash))  # a log may tell of very many
        try:
            trail.note(row)
        except (ValueError, TypeError, KeyError, AttributeError):
            yield f"Row {place} cannot be read."


def _missing(connection: Connection, trail: _Trail) -> Iterator[str]:
    for writer, sequence, hash_ in sorted(trail.heads | trail.cuts.heads()):
        place = (audit.c.writer == writer) & (audit.c.sequence == sequence)
        there = connection.scalar(select(audit.c.hash).where(place))
        if there is None and not trail.cuts.covers(writer, sequence):
            yield f"Row {writer}:{sequence} is missing, though its hash was told."
        elif there not in (None, hash_):
            yield f"Row {writer}:{sequence} is another than the one whose hash was told."
