"""The rows of `writers`: a committer's own, which orders all it does, and the retiring of those that nobody needs."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from ullage.storage.audit.chain import Chain
from ullage.storage.dialects import Dialect
from ullage.storage.statements import Statement
from ullage.storage.tables import horizon, tombstones, uses, writers
from ullage.storage.unit import Store, run
from ullage.storage.uses import make_room

TOMBSTONES_MIN = 10_000
WRITERS_MIN = 100
"""Fewer old ones are left where they are: they cost little, and removing them makes every reader rebuild."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a transaction marks its changes with."""

    writer: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Writer:
    """A row of `writers`. `name` makes sure that a row is ours, also in a database that was restored."""

    id: int
    name: str
    chain: Chain | None = None
    """None: it keeps no audit trail."""

    @staticmethod
    def register(connection: Connection, now_us: int, *, audit: bool = True) -> Writer:
        """Make a row for this process, in a transaction of its own."""
        name = f"{socket.gethostname()[:200]} {os.getpid()} {secrets.token_hex(8)}"
        row = insert(writers).values(sequence=0, host=name, started_us=now_us, seen_us=now_us).returning(writers.c.id)
        key = connection.execute(row).scalar_one()
        make_room(connection, key)
        return Writer(key, name, Chain.begin(connection, key, name, now_us) if audit else None)

    def advance(self, connection: Connection, dialect: Dialect, now_us: int) -> Callable[[], Stamp | None]:
        """Raise the sequence in the database and read it back there; None if the row is gone.

        The row stays locked until the transaction ends: whatever became of an earlier one has been settled by then.
        """
        values = {"own_id": self.id, "own_name": self.name, "now_us": now_us}
        answer = _advance(dialect).send(connection, values)

        def stamp() -> Stamp | None:
            sequence = dialect.counter(answer)
            return None if sequence is None else Stamp(self.id, sequence)

        return stamp


def retire(
    store: Store, older_than_us: int, tombstones_min: int = TOMBSTONES_MIN, writers_min: int = WRITERS_MIN
) -> bool:
    """Remove tombstones and silent writers from before this time (microseconds since 1970, UTC) if there are many.

    Readers rebuild afterwards: the horizon's epoch tells them that what they lack may have been forgotten. Answers
    whether anything was removed.
    """
    old_tombstones = tombstones.c.created_us < older_than_us
    old_writers = writers.c.seen_us < older_than_us
    with store.reading() as connection:
        buried = connection.execute(select(func.count()).select_from(tombstones).where(old_tombstones)).scalar_one()
        silent = connection.execute(select(func.count()).select_from(writers).where(old_writers)).scalar_one()
    if buried < tombstones_min and silent < writers_min:
        return False

    def remove(connection: Connection) -> None:
        connection.execute(update(horizon).values(epoch=horizon.c.epoch + 1))
        connection.execute(delete(tombstones).where(old_tombstones))
        silent_ones = select(writers.c.id).where(old_writers)
        connection.execute(delete(uses).where(uses.c.writer.in_(silent_ones)))
        connection.execute(delete(writers).where(old_writers))

    run(store, remove)
    return True


_IS_OWN = (writers.c.id == bindparam("own_id")) & (writers.c.host == bindparam("own_name"))


@cache
def _advance(dialect: Dialect) -> Statement:
    statement = update(writers).where(_IS_OWN).values(seen_us=bindparam("now_us"))
    return Statement(dialect.count_up(statement, writers.c.sequence), dialect)
