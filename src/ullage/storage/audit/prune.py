"""Cutting off the beginnings of chains, so that what is left can still be verified and a cut cannot be made unseen.

A row of the trail, of a writer of its own, first tells where each chain is cut and the hash of the last row that goes.
Then rows go, a portion at a time, the oldest first. A chain's newest row stays, so that its end is still known, and
with it what a chain of one transaction tells: tokens, and earlier cuts.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from ullage.model.origin import Origin
from ullage.storage.audit import verify
from ullage.storage.audit.chain import Detail, Whole, write_by_itself
from ullage.storage.audit.entries import PRUNE, Change, Head
from ullage.storage.tables import audit
from ullage.storage.trouble import NotAllowed, NotWhole
from ullage.storage.unit import Store, run

ROWS_AT_ONCE = 1000


class Cut(NamedTuple):
    """What goes of a chain: the rows from `first` to `sequence`, the last of which has this hash."""

    writer: int
    first: int
    sequence: int
    hash: str

    def change(self) -> Change:
        """As the trail tells it."""
        after = {"first": self.sequence + 1, "hash_before": self.hash}
        return Change("trail", str(self.writer), {"first": self.first}, after)

    def portions(self) -> Iterator[tuple[int, int, int]]:
        """Writer, first and last sequence of what goes in one transaction, the oldest first."""
        for first in range(self.first, self.sequence + 1, ROWS_AT_ONCE):
            yield self.writer, first, min(first + ROWS_AT_ONCE - 1, self.sequence)


def prune(
    store: Store, origin: Origin, before_us: int, heads: Iterable[Head] = (), unaudited: Collection[int] = ()
) -> list[Cut]:
    """Remove the rows from before this time (microseconds since 1970, UTC) but for each chain's newest.

    `heads`, `unaudited`: see `verify.faults`. Raises NotWhole (nothing was removed), NotAllowed, and what a writing
    transaction raises; if that happens half way, the next call goes on.
    """
    with store.reading() as connection:
        if verify.faults(connection, heads, unaudited):
            raise NotWhole(
                "The audit trail is not whole, so nothing was removed; `ullage audit verify` tells what is wrong"
            )
        ends = _ends(connection)
        cuts = [cut for end in ends for cut in _cut(connection, end, before_us)]
    if not cuts:
        return []
    portions = [portion for cut in cuts for portion in cut.portions()]
    now_us = time.time_ns() // 1000
    changes = [cut.change() for cut in cuts]
    told: list[Head] = [(end.writer, end.last, end.hash) for end in ends]

    def begin(connection: Connection) -> Whole:
        written = write_by_itself(connection, now_us, PRUNE, changes, origin, told)
        # in the transaction of the row that tells of it: where it is not allowed, nothing is told
        _remove(connection, portions[0])
        return written

    try:
        run(store, begin).tell(Detail.VALUES)
    except NotAllowed as error:
        raise NotAllowed(
            "This role may not remove rows of the audit trail, as the service's should not; the role that owns the "
            "tables may, if nobody took that from it"
        ) from error
    for portion in portions[1:]:
        run(store, partial(_remove, portion=portion))
    return cuts


class _End(NamedTuple):
    writer: int
    first: int
    last: int
    hash: str


def _ends(connection: Connection) -> list[_End]:
    """Of each chain: its first row that is there, and its last."""
    spans = select(audit.c.writer, func.min(audit.c.sequence).label("first"), func.max(audit.c.sequence).label("last"))
    span = spans.group_by(audit.c.writer).subquery()
    statement = select(span.c.writer, span.c.first, span.c.last, audit.c.hash).join_from(
        span, audit, (audit.c.writer == span.c.writer) & (audit.c.sequence == span.c.last)
    )
    return [_End(*row) for row in connection.execute(statement.order_by(span.c.writer))]


def _cut(connection: Connection, end: _End, before_us: int) -> Iterator[Cut]:
    """Where a chain is cut, if it is: before its first row that is not older, or its newest."""
    own = audit.c.writer == end.writer
    young = connection.scalar(select(func.min(audit.c.sequence)).where(own, audit.c.recorded_us >= before_us))
    kept = end.last if young is None else young
    if kept > end.first:
        hash_ = connection.scalars(select(audit.c.hash).where(own, audit.c.sequence == kept - 1)).one()
        yield Cut(end.writer, end.first, kept - 1, hash_)


def _remove(connection: Connection, portion: tuple[int, int, int]) -> None:
    writer, first, last = portion
    connection.execute(delete(audit).where(audit.c.writer == writer, audit.c.sequence.between(first, last)))
