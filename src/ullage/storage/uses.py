"""What the latest transactions of each writer used, told in the database to readers in any process.

Most of what a search hears of is claims. The rows that they changed say so as well, but to find, read and pack those
costs the database more than a search costs in all; the writer just wrote those very numbers. So a transaction that
changed nothing but uses tells them in a row of its own, in one of SLOTS that its writer takes in turn.

This rests on what `feed` rests on: a reader that sees a writer at sequence 9 sees in the same snapshot what the
transactions up to 9 told. It uses that only if every transaction it lacks has told; else it reads the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache

import msgspec
from sqlalchemy import BigInteger, Connection, bindparam, cast, delete, insert, literal, null, select, update

from ullage.engine.uses import Uses
from ullage.storage.dialects import Dialect
from ullage.storage.feed import MARKS, Marks, ask_marks, is_beyond, mark_parameters, marks_of
from ullage.storage.statements import Row, Statement
from ullage.storage.tables import LONG_TEXT, uses

SLOTS = 32
"""So many transactions of each writer are told of; a reader that lacks more reads the rows."""
VALUES_MAX = 1_000
"""Of one transaction; a larger one takes its time anyway."""

TOLD_MAX = 256
"""Transactions of which a reader is told at once, some 8 MiB at the very most; who lacks more reads the rows."""

Entries = tuple[int, list[tuple[int, int]], list[tuple[int, int, int]]]
"""The time in microseconds since 1970; provider key, generation; provider key, class key, what is used."""


def make_room(connection: Connection, writer: int) -> None:
    """Make the slots of a new writer, whatever somebody left there."""
    connection.execute(delete(uses).where(uses.c.writer == writer))
    rows = [{"writer": writer, "slot": slot, "sequence": 0, "entries": ""} for slot in range(SLOTS)]
    connection.execute(insert(uses), rows)


def tell(connection: Connection, dialect: Dialect, writer: int, sequence: int, now_us: int, used: Uses) -> None:
    """Tell what a transaction changes, as a part of it."""
    if len(used) > VALUES_MAX:
        return
    entries: Entries = (
        now_us,
        [(key, generation) for key, (generation, _) in used.providers.items()],
        [(key, class_key, amount) for (key, class_key), amount in used.used.items()],
    )
    values = {
        "own_writer": writer,
        "own_slot": sequence % SLOTS,
        "now": sequence,
        "told": _ENCODER.encode(entries).decode(),
    }
    _tell(dialect).send(connection, values)


def ask_told(
    connection: Connection, dialect: Dialect, marks: Marks, lively: Collection[int]
) -> Callable[[], tuple[Uses, Marks] | None]:
    """What was used since a reader was at `marks`, and where it then stands, by one statement.

    To be called once there was time to answer, also when the connection has been given back. None if only the rows
    tell: somebody not in `lively` wrote, or something else was changed, or by several writers of one provider, of whom
    it is not known who came last, or more than is told at once. `connection` need not be inside a transaction.
    """
    if not lively:
        answered = ask_marks(connection, dialect)
        return lambda: (Uses(), marks) if answered() == marks else None
    known = {writer: marks.sequences[writer] for writer in lively}
    answer = _told(dialect, len(known)).send(connection, mark_parameters(known))
    return lambda: _used_since(marks, known, answer.rows())


def _used_since(marks: Marks, known: Mapping[int, int], rows: Sequence[Row]) -> tuple[Uses, Marks] | None:
    now = marks_of([row[:3] for row in rows if row[3] is None])
    advanced = marks.advanced(now)
    if marks.are_behind_horizon(now) or not advanced.keys() <= known.keys():
        return None
    told = {(writer, sequence): entries for _, writer, sequence, entries in rows if entries is not None}
    lacked = [
        [told.get((writer, sequence)) for sequence in range(sequence + 1, now.sequences[writer] + 1)]
        for writer, sequence in advanced.items()
    ]
    merged = _merged(_of_one(entries) for entries in lacked)
    return None if merged is None else (merged, now)


def _of_one(told: Iterable[str | None]) -> Uses | None:
    """The latest of what a writer's transactions told, given in their order; None if one of them has not."""
    providers: dict[int, tuple[int, int]] = {}
    used: dict[tuple[int, int], int] = {}
    for entries in told:
        if entries is None:
            return None
        try:
            time, generations, amounts = _DECODER.decode(entries)
        except msgspec.DecodeError:  # no writer wrote that
            return None
        providers.update((key, (generation, time)) for key, generation in generations)
        used.update(((key, class_key), amount) for key, class_key, amount in amounts)
    return Uses(providers, used)


def _merged(of_writers: Iterable[Uses | None]) -> Uses | None:
    """What several writers told; None if one has not, or two of one provider."""
    merged, touched = Uses(), set[int]()
    for one in of_writers:
        if one is None or not touched.isdisjoint(one.touched):
            return None
        merged = Uses({**merged.providers, **one.providers}, {**merged.used, **one.used})
        touched |= one.touched
    return merged


@cache
def _tell(dialect: Dialect) -> Statement:
    own = (uses.c.writer == bindparam("own_writer")) & (uses.c.slot == bindparam("own_slot"))
    return Statement(update(uses).where(own).values(sequence=bindparam("now"), entries=bindparam("told")), dialect)


@cache
def _told(dialect: Dialect, count: int) -> Statement:
    """Rows of `MARKS`, with nothing told, and rows that tell."""
    is_lacked = is_beyond(uses.c.writer, uses.c.sequence, count)
    told = select(cast(literal(0), BigInteger), uses.c.writer, uses.c.sequence, uses.c.entries).where(is_lacked)
    nothing = cast(null(), LONG_TEXT)
    # no derived table: of long texts, MariaDB would make it on disk
    return Statement(MARKS.add_columns(nothing).union_all(dialect.first(told, TOLD_MAX)), dialect)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Entries)
